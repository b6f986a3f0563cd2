"""The symmetric binary perceptron: a pattern is right when |Delta| <= kappa sqrt(N).

Two configurations of different overlap never help each other, the typical state has overlap 0, and annealed averages
are exact up to the capacity alpha_c = -ln 2 / ln(1 - 2 H(kappa)). Aubin, Perkins & Zdeborova 2019,
arXiv:1901.00314; proved by Abbe, Li & Sly 2021, arXiv:2102.13069, and Perkins & Xu 2021, arXiv:2102.05163.
"""

import math

from mcmc.errors import ArgumentError
from perceptron.theory.annealed import rounded
from perceptron.theory.estimate import Estimate, require_finite


def symmetric_capacity(kappa: float) -> Estimate:
    """Patterns per weight up to which solutions exist: .722 at kappa = .5. ArgumentError unless 0 < kappa < 37."""
    return rounded(-math.log(2.0) / _log_right(_checked(kappa)))


def symmetric_entropy(alpha: float, kappa: float, beta: float = math.inf) -> Estimate:
    """Entropy per weight, nats; at beta = inf ln 2 + alpha ln(1 - 2 H(kappa)), that of solutions.

    Beyond the capacity it is negative and means the exponent of the mean number of solutions. Raises ArgumentError.
    """
    alpha, beta = require_finite("alpha", alpha, 0.0), require_finite("beta", beta, 0.0, infinite=True)
    log_right = _log_right(_checked(kappa))
    if beta == math.inf:
        return rounded(math.log(2.0) + alpha * log_right)
    log_z = _log_z(log_right, beta)
    return rounded(math.log(2.0) + alpha * (log_z + beta * _error_chance(kappa, beta, log_z)))


def symmetric_energy(alpha: float, kappa: float, beta: float) -> Estimate:
    """Mean number of errors / N at inverse temperature beta. Raises ArgumentError."""
    alpha, beta = require_finite("alpha", alpha, 0.0), require_finite("beta", beta, 0.0, infinite=True)
    log_z = _log_z(_log_right(_checked(kappa)), beta)
    return rounded(alpha * _error_chance(kappa, beta, log_z))


def _checked(kappa: float) -> float:
    number = require_finite("kappa", kappa)
    if not 0.0 < number < 37.0:
        raise ArgumentError(f"kappa: got {kappa!r}; the half width of the window, above 0 and below 37, is needed")
    return number


def _log_right(kappa: float) -> float:
    """ln(1 - 2 H(kappa)) = ln erf(kappa / sqrt 2)."""
    x = kappa / math.sqrt(2.0)
    return math.log(math.erf(x)) if x < 0.5 else math.log1p(-math.erfc(x))


def _log_z(log_right: float, beta: float) -> float:
    """ln[p + (1 - p) exp(-beta)]."""
    return math.log1p(-math.expm1(log_right) * math.expm1(-beta))


def _error_chance(kappa: float, beta: float, log_z: float) -> float:
    return math.exp(-beta - log_z) * math.erfc(kappa / math.sqrt(2.0))
