"""Parallel tempering that also measures the overlap of independent chains in pairs: real replicas of one instance."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.samplers import Tempering
from mcmc.samplers.tempering import TemperingState


class PairedTempering(Tempering):
    """Tempering of weights +-1 with the observable `overlap`, that of chains 2k and 2k + 1 at the same temperature.

    Both chains of a pair hold the same number, w.w'/n. Chains share nothing but the patterns, so its distribution is
    P(q) of the instance. Raises ArgumentError from `init` for an odd number of chains.
    """

    def init(self, chains: Any, seed: int) -> TemperingState:
        """Random configurations; see Tempering."""
        state = super().init(chains, seed)
        if state.chain.size % 2:
            raise ArgumentError(f"chains: got {state.chain.size}; an even number is needed, they are compared in pairs")
        return state

    def observables(self, state: TemperingState) -> dict[str, np.ndarray]:
        """Those of Tempering and `overlap`, each (chains, temperatures) float64."""
        weights = self.sampler.landscape.weights(state.replicas.spins)
        a, b = weights[state.lane[0::2]], weights[state.lane[1::2]]
        overlap = 2.0 * np.count_nonzero(a == b, axis=-1) / weights.shape[-1] - 1.0
        return {**super().observables(state), "overlap": np.repeat(overlap, 2, axis=0)}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        said = {"long_name": "overlap of two independent chains", "units": "1"}
        return {**super().attributes(), "overlap": said}
