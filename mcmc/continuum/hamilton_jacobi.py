"""The viscous Hamilton-Jacobi equation by the Cole-Hopf transformation: the smoothing that local entropy performs.

    u_t = -|grad u|^2 / 2 + Lap u / (2 beta),     u(x, 0) = f(x),
    u(x, t) = -(1 / beta) log [G_(t / beta) * exp(-beta f)](x),     G_s(x) = (2 pi s)^(-dim/2) exp(-|x|^2 / (2 s)),

the convention of `mcmc.local_entropy`. With <.> under rho(y; x) ~ exp(-beta f(y) - beta |x - y|^2 / (2 t)), grad u = (x
- <y>) / t and Hess u = I / t - (beta / t^2) Cov(y). Hopf 1950, Commun. Pure Appl. Math. 3, 201; Chaudhari, Oberman,
Osher, Soatto & Carlier 2018, arXiv:1704.04932. At beta = infinity: `hopf_lax`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.continuum.axes import checked_axes, checked_beta, checked_number, checked_values, spacings
from mcmc.continuum.gaussian_convolution import log_gaussian_convolution
from mcmc.continuum.grid import Grid
from mcmc.errors import ArgumentError

BOUNDARIES = ("wall", "periodic", "reflecting")
"""What is outside the grid."""
OUTSIDE = 1e-6
"""Share of the integral that may be missing beyond the edges where u counts as that of all space."""
NARROWEST = 0.8
"""Standard deviation of y, in spacings, below which the trapezoidal rule is off by more than 7e-6."""
TAIL = 40.0
"""Exponents this far above the lowest are out of reach of a periodic or mirrored grid: exp(-40) = 4e-18."""


class ViscousSolution(NamedTuple):
    """u on the grid at time t."""

    axes: tuple[np.ndarray, ...]
    """Coordinates along each axis, (n,) each."""
    u: np.ndarray
    """Shape of the grid; energy, total."""
    t: float
    """Time, the scale of the smoothing."""
    beta: float
    """Inverse temperature; 1 / (2 beta) is the viscosity."""
    missing: np.ndarray
    """Shape of the grid: share of the integral that lies beyond the edges, at most, unless f falls there; u is too high
    by this / beta. With boundaries other than walls, 0.
    """

    @property
    def inside(self) -> np.ndarray:
        """Shape of the grid, bool: where at most 1e-6 is missing, and u is that of all space."""
        return self.missing < OUTSIDE

    @property
    def gradient(self) -> np.ndarray:
        """grad u, shape (dim,) + grid, by central differences of order 2: the optimal control alpha*."""
        return grid_gradient(self.u, self.axes)

    @property
    def mean(self) -> np.ndarray:
        """<y> = x - t grad u, shape (dim,) + grid: where the smoothed landscape takes its value from."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij")) - self.t * self.gradient


def grid_gradient(values: np.ndarray, axes: tuple[np.ndarray, ...]) -> np.ndarray:
    """Gradient of values on a grid, shape (dim,) + grid: central differences, at the edges one-sided, of order 2."""
    steps = spacings(axes)
    return np.stack([np.gradient(values, h, axis=k, edge_order=2) for k, h in enumerate(steps)])


def cole_hopf(axes: Any, f: Any, t: float, *, beta: float, boundary: str | None = None) -> ViscousSolution:
    """u(x, t) on the grid, exact to the trapezoidal rule, whose error falls faster than any power of the spacing.

    `axes` are the coordinates, (n,) or a tuple of two, or a Grid, `f` a SmoothLandscape or values of the shape of the
    grid. `boundary`: "wall", f = +inf outside, so that u there is right for all space where `inside` says so;
    "periodic", of period n spacings; "reflecting", f mirrored at the first and last node. By default that of a Grid,
    whose sides without flux are walls, and "wall" without one. Raises ArgumentError for a grid too coarse
    for beta: one of which the standard deviation (t / beta)^(1/2) of the kernel is below the spacing, or that of rho(y;
    x) below 0.8 spacings where `inside`, and for other bad arguments.
    """
    boundary = _checked_boundary(boundary, axes)
    axes = checked_axes(axes, periodic=True)
    values = checked_values("f", f, axes, walls=True)
    t, beta = checked_number("t", t), checked_beta(beta)
    steps = spacings(axes)
    check_kernel(steps, t, beta)
    padded, inner = _continued(values, steps, t, beta, boundary)
    u = -log_gaussian_convolution(-beta * padded, steps, t / beta)[inner] / beta
    missing = _missing(values, u, steps, t, beta) if boundary == "wall" else np.zeros(u.shape)
    width = _widths(u, steps, t, beta)
    _check_width(width, missing < OUTSIDE, steps, t, beta)
    return ViscousSolution(axes, u, t, beta, missing)


