"""Chains with a weight W_b(k) of the distance at several inverse temperatures b, their configurations exchanged.

Rung b has law exp(-beta_b E + W_b(k)). Configurations at rungs a and b of one chain are exchanged with probability
min(1, e^x), x = W_a(k_b) + W_b(k_a) - W_a(k_a) - W_b(k_b) + (beta_a - beta_b)(E_a - E_b), where infinity times 0 is 0.
"""

import numpy as np

from mcmc.landscape import FlatLandscape
from mcmc.random import Stream, uniforms

EXCHANGE = 1
"""Draw index of the exchanges; 0 is that of the moves."""
END = 0.05
"""Share of the range of k at either side that counts as its end."""


class FlatChains:
    """`chains` times `betas` (rungs,) lanes that begin at the reference, those of a chain one after the other."""

    def __init__(
        self, landscape: FlatLandscape, betas: np.ndarray, log_weight: np.ndarray, chains: int, seed: int, begun: int
    ):
        self.landscape, self.betas, self.chains, self.seed = landscape, betas, chains, seed
        self.log_weight = np.array(log_weight, np.float64)
        """(rungs, sites + 1) float64: W, -inf beyond the range."""
        lanes = chains * betas.size
        self.state = landscape.at_reference(lanes, seed)
        # The pilots used the random numbers of the sweeps before.
        self.state.sweep[...] = begun
        self.order = np.arange(lanes).reshape(chains, betas.size)
        """(chains, rungs): lane at each rung."""
        self.parity = 0
        self.forget()

    def forget(self) -> None:
        """Count exchanges and journeys anew."""
        lanes = self.order.size
        self.offered, self.swapped = np.zeros(self.betas.size - 1, np.int64), np.zeros(self.betas.size - 1, np.int64)
        self.trips, self.heading = 0, np.zeros(lanes, np.int8)
        self.cold_trips, self.cold_heading = 0, np.zeros(lanes, np.int8)

    @property
    def farthest(self) -> int:
        """Largest k in the range."""
        return int(np.flatnonzero(np.isfinite(self.log_weight[0]))[-1])

    def flips(self) -> np.ndarray:
        """K of each lane, (lanes,) int64."""
        agreement = np.asarray(self.landscape.agreement(self.state))
        return np.rint(0.5 * (self.landscape.sites - agreement)).astype(np.int64)

    def leg(self, sweeps: int, decrement: np.ndarray | None = None) -> np.ndarray:
        """`sweeps` sweeps, then exchanges; returns the visits, (chains, rungs, sites + 1) int64.

        With `decrement` (rungs,) the weights are learnt: those of the chains are averaged afterwards.
        """
        lanes, levels = self.order.size, self.landscape.sites + 1
        rung = np.empty(lanes, np.int64)
        rung[self.order] = np.arange(self.betas.size)
        weight, visits = self.log_weight[rung], np.zeros((lanes, levels), np.int64)
        lowered = None if decrement is None else decrement[rung]
        self.landscape.sweep_flat(self.state, self.betas[rung], weight, visits, sweeps, decrement=lowered)
        if decrement is not None:
            self.log_weight[:] = weight[self.order].mean(axis=0)
        flips = self.flips()
        self._count_trips(flips)
        if self.betas.size > 1:
            seen = visits[self.order]
            self._exchange(flips)
            return seen
        return visits[self.order]

    def _exchange(self, flips):
        first = np.arange(self.parity, self.betas.size - 1, 2)
        self.parity ^= 1
        if not first.size:
            return
        one, other = self.order[:, first], self.order[:, first + 1]
        cold, hot = self.log_weight[first], self.log_weight[first + 1]
        place = np.arange(first.size)
        k, l = flips[one], flips[other]  # noqa: E741
        ratio = cold[place, l] + hot[place, k] - cold[place, k] - hot[place, l]
        energy = np.asarray(self.landscape.cost(self.state))
        change = energy[one] - energy[other]
        step = self.betas[first] - self.betas[first + 1]
        ratio += np.where(change == 0, 0.0, step * np.where(change == 0, 1.0, change))
        drawn = uniforms(
            self.seed, Stream.FLAT_HISTOGRAM, first[None], int(self.state.sweep), np.arange(self.chains)[:, None],
            EXCHANGE,
        )  # fmt: skip
        taken = np.log(drawn[..., 0]) < ratio
        self.order[:, first], self.order[:, first + 1] = np.where(taken, other, one), np.where(taken, one, other)
        self.offered[first] += self.chains
        self.swapped[first] += taken.sum(axis=0)
        cold_lanes, hot_lanes = self.order[:, 0], self.order[:, -1]
        self.cold_trips += _journeys(self.cold_heading, cold_lanes, hot_lanes)

    def _count_trips(self, flips):
        near, far = END * self.farthest, (1.0 - END) * self.farthest
        self.trips += _journeys(self.heading, np.flatnonzero(flips <= near), np.flatnonzero(flips >= far))


def _journeys(heading, home, away):
    """Mark lanes at both ends; returns how many came home from the other one. `heading` is 1, -1, or 0 for neither."""
    done = int((heading[home] == -1).sum())
    heading[home] = 1
    heading[away[heading[away] == 1]] = -1
    return done
