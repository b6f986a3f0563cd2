"""The XY model on a CUDA device: the same spin landscape, its spins a CuPy array, its sweeps grid kernels.

A state differs from the CPU's in `spins` alone, which stays on the device; energies and everything else of size
(chains,) are NumPy arrays, so samplers run on it unchanged. The same seed draws the same random numbers; spins agree
with the CPU's to float32 rounding a sweep, and over long runs statistically. On one kind of device results are the
same bits for any number of chains beside, split into calls and stop.
"""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from mcmc.device import Device, resolve, to_host
from mcmc.errors import LandscapeError
from mcmc.landscape import SpinState, SweepInfo
from mcmc.landscapes.graphs import Graph
from mcmc.landscapes.xy import observe
from mcmc.landscapes.xy.cpu import METROPOLIS
from mcmc.landscapes.xy.layout import Rows
from mcmc.landscapes.xy.model import PLAN, RENORMALISE_EVERY, XYModel
from mcmc.random import split_seed

UPDATES = ("metropolis", "over_relaxation", "align")
# Whole numbers of 1/scale up to 2^52 are float64 numbers, with a bit to spare for spins that are not quite unit length.
FIXED_POINT_BITS = 52


class CudaXYModel(XYModel):
    """XYModel whose sweeps, energies and observables run on `device`, "cuda" or "cuda-simulator".

    Updates: metropolis, over_relaxation, align. Not a SmoothLandscape: functions of angles stay on the CPU. Raises
    LandscapeError for the complete graph, DeviceError with the install command where the device is not there.
    """

    # The protocol's way to say that the angles have no gradient here.
    gradient = None  # type: ignore[assignment]

    def __init__(
        self, graph: Graph, coupling=1.0, field: float = 0.0, phase=None, seed: int = 0, device: str | Device = "cuda"
    ):
        if graph.complete:
            raise LandscapeError(
                f"graph: all sites of {graph.name} are neighbours, so no two can be updated at once; use the device cpu"
            )
        super().__init__(graph, coupling, field, phase, seed)
        self.device = resolve(device)
        from mcmc.landscapes.xy import cuda

        self._kernels: Any = cuda
        self._most_blocks: dict[Any, int] = {}
        self.updates = UPDATES

    def refusal(self, update: str) -> str:
        """Why this model cannot serve an update, and what to use instead."""
        if update in (*PLAN, "wolff"):
            served = ", ".join(UPDATES)
            return f"update {update!r}: does not run on {self.device.name}, which has {served}; use the device cpu"
        return super().refusal(update)

    def angles(self, state: SpinState) -> np.ndarray:
        """Angles in (-pi, pi], (chains, sites) float64, on the host."""
        return super().angles(state._replace(spins=to_host(state.spins)))

    def energy(self, state: SpinState | np.ndarray, batch=None) -> np.ndarray:
        """Total energy from scratch, (chains,) float64, of a state or of angles (chains, sites)."""
        if isinstance(state, tuple):
            return self._fixed_energy(*self._cos_sin(state.spins), state.energy.size) / self._energy_scale
        return super().energy(state)

    def observables(self, state: SpinState | np.ndarray) -> dict[str, np.ndarray]:
        """Totals measured in one pass, each (chains,) float64; see `observable_attributes`."""
        if not isinstance(state, tuple):
            state = self.state_from_angles(state)
        chains = state.energy.size
        scales, tables, tasks = self._observed
        totals = self.device.put(np.zeros((scales.size, chains), dtype=np.int64))
        cos, sin = self._cos_sin(state.spins)
        scale = self._on_device(scales)

        def arguments(first, lanes):
            return cos, sin, np.uint32(chains), *tables, first, lanes, scale, self.device.view(totals)

        self._launch(self._kernels.observe_edges, tasks, chains, arguments)
        sums = to_host(totals) / scales[:, None]
        out = sums[: observe.FIXED + 2 * len(self._directions)]
        out[observe.STRUCTURE] = (sums[len(out) :] ** 2).sum(axis=0) / self.sites
        return self._named(out)

    def _site_sweeps(self, state, beta, sweeps, plan, width) -> SweepInfo:
        chains = state.energy.size
        scale = self._energy_scale
        k0, k1 = split_seed(int(state.seed))
        cos, sin = self._cos_sin(state.spins)
        lanes_of = [self._on_device(values) for values in (state.chain, beta, width)]
        carried = np.rint(state.energy * scale).astype(np.int64)
        accepted, drift = np.zeros(chains, np.int64), np.zeros(chains, np.int64)
        sweep, end = int(state.sweep), int(state.sweep) + sweeps
        while sweep < end:
            length = min(RENORMALISE_EVERY - sweep % RENORMALISE_EVERY, end - sweep)
            totals = self.device.put(np.zeros((2, chains), dtype=np.int64))
            self._run_sweeps(plan, cos, sin, lanes_of, sweep, length, k0, k1, totals)
            change, moved = to_host(totals)
            carried += change
            accepted += moved
            sweep += length
            if sweep % RENORMALISE_EVERY == 0:
                self.device.launch(self._kernels.renormalise, cos.size, cos, sin)
                fresh = self._fixed_energy(cos, sin, chains)
                drift = np.maximum(drift, np.abs(fresh - carried))
                carried = fresh
        state.energy[:] = carried / scale
        moves = accepted if plan[0] == METROPOLIS else np.full(chains, sweeps * self.sites)
        return SweepInfo(moves / (max(sweeps, 1) * self.sites), drift / scale, moves)

    def _run_sweeps(self, plan, cos, sin, lanes_of, sweep, length, k0, k1, totals) -> None:
        chain, beta, width = lanes_of
        pointer = self.layout.colour_pointer
        half, rows = self._half_row, self._rows

        def arguments(first, lanes):
            return (
                int(plan[0]), len(plan) - 1, rows, self._colour_pointer, half, cos, sin, chain, np.uint32(chain.size),
                first, lanes, beta, width, sweep, length, k0, k1, *self._constants, self._energy_scale,
                self.device.view(totals),
            )  # fmt: skip

        tasks = int(np.diff(pointer).max()) * int(half)
        self._launch(self._kernels.run_sweeps, tasks, chain.size, arguments, together=True)

    def _fixed_energy(self, cos, sin, chains) -> np.ndarray:
        """Total energy from scratch in whole numbers of 1/scale, (chains,) int64."""
        totals = self.device.put(np.zeros((1, chains), dtype=np.int64))
        rows = np.uint32(len(self.layout.rows.start))

        def arguments(first, lanes):
            return (
                self._rows, rows, self._half_row, cos, sin, np.uint32(chains), first, lanes, *self._constants,
                self._energy_scale, self.device.view(totals),
            )  # fmt: skip

        self._launch(self._kernels.total_energy, int(rows) * int(self._half_row), chains, arguments)
        return to_host(totals)[0]

    def _launch(self, kernel, tasks: int, chains: int, arguments: Callable, together: bool = False) -> None:
        """Run a kernel on all chains, as many at a time as there are threads."""
        if kernel not in self._most_blocks:
            everyone = arguments(np.uint32(0), np.uint32(chains))
            self._most_blocks[kernel] = self.device.most_blocks(kernel, everyone, together)
        threads, most = self.device.threads, self._most_blocks[kernel]
        for first in range(0, chains, most * threads):
            lanes = min(most * threads, chains - first)
            blocks = min(most, -(-tasks * lanes // threads))
            self.device.launch(kernel, blocks, *arguments(np.uint32(first), np.uint32(lanes)))

    def _state(self, angles, ids, seed) -> SpinState:
        state = super()._state(angles, ids, seed)
        return state._replace(spins=self.device.put(state.spins))

    def _cos_sin(self, spins) -> tuple[Any, Any]:
        """The two components of all spins as kernels take them, (slots * chains,) each."""
        flat = self.device.arrays.asarray(spins).reshape(2, -1)
        return self.device.view(flat[0]), self.device.view(flat[1])

    def _on_device(self, table: np.ndarray) -> Any:
        """A table for kernels: indices unsigned with -1 as the largest of them, and never of size zero."""
        values = np.ascontiguousarray(table)
        if values.size == 0:
            values = np.zeros((1,) * values.ndim, values.dtype)
        if values.dtype == np.int64:
            values = values.astype(np.uint32)
        return self.device.view(self.device.put(values))

    @cached_property
    def _rows(self) -> Rows:
        return Rows(*(self._on_device(table) for table in self.layout.rows))

    @cached_property
    def _colour_pointer(self) -> Any:
        return self._on_device(self.layout.colour_pointer)

    @cached_property
    def _half_row(self) -> np.uint32:
        return np.uint32((self.layout.rows.length.max() + 1) // 2)

    @cached_property
    def _energy_scale(self) -> float:
        return float(_scale(np.abs(self.bonds[2]).sum() + abs(self.field) * self.sites))

    @cached_property
    def _observed(self):
        """Scales of the sums, tables on the device, and the number of tasks."""
        first, second, strength, cos_phase, sin_phase, components, plaquettes, slot, wave = self._measured_bonds
        directions = len(self._directions)
        size = np.abs(strength)
        bounds = np.full(observe.FIXED + 2 * directions + 4, float(self.sites))
        bounds[observe.ENERGY] = size.sum()
        bounds[observe.NEIGHBOUR] = len(first)
        for d in range(directions):
            along = np.abs(components[:, d])
            bounds[observe.FIXED + 2 * d] = (size * along**2).sum()
            bounds[observe.FIXED + 2 * d + 1] = (size * along).sum()
        scales = np.array([_scale(bound) for bound in bounds])
        # Vortices are counted.
        scales[observe.VORTICES] = 1.0
        put = self._on_device
        tables = (
            np.uint32(self.sites), put(slot), put(wave), np.uint32(len(first)), put(first), put(second), put(strength),
            put(cos_phase), put(sin_phase), directions, put(components), np.uint32(len(plaquettes)), put(plaquettes),
        )  # fmt: skip
        return scales, tables, max(self.sites, len(first), len(plaquettes))


def _scale(bound: float) -> float:
    """The power of two by which sums up to `bound` are multiplied to be kept in whole numbers."""
    return math.ldexp(1.0, FIXED_POINT_BITS - math.frexp(bound)[1])
