"""Hamilton-Jacobi solvers against closed forms, brute force, local entropy, and one another."""

import math
import time
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import logsumexp

from mcmc.continuum import gaussian_convolution
from mcmc.continuum.gaussian_convolution import log_gaussian_convolution
from mcmc.continuum.hamilton_jacobi import cole_hopf
from mcmc.continuum.hopf_lax_formula import characteristic, hopf_lax
from mcmc.continuum.monotone_differences import finite_differences
from mcmc.continuum.stochastic_control import OptimalControl, cost_to_go
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.local_entropy import convolution, integration, moreau, quadrature
from mcmc.samplers import ProximalPoint

MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])
PLANE = Quadratic(MATRIX, [0.3, -0.2], 0.7)
WELL = DoubleWell(1)
LIMIT = 4.9


def points(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def orders(errors):
    """Measured orders of convergence between grids of which each is twice as fine as the last."""
    return np.log2(np.array(errors)[:-1] / np.array(errors)[1:])


@pytest.mark.parametrize("beta", [1.0, 5.0, 100.0])
def test_viscous_quadratic_is_the_closed_form(beta):
    axes = (np.linspace(-7, 7, 301), np.linspace(-8, 7, 320))
    found = cole_hopf(axes, PLANE, 0.8, beta=beta)
    exact = PLANE.local_entropy(points(axes), 0.8, beta).reshape(found.u.shape)
    assert (found.missing < 1e-10).mean() > 0.2
    assert (np.abs(found.u - exact) <= 1.01 * found.missing / beta + 1e-10)[found.inside].all()
    # Convolution with N(0, t) in place of N(0, t / beta), another convention in print.
    if beta != 1:
        wrong = -log_gaussian_convolution(
            -beta * PLANE.energy(points(axes)).reshape(exact.shape), (14 / 300, 15 / 319), 0.8
        )
        assert np.abs(wrong / beta - exact)[found.inside].max() > 0.1


@pytest.mark.parametrize("beta", [1.0, 4.0, 100.0])
def test_viscous_double_well_is_local_entropy(beta):
    axis = np.linspace(-4, 4, 801)
    found = cole_hopf(axis, WELL, 0.5, beta=beta)
    for x in (0.0, 0.3, 1.0, 2.0):
        place = int(np.argmin(np.abs(axis - x)))
        oracle = quadrature(WELL, [axis[place]], 0.5, beta=beta)
        assert found.missing[place] < 1e-11
        assert abs(found.u[place] - oracle.value[0]) < 1e-11 + oracle.error[0]
    if beta == 1.0:
        assert abs(found.u[400] - 0.162129553069) < 1e-11


def test_estimators_by_sampling_see_the_same_u(seed):
    axis = np.linspace(-5, 5, 1001)
    u = cole_hopf(axis, WELL, 0.5, beta=2.0).u[540]
    for estimate in (convolution, integration):
        found = estimate(WELL, [axis[540]], scale=0.5, beta=2.0, seed=seed)
        assert abs(found.value[0] - u) < LIMIT * found.error[0]
        assert abs(found.value[0] - WELL.energy(axis[[540]][:, None])[0]) > LIMIT * found.error[0]


def test_viscous_error_falls_faster_than_any_power():
    errors = []
    for n in (17, 33, 65):
        axis = np.linspace(-6, 6, n)
        u = -log_gaussian_convolution(-WELL.energy(axis[:, None]), (12 / (n - 1),), 0.5)
        errors.append(abs(u[n // 2] - 0.162129553069134))
    assert (orders(errors) > 10).all()
    assert errors[-1] < 1e-10


@pytest.mark.parametrize("variance", [0.02, 0.5, 40.0])
@pytest.mark.parametrize("wide", [2, -(10**6)])
def test_convolution_keeps_its_relative_accuracy(variance, wide, monkeypatch):
    """Also where terms lie further away than sums done together allow for."""
    monkeypatch.setattr(gaussian_convolution, "WIDE", wide)
    x = np.linspace(-3, 3, 150)
    h = x[1] - x[0]
    log_values = np.stack([-200 * (x**2 - 1) ** 2, 300 * np.sin(9 * x), np.where(np.abs(x) < 1, 3 * x, -np.inf)])
    kernel = -((x[:, None] - x) ** 2) / (2 * variance) - 0.5 * math.log(2 * math.pi * variance)
    exact = logsumexp(kernel[None] + log_values[:, None, :], axis=2) + math.log(h)
    found = np.stack([log_gaussian_convolution(line, (h,), variance) for line in log_values])
    assert np.abs(found - exact).max() < 1e-10 + 1e-14 * np.abs(exact).max()
    if variance < 0.1:
        # Without logarithms the transform loses what is small: that is what the sums by term are for.
        plain = np.fft.irfft(np.fft.rfft(np.exp(log_values[0]), 512) * np.fft.rfft(np.exp(kernel[0]), 512))[:150]
        with np.errstate(invalid="ignore", divide="ignore"):
            assert not np.abs(np.log(h * plain) - exact[0]).max() < 1e-6


def test_nothing_anywhere_stays_nothing():
    assert np.isneginf(log_gaussian_convolution(np.full((6, 7), -np.inf), (0.1, 0.1), 0.2)).all()


@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_boundaries_without_an_outside(boundary):
    n, t, beta = 64, 0.3, 2.0
    last = 2 * math.pi * (1 - 1 / n) if boundary == "periodic" else math.pi
    axis = np.linspace(0, last, n)
    weight = 1 + 0.6 * np.cos(2 * axis)
    found = cole_hopf(axis, -np.log(weight) / beta, t, beta=beta, boundary=boundary)
    exact = -np.log(1 + 0.6 * math.exp(-2 * t / beta) * np.cos(2 * axis)) / beta
    assert np.abs(found.u - exact).max() < 1e-13
    assert found.inside.all()
    assert np.abs(cole_hopf(axis, -np.log(weight) / beta, t, beta=beta).u - exact).max() > 0.1


def test_u_solves_the_equation():
    axis, t, beta, dt = np.linspace(-4, 4, 1601), 0.4, 3.0, 1e-3
    u, ahead, behind = (cole_hopf(axis, WELL, s, beta=beta) for s in (t, t + dt, t - dt))
    slope, h = u.gradient[0], axis[1] - axis[0]
    bend = (u.u[2:] - 2 * u.u[1:-1] + u.u[:-2]) / h**2
    left = ((ahead.u - behind.u) / (2 * dt))[1:-1]
    inner = np.abs(axis[1:-1]) < 2
    right = -0.5 * slope[1:-1] ** 2 + bend / (2 * beta)
    assert np.abs(left - right)[inner].max() < 2e-4
    assert np.abs(left + 0.5 * slope[1:-1] ** 2)[inner].max() > 0.05


def test_lower_envelope_is_the_minimum_over_all_nodes(seed):
    rng = np.random.Generator(np.random.Philox(seed))
    axes = (np.linspace(-1, 2, 40), np.linspace(0, 1, 23))
    f = rng.normal(size=(40, 23))
    f[rng.random(f.shape) < 0.2] = np.inf
    for t in (1e-3, 0.05, 3.0):
        found = hopf_lax(axes, f, t)
        y = points(axes)
        cost = f.ravel() + ((y[:, None] - y) ** 2).sum(axis=2) / (2 * t)
        assert np.abs(found.u - cost.min(axis=1).reshape(f.shape)).max() < 1e-12
        at = found.proximal.reshape(2, -1).T
        place = np.abs(y[None] - at[:, None]).sum(axis=2).argmin(axis=1)
        assert np.abs(np.take_along_axis(cost, place[:, None], 1)[:, 0] - found.u.ravel()).max() < 1e-12
    line = hopf_lax(axes[0], f[:, 0], 0.5)
    assert np.abs(line.u - (f[:, 0] + (axes[0][:, None] - axes[0]) ** 2).min(axis=1)).max() < 1e-12


def test_hopf_lax_converges_with_order_two():
    errors = []
    for n in (41, 81, 161):
        axes = (np.linspace(-3, 3, n),) * 2
        found = hopf_lax(axes, PLANE, 0.5)
        exact = PLANE.moreau(points(axes), 0.5).reshape(n, n)
        assert (found.u - exact)[found.inside].min() > -1e-12
        errors.append(np.abs(found.u - exact)[found.inside].max())
    assert np.abs(orders(errors) - 2).max() < 0.4


def test_hopf_lax_is_the_moreau_envelope_and_the_limit_of_cole_hopf():
    axis = np.linspace(-3, 3, 3001)
    still = hopf_lax(axis, WELL, 2.0)
    for place in (800, 1500, 1700, 2400):
        oracle = moreau(WELL, [axis[place]], 2.0)
        assert abs(still.u[place] - oracle.value[0]) < 30 * (0.001) ** 2
        # Two proximal points at the kink x = 0; either may be found.
        away = abs(abs(still.proximal[0, place]) - abs(oracle.more["proximal_point"][1][0, 0]))
        assert away < 0.002
    inner = np.abs(axis) < 1.5
    gaps = [np.abs(cole_hopf(axis, WELL, 2.0, beta=b).u - still.u)[inner].max() for b in (100.0, 400.0, 1600.0)]
    # The prefactor (1 / 2 beta) log(1 + t f'') at most: with f'' = 2 at the wells, log(1 + 3 t x^2) elsewhere.
    for gap, b in zip(gaps, (100.0, 400.0, 1600.0), strict=True):
        assert gap < 1.1 * math.log(1 + 2.0 * (3 * 1.5**2)) / (2 * b) + 1e-5
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]


def test_proximal_point_iteration_follows_characteristics_back(seed):
    t = 0.4
    y = np.linspace(0.7, 2.0, 6)[:, None]
    ahead = characteristic(WELL, y, t)
    for x, start, value, slope in zip(ahead.x, y, ahead.value, ahead.gradient, strict=True):
        found = moreau(WELL, x, t)
        assert np.abs(found.more["proximal_point"][1][0] - start).max() < 1e-7
        assert abs(found.value[0] - value) < 1e-12
        assert np.abs(found.more["gradient"][1][0] - slope).max() < 1e-6
    sampler = ProximalPoint(WELL, step_size=0.05, scale=t, steps=400)
    state = sampler.init(6, seed)
    state.x[:], state.y[:] = ahead.x, ahead.x
    state, _ = sampler.step(state, 400)
    assert np.abs(state.x - y).max() < 1e-9
    axis = np.linspace(-6, 6, 6001)
    grid = hopf_lax(axis, WELL, t)
    assert np.abs(np.interp(ahead.x[:, 0], axis, grid.proximal[0]) - y[:, 0]).max() < 0.005
    # Past the crossing of characteristics they carry more than u.
    crossed = characteristic(WELL, [[0.4]], 4.0)
    assert crossed.value[0] > moreau(WELL, crossed.x[0], 4.0).value[0] + 0.01


@pytest.mark.parametrize("scheme", ["godunov", "lax_friedrichs"])
@pytest.mark.parametrize("beta", [2.0, math.inf])
def test_finite_differences_converge_with_order_one(scheme, beta):
    errors = []
    for n in (101, 201, 401):
        axis = np.linspace(-2.5, 2.5, n)
        f = 0.5 * np.sqrt(1 + 4 * axis**2)
        found = finite_differences(axis, f, 0.3, beta=beta, scheme=scheme)
        assert 0.5 < found.courant <= 1
        inner = np.abs(axis) < 1
        fine = np.linspace(-6, 6, 12 * 800 + 1)
        shape = 0.5 * np.sqrt(1 + 4 * fine**2)
        oracle = hopf_lax(fine, shape, 0.3) if math.isinf(beta) else cole_hopf(fine, shape, 0.3, beta=beta)
        errors.append(np.abs(found.u - np.interp(axis, fine, oracle.u))[inner].max())
    assert np.abs(orders(errors) - 1).max() < 0.3
    assert errors[-1] < 0.02


def test_finite_differences_in_the_plane_pick_the_viscosity_solution():
    """A diamond's crest, whose kinks are promised order 1/2 only (Crandall & Lions), and a smooth bowl of order 1."""
    gaps = {"kinks": [], "bowl": []}
    for n in (41, 81, 161):
        axes = (np.linspace(-2, 2, n),) * 2
        f = -np.abs(np.abs(points(axes)).sum(axis=1).reshape(n, n) - 1)
        exact = hopf_lax(axes, f, 0.2).u
        inner = (slice(n // 4, 3 * n // 4 + 1),) * 2
        gaps["kinks"].append(np.abs(finite_differences(axes, f, 0.2).u - exact)[inner].max())
        # The crest at (1, 0) is a corner: it comes down by t |grad f|^2 / 2 = t, which one-sided slopes must see.
        assert abs(exact[3 * (n - 1) // 4, n // 2] + 0.2) < 4 / n
        bowl = PLANE.moreau(points(axes), 0.2).reshape(n, n)
        gaps["bowl"].append(np.abs(finite_differences(axes, PLANE, 0.2).u - bowl)[inner].max())
    assert (orders(gaps["kinks"]) > 0.45).all(), gaps
    assert np.abs(orders(gaps["bowl"]) - 1).max() < 0.25, gaps
    assert gaps["kinks"][-1] < 0.03


@pytest.mark.parametrize("beta", [1.0, 5.0])
def test_cost_of_linear_control_is_that_of_its_recursion(seed, beta):
    h, t, steps, start = 1.5, 0.8, 20, 1.2
    law = Quadratic([h])
    found = cost_to_go(
        law, [start], t, beta=beta, control=lambda x, s: h / (1 + h * s) * x, steps=steps, chains=4000, seed=seed
    )
    ds, second, cost = t / steps, start**2, 0.0
    for k in range(steps):
        gain = h / (1 + h * (t - k * ds))
        cost += 0.5 * ds * gain**2 * second
        second = (1 - gain * ds) ** 2 * second + ds / beta
    cost += 0.5 * h * second
    u = law.local_entropy(np.array([[start]]), t, beta)[0]
    assert abs(found.cost - cost) < LIMIT * found.error
    assert abs(found.value - u) < LIMIT * found.value_error
    assert cost > u
    assert abs(found.value - law.local_entropy(np.array([[start]]), t, 2 * beta)[0]) > LIMIT * found.value_error


def test_cost_to_go_of_the_double_well_is_u(seed):
    axis, t, beta, x = np.linspace(-5, 5, 1001), 0.6, 3.0, 1.5
    u = cole_hopf(axis, WELL, t, beta=beta).u[650]
    control = OptimalControl(axis, WELL, beta=beta)
    gaps = []
    for steps in (4, 8, 16):
        found = cost_to_go(WELL, [x], t, beta=beta, control=control, steps=steps, chains=20000, seed=seed)
        assert abs(found.value - u) < LIMIT * found.value_error
        assert found.effective > 0.8 * 20000
        assert found.cost > u - LIMIT * found.error
        # From the same paths: (beta / 2) Var(W), known to (2 / 20000)^(1/2) of itself, and of order ds.
        gaps.append(found.cost - found.value)
    for gap, less in pairwise(gaps):
        assert 1.6 < gap / less < 2.4
    idle = cost_to_go(WELL, [x], t, beta=beta, steps=16, chains=20000, seed=seed)
    assert abs(idle.value - u) < LIMIT * idle.value_error
    assert idle.cost > u + 3 * gaps[0]
    uphill = cost_to_go(WELL, [x], t, beta=beta, control=lambda y, s: -control(y, s), steps=16, chains=20000, seed=seed)
    assert uphill.cost - u > LIMIT * uphill.error + 10 * gaps[2]


def test_errors_of_costs_are_calibrated(seed):
    h, t, beta = 1.5, 0.8, 2.0
    law = Quadratic([h])
    u = law.local_entropy(np.array([[1.0]]), t, beta)[0]
    many = [
        cost_to_go(law, [1.0], t, beta=beta, control=lambda x, s: x, steps=8, chains=200, seed=seed * 1000 + k)
        for k in range(200)
    ]
    z = np.array([(found.value - u) / found.value_error for found in many])
    # Of 200 z-scores the standard deviation is known to 1 / sqrt(400).
    assert abs(z.std(ddof=1) - 1) < LIMIT / math.sqrt(400)
    assert abs(z.mean()) < LIMIT / math.sqrt(200) + 0.1


@pytest.mark.parametrize("beta", [1.0, 30.0])
def test_large_grids_take_less_than_a_second(beta):
    axes = (np.linspace(-3, 3, 1024),) * 2
    f = DoubleWell(2).energy(points(axes)).reshape(1024, 1024)
    cole_hopf(np.linspace(-3, 3, 128), WELL, 0.2, beta=beta)
    for solve in (lambda: cole_hopf(axes, f, 0.2, beta=beta), lambda: hopf_lax(axes, f, 0.2)):
        begin = time.thread_time()
        solve()
        assert time.thread_time() - begin < 1.0
