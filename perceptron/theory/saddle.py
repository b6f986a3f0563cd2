"""Saddle points along a curve: every overlap follows from its conjugate, so alpha is an explicit function of it.

With q = q(q^) from the weights and q^ = alpha c(q) from the patterns, alpha(q^) = q^ / c(q(q^)): one smooth function
of ln q^ whose crossings are all the solutions. No iteration can wander, near capacity or at large beta.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from perceptron.theory.estimate import NoSolution
from perceptron.theory.quadrature import REACH, line

LARGEST_LOG = 52.0
"""Largest ln q^ that is looked at: 1 - q is about 1e-11 there."""

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
    """Root of a function of ln q^ that rises through 0, found outwards from `start`; `place` for the message.

    Raises NoSolution where none lies between LEAST_LOG and LARGEST_LOG.
    """
    here = min(max(start, LEAST_LOG), LARGEST_LOG)
    value = function(here)
    side = 1.0 if value < 0.0 else -1.0
    end = LARGEST_LOG if value < 0.0 else LEAST_LOG
    while here != end and not math.isnan(value):
        before, here = here, side * min(side * (here + side * step), side * end)
        value = function(here)
        if side * value >= 0.0:
            return float(brentq(function, min(before, here), max(before, here), xtol=TOLERANCE))
        # From a good guess (a tiny step) the bracket must still grow fast.
        step *= 2.0 if step >= 0.5 else 16.0
    raise NoSolution(
        f"{place}: no conjugate overlap between exp({LEAST_LOG:g}) and exp({LARGEST_LOG:g}) solves the equations; the "
        "overlap is 0 or 1 to rounding there, stay further from that end"
    )
