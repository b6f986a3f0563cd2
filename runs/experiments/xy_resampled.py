"""Numbers of several independent runs with one bin of one run left out at a time, through any later analysis.

Runs of different sizes share no random numbers, so the variance of whatever is computed from all of them is the sum
of the jackknife variances run by run.

Efron 1982, "The Jackknife, the Bootstrap and Other Resampling Plans", chapter 3.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mcmc.statistics.jackknife import Estimate, Replicates


class Resampled(NamedTuple):
    """Values from all data, and with one bin left out."""

    full: np.ndarray
    """(*out) float64."""
    left_out: np.ndarray
    """(rows, *out) float64."""
    run: np.ndarray
    """(rows,) int64: the independent run whose bin is left out in each row."""

    @property
    def rows(self) -> np.ndarray:
        """(1 + rows, *out) float64: the full values first."""
        return np.concatenate([self.full[None], self.left_out])

    def apply(self, function: Callable[[np.ndarray], np.ndarray]) -> "Resampled":
        """`function` of the values, called once with all rows (1 + rows, *out) on the first axis."""
        found = np.asarray(function(self.rows), dtype=np.float64)
        return Resampled(found[0], found[1:], self.run)

    def covariance(self) -> np.ndarray:
        """Covariance of the flattened values, (size, size) float64."""
        size = self.full.size
        total = np.zeros((size, size))
        for run in np.unique(self.run):
            rows = self.left_out[self.run == run].reshape(-1, size)
            deviation = rows - rows.mean(axis=0)
            total += (len(rows) - 1) / len(rows) * (deviation.T @ deviation)
        return total

    def error(self) -> np.ndarray:
        """One standard error of each value, (*out) float64."""
        total = np.zeros(self.full.shape)
        for run in np.unique(self.run):
            rows = self.left_out[self.run == run]
            total += (len(rows) - 1) / len(rows) * ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
        return np.sqrt(total)

    def estimate(self) -> Estimate:
        """Value and error; the bias of order 1/bins is left in, being far below the error."""
        return Estimate(self.full, self.error())


def one_run(found: Replicates) -> Resampled:
    """The jackknife of a single run."""
    return Resampled(found.full, found.left_out, np.zeros(len(found.left_out), np.int64))


def joined(parts: Sequence[Resampled]) -> Resampled:
    """Independent parts side by side, on the first axis of their values."""
    full = np.concatenate([part.full for part in parts])
    left_out = np.tile(full, (sum(len(part.left_out) for part in parts), *(1,) * full.ndim))
    runs = []
    row = place = run = 0
    for part in parts:
        last_row, last_place = row + len(part.left_out), place + len(part.full)
        left_out[row:last_row, place:last_place] = part.left_out
        runs.append(part.run + run)
        row, place, run = last_row, last_place, run + int(part.run.max(initial=-1)) + 1
    return Resampled(full, left_out, np.concatenate(runs))
