"""Coordinates in which a trajectory of weights is looked at: the weights themselves, or principal components."""

from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.statistics.series import as_series, positive_integer

MOST_WEIGHTS = 12
"""Up to this many weights are taken as they are, of more as many principal components."""
SINGULAR = 1e-10
"""Directions with a smaller share of the largest variance do not move, to rounding."""
FEWEST_DRAWS = 32


class Coordinates(NamedTuple):
    """A trajectory around its mean."""

    values: np.ndarray
    """(chains, draws, k) float64: coordinates, the mean of all chains and draws taken away."""
    basis: np.ndarray
    """(k, dim) float64: orthonormal directions in the space of weights, the identity for the weights themselves."""
    share: float
    """Share of the weights' total variance that is in these coordinates."""
    principal: bool
    """Whether they are principal components, of largest variance first."""


def coordinates(x: Any, components: int | None = None) -> Coordinates:
    """Coordinates of a trajectory x, (draws, dim) or (chains, draws, dim), all from one stationary law.

    `components` is the number of principal components; None takes the weights themselves up to 12 of them, and of more
    the first 12 components. Raises ArgumentError for another shape, fewer than 32 draws, numbers that are not finite,
    weights that do not move, or more components than directions in which they do.
    """
    values = _values(x)
    chains, draws, dim = values.shape
    away = values - values.mean(axis=(0, 1))
    flat = away.reshape(-1, dim)
    total = float((flat**2).sum())
    if not total > 0:
        raise ArgumentError("x: the weights do not move; record a run with a step size above 0")
    if components is not None and positive_integer(components, "components") > dim:
        raise ArgumentError(f"components: got {components} of {dim} weights; at most {dim} is possible")
    if components is None and dim <= MOST_WEIGHTS and _regular(flat):
        return Coordinates(away, np.eye(dim), 1.0, False)
    basis, variance = _directions(flat)
    moving = int((variance > SINGULAR * variance[0]).sum())
    if components is not None and components > moving:
        raise ArgumentError(f"components: got {components}, and the weights move in {moving} directions only")
    count = min(moving, MOST_WEIGHTS if components is None else components)
    # One large array the less in memory than away @ basis.T of three dimensions.
    kept = (flat @ basis[:count].T).reshape(chains, draws, count)
    return Coordinates(kept, basis[:count], float((kept**2).sum()) / total, True)


def whole_sweeps(interval: float) -> int:
    """Sweeps between two draws, for advice on the length of runs; 1 where the interval is no whole number."""
    return int(interval) if interval >= 1 and float(interval).is_integer() else 1


def _values(x: Any) -> np.ndarray:
    dims = getattr(x, "dims", ())
    if "draw" in dims and "chain" not in dims:
        x = x.transpose("draw", ...)
    array = x if "chain" in dims else np.asarray(x)
    if array.ndim not in (2, 3):
        raise ArgumentError(f"x: got shape {array.shape}; weights (draws, dim) or (chains, draws, dim) are needed")
    values = as_series(array if array.ndim == 3 else array[None], "x", minimum_draws=FEWEST_DRAWS)
    # In one order of memory, whatever the caller's: sums then have the same bits.
    return np.ascontiguousarray(values, dtype=np.float64)


def _regular(flat: np.ndarray) -> bool:
    """Whether all weights move, and no combination of them stands still: each in units of its own size."""
    size = np.sqrt((flat**2).mean(axis=0))
    if not (size > 0).all():
        return False
    scaled = flat / size
    return bool(np.linalg.eigvalsh(scaled.T @ scaled / len(flat))[0] > SINGULAR)


def _directions(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions as rows and variances, largest first, from the smaller of the two Gram matrices."""
    count, dim = flat.shape
    if dim <= count:
        variance, vectors = np.linalg.eigh(flat.T @ flat / count)
        return vectors[:, ::-1].T, variance[::-1]
    variance, vectors = np.linalg.eigh(flat @ flat.T / count)
    variance, vectors = variance[::-1], vectors[:, ::-1]
    size = np.sqrt(np.maximum(count * variance, np.finfo(float).tiny))
    return (vectors.T @ flat) / size[:, None], variance
