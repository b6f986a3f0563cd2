"""The experiment on the plane of learning rate and batch size: run files, what is stored, the collapse, figures."""

import math
import warnings

import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, point_names, run_points, stop_after

from mcmc.local_entropy import laplace
from mcmc.samplers.sgd import SGD
from runs.experiments import Control, find
from runs.experiments.network_phase_diagram_collapse import collapse
from runs.experiments.network_phase_diagram_draw import trained
from runs.grid import point_seed
from runs.spec import validate

SMALL = {
    "experiment": "network-phase-diagram",
    "seed": 5,
    "data": {"name": "teacher-student", "features": 3, "train": 24, "test": 40, "label_noise": 0.2},
    "network": {"hidden": [2], "weight_decay": 0.01},
    "training": {"time": 4.0},
    "measured": {"scale": [0.1, 1.0], "sweeps": 64, "bootstraps": 20},
    "grid": {"step_size": [0.1, 0.2, 0.4], "batch": [2, 4, 8], "seeds": 3},
}


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


def same(a, b):
    return a.drop_vars("seconds").equals(b.drop_vars("seconds"))


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"grid": {"batch": [2, 25]}}, "batch = 25: there are 24 training samples"),
        ({"grid": {"seeds": 1}}, "grid.seeds = 1: needs a number >= 2"),
        ({"grid": {"step_size": [0.0, 0.1]}}, "needs a number > 0"),
        ({"training": {"time": 0.1}}, "training.time: leaves a run of the grid less than one step"),
        ({"training": {"stop": "epochs", "epochs": 0.1}}, "training.epochs: leaves a run of the grid less than one"),
        ({"training": {"stop": "lost"}}, "did you mean 'loss'?"),
        ({"measured": {"scale": [0.1, 0.1]}}, "has 0.1 more than once"),
    ],
)
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_points_are_cells():
    assert len(point_names(SMALL)) == 9
    assert "step-size-0.1_batch-8" in point_names(SMALL)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return run_points(SMALL, tmp_path_factory.mktemp("small"))


def test_stored_numbers_are_those_of_plain_sgd(small):
    spec, experiment, files = small
    results, model = experiment.assemble(spec, files), spec.landscape()
    for point in experiment.points(spec)[::4]:
        eta, b = point.parameters["step_size"], point.parameters["batch"]
        sampler = SGD(model, step_size=eta, batch_size=b, replacement=True)
        state = sampler.init([2], point_seed(spec.seed, f"training {point.name}"))
        x = sampler.step(state, round(4.0 / eta))[0].x
        stored, cell = opened(files[point.name]), results.sel(step_size=eta, batch=b)
        assert float(stored["test_error"][2]) == model.test_error(x)[0]
        loss = model.energy(x)[0] - 0.005 * (x**2).sum()
        assert float(stored["training_loss"][2]) == pytest.approx(loss, rel=1e-12)
        curve = laplace(model, x[0], scale=[0.1, 1.0], beta=24.0)
        np.testing.assert_allclose(stored["local_entropy"][2], curve.value - model.energy(x)[0], rtol=1e-9)
        # Second order is slope and curvature.
        gradient = model.gradient(x)[0]
        columns = np.stack([model.hessian_vector(x, v[None])[0] for v in np.eye(model.dim)])
        for k, t in enumerate((0.1, 1.0)):
            shifted = np.eye(model.dim) + 0.5 * t * (columns + columns.T)
            bent = np.linalg.slogdet(shifted)[1] / 48.0
            assert float(stored["curvature_entropy"][2, k]) == pytest.approx(bent, rel=1e-8, abs=1e-12)
            slope = 0.5 * t * gradient @ np.linalg.solve(shifted, gradient)
            assert float(stored["local_entropy"][2, k]) == pytest.approx(bent - slope, rel=1e-6, abs=1e-10)
        assert float(cell["test_error"]) == pytest.approx(stored["test_error"].values.mean())
        error = stored["training_loss"].values.std(ddof=1) / math.sqrt(3)
        assert float(cell["training_loss_error"]) == pytest.approx(error)
        assert float(cell["temperature"]) == pytest.approx(eta / (2 * b))


def test_warnings_of_the_estimators_are_counted_and_told_scale_by_scale(small):
    spec, experiment, files = small
    point = experiment.points(spec)[0]
    ends = trained(spec, spec.landscape(), point, range(3), lambda: False)
    stored, warned = opened(files[point.name]), []
    for t in (0.1, 1.0):
        with warnings.catch_warnings(record=True):
            warned.append(len(laplace(spec.landscape(), ends.x[1], scale=[t], beta=24.0).warnings))
    assert stored["local_entropy_warned"][1].values.tolist() == warned
    assert not stored["integrated_entropy_warned"][1:].any()
    results = experiment.assemble(spec, files)
    counts = sum((opened(path)["local_entropy_warned"].values > 0).sum(axis=0) for path in files.values())
    assert results["local_entropy_warned"].sum(("step_size", "batch")).values.tolist() == counts.tolist()
    assert int(results["local_entropy_asked"].sum()) == 27
    assert int(results["integrated_entropy_asked"].sum()) == 9
    second = 0 * results["local_entropy_warned"]
    second.loc[{"scale": 1.0, "step_size": 0.1}] = 2
    told = [line for line in experiment.summary(results.assign(local_entropy_warned=second)) if "warnings of" in line]
    assert "second order, of 27 runs: 6 at t = 1 (" in told[0]
    none = results.assign(local_entropy_warned=0 * second, integrated_entropy_warned=0 * second)
    assert not any("warnings of" in line for line in experiment.summary(none))


