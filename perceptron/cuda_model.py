"""Perceptrons on a CUDA device: the same landscapes, their weights and stabilities CuPy arrays, their sweeps kernels.

A state differs from the CPU's in `spins`, `planes` and `stability` alone, which stay on the device; energies and all
else of size (chains,) are NumPy arrays, so samplers run on it unchanged. Sweeps make the decisions of the CPU's, bit
for bit, whatever the device. What is recomputed from the weights alone is recomputed on the host.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from mcmc.device import Device, resolve, to_host
from mcmc.errors import ArgumentError, LandscapeError
from mcmc.random import split_seed
from perceptron.acceptance import HEAT_BATH, METROPOLIS, Acceptances
from perceptron.coupled import Replicated, WithReference
from perceptron.flips import REJECTION_FREE, FlipLandscape
from perceptron.landscape import BinaryPerceptron, SymmetricPerceptron
from perceptron.layout import PerceptronState
from perceptron.packing import words_for

MOST = 2**30
"""Most weights, and most stabilities, of a chain: kernels count them in 32 bits."""


def device_model(model: FlipLandscape, device: str | Device = "cuda") -> FlipLandscape:
    """The same landscape on the device: `model` itself for "cpu", else its twin on "cuda" or "cuda-simulator".

    `model` is a BinaryPerceptron, SymmetricPerceptron, WithReference or Replicated; make the couplings first. Updates
    of the twin: metropolis, heat_bath. Raises ArgumentError for another model or name, DeviceError with the install
    command where the device is not there.
    """
    if device == "cpu":
        return model
    twin = TWINS.get(type(model))
    if twin is None:
        known = ", ".join(sorted(kind.__name__ for kind in TWINS))
        raise ArgumentError(f"model: got {type(model).__name__}; one of {known} is needed")
    return twin(model, device)


class OnDevice(FlipLandscape):
    """What the landscapes on a device share; `device_model` makes them."""

    updates = (METROPOLIS, HEAT_BATH)

    def __init__(self, model: FlipLandscape, device: str | Device):
        # The twin has all that the model has; nothing of it is made anew.
        self.__dict__.update(model.__dict__)
        most = max(self.sites, self.replicas * self.patterns.p)
        if most > MOST:
            raise LandscapeError(
                f"model: {self.replicas} replicas of n = {self.patterns.n} and p = {self.patterns.p} are more than the "
                f"{MOST} weights or stabilities of a chain on a device; use the device cpu"
            )
        processor = resolve(device)
        from perceptron.kernels import cuda

        self._kernels: Any = cuda
        self.device = replace(processor, threads=min(processor.threads, cuda.THREADS))
        self._put_tables: dict[str, tuple[np.ndarray, Any]] = {}
        self._twin_of = type(model).__name__

    def identity(self) -> dict[str, str | int | float]:
        """That of the model on the CPU, whose draws are the same."""
        return {**super().identity(), "landscape": self._twin_of}

    def refusal(self, update: str) -> str:
        """Why this landscape cannot serve an update, and what to use instead."""
        if update == REJECTION_FREE:
            served = ", ".join(self.updates)
            return f"update {update!r}: does not run on {self.device.name}, which has {served}; use the device cpu"
        return super().refusal(update)

    def on_host(self, state: PerceptronState) -> PerceptronState:
        """The state as the model on the CPU has it; arrays of (chains,) are the state's own."""
        weights, planes, stability = (to_host(array) for array in (state.spins, state.planes, state.stability))
        return state._replace(spins=weights, planes=planes, stability=stability)

    def weights(self, state: PerceptronState) -> np.ndarray:
        """Weights, (chains, n) int8, or (chains, replicas, n) where there are replicas, on the host."""
        return super().weights(state._replace(spins=to_host(state.spins)))

    def energy(self, state: PerceptronState) -> np.ndarray:
        """Energy recomputed from the weights alone, (chains,) float64."""
        return super().energy(state._replace(spins=to_host(state.spins)))

    def delta_energy(self, state: PerceptronState, site: int, proposal: np.ndarray) -> np.ndarray:
        """Slow oracle: change of `energy`, (chains,) float64, if weight `site` took the values `proposal`."""
        return super().delta_energy(state._replace(spins=to_host(state.spins)), site, proposal)

    def _state(self, rows: np.ndarray, ids: np.ndarray, seed: int) -> PerceptronState:
        state, put = super()._state(rows, ids, seed), self.device.put
        # One chain's weights stand together.
        weights = put(np.ascontiguousarray(state.spins.T)).T
        return state._replace(spins=weights, planes=put(state.planes), stability=put(state.stability))

    def _mean_weight(self, state: PerceptronState, direction: np.ndarray | None) -> np.ndarray:
        weights = state.spins.reshape(self.replicas, self.patterns.n, -1)
        if direction is not None:
            weights = weights * self.device.put(direction)[None, :, None]
        return to_host(weights.sum(axis=(0, 1), dtype=np.int64)) / self.sites

    def _run(
        self, state: PerceptronState, acceptance: Acceptances, rows: np.ndarray, sweeps: int, update: str
    ) -> np.ndarray:
        chains, couplings, view, put = state.energy.size, self._couplings, self.device.view, self.device.put
        # A state read back from a file may not hold one chain's weights together, as the kernel wants them.
        in_order = state.spins.T.flags.c_contiguous
        spins = state.spins.T if in_order else self.device.arrays.ascontiguousarray(state.spins.T)
        fits, shared = self._shared_memory()
        masks = 1 if fits or couplings.gaussian else 2 * self.replicas * int(couplings.used)
        counts = put(np.zeros((chains, 3), np.int64))
        arrays = (
            spins, self._total_on_device(spins), self._by_chain(state.planes, np.uint32),
            self._by_chain(state.stability, np.float64), self.device.arrays.empty((chains, masks), np.uint32),
            put(state.chain), self._table(acceptance), put(rows),
        )  # fmt: skip
        numbers = acceptance.table.shape[1], acceptance.lowest, acceptance.fields, self.partners, self.replicas
        self.device.launch(
            self._kernels.run_sweeps, chains, couplings, *map(view, arrays), *map(np.int32, numbers),
            self.visit == "random", fits, self._stream(update), int(state.sweep), sweeps, *split_seed(int(state.seed)),
            view(counts), shared=shared,
        )  # fmt: skip
        if not in_order:
            state.spins[...] = spins.T
        return to_host(counts)

    def _total_on_device(self, spins: Any) -> Any:
        """Sum of the coupled weights, (chains, n) int16; without coupling one entry that nothing reads."""
        if not self.partners:
            return self.device.arrays.zeros((spins.shape[0], 1), np.int16)
        return spins.reshape(spins.shape[0], self.replicas, -1).sum(axis=1, dtype=np.int16)

    def _shared_memory(self) -> tuple[bool, int]:
        """Whether the stabilities of a chain fit into shared memory, and the bytes of it that a block takes."""
        layout = self._couplings
        if layout.gaussian:
            least, needed = 0, 8 * self.replicas * int(layout.p)
        else:
            least = 4 * self.replicas
            needed = least + 4 * self.replicas * (2 * int(layout.used) + int(layout.words) * int(layout.bits))
        fits = needed <= self._kernels.SHARED_BYTES
        return fits, max(needed if fits else least, 8)

    def _by_chain(self, array: Any, dtype: Any) -> Any:
        """An array (chains, ...) as kernels take it, its bytes as (chains, entries) of `dtype`, never of size zero."""
        if array.size == 0:
            return self.device.arrays.zeros((array.shape[0], 1), dtype)
        return array.reshape(array.shape[0], -1).view(dtype)

    def _table(self, acceptance: Acceptances) -> Any:
        """The acceptance table on the device; it is put there again when the host has another."""
        known, put = self._put_tables.get(acceptance.rule, (None, None))
        if known is not acceptance.table:
            put = self.device.put(acceptance.table.reshape(-1))
            self._put_tables[acceptance.rule] = acceptance.table, put
        return put

    @cached_property
    def _couplings(self) -> Any:
        host = self.layout.couplings

        def put(array: np.ndarray) -> Any:
            flat = np.ascontiguousarray(array).reshape(-1)
            return self.device.view(self.device.put(flat if flat.size else np.zeros(1, flat.dtype)))

        used = 0 if host.gaussian else 2 * words_for(host.p) - int(0 < host.p % 64 <= 32)
        words = 2 * host.words
        columns = host.columns.reshape(-1, max(host.words, 1)).astype("<u8", copy=False).view(np.uint32)
        valid = host.valid.astype("<u8", copy=False).view(np.uint32)
        entries = host.entries.T if host.gaussian else np.zeros(1)
        return self._kernels.DeviceCouplings(
            put(columns[:, :used].T), put(valid[:used]), put(entries),
            *map(np.int32, (host.n, host.p, used, words, host.bits, host.kind, host.gaussian, host.upper)),
            host.least, host.most,
        )  # fmt: skip


class CudaBinaryPerceptron(OnDevice, BinaryPerceptron):
    """BinaryPerceptron on a device."""


class CudaSymmetricPerceptron(OnDevice, SymmetricPerceptron):
    """SymmetricPerceptron on a device."""


class CudaWithReference(OnDevice, WithReference):
    """WithReference on a device."""

    def _total_on_device(self, spins: Any) -> Any:
        return spins.astype(np.int16) + self.device.put(self.reference.astype(np.int16))


class CudaReplicated(OnDevice, Replicated):
    """Replicated on a device."""

    def observables(self, state: PerceptronState) -> dict[str, np.ndarray]:
        """See Replicated; energies of single replicas and of the centre are computed on the host."""
        host = self.on_host(state)
        return super().observables(state._replace(planes=host.planes, stability=host.stability))


TWINS: dict[type, Any] = {
    BinaryPerceptron: CudaBinaryPerceptron,
    SymmetricPerceptron: CudaSymmetricPerceptron,
    WithReference: CudaWithReference,
    Replicated: CudaReplicated,
}
