"""Fokker-Planck on grids against closed forms: order of convergence, mass, positivity, free energy, spectral gap."""

import numpy as np
import pytest

from mcmc.continuum import FokkerPlanck, Grid, generator, relaxation
from mcmc.errors import ConvergenceWarning
from mcmc.landscapes.analytic import DoubleWell

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")
"""Grids are coarse on purpose, to measure orders; the warnings are held in tests/unit."""

ROTATION = np.array([[1.0, -1.5], [1.5, 2.0]])
"""A of the drift -A x: turns, and has real parts 1.5."""
NOISE = np.array([[1.0, 0.6], [0.6, 0.8]])


def well(x):
    return (x[:, 0] ** 2 - 1) ** 2 / 4


def orders(errors, ratio=2.0):
    """Measured orders from errors on grids each `ratio` times finer."""
    errors = np.abs(errors)
    return np.log(errors[:-1] / errors[1:]) / np.log(ratio)


def covariance_at_rest(matrix, noise):
    """S of A S + S A' = 2 D by Kronecker products."""
    eye = np.eye(len(matrix))
    both = np.kron(matrix, eye) + np.kron(eye, matrix)
    return np.linalg.solve(both, 2 * noise.ravel()).reshape(noise.shape)


def gaussian(points, covariance):
    exponent = np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points) / 2
    return np.exp(-exponent) / np.sqrt(np.linalg.det(2 * np.pi * covariance))


@pytest.mark.parametrize(("beta", "partition", "square"), [
    (1.0, 3.0413238858861, 1.0417972964871), (4.0, 1.9737321500898, 0.8327454871284),
])  # fmt: skip
@pytest.mark.parametrize("method", ["auto", "null-vector"])
def test_the_gibbs_state_rests_to_solver_precision(beta, partition, square, method):
    process = FokkerPlanck(Grid(-5, 5, 200), potential=DoubleWell(), beta=beta)
    rest = process.stationary_by(method)
    assert rest.method == ("detailed-balance" if method == "auto" else method)
    assert rest.residual < 1e-14
    found = np.exp(-beta * well(process.grid.points)) / rest.density
    # 200 points of a smooth integrand that ends at 0: the sum is the integral to the digits of the reference.
    np.testing.assert_allclose(found[rest.density > 1e-8], partition, rtol=1e-9 if method == "null-vector" else 1e-12)
    assert rest.mean(lambda x: x[:, 0] ** 2) == pytest.approx(square, abs=1e-11)
    drift = FokkerPlanck(process.grid, lambda x: -x * (x**2 - 1), beta=beta).stationary
    assert np.abs(drift.density - rest.density).max() > 1e-6, "a drift that does not know its potential is as exact"


def gibbs_turning(points):
    """D that turns and lengthens from place to place, (n, 2, 2)."""
    angle = 0.7 * points[:, 0] + 0.4 * points[:, 1]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    return turn @ np.diag([1.0, 0.15]) @ turn.transpose(0, 2, 1)


def bowl(x):
    return x[:, 0] ** 2 / 2 + x[:, 1] ** 2 / 2 + 0.2 * x[:, 0] * x[:, 1] + 0.05 * x[:, 0] ** 4


def bowl_slope(x):
    return np.stack([x[:, 0] + 0.2 * x[:, 1] + 0.2 * x[:, 0] ** 3, x[:, 1] + 0.2 * x[:, 0]], axis=1)


def test_the_gibbs_state_rests_for_every_noise_in_the_reversible_form():
    grid = Grid(-6, 6, [48, 48])
    exact = grid.normalised("exact", np.exp(-bowl(grid.points)))
    process = FokkerPlanck(grid, potential=bowl, diffusion=gibbs_turning, reversible=True)
    assert process.reach == 2
    np.testing.assert_allclose(process.stationary_by("null-vector").density, exact, atol=1e-12)
    ito = FokkerPlanck(grid, potential=bowl, diffusion=gibbs_turning).stationary
    assert np.abs(ito.density - exact).max() > 1e-3


