"""Files that must not be touched: one line names the file, what is wrong and what to do; no byte of it changes."""

import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from series_samples import assert_holds, create, finished, provenance, rows

from mcmc.errors import StoreError
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint
from mcmc.store.lock import FolderLock
from mcmc.store.reader import open_run_file
from mcmc.store.verify import verify
from mcmc.store.writer import SeriesWriter


def text_file(path):
    path.write_text("temperature = 1\n" * 100)
    return "is not an HDF5 file; it was left untouched, choose another path"


def empty_file(path):
    path.touch()
    return r"is empty \(0 bytes\); delete it"


def foreign_file(path):
    with h5py.File(path, "w") as file:
        file["energy"] = np.arange(5.0)
        file.attrs["schema"] = "someone else's"
    return "is an HDF5 file, but not one of entroscape; it was left untouched, choose another path"


def truncated_file(path):
    finished(path, draws=500)
    os.truncate(path, path.stat().st_size // 2)
    return r"is truncated \(\d+ bytes are there, HDF5 expects more\); restore it from a copy"


def newer_file(path):
    finished(path)
    with h5py.File(path, "r+") as file:
        file.attrs.modify("schema_version", 2)
    return "has schema version 2, this entroscape knows up to 1; update entroscape"


def checkpoint_file(path):
    save_checkpoint(path, (np.zeros(3),))
    return "holds 'checkpoint', not series"


def damaged_file(path):
    finished(path)
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["energy"].id).addr
    content[header : header + 64] = bytes(range(64))
    path.write_bytes(content)
    return r"is damaged \(.*\); restore it from a copy, or delete it"


def folder(path):
    path.mkdir()
    return "is a folder, not a file"


BAD = [text_file, empty_file, foreign_file, truncated_file, newer_file, checkpoint_file, damaged_file, folder]


