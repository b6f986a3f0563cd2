"""Hessian of a smooth landscape by its products with vectors: the landscape's own, or differences of gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_arguments import gradients
from mcmc.memory import require_memory

HessianVector = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Points (chains, dim) and vectors of the same shape to the Hessian at each point times its vector."""

TOGETHER = 16
"""Vectors multiplied at a time for the whole matrix."""

STEP = float(np.finfo(np.float64).eps) ** 0.25


class HessianAt:
    """Products of the Hessian at `point` (dim,) with vectors, many at a time.

    `given`, or the landscape's method `hessian_vector(x, v)`, x and v of shape (chains, dim), when there is one. Else
    central differences, (grad f(x + h v) - grad f(x - h v)) / (2 h) with h |v| = eps^(1/4) max(1, |x| / sqrt(dim)): of
    the gradient's third derivatives they keep h^2 / 6, about 2e-9. Raises ArgumentError for a `given` not callable.
    """

    def __init__(self, landscape: SmoothLandscape, point: np.ndarray, given: Any = None):
        own = getattr(landscape, "hessian_vector", None) if given is None else given
        if own is not None and not callable(own):
            raise ArgumentError(f"hessian_vector: got {own!r}; a function of (x, v), each (chains, dim), is needed")
        self.landscape, self.point, self.own = landscape, point, own
        # One point for all vectors spares what the landscape does at the point itself, once for each.
        self.shared = given is None and bool(getattr(landscape, "one_point_for_all", False))
        self.step = STEP * max(1.0, float(np.linalg.norm(point)) / np.sqrt(point.size))

    @property
    def differences(self) -> bool:
        """Whether products come from differences of gradients."""
        return self.own is None

    def __call__(self, vectors: np.ndarray, stretch: float = 1.0) -> np.ndarray:
        """Products, (vectors, dim); `stretch` multiplies the step of differences."""
        if self.own is not None:
            point = self.point[None] if self.shared else np.repeat(self.point[None], len(vectors), axis=0)
            found = np.asarray(self.own(point, vectors), dtype=np.float64)
            if found.shape != vectors.shape or not np.isfinite(found).all():
                raise LandscapeError(
                    f"hessian_vector: got shape {found.shape}, finite {bool(np.isfinite(found).all())}, for vectors of "
                    f"shape {vectors.shape}; the same shape and finite numbers are needed"
                )
            return found
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        shift = stretch * self.step * vectors / np.where(length > 0, length, 1.0)
        both = gradients(self.landscape, np.concatenate([self.point + shift, self.point - shift]))
        return (both[: len(vectors)] - both[len(vectors) :]) * (length / (2 * stretch * self.step))

    def dense(self) -> tuple[np.ndarray, np.ndarray]:
        """The Hessian, symmetrised, and an estimate of what is wrong with it, (dim, dim) each.

        Differences: with doubled step they are off four times as much; the estimate also holds rounding of the
        gradients, from how far the matrix is from symmetric.
        """
        matrix = self._columns(1.0)
        wrong = np.abs(matrix - matrix.T) / 2
        if self.differences:
            wrong = wrong + np.abs(self._columns(2.0) - matrix) / 3
        return (matrix + matrix.T) / 2, wrong

    def _columns(self, stretch: float) -> np.ndarray:
        """Products with all unit vectors, a few at a time: what a network keeps for each is larger than the vector."""
        dim = self.point.size
        require_memory(32.0 * dim * dim, f"the Hessian of {dim} coordinates", "lower exact_below")
        matrix = np.empty((dim, dim))
        for begin in range(0, dim, TOGETHER):
            count = min(TOGETHER, dim - begin)
            matrix[begin : begin + count] = self(np.eye(count, dim, begin), stretch)
        return matrix

    def trace_error(self, probes: np.ndarray) -> float:
        """Estimate of the error of the trace by differences, from random signs (probes, dim); 0 for true products."""
        if not self.differences:
            return 0.0
        change = np.einsum("pi,pi->p", probes, self(probes, 2.0) - self(probes))
        return float(np.abs(change).mean()) / 3
