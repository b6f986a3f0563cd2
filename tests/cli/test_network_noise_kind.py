"""The experiment on the noise of SGD: run files, what is stored, resuming, what its results say."""

import itertools

import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, run_points, stop_after

from mcmc.errors import NonFiniteEnergyError
from mcmc.gradient_noise import gradient_noise
from runs import load
from runs.experiments import Control
from runs.experiments.network_noise_draw import Training
from runs.experiments.network_noise_paired import COMPARED, paired
from runs.experiments.network_noise_results import PUBLISHED
from runs.figures import style

SMALL = {
    "experiment": "network-noise",
    "seed": 3,
    "data": {"name": "teacher-student", "features": 6, "train": 60, "test": 50, "teacher": [4], "classes": 3},
    "network": {"hidden": [5]},
    "measured": {"top": 3, "probes": 8, "batches": 400},
    "grid": {"step_size": [0.1], "batch": [6, 30], "replacement": ["epoch", "without", "with"], "epochs": [0, 2, 5],
             "seeds": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return run_points(SMALL, tmp_path_factory.mktemp("noise"))


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(("tables", "said"), [
    ({"grid": {"batch": [61]}}, "batch = 61: there are 60 training samples"),
    ({"grid": {"epochs": [3, 1]}}, "needs rising numbers of epochs"),
    ({"grid": {"seeds": 1}}, "grid.seeds = 1: needs a number >= 2"),
    ({"grid": {"replacement": ["with", "with"]}}, "has a way of drawing more than once"),
    ({"grid": {"replacement": ["some"]}}, 'grid.replacement[0] = "some": needs one of'),
    ({"measured": {"probes": 2}}, "measured.probes"),
    ({"measured": {"top": 27}}, "measured: top = 27: at most half of the 53 weights"),
])  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_a_stopped_point_resumes_to_the_same_snapshots(small, tmp_path):
    spec, experiment, files = small
    point = experiment.points(spec)[0]
    path = tmp_path / f"{point.name}.h5"
    assert not experiment.run_point(spec, point, path, Control("", "cpu", stop=stop_after(5)))
    assert 0 < opened(path).sizes["draw"] < 6
    assert experiment.run_point(spec, point, path, Control("", "cpu"))
    again, whole = opened(path), opened(files[point.name])
    for name in set(whole.data_vars) - {"seconds"}:
        np.testing.assert_array_equal(again[name], whole[name])


def test_what_is_stored_is_d_where_training_was(small):
    """First weights are common to all ways of training, later ones are not."""
    spec, experiment, files = small
    points = experiment.points(spec)
    first, other = (opened(files[point.name]) for point in points[:2])
    landscape = spec.landscape()
    x = Training(spec, points[0], landscape).weights(1, 2, lambda: False)
    noise = gradient_noise(landscape, x)
    draw = 3 + 1
    assert first.seed_number[draw] == 1
    assert first.epoch[draw] == 2
    assert np.array_equal(first.eigenvalues[draw], noise.eigenvalues)
    assert float(first.participation_ratio[draw]) == noise.participation_ratio
    assert np.array_equal(first.eigenvalues[0], other.eigenvalues[0])
    assert not np.array_equal(first.eigenvalues[1], other.eigenvalues[1])


def test_results_and_figures(small, tmp_path):
    spec, experiment, files = small
    results = experiment.assemble(spec, files)
    assert results.trace.dims == ("step_size", "batch", "replacement", "epoch")
    seeds = results.seed_trace.isel(step_size=0, batch=0, replacement=0, epoch=2)
    cell = results.isel(step_size=0, batch=0, replacement=0, epoch=2)
    assert np.isclose(cell.trace, seeds.mean())
    assert np.isclose(cell.trace_error, seeds.std(ddof=1) / np.sqrt(2))
    assert np.isclose(cell.eigenvalue_of_d.sum(), cell.trace)
    assert results.published_rank.values.tolist() == [one.rank for one in PUBLISHED]
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert len(drawings) == 5
    assert all(one.png.stat().st_size > 10_000 for one in drawings)
    lines = experiment.summary(results)
    assert len(lines) == 12
    assert "rank 0.6%" in lines[6]
    assert "of 8 differences are significant" in lines[9]


def test_differences_between_ways_of_drawing_are_those_of_seeds(small):
    """Mean, error and probability of two seeds: Student's t with one degree of freedom is Cauchy's law."""
    spec, experiment, files = small
    results = experiment.assemble(spec, files)
    found, last = [], results.isel(step_size=0, epoch=-1)
    for name, b in itertools.product(COMPARED, (6, 30)):
        each = last[f"seed_{name}"].sel(batch=b)
        by_seed = each.sel(replacement="with").values - each.sel(replacement="epoch").values
        cell = results.sel(step_size=0.1, batch=b)
        assert float(cell[f"difference_{name}"]) == pytest.approx(by_seed.mean())
        error = abs(by_seed[0] - by_seed[1]) / 2
        assert float(cell[f"difference_{name}_error"]) == pytest.approx(error)
        chance = 1 - 2 / np.pi * np.arctan(abs(by_seed.mean()) / error)
        found.append((chance, float(cell[f"probability_{name}"])))
    found.sort()
    raw, corrected = zip(*found, strict=True)
    holm = np.minimum(1, np.maximum.accumulate(np.array(raw) * np.arange(8, 0, -1)))
    np.testing.assert_allclose(corrected, holm)
    one_way = results.sel(replacement=["with"])
    assert paired(one_way) == {}


def test_batches_of_an_epoch_cancel_and_independent_ones_do_not(small):
    spec, experiment, files = small
    results = experiment.assemble(spec, files).isel(step_size=0)
    assert (np.abs(results.epoch_temperature.sel(replacement="epoch")) < 1e-20).all()
    rest = results.sel(replacement=["without", "with"])
    z = (rest.epoch_temperature - rest.exact_temperature) / rest.epoch_temperature_error
    assert np.abs(z).max() < 4.9
    assert (rest.epoch_temperature / rest.epoch_temperature_error).min() > 4.9


@pytest.mark.usefixtures("unrendered")
def test_a_run_that_ends_above_guessing_is_no_result(tmp_path):
    wild = changed(SMALL, grid={"step_size": [0.1, 1e6], "batch": [6], "replacement": ["epoch", "with"]})
    spec, experiment, files = run_points(wild, tmp_path)
    results = experiment.assemble(spec, files)
    assert results.untrained.values.ravel().tolist() == [0, 0, 1, 1]
    assert np.isfinite(results.difference_loss.values.ravel()).tolist() == [True, False]
    lines = experiment.summary(results)
    assert sum("no result, the loss ends at" in line for line in lines) == 2
    drawings = experiment.figures(results, tmp_path / "figures")
    assert all("2 ways of training" in one.caption for one in drawings)
    assert experiment.figures(results.isel(step_size=[1]), tmp_path / "figures") == []


def test_temperatures_are_those_of_each_way_of_drawing(small):
    """Measured scatter within its error; swapping the ways is told at half the samples, where they differ by 2."""
    spec, experiment, files = small
    results = experiment.assemble(spec, files).isel(step_size=0)
    found, error = results.measured_temperature, results.measured_temperature_error
    assert (np.abs(found - results.exact_temperature) / error).max() < 4.9
    half = results.sel(batch=30)
    assert np.isclose(half.temperature.sel(replacement="with"), 0.1 / 60)
    assert np.isclose(half.temperature.sel(replacement="epoch"), 0.1 / 60 * 0.5)
    swapped = half.exact_temperature.sel(replacement="with").item()
    without = half.sel(replacement=["epoch", "without"])
    assert (np.abs(without.measured_temperature - swapped) / without.measured_temperature_error).min() > 4.9


def test_the_bundled_run_is_the_published_network():
    """One hidden layer of 64 on 7 x 7 images, whichever images are there; memory of all of Fashion-MNIST is modest."""
    pytest.importorskip("sklearn")
    run = load.load("network-noise")
    spec, experiment = run.spec, run.experiment
    landscape = spec.landscape()
    assert landscape.sizes == (49, 64, 10)
    assert landscape.data_size == 1400
    assert landscape.data.name in ("digits", "fashion-mnist")
    point = experiment.points(spec)[0]
    assert experiment.memory(spec, point) < 2**30
    whole = spec.model_copy(update={"data": spec.data.model_copy(update={"train": 60_000})})
    assert experiment.memory(whole, point) < 8 * 2**30


def test_points_that_are_missing_leave_gaps(small, tmp_path):
    spec, experiment, files = small
    one = dict([next(iter(files.items()))])
    results = experiment.assemble(spec, one)
    assert np.isfinite(results.trace).sum() == 3
    nothing = experiment.assemble(spec, {})
    assert experiment.summary(nothing) == []
    assert experiment.figures(nothing, tmp_path) == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_run_that_diverges_is_named(tmp_path):
    wild = changed(SMALL, grid={"step_size": [1e200], "batch": [6], "replacement": ["with"]},
                   network={"activation": "relu"})  # fmt: skip
    with pytest.raises(NonFiniteEnergyError, match=r"step-size-1e\+200.*run 0.*take a smaller grid.step_size"):
        run_points(wild, tmp_path)
