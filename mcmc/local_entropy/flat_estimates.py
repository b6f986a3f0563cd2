"""Counts at each distance from a flat histogram with fixed weights, and their errors.

With H(k) visits at weight W(k), ln n(k) = ln H(k) - W(k) - ln A + ln sum_j n(j) exp(W(j)), where j runs over the k at
which n is known, 0 and where possible 1, and A counts the visits of all of them. The error is that of H(k) / A, from
the visits of short blocks and their autocorrelation time.
"""

from typing import NamedTuple

import numpy as np

from mcmc.statistics.autocorrelation import integrated_time


class FlatSeries(NamedTuple):
    """What the target temperature saw after the weights were fixed."""

    visits: np.ndarray
    """(chains, blocks, levels) int64."""
    log_weight: np.ndarray
    """(levels,) float64."""
    log_known: np.ndarray
    """(known,) float64: ln n(k) of the first k."""
    rounding: np.ndarray
    """(known,) float64: error of it."""


class FlatCounts(NamedTuple):
    """At every k of the range, (levels,) float64 each; NaN where nothing was met, or where an error is not known."""

    log_count: np.ndarray
    error: np.ndarray
    effective_samples: np.ndarray
    """Independent blocks behind H(k)."""
    tau: np.ndarray
    """tau_int of H(k) / A, in blocks."""


def counted(series: FlatSeries) -> FlatCounts:
    """ln n(k) in nats, with one standard error."""
    visits = series.visits.astype(np.float64)
    known, size = series.log_known.size, visits.shape[0] * visits.shape[1]
    mean, anchor = visits.mean(axis=(0, 1)), visits[:, :, :known].sum(axis=2, keepdims=True)
    met = (mean > 0) & (anchor.mean() > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = visits / mean
        value = np.log(mean) - series.log_weight - np.log(anchor.mean()) + _log_law(series)
        # To first order a block moves ln [H(k) / A] by this much.
        influence = np.where(met, relative - anchor / anchor.mean(), 0.0)
        own = np.where(met, relative, 1.0)
    tau = np.asarray(integrated_time(influence, warn=False).tau_int)
    # All chains share the mean: with few of them the spread between their means adds what a window leaves out.
    error = np.sqrt(influence.var(axis=(0, 1), ddof=1) * np.maximum(2.0 * tau, 1e-3) / size)
    effective = size / (2.0 * np.asarray(integrated_time(own, warn=False).tau_int))
    found = FlatCounts(
        np.where(met, value, np.nan),
        np.where(met & ((visits > 0).sum(axis=(0, 1)) >= 2), error, np.nan),
        np.where(met, effective, 0.0),
        tau,
    )
    for array, exact in zip(found, (series.log_known, series.rounding, np.inf, 0.5), strict=True):
        array[:known] = exact
    return found


def _log_law(series: FlatSeries) -> float:
    """ln sum_k n(k) exp(W(k)) over the k where n is known."""
    return float(np.logaddexp.reduce(series.log_known + series.log_weight[: series.log_known.size]))


def halves(series: FlatSeries) -> tuple[FlatCounts, FlatCounts]:
    """The counts of the first and of the second half of the blocks."""
    middle = series.visits.shape[1] // 2
    return counted(series._replace(visits=series.visits[:, :middle])), counted(
        series._replace(visits=series.visits[:, middle:])
    )


def below_hull(log_count: np.ndarray) -> np.ndarray:
    """How far ln n(k) is below its concave hull, (levels,), NaN where not known, infinity where n(k) = 0.

    Where it is above 0 no coupling makes k typical: a field toward the reference passes over those distances.
    """
    known = np.flatnonzero(np.isfinite(log_count))
    hull: list[int] = []
    for k in known:
        while len(hull) > 1 and _slope(log_count, hull[-1], k) >= _slope(log_count, hull[-2], hull[-1]):
            hull.pop()
        hull.append(int(k))
    if not hull:
        return np.full(log_count.shape, np.nan)
    above = np.interp(np.arange(log_count.size), hull, log_count[hull])
    return np.where(np.isfinite(log_count) | np.isneginf(log_count), above - log_count, np.nan)


def _slope(values, first, last):
    return (values[last] - values[first]) / (last - first)
