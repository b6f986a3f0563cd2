"""Do the chains agree: rank-normalised split R-hat and bulk effective sample size.

Vehtari, Gelman, Simpson, Carpenter & Buerkner 2021, Bayesian Analysis 16, 667 (arXiv:1903.08008). The only
file that knows arviz-stats, whose public names move between releases.
"""

from typing import Any

import numpy as np

from mcmc.statistics.series import as_series

AGREEMENT = 1.01
"""Chains whose R-hat is above this have not forgotten where they started (Vehtari et al. 2021, section 4)."""


def r_hat(series: Any) -> np.ndarray:
    """Rank-normalised split R-hat, the larger of bulk and folded, (*dims) float64, of series (chains, draws,
    *dims).

    1 when all chains agree; above 1.01 they do not. One chain is judged by its two halves. A series constant
    over all chains has 1, and chains each stuck at its own value have infinity. Raises ArgumentError below 8
    draws.
    """
    values = as_series(series, minimum_draws=8)
    if len(values) == 1:
        half = values.shape[1] // 2
        values = np.concatenate([values[:, :half], values[:, -half:]])
    stuck = (np.ptp(values, axis=1) == 0).all(axis=0) & (np.ptp(values, axis=(0, 1)) > 0)
    return np.where(stuck, np.inf, _each(values, "rhat", "rank", 1.0))[()]


def ess(series: Any) -> np.ndarray:
    """Bulk effective sample size of all chains together, (*dims) float64, of series (chains, draws, *dims).

    Rank-normalised, chains split in halves, Geyer's initial monotone sequence. A series constant over all
    chains counts every draw. Raises ArgumentError below 8 draws.
    """
    values = as_series(series, minimum_draws=8)
    return _each(values, "ess", "bulk", float(values.shape[0] * values.shape[1]))


def _each(values: np.ndarray, diagnostic: str, method: str, constant: float) -> np.ndarray:
    from arviz_stats.base import array_stats

    flat = np.ptp(values, axis=(0, 1)) == 0
    columns = np.moveaxis(values.astype(np.float64), (0, 1), (-2, -1))
    # Chains that never move divide by a variance of zero: the caller answers for them.
    with np.errstate(divide="ignore", invalid="ignore"):
        result = getattr(array_stats, diagnostic)(columns, chain_axis=-2, draw_axis=-1, method=method)
    return np.where(flat, constant, result)[()]
