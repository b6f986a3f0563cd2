"""Experiments on smoothing by Hamilton-Jacobi equations and on two time scales: run files, results, verdicts."""

import math
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, run_points, stop_after

from mcmc.continuum import CostToGo, step_moments
from runs.experiments import Control
from runs.experiments.hj_smoothing_control import end_slope
from runs.experiments.hj_smoothing_draw import Curve, evolved, fine_axis, global_basin, landscapes, rough
from runs.experiments.homogenization_draw import exact_drift, exact_of_steps, limit, limit_of_steps, step_counts
from runs.figures import style
from runs.verdict import AGREES, DIFFERS

LIMIT = 4.9
SMOOTHING = {
    "experiment": "hj-smoothing",
    "seed": 3,
    "landscape": {"points": 240, "refinement": 2},
    "density": {"times": [0.2, 1.0], "step": 0.005, "steps": 150},
    "particles": {"chains": 600, "step": 0.002, "controlled": 300, "control_steps": 40, "places": [0.25, 2.0]},
    "grid": {"draws": 3},
}
SCALES = {
    "experiment": "homogenization",
    "seed": 3,
    "dynamics": {"rest_time": 4.0},
    "effort": {"chains": 400, "share": 0.08},
    "grid": {"replicas": [1, 4], "epsilon": [0.05, 0.1, 0.2, 0.4], "draws": 2},
}


@pytest.fixture(scope="module")
def smoothed(tmp_path_factory):
    return run_points(SMOOTHING, tmp_path_factory.mktemp("smoothing"))


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    return run_points(SCALES, tmp_path_factory.mktemp("scales"))


@pytest.mark.parametrize(("data", "tables", "said"), [
    (SMOOTHING, {"particles": {"places": [0.0, 3.5]}}, "has 3.5; needs places between -3 and 3"),
    (SMOOTHING, {"smoothing": {"viscous": 0.0}}, "smoothing.viscous = 0.0"),
    (SMOOTHING, {"density": {"times": []}}, "density.times"),
    (SMOOTHING, {"grid": {"draws": 1}}, "grid.draws = 1: needs a number >= 2"),
    (SCALES, {"dynamics": {"rest_time": 0.5}}, "rest_time is 0.5; needs one above drift_time = 1"),
    (SCALES, {"grid": {"replicas": [3, 3]}}, "has a value more than once"),
    (SCALES, {"grid": {"case": ["quartic"]}}, "grid.case"),
    (SCALES, {"effort": {"share": 0.5}}, "effort.share = 0.5"),
    (SMOOTHING, {"device": "cuda"}, "this experiment runs on the cpu"),
    (SCALES, {"device": "cuda"}, "this experiment runs on the cpu"),
])  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused(data, tables, said):
    found = faults(changed(data, **tables))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("which", ["smoothed", "scaled"])
def test_a_stopped_point_resumes_to_the_same_draws(which, request, tmp_path):
    spec, experiment, files = request.getfixturevalue(which)
    point = experiment.points(spec)[0]
    path = tmp_path / "stopped.h5"
    # The second question is asked within the first repetition, or before the second one.
    assert not experiment.run_point(spec, point, path, Control("", "cpu", stop=stop_after(1)))
    assert experiment.run_point(spec, point, path, Control("", "cpu"))
    with (
        xr.open_dataset(path, engine="h5netcdf") as again,
        xr.open_dataset(files[point.name], engine="h5netcdf") as one,
    ):
        for name in one.data_vars:
            np.testing.assert_array_equal(again[name], one[name])


def test_smoothed_landscapes_are_those_of_brute_force(smoothed):
    spec, _, _ = smoothed
    axis = fine_axis(spec, 2)
    f = rough(spec, 5, axis)
    found = landscapes(spec, 5)
    np.testing.assert_array_equal(found.f.values, f)
    # Other nodes, the same landscape; another seed, another one.
    assert np.abs(rough(spec, 5, axis[::7]) - f[::7]).max() < 1e-12
    assert np.abs(rough(spec, 6, axis) - f).max() > 0.3
    h, t, s = axis[1] - axis[0], spec.smoothing.viscous, spec.smoothing.non_viscous
    for x in (-1.0, 0.0, 2.5):
        at = np.array([[x]])
        weights = np.exp(-f - (x - axis) ** 2 / (2 * t))
        exact = -math.log(weights.sum() * h / math.sqrt(2 * math.pi * t))
        # Splines between nodes: fourth order, fourth derivatives of u below 1e3.
        assert abs(found.viscous.energy(at)[0] - exact) < 1e3 * h**4 + 1e-9
        lowest = (f + (x - axis) ** 2 / (2 * s)).min()
        # Nodes nearest to the minimiser are up to h / 2 off, where f'' + 1 / s is below 100.
        assert abs(found.non_viscous.energy(at)[0] - lowest) < 100 * h**2
        assert abs(found.viscous.energy(at)[0] - f[np.argmin(np.abs(axis - x))]) > 0.01
    low, (left, right) = global_basin(found.f)
    inner = np.abs(axis) < 3
    assert low == axis[inner][np.argmin(f[inner])]
    assert left < low < right


