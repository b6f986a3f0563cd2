"""Replicated annealing: replicas of a system, cooled while their attraction grows, both along a schedule of sweeps.

The law annealed is exp(-beta sum_a E(w^a)) times a coupling of strength gamma that draws the y replicas to each other,
one system for the landscape. It favours wide minima over deep ones, and ends in regions that annealing of a single
system does not find in polynomial time. Not a sampler of any law. Baldassi, Borgs, Chayes, Ingrosso, Lucibello,
Saglietti & Zecchina 2016, PNAS 113, E7655 (arXiv:1605.06444).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import ScheduledLandscape, SpinState
from mcmc.samplers.sweeping import require_spin_landscape, require_update, sweep_count

STEPS = 512
"""Values of a ramp unless a call says otherwise: a landscape prepares something for each, once."""


class CouplingSchedule(NamedTuple):
    """Inverse temperature and coupling sweep by sweep; the last pair holds on after the end."""

    beta: np.ndarray
    """(sweeps,) float64."""
    gamma: np.ndarray
    """(sweeps,) float64."""


def coupling_schedule(beta: Any, gamma: Any) -> CouplingSchedule:
    """Schedule of one `beta` and one `gamma` a sweep; a single number is one that does not change.

    `coupling_schedule(linear_ramp(0.5, 2.0, 4000), linear_ramp(0.0, 1.5, 4000))` is a run of 4000 sweeps. Raises
    ArgumentError for no sweep, lengths that differ, beta negative or NaN (infinity is allowed), gamma not finite.
    """
    betas, gammas = (np.atleast_1d(np.asarray(values, np.float64)) for values in (beta, gamma))
    if betas.ndim != 1 or gammas.ndim != 1 or not betas.size or not gammas.size:
        raise ArgumentError(f"beta, gamma: got shapes {betas.shape} and {gammas.shape}; one value a sweep is needed")
    length = max(betas.size, gammas.size)
    if betas.size not in (1, length) or gammas.size not in (1, length):
        raise ArgumentError(f"beta, gamma: got {betas.size} and {gammas.size} sweeps; as many of both are needed")
    if not (betas >= 0).all():
        raise ArgumentError(
            f"beta: got {betas[~(betas >= 0)][0]}; numbers >= 0 are needed (infinity for zero temperature)"
        )
    if not np.isfinite(gammas).all():
        raise ArgumentError(f"gamma: got {gammas[~np.isfinite(gammas)][0]}; finite numbers are needed")
    return CouplingSchedule(*(np.array(np.broadcast_to(values, (length,))) for values in (betas, gammas)))


def linear_ramp(first: float, last: float, sweeps: int, *, steps: int = STEPS) -> np.ndarray:
    """Values from `first` to `last`, (sweeps,) float64, in at most `steps` even steps of (nearly) equal length."""
    place = _stairs(sweeps, steps)
    _require_finite(first=first, last=last)
    return float(first) + (float(last) - float(first)) * place


def geometric_ramp(first: float, last: float, sweeps: int, *, steps: int = STEPS) -> np.ndarray:
    """Values from `first` to `last` with even ratios; both above 0. Otherwise as `linear_ramp`."""
    place = _stairs(sweeps, steps)
    _require_finite(first=first, last=last)
    if not (first > 0 and last > 0):
        raise ArgumentError(
            f"first, last: got {first}, {last}; a geometric ramp needs both above 0, or take linear_ramp"
        )
    return float(first) * (float(last) / float(first)) ** place


class ReplicatedAnnealingState(NamedTuple):
    """State of the chains, each a system of replicas."""

    spins: SpinState
    """The landscape's configuration."""
    accepted: np.ndarray
    """(chains,) int64: flips accepted so far, in all replicas."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number, where the schedule stands."""
        return self.spins.sweep


class ReplicatedAnnealingInfo(NamedTuple):
    """What happened during a call."""

    acceptance: np.ndarray
    """(chains,) float64: accepted fraction of the attempts."""
    beta: float
    """Inverse temperature of the last sweep done."""
    gamma: float
    """Its coupling."""


