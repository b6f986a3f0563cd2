"""Counts at each distance from a flat histogram with fixed weights, and their errors.

With H(k) visits at weight W(k), ln n(k) = ln H(k) - W(k) - [ln H(0) - W(0)] - beta E(reference): at k = 0 there is the
reference alone. The error is that of H(k) / H(0), from the visits of short blocks and their autocorrelation time.
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
    log_anchor: float
    """-beta E(reference)."""


class FlatCounts(NamedTuple):
    """At every k of the range, (levels,) float64 each; NaN where nothing was met, or where an error is not known."""

    log_count: np.ndarray
    error: np.ndarray
    effective_samples: np.ndarray
    """Independent blocks behind H(k)."""
    tau: np.ndarray
    """tau_int of H(k) / H(0), in blocks."""


def counted(series: FlatSeries) -> FlatCounts:
    """ln n(k) in nats, with one standard error."""
    visits = series.visits.astype(np.float64)
    chains, blocks, levels = visits.shape
    mean = visits.mean(axis=(0, 1))
    met = (mean > 0) & (mean[0] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = visits / mean
        value = np.log(mean) - np.log(mean[0]) - (series.log_weight - series.log_weight[0]) + series.log_anchor
        # To first order a block moves ln [H(k) / H(0)] by this much.
        influence = np.where(met, relative - relative[:, :, :1], 0.0)
        own = np.where(met, relative, 1.0)
    tau = np.asarray(integrated_time(influence, warn=False).tau_int)
    size = chains * blocks
    # All chains share the mean: with few of them the spread between their means adds what a window leaves out.
    variance = influence.var(axis=(0, 1), ddof=1) * np.maximum(2.0 * tau, 1e-3) / size
    effective = size / (2.0 * np.asarray(integrated_time(own, warn=False).tau_int))
    error = np.sqrt(variance)
    error[0] = 0.0
    seen = (visits > 0).sum(axis=(0, 1))
    unknown = ~met | ((seen < 2) & (np.arange(levels) > 0))
    effective[0] = np.inf
    return FlatCounts(
        np.where(met, value, np.nan), np.where(unknown, np.nan, error), np.where(met, effective, 0.0), tau
    )


def halves(series: FlatSeries) -> tuple[FlatCounts, FlatCounts]:
    """The counts of the first and of the second half of the blocks."""
    middle = series.visits.shape[1] // 2
    return counted(series._replace(visits=series.visits[:, :middle])), counted(
        series._replace(visits=series.visits[:, middle:])
    )


def below_hull(log_count: np.ndarray) -> np.ndarray:
    """How far ln n(k) is below its concave hull, (levels,), NaN where not known.

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
    return np.where(np.isfinite(log_count), above - log_count, np.nan)


def _slope(values, first, last):
    return (values[last] - values[first]) / (last - first)
