"""Where a probability that falls along an axis goes through one half, from counts of successes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.random import Stream, uniforms

REPLICATES = 400


class Threshold(NamedTuple):
    """A place on the axis with one standard error; NaN where success stays above, or below, one half."""

    value: float
    error: float


def success_threshold(x: ArrayLike, successes: ArrayLike, trials: ArrayLike, seed: int = 0) -> Threshold:
    """Where the falling curve through successes/trials at ascending `x`, each (places,), is one half.

    The curve is the isotonic regression, straight between places. The error is the spread of its crossing when each
    probability is drawn from its law given the counts (Jeffreys prior), and what the curve may do between the two
    places around it: their distance over sqrt(12), times its fall there. `seed` of the draws.
    """
    from scipy.special import betaincinv

    place, k, n = (np.asarray(values, dtype=np.float64) for values in (x, successes, trials))
    value = _crossing(place, _falling(k / n, n))
    if not np.isfinite(value):
        return Threshold(np.nan, np.nan)
    drawn = uniforms(seed, Stream.BOOTSTRAP, np.arange(place.size), np.arange(REPLICATES)[:, None], 0)[..., 0]
    curves = betaincinv(k + 0.5, n - k + 0.5, drawn)
    crossings = np.array([_crossing(place, _falling(curve, n)) for curve in curves])
    # Curves that end above or below one half cross somewhere beyond the axis: its end is the least they differ by.
    ends = np.where(curves[:, -1] > 0.5, place[-1], place[0])
    crossings = np.where(np.isfinite(crossings), crossings, ends)
    spread = float(np.sqrt(np.mean((crossings - value) ** 2)))
    return Threshold(value, float(np.hypot(spread, _between(place, _falling(k / n, n)))))


def _falling(share: np.ndarray, weight: np.ndarray) -> np.ndarray:
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(share, weights=weight, increasing=False).x)


def _crossing(x: np.ndarray, curve: np.ndarray) -> float:
    above, below = np.flatnonzero(curve >= 0.5), np.flatnonzero(curve <= 0.5)
    if not above.size or not below.size:
        return float("nan")
    a, b = above[-1], below[0]
    if curve[a] == curve[b]:
        # Exactly one half on a stretch, whose ends are b and a.
        return float(0.5 * (x[a] + x[b]))
    return float(x[a] + (curve[a] - 0.5) / (curve[a] - curve[b]) * (x[b] - x[a]))


def _between(x: np.ndarray, curve: np.ndarray) -> float:
    above, below = np.flatnonzero(curve >= 0.5)[-1], np.flatnonzero(curve <= 0.5)[0]
    return float(abs(x[below] - x[above]) / np.sqrt(12.0) * abs(curve[above] - curve[below]))
