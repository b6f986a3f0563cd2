"""The map of densities and the comparison of dynamics: run files, small runs end to end, resumption."""

import math

import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, point_names, run_points, stop_after

from perceptron import theory
from perceptron.packing import unpack_signs
from runs.experiments import Control
from runs.experiments.perceptron_density_map_theory import bracket, dense_group, falls, typical_distance
from runs.experiments.perceptron_spec import instance_of
from runs.experiments.perceptron_wide_narrow_results import at_equal_energy
from runs.figures import style

MAP = {
    "experiment": "perceptron-density-map",
    "seed": 5,
    "map": {"alphas": 4, "distances": 4, "width": 0.02},
    "local_entropy": {"integrated": 0, "exact_up_to": 11},
    "grid": {"source": ["sbpi"], "n": [51], "alpha": [0.3], "distance": [0.04, 0.1], "instances_beyond": 2},
}
WIDE = {
    "experiment": "perceptron-wide-vs-narrow",
    "seed": 5,
    "surroundings": {"integrated": 0},
    "grid": {
        "dynamics": ["annealing", "replicated_annealing", "rejection_free", "quench"],
        "n": [51], "alpha": [0.5], "passes": [10, 40], "distance": [0.04, 0.1], "instances": 2, "runs": 2,
    },
}  # fmt: skip


