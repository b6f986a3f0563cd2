"""ln Z by integrating the mean energy, on independent two-level systems, whose Z = (1 + e^-beta)^M is known."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.statistics.thermodynamic_integration import integration_error, log_z_differences

SYSTEMS = 40


def exact(betas):
    """ln Z, mean energy and variance at each beta."""
    share = 1.0 / (1.0 + np.exp(betas))
    return SYSTEMS * np.log1p(np.exp(-betas)), SYSTEMS * share, SYSTEMS * share * (1.0 - share)


def errors(points, with_variance=True):
    betas = np.linspace(0.0, 4.0, points)
    log_z, energy, variance = exact(betas)
    found = log_z_differences(betas, energy, variance if with_variance else None)
    return np.abs(found - (log_z - log_z[0])), integration_error(betas, energy, variance)


def test_the_error_falls_as_the_fourth_power_of_the_step_and_is_estimated():
    wide, fine = errors(9)[0], errors(17)[0][::2]
    np.testing.assert_allclose(wide[-1] / fine[-1], 16.0, rtol=0.1)
    actual, estimated = errors(17)
    assert (estimated[2:] >= 0.8 * actual[2:]).all()
    assert estimated[-1] < 2.0 * actual[-1] + 1e-12
    # Control: the plain trapezoidal rule is of second order and much worse.
    plain = errors(17, with_variance=False)[0]
    assert plain[-1] > 50.0 * actual[-1]
    np.testing.assert_allclose(errors(9, with_variance=False)[0][-1] / plain[-1], 4.0, rtol=0.05)


def test_cubic_energies_are_integrated_exactly_over_uneven_steps():
    betas = np.array([0.0, 0.3, 0.4, 1.1, 2.0])
    energy, variance = 3.0 - betas + 0.2 * betas**3, 1.0 - 0.6 * betas**2
    integral = 3.0 * betas - betas**2 / 2.0 + 0.05 * betas**4
    np.testing.assert_allclose(log_z_differences(betas, energy, variance), -integral, atol=1e-13)
    np.testing.assert_allclose(integration_error(betas, energy, variance), 0.0, atol=1e-14)


def test_leading_axes_are_kept():
    betas = np.linspace(0.0, 1.0, 6)
    _, energy, variance = exact(betas)
    rows = log_z_differences(betas, np.stack([energy, 2.0 * energy]), np.stack([variance, 2.0 * variance]))
    np.testing.assert_allclose(rows[1], 2.0 * rows[0], rtol=1e-14)


@pytest.mark.parametrize(
    ("betas", "energy", "variance", "said"),
    [
        ([0.0], [1.0], None, "two or more numbers in ascending order"),
        ([0.0, 0.0], [1.0, 2.0], None, "ascending order"),
        ([0.0, 1.0], [1.0], None, "the last axis must have the 2 betas"),
        ([0.0, 1.0], [1.0, 2.0], [1.0], "variance: got shape"),
    ],
)
def test_bad_input_is_named(betas, energy, variance, said):
    with pytest.raises(ArgumentError, match=said):
        log_z_differences(betas, energy, variance)
