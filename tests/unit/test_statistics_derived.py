"""Derived physical numbers against values that can be written down."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.statistics.derived import (
    binder_cumulant,
    helicity_modulus,
    second_moment_correlation_length,
    specific_heat,
    susceptibility,
)


def test_specific_heat_of_two_levels():
    beta, gap = 0.7, 1.3
    upper = 1 / (1 + np.exp(beta * gap))
    exact = (beta * gap) ** 2 * upper * (1 - upper)
    assert specific_heat(beta, gap * upper, gap**2 * upper, 1) == pytest.approx(exact, rel=1e-14)
    shifted = specific_heat(beta, gap * upper + 50, gap**2 * upper + 100 * gap * upper + 2500, 1)
    assert shifted == pytest.approx(exact, rel=1e-10)


def test_susceptibility_with_and_without_the_mean():
    assert susceptibility(0.5, 80.0, 16) == 2.5
    assert susceptibility(0.5, 80.0, 16, m=8.0) == 0.5


@pytest.mark.parametrize("components", [1, 2, 3])
def test_binder_cumulant_of_gaussian_and_of_constant_order(components):
    n = components
    assert binder_cumulant(n, n * (n + 2), n) == pytest.approx(0.0, abs=1e-15)
    assert binder_cumulant(4.0, 16.0, n) == pytest.approx(2 / (n + 2), rel=1e-14)


def test_helicity_modulus_of_the_ground_state_and_with_a_mean_current():
    assert helicity_modulus(10.0, 64.0, 0.0, 64) == 1.0
    assert helicity_modulus(2.0, 10.0, 5.0, 4) == 0.0
    assert helicity_modulus(2.0, 10.0, 5.0, 4, sine=1.0) == 0.5


def test_correlation_length_inverts_the_lattice_propagator():
    k = 2 * np.pi / 16
    xi = np.array([0.5, 2.0, 7.0])
    wave = 1 / (1 + (2 * xi * np.sin(k / 2)) ** 2)
    np.testing.assert_allclose(second_moment_correlation_length(1.0, wave, k), xi, rtol=1e-12)
    assert second_moment_correlation_length(1.0, 1.1, k) == 0.0


def test_single_precision_input_is_computed_in_double():
    e = np.float32(1024.0)
    assert specific_heat(np.float32(1.0), e, np.float64(1024.0**2 + 0.001), 1) == pytest.approx(0.001, rel=1e-5)
    assert binder_cumulant(e, np.float32(3e6)).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: specific_heat(1.0, 1.0, 1.0, 0), "sites: got 0"),
        (lambda: helicity_modulus(1.0, 1.0, 1.0, 2.5), "sites: got 2.5"),
        (lambda: binder_cumulant(1.0, 1.0, 0), "components: got 0"),
        (lambda: second_moment_correlation_length(1.0, 0.5, 0.0), "kmin: got 0.0"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()
