"""The experiment on loss and information: exact laws against quadrature, samples against them, resumption, figures."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import dblquad
from xy_runs import changed, faults, point_names, run_points, stop_after

from runs.experiments import Control, find
from runs.experiments.information_bottleneck_draw import landscape, measure_law
from runs.experiments.information_bottleneck_exact import gibbs_laws
from runs.experiments.information_bottleneck_figures import scores
from runs.spec import validate

SMALL = {
    "experiment": "information-bottleneck",
    "seed": 5,
    "task": {"samples": 40, "features": 2, "hidden": 2},
    "effort": {"chains": 500, "draws": 2, "time": 10.0, "steps": 200},
    "grid": {"dim": [2], "beta": [5.0, 400.0], "step_size": [0.5], "batch": 2, "repeats": 3},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run_points(SMALL, tmp_path_factory.mktemp("run"))


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"grid": {"dim": [4]}}, "grid.dim[0] = 4: needs a number <= 3"),
        ({"grid": {"dim": [2, 2]}}, "has a number more than once; each stands once"),
        ({"grid": {"beta": [0.0]}}, "grid.beta[0] = 0"),
        ({"grid": {"batch": 41}}, "batch = 41: there are 40 samples"),
        ({"grid": {"repeats": 1}}, "grid.repeats = 1: needs a number >= 2"),
        ({"task": {"deviation": 0.0}}, "task.deviation = 0"),
    ],
)
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_exact_laws_are_those_of_quadrature():
    spec = validate(find("information-bottleneck").Spec, SMALL, "test.toml")
    model, deviation = landscape(spec, "neuron-2"), 2.0
    (law,) = gibbs_laws(model, np.array([5.0]), deviation)

    def weight(b, a):
        prior = np.exp(-0.5 * (a * a + b * b) / deviation**2) / (2 * np.pi * deviation**2)
        return prior * np.exp(-5.0 * model.energy(np.array([[a, b]]))[0])

    wide = 9.0 * deviation
    z = dblquad(weight, -wide, wide, -wide, wide, epsabs=1e-9)[0]
    assert law.minimum == pytest.approx(-np.log(z) / 5.0, abs=1e-6)
    assert law.information == pytest.approx(5.0 * (law.minimum - law.loss), abs=1e-12)
    # dF / dbeta of the minimum: the information over beta squared.
    near = gibbs_laws(model, np.array([4.99, 5.01]), deviation)
    slope = (near[1].minimum - near[0].minimum) / 0.02
    assert slope == pytest.approx(-law.information / 25.0, rel=1e-4)


def test_sampled_gibbs_laws_are_the_exact_ones(finished):
    spec, experiment, files = finished
    results = experiment.assemble(spec, files)
    found = scores(results)
    # Scores of three repeats have heavy tails: bounds on the deviations themselves.
    assert set(found) == {"loss", "information", "minimum"}
    at = results.sel(system=results["neuron"].values)
    assert np.abs(at["gibbs_loss"].values - results["known_loss"].values).max() < 0.01
    assert np.abs(at["gibbs_information"].values - results["known_information"].values).max() < 0.15
    assert np.abs(at["gibbs_minimum"].values - results["known_minimum"].values).max() < 0.005
    assert np.ptp(results["known_information"].values) > 1.0


def test_no_law_is_below_the_bound(finished):
    spec, experiment, files = finished
    results = experiment.assemble(spec, files)
    excess = results["excess_loss"].values
    assert np.isfinite(excess).all()
    assert (excess > -0.003).all()
    # The control: SGD's loss with the information of a much warmer law would lie far below the curve.
    law = results.isel(neuron=0)
    warm = np.interp(0.3 * results["sgd_information"].values[0, 0], law["exact_information"], law["exact_loss"])
    assert results["sgd_loss"].values[0, 0] < warm - 0.01


def test_points_and_repeats_have_random_numbers_of_their_own():
    spec = validate(find("information-bottleneck").Spec, SMALL, "test.toml")
    point = next(p for p in find("information-bottleneck").points(spec) if p.parameters["law"] == "sgd")
    first = [measure_law(spec, point, 0)["loss"] for _ in range(2)]
    assert first[0] == first[1] != measure_law(spec, point, 1)["loss"]
    assert "law-gibbs_system-network_beta-400" in point_names(SMALL)


def test_runs_resume_and_extend_to_the_same_repeats(finished, tmp_path):
    few = changed(SMALL, grid={"repeats": 2, "beta": [5.0]})
    run_points(few, tmp_path, Control("", "cpu", stop=stop_after(1)))
    run_points(few, tmp_path)
    _, _, parts = run_points(changed(few, grid={"repeats": 3}), tmp_path)
    for name, path in parts.items():
        xr.testing.assert_equal(opened(path), opened(finished[2][name]))


@pytest.mark.usefixtures("unrendered")
def test_figures_and_summaries_are_made_from_whole_and_from_partial_runs(finished, tmp_path):
    spec, experiment, files = finished
    gibbs = {name: path for name, path in files.items() if "gibbs" in name}
    sgd = {name: path for name, path in files.items() if "sgd" in name}
    for part in (files, gibbs, sgd, {}):
        results = experiment.assemble(spec, part)
        (drawing,) = experiment.figures(results, tmp_path / "figures")
        assert drawing.png.stem == "information"
        lines = experiment.summary(results)
        assert any("above the curve" in line for line in lines) == (part is files or part is sgd)
        assert any("network, beta" in line for line in lines) == (part is files or part is gibbs)
