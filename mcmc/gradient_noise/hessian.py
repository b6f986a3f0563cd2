"""The Hessian as the comparison with D takes it: a matrix, products with vectors, or a landscape that gives them."""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.memory import require_memory
from mcmc.random import Stream, normals

AT_ONCE = 64
"""Vectors multiplied in one call."""


class Hessian:
    """Products of the Hessian at one point with vectors (vectors, dim).

    `given` is a symmetric matrix (dim, dim); or a landscape with `hessian_vector(x, v)`, whose weight decay is then in
    it; or a function of vectors (vectors, dim), such as `mcmc.local_entropy.hessian_products.HessianAt(landscape, x)`,
    which works by differences where a landscape has no products. Raises ArgumentError for anything else.
    """

    def __init__(self, given: Any, point: np.ndarray):
        self.point, self.dim = point, point.size
        self.given: np.ndarray | None = None
        self._product: Any = None
        own = getattr(given, "hessian_vector", None)
        if callable(own):
            self._product = lambda vectors: own(self.point[None].astype(np.float64), vectors)
        elif callable(given):
            self._product = given
        else:
            self.given = symmetric("hessian", given)
            if len(self.given) != self.dim:
                raise ArgumentError(
                    f"hessian: got shape {self.given.shape}; that of {self.dim} weights, a function of vectors, or a "
                    "landscape with hessian_vector is needed"
                )

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """H v for each, (vectors, dim)."""
        if self.given is not None:
            return vectors @ self.given
        pieces = range(0, len(vectors), AT_ONCE)
        found = np.concatenate([np.asarray(self._product(vectors[begin : begin + AT_ONCE])) for begin in pieces])
        if found.shape != vectors.shape or not np.isfinite(found).all():
            raise LandscapeError(
                f"hessian: got products of shape {found.shape}, finite {bool(np.isfinite(found).all())}, for vectors "
                f"{vectors.shape}; the same shape and finite numbers are needed"
            )
        return found.astype(np.float64, copy=False)

    def dense(self) -> np.ndarray:
        """The matrix, symmetrised, (dim, dim). Raises MemoryLimitError when it does not fit."""
        if self.given is not None:
            return self.given
        require_memory(24.0 * self.dim**2, f"the Hessian of {self.dim} weights", "lower exact_below")
        matrix = self(np.eye(self.dim))
        return (matrix + matrix.T) / 2

    def top(self, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The k largest eigenvalues, falling, and their vectors (k, dim), by Lanczos iterations (ARPACK).

        Raises LandscapeError when they do not converge.
        """
        from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

        operator: Any = LinearOperator((self.dim, self.dim), matvec=lambda v: self(v.reshape(1, -1))[0], dtype=float)
        try:
            values, vectors = eigsh(operator, k, which="LA", v0=signs(1, self.dim, seed, 1)[0], tol=1e-8)
        except ArpackError as error:
            raise LandscapeError(
                f"hessian: its {k} largest eigenvalues were not found ({error}); take fewer"
            ) from error
        order = np.argsort(values)[::-1]
        return values[order], vectors.T[order]


def symmetric(name: str, matrix: Any) -> np.ndarray:
    """A symmetric matrix as float64. Raises ArgumentError for other shapes, numbers not finite, or asymmetry."""
    try:
        found = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name}: got {type(matrix).__name__}; a symmetric matrix is needed") from error
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size or not np.isfinite(found).all():
        raise ArgumentError(f"{name}: got shape {found.shape}; finite numbers, square, are needed")
    uneven = float(np.abs(found - found.T).max())
    if uneven > 1e-8 * np.abs(found).max():
        raise ArgumentError(
            f"{name}: its elements differ from those across the diagonal by {uneven:.2g}; symmetrise it"
        )
    return (found + found.T) / 2


def signs(probes: int, dim: int, seed: int, sweep: int = 0) -> np.ndarray:
    """Random signs +-1, (probes, dim) float64; a probe does not depend on how many there are."""
    calls = -(-dim // 2)
    drawn = normals(seed, Stream.ALIGNMENT, np.arange(calls)[None, :], sweep, np.arange(probes)[:, None])
    return np.where(drawn.reshape(probes, 2 * calls)[:, :dim] < 0, -1.0, 1.0)
