"""Gradient and curvature of u(x, t) from moments of the chains, kept in blocks of draws for a jackknife.

grad u = (x - <y>) / t = <grad f(y)>,   Hess u = I / t - (beta / t^2) Cov(y)   (Chaudhari, Oberman, Osher, Soatto &
Carlier 2018, arXiv:1704.04932). Both forms of the gradient are means over the same draws; the mixture of least variance
of the two is taken, with one weight for all coordinates.
"""

import numpy as np

from mcmc.statistics.jackknife import Replicates

FULL_HESSIAN = 64
"""Up to so many dimensions the whole Hessian is kept; above its trace alone."""

ROUNDING = 1e-13

BLOCKS = 16
"""Most blocks of each chain; when they are full, neighbours are joined."""


class Moments:
    """Sums of y - x, grad f(y) and (y - x)(y - x)' at chosen rungs, by block and chain."""

    def __init__(self, chains: int, scales: np.ndarray, wanted: np.ndarray, reference: np.ndarray):
        """Sums at the scales `wanted`, each among those of the ladder, `scales` (rungs,), ascending."""
        chosen, self.place = np.unique(wanted, return_inverse=True)
        rungs = np.searchsorted(scales, chosen)
        self.rungs, self.gamma, self.reference = rungs, 1.0 / scales[rungs], reference
        points, dim = rungs.size, reference.size
        self.draws, self.length = 0, 1
        self.count = np.zeros(BLOCKS)
        self.away = np.zeros((BLOCKS, chains, points, dim))
        self.force = np.zeros((BLOCKS, chains, points, dim))
        # Above the limit only the trace of the second moments is summed.
        self.full = dim <= FULL_HESSIAN
        self.second = np.zeros((BLOCKS, chains, points, dim, dim) if self.full else (BLOCKS, chains, points))

    def add(self, x: np.ndarray, gradient: np.ndarray) -> None:
        """One draw of all chains: x and gradient of the tilted landscape, (chains, rungs, dim)."""
        block = self.draws // self.length
        if block == BLOCKS:
            self._join()
            block = BLOCKS // 2
        away = x[:, self.rungs] - self.reference
        self.away[block] += away
        self.force[block] += gradient[:, self.rungs] - self.gamma[:, None] * away
        if self.full:
            self.second[block] += away[..., :, None] * away[..., None, :]
        else:
            self.second[block] += np.einsum("cpi,cpi->cp", away, away)
        self.count[block] += 1
        self.draws += 1

    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        """grad u and its error, (points, dim) each."""
        weight, away = self._blocks(self.away)
        _, force = self._blocks(self.force)
        pulled = -self.gamma[:, None] * away
        share = weight[:, None, None]
        apart = pulled - force
        apart_mean, force_mean = (share * apart).sum(axis=0), (share * force).sum(axis=0)
        left, right = apart - apart_mean, force - force_mean
        square = (share * left * left).sum(axis=(0, 2))
        mixing = np.divide((share * left * right).sum(axis=(0, 2)), square, out=np.zeros_like(square), where=square > 0)
        mixed = force - mixing[:, None] * apart
        mean, error = _mean(weight, mixed)
        # Where f is a quadratic the mixture may have no variance left but that of rounding.
        return mean, np.hypot(error, ROUNDING * (np.abs(pulled) + np.abs(force)).max(axis=0))

    def hessian(self, beta: float) -> tuple[np.ndarray, np.ndarray]:
        """Hess u and its error, (points, dim, dim) each; not where `full` is False."""
        weight, away = self._blocks(self.away)
        _, second = self._blocks(self.second)
        gamma = self.gamma[:, None, None]

        def curvature(first: np.ndarray, moment: np.ndarray) -> np.ndarray:
            outer = first[..., :, None] * first[..., None, :]
            return gamma * np.eye(self.reference.size) - beta * gamma**2 * (moment - outer)

        return _jackknife(weight, away, second, curvature)

    def trace(self, beta: float) -> tuple[np.ndarray, np.ndarray]:
        """Laplacian of u and its error, (points,) each."""
        weight, away = self._blocks(self.away)
        _, second = self._blocks(self.second)
        square = np.einsum("bpii->bp", second) if self.full else second
        gamma = self.gamma

        def curvature(first: np.ndarray, moment: np.ndarray) -> np.ndarray:
            return self.reference.size * gamma - beta * gamma**2 * (moment - (first * first).sum(axis=-1))

        return _jackknife(weight, away, square, curvature)

    def _blocks(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share of all draws and mean of each block, (blocks,) and (blocks, points, ...), chains one after another."""
        used = self.count > 0
        chains = sums.shape[1]
        count = np.repeat(self.count[used], chains)
        means = sums[used].reshape(-1, *sums.shape[2:]) / count.reshape(-1, *[1] * (sums.ndim - 2))
        return count / count.sum(), means

    def _join(self) -> None:
        for sums in (self.count, self.away, self.force, self.second):
            half = BLOCKS // 2
            sums[:half] = sums[0::2] + sums[1::2]
            sums[half:] = 0.0
        self.length *= 2


def _mean(weight: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of blocks and its standard error."""
    share = weight.reshape(-1, *[1] * (values.ndim - 1))
    mean = (share * values).sum(axis=0)
    count = len(weight)
    error = np.sqrt(((share * (values - mean)) ** 2).sum(axis=0) * count / (count - 1))
    return mean, error


def _jackknife(weight, first, second, function) -> tuple[np.ndarray, np.ndarray]:
    """function(mean of first, mean of second) and its error, blocks left out in turn."""
    full, without = [], []
    for values in (first, second):
        share = weight.reshape(-1, *[1] * (values.ndim - 1))
        mean = (share * values).sum(axis=0)
        full.append(mean)
        without.append(mean - share * (values - mean) / (1.0 - share))
    left_out = np.stack([function(a, b) for a, b in zip(*without, strict=True)])
    return Replicates(function(*full), left_out).estimate()
