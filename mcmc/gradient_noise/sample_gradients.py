"""Gradients of single samples at one point, as a matrix (samples, dim) that need not be stored.

A fully connected layer's gradient is the outer product of its inputs a_k and slopes s_k, so that products of gradients
are products of much smaller numbers: g_k.g_l = sum over layers of (1 + a_k.a_l)(s_k.s_l), and with weights V and biases
v in place of g_l, a_k' V s_k + s_k.v.
"""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.memory import require_memory

CHUNK = 256
"""Samples whose gradients are worked on at once."""
KEPT_BYTES = 2**30
"""Gradients of samples up to this size are kept, more are computed anew when they are needed."""
VECTORS = 64
"""Vectors multiplied at once."""


class SampleGradients:
    """g_k of each sample, float64; subclasses give `rows` and may know shorter ways to the products."""

    def __init__(self, size: int, dim: int, precision: type):
        self.size, self.dim = size, dim
        self.precision = precision
        """np.float64, or np.float32 where the gradients are no better than that."""

    def rows(self, part: slice) -> np.ndarray:
        """Gradients of some samples, (samples, dim)."""
        raise NotImplementedError

    def mean(self) -> np.ndarray:
        """Mean gradient, (dim,)."""
        return self.combined(np.full((1, self.size), 1.0 / self.size))[0]

    def along(self, vectors: np.ndarray) -> np.ndarray:
        """g_k.v less its mean over the samples, (vectors, samples), for vectors (vectors, dim)."""
        found = np.concatenate([vectors @ self.rows(part).T for part in self.parts()], axis=1)
        return found - found.mean(axis=1, keepdims=True)

    def combined(self, shares: np.ndarray) -> np.ndarray:
        """sum_k shares_k g_k, (vectors, dim), for shares (vectors, samples)."""
        return np.sum([shares[:, part] @ self.rows(part) for part in self.parts()], axis=0)

    def gram(self) -> np.ndarray:
        """(g_k - g).(g_l - g), (samples, samples)."""
        centred = self.rows(slice(None)) - self.mean()
        return centred @ centred.T

    def covariance(self) -> np.ndarray:
        """D = (1/N) sum_k (g_k - g)(g_k - g)', (dim, dim)."""
        mean, total = self.mean(), np.zeros((self.dim, self.dim))
        for part in self.parts():
            centred = self.rows(part) - mean
            total += centred.T @ centred
        return total / self.size

    def trace(self) -> float:
        """Trace of D."""
        mean = self.mean()
        return sum(float(((self.rows(part) - mean) ** 2).sum()) for part in self.parts()) / self.size

    def parts(self) -> list[slice]:
        """The samples in chunks."""
        return [slice(begin, min(begin + CHUNK, self.size)) for begin in range(0, self.size, CHUNK)]


class StoredGradients(SampleGradients):
    """Gradients as the landscape gives them: `per_sample_gradients`, or `gradient` on batches of one sample."""

    def __init__(self, landscape: Any, point: np.ndarray, batch: np.ndarray):
        self.landscape, self.point, self.batch = landscape, point, batch
        self._kept: np.ndarray | None = None
        precision = np.float32 if str(getattr(landscape, "dtype", "")) == "float32" else np.float64
        first = self._computed(slice(0, 1))
        super().__init__(batch.size, point.size, np.float32 if first.dtype == np.float32 else precision)

    def rows(self, part: slice) -> np.ndarray:
        """See SampleGradients."""
        chosen = range(self.size)[part]
        if self._kept is None and (8 * self.size * self.dim <= KEPT_BYTES or len(chosen) == self.size):
            require_memory(16.0 * self.size * self.dim, f"gradients of {self.size} samples", "take a smaller batch")
            self._kept = np.empty((self.size, self.dim))
            for piece in self.parts():
                self._kept[piece] = self._computed(piece)
        return self._computed(part).astype(np.float64) if self._kept is None else self._kept[part]

    def _computed(self, part: slice) -> np.ndarray:
        batch = self.batch[part]
        own = getattr(self.landscape, "per_sample_gradients", None)
        if own is not None:
            found = np.asarray(own(self.point, batch))
        else:
            # Weight decay is the same in each, and leaves with the mean.
            points = np.repeat(self.point[None], batch.size, axis=0)
            found = np.asarray(self.landscape.gradient(points, batch[:, None]))
        if found.shape != (batch.size, self.point.size) or not np.isfinite(found).all():
            raise LandscapeError(
                f"gradients of samples: got shape {found.shape}, finite {bool(np.isfinite(found).all())}; finite "
                f"numbers ({batch.size}, {self.point.size}) are needed: look at x and the data"
            )
        return found