def test_noise_that_changes_from_place_to_place():
    """Drift -D grad Phi + div D + a turn along lines of equal Phi: exp(-Phi) rests. D has entries off the diagonal."""

    def drift(x):
        slope, step, spread = bowl_slope(x), 1e-5, np.zeros_like(x)
        for axis in (0, 1):
            shift = step * np.eye(2)[axis]
            spread += (gibbs_turning(x + shift) - gibbs_turning(x - shift))[:, :, axis] / (2 * step)
        down = np.einsum("nij,nj->ni", gibbs_turning(x), slope)
        return spread - down + 0.8 * np.stack([-slope[:, 1], slope[:, 0]], axis=1)

    errors = {"moment": [], "density": []}
    for cells in (60, 120, 240):
        grid = Grid(-5.5, 5.5, [cells, cells])
        exact = grid.normalised("exact", np.exp(-bowl(grid.points)))
        rest = FokkerPlanck(grid, drift, diffusion=gibbs_turning).stationary
        errors["moment"].append(rest.mean(grid.points[:, 0] ** 2) - second_moment(grid, exact))
        errors["density"].append(np.abs(rest.density - exact).sum() * grid.volume)
    assert (orders(errors["moment"]) > 1.8).all()
    # Kinks of the weights where offsets change cost the density a part of an order, and means nothing.
    assert (orders(errors["density"]) > 1.4).all()


def second_moment(grid, density):
    return (grid.points[:, 0] ** 2 * density.ravel()).sum() * grid.volume


def test_multiplicative_noise_in_one_dimension():
    """Ito: rho ~ exp(-beta int f' / D) / D; f = x^2 / 2, D = 1 + x^2 gives (1 + x^2)^(-beta / 2 - 1)."""
    beta, errors = 8.0, []
    for cells in (200, 400, 800):
        grid = Grid(-14, 14, cells)
        x = grid.points[:, 0]
        exact = grid.normalised("exact", (1 + x**2) ** (-beta / 2 - 1))
        rest = FokkerPlanck(grid, potential=x**2 / 2, diffusion=1 + x**2, beta=beta).stationary
        errors.append(np.abs(rest.density - exact).max())
    assert (orders(errors) > 1.9).all()


def test_a_current_around_a_ring():
    """dx = (F + sin x) dt + sqrt 2 dW on a circle: rho ~ int_0^2pi exp(V(x + s) - V(x)) ds, V = cos x - F x."""
    tilt, errors = 0.8, []
    turns = (np.arange(20_000) + 0.5) * 2 * np.pi / 20_000
    for cells in (32, 64, 128):
        grid = Grid(0, 2 * np.pi, cells, "periodic")
        x = grid.points
        height = np.cos(x + turns) - tilt * turns - np.cos(x)
        exact = grid.normalised("exact", np.exp(height).sum(axis=1))
        process = FokkerPlanck(grid, lambda p: tilt + np.sin(p))
        assert process.log_balance is None
        errors.append(np.abs(process.stationary.density - exact).max())
    assert (orders(errors) > 1.9).all()


def test_rotation_converges_to_second_order():
    covariance, errors = covariance_at_rest(ROTATION, NOISE), []
    for cells in (50, 100, 200):
        grid = Grid(-6, 6, [cells, cells])
        rest = FokkerPlanck(grid, lambda x: -x @ ROTATION.T, diffusion=NOISE).stationary_by()
        errors.append(np.abs(rest.density.ravel() - gaussian(grid.points, covariance)).max())
    assert (orders(errors) > 1.9).all()
    assert errors[-1] < 2e-3


@pytest.mark.parametrize(("method", "order"), [("implicit-euler", 1), ("crank-nicolson", 2)])
def test_steps_in_time_have_their_order(method, order):
    """Against the exponential of the operator, on one coarse grid: errors of time alone."""
    from scipy.linalg import expm

    grid = Grid(-4, 4, 32)
    process = FokkerPlanck(grid, potential=well)
    start = grid.normalised("start", lambda x: np.exp(-((x[:, 0] - 0.5) ** 2)))
    exact = expm(process.generator.toarray()) @ start
    errors = [
        np.abs(process.evolve(start, [1.0], step=s, method=method).density[-1] - exact).max() for s in (0.01, 0.005)
    ]
    assert orders(errors)[0] == pytest.approx(order, abs=0.05)


