"""Smooth landscapes with a law known in closed form or by quadrature: the Langevin samplers are held to them.

The loops are compiled and go chain by chain: a matrix product may round differently for another number of
chains, and a chain's numbers must not depend on its neighbours.
"""

import numpy as np
from numba import njit

from mcmc.errors import ArgumentError


@njit(cache=True, nogil=True)
def quadratic_energy(x, center, matrix, out):
    """out[c] = (x_c - m)' A (x_c - m) / 2."""
    for c in range(x.shape[0]):
        total = 0.0
        for i in range(x.shape[1]):
            row = 0.0
            for j in range(x.shape[1]):
                row += matrix[i, j] * (x[c, j] - center[j])
            total += row * (x[c, i] - center[i])
        out[c] = 0.5 * total


@njit(cache=True, nogil=True)
def quadratic_gradient(x, center, matrix, out):
    """out[c] = A (x_c - m)."""
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            row = 0.0
            for j in range(x.shape[1]):
                row += matrix[i, j] * (x[c, j] - center[j])
            out[c, i] = row


@njit(cache=True, nogil=True)
def double_well_energy(x, out):
    """out[c] = sum_i (x_i^2 - 1)^2 / 4."""
    for c in range(x.shape[0]):
        total = 0.0
        for i in range(x.shape[1]):
            well = x[c, i] * x[c, i] - 1.0
            total += 0.25 * well * well
        out[c] = total


@njit(cache=True, nogil=True)
def double_well_gradient(x, out):
    """out[c, i] = x_i (x_i^2 - 1)."""
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            out[c, i] = x[c, i] * (x[c, i] * x[c, i] - 1.0)


class Quadratic:
    """f(x) = offset + (x - m)' A (x - m) / 2, a SmoothLandscape.

    `matrix` A is (dim, dim) or (dim,) for a diagonal, symmetric and positive definite; `center` m is (dim,).
    Raises ArgumentError for other matrices.
    """

    data_size: int | None = None

    def __init__(self, matrix, center=0.0, offset: float = 0.0):
        values = np.asarray(matrix, dtype=np.float64)
        values = np.diag(values) if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
            raise ArgumentError(f"matrix: got shape {values.shape}; (dim, dim) or a diagonal (dim,) is needed")
        if not np.isfinite(values).all() or not np.array_equal(values, values.T):
            raise ArgumentError("matrix: not symmetric, or not finite; pass (A + A.T) / 2 of a finite matrix")
        lowest = float(np.linalg.eigvalsh(values)[0])
        if lowest <= 0:
            raise ArgumentError(f"matrix: lowest eigenvalue {lowest:.3g}; all must be positive")
        self.dim = values.shape[0]
        self.matrix = np.ascontiguousarray(values)
        self.center = np.array(np.broadcast_to(center, self.dim), dtype=np.float64)
        self.offset = float(offset)

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy, (chains,) float64, of x (chains, dim); there are no data, so `batch` is ignored."""
        out = np.empty(x.shape[0])
        quadratic_energy(x, self.center, self.matrix, out)
        return out + self.offset

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient, (chains, dim)."""
        out = np.empty(x.shape)
        quadratic_gradient(x, self.center, self.matrix, out)
        return out

    def covariance(self, beta: float) -> np.ndarray:
        """Covariance of exp(-beta f), (dim, dim): A^-1 / beta."""
        return np.linalg.inv(self.matrix) / beta

    def local_entropy(self, x: np.ndarray, t: float, beta: float) -> np.ndarray:
        """u(x, t) = offset + (x - m)' A (I + tA)^-1 (x - m) / 2 + ln det(I + tA) / (2 beta), (chains,) float64.

        x is (chains, dim). Chaudhari, Oberman, Osher, Soatto & Carlier 2018, arXiv:1704.04932. Raises ArgumentError for
        t < 0.
        """
        return self.moreau(x, t) + np.linalg.slogdet(np.eye(self.dim) + t * self.matrix)[1] / (2.0 * beta)

    def moreau(self, x: np.ndarray, t: float) -> np.ndarray:
        """min_y f(y) + |x - y|^2 / (2t), (chains,) float64, of x (chains, dim): u(x, t) at zero temperature."""
        away = np.asarray(x, dtype=np.float64) - self.center
        return self.offset + 0.5 * np.einsum("ci,ci->c", away, self.local_entropy_gradient(x, t))

    def local_entropy_gradient(self, x: np.ndarray, t: float) -> np.ndarray:
        """Gradient of u(x, t), at any temperature: A (I + tA)^-1 (x - m), (chains, dim).

        Raises ArgumentError for t < 0.
        """
        if not np.isfinite(t) or t < 0:
            raise ArgumentError(f"t: got {t}; a finite number from 0 is needed")
        away = np.asarray(x, dtype=np.float64) - self.center
        return away @ self.local_entropy_hessian(t)

    def local_entropy_hessian(self, t: float) -> np.ndarray:
        """Hessian A (I + tA)^-1 of u(x, t), the same everywhere, (dim, dim)."""
        return np.linalg.solve(np.eye(self.dim) + t * self.matrix, self.matrix)

    def langevin_covariance(self, beta: float, step_size: float) -> np.ndarray:
        """Exact stationary covariance of Langevin steps, (dim, dim): [A (I - eta A / 2)]^-1 / beta.

        Solves S = M S M + 2 eta / beta with M = I - eta A. Raises ArgumentError when eta times the largest
        eigenvalue reaches 2 and the steps diverge.
        """
        largest = float(np.linalg.eigvalsh(self.matrix)[-1])
        if not 0 < step_size * largest < 2:
            raise ArgumentError(f"step_size: got {step_size}; steps are stable between 0 and {2 / largest:.6g}")
        return np.linalg.inv(self.matrix @ (np.eye(self.dim) - 0.5 * step_size * self.matrix)) / beta


