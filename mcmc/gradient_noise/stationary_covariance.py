"""Covariance of the weights along a run, with errors, beside what Lyapunov's equation predicts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.stationary_law import StationaryLaw
from mcmc.memory import require_memory
from mcmc.statistics.jackknife import replicates


@dataclass(frozen=True)
class MeasuredCovariance:
    """Covariance of k coordinates over all chains and draws; matrices are (k, k) float64."""

    value: np.ndarray
    error: np.ndarray
    """One standard error of each element, autocorrelation included."""
    discrete: np.ndarray | None
    """Prediction for the steps as they are taken; None without a law."""
    continuous: np.ndarray | None
    """Prediction in continuous time; None without a law."""

    def z_scores(self, *, discrete: bool = True) -> np.ndarray:
        """(measured - predicted) / error, (k, k); NaN where weights never moved. Raises ArgumentError without a law."""
        predicted = self.discrete if discrete else self.continuous
        if predicted is None:
            raise ArgumentError("law: none was given to `measured_covariance`; give one to compare with")
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.error > 0, (self.value - predicted) / self.error, np.nan)


def measured_covariance(
    trajectory: Any, *, law: StationaryLaw | None = None, subspace: Any = None, length: int | None = None
) -> MeasuredCovariance:
    """Covariance of the weights of a run, (draws, dim) or (chains, draws, dim), at rest from its first draw on.

    `subspace` (k, dim) has directions along which it is taken; None takes each weight. Errors by jackknife over bins of
    `length` draws, by default long against the autocorrelation time of the slowest product; chains share one mean. What
    the chains' common mean takes from the variance is put back to first order in 1 / bins. The law is exact for steps
    on a quadratic whose samples share one Hessian, with batches independent of each other (not for "epoch", whose
    batches of one epoch are anticorrelated); elsewhere it is an expansion to compare with. Raises ArgumentError for
    other shapes or numbers that are not finite.
    """
    draws = np.asarray(trajectory)
    draws = draws[None] if draws.ndim == 2 else draws
    if draws.ndim != 3 or draws.dtype.kind not in "fiu" or draws.shape[0] * draws.shape[1] < 4:
        raise ArgumentError(
            f"trajectory: got shape {np.shape(trajectory)} of {draws.dtype}; numbers (draws, dim) or (chains, draws, "
            "dim), 4 draws or more, are needed"
        )
    if subspace is not None:
        rows = np.atleast_2d(np.asarray(subspace, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != draws.shape[2]:
            raise ArgumentError(f"subspace: got shape {rows.shape}; directions (k, {draws.shape[2]}) are needed")
        draws = draws @ rows.T
    if not np.isfinite(draws).all():
        raise ArgumentError("trajectory: some weights are not finite; take a smaller step size")
    count = draws.shape[2]
    require_memory(32.0 * draws.shape[0] * draws.shape[1] * count**2, "products of weights", "give a smaller subspace")
    # Around the mean of all, so that the function of means below loses no digits.
    away = draws.astype(np.float64) - draws.mean(axis=(0, 1), dtype=np.float64)
    products = away[..., :, None] * away[..., None, :]

    def covariance(mean, square):
        return square - mean[..., :, None] * mean[..., None, :]

    found = replicates(covariance, [away, products], length=length, vectorized=True).estimate()
    predicted = (None, None) if law is None else _predicted(law, subspace, count)
    return MeasuredCovariance(found.value, found.error, *predicted)


def _predicted(law: StationaryLaw, subspace: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    if subspace is not None:
        return law.within(subspace), law.within(subspace, discrete=False)
    if len(law.discrete) != count:
        raise ArgumentError(f"law: is one of {len(law.discrete)} weights, and the trajectory has {count}")
    return law.discrete, law.continuous
