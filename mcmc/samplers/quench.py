"""Zero-temperature quench: every spin goes downhill until the energy gains nothing more.

Where the landscape has the update `align`, each spin is put parallel to its local field, the heat bath at zero
temperature; else Metropolis at beta = infinity, its width tuned all along. A chain settles when a block of sweeps
lowers its energy by no more than the tolerance; it then stays as it is, whatever its neighbours do. The configuration
is a local minimum up to the tolerance (for Metropolis: no proposal found a way down), not the ground state.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import ChainSelection, SpinLandscape, SpinState
from mcmc.samplers.adaptation import BLOCK, blocks, rescale
from mcmc.samplers.sweeping import require_spin_landscape, require_update, sweep_count


class QuenchState(NamedTuple):
    """State of the chains."""

    spins: SpinState
    """The landscape's configuration."""
    beta: np.ndarray
    """(chains,) float64: infinity."""
    reference: np.ndarray
    """(chains,) float64: total energy when the block under way began."""
    settled: np.ndarray
    """(chains,) int64: sweep at which the chain settled, -1 before."""
    width: np.ndarray
    """(chains,) float64: Metropolis proposal width; unused by `align`."""
    block_accepted: np.ndarray
    """(chains,) int64: proposals accepted in the block under way."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number."""
        return self.spins.sweep


class QuenchInfo(NamedTuple):
    """What happened during a call."""

    settled: np.ndarray
    """(chains,) bool: settled by now."""
    gain: np.ndarray
    """(chains,) float64: energy lost, >= 0 up to rounding."""


class Quench:
    """Quench from a random configuration; `tolerance` is energy per site and block of sweeps.

    `step` goes on as long as asked, at no cost once `finished`. Raises ArgumentError for a negative tolerance,
    LandscapeError for a landscape with neither update.
    """

    dims: tuple[str, ...] = ()
    stationary = False

    def __init__(self, landscape: SpinLandscape, *, tolerance: float = 1e-7):
        require_spin_landscape(landscape)
        self.update = "align" if "align" in landscape.updates else "metropolis"
        require_update(landscape, self.update)
        if not 0 <= tolerance < np.inf:
            raise ArgumentError(f"tolerance: got {tolerance}; an energy per site from 0 up is needed")
        self.landscape = landscape
        self.tolerance = float(tolerance) * landscape.sites
        self.limits = tuple(float(w) for w in getattr(landscape, "width_limits", (1e-6, 1e6)))
        self.coords: dict[str, np.ndarray] = {}

    def init(self, chains: int | Sequence[int], seed: int) -> QuenchState:
        """Random configurations; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        spins = self.landscape.init(chains, seed)
        count = spins.energy.size
        width = np.full(count, min(max(1.0, self.limits[0]), self.limits[1]))
        return QuenchState(
            spins,
            np.full(count, np.inf),
            spins.energy.copy(),
            np.full(count, -1, np.int64),
            width,
            np.zeros(count, np.int64),
        )

    def step(self, state: QuenchState, n: int) -> tuple[QuenchState, QuenchInfo]:
        """Advance by n sweeps; returns the state, its arrays reused, and what happened."""
        before = state.spins.energy.copy()
        for length, complete in blocks(int(state.sweep), sweep_count(n)):
            active = np.flatnonzero(state.settled < 0)
            self._descend(state, active, length)
            if complete:
                self._settle(state, active)
        return state, QuenchInfo(state.settled >= 0, before - state.spins.energy)

    def thermalize(self, state: QuenchState, n: int) -> tuple[QuenchState, QuenchInfo]:
        """The same as `step`."""
        return self.step(state, n)

    def finished(self, state: QuenchState) -> bool:
        """Whether every chain has settled."""
        return bool((state.settled >= 0).all())

    def energy(self, state: QuenchState) -> np.ndarray:
        """Total energy as carried, (chains,) float64; the state's own array."""
        return state.spins.energy

    def recompute_energy(self, state: QuenchState) -> np.ndarray:
        """Total energy from scratch, (chains,) float64."""
        return self.landscape.energy(state.spins)

    def observables(self, state: QuenchState) -> dict[str, np.ndarray]:
        """The landscape's observables, each (chains,) float64."""
        return self.landscape.observables(state.spins)

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return self.landscape.observable_attributes()

    def statistics(self, state: QuenchState) -> dict[str, np.ndarray]:
        """`settled_at`, (chains,) float64: the sweep at which the chain settled, NaN before."""
        return {"settled_at": np.where(state.settled >= 0, state.settled, np.nan)}

    def _descend(self, state, active, length):
        """Sweep the chains that have not settled; the clock runs for all."""
        spins = state.spins
        if active.size == 0:
            np.add(spins.sweep, length, out=spins.sweep)
            return
        everyone = active.size == spins.energy.size
        part = spins if everyone else self._chosen(spins, active)
        info = self.landscape.sweep(part, state.beta[active], length, self.update, width=state.width[active])
        state.block_accepted[active] += np.rint(info.acceptance * (length * self.landscape.sites)).astype(np.int64)
        if not everyone:
            self._put_back(spins, part, active)

    def _settle(self, state, active):
        """At the end of a block: who stops, and how far the others reach from now on."""
        sweep = int(state.sweep)
        done = state.reference[active] - state.spins.energy[active] <= self.tolerance
        state.settled[active[done]] = sweep
        np.copyto(state.reference, state.spins.energy)
        attempted = BLOCK * self.landscape.sites
        rescale(state.width, state.block_accepted, attempted, 0.3, sweep // BLOCK, *self.limits)

    def _chosen(self, spins, active):
        """Copy of some chains; the clock is shared."""
        if isinstance(self.landscape, ChainSelection):
            return self.landscape.chosen(spins, active)
        values = spins.spins[..., active].copy()
        return SpinState(values, spins.energy[active], spins.sweep, spins.chain[active], spins.seed)

    def _put_back(self, spins, part, active):
        if isinstance(self.landscape, ChainSelection):
            self.landscape.put_back(spins, part, active)
            return
        spins.spins[..., active] = part.spins
        spins.energy[active] = part.energy
