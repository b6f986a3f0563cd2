"""Spectra of symmetric operators known by their products with vectors: Lanczos iterations from many starts at once.

The Lanczos tridiagonal matrix of a start v is the Gauss quadrature of the spectral measure of v: with Ritz values
theta_k and first components e_k of their eigenvectors, v' g(H) v = |v|^2 sum_k e_k^2 g(theta_k), exact for polynomials
g of degree 2 steps - 1 (Golub & Meurant 1994). Over random v of signs +-1 the mean is the trace of g(H): stochastic
Lanczos quadrature, Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38, 1075; spectral densities: Lin, Saad & Yang
2016, SIAM Rev. 58, 34 (arXiv:1308.5467); Hessians of networks: Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.random import Stream, words

BASIS_BYTES = 2**29
"""Lanczos vectors kept at a time for reorthogonalisation, over all starts together."""

BREAKDOWN = 1e-12
"""An off-diagonal below this share of the matrix means that the start has no further directions."""

SEEN = 1e-13
"""Ritz values of a smaller weight are those of no eigenvalue that the start can see."""

EPS = float(np.finfo(np.float64).eps)

Product = Callable[[np.ndarray], np.ndarray]
"""Vectors (starts, dim) to H times each, of the same shape."""


class Tridiagonal(NamedTuple):
    """Lanczos matrices, one for each start."""

    diagonal: np.ndarray
    """(starts, steps) float64."""
    off_diagonal: np.ndarray
    """(starts, steps - 1) float64; 0 where the start had no further directions."""
    norm: np.ndarray
    """(starts,) float64: length of each start."""

    def truncated(self, steps: int) -> "Tridiagonal":
        """What fewer steps would have given."""
        return Tridiagonal(self.diagonal[:, :steps], self.off_diagonal[:, : steps - 1], self.norm)

    def measure(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values and weights, (starts, steps) each: v' g(H) v = sum_k weight_k g(value_k)."""
        values, vectors = self.eigen()
        return values, vectors[:, 0, :] ** 2 * self.norm[:, None] ** 2

    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (starts, steps) and eigenvectors (starts, steps, steps), in columns."""
        from scipy.linalg import eigh_tridiagonal

        # QR on the tridiagonal itself: faster than dense matrices, and on one thread.
        pairs = [eigh_tridiagonal(*row, lapack_driver="stev") for row in zip(*self[:2], strict=True)]
        values, vectors = (np.array(column) for column in zip(*pairs, strict=True))
        return values, vectors


def lanczos(matvec: Product, start: np.ndarray, steps: int) -> Tridiagonal:
    """Lanczos matrices of `steps` products, at most dim, from each row of `start` (starts, dim).

    Every vector is orthogonalised twice against all before it, so no eigenvalue appears twice. Starts advance together,
    as many at a time as half a GiB holds. Raises ArgumentError for steps below 1 or starts that are not finite,
    LandscapeError for products of another shape or not finite.
    """
    start = np.atleast_2d(np.asarray(start, dtype=np.float64))
    if steps < 1 or not np.isfinite(start).all():
        raise ArgumentError(f"lanczos: got {steps} steps and a start with norm {np.linalg.norm(start)}; 1 step or more")
    steps = min(int(steps), start.shape[1])
    together = max(1, BASIS_BYTES // (8 * start.shape[1] * steps))
    parts = [_together(matvec, start[k : k + together], steps)[0] for k in range(0, len(start), together)]
    return Tridiagonal(*(np.concatenate(p) for p in zip(*parts, strict=True)))


class RitzPairs(NamedTuple):
    """Approximate eigenpairs from one start, and how far they are from true ones."""

    values: np.ndarray
    """(steps,) float64, ascending."""
    vectors: np.ndarray
    """(steps, dim) float64, orthonormal rows."""
    residual: np.ndarray
    """(steps,) float64: |H v - value v|; an eigenvalue lies within it."""


def ritz_pairs(matvec: Product, start: np.ndarray, steps: int) -> RitzPairs:
    """Ritz pairs of the Krylov space of one `start` (dim,) after `steps` products; none for 0 steps."""
    dim = start.size
    if steps == 0:
        return RitzPairs(np.empty(0), np.empty((0, dim)), np.empty(0))
    found, basis = _together(matvec, start[None], min(steps, dim))
    values, vectors = found.eigen()
    # Directions after the last have length 0.
    full = np.linalg.norm(basis[0], axis=1) > 0.5
    used = int(full.sum())
    if used < full.size:
        values, vectors = found.truncated(used).eigen()
    pairs = vectors[0].T @ basis[0, :used]
    product = _checked(matvec(pairs), pairs.shape)
    return RitzPairs(values[0], pairs, np.linalg.norm(product - values[0][:, None] * pairs, axis=1))


def functions_of(
    matvec: Product, start: np.ndarray, steps: int, functions: Sequence[Callable[[np.ndarray], np.ndarray]]
) -> np.ndarray:
    """g(H) v for each function g of eigenvalues and each row v of `start`, (functions, starts, dim), in `steps` steps.

    Approximation in the Krylov space of v: |v| Q g(T) e_1 (Saad 1992, SIAM J. Numer. Anal. 29, 209).
    """
    found, basis = _together(matvec, start, min(steps, start.shape[1]))
    values, vectors = found.eigen()
    result = np.empty((len(functions), *start.shape))
    for k, function in enumerate(functions):
        first = vectors[:, 0, :] * function(values) * found.norm[:, None]
        result[k] = np.einsum("pk,pki->pi", np.einsum("pkj,pj->pk", vectors, first), basis)
    return result


def _together(matvec: Product, start: np.ndarray, steps: int) -> tuple[Tridiagonal, np.ndarray]:
    """The Lanczos matrices, and the vectors (starts, steps, dim)."""
    starts, dim = start.shape
    norm = np.linalg.norm(start, axis=1)
    basis = np.zeros((starts, steps, dim))
    basis[:, 0] = start / np.where(norm > 0, norm, 1.0)[:, None]
    diagonal, off_diagonal = np.zeros((starts, steps)), np.zeros((starts, steps - 1))
    alive, size = norm > 0, np.zeros(starts)
    for k in range(steps):
        product = _checked(matvec(basis[:, k]), start.shape)
        diagonal[:, k] = np.einsum("pi,pi->p", product, basis[:, k])
        size = np.maximum(size, np.linalg.norm(product, axis=1))
        if k + 1 == steps:
            break
        for _ in range(2):
            known = basis[:, : k + 1]
            product = product - ((known @ product[:, :, None]).swapaxes(1, 2) @ known)[:, 0]
        length = np.linalg.norm(product, axis=1)
        alive &= length > BREAKDOWN * size
        off_diagonal[:, k] = np.where(alive, length, 0.0)
        basis[:, k + 1] = np.where(alive, 1.0 / np.where(alive, length, 1.0), 0.0)[:, None] * product
    # After the last direction the matrix falls apart: what follows has no weight, and stays inside the spectrum.
    over = np.cumsum(off_diagonal == 0, axis=1) > 0
    diagonal[:, 1:][over] = np.broadcast_to(diagonal[:, :1], over.shape)[over]
    return Tridiagonal(diagonal, off_diagonal, norm), basis


def _checked(product: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    product = np.array(product, dtype=np.float64)
    if product.shape != shape or not np.isfinite(product).all():
        raise LandscapeError(f"matvec: got shape {product.shape}; {shape}, and finite numbers, are needed")
    return product


class Trace(NamedTuple):
    """An estimated trace of g(H)."""

    value: float
    error: float
    """One standard error: spread over probes, and truncation."""
    truncation: float
    """What the second half of the steps changed: more than is left where the iteration converges."""


class Spectrum(NamedTuple):
    """A symmetric operator as random probes see it, or all its eigenvalues."""

    values: np.ndarray
    """(probes, steps): Ritz values; (1, dim) eigenvalues when exact."""
    weights: np.ndarray
    """(probes, steps): weights, which sum to dim for each probe."""
    coarse_values: np.ndarray
    """(probes, steps // 2): Ritz values of half of the steps."""
    coarse_weights: np.ndarray
    dim: int
    exact: bool

    def trace(self, function: Callable[[np.ndarray], np.ndarray]) -> Trace:
        """Trace of g(H), g a function of arrays of eigenvalues. NaN where g is not finite on them."""
        each = _summed(self.values, self.weights, function)
        value = float(each.mean())
        rounding = 16 * EPS * float(_summed(self.values, self.weights, lambda v: np.abs(function(v))).mean())
        if self.exact:
            return Trace(value, rounding, 0.0)
        truncation = abs(value - float(_summed(self.coarse_values, self.coarse_weights, function).mean()))
        spread = float(each.std(ddof=1)) / np.sqrt(len(each))
        return Trace(value, float(np.sqrt(spread**2 + truncation**2 + rounding**2)), truncation)

    def share(self, low: float, high: float) -> Trace:
        """Share of the eigenvalues from `low` to `high`. Probes resolve no edges narrower than about range / steps."""
        inside = self.trace(lambda v: ((v >= low) & (v <= high)).astype(np.float64))
        return Trace(*(part / self.dim for part in inside))

    def extremes(self) -> tuple[float, float]:
        """Lowest and highest eigenvalue seen: from inside the spectrum, so they are bounds."""
        seen = self.values[self.weights > SEEN * self.dim]
        return float(seen.min()), float(seen.max())

    def density(self, grid: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues per unit, as a share of all, smoothed by a Gaussian of standard deviation `width`.

        Values and standard errors over probes, (grid.size,) each.
        """
        distance = (np.asarray(grid)[:, None, None] - self.values) / width
        bump = np.exp(-0.5 * distance**2) / (np.sqrt(2 * np.pi) * width)
        each = (bump * self.weights).sum(axis=2) / self.dim
        count = each.shape[1]
        error = np.zeros(len(each)) if self.exact else each.std(axis=1, ddof=1) / np.sqrt(count)
        return each.mean(axis=1), error


def _summed(values: np.ndarray, weights: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """sum_k w_k g(theta_k) of each probe; unseen values are left out, whatever g makes of them."""
    seen = weights > SEEN * weights.sum(axis=1, keepdims=True)
    inside = values[np.arange(len(values)), weights.argmax(axis=1)][:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(seen, weights * function(np.where(seen, values, inside)), 0.0).sum(axis=1)


def signs(probes: int, dim: int, seed: int) -> np.ndarray:
    """Random signs +-1 (Rademacher), (probes, dim) float64; probe p does not depend on how many there are."""
    word = words(seed, Stream.LANCZOS, np.arange((dim + 127) // 128), 0, np.arange(probes)[:, None])
    bits = np.unpackbits(word.reshape(probes, -1).view(np.uint8), axis=1)[:, :dim]
    return 2.0 * bits - 1.0


def spectral_density(matvec: Product, dim: int, *, probes: int = 32, steps: int = 64, seed: int = 0) -> Spectrum:
    """Spectrum of a symmetric operator on `dim` coordinates from `probes` random starts of `steps` products each.

    Raises ArgumentError for fewer than 2 probes: the spread over probes is the error.
    """
    if probes < 2:
        raise ArgumentError(f"probes: got {probes}; at least 2 are needed, their spread is the error")
    return from_lanczos(lanczos(matvec, signs(probes, dim, seed), steps), dim)


def from_lanczos(found: Tridiagonal, dim: int) -> Spectrum:
    """Spectrum from the Lanczos matrices of random signs."""
    steps = found.diagonal.shape[1]
    coarse = found.truncated(max(1, steps // 2)).measure()
    return Spectrum(*found.measure(), *coarse, dim, False)


def from_eigenvalues(values: np.ndarray) -> Spectrum:
    """Spectrum of known eigenvalues (dim,)."""
    values = np.asarray(values, dtype=np.float64)[None]
    ones = np.ones_like(values)
    return Spectrum(values, ones, values, ones, values.size, True)
