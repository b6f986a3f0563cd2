"""Currents at rest against closed forms: linear drifts, and the two-dimensional example with its circulation."""

import numpy as np
import pytest

from mcmc.continuum import FokkerPlanck, Grid, grid_steady_state, linear_steady_state
from mcmc.gradient_noise import lyapunov

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

ROTATION = np.array([[1.0, -1.5], [1.5, 2.0]])
NOISE = np.array([[1.0, 0.6], [0.6, 0.8]])
PARTITION = 7.6234684446728
CIRCULATION = 0.8241898
"""<x1 b2 - x2 b1> of the example at lambda = 1: 2 pi / Z."""


def example(x):
    return (x[:, 0] ** 2 - 1) ** 2 / 4 + x[:, 1] ** 2 / 2


def example_current(strength):
    """j = lambda exp(Phi) exp(-|x|^4 / 4) (-x2, x1): div(j exp(-Phi)) = 0."""

    def current(x):
        speed = strength * np.exp(example(x) - (x**2).sum(axis=1) ** 2 / 4)
        return speed[:, None] * np.stack([-x[:, 1], x[:, 0]], axis=1)

    return current


def example_state(cells, strength):
    grid = Grid([-3.6, -6.0], [3.6, 6.0], cells)
    return grid_steady_state(FokkerPlanck(grid, example_current(strength), potential=example))


def orders(errors):
    errors = np.abs(errors)
    return np.log2(errors[:-1] / errors[1:])


def held(state, share=1e-2):
    density = state.stationary.density
    return density > share * density.max()


def test_linear_drifts_in_closed_form(seed):
    """What defines S, Phi and Q, for a matrix that is not symmetric in five dimensions."""
    rng = np.random.Generator(np.random.Philox(seed))
    a = rng.normal(size=(5, 5)) + 4 * np.eye(5)
    root, beta, centre = rng.normal(size=(5, 5)), 2.5, rng.normal(size=5)
    d = root @ root.T + np.eye(5)
    state = linear_steady_state(a, d, beta=beta, centre=centre)
    s, q = state.covariance, state.antisymmetric
    np.testing.assert_allclose(a @ s + s @ a.T, 2 * d / beta, atol=1e-12)
    np.testing.assert_array_equal(q, -q.T)
    x = centre + rng.normal(size=(20, 5))
    slope = (x - centre) @ state.hessian
    # The A-type form: minus the drift is (D + Q) grad Phi.
    np.testing.assert_allclose((x - centre) @ a.T, slope @ (d + q).T, atol=1e-10)
    np.testing.assert_allclose(state.current(x), -(x - centre) @ a.T + slope @ d, atol=1e-10)
    np.testing.assert_allclose((state.current(x) * slope).sum(axis=1), 0, atol=1e-10)
    # <x b'> = -S A'.
    np.testing.assert_allclose(state.circulation, (s @ -a.T) - (s @ -a.T).T, atol=1e-12)


def test_symmetric_drifts_agree_with_gradient_noise():
    h, eta, c = np.array([[2.0, 0.4], [0.4, 0.5]]), 0.02, 0.3
    law, state = lyapunov(h, NOISE, eta, c), linear_steady_state(h, NOISE, beta=2 / (eta * c))
    np.testing.assert_allclose(state.covariance, law.continuous, rtol=1e-12)
    np.testing.assert_allclose(state.antisymmetric, law.circulation, atol=1e-12)
    assert np.abs(state.antisymmetric).max() > 0.1
    assert np.abs(linear_steady_state(h, np.eye(2)).antisymmetric).max() < 1e-14


def test_density_is_normalised():
    grid, state = Grid(-8, 8, [200, 200]), linear_steady_state(ROTATION, NOISE, beta=1.5)
    assert state.density(grid.points).sum() * grid.volume == pytest.approx(1, abs=1e-12)


def test_the_grid_finds_current_and_q_of_linear_drifts():
    exact, errors = linear_steady_state(ROTATION, NOISE), []
    for cells in (64, 128, 256):
        grid = Grid(-6, 6, [cells, cells])
        state = grid_steady_state(FokkerPlanck(grid, lambda x: -x @ ROTATION.T, diffusion=NOISE))
        inside, j = held(state), exact.current(grid.points).reshape(cells, cells, 2)
        errors.append([
            np.abs(state.antisymmetric - exact.antisymmetric[0, 1])[inside].max(),
            np.abs(state.current - j)[inside].max(),
            np.abs(state.potential_gradient - (grid.points @ exact.hessian).reshape(j.shape))[inside].max(),
            np.abs(state.current_divergence - state.along_gradient)[inside].max(),
            state.circulation - exact.circulation[0, 1],
            state.flux_circulation - exact.circulation[0, 1],
        ])  # fmt: skip
        # What flows in flows out: to rounding of rates of order 1 / width^2.
        assert np.abs(state.flux_divergence).max() < 1e-15 * (cells / 12) ** 2 * 100
    assert (orders(np.array(errors)) > 1.8).all(), errors
    # Of the circulations what second order leaves, extrapolated from the two finest grids.
    left = (4 * np.array(errors[-1]) - errors[-2])[-2:] / 3
    assert np.abs(left).max() < 1e-4


