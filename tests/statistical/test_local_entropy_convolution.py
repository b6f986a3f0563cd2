"""Monte Carlo convolution against closed forms, its calibration, and what it warns of."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.local_entropy import convolution, quadrature
from mcmc.local_entropy.proximal_point import lowest_minima

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])
CENTER = np.array([1.0, -1.0, 0.5])
POINT = np.array([2.0, 0.0, 1.0])
BETA = 2.0
REPEATS = 200


def exact(t, beta=BETA):
    widened, away = np.eye(3) + t * MATRIX, POINT - CENTER
    moreau = 0.5 * away @ MATRIX @ np.linalg.solve(widened, away)
    return 1.5 + moreau + np.linalg.slogdet(widened)[1] / (2 * beta)


class TwoWells:
    """exp(-f) a sum of two Gaussians in `dim` dimensions, beta = 1."""

    data_size = None

    def __init__(self, dim):
        self.dim = dim
        self.means = np.zeros((2, dim))
        self.means[:, 0] = -1.0, 1.5
        self.variances, self.weights = np.array([0.5, 0.3]), np.array([0.6, 0.4])

    def terms(self, x, extra=0.0):
        variances = self.variances + extra
        away = ((x[:, None] - self.means) ** 2).sum(axis=2)
        return np.log(self.weights) - away / (2 * variances) - 0.5 * self.dim * np.log(2 * math.pi * variances)

    def energy(self, x, batch=None):
        return -np.logaddexp.reduce(self.terms(x), axis=1)

    def gradient(self, x, batch=None):
        terms = self.terms(x)
        share = np.exp(terms - np.logaddexp.reduce(terms, axis=1)[:, None])
        return ((share / self.variances)[:, :, None] * (x[:, None] - self.means)).sum(axis=1)


def test_errors_are_calibrated_and_values_unbiased(seed, monkeypatch):
    scales, landscape = [0.01, 0.5, 2.0], Quadratic(MATRIX, CENTER, 1.5)
    right = np.array([exact(t) for t in scales])
    centres = lowest_minima(landscape, np.array(POINT), np.array(scales), 4, seed)
    monkeypatch.setattr("mcmc.local_entropy.gaussian_smoothing.lowest_minima", lambda *arguments: centres)
    found = [
        convolution(landscape, POINT, scales, beta=BETA, samples=1024, seed=1000 * seed + k) for k in range(REPEATS)
    ]
    scores = np.array([f.z_scores(right) for f in found]).T
    # The standard deviation of 200 scores is known to 5 %, of a few heavier tails than normal to 7 %.
    assert (np.abs(scores.std(axis=1) - 1) < 4.9 * 0.07).all()
    assert (np.abs(scores.mean(axis=1)) < 4.9 / np.sqrt(REPEATS)).all()
    wrong = np.array([f.z_scores(right + f.error) for f in found]).T
    assert (np.abs(wrong.mean(axis=1)) > 4.9 / np.sqrt(REPEATS)).all()


def test_two_wells_in_ten_dimensions(seed):
    landscape, x, scales = TwoWells(10), np.zeros(10), np.array([0.01, 0.1, 0.3])
    right = [-np.logaddexp.reduce(landscape.terms(x[None], t)[0]) for t in scales]
    found = convolution(landscape, x, scales, seed=seed)
    assert (np.abs(found.z_scores(right)) < 4.9).all()
    # At a few times the scale: another number.
    wrong = [-np.logaddexp.reduce(landscape.terms(x[None], 2 * t)[0]) for t in scales]
    assert (np.abs(found.z_scores(wrong)) > 4.9).all()


def test_double_well(seed):
    scales = [0.05, 0.3, 1.0]
    right = quadrature(DoubleWell(2), [0.2, 1.4], scales, beta=3.0)
    found = convolution(DoubleWell(2), [0.2, 1.4], scales, beta=3.0, seed=seed)
    assert (np.abs(found.z_scores(right.value)) < 4.9).all()
    assert found.converged


def test_walls(seed):
    class Box(DoubleWell):
        def energy(self, x, batch=None):
            return np.where((np.abs(x) <= 1).all(axis=1), 0.0, np.inf)

        def gradient(self, x, batch=None):
            return np.zeros_like(x)

    share = 0.5 * (math.erf(1.3) + math.erf(0.7))
    found = convolution(Box(2), [0.3, 0.3], 0.5, seed=seed)
    assert abs(found.z_scores(-2 * math.log(share))[0]) < 4.9
    assert abs(found.z_scores(-math.log(share))[0]) > 4.9


def test_a_scale_too_large_is_warned_of():
    found = convolution(DoubleWell(100), np.full(100, 0.5), [0.01, 1.0])
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("scale 1: ")
    assert found.effective_samples[1] < 100 < found.effective_samples[0]


def test_control_variate_takes_variance_away():
    found = convolution(Quadratic(np.ones(20)), np.full(20, 0.1), 0.01)
    assert found.more["variance_kept"][1][0] < 0.01


def test_same_seed_same_bits():
    first, again, other = (convolution(DoubleWell(3), np.ones(3), 0.1, seed=s).value[0] for s in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"samples": 3}, "samples"),
        ({"beta": math.inf}, "beta"),
        ({"reference": [np.nan]}, "reference"),
        ({"scale": [0.1, -0.1]}, "scale: got -0.1"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input(change, words):
    arguments = {"landscape": DoubleWell(1), "reference": [1.0], "scale": 0.1} | change
    with pytest.raises(ArgumentError, match=words):
        convolution(**arguments)
