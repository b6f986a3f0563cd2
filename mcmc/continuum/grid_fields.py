"""Potentials, drifts and diffusion matrices as people give them - numbers, arrays, functions, landscapes - on grids.

Functions take points (n, dim) float64 and give (n,) for a potential, (n, dim) for a drift, (n,) or (n, dim, dim) for a
diffusion matrix. Arrays hold one value for each cell, of shape `grid.shape`, `(*grid.shape, dim)` for a drift,
`(*grid.shape, dim, dim)` for a matrix; between cells the mean of both is taken, which costs no order.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mcmc.continuum.grid import Grid
from mcmc.errors import ArgumentError


class Potential:
    """f on a grid: `values` (size,) at the cells, `gradient` anywhere between them."""

    def __init__(self, grid: Grid, potential: Any):
        self.grid = grid
        self._gradient: Callable | None = None
        self._energy: Callable | None = None
        if hasattr(potential, "energy"):
            if getattr(potential, "dim", grid.dim) != grid.dim:
                raise ArgumentError(f"potential: its dim is {potential.dim} on a grid in {grid.dim} dimensions")
            self._energy, self._gradient = potential.energy, getattr(potential, "gradient", None)
        elif callable(potential):
            self._energy = potential
        self.values = self._asked(grid.points) if self._energy else _array("potential", potential, grid, ())

    def gradient(self, first: np.ndarray, second: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """Gradient halfway from cells `first` to `second`, at `middle` (n, dim), (n, dim): exact or to second order."""
        if self._gradient is not None:
            return _finite("potential", self._gradient(middle), middle, (self.grid.dim,))
        if self._energy is not None:
            steps = np.diag(self.grid.width) / 2
            pairs = [(self.grid.wrapped(middle + step), self.grid.wrapped(middle - step)) for step in steps]
            found = [(self._asked(up) - self._asked(down)) for up, down in pairs]
            return np.stack(found, axis=1) / self.grid.width
        cells = self._cell_gradient()
        return (cells[first] + cells[second]) / 2

    def _asked(self, points: np.ndarray) -> np.ndarray:
        assert self._energy is not None
        return _finite("potential", self._energy(points), points, ())

    def _cell_gradient(self) -> np.ndarray:
        values = self.values.reshape(self.grid.shape)
        return np.stack([self.grid.difference(values, axis).ravel() for axis in range(self.grid.dim)], axis=1)


class Drift:
    """b on a grid, without the part that comes from a potential."""

    def __init__(self, grid: Grid, drift: Any):
        self.grid = grid
        self._function = drift if callable(drift) else None
        self.values = self._asked(grid.points) if callable(drift) else _array("drift", drift, grid, (grid.dim,))
        """(size, dim) at the cells."""

    def between(self, first: np.ndarray, second: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """Drift at `middle` (n, dim), halfway from cells `first` to `second`, (n, dim)."""
        if self._function is None:
            return (self.values[first] + self.values[second]) / 2
        return self._asked(middle)

    def _asked(self, points: np.ndarray) -> np.ndarray:
        assert self._function is not None
        return _finite("drift", self._function(points), points, (self.grid.dim,))


def diffusion_matrices(grid: Grid, diffusion: Any) -> np.ndarray:
    """D at the cells, (size, dim, dim), symmetric and positive definite, from any of the forms in this file.

    One number or one matrix holds everywhere; dim numbers are its diagonal. Cells stand in the order of the points, or
    in the shape of the grid. Raises ArgumentError where D is not symmetric or not positive, naming the cell.
    """
    dim, eye = grid.dim, np.eye(grid.dim)
    if callable(diffusion):
        values = np.asarray(_called("diffusion", diffusion, grid.points), dtype=np.float64)
    else:
        values = _floats("diffusion", diffusion)
    shape = values.shape
    if shape == ():
        values = values * eye
    elif shape == (dim,):
        values = np.diag(values)
    elif shape in ((grid.size,), grid.shape):
        values = values.reshape(-1, 1, 1) * eye
    elif shape in ((grid.size, dim), (*grid.shape, dim)):
        values = values.reshape(-1, dim, 1) * eye
    elif shape == (*grid.shape, dim, dim):
        values = values.reshape(-1, dim, dim)
    if values.shape == (dim, dim):
        values = np.broadcast_to(values, (grid.size, dim, dim))
    if values.shape != (grid.size, dim, dim):
        raise ArgumentError(
            f"diffusion: got shape {shape}; a number, a diagonal ({dim},), a matrix ({dim}, {dim}), or one of these "
            f"for each of the cells {grid.shape} is needed"
        )
    _require_positive(grid, values)
    return values


def _require_positive(grid: Grid, values: np.ndarray) -> None:
    finite = np.isfinite(values).all(axis=(1, 2))
    low, size = np.full(grid.size, np.nan), np.ones(grid.size)
    low[finite] = np.linalg.eigvalsh(values[finite])[:, 0]
    size[finite] = np.abs(values[finite]).max(axis=(1, 2))
    lopsided = np.abs(values - values.transpose(0, 2, 1)).max(axis=(1, 2)) > 1e-12 * size
    if finite.all() and lopsided.any():
        raise ArgumentError(
            f"diffusion: got the matrix {values[lopsided][0].tolist()}; a symmetric one is needed, antisymmetric parts "
            "belong to the drift"
        )
    bad = ~(low > 1e-14 * size)
    if bad.any():
        where = np.array2string(grid.points[bad][0], precision=4)
        raise ArgumentError(
            f"diffusion: got lowest eigenvalue {low[bad][0]:.4g} at {where}; D must be positive definite in every "
            "cell, add a small multiple of the unit matrix where noise is missing"
        )


def _finite(name: str, values: Any, points: np.ndarray, tail: tuple[int, ...]) -> np.ndarray:
    found = np.asarray(values)
    needed = (len(points), *tail)
    if tail == (1,) and found.shape == (len(points),):
        found = found[:, None]
    if found.shape != needed or found.dtype.kind not in "fiu":
        raise ArgumentError(f"{name}: its function gave shape {found.shape}, and {needed} is needed")
    bad = ~np.isfinite(found).reshape(len(points), -1).all(axis=1)
    if bad.any():
        where = np.array2string(points[bad][0], precision=4)
        raise ArgumentError(f"{name}: not finite at {where}; take a smaller box, its walls hold nothing back inside")
    return found.astype(np.float64)


def _called(name: str, function: Callable, points: np.ndarray) -> Any:
    values = np.asarray(function(points))
    if values.dtype.kind not in "fiu":
        raise ArgumentError(f"{name}: its function gave {values.dtype} at {len(points)} points; numbers are needed")
    return values


def _floats(name: str, value: Any) -> np.ndarray:
    try:
        values = np.asarray(value)
        if values.dtype.kind not in "fiu":
            raise TypeError
        return values.astype(np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: got {value!r}; numbers, arrays of them or a function are needed") from None


def _array(name: str, value: Any, grid: Grid, tail: tuple[int, ...]) -> np.ndarray:
    values = _floats(name, value)
    shapes = [(*grid.shape, *tail)] + ([grid.shape] if tail == (1,) else []) + ([(grid.size, *tail)])
    if values.shape not in shapes:
        raise ArgumentError(f"{name}: got shape {values.shape}; a function, or an array {shapes[0]}, is needed")
    return _finite(name, values.reshape(grid.size, *tail), grid.points, tail)
