"""Closed forms of u(x, t) of a quadratic, and the tilted landscape."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.local_entropy.tilted import TiltedLandscape

MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])


def test_a_quadratic_is_smoothed_as_by_the_integral():
    landscape, x, t, beta = Quadratic([1.7], center=0.3, offset=0.2), 1.1, 0.6, 2.0
    spread = np.sqrt(t / beta)

    def smoothed(y):
        density = np.exp(-0.5 * ((x - y) / spread) ** 2) / np.sqrt(2 * np.pi) / spread
        return density * np.exp(-beta * landscape.energy(np.array([[y]]))[0])

    expected = -np.log(quad(smoothed, -10, 10, epsabs=1e-13, limit=400)[0]) / beta
    np.testing.assert_allclose(landscape.local_entropy(np.array([[x]]), t, beta), expected, rtol=1e-10)


def test_a_quadratic_obeys_the_viscous_hamilton_jacobi_equation(seed):
    """u_t = -|grad u|^2 / 2 + Lap u / (2 beta), by central differences in t."""
    landscape, beta, t, step = Quadratic(MATRIX, center=[0.3, -0.2], offset=0.7), 1.5, 0.4, 1e-5
    x = np.random.default_rng(seed).normal(size=(5, 2))
    rate = (landscape.local_entropy(x, t + step, beta) - landscape.local_entropy(x, t - step, beta)) / (2 * step)
    gradient = landscape.local_entropy_gradient(x, t)
    expected = -0.5 * (gradient**2).sum(axis=1) + np.trace(landscape.local_entropy_hessian(t)) / (2 * beta)
    np.testing.assert_allclose(rate, expected, atol=1e-8)
    np.testing.assert_allclose(landscape.local_entropy(x, 0.0, beta), landscape.energy(x), rtol=1e-13)


def test_the_moreau_envelope_is_the_least_over_y():
    landscape, x, t = Quadratic(MATRIX, center=[0.3, -0.2], offset=0.7), np.array([1.0, 2.0]), 0.8
    found = minimize(lambda y: landscape.energy(y[None])[0] + ((x - y) ** 2).sum() / (2 * t), x, tol=1e-12)
    np.testing.assert_allclose(landscape.moreau(x[None], t), found.fun, rtol=1e-9)
    with pytest.raises(ArgumentError, match="t: got -1"):
        landscape.moreau(x[None], -1.0)


def test_a_tilted_landscape_pulls_each_chain_with_its_own_strength(seed):
    x, scale, strength = np.array([0.3, -0.4]), np.array([0.1, 1.0, 5.0]), np.array([1.0, 0.5, 0.0])
    tilted = TiltedLandscape(DoubleWell(2), x, scale, strength)
    assert isinstance(tilted, SmoothLandscape)
    y = np.random.default_rng(seed).normal(size=(3, 2))
    expected = strength * DoubleWell(2).energy(y) + ((x - y) ** 2).sum(axis=1) / (2 * scale)
    np.testing.assert_allclose(tilted.energy(y), expected, rtol=1e-14)
    slope = strength[:, None] * DoubleWell(2).gradient(y) + (y - x) / scale[:, None]
    np.testing.assert_allclose(tilted.gradient(y), slope, rtol=1e-14)
    np.testing.assert_array_equal(tilted.initial_x(range(3), 0), [x] * 3)
    one = TiltedLandscape(DoubleWell(2), x, 1.0)
    np.testing.assert_allclose(one.energy(y)[1], DoubleWell(2).energy(y)[1] + ((x - y[1]) ** 2).sum() / 2)


def test_a_tilted_landscape_refuses_other_numbers_of_chains():
    tilted = TiltedLandscape(DoubleWell(2), [0.0, 0.0], [1.0, 2.0])
    with pytest.raises(ArgumentError, match="x: got 3 chains; 2"):
        tilted.energy(np.zeros((3, 2)))
    with pytest.raises(ArgumentError, match="strength: got -1"):
        TiltedLandscape(DoubleWell(1), [0.0], 1.0, -1.0)
    with pytest.raises(ArgumentError, match="scale: got 0"):
        TiltedLandscape(DoubleWell(1), [0.0], 0.0)
