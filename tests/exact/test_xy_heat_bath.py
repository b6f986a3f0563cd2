"""The heat bath against the von Mises law, from no field to a field without thermal motion, and near the poles.

Kolmogorov-Smirnov tests with a false-alarm rate of 1e-6 each.
"""

import numpy as np
import pytest
from numba import njit
from plain_xy import wrapped
from scipy import stats

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel
from mcmc.landscapes.xy.cpu import heat_bath_spin
from mcmc.random import split_seed

FALSE_ALARM = 1e-6
COUNT = 200_000
DIRECTIONS = {
    "0": (1.0, 0.0),
    "pi": (-1.0, -1e-30),
    "pi/2": (0.0, 1.0),
    "-3 pi/4, weak": (-1e-6, -1e-6),
    "2, strong": (1e6 * np.cos(2.0), 1e6 * np.sin(2.0)),
}
KAPPAS = [1e-14, 1e-12, 1e-6, 0.1, 1.0, 4.0, 40.0, 1e3, 1e6, 1e10, 1e15, 1e16, 1e20, 1e30]


@njit
def spins(hx, hy, beta, count, k0, k1):
    out = np.empty((2, count))
    for i in range(count):
        out[0, i], out[1, i] = heat_bath_spin(hx, hy, beta, np.uint32(i), np.uint32(7), np.uint32(0), k0, k1)
    return out


def p_value(deviations, kappa):
    """Of angles from the field's direction under exp(kappa cos x); Gaussian beyond 1e4, where x^4 kappa is nothing."""
    if kappa > 1e4:
        return stats.kstest(deviations * np.sqrt(kappa), "norm").pvalue
    return stats.kstest(deviations, stats.vonmises(kappa).cdf).pvalue


@pytest.mark.parametrize("kappa", KAPPAS)
def test_conditional_law(seed, kappa):
    c, s = spins(1.0, 0.0, kappa, COUNT, *split_seed(seed))
    deviations = np.arctan2(s, c)
    assert p_value(deviations, kappa) > FALSE_ALARM
    assert np.abs(c * c + s * s - 1.0).max() < 1e-14
    if kappa >= 1.0:
        assert p_value(deviations, 1.1 * kappa) < FALSE_ALARM


@pytest.mark.parametrize("kappa", [0.5, 5.0, 1e8])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_direction_of_the_field(seed, direction, kappa):
    hx, hy = DIRECTIONS[direction]
    c, s = spins(hx, hy, kappa / np.hypot(hx, hy), COUNT, *split_seed(seed))
    deviations = wrapped(np.arctan2(s, c) - np.arctan2(hy, hx))
    assert p_value(deviations, kappa) > FALSE_ALARM
    assert p_value(deviations + 0.03 / np.sqrt(kappa), kappa) < FALSE_ALARM


def test_no_field_is_a_uniform_spin(seed):
    c, s = spins(0.0, 0.0, 1.0, COUNT, *split_seed(seed))
    assert stats.kstest(np.arctan2(s, c), stats.uniform(-np.pi, 2.0 * np.pi).cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize("neighbour", [0.0, np.pi, -np.pi / 2, 3.0])
@pytest.mark.parametrize("beta", [0.7, 50.0])
def test_compiled_sweep_draws_from_the_conditional_law(seed, neighbour, beta):
    """Two sites: the first is drawn given the second, then the second given the new first."""
    model = XYModel(graphs.chain(2), coupling=1.5)
    state = model.state_from_angles(np.tile([1.0, neighbour], (20_000, 1)), seed)
    model.sweep(state, beta, 1, "heat_bath")
    first, second = model.angles(state).T
    assert p_value(wrapped(first - neighbour), 1.5 * beta) > FALSE_ALARM
    assert p_value(wrapped(second - first), 1.5 * beta) > FALSE_ALARM
    assert p_value(wrapped(first - neighbour), 2.0 * beta) < FALSE_ALARM
    both = wrapped(first - neighbour) * wrapped(second - first)
    assert abs(both.mean()) < 4.9 * both.std() / np.sqrt(both.size)


@pytest.mark.parametrize("graph", [graphs.square(4), graphs.square(3), graphs.complete(6)], ids=lambda g: g.name)
def test_zero_temperature_aligns_and_ends(graph):
    model = XYModel(graph)
    cold, aligned = (model.init(3, 2) for _ in range(2))
    model.sweep(cold, np.inf, 30, "heat_bath")
    model.sweep(aligned, np.inf, 30, "align")
    np.testing.assert_allclose(cold.energy, aligned.energy, rtol=1e-5)
