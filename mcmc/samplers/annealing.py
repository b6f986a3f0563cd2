"""Annealing: any sampler, its temperature lowered along a schedule of absolute sweeps.

Not a sampler of any law: it ends near a minimum, the lower the slower it went. The wrapped sampler may tune
itself all the time. Kirkpatrick, Gelatt & Vecchi 1983, Science 220, 671.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.samplers.sweeping import sweep_count


class Schedule(NamedTuple):
    """Stages of constant inverse temperature; the last one holds on after the end."""

    beta: np.ndarray
    """(stages,) float64."""
    sweeps: np.ndarray
    """(stages,) int64: sweeps spent at each."""


def schedule(temperatures: Sequence[float] | np.ndarray, sweeps: int | Sequence[int] | np.ndarray) -> Schedule:
    """Schedule through `temperatures` (k_B = 1; 0 is allowed), `sweeps` at each: one number or one per stage.

    `schedule(np.linspace(2, 0.1, 50), 100)` cools linearly, `np.geomspace` geometrically. Raises
    ArgumentError for no stage, negative or NaN temperatures, or stages without sweeps.
    """
    values = np.asarray(temperatures, dtype=np.float64).reshape(-1)
    if not values.size or not (values >= 0).all():
        raise ArgumentError(f"temperatures: got {temperatures}; one or more numbers from 0 up are needed")
    lengths = np.asarray(sweeps)
    if lengths.ndim > 1 or lengths.size not in (1, values.size) or lengths.dtype.kind not in "iu":
        raise ArgumentError(f"sweeps: got {sweeps}; a whole number, or one per temperature, is needed")
    if (lengths < 1).any():
        raise ArgumentError(f"sweeps: got {lengths.min()}; every stage needs at least 1")
    with np.errstate(divide="ignore"):
        return Schedule(1.0 / values, np.array(np.broadcast_to(lengths, values.shape), dtype=np.int64))


class AnnealingState(NamedTuple):
    """State of the chains."""

    inner: Any
    """State of the wrapped sampler; its `beta` follows the schedule."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number, where the schedule stands."""
        return self.inner.sweep


class AnnealingInfo(NamedTuple):
    """What happened during a call."""

    inner: Any
    """Info of the wrapped sampler's last call; None when there was none."""
    stage: int
    """Stage of the schedule that comes next."""


class Annealing:
    """`sampler` along `schedule`; its own `beta` is ignored. Raises ArgumentError for a sampler with dims."""

    dims: tuple[str, ...] = ()
    stationary = False

    def __init__(self, sampler: Any, schedule: Schedule):
        if sampler.dims:
            raise ArgumentError(f"sampler: {type(sampler).__name__} has dims {sampler.dims}; it cannot be annealed")
        self.sampler = sampler
        self.schedule = schedule
        self.ends = np.cumsum(schedule.sweeps)
        self.coords: dict[str, np.ndarray] = {}

    def init(self, chains: int | Sequence[int], seed: int) -> AnnealingState:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        inner = self.sampler.init(chains, seed)
        inner.beta[:] = self.schedule.beta[0]
        return AnnealingState(inner)

    def step(self, state: AnnealingState, n: int) -> tuple[AnnealingState, AnnealingInfo]:
        """Advance by n sweeps; returns the state, its arrays reused, and what happened."""
        inner, info = state.inner, None
        sweep = int(inner.sweep)
        end = sweep + sweep_count(n)
        while sweep < end:
            stage = self._stage(sweep)
            inner.beta[:] = self.schedule.beta[stage]
            length = end - sweep if stage == self.ends.size - 1 else min(int(self.ends[stage]), end) - sweep
            inner, info = self.sampler.thermalize(inner, length)
            sweep += length
        return AnnealingState(inner), AnnealingInfo(info, self._stage(sweep))

    def thermalize(self, state: AnnealingState, n: int) -> tuple[AnnealingState, AnnealingInfo]:
        """The same as `step`: nothing is ever measured in equilibrium."""
        return self.step(state, n)

    def energy(self, state: AnnealingState) -> np.ndarray:
        """Total energy, (chains,) float64."""
        return self.sampler.energy(state.inner)

    def recompute_energy(self, state: AnnealingState) -> np.ndarray:
        """Total energy from scratch, (chains,) float64."""
        return self.sampler.recompute_energy(state.inner)

    def observables(self, state: AnnealingState) -> dict[str, np.ndarray]:
        """Observables of the wrapped sampler and `beta`, each (chains,) float64."""
        return {**self.sampler.observables(state.inner), "beta": state.inner.beta.copy()}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return {**self.sampler.attributes(), "beta": {"long_name": "inverse temperature", "units": "1"}}

    def statistics(self, state: AnnealingState) -> dict[str, np.ndarray]:
        """`energy_drift` of the wrapped sampler where it has one, (chains,) float64."""
        values = self.sampler.statistics(state.inner)
        return {name: values[name] for name in ("energy_drift",) if name in values}

    def _stage(self, sweep):
        return min(int(np.searchsorted(self.ends, sweep, side="right")), self.ends.size - 1)
