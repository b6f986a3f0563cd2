"""Annealed averages, ln E[Z] / N: exact first moments at large N, bounds on the typical (quenched) ones.

ln E[Z] >= E[ln Z]: the annealed entropy of solutions bounds the typical one from above, and the first-moment capacity
bounds the capacity. For Gaussian patterns the formulas are exact at every N; for +-1 patterns see `first_moments`.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import entr

from mcmc.errors import ArgumentError
from perceptron.theory.estimate import ROUNDING, Estimate, require_finite
from perceptron.theory.pattern_energy import checked_energy, pattern
from perceptron.theory.quadrature import log_h


class Annealed(NamedTuple):
    """Annealed averages per weight, in nats."""

    entropy: Estimate
    """free_entropy + beta energy; at beta = inf ln E[number of solutions] / N."""
    energy: Estimate
    """-d free_entropy / d beta."""
    free_entropy: Estimate
    """ln E[Z] / N >= E[ln Z] / N."""


def annealed(alpha: float, kappa: float = 0.0, beta: float = math.inf, *, energy: str = "errors") -> Annealed:
    """Annealed state at alpha = P / N, margin kappa, inverse temperature beta: ln 2 + alpha ln Z(kappa) per weight.

    `energy` as for `replica_symmetric`. Negative entropy at beta = inf: solutions are exponentially improbable.
    Raises ArgumentError for values outside the domain.
    """
    alpha, kappa = require_finite("alpha", alpha, 0.0), require_finite("kappa", kappa)
    beta = require_finite("beta", beta, 0.0, infinite=True)
    one = pattern(np.asarray(kappa), 1.0, beta, checked_energy(energy))
    mean = alpha * float(one.energy)
    free_entropy = math.log(2.0) + alpha * float(one.log_z)
    return Annealed(
        rounded(free_entropy + (beta * mean if beta < math.inf else 0.0)), rounded(mean), rounded(free_entropy)
    )


def annealed_entropy(alpha: float, kappa: float = 0.0, beta: float = math.inf, *, energy: str = "errors") -> Estimate:
    """The entropy of `annealed`: (1 - alpha) ln 2 at kappa = 0 and beta = inf."""
    return annealed(alpha, kappa, beta, energy=energy).entropy


def first_moment_capacity(kappa: float = 0.0) -> Estimate:
    """-ln 2 / ln H(kappa), where the mean number of solutions falls below 1: bounds the capacity; 1 at kappa = 0."""
    return rounded(-math.log(2.0) / float(log_h(np.asarray(require_finite("kappa", kappa, -35.0)))))


def binary_entropy(distance):
    """-d ln d - (1 - d) ln(1 - d), nats per weight at normalised Hamming distance d: an `Estimate`, or float64 of
    the shape of d, with relative error below 1e-14.

    Raises ArgumentError unless all 0 <= d <= 1.
    """
    d = np.asarray(distance, dtype=np.float64)
    if not ((d >= 0.0) & (d <= 1.0)).all():
        raise ArgumentError(f"distance: got {distance!r}; numbers from 0 to 1 are needed")
    entropy = entr(d) + entr(1.0 - d)
    return rounded(float(entropy)) if d.ndim == 0 else entropy


def rounded(value: float) -> Estimate:
    """A closed form: nothing but rounding in its error."""
    return Estimate(value, ROUNDING * max(1.0, abs(value)))
