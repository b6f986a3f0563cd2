"""The mixture of Gaussians against plain sums, finite differences, quadrature, and what it refuses."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.landscapes.mixture import GaussianMixture

MEANS = [[1.0, 0.0, 0.3], [-1.0, 0.5, 0.0]]
FULL = [np.diag([0.4, 0.5, 0.6]) + 0.1, np.diag([1.0, 0.2, 0.3]) + 0.05]


def points(seed, count, dim):
    return np.random.default_rng(seed).normal(size=(count, dim))


def plain_local_entropy(x, weights, means, covariances, beta, t):
    total = sum(
        w * multivariate_normal(m, np.asarray(s) + t / beta * np.eye(len(m))).pdf(x)
        for w, m, s in zip(weights, means, covariances, strict=True)
    )
    return -np.log(total) / beta


@pytest.mark.parametrize("t", [0.0, 0.7])
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_values_are_those_of_the_sum_of_densities(seed, t, beta):
    landscape = GaussianMixture([3.0, 7.0], MEANS, FULL, beta=beta)
    x = points(seed, 6, 3)
    expected = plain_local_entropy(x, [0.3, 0.7], MEANS, FULL, beta, t)
    assert isinstance(landscape, SmoothLandscape)
    np.testing.assert_allclose(landscape.local_entropy(x, t), expected, rtol=1e-12)
    if t == 0.0:
        np.testing.assert_allclose(landscape.energy(x), expected, rtol=1e-12)


@pytest.mark.parametrize("covariances", [0.5, [0.5, 0.2], [[0.5, 0.4, 0.3], [1.0, 1.1, 1.2]], FULL])
def test_gradients_are_differences_of_values(seed, covariances):
    landscape = GaussianMixture([0.3, 0.7], MEANS, covariances, beta=1.7)
    x, step = points(seed, 4, 3), 1e-5
    for t in (0.0, 0.4):
        differences = np.empty_like(x)
        for i in range(3):
            shift = step * np.eye(3)[i]
            differences[:, i] = (
                (landscape.local_entropy(x + shift, t) - landscape.local_entropy(x - shift, t)) / step / 2
            )
        # Central differences: error of order step^2 and rounding / step.
        np.testing.assert_allclose(landscape.local_entropy_gradient(x, t), differences, atol=1e-8)
    np.testing.assert_array_equal(landscape.gradient(x), landscape.local_entropy_gradient(x, 0.0))


def test_diagonals_are_matrices(seed):
    diagonal = np.array([[0.5, 0.4, 0.3], [1.0, 1.1, 1.2]])
    x = points(seed, 5, 3)
    one, other = (GaussianMixture([1, 2], MEANS, c) for c in (diagonal, [np.diag(d) for d in diagonal]))
    np.testing.assert_allclose(one.local_entropy(x, 0.3), other.local_entropy(x, 0.3), rtol=1e-13)
    np.testing.assert_allclose(one.gradient(x), other.gradient(x), rtol=1e-12)


def test_smoothing_is_the_integral(seed):
    landscape = GaussianMixture([0.2, 0.8], [[1.0], [-2.0]], [0.3, 0.6], beta=2.0)
    x, t = 0.4, 0.9
    spread = np.sqrt(t / 2.0)

    def smoothed(y):
        density = np.exp(-0.5 * ((x - y) / spread) ** 2) / np.sqrt(2 * np.pi) / spread
        return density * np.exp(-2.0 * landscape.energy(np.array([[y]]))[0])

    expected = -np.log(quad(smoothed, -12, 12, epsabs=1e-13, limit=400)[0]) / 2.0
    np.testing.assert_allclose(landscape.local_entropy(np.array([[x]]), t), expected, rtol=1e-10)


def test_far_points_neither_overflow_nor_lose_their_slope():
    landscape = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0])
    x = np.array([[1e4], [-1e4]])
    np.testing.assert_allclose(landscape.gradient(x)[:, 0], [1e4 - 1.0, -1e4])
    assert np.isfinite(landscape.energy(x)).all()


def test_a_chain_does_not_depend_on_its_neighbours(seed):
    landscape = GaussianMixture([0.3, 0.7], MEANS, FULL)
    x = points(seed, 7, 3)
    np.testing.assert_array_equal(landscape.energy(x)[2:3], landscape.energy(x[2:3]))
    np.testing.assert_array_equal(landscape.gradient(x)[2:3], landscape.gradient(x[2:3]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([0.5, -0.5], MEANS, 1.0), "weights: got"),
        (([], MEANS, 1.0), "weights: got"),
        (([0.5, 0.5], MEANS[:1], 1.0), "means: got shape"),
        (([0.5, 0.5], [[0.0], [np.nan]], 1.0), "means: got nan"),
        (([0.5, 0.5], "here", 1.0), "means: got 'here'"),
        (([0.5, 0.5], MEANS, -1.0), "covariances: got a variance"),
        (([0.5, 0.5], MEANS, np.ones((2, 2))), "covariances: got shape"),
        (([0.5, 0.5], MEANS, [np.ones((3, 3))] * 2), "covariances: lowest eigenvalue"),
        (([0.5, 0.5], MEANS, [np.triu(np.ones((3, 3)))] * 2), "covariances: not symmetric"),
        (([0.5, 0.5], MEANS, 1.0, np.inf), "beta: got"),
    ],
)
def test_bad_mixtures_are_refused(arguments, said):
    with pytest.raises(ArgumentError, match=said):
        GaussianMixture(*arguments)


def test_a_negative_scale_is_refused():
    with pytest.raises(ArgumentError, match="t: got -1"):
        GaussianMixture([1.0], [[0.0]], 1.0).local_entropy(np.zeros((1, 1)), -1.0)
