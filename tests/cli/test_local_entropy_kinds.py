"""The experiments that hold estimators of the local entropy to exact answers: run files, what is stored, scores."""

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, run_points, stop_after

from perceptron import BinaryPerceptron, enumerate_configurations
from runs.experiments import Control
from runs.experiments.local_entropy_agreement import ESTIMATORS, pair_entropy, reference_for
from runs.experiments.local_entropy_agreement_results import scores
from runs.experiments.perceptron_spec import instance_of
from runs.experiments.well_widths_cases import CASES, case
from runs.figures import style

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

WELLS = {
    "experiment": "well-widths",
    "seed": 3,
    "effort": {"chains": 4, "sweeps": 300, "samples": 2048},
    "grid": {"case": ["quadratic-1", "well-1"], "scale": [0.5], "repeats": 2},
}
SPINS = {
    "experiment": "local-entropy-agreement",
    "seed": 3,
    "effort": {"sweeps": 1500, "replica_sweeps": 300, "couplings": [0.0, 0.2, 0.4]},
    "grid": {"source": ["uniform"], "n": [9], "alpha": [0.4], "temperature": [0.0, 0.5], "flips": [1, 2, 3],
             "instances": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def wells(tmp_path_factory):
    return run_points(WELLS, tmp_path_factory.mktemp("wells"))


@pytest.fixture(scope="module")
def spins(tmp_path_factory):
    return run_points(SPINS, tmp_path_factory.mktemp("spins"))


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(("base", "tables", "said"), [
    (WELLS, {"grid": {"case": ["quadratic-3"]}}, 'grid.case[0] = "quadratic-3": needs one of'),
    (WELLS, {"grid": {"case": ["well-1", "well-1"]}}, "has a case more than once; each stands once"),
    (WELLS, {"grid": {"scale": [-1.0]}}, "grid.scale"),
    (WELLS, {"grid": {"repeats": 1}}, "grid.repeats = 1: needs a number >= 2"),
    (WELLS, {"effort": {"sweps": 100}}, "effort.sweps"),
    (SPINS, {"grid": {"n": [25]}}, "n = 25 has too many configurations to count; needs n <= 23"),
    (SPINS, {"grid": {"n": [10]}}, "n = 10 is even and stabilities can be 0"),
    (SPINS, {"grid": {"flips": [1, 2, 12]}}, "flips = 12 is more than the n = 9 weights there are"),
    (SPINS, {"grid": {"flips": [2, 2, 3]}}, "flips has a distance more than once"),
    (SPINS, {"grid": {"flips": [2, 3]}}, "flips has 2 distances; needs as many as effort.couplings has couplings"),
    (SPINS, {"grid": {"source": ["bp"]}}, 'grid.source[0] = "bp": needs one of'),
])  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused(base, tables, said):
    found = faults(changed(base, **tables))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("kind", ["wells", "spins"])
def test_a_stopped_point_resumes_to_the_same_draws(kind, request, tmp_path):
    spec, experiment, files = request.getfixturevalue(kind)
    point = experiment.points(spec)[0]
    path = tmp_path / f"{point.name}.h5"
    assert not experiment.run_point(spec, point, path, Control("", "cpu", stop=stop_after(1)))
    assert experiment.run_point(spec, point, path, Control("", "cpu"))
    for name in ("value", "error", "warned"):
        np.testing.assert_array_equal(opened(path)[name], opened(files[point.name])[name])


def test_wells_agree_with_what_is_exact(wells, tmp_path):
    spec, experiment, files = wells
    results = experiment.assemble(spec, files)
    judged = results.judged.values == 1
    assert judged.sum() >= 14
    assert np.abs(results.score.values[judged]).max() < 4.9
    assert "0 beyond 4.9" in experiment.summary(results)[0]
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert all(one.png.stat().st_size > 10_000 for one in drawings)


def test_a_wrong_answer_is_told(wells, tmp_path):
    spec, experiment, files = wells
    files = {name: shutil.copy(path, tmp_path) for name, path in files.items()}
    with h5py.File(files["case-quadratic-1"], "r+", locking=False) as file:
        file["value"][:, 0] += 0.3
        file["error"][:, 0] = 0.0
    found = experiment.assemble(spec, files).sel(case="quadratic-1", estimator="integration")
    assert np.isposinf(found.score.values).all()
    assert "0 beyond" not in experiment.summary(experiment.assemble(spec, files))[0]


@pytest.mark.parametrize("name", CASES)
def test_exact_values_start_from_f_and_end_near_the_lowest(name):
    found = case(name)
    at_point = float(np.asarray(found.landscape.energy(found.point[None]))[0])
    assert found.exact(1e-9) == pytest.approx(at_point, rel=1e-5, abs=1e-5)
    if found.envelope is not None:
        assert found.envelope(1e-9) == pytest.approx(at_point, abs=1e-5)
        assert found.envelope(1.0) <= at_point


def test_spins_agree_with_what_is_counted(spins, tmp_path):
    spec, experiment, files = spins
    results = experiment.assemble(spec, files)
    known = results.score.values[~np.isnan(results.score.values)]
    assert known.size > 20
    assert np.abs(known).max() < 4.9
    assert np.isnan(results.score.sel(estimator="bethe")).all()
    for point in experiment.points(spec):
        instance = instance_of(spec.patterns, spec.seed, point, 0)
        stored = opened(files[point.name])
        solutions = enumerate_configurations(instance).solution_count
        assert stored["solved"].values[0] == (solutions > 0)
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert all(one.png.stat().st_size > 10_000 for one in drawings)


def test_a_false_emptiness_and_a_value_without_an_error_count_as_wrong():
    shape = (len(ESTIMATORS), 3, 1)
    exact = np.full(shape, 0.2)
    value, error = exact + 0.01, np.full(shape, 0.01)
    value[0, 0], error[0, 1], exact[0, 2] = -np.inf, np.nan, -np.inf
    found = scores({"exact": exact, "value": value, "error": error}, np.zeros((len(ESTIMATORS), 1)))
    assert np.isposinf(found[0, :, 0]).all()
    assert np.allclose(found[1, :, 0], 1.0)


def test_pairs_are_counted_as_they_are():
    from perceptron import random_patterns

    instance = random_patterns(9, p=4, seed=2)
    every = enumerate_configurations(instance).solutions.astype(np.int64)
    overlap = every @ every.T
    for gamma in (0.0, 0.3):
        weight = np.exp(gamma * overlap)
        mean = (weight * overlap).sum() / weight.sum()
        phi = (np.log(weight.sum()) - gamma * mean) / 18
        assert pair_entropy(instance, 0.0, np.array([(1 - mean / 9) / 2]))[0] == pytest.approx(phi, abs=1e-9)


def test_references_are_solutions():
    from perceptron import random_patterns

    for seed in range(4):
        instance = random_patterns(15, p=6, seed=seed)
        for source in ("uniform", "solver"):
            weights = reference_for(instance, source, 0.0, seed)
            assert weights is None or int(instance.errors(weights)) == 0
    assert BinaryPerceptron(instance).patterns is instance
