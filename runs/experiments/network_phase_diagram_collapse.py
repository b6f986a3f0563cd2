"""How well something measured on the plane of learning rate and batch size is a function of eta / b alone.

log y = g(log eta + r log b) with a cubic g is fitted by least squares over r too: collapse on eta / b means r = -1.
Errors by the bootstrap over the seeds of each cell, which are independent; that of r is not known where the bootstrap
runs into the ends of the values that are tried.
"""

from typing import NamedTuple

import numpy as np

SLOPES = np.linspace(-3.0, 1.0, 161)
"""Values of r that are tried; the best is refined by a parabola through it and its neighbours."""

DEGREE = 3

FEW = 0.01
"""Share of bootstraps at an end of SLOPES up to which their spread is the error of r."""


class Collapse(NamedTuple):
    """What a fit says, each with its standard error where there is one."""

    ratio: float
    """r of the best fit; -1 for a function of eta / b."""
    ratio_error: float
    """NaN where `at_end` is more than FEW."""
    step_exponent: float
    """p of the power law log y = c + p log eta + q log b."""
    step_exponent_error: float
    batch_exponent: float
    batch_exponent_error: float
    at_theory: float
    """Root mean square of what is left of log y by the best curve of eta / b, r = -1."""
    at_best: float
    """The same for the best r."""
    by_chance: float
    """Root mean square standard error of log y from the spread of seeds: what must be left."""
    range: float
    """Standard deviation of log y over the plane: nothing is to collapse where it is no more than chance."""
    at_end: float
    """Share of the bootstraps whose best r is an end of SLOPES."""
    cells: int


def collapse(values: np.ndarray, eta: np.ndarray, batch: np.ndarray, bootstraps: int, seed: int) -> Collapse:
    """Fit to `values` (cells, seeds), NaN where a run has none, at `eta` and `batch` (cells,).

    Cells whose mean is not positive, or that have fewer than two runs, stay out; NaN with fewer than eight left.
    """
    counts = np.isfinite(values).sum(axis=1)
    mean = np.nansum(values, axis=1) / np.maximum(counts, 1)
    kept = (counts >= 2) & (mean > 0)
    if kept.sum() < DEGREE + 5 or len(np.unique(eta[kept])) < 2 or len(np.unique(batch[kept])) < 2:
        return Collapse._make([*[np.nan] * 11, int(kept.sum())])
    values, a, b = values[kept], np.log(eta[kept]), np.log(batch[kept])
    log, chance = np.log(mean[kept]), _relative_error(values)
    resampled = _resampled(values, bootstraps, seed)
    every = np.stack([log, *resampled], axis=1)
    fits = np.column_stack([_ratios(every, a, b), *_exponents(every, a, b)])
    error = fits[1:].std(axis=0, ddof=1)
    at_end = np.isin(fits[1:, 0], SLOPES[[0, -1]]).mean()
    if at_end > FEW:
        error[0] = np.nan
    residuals = [_residuals(log[:, None], a + r * b)[0] for r in (-1.0, fits[0, 0])]
    pairs = [number for one in zip(fits[0], error, strict=True) for number in one]
    return Collapse._make([*map(float, (*pairs, *residuals, chance, log.std(), at_end)), int(kept.sum())])


def _residuals(log: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Root mean square distances of (cells, fits) to the best cubics of z (cells,), corrected for coefficients."""
    spread = z.std()
    degree = DEGREE if spread > 1e-12 else 0
    powers = np.vander((z - z.mean()) / (spread if degree else 1.0), degree + 1)
    left = log - powers @ np.linalg.lstsq(powers, log, rcond=None)[0]
    return np.sqrt((left**2).sum(axis=0) / (len(log) - degree - 1))


def _ratios(log: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The best r of each column of (cells, fits)."""
    squares = np.array([_residuals(log, a + r * b) ** 2 for r in SLOPES])
    best = squares.argmin(axis=0)
    inside = np.clip(best, 1, len(SLOPES) - 2)
    left, middle, right = (np.take_along_axis(squares, (inside + k)[None], axis=0)[0] for k in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    shift = np.where((best == inside) & (bend > 0), 0.5 * (left - right) / np.where(bend > 0, bend, 1.0), 0.0)
    return SLOPES[best] + (SLOPES[1] - SLOPES[0]) * shift


def _exponents(log: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = np.linalg.lstsq(np.stack([np.ones_like(a), a, b], axis=1), log, rcond=None)[0]
    return found[1], found[2]


def _relative_error(values: np.ndarray) -> float:
    counts = np.isfinite(values).sum(axis=1)
    error = np.nanstd(values, axis=1, ddof=1) / np.sqrt(counts) / np.nanmean(values, axis=1)
    return float(np.sqrt((error**2).mean()))


def _resampled(values: np.ndarray, bootstraps: int, seed: int) -> list[np.ndarray]:
    """Logarithms of means (cells,) of seeds drawn anew within each cell.

    Deviations from the mean are widened by sqrt(n / (n - 1)): those of a resampled mean of n are too small by that.
    """
    from mcmc.random import Stream, uniforms

    found = []
    counts = np.isfinite(values).sum(axis=1)
    ordered = np.take_along_axis(values, np.argsort(~np.isfinite(values), axis=1, kind="stable"), axis=1)
    mean = np.nanmean(values, axis=1)
    cells, seeds = np.arange(len(values))[:, None], np.arange(values.shape[1])[None, :]
    for number in range(bootstraps):
        drawn = uniforms(seed, Stream.BOOTSTRAP, cells, number, seeds)[..., 0]
        picked = np.take_along_axis(
            ordered, np.minimum((drawn * counts[:, None]).astype(np.int64), counts[:, None] - 1), 1
        )
        used = np.where(seeds < counts[:, None], picked, 0.0).sum(axis=1) / counts
        again = mean + np.sqrt(counts / (counts - 1)) * (used - mean)
        found.append(np.log(np.maximum(again, 1e-3 * mean)))
    return found
