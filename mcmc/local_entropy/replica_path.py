"""A path of strengths (beta, gamma) from free replicas to tightly coupled ones, laid out by a population that anneals.

It begins at beta = 0, where ln Z is known, at a coupling gamma_0; beta rises to the one asked for, and then gamma. Each
step is a fixed fraction of the spread of the energy or the agreement, so neighbours overlap evenly however large the
system is. Where single members may freeze, on solutions and as gamma rises, they are drawn anew by their weights
before each step (Hukushima & Iba 2003, AIP Conf. Proc. 690, 200).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import ReplicaLandscape

MEMBERS = 32
SWEEPS = 24
"""At each place of the path; the second half is measured."""

STEP = 1.0
"""Of beta or gamma between places, in inverse standard deviations of E or A."""

ENOUGH = 0.3
"""Share of energies 0 in a population from which beta = infinity is one step away."""

ANY = 1e-9
"""A share that a single energy 0 is above."""

PATIENCE = 2000
"""Sweeps in which a population that has met solutions must meet one again."""

MOST_PLACES = 2000
REST, FALL = 8, 0.98
"""A population is stuck when its mean energy has not come below FALL of what it was REST places before."""

STRONGEST = 15.0
"""Coupling at which replicas differ by less than exp(-30) of their spins."""

SPARE = 2
"""Places beyond those asked for: a population that hurries is not quite where chains will be."""

FIRST_ID = 2**31
"""Chains of the population are numbered from here: their random numbers are no other chain's."""


class StuckError(ArgumentError):
    """A population has not reached energy 0 often enough."""

    def __init__(self, message: str, share: float):
        super().__init__(message)
        self.share = share
        """Of its energies, those that were 0."""


class Place(NamedTuple):
    """One pair of strengths, and the population there."""

    beta: float
    gamma: float
    mean: float
    """Mean of A."""
    members: Any
    """State of the population."""


class Annealed(NamedTuple):
    """The path that a population took."""

    cooling: list[Place]
    """At gamma_0, from beta = 0; the last is at the beta asked for."""
    coupling: list[Place]
    """At that beta, gamma ascending from gamma_0."""


