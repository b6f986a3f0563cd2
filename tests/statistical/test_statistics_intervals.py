"""Intervals of probabilities and medians: agreement with scipy, exact coverage, unfinished values, bad input."""

import numpy as np
import pytest
from scipy import stats

from mcmc.errors import ArgumentError
from mcmc.statistics.intervals import median_with_interval
from mcmc.statistics.proportion import proportion, wilson_interval

LIMIT = 4.9


@pytest.mark.parametrize("level", [0.683, 0.95, 0.999])
@pytest.mark.parametrize("trials", [1, 2, 7, 40, 1000])
def test_wilson_interval_is_that_of_scipy(trials, level):
    successes = np.unique([0, 1, trials // 3, trials - 1, trials])
    found = wilson_interval(successes, trials, level)
    expected = [stats.binomtest(int(k), trials).proportion_ci(level, method="wilson") for k in successes]
    np.testing.assert_allclose(np.stack(found, axis=1), expected, atol=1e-13)
    assert found.low[0] == 0.0
    assert found.high[-1] == 1.0


def coverage(interval, trials, p):
    """Exact probability that the interval of Binomial(trials, p) holds p, for every p."""
    counts = np.arange(trials + 1)
    low, high = interval(counts, trials)
    inside = (low[:, None] <= p) & (p <= high[:, None])
    return (stats.binom.pmf(counts[:, None], trials, p) * inside).sum(axis=0)


@pytest.mark.parametrize("trials", [10, 20, 50, 200])
def test_wilson_intervals_hold_the_probability_as_often_as_they_say(trials):
    p = np.linspace(0.0, 1.0, 4001)[1:-1]

    def normal(k, n):
        half = stats.norm.ppf(0.975) * np.sqrt(k / n * (1 - k / n) / n)
        return k / n - half, k / n + half

    # Averaged over p: the sawtooth of the lattice is left, within 1.5 %.
    assert abs(coverage(wilson_interval, trials, p).mean() - 0.95) < 0.015
    assert coverage(wilson_interval, trials, p).min() > 0.8
    assert coverage(normal, trials, p).mean() < 0.935 or trials == 200
    assert coverage(normal, trials, p).min() < 0.3


def test_the_error_of_a_proportion_is_half_the_interval_of_one_deviation():
    found = proportion([0, 50, 100], 100)
    np.testing.assert_allclose(found.value, [0.0, 0.5, 1.0])
    assert found.error[1] == pytest.approx(0.05, rel=0.01)
    # z = 1 and no success: from 0 to 1/(n + 1).
    np.testing.assert_allclose(found.error[[0, 2]], 0.5 / 101, rtol=1e-9)


@pytest.mark.parametrize(("k", "n"), [(-1, 4), (5, 4), (0, 0), (np.nan, 3), (1, np.inf)])
def test_counts_that_are_none_are_refused(k, n):
    with pytest.raises(ArgumentError, match="got"):
        wilson_interval(k, n)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, True, "0.9"])
def test_levels_are_probabilities(level):
    with pytest.raises(ArgumentError, match="level: got"):
        wilson_interval(1, 2, level)
    with pytest.raises(ArgumentError, match="level: got"):
        median_with_interval([1.0], level)


@pytest.mark.parametrize(("count", "level"), [(6, 0.95), (9, 0.683), (20, 0.95), (41, 0.95)])
def test_intervals_of_medians_hold_at_least_as_often_as_they_say(seed, count, level):
    """On a law without moments; the median of exp(Cauchy) is 1."""
    rng = np.random.default_rng([seed, count])
    repeats = 2000
    values = np.exp(np.clip(rng.standard_cauchy((repeats, count)), -600, 600))
    found = [median_with_interval(row, level) for row in values]
    held = np.mean([one.low <= 1.0 <= one.high for one in found])
    rank = np.searchsorted(np.sort(values[0]), found[0].low) + 1
    exact = 1.0 - 2.0 * stats.binom.cdf(rank - 1, count, 0.5)
    assert exact >= level
    assert 1.0 - 2.0 * stats.binom.cdf(rank, count, 0.5) < level
    assert abs(held - exact) < LIMIT * np.sqrt(exact * (1.0 - exact) / repeats)
    narrow = np.mean([np.sort(row)[rank] <= 1.0 <= np.sort(row)[-rank - 1] for row in values])
    assert abs(narrow - exact) > LIMIT * np.sqrt(exact * (1.0 - exact) / repeats)


def test_values_beyond_all_others_leave_the_median_as_it_is():
    values = np.arange(1.0, 12.0)
    cut = np.where(values > 7.0, np.inf, values)
    whole, part = median_with_interval(values, 0.683), median_with_interval(cut, 0.683)
    assert (whole.value, whole.low) == (part.value, part.low) == (6.0, 4.0)
    assert (whole.high, part.high) == (8.0, np.inf)
    assert median_with_interval([1.0, np.inf]).value == np.inf
    assert median_with_interval([np.inf, np.inf]).value == np.inf
    assert median_with_interval([3.0]) == (3.0, -np.inf, np.inf)
    assert median_with_interval([1.0, 2.0]).value == 1.5


@pytest.mark.parametrize("values", [[], [1.0, np.nan]])
def test_a_median_needs_values(values):
    with pytest.raises(ArgumentError, match="values: got"):
        median_with_interval(values)
