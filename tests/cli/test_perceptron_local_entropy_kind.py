"""The experiment on local entropies: run files, what is stored against brute force, resumption, figures, summaries."""

import numpy as np
import pytest
import xarray as xr
from perceptron_runs import all_weights, energies
from solver_runs import same_searches
from xy_runs import changed, faults, point_names, run_points, stop_after

from mcmc.errors import StoreError
from perceptron import random_patterns
from perceptron.packing import unpack_signs
from runs import load
from runs.experiments import Control, find
from runs.experiments.perceptron_local_entropy import ESTIMATORS, flips_of
from runs.experiments.perceptron_local_entropy_draw import instance_for, neighbours
from runs.experiments.perceptron_local_entropy_landmarks import theory_variables
from runs.figures import style

SMALL = {
    "experiment": "perceptron-local-entropy",
    "seed": 5,
    "local_entropy": {"exact_up_to": 9, "integrated": 0},
    "sampling": {
        "thermalization": 20, "draws": 40, "thin": 1, "beta": [0.0, 1.5, 3.0], "r_hat": 1.5, "round_trips": 1,
        "largest_n": 9,
    },
    "solver": {"sbpi": {"max_epochs": 40}},
    "grid": {
        "source": ["sbpi", "enumerated", "sampled", "planted"], "n": [9, 31], "alpha": [0.3, 0.6],
        "distance": [0.035, 0.1, 0.22, 0.45], "instances": 5, "instances_beyond": 2,
    },
}  # fmt: skip
NOTHING_NEAR = {"grid": {"distance": [0.001], "n": [9]}}


@pytest.fixture(autouse=True)
def few_places_of_theory(monkeypatch):
    """Its curves take most of the time of an assembly, and have tests of their own."""
    place = "runs.experiments.perceptron_local_entropy_landmarks"
    monkeypatch.setattr(f"{place}.NEAREST", 0.03)
    monkeypatch.setattr(f"{place}.CURVE_POINTS", 2)


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


def exact_entropy(instance, reference, flips):
    """ln(number of solutions at each number of flips) / n from all configurations."""
    every = all_weights(instance.n)
    solutions = every[energies(instance, every) == 0]
    apart = (instance.n - solutions @ reference.astype(np.int64)) // 2
    with np.errstate(divide="ignore"):
        return np.log([(apart == k).sum() for k in flips]) / instance.n


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"grid": {"source": ["sbip"]}}, 'grid.source[0] = "sbip": no such source; did you mean sbpi? known: enumer'),
        ({"grid": {"source": ["sbpi", "sbpi"]}}, "has sbpi more than once; each value of an axis stands once"),
        ({"grid": {"source": []}}, "grid.source = []: needs at least 1 entries"),
        ({"grid": {"distance": [0.1, 0.6]}}, "has 0.6; distances up to 1/2 are measured"),
        ({"grid": {"distance": []}}, "grid.distance = []: needs at least 1 entries"),
        (NOTHING_NEAR, "distance: no value comes near a multiple of 1/9; n = 9 needs one of 0.11"),
        ({"grid": {"n": [31]}}, 'the source "enumerated" has no size: the smallest n is 31 and local_entropy.exact_up'),
        ({"sampling": {"largest_n": 7}}, 'the source "sampled" has no size: the smallest n is 9 and sampling.largest_'),
        ({"sampling": {"beta": [0.5, 1.0]}}, "needs 0 and one more; a replica forgets where it was at beta = 0"),
        ({"local_entropy": {"exact_up_to": 40}}, "local_entropy.exact_up_to = 40: needs a number <= 31"),
        ({"patterns": {"planted": True}}, 'planted instances belong to the source "planted"; leave out patterns.plan'),
        ({"solver": {"sbpi": {"thetta": 1.0}}}, "no option of sbpi; did you mean theta?"),
        ({"grid": {"instances": 1}}, "grid.instances = 1: needs a number >= 2"),
        ({"grid": {"n": [8, 9]}}, "n = 8 is even and stabilities can be 0"),
    ],
)
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_sources_end_at_their_largest_size():
    names = point_names(SMALL)
    assert "source-planted_n-31_alpha-0.3" in names
    assert not any(f"source-{source}_n-31" in name for name in names for source in ("enumerated", "sampled"))


