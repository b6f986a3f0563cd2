"""A straight line in 1/n through values of several sizes: what they tend to, and whether the line fits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError

FEWEST_SIZES = 2


class Line(NamedTuple):
    """Least squares of value = limit + slope / n, weighted by the errors."""

    limit: float
    limit_error: float
    slope: float
    slope_error: float
    chi2: float
    freedom: int
    """Sizes minus two."""


def extrapolate(sizes: ArrayLike, values: ArrayLike, errors: ArrayLike) -> Line | None:
    """The line through the finite values of independent sizes, each (sizes,); None with fewer than two.

    Raises ArgumentError for an error that is not above 0.
    """
    n, value, error = (np.asarray(array, dtype=np.float64) for array in (sizes, values, errors))
    there = np.isfinite(value)
    if there.sum() < FEWEST_SIZES:
        return None
    if not (error[there] > 0).all():
        raise ArgumentError(f"errors: got {error[there].min()}; an error above 0 is needed with every value")
    weight = 1.0 / error[there]
    design = np.stack([np.ones(there.sum()), 1.0 / n[there]], axis=1) * weight[:, None]
    covariance = np.linalg.inv(design.T @ design)
    limit, slope = covariance @ (design.T @ (value[there] * weight))
    residual = value[there] * weight - design @ np.array([limit, slope])
    errors_of = np.sqrt(np.diag(covariance))
    freedom = int(there.sum()) - 2
    return Line(
        float(limit), float(errors_of[0]), float(slope), float(errors_of[1]), float(residual @ residual), freedom
    )
