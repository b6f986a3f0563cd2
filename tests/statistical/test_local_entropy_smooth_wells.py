"""u(x, t) where a narrower well away from x holds most of the weight at large t: right, or said to be uncertain."""

import numpy as np
import pytest

from mcmc.landscapes.mixture import GaussianMixture
from mcmc.local_entropy.smooth_integration import integrate_scale

LIMIT = 4.9
DIM = 10
WIDE = {"weights": [0.1, 0.9], "variance": 0.3, "apart": 6.0, "t": 20.0}
NEEDLE = {"weights": [0.5, 0.5], "variance": 0.02, "apart": 3.0, "t": 10.0}


def wells(weights, variance, apart, t):
    means = np.zeros((2, DIM))
    means[1, 0] = apart
    spread = np.array([1.0, variance]) + t
    logs = np.log(weights) - 0.5 * np.array([0.0, apart**2]) / spread - 0.5 * DIM * np.log(2 * np.pi * spread)
    return GaussianMixture(weights, means, [np.eye(DIM), variance * np.eye(DIM)]), means, -np.logaddexp.reduce(logs)


def off(found, exact):
    return max(abs(curve.z_scores(exact)[0]) for curve in (found, *found.companions.values()))


def test_a_narrower_well_is_met(seed):
    landscape, _, exact = wells(**WIDE)
    found = integrate_scale(landscape, np.zeros(DIM), WIDE["t"], beta=1.0, seed=seed)
    assert off(found, exact) < LIMIT
    assert found.error[0] > 0.1
    assert any("R-hat" in text for text in found.warnings)


def test_a_needle_that_is_known_is_counted_or_said_to_be_uncertain(seed):
    landscape, means, exact = wells(**NEEDLE)
    found = integrate_scale(landscape, np.zeros(DIM), NEEDLE["t"], beta=1.0, seed=seed, wells=means)
    assert off(found, exact) < LIMIT
    assert found.error[0] > 0.5
    assert any("R-hat" in text for text in found.warnings)


def test_without_tempering_it_is_missed_and_nothing_tests_it(seed):
    """Control: chains near x agree on a wrong value, by far."""
    landscape, _, exact = wells(**WIDE)
    found = integrate_scale(landscape, np.zeros(DIM), WIDE["t"], beta=1.0, seed=seed, tempering=False, sweeps=1000)
    assert found.z_scores(exact)[0] > LIMIT
    assert any("without tempering" in text for text in found.warnings)


@pytest.mark.validate
def test_narrower_wells_of_many_seeds(seed):
    landscape, _, exact = wells(**WIDE)
    for repeat in range(20):
        found = integrate_scale(landscape, np.zeros(DIM), WIDE["t"], beta=1.0, seed=1000 * seed + repeat)
        assert off(found, exact) < LIMIT
        assert found.warnings
