"""A user's own spins: the physics as a few @njit functions, the sweeps compiled around them.

The 3-state Potts model on a 3 x 3 torus, complete:

    import numpy as np
    from numba import njit

    from mcmc.landscapes.custom import CustomLandscape

    L = 3
    grid = np.arange(L * L).reshape(L, L)
    shifts = [(1, 0), (1, 1), (-1, 0), (-1, 1)]
    neighbours = np.stack([np.roll(grid, s, axis).ravel() for s, axis in shifts], axis=1)

    @njit
    def energy(spins, neighbours):
        total = 0.0
        for site in range(spins.size):
            for other in neighbours[site]:
                total -= 0.5 * (spins[site] == spins[other])
        return total

    @njit
    def delta_energy(spins, site, new, neighbours):
        change = 0.0
        for other in neighbours[site]:
            change += (spins[site] == spins[other]) - (new == spins[other])
        return change

    @njit
    def propose(old, width, u0, u1):
        return (old + 1 + int(2 * u0)) % 3

    @njit
    def initial(u):
        return int(3 * u)

    potts = CustomLandscape(L * L, energy, propose, initial, delta_energy=delta_energy,
                            parameters=neighbours, dtype=np.int8)

Every sampler that needs only the `metropolis` update then runs on it: Metropolis, tempering over it,
annealing, quench.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core.errors import NumbaError

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SpinState, SweepInfo, chain_ids, inverse_temperatures
from mcmc.landscapes.custom_kernels import compile_kernels, compile_measure
from mcmc.random import split_seed

if TYPE_CHECKING:
    from mcmc.landscapes.custom_coupled import CustomWithReference


class CustomLandscape:
    """Spins with one number per site, defined by functions; a SpinLandscape with the `metropolis` update.

    Functions (plain Python is compiled; `spins` is one chain's configuration, shape (sites,)):

    - `energy(spins, parameters) -> float`: total energy.
    - `propose(old, width, u0, u1) -> new`: a new value from two independent uniforms in (0, 1). It must be
      symmetric: b from a as likely as a from b. `width` is tuned by Metropolis; ignore it for discrete
      spins. Sites are visited in order, so let discrete proposals keep some randomness: flips that are
      certain would make a sweep at infinite temperature a fixed permutation.
    - `initial(u) -> value`: a random starting value from one uniform.
    - `delta_energy(spins, site, new, parameters) -> float`, optional: the energy change if spins[site] became
      new. Left out, it is the difference of two energies: correct, and `sites` times slower.
    - `observables`: name -> `function(spins, parameters) -> float`; `energy` is always there.

    `parameters` is anything Numba takes: an array, or a named tuple of arrays and numbers; `dtype` is that of
    the spins, `values` how many values a discrete spin takes (the local entropy counts with it; None: not known),
    and `width_limits` bound the tuning of `width`. A NaN energy change makes the carried energy
    NaN, so that `sample` stops there; +infinity is a wall. Raises ArgumentError for wrong arguments,
    LandscapeError for functions that do not compile.
    """

    updates = ("metropolis",)

    def __init__(
        self,
        sites: int,
        energy: Callable,
        propose: Callable,
        initial: Callable,
        *,
        delta_energy: Callable | None = None,
        observables: Mapping[str, Callable] | None = None,
        parameters: Any = (),
        dtype: Any = np.float64,
        values: int | None = None,
        width_limits: tuple[float, float] = (1e-6, 1e6),
    ):
        if isinstance(sites, bool) or not isinstance(sites, (int, np.integer)) or not 1 <= sites < 2**32:
            raise ArgumentError(f"sites: got {sites!r}; a whole number from 1 to 2**32 - 1 is needed")
        named = {"energy": energy, "propose": propose, "initial": initial, **(observables or {})}
        for name, function in named.items():
            if not callable(function):
                raise ArgumentError(f"{name}: got {function!r}; a function that Numba can compile is needed")
        if observables and "energy" in observables:
            raise ArgumentError("observables: 'energy' is always measured; give the others other names")
        if values is not None and (isinstance(values, bool) or not isinstance(values, (int, np.integer)) or values < 2):
            raise ArgumentError(f"values: got {values!r}; the number of values of a spin, 2 or more, or None is needed")
        self.sites = int(sites)
        self.values = None if values is None else int(values)
        self.parameters = parameters
        self.dtype = np.dtype(dtype)
        self.width_limits = tuple(width_limits)
        self.functions = energy, delta_energy, propose
        self.kernels = compile_kernels(energy, delta_energy, propose, initial)
        self.measures = {name: compile_measure(f) for name, f in (observables or {}).items()}

    def init(self, chains: int | Sequence[int], seed: int) -> SpinState:
        """Random spins, shape (sites, chains), from `initial`; see SpinLandscape."""
        chain = chain_ids(chains)
        k0, k1 = split_seed(seed)
        spins = np.empty((self.sites, chain.size), dtype=self.dtype)
        self.call("initial", self.kernels["fill"], spins, chain, k0, k1)
        total = np.empty(chain.size)
        self.call("energy", self.kernels["energies"], spins, self.parameters, total)
        return SpinState(spins, total, np.zeros((), np.int64), chain, np.array(seed, np.uint64))

    def energy(self, state: SpinState) -> np.ndarray:
        """Total energy recomputed from scratch, (chains,) float64."""
        total = np.empty(state.energy.size)
        self.call("energy", self.kernels["energies"], state.spins, self.parameters, total)
        return total

    def delta_energy(self, state: SpinState, site: int, proposal: np.ndarray) -> np.ndarray:
        """Energy change, (chains,), if `site` took the value `proposal` (one per chain)."""
        if not 0 <= site < self.sites:
            raise ArgumentError(f"site: got {site}; sites are numbered 0 to {self.sites - 1}")
        new = np.ascontiguousarray(np.broadcast_to(proposal, state.energy.shape), dtype=self.dtype)
        change = np.empty(state.energy.size)
        self.call("delta_energy", self.kernels["changes"], state.spins, site, new, self.parameters, change)
        return change

    def sweep(
        self,
        state: SpinState,
        beta: np.ndarray,
        sweeps: int,
        update: str = "metropolis",
        *,
        width: np.ndarray | None = None,
        over_relaxation: int = 0,
    ) -> SweepInfo:
        """Visit every site in order, `sweeps` times, in place; see SpinLandscape."""
        if update not in self.updates:
            raise LandscapeError(f"update: got {update!r}; a CustomLandscape has only 'metropolis'")
        if over_relaxation:
            raise LandscapeError(f"over_relaxation: got {over_relaxation}; a CustomLandscape takes only 0")
        chains = state.energy.size
        beta = inverse_temperatures(beta, chains)
        scale = np.array(np.broadcast_to(1.0 if width is None else width, chains), np.float64)
        counts = np.zeros((2, chains), np.int64)
        drift = np.zeros(chains)
        k0, k1 = split_seed(int(state.seed))
        self.call(
            "propose", self.kernels["sweep"], state.spins, state.energy, state.sweep, sweeps, beta, scale,
            state.chain, k0, k1, self.parameters, counts, drift,
        )  # fmt: skip
        return SweepInfo(counts[0] / max(1, sweeps * self.sites), drift, counts[1])

    def with_reference(self, reference: Any) -> "CustomWithReference":
        """The landscape pulled to a reference, (sites,) of the spins' values; see mcmc.landscape.CoupledLandscape.

        Raises ArgumentError for another shape, or entries that the spins' dtype cannot hold.
        """
        from mcmc.landscapes.custom_coupled import CustomWithReference

        return CustomWithReference(self, reference)

    def observables(self, state: SpinState) -> dict[str, np.ndarray]:
        """The energy and the user's observables, each (chains,) float64."""
        values = {"energy": state.energy.copy()}
        for name, measure in self.measures.items():
            values[name] = np.empty(state.energy.size)
            self.call(name, measure, state.spins, self.parameters, values[name])
        return values

    def observable_attributes(self) -> dict[str, dict[str, str]]:
        """`long_name` and `units` of each observable."""
        names = {"energy": "total energy", **{name: name.replace("_", " ") for name in self.measures}}
        return {name: {"long_name": text, "units": "1"} for name, text in names.items()}

    @staticmethod
    def call(name: str, kernel: Callable, *arguments: Any) -> Any:
        """The kernel's answer. Raises LandscapeError with Numba's reason, blaming `name`, if it does not compile."""
        try:
            return kernel(*arguments)
        except NumbaError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in lines if not line.startswith("Failed in")), "no reason given")
            raise LandscapeError(f"{name}: Numba could not compile it or its callees: {reason}") from error
