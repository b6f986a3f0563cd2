"""The experiments on currents at rest and on falling free energies: against closed forms, with controls; resumption."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import dblquad, quad
from scipy.interpolate import CubicSpline
from xy_runs import changed, faults, run_points, stop_after

from runs.experiments import Control
from runs.experiments import free_energy_descent_heat as heat
from runs.experiments import limit_cycles_model as cycles
from runs.experiments.free_energy_descent_draw import particles
from runs.experiments.free_energy_descent_grid import equation, refined_argmin
from runs.experiments.free_energy_descent_model import CASES, WIDTH, diagonal_rest, lowest_point, noise, potential
from runs.experiments.limit_cycles_draw import measure_trajectories, trajectories
from runs.experiments.limit_cycles_summary import scores
from runs.grid import point_seed

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
        (CYCLES, {"device": "cuda"}, "this experiment runs on the cpu"),
        (DESCENT, {"device": "cuda"}, "this experiment runs on the cpu"),
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.assign(share=r.share.shift(bin_x=1, fill_value=0.0)), "histogram"),
        (lambda r: r.assign(circulation=r.circulation + 5 * r.circulation_error), "lambda = 1.5: circulation"),
        (lambda r: r.assign(p_value=1.0 - r.p_value), "p of detailed balance"),
        (lambda r: r.assign(p_value=0 * r.p_value), "lambda = 0: p of detailed balance"),
        (lambda r: r.assign(grid_circulation=1.01 * r.grid_circulation), "grid's circulation"),
        (lambda r: r.assign(distance=r.distance + 1), "density, error"),
        (lambda r: r.assign(current_distance=r.current_distance + 1), "current j, error"),
        (lambda r: r.assign(antisymmetric_distance=r.antisymmetric_distance + 1), "Q of the A-type form"),
        (lambda r: r.assign(identity_residual=r.identity_residual + 1), "grad f = (D + Q) grad Phi"),
        (lambda r: r.assign(antisymmetric=r.antisymmetric + 1), "lambda = 0: largest |Q|"),
        (lambda r: r.assign(fastest=r.fastest + 1), "|j| largest"),
    ],
)
def test_cycles_that_are_wrong_are_told(turned, change, told):
    _, experiment, _, results = turned
    names = [v.name for v in experiment.verdicts(change(results)) if v.state == "differs"]
    assert any(told in name for name in names)


def test_circulation_is_that_of_the_trajectories(turned):
    spec, experiment, _, _ = turned
    point, effort = experiment.points(spec)[1], spec.sampling
    row = measure_trajectories(spec, point, 0)
    seed = point_seed(spec.seed, f"{point.name} repeat-0")
    paths = trajectories(1.5, seed, chains=effort.chains, step=effort.step, thin=effort.thin, records=effort.records)

    def turning(x):
        r2 = (x**2).sum(axis=-1)
        size = 1.5 * r2 * np.exp(cycles.potential(x) - r2**2 / 4)
        grad = cycles.gradient(x)
        return (size - x[..., 0] * grad[..., 1] + x[..., 1] * grad[..., 0]).mean()

    assert row["circulation_step"] == pytest.approx(turning(paths[0]), rel=1e-12)
    assert row["circulation"] == pytest.approx(2 * turning(paths[0]) - turning(paths[1]), rel=1e-12)
    # Records are rare, and their turning falls short of the circulation; but it is seen.
    assert row["rate"] > 10 * row["rate_spread"] > 0
    assert row["p_least"] <= row["p_value"] < 0.01


def test_antisymmetric_part_carries_the_current():
    x = np.array([[0.3, -0.7], [1.2, 0.4], [-1.5, 1.1]])
    q, e = cycles.exact_antisymmetric, 1e-5
    slope = np.stack([(q(x + d, 1.5) - q(x - d, 1.5)) / (2 * e) for d in e * np.eye(2)], axis=1)
    phi = cycles.gradient(x)
    # j = div Q - Q grad Phi.
    carried = np.stack([slope[:, 1] - q(x, 1.5) * phi[:, 1], q(x, 1.5) * phi[:, 0] - slope[:, 0]], axis=1)
    np.testing.assert_allclose(carried, cycles.current(x, 1.5), atol=1e-8)
    assert cycles.exact_antisymmetric(np.zeros(2), 1.0) == pytest.approx(np.sqrt(np.pi) / 2 * np.exp(0.25))


@pytest.mark.usefixtures("unrendered")
def test_as_many_strengths_as_one_likes_are_drawn(turned, tmp_path):
    _, experiment, _, results = turned
    places = [0, 1, 1, 1, 1, 1, 1]
    many = results.isel(strength=places).assign_coords(strength=0.5 * np.arange(7))
    drawn = experiment.figures(many, tmp_path)
    assert [one.png.stem for one in drawn] == ["fields", "antisymmetric", "trajectories"]
    assert "Of 7 strengths 4 are drawn." in drawn[0].caption


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.assign(particles=r.particles + 1), "F of particles"),
        (lambda r: r.assign(movements_limit=r.movements_limit + 1), "error extrapolated"),
        (lambda r: r.assign(movements=r.movements + 1), "error at half of tau"),
        (lambda r: r.assign(known_likeliest=r.known_likeliest + 1), "diagonal: argmin Phi, off by"),
        (lambda r: r.assign(likeliest=r.lowest), "diagonal: argmin Phi from argmin f"),
        (lambda r: r.assign(departure=r.departure + 1), "Phi - f"),
        (lambda r: r.assign(balance=r.balance + 1), "F' = -I"),
        (lambda r: r.assign(largest_rise=r.largest_rise + 1), "largest rise"),
        (lambda r: r.assign(heat_limit=r.heat_limit + 0.1), "movements in W2: entropy"),
        (lambda r: r.assign(heat_limit=r.heat_limit + 0.1), "movements in L2: Dirichlet"),
        (lambda r: r.assign(heat_share=1.1 * r.heat_share), "squared speed in W2"),
        (lambda r: r.assign(heat_share=1.1 * r.heat_share), "squared speed in L2"),
    ],
)
def test_descents_that_are_wrong_are_told(descended, change, told):
    _, experiment, _, results = descended
    names = [v.name for v in experiment.verdicts(change(results)) if v.state == "differs"]
    assert any(told in name for name in names)


def test_functionals_of_the_heat_kernel_are_those_of_quadrature():
    beta, time = 2.0, 0.3
    density = heat.heat_kernel(heat.axis(), time, beta)[None]
    # Midpoints and second differences: of second order in cells of 1/120.
    np.testing.assert_allclose(heat.functionals(density, beta)[:, 0], heat.exact_functionals(time, beta), rtol=1e-4)
    (entropy, _), (later, _) = heat.exact_functionals(time, beta), heat.exact_functionals(time + 1e-4, beta)
    x, h = heat.axis(), heat.axis()[1] - heat.axis()[0]
    slope = np.gradient(density[0], h)
    # The entropy falls by the Fisher information.
    assert (entropy - later) / 1e-4 == pytest.approx((slope**2 / density[0]).sum() * h / beta**2, rel=1e-3)
    assert density[0] @ x * h == pytest.approx(heat.WEIGHTS @ heat.MEANS, abs=1e-9)


def test_each_functional_falls_by_the_squared_speed_in_its_own_distance_alone(descended):
    run = heat.follow("L2", 2.0, 0.01, 20)
    lost, speeds = run.functional[:, 0] - run.functional[:, -1], run.distance.sum(axis=1) / 0.01
    np.testing.assert_allclose(speeds / lost, 1.0, atol=0.1)
    # The control: entropy by the speed in L2, and the other way round.
    assert abs(speeds[1] / lost[0] - 1) > 0.5
    assert abs(speeds[0] / lost[1] - 1) > 0.2
    shares = descended[3]["heat_share"].values
    assert np.abs(shares - 1).max() < 0.02


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
    sampled = [
        v for v in results.data_vars if v.startswith(("share", "circulation", "rate", "p_", "tau", "path", "dense"))
    ]
    sampled += [v for v in results.data_vars if v.startswith("particles")]
    for part in (results, results.drop_vars(sampled)):
        drawn = [d.png.stem for d in experiment.figures(part, tmp_path / "figures")]
        assert drawn == (
            ["descent", "rest", "heat"]
            if name == "descended"
            else ["fields", "antisymmetric", "trajectories"][: 2 + (part is results)]
        )
        lines = " ".join(experiment.summary(part))
        assert (words[-1] in lines) == (part is results)
        assert len(experiment.verdicts(part)) > 0
    assert len(files) == (2 if name == "turned" else 3)
