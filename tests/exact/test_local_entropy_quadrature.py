"""Quadrature of the smoothed free energy against closed forms, and against the equation that it solves."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.mixture import GaussianMixture
from mcmc.local_entropy import quadrature

ROUNDING = 1e-12


class NarrowWells:
    """exp(-beta f) a sum of two Gaussians of width 0.05 and 0.02 far apart, in `dim` dimensions."""

    data_size = None

    def __init__(self, dim, beta):
        self.dim, self.beta = dim, beta
        self.means = np.array([np.full(dim, -4.0), np.full(dim, 5.0)])
        self.widths, self.weights = np.array([0.05, 0.02]), np.array([0.3, 0.7])

    def logs(self, x, extra=0.0):
        square = self.widths**2 + extra
        away = ((x[:, None] - self.means) ** 2).sum(axis=2)
        terms = np.log(self.weights) - away / (2 * square) - 0.5 * self.dim * np.log(2 * math.pi * square)
        return np.logaddexp.reduce(terms, axis=1)

    def energy(self, x, batch=None):
        return -self.logs(x) / self.beta

    def gradient(self, x, batch=None):
        raise AssertionError("quadrature asks for no gradient")


def test_double_well_at_its_top():
    found = quadrature(DoubleWell(1), 0.0, [0.5])
    assert abs(found.value[0] - 0.162129553069) < 1e-12
    assert 0 < found.error[0] < 1e-10
    assert found.converged


@pytest.mark.parametrize("beta", [0.1, 1.0, 50.0])
def test_quadratic_in_two_dimensions(beta):
    matrix, center, x = np.array([[200.0, 0.5], [0.5, 0.01]]), np.array([1.0, -1.0]), np.array([3.0, 0.0])
    scales = np.array([1e-3, 0.1, 10.0])
    found = quadrature(Quadratic(matrix, center, 1.5), x, scales, beta=beta)
    for k, t in enumerate(scales):
        widened = np.eye(2) + t * matrix
        away = x - center
        exact = 1.5 + 0.5 * away @ matrix @ np.linalg.solve(widened, away) + np.linalg.slogdet(widened)[1] / (2 * beta)
        assert abs(found.value[k] - exact) <= found.error[k] + ROUNDING * abs(exact)
        assert found.error[k] < 1e-9


@pytest.mark.parametrize(("dim", "reference"), [(1, -3.0), (1, 100.0), (2, [1.0, 0.0])])
def test_narrow_wells_far_away(dim, reference):
    landscape = NarrowWells(dim, 2.0)
    scales = np.array([1e-4, 0.3, 20.0, 3000.0])
    found = quadrature(landscape, reference, scales, beta=2.0)
    exact = [-landscape.logs(np.atleast_2d(reference), t / 2.0)[0] / 2.0 for t in scales]
    assert (np.abs(found.value - exact) <= found.error + ROUNDING * np.abs(exact)).all()
    assert (found.error < 1e-8 * (1 + np.abs(exact))).all()


def test_solves_the_hamilton_jacobi_equation():
    beta, t, x, step = 2.0, 0.4, 0.6, 1e-3

    def u(x, t):
        return quadrature(DoubleWell(1), x, t, beta=beta).value[0]

    slope = (u(x + step, t) - u(x - step, t)) / (2 * step)
    bend = (u(x + step, t) - 2 * u(x, t) + u(x - step, t)) / step**2
    rate = (u(x, t + step) - u(x, t - step)) / (2 * step)
    assert abs(rate + slope**2 / 2 - bend / (2 * beta)) < 1e-5
    assert abs(rate + slope**2 / 2) > 1e-2


def test_wall_is_integrated_with_an_honest_error():
    class Box:
        dim, data_size = 1, None

        def energy(self, x, batch=None):
            return np.where(np.abs(x[:, 0]) <= 1, 0.0, np.inf)

        def gradient(self, x, batch=None):
            return np.zeros_like(x)

    found = quadrature(Box(), 0.3, 0.5)
    exact = -math.log(0.5 * (math.erf(1.3) + math.erf(0.7)))
    assert abs(found.value[0] - exact) <= found.error[0]


def test_too_few_points_are_warned_of():
    found = quadrature(NarrowWells(2, 1.0), [0.0, 0.0], 1.0, max_points=100_000, tolerance=1e-15)
    assert "raise max_points" in found.warnings[0]


def test_more_than_two_dimensions_are_refused():
    with pytest.raises(ArgumentError, match="3 dimensions; quadrature reaches 2"):
        quadrature(DoubleWell(3), np.zeros(3), 0.1)


@pytest.mark.parametrize("change", [{"beta": 0.0}, {"beta": math.inf}, {"tolerance": 0}, {"max_points": 1.5}])
def test_bad_input(change):
    with pytest.raises(ArgumentError, match=next(iter(change))):
        quadrature(DoubleWell(1), 0.0, 0.1, **change)


def test_energy_that_is_no_number():
    class Wrong(NarrowWells):
        def energy(self, x, batch=None):
            return np.full(len(x), np.nan)

    with pytest.raises(LandscapeError, match="energy: got nan"):
        quadrature(Wrong(1, 1.0), 0.0, 0.1)


@pytest.mark.parametrize("place", [7.3, 11.7])
def test_a_needle_wider_than_the_resolved_width_is_met(place):
    wide = 1e-3
    landscape = GaussianMixture([0.5, 0.5], [[0.0], [place]], [[[1.0]], [[wide**2]]])
    spread = np.array([1.0, wide**2]) + 30.0
    exact = -np.logaddexp.reduce(
        np.log(0.5) - 0.5 * np.array([0.0, place**2]) / spread - 0.5 * np.log(2 * np.pi * spread)
    )
    found = quadrature(landscape, [0.0], 30.0)
    assert found.more["resolved_width"][1][0] < wide
    assert abs(found.value[0] - exact) < 1e-9
