"""Pairs of solutions against all pattern sets of tiny perceptrons, and against the law of large numbers at n = 9."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from perceptron import theory
from perceptron.patterns import from_arrays
from perceptron.theory.second_moments import expected_pairs, pair_right_probability, solutions_deviation

CASES = [(3, 0.0, None), (5, 0.0, None), (5, 0.7, None), (4, 0.0, "error"), (4, 0.0, "correct"), (4, 0.5, None)]


@pytest.mark.parametrize(("n", "margin", "tie"), CASES)
def test_one_pattern_is_right_for_both_as_often_as_counted(n, margin, tie):
    rule = tie if tie is not None or n % 2 else "error"
    least = from_arrays(np.ones((1, n), np.int8), tie=rule).least_stability(margin)
    patterns = np.array(list(itertools.product((1, -1), repeat=n)))
    for distance in range(n + 1):
        other = np.where(np.arange(n) < distance, -1, 1)
        both = ((patterns.sum(axis=1) >= least) & (patterns @ other >= least)).sum()
        assert pair_right_probability(n, distance, margin, tie=rule) == Fraction(int(both), 2**n)


def test_pairs_of_all_instances_with_two_patterns():
    n, p = 3, 2
    weights = np.array(list(itertools.product((1, -1), repeat=n)))
    totals, squares = np.zeros(n + 1), []
    sets = list(itertools.product(itertools.product((1, -1), repeat=n), repeat=p))
    for patterns in sets:
        solutions = weights[(weights @ np.array(patterns).T > 0).all(axis=1)]
        apart = (n - solutions @ solutions.T) // 2
        totals += np.bincount(apart.ravel(), minlength=n + 1)
        squares.append(len(solutions))
    np.testing.assert_allclose(expected_pairs(n, p), totals / len(sets), rtol=1e-13)
    assert solutions_deviation(n, p) == pytest.approx(np.std(squares), rel=1e-12)
    assert abs(solutions_deviation(n, p) - np.std(squares)) <= solutions_deviation(n, p).error < 1e-11
    assert expected_pairs(n, p)[0] == float(theory.expected_solutions(n, p))


def test_odd_and_even_distances_come_in_pairs():
    """|B| is odd at distance 2k - 1 and even at 2k, and the stability has to beat the next larger number."""
    for k in range(1, 11):
        assert pair_right_probability(21, 2 * k - 1) == pair_right_probability(21, 2 * k)
    assert pair_right_probability(21, 1) != pair_right_probability(21, 3)


@pytest.mark.parametrize(("n", "p", "margin"), [(3, 2, 0.0), (21, 40, 0.0), (45, 30, 0.7), (201, 300, 0.1)])
def test_errors_bound_the_rounding(n, p, margin):
    """Against exact fractions."""
    pairs = expected_pairs(n, p, margin)
    exact = [2**n * math.comb(n, d) * pair_right_probability(n, d, margin) ** p for d in range(n + 1)]
    off = [abs(Fraction(float(one)) - true) for one, true in zip(pairs, exact, strict=True)]
    assert all(miss <= Fraction(one.error) for miss, one in zip(off, pairs, strict=True))
    deviation, square = solutions_deviation(n, p, margin), sum(exact) - exact[0] ** 2
    low, high = (max(Fraction(0), Fraction(float(deviation)) + side * Fraction(deviation.error)) for side in (-1, 1))
    assert low**2 <= square <= high**2
    assert deviation.error < 1e-6 * deviation


def test_without_patterns_the_number_of_solutions_does_not_vary():
    deviation = solutions_deviation(11, 0)
    assert deviation <= deviation.error
    assert sum(expected_pairs(11, 0)) == 4.0**11


def test_bad_input_is_named():
    with pytest.raises(ArgumentError, match="distance: got 6"):
        pair_right_probability(5, 6)
    with pytest.raises(ArgumentError, match="n: got the even number 4"):
        expected_pairs(4, 2)
    with pytest.raises(ArgumentError, match="n: got 501"):
        expected_pairs(501, 2)


def test_the_package_lends_its_functions():
    assert theory.solutions_deviation is solutions_deviation
    assert {"expected_pairs", "pair_right_probability", "solutions_deviation"} <= set(theory.__all__)