def test_smoothing_frees_a_density_that_is_stuck(smoothed, tmp_path):
    spec, experiment, files = smoothed
    results = experiment.assemble(spec, files)
    assert results.density.dims == ("dynamics", "time", "x")
    mass = results.density.sum("x") * (results.x[1] - results.x[0])
    assert np.abs(mass - 1).max() < 1e-4
    f, sharp = results.potential.sel(dynamics="sgd"), results.potential.sel(dynamics="non-viscous")
    assert (sharp <= f + 1e-3).all()
    end = results.isel(time=-1)
    stuck, free = end.sel(dynamics="sgd"), end.sel(dynamics="viscous")
    assert stuck.excess_loss > free.excess_loss + LIMIT * free.excess_loss_error
    assert stuck.mean_position > free.mean_position + 0.5
    # Particles are held to the grid: no score beyond chance, and other landscapes are told apart.
    assert results.largest_score < LIMIT
    with xr.open_dataset(next(iter(files.values())), engine="h5netcdf") as raw:
        error = raw.particles_loss_error[:, 1, -1]
        other = (raw.particles_mean_loss[:, 1, -1] - raw.mean_loss[:, 0, -1]) / error
        assert (np.abs(other) > LIMIT).all()
    z = results.control_deviation / results.control_deviation_error
    assert (np.abs(z) < LIMIT).all()
    assert (results.control_gap > -LIMIT * results.control_gap_error).all()
    assert (results.difference.isel(resolution=-1) < 0.3).all()
    assert results.characteristic < 0.2
    said = experiment.summary(results)
    assert said[0] == "at time 1, mean over 3 realisations of the noise on f:"
    assert said[1].startswith("on f itself (SGD): mass in the basin of the global minimum ")
    assert {one.state for one in experiment.verdicts(results)} == {AGREES}
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert [one.png.stem for one in drawings] == ["landscapes", "densities", "fates", "control"]
    assert "the non-viscous u keeps a well" in drawings[1].caption


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.assign(difference=r.difference + 5), "finite differences"),
        (lambda r: r.assign(characteristic=r.characteristic + 3), "characteristics"),
        (lambda r: r.assign(control_gap=r.control_gap - 3), "below u"),
        (lambda r: r.assign(control_deviation=r.control_deviation + 1), "value of optimally controlled paths"),
        (lambda r: r.assign(control_slope_deviation=r.control_slope_deviation + 9), "alpha* = grad u"),
        (lambda r: r.assign(proximal_excess=r.proximal_excess - 9), "proximal points rest"),
        (lambda r: r.assign(above=r.above + 1e-3), "above f"),
        (lambda r: r.assign(lowered=r.lowered + 1e-3), "lowest non-viscous u"),
        (lambda r: r.assign(excess_loss=r.excess_loss[::-1].values * xr.ones_like(r.excess_loss)), "final mean f"),
    ],
)
def test_smoothing_that_is_wrong_is_told(smoothed, change, told):
    spec, experiment, files = smoothed
    results = experiment.assemble(spec, files)
    names = [one.name for one in experiment.verdicts(change(results)) if one.state == DIFFERS]
    assert any(told in name for name in names)
    assert all(one.state == AGREES for one in experiment.verdicts(results))


def test_densities_move_with_the_diffusion_they_are_given(smoothed):
    spec = type(smoothed[0]).model_validate(changed(SMOOTHING, density={"start": 0.3}))
    axis = fine_axis(spec, 2)
    stiffness, s = 2.0, spec.density
    for diffusion in (0.1, 0.2):
        x, mass = evolved(spec, Curve(axis, stiffness * axis**2 / 2), diffusion)
        decay = np.exp(-stiffness * np.array([0.0, *s.times]))
        mean = mass @ x
        # Implicit Euler steps dt <= 0.005: rates are off by a share of 2 dt.
        np.testing.assert_allclose(mean, s.start * decay, rtol=0.02)
        variance = mass @ x**2 - mean**2
        known = s.variance * decay**2 + diffusion / stiffness * (1 - decay**2)
        np.testing.assert_allclose(variance, known, rtol=0.03)


def test_gradient_of_u_is_the_mean_slope_where_controlled_paths_end():
    axis = np.linspace(-8, 8, 2001)
    f = Curve(axis, 1.5 * axis**2 / 2)
    ends = np.array([[0.4], [1.0]])
    paths = CostToGo(0.0, 0.0, 0.0, 0.0, 2.0, np.array([0.0, math.log(3.0)]), ends)
    # Weights 1 and 1/3.
    mean, error = end_slope(f, paths, 1.0)
    assert mean == pytest.approx(1.5 * (0.4 + 1.0 / 3) / (4 / 3))
    assert error > 0


