"""Wolff: grow one cluster of correlated spins, reflect all of it, always accepted.

Detailed balance with exp(-beta E) holds for each cluster. A sweep is a fixed number of clusters, tuned in
`thermalize` so that a sweep flips about `sites` spins, then frozen. Stopping instead when `sites` spins
have been flipped would bias every average: the stopping time depends on the configuration, and the cluster
that crosses the line is a large one more often than not, so configurations with large clusters would be
measured too often.

Wolff 1989, Phys. Rev. Lett. 62, 361.
"""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from mcmc.landscape import SpinLandscape, SpinState, SweepInfo
from mcmc.samplers.adaptation import BLOCK, blocks
from mcmc.samplers.sweeping import SpinSampler, join_infos, sweep_count


class WolffState(NamedTuple):
    """State of the chains."""

    spins: SpinState
    """The landscape's configuration."""
    beta: np.ndarray
    """(chains,) float64."""
    accepted: np.ndarray
    """(chains,) int64: spins flipped by `step`."""
    measured: np.ndarray
    """() int64: sweeps done by `step`."""
    drift: np.ndarray
    """(chains,) float64: largest |carried - recomputed energy| seen."""
    clusters: np.ndarray
    """(chains,) int64: clusters a sweep."""
    measured_clusters: np.ndarray
    """(chains,) int64: clusters grown by `step`."""
    tuning_flipped: np.ndarray
    """(chains,) int64: spins flipped in the tuning blocks remembered."""
    tuning_clusters: np.ndarray
    """(chains,) int64: clusters grown in the same."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number."""
        return self.spins.sweep


WolffInfo = SweepInfo


class Wolff(SpinSampler):
    """Single-cluster sweeps. The landscape refuses where clusters are not valid (LandscapeError)."""

    update = "wolff"
    temperature_fields: ClassVar[tuple[str, ...]] = (
        "beta", "accepted", "clusters", "measured_clusters", "tuning_flipped", "tuning_clusters",
    )  # fmt: skip

    def __init__(self, landscape: SpinLandscape, beta: Any = 1.0):
        super().__init__(landscape, beta)

    def init(self, chains, seed) -> WolffState:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        count = fresh.beta.size
        # One cluster a sweep is cheap at any temperature; the first blocks then find the right number.
        return WolffState(
            **fresh._asdict(),
            clusters=np.ones(count, np.int64),
            measured_clusters=np.zeros(count, np.int64),
            tuning_flipped=np.zeros(count, np.int64),
            tuning_clusters=np.zeros(count, np.int64),
        )

    def step(self, state: WolffState, n: int) -> tuple[WolffState, WolffInfo]:
        """Advance by n sweeps; returns the state, its arrays reused, and what happened."""
        state, info = super().step(state, n)
        np.add(state.measured_clusters, n * state.clusters, out=state.measured_clusters)
        return state, info

    def thermalize(self, state: WolffState, n: int) -> tuple[WolffState, WolffInfo]:
        """Advance by n sweeps, setting the number of clusters at the ends of blocks."""
        infos, lengths = [], []
        for length, complete in blocks(int(state.sweep), sweep_count(n)):
            info = self._advance(state, length)
            np.add(state.tuning_flipped, info.flipped, out=state.tuning_flipped)
            np.add(state.tuning_clusters, length * state.clusters, out=state.tuning_clusters)
            if complete:
                self._tune(state)
            infos.append(info)
            lengths.append(length)
        return state, join_infos(infos, lengths, state.beta.size)

    def statistics(self, state: WolffState) -> dict[str, np.ndarray]:
        """`acceptance`: mean cluster size / sites; `clusters` a sweep; `energy_drift`; each (chains,)."""
        grown = np.where(state.measured_clusters > 0, state.measured_clusters, np.nan)
        return {
            "acceptance": state.accepted / (grown * self.landscape.sites),
            "clusters": state.clusters.astype(np.float64),
            "energy_drift": state.drift.copy(),
        }

    def _width(self, state):
        return state.clusters

    def _accepted(self, info, n):
        return info.flipped

    def _tune(self, state):
        sites = self.landscape.sites
        flipped = np.maximum(state.tuning_flipped, 1)
        wanted = (state.tuning_clusters * sites + flipped // 2) // flipped
        np.clip(wanted, 1, sites, out=state.clusters)
        # Halving at blocks 1, 2, 4, 8, ... forgets the start and still averages over half of what there was.
        block = int(state.sweep) // BLOCK
        if block & (block - 1) == 0:
            np.floor_divide(state.tuning_flipped, 2, out=state.tuning_flipped)
            np.floor_divide(state.tuning_clusters, 2, out=state.tuning_clusters)
