"""The Gaussian that f, to second order at x along a few directions, makes of the free one; and what is left of f.

With g = grad f(x) and H the part of the Hessian at x that Lanczos directions show, its positive curvatures alone,

    G_t(a) ~ exp(-beta [g.a + a'H a / 2 + |a|^2 / (2 t)]),   a = y - x,
    R(a) = f(x + a) - f(x) - g.a - a'H a / 2,
    u(x, t) = u_G(t) - (1/beta) ln <exp(-beta R)>_(G_t),

exact whatever H is. A draw is a = c + sqrt(t / beta) (I + t H)^-1/2 z with z standard normal and c = -t (I + t H)^-1 g.
At fixed z the change of R along t gives, r = grad R,

    d(u - u_G) / d ln t = < a'(I + t H)^-1 r - t g'(I + t H)^-2 r > / 2,

an identity too, and without noise where f is the quadratic. Reference measures of this kind: Cotter, Roberts, Stuart &
White 2013, Stat. Sci. 28, 424 (arXiv:1202.0709); Law 2014, J. Comput. Appl. Math. 262, 127 (arXiv:1204.0023).
"""

from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.hessian_products import HessianAt
from mcmc.local_entropy.lanczos import ritz_pairs, signs
from mcmc.local_entropy.smooth_arguments import energies, gradients


class Seen(NamedTuple):
    """f at some points, relative to the quadratic."""

    away: np.ndarray
    """(lanes, dim): a = y - x."""
    rest: np.ndarray
    """(lanes,): beta R."""
    force: np.ndarray
    """(lanes, dim): gradient of beta R by z."""
    slope: np.ndarray
    """(lanes,): what d(u - u_G) / d ln t is the mean of."""
    energy: np.ndarray
    """(lanes,): f(y)."""


class BentGaussian:
    """G_t around `reference` (dim,) for any t; `directions` Lanczos steps, 0 for H = 0.

    Raises ArgumentError for a reference of infinite energy.
    """

    def __init__(self, landscape: SmoothLandscape, reference: np.ndarray, beta: float, directions: int, seed: int):
        self.landscape, self.reference, self.beta = landscape, reference, beta
        self.dim = reference.size
        self.height = float(energies(landscape, reference[None])[0])
        if not np.isfinite(self.height):
            raise ArgumentError("reference: its energy is infinite; a point within the landscape is needed")
        self.gradient = gradients(landscape, reference[None])[0]
        pairs = ritz_pairs(HessianAt(landscape, reference), signs(1, self.dim, seed)[0], directions)
        up = pairs.values > 0
        self.curvature, self.vectors = pairs.values[up], pairs.vectors[up]
        self._along = self.vectors @ self.gradient

    def value(self, scales: np.ndarray) -> np.ndarray:
        """u_G at each scale, (points,)."""
        bent = 1.0 + scales[:, None] * self.curvature
        square = self.gradient @ self.gradient - ((1.0 - 1.0 / bent) * self._along**2).sum(axis=1)
        return self.height - 0.5 * scales * square + np.log(bent).sum(axis=1) / (2.0 * self.beta)

    def away(self, scales: np.ndarray, z: np.ndarray) -> np.ndarray:
        """a (lanes, dim) of z (lanes, dim), each at its own of `scales` (lanes,)."""
        width = np.sqrt(scales / self.beta)[:, None]
        found = self._power(scales, z, -0.5)
        found *= width
        found += self._centres(scales)
        return found

    def rest(self, scales: np.ndarray, z: np.ndarray) -> np.ndarray:
        """beta R at z, (lanes,): energies alone."""
        away = self.away(scales, z)
        return self._rest(away, energies(self.landscape, self.reference + away), away @ self.vectors.T)

    def seen(self, scales: np.ndarray, z: np.ndarray) -> Seen:
        """All that chains need at z."""
        away = self.away(scales, z)
        energy, gradient = _energy_and_gradient(self.landscape, self.reference + away)
        along = away @ self.vectors.T
        left = gradient - self.gradient - (self.curvature * along) @ self.vectors
        solved = self._power(scales, left, -1.0)
        slope = np.einsum("ci,ci->c", away, solved)
        slope -= scales * (self._power(scales, left, -2.0) @ self.gradient)
        force = np.sqrt(scales * self.beta)[:, None] * self._power(scales, left, -0.5)
        return Seen(away, self._rest(away, energy, along), force, 0.5 * slope, energy)

    def _rest(self, away: np.ndarray, energy: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Infinite beyond a wall."""
        quadratic = away @ self.gradient + 0.5 * (self.curvature * along**2).sum(axis=1)
        return self.beta * (energy - self.height - quadratic)

    def _centres(self, scales: np.ndarray) -> np.ndarray:
        return -scales[:, None] * self._power(scales, np.repeat(self.gradient[None], scales.size, axis=0), -1.0)

    def _power(self, scales: np.ndarray, vectors: np.ndarray, power: float) -> np.ndarray:
        """(I + t H)^power times each of `vectors` (lanes, dim)."""
        if not self.curvature.size:
            return vectors.copy()
        factor = (1.0 + scales[:, None] * self.curvature) ** power - 1.0
        return vectors + (factor * (vectors @ self.vectors.T)) @ self.vectors


def _energy_and_gradient(landscape: SmoothLandscape, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both at once where the landscape has it so; not finite beyond a wall, or where f overflows."""
    both = getattr(landscape, "energy_and_gradient", None)
    if both is None:
        return energies(landscape, y), np.asarray(landscape.gradient(y), dtype=np.float64)
    energy, gradient = both(y)
    return np.asarray(energy, dtype=np.float64), np.asarray(gradient, dtype=np.float64)
