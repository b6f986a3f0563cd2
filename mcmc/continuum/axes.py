"""Functions on regular grids of one or two dimensions, as the solvers on grids take them.

`axes` is an array (n,) of equally spaced coordinates, a tuple of one or two such arrays, or a Grid, whose centres are
taken; values have the shape of the grid, axis 0 first.
"""

import math
from typing import Any

import numpy as np

from mcmc.continuum.grid import Grid
from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape

FEWEST = 4
"""Nodes a side below which no derivative means anything."""
UNEVEN = 1e-6
"""Share of the spacing by which nodes may be off."""


def checked_axes(axes: Any, *, periodic: bool = False) -> tuple[np.ndarray, ...]:
    """The coordinates along each axis, one or two (n,) float64.

    Raises ArgumentError unless each is increasing, equally spaced, and of 4 nodes or more, and for a Grid that is
    periodic along any of them unless `periodic`.
    """
    if isinstance(axes, Grid):
        if any(axes.periodic) and not periodic:
            raise ArgumentError("axes: got a Grid with periodic sides; periodic grids are not taken here")
        axes = axes.centres
    given = axes if isinstance(axes, (tuple, list)) and np.ndim(axes[0] if len(axes) else 0) == 1 else (axes,)
    if not 1 <= len(given) <= 2:
        raise ArgumentError(f"axes: got {len(given)}; one or two arrays of coordinates are needed")
    return tuple(_checked_axis(axis, k) for k, axis in enumerate(given))


def _checked_axis(axis, k):
    values = np.array(numbers(axis))
    if values.ndim != 1 or values.size < FEWEST or not np.isfinite(values).all():
        raise ArgumentError(
            f"axes: axis {k} has shape {values.shape}; at least {FEWEST} finite coordinates, (n,), are needed"
        )
    steps, spacing = np.diff(values), (values[-1] - values[0]) / (values.size - 1)
    if spacing <= 0 or (np.abs(steps - spacing) > UNEVEN * spacing).any():
        raise ArgumentError(
            f"axes: axis {k} has steps from {steps.min():.6g} to {steps.max():.6g}; equal steps above 0 are needed, "
            "np.linspace gives them"
        )
    return values


def spacings(axes: tuple[np.ndarray, ...]) -> tuple[float, ...]:
    """Step of each axis."""
    return tuple(float((axis[-1] - axis[0]) / (axis.size - 1)) for axis in axes)


def nodes(axes: tuple[np.ndarray, ...]) -> np.ndarray:
    """Coordinates of all nodes, (nodes, dim)."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def checked_values(name: str, values: Any, axes: tuple[np.ndarray, ...], *, walls: bool = False) -> np.ndarray:
    """`values` on the grid, float64, from an array of its shape or a SmoothLandscape of its dimension.

    Raises ArgumentError for another shape, NaN, or infinities, of which +inf is allowed with `walls`.
    """
    shape = tuple(axis.size for axis in axes)
    if isinstance(values, SmoothLandscape):
        if values.dim != len(axes):
            raise ArgumentError(f"{name}: got a landscape of {values.dim} dimensions; the grid has {len(axes)}")
        values = values.energy(nodes(axes)).reshape(shape)
    found = np.array(numbers(values))
    if found.ndim == 0 and np.isnan(found):
        raise ArgumentError(f"{name}: got {type(values).__name__}; real numbers of shape {shape} are needed")
    if found.shape != shape:
        raise ArgumentError(f"{name}: got shape {found.shape}; the axes give {shape}")
    bad = np.isnan(found) | np.isneginf(found) if walls else ~np.isfinite(found)
    if bad.any() or not np.isfinite(found).any():
        raise ArgumentError(f"{name}: {int(bad.sum()) or 'all'} values are not finite; finite ones are needed")
    return found


def checked_density(
    name: str, density: Any, axes: tuple[np.ndarray, ...], *, edge: float | None = 1e-6, mass: float = 1e-3
) -> np.ndarray:
    """A density on the grid, which sums to 1 over its cells of equal size to `mass`; what is left is divided out.

    With `edge`, nodes on the boundary may together hold no more than that share. Raises ArgumentError for negative
    values, for another mass, and for densities that touch the boundary.
    """
    found = checked_values(name, density, axes)
    if found.min() < 0:
        raise ArgumentError(f"{name}: got {found.min():.3g} at its lowest; densities are 0 or above")
    cell = math.prod(spacings(axes))
    total = float(found.sum() * cell)
    if abs(total - 1) > mass:
        raise ArgumentError(f"{name}: got a mass of {total:.6g} over the grid; 1 is needed, divide by the mass")
    share = edge_share(found)
    if edge is not None and share > edge:
        raise ArgumentError(f"{name}: {share:.3g} of it lies on the boundary; at most {edge:g} may, take a wider grid")
    return found / total


def edge_share(density: np.ndarray) -> float:
    """Share of a density, of any normalisation, on the nodes of the boundary."""
    inner = density[tuple([slice(1, -1)] * density.ndim)].sum()
    return float(1 - inner / density.sum())


def checked_landscape(landscape: Any) -> SmoothLandscape:
    """`landscape` as it is. Raises ArgumentError unless a SmoothLandscape."""
    if not isinstance(landscape, SmoothLandscape):
        raise ArgumentError(f"landscape: got {type(landscape).__name__}; one with dim, energy and gradient is needed")
    return landscape


def numbers(values: Any) -> np.ndarray:
    """As float64; NaN of shape () for what is no array of numbers."""
    try:
        return np.array(np.nan) if np.iscomplexobj(values) else np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def checked_points(name: str, points: Any, dim: int) -> np.ndarray:
    """Points (points, dim) float64. Raises ArgumentError for another shape and for what is not finite."""
    found = numbers(points)
    if found.ndim != 2 or found.shape[1] != dim:
        raise ArgumentError(f"{name}: got shape {found.shape}; (points, {dim}) is needed")
    if not np.isfinite(found).all():
        raise ArgumentError(f"{name}: {int((~np.isfinite(found)).any(axis=1).sum())} points are not finite")
    return found


def checked_beta(beta: Any, *, infinite: bool = False) -> float:
    """`beta` as a float. Raises ArgumentError unless above 0, and finite unless `infinite`."""
    number = isinstance(beta, (int, float, np.integer, np.floating)) and not isinstance(beta, bool)
    if not number or not beta > 0 or (math.isinf(beta) and not infinite):
        reach = "above 0" if infinite else "above 0 and finite"
        raise ArgumentError(f"beta: got {beta!r}; an inverse temperature {reach} is needed")
    return float(beta)


def checked_number(name: str, value: Any) -> float:
    """`value` as a float. Raises ArgumentError unless finite and above 0."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise ArgumentError(f"{name}: got {value!r}; a finite number above 0 is needed")
    return float(value)


def checked_count(name: str, value: Any) -> int:
    """`value` as an int. Raises ArgumentError unless a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from 1 is needed")
    return int(value)
