"""One point's series on disk: rows are appended in whole chunks and counted only once they are there.

A commit writes the rows, then raises `n_committed`; readers slice to it. A process killed at any time leaves every
committed row readable (see ordered_file.py), and the writer that opens the file next continues after them.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from h5py._objects import phil

from mcmc.errors import ArgumentError, StoreError
from mcmc.store.dimensions import auxiliary_of, datasets_of, dimensions_of, set_attributes
from mcmc.store.layout import Dimensions, Variables, checked_layout, lay_out
from mcmc.store.lock import check_writable, file_holder, lock_descriptor
from mcmc.store.ordered_file import OrderedFile
from mcmc.store.provenance import Provenance, begin_session, end_session, write_provenance
from mcmc.store.replacing import appear, sync_folder, temporary_name
from mcmc.store.rows import RowBuffer, RowKind, cast
from mcmc.store.schema import (
    COMMITTED,
    DRAW,
    KIND_SERIES,
    PROVENANCE,
    RESERVED_ATTRIBUTES,
    SPEC,
    UNREADABLE,
    check_schema,
    plain,
    unreadable,
    unwritable,
)


class SeriesWriter:
    """The one writer of a series file; made by `create` or `open`, closed by `finish` or a `with` block.

    A `with` block that ends without `finish` stops the file: its rows are committed and its status is 'stopped', or
    'failed' when an exception ends the block.
    """

    def __init__(self, path: Path, raw: OrderedFile, file: h5py.File, provenance: Provenance | None):
        self.path = path
        self._raw = raw
        self._file: h5py.File | None = file
        self._provenance = provenance
        self._in_session = False
        self._committed = int(file.attrs[COMMITTED])
        self._nodes = datasets_of(file)
        dims = {name: dimensions_of(node) for name, node in self._nodes.items()}
        coordinates = auxiliary_of(file) | {name for name, own in dims.items() if own == (name,)}
        self._constants = [name for name in self._nodes if name not in coordinates and DRAW not in dims[name]]
        kinds = {}
        for name, node in self._nodes.items():
            if DRAW in dims[name] and name != DRAW:
                axis = dims[name].index(DRAW)
                kinds[name] = RowKind(axis, (*node.shape[:axis], *node.shape[axis + 1 :]), node.dtype)
        self._axes = {DRAW: 0} | {name: kind.axis for name, kind in kinds.items()}
        self._buffer = RowBuffer(kinds, int(self._nodes[DRAW].chunks[0]))

    @classmethod
    def create(
        cls,
        path: os.PathLike | str,
        *,
        dims: Dimensions,
        coords: Mapping[str, Any] | None = None,
        variables: Variables,
        provenance: Provenance,
        chunk_draws: int | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> "SeriesWriter":
        """A new file; it appears under its name only when its layout is complete.

        `dims` maps each dimension to its length, `draw` to None. `coords` maps a name to values along the dimension
        of that name, or to (dims, values, attributes); a dimension without one counts from 0. `variables` maps a
        name to (dims, dtype, attributes); one without `draw` is a constant, written by `put`. `chunk_draws` rows make
        a chunk (by default about 256 KiB of the widest variable). Raises StoreError when the path is taken or not
        writable, ArgumentError for a layout that does not fit together.
        """
        path = Path(path)
        if clash := RESERVED_ATTRIBUTES & set(attributes or {}):
            raise ArgumentError(f"attributes: {sorted(clash)[0]} is written by the store; take another name")
        layout = checked_layout(dims, coords or {}, variables, chunk_draws)
        check_writable(path.parent, "nothing was written")
        if path.exists():
            raise StoreError(f"{path}: exists already; resume it, or choose another path")
        temporary = temporary_name(path)
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise unwritable(path, error, "nothing was written") from None
        raw = OrderedFile(descriptor)
        try:
            lock_descriptor(descriptor)
            file = raw.open("w")
            file.attrs.create(COMMITTED, 0, dtype=np.int64)
            write_provenance(file, KIND_SERIES, provenance)
            set_attributes(file, attributes or {})
            lay_out(file, layout)
            writer = cls(path, raw, file, provenance)
            writer._begin()
            writer._publish(sync=True)
            appear(temporary, path)
            sync_folder(path.parent)
        except BaseException as error:
            cause = raw.failure
            raw.close()
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unwritable(path, cause or error, "nothing was written") from None
            raise
        return writer

    @classmethod
    def open(cls, path: os.PathLike | str, provenance: Provenance | None = None) -> "SeriesWriter":
        """An existing file, to append to; nothing in it changes before the first rows.

        `provenance` describes the present session; without it the run file stored in the series goes on. Raises
        StoreError for a missing, empty, truncated, foreign, newer, read-only or locked file, and for another seed or
        random-number layout than the file was written with.
        """
        path = Path(path)
        if not path.is_file():
            raise unreadable(path, IsADirectoryError() if path.is_dir() else FileNotFoundError())
        check_writable(path, "nothing in it was changed")
        check_writable(path.parent, "nothing in it was changed")
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError as error:
            raise unwritable(path, error, "nothing in it was changed") from None
        raw = OrderedFile(descriptor)
        try:
            if not lock_descriptor(descriptor):
                holder = file_holder(path) or "another process"
                raise StoreError(f"{path}: {holder} has it open; wait for it or close it there, then run again")
            if raw.size == 0:
                # HDF5 would take an empty file for a new one and fill it.
                raise unreadable(path, OSError("empty"))
            try:
                file = raw.open("r+")
                _check_series(file, path, provenance)
                return cls(path, raw, file, provenance)
            except UNREADABLE as error:
                raise unreadable(path, error) from None
        except BaseException:
            raw.close()
            raise

    @property
    def n_committed(self) -> int:
        """Draws that survive a kill."""
        return self._committed

    @property
    def n_appended(self) -> int:
        """Draws committed or buffered."""
        return self._committed + self._buffer.filled

    @property
    def chunk_draws(self) -> int:
        """Draws per chunk."""
        return self._buffer.capacity

    def append(self, values: Mapping[str, Any]) -> None:
        """Add draws: for each series variable an array (draws, *its other dimensions in file order).

        Full chunks are committed on the way. Raises ArgumentError for missing or unknown names, unequal numbers of
        draws, wrong shapes or types, and StoreError when the disk refuses.
        """
        self._begin()
        count, arrays = self._buffer.checked(values)
        done = 0
        while done < count:
            room = self.chunk_draws - self.n_appended % self.chunk_draws
            taken = min(room, count - done)
            self._buffer.add(arrays, done, done + taken)
            done += taken
            if taken == room:
                self.commit(sync=False)

    def put(self, name: str, values: Any) -> None:
        """Set a constant, a variable without `draw`; it reaches the disk with the next commit or `finish`."""
        if name not in self._constants:
            raise ArgumentError(f"{name}: is no constant of {self.path}; those are {self._constants}")
        with self._writing():
            node = self._nodes[name]
            array = cast(name, values, node.dtype)
            if array.shape != node.shape:
                raise ArgumentError(f"{name}: got shape {array.shape}; {node.shape} is needed")
            node[...] = array

    def commit(self, sync: bool = True) -> None:
        """Write the buffered draws, also those of an unfinished chunk, then count them.

        With `sync` they are on the medium before this returns: commit before saving the checkpoint that follows them.
        Raises StoreError when the disk refuses; then the draws committed before remain.
        """
        with self._writing() as file:
            total = self.n_appended
            if total > self._committed:
                for name in self._axes:
                    self._write_rows(name, total)
            self._publish(sync)
            if total > self._committed:
                file.attrs.modify(COMMITTED, np.int64(total))
                self._publish(sync)
                self._committed = total
                self._buffer.clear()

    def rewind(self, draws: int) -> None:
        """Forget buffered draws and those after the first `draws`, to continue from an older checkpoint.

        Raises StoreError when the file has fewer draws than that.
        """
        if not 0 <= draws <= self._committed:
            raise StoreError(
                f"{self.path}: holds {self._committed} draws, its checkpoint was taken after {draws}; "
                "the two do not belong together, delete the checkpoint to start this point again"
            )
        self._buffer.clear()
        if draws < self._committed:
            with self._writing() as file:
                file.attrs.modify(COMMITTED, np.int64(draws))
                self._publish(sync=True)
                self._committed = int(draws)

    def finish(self, status: str = "done", timings: Mapping[str, float] | None = None) -> None:
        """Commit, cut what lies beyond the committed draws, record status, end and `timings` (seconds), close."""
        self.commit()
        self._end(status, timings or {})

    def close(self) -> None:
        """Release the file as it was last committed; buffered draws are dropped."""
        self._file = None
        self._nodes = {}
        self._raw.close()

    def __enter__(self) -> "SeriesWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        try:
            if kind is None:
                self.finish("stopped")
            elif self._in_session:
                with suppress(StoreError):
                    self._end("stopped" if issubclass(kind, KeyboardInterrupt | SystemExit) else "failed", {})
        finally:
            self.close()

    def _end(self, status: str, timings: Mapping[str, float]) -> None:
        with self._writing() as file:
            for name, axis in self._axes.items():
                if self._nodes[name].shape[axis] > self._committed:
                    self._nodes[name].resize(self._committed, axis=axis)
            end_session(file, status, self._committed, timings)
            self._publish(sync=True)
        self.close()

    def _begin(self) -> h5py.File:
        if self._file is None:
            raise StoreError(f"{self.path}: is closed; open it again to write to it")
        if not self._in_session:
            provenance = self._provenance or _stored_provenance(self._file)
            begin_session(self._file, provenance, self._committed)
            self._in_session = True
        return self._file

    @contextmanager
    def _writing(self) -> Iterator[h5py.File]:
        file = self._begin()
        try:
            yield file
        except (OSError, RuntimeError) as error:
            kept = f"the {self._committed} draws committed before are kept"
            cause = self._raw.failure or (error if isinstance(error, OSError) else OSError(errno.EIO, str(error)))
            self.close()
            raise unwritable(self.path, cause, kept) from None

    def _publish(self, sync: bool) -> None:
        assert self._file is not None
        self._file.flush()
        self._raw.publish()
        if sync:
            self._raw.sync()

    def _write_rows(self, name: str, total: int) -> None:
        node, axis = self._nodes[name], self._axes[name]
        if node.shape[axis] < total:
            node.resize(total, axis=axis)
        rows = np.arange(self._committed, total) if name == DRAW else self._buffer.rows(name)
        if rows.shape[axis] == self.chunk_draws:
            # A whole chunk needs neither HDF5's selections nor its chunk cache. h5py takes its own lock for this call
            # only from 3.16 on, and HDF5 bears no second thread while it writes.
            with phil:
                node.id.write_direct_chunk((0,) * axis + (self._committed,) + (0,) * (rows.ndim - axis - 1), rows)
        else:
            node[(slice(None),) * axis + (slice(self._committed, total),)] = rows


def _check_series(file: h5py.File, path: Path, provenance: Provenance | None) -> None:
    check_schema(file, path, (KIND_SERIES,))
    committed = int(file.attrs[COMMITTED])
    for name, node in datasets_of(file).items():
        if DRAW in dimensions_of(node):
            size = node.shape[dimensions_of(node).index(DRAW)]
            if size < committed:
                raise StoreError(
                    f"{path}: is damaged ({name} has {size} of {committed} draws); restore it from a copy, or delete "
                    "it and its checkpoint to compute it again"
                )
    if provenance is None:
        return
    for name, wanted in (("seed", provenance.seed), ("rng_layout", provenance.rng_layout)):
        if int(file.attrs[name]) != wanted:
            raise StoreError(
                f"{path}: was written with {name} {int(file.attrs[name])}, this run has {wanted}; "
                "use the same or choose another folder"
            )


def _stored_provenance(file: h5py.File) -> Provenance:
    text = str(plain(file[PROVENANCE][SPEC][()]))
    return Provenance.collect(text, int(file.attrs["seed"]), str(plain(file.attrs["device"])))