def _checked_boundary(boundary, axes):
    if boundary is None:
        sides = set(axes.periodic) if isinstance(axes, Grid) else {False}
        if len(sides) == 2:
            raise ArgumentError("axes: got a Grid periodic along one dimension; both or neither are taken")
        return "periodic" if sides == {True} else "wall"
    if not isinstance(boundary, str) or boundary not in BOUNDARIES:
        raise ArgumentError(f"boundary: got {boundary!r}; one of {', '.join(BOUNDARIES)} is needed")
    return boundary


def check_kernel(steps: tuple[float, ...], t: float, beta: float) -> None:
    """Raises ArgumentError when the heat kernel is narrower than the spacing."""
    width = math.sqrt(t / beta)
    if width < max(steps):
        raise ArgumentError(
            f"beta: the grid is too coarse for {beta:g}: the kernel has a width (t / beta)^(1/2) of {width:.3g}, the "
            f"spacing is {max(steps):.3g}; refine it {max(steps) / width:.2g} times, or take hopf_lax"
        )


def _continued(values, steps, t, beta, boundary):
    """Values beyond the edges as far as the integrand reaches, and the slices that undo it."""
    inner = tuple([slice(None)] * values.ndim)
    if boundary == "wall":
        return values, inner
    # Every value is met again within half a period; farther copies of it count with the Gaussian's tail alone.
    reach = 2 * TAIL * t / beta
    periods = [h * (n if boundary == "periodic" else 2 * (n - 1)) for h, n in zip(steps, values.shape, strict=True)]
    margins = [math.ceil(math.hypot(0.5 * p, math.sqrt(reach)) / h) for p, h in zip(periods, steps, strict=True)]
    inner = tuple(slice(m, m + n) for m, n in zip(margins, values.shape, strict=True))
    sides = [(m, m) for m in margins]
    padded = np.pad(values, sides, mode="wrap") if boundary == "periodic" else np.pad(values, sides, mode="reflect")
    return padded, inner


def _missing(values, u, steps, t, beta):
    """Share of the integral beyond the edges if f is there what it is at them, from above; shape of the grid."""
    frame = np.full(values.shape, -np.inf)
    for k in range(values.ndim):
        edges, line = np.moveaxis(frame, k, 0), np.moveaxis(values, k, 0)
        edges[[0, -1]] = -beta * line[[0, -1]]
    # Each node of the edge stands for a strip outward, as wide as half a Gaussian with the kernel's deviation.
    nodes = math.sqrt(math.pi * t / (2 * beta)) / min(steps) + 1
    share = log_gaussian_convolution(frame, steps, t / beta) + beta * u + math.log(nodes)
    return np.exp(np.minimum(share, 0.0))


def _widths(u, steps, t, beta):
    """Standard deviations of y along each axis, shape (dim,) + grid: (t / beta) (1 - t u_xx) squared."""
    found = np.empty((u.ndim, *u.shape))
    for k, h in enumerate(steps):
        line = np.moveaxis(u, k, 0)
        bend = np.empty_like(line)
        bend[1:-1] = (line[2:] - 2 * line[1:-1] + line[:-2]) / h**2
        bend[0], bend[-1] = bend[1], bend[-2]
        variance = np.maximum((t / beta) * (1 - t * bend), 0.0)
        found[k] = np.moveaxis(np.sqrt(variance), 0, k)
    return found


def _check_width(width, inside, steps, t, beta):
    for k, h in enumerate(steps):
        seen = width[k][inside]
        if seen.size and seen.min() < NARROWEST * h:
            raise ArgumentError(
                f"beta: the grid is too coarse for {beta:g} at t = {t:g}: the integrand is {seen.min():.3g} wide in "
                f"places, the spacing of axis {k} is {h:.3g}; at most {seen.min() / NARROWEST:.3g} is needed"
            )
