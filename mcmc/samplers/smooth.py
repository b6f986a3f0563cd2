"""What the samplers on smooth landscapes share: where they start, and what is read from their state.

Two optional methods of a landscape are used where it has them: `initial_x(chain, seed)` -> (chains, dim),
else chains start from standard normals; `observables(x)` -> dict of (chains,), else the energy alone is
observed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape, chain_ids, inverse_temperatures
from mcmc.random import split_seed
from mcmc.samplers.integrators import fill_normals
from mcmc.samplers.landscape_calls import energy_at, start_at
from mcmc.samplers.number_checks import positive_per_chain


class SmoothSampler:
    """Chains x (chains, dim) on a smooth landscape; subclasses say how a step goes."""

    dims: tuple[str, ...] = ()
    stationary = True
    temperature_fields: ClassVar[tuple[str, ...]] = ("beta", "step_size")
    """Fields of the state that belong to a temperature, and move with it between chains."""

    def __init__(self, landscape: SmoothLandscape, beta: Any = 1.0, *, step_size: Any):
        if not isinstance(landscape, SmoothLandscape):
            raise ArgumentError(f"landscape: got {type(landscape).__name__}; a SmoothLandscape is needed")
        self.step_size = positive_per_chain("step_size", step_size)
        positive_per_chain("beta", beta, infinite=True, why=" by the noise")
        self.landscape = landscape
        self.beta = beta
        self.coords: dict[str, np.ndarray] = {}

    def energy(self, state: Any) -> np.ndarray:
        """Total energy, (chains,) float64; the state's own array."""
        return state.energy

    def recompute_energy(self, state: Any) -> np.ndarray:
        """Total energy from scratch, (chains,) float64."""
        return self.landscape.energy(state.x)

    def observables(self, state: Any) -> dict[str, np.ndarray]:
        """The landscape's observables at x, or the energy alone; each (chains,) float64."""
        measure = getattr(self.landscape, "observables", None)
        measured = {} if measure is None else measure(state.x)
        return {**measured, "energy": state.energy.copy()}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        if hasattr(self.landscape, "observables"):
            return self.landscape.observable_attributes()  # type: ignore[attr-defined]
        return {"energy": {"long_name": "total energy", "units": "1"}}

    def _fresh(self, chains: int | Sequence[int], seed: int) -> dict[str, np.ndarray]:
        """The fields that every state has, by name, at the start."""
        chain = chain_ids(chains)
        keys = split_seed(seed)
        if hasattr(self.landscape, "initial_x"):
            x = start_at(self.landscape, chain, seed)
        else:
            x = np.empty((chain.size, self.landscape.dim))
            fill_normals(x, chain, *keys)
        if self.step_size.size not in (1, chain.size):
            raise ArgumentError(f"step_size: got {self.step_size.size}; one number, or one per chain, is needed")
        beta = inverse_temperatures(self.beta, chain.size).copy()
        step_size = np.array(np.broadcast_to(self.step_size, chain.size))
        energy = energy_at(self.landscape, x).copy()
        return {
            "x": x,
            "energy": energy,
            "beta": beta,
            "step_size": step_size,
            "sweep": np.zeros((), np.int64),
            "chain": chain,
            "seed": np.array(seed, np.uint64),
        }
