"""A file says what wrote it, from what, when and for how long."""

import hashlib
import json
import subprocess
import sys
from datetime import datetime

import pytest
from series_samples import create, finished, rows

from mcmc.errors import ArgumentError, StoreError
from mcmc.random import LAYOUT_VERSION
from mcmc.store import provenance as module
from mcmc.store.provenance import Provenance, source_commit
from mcmc.store.reader import open_run_file, read_attributes, read_history, read_spec
from mcmc.store.writer import SeriesWriter


def test_collected(monkeypatch):
    found = Provenance.collect("seed = 1\n", 2**64 - 1, "cuda")
    assert found.spec_sha256 == hashlib.sha256(b"seed = 1\n").hexdigest()
    assert (found.seed, found.device, found.rng_layout) == (2**64 - 1, "cuda", LAYOUT_VERSION)
    assert {"entroscape", "python", "numpy", "numba", "h5py", "hdf5"} <= found.versions.keys()
    assert "unknown" not in found.versions.values()
    assert datetime.fromisoformat(found.start_time).tzinfo is not None
    with pytest.raises(ArgumentError, match="seed: got -1"):
        Provenance.collect("", -1)


@pytest.fixture
def source_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "source_root", lambda: tmp_path)
    source_commit.cache_clear()
    yield tmp_path
    source_commit.cache_clear()


def test_commit_of_the_source_tree(source_tree):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(["git", "-C", str(source_tree), *identity, *arguments], capture_output=True, text=True)

    git("init")
    (source_tree / "a.py").write_text("a = 1\n")
    git("add", "a.py")
    git("commit", "-m", "a")
    head = git("rev-parse", "HEAD").stdout.strip()
    assert len(head) == 40
    assert source_commit() == head
    (source_tree / "a.py").write_text("a = 2\n")
    source_commit.cache_clear()
    assert source_commit() == head + "-dirty"


def test_commit_is_unknown_outside_a_checkout(source_tree, monkeypatch):
    assert source_commit() == "unknown"
    (source_tree / ".git").mkdir()
    source_commit.cache_clear()
    assert source_commit() == "unknown"
    monkeypatch.setenv("PATH", "")
    source_commit.cache_clear()
    assert source_commit() == "unknown"


def test_every_session_leaves_a_line(tmp_path):
    path = finished(tmp_path / "a.h5")
    writer = SeriesWriter.open(path)
    writer.append(rows(10, 16))
    writer.__exit__(RuntimeError, RuntimeError(), None)
    writer = SeriesWriter.open(path)
    writer.append(rows(writer.n_committed, 20))
    writer.close()
    first, second, third = read_history(path)
    assert (first["status"], first["first_draw"], first["last_draw"], first["timings"]) == (
        "done",
        0,
        10,
        {"sampling": 2},
    )
    assert (second["status"], second["first_draw"], second["last_draw"]) == ("failed", 10, 16)
    assert (third["status"], third["first_draw"]) == ("running", 16)
    assert first["versions"] == json.loads(read_attributes(path)["versions"])
    assert all(entry["host"] and entry["git_commit"] and entry["start"] for entry in (first, second, third))


def test_status_while_running(tmp_path):
    with create(tmp_path / "a.h5") as writer:
        attributes = read_attributes(tmp_path / "a.h5")
        assert (attributes["status"], attributes["end_time"]) == ("running", "")
        with pytest.raises(StoreError, match="status: got 'over'"):
            writer.finish("over")
        with pytest.raises(StoreError, match=r"timings: .* at most 1024 fit"):
            writer.finish("done", {"x" * 2000: 1.0})
        writer.finish("done")
    assert open_run_file(tmp_path / "a.h5").attrs["status"] == "done"


@pytest.mark.parametrize("text", ["", "ü" * 100_000, 'a = "\\u0000"\n'])
def test_any_run_file_is_kept_whole(tmp_path, text):
    with create(tmp_path / "a.h5", provenance=Provenance.collect(text, 1)):
        pass
    assert read_spec(tmp_path / "a.h5") == text


def test_store_is_light_to_import():
    code = "import sys, mcmc.store.writer, mcmc.store.reader, mcmc.store.verify; print('xarray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