def test_a_moving_turning_gaussian():
    """Mean exp(-A t) m and covariance of the Ornstein-Uhlenbeck process, to second order of the grid."""
    from scipy.linalg import expm

    mean, time, wide = np.array([0.8, -0.5]), 0.4, np.array([[0.5, 0.0], [0.0, 0.7]])
    rest, decay = covariance_at_rest(ROTATION, NOISE), expm(-ROTATION * 0.4)
    exact = rest + decay @ (wide - rest) @ decay.T
    errors = []
    for cells in (32, 64):
        grid = Grid(-5.5, 5.5, [cells, cells])
        process = FokkerPlanck(grid, lambda x: -x @ ROTATION.T, diffusion=NOISE)
        start = gaussian(grid.points - mean, wide)
        path = process.evolve(start, [time], step=0.005, method="crank-nicolson")
        away = grid.points - path.mean[-1]
        found = np.einsum("n,ni,nj->ij", path.density[-1].ravel(), away, away) * grid.volume
        errors.append([np.abs(path.mean[-1] - decay @ mean).max(), np.abs(found - exact).max()])
    assert (orders(np.array(errors))[0] > 1.7).all(), errors


def test_mass_sign_and_free_energy_over_many_steps():
    """Steps far beyond what explicit ones allow, with a current, from a density that is 0 in most cells."""
    grid = Grid(-6, 6, [48, 48])
    process = FokkerPlanck(grid, lambda x: -x @ ROTATION.T, diffusion=NOISE)
    start = (np.abs(grid.points - 1.5) < 0.5).all(axis=1).astype(float)
    for step in (0.002, 0.5, 50.0):
        path = process.evolve(start, step * np.arange(1, 101), step=step)
        assert np.abs(path.mass - 1).max() < 1e-12
        assert path.mass_defect < 1e-12
        assert path.density.min() >= 0
        assert (path.density[1:] > 0).all()
        # Falls in every step, to the rounding of a sum over 2304 cells.
        assert np.diff(path.free_energy).max() < 1e-14
        assert path.steps == 100
    assert path.free_energy[-1] == pytest.approx(0, abs=1e-14)


def test_free_energy_falls_by_the_fisher_information():
    """dF/dt = -I: for Gaussians in closed form, with a rotation, to second order; in detailed balance on the grid."""
    turn = np.array([[1.0, -1.0], [1.0, 1.0]])
    middle, wide = np.array([0.7, -0.3]), np.array([[0.6, 0.1], [0.1, 1.0]])
    # rho_ss is the standard normal: psi = log(rho / rho_ss), grad psi = x - W (x - m), W the inverse of `wide`.
    slope = np.eye(2) - np.linalg.inv(wide)
    exact = np.trace(slope @ wide @ slope.T) + middle @ middle
    errors, step = [], 1e-6
    for cells in (30, 60, 120):
        grid = Grid(-6, 6, [cells, cells])
        process = FokkerPlanck(grid, lambda x: -x @ turn.T)
        path = process.evolve(
            gaussian(grid.points - middle, wide), [step, 2 * step], step=step, method="crank-nicolson"
        )
        fall = -(path.free_energy[2] - path.free_energy[0]) / (2 * step)
        errors.append([fall - exact, path.fisher_information[1] - exact, fall - path.fisher_information[1]])
    assert (orders(np.array(errors)) > 1.8).all(), errors
    gradient = FokkerPlanck(Grid(-4, 4, 40), potential=well)
    path = gradient.evolve(lambda x: np.exp(-(x[:, 0] ** 2)), [1e-5, 2e-5], step=1e-5, method="crank-nicolson")
    fall = -(path.free_energy[2] - path.free_energy[0]) / 2e-5
    assert fall == pytest.approx(path.fisher_information[1], rel=1e-7)


def polynomial_gap(beta):
    """Slowest rate of the double well by polynomials: int p' q' exp(-beta f) = rate beta int p q exp(-beta f)."""
    x, w = np.polynomial.legendre.leggauss(400)
    x, w = 4 * x, w * np.exp(-beta * well(4 * x[:, None]))
    values = np.polynomial.legendre.legvander(x / 4, 40)
    slopes = np.stack([np.polynomial.legendre.Legendre.basis(k).deriv()(x / 4) / 4 for k in range(41)], axis=1)
    # Orthonormal under the weight, by QR: squares of the conditioning would spoil a Gram matrix.
    _, triangle = np.linalg.qr(np.sqrt(w)[:, None] * values)
    scaled = np.sqrt(w)[:, None] * slopes @ np.linalg.inv(triangle)
    return np.sort(np.linalg.svd(scaled, compute_uv=False) ** 2)[1:4] / beta