@pytest.mark.parametrize("make", BAD)
@pytest.mark.parametrize("use", [SeriesWriter.open, open_run_file])
def test_bad_file(tmp_path, make, use):
    path = tmp_path / "a.h5"
    said = make(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(StoreError, match=said) as caught:
        use(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert before is None or path.read_bytes() == before
    if make is not checkpoint_file:
        assert not all(finding.ok for finding in verify(path))


@pytest.mark.parametrize("use", [SeriesWriter.open, open_run_file, lambda path: load_checkpoint(path, ())])
def test_missing_file(tmp_path, use):
    with pytest.raises(StoreError, match=r"a\.h5: there is no such file; check the path"):
        use(tmp_path / "a.h5")


def test_existing_file_is_not_created_again(tmp_path):
    path = finished(tmp_path / "a.h5")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"a\.h5: exists already; resume it, or choose another path"):
        create(path)
    assert path.read_bytes() == before


def test_name_taken_while_the_file_is_made(tmp_path, monkeypatch):
    from mcmc.store import writer

    path, real = tmp_path / "a.h5", writer.appear
    monkeypatch.setattr(writer, "appear", lambda *names: (path.write_text("mine"), real(*names)))
    with pytest.raises(StoreError, match="exists already"):
        create(path)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_missing_folder(tmp_path):
    with pytest.raises(StoreError, match="nowhere: its folder does not exist; nothing was written; create"):
        create(tmp_path / "nowhere" / "a.h5")


def test_read_only_file(tmp_path):
    path = finished(tmp_path / "a.h5")
    path.chmod(0o444)
    with pytest.raises(StoreError, match=r"a\.h5: is read-only .*nothing in it was changed; make it writable"):
        SeriesWriter.open(path)
    assert_holds(open_run_file(path), 10)
    path.chmod(0o644)
    SeriesWriter.open(path).close()


def test_read_only_folder(tmp_path):
    finished(tmp_path / "a.h5")
    save_checkpoint(tmp_path / "a.checkpoint", (np.zeros(3),))
    tmp_path.chmod(0o555)
    try:
        for refused in (
            lambda: create(tmp_path / "b.h5"),
            lambda: SeriesWriter.open(tmp_path / "a.h5"),
            lambda: save_checkpoint(tmp_path / "a.checkpoint", (np.ones(3),)),
            lambda: FolderLock(tmp_path).acquire(),
        ):
            with pytest.raises(StoreError, match="is read-only or in a read-only folder"):
                refused()
        assert load_checkpoint(tmp_path / "a.checkpoint", (np.ones(3),))[0][0].tolist() == [0, 0, 0]
        assert_holds(open_run_file(tmp_path / "a.h5"), 10)
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting read-only needs root")
def test_read_only_file_system(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted")
    try:
        finished(tmp_path / "a.h5")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        for refused in (lambda: create(tmp_path / "b.h5"), lambda: SeriesWriter.open(tmp_path / "a.h5")):
            with pytest.raises(StoreError, match="is read-only"):
                refused()
        assert_holds(open_run_file(tmp_path / "a.h5"), 10)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=False)


HOLDER = """
import sys, h5py
file = h5py.File(sys.argv[1], sys.argv[2])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_file_held_by_another_process(tmp_path, mode):
    path = finished(tmp_path / "a.h5")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path), mode], **pipes) as holder:
        assert holder.stdout.readline() == "open\n"
        before = path.read_bytes()
        with pytest.raises(
            StoreError, match=rf"process {holder.pid} \(.*\) has it open; wait for it or close"
        ) as caught:
            SeriesWriter.open(path)
        assert str(caught.value).startswith(str(path))
        assert path.read_bytes() == before
        assert_holds(open_run_file(path), 10)
        holder.communicate()
    with SeriesWriter.open(path) as writer:
        writer.append(rows(10, 11))
    assert_holds(open_run_file(path), 11)


def test_second_writer_is_refused_and_plain_hdf5_too(tmp_path):
    path = tmp_path / "a.h5"
    with create(path) as writer:
        with pytest.raises(StoreError, match=f"process {os.getpid()} .* has it open"):
            SeriesWriter.open(path)
        probe = "import sys, h5py\ntry: h5py.File(sys.argv[1], 'r+')\nexcept OSError as e: print(e)"
        said = subprocess.run([sys.executable, "-c", probe, str(path)], capture_output=True, text=True).stdout
        assert "lock" in said
        writer.append(rows(0, 5))
    assert_holds(open_run_file(path), 5)


@pytest.mark.parametrize("other", [{"seed": 8}])
def test_another_seed_cannot_extend_a_file(tmp_path, other):
    path = finished(tmp_path / "a.h5")
    with pytest.raises(StoreError, match="was written with seed 7, this run has 8; use the same"):
        SeriesWriter.open(path, provenance(**other))


def test_rows_that_vanished_are_noticed(tmp_path):
    path = finished(tmp_path / "a.h5", draws=40)
    with h5py.File(path, "r+") as file:
        file["energy"].resize(30, axis=1)
    with pytest.raises(StoreError, match=r"is damaged \(energy has 30 of 40 draws\)"):
        SeriesWriter.open(path)


def test_copy_of_an_open_file_is_whole(tmp_path):
    path, copy = tmp_path / "a.h5", tmp_path / "b.h5"
    with create(path) as writer:
        writer.append(rows(0, 9))
        shutil.copy(path, copy)
    with SeriesWriter.open(copy) as writer:
        assert writer.n_committed == 8
        writer.append(rows(8, 20))
    assert_holds(open_run_file(copy), 20)


def test_writer_left_open_does_no_harm_at_exit(tmp_path):
    code = (
        "import sys; from pathlib import Path; from series_samples import *\n"
        "writer = create(Path(sys.argv[1])); writer.append(rows(0, 6)); kept = writer"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), os.getcwd()])}
    left = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.h5")], env=environment, capture_output=True)
    assert (left.returncode, left.stderr) == (0, b"")
    assert_holds(open_run_file(tmp_path / "a.h5"), 4)
