"""Dense groups of solutions: published digits, closed forms, a solution on plain grids, limits, bad input."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import comb, erfcx, log_ndtr, logsumexp

from mcmc.errors import ArgumentError
from perceptron import theory
from perceptron.theory.large_deviations import pattern_field, site_field

CHECKED = [
    *((0.6, d, phi) for d, phi in zip((0.03, 0.06, 0.10, 0.20), (0.071386, 0.104338, 0.134604, 0.195534), strict=True)),
    *((0.7, d, phi) for d, phi in zip((0.03, 0.06, 0.10, 0.20), (0.055176, 0.068198, 0.082959, 0.122803), strict=True)),
    *((0.77, d, phi) for d, phi in zip((0.03, 0.06, 0.10, 0.20), (0.034019, 0.031392, 0.03598, 0.061916), strict=True)),
    (0.4, 0.10, 0.192430),
    (0.4, 0.20, 0.297168),
]


@pytest.mark.parametrize(("alpha", "distance", "entropy"), CHECKED)
def test_entropies_checked_to_six_digits(alpha, distance, entropy):
    got = theory.large_deviations(alpha, distance).entropy
    assert abs(got - entropy) < 6e-7
    assert got.error < 1e-9


def greatest(function, low, high):
    """Maximum of a unimodal function in each row, by thirds."""
    for _ in range(80):
        third = (high - low) / 3.0
        left = function(low + third) > function(high - third)
        low, high = np.where(left, low, low + third), np.where(left, high - third, high)
    return function(0.5 * (low + high))


def oracle(alpha, distance, kappa, saddle):
    """phi on a dense midpoint grid over z, the inner extrema found by thirds, at a given (dq, Q1, dQ)."""
    gap, conjugate, pull = saddle
    q1, step = 1.0 - 2.0 * distance, 0.002
    z = step * (np.arange(-4000, 4000) + 0.5)
    weight = step * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    local, far = math.sqrt(conjugate) * np.abs(z), (kappa - math.sqrt(q1) * z)
    none = np.zeros_like(z)
    sites = greatest(lambda m: np.logaddexp(local + pull * m, -local - pull * m) - 0.5 * pull * m * m, none, none + 1.0)
    patterns = greatest(
        lambda g: log_ndtr(-(far - gap * g) / math.sqrt(1.0 - q1)) - 0.5 * gap * g * g, none, none + 40.0
    )
    quadratic = -0.5 * conjugate * (1.0 - q1) - 0.5 * (pull * q1 + conjugate * gap)
    return quadratic + weight @ sites + alpha * weight @ patterns


@pytest.mark.parametrize(("alpha", "distance", "kappa"), [(0.6, 0.1, 0.0), (0.4, 0.06, 0.3)])
def test_the_saddle_is_stationary_and_its_value_right_by_plain_grids(alpha, distance, kappa):
    found = theory.large_deviations(alpha, distance, kappa)
    saddle = np.array([found.overlap_gap, *found.conjugates])
    assert_allclose(oracle(alpha, distance, kappa, saddle), found.entropy, atol=2e-6)
    for direction in np.eye(3):
        step = 0.02 * saddle * direction
        ends = [oracle(alpha, distance, kappa, saddle + side * step) for side in (-1.0, 1.0)]
        curved = abs(ends[0] + ends[1] - 2.0 * found.entropy)
        assert abs(ends[1] - ends[0]) < 0.2 * curved + 2e-6


@pytest.mark.parametrize("distance", [1e-4, 0.1, 0.3, 0.49])
def test_without_patterns_it_is_the_entropy_around_a_centre(distance):
    expected = theory.binary_entropy(0.5 * (1.0 - math.sqrt(1.0 - 2.0 * distance)))
    for alpha in (0.0, 1e-9):
        assert_allclose(theory.large_deviations(alpha, distance).entropy, expected, atol=1e-8)


def test_patterns_do_not_thin_out_the_densest_groups():
    free = theory.large_deviations(0.0, 1e-3)
    loaded = theory.large_deviations(0.6, 1e-3)
    assert_allclose(loaded.entropy, free.entropy, atol=1e-12)
    assert theory.large_deviations(0.6, 0.03).entropy < theory.large_deviations(0.0, 0.03).entropy - 0.005


@pytest.mark.parametrize(("alpha", "kappa"), [(0.5, 0.0), (0.3, 0.5), (1.0, -0.5)])
def test_at_the_distance_of_typical_solutions_it_is_replica_symmetric_for_every_y(alpha, kappa):
    typical = theory.replica_symmetric(alpha, kappa)
    distance = 0.5 * (1.0 - typical.overlap)
    for y in (1, 2, 7.5, 200, math.inf):
        found = theory.large_deviations_finite_y(alpha, distance * (1.0 - 1e-9), y, kappa)
        assert_allclose(found.entropy, typical.entropy, atol=1e-9)
        assert abs(found.slope) < 1e-6
    for side in (-0.02, 0.02):
        assert theory.large_deviations(alpha, distance + side, kappa).entropy < typical.entropy - 1e-6


@pytest.mark.parametrize("y", [2, 3, 6.5, 40, math.inf])
@pytest.mark.parametrize("distance", [0.02, 0.15, 0.27])
def test_slopes_are_derivatives_of_the_entropy(distance, y):
    def entropy(d):
        return float(theory.large_deviations_finite_y(0.55, d, y).entropy)

    h = 1e-3 * distance
    slope = (
        8.0 * (entropy(distance + h) - entropy(distance - h)) - entropy(distance + 2 * h) + entropy(distance - 2 * h)
    )
    assert_allclose(theory.large_deviations_finite_y(0.55, distance, y).slope, slope / (12.0 * h), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("distance", [0.05, 0.2, 0.35])
def test_one_solution_knows_no_mutual_distance(distance):
    assert_allclose(
        theory.large_deviations_finite_y(0.55, distance, 1).entropy, theory.replica_symmetric(0.55).entropy, atol=1e-12
    )


@pytest.mark.parametrize("y", [2, 3, 5, 12])
@pytest.mark.parametrize("distance", [0.05, 0.3])
def test_groups_without_patterns_by_the_binomial_sum(y, distance):
    """Integral over z1 done exactly: sum_k C(y, k) exp(Q1 (y - 2 k)^2 / 2); for two it is counted directly."""
    q1, k = 1.0 - 2.0 * distance, np.arange(y + 1)

    def free(conjugate):
        logs = logsumexp(np.log(comb(y, k)) + 0.5 * conjugate * (y - 2.0 * k) ** 2)
        return (logs - 0.5 * conjugate * y * (1.0 + (y - 1.0) * q1)) / y

    expected = minimize_scalar(free, bounds=(0.0, 20.0), method="bounded", options={"xatol": 1e-9}).fun
    got = theory.large_deviations_finite_y(0.0, distance, y).entropy
    assert_allclose(got, expected, atol=1e-12)
    if y == 2:
        assert_allclose(got, 0.5 * (math.log(2.0) + theory.binary_entropy(distance)), atol=1e-12)


@pytest.mark.parametrize("distance", [0.02, 0.1, 0.25, 0.4])
def test_pairs_stay_below_their_first_moment(distance):
    """E[pairs] is exact: both right with probability 1/2 - arccos(q) / (2 pi). It bounds the typical number."""
    for alpha in (1e-3, 0.3, 0.7):
        both = 0.5 - math.acos(1.0 - 2.0 * distance) / (2.0 * math.pi)
        bound = 0.5 * (math.log(2.0) + theory.binary_entropy(distance) + alpha * math.log(both))
        entropy = theory.large_deviations_finite_y(alpha, distance, 2).entropy
        assert entropy < bound
        if alpha == 1e-3:
            assert_allclose(entropy, bound, atol=2e-6)


@pytest.mark.parametrize(("alpha", "distance", "kappa"), [(0.6, 0.1, 0.0), (0.6, 0.35, 0.0), (0.3, 0.05, 0.4)])
def test_many_solutions_approach_the_limit_as_one_over_y(alpha, distance, kappa):
    limit = theory.large_deviations(alpha, distance, kappa).entropy
    scaled = [
        y * (theory.large_deviations_finite_y(alpha, distance, y, kappa).entropy - limit) for y in (250, 500, 1000)
    ]
    assert abs(scaled[1] - scaled[2]) < 0.6 * abs(scaled[0] - scaled[1])
    assert abs(scaled[2]) < 2.0
    assert theory.large_deviations_finite_y(alpha, distance, math.inf, kappa).entropy == limit


@pytest.mark.parametrize("pull", [-0.9, -0.3, 0.0, 0.5, 40.0, 1e12])
def test_pattern_field_solves_its_equation(pull):
    field = np.linspace(-60.0, 60.0, 401)
    x = pattern_field(field, pull)
    gh = math.sqrt(2.0 / math.pi) / erfcx(x / math.sqrt(2.0))
    assert_allclose(x + pull * gh, field, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pull", [-30.0, 0.0, 0.999, 1.0, 1.001, 6.0])
def test_site_field_is_the_greatest_root(pull):
    field = np.linspace(1e-9, 12.0, 301)
    h = site_field(field, pull)
    assert_allclose(h - pull * np.tanh(h), field, atol=1e-13)
    assert np.all(h > 0.0)
    assert np.all(pull * (1.0 - np.tanh(h) ** 2) < 1.0)


@pytest.mark.parametrize(("y", "distance"), [(2, 0.05), (30, 0.1), (5, 0.4), (math.inf, 0.03)])
def test_errors_are_stated_and_small(y, distance):
    found = theory.large_deviations_finite_y(0.7, distance, y)
    for number in (found.entropy, found.slope, found.overlap_gap, *found.conjugates):
        assert 0.0 < number.error < 1e-8 * max(1.0, abs(number))
    assert abs(found.residual) < 1e-11


def test_the_threshold_of_monotonicity_lies_where_the_curve_first_bends_down():
    threshold = theory.monotonicity_threshold()
    assert 0.750 < threshold < 0.760
    assert threshold.error < 1e-6
    distances = np.linspace(0.036, 0.042, 4)
    for alpha, falls in ((threshold - 5e-4, False), (threshold + 5e-4, True)):
        steps = np.diff([theory.large_deviations(alpha, d).entropy for d in distances])
        assert bool(np.any(steps < 0.0)) is falls


@pytest.mark.parametrize(
    "arguments",
    [(-0.1, 0.1), (math.nan, 0.1), (math.inf, 0.1), (0.5, 0.0), (0.5, 0.5), (0.5, -0.2), (0.5, math.nan), (0.5, "far")],
)
def test_bad_input_is_named(arguments):
    for call in (theory.large_deviations, lambda *a: theory.large_deviations_finite_y(*a, 3)):
        with pytest.raises(ArgumentError, match=r"^(alpha|distance): got .*needed"):
            call(*arguments)


def test_bad_group_sizes_and_margins_are_named():
    for y in (0.5, -1, math.nan, 1e5):
        with pytest.raises(ArgumentError, match=r"^y: got"):
            theory.large_deviations_finite_y(0.5, 0.1, y)
    with pytest.raises(ArgumentError, match=r"^kappa: got"):
        theory.large_deviations(0.5, 0.1, math.nan)
    with pytest.raises(ArgumentError, match=r"^kappa: got"):
        theory.monotonicity_threshold(math.inf)


@pytest.mark.parametrize("arguments", [(4.0, 0.1), (1.5, 0.01), (0.8, 0.1, 0.5)])
def test_no_solution_is_said(arguments):
    with pytest.raises(theory.NoSolution, match="no stationary point found at alpha"):
        theory.large_deviations(*arguments)


def test_beyond_typical_distance_the_group_size_is_an_integer():
    with pytest.raises(theory.NoSolution, match="integer"):
        theory.large_deviations_finite_y(0.6, 0.4, 2.5)
