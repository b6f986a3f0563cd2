"""Parallel tempering along a line of strengths (beta, gamma) of coupled replicas, every sweep recorded.

Neighbours a, b swap with probability min(1, exp((beta_a - beta_b)(E_a - E_b) - (gamma_a - gamma_b)(A_a - A_b))),
infinity times 0 being 0: beta = infinity is entered only with the energy that is there, or less.
Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import ReplicaLandscape
from mcmc.local_entropy.replica_path import Place
from mcmc.random import Stream, uniforms

NOWHERE, OUT, BACK = 0, 1, 2
"""Where a system goes: from the first rung to the last, or back from there."""


class Recorded(NamedTuple):
    """What every sweep found at every rung of the line."""

    energy: np.ndarray
    """(chains, sweeps, rungs) float64."""
    agreement: np.ndarray
    """(chains, sweeps, rungs) float64."""
    swap_rate: np.ndarray
    """(rungs - 1,) float64: accepted fraction of swaps with the next rung."""
    round_trips: int
    """Journeys from the first rung to the last and back, all chains together."""


class Line:
    """Chains, each with one system of replicas at every rung (beta, gamma), which start from an annealed population."""

    def __init__(
        self, landscape: ReplicaLandscape, beta: np.ndarray, gamma: np.ndarray, starts: list[Place], chains: int,
        seed: int, update: str,
    ):  # fmt: skip
        self.landscape, self.beta, self.gamma, self.update, self.seed = landscape, beta, gamma, update, seed
        self.lane = np.arange(chains * beta.size).reshape(chains, beta.size)
        self.state = landscape.init(self.lane.size, seed)
        for rung, place in enumerate(starts):
            # Neighbours in a population may be copies of one, and so may be members of the same number along the path.
            size = place.members.energy.size
            members = (11 * np.arange(chains) + 7 * rung) % size
            landscape.put_back(self.state, landscape.chosen(place.members, members), self.lane[:, rung])
        self.state.chain[:] = np.arange(self.lane.size)
        self.swapped, self.offered = np.zeros(beta.size - 1), np.zeros(beta.size - 1)
        self.heading, self.trips = np.full(self.lane.size, NOWHERE), 0

    def run(self, sweeps: int) -> Recorded:
        """Advance and record."""
        shape = (self.lane.shape[0], sweeps, self.beta.size)
        energy, agreement = np.empty(shape), np.empty(shape)
        self.swapped[:], self.offered[:], self.trips = 0, 0, 0
        beta, gamma = np.empty(self.lane.size), np.empty(self.lane.size)
        for sweep in range(sweeps):
            beta[self.lane], gamma[self.lane] = self.beta, self.gamma
            self.landscape.sweep_at(self.state, beta, gamma, 1, self.update)
            energy[:, sweep] = self.landscape.cost(self.state)[self.lane]
            agreement[:, sweep] = self.landscape.agreement(self.state)[self.lane]
            self._swap(energy[:, sweep], agreement[:, sweep])
            self._travel()
        return Recorded(energy, agreement, self.swapped / np.maximum(self.offered, 1), self.trips)

    def _swap(self, energy: np.ndarray, agreement: np.ndarray) -> None:
        sweep = int(self.state.sweep)
        first = np.arange(sweep % 2, self.beta.size - 1, 2)
        if not first.size:
            return
        second = first + 1
        hotter = energy[:, first] - energy[:, second]
        with np.errstate(invalid="ignore"):
            thermal = (self.beta[first] - self.beta[second]) * hotter
        # Infinite minus infinite beta, and infinite beta times equal energies: nothing is lost or won.
        thermal = np.where((hotter == 0) | (self.beta[first] == self.beta[second]), 0.0, thermal)
        ratio = thermal - (self.gamma[first] - self.gamma[second]) * (agreement[:, first] - agreement[:, second])
        chain = np.arange(self.lane.shape[0])
        drawn = uniforms(self.seed, Stream.REPLICA_SWAP, first[None, :], sweep, chain[:, None])[..., 0]
        row, column = np.nonzero(np.log(drawn) < ratio)
        a, b = first[column], second[column]
        self.lane[row, a], self.lane[row, b] = self.lane[row, b], self.lane[row, a].copy()
        np.add.at(self.swapped, a, 1)
        self.offered[first] += chain.size

    def _travel(self) -> None:
        """Count the systems that are back at the first rung from the last one."""
        near, far = self.lane[:, 0], self.lane[:, -1]
        self.heading[far] = np.where(self.heading[far] == OUT, BACK, self.heading[far])
        self.trips += int((self.heading[near] == BACK).sum())
        self.heading[near] = OUT


def nearest(places: list[Place], gamma: float) -> Place:
    """The place of a path whose coupling is nearest."""
    return min(places, key=lambda place: abs(place.gamma - gamma))


def independent_draws(series: np.ndarray) -> Any:
    """Error of the mean and independent draws behind it, (points,) each, of series (chains, draws, points)."""
    from mcmc.statistics.autocorrelation import integrated_time

    times = integrated_time(series, warn=False)
    many = times.chains * times.draws / (2.0 * times.tau_int)
    spread = series.reshape(-1, series.shape[2]).std(axis=0)
    return spread / np.sqrt(np.maximum(many, 1.0)), many, times.tau_int
