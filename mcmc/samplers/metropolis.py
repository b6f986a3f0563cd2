"""Metropolis: propose a local change, accept with probability min(1, exp(-beta dE)).

Each single-site update satisfies detailed balance with exp(-beta E) when its proposal is symmetric; a sweep
is their product over sites in the landscape's fixed order, which leaves the law invariant. The proposal
width is tuned per chain towards a target acceptance in `thermalize` only, and frozen in `step`: tuning for
ever would bias the law.

Metropolis, Rosenbluth, Rosenbluth, Teller & Teller 1953, J. Chem. Phys. 21, 1087.
"""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SpinLandscape, SpinState, SweepInfo
from mcmc.samplers.adaptation import BLOCK, blocks, rescale
from mcmc.samplers.sweeping import SpinSampler, join_infos, sweep_count


class MetropolisState(NamedTuple):
    """State of the chains."""

    spins: SpinState
    """The landscape's configuration."""
    beta: np.ndarray
    """(chains,) float64."""
    accepted: np.ndarray
    """(chains,) int64: proposals accepted by `step`."""
    measured: np.ndarray
    """() int64: sweeps done by `step`."""
    drift: np.ndarray
    """(chains,) float64: largest |carried - recomputed energy| seen."""
    width: np.ndarray
    """(chains,) float64: proposal width, in the landscape's own measure."""
    block_accepted: np.ndarray
    """(chains,) int64: proposals accepted in the tuning block under way."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number."""
        return self.spins.sweep


MetropolisInfo = SweepInfo


class Metropolis(SpinSampler):
    """Metropolis sweeps, each followed by `over_relaxation` energy-preserving ones.

    `beta` is a number or (chains,); `width` the proposal width to start from, tuned towards acceptance
    `target` within the landscape's `width_limits`. Raises ArgumentError for a target outside (0, 1) or a
    width not above 0.
    """

    update = "metropolis"
    temperature_fields: ClassVar[tuple[str, ...]] = ("beta", "accepted", "width", "block_accepted")

    def __init__(
        self,
        landscape: SpinLandscape,
        beta: Any = 1.0,
        *,
        over_relaxation: int = 0,
        width: float = 1.0,
        target: float = 0.5,
    ):
        super().__init__(landscape, beta, over_relaxation=over_relaxation)
        if not 0 < target < 1:
            raise ArgumentError(f"target: got {target}; an acceptance between 0 and 1 is needed, 0.5 is usual")
        if not 0 < width < np.inf:
            raise ArgumentError(f"width: got {width}; a finite number above 0 is needed")
        self.target = float(target)
        self.limits = tuple(float(w) for w in getattr(landscape, "width_limits", (1e-6, 1e6)))
        self.width = min(max(float(width), self.limits[0]), self.limits[1])

    def init(self, chains, seed) -> MetropolisState:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        count = fresh.beta.size
        width = np.full(count, self.width)
        return MetropolisState(**fresh._asdict(), width=width, block_accepted=np.zeros(count, np.int64))

    def thermalize(self, state: MetropolisState, n: int) -> tuple[MetropolisState, MetropolisInfo]:
        """Advance by n sweeps, tuning the width at the ends of blocks."""
        infos, lengths = [], []
        attempted = BLOCK * self.landscape.sites
        for length, complete in blocks(int(state.sweep), sweep_count(n)):
            info = self._advance(state, length)
            np.add(state.block_accepted, self._accepted(info, length), out=state.block_accepted)
            if complete:
                block = int(state.sweep) // BLOCK
                rescale(state.width, state.block_accepted, attempted, self.target, block, *self.limits)
            infos.append(info)
            lengths.append(length)
        return state, join_infos(infos, lengths, state.beta.size)

    def _width(self, state):
        return state.width
