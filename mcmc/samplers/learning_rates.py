"""Learning-rate schedules as data: pieces of steps along which a factor on the step size is constant, linear or cosine.

The factor is a function of the step alone, so that a schedule is no part of a state. Step numbers count from 0. The
definitions are those of torch.optim.lr_scheduler (MultiStepLR, CosineAnnealingLR, LinearLR); the cosine is that of
Loshchilov & Hutter 2017, arXiv:1608.03983.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.samplers.number_checks import number_within, whole_number

STEPS = "a whole number of steps from 1"


class LearningRates(NamedTuple):
    """Pieces, one after the other; the end of the last one holds on. Multiplies the step size of every chain."""

    begin: np.ndarray
    """(pieces,) int64: first step of each; that of the first is 0."""
    end: np.ndarray
    """(pieces,) int64: first step after each."""
    first: np.ndarray
    """(pieces,) float64: factor at the beginning of each."""
    last: np.ndarray
    """(pieces,) float64: factor that each reaches at its end."""
    cosine: np.ndarray
    """(pieces,) bool: along half a cosine, and not along a straight line."""

    def factor(self, step: int) -> float:
        """Factor on the step size in a step."""
        piece = int(np.searchsorted(self.begin, step, side="right")) - 1
        begin, end = int(self.begin[piece]), int(self.end[piece])
        first, last = float(self.first[piece]), float(self.last[piece])
        share = min(1.0, (step - begin) / (end - begin))
        if self.cosine[piece]:
            return last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * share))
        return first + (last - first) * share


def constant_rate() -> LearningRates:
    """Factor 1 for ever."""
    return _pieces([(0, 1, 1.0, 1.0, False)])


def step_rates(milestones: Sequence[int], factor: float = 0.1) -> LearningRates:
    """The rate times `factor` at each of the steps `milestones`. Raises ArgumentError unless they rise from 1 or more.

    As torch.optim.lr_scheduler.MultiStepLR.
    """
    if not isinstance(milestones, (Sequence, np.ndarray)) or isinstance(milestones, str):
        raise ArgumentError(
            f"milestones: got {milestones!r}; a list of rising step numbers, as [{milestones}], is needed"
        )
    steps = [whole_number("milestones", m, STEPS) for m in milestones]
    if any(a >= b for a, b in zip([0, *steps], steps, strict=False)):
        raise ArgumentError(f"milestones: got {list(milestones)}; rising step numbers from 1 are needed")
    drop = number_within("factor", factor, 0.0)
    edges = [0, *steps, (steps[-1] if steps else 0) + 1]
    return _pieces([(edges[k], edges[k + 1], drop**k, drop**k, False) for k in range(len(steps) + 1)])


def cosine_rates(steps: int, lowest: float = 0.0) -> LearningRates:
    """From 1 to `lowest` along half a cosine in `steps` steps. Raises ArgumentError for less than one step.

    As torch.optim.lr_scheduler.CosineAnnealingLR up to `steps`, and `lowest` after it.
    """
    return _pieces([(0, whole_number("steps", steps, STEPS), 1.0, number_within("lowest", lowest, 0.0), True)])


def warm_up(steps: int, then: LearningRates | None = None, *, start: float = 1.0 / 3.0) -> LearningRates:
    """From `start` linearly to the beginning of `then` (a constant rate by default) in `steps` steps, then along it.

    As torch.optim.lr_scheduler.LinearLR. Raises ArgumentError for less than one step or another kind of `then`.
    """
    length, after = whole_number("steps", steps, STEPS), constant_rate() if then is None else then
    if not isinstance(after, LearningRates):
        raise ArgumentError(f"then: got {type(after).__name__}; LearningRates are needed")
    rising = (0, length, number_within("start", start, 0.0), float(after.first[0]), False)
    rest = zip(after.begin + length, after.end + length, after.first, after.last, after.cosine, strict=True)
    return _pieces([rising, *rest])


def _pieces(rows: Sequence[tuple]) -> LearningRates:
    begin, end, first, last, cosine = zip(*rows, strict=True)
    return LearningRates(
        np.array(begin, np.int64), np.array(end, np.int64), np.array(first, float), np.array(last, float),
        np.array(cosine, bool),
    )  # fmt: skip
