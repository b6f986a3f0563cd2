"""Grids of equal cells in one and two dimensions; values belong to the centres of cells, fluxes to pairs of cells.

A boundary is "no-flux" (walls that nothing passes) or "periodic" (the low side is joined to the high side), for each
dimension by itself.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError

BOUNDARIES = ("no-flux", "periodic")
FEWEST = 4
"""Cells along a dimension: fewer hold no second difference inside."""
AXES = ("x", "y")


@dataclass(frozen=True)
class Grid:
    """`cells` equal cells from `low` to `high`: numbers for one dimension, pairs for two.

    Raises ArgumentError for anything else, naming the argument.
    """

    low: Any
    """(dim,) float64 once built."""
    high: Any
    """(dim,) float64 once built."""
    cells: Any
    """Number of cells along each dimension; a tuple of `dim` integers once built."""
    boundary: Any = "no-flux"
    """One word, or one for each dimension; a tuple once built."""
    shape: tuple[int, ...] = field(init=False)

    def __post_init__(self):
        low, high = _numbers("low", self.low), _numbers("high", self.high)
        cells = tuple(np.atleast_1d(np.asarray(self.cells, dtype=object)).tolist())
        if not cells:
            raise ArgumentError(f"cells: got {self.cells!r}; a whole number, or one for each dimension, is needed")
        dim = max(low.size, high.size, len(cells))
        if dim not in (1, 2):
            raise ArgumentError(f"low, high, cells: got {dim} dimensions; grids have 1 or 2")
        low, high = _widened("low", low, dim), _widened("high", high, dim)
        cells = cells * dim if len(cells) == 1 else cells
        for count in cells:
            if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < FEWEST:
                raise ArgumentError(f"cells: got {count!r}; whole numbers from {FEWEST} on are needed")
        if len(cells) != dim:
            raise ArgumentError(f"cells: got {len(cells)} numbers in {dim} dimensions; one for each is needed")
        if not (high > low).all():
            raise ArgumentError(f"high: got {high.tolist()} with low {low.tolist()}; each must lie above its low")
        words = (self.boundary,) * dim if isinstance(self.boundary, str) else self.boundary
        if not isinstance(words, (tuple, list)) or len(words) != dim or any(word not in BOUNDARIES for word in words):
            raise ArgumentError(f"boundary: got {self.boundary!r}; 'no-flux' or 'periodic' is needed, or one for each")
        values = {"low": low, "high": high, "cells": tuple(int(n) for n in cells), "boundary": tuple(words)}
        for name, value in {**values, "shape": values["cells"]}.items():
            object.__setattr__(self, name, value)

    @property
    def dim(self) -> int:
        """1 or 2."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def width(self) -> np.ndarray:
        """Sides of a cell, (dim,) float64."""
        return (self.high - self.low) / np.array(self.shape)

    @property
    def volume(self) -> float:
        """Length or area of a cell: density times this is mass."""
        return float(np.prod(self.width))

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Along which dimensions the grid closes on itself."""
        return tuple(word == "periodic" for word in self.boundary)

    @property
    def centres(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the centres along each dimension."""
        return tuple(
            low + width * (np.arange(count) + 0.5)
            for low, width, count in zip(self.low, self.width, self.shape, strict=True)
        )

    @property
    def points(self) -> np.ndarray:
        """Centres of all cells, (size, dim), the last dimension fastest."""
        return np.stack([c.ravel() for c in np.meshgrid(*self.centres, indexing="ij")], axis=1)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions: x, y."""
        return AXES[: self.dim]

    def coordinates(self) -> dict[str, np.ndarray]:
        """Centres by name of dimension, as xarray takes them."""
        return dict(zip(self.dims, self.centres, strict=True))

    def wrapped(self, points: np.ndarray) -> np.ndarray:
        """`points` (n, dim) brought back into the box along periodic dimensions."""
        turned = self.low + np.mod(points - self.low, self.high - self.low)
        return np.where(np.array(self.periodic), turned, points)

    def pairs(self, offset: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Cells x and x + `offset`, as two arrays of flat indices, for all pairs that lie in the grid."""
        index = np.arange(self.size).reshape(self.shape)
        first, second = index, index
        for axis, (step, periodic) in enumerate(zip(offset, self.periodic, strict=True)):
            if periodic:
                second = np.roll(second, -step, axis)
            elif step:
                near, far = slice(0, max(self.shape[axis] - abs(step), 0)), slice(abs(step), None)
                near, far = (near, far) if step > 0 else (far, near)
                lead = (slice(None),) * axis
                first, second = first[(*lead, near)], second[(*lead, far)]
        return first.ravel(), second.ravel()

    def difference(self, values: np.ndarray, axis: int) -> np.ndarray:
        """Derivative along `axis` of `values` (*shape, ...) at the cells: central, at walls one-sided, second order."""
        if self.periodic[axis]:
            return (np.roll(values, -1, axis) - np.roll(values, 1, axis)) / (2 * self.width[axis])
        return np.gradient(values, self.width[axis], axis=axis, edge_order=2)

    def boundary_cells(self) -> np.ndarray:
        """Whether a cell touches a wall, shape `shape` bool: none do where the grid is periodic."""
        touches = np.zeros(self.shape, dtype=bool)
        for axis, periodic in enumerate(self.periodic):
            if not periodic:
                ends = np.moveaxis(touches, axis, 0)
                ends[[0, -1]] = True
        return touches

    def normalised(self, name: str, density: Any) -> np.ndarray:
        """A density on the cells, of total mass 1, shape `shape` float64; a callable is asked at the centres.

        Raises ArgumentError where values are negative, no numbers, or all 0, or where the shape is another.
        """
        values = density(self.points) if callable(density) else density
        try:
            values = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ArgumentError(f"{name}: got {type(values).__name__}; an array {self.shape} is needed") from None
        if values.shape not in ((self.size,), self.shape):
            raise ArgumentError(f"{name}: got shape {values.shape}; one value for each cell {self.shape} is needed")
        values = values.reshape(self.shape)
        if not np.isfinite(values).all() or (values < 0).any() or not (values > 0).any():
            worst = values.min() if np.isfinite(values).all() else "values that are not finite"
            raise ArgumentError(f"{name}: got {worst}; finite values from 0 on, some above 0, make a density")
        values = values / values.max()
        return values / (values.sum() * self.volume)


def checked_grid(grid: Any) -> Grid:
    """`grid` as it is; ArgumentError where it is no Grid."""
    if not isinstance(grid, Grid):
        raise ArgumentError(f"grid: got {type(grid).__name__}; a Grid(low, high, cells) is needed")
    return grid


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        found = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.array(np.nan)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ArgumentError(f"{name}: got {value!r}; a finite number, or two of them, is needed")
    return found


def _widened(name: str, values: np.ndarray, dim: int) -> np.ndarray:
    if values.size not in (1, dim):
        raise ArgumentError(f"{name}: got {values.size} numbers in {dim} dimensions; one for each is needed")
    return np.broadcast_to(values, (dim,)).copy()
