"""How well something measured on the plane of learning rate and batch size is a function of eta / b alone.

log y = g(log eta + r log b) with a cubic g is fitted by least squares over r too: collapse on eta / b means r = -1.
Errors by the bootstrap over the seeds of each cell, which are independent.
"""

from typing import NamedTuple

import numpy as np

SLOPES = np.linspace(-3.0, 1.0, 161)
"""Values of r that are tried; the best is refined by a parabola through it and its neighbours."""

DEGREE = 3


class Collapse(NamedTuple):
    """What a fit says, each with its standard error where there is one."""

    ratio: float
    """r of the best fit; -1 for a function of eta / b."""
    ratio_error: float
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
    cells: int


def collapse(values: np.ndarray, eta: np.ndarray, batch: np.ndarray, bootstraps: int, seed: int) -> Collapse:
    """Fit to `values` (cells, seeds), NaN where a run has none, at `eta` and `batch` (cells,).

    Cells whose mean is not positive, or that have fewer than two runs, stay out; NaN with fewer than eight left.
    """
    counts = np.isfinite(values).sum(axis=1)
    mean = np.nansum(values, axis=1) / np.maximum(counts, 1)
    kept = (counts >= 2) & (mean > 0)
    if kept.sum() < DEGREE + 5 or len(np.unique(eta[kept])) < 2 or len(np.unique(batch[kept])) < 2:
        return Collapse(*[np.nan] * 10, int(kept.sum()))
    values, a, b = values[kept], np.log(eta[kept]), np.log(batch[kept])
    log, chance = np.log(mean[kept]), _relative_error(values)
    resampled = _resampled(values, bootstraps, seed)
    fits = np.array([(_ratio(y, a, b), *_exponents(y, a, b)) for y in (log, *resampled)])
    error = fits[1:].std(axis=0, ddof=1)
    residuals = [_residual(log, a + r * b) for r in (-1.0, fits[0, 0])]
    pairs = [number for one in zip(fits[0], error, strict=True) for number in one]
    return Collapse(*map(float, (*pairs, *residuals, chance, log.std())), int(kept.sum()))


def _residual(log: np.ndarray, z: np.ndarray) -> float:
    """Root mean square distance to the best cubic of z, corrected for its coefficients."""
    spread = z.std()
    if spread < 1e-12:
        return float(log.std(ddof=1))
    powers = np.vander((z - z.mean()) / spread, DEGREE + 1)
    left = log - powers @ np.linalg.lstsq(powers, log, rcond=None)[0]
    return float(np.sqrt((left**2).sum() / (len(log) - DEGREE - 1)))


def _ratio(log: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    squares = np.array([_residual(log, a + r * b) ** 2 for r in SLOPES])
    k = int(squares.argmin())
    if not 0 < k < len(SLOPES) - 1:
        return float(SLOPES[k])
    left, middle, right = squares[k - 1 : k + 2]
    return float(SLOPES[k] + 0.5 * (SLOPES[1] - SLOPES[0]) * (left - right) / (left - 2 * middle + right))


def _exponents(log: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    found = np.linalg.lstsq(np.stack([np.ones_like(a), a, b], axis=1), log, rcond=None)[0]
    return float(found[1]), float(found[2])


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
