"""Entropy-driven search: climb the local entropy around the weights while the field gamma that defines it grows.

Zero-temperature moves in F(w~, gamma), see `perceptron.entropy_driven`, with the heuristics of the paper: the search
starts from the signs of the marginals, and proposes the flips that these favour, those where the cavity field disagrees
with w~_i, the strongest first. As many as seem good are proposed at once; if F does not grow, a quarter of them. When
not even one helps, gamma takes its next value, and what counts are solutions closer to w~. Baldassi, Ingrosso,
Lucibello, Saglietti & Zecchina 2016, J. Stat. Mech. 023301 (arXiv:1511.05634).
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ConvergenceWarning
from mcmc.random import Stream, uniforms
from mcmc.samplers.replicated import geometric_ramp
from perceptron.arguments import checked_count, checked_number
from perceptron.entropy_driven import LocalFreeEntropy, Surroundings, flip_gains
from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

LEAST_GAIN = 1e-6
"""Nats that a flip must promise."""


def run(
    patterns: "Patterns",
    *,
    seed: int,
    margin: float = 0.0,
    gamma_start: float = 0.5,
    gamma_end: float = 2.0,
    stages: int = 6,
    starts: int = 4,
    start_field: float = 0.5,
    tolerance: float = 1e-2,
    damping: float = 0.3,
    max_sweeps: int = 200,
) -> Solution:
    """Entropy-driven search; work in sweeps over the messages, p n of them.

    gamma takes `stages` values from `gamma_start` to `gamma_end`, in even ratios. A start is the sign of the marginals
    in a random field, uniform up to `start_field`; there are at most `starts`. `tolerance`, `damping` and `max_sweeps`
    are those of each run of belief propagation. History, an entry a proposal: `work`, `start`, `gamma`, `flips`
    (proposed), `kept`, `errors` (of w~ kept), `local_entropy` (per weight), `overlap`. Raises ArgumentError.

    Defaults: `stages` in 3, 4, 6 and `gamma_start` in 0.2, 0.3, 0.5 from one start at n = 501, alpha = 0.7: these solve
    10 of 10 instances in 207 sweeps (median), others 7 to 10; `start_field` in 0.2..1 at alpha = 0.6: no difference.
    """
    first, last = (
        checked_number("gamma_start", gamma_start, 0.0, 100.0, above=True),
        checked_number("gamma_end", gamma_end, 0.0, 100.0, above=True),
    )
    gammas = geometric_ramp(first, last, checked_count("stages", stages, 1, 10_000), steps=10_000)
    # Around decided weights the loops in double precision go edge by edge; single is far below this tolerance.
    around = LocalFreeEntropy(
        patterns, margin=margin, tolerance=tolerance, damping=damping, max_sweeps=max_sweeps, precision="single"
    )
    climb = _Climb(around, seed, checked_number("start_field", start_field, 0.0, 100.0))
    for start in range(checked_count("starts", starts, 1)):
        if climb.search(start, gammas):
            break
    return climb.solution()


class _Climb:
    """The search and what it has seen."""

    def __init__(self, around: LocalFreeEntropy, seed: int, start_field: float):
        self.around, self.patterns, self.seed, self.start_field = around, around.patterns, seed, start_field
        self.best, self.fewest, self.work = np.ones(self.patterns.n, np.int8), self.patterns.p + 1, 0
        self.history: dict[str, list[float]] = {}

    def search(self, start: int, gammas: np.ndarray) -> bool:
        """All stages from one start; returns whether a solution was found."""
        weights, messages = self._begin(start)
        for gamma in gammas:
            here = self._run(weights, gamma, messages)
            self._note(start, gamma, 0, True, weights, here)
            if self.fewest == 0 or not here.converged:
                break
            weights, here = self._climb(start, weights, here, gamma)
            messages = here.messages
            if self.fewest == 0:
                break
        return self.fewest == 0

    def solution(self) -> Solution:
        """The best weights seen."""
        history = {name: np.array(values) for name, values in self.history.items()}
        return Solution(self.best, self.fewest, self.work, "sweeps", 0.0, history, "entropy_driven")

    def _begin(self, start):
        """Signs of the marginals in a random field, and the messages there."""
        from perceptron.message_passing.belief_propagation import belief_propagation

        drawn = uniforms(self.seed, Stream.SOLVER, np.arange(self.patterns.n), 0, start)[:, 0]
        field = self.start_field * (2.0 * drawn - 1.0)
        # What did not converge is no less of a start: the runs around it decide.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = belief_propagation(self.patterns, field=field, margin=self.around.margin, **self.around.options)
        self.work += found.sweeps
        return np.where(found.field < 0, -1, 1).astype(np.int8), found.messages

    def _run(self, weights, gamma, messages) -> Surroundings:
        found = self.around.around(weights, gamma, messages)
        self.work += found.sweeps
        return found

    def _climb(self, start, weights, here, gamma):
        """Collective flips until not even one makes F grow; returns the weights and what is around them."""
        most = self.patterns.n
        while self.fewest > 0:
            gains = flip_gains(weights, here.field, gamma)
            order = np.argsort(-gains, kind="stable")
            flips = order[: min(most, np.count_nonzero(gains > LEAST_GAIN))]
            if not flips.size:
                break
            proposed = weights.copy()
            proposed[flips] *= -1
            found = self._run(proposed, gamma, here.messages)
            kept = found.converged and found.free_entropy > here.free_entropy
            self._note(start, gamma, flips.size, kept, proposed if kept else weights, found if kept else here)
            if kept:
                weights, here, most = proposed, found, 2 * flips.size
            elif flips.size == 1:
                break
            else:
                most = max(1, flips.size // 4)
        return weights, here

    def _note(self, start, gamma, flips, kept, weights, here):
        errors = int(self.patterns.errors(weights, self.around.margin))
        if errors < self.fewest:
            self.fewest, self.best = errors, weights.copy()
        seen = {"work": self.work, "start": start, "gamma": gamma, "flips": flips, "kept": kept, "errors": errors}
        seen |= {"local_entropy": here.entropy, "overlap": here.overlap}
        for name, value in seen.items():
            self.history.setdefault(name, []).append(value)