class LayerGradients(SampleGradients):
    """Gradients of a fully connected network, by the inputs and slopes of its layers; none is stored."""

    def __init__(self, landscape: Any, point: np.ndarray, batch: np.ndarray):
        levels, slopes = landscape.layer_factors(point, batch)
        precision = np.float32 if np.asarray(slopes[0]).dtype == np.float32 else np.float64
        super().__init__(batch.size, point.size, precision)
        self.levels = [np.asarray(level, dtype=np.float64) for level in levels]
        self.slopes = [np.asarray(slope, dtype=np.float64) for slope in slopes]
        if not all(np.isfinite(factor).all() for factor in (*self.levels, *self.slopes)):
            raise LandscapeError("gradients of samples: some are not finite; look at x and the data")
        self._spans, begin = [], 0
        for level, slope in zip(self.levels, self.slopes, strict=True):
            a, b = level.shape[1], slope.shape[1]
            self._spans.append((begin, begin + a * b, begin + (a + 1) * b))
            begin += (a + 1) * b
        if begin != self.dim:
            raise ArgumentError(f"x: got {self.dim} weights; the network's layers have {begin}")

    def rows(self, part: slice) -> np.ndarray:
        """See SampleGradients."""
        found = np.empty((len(range(self.size)[part]), self.dim))
        for (begin, bias, end), level, slope in self._layers():
            np.multiply(
                level[part, :, None], slope[part, None, :],
                out=found[:, begin:bias].reshape(len(found), level.shape[1], slope.shape[1]),
            )  # fmt: skip
            found[:, bias:end] = slope[part]
        return found

    def along(self, vectors: np.ndarray) -> np.ndarray:
        """See SampleGradients."""
        found = np.zeros((len(vectors), self.size))
        for (begin, bias, end), level, slope in self._layers():
            for first in range(0, len(vectors), VECTORS):
                some = vectors[first : first + VECTORS]
                turned = np.matmul(level, some[:, begin:bias].reshape(-1, level.shape[1], slope.shape[1]))
                turned += some[:, None, bias:end]
                found[first : first + VECTORS] += np.einsum("vko,ko->vk", turned, slope)
        return found - found.mean(axis=1, keepdims=True)

    def combined(self, shares: np.ndarray) -> np.ndarray:
        """See SampleGradients."""
        found = np.empty((len(shares), self.dim))
        for (begin, bias, end), level, slope in self._layers():
            for row, share in enumerate(shares):
                weighted = share[:, None] * slope
                found[row, begin:bias] = (level.T @ weighted).reshape(-1)
                found[row, bias:end] = weighted.sum(axis=0)
        return found

    def gram(self) -> np.ndarray:
        """See SampleGradients."""
        found = np.zeros((self.size, self.size))
        for part in self.parts():
            # A stripe at a time, so that the factors of a layer stay in the cache until they are multiplied.
            for level, slope in zip(self.levels, self.slopes, strict=True):
                inputs = level[part] @ level.T
                inputs += 1.0
                inputs *= slope[part] @ slope.T
                found[part] += inputs
        by_mean = found.mean(axis=1)
        found -= by_mean[:, None]
        found -= by_mean - by_mean.mean()
        return found

    def trace(self) -> float:
        """See SampleGradients."""
        mean, total = self.mean(), 0.0
        for level, slope in zip(self.levels, self.slopes, strict=True):
            total += float(((1.0 + (level**2).sum(axis=1)) * (slope**2).sum(axis=1)).sum())
        return total / self.size - float(mean @ mean)

    def _layers(self):
        return zip(self._spans, self.levels, self.slopes, strict=True)


def sample_gradients(landscape: Any, point: np.ndarray, batch: np.ndarray) -> SampleGradients:
    """Gradients of the samples `batch` at `point`, by the shortest way that the landscape offers."""
    if hasattr(landscape, "layer_factors"):
        return LayerGradients(landscape, point, batch)
    return StoredGradients(landscape, point, batch)