def same_ends(a, b):
    for name in set(a.data_vars) - {"seconds"}:
        np.testing.assert_array_equal(a[name], b[name])


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(
    ("base", "tables", "said"),
    [
        (MAP, {"grid": {"source": ["planted"]}}, 'source "planted" is no solver'),
        (MAP, {"grid": {"source": ["sbip"]}}, "no such source; did you mean sbpi"),
        (MAP, {"map": {"alpha_from": 0.9}}, "alpha_from = 0.9 is not below the capacity 0.833"),
        (MAP, {"map": {"alphas": 2}}, "map.alphas = 2: needs a number >= 4"),
        (MAP, {"patterns": {"planted": True}}, 'planted instances belong to the source "planted"'),
        (WIDE, {"grid": {"n": [51, 101]}}, "one n and one alpha are compared in a run"),
        (WIDE, {"grid": {"dynamics": ["quench", "quench"]}}, "each dynamics stands once"),
        (WIDE, {"grid": {"dynamics": ["tempering"]}}, "grid.dynamics[0] = \"tempering\": needs one of"),
        (WIDE, {"grid": {"passes": [3]}}, "passes = 3 leave 5 replicas less than a sweep each"),
        (WIDE, {"grid": {"distance": [0.1, 0.6]}}, "has 0.6; distances up to 1/2 are measured"),
        (WIDE, {"grid": {"distance": [0.1, 0.101]}}, "two values stand for the same multiple of 1/51"),
        (WIDE, {"ramps": {"annealing": [8.0, 2.0]}}, "the last at least the first"),
        (WIDE, {"surroundings": {"beta": 0}}, "surroundings.beta = 0: needs a number > 0"),
    ],
)  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(base, tables, said):
    found = faults(changed(base, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_the_bracket_of_the_threshold_holds_it():
    threshold = float(theory.monotonicity_threshold())
    low, high = bracket(0.0, 0.748, 0.764, 0.004)
    assert low < threshold < high <= low + 0.004
    assert np.isnan(bracket(0.0, 0.3, 0.4, 0.1)).all()
    assert not falls(threshold - 0.001)
    assert falls(threshold + 0.001)


def test_places_of_the_map_are_groups_around_a_centre():
    # At alpha -> 0 every configuration is a solution: all at distance d from the centre.
    entropy, slope = dense_group(0.0, 0.1)
    assert entropy == pytest.approx(-0.1 * math.log(0.1) - 0.9 * math.log(0.9), rel=1e-9)
    assert slope == pytest.approx(math.log(0.9 / 0.1), rel=1e-6)
    step = 1e-4
    numeric = (dense_group(0.6, 0.05 + step)[0] - dense_group(0.6, 0.05 - step)[0]) / (2 * step)
    assert dense_group(0.6, 0.05)[1] == pytest.approx(numeric, rel=1e-4)
    # Groups as wide as typical solutions are apart have the entropy of all solutions.
    whole = float(theory.replica_symmetric(0.6).entropy)
    assert dense_group(0.6, typical_distance(0.6))[0] == pytest.approx(whole, abs=1e-6)
    assert np.isnan(dense_group(0.6, 0.5)).all()


@pytest.mark.usefixtures("unrendered")
def test_the_map_is_made_of_theory_and_measured_points(tmp_path, monkeypatch):
    monkeypatch.setattr("runs.experiments.perceptron_local_entropy_landmarks.CURVE_POINTS", 4)
    spec, experiment, files = run_points(MAP, tmp_path)
    results = experiment.assemble(spec, files)
    beyond = results["map_distance"] > results["map_typical"]
    assert bool((np.isnan(results["map_entropy"]) == beyond).all())
    assert float(results["alpha_u_low"]) < float(results["alpha_u"]) < float(results["alpha_u_high"])
    cells = results.isel(source=0, n=0, alpha=0).sel(estimator="bethe")
    alpha = float(cells["patterns"]) / 51
    for d, entropy, residual in zip(
        cells["measured_distance"].values, cells["entropy"].values, cells["residual"].values, strict=True
    ):
        assert entropy - residual == pytest.approx(dense_group(alpha, float(d))[0], abs=1e-12)
    with style():
        drawn = experiment.figures(results, tmp_path / "figures")
    assert [one.png.stem for one in drawn] == ["map"]
    assert "nan" not in drawn[0].caption
    said = experiment.summary(results)
    assert said[0].startswith("alpha_U: S(d) never falls at")
    assert not any("nan" in line for line in said)


@pytest.mark.usefixtures("unrendered")
def test_ends_of_dynamics_are_stored_compared_and_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("runs.experiments.perceptron_wide_narrow_results.CURVE_POINTS", 4)
    spec, experiment, files = run_points(WIDE, tmp_path)
    results = experiment.assemble(spec, files)
    for point in experiment.points(spec):
        stored = opened(files[point.name])
        weights = unpack_signs(stored["weights"].values, 51)
        for draw in range(4):
            instance = instance_of(spec.patterns, spec.seed, point, draw % 2)
            assert int(instance.errors(weights[draw])) == int(stored["errors"][draw])
        # Equal work: nobody attempts more flips than asked for.
        assert (stored["attempts"] <= 51 * point.parameters["passes"]).all()
        unsolved = stored["errors"] > 0
        assert (stored["attempts"].values[unsolved] == 51 * point.parameters["passes"]).all()
        counted = np.isfinite(stored["entropy"].values[:, 2]).any(axis=1)
        assert not counted[unsolved].any()
    assert np.isfinite(results["entropy"].sel(estimator="bethe")).all()
    for part in (files, dict(list(files.items())[:1])):
        some = experiment.assemble(spec, part)
        with style():
            drawn = experiment.figures(some, tmp_path / "figures")
        assert [one.png.stem for one in drawn] == ["width"]
        assert not any("nan" in line for line in experiment.summary(some))


def test_interrupted_runs_go_on_to_the_same_ends(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    data = changed(WIDE, grid={"dynamics": ["replicated_annealing"], "passes": [40]})
    _, _, whole = run_points(data, tmp_path / "whole")
    run_points(data, tmp_path / "parts", Control("", "cpu", stop=stop_after(2)))
    _, _, parts = run_points(data, tmp_path / "parts")
    (name,) = point_names(data)
    same_ends(opened(whole[name]), opened(parts[name]))
    (tmp_path / "other").mkdir()
    other = run_points(changed(data, seed=6), tmp_path / "other")[2]
    with pytest.raises(AssertionError):
        same_ends(opened(whole[name]), opened(other[name]))


def test_differences_at_equal_energy_have_honest_errors(seed):
    rng = np.random.default_rng([seed, 11])
    repeats, shift = 400, 0.3
    z, wrong = [], []
    for _ in range(repeats):
        # Ends of b have more errors, and lower values for that: compared without regard to errors a would win by more.
        strata = rng.integers(0, 4, 30), rng.integers(1, 5, 25)
        a, b = (-2.0 * one + rng.normal(0.0, width, one.size) for one, width in zip(strata, (1.0, 2.0), strict=True))
        found = at_equal_energy(strata[0], a + shift, strata[1], b)
        assert found.cells <= 3
        z.append((found.value - shift) / found.error)
        wrong.append((a.mean() + shift - b.mean() - shift) / found.error)
    assert abs(np.mean(z)) * math.sqrt(repeats) < 4.9 * max(1.0, np.std(z))
    assert abs(np.std(z) - 1.0) < 4.9 / math.sqrt(2 * repeats) + 0.05
    assert abs(np.mean(wrong)) * math.sqrt(repeats) > 4.9
    none = at_equal_energy(np.zeros(3), np.arange(3.0), np.ones(3), np.arange(3.0))
    assert np.isnan(none.value)
    assert none.cells == 0
