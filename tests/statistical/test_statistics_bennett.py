"""Bennett's ratios on independent two-level systems, whose Z = (1 + e^-beta)^M is known."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.statistics.bennett import bennett_ratios
from mcmc.statistics.jackknife import replicates
from mcmc.statistics.reweighting import MultiHistogram

SYSTEMS = 30
BETAS = np.array([0.0, 0.4, 0.8, 1.4, 2.0])


def energies(seed, draws, betas=BETAS, chains=2):
    """Independent draws, (chains, draws, betas)."""
    return np.random.default_rng(seed).binomial(SYSTEMS, 1.0 / (1.0 + np.exp(betas)), (chains, draws, betas.size))


def log_z(betas):
    return SYSTEMS * np.log1p(np.exp(-betas))


def estimate(series, betas=BETAS):
    """ln Z relative to the first beta, with jackknife errors over 40 bins."""
    found = bennett_ratios(betas, series)
    return replicates(
        lambda pull: np.cumsum(found.left_out(pull), axis=-1), found.pull, bins=20, vectorized=True
    ).estimate(correct_bias=False)


def test_ratios_are_right_and_their_errors_true(seed):
    exact = np.diff(log_z(BETAS)).cumsum()
    found = [estimate(energies([seed, k], 300)) for k in range(200)]
    z = np.array([(one.value - exact) / one.error for one in found])
    assert np.abs(z).max() < 6.0
    # The mean of 200 z-scores is 0 to 1/sqrt(200), and their variance 1 to sqrt(2/200), both widened by the noise of
    # errors from 40 bins (Student's t with 39 degrees of freedom: variance 39/37, kurtosis 6/35).
    assert (np.abs(z.mean(axis=0)) * np.sqrt(200.0) < 4.9 * np.sqrt(39.0 / 37.0)).all()
    assert (np.abs((z**2).mean(axis=0) - 39.0 / 37.0) < 4.9 * np.sqrt((2.0 + 6.0 / 35.0) / 200.0) * 39.0 / 37.0).all()
    # Control: one temperature is off by two per cent.
    wrong = BETAS * np.array([1.0, 1.0, 1.0, 1.0, 1.02])
    z = np.array(
        [(one.value - exact) / one.error for one in (estimate(energies([seed, k], 300, wrong)) for k in range(200))]
    )
    assert abs(z[:, -1].mean()) * np.sqrt(200.0) > 4.9


def test_it_agrees_with_all_temperatures_joined_at_once(seed):
    series = energies([seed, 1], 2000)
    joined = MultiHistogram(series, BETAS).log_z(BETAS, reference=0.0)
    mine = estimate(series)
    # Both come from the same draws: they differ by less than either is uncertain.
    assert (np.abs(joined.value[1:] - mine.value) < 3.0 * mine.error).all()
    np.testing.assert_allclose(joined.error[1:], mine.error, rtol=0.6)


def test_temperatures_without_common_energies_have_no_ratio():
    far = bennett_ratios([0.0, 8.0, 8.01], energies(3, 50, np.array([0.0, 8.0, 8.01])))
    assert np.isnan(far.log_ratio[0])
    assert np.isfinite(far.log_ratio[1])
    assert far.overlap[0] < 0.01
    assert far.overlap[1] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("betas", "shape", "said"),
    [
        ([1.0, 0.5], (1, 8, 2), "betas: got"),
        ([1.0], (1, 8, 1), "betas: got"),
        ([0.5, 1.0], (1, 8, 3), r"energies: got shape \(1, 8, 3\)"),
        ([0.5, 1.0], (8, 2), r"energies: got shape \(8, 2\)"),
    ],
)
def test_bad_input_is_named(betas, shape, said):
    with pytest.raises(ArgumentError, match=said):
        bennett_ratios(betas, np.zeros(shape))