def test_particles_off_the_grid_are_told(smoothed, tmp_path):
    spec, experiment, files = smoothed
    files = {name: shutil.copy(path, tmp_path) for name, path in files.items()}
    with h5py.File(next(iter(files.values())), "r+", locking=False) as file:
        file["particles_mean_loss"][0, 1, 1] += 10 * file["particles_loss_error"][0, 1, 1]
        file["control_value"][:, 0] += 10 * file["control_value_error"][:, 0]
    wrong = [one.name for one in experiment.verdicts(experiment.assemble(spec, files)) if one.state == DIFFERS]
    assert wrong[0].startswith("particles against grid")
    assert wrong[1].startswith("value of optimally controlled paths")


def test_two_time_scales_are_held_to_the_exact_law(scaled, tmp_path):
    spec, experiment, files = scaled
    results = experiment.assemble(spec, files)
    quadratic, well = results.sel(case="quadratic"), results.sel(case="double-well")
    for name in ("drift", "variance"):
        assert (np.abs(quadratic[f"score_{name}"]) < LIMIT).all()
        assert np.isnan(well[f"score_{name}"]).all()
    # One replica is not four, and epsilon is seen.
    one, four = quadratic.sel(replicas=1), quadratic.sel(replicas=4)
    assert (np.abs(one.variance - four.exact_variance) > LIMIT * one.variance_error).all()
    assert np.abs(four.drift[-1] - four.averaged) > LIMIT * four.drift_error[-1]
    assert np.abs(four.score_limit) < LIMIT
    assert np.abs(four.limit_drift - four.gradient) > LIMIT * four.limit_drift_error
    assert (np.abs(well.score_limit) < LIMIT).all()
    assert (np.abs(well.limit_drift - well.gradient) > LIMIT * well.limit_drift_error).all()
    said = experiment.summary(results)
    assert said[0].startswith("quadratic, drift of x against the exact law at finite epsilon: largest |z| = ")
    assert said[3].startswith("double-well, drift extrapolated to epsilon = 0: n = 1: ")
    assert {one.state for one in experiment.verdicts(results)} == {AGREES}
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert [one.png.stem for one in drawings] == ["drift", "variance"]


def test_references_of_two_time_scales(scaled):
    spec, _, _ = scaled
    how = spec.dynamics
    rate = how.curvature / (1 + how.gamma * how.curvature)
    closed = how.start * (math.exp(-rate * how.drift_time) - 1) / how.drift_time
    # Steps leave the mean of a quadratic as it is, so that both limits are the closed form.
    assert limit_of_steps(spec, "quadratic") == pytest.approx(closed, abs=1e-7)
    assert limit(spec, "quadratic") == pytest.approx(closed, abs=1e-7)
    fine = type(spec).model_validate(changed(SCALES, effort={"share": 0.04}))
    gaps = [limit_of_steps(one, "double-well") - limit(one, "double-well") for one in (spec, fine)]
    assert 1.7 < gaps[0] / gaps[1] < 2.4
    tiny = step_moments(
        how.curvature, gamma=how.gamma, beta=how.beta, epsilon=0.1, step=1e-4, steps=10_000, start=how.start
    )
    assert exact_drift(spec, 0.1) == pytest.approx((tiny.mean[0] - how.start) / how.drift_time, abs=1e-4)
    step, first, _ = step_counts(spec, 0.1)
    assert step * first == pytest.approx(how.drift_time)
    assert exact_of_steps(spec, 4, 0.1)[1] == pytest.approx(exact_of_steps(spec, 1, 0.1)[1] / 4)


def test_variances_off_the_law_are_told(scaled, tmp_path):
    spec, experiment, files = scaled
    files = {name: shutil.copy(path, tmp_path) for name, path in files.items()}
    with h5py.File(files["case-quadratic_replicas-4"], "r+", locking=False) as file:
        file["rest"][:, 0, 1] *= 1.6
    results = experiment.assemble(spec, files)
    assert results.score_variance.sel(case="quadratic", replicas=4)[0] > LIMIT
    assert DIFFERS in {one.state for one in experiment.verdicts(results)}
    whole = experiment.assemble(spec, scaled[2])
    for name in ("score_drift", "score_limit", "score_limit_variance"):
        states = [one.state for one in experiment.verdicts(whole.assign({name: whole[name] + 9}))]
        assert states.count(DIFFERS) == 1


@pytest.mark.parametrize("which", ["smoothed", "scaled"])
def test_a_folder_with_some_points_is_summed_up(which, request, tmp_path, unrendered):
    spec, experiment, files = request.getfixturevalue(which)
    name = "case-double-well_replicas-4" if which == "scaled" else next(iter(files))
    results = experiment.assemble(spec, {name: files[name]})
    assert experiment.summary(results)
    with style():
        assert experiment.figures(results, tmp_path / which)
    nothing = experiment.assemble(spec, {})
    assert len(experiment.summary(nothing)) == 1
    assert experiment.verdicts(nothing) == []
    with style():
        assert experiment.figures(nothing, tmp_path / "nothing") == []
