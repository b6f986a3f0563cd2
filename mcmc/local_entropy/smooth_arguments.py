"""What the estimators on smooth landscapes take: each checked once, with a sentence that says what is needed."""

import math
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SmoothLandscape


def checked_landscape(landscape: Any) -> SmoothLandscape:
    """`landscape` itself. Raises ArgumentError unless it has `dim`, `data_size`, `energy` and `gradient`."""
    if not isinstance(landscape, SmoothLandscape):
        missing = [name for name in ("dim", "data_size", "energy", "gradient") if not hasattr(landscape, name)]
        raise ArgumentError(
            f"landscape: got {type(landscape).__name__} without {', '.join(missing)}; a smooth landscape is needed"
        )
    dim = landscape.dim
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or dim < 1:
        raise ArgumentError(f"landscape: its dim is {dim!r}; a whole number from 1 is needed")
    return landscape


def checked_point(reference: Any, dim: int) -> np.ndarray:
    """`reference` as a copy (dim,) float64. Raises ArgumentError for another shape, or numbers that are not finite.

    In one dimension a bare number is taken too.
    """
    values = _floats("reference", reference, f"an array of {dim} finite numbers is needed")
    if values.ndim == 0 and dim == 1:
        values = values.reshape(1)
    if values.shape != (dim,):
        raise ArgumentError(f"reference: got shape {values.shape}; one point of the landscape, ({dim},), is needed")
    if not np.isfinite(values).all():
        place = int(np.argmin(np.isfinite(values)))
        raise ArgumentError(f"reference: got {values[place]} at coordinate {place}; finite numbers are needed")
    return values


def checked_scales(scale: Any, *, distinct: bool = True) -> np.ndarray:
    """Scales t as an array (points,) float64. Raises ArgumentError unless all are above 0, finite and `distinct`."""
    values = np.atleast_1d(_floats("scale", scale, "one or more finite numbers above 0 are needed"))
    if values.ndim != 1 or not values.size:
        raise ArgumentError(f"scale: got shape {values.shape}; one or more finite numbers above 0 are needed")
    bad = values[~(np.isfinite(values) & (values > 0))]
    if bad.size:
        raise ArgumentError(f"scale: got {bad[0]}; the scale t of the smoothing is finite and above 0")
    if distinct and np.unique(values).size < values.size:
        different, count = np.unique(values, return_counts=True)
        raise ArgumentError(f"scale: got {different[count > 1][0]:g} more than once; every scale is needed once")
    return values


def checked_positive(name: str, value: Any, *, zero: bool = False) -> float:
    """`value` as a float. Raises ArgumentError unless it is finite and above 0, or 0 with `zero`."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        reach = "of at least 0" if zero else "above 0"
        raise ArgumentError(f"{name}: got {value!r}; a finite number {reach} is needed")
    return float(value)


def checked_choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """`value` when it is one of the names. Raises ArgumentError naming the option."""
    if value not in known:
        raise ArgumentError(f"{name}: got {value!r}; one of {', '.join(known)} is needed")
    return value


def energies(landscape: SmoothLandscape, x: np.ndarray) -> np.ndarray:
    """Energies of x (chains, dim), (chains,) float64; +inf, a wall, is allowed.

    Raises LandscapeError for another shape, NaN or -inf.
    """
    found = np.asarray(landscape.energy(x), dtype=np.float64)
    if found.shape != x.shape[:1]:
        raise LandscapeError(f"energy: got shape {found.shape} for x {x.shape}; one number a chain is needed")
    bad = np.isnan(found) | np.isneginf(found)
    if bad.any():
        raise LandscapeError(f"energy: got {found[bad][0]} at x = {_shown(x[bad][0])}; a number or +inf is needed")
    return found


def gradients(landscape: SmoothLandscape, x: np.ndarray) -> np.ndarray:
    """Gradients at x (chains, dim), of the same shape, float64. Raises LandscapeError for another shape, inf or NaN."""
    found = np.asarray(landscape.gradient(x), dtype=np.float64)
    if found.shape != x.shape:
        raise LandscapeError(f"gradient: got shape {found.shape} for x {x.shape}; the same shape is needed")
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        raise LandscapeError(f"gradient: not finite at x = {_shown(x[~finite][0])}; finite numbers are needed there")
    return found


def _floats(name: str, value: Any, needed: str) -> np.ndarray:
    try:
        values = np.asarray(value)
        if values.dtype.kind not in "fiu":
            raise TypeError
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: got {value!r}; {needed}") from None


def _shown(point: np.ndarray) -> str:
    return np.array2string(point[:3], precision=6)[:-1] + (" ...]" if point.size > 3 else "]")
