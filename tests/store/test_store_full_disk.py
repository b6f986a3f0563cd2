"""A disk that fills at any moment: one line says so, nothing committed is lost, the run goes on afterwards."""

import errno
import os
import shutil
import subprocess
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pytest
import xarray
from disk_recorder import Disk
from series_samples import assert_holds, create, provenance, rows

from mcmc.errors import StoreError
from mcmc.store import ordered_file
from mcmc.store.assembled import write_dataset
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint
from mcmc.store.reader import open_run_file
from mcmc.store.verify import verify
from mcmc.store.writer import SeriesWriter


class State(NamedTuple):
    spins: np.ndarray


def append_until_it_fails(path, disk, monkeypatch):
    """Rows up to 18 with the disk failing at its event; returns the rows that were committed and the error."""
    writer = SeriesWriter.open(path)
    monkeypatch.setattr(ordered_file, "os", disk)
    try:
        while writer.n_appended < 18:
            writer.append(rows(writer.n_appended, writer.n_appended + 3))
            if writer.n_appended % 2:
                writer.commit()
        writer.finish()
        return writer.n_committed, None
    except StoreError as error:
        return writer.n_committed, error
    finally:
        monkeypatch.undo()


def test_failure_at_every_single_write(tmp_path, monkeypatch):
    start = tmp_path / "start.h5"
    with create(start) as writer:
        writer.append(rows(0, 5))
    path, events = tmp_path / "a.h5", 0
    while True:
        shutil.copy(start, path)
        kept, error = append_until_it_fails(path, Disk(fail_at=events), monkeypatch)
        if error is None:
            break
        assert str(error).startswith(f"{path}: the disk is full; the {kept} draws committed before are kept; free")
        found = open_run_file(path)
        assert found.sizes["draw"] >= kept >= 5
        assert_holds(found, found.sizes["draw"])
        assert all(finding.ok for finding in verify(path))
        with SeriesWriter.open(path) as writer:
            writer.append(rows(writer.n_committed, 20))
            writer.finish()
        assert_holds(open_run_file(path), 20)
        events += 1
    assert events > 60


@pytest.mark.parametrize(
    ("code", "said"), [(errno.EDQUOT, "quota is used up"), (errno.EIO, "cannot be written"), (errno.EROFS, "read-only")]
)
def test_other_failures_are_named(tmp_path, monkeypatch, code, said):
    with create(tmp_path / "a.h5") as writer:
        writer.append(rows(0, 5))
    _, error = append_until_it_fails(tmp_path / "a.h5", Disk(0, code), monkeypatch)
    assert said in str(error)
    assert "5 draws committed before are kept" in str(error)
    assert "\n" not in str(error)


def test_new_files_on_a_full_disk_leave_nothing(tmp_path, monkeypatch):
    older = State(np.arange(5.0))
    save_checkpoint(tmp_path / "a.checkpoint", older, {"draws": 3})
    write_dataset(tmp_path / "results.h5", xarray.Dataset({"a": 1.0}), provenance())
    names = sorted(path.name for path in tmp_path.iterdir())
    for event in range(6):
        monkeypatch.setattr(ordered_file, "os", Disk(event))
        with pytest.raises(StoreError, match=r"a\.h5: the disk is full; nothing was written"):
            create(tmp_path / "a.h5")
        with pytest.raises(StoreError, match="the disk is full; the older checkpoint is kept"):
            save_checkpoint(tmp_path / "a.checkpoint", State(np.arange(6.0)), {"draws": 4})
        with pytest.raises(StoreError, match="the disk is full; the older results are kept"):
            write_dataset(tmp_path / "results.h5", xarray.Dataset({"a": 2.0}), provenance())
        monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    state, meta = load_checkpoint(tmp_path / "a.checkpoint", older)
    assert meta == {"draws": 3}
    np.testing.assert_array_equal(state.spins, older.spins)
    assert open_run_file(tmp_path / "results.h5")["a"] == 1.0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"mount cannot be run: {error}")
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs is not permitted: {mounted.stderr.strip()}")
    yield folder
    with suppress(OSError):
        subprocess.run(["umount", str(folder)], check=False)


def fill(writer, checkpoint, state):
    """Draws and checkpoints until the disk refuses; what it said, and the draws before the last checkpoint."""
    saved = 0
    try:
        while True:
            writer.append(rows(writer.n_appended, writer.n_appended + 128))
            writer.commit()
            save_checkpoint(checkpoint, State(state.spins + writer.n_committed), {"draws": writer.n_committed})
            saved = writer.n_committed
    except StoreError as error:
        return str(error), saved


def test_a_disk_that_is_really_full(small_disk):
    path, checkpoint = small_disk / "a.h5", small_disk / "a.checkpoint"
    state = State(np.zeros(20_000))
    with create(path, chunk_draws=128) as writer:
        said, saved = fill(writer, checkpoint, state)
    assert "the disk is full" in said
    assert "kept" in said
    assert saved > 0
    kept, meta = load_checkpoint(checkpoint, state)
    assert meta == {"draws": saved}
    assert (kept.spins == saved).all()
    found = open_run_file(path)
    assert found.sizes["draw"] >= saved
    assert_holds(found, found.sizes["draw"])
    assert not [entry for entry in os.listdir(small_disk) if entry.endswith(".tmp")]
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    with pytest.raises(StoreError, match=r"b\.h5: the disk is full; nothing was written"):
        create(small_disk / "b.h5")
    (small_disk / "filler").unlink(missing_ok=True)
    shutil.move(path, small_disk.parent / "a.h5")
    with SeriesWriter.open(small_disk.parent / "a.h5") as writer:
        writer.rewind(saved)
        writer.append(rows(saved, saved + 10))
    assert_holds(open_run_file(small_disk.parent / "a.h5"), saved + 10)
