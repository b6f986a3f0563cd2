"""u(x, t) in one or two dimensions by quadrature: the oracle of the other estimators on smooth landscapes.

    exp(-beta u) = (beta / (2 pi t))^(dim/2) int exp(-phi(y)) dy,     phi = beta f(y) + beta |x - y|^2 / (2 t),

over cells, in each of which a Clenshaw-Curtis rule of 17 points a side is compared with the one of 9 points nested in
it (Clenshaw & Curtis 1960, Numer. Math. 2, 197). Cells where the two differ, or where phi bends so much between
points that a lower part may hide, are halved. Where f >= m everywhere, all but exp(-REACH) of the integrand lies
within |y - x|^2 = 2 t (f(x) - m + REACH / beta); m is the lowest value that the points have met.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.result import SCALE, LocalEntropy
from mcmc.local_entropy.smooth_arguments import (
    checked_landscape,
    checked_point,
    checked_positive,
    checked_scales,
    energies,
)
from mcmc.random import split_seed
from mcmc.statistics.series import positive_integer

POINTS = 16
"""Intervals of the finer rule a side; the coarser has half of them."""

REACH = 45.0
"""Exponents this much above the lowest are left out: exp(-45) = 3e-20."""

BEND = 4.0
"""A second difference of the exponent above this may hide a lower part between points."""

FIRST_CELLS = {1: 64, 2: 16}
GRADING = 4.0
SCAN = {1: 2**18, 2: 2**9}
"""Points a side of a regular grid that looks for wells between those of the first cells."""
MOST_WELLS = 16
BATCH = 2**18
"""Energies asked for at a time."""


class _Cells(NamedTuple):
    low: np.ndarray
    """(cells, dim): lower corner."""
    width: np.ndarray
    """(cells, dim)."""
    floor: np.ndarray
    """(cells,): lowest exponent phi at the points."""
    fine: np.ndarray
    """(cells,): integral of exp(floor - phi), finer rule."""
    coarse: np.ndarray
    """(cells,): the same, coarser rule."""
    hidden: np.ndarray
    """(cells,): lowest exponent that may hide between points; infinity where phi is smooth."""

    def chosen(self, which: np.ndarray) -> "_Cells":
        return _Cells(*(a[which] for a in self))

    def and_also(self, other: "_Cells") -> "_Cells":
        return _Cells(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


def quadrature(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    beta: float = 1.0,
    tolerance: float = 1e-11,
    max_points: int = 5_000_000,
    seed: int = 0,
) -> LocalEntropy:
    """u(x, t) at x = `reference` (dim,) for each t of `scale`, by adaptive quadrature, dim 1 or 2.

    Cells are halved until the two rules differ by less than `tolerance` of the integral; that difference, and rounding,
    is the error, in general far too large. With `max_points` energies for one t it stops, and warns. Minima that a
    regular grid shows are edges of cells; the error knows nothing of a well narrower
    than that grid, whose spacing is `resolved_width` in `more`. `seed` is taken as by the other
    estimators and changes nothing: nothing is random here. `more` has `points`, energies evaluated.
    Raises ArgumentError for more than 2 dimensions and for bad arguments, LandscapeError for energies that are NaN.
    """
    landscape = checked_landscape(landscape)
    if landscape.dim > 2:
        raise ArgumentError(
            f"landscape: got {landscape.dim} dimensions; quadrature reaches 2, take integration, laplace or convolution"
        )
    x = checked_point(reference, landscape.dim)
    scales = checked_scales(scale)
    beta = require_beta(beta, infinite=False)
    split_seed(seed)
    checked_positive("tolerance", tolerance)
    positive_integer(max_points, "max_points")
    found = [_Integral(landscape, x, t, beta).value(tolerance, max_points) for t in scales.tolist()]
    value, error, points, width = (np.array(column) for column in zip(*found, strict=True))
    warnings = tuple(
        f"scale {t:g}: {n} points leave an error of {e:.2g}; raise max_points, or f is not smooth"
        for t, e, n in zip(scales, error, points, strict=True)
        if n >= max_points
    )
    more = {
        "points": (("scale",), points, "energies evaluated in cells"),
        "resolved_width": (("scale",), width, "spacing of the grid that looked for wells; narrower ones may be missed"),
    }
    certain = np.full(scales.size, np.inf)
    return LocalEntropy(
        SCALE, scales, value, error, "quadrature", x, beta, 1 / scales, certain, warnings=warnings, more=more
    )


class _Integral:
    """The integral at one scale."""

    def __init__(self, landscape: SmoothLandscape, x: np.ndarray, t: float, beta: float):
        self.landscape, self.x, self.t, self.beta, self.dim = landscape, x, t, beta, x.size
        self.points, self.width = 0, math.inf
        self.lowest = math.inf
        """Lowest energy f met, which sets how far the integrand reaches."""
        side = 0.5 * (1.0 - np.cos(np.pi * np.arange(POINTS + 1) / POINTS))
        self.nodes = np.stack(np.meshgrid(*[side] * self.dim, indexing="ij"), axis=-1).reshape(-1, self.dim)
        self.fine = _tensor(_weights(POINTS), self.dim)
        coarse = np.zeros(POINTS + 1)
        coarse[::2] = _weights(POINTS // 2)
        self.coarse = _tensor(coarse, self.dim)

    def value(self, tolerance: float, max_points: int) -> tuple[float, float, int, float]:
        """u, its error, the points it took, and the spacing of the grid that looked for wells."""
        cells = self._resolved(self._first_cells(), tolerance, max_points)
        floor = cells.floor.min()
        scale = np.exp(floor - cells.floor)
        total = float((scale * cells.fine).sum())
        rough = float((scale * np.abs(cells.fine - cells.coarse)).sum())
        log_integral = math.log(total) - floor + 0.5 * self.dim * math.log(self.beta / (2 * math.pi * self.t))
        # Rounding of the exponents: each is a difference of terms of the size of the floor.
        rounding = 8 * np.finfo(float).eps * (1.0 + abs(floor) + abs(log_integral))
        return -log_integral / self.beta, (rough / total + rounding) / self.beta, self.points, self.width

    def _resolved(self, cells: _Cells, tolerance: float, max_points: int) -> _Cells:
        """The cells, halved until the sum of their differences is within the tolerance and nothing hides."""
        while self.points < max_points:
            floor = cells.floor.min()
            scale = np.exp(floor - cells.floor)
            rough = scale * np.abs(cells.fine - cells.coarse)
            total = (scale * cells.fine).sum()
            halved = cells.hidden < floor + REACH
            if rough.sum() > tolerance * total:
                # The cells that together carry all but half of what is allowed.
                order = np.argsort(rough)
                halved[order[np.cumsum(rough[order]) > 0.5 * tolerance * total]] = True
            # Cells as narrow as rounding cannot be halved.
            halved &= (cells.width > 1e-12 * (1.0 + np.abs(cells.low))).all(axis=1)
            if not halved.any():
                break
            cells = cells.chosen(~halved).and_also(self._halves(cells.chosen(halved)))
        return cells

    def _first_cells(self) -> _Cells:
        """Cells over all that the integrand can reach, narrow near x."""
        here = float(energies(self.landscape, self.x[None])[0])
        if math.isinf(here):
            raise ArgumentError("reference: its energy is infinite; a point with a finite one is needed")
        self.lowest = here
        while True:
            before = self.lowest
            reach = math.sqrt(2 * self.t * (here - self.lowest + REACH / self.beta))
            graded = np.sinh(GRADING * np.linspace(-1, 1, FIRST_CELLS[self.dim] + 1)) / math.sinh(GRADING)
            edges = self._scanned(reach)
            edges = edges[(np.abs(edges - self.x) < reach).all(axis=1)]
            grids = [np.unique(np.append(c + reach * graded, e)) for c, e in zip(self.x, edges.T, strict=True)]
            low = np.stack(np.meshgrid(*[g[:-1] for g in grids], indexing="ij"), axis=-1).reshape(-1, self.dim)
            width = np.stack(np.meshgrid(*[np.diff(g) for g in grids], indexing="ij"), axis=-1).reshape(-1, self.dim)
            cells = self._evaluated(low, width)
            if self.lowest >= before - 0.1 / self.beta:
                return cells

    def _scanned(self, reach: float) -> np.ndarray:
        """The lowest minima of the exponent on a regular grid, (wells, dim)."""
        count = SCAN[self.dim]
        sides = [np.linspace(c - reach, c + reach, count) for c in self.x]
        self.width = 2 * reach / (count - 1)
        y = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, self.dim)
        energy = energies(self.landscape, y)
        self.lowest = min(self.lowest, float(energy.min()))
        height = energy + ((y - self.x) ** 2).sum(axis=1) / (2 * self.t)
        grid = np.pad(height.reshape([count] * self.dim), 1, constant_values=np.inf)
        inner = tuple([slice(1, -1)] * self.dim)
        lower = np.isfinite(grid[inner])
        for axis in range(self.dim):
            for way in (-1, 1):
                lower &= grid[inner] < np.roll(grid, way, axis)[inner]
        chosen = np.flatnonzero(lower)
        chosen = chosen[np.argsort(height[chosen], kind="stable")[:MOST_WELLS]]
        return np.asarray(y[chosen])

    def _halves(self, cells: _Cells) -> _Cells:
        """Each cell cut in two along every side."""
        half = 0.5 * cells.width
        corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * self.dim, indexing="ij"), axis=-1).reshape(-1, self.dim)
        low = (cells.low[:, None] + corners * half[:, None]).reshape(-1, self.dim)
        return self._evaluated(low, np.repeat(half, len(corners), axis=0))

    def _evaluated(self, low: np.ndarray, width: np.ndarray) -> _Cells:
        at_once = max(1, BATCH // len(self.nodes))
        parts = [self._some(low[k : k + at_once], width[k : k + at_once]) for k in range(0, len(low), at_once)]
        cells = parts[0]
        for part in parts[1:]:
            cells = cells.and_also(part)
        return cells

    def _some(self, low: np.ndarray, width: np.ndarray) -> _Cells:
        y = low[:, None] + self.nodes * width[:, None]
        energy = energies(self.landscape, y.reshape(-1, self.dim)).reshape(y.shape[:2])
        self.points += energy.size
        self.lowest = min(self.lowest, float(energy.min()))
        phi = self.beta * (energy + ((y - self.x) ** 2).sum(axis=2) / (2 * self.t))
        floor = phi.min(axis=1)
        weight = np.exp(np.where(np.isinf(floor), 0.0, floor)[:, None] - phi)
        volume = width.prod(axis=1)
        return _Cells(low, width, floor, volume * (weight @ self.fine), volume * (weight @ self.coarse), _hidden(phi))


def _hidden(phi: np.ndarray) -> np.ndarray:
    """Lowest exponent that a parabola through three neighbouring points allows between them, (cells,)."""
    dim = round(math.log(phi.shape[1], POINTS + 1))
    grid = phi.reshape(-1, *[POINTS + 1] * dim)
    lowest = np.full(len(grid), np.inf)
    for axis in range(1, dim + 1):
        ahead = np.moveaxis(grid, axis, -1)
        with np.errstate(invalid="ignore"):
            bend = np.abs(ahead[..., 2:] - 2 * ahead[..., 1:-1] + ahead[..., :-2])
            dip = np.where(bend > BEND, ahead[..., 1:-1] - 0.5 * bend, np.inf)
        lowest = np.minimum(lowest, np.where(np.isfinite(dip), dip, np.inf).reshape(len(grid), -1).min(axis=1))
    return lowest


def _weights(intervals: int) -> np.ndarray:
    """Clenshaw-Curtis weights on [0, 1], (intervals + 1,), for an even number of intervals."""
    angle = np.pi * np.arange(intervals + 1) / intervals
    k = np.arange(1, intervals // 2 + 1)
    factor = np.where(k == intervals // 2, 1.0, 2.0) / (4 * k * k - 1.0)
    weights = (1.0 - np.cos(2 * np.outer(angle, k)) @ factor) / intervals
    weights[[0, -1]] *= 0.5
    return weights


def _tensor(weights: np.ndarray, dim: int) -> np.ndarray:
    return weights if dim == 1 else np.outer(weights, weights).reshape(-1)
