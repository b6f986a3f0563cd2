"""Parallel tempering over any sampler: replicas at neighbouring temperatures exchange them now and then.

Replicas a, b at beta_a, beta_b swap with probability min(1, exp((beta_a - beta_b)(E_a - E_b))), which
satisfies detailed balance with the product of the exp(-beta E). Even and odd pairs take turns, a fixed
order that leaves the product law invariant and moves replicas faster than random pairs. Temperatures move,
configurations stay.

Geyer 1991, Computing Science and Statistics 23, 156; Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import chain_ids
from mcmc.random import split_seed
from mcmc.samplers.exchange import count_round_trips, exchange
from mcmc.samplers.sweeping import sweep_count


class TemperingState(NamedTuple):
    """State of the chains, each with one replica per temperature."""

    replicas: Any
    """State of the wrapped sampler; its lanes are chain * temperatures + replica."""
    lane: np.ndarray
    """(chains, temperatures) int64: lane of the replica at each temperature, from cold to hot."""
    heading: np.ndarray
    """(lanes,) int8: end of the ladder last visited, 1 cold, -1 hot, 0 neither."""
    attempted: np.ndarray
    """(chains, temperatures - 1) int64: swaps that `step` offered each temperature and the next hotter."""
    swapped: np.ndarray
    """(chains, temperatures - 1) int64: those accepted."""
    round_trips: np.ndarray
    """(chains,) int64: journeys cold - hot - cold of all replicas, finished during `step`."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number."""
        return self.replicas.sweep


class TemperingInfo(NamedTuple):
    """What happened during a call."""

    replicas: Any
    """Info of the wrapped sampler's last call, per lane; None when there was none."""
    swap_rate: np.ndarray
    """(chains, temperatures - 1) float64: accepted fraction of the swaps offered; NaN when there was none."""


class Tempering:
    """`sampler` at temperatures above 0 (k_B = 1, infinity allowed), swapped every `swap_every` sweeps.

    What `sampler` observes comes ordered from cold to hot along the dim `temperature`; its own `beta` is
    ignored. Numbers that it tunes belong to a temperature and move with it. Raises ArgumentError for fewer
    than two or equal temperatures, or a sampler that has dims of its own.
    """

    dims = ("temperature",)

    def __init__(self, sampler: Any, temperatures: Sequence[float] | np.ndarray, *, swap_every: int = 1):
        values = np.sort(np.asarray(temperatures, dtype=np.float64).reshape(-1))
        if values.size < 2 or not (values > 0).all() or np.unique(values).size != values.size:
            raise ArgumentError(f"temperatures: got {temperatures!r}; two or more distinct ones above 0 are needed")
        if getattr(getattr(sampler, "landscape", None), "control", "beta") != "beta":
            raise ArgumentError("sampler: its beta is a coupling, no inverse temperature; use CouplingTempering")
        self._require(sampler, swap_every)
        self.sampler = sampler
        self.temperatures = values
        self.beta = 1.0 / values
        self.swap_every = int(swap_every)
        self.coords = {"temperature": values}
        self.stationary = sampler.stationary

    def init(self, chains: int | Sequence[int], seed: int) -> TemperingState:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        chain = chain_ids(chains)
        count, ladder = chain.size, self.beta.size
        ids = chain.astype(np.int64)[:, None] * ladder + np.arange(ladder)
        replicas = self.sampler.init(ids.reshape(-1), seed)
        replicas.beta[:] = np.tile(self.beta, count)
        return TemperingState(
            replicas,
            np.arange(count * ladder, dtype=np.int64).reshape(count, ladder),
            np.zeros(count * ladder, np.int8),
            np.zeros((count, ladder - 1), np.int64),
            np.zeros((count, ladder - 1), np.int64),
            np.zeros(count, np.int64),
            chain,
            np.array(seed, np.uint64),
        )

    def step(self, state: TemperingState, n: int) -> tuple[TemperingState, TemperingInfo]:
        """Advance by n sweeps of every replica; returns the state, its arrays reused, and what happened."""
        counts = state.attempted, state.swapped, state.round_trips
        return self._advance(state, n, self.sampler.step, counts)

    def thermalize(self, state: TemperingState, n: int) -> tuple[TemperingState, TemperingInfo]:
        """Advance by n sweeps that no statistic counts, with swaps; the wrapped sampler tunes itself."""
        counts = (
            np.zeros_like(state.attempted),
            np.zeros_like(state.swapped),
            np.zeros_like(state.round_trips),
        )
        return self._advance(state, n, self.sampler.thermalize, counts)

    def energy(self, state: TemperingState) -> np.ndarray:
        """Total energy, (chains, temperatures) float64."""
        return self.sampler.energy(state.replicas)[state.lane]

    def recompute_energy(self, state: TemperingState) -> np.ndarray:
        """Total energy from scratch, (chains, temperatures) float64."""
        return self.sampler.recompute_energy(state.replicas)[state.lane]

    def observables(self, state: TemperingState) -> dict[str, np.ndarray]:
        """Observables of the wrapped sampler, each (chains, temperatures) float64."""
        values = self.sampler.observables(state.replicas)
        return {name: value[state.lane] for name, value in values.items()}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return self.sampler.attributes()

    def statistics(self, state: TemperingState) -> dict[str, np.ndarray]:
        """Those of the wrapped sampler by temperature, `swap_rate` and `round_trips`.

        `swap_rate` (chains, temperatures) is that with the next hotter temperature, NaN for the hottest;
        `round_trips` (chains,) counts journeys cold - hot - cold of all replicas of a chain.
        """
        values = self.sampler.statistics(state.replicas)
        result = {name: value[state.lane] for name, value in values.items()}
        result["swap_rate"] = np.full(state.lane.shape, np.nan)
        result["swap_rate"][:, :-1] = _rate(state.swapped, state.attempted)
        result["round_trips"] = state.round_trips.astype(np.float64)
        return result

    @staticmethod
    def _require(sampler, swap_every):
        if sampler.dims:
            raise ArgumentError(f"sampler: {type(sampler).__name__} has dims {sampler.dims}; it cannot be tempered")
        if sweep_count(swap_every) < 1:
            raise ArgumentError(f"swap_every: got {swap_every}; a whole number of sweeps from 1 is needed")

    def _advance(self, state, n, advance, counts):
        attempted, swapped, round_trips = counts
        before = attempted.copy(), swapped.copy()
        source = np.empty(state.heading.size, np.int64)
        k0, k1 = split_seed(int(state.seed))
        replicas, info = state.replicas, None
        sweep = int(replicas.sweep)
        end = sweep + sweep_count(n)
        while sweep < end:
            length = min(self.swap_every - sweep % self.swap_every, end - sweep)
            replicas, info = advance(replicas, length)
            sweep += length
            if sweep % self.swap_every:
                continue
            parity = sweep // self.swap_every % 2
            energy = self.sampler.energy(replicas)
            if exchange(self.beta, energy, parity, sweep, state.chain, k0, k1, state.lane, source, attempted, swapped):
                for name in self.sampler.temperature_fields:
                    values = getattr(replicas, name)
                    values[:] = values[source]
                count_round_trips(state.lane, state.heading, round_trips)
        rate = _rate(swapped - before[1], attempted - before[0])
        return state._replace(replicas=replicas), TemperingInfo(info, rate)


def _rate(swapped, attempted):
    return swapped / np.where(attempted > 0, attempted, np.nan)
