"""ln Z(beta) from mean energies: ln Z(beta) - ln Z(beta_0) = -int <E> dbeta, since d ln Z / d beta = -<E>.

The slope of the mean energy is known as well, d<E>/dbeta = -Var(E): each step uses both ends and both slopes (the
trapezoidal rule with the first term of the Euler-Maclaurin formula, exact for cubics), with an error of fifth order in
the step.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError


def log_z_differences(betas: ArrayLike, energy: ArrayLike, variance: ArrayLike | None = None) -> np.ndarray:
    """ln Z(beta) - ln Z(beta[0]) at each of `betas` (points,), ascending; float64 of the shape of `energy`.

    `energy` and `variance` (..., points) are mean and variance of the total energy; leading axes, such as jackknife
    bins, are kept. Without `variance` the rule is the plain trapezoidal one. Raises ArgumentError for fewer than two
    betas, betas that do not ascend, or other shapes.
    """
    beta, mean = _checked(betas, energy)
    steps = np.diff(beta)
    area = 0.5 * steps * (mean[..., 1:] + mean[..., :-1])
    if variance is not None:
        spread = np.asarray(variance, dtype=np.float64)
        if spread.shape != mean.shape:
            raise ArgumentError(f"variance: got shape {spread.shape}; that of the energies, {mean.shape}, is needed")
        area = area + steps**2 / 12.0 * (spread[..., 1:] - spread[..., :-1])
    total = np.cumsum(area, axis=-1)
    return -np.concatenate([np.zeros((*mean.shape[:-1], 1)), total], axis=-1)


def integration_error(betas: ArrayLike, energy: ArrayLike, variance: ArrayLike) -> np.ndarray:
    """Estimated absolute error of `log_z_differences` by its rule, (..., points) float64: that of too wide steps.

    Steps twice as wide have 16 times the error, so the difference of the two is 15 times what is asked for. It is
    taken at every second point, and at those between as the larger of its neighbours. Noise of the means enters as
    well: the estimate is rather too large than too small. Raises ArgumentError as `log_z_differences`.
    """
    beta, mean = _checked(betas, energy)
    fine = log_z_differences(beta, mean, variance)
    error = np.zeros_like(fine)
    every = np.arange(0, beta.size, 2)
    if every.size < 2:
        return np.full_like(fine, np.nan)
    spread = np.asarray(variance, dtype=np.float64)
    coarse = log_z_differences(beta[every], mean[..., every], spread[..., every])
    error[..., every] = np.abs(coarse - fine[..., every]) / 15.0
    between = np.arange(1, beta.size, 2)
    after = np.minimum(between + 1, every[-1])
    error[..., between] = np.maximum(error[..., between - 1], error[..., after])
    return error


def _checked(betas: Any, energy: Any) -> tuple[np.ndarray, np.ndarray]:
    beta, mean = np.asarray(betas, dtype=np.float64), np.asarray(energy, dtype=np.float64)
    if beta.ndim != 1 or beta.size < 2 or not (np.diff(beta) > 0).all():
        raise ArgumentError(f"betas: got {betas!r}; two or more numbers in ascending order are needed")
    if mean.shape[-1:] != beta.shape:
        raise ArgumentError(f"energy: got shape {mean.shape}; the last axis must have the {beta.size} betas")
    return beta, mean
