"""Quadratic transport distance between densities on grids: exact in one dimension, entropic in one and two.

    W2(mu, nu)^2 = min_gamma int |x - y|^2 dgamma,

over couplings gamma of mu and nu; in one dimension int_0^1 (X_mu(q) - X_nu(q))^2 dq with the quantile functions X. With
entropy, OT_e = min_gamma int |x - y|^2 dgamma + e KL(gamma | mu x nu) by Sinkhorn's iterations (Cuturi 2013,
arXiv:1306.0895), without its bias S_e(mu, nu) = OT_e(mu, nu) - OT_e(mu, mu) / 2 - OT_e(nu, nu) / 2 (Feydy et al. 2019,
arXiv:1810.08278), done with logarithms: kernels are convolutions, axis by axis.
"""

import math
import warnings
from typing import Any

import numpy as np

from mcmc.continuum.axes import checked_axes, checked_count, checked_density, checked_number, spacings
from mcmc.continuum.gaussian_convolution import log_gaussian_convolution
from mcmc.errors import ArgumentError, ConvergenceWarning

TOLERANCE = 1e-10
"""Largest change of a potential, in units of the regularisation, at which iterations end."""


def cumulative(axis: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the cells around the nodes (n + 1,), and the mass below each (n + 1,), from 0 to 1."""
    h = (axis[-1] - axis[0]) / (axis.size - 1)
    edges = np.append(axis - 0.5 * h, axis[-1] + 0.5 * h)
    below = np.concatenate([[0.0], np.cumsum(density)])
    return edges, below / below[-1]


def quantiles(axis: np.ndarray, density: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Positions below which a share `levels` of a density lies that is constant in the cells around the nodes."""
    edges, below = cumulative(axis, density)
    # Where nothing lies, the mass below does not grow: the first edge of each plateau is kept.
    rising = np.append(True, np.diff(below) > 0)
    rising[:-1] |= rising[1:]
    return np.interp(levels, below[rising], edges[rising])


def wasserstein_distance(axis: Any, first: Any, second: Any) -> float:
    """W2 of two densities (n,) on one axis (n,), constant in the cells around the nodes: exact for those.

    Raises ArgumentError for two axes, and for densities that are negative or not of mass 1.
    """
    axes = checked_axes(axis)
    if len(axes) != 1:
        raise ArgumentError("axis: got 2; W2 is exact in one dimension, take sinkhorn_divergence in two")
    densities = [checked_density(name, d, axes, edge=None) for name, d in (("first", first), ("second", second))]
    levels = np.unique(np.concatenate([cumulative(axes[0], d)[1] for d in densities]))
    # Between levels both quantile functions are straight: two points of Gauss are exact for the square.
    middle, half = 0.5 * (levels[1:] + levels[:-1]), 0.5 * np.diff(levels)
    total = 0.0
    for sign in (-1, 1):
        at = middle + sign * half / math.sqrt(3)
        total += float(half @ (quantiles(axes[0], densities[0], at) - quantiles(axes[0], densities[1], at)) ** 2)
    return math.sqrt(total)


def sinkhorn_divergence(
    axes: Any, first: Any, second: Any, regularisation: float, *, max_iterations: int = 5000
) -> float:
    """S_e of two densities on a grid, a squared length: W2^2 as the regularisation e (a squared length) -> 0.

    Warns (ConvergenceWarning) when `max_iterations` did not suffice. Raises ArgumentError for densities that are
    negative or not of mass 1, and for a regularisation below 2 spacings squared, which the grid does not resolve.
    """
    axes = checked_axes(axes)
    checked_count("max_iterations", max_iterations)
    mu, nu = (checked_density(name, d, axes, edge=None) for name, d in (("first", first), ("second", second)))
    eps = checked_regularisation(regularisation, axes)
    cost = _entropic_cost(axes, mu, nu, eps, max_iterations)
    return cost - 0.5 * sum(_entropic_cost(axes, d, d, eps, max_iterations) for d in (mu, nu))


def checked_regularisation(value: Any, axes: tuple[np.ndarray, ...]) -> float:
    """Raises ArgumentError below 2 spacings squared: the kernel exp(-|x - y|^2 / e) is then narrower than one."""
    eps, h = checked_number("regularisation", value), max(spacings(axes))
    if eps < 2 * h * h * (1 - 1e-9):
        raise ArgumentError(
            f"regularisation: got {eps:.3g} on a grid of spacing {h:.3g}; at least 2 spacings squared, {2 * h * h:.3g},"
            " are needed: the grid is too coarse"
        )
    return eps


def _entropic_cost(axes, mu, nu, eps, iterations):
    """OT_e by the potentials f, g of its dual: int f dmu + int g dnu."""
    steps = spacings(axes)
    cell = math.prod(steps)
    constant = 0.5 * mu.ndim * math.log(math.pi * eps)
    with np.errstate(divide="ignore"):
        logs = np.log(mu), np.log(nu)

    def answer(potential, log_density):
        return -(log_gaussian_convolution(potential + log_density, steps, eps / 2) + constant)

    symmetric = mu is nu
    f, g = np.zeros_like(mu), np.zeros_like(mu)
    for _ in range(iterations):
        before = f
        if symmetric:
            # f = g: the mean of a step converges at once, where alternating would creep.
            f = g = 0.5 * (f + answer(f, logs[0]))
        else:
            f = answer(g, logs[1])
            g = answer(f, logs[0])
        if np.abs((f - before)[mu > 0]).max() < TOLERANCE:
            break
    else:
        left = np.abs((f - before)[mu > 0]).max()
        warnings.warn(
            f"Sinkhorn: potentials still change by {left:.2g} of the regularisation after {iterations} iterations; "
            "raise max_iterations or the regularisation",
            ConvergenceWarning,
            stacklevel=3,
        )
    weighted = np.where(mu > 0, f, 0.0) * mu + np.where(nu > 0, g, 0.0) * nu
    return float(eps * weighted.sum() * cell)
