"""ln Z ratios of neighbouring temperatures by Bennett's acceptance ratio: no error from the width of the steps.

For samples at beta_a and beta_b the ratio L = ln Z_b - ln Z_a of least variance solves

    <f(x + L)>_a = <f(-x - L)>_b,    x = (beta_b - beta_a) E,  f(x) = 1 / (1 + e^x),

for as many samples at both. It joins two temperatures at a time; `reweighting` joins all at once by MBAR, at more cost.
Bennett 1976, J. Comput. Phys. 22, 245; Shirts, Bair, Hooker & Pande 2003, Phys. Rev. Lett. 91, 140601.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError
from mcmc.statistics.series import as_series

MOST_STEPS = 100
TOLERANCE = 1e-12


class BennettRatios(NamedTuple):
    """Ratios between neighbours, with what their errors need."""

    log_ratio: np.ndarray
    """(betas - 1,) float64: ln Z at each of the betas but the first, minus that before; NaN without any overlap."""
    pull: np.ndarray
    """(chains, draws, betas - 1) float64: how far each draw pulls its ratio; the mean over all draws is 0."""
    overlap: np.ndarray
    """(betas - 1,) float64: 1 where neighbours are alike, 0 where they have no energy in common."""

    def left_out(self, pull: np.ndarray) -> np.ndarray:
        """Ratios when the mean pull is `pull` (..., betas - 1) and not 0, to first order: for a jackknife."""
        return self.log_ratio + pull


def bennett_ratios(betas: ArrayLike, energies: Any) -> BennettRatios:
    """Ratios for ascending `betas` (betas,) from total energies (chains, draws, betas).

    Raises ArgumentError for betas that do not ascend, or series of another shape.
    """
    beta, series = np.asarray(betas, dtype=np.float64), as_series(energies, "energies")
    if beta.ndim != 1 or beta.size < 2 or not (np.diff(beta) > 0).all():
        raise ArgumentError(f"betas: got {betas!r}; two or more numbers in ascending order are needed")
    if series.ndim != 3 or series.shape[2] != beta.size:
        raise ArgumentError(f"energies: got shape {series.shape}; (chains, draws, {beta.size}) is needed")
    width = np.diff(beta)
    return ratios_of_work(width * series[:, :, :-1], width * series[:, :, 1:])


def ratios_of_work(hot: np.ndarray, cold: np.ndarray) -> BennettRatios:
    """Ratios ln Z_b - ln Z_a from the work of any switch, the exponent of b minus that of a, (chains, draws, steps).

    `hot` is that of draws at a, `cold` that of draws at b. Where a map takes one law towards the other, the work is
    that at the mapped point (Meng & Schilling 2002, J. Comput. Graph. Stat. 11, 552; Jarzynski 2002, cond-mat/0109461).
    """
    ratio = -0.5 * (hot.mean(axis=(0, 1)) + cold.mean(axis=(0, 1)))
    for _ in range(MOST_STEPS):
        excess, slope = _excess(hot, cold, ratio)
        # Where the means are far apart the slope vanishes and Newton's step would leap.
        step = np.clip(excess.mean(axis=(0, 1)) / np.maximum(slope, 1e-300), -1.0, 1.0)
        ratio = ratio + step
        if (np.abs(step) <= TOLERANCE * (1.0 + np.abs(ratio))).all():
            break
    excess, slope = _excess(hot, cold, ratio)
    # Less than one draw in common: the ratio is then left to rounding.
    known = slope * hot.shape[0] * hot.shape[1] >= 1.0
    pull = np.divide(excess, slope, out=np.zeros_like(excess), where=known)
    return BennettRatios(np.where(known, ratio, np.nan), pull, 2.0 * slope)


def _excess(hot: np.ndarray, cold: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(x + L) of the hot draws minus f(-x - L) of the cold ones, and minus the derivative of its mean."""
    taken, given = _fermi(hot + ratio), _fermi(-cold - ratio)
    slope = (taken * (1.0 - taken)).mean(axis=(0, 1)) + (given * (1.0 - given)).mean(axis=(0, 1))
    return taken - given, slope


def _fermi(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 - np.tanh(0.5 * x))