def test_the_best_cell_is_told_of_seeds_that_did_not_choose_it(small):
    """The choice sees seeds 0 and 2: a cell that is the best by seeds 1 and 3 alone is not chosen."""
    spec, experiment, files = small
    results = experiment.assemble(spec, files)
    error = np.full((3, 3, 4), 0.5)
    error[1, 2] = 0.1, 0.3, 0.2, 0.4
    error[0, 0] = 0.4, 0.0, 0.4, 0.0
    results = results.drop_vars([name for name in results.data_vars if name.startswith("run_")])
    results["run_test_error"] = ("step_size", "batch", "run"), error
    results["kept"] = 0 * results["kept"] + 1
    (line,) = (line for line in experiment.summary(results) if "chosen on seeds" in line)
    assert "of 9 cells" in line
    assert "eta = 0.2, b = 8, 0.1500 there and 0.35(5) of the other seeds" in line


def test_runs_end_as_asked_for():
    experiment = find("network-phase-diagram")
    for stop, steps in (("time", 20), ("epochs", 60), ("steps", 7)):
        asked = {"stop": stop, "epochs": 10.0, "steps": 7}
        spec = validate(experiment.Spec, changed(SMALL, training=asked), "test.toml")
        point = next(p for p in experiment.points(spec) if p.name == "step-size-0.2_batch-4")
        assert trained(spec, spec.landscape(), point, range(2), lambda: False).steps.tolist() == [steps, steps]
    asked = {"stop": "loss", "loss": 0.6, "time": 200.0}
    spec = validate(experiment.Spec, changed(SMALL, training=asked, data={"label_noise": 0.0}), "test.toml")
    model = spec.landscape()
    both = trained(spec, model, point, range(2), lambda: False)
    alone = trained(spec, model, point, range(1, 2), lambda: False)
    assert (both.ended == 1).all()
    assert (model.energy(both.x) <= 0.6).all()
    assert (both.steps < 1000).all()
    np.testing.assert_array_equal(both.x[1], alone.x[0])
    never = validate(experiment.Spec, changed(SMALL, training={"stop": "loss", "loss": 1e-6}), "test.toml")
    assert trained(never, model, point, range(2), lambda: False).ended.tolist() == [0, 0]


@pytest.mark.usefixtures("unrendered")
def test_runs_without_numbers_are_part_of_the_diagram(tmp_path):
    # A step of weight decay multiplies weights by 1 - eta w = -9.
    data = changed(SMALL, network={"weight_decay": 1.0}, training={"stop": "steps", "steps": 400},
                   grid={"step_size": [0.1, 10.0], "batch": [4]})  # fmt: skip
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    assert results["diverged"].values.tolist() == [[0], [3]]
    assert results["kept"].values.tolist() == [[1], [0]]
    assert np.isnan(results["test_error"].values[1, 0])
    assert "1 with diverged runs" in experiment.summary(results)[0]
    assert len(experiment.figures(results, tmp_path / "figures")) == 3


def test_a_function_of_eta_over_b_is_known_from_others(seed):
    rng = np.random.default_rng(seed)
    eta, b = (grid.ravel() for grid in np.meshgrid(0.05 * 2.0 ** np.arange(6), 2.0 ** np.arange(2, 8), indexing="ij"))

    def noisy(exponent):
        curve = np.tanh(np.log(eta * b**exponent) + 1.5) + 2.0
        return curve[:, None] * (1.0 + 0.05 * rng.normal(size=(36, 6)))

    z = []
    for _ in range(40):
        found = collapse(noisy(-1.0), eta, b, 40, seed)
        z.append((found.ratio + 1.0) / found.ratio_error)
    assert abs(np.mean(z)) < 4.9 / math.sqrt(40) * np.std(z) + 0.3
    # The spread of 40 scores is known to 11 %, each error to another 11 %.
    assert 0.6 < np.std(z) < 1.6
    other = collapse(noisy(-0.5), eta, b, 40, seed)
    assert abs(other.ratio + 0.5) < 4.9 * other.ratio_error
    assert abs(other.ratio + 1.0) > 4.9 * other.ratio_error
    assert other.at_theory > 2.0 * other.at_best
    power = collapse((eta**0.3 * b**-0.2)[:, None] * np.ones((1, 3)), eta, b, 20, seed)
    assert (power.step_exponent, power.batch_exponent) == pytest.approx((0.3, -0.2))
    assert power.ratio == pytest.approx(-2.0 / 3.0, abs=1e-3)


def test_too_few_cells_have_no_exponents():
    assert math.isnan(collapse(np.ones((5, 3)), np.arange(1.0, 6.0), np.arange(1.0, 6.0), 20, 1).ratio)


def test_runs_resume_and_extend_to_the_same_draws(tmp_path):
    few = changed(SMALL, grid={"step_size": [0.2], "batch": [4, 8]})
    (tmp_path / "parts").mkdir()
    more = changed(few, grid={"seeds": 4})
    _, _, whole = run_points(more, tmp_path)
    run_points(few, tmp_path / "parts", Control("", "cpu", stop=stop_after(3)))
    run_points(few, tmp_path / "parts")
    _, _, parts = run_points(more, tmp_path / "parts")
    for name, path in whole.items():
        assert same(opened(path), opened(parts[name]))


@pytest.mark.usefixtures("unrendered")
def test_figures_and_summaries_are_made_from_whole_and_from_partial_runs(small, tmp_path):
    spec, experiment, files = small
    for part, drawings in ((files, 4), (dict(list(files.items())[:2]), 3), ({}, 0)):
        results = experiment.assemble(spec, part)
        assert len(experiment.figures(results, tmp_path)) == drawings
        lines = experiment.summary(results)
        assert any("r = " in line for line in lines) == (drawings == 4)
