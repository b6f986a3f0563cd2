"""The experiment on loss and information: exact laws against quadrature, samples against them, resumption, figures."""

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import dblquad
from xy_runs import changed, faults, point_names, run_points, stop_after

from mcmc.errors import ConvergenceWarning
from runs.experiments import Control, find
from runs.experiments.information_bottleneck_annealing import annealed_minimum
from runs.experiments.information_bottleneck_draw import measure_law
from runs.experiments.information_bottleneck_exact import gibbs_laws
from runs.experiments.information_bottleneck_landscape import landscape
from runs.experiments.information_bottleneck_summary import normal_scores, scores
from runs.spec import validate

SMALL = {
    "experiment": "information-bottleneck",
    "seed": 5,
    "task": {"samples": 40, "features": 2, "hidden": 2},
    "effort": {"chains": 500, "draws": 2, "time": 10.0, "steps": 100, "integrated": 1},
    "grid": {"dim": [2], "beta": [5.0, 400.0], "step_size": [0.5], "batch": 2, "repeats": 3},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run_points(SMALL, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def assembled(finished):
    spec, experiment, files = finished
    return experiment.assemble(spec, files)


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
        ({"device": "cuda"}, "this experiment runs on the cpu"),
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

    def cross(b, a):
        return weight(b, a) / z * (0.5 * (a * a + b * b) / deviation**2 + np.log(2 * np.pi * deviation**2))

    assert law.cross == pytest.approx(dblquad(cross, -wide, wide, -wide, wide, epsabs=1e-7)[0], abs=1e-5)
    # dF / dbeta of the minimum: the information over beta squared.
    near = gibbs_laws(model, np.array([4.99, 5.01]), deviation)
    slope = (near[1].minimum - near[0].minimum) / 0.02
    assert slope == pytest.approx(-law.information / 25.0, rel=1e-4)


def test_sampled_gibbs_laws_are_the_exact_ones(assembled):
    results = assembled
    found = scores(results)
    assert set(found) == {"loss", "information", "functional", "free", "minimum"}
    assert all(np.abs(z).max() < 4.9 for z in found.values())
    at = results.sel(system=results["neuron"].values)
    assert np.abs(at["gibbs_loss"].values - results["known_loss"].values).max() < 0.01
    assert np.abs(at["gibbs_information"].values - results["known_information"].values).max() < 0.15
    assert np.abs(at["gibbs_minimum"].values - results["known_minimum"].values).max() < 0.005
    assert np.ptp(results["known_information"].values) > 1.0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.assign(gibbs_information=1.1 * r.gibbs_information), "KL(q | p)"),
        (lambda r: r.assign(gibbs_loss=1.1 * r.gibbs_loss), "E[f]"),
        (lambda r: r.assign(gibbs_functional=1.1 * r.gibbs_functional), "E[f] + KL / beta"),
        (lambda r: r.assign(gibbs_free=1.1 * r.gibbs_free + 0.1), "E[f] - H / beta"),
        (lambda r: r.assign(gibbs_minimum=1.1 * r.gibbs_minimum), "minimum by integration"),
        (lambda r: r.assign(excess_loss=r.excess_loss - 0.02), "below the exact curve"),
        (lambda r: r.assign(excess_loss=r.excess_loss - 0.02), "loss above the curve"),
        (lambda r: r.assign(gibbs_annealed=1.2 * r.gibbs_annealed), "network, beta = 5"),
    ],
)
def test_laws_that_are_wrong_are_told(finished, assembled, change, told):
    experiment, results = finished[1], assembled
    assert not any(one.state == "differs" for one in experiment.verdicts(results))
    names = [one.name for one in experiment.verdicts(change(results)) if one.state == "differs"]
    assert any(told in name for name in names)


def test_few_annealed_paths_decide_nothing(finished, assembled):
    experiment, results = finished[1], assembled
    few = results.assign(gibbs_effective=0 * results["gibbs_effective"] + 2)
    told = {one.name: one for one in experiment.verdicts(few)}["network, beta = 5: minimum by integration"]
    assert told.said == "undecided: annealed paths are worth 2.0, fewer than 10"


def test_an_integration_that_has_not_converged_is_told(finished, tmp_path):
    spec, experiment, files = finished
    name = "law-gibbs_system-neuron-2_beta-5"
    path = shutil.copy(files[name], tmp_path)
    with h5py.File(path, "r+", locking=False) as file:
        file["unconverged"][0] = 1.0
    with pytest.warns(ConvergenceWarning, match="neuron-2, beta = 5: an integration"):
        experiment.assemble(spec, {name: path})


def test_annealed_minimum_is_the_exact_one():
    spec = validate(find("information-bottleneck").Spec, SMALL, "test.toml")
    (law,) = gibbs_laws(landscape(spec, "neuron-2"), np.array([20.0]), 2.0)
    found = annealed_minimum(spec, "neuron-2", 20.0, 100, 5)
    assert abs(found.minimum - law.minimum) < 4.9 * found.error
    assert found.error < 0.02 * law.minimum
    assert found.effective > 20


def test_scores_of_few_chains_are_made_those_of_many():
    z = normal_scores(np.array([1.0, -6.0, 1e4]), 27)
    assert 0.9 < z[0] < 1
    assert -6 < z[1] < -4.5
    assert np.isfinite(z[2])
    assert z[2] > 20


def test_no_law_is_below_the_bound(assembled):
    results = assembled
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
def test_figures_and_summaries_are_made_from_whole_and_from_partial_runs(finished, assembled, tmp_path):
    spec, experiment, files = finished
    part = experiment.assemble(spec, {name: path for name, path in files.items() if "sgd" in name})
    measured = [name for name in assembled.data_vars if name.startswith(("gibbs", "sgd", "excess"))]
    gibbs = assembled.drop_vars([name for name in measured if not name.startswith("gibbs")])
    for results in (assembled, gibbs, part, assembled.drop_vars(measured)):
        drawings = experiment.figures(results, tmp_path / "figures")
        assert [one.png.stem for one in drawings] == ["information", "functionals"]
        lines = experiment.summary(results)
        assert any("above the curve" in line for line in lines) == ("excess_loss" in results)
        assert any("network, beta" in line for line in lines) == ("gibbs_loss" in results)
