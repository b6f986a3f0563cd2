"""Minimising movements: Fokker-Planck equations as the steepest descent of free energy in the transport distance.

    rho_(k+1) = argmin_rho F(rho) + W2(rho, rho_k)^2 / (2 tau),    F(rho) = int f rho + (1 / beta) int rho log rho,

converges, of order 1 in tau, to rho_t = div(grad f rho) + Lap rho / beta (Jordan, Kinderlehrer & Otto 1998, SIAM J.
Math. Anal. 29, 1). In one dimension by quantile functions, in which W2 is Euclidean and, for tau below 1 / max(-f''),
the problem convex (Newton's method): `quantile_flow`. In one or two by entropic transport on the grid (Peyre 2015,
arXiv:1502.06216): W2^2 / (2 tau) is replaced by min_gamma int |x - y|^2 / (2 tau) dgamma + l int gamma log gamma with l
= e / (2 tau), which to first order is W2^2 / (2 tau) + (l / 2) int rho log rho; as much is taken off F, so that no
diffusion is added: `entropic_flow`. At e = 4 tau / beta the entropy is all in the coupling (Adams, Dirr, Peletier &
Zimmer 2011, arXiv:1004.4076), and the heat equation is solved without error in tau; e is taken up to there. To the
next order an entropic step also widens: for f = h x^2 / 2 the variance at rest is too large by a share beta^2 h e^2 /
(32 tau), h tau / 2 at that e, so that F falls along the steps up to terms of order tau, and rises when started at rest.
`dirichlet_flow` descends the same equation, for f = 0, by the Dirichlet energy in L2.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.continuum.axes import (
    checked_axes,
    checked_beta,
    checked_count,
    checked_density,
    checked_number,
    checked_values,
    edge_share,
    spacings,
)
from mcmc.continuum.gaussian_convolution import log_gaussian_convolution
from mcmc.continuum.wasserstein import checked_regularisation, quantiles
from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape

SINKHORN_TOLERANCE = 1e-11
"""Total variation between iterates at which a step ends."""
ITERATIONS = 2000
NEWTON_TOLERANCE = 1e-20
"""Newton decrement, squared, at which a step ends; energy."""
EDGE = 1e-6
"""Share of a density that may lie on the boundary."""


class QuantileFlow(NamedTuple):
    """Positions X((k - 1/2) / m) of m equal masses after each step."""

    times: np.ndarray
    """(steps + 1,): 0, tau, ..."""
    positions: np.ndarray
    """(steps + 1, m), increasing along m."""
    free_energy: np.ndarray
    """(steps + 1,): F, its entropy from the gaps between positions."""
    distance: np.ndarray
    """(steps,): W2 of each step."""

    def density(self, axis: np.ndarray) -> np.ndarray:
        """Densities in the cells around the nodes of `axis` (n,): (steps + 1, n)."""
        h = (axis[-1] - axis[0]) / (axis.size - 1)
        edges = np.append(axis - 0.5 * h, axis[-1] + 0.5 * h)
        m = self.positions.shape[1]
        levels = np.concatenate([[0.0], (np.arange(m) + 0.5) / m, [1.0]])
        found = []
        for x in self.positions:
            ends = [1.5 * x[0] - 0.5 * x[1]], [1.5 * x[-1] - 0.5 * x[-2]]
            found.append(np.diff(np.interp(edges, np.concatenate([ends[0], x, ends[1]]), levels)) / h)
        return np.array(found)


class GridFlow(NamedTuple):
    """Densities on the grid after each step."""

    axes: tuple[np.ndarray, ...]
    times: np.ndarray
    """(steps + 1,): 0, tau, ..."""
    density: np.ndarray
    """(steps + 1,) + grid."""
    functional: np.ndarray
    """(steps + 1,): the free energy F, which entropic steps bring down to order tau, or the Dirichlet energy."""
    iterations: np.ndarray
    """(steps,): of Sinkhorn; 0 where none are needed."""


def quantile_flow(
    axis: Any, density: Any, f: Any, *, beta: float, tau: float, steps: int, masses: int = 400
) -> QuantileFlow:
    """`steps` minimising movements of length `tau` in one dimension, of `masses` equal masses.

    `axis` (n,), `density` (n,) of mass 1 and off the boundary, `f` a SmoothLandscape or values (n,), then a cubic
    spline. beta may be infinite: each mass follows the proximal point iteration. Raises ArgumentError for bad
    arguments, for tau so long that the problem is not convex, and for masses that leave the axis.
    """
    axes = checked_axes(axis)
    if len(axes) != 1:
        raise ArgumentError("axis: got 2; quantile functions are of one dimension, take entropic_flow")
    rho = checked_density("density", density, axes, edge=EDGE)
    beta, tau, steps = checked_beta(beta, infinite=True), checked_number("tau", tau), checked_count("steps", steps)
    if checked_count("masses", masses) < 3:
        raise ArgumentError(f"masses: got {masses}; 3 or more are needed")
    potential = f if isinstance(f, SmoothLandscape) else _Spline(axes[0], checked_values("f", f, axes))
    if potential.dim != 1:
        raise ArgumentError(f"f: got a landscape of {potential.dim} dimensions; the axis has 1")
    x = quantiles(axes[0], rho, (np.arange(masses) + 0.5) / masses)
    path, energy = [x], [_free_energy(potential, x, beta)]
    for _ in range(steps):
        x = _newton(potential, path[-1], beta, tau)
        if x[0] < axes[0][0] or x[-1] > axes[0][-1]:
            raise ArgumentError(
                f"axis: masses reached {x[0]:.4g} and {x[-1]:.4g}, beyond its ends {axes[0][0]:.4g} and "
                f"{axes[0][-1]:.4g}; take a wider axis"
            )
        path.append(x)
        energy.append(_free_energy(potential, x, beta))
    positions = np.array(path)
    distance = np.sqrt((np.diff(positions, axis=0) ** 2).mean(axis=1))
    return QuantileFlow(tau * np.arange(steps + 1), positions, np.array(energy), distance)


class _Spline:
    """Cubic spline through values on an axis, as a landscape of one dimension."""

    dim, data_size = 1, None

    def __init__(self, axis, values):
        from scipy.interpolate import CubicSpline

        self.curve = CubicSpline(axis, values)

    def energy(self, x, batch=None):
        return self.curve(x[:, 0])

    def gradient(self, x, batch=None):
        return self.curve(x, 1)


def _free_energy(f, x, beta):
    return float(f.energy(x[:, None]).mean() - np.log(x.size * np.diff(x)).sum() / (beta * x.size))


def _newton(f, old, beta, tau):
    """argmin of sum f(x) - sum log(gaps) / beta + sum (x - old)^2 / (2 tau), masses in order."""
    from scipy.linalg import solveh_banded

    def objective(x):
        gaps = np.diff(x)
        if gaps.min() <= 0:
            return math.inf
        return f.energy(x[:, None]).sum() - np.log(gaps).sum() / beta + ((x - old) ** 2).sum() / (2 * tau)

    x, value = old.copy(), objective(old)
    for _ in range(200):
        inverse = 1 / np.diff(x)
        push = (np.append(inverse, 0) - np.append(0, inverse)) / beta
        gradient = f.gradient(x[:, None])[:, 0] + push + (x - old) / tau
        banded = np.zeros((2, x.size))
        banded[0] = _bend(f, x) + 1 / tau
        if banded[0].min() <= 0:
            raise ArgumentError(
                f"tau: got {tau:g}, with which a step is not convex; it must be below 1 / max(-f'') = "
                f"{1 / -(banded[0].min() - 1 / tau):.3g}"
            )
        banded[0] += (np.append(inverse, 0) ** 2 + np.append(0, inverse) ** 2) / beta
        banded[1, :-1] = -(inverse**2) / beta
        try:
            step = solveh_banded(banded, gradient, lower=True)
        except np.linalg.LinAlgError:
            raise ArgumentError(
                f"beta: got {beta:g}, with which gaps of {np.diff(x).min():.2g} between masses are not resolved; take "
                "fewer masses, or a larger beta"
            ) from None
        decrement = float(gradient @ step)
        share = 1.0
        while objective(x - share * step) > value - 0.1 * share * decrement + 1e-13 * abs(value) and share > 1e-12:
            share *= 0.5
        x = x - share * step
        value = objective(x)
        if decrement < NEWTON_TOLERANCE * x.size:
            break
    return x


def _bend(f, x):
    """f'' by central differences of f'; Newton's method needs no more."""
    step = 1e-5 * (1 + np.abs(x))
    ahead, behind = f.gradient((x + step)[:, None])[:, 0], f.gradient((x - step)[:, None])[:, 0]
    return (ahead - behind) / (2 * step)


def entropic_flow(
    axes: Any,
    density: Any,
    f: Any,
    *,
    beta: float,
    tau: float,
    steps: int,
    regularisation: float | None = None,
) -> GridFlow:
    """`steps` minimising movements of length `tau` on the grid, `axes` (n,) or a tuple of two, by Sinkhorn.

    `density` of mass 1 and off the boundary, `f` a SmoothLandscape or values. `regularisation` e, a squared length, is
    tau / beta by default. Raises ArgumentError for bad arguments, for a grid too coarse for e (2 spacings squared are
    needed), for e above 4 tau / beta, and for densities that come to touch the boundary.
    """
    axes = checked_axes(axes)
    rho = checked_density("density", density, axes, edge=EDGE)
    energy = checked_values("f", f, axes)
    beta, tau, steps = checked_beta(beta), checked_number("tau", tau), checked_count("steps", steps)
    eps = _checked_step(tau, beta, regularisation, axes)
    densities, functional, iterations = [rho], [free_energy(axes, rho, energy, beta)], []
    for step in range(steps):
        rho, count = _movement(axes, densities[-1], energy, beta, eps / (2 * tau), eps)
        if edge_share(rho) > EDGE:
            raise ArgumentError(
                f"density: {edge_share(rho):.3g} of it touches the boundary after {step + 1} steps; at most {EDGE:g} "
                "may, take a wider grid"
            )
        densities.append(rho)
        functional.append(free_energy(axes, rho, energy, beta))
        iterations.append(count)
    times = tau * np.arange(steps + 1)
    return GridFlow(axes, times, np.array(densities), np.array(functional), np.array(iterations))


def _checked_step(tau, beta, regularisation, axes):
    if regularisation is not None:
        eps = checked_regularisation(regularisation, axes)
        if eps > 4 * tau / beta * (1 + 1e-9):
            raise ArgumentError(
                f"regularisation: got {eps:.3g}; with tau = {tau:g} and beta = {beta:g}, at most 4 tau / beta = "
                f"{4 * tau / beta:.3g} is taken: more spreads densities, as its square over tau"
            )
        return eps
    h = max(spacings(axes))
    if tau / beta < 2 * h * h * (1 - 1e-9):
        raise ArgumentError(
            f"tau: got {tau:g}; with beta = {beta:g} on a grid of spacing {h:.3g}, at least {2 * beta * h * h:.3g} is "
            "needed; the grid is too coarse for beta, or pass a regularisation of 2 spacings squared"
        )
    return tau / beta


def _movement(axes, rho, energy, beta, weight, eps):
    """One step: the coupling is a(x) K(x - y) b(y), its first marginal the new density, its second `rho`."""
    steps, cell = spacings(axes), math.prod(spacings(axes))
    with np.errstate(divide="ignore"):
        log_old = np.log(rho)
    entropy = 1 / beta + 0.5 * weight
    log_b, new = log_old, rho
    for count in range(1, ITERATIONS + 1):
        spread = log_gaussian_convolution(log_b, steps, eps / 2)
        log_new = (weight * spread - energy) / entropy
        log_new -= log_new.max()
        log_new -= math.log(np.exp(log_new).sum() * cell)
        log_b = log_old - log_gaussian_convolution(log_new - spread, steps, eps / 2)
        before, new = new, np.exp(log_new)
        if np.abs(new - before).sum() * cell < SINKHORN_TOLERANCE:
            return new, count
    raise ArgumentError(
        f"regularisation: got {eps:.3g}; a step did not converge in {ITERATIONS} iterations, take a larger one"
    )


def free_energy(axes: Any, density: np.ndarray, f: np.ndarray, beta: float) -> float:
    """int f rho + (1 / beta) int rho log rho over the grid; density and f of its shape."""
    cell = math.prod(spacings(checked_axes(axes)))
    logs = np.log(np.where(density > 0, density, 1.0))
    return float((density * (f + logs / beta)).sum() * cell)


def dirichlet_flow(axes: Any, density: Any, *, beta: float, tau: float, steps: int) -> GridFlow:
    """The heat equation rho_t = Lap rho / beta as steepest descent of int |grad rho|^2 / (2 beta) in L2.

    Each step is argmin_rho int |grad rho|^2 / (2 beta) + |rho - rho_k|^2 / (2 tau), an implicit Euler step, by cosine
    transforms with walls around the cells. Raises ArgumentError for bad arguments.
    """
    from scipy.fft import dctn, idctn

    axes = checked_axes(axes)
    rho = checked_density("density", density, axes, edge=EDGE)
    beta, tau, steps = checked_beta(beta), checked_number("tau", tau), checked_count("steps", steps)
    symbol = np.zeros(rho.shape)
    for k, (axis, h) in enumerate(zip(axes, spacings(axes), strict=True)):
        wave = 2 * (1 - np.cos(np.pi * np.arange(axis.size) / axis.size)) / (h * h)
        symbol += np.expand_dims(wave, tuple(j for j in range(rho.ndim) if j != k))
    densities = [rho]
    for _ in range(steps):
        densities.append(idctn(dctn(densities[-1], norm="ortho") / (1 + tau * symbol / beta), norm="ortho"))
    cell = math.prod(spacings(axes))
    functional = [cell / (2 * beta) * float((symbol * dctn(d, norm="ortho") ** 2).sum()) for d in densities]
    return GridFlow(axes, tau * np.arange(steps + 1), np.array(densities), np.array(functional), np.zeros(steps, int))
