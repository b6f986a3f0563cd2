"""`verify` passes a whole file and names what is wrong with any other."""

import h5py
import numpy as np
import pytest
import xarray
from series_samples import SPEC, create, finished, provenance, rows

from mcmc.store.assembled import write_dataset
from mcmc.store.checkpoint import save_checkpoint
from mcmc.store.verify import verify


@pytest.fixture
def run(tmp_path):
    """A run folder with one finished point."""
    (tmp_path / "points").mkdir()
    (tmp_path / "spec.toml").write_text(SPEC)
    path = finished(tmp_path / "points" / "a.h5", draws=30)
    save_checkpoint(path.with_suffix(".checkpoint"), (np.zeros(3),), {"draws": 30})
    return path


def faults(path):
    return {finding.check: finding.message for finding in verify(path) if not finding.ok}


def test_whole_files_pass(run):
    found = {finding.check: finding for finding in verify(run)}
    assert all(finding.ok for finding in found.values())
    assert found.keys() == {"opens", "status", "sizes", "chunks", "spec", "reads", "finite", "checkpoint"}
    assert found["status"].message == "done, 30 draws"
    assert "taken after 30 draws" in found["checkpoint"].message
    assert str(run.parent.parent / "spec.toml") in found["spec"].message
    assert faults(run.with_suffix(".checkpoint")) == {}
    write_dataset(run.parent.parent / "results.h5", xarray.Dataset({"a": ("n", [1.0, np.nan])}), provenance())
    assert faults(run.parent.parent / "results.h5") == {}


def test_running_and_interrupted_files(run):
    path = run.with_name("b.h5")
    writer = create(path)
    writer.append(rows(0, 6))
    (status,) = [finding for finding in verify(path) if finding.check == "status"]
    assert status.ok
    assert status.message.startswith("running, 4 draws, written by process")
    writer.close()
    (status,) = [finding for finding in verify(path) if finding.check == "status"]
    assert status == ("status", True, "running, 4 draws, interrupted: run the same command again to resume")


def test_failed_status(run):
    path = run.with_name("b.h5")
    with pytest.raises(RuntimeError), create(path):
        raise RuntimeError
    assert faults(path) == {"status": "failed, 0 draws"}


def test_changed_spec_beside_the_file(run):
    (run.parent.parent / "spec.toml").write_text(SPEC + "# other\n")
    assert "another than" in faults(run)["spec"]


def test_spec_that_was_edited_inside(run):
    with h5py.File(run, "r+") as file:
        file["provenance/spec"][()] = b"seed = 8"
    assert "does not have the stated hash" in faults(run)["spec"]


def test_sizes_that_differ(run):
    with h5py.File(run, "r+") as file:
        file["energy"].resize(40, axis=1)
    assert faults(run)["sizes"] == "energy has 40 draws, 30 are committed"


def test_rows_that_were_lost(run):
    with h5py.File(run, "r+") as file:
        file["energy"].resize(20, axis=1)
        file["energy"].resize(30, axis=1)
    assert faults(run)["chunks"] == "energy has 5 of 8 chunks: draws are lost"


def test_energies_that_are_not_finite(run):
    with h5py.File(run, "r+") as file:
        file["energy"][1, 17, 0] = np.inf
        file["energy"][0, 18, 2] = np.nan
    assert faults(run) == {"finite": "energy has 2 values that are not finite, first at draw 17"}


def test_checkpoint_ahead_of_the_rows(run):
    save_checkpoint(run.with_suffix(".checkpoint"), (np.zeros(3),), {"draws": 31})
    assert faults(run) == {"checkpoint": "taken after 31 draws, but only 30 are committed"}


def test_checkpoint_that_is_no_file_of_ours(run):
    run.with_suffix(".checkpoint").write_text("x" * 100)
    assert "is not an HDF5 file" in faults(run)["checkpoint"]
