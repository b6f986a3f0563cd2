"""Perceptrons whose weights lie on a sphere, and Cover's exact count: the comparison for binary weights."""

import math
from fractions import Fraction

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.theory.estimate import Estimate, require_finite
from perceptron.theory.quadrature import half_line


def spherical_capacity(kappa: float = 0.0) -> Estimate:
    """alpha_c = 1 / int_(-kappa)^inf Dz (z + kappa)^2, patterns per weight; 2 at kappa = 0.

    Gardner 1988, J. Phys. A 21, 257. Exact for kappa >= 0; for kappa < 0, where replica symmetry breaks, an upper
    bound (Stojnic 2013, arXiv:1306.3980). Raises ArgumentError unless -35 <= kappa < inf.
    """
    kappa = require_finite("kappa", kappa, -35.0)
    return Estimate.from_refinement(*(1.0 / _second_moment(kappa, level) for level in (0, 1)))


def _second_moment(kappa: float, level: int) -> float:
    """int_(-kappa)^inf Dz (z + kappa)^2; for kappa < 0 the closed form cancels, an integral over z + kappa not."""
    if kappa >= 0.0:
        right = 0.5 * math.erfc(-kappa / math.sqrt(2.0))
        density = math.exp(-0.5 * kappa * kappa) / math.sqrt(2.0 * math.pi)
        return (1.0 + kappa * kappa) * right + kappa * density
    rule = half_line([0.0], min(1.0, -1.0 / kappa), level=level)
    return rule.average(np.square(rule.z) * np.exp(kappa * rule.z)) * math.exp(-0.5 * kappa * kappa)


def cover_count(n: int, p: int) -> int:
    """How many of the 2^p labellings of p points in general position n real weights can realise, exactly.

    C(p, n) = 2 sum_(k < n) binomial(p - 1, k), hyperplanes through the origin. Cover 1965, IEEE Trans. EC-14, 326.
    Raises ArgumentError unless n >= 1 and p >= 0 are integers.
    """
    n, p = require_count("n", n, 1), require_count("p", p, 0)
    if p == 0:
        return 1
    total, term = 0, 1
    for k in range(min(n, p)):
        total += term
        term = term * (p - 1 - k) // (k + 1)
    return 2 * total


def cover_probability(n: int, p: int) -> Fraction:
    """Chance that random labels can be realised, cover_count / 2^p: exactly 1/2 at p = 2 n."""
    return Fraction(cover_count(n, p), 2 ** require_count("p", p, 0))


def require_count(name: str, value: int, least: int) -> int:
    """`value` as an int if it is a whole number >= least, else ArgumentError."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise ArgumentError(f"{name}: got {value!r}; an integer of at least {least} is needed")
    return int(value)