def test_spectral_gap_of_the_double_well():
    exact = polynomial_gap(1.0)
    found = np.array(
        [-FokkerPlanck(Grid(-4, 4, n), potential=well).relaxation(3).eigenvalues.real for n in (50, 100, 200)]
    )
    assert (orders(found - exact) > 1.9).all()
    assert found[-1] == pytest.approx(exact, rel=2e-3)


def test_spectral_gap_follows_kramers_law_down_to_rounding():
    """2 sqrt(f''(1) |f''(0)|) / (2 pi) exp(-beta / 4), with corrections that fall as 1 / beta; then a warning."""
    betas = np.array([20.0, 40.0, 80.0])
    found = [FokkerPlanck(Grid(-2, 2, 400), potential=well, beta=b).relaxation(1).gap for b in betas]
    correction = betas * (found / (np.sqrt(2) / np.pi * np.exp(-betas / 4)) - 1)
    assert np.ptp(correction) < 0.2 * np.abs(correction).max()
    with pytest.warns(ConvergenceWarning, match="rounding"):
        FokkerPlanck(Grid(-2, 2, 400), potential=well, beta=200.0).relaxation(1)


def test_spectral_gap_with_rotation():
    """Eigenvalues are minus sums of those of A, 1.5 -+ i sqrt 2."""
    grid, exact = Grid(-6, 6, [120, 120]), np.linalg.eigvals(ROTATION)
    slow = FokkerPlanck(grid, lambda x: -x @ ROTATION.T, diffusion=NOISE).relaxation(4)
    assert not slow.symmetric
    assert slow.gap == pytest.approx(exact.real.min(), rel=0.02)
    np.testing.assert_allclose(np.sort(slow.eigenvalues[:2].imag), [-np.sqrt(2), np.sqrt(2)], rtol=0.02)


def test_a_slow_mode_that_turns_fast_is_not_passed_over(monkeypatch):
    """Minus 1 -+ 10 i lies further from 0 than minus 2, 4 and 6; a disc around 0 alone does not hold it."""
    fast = FokkerPlanck(Grid(-5, 5, [64, 64]), lambda x: -x @ np.array([[1.0, -10.0], [10.0, 1.0]]).T)
    for count in (1, 2, 4):
        assert fast.relaxation(count).gap == pytest.approx(1, rel=0.01)
    assert fast.relaxation(2, frequency=10.0).eigenvalues[0] == pytest.approx(-1 + 10j, rel=0.01)
    pair = fast.relaxation(2).eigenvalues
    assert pair[0] == pytest.approx(pair[1].conj(), rel=1e-9)
    assert fast.relaxation(2, frequency=0.0).gap > 1.5
    monkeypatch.setattr(relaxation, "MOST_SHIFTS", 1)
    with pytest.warns(ConvergenceWarning, match="gap: modes are known that turn by up to .* turns by up to 10;"):
        fast.relaxation(1)


def central(peclet):
    """A wrong scheme: central differences of the drift."""
    return 1 - peclet / 2, 1 + peclet / 2


def test_control_central_differences_fail(monkeypatch):
    grid, beta = Grid(-3, 3, 24), 4.0
    right = FokkerPlanck(grid, potential=well, beta=beta)
    monkeypatch.setattr(generator, "bernoulli", central)
    wrong = FokkerPlanck(grid, potential=well, beta=beta)
    away = ~np.eye(grid.size, dtype=bool)
    assert right.generator.toarray()[away].min() >= 0
    assert wrong.generator.toarray()[away].min() < 0
    gibbs = right.stationary.density
    assert np.abs(right.generator @ gibbs).max() < 1e-12
    assert np.abs(wrong.generator @ gibbs).max() > 1e-2


def test_control_advection_that_is_not_in_flux_form_loses_mass():
    """b . grad rho instead of div(b rho), on the same grid: columns do not sum to 0."""
    grid = Grid(-4, 4, 60)
    process = FokkerPlanck(grid, potential=well)
    rates, x = process.generator.toarray(), grid.points[:, 0]
    start = grid.normalised("start", np.exp(-((x - 1) ** 2)))
    assert abs((rates @ start).sum()) * grid.volume < 1e-12
    wrong = rates - np.diag(3 * x**2 - 1)
    assert abs((wrong @ start).sum()) * grid.volume > 0.1
