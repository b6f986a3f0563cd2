"""The load up to which dense groups of solutions lose entropy steadily as they shrink.

Ensemble: y -> infinity solutions at one mutual distance d, every group with the same weight (`large_deviations`). Below
the threshold its entropy phi(d) rises all the way from d = 0 to the distance of typical solutions; above, it falls
somewhere between, and the dense groups are cut off: there algorithms that find solutions stop working. Ensembles with a
prescribed reference or centre (arXiv:1511.05634, 1605.06444) have their own thresholds, quoted there as about 0.77.
"""

import math

from scipy.optimize import minimize_scalar

from perceptron.theory.annealed import first_moment_capacity
from perceptron.theory.estimate import ROUNDING, Estimate, NoSolution, require_finite
from perceptron.theory.large_deviations import stationary_point
from perceptron.theory.roots import root_from_guess

NARROWEST, WIDEST = 0.004, 0.15
"""Distances between which the slope is searched; beyond the widest it vanishes at typical solutions at any load."""

_TOLERANCE = 1e-3
_DIFFERENCE = 0.02


def monotonicity_threshold(kappa: float = 0.0) -> Estimate:
    """Largest alpha at which phi(d) is monotone between d = 0 and the distance of typical solutions.

    It is the least over d of the load at which d phi / d distance = 0; `kappa` is the margin, about -2 to 1. Takes a
    second. NoSolution where no such distance is found.
    """
    kappa = require_finite("kappa", kappa)
    best = minimize_scalar(
        lambda log_d: _flat_load(kappa, log_d),
        bounds=(math.log(NARROWEST), math.log(WIDEST)),
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    coarse, fine = _flat_load(kappa, best.x), _flat_load(kappa, best.x, level=1)
    left, right = (_flat_load(kappa, best.x + side * _DIFFERENCE) for side in (-1.0, 1.0))
    curvature = (left - 2.0 * coarse + right) / _DIFFERENCE**2
    if not (fine < first_moment_capacity(kappa) and curvature > 0.0):
        raise NoSolution(
            f"monotonicity_threshold: no load where the slope of phi vanishes first was found at kappa = {kappa:g}, "
            f"distances {NARROWEST:g} to {WIDEST:g}; take kappa between -2 and 1"
        )
    below = ((right - left) / (2.0 * _DIFFERENCE)) ** 2 / (2.0 * curvature)
    return Estimate(fine - below, abs(fine - coarse) + below + curvature * _TOLERANCE**2 + ROUNDING)


def _flat_load(kappa: float, log_d: float, level: int = 0) -> float:
    """The load at which phi has slope 0 at this distance; the first-moment capacity where there is none below it."""
    highest = first_moment_capacity(kappa)
    try:
        load = root_from_guess(
            lambda alpha: stationary_point(alpha, math.exp(log_d), kappa, level).slope,
            0.75 * highest,
            0.05 * highest,
            low=0.2 * highest,
            high=highest,
            tolerance=1e-11,
        )
    except NoSolution:
        return highest
    return highest if load is None else load
