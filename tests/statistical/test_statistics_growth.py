"""Growth laws: errors and deviances of fits to known laws, searches given up, the choice between laws, bad input."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.statistics.growth import fit_growth

LIMIT = 4.9
SIZES = np.array([101, 201, 301, 401, 601, 801])
SPREAD = dict(zip(SIZES.tolist(), [0.5, 0.6, 0.8, 1.0, 1.1, 1.2], strict=True))
TRUTH = {"exponential": (1.0, 0.011), "power": (-6.0, 2.4)}
REPEATS = 40


def searches(rng, law, each=24, most=np.inf):
    """Log-normal work at every size, cut at `most`."""
    n = np.repeat(SIZES, each)
    a, b = TRUTH[law]
    work = np.exp(a + b * (n if law == "exponential" else np.log(n)) + [SPREAD[k] for k in n] * rng.normal(size=n.size))
    return n, np.minimum(work, most), work > most


def scores(law, fits):
    """Mean of the z-scores of the rate, their spread, and the mean deviance, each as a standard normal number."""
    z = np.array([(fit.rate - TRUTH[law][1]) / fit.rate_error for fit in fits])
    deviance = np.array([fit.deviance for fit in fits])
    freedom = fits[0].freedom
    return (
        z.mean() * np.sqrt(z.size),
        (np.sum(z**2) - z.size) / np.sqrt(2 * z.size),
        (deviance.mean() - freedom) / np.sqrt(2 * freedom / deviance.size),
    )


@pytest.mark.parametrize(("law", "most"), [("exponential", 2000.0), ("power", 1e4)])
def test_errors_and_deviance_are_calibrated_with_searches_given_up(seed, law, most):
    rng = np.random.default_rng([seed, 1])
    data = [searches(rng, law, 48, most) for _ in range(REPEATS)]
    lost = np.mean([given_up.mean() for _, _, given_up in data])
    assert 0.1 < lost < 0.5
    assert all(abs(score) < LIMIT for score in scores(law, [fit_growth(*one, law) for one in data]))
    # Searches that were given up taken for finished ones: the law bends down.
    wrong = scores(law, [fit_growth(n, work, np.zeros(n.size, bool), law) for n, work, _ in data])
    assert any(abs(score) > LIMIT for score in wrong)


def test_without_searches_given_up_it_is_weighted_least_squares(seed):
    n, work, given_up = searches(np.random.default_rng([seed, 2]), "power")
    found = fit_growth(n, work, given_up, "power")
    y = np.log(work).reshape(SIZES.size, -1)
    design = np.stack([np.ones(SIZES.size), np.log(SIZES)], axis=1)
    line, variance = np.zeros(2), y.var(axis=1)
    for _ in range(200):
        weight = y.shape[1] / variance
        line = np.linalg.solve(design.T * weight @ design, design.T * weight @ y.mean(axis=1))
        variance = ((y - (design @ line)[:, None]) ** 2).mean(axis=1)
    assert (found.prefactor, found.rate) == pytest.approx(tuple(line), rel=1e-5)
    # The same lines with their deviations let go: 48 values of each size tell both well.
    expected = np.sqrt(np.linalg.inv(design.T * weight @ design)[1, 1])
    assert found.rate_error == pytest.approx(expected, rel=0.1)
    free = y.shape[1] * np.log(variance / y.var(axis=1)).sum()
    assert found.deviance == pytest.approx(free, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("law", ["exponential", "power"])
def test_the_true_law_is_preferred_and_the_other_does_not_fit(seed, law):
    data = searches(np.random.default_rng([seed, 3]), law, 64, 1e6)
    fits = {name: fit_growth(*data, name) for name in TRUTH}
    other = next(name for name in TRUTH if name != law)
    assert fits[other].aic - fits[law].aic > 2 * LIMIT
    assert fits[law].probability > 1e-6
    assert fits[other].probability < 1e-6


def test_the_band_holds_the_median_at_its_centre(seed):
    n, work, given_up = searches(np.random.default_rng([seed, 4]), "power", 200)
    found = fit_growth(n, work, given_up, "power")
    low, high = found.median_band(SIZES)
    assert ((low < found.median(SIZES)) & (found.median(SIZES) < high)).all()
    a, b = TRUTH["power"]
    z = (np.log(found.median(SIZES)) - a - b * np.log(SIZES)) / (0.5 * np.log(high / low))
    assert (abs(z) < LIMIT).all()


def test_sizes_without_any_finished_search_only_bound_from_below(seed):
    rng = np.random.default_rng([seed, 5])
    n, work, given_up = searches(rng, "exponential", 24, 2000.0)
    late = n >= 601
    bound = fit_growth(n, np.where(late, 50.0, work), given_up | late, "exponential")
    without = fit_growth(n[~late], work[~late], given_up[~late], "exponential")
    assert bound.rate == pytest.approx(without.rate, rel=0.02)
    strict = fit_growth(n, np.where(late, 1e9, work), given_up | late, "exponential")
    assert strict.rate > without.rate + without.rate_error
    assert strict.probability < 1e-6


def test_sizes_that_are_all_given_up_do_not_hide_a_bad_law(seed):
    """Half of the sizes are beyond the cap: were they all degrees of freedom, no law would ever be rejected."""
    n = np.repeat(np.arange(100.0, 601.0, 100.0), 20)
    rng = np.random.default_rng([seed, 6])

    def rejected(bend, repeats):
        middle = 0.01 * n + bend * (n == 200.0)
        work = np.exp(middle + 0.5 * rng.normal(size=(repeats, n.size)))
        fits = [fit_growth(n, np.minimum(one, np.exp(3.0)), one > np.exp(3.0), "exponential") for one in work]
        assert all(fit.freedom in (1, 2) for fit in fits)
        return np.mean([fit.probability < 0.05 for fit in fits]), np.mean([fit.probability for fit in fits])

    share, mean = rejected(0.0, 150)
    assert share < 0.05 + LIMIT * np.sqrt(0.05 * 0.95 / 150)
    assert 0.3 < mean < 0.7
    # With four degrees of freedom, those of all sizes, the mean would be near 0.7; a law that bends is found.
    assert rejected(0.7, 20)[0] > 0.5


def test_what_cannot_be_fitted_is_none():
    two = np.repeat([11, 21], 8)
    assert fit_growth(two, np.arange(1.0, 17.0), np.zeros(16, bool), "power") is None
    three = np.repeat([11, 21, 31], 8)
    assert fit_growth(three, np.full(24, 5.0), three > 11, "power") is None
    assert fit_growth(three, np.full(24, 5.0), np.ones(24, bool), "power") is None


def test_equal_values_do_not_make_it_fail():
    n = np.repeat([11, 21, 31, 41], 8)
    fit = fit_growth(n, n.astype(float), np.zeros(n.size, bool), "power")
    assert fit.rate == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "values", "marks", "law", "said"),
    [
        ([11, 21], [1.0], [False], "power", "values: got 1 for 2 sizes"),
        ([11, 21], [1.0, -2.0], [False, False], "power", "values: got -2.0"),
        ([0, 21], [1.0, 2.0], [False, False], "power", "n: got 0.0"),
        ([11, 21], [1.0, np.nan], [False, False], "power", "values: got nan"),
        ([11, 21], [1.0, 2.0], [False, False], "linear", "law: got 'linear'"),
    ],
)
def test_bad_input_is_told(n, values, marks, law, said):
    with pytest.raises(ArgumentError, match=said):
        fit_growth(n, values, marks, law)