class DoubleWell:
    """f(x) = sum_i (x_i^2 - 1)^2 / 4 in `dim` dimensions, a SmoothLandscape with 2^dim equal minima."""

    data_size: int | None = None

    def __init__(self, dim: int = 1):
        if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or dim < 1:
            raise ArgumentError(f"dim: got {dim!r}; a whole number from 1 is needed")
        self.dim = int(dim)

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy, (chains,) float64, of x (chains, dim); there are no data, so `batch` is ignored."""
        out = np.empty(x.shape[0])
        double_well_energy(x, out)
        return out

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient, (chains, dim)."""
        out = np.empty(x.shape)
        double_well_gradient(x, out)
        return out

    def partition_function(self, beta: float) -> float:
        """Z of one coordinate, int exp(-beta (x^2-1)^2/4) dx: 3.0413238858861 at beta = 1."""
        return self._moment(0, beta)

    def second_moment(self, beta: float) -> float:
        """<x_i^2> of one coordinate under exp(-beta f): 1.0417972964871 at beta = 1."""
        return self._moment(2, beta) / self._moment(0, beta)

    def mean_energy(self, beta: float) -> float:
        """<f>, total over all coordinates, under exp(-beta f)."""
        fourth, second, zeroth = (self._moment(power, beta) for power in (4, 2, 0))
        return self.dim * 0.25 * ((fourth - 2 * second) / zeroth + 1)

    @staticmethod
    def _moment(power, beta):
        from scipy.integrate import quad

        # Beyond the reach the weight is below exp(-100): nothing in double precision.
        reach = np.sqrt(1 + np.sqrt(400 / beta))
        weight = lambda x: x**power * np.exp(-beta * (x * x - 1) ** 2 / 4)  # noqa: E731
        return 2 * quad(weight, 0, reach, epsabs=0, epsrel=1e-13, limit=500)[0]
