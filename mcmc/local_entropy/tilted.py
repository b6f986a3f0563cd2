"""A smooth landscape pulled to a point: f(y) + |x - y|^2 / (2 t), the law behind the local entropy at scale t.

Every sampler of smooth landscapes runs on it. The pull may be another one for each chain, gamma = 1 / t.
Chaudhari et al. 2017, arXiv:1611.01838, equation 6; Chaudhari, Oberman, Osher, Soatto & Carlier 2018, arXiv:1704.04932.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_point, checked_scales


@njit(cache=True, nogil=True, error_model="numpy")
def add_pull_energy(y, reference, gamma, energy):
    """energy[c] += gamma_c |y_c - x|^2 / 2, in place."""
    for c in range(y.shape[0]):
        total = 0.0
        for i in range(y.shape[1]):
            total += (y[c, i] - reference[i]) * (y[c, i] - reference[i])
        energy[c] += 0.5 * gamma[c] * total


@njit(cache=True, nogil=True, error_model="numpy")
def add_pull_gradient(y, reference, gamma, gradient):
    """gradient[c] += gamma_c (y_c - x), in place."""
    for c in range(y.shape[0]):
        for i in range(y.shape[1]):
            gradient[c, i] += gamma[c] * (y[c, i] - reference[i])


class TiltedLandscape:
    """s f(y) + |x - y|^2 / (2 t), a SmoothLandscape; `scale` t and `strength` s: numbers, or one per chain.

    `reference` x is (dim,). At s = 0 the law is the free Gaussian around x. Raises ArgumentError for a landscape that
    is not smooth, a reference of another length or not finite, scales not above 0 and finite, or strengths below 0.
    """

    def __init__(self, landscape: SmoothLandscape, reference: Any, scale: Any, strength: Any = 1.0):
        self.landscape = checked_landscape(landscape)
        self.dim = landscape.dim
        self.data_size = landscape.data_size
        self.reference = checked_point(reference, landscape.dim)
        self.scale = checked_scales(scale, distinct=False)
        self.gamma = 1.0 / self.scale
        self.strength = np.atleast_1d(np.array(strength, dtype=np.float64))
        if self.strength.ndim != 1 or not (np.isfinite(self.strength) & (self.strength >= 0)).all():
            raise ArgumentError(f"strength: got {strength!r}; finite numbers from 0, one or one per chain, are needed")

    def initial_x(self, chain: Sequence[int], seed: int) -> np.ndarray:
        """Every chain at the reference, (chains, dim) float64."""
        return np.tile(self.reference, (len(chain), 1))

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy with the pull, (chains,) float64, of x (chains, dim)."""
        total = self._per_chain(self.strength, len(x)) * self.landscape.energy(x, batch)
        add_pull_energy(x, self.reference, self._per_chain(self.gamma, len(x)), total)
        return total

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient with the pull, (chains, dim) float64."""
        total = np.ascontiguousarray(
            self._per_chain(self.strength, len(x))[:, None] * self.landscape.gradient(x, batch)
        )
        add_pull_gradient(x, self.reference, self._per_chain(self.gamma, len(x)), total)
        return total

    @staticmethod
    def _per_chain(values: np.ndarray, chains: int) -> np.ndarray:
        if values.size == chains:
            return values
        if values.size != 1:
            raise ArgumentError(f"x: got {chains} chains; {values.size}, one for each scale and strength, are needed")
        return np.full(chains, values[0])
