"""Exact means over random +-1 patterns at finite N: number of solutions, partition function.

Every configuration gets a pattern right with the same chance c, so E[number of solutions] = 2^N c^P and
E[Z(beta)] = 2^N (e + (1 - e) c)^P, e = exp(-beta). With N odd and margin 0, c = 1/2 exactly. Integers are exact here.
For Gaussian patterns c = H(kappa) at every N: `annealed` is exact for them. Logarithms are `Estimate`s, whose error is
that of rounding; for more than EXACT_WEIGHTS weights they take c from the incomplete beta function, unless c = 1/2 or
symmetric.
"""

import math
from fractions import Fraction

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.arguments import one_of
from perceptron.patterns import Patterns, Tie
from perceptron.theory.estimate import ROUNDING, Estimate, require_finite
from perceptron.theory.spherical import require_count

LARGEST_FRACTION = 10**6
"""Bits of numerator and denominator beyond which exact fractions are refused."""

EXACT_WEIGHTS = 20_000
"""Up to so many the chance is exact, in milliseconds; the time grows as n^2."""

SMALLEST_TAIL, TAIL_ERROR = 1e-200, 1e-11
"""Chances that the incomplete beta function gives, and a bound on their relative error (1e-13 is seen)."""


def right_probability(n: int, margin: float = 0.0, *, tie: Tie | None = None, symmetric: bool = False) -> Fraction:
    """Chance that a random +-1 pattern of n entries is right, exactly.

    Right: Delta > 0, or Delta >= margin sqrt(n); `symmetric`: |Delta| <= margin sqrt(n). An even n at margin 0 needs
    the `tie` rule ("error" or "correct"). Raises ArgumentError.
    """
    n, margin = require_count("n", n, 1), require_finite("margin", margin)
    if symmetric:
        if tie is not None:
            raise ArgumentError(f"tie: got {tie!r}; the symmetric condition knows no ties, leave it out")
        # Delta and n have the same parity: the count above the window starts at the next value of that parity.
        most = math.floor(margin * math.sqrt(n))
        above = most + 1 + (most + 1 - n) % 2
        return max(Fraction(0), 1 - 2 * Fraction(_at_least(n, above), 2**n)) if most >= 0 else Fraction(0)
    if tie is not None:
        one_of("tie", tie, ("error", "correct"))
    if n % 2 == 0 and margin == 0.0 and tie is None:
        raise ArgumentError(
            f"n: got the even number {n}; say what a stability of 0 counts as: tie='error' or 'correct'"
        )
    stand_in = Patterns(np.empty((0, n), np.int8), "binary", tie)
    return Fraction(_at_least(n, int(stand_in.least_stability(margin))), 2**n)


def expected_solutions(
    n: int, p: int, margin: float = 0.0, *, tie: Tie | None = None, symmetric: bool = False
) -> Fraction:
    """E[number of solutions] of p random patterns, exactly: 2^(n - p) for odd n at margin 0.

    Raises ArgumentError for sizes whose fraction has more than a million bits: take `log2_expected_solutions`.
    """
    p = require_count("p", p, 0)
    chance = right_probability(n, margin, tie=tie, symmetric=symmetric)
    if p * chance.denominator.bit_length() > LARGEST_FRACTION:
        raise ArgumentError(f"p: got {p} at n = {n}: the exact fraction is too long; take log2_expected_solutions")
    return 2**n * chance**p


def log2_expected_solutions(
    n: int, p: int, margin: float = 0.0, *, tie: Tie | None = None, symmetric: bool = False
) -> Estimate:
    """log2 E[number of solutions]: n - p for odd n at margin 0; -inf where no pattern can be right."""
    n, p = require_count("n", n, 1), require_count("p", p, 0)
    log_chance = _log_chance(n, margin, tie, symmetric)
    if p == 0 or log_chance == 0.0:
        return Estimate(n)
    if log_chance == -math.log(2.0):
        return Estimate(n - p)
    in_bits = p * float(log_chance) / math.log(2.0)
    return _rounded(n + in_bits, p * log_chance.error / math.log(2.0), n, in_bits)


def log_expected_z(
    n: int, p: int, beta: float, margin: float = 0.0, *, tie: Tie | None = None, symmetric: bool = False
) -> Estimate:
    """ln E[Z(beta)], energy `errors`: n ln 2 + p ln((1 + exp(-beta)) / 2) for odd n at margin 0; 0 <= beta <= inf."""
    beta, n = require_finite("beta", beta, 0.0, infinite=True), require_count("n", n, 1)
    p, all_weights = require_count("p", p, 0), n * math.log(2.0)
    log_chance = _log_chance(n, margin, tie, symmetric)
    if p == 0:
        return _rounded(all_weights, 0.0, all_weights)
    chance, wrong = math.exp(log_chance), math.exp(-beta)
    one = wrong - math.expm1(-beta) * chance
    log_one = float(log_chance) if wrong == 0.0 else math.log(one)
    # The chance's relative error, as far as the chance is what counts.
    error = log_chance.error * (1.0 if wrong == 0.0 else chance / one) if math.isfinite(log_chance) else 0.0
    return _rounded(all_weights + p * log_one, p * error, all_weights, p * log_one)


def _rounded(value: float, error: float, *terms: float) -> Estimate:
    """A sum of terms: their error and rounding."""
    return Estimate(value, error + ROUNDING * max(map(abs, terms)) if math.isfinite(value) else 0.0)


def _log_chance(n: int, margin: float, tie: Tie | None, symmetric: bool) -> Estimate:
    """ln of `right_probability`: of the exact one, or for large n from the incomplete beta function."""
    tied = n % 2 == 0 and margin == 0.0 and tie is None
    least = 1 if n <= EXACT_WEIGHTS or symmetric or tied else _least(n, margin, tie)
    if least != 1 and least > -n:
        from scipy.special import betainc

        ups = (n + least) // 2
        chance = float(betainc(ups, n - ups + 1.0, 0.5)) if ups <= n else 0.0
        if chance > SMALLEST_TAIL:
            return Estimate(math.log(chance), TAIL_ERROR)
    log_chance = _log(right_probability(n, margin, tie=tie, symmetric=symmetric))
    return Estimate(log_chance, ROUNDING * max(1.0, abs(log_chance)) if math.isfinite(log_chance) else 0.0)


def _at_least(n: int, least: int) -> int:
    """How many of the 2^n sign vectors have a sum >= least; least has the parity of n.

    Only the terms between the middle and `least` are added: about margin sqrt(n) of them.
    """
    if least > n:
        return 0
    if least <= 0:
        return 2**n - _at_least(n, 2 - least)
    ups, middle = (n + least) // 2, n // 2 + 1
    total = 2 ** (n - 1) if n % 2 else (2**n - math.comb(n, n // 2)) // 2
    # The binomial of a large n takes seconds: only where it is needed.
    term = math.comb(n, middle) if ups > middle else 0
    for k in range(middle, ups):
        total -= term
        term = term * (n - k) // (k + 1)
    return total


def _least(n: int, margin: float, tie: Tie | None) -> int:
    stand_in = Patterns(np.empty((0, n), np.int8), "binary", tie)
    return int(stand_in.least_stability(require_finite("margin", margin)))


def _log(chance: Fraction) -> float:
    if chance == 0:
        return -math.inf
    near = float(chance)
    return math.log(near) if near > 0.0 else math.log(chance.numerator) - math.log(chance.denominator)
