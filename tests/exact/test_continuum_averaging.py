"""Averages over the fast variable where they are hard: several narrow peaks, wide boxes, f without a minimum."""

import numpy as np
import pytest

from mcmc.continuum import averaged_drift
from mcmc.errors import ArgumentError

STEEP = 2000.0


class Given:
    """A landscape of functions of (points, dim)."""

    data_size = None

    def __init__(self, energy, gradient, dim=1):
        self._energy, self._gradient, self.dim = energy, gradient, dim

    def energy(self, x, batch=None):
        return self._energy(x)

    def gradient(self, x, batch=None):
        return self._gradient(x)

    def init(self, chains, seed):
        return np.zeros((chains, self.dim))


def tilted(y):
    return STEEP * (y**2 - 1) ** 2 / 4 + 0.3 * y


WELLS = Given(lambda x: tilted(x[:, 0]), lambda x: STEEP * x * (x**2 - 1) + 0.3)
PLANE = Given(
    lambda x: 200 * ((x[:, 0] ** 2 - 1) ** 2 / 4 + x[:, 1] ** 2 / 2),
    lambda x: 200 * np.stack([x[:, 0] ** 3 - x[:, 0], x[:, 1]], axis=1),
    dim=2,
)


def by_brute_force(f, x, gamma, beta):
    """-(x - <y>) / gamma on 4e5 nodes, 6.5e-6 apart."""
    y = np.linspace(-1.3, 1.3, 400_001)
    exponent = -beta * (f(y) + (y - x) ** 2 / (2 * gamma))
    weight = np.exp(exponent - exponent.max())
    return (weight @ y / weight.sum() - x) / gamma


@pytest.mark.parametrize("x", [0.31, 0.303, 0.29])
def test_two_narrow_peaks_keep_their_weights(x):
    """Peaks .0016 wide around -1 and 1, of weights that x sets; the first box is 57 wide."""
    found = averaged_drift(WELLS, [[x]], gamma=1.0, beta=100.0)[0, 0]
    # The rule promises 5e-8 of the spread, here 1.
    assert abs(found - by_brute_force(tilted, x, 1.0, 100.0)) < 1e-7
    # Both peaks count: either alone gives another drift.
    assert min(abs(found - (side - x)) for side in (-1, 1)) > 0.05


def test_boxes_shrink_to_what_counts_in_the_plane():
    found = averaged_drift(PLANE, [[0.001, 0.3]], gamma=1.0, beta=1.0)[0]
    exact = by_brute_force(lambda y: 50 * (y**2 - 1) ** 2, 0.001, 1.0, 1.0)
    assert abs(found[0] - exact) < 1e-7
    assert abs(found[1] + 200 / 201 * 0.3) < 1e-7


def test_peaks_between_nodes_are_refused():
    for landscape, x, beta in ((WELLS, [0.30003], 1e4), (WELLS, [0.300003], 1e5), (PLANE, [1e-5, 0.0], 100.0)):
        with pytest.raises(ArgumentError, match=r"peaks too narrow for nodes .* apart: even and odd ones differ"):
            averaged_drift(landscape, [x], gamma=1.0, beta=beta)


def test_f_that_falls_faster_than_the_quadratic_rises_is_refused():
    hill = Given(lambda x: -(x[:, 0] ** 2) / 2, lambda x: -x)
    with pytest.raises(ArgumentError, match=r"gamma: got 2, and f falls faster than \|x - y\|\^2 / \(2 gamma\) rises"):
        averaged_drift(hill, [[0.5]], gamma=2.0, beta=1.0)
    # It falls more slowly here: u = -x^2 / (2 (1 - gamma)) and a constant.
    assert averaged_drift(hill, [[0.5]], gamma=0.5, beta=1.0)[0, 0] == pytest.approx(0.5 / (1 - 0.5), abs=1e-7)
