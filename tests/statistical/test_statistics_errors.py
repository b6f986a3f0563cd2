"""Autocorrelation times and error bars against AR(1) processes, whose tau_int = (1 + rho) / (2 (1 - rho)) is exact.

Every check is built for a false-alarm rate of 1e-6 (|z| < 4.9) and is shown to fail on a deliberately wrong method.
"""

import numpy as np
import pytest
from scipy.signal import lfilter

from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.binning import binning_error
from mcmc.statistics.convergence import ess, r_hat
from mcmc.statistics.derived import specific_heat
from mcmc.statistics.disorder import disorder_average
from mcmc.statistics.jackknife import jackknife, jackknife_covariance

LIMIT = 4.9
REPEATS = 200


def ar1(rng, rho, shape):
    """Stationary AR(1) of unit variance along axis 1."""
    noise = rng.normal(size=shape)
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)


def exact_tau(rho):
    return 0.5 * (1 + rho) / (1 - rho)


def scores(z):
    """(mean, spread) of z-scores as standard normal numbers, if z is standard normal."""
    z = np.ravel(z)
    return z.mean() * np.sqrt(z.size), (np.sum(z**2) - z.size) / np.sqrt(2 * z.size)


def calibrated(z):
    return all(abs(s) < LIMIT for s in scores(z))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.3])
def test_integrated_time_of_ar1(seed, rho):
    x = ar1(np.random.default_rng([seed, 1]), rho, (4, 4000, REPEATS))
    found = integrated_time(x)
    exact = exact_tau(rho)
    standard = found.tau_int.std(ddof=1) / np.sqrt(REPEATS)
    # What lies beyond a window of 5 tau_int, and of 3 lags where tau_int is below 1/2.
    truncated = exact * np.exp(-5) if rho >= 0 else abs(rho) ** 4 / (1 - rho)
    assert abs(found.tau_int.mean() - exact) < LIMIT * standard + truncated
    # The error formula is an upper bound for one decaying exponential: generous, by less than a factor of 2.
    assert 0.5 < found.tau_int.std(ddof=1) / found.error.mean() < 1 + LIMIT / np.sqrt(2 * REPEATS)
    if rho == 0.9:
        narrow = integrated_time(x, c=1.0).tau_int
        assert abs(narrow.mean() - exact) > LIMIT * narrow.std() / np.sqrt(REPEATS) + truncated


def test_integrated_time_does_not_depend_on_how_draws_are_split_into_chains(seed):
    x = ar1(np.random.default_rng([seed, 2]), 0.8, (1, 16_000, REPEATS))
    whole = integrated_time(x).tau_int
    split = integrated_time(x.reshape(16, 1000, REPEATS)).tau_int
    assert abs(scores((split - whole) / (split - whole).std(ddof=1))[0]) < LIMIT


def test_binning_error_reaches_the_plateau(seed):
    rho = 0.8
    x = ar1(np.random.default_rng([seed, 3]), rho, (4, 8192, 40))
    found = binning_error(x)
    exact = np.sqrt(2 * exact_tau(rho) / (4 * 8192))
    at = int(np.flatnonzero(found.length == 128)[0])
    short = exact_tau(rho) / (2 * 128)
    mean, noise = found.error.mean(axis=1), found.uncertainty.mean(axis=1) / np.sqrt(40)
    assert abs(mean[at] - exact) < LIMIT * noise[at] + short * exact
    assert abs(mean[0] - exact) > LIMIT * noise[0] + short * exact


def test_error_of_a_mean_is_calibrated(seed):
    rho = 0.8
    x = ar1(np.random.default_rng([seed, 4]), rho, (4, 4000, REPEATS)).astype(np.float32) + 3
    found = jackknife(lambda m: m, x)
    assert calibrated((found.value - 3) / found.error)
    ignoring = jackknife(lambda m: m, x, length=1)
    assert not calibrated((ignoring.value - 3) / ignoring.error)


