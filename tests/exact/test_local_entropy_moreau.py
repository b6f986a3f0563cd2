"""The Moreau envelope against closed forms and minimisation on a fine grid."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.local_entropy import moreau

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])
CENTER = np.array([1.0, -1.0, 0.5])
POINT = np.array([3.0, 0.0, 2.0])


class Tilted:
    """(x^2 - 1)^2 + 0.3 x in one dimension: the lower well is the left one."""

    dim, data_size = 1, None

    def energy(self, x, batch=None):
        return ((x**2 - 1) ** 2 + 0.3 * x).sum(axis=1)

    def gradient(self, x, batch=None):
        return 4 * x * (x**2 - 1) + 0.3


class Walled(Tilted):
    """The same, with walls at +-1.5 and no gradient beyond."""

    def energy(self, x, batch=None):
        return np.where(np.abs(x[:, 0]) <= 1.5, super().energy(x), np.inf)


def on_grid(x, t):
    y = np.linspace(-3, 3, 2_000_001)
    return ((y**2 - 1) ** 2 + 0.3 * y + (x - y) ** 2 / (2 * t)).min()


def test_quadratic_is_exact():
    scales = np.array([0.01, 1.0, 30.0])
    found = moreau(Quadratic(MATRIX, CENTER, 1.5), POINT, scales)
    away = POINT - CENTER
    for k, t in enumerate(scales):
        solved = np.linalg.solve(np.eye(3) + t * MATRIX, away)
        assert abs(found.value[k] - (1.5 + 0.5 * away @ MATRIX @ solved)) < 1e-11
        np.testing.assert_allclose(found.more["gradient"][1][k], MATRIX @ solved, atol=1e-8)
    assert (found.error < 1e-10).all()
    assert found.converged
    assert math.isinf(found.beta)


@pytest.mark.parametrize("landscape", [Tilted(), Walled()])
def test_lowest_of_several_wells(landscape):
    scales = np.array([0.05, 0.5, 2.0, 20.0])
    found = moreau(landscape, [0.9], scales)
    for value, t in zip(found.value, scales, strict=True):
        # The grid is within its spacing of the minimum, where f + |x - .|^2 / 2t has a curvature below 60.
        assert value <= on_grid(0.9, t) + 1e-12
        assert abs(value - on_grid(0.9, t)) < 30 * (3e-6) ** 2 + 1e-12
    assert found.more["minima"][1][-1] > 1


def test_one_descent_misses_the_lower_well():
    assert moreau(Tilted(), [0.9], 20.0, starts=1).value[0] > on_grid(0.9, 20.0) + 0.1


def test_gradient_is_that_of_the_envelope():
    step, t = 1e-4, 0.3
    ahead, behind = (moreau(Tilted(), [0.4 + s], t).value[0] for s in (step, -step))
    assert abs(moreau(Tilted(), [0.4], t).more["gradient"][1][0, 0] - (ahead - behind) / (2 * step)) < 1e-6


def test_coordinates_of_a_sum_are_independent():
    one = moreau(DoubleWell(1), [0.3], [0.5, 2.0]).value
    np.testing.assert_allclose(moreau(DoubleWell(6), np.full(6, 0.3), [0.5, 2.0]).value, 6 * one, atol=1e-12)


def test_a_kink_is_warned_of():
    class Kink(Tilted):
        def energy(self, x, batch=None):
            return np.abs(x).sum(axis=1)

        def gradient(self, x, batch=None):
            return np.where(x >= 0, 1.0, -1.0)

    found = moreau(Kink(), [0.1], 1.0)
    assert abs(found.value[0] - 0.005) < 1e-3
    assert "gradient" in found.warnings[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference": [0.0, 1.0]}, r"reference: got shape \(2,\)"),
        ({"reference": [np.inf]}, "reference: got inf"),
        ({"reference": "x"}, "reference"),
        ({"reference": [1.7]}, "energy is infinite"),
        ({"scale": 0.0}, "scale: got 0"),
        ({"scale": []}, "scale"),
        ({"scale": [[1.0]]}, "scale"),
        ({"scale": np.nan}, "scale"),
        ({"landscape": 3}, "landscape: got int"),
        ({"starts": 0}, "starts"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input(change, words):
    arguments = {"landscape": Walled(), "reference": [0.5], "scale": 1.0} | change
    with pytest.raises(ArgumentError, match=words):
        moreau(**arguments)
