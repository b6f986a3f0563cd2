"""The experiment on stationary points and flat directions: run files, what is stored, verdicts."""

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, run_points, stop_after

from mcmc.landscapes.xy.stationary_classes import ring_classes
from runs.experiments import Control
from runs.figures import style
from runs.verdict import DIFFERS

SMALL = {
    "experiment": "stationary-points",
    "seed": 4,
    "search": {"starts": 200, "batches": 4},
    "network": {"inputs": 4, "outputs": 2, "samples": 120, "runs": 2},
    "grid": {"case": ["ring-5", "ring-8", "square-3", "complete-6", "linear-2", "linear-3", "tanh-2"]},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return run_points(SMALL, tmp_path_factory.mktemp("stationary"))


@pytest.mark.parametrize(("tables", "said"), [
    ({"grid": {"case": ["chain-5"]}}, "has 'chain-5'; needs ring-3 to ring-16, square-3 to square-4"),
    ({"grid": {"case": ["ring-40"]}}, "has 'ring-40'; needs"),
    ({"grid": {"case": ["ring-x"]}}, "has 'ring-x'; needs"),
    ({"grid": {"case": ["ring-5", "ring-5"]}}, "has a case more than once"),
    ({"search": {"batches": 1}}, "search.batches = 1: needs a number >= 2"),
    ({"network": {"noise": 0.0}}, "network.noise"),
    ({"device": "cuda"}, "this experiment runs on the cpu"),
])  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("case", ["ring-8", "tanh-2"])
def test_a_stopped_point_resumes_to_the_same_draws(case, done, tmp_path):
    spec, experiment, files = done
    point = next(point for point in experiment.points(spec) if point.parameters["case"] == case)
    path = tmp_path / f"{point.name}.h5"
    assert not experiment.run_point(spec, point, path, Control("", "cpu", stop=stop_after(1)))
    assert experiment.run_point(spec, point, path, Control("", "cpu"))
    with (
        xr.open_dataset(path, engine="h5netcdf") as again,
        xr.open_dataset(files[point.name], engine="h5netcdf") as one,
    ):
        for name in one.data_vars:
            np.testing.assert_array_equal(again[name], one[name])


def test_points_found_are_held_to_exact_ones_and_zeros_to_symmetry(done, tmp_path):
    spec, experiment, files = done
    results = experiment.assemble(spec, files)
    five = results.sel(case="ring-5")
    assert five.points_known.sum() == 30
    assert five.unknown == 0
    assert np.nansum(five.points_found) == 30
    exact = ring_classes(5)
    assert five.energy_per_site.values[: len(exact.energy)] * 5 == pytest.approx(exact.energy)
    assert (results.unknown.values[np.isfinite(results.unknown.values)] == 0).all()
    ring, lattice = results.sel(case="ring-8"), results.sel(case="square-3")
    family = ring.kind.values == 1
    assert ring.energy_per_site.values[family] == pytest.approx([0.0])
    assert ring.zero_modes.values[family] == [1]
    assert ring.starts_there.values[family] > 0
    assert (lattice.points_found.values >= 0).sum() > (lattice.points_known.values >= 0).sum()
    for case, zeros in (("linear-2", 6), ("tanh-2", 1)):
        assert (results.zeros_hessian.sel(case=case) == zeros).all()
    for name in ("hessian", "noise"):
        networks = np.isfinite(results[f"predicted_{name}"].values)
        assert (results[f"zeros_{name}"].values[networks] == results[f"predicted_{name}"].values[networks]).all()
        assert results[f"{name}_along"].max() < 1e-12
    curved = results.sel(case="tanh-2")
    assert (curved.barrier.values > 1e-3).all()
    assert (curved.copied_barrier.values < 1e-12).all()
    said = experiment.summary(results)
    assert said[0].startswith(
        "ring-5: 30 isolated points from 800 starts, of 30 there are; 6 of 6 classes by energy and index, none that is "
        "not there"
    )
    assert "families at E/N = 0" in said[1]
    assert all("as symmetry predicts;" in line for line in said[4:])
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert [one.png.stem for one in drawings] == ["energy-and-index", "number-of-points", "flat-directions"]
    assert all(one.png.stat().st_size > 10_000 for one in drawings)


@pytest.mark.parametrize(
    ("change", "cases", "told"),
    [
        (lambda r: r.assign(points_found=0 * r.points_found), ["ring-5", "complete-6"], "met by either method"),
        (lambda r: r.assign(points_found=r.points_found + 2000), ["ring-8", "square-3", "complete-6"], "beyond those"),
        (lambda r: r.assign(points_found=r.points_found + r.points_known.where(r.kind == 0, 0)), ["ring-5"], "beyond"),
        (lambda r: r.assign(unknown=r.unknown + 1), ["ring-5", "complete-6"], "classes found beyond"),
        (lambda r: r.assign(slope=r.slope + 1e-6), ["ring-5", "square-3"], "largest gradient"),
        (lambda r: r.assign(lowest=r.lowest + 0.1), ["ring-8", "square-3"], "ground state"),
        (lambda r: r.assign(starts_by_method=r.starts_by_method * [1, 0]), ["square-3"], "both methods"),
        (lambda r: r.assign(zeros_hessian=r.zeros_hessian + 1), ["linear-2", "tanh-2"], "zero eigenvalues"),
    ],
)
def test_searches_that_are_wrong_are_told(done, change, cases, told):
    spec, experiment, files = done
    results = change(experiment.assemble(spec, files))
    names = [one.name for one in experiment.verdicts(results) if one.state == DIFFERS]
    for case in cases:
        assert any(name.startswith(f"{case}:") and told in name for name in names)


def test_a_search_that_finds_nothing_is_told(done, tmp_path):
    spec, experiment, files = done
    path = shutil.copy(files["case-square-3"], tmp_path)
    with h5py.File(path, "r+", locking=False) as file:
        file["kind"][...] = -1
    states = {one.state for one in experiment.verdicts(experiment.assemble(spec, {"case-square-3": path}))}
    assert DIFFERS in states


def test_points_that_are_not_there_and_zeros_too_many_are_told(done, tmp_path):
    spec, experiment, files = done
    files = {name: shutil.copy(path, tmp_path) for name, path in files.items()}
    with h5py.File(files["case-ring-5"], "r+", locking=False) as file:
        file["index"][0, 0] += 1
    with h5py.File(files["case-linear-2"], "r+", locking=False) as file:
        file["hessian"][0, 10] = 0.0
    results = experiment.assemble(spec, files)
    assert results.unknown.sel(case="ring-5") == 1
    said = experiment.summary(results)
    assert "1 CLASS THAT IS NOT THERE" in said[0]
    assert "as symmetry predicts in 1 of 2 runs" in said[4]


def test_a_folder_with_some_points_is_summed_up(done, tmp_path):
    spec, experiment, files = done
    for kept in ("case-ring-5", "case-linear-2"):
        results = experiment.assemble(spec, {kept: files[kept]})
        assert len(experiment.summary(results)) == 1
        with style():
            assert experiment.figures(results, tmp_path / kept)
    nothing = experiment.assemble(spec, {})
    assert experiment.summary(nothing) == ["no stationary point has been looked for yet"]
    with style():
        assert experiment.figures(nothing, tmp_path / "nothing") == []
