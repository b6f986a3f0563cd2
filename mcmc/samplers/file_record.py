"""The record of `sample` on disk: a series file, and beside it the checkpoint from which the run goes on."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, StoreError
from mcmc.samplers.identity import alike, disorder, identity_attributes
from mcmc.samplers.recording import Layout
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint
from mcmc.store.provenance import Provenance
from mcmc.store.reader import open_run_file, read_attributes
from mcmc.store.writer import SeriesWriter

if TYPE_CHECKING:
    import xarray

BLOCK_BYTES = 2**18
ENERGY_TOLERANCE = 1e-3
"""Relative; far above rounding, far below the energy between two models."""
SHOWN_NUMBERS = 32
ABSENT = "left out"


class FileRecord:
    """Draws in `path`, states in `path` with the suffix .checkpoint."""

    def __init__(
        self, sampler: Any, plan: Any, layout: Layout, attributes: Mapping[str, Any], path: Path, provenance: Provenance
    ):
        self.sampler, self.plan, self.layout, self.attributes = sampler, plan, layout, dict(attributes)
        self.path, self.checkpoint = path, path.with_suffix(".checkpoint")
        self.provenance = provenance
        self.finished = False
        self.writer: SeriesWriter | None = None
        self.saved_at: int | None = None
        self.disorder = disorder(sampler)
        self.disorder_written = False
        row = sum(variable.dtype.itemsize * int(np.prod(variable.shape)) for variable in layout.series.values())
        self.rows = max(1, min(BLOCK_BYTES // row, 1024))
        self.block = {name: np.empty((self.rows, *v.shape), v.dtype) for name, v in layout.series.items()}
        self.filled = 0

    def open(self, state: Any) -> Any:
        """Create or open the file; returns the state to go on from, and sets `finished` when nothing is left to do.

        Raises StoreError when the file or checkpoint is of another run, or damaged.
        """
        if not self.path.exists():
            # A checkpoint whose file is gone describes draws that nobody has.
            self.checkpoint.unlink(missing_ok=True)
            self.writer = self._create()
            self._keep_disorder()
            return state
        found = read_attributes(self.path)
        self._compare(self.path, found)
        # A process killed between its last draw and `finish` leaves all draws, but statistics of an earlier sweep or
        # none at all, and a status that no later reader takes for the end.
        if found["status"] == "done" and int(found["n_committed"]) >= self.plan.draws:
            self._check_end(state)
            self.finished = True
            return state
        self.writer = SeriesWriter.open(self.path, self.provenance)
        try:
            if self.checkpoint.exists():
                state, said = load_checkpoint(self.checkpoint, state)
                self._compare(self.checkpoint, said)
                self._check_energy(state)
                self.saved_at = int(state.sweep)
            self.writer.rewind(self.plan.drawn(int(state.sweep)))
        except BaseException:
            self.writer.close()
            raise
        return state

    def __enter__(self) -> "FileRecord":
        return self

    def __exit__(self, *error: Any) -> None:
        if self.writer is not None:
            self.writer.__exit__(*error)

    def add(self, values: Mapping[str, Any]) -> None:
        """One draw."""
        for name, array in self.block.items():
            array[self.filled] = values[name]
        self.filled += 1
        if self.filled == self.rows:
            self._flush()

    def save(self, state: Any) -> None:
        """Draws and statistics to the disk, then the state that follows them."""
        assert self.writer is not None
        self._flush()
        self._put_disorder()
        statistics = self.sampler.statistics(state)
        for name in self.layout.statistics:
            self.writer.put(name, statistics[name])
        self.writer.commit()
        meta = {**self.attributes, "draws": self.writer.n_committed}
        save_checkpoint(self.checkpoint, state, meta, self.provenance)
        self.saved_at = int(state.sweep)

    def finish(self, complete: bool, seconds: Mapping[str, float]) -> None:
        """Close the file as done or stopped; the checkpoint stays, so that the run can be extended."""
        assert self.writer is not None
        self.writer.finish("done" if complete else "stopped", seconds)

    def where_to_resume(self) -> str:
        """For the message of an error."""
        if self.saved_at is None:
            return "no checkpoint was written yet"
        return f"the last good checkpoint is {self.checkpoint}, at sweep {self.saved_at}"

    def dataset(self) -> "xarray.Dataset":
        """The draws asked for, dims (chain, draw, ...)."""
        wanted = None if self.disorder is None else (*self.layout.series, *self.layout.statistics)
        return open_run_file(self.path, wanted).isel(draw=slice(0, self.plan.draws))

    def _create(self) -> SeriesWriter:
        layout = self.layout
        described = {name: layout.attributes.get(name, {}) for name in (*layout.series, *layout.statistics)}
        variables: dict[str, tuple] = {
            name: (("chain", "draw", *variable.dims[1:]), variable.dtype, described[name])
            for name, variable in layout.series.items()
        }
        variables |= {name: (dims, np.float64, described[name]) for name, dims in layout.statistics.items()}
        dims: dict[str, int | None] = {"chain": layout.lengths["chain"], "draw": None, **layout.lengths}
        attributes = {name: value for name, value in self.attributes.items() if name != "seed"}
        if self.disorder is not None:
            kept = {str(name): _as_constant(array) for name, array in self.disorder.data_vars.items()}
            lengths: dict[str, int | None] = {str(dim): length for dim, length in self.disorder.sizes.items()}
            if clash := sorted({*kept, *lengths} & {*variables, *dims}):
                raise ArgumentError(f"observe: {clash[0]} names a part of the landscape in the file; take another name")
            variables, dims = variables | kept, dims | lengths
            attributes = {str(name): value for name, value in self.disorder.attrs.items()} | attributes
        return SeriesWriter.create(
            self.path,
            dims=dims,
            coords=layout.coords,
            variables=variables,
            provenance=self.provenance,
            attributes=attributes,
        )

    def _keep_disorder(self) -> None:
        """On the disk before the first draw."""
        assert self.writer is not None
        if self.disorder is None:
            return
        try:
            self._put_disorder()
            self.writer.commit()
        except BaseException:
            self.writer.close()
            raise

    def _put_disorder(self) -> None:
        """Once a session: a process may have been killed between creating the file and its first commit."""
        assert self.writer is not None
        if self.disorder is not None and not self.disorder_written:
            for name, array in self.disorder.data_vars.items():
                self.writer.put(str(name), array.values)
            self.disorder_written = True

    def _flush(self) -> None:
        assert self.writer is not None
        if self.filled:
            self.writer.append({name: array[: self.filled] for name, array in self.block.items()})
            self.filled = 0

    def _compare(self, path: Path, found: Mapping[str, Any]) -> None:
        for name, wanted in self.attributes.items():
            if name not in found and "sampler" in found:
                raise StoreError(
                    f"{path}: does not say the {name} of its landscape, so it belongs to another one or to an older "
                    "version of this program; choose another path"
                )
            if name not in found:
                raise StoreError(f"{path}: was not written by sample(); choose another path")
            if not alike(name, found[name], wanted, self.attributes):
                then, now = _differing(found[name], wanted)
                raise StoreError(
                    f"{path}: was sampled with {name} {_short(then)}, this call has {_short(now)}; "
                    "use the same to resume or extend it, or choose another path"
                )

    def _check_end(self, state: Any) -> None:
        """The landscape of finished draws is this one, as far as a checkpoint tells: they do not depend on it."""
        try:
            state, said = load_checkpoint(self.checkpoint, state)
        except StoreError:
            return
        self._compare(self.checkpoint, said)
        self._check_energy(state)

    def _check_energy(self, state: Any) -> None:
        carried, recomputed = self.sampler.energy(state), self.sampler.recompute_energy(state)
        same = np.abs(carried - recomputed) <= ENERGY_TOLERANCE * (1.0 + np.abs(carried))
        if not same.all():
            at = tuple(np.argwhere(~same)[0])
            raise StoreError(
                f"{self.checkpoint}: its energy is {recomputed[at]:.9g} here and was {carried[at]:.9g} when written, "
                "so the landscape is another one; use the same, or choose another path"
            )


def _as_constant(array: "xarray.DataArray") -> tuple:
    return tuple(str(dim) for dim in array.dims), array.dtype, array.attrs


def _differing(then: Any, now: Any) -> tuple[Any, Any]:
    """Two values of an attribute; of two samplers only the numbers that differ, each with its name, and their types."""
    try:
        pair = json.loads(then), json.loads(now)
    except (TypeError, ValueError):
        return then, now
    first, second = (_named_numbers(value) for value in pair)
    if set(first) == set(second) == {""}:
        return then, now
    names = [name for name in {**first, **second} if first.get(name, ABSENT) != second.get(name, ABSENT)]
    texts = [[f"{name} {numbers.get(name, ABSENT)}" for name in names] for numbers in (first, second)]
    return ", ".join(texts[0]), ", ".join(texts[1])


def _named_numbers(value: Any, name: str = "") -> dict[str, Any]:
    """What is in a JSON value by its name, as `sampler.step_size`; a list is one."""
    if not isinstance(value, dict):
        return {name: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _named_numbers(item, f"{name}.{key}" if name else key)
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."


def sampling_attributes(sampler: Any, plan: Any, layout: Layout, seed: int) -> dict[str, Any]:
    """What must be the same for a run to be resumed, as attributes of its file, the landscape's identity among it."""
    said = {
        "seed": int(seed),
        "burn_in": plan.burn_in,
        "thin": plan.thin,
        "sampler": json.dumps(described(sampler)),
        "observables": " ".join(sorted(layout.series)),
        "chains": json.dumps(described(layout.chain)),
    }
    return said | identity_attributes(sampler, said)


def described(value: Any) -> Any:
    """A sampler and its arguments as JSON; long arrays by checksum, landscapes by name and size."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.size <= SHOWN_NUMBERS:
            return value.tolist()
        return {"shape": list(value.shape), "crc32": zlib.crc32(np.ascontiguousarray(value).tobytes())}
    if isinstance(value, (tuple, list)):
        return [described(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    name = {"type": type(value).__name__}
    if hasattr(value, "step"):
        fields = {key: item for key, item in sorted(vars(value).items()) if not key.startswith("_")}
        return name | {key: described(item) for key, item in fields.items()}
    return name | {key: int(getattr(value, key)) for key in ("sites", "dim") if hasattr(value, key)}
