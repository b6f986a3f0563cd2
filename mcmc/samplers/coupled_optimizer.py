"""What optimisers with coupled replicas share: lanes, the dim `replica`, the centre, and what is observed of them.

A sweep is one gradient, on a mini-batch of its own, of every replica. Replica a of chain c is lane c * replicas + a: a
chain of its own to mini-batches and noise. Scoping of a coupling counts outer steps.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape, chain_ids
from mcmc.samplers.coupled_updates import replica_means
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import flag, whole_number
from mcmc.samplers.smooth import SmoothSampler
from mcmc.samplers.stochastic import StochasticSampler
from mcmc.samplers.sweeping import sweep_count

OBSERVED = {
    "centre_energy": {"long_name": "energy at the centre of the replicas", "units": "1"},
    "spread": {"long_name": "mean squared distance of the replicas from their centre", "units": "1"},
}


class CoupledOptimizer(StochasticSampler):
    """Replicas x (chains * replicas, dim), without a stationary law that is claimed.

    With `same_start` all replicas of a chain start from the weights of the chain's id, else each from those of its
    lane. `samples` has a row for each replica. Raises ArgumentError for arguments out of range.
    """

    stationary = False
    statistic_names: ClassVar[Mapping[str, str]] = {
        **StochasticSampler.statistic_names,
        "scale": "scale t of the local entropy in the next outer step",
        "coupling": "coupling to the centre in the next step",
    }

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any = np.inf,
        *,
        replicas: int,
        step_size: Any,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        same_start: bool = True,
    ):
        self.replicas = whole_number("replicas", replicas)
        super().__init__(
            landscape, beta, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates,
            samples=samples,
        )  # fmt: skip
        rows = None if self.batches.samples is None else len(self.batches.samples)
        if self.dims and rows not in (None, self.replicas):
            raise ArgumentError(f"samples: got {rows} rows; one for each of the {self.replicas} replicas is needed")
        self.same_start = flag("same_start", same_start)
        if self.dims:
            self.coords = {"replica": np.arange(self.replicas)}

    def step(self, state: Any, n: int) -> tuple[Any, Any]:
        """Advance by n gradients of every replica; returns the state, its arrays reused, and what happened."""
        state, info = super().step(state, sweep_count(n))
        return state, self.info(self._by_replica(info.gradient_norm))

    def energy(self, state: Any) -> np.ndarray:
        """Energy of all data at x, (chains, replicas) float64; (chains,) without the dim. The state's own memory."""
        return self._by_replica(state.energy)

    def recompute_energy(self, state: Any) -> np.ndarray:
        """The same from scratch."""
        return self._by_replica(self.landscape.energy(state.x))

    def observables(self, state: Any) -> dict[str, np.ndarray]:
        """Those of the landscape at x, `energy`, `centre_energy`, `spread`: each (chains, replicas) float64.

        The last two are numbers of a chain, the same for each replica; they are left out without the dim.
        """
        values = {name: self._by_replica(value) for name, value in super().observables(state).items()}
        if self.dims:
            centre = self.weights(state)
            away = state.x.reshape(len(centre), self.replicas, -1) - centre[:, None]
            spread = np.einsum("cai,cai->c", away, away) / self.replicas
            for name, value in (("centre_energy", self.landscape.energy(centre)), ("spread", spread)):
                values[name] = np.repeat(value[:, None], self.replicas, axis=1)
        return values

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return {**super().attributes(), **(OBSERVED if self.dims else {})}

    def statistics(self, state: Any) -> dict[str, np.ndarray]:
        """`step_size`, `epoch`, `sample_gradients` of a chain, and the scale and coupling that are next.

        Each (chains, replicas) float64; (chains,) without the dim.
        """
        values = {**super().statistics(state), **self._strengths(int(state.sweep), state.beta.shape)}
        return {name: self._by_replica(value) for name, value in values.items()}

    def weights(self, state: Any) -> np.ndarray:
        """The centre, (chains, dim) float64: the mean of the replicas."""
        return self._means(state.x)

    def sample_gradients(self, sweep: int) -> int:
        """Gradients of single samples that all replicas of a chain have taken by `sweep`."""
        return self.replicas * super().sample_gradients(sweep)

    def _strengths(self, sweep: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """`scale` and `coupling`, those there are, in step `sweep`."""
        raise NotImplementedError

    def _fresh(self, chains: int | Sequence[int], seed: int) -> dict[str, np.ndarray]:
        """The fields that every state has, by name, at the start: all of them by lane."""
        chain = chain_ids(chains)
        lane = (chain.astype(np.int64)[:, None] * self.replicas + np.arange(self.replicas)).reshape(-1)
        if lane.max() >= 2**32:
            raise ArgumentError(
                f"chains: got id {chain.max()}; ids below 2**32 / {self.replicas} are needed with {self.replicas} "
                "replicas"
            )
        fields = super()._fresh(chain.tolist(), seed)
        for name in ("x", "energy", "beta", "step_size"):
            fields[name] = np.repeat(fields[name], self.replicas, axis=0)
        fields["chain"] = lane.astype(np.uint32)
        if not self.same_start:
            apart = SmoothSampler(self.landscape, step_size=1.0)._fresh(lane.tolist(), seed)
            fields |= {"x": apart["x"], "energy": apart["energy"]}
        return fields

    def _means(self, x: np.ndarray) -> np.ndarray:
        """Mean over the replicas of each chain, (chains, dim)."""
        out = np.empty((len(x) // self.replicas, x.shape[1]))
        replica_means(x, out)
        return out

    def _by_replica(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, self.replicas) if self.dims else values
