"""What solvers of Hamilton-Jacobi take to be beyond the edges of a grid, and where they say that it matters."""

import math

import numpy as np
import pytest

from mcmc.continuum import Grid, cole_hopf, finite_differences, hopf_lax


def test_a_periodic_grid_is_periodic():
    """exp(-beta u) is a heat flow: its wave of length 2 pi is damped by exp(-t / (2 beta))."""
    t, beta, grid = 0.5, 2.0, Grid(0, 2 * np.pi, 64, "periodic")

    def landscape(share, points):
        return -np.log(1 + 0.6 * share * np.cos(points).prod(axis=-1)) / beta

    damped = math.exp(-t / (2 * beta))
    found = cole_hopf(grid, landscape(1, grid.points).ravel(), t, beta=beta)
    assert np.abs(found.u - landscape(damped, grid.points).ravel()).max() < 1e-13
    assert found.inside.all()
    plane = Grid((0, 0), (2 * np.pi, 2 * np.pi), (32, 40), "periodic")
    found = cole_hopf(plane, landscape(1, plane.points).reshape(plane.shape), t, beta=beta)
    assert np.abs(found.u - landscape(damped**2, plane.points).reshape(plane.shape)).max() < 1e-13
    walled = cole_hopf(grid, landscape(1, grid.points).ravel(), t, beta=beta, boundary="wall")
    assert np.abs(walled.u - landscape(damped, grid.points).ravel()).max() > 0.1
    closed = Grid(0, 2 * np.pi, 64)
    assert np.array_equal(walled.u, cole_hopf(closed, landscape(1, closed.points).ravel(), t, beta=beta).u)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_envelope_tells_where_lower_f_may_lie_outside(dim):
    """f = -|x_1| falls to both edges: u = -|x_1| - t / 2 in all space, and the grid ends t too early for it."""
    t, axis = 0.5, np.linspace(-2, 2, 401)
    axes = (axis, np.linspace(-1, 1, 21))[:dim]
    f = np.broadcast_to(-np.abs(axis).reshape(-1, *[1] * (dim - 1)), [a.size for a in axes])
    found = hopf_lax(axes, f, t)
    middle = (slice(None), *[10] * (dim - 1))
    high, inside = (found.u + np.abs(f) + t / 2)[middle], found.inside[middle]
    # The minimiser is x + t sign(x), or an end if that is outside: nodes are .01 apart, so is the parabola's bottom.
    near = np.abs(axis) < 2 - t - 0.005
    assert np.array_equal(inside, near)
    assert high[near].max() < 1e-12
    away = np.abs(axis) - (2 - t)
    np.testing.assert_allclose(high[~near], (away[~near] ** 2) / (2 * t), atol=1e-12)
    assert high.max() > 0.2


@pytest.mark.parametrize(("f", "beta"), [
    (lambda x: x**2 / 2, 2.0), (lambda x: -np.sqrt(1 + x**2), 8.0),
    (lambda x: -(x**2) / 4, 8.0),
])  # fmt: skip
def test_differences_feel_edges_where_they_say_so(f, beta):
    """Against the same steps on an axis twice as long: inside nothing changes, at edges no refinement helps."""
    worst = []
    for count in (60, 120):
        h = 3 / count
        wide = np.arange(-2 * count, 2 * count + 1) * h
        far = finite_differences(wide, f(wide), 0.2, beta=beta)
        found = finite_differences(wide[count:-count], f(wide[count:-count]), 0.2, beta=beta, steps=far.steps)
        apart = np.abs(found.u - far.u[count:-count])
        # A share 6e-7 of the noise goes further, and meets errors at edges below .1.
        assert apart[found.inside].max() < 6e-8
        assert 0.3 < found.inside.mean() < 0.9
        worst.append(apart.max())
    assert worst[1] > 0.7 * worst[0]
    assert worst[1] > 3e-4


def test_without_viscosity_edges_are_felt_where_characteristics_enter():
    axis = np.linspace(-3, 3, 241)
    rising, falling = (finite_differences(axis, s * np.abs(axis), 0.41) for s in (1, -1))
    assert rising.inside[1:-1].all()
    # They enter at the speed |f'| = 1; edges themselves never count.
    assert np.array_equal(falling.inside, np.abs(axis) < 3 - 0.41)
    plane = finite_differences((axis, axis), np.add.outer(np.abs(axis), -np.abs(axis)), 0.41)
    assert np.array_equal(plane.inside, np.logical_and.outer(rising.inside, falling.inside))
