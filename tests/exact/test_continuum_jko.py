"""Minimising movements against Ornstein-Uhlenbeck and heat flows, exact steps of Gaussians, and transport distances."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from mcmc.continuum.axes import spacings
from mcmc.continuum.fokker_planck import FokkerPlanck
from mcmc.continuum.grid import Grid
from mcmc.continuum.jko import dirichlet_flow, entropic_flow, free_energy, quantile_flow
from mcmc.continuum.wasserstein import sinkhorn_divergence, wasserstein_distance
from mcmc.landscapes.analytic import DoubleWell, Quadratic

AXIS = np.linspace(-7, 7, 561)
H, BETA, END = 1.5, 2.0, 0.8
WELL = Quadratic([H])
STEPS = (8, 16, 32)


def gaussian(axis, mean, deviation):
    return np.exp(-0.5 * ((axis - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))


def moments(axis, density):
    mass = density * (axis[1] - axis[0])
    mean = mass @ axis
    return mean, math.sqrt(mass @ (axis - mean) ** 2)


def ornstein_uhlenbeck(mean, deviation, t):
    decay = math.exp(-2 * H * t)
    return mean * math.exp(-H * t), math.sqrt(deviation**2 * decay + (1 - decay) / (BETA * H))


def exact_steps(mean, deviation, tau, steps, beta=BETA):
    """Minimising movements of a Gaussian: h s^2 / 2 - log(s) / beta + (s - s0)^2 / (2 tau) is least at s."""
    a = H + 1 / tau
    for _ in range(steps):
        mean /= 1 + tau * H
        deviation = (deviation / tau + math.sqrt((deviation / tau) ** 2 + 4 * a / beta)) / (2 * a)
    return mean, deviation


def exact_entropic_steps(deviation, tau, steps, eps):
    """The same with an entropic coupling of covariance c, and as much entropy taken off F."""
    weight = eps / (2 * tau)

    def step(old):
        def functional(parameters):
            s, share = math.exp(parameters[0]), math.tanh(parameters[1])
            moved = (s * s + old * old - 2 * share * s * old) / (2 * tau)
            joint = -0.5 * weight * math.log(s * s * old * old * (1 - share * share))
            return moved + joint + 0.5 * H * s * s - (1 / BETA - 0.5 * weight) * math.log(s)

        found = minimize(
            functional, [math.log(old), 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14}
        )
        return math.exp(found.x[0])

    for _ in range(steps):
        deviation = step(deviation)
    return deviation


def test_quantiles_take_the_exact_steps_of_gaussians():
    errors = []
    for masses in (100, 200, 400, 800):
        flow = quantile_flow(AXIS, gaussian(AXIS, 2.0, 0.5), WELL, beta=BETA, tau=0.1, steps=8, masses=masses)
        first, last = flow.positions[0], flow.positions[-1]
        mean, deviation = exact_steps(first.mean(), first.std(), 0.1, 8)
        assert abs(last.mean() - mean) < 1e-10
        errors.append(abs(last.std() - deviation))
    # The two tails beyond the outermost masses, 1 / (2 m) each, push on nothing: order 1 in 1 / m.
    assert all(1.6 < a / b < 2.4 for a, b in pairwise(errors))
    assert errors[-1] < 5e-4
    assert abs(deviation - exact_steps(first.mean(), first.std(), 0.1, 8, 2 * BETA)[1]) > 0.05


@pytest.mark.parametrize("method", ["quantiles", "entropic"])
def test_order_in_tau_is_one(method):
    start = gaussian(AXIS, 2.0, 0.5)
    found = []
    for steps in STEPS:
        if method == "quantiles":
            last = quantile_flow(AXIS, start, WELL, beta=BETA, tau=END / steps, steps=steps, masses=1600).positions[-1]
            found.append((last.mean(), last.std()))
        else:
            flow = entropic_flow(AXIS, start, WELL, beta=BETA, tau=END / steps, steps=steps)
            found.append(moments(AXIS, flow.density[-1]))
    exact = ornstein_uhlenbeck(2.0, 0.5, END)
    for k, limit in enumerate(exact):
        path = [moment[k] for moment in found]
        # Differences between step sizes are free of what the grid leaves: halved with tau.
        assert 1.5 < (path[0] - path[1]) / (path[1] - path[2]) < 2.5
        # Richardson's extrapolation meets the flow.
        assert abs(2 * path[2] - path[1] - limit) < 1e-3 * max(abs(limit), 1.0)
        assert abs(path[0] - limit) > 5 * abs(2 * path[2] - path[1] - limit)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_entropic_steps_are_those_of_gaussians(share):
    tau, steps = 0.1, 3
    eps = share * tau / BETA
    flow = entropic_flow(AXIS, gaussian(AXIS, 1.0, 0.6), WELL, beta=BETA, tau=tau, steps=steps, regularisation=eps)
    mean, deviation = moments(AXIS, flow.density[-1])
    assert abs(mean - 1.0 / (1 + tau * H) ** steps) < 1e-9
    assert abs(deviation - exact_entropic_steps(0.6, tau, steps, eps)) < 1e-6
    assert np.abs(flow.density[-1] - gaussian(AXIS, mean, deviation)).max() < 1e-6


@pytest.mark.parametrize("tau", [0.05, 0.25])
def test_free_energy_descends_by_at_least_the_distance(tau):
    axis = np.linspace(-4, 4, 401)
    start = gaussian(axis, 0.2, 0.25)
    well = DoubleWell(1)
    flow = quantile_flow(axis, start, well, beta=4.0, tau=tau, steps=12)
    fall = -np.diff(flow.free_energy)
    assert (fall >= flow.distance**2 / (2 * tau) - 1e-12).all()
    grid = entropic_flow(axis, start, well, beta=4.0, tau=tau, steps=12)
    assert (np.diff(grid.functional) < 0).all()
    # The minimum of F is that of the Gibbs density, -log Z / beta.
    assert grid.functional[-1] > -math.log(well.partition_function(4.0)) / 4.0 - 1e-12
    assert np.abs(grid.density.sum(axis=tuple(range(1, grid.density.ndim))) * 0.02 - 1).max() < 1e-12
    # Steps down another free energy do not descend this one.
    wrong = entropic_flow(axis, start, Quadratic([10.0]), beta=4.0, tau=tau, steps=12)
    values = [free_energy(axis, d, well.energy(axis[:, None]), 4.0) for d in wrong.density]
    assert np.diff(values).max() > 0


def test_both_methods_settle_into_gibbs():
    axis = np.linspace(-4, 4, 401)
    well, start = DoubleWell(1), gaussian(axis, 0.0, 0.4)
    gibbs = np.exp(-4.0 * well.energy(axis[:, None])) / well.partition_function(4.0)
    by_quantiles = quantile_flow(axis, start, well, beta=4.0, tau=0.4, steps=40)
    assert abs((by_quantiles.positions[-1] ** 2).mean() - well.second_moment(4.0)) < 5e-3
    assert wasserstein_distance(axis, by_quantiles.density(axis)[-1], gibbs) < 0.02
    # The entropic step is biased in tau, also at rest: to order tau.
    gaps = []
    for tau in (0.1, 0.05):
        by_grid = entropic_flow(axis, start, well, beta=4.0, tau=tau, steps=round(6 / tau), regularisation=0.5 * tau)
        gaps.append(np.abs(by_grid.density[-1] - gibbs).max())
    assert 1.4 < gaps[0] / gaps[1] < 2.6
    assert gaps[1] < 0.05
    assert wasserstein_distance(axis, start, gibbs) > 0.1


def test_heat_is_steepest_descent_of_two_functionals():
    """Entropy in W2 and the Dirichlet energy in L2, both of order 1 in tau; no error in tau at e = 4 tau / beta."""
    start = gaussian(AXIS, 0.5, 0.6)
    nothing = np.zeros(AXIS.size)
    exact = gaussian(AXIS, 0.5, math.sqrt(0.36 + 2 * 0.6 / BETA))
    flows = {
        "entropy": lambda n: entropic_flow(AXIS, start, nothing, beta=BETA, tau=0.6 / n, steps=n),
        "dirichlet": lambda n: dirichlet_flow(AXIS, start, beta=BETA, tau=0.6 / n, steps=n),
    }
    for solve in flows.values():
        gaps = [np.abs(solve(n).density[-1] - exact).max() for n in (8, 16)]
        assert 1.5 < gaps[0] / gaps[1] < 2.5
        assert gaps[1] < 0.02
        assert (np.diff(solve(8).functional) < 0).all()
    positions = quantile_flow(AXIS, start, nothing, beta=BETA, tau=0.0375, steps=16, masses=800).positions[-1]
    assert abs(positions.std() - math.sqrt(0.36 + 2 * 0.6 / BETA)) < 0.01
    coupled = entropic_flow(AXIS, start, nothing, beta=BETA, tau=0.3, steps=2, regularisation=4 * 0.3 / BETA)
    assert np.abs(coupled.density[-1] - exact).max() < 1e-8
    # The same coupling with entropy left in F is another temperature's.
    warmer = entropic_flow(AXIS, start, nothing, beta=BETA / 2, tau=0.3, steps=2, regularisation=4 * 0.3 / BETA)
    assert np.abs(warmer.density[-1] - exact).max() > 0.01


def test_plane_follows_ornstein_uhlenbeck():
    """A correlated quadratic and a correlated start: mean exp(-A t) m, covariance S + exp(-A t) (S0 - S) exp(-A t)."""
    from scipy.linalg import expm

    matrix, beta, end = np.array([[1.0, 0.6], [0.6, 1.5]]), 2.0, 0.2
    middle, wide = np.array([0.6, -0.5]), np.array([[0.3, 0.1], [0.1, 0.2]])
    axes = (np.linspace(-3.8, 3.9, 78), np.linspace(-3.6, 3.4, 71))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    away = points - middle
    start = np.exp(-np.einsum("xyi,ij,xyj->xy", away, np.linalg.inv(wide), away) / 2)
    start /= start.sum() * math.prod(spacings(axes))
    decay, rest = expm(-matrix * end), np.linalg.inv(matrix) / beta
    exact = np.concatenate([decay @ middle, (rest + decay @ (wide - rest) @ decay)[np.triu_indices(2)]])
    found = []
    for steps in (1, 2, 4):
        flow = entropic_flow(axes, start, Quadratic(matrix), beta=beta, tau=end / steps, steps=steps)
        assert (np.diff(flow.functional) < 0).all()
        mass = flow.density[-1] * math.prod(spacings(axes))
        mean = np.einsum("xy,xyi->i", mass, points)
        covariance = np.einsum("xy,xyi,xyj->ij", mass, points - mean, points - mean)
        found.append(np.concatenate([mean, covariance[np.triu_indices(2)]]))
    apart = np.abs(np.array(found) - exact)
    # Of order 1 in tau in each of two means and three covariances, measured twice.
    orders = np.log2(apart[:-1] / apart[1:])
    assert ((orders > 0.7) & (orders < 1.3)).all(), orders
    assert apart[2].max() < 0.02
    # Without what couples the coordinates they go elsewhere.
    alone = expm(-np.diag(np.diag(matrix)) * end) @ middle
    assert np.abs(alone - exact[:2]).min() > 5 * apart[2].max()


def test_entropic_steps_rest_wider_than_gibbs_to_first_order():
    """Relative excess of the variance at rest: beta^2 h e^2 / (32 tau) to leading order."""
    axis, tau = np.linspace(-5, 5, 201), 0.1
    gibbs = gaussian(axis, 0.0, 1 / math.sqrt(BETA * H))
    for share in (2.0, 4.0):
        eps = share * tau / BETA
        flow = entropic_flow(axis, gibbs, WELL, beta=BETA, tau=tau, steps=25, regularisation=eps)
        excess = BETA * H * moments(axis, flow.density[-1])[1] ** 2 - 1
        expected = BETA**2 * H * eps**2 / (32 * tau)
        # The next order is a share of the same size; exp(-2 h 2.5) of the way to rest is left.
        assert excess == pytest.approx(expected, rel=2 * expected + 1e-3)
        # F is least at the Gibbs density.
        assert flow.functional[-1] > flow.functional[0]


def test_heat_in_the_plane_by_the_dirichlet_energy():
    """A Gaussian widens, to order 1 in tau, away from the walls."""
    axes = (np.linspace(-4, 4, 81), np.linspace(-3, 3, 91))
    beta, end = 2.0, 0.4
    start = np.outer(gaussian(axes[0], 0.5, 0.5), gaussian(axes[1], -0.2, 0.4))
    exact = np.outer(
        gaussian(axes[0], 0.5, math.sqrt(0.25 + 2 * end / beta)),
        gaussian(axes[1], -0.2, math.sqrt(0.16 + 2 * end / beta)),
    )
    inner = (slice(10, -10), slice(30, -30))
    gaps = []
    for steps in (8, 16, 32):
        flow = dirichlet_flow(axes, start, beta=beta, tau=end / steps, steps=steps)
        assert (np.diff(flow.functional) < 0).all()
        assert np.abs(flow.density.sum(axis=(1, 2)) * math.prod(spacings(axes)) - 1).max() < 1e-12
        gaps.append(np.abs(flow.density[-1] - exact)[inner].max())
    assert all(1.7 < rough / fine < 2.3 for rough, fine in pairwise(gaps)), gaps
    slower = dirichlet_flow(axes, start, beta=2 * beta, tau=end / 32, steps=32)
    assert np.abs(slower.density[-1] - exact)[inner].max() > 5 * gaps[-1]
    energy = np.gradient(start, *spacings(axes))
    direct = sum((part**2).sum() for part in energy) * math.prod(spacings(axes)) / (2 * beta)
    # Differences of neighbours against central ones: second order, (spacing / width)^2 / 4 each.
    assert flow.functional[0] == pytest.approx(direct, rel=0.03)


def test_masses_without_temperature_iterate_the_proximal_point():
    flow = quantile_flow(AXIS, gaussian(AXIS, 1.0, 0.4), WELL, beta=math.inf, tau=0.3, steps=4, masses=50)
    assert np.abs(flow.positions[-1] - flow.positions[0] / (1 + 0.3 * H) ** 4).max() < 1e-12


def test_distances_of_gaussians():
    first, second = gaussian(AXIS, 0.0, 0.5), gaussian(AXIS, 1.0, 0.8)
    # Cells are constant: quantile functions are off by a spacing's square.
    assert abs(wasserstein_distance(AXIS, first, second) ** 2 - (1 + 0.09)) < 1e-3
    assert wasserstein_distance(AXIS, first, first) == 0
    gaps = [abs(sinkhorn_divergence(AXIS, first, second, eps) - 1.09) for eps in (0.4, 0.2)]
    assert gaps[1] < 0.5 * gaps[0]
    assert gaps[1] < 0.01
    axes = (np.linspace(-3, 3, 41),) * 2
    here, there = (np.outer(gaussian(axes[0], m, 0.4), gaussian(axes[1], -m, 0.4)) for m in (0.0, 0.6))
    # Moved as a whole: the bias is the same in all three terms.
    assert abs(sinkhorn_divergence(axes, here, there, 0.3) - 0.72) < 1e-7
    gap = np.zeros(40)
    gap[[3, 4, 30]] = 1 / 3
    line = np.arange(40.0)
    assert abs(wasserstein_distance(line, gap, np.roll(gap, 5)) - 5) < 1e-12


def test_double_well_follows_the_fokker_planck_equation():
    """Against the solver on cells, which knows nothing of transport: distances fall with tau, free energies agree."""
    grid, well, beta, end = Grid(-3.5, 3.5, 350), DoubleWell(1), 4.0, 0.8
    axis = grid.centres[0]
    start = gaussian(axis, 0.4, 0.3)
    flow = FokkerPlanck(grid, potential=well, beta=beta).evolve(start, [end], step=0.002, method="crank-nicolson")
    exact, zero = flow.density[-1], -math.log(well.partition_function(beta)) / beta
    gaps = []
    for steps in (8, 16, 32):
        by_grid = entropic_flow(grid, start, well, beta=beta, tau=end / steps, steps=steps)
        gaps.append(np.abs(by_grid.density[-1] - exact).max())
        by_masses = quantile_flow(grid, start, well, beta=beta, tau=end / steps, steps=steps)
        assert wasserstein_distance(axis, by_masses.density(axis)[-1], exact) < 0.5 * end / steps + 0.01
    assert all(1.6 < rough / fine < 2.4 for rough, fine in pairwise(gaps))
    # F of the cells counts from the Gibbs density.
    assert abs(by_grid.functional[0] - zero - flow.free_energy[0]) < 1e-6
    assert abs(by_grid.functional[-1] - zero - flow.free_energy[-1]) < 0.01
    assert np.abs(start - exact).max() > 10 * gaps[-1]
