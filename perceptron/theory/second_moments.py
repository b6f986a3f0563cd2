"""Exact second moments over random +-1 patterns at finite N: pairs of solutions at each Hamming distance.

Two configurations that differ in d weights have stabilities A + B and A - B, where A sums n - d signs and B sums d of
them: both are right iff A >= least + |B|. A pattern is right for both with chance c2(d), so that the mean number of
ordered pairs of solutions at distance d is 2^N C(N, d) c2(d)^P; at d = 0 these are the solutions themselves. Their sum
over d is E[(number of solutions)^2]. Integers and fractions are exact here.
"""

import math
from fractions import Fraction

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.patterns import Patterns, Tie
from perceptron.theory.estimate import require_finite
from perceptron.theory.first_moments import _at_least, right_probability
from perceptron.theory.spherical import require_count


def pair_right_probability(n: int, distance: int, margin: float = 0.0, *, tie: Tie | None = None) -> Fraction:
    """Chance that a random +-1 pattern is right for two configurations that differ in `distance` of n weights, exactly.

    Right and `tie` as in `first_moments.right_probability`. Raises ArgumentError.
    """
    n, d = require_count("n", n, 1), require_count("distance", distance, 0)
    if d > n:
        raise ArgumentError(f"distance: got {distance}; two configurations of {n} weights differ in {n} at most")
    if d == 0:
        return right_probability(n, margin, tie=tie)
    right_probability(n, margin, tie=tie)
    stand_in = Patterns(np.empty((0, n), np.int8), "binary", tie)
    least = int(stand_in.least_stability(require_finite("margin", margin)))
    both = sum(math.comb(d, ups) * _at_least(n - d, least + abs(2 * ups - d)) for ups in range(d + 1))
    return Fraction(both, 2**n)


def expected_pairs(n: int, p: int, margin: float = 0.0, *, tie: Tie | None = None) -> np.ndarray:
    """Mean number of ordered pairs of solutions by their distance, (n + 1,) float64; entry 0 counts the solutions.

    Raises ArgumentError for sizes whose counts exceed the range of floats.
    """
    n, p = require_count("n", n, 1), require_count("p", p, 0)
    if n > 500:
        raise ArgumentError(f"n: got {n}; numbers of pairs are given for up to 500 weights")
    chances = [float(pair_right_probability(n, d, margin, tie=tie)) for d in range(n + 1)]
    return np.array([2.0**n * math.comb(n, d) * chance**p for d, chance in enumerate(chances)])


def solutions_deviation(n: int, p: int, margin: float = 0.0, *, tie: Tie | None = None) -> float:
    """Standard deviation over instances of the number of solutions. Raises as `expected_pairs`."""
    pairs = expected_pairs(n, p, margin, tie=tie)
    return math.sqrt(max(float(pairs.sum()) - float(pairs[0]) ** 2, 0.0))
