"""Mixture of Gaussians: f = -(1/beta) ln sum_k w_k N(x; m_k, S_k), whose local entropy is known in any dimension.

Convolved with a Gaussian a mixture is a mixture again: u(x, t) = -(1/beta) ln sum_k w_k N(x; m_k, S_k + (t/beta) I).
The loops are compiled and go chain by chain, so that a chain's numbers do not depend on its neighbours.
"""

from typing import Any

import numpy as np
from numba import njit

from mcmc.errors import ArgumentError


@njit(cache=True, nogil=True, error_model="numpy")
def component_logs(point, log_scale, means, precisions, out):
    """out[k] = ln of the k-th term, log_scale_k - (x - m_k)' P_k (x - m_k) / 2; the largest of them is returned."""
    highest = -np.inf
    full = precisions.shape[1] > 1
    for k in range(means.shape[0]):
        total = 0.0
        for i in range(point.size):
            if full:
                row = 0.0
                for j in range(point.size):
                    row += precisions[k, i, j] * (point[j] - means[k, j])
            else:
                row = precisions[k, 0, i] * (point[i] - means[k, i])
            total += row * (point[i] - means[k, i])
        out[k] = log_scale[k] - 0.5 * total
        highest = max(highest, out[k])
    return highest


@njit(cache=True, nogil=True, error_model="numpy")
def mixture_energy(x, log_scale, means, precisions, beta, out):
    """out[c] = -(1/beta) ln sum_k exp(term_k), by the largest term."""
    logs = np.empty(means.shape[0])
    for c in range(x.shape[0]):
        highest = component_logs(x[c], log_scale, means, precisions, logs)
        total = 0.0
        for k in range(logs.size):
            total += np.exp(logs[k] - highest)
        out[c] = -(highest + np.log(total)) / beta


@njit(cache=True, nogil=True, error_model="numpy")
def mixture_gradient(x, log_scale, means, precisions, beta, out):
    """out[c] = (1/beta) sum_k r_k P_k (x - m_k), r_k the share of the k-th term at x."""
    logs = np.empty(means.shape[0])
    full = precisions.shape[1] > 1
    for c in range(x.shape[0]):
        highest = component_logs(x[c], log_scale, means, precisions, logs)
        total = 0.0
        for k in range(logs.size):
            logs[k] = np.exp(logs[k] - highest)
            total += logs[k]
        out[c] = 0.0
        for k in range(logs.size):
            share = logs[k] / (total * beta)
            if share == 0.0:
                continue
            for i in range(x.shape[1]):
                if full:
                    row = 0.0
                    for j in range(x.shape[1]):
                        row += precisions[k, i, j] * (x[c, j] - means[k, j])
                else:
                    row = precisions[k, 0, i] * (x[c, i] - means[k, i])
                out[c, i] += share * row


class GaussianMixture:
    """f(x) = -(1/beta) ln sum_k w_k N(x; m_k, S_k), a SmoothLandscape: exp(-beta f) is the mixture at the `beta` given.

    `weights` (components,) are made to sum to 1; `means` (components, dim); `covariances` a number or (components,)
    (isotropic), (components, dim) (diagonal) or (components, dim, dim), symmetric and positive definite. Raises
    ArgumentError for anything else.
    """

    data_size = None

    def __init__(self, weights: Any, means: Any, covariances: Any, beta: float = 1.0):
        self.weights = _weights(weights)
        self.means = _numbers(means, "means")
        if self.means.ndim != 2 or len(self.means) != self.weights.size or not self.means.size:
            raise ArgumentError(f"means: got shape {self.means.shape}; ({self.weights.size}, dim) is needed")
        if not isinstance(beta, (int, float, np.number)) or isinstance(beta, bool) or not 0 < beta < np.inf:
            raise ArgumentError(f"beta: got {beta!r}; a finite number above 0 is needed")
        self.dim = self.means.shape[1]
        self.beta = float(beta)
        self.covariances = _covariances(covariances, *self.means.shape)
        self._terms = self._smoothed(0.0)

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy, (chains,) float64, of x (chains, dim); there are no data, so `batch` is ignored."""
        out = np.empty(x.shape[0])
        mixture_energy(x, *self._terms, self.beta, out)
        return out

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient, (chains, dim)."""
        out = np.empty(x.shape)
        mixture_gradient(x, *self._terms, self.beta, out)
        return out

    def local_entropy(self, x: np.ndarray, t: float) -> np.ndarray:
        """u(x, t) at the landscape's own beta, (chains,) float64, of x (chains, dim); t >= 0."""
        out = np.empty(x.shape[0])
        mixture_energy(x, *self._smoothed(t), self.beta, out)
        return out

    def local_entropy_gradient(self, x: np.ndarray, t: float) -> np.ndarray:
        """Gradient of u(x, t) in x, (chains, dim)."""
        out = np.empty(x.shape)
        mixture_gradient(x, *self._smoothed(t), self.beta, out)
        return out

    def _smoothed(self, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ln of weight and normalisation, means and precisions of the mixture convolved with variance t / beta."""
        if not np.isfinite(t) or t < 0:
            raise ArgumentError(f"t: got {t}; a finite number from 0 is needed")
        dim = self.dim
        if self.covariances.ndim == 2:
            spread = self.covariances + t / self.beta
            log_det, precisions = np.log(spread).sum(axis=1), (1.0 / spread)[:, None, :]
        else:
            spread = np.asarray(self.covariances + t / self.beta * np.eye(dim))
            log_det, precisions = np.asarray(np.linalg.slogdet(spread)[1]), np.asarray(np.linalg.inv(spread))
        log_scale = np.log(self.weights) - 0.5 * (log_det + dim * np.log(2.0 * np.pi))
        return log_scale, self.means, np.ascontiguousarray(precisions)


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: got {values!r}; an array of numbers is needed") from None
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name}: got {array[~np.isfinite(array)][0]} among them; finite numbers are needed")
    return array


def _weights(weights: Any) -> np.ndarray:
    values = np.atleast_1d(_numbers(weights, "weights"))
    if values.ndim != 1 or not values.size or not (values > 0).all():
        raise ArgumentError(f"weights: got {weights!r}; one number above 0 for each component is needed")
    return values / values.sum()


def _covariances(covariances: Any, components: int, dim: int) -> np.ndarray:
    """Diagonals (components, dim), or matrices (components, dim, dim)."""
    values = _numbers(covariances, "covariances")
    if values.ndim < 2 and values.shape in ((), (1,), (components,)):
        values = np.broadcast_to(values.reshape(-1, 1), (components, dim)).copy()
    if values.shape == (components, dim):
        if not (values > 0).all():
            raise ArgumentError(f"covariances: got a variance of {values.min():.3g}; all must be above 0")
        return values
    if values.shape != (components, dim, dim):
        raise ArgumentError(
            f"covariances: got shape {values.shape}; ({components},), ({components}, {dim}) or "
            f"({components}, {dim}, {dim}) is needed"
        )
    if not np.array_equal(values, values.swapaxes(1, 2)):
        raise ArgumentError("covariances: not symmetric; pass (S + S.T) / 2")
    lowest = float(np.linalg.eigvalsh(values).min())
    if lowest <= 0:
        raise ArgumentError(f"covariances: lowest eigenvalue {lowest:.3g}; all must be positive")
    # One coordinate has no off-diagonal: its matrices are diagonals.
    return values[:, :, 0] if dim == 1 else values
