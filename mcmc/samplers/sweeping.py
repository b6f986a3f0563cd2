"""What the samplers on spin landscapes share: they hand whole calls to the landscape's compiled sweeps.

The state carries `beta` per chain, so that tempering and annealing can change it between sweeps, and counts
in whole numbers, so that totals do not depend on how calls were chunked. A step consumes the state it is
given: its arrays are reused.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SpinLandscape, SpinState, SweepInfo, inverse_temperatures


class SweepState(NamedTuple):
    """State of a sampler that has nothing to tune."""

    spins: SpinState
    """The landscape's configuration."""
    beta: np.ndarray
    """(chains,) float64."""
    accepted: np.ndarray
    """(chains,) int64: updates accepted by `step`."""
    measured: np.ndarray
    """() int64: sweeps done by `step`."""
    drift: np.ndarray
    """(chains,) float64: largest |carried - recomputed energy| seen."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number."""
        return self.spins.sweep


def sweep_count(n: int) -> int:
    """`n` as a whole number of sweeps. Raises ArgumentError for anything else."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise ArgumentError(f"n: got {n!r}; a whole number of sweeps, 0 or more, is needed")
    return int(n)


def require_spin_landscape(landscape: Any) -> None:
    """Raise ArgumentError unless the landscape follows the protocol."""
    if not isinstance(landscape, SpinLandscape):
        raise ArgumentError(f"landscape: got {type(landscape).__name__}; a SpinLandscape is needed")


def require_update(landscape: SpinLandscape, update: str) -> None:
    """Raise LandscapeError unless the landscape has the update; `landscape.refusal(update)`, if there, says why."""
    if update in landscape.updates:
        return
    refusal = getattr(landscape, "refusal", None)
    known = f"{type(landscape).__name__} has {', '.join(landscape.updates)}"
    raise LandscapeError(f"update {update!r}: not available, {known}" if refusal is None else refusal(update))


class SpinSampler:
    """One update of a spin landscape, repeated; subclasses say which, and what they tune.

    Raises LandscapeError when the landscape does not have the update, ArgumentError for a wrong argument.
    """

    update: ClassVar[str]
    dims: tuple[str, ...] = ()
    stationary = True
    temperature_fields: ClassVar[tuple[str, ...]] = ("beta", "accepted")
    """Fields of the state that belong to a temperature, and move with it between chains."""

    def __init__(self, landscape: SpinLandscape, beta: Any = 1.0, *, over_relaxation: int = 0):
        require_spin_landscape(landscape)
        require_update(landscape, self.update)
        if over_relaxation:
            require_update(landscape, "over_relaxation")
        self.landscape = landscape
        self.beta = beta
        self.over_relaxation = sweep_count(over_relaxation)
        self.coords: dict[str, np.ndarray] = {}

    def init(self, chains: int | Sequence[int], seed: int) -> Any:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        return self._fresh(chains, seed)

    def step(self, state: Any, n: int) -> tuple[Any, Any]:
        """Advance by n sweeps; returns the state, its arrays reused, and what happened."""
        n = sweep_count(n)
        info = self._advance(state, n)
        self._count(state, info, n)
        return state, info

    def thermalize(self, state: Any, n: int) -> tuple[Any, Any]:
        """Advance by n sweeps that no statistic counts; subclasses tune themselves here, and only here."""
        return state, self._advance(state, sweep_count(n))

    def energy(self, state: Any) -> np.ndarray:
        """Total energy as carried, (chains,) float64; the state's own array."""
        return state.spins.energy

    def recompute_energy(self, state: Any) -> np.ndarray:
        """Total energy from scratch, (chains,) float64."""
        return self.landscape.energy(state.spins)

    def observables(self, state: Any) -> dict[str, np.ndarray]:
        """The landscape's observables, each (chains,) float64."""
        return self.landscape.observables(state.spins)

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return self.landscape.observable_attributes()

    def statistics(self, state: Any) -> dict[str, np.ndarray]:
        """`acceptance` since measuring began and `energy_drift`, each (chains,) float64."""
        attempted = int(state.measured) * self.landscape.sites
        acceptance = state.accepted / attempted if attempted else np.full(state.accepted.shape, np.nan)
        return {"acceptance": acceptance, "energy_drift": state.drift.copy()}

    def _fresh(self, chains, seed) -> SweepState:
        """State at the start, of which subclasses take the fields."""
        spins = self.landscape.init(chains, seed)
        count = spins.energy.size
        beta = inverse_temperatures(self.beta, count).copy()
        zero = np.zeros((), np.int64)
        return SweepState(spins, beta, np.zeros(count, np.int64), zero, np.zeros(count))

    def _width(self, state):
        """What the landscape's `width` argument gets."""
        return None

    def _advance(self, state, n) -> SweepInfo:
        info = self.landscape.sweep(
            state.spins,
            state.beta,
            n,
            self.update,
            width=self._width(state),
            over_relaxation=self.over_relaxation,
        )
        np.maximum(state.drift, info.energy_drift, out=state.drift)
        return info

    def _accepted(self, info, n):
        """Accepted updates, (chains,) int64, out of n times `sites`."""
        return np.rint(info.acceptance * (n * self.landscape.sites)).astype(np.int64)

    def _count(self, state, info, n):
        np.add(state.accepted, self._accepted(info, n), out=state.accepted)
        np.add(state.measured, n, out=state.measured)


def join_infos(infos: list[SweepInfo], lengths: list[int], chains: int) -> SweepInfo:
    """One SweepInfo for consecutive calls of the given numbers of sweeps; zeros where there was none."""
    if not infos:
        return SweepInfo(np.zeros(chains), np.zeros(chains), np.zeros(chains, np.int64))
    acceptance = np.average([info.acceptance for info in infos], axis=0, weights=lengths)
    drift = np.max([info.energy_drift for info in infos], axis=0)
    return SweepInfo(acceptance, drift, np.sum([info.flipped for info in infos], axis=0))