class Population:
    """Copies of the coupled replicas that go along the path together.

    One that comes no lower goes on to infinite beta from a share `enough` of energies 0, above 0.
    """

    def __init__(self, landscape: ReplicaLandscape, beta: float, update: str, seed: int, enough: float = ENOUGH):
        self.landscape, self.target, self.update, self.enough = landscape, beta, update, enough
        self.ids = np.arange(FIRST_ID, FIRST_ID + MEMBERS, dtype=np.uint32)
        self.state = landscape.init(self.ids.tolist(), seed)
        self.means: list[float] = []
        self.beta, self.gamma = 0.0, 0.0

    def anneal(self, gamma: float, done: Callable[[Place], bool]) -> Annealed:
        """From beta = 0 at coupling `gamma`, and then to stronger ones until a place is `done`."""
        cooling = [self._at(0.0, gamma)]
        while cooling[-1].beta < self.target:
            cooling.append(self._at(self._next_beta(cooling), gamma))
        coupling = [cooling[-1]]
        spare = 0
        while spare < SPARE:
            last = coupling[-1]
            spare += done(last)
            if last.gamma > STRONGEST or len(coupling) > MOST_PLACES:
                raise ArgumentError(
                    f"distance: at coupling {last.gamma:.3g} the replicas are still farther apart, mean agreement "
                    f"{last.mean:.6g}; ask for larger distances"
                )
            width = min(STEP / max(self.spread, 1e-9), 0.25 + abs(last.gamma))
            coupling.append(self._at(self.target, last.gamma + width))
        return Annealed(cooling, coupling)

    def loosen(self, gamma: float, until: float) -> float:
        """From the end of a path, the coupling below `gamma` at which the mean agreement is at most `until`."""
        place = self._at(self.target, gamma)
        while place.mean > until:
            if place.gamma < -STRONGEST:
                raise ArgumentError("distance: replicas cannot be as far apart from each other; ask for less")
            width = min(STEP / max(self.spread, 1e-9), 0.25 + abs(place.gamma))
            place = self._at(self.target, place.gamma - width)
        return place.gamma

    def _at(self, beta: float, gamma: float) -> Place:
        strengths = np.full(MEMBERS, beta), np.full(MEMBERS, gamma)
        energy, agreement = [], []
        if math.isinf(beta) and math.isfinite(self.beta):
            self._meet()
        self._resample(beta, gamma)
        for sweep in range(SWEEPS):
            self.landscape.sweep_at(self.state, *strengths, 1, self.update)
            if sweep >= SWEEPS // 2:
                energy.append(self.landscape.cost(self.state))
                agreement.append(self.landscape.agreement(self.state))
        self.energy = np.array(energy)
        self.spread = float(np.std(agreement))
        members = self.landscape.chosen(self.state, np.arange(MEMBERS))
        return Place(beta, gamma, float(np.mean(agreement)), members)

    def _next_beta(self, cooling: list[Place]) -> float:
        last, share = cooling[-1].beta, float((self.energy == 0).mean())
        if math.isinf(self.target) and share >= ENOUGH:
            return math.inf
        self.means.append(float(self.energy.mean()))
        rested = len(self.means) > REST and self.means[-1] > FALL * self.means[-1 - REST]
        if len(cooling) > MOST_PLACES or (math.isinf(self.target) and rested):
            if share >= self.enough:
                return math.inf
            needed = "one" if self.enough == ANY else f"a share of {self.enough:g}"
            raise StuckError(
                f"beta: at beta = {last:.3g}, where the population comes no lower, a share of {share:.2g} of the "
                f"energies of {self.landscape.replicas} replicas is 0 and the lowest is {self.energy.min():g}; "
                f"{needed} is needed to go on to beta = inf; take beta finite, or stronger couplings",
                share,
            )
        return min(last + min(STEP / max(float(self.energy.std()), 1e-9), 0.5 + 0.5 * last), self.target)

    def _meet(self) -> None:
        """Sweeps at the last finite beta until some members have energy 0, of which those at infinite beta descend."""
        strengths = np.full(MEMBERS, self.beta), np.full(MEMBERS, self.gamma)
        for _ in range(PATIENCE):
            if (self.landscape.cost(self.state) == 0).any():
                return
            self.landscape.sweep_at(self.state, *strengths, 1, self.update)

    def _resample(self, beta: float, gamma: float) -> None:
        """Members in the proportions of their weights at a new coupling, or at infinite beta: population annealing.

        Not while beta rises: there members still move, and would only lose their independence of each other.
        """
        weight = (gamma - self.gamma) * self.landscape.agreement(self.state)
        if math.isinf(beta) and math.isfinite(self.beta):
            weight = np.where(self.landscape.cost(self.state) == 0, 0.0, -math.inf)
        elif beta != self.beta:
            weight = np.zeros(MEMBERS)
        self.beta, self.gamma = beta, gamma
        if not np.isfinite(weight).any() or np.ptp(weight) == 0:
            return
        share = np.cumsum(np.exp(weight - weight.max()))
        drawn = np.searchsorted(share, share[-1] * (np.arange(MEMBERS) + 0.5) / MEMBERS)
        self.landscape.put_back(self.state, self.landscape.chosen(self.state, drawn), np.arange(MEMBERS))
        # Copies go their own ways: random numbers belong to the place in the population.
        self.state.chain[:] = self.ids


def couplings_between(places: list[Place], agreement: np.ndarray) -> np.ndarray:
    """Couplings at which the mean agreement has given values, (points,), by interpolation along the path."""
    mean = np.maximum.accumulate([place.mean for place in places])
    mean = mean + 1e-9 * (1.0 + np.abs(mean[-1])) * np.arange(mean.size)
    return np.interp(agreement, mean, [place.gamma for place in places])


def ladder_through(places: list[Place], wanted: np.ndarray) -> np.ndarray:
    """Couplings from the first place on through all `wanted`, ascending, no two farther apart than on the path."""
    gamma = np.array([place.gamma for place in places])
    position = np.arange(gamma.size, dtype=np.float64)
    stops = np.unique(np.concatenate([gamma[:1], wanted]))
    rungs = [stops[:1]]
    for a, b in pairwise(stops):
        ends = np.interp([a, b], gamma, position)
        pieces = max(1, math.ceil(float(ends[1] - ends[0])))
        inner = np.interp(np.linspace(ends[0], ends[1], pieces + 1)[1:-1], position, gamma)
        rungs.append(np.append(inner[(inner > a) & (inner < b)], b))
    return np.concatenate(rungs)