def test_each_multiple_is_measured_once_at_the_nearest_distance():
    # 0.04 and 0.05 both stand for 1/25; 0.01 for no flip at all.
    np.testing.assert_array_equal(flips_of([0.01, 0.04, 0.05, 0.08, 0.5], 25), [0, 1, 0, 2, 12])
    np.testing.assert_array_equal(flips_of([0.001, 0.05], 1001), [1, 50])


@pytest.mark.parametrize(("n", "kind", "margin"), [(13, "binary", 0.0), (13, "gaussian", 0.0), (13, "binary", 0.3)])
def test_neighbours_are_those_of_all_configurations(n, kind, margin):
    instance, every = random_patterns(n, p=3, seed=3, kind=kind), all_weights(n)
    solutions = every[instance.errors(every.astype(np.int8), margin) == 0]
    assert len(solutions) > 3
    counted = []
    for reference in solutions[:: max(1, len(solutions) // 40)]:
        apart = (n - solutions @ reference) // 2
        counted.append([(apart == 1).sum(), (apart == 2).sum()])
        np.testing.assert_array_equal(neighbours(instance, reference.astype(np.int8), margin), counted[-1])
    assert np.ptp(counted, axis=0).min() > 0


def test_stored_curves_are_those_of_all_configurations(tmp_path):
    spec, experiment, files = run_points(SMALL, tmp_path)
    checked, flips = 0, flips_of(spec.grid.distance, 9)
    results = experiment.assemble(spec, files)
    for point in experiment.points(spec):
        stored = opened(files[point.name])
        solved = stored["status"].values == 0
        weights = unpack_signs(stored["weights"].values, point.parameters["n"])
        for draw in np.flatnonzero(solved):
            instance = instance_for(spec, point, draw)
            assert int(instance.errors(weights[draw])) == int(stored["errors"][draw]) == 0
            if point.parameters["source"] == "planted":
                np.testing.assert_array_equal(weights[draw], instance.teacher)
            near = neighbours(instance, weights[draw])
            np.testing.assert_array_equal(stored["neighbours"][draw], near)
            if point.parameters["n"] == 9:
                exact = exact_entropy(instance, weights[draw], flips[flips > 0])
                found = stored["entropy"].values[draw, ESTIMATORS.index("enumeration")]
                np.testing.assert_allclose(found[flips > 0], exact, atol=1e-12)
                assert np.isnan(found[flips == 0]).all()
                checked += 1
        cell = results.sel(point.parameters)
        assert int(cell["references"]) == solved.sum() > 0
        alone = (stored["neighbours"].values[solved, 0] == 0).mean()
        assert float(cell["isolated"][0]) == pytest.approx(alone)
        for name in ESTIMATORS:
            values = stored["entropy"].values[solved, ESTIMATORS.index(name)]
            finite = np.where(np.isfinite(values), values, np.nan)
            if np.isfinite(finite).any():
                with np.errstate(invalid="ignore"):
                    mean = np.nanmean(finite[:, np.isfinite(finite).any(axis=0)], axis=0)
                kept = cell["entropy"].sel(estimator=name).values
                np.testing.assert_allclose(kept[np.isfinite(kept)], mean, atol=1e-12)
    assert checked > 20
    assert np.isnan(results["entropy"].sel(source="enumerated", n=31)).all()
    finite = np.isfinite(results["entropy"].sel(estimator="bethe", n=31, source="planted"))
    assert finite.any()


def test_integration_is_asked_beyond_exact_sizes_and_compared(tmp_path):
    small = {"source": ["sbpi"], "n": [21], "alpha": [0.3], "instances_beyond": 2, "distance": [0.1, 0.2, 0.3]}
    data = changed(SMALL, local_entropy={"integrated": 1, "budget": 1e6}, grid=small)
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    cell = results.isel(source=0, n=0, alpha=0)
    assert cell["asked"].sel(estimator=list(ESTIMATORS)).values.tolist() == [0, 1, 2]
    (path,) = files.values()
    stored, point = opened(path), experiment.points(spec)[0]
    instance = instance_for(spec, point, 0)
    reference = unpack_signs(stored["weights"].values, 21)[0]
    from perceptron.local_entropy import enumeration

    exact = enumeration(instance, reference, np.array([2, 4, 6]) / 21).value
    value, error = (stored[name].values[0, ESTIMATORS.index("integration")] for name in ("entropy", "error"))
    known = np.isfinite(value)
    assert known.any()
    assert (np.abs(value - exact)[known] < 4.9 * error[known] + 1e-3).all()
    difference = stored["entropy"].values[0, ESTIMATORS.index("bethe")] - value
    np.testing.assert_allclose(cell["bethe_difference"].values[known], difference[known], atol=1e-12)


def test_runs_resume_and_extend_to_the_same_references(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    data = changed(SMALL, grid={"n": [9], "alpha": [0.6]})
    _, experiment, whole = run_points(data, tmp_path / "whole")
    fewer = changed(data, grid={"instances": 4})
    run_points(fewer, tmp_path / "parts", Control("", "cpu", stop=stop_after(3)))
    run_points(fewer, tmp_path / "parts")
    _, _, parts = run_points(data, tmp_path / "parts")
    for name, path in whole.items():
        a, b = (opened(file).drop_vars("seconds") for file in (path, parts[name]))
        xr.testing.assert_equal(a, b)
    other = run_points(changed(data, seed=6, grid={"instances": 4}), tmp_path)[2]
    assert not any(same_searches(opened(whole[name]).isel(draw=slice(4)), opened(path)) for name, path in other.items())
    assert "grid.distance" in experiment.fixed(None)
    longer = changed(data, solver={"sbpi": {"max_epochs": 41}}, grid={"source": ["sbpi"], "instances": 6})
    with pytest.raises(StoreError, match=r'was made with the options .*"max_epochs": 40.* this version has .*41'):
        run_points(longer, tmp_path / "parts")


@pytest.mark.usefixtures("unrendered")
def test_figures_and_summaries_are_made_from_whole_and_from_partial_runs(tmp_path, monkeypatch):
    spec, experiment, files = run_points(SMALL, tmp_path)
    curves = theory_variables(spec)
    monkeypatch.setattr("runs.experiments.perceptron_local_entropy_results.theory_variables", lambda spec: curves)
    some = [name for name in files if "n-9_" in name]
    for part, figures in (
        (files, ["local-entropy", "exact-counts", "isolation", "agreement"]),
        ({name: files[name] for name in some[:1]}, ["local-entropy", "exact-counts", "isolation", "agreement"]),
        ({name: files[name] for name in files if "n-31_" in name}, ["local-entropy", "isolation"]),
        ({}, []),
    ):
        results = experiment.assemble(spec, part)
        with style():
            drawn = experiment.figures(results, tmp_path / "figures")
        assert [one.png.stem for one in drawn] == figures
        assert all("nan" not in one.caption for one in drawn)
        said = experiment.summary(results)
        assert not any("nan" in line for line in said)
        if part is files:
            assert any(line.startswith("alpha = 0.6, N = 31, d = 0.0323: S = ") for line in said)
            assert any("no solution at one flip: " in line for line in said)
            assert any("around a typical solution" in line for line in said)
            assert "left out, uniformly drawn: sizes above N = 9, which it does not reach" in said


def test_chains_out_of_equilibrium_are_refused_and_told(tmp_path):
    data = changed(
        SMALL, sampling={"r_hat": 1.0001, "round_trips": 10**6}, grid={"source": ["sampled"], "n": [9], "alpha": [0.6]}
    )
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    assert int(results["refused"].sum()) + int(results["unsolved"].sum()) == 5
    said = experiment.summary(results)
    assert any("equilibrium sample refused, the chains not being in equilibrium: " in line for line in said)


def test_the_bundled_spec_is_sound():
    run = load.load("perceptron-local-entropy")
    experiment = find(run.spec.experiment)
    grid = run.spec.grid
    for n in grid.n:
        # Sizes need several distances each, near ones among them.
        assert (flips_of(grid.distance, n) > 0).sum() >= 6
    assert {"enumerated", "planted"} < {point.parameters["source"] for point in experiment.points(run.spec)}