@pytest.mark.parametrize("strength", [0.5, 1.5])
def test_the_example_keeps_its_law_and_circulates(strength):
    errors = []
    for cells in (64, 128, 256):
        state = example_state(cells, strength)
        inside, points = held(state), state.grid.points
        partition = np.exp(-example(points)).reshape(state.grid.shape) / state.stationary.density
        j = example_current(strength)(points).reshape(*state.grid.shape, 2)
        errors.append([
            np.abs(partition - PARTITION)[inside].max(),
            state.flux_circulation - CIRCULATION * strength,
            np.abs(state.current - j)[inside].max(),
            np.abs(state.current_divergence - state.along_gradient)[inside].max(),
        ])  # fmt: skip
    assert (orders(np.array(errors)) > 1.8).all(), errors
    assert state.stationary.method == "null-vector"
    assert state.circulation == pytest.approx(CIRCULATION * strength, abs=2e-4)
    # j leaves the lines of equal Phi here: div j is not 0, div(j rho) is.
    assert np.abs(state.current_divergence[inside]).max() > 0.1 * strength
    assert np.abs(state.flux_divergence).max() < 1e-11


def test_q_of_the_example_is_the_stream_function():
    """J = (lambda / Z) exp(-r^4 / 4) (-x2, x1) = curl of psi, psi = (lambda / Z) int_r^inf s exp(-s^4 / 4) ds."""
    from scipy.special import erfc

    errors = []
    for cells in (64, 128):
        state = example_state(cells, 1.5)
        inside, points = held(state), state.grid.points
        square = (points**2).sum(axis=1)
        stream = 1.5 / PARTITION * np.sqrt(np.pi) / 2 * erfc(square / 2)
        q = (stream * PARTITION * np.exp(example(points))).reshape(state.grid.shape)
        errors.append(np.abs(state.antisymmetric - q)[inside].max())
    assert orders(errors)[0] > 1.8
    assert errors[-1] < 0.02 * np.abs(q[inside]).max()


def test_control_without_rotation_nothing_circulates():
    """The same tests tell lambda = 0 from lambda = 0.5; in detailed balance fluxes are rounding."""
    state = example_state(64, 0.0)
    assert state.stationary.method == "detailed-balance"
    assert abs(state.flux_circulation) < 1e-12
    assert np.abs(state.current[held(state)]).max() < 1e-11
    assert abs(state.circulation - CIRCULATION * 0.5) > 0.4


def test_control_a_drift_whose_flux_diverges_changes_the_law():
    """(-x2, x1) times exp(Phi) exp(-|x|^4 / 4) keeps the law, times one side of it does not."""
    grid = Grid([-3.6, -6.0], [3.6, 6.0], 96)
    lopsided = lambda x: example_current(1.5)(x) * (1 + np.tanh(x[:, :1]))  # noqa: E731
    state = grid_steady_state(FokkerPlanck(grid, lopsided, potential=example))
    partition = np.exp(-example(grid.points)).reshape(grid.shape) / state.stationary.density
    assert np.abs(partition - PARTITION)[held(state)].max() > 1


def test_isotropic_noise_leaves_phi_alone_and_other_noise_moves_it():
    """Phi = f + constant for D = 1 only: the most likely points move where noise has a direction."""
    grid, slope = Grid([-3.6, -6.0], [3.6, 6.0], 96), np.array([[1.0, 0.5], [0.5, 0.6]])

    def tilted(x):
        return example(x) + 0.3 * x[:, 0] * x[:, 1]

    height = tilted(grid.points).reshape(grid.shape)
    same = grid_steady_state(FokkerPlanck(grid, potential=tilted))
    other = grid_steady_state(FokkerPlanck(grid, potential=tilted, diffusion=slope))
    apart = [np.ptp((s.stationary.potential - height)[held(s)]) for s in (same, other)]
    assert apart[0] < 1e-12
    assert apart[1] > 0.1
    assert np.abs(other.flux_divergence).max() < 1e-11 < np.abs(other.current[held(other)]).max()


def test_datasets_carry_all_fields_over_named_dimensions():
    found = example_state(32, 0.5).to_xarray()
    assert found.density.dims == ("x", "y")
    assert found.current.dims == ("x", "y", "component")
    assert {"potential", "drift", "antisymmetric", "flux_divergence", "along_gradient"} <= set(found)
    assert found.attrs["circulation"] == pytest.approx(0.5 * CIRCULATION, rel=0.01)
    assert linear_steady_state(ROTATION, NOISE).to_xarray().covariance.shape == (2, 2)
