"""The experiments on currents at rest and on falling free energies: against closed forms, with controls; resumption."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import dblquad, quad
from scipy.interpolate import CubicSpline
from xy_runs import changed, faults, run_points, stop_after

from runs.experiments import Control
from runs.experiments import limit_cycles_model as cycles
from runs.experiments.free_energy_descent_draw import particles
from runs.experiments.free_energy_descent_grid import equation, refined_argmin
from runs.experiments.free_energy_descent_model import CASES, WIDTH, diagonal_rest, lowest_point, noise, potential
from runs.experiments.limit_cycles_draw import trajectories
from runs.experiments.limit_cycles_summary import scores

CYCLES = {
    "experiment": "limit-cycles",
    "seed": 5,
    "sampling": {"chains": 200, "step": 0.05, "thin": 2, "records": 400, "spacing": 5},
    "solver": {"cells": 40},
    "grid": {"strength": [0.0, 1.5], "repeats": 2},
}
DESCENT = {
    "experiment": "free-energy-descent",
    "seed": 5,
    "descent": {"last": 0.8},
    "solvers": {"cells": 56, "step": 0.02, "tau": 0.16},
    "particles": {"count": 2000, "step": 0.02},
    "grid": {"case": ["line", "isotropic", "diagonal"], "repeats": 3},
}


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    spec, experiment, files = run_points(CYCLES, tmp_path_factory.mktemp("cycles"))
    return spec, experiment, files, experiment.assemble(spec, files)


@pytest.fixture(scope="module")
def descended(tmp_path_factory):
    spec, experiment, files = run_points(DESCENT, tmp_path_factory.mktemp("descent"))
    return spec, experiment, files, experiment.assemble(spec, files)


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(
    ("base", "tables", "said"),
    [
        (CYCLES, {"grid": {"strength": [0.5, 0.5]}}, "has a number more than once; each stands once"),
        (CYCLES, {"grid": {"strength": [-1.0]}}, "grid.strength[0] = -1"),
        (CYCLES, {"sampling": {"step": 0.5}}, "sampling.step = 0.5: needs a number > 0 and <= 0.1"),
        (CYCLES, {"solver": {"cells": 4}}, "solver.cells = 4: needs a number >= 24"),
        (DESCENT, {"grid": {"case": ["line", "line"]}}, "has a word more than once; each stands once"),
        (DESCENT, {"grid": {"case": ["lines"]}}, "did you mean 'line'?"),
        (DESCENT, {"descent": {"last": 0.5}}, "descent.last = 0.5 is not four steps away"),
        (DESCENT, {"particles": {"step": 0.03}}, "solvers.tau = 0.16 is no whole number of two steps"),
    ],
)
def test_run_files_that_cannot_be_run_are_refused_in_one_line(base, tables, said):
    (found,) = faults(changed(base, **tables))
    assert said.replace(" > 0 and", "") in found.replace(" > 0 and", "")


def test_the_field_is_that_of_the_formulas():
    x = np.array([[0.3, -0.7], [1.2, 0.4], [-2.0, 1.5]])
    r2 = (x**2).sum(axis=1)
    size = 1.5 * np.exp(cycles.potential(x) - r2**2 / 4)
    np.testing.assert_allclose(
        cycles.current(x, 1.5), size[:, None] * np.stack([-x[:, 1], x[:, 0]], axis=1), rtol=1e-12
    )
    e = 1e-6
    slope = [(cycles.potential(x + d) - cycles.potential(x - d)) / (2 * e) for d in e * np.eye(2)]
    np.testing.assert_allclose(cycles.gradient(x), np.stack(slope, axis=1), atol=1e-8)
    shares = cycles.exact_shares()
    first, second = cycles.bin_edges()
    for i, j in ((0, 0), (9, 12), (15, 20)):
        known = dblquad(lambda b, a: np.exp(-cycles.potential(np.array([a, b]))), *first[i : i + 2], *second[j : j + 2])
        assert shares[i, j] == pytest.approx(known[0] / cycles.PARTITION_SUM, rel=1e-9)
    assert cycles.exact_circulation(1.0) == pytest.approx(0.8241898, abs=1e-7)


def test_orbits_and_points_of_rest():
    angle = np.linspace(0, 2 * np.pi, 1001)
    speeds = [
        np.hypot(*cycles.current(r * np.stack([np.cos(angle), np.sin(angle)]).T, 1.0).T) for r in (0.8, 1.272, 1.6)
    ]
    peak = np.hypot(*cycles.current(np.array([0.0, cycles.FASTEST]), 1.0))
    assert max(s.max() for s in speeds) <= peak * (1 + 1e-12)
    (point,), (values,) = cycles.rest_points(1.5)
    np.testing.assert_allclose(point, 0, atol=1e-9)
    # Trace 0, determinant lambda^2 e^(1/2) - 1.
    np.testing.assert_allclose(sorted(values.imag), np.sqrt(2.25 * np.exp(0.5) - 1) * np.array([-1, 1]), rtol=1e-6)
    ratio = cycles.return_ratios(1.5, np.array([0.3, 1.0, 2.0]))
    assert ((ratio > 0.1) & (ratio < 1)).all()
    assert np.isnan(cycles.return_ratios(0.5, np.array([1.0]))).all()
    points, period, gap = cycles.loop(1.0, 1.5, 50)
    assert gap < 1e-6
    np.testing.assert_allclose(np.hypot(*points.T), 1.0, atol=1e-7)
    assert period > 0


def test_law_and_circulation_are_exact_and_wrong_ones_are_told(turned):
    _, experiment, _, results = turned
    z = scores(results)
    assert np.isfinite(z).sum() > 100
    assert np.nanmax(np.abs(z)) < 4.9
    score = (results["circulation"] - results["exact_circulation"]) / results["circulation_error"]
    assert np.abs(score).max() < 4.9
    assert results["p_value"].values[0] > 1e-3 > results["p_value"].values[1]
    np.testing.assert_allclose(results["grid_circulation"][:, -1], results["exact_circulation"], atol=2e-3)
    coarse, fine = results["distance"].values.T
    assert (np.log2(coarse / fine) > 1.7).all()
    assert all(v.state == "agrees" for v in experiment.verdicts(results) if "p of" not in v.name)
    # Controls: a law shifted by a bin, and the circulation of another lambda.
    moved = results.assign(share=results["share"].shift(bin_x=1, fill_value=0.0))
    assert np.nanmax(np.abs(scores(moved))) > 6
    assert abs(results["circulation"][1] - cycles.exact_circulation(1.4)) > 4.9 * results["circulation_error"][1]


def test_steps_along_the_same_noise_differ_by_their_length():
    fine, coarse = trajectories(0.5, 3, chains=50, step=0.01, thin=5, records=40)
    long, _ = trajectories(0.5, 3, chains=50, step=0.02, thin=5, records=40)
    apart = np.sqrt(((fine - coarse) ** 2).mean())
    assert 0 < apart < 0.1 * np.sqrt((fine**2).mean())
    assert np.sqrt(((long - fine) ** 2).mean()) > 5 * apart


def test_noise_has_the_covariance_of_d():
    case, x = CASES["full"], np.array([[0.4, -0.9], [1.3, 0.6]])
    columns = np.stack([noise(case, x, np.tile(e, (2, 1))) for e in np.eye(2)], axis=-1)
    np.testing.assert_allclose(columns @ columns.transpose(0, 2, 1), case.diffusion(x), rtol=1e-12)
    starts = particles(CASES["isotropic"], 7, 4000, 1e-6, 2.0, np.array([2e-6]))[0][0]
    assert abs(starts.std(axis=0) / WIDTH - 1).max() < 4.9 / np.sqrt(8000)


def test_density_at_rest_of_diagonal_noise_is_that_of_quadrature():
    process = equation("diagonal", 96, 2.0)
    phi, axis = process.stationary.potential, process.grid.centres[0]
    cut = phi[:, phi.shape[1] // 2]
    known = diagonal_rest(axis, 2.0)
    inside = np.abs(axis) < 1.6
    off = (cut - known)[inside]
    assert np.ptp(off) < 0.01
    assert np.ptp((cut - potential(np.stack([axis, 0 * axis], axis=1)))[inside]) > 0.3
    # log Z does not matter to a difference of Phi between the wells.
    step = quad(lambda s: (s**3 - s - 0.15) / (1 + 0.6 * np.tanh(2 * s)), -1, 1)[0]
    step += np.log((1 + 0.6 * np.tanh(2)) / (1 - 0.6 * np.tanh(2))) / 2
    curve = CubicSpline(axis, known)
    assert curve(1) - curve(-1) == pytest.approx(step, abs=1e-5)


def test_free_energies_of_three_methods_agree_and_phi_is_f_only_if_noise_is_isotropic(descended):
    _, experiment, _, results = descended
    off = np.abs(results["particles"] - results["free_energy"]) / np.hypot(
        results["particles_error"], results["free_energy_error"] + 1e-3
    )
    # Three repeats: scores have the tails of Student's t with two degrees of freedom.
    assert np.median(off) < 2
    assert np.abs(results["particles"] - results["free_energy"]).max() < 0.06
    later = results.sel(case=["line", "isotropic"]).isel(time=slice(1, None))
    assert np.abs(later["movements_limit"] - later["free_energy"]).max() < 0.02
    assert np.abs(later["movements"][:, 0] - later["free_energy"]).max() > 0.02
    assert (results["largest_rise"] < 0).all()
    assert (results["balance"][:, -1] < 3e-3).all()
    away = np.sqrt(((results["likeliest"] - results["lowest"]) ** 2).sum("component")).values
    assert away[0] < 0.01 > away[1]
    assert away[2] > 1.9
    np.testing.assert_allclose(results["likeliest"][2], results["known_likeliest"][2], atol=0.01)
    assert {v.state for v in experiment.verdicts(results) if "F of particles" not in v.name} == {"agrees"}
    np.testing.assert_allclose(lowest_point(2), refined_argmin(*_fine()), atol=1e-3)


def _fine():
    grid = equation("isotropic", 96, 2.0).grid
    return grid, potential(grid.points).reshape(grid.shape)


@pytest.mark.parametrize("base", [CYCLES, DESCENT])
def test_runs_resume_to_the_same_repeats(base, tmp_path, request):
    whole = request.getfixturevalue("turned" if base is CYCLES else "descended")[2]
    key, value = ("strength", [1.5]) if base is CYCLES else ("case", ["line"])
    part = changed(base, grid={key: value})
    run_points(part, tmp_path, Control("", "cpu", stop=stop_after(1)))
    _, _, files = run_points(part, tmp_path)
    for name, path in files.items():
        xr.testing.assert_equal(opened(path), opened(whole[name]))


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("name", ["turned", "descended"])
def test_figures_and_summaries_are_made_from_whole_and_from_empty_runs(name, request, tmp_path):
    _, experiment, files, results = request.getfixturevalue(name)
    words = ("histogram", "detailed balance") if name == "turned" else ("particles off",)
    sampled = [v for v in results.data_vars if v.startswith(("share", "circulation", "rate", "p_value", "tau", "path"))]
    sampled += [v for v in results.data_vars if v.startswith("particles")]
    for part in (results, results.drop_vars(sampled)):
        drawn = [d.png.stem for d in experiment.figures(part, tmp_path / "figures")]
        assert drawn == (
            ["descent", "rest"] if name == "descended" else ["fields", "trajectories"][: 1 + (part is results)]
        )
        lines = " ".join(experiment.summary(part))
        assert (words[-1] in lines) == (part is results)
        assert len(experiment.verdicts(part)) > 0
    assert len(files) == (2 if name == "turned" else 3)