def test_error_of_a_ratio_knows_the_correlation_of_its_parts(seed):
    rng = np.random.default_rng([seed, 5])
    shared, own = ar1(rng, 0.7, (4, 4000, REPEATS)), ar1(rng, 0.7, (4, 4000, REPEATS))
    x, y = 2 + 0.5 * shared, 4 + shared + 0.3 * own
    found = jackknife(lambda a, b: a / b, [x, y], vectorized=True)
    assert calibrated((found.value - 0.5) / found.error)
    parts = [jackknife(lambda m: m, s) for s in (x, y)]
    apart = 0.5 * np.hypot(parts[0].error / parts[0].value, parts[1].error / parts[1].value)
    assert not calibrated((found.value - 0.5) / apart)


def test_specific_heat_of_gaussian_energies(seed):
    sites, beta, deviation = 100, 0.5, 12.0
    e = -150 + deviation * ar1(np.random.default_rng([seed, 6]), 0.6, (4, 4000, REPEATS))
    found = jackknife(lambda e, e2: specific_heat(beta, e, e2, sites), {"e": e, "e2": e**2}, vectorized=True)
    exact = (beta * deviation) ** 2 / sites
    assert calibrated((found.value - exact) / found.error)
    assert not calibrated((found.value - 1.02 * exact) / found.error)


def test_jackknife_removes_the_bias_of_first_order(seed):
    count, repeats, spread = 20, 20_000, 0.5
    x = 1 + spread * np.random.default_rng([seed, 7]).normal(size=(1, count, repeats))
    plain = jackknife(lambda m: 1 / m, x, length=1, vectorized=True, correct_bias=False).value
    mended = jackknife(lambda m: 1 / m, x, length=1, vectorized=True).value
    standard = spread / np.sqrt(count * repeats)
    # 1/mean has the expectation 1 + s^2/n + 3 s^4/n^2 + ...: the jackknife leaves -3 s^4 / (n (n-1)).
    left = 3 * spread**4 / (count * (count - 1))
    assert abs(mended.mean() - 1) < LIMIT * standard + 2 * left
    assert abs(plain.mean() - 1) > LIMIT * standard + 2 * left


def test_covariance_gives_the_error_of_a_difference(seed):
    rng = np.random.default_rng([seed, 8])
    together, apart = [], []
    for _ in range(REPEATS):
        x = ar1(rng, 0.5, (4, 1000, 1)) + 0.5 * ar1(rng, 0.5, (4, 1000, 2))
        found = jackknife_covariance(lambda m: m, x, length=40)
        c = found.covariance
        difference = found.value[0] - found.value[1]
        together.append(difference / np.sqrt(c[0, 0] + c[1, 1] - 2 * c[0, 1]))
        apart.append(difference / np.hypot(*found.error))
    assert calibrated(np.array(together))
    assert not calibrated(np.array(apart))


def test_r_hat_and_ess(seed):
    rng = np.random.default_rng([seed, 9])
    x = ar1(rng, 0.8, (4, 4000, 5))
    assert (r_hat(x) < 1.01).all()
    np.testing.assert_allclose(ess(x), 16_000 / (2 * exact_tau(0.8)), rtol=0.25)
    apart = x + np.array([0.0, 0.0, 0.0, 2.0])[:, None, None]
    assert (r_hat(apart) > 1.1).all()
    wide = x * np.array([1.0, 1.0, 1.0, 3.0])[:, None, None]
    assert (r_hat(wide) > 1.1).all()
    assert (integrated_time(apart, warn=False).tau_int > 2 * exact_tau(0.8)).all()


def test_disorder_error_is_the_spread_between_instances(seed):
    rng = np.random.default_rng([seed, 10])
    truth = 1 + 0.3 * rng.normal(size=(50, REPEATS))
    sampled = truth + 0.1 * rng.normal(size=truth.shape)
    found = disorder_average(sampled, np.full(truth.shape, 0.1))
    assert calibrated((found.value - 1) / found.error)
    assert not calibrated((found.value - 1) / found.sampling_error)