class ReplicatedAnnealing:
    """A landscape of coupled replicas along a schedule of (beta, gamma).

    `update` is one of the landscape's. Raises ArgumentError for a landscape without sweeps along schedules,
    LandscapeError for an update that it does not have or a landscape whose `control` is not the temperature.
    """

    dims: tuple[str, ...] = ()
    stationary = False

    def __init__(self, landscape: Any, schedule: CouplingSchedule, *, update: str = "metropolis"):
        require_spin_landscape(landscape)
        require_update(landscape, update)
        if not isinstance(landscape, ScheduledLandscape):
            raise ArgumentError(
                f"landscape: {type(landscape).__name__} has no sweep_schedule; it cannot be annealed so"
            )
        if getattr(landscape, "control", "beta") != "beta":
            raise LandscapeError('landscape: a schedule sets beta and gamma both; make it with control "beta"')
        self.landscape: Any = landscape
        self.schedule = coupling_schedule(schedule.beta, schedule.gamma)
        self.update = update
        self.coords: dict[str, np.ndarray] = {}

    def init(self, chains: int | Sequence[int], seed: int) -> ReplicatedAnnealingState:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        spins = self.landscape.init(chains, seed)
        return ReplicatedAnnealingState(spins, np.zeros(spins.energy.size, np.int64))

    def step(self, state: ReplicatedAnnealingState, n: int) -> tuple[ReplicatedAnnealingState, ReplicatedAnnealingInfo]:
        """Advance by n sweeps; returns the state, its arrays reused, and what happened."""
        first, length = int(state.sweep), sweep_count(n)
        flipped = np.zeros(state.accepted.size, np.int64)
        if length:
            at = np.minimum(np.arange(first, first + length), self.schedule.beta.size - 1)
            beta, gamma = self.schedule.beta[at], self.schedule.gamma[at]
            flipped = self.landscape.sweep_schedule(state.spins, beta, gamma, self.update).flipped
            np.add(state.accepted, flipped, out=state.accepted)
        acceptance = flipped / max(1, length * self.landscape.sites)
        return state, ReplicatedAnnealingInfo(acceptance, *self._now(state))

    def thermalize(
        self, state: ReplicatedAnnealingState, n: int
    ) -> tuple[ReplicatedAnnealingState, ReplicatedAnnealingInfo]:
        """The same as `step`: nothing is ever measured in equilibrium."""
        return self.step(state, n)

    def energy(self, state: ReplicatedAnnealingState) -> np.ndarray:
        """Total energy as carried, (chains,) float64; the state's own array."""
        return state.spins.energy

    def recompute_energy(self, state: ReplicatedAnnealingState) -> np.ndarray:
        """Total energy from scratch, (chains,) float64."""
        return self.landscape.energy(state.spins)

    def observables(self, state: ReplicatedAnnealingState) -> dict[str, np.ndarray]:
        """The landscape's observables, `beta` and `gamma`, each (chains,) float64."""
        beta, gamma = self._now(state)
        chains = state.accepted.size
        return {
            **self.landscape.observables(state.spins),
            "beta": np.full(chains, beta),
            "gamma": np.full(chains, gamma),
        }

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return {
            **self.landscape.observable_attributes(),
            "beta": {"long_name": "inverse temperature", "units": "1"},
            "gamma": {"long_name": "coupling of the replicas", "units": "1"},
        }

    def statistics(self, state: ReplicatedAnnealingState) -> dict[str, np.ndarray]:
        """`acceptance` since the start, (chains,) float64."""
        attempted = int(state.sweep) * self.landscape.sites
        return {"acceptance": state.accepted / attempted if attempted else np.full(state.accepted.size, np.nan)}

    def _now(self, state) -> tuple[float, float]:
        """Values of the schedule in the last sweep done; before any, in the first."""
        at = min(max(int(state.sweep) - 1, 0), self.schedule.beta.size - 1)
        return float(self.schedule.beta[at]), float(self.schedule.gamma[at])


def _stairs(sweeps: int, steps: int) -> np.ndarray:
    """Positions 0 to 1, (sweeps,), in at most `steps` stairs."""
    for name, value in (("sweeps", sweeps), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ArgumentError(f"{name}: got {value!r}; a whole number from 1 is needed")
    stairs = min(int(sweeps), int(steps))
    return (np.arange(int(sweeps)) * stairs // int(sweeps)) / max(1, stairs - 1)


def _require_finite(**ends: Any) -> None:
    for name, value in ends.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
            raise ArgumentError(f"{name}: got {value!r}; a finite number is needed")
