"""Saddle points along a curve: every overlap follows from its conjugate, so alpha is an explicit function of it.

With q = q(q^) from the weights and q^ = alpha c(q) from the patterns, alpha(q^) = q^ / c(q(q^)): one smooth function
of l = ln q^ whose crossings are all the solutions. No iteration can wander, near capacity or at large beta.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from perceptron.theory.estimate import NoSolution
from perceptron.theory.quadrature import REACH, line

LARGEST_LOG = 80.0
"""Largest l = ln q^ that is looked at: 1 - q is about 1e-17 there."""

LEAST_LOG = -700.0

TOLERANCE = 1e-13


class Weights(NamedTuple):
    """What the weights add at a conjugate overlap."""

    overlap: float
    """q."""
    variance: float
    """1 - q, without the loss of digits of the subtraction."""
    log_cosh: float
    """int Dz [ln 2cosh(field) - field]: less the mean field, which cancels in the planted free entropy."""


def weights_storage(conjugate: float, level: int) -> Weights:
    """Weights in the field sqrt(q^) z: q = int Dz tanh^2."""
    root = math.sqrt(conjugate)
    return _weights(root, 0.0, level)


def weights_planted(conjugate: float, level: int) -> Weights:
    """Weights in the field q^ + sqrt(q^) z of a teacher: q = int Dz tanh^2 = int Dz tanh."""
    root = math.sqrt(conjugate)
    return _weights(root, root, level)


def _weights(root: float, shift: float, level: int) -> Weights:
    """Field root (z + shift), weights averaged over z."""
    rule = line([-shift], 1.0 / max(root, 1.0), REACH + shift, level)
    field = root * (rule.z + shift)
    wrong = expit(-2.0 * np.abs(field))
    return Weights(
        rule.average(np.square(np.tanh(field))),
        rule.average(4.0 * wrong * (1.0 - wrong)),
        rule.average(np.logaddexp(0.0, -2.0 * field)),
    )


def rising_root(function: Callable[[float], float], start: float, step: float, place: str) -> float:
    """Root of a function of ln q^ that rises through 0 once, found outwards from `start`; `place` for the message."""
    low = high = start
    value = function(start)
    upwards = value < 0.0
    while True:
        reached = high if upwards else low
        if not LEAST_LOG <= reached <= LARGEST_LOG or math.isnan(value):
            raise NoSolution(f"{place}: no solution with ln(conjugate overlap) from {LEAST_LOG:g} to {LARGEST_LOG:g}")
        if upwards:
            low, high = high, high + step
        else:
            low, high = low - step, low
        step *= 2.0 if step >= 0.5 else 16.0
        value = function(high if upwards else low)
        if value >= 0.0 if upwards else value <= 0.0:
            break
    return float(brentq(function, low, high, xtol=TOLERANCE))
