"""Stationary points of a landscape from many starts at once: damped Newton steps and eigenvector-following.

Both take the gradient g and the Hessian H of every start as arrays and work in the eigenvectors of H. Newton steps
shorten |g| whatever the index: -H g / (H^2 + nu |g|^2) (Levenberg-Marquardt; with the damping vanishing as |g|^2 it
converges quadratically to families of solutions too: Yamashita & Fukushima 2001, Computing Suppl. 15, 239).
Eigenvector-following climbs along the lowest modes and descends along all others, to a saddle of a wanted index
(Cerjan & Miller 1981, J. Chem. Phys. 75, 2800; the step is that of Wales 1994, J. Chem. Phys. 101, 3750).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

DAMPING = np.array([0.0, 0.0, 0.0, 1e-2, 1.0, 1e2, 1e4])
"""nu, in units of 1 / x^2: the step that leaves the shortest gradient is taken."""

STRETCH = np.array([1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0])
"""Factors of those steps along soft modes: twice the Newton step is the right one where g vanishes as x^2, three times
where as x^3 (Schroeder 1870, Math. Ann. 2, 317)."""

SOFT = 0.03
"""Modes with an eigenvalue below so many of the largest one are soft."""

NEWTON_STEPS = 80
FOLLOWING_STEPS = 80
LONGEST = 0.3
"""Longest step of eigenvector-following, in units of x; angles in radians."""

NEAR = 1e-2
"""Eigenvector-following hands over to Newton steps where |g| is below so many units of `scale`."""

Gradient = Callable[[np.ndarray], np.ndarray]
"""(starts, dim) from x (starts, dim)."""

Hessian = Callable[[np.ndarray], np.ndarray]
"""(starts, dim, dim) from x (starts, dim)."""


class Arrival(NamedTuple):
    """Where each start came to."""

    x: np.ndarray
    """(starts, dim) float64."""
    gradient_norm: np.ndarray
    """(starts,) float64; above what was asked for where the steps got stuck or ran out."""


def newton(
    gradient: Gradient, hessian: Hessian, starts: np.ndarray, tolerance: float, *, stretched: bool = True
) -> Arrival:
    """Damped Newton steps until |g| <= tolerance, or no damping shortens it any more: (starts, dim) to the same.

    A minimum of |g| that is not 0 holds the steps: its |g| in the answer tells. Steps `stretched` along soft modes make
    haste to degenerate points, and are drawn to them from afar; without, steps go to the nearest point of a family.
    """
    factors = STRETCH if stretched else np.ones_like(STRETCH)
    x = np.array(starts, dtype=np.float64)
    norm = np.linalg.norm(gradient(x), axis=1)
    moving = np.flatnonzero(norm > tolerance)
    for _ in range(NEWTON_STEPS):
        if not moving.size:
            break
        here = x[moving]
        values, vectors = np.linalg.eigh(hessian(here))
        trials = here[None] + _newton_steps(gradient(here), values, vectors, factors)
        straight = trials[DAMPING == 0.0]
        bent = [trial + _stiff_step(gradient(trial), values, vectors) for trial in straight]
        trials = np.concatenate([trials, bent])
        lengths = np.stack([np.linalg.norm(gradient(trial), axis=1) for trial in trials])
        lengths = np.where(np.isfinite(lengths), lengths, np.inf)
        best, row = lengths.argmin(axis=0), np.arange(moving.size)
        shorter = lengths[best, row] < norm[moving]
        chosen = moving[shorter]
        x[chosen], norm[chosen] = trials[best, row][shorter], lengths[best, row][shorter]
        moving = chosen[norm[chosen] > tolerance]
    return Arrival(x, norm)


def follow(
    gradient: Gradient, hessian: Hessian, starts: np.ndarray, index: np.ndarray, free: np.ndarray, scale: float
) -> np.ndarray:
    """Follow eigenvectors towards saddles of the wanted index (starts,), a few steps short of them: (starts, dim).

    `free` (directions, dim) are unit vectors along which the energy does not change, left out of the modes; `scale` is
    the size of second derivatives. Finish with `newton`.
    """
    x = np.array(starts, dtype=np.float64)
    held = 10.0 * scale * (free.T @ free)
    moving = np.arange(len(x))
    for _ in range(FOLLOWING_STEPS):
        g = gradient(x[moving])
        far = np.linalg.norm(g, axis=1) > NEAR * scale
        moving, g = moving[far], g[far]
        if not moving.size:
            break
        values, vectors = np.linalg.eigh(hessian(x[moving]) + held)
        along = np.matmul(g[:, None, :], vectors)[:, 0]
        uphill = np.arange(x.shape[1]) < index[moving, None]
        slope = np.abs(values) + np.sqrt(values**2 + 4.0 * along**2)
        step = np.where(uphill, 2.0, -2.0) * along / np.maximum(slope, np.finfo(float).tiny)
        step[np.abs(along) < 1e-9 * scale] = 0.0
        length = np.linalg.norm(step, axis=1, keepdims=True)
        step *= np.minimum(1.0, LONGEST / np.maximum(length, np.finfo(float).tiny))
        x[moving] += np.matmul(vectors, step[:, :, None])[:, :, 0]
    return x


def _newton_steps(g: np.ndarray, values: np.ndarray, vectors: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Steps for every damping, (dampings, starts, dim)."""
    along = np.matmul(g[:, None, :], vectors)[:, 0]
    squared = (g**2).sum(axis=1, keepdims=True)
    # Directions without stiffness are left alone: rounding would make steps of any length out of them.
    largest = np.abs(values).max(axis=1, keepdims=True)
    share = values / (values**2 + DAMPING[:, None, None] * squared + (1e-7 * largest) ** 2 + np.finfo(float).tiny)
    share *= np.where(np.abs(values) < SOFT * largest, factors[:, None, None], 1.0)
    return -np.matmul(vectors, (share * along)[..., None])[..., 0]


def _stiff_step(g: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Second Newton step, along stiff modes alone, (starts, dim): a step along soft ones bends away from |g| = 0."""
    along = np.matmul(g[:, None, :], vectors)[:, 0]
    stiff = np.abs(values) >= SOFT * np.abs(values).max(axis=1, keepdims=True)
    share = np.divide(along, values, out=np.zeros_like(along), where=stiff & (values != 0.0))
    return -np.matmul(vectors, share[..., None])[..., 0]
