"""The zero-temperature limit of u(x, t): the Moreau envelope and the proximal point at which it is reached.

    u(x, t) = min_y f(y) + |x - y|^2 / (2 t),      grad u = (x - y*) / t,

the Hopf-Lax formula; y* = x - t grad f(y*) is the backward Euler step of gradient flow (Moreau 1965, Bull. Soc. Math.
France 93, 273; Chaudhari et al. 2018, arXiv:1704.04932, section 2). Unless f + |.|^2 / (2 t) is convex there may be
several local minima: descents from many points, and from the minima of the other scales, choose the lowest.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.result import SCALE, LocalEntropy
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_point, checked_scales, energies, gradients
from mcmc.random import Stream, normals, split_seed
from mcmc.statistics.series import positive_integer

DESCENT_STEPS = 2000
FLOOR_STEPS = 100
"""Steps of the descent that says how low f may be."""
ARRIVED = 1e-10
"""A descent ends when no component of the gradient is above this share of those it began with, or 1."""
WALL = 1e6
"""Height of a wall, energy +inf, above where a descent begins, in units of the energy there."""
STEEP = 1e-6
"""A residual gradient above this share of the gradients that cancel in it means a descent that did not arrive."""
SAME = 1e-6
"""Minima nearer than this, relative to their size, are one."""


class Proximal(NamedTuple):
    """A stationary point of f(y) + |x - y|^2 / (2 t)."""

    point: np.ndarray
    """(dim,): y*."""
    value: float
    """f(y*) + |x - y*|^2 / (2 t)."""
    residual: np.ndarray
    """(dim,): gradient left, grad f(y*) + (y* - x) / t."""
    rounding: float
    """Bound on what the cancellation of the two gradients loses in `residual`, Euclidean norm."""


def moreau(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    starts: int = 8,
    seed: int = 0,
    beta: float = math.inf,
) -> LocalEntropy:
    """Moreau envelope min_y f(y) + |x - y|^2 / (2 t) at x = `reference` (dim,) for each t of `scale`, beta = infinity.

    `starts` descents for each t: from x, the others from points around it, as far as the minimum can be. The error is
    t |residual gradient|^2 / 2, what is left to descend where f is convex around y*, and rounding. `more` has
    `proximal_point` (scale, coordinate), `gradient` of the envelope, (x - y*) / t, of the same dims,
    `residual_gradient`, its norm, and `minima`, how many different local minima were met. No descent can exclude a
    lower minimum that none has met. `beta` is taken as by the other estimators and changes nothing: the envelope is the
    limit beta = infinity. Raises ArgumentError for bad arguments, LandscapeError for energies or gradients that are not
    finite where a descent begins.
    """
    landscape = checked_landscape(landscape)
    x = checked_point(reference, landscape.dim)
    scales = checked_scales(scale)
    positive_integer(starts, "starts")
    split_seed(seed)
    require_beta(beta)
    found = lowest_minima(landscape, x, scales, starts, seed)
    chosen = [minima[0] for minima in found]
    points = np.array([c.point for c in chosen])
    norm = np.array([np.linalg.norm(c.residual) for c in chosen])
    value = np.array([c.value for c in chosen])
    warnings = tuple(w for t, c in zip(scales, chosen, strict=True) if (w := _steep(t, c)))
    coordinates = ("scale", "coordinate")
    more = {
        "proximal_point": (coordinates, points, "proximal point y*"),
        "gradient": (coordinates, (x - points) / scales[:, None], "gradient of the Moreau envelope, (x - y*) / t"),
        "residual_gradient": (("scale",), norm, "gradient left at y*, norm"),
        "minima": (("scale",), np.array([len(m) for m in found]), "different local minima met"),
    }
    error = 0.5 * scales * norm**2 + 4 * np.finfo(float).eps * np.abs(value)
    return LocalEntropy(
        SCALE, scales, value, error, "moreau", x, math.inf, 1 / scales, np.full(scales.size, np.inf),
        warnings=warnings, more=more,
    )  # fmt: skip


def descend(
    landscape: SmoothLandscape, x: np.ndarray, t: float, start: np.ndarray, steps: int = DESCENT_STEPS
) -> Proximal:
    """Local minimum of f(y) + |x - y|^2 / (2 t) below `start` (dim,), by L-BFGS; t = infinity is a minimum of f.

    The lowest point met, if the descent fails at a wall. Raises ArgumentError for a start of infinite energy.
    """
    from scipy.optimize import minimize

    beginning = _objective(landscape, x, t, start[None])[0]
    if np.isinf(beginning):
        raise ArgumentError("reference: its energy is infinite; a point with a finite one is needed")
    wall = float(beginning + WALL * (1.0 + abs(beginning)))
    lowest, point = float(beginning), start

    def objective(y):
        nonlocal lowest, point
        value = _objective(landscape, x, t, y[None])[0] if np.isfinite(y).all() else np.inf
        if np.isinf(value):
            # Beyond a wall: high, but finite, or the line search has nothing to interpolate.
            return wall, np.zeros_like(x)
        if value <= lowest:
            lowest, point = float(value), y.copy()
        return value, gradients(landscape, y[None])[0] + (y - x) / t

    steepest = float(np.abs(objective(start)[1]).max())
    options = {"maxiter": steps, "maxfun": 10 * steps, "ftol": 0.0, "gtol": ARRIVED * max(1.0, steepest), "maxcor": 30}
    minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    residual = gradients(landscape, point[None])[0] + (point - x) / t
    pulls = np.linalg.norm((point - x) / t) + np.linalg.norm(point) / t + np.linalg.norm(residual)
    return Proximal(point, lowest, residual, float(pulls))


def _objective(landscape: SmoothLandscape, x: np.ndarray, t: float, y: np.ndarray) -> np.ndarray:
    return energies(landscape, y) + ((y - x) ** 2).sum(axis=1) / (2 * t)


def lowest_minima(
    landscape: SmoothLandscape, x: np.ndarray, scales: np.ndarray, starts: int, seed: int
) -> list[list[Proximal]]:
    """For each scale t the different local minima of f(y) + |x - y|^2 / (2 t) that were met, the lowest first."""
    different, place = np.unique(scales, return_inverse=True)
    found: list[list[Proximal]] = [[] for _ in different]
    floor = descend(landscape, x, math.inf, x, FLOOR_STEPS).value
    for p, t in enumerate(different):
        for start in _starts(landscape, x, t, starts, seed, p, floor):
            keep_minimum(found[p], descend(landscape, x, t, start))
    for p, t in enumerate(different):
        others = [m.point for q, minima in enumerate(found) if q != p for m in minima[:1]]
        for start in others:
            if _objective(landscape, x, t, start[None])[0] < found[p][0].value:
                keep_minimum(found[p], descend(landscape, x, t, start))
    return [found[p] for p in place.reshape(-1)]


def _starts(landscape, x, t, starts, seed, place, floor):
    """x, then points within the radius outside which the envelope cannot be reached if f >= floor: (dim,) each."""
    yield x
    radius = math.sqrt(2 * t * max(energies(landscape, x[None])[0] - floor, 1.0))
    for k in range(1, starts):
        pairs = normals(seed, Stream.SMOOTHING, np.arange((x.size + 1) // 2), k, place, 1)
        direction = pairs.reshape(-1)[: x.size]
        y = x + radius * (k / starts) * direction / max(np.linalg.norm(direction), 1e-300)
        if np.isfinite(landscape.energy(y[None])[0]):
            yield y


def keep_minimum(minima: list[Proximal], new: Proximal) -> None:
    """Sort `new` into the minima, in place, unless it is one of them."""
    for k, old in enumerate(minima):
        if np.linalg.norm(old.point - new.point) <= SAME * (1.0 + np.linalg.norm(old.point)):
            if new.value < old.value:
                minima[k] = new
            break
    else:
        minima.append(new)
    minima.sort(key=lambda m: m.value)


def _steep(t: float, found: Proximal) -> str:
    norm = float(np.linalg.norm(found.residual))
    if norm <= STEEP * max(1.0, found.rounding):
        return ""
    return (
        f"scale {t:g}: the descent stopped with a gradient of {norm:.2g} left; f is not smooth there, or too badly "
        "scaled for L-BFGS"
    )
