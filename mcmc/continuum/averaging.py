"""Averages over the fast variable of homogenisation, by quadrature: the drift -grad u, and the path that follows it.

    dx = -grad u(x, gamma) ds,    grad u = (x - <y>) / gamma,    y ~ exp(-beta f(y) - beta |x - y|^2 / (2 gamma))

The trapezoidal rule runs over a box that first grows until nothing counts beyond it, and then shrinks to what counts:
where f >= m, nothing beyond |x - y|^2 = 2 gamma (f(x) - m + 45 / beta) does.
"""

import math
from typing import Any

import numpy as np

from mcmc.continuum.axes import checked_beta, checked_landscape, checked_number, checked_points, numbers
from mcmc.continuum.homogenization import checked_start
from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape

NODES = {1: 4001, 2: 301}
"""Nodes a side, odd."""
REACH = 45.0
"""Exponents this much below the highest are left out: exp(-45) = 3e-20."""
PASSES = 50
SHRUNK = 0.9
"""Share of its sides from which on a box is shrunk no more."""
APART = 0.05
"""By which sums over every second node may differ, in units of their mean and of the spread of y: each has an error of
at most half of it, 2 exp(-pi^2 w^2 / (2 h^2)) for y of width w, and all nodes together 2 (0.05 / 4)^4 = 5e-8 at most.
"""


def averaged_drift(landscape: SmoothLandscape, x: Any, *, gamma: float, beta: float) -> np.ndarray:
    """-grad u(x, gamma) = -(x - <y>) / gamma, of the shape of `x` (points, dim), by quadrature over y, dim 1 or 2.

    Raises ArgumentError for more dimensions, for f that has no minimum beside the quadratic, and for beta so large that
    y has peaks narrower than nodes are apart.
    """
    landscape = checked_landscape(landscape)
    gamma, beta = checked_number("gamma", gamma), checked_beta(beta)
    if landscape.dim > 2:
        raise ArgumentError(f"landscape: got one of {landscape.dim} dimensions; averages are taken in 1 or 2")
    points = checked_points("x", x, landscape.dim)
    return np.array([(_mean_of_y(landscape, p, gamma, beta) - p) / gamma for p in points]).reshape(points.shape)


def averaged_path(landscape: SmoothLandscape, start: Any, times: Any, *, gamma: float, beta: float) -> np.ndarray:
    """dx = -grad u(x, gamma) ds from `start` (dim,), at increasing `times` (records,) from 0 on: (records, dim)."""
    from scipy.integrate import solve_ivp

    landscape = checked_landscape(landscape)
    x = checked_start(start, 1, landscape.dim)[0]
    at = np.atleast_1d(numbers(times))
    if at.ndim != 1 or not at.size or not np.isfinite(at).all() or at[0] < 0 or (np.diff(at) <= 0).any():
        raise ArgumentError(f"times: got {times!r}; increasing finite times from 0 on are needed")

    def drift(_, place):
        return averaged_drift(landscape, place[None], gamma=gamma, beta=beta)[0]

    end = max(float(at[-1]), 1e-12)
    return solve_ivp(drift, (0.0, end), x, t_eval=np.minimum(at, end), rtol=1e-9, atol=1e-11).y.T


def _mean_of_y(landscape, x, gamma, beta):
    """<y> under exp(-beta f(y) - beta |x - y|^2 / (2 gamma)), (dim,)."""
    reach = _reach(landscape, x, gamma, beta)
    low, high = x - reach, x + reach
    for _ in range(PASSES):
        sides = [np.linspace(a, b, NODES[x.size]) for a, b in zip(low, high, strict=True)]
        exponent = -beta * _total(landscape, x, sides, gamma)
        ends = [np.flatnonzero(_counts(exponent).any(axis=tuple(np.delete(range(x.size), k))))[[0, -1]]
                for k in range(x.size)]  # fmt: skip
        before = high - low
        low = np.array([side[max(a - 1, 0)] for side, (a, _) in zip(sides, ends, strict=True)])
        high = np.array([side[min(b + 1, side.size - 1)] for side, (_, b) in zip(sides, ends, strict=True)])
        if (high - low > SHRUNK * before).all():
            break
    weight = np.exp(exponent - exponent.max())
    mean = _first_moment(weight, sides) / weight.sum()
    _require_settled(weight, sides, mean, x, beta)
    return mean


def _reach(landscape, x, gamma, beta):
    """Distance from x beyond which nothing counts."""
    reach, here = math.sqrt(2 * gamma * REACH / beta), float(landscape.energy(x[None])[0])
    for _ in range(PASSES):
        sides = [np.linspace(c - reach, c + reach, NODES[x.size]) for c in x]
        lowest = float(_energy(landscape, sides).min())
        needed = math.sqrt(2 * gamma * (here - min(here, lowest) + REACH / beta)) if np.isfinite(lowest) else math.inf
        if needed <= reach * (1 + 1e-9):
            return reach
        if not math.isfinite(needed):
            break
        reach = needed
    raise ArgumentError(
        f"gamma: got {gamma:g}, and f falls faster than |x - y|^2 / (2 gamma) rises around x = {x}, down to "
        f"{lowest:.3g} within {reach:.3g}; y has no law there, take a smaller gamma"
    )


def _energy(landscape, sides):
    y = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, len(sides))
    with np.errstate(over="ignore", invalid="ignore"):
        return landscape.energy(y).reshape([side.size for side in sides])


def _total(landscape, x, sides, gamma):
    """f(y) + |x - y|^2 / (2 gamma) on the nodes."""
    away = [(side - c) ** 2 / (2 * gamma) for side, c in zip(sides, x, strict=True)]
    return _energy(landscape, sides) + sum(np.meshgrid(*away, indexing="ij"))


def _counts(exponent):
    """Which nodes may stand beside what counts: a peak between nodes is below twice the difference to a neighbour."""
    rise = np.zeros_like(exponent)
    for axis in range(exponent.ndim):
        step = np.abs(np.diff(exponent, axis=axis))
        pad = [(0, 0)] * exponent.ndim
        for side in ((1, 0), (0, 1)):
            pad[axis] = side
            rise = np.maximum(rise, np.pad(step, pad))
    return exponent + rise >= exponent.max() - REACH


def _first_moment(weight, sides):
    return np.array([
        np.moveaxis(weight, k, 0).reshape(side.size, -1).sum(axis=1) @ side for k, side in enumerate(sides)
    ])  # fmt: skip


def _require_settled(weight, sides, mean, x, beta):
    """Sums over even and over odd nodes, along each axis, must agree; ArgumentError where they do not."""
    for k, side in enumerate(sides):
        line = np.moveaxis(weight, k, 0).reshape(side.size, -1).sum(axis=1)
        spread = math.sqrt(float(line @ (side - mean[k]) ** 2 / line.sum()))
        halves = [(line[p::2].sum(), line[p::2] @ (side[p::2] - mean[k])) for p in (0, 1)]
        mass = abs(halves[0][0] - halves[1][0]) / (line.sum() / 2)
        moment = abs(halves[0][1] - halves[1][1]) / (line.sum() / 2)
        if not mass <= APART or not moment <= APART * spread:
            off = max(mass, moment / (spread or 1.0))
            raise ArgumentError(
                f"beta: got {beta:g}; around x = {x}, y is {spread:.2g} wide with peaks too narrow for nodes "
                f"{side[1] - side[0]:.2g} apart: even and odd ones differ by {off:.2g}, and {APART:g} is allowed"
            )
