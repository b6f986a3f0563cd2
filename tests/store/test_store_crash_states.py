"""Every state a kill can leave on disk, one after each single write, holds every committed row.

A kill at a random time hits the microseconds that matter once in thousands of tries; here none is left out.
"""

import io

import h5py
import numpy as np
import pytest
import xarray
from disk_recorder import Disk, states
from series_samples import VARIABLES, create, in_file_order, provenance, rows

from mcmc.store import ordered_file
from mcmc.store.writer import SeriesWriter

# An index node of HDF5 holds 64 chunks: the first splits with chunk 65, the right one of the two with chunk 123.
CHUNKS = 126
EXPECTED = in_file_order(4600)


def lost(image, committed):
    """What is wrong with a file image, None when every committed row is there."""
    try:
        with h5py.File(io.BytesIO(image)) as file:
            draws = int(file.attrs["n_committed"])
            if draws < committed:
                return f"{draws} of {committed} rows are committed"
            for name, values in EXPECTED.items():
                if name not in file:
                    continue
                axis = 0 if name == "swaps" else 1
                where = (slice(None),) * axis + (slice(draws),)
                if not np.array_equal(file[name][where], values[where]):
                    return f"{name} has other rows"
    except (OSError, KeyError, RuntimeError) as error:
        return str(error)
    return None


def record(path, monkeypatch, work, **layout):
    """First image of the file and all events of `work(disk)` on it."""
    create(path, **layout).close()
    image, disk = path.read_bytes(), Disk()
    monkeypatch.setattr(ordered_file, "os", disk)
    work(disk)
    monkeypatch.undo()
    final, _ = list(states(image, disk.events))[-1]
    assert final == path.read_bytes()
    return image, disk.events


def append(writer, disk, draws, commit=False):
    writer.append(rows(writer.n_appended, writer.n_appended + draws))
    if commit:
        writer.commit()
    disk.committed(writer.n_committed)


@pytest.mark.parametrize("every", [13, pytest.param(1, marks=pytest.mark.validate)])
def test_a_whole_life_of_a_file(tmp_path, monkeypatch, every):
    """Two splits of the index, part chunks, an older checkpoint, another run file, an end and an extension."""
    path = tmp_path / "a.h5"

    def work(disk):
        with SeriesWriter.open(path, provenance()) as writer:
            for _ in range(CHUNKS):
                append(writer, disk, 4)
            for draws in (2, 1, 6):
                append(writer, disk, draws, commit=True)
            writer.close()
        with SeriesWriter.open(path, provenance("sweeps = 2\n")) as writer:
            disk.committed(writer.n_committed - 9)
            writer.rewind(writer.n_committed - 9)
            append(writer, disk, 5, commit=True)
            writer.finish("stopped", {"sampling": 1.0})
        with SeriesWriter.open(path, provenance("sweeps = 3\n")) as writer:
            for _ in range(6):
                append(writer, disk, 4)
            writer.finish()

    image, events = record(path, monkeypatch, work)
    checked = 0
    for place, (state, committed) in enumerate(states(image, events)):
        # Plain appends are all alike: there `every` thins the states out.
        if place % every == 0 or not (8 < committed < 250 or 270 < committed < 480):
            assert lost(state, committed) is None, f"after write {place}"
            checked += 1
    assert checked > 500


def test_xarray_opens_every_state(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"

    def work(disk):
        with SeriesWriter.open(path, provenance("sweeps = 2\n")) as writer:
            append(writer, disk, 4)
            append(writer, disk, 3, commit=True)
            writer.finish()

    image, events = record(path, monkeypatch, work)
    for state, committed in states(image, events):
        with xarray.open_dataset(io.BytesIO(state), engine="h5netcdf") as found:
            assert found.sizes["draw"] >= committed


@pytest.mark.validate
def test_index_of_three_levels(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"

    def work(disk):
        with SeriesWriter.open(path, provenance()) as writer:
            for draw in range(4400):
                writer.append({"swaps": rows(draw, draw + 1)["swaps"]})
                disk.committed(writer.n_committed)
            writer.close()

    image, events = record(path, monkeypatch, work, chunk_draws=1, variables={"swaps": VARIABLES["swaps"]})
    steps, size, checked = states(image, events), len(image), 0
    pieces = [[]]
    for event in events:
        pieces[-1].append(event)
        if event[0] == "committed":
            pieces.append([])
    for piece in pieces:
        writes = [event for event in piece if event[0] != "committed"]
        new = [event for event in writes if event[0] == "write" and event[1] >= size]
        # A new node beyond the end of the file tells a split; only there can the index lose rows.
        split = any(event[2].startswith(b"TREE") for event in new)
        size = max([size, *(event[1] + len(event[2]) for event in new)])
        for _ in writes:
            state, committed = next(steps)
            if split:
                assert lost(state, committed) is None
                checked += 1
    assert checked > 500


class PlainFile(io.BytesIO):
    """HDF5's own order of writes, as recorded by `states`."""

    def __init__(self):
        super().__init__()
        self.events = []

    def write(self, data):
        self.events.append(("write", self.tell(), bytes(data)))
        return super().write(data)

    def truncate(self, size=None):
        self.events.append(("size", size, None))
        self.write_zeros(size)
        return super().truncate(size)

    def write_zeros(self, size):
        missing = size - len(self.getvalue())
        if missing > 0:
            here = self.tell()
            super().seek(0, io.SEEK_END)
            super().write(bytes(missing))
            super().seek(here)


def test_control_plain_hdf5_loses_rows():
    raw = PlainFile()
    with h5py.File(raw, "w") as file:
        file.attrs["n_committed"] = 0
        for name, values in EXPECTED.items():
            shape = list(values.shape)
            axis = 0 if name == "swaps" else 1
            shape[axis] = 0
            full = tuple(None if place == axis else length for place, length in enumerate(shape))
            chunks = tuple(4 if place == axis else length for place, length in enumerate(shape))
            file.create_dataset(name, shape=shape, maxshape=full, chunks=chunks, dtype=values.dtype)
        file.flush()
        first = len(raw.events)
        for chunk in range(70):
            for name, values in EXPECTED.items():
                axis = 0 if name == "swaps" else 1
                where = (slice(None),) * axis + (slice(4 * chunk, 4 * chunk + 4),)
                file[name].resize(4 * chunk + 4, axis=axis)
                file[name][where] = values[where]
            file.flush()
            file.attrs.modify("n_committed", 4 * chunk + 4)
            file.flush()
            raw.events.append(("committed", 4 * chunk + 4, None))
    image, _ = list(states(b"", raw.events[:first]))[-1]
    found = [lost(state, committed) for state, committed in states(image, raw.events[first:])]
    assert any(found)
