"""Both ends of a Hessian's spectrum to a stated accuracy, by Lanczos iterations continued until both have converged.

A Ritz value theta with vector v has an eigenvalue within |H v - theta v| of it, and where that eigenvalue is apart from
the others by a gap, within |H v - theta v|^2 / gap (Parlett 1998, The Symmetric Eigenvalue Problem, theorem 11.7.1).
Ritz values lie inside the spectrum: the ends are bounds from inside.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.hessian_products import HessianAt, HessianVector
from mcmc.local_entropy.lanczos import RitzPairs, ritz_pairs, signs
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_point, checked_positive
from mcmc.statistics.series import positive_integer

FIRST_STEPS = 32


class Extremes(NamedTuple):
    """The ends of a spectrum."""

    lowest: float
    lowest_error: float
    """Bound of the distance to an eigenvalue; it falls where no eigenvalue lies beyond."""
    highest: float
    highest_error: float
    lowest_vector: np.ndarray
    """(dim,) float64, of length 1."""
    highest_vector: np.ndarray
    """(dim,) float64, of length 1."""
    steps: int
    """Lanczos steps of the last iteration."""
    converged: bool
    """Whether both bounds are within the tolerance."""


def extreme_eigenvalues(
    landscape: SmoothLandscape,
    point: Any,
    *,
    tolerance: float = 1e-3,
    most_steps: int = 512,
    seed: int = 0,
    hessian_vector: HessianVector | None = None,
) -> Extremes:
    """Lowest and highest eigenvalue of the Hessian at `point` (dim,), each within `tolerance` of itself.

    Lanczos steps double from 32 until both have converged or there would be more than `most_steps`. Raises
    ArgumentError for bad arguments.
    """
    landscape = checked_landscape(landscape)
    x = checked_point(point, landscape.dim)
    checked_positive("tolerance", tolerance)
    most = min(positive_integer(most_steps, "most_steps"), x.size)
    product, start = HessianAt(landscape, x, hessian_vector), signs(1, x.size, seed)[0]
    steps = min(FIRST_STEPS, most)
    while True:
        pairs = ritz_pairs(product, start, steps)
        rounding = 16 * np.finfo(float).eps * float(np.abs(pairs.values).max())
        low, high = _bound(pairs, 0) + rounding, _bound(pairs, -1) + rounding
        allowed = tolerance * np.abs(pairs.values[[0, -1]]) + 2 * rounding
        converged = bool(low <= allowed[0] and high <= allowed[1])
        if converged or steps == most:
            values = float(pairs.values[0]), low, float(pairs.values[-1]), high
            return Extremes(*values, pairs.vectors[0], pairs.vectors[-1], steps, converged)
        steps = min(2 * steps, most)


def _bound(pairs: RitzPairs, end: int) -> float:
    """How far the eigenvalue may be, the gap taken as that of the Ritz values less the other's own residual."""
    residual = float(pairs.residual[end])
    if pairs.values.size == 1:
        return residual
    inner = 1 if end == 0 else -2
    gap = abs(float(pairs.values[inner] - pairs.values[end])) - float(pairs.residual[inner])
    return min(residual, residual**2 / gap) if gap > 0 else residual
