"""Exact second moments over random +-1 patterns at finite N: pairs of solutions at each Hamming distance.

Two configurations that differ in d weights have stabilities A + B and A - B, where A sums n - d signs and B sums d of
them: both are right iff A >= least + |B|. A pattern is right for both with chance c2(d), so that the mean number of
ordered pairs of solutions at distance d is 2^N C(N, d) c2(d)^P; at d = 0 these are the solutions themselves. Their sum
over d is E[(number of solutions)^2]. Chances are exact fractions here; numbers of pairs carry their rounding error.
"""

import math
import sys
from fractions import Fraction

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.patterns import MOST, Patterns, Tie
from perceptron.theory.estimate import ROUNDING, Estimate, require_finite
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


def expected_pairs(n: int, p: int, margin: float = 0.0, *, tie: Tie | None = None) -> tuple[Estimate, ...]:
    """Mean number of ordered pairs of solutions at the distances 0..n; entry 0 counts the solutions.

    Raises ArgumentError for sizes whose counts exceed the range of floats.
    """
    n, p = require_count("n", n, 1), require_count("p", p, 0)
    if n > 500:
        raise ArgumentError(f"n: got {n}; numbers of pairs are given for up to 500 weights")
    if p > MOST:
        raise ArgumentError(f"p: got {p}; numbers of pairs are given for up to {MOST} patterns")
    chances = [float(pair_right_probability(n, d, margin, tie=tie)) for d in range(n + 1)]
    return tuple(_pairs(2.0**n * math.comb(n, d), chance, p) for d, chance in enumerate(chances))


def _pairs(places: float, chance: float, p: int) -> Estimate:
    """places * chance^p."""
    power, smallest = chance**p, sys.float_info.min
    # Half a unit of the last place for the chance, p times over, and four more roundings; below the smallest normal
    # number digits are lost, all of them at last.
    lost = smallest if chance > 0.0 and power < smallest else 0.0
    return Estimate(places * power, places * ((0.5 * p + 4.0) * sys.float_info.epsilon * power + lost))


def solutions_deviation(n: int, p: int, margin: float = 0.0, *, tie: Tie | None = None) -> Estimate:
    """Standard deviation over instances of the number of solutions. Raises as `expected_pairs`."""
    pairs = expected_pairs(n, p, margin, tie=tie)
    mean, square = pairs[0], math.fsum(pairs)
    variance = max(square - mean**2, 0.0)
    error = math.fsum(one.error for one in pairs) + 2.0 * mean * mean.error + ROUNDING * square
    # Where all of the variance may be rounding, so may all of the deviation.
    deviation = math.sqrt(variance)
    return Estimate(deviation, math.sqrt(variance + error) if variance <= error else error / deviation)
