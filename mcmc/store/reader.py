"""Reading run files: what is committed, also while another process goes on writing."""

import difflib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import h5py
import numpy as np

from mcmc.errors import StoreError
from mcmc.store.dimensions import auxiliary_of, datasets_of, dimensions_of
from mcmc.store.schema import (
    COMMITTED,
    DRAW,
    HISTORY,
    KIND_RESULTS,
    KIND_SERIES,
    PROVENANCE,
    SPEC,
    UNREADABLE,
    attributes_of,
    check_schema,
    plain,
    unreadable,
)

if TYPE_CHECKING:
    import xarray

Answer = TypeVar("Answer")
ATTEMPTS = 50
BLOCK_BYTES = 16 * 2**20


class _BusyError(StoreError):
    """The file changed during every attempt to read it."""


class Contents(NamedTuple):
    """What a file holds, without its values."""

    kind: str
    attributes: dict[str, Any]
    committed: int | None
    """Draws to read; None in assembled results."""
    dims: dict[str, tuple[str, ...]]
    shapes: dict[str, tuple[int, ...]]
    """Committed shapes."""
    types: dict[str, np.dtype]
    variable_attributes: dict[str, dict[str, Any]]
    coordinates: frozenset[str]

    @property
    def variables(self) -> list[str]:
        """Names that are no coordinates."""
        return [name for name in self.dims if name not in self.coordinates]

    def blocks(self, name: str) -> Iterator[tuple[slice, ...]]:
        """Selections of at most about 16 MiB that together cover the committed part of a variable."""
        dims, shape = self.dims[name], self.shapes[name]
        if DRAW not in dims or self.committed is None:
            yield tuple(slice(None) for _ in dims)
            return
        axis = dims.index(DRAW)
        row = max(1, self.types[name].itemsize * math.prod(shape) // max(1, self.committed))
        step = max(1, BLOCK_BYTES // row)
        for low in range(0, self.committed, step):
            rows = slice(low, min(self.committed, low + step))
            yield tuple(rows if position == axis else slice(None) for position in range(len(dims)))


def open_run_file(path: os.PathLike | str, variables: Iterable[str] | None = None) -> "xarray.Dataset":
    """The committed part of a series, or assembled results, in memory; the file is closed again.

    Dims (chain, draw, ...) in file order, with coordinates and attributes; root attributes carry the provenance.
    `variables` limits what is read. A file that is being written gives what was committed when the reading began.
    Raises StoreError for a missing, damaged, foreign or newer file and for an unknown variable.
    """
    import xarray

    contents = read_contents(path)
    chosen = contents.variables if variables is None else _known(list(variables), contents.variables, path)
    axes = {dim for name in (contents.dims if variables is None else chosen) for dim in contents.dims[name]}
    coordinates = [name for name in contents.dims if name in contents.coordinates and set(contents.dims[name]) <= axes]
    values = _values(path, contents, [*chosen, *coordinates])
    entries = {name: (contents.dims[name], array, contents.variable_attributes[name]) for name, array in values.items()}
    return xarray.Dataset(
        {name: entries[name] for name in chosen},
        coords={name: entries[name] for name in coordinates},
        attrs=contents.attributes,
    )


def read_contents(path: os.PathLike | str) -> Contents:
    """Names, dimensions, committed shapes and attributes of a series or of results. Raises StoreError."""

    def read(file: h5py.File) -> Contents:
        kind = check_schema(file, path, (KIND_SERIES, KIND_RESULTS))
        nodes = datasets_of(file)
        dims = {name: dimensions_of(node) for name, node in nodes.items()}
        committed = int(file.attrs[COMMITTED]) if kind == KIND_SERIES else None
        shapes = {}
        for name, node in nodes.items():
            lengths = zip(dims[name], node.shape, strict=True)
            shapes[name] = tuple(committed if dim == DRAW and committed is not None else n for dim, n in lengths)
        return Contents(
            kind,
            attributes_of(file),
            committed,
            dims,
            shapes,
            {name: node.dtype for name, node in nodes.items()},
            {name: attributes_of(node) for name, node in nodes.items()},
            frozenset(auxiliary_of(file) | {name for name in nodes if dims[name] == (name,)}),
        )

    return read_consistently(path, read)


def read_attributes(path: os.PathLike | str) -> dict[str, Any]:
    """Root attributes: schema, status, n_committed, seed, spec_sha256 and the rest. Raises StoreError."""
    return read_contents(path).attributes


def read_spec(path: os.PathLike | str) -> str:
    """The whole run file the file was written from. Raises StoreError."""

    def read(file: h5py.File) -> str:
        check_schema(file, path, (KIND_SERIES, KIND_RESULTS))
        return str(plain(file[PROVENANCE][SPEC][()]))

    return read_consistently(path, read)


def read_history(path: os.PathLike | str) -> list[dict[str, Any]]:
    """One entry per session that wrote to the file: start, end, status, first and last draw, versions, timings."""

    def read(file: h5py.File) -> list[dict[str, Any]]:
        check_schema(file, path, (KIND_SERIES, KIND_RESULTS))
        return [json.loads(plain(line)) for line in file[PROVENANCE][HISTORY][()]]

    return read_consistently(path, read)


def read_consistently(path: os.PathLike | str, read: Callable[[h5py.File], Answer], attempts: int = ATTEMPTS) -> Answer:
    """Result of `read` on the opened file, repeated while a writer changes the file under it. Raises StoreError."""
    path = Path(path)
    for _ in range(attempts):
        before = _stamp(path)
        try:
            with _opened(path) as file:
                answer = read(file)
        except UNREADABLE as error:
            if _stamp(path) == before:
                raise unreadable(path, error) from None
            continue
        if _stamp(path) == before:
            return answer
    raise _BusyError(f"{path}: is being written faster than it can be read; try again when its run is over")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _opened(path: Path) -> h5py.File:
    # Without a lock a reader neither waits for a writer nor stops one; but HDF5 insists on one locking mode for all
    # handles on a file within a process, and the caller may hold one.
    for locking in (False, "best-effort"):
        with suppress(OSError):
            return h5py.File(path, "r", locking=locking)
    return h5py.File(path, "r", locking=True)


def _known(wanted: list[str], known: list[str], path: os.PathLike | str) -> list[str]:
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise StoreError(f"{path}: has no variable {name}; {hint}it holds {', '.join(known)}")
    return wanted


def _values(path: os.PathLike | str, contents: Contents, names: list[str]) -> dict[str, np.ndarray]:
    everything = {name: tuple(slice(length) for length in contents.shapes[name]) for name in names}
    try:
        return read_consistently(path, lambda file: {name: values(file, name, everything[name]) for name in names}, 2)
    except _BusyError:
        # Committed draws do not change, so blocks short enough to be read between two commits make up the whole.
        found = {}
        for name in names:
            parts = [_block(path, name, where) for where in contents.blocks(name)]
            axis = contents.dims[name].index(DRAW) if DRAW in contents.dims[name] else 0
            found[name] = (
                np.concatenate(parts, axis) if parts else np.empty(contents.shapes[name], contents.types[name])
            )
        return found


def _block(path: os.PathLike | str, name: str, where: tuple[slice, ...]) -> np.ndarray:
    return read_consistently(path, lambda file: values(file, name, where))


def values(file: h5py.File, name: str, where: tuple[slice, ...]) -> np.ndarray:
    """Part of a variable, text decoded."""
    array = np.asarray(file[name][where])
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
