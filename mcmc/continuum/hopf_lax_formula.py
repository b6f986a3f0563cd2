"""The non-viscous Hamilton-Jacobi equation by the Hopf-Lax formula: the Moreau envelope on a grid, in linear time.

    u_t = -|grad u|^2 / 2,     u(x, 0) = f(x),     u(x, t) = min_y f(y) + |x - y|^2 / (2 t),

a lower envelope of parabolas, one axis after the other (Felzenszwalb & Huttenlocher 2012, Theory of Computing 8, 415).
The minimiser y* is the proximal point; along the characteristic from it, x(s) = y* + s grad f(y*), grad u stays what it
is: grad f(y*) = (x - y*) / t = grad u(x, t) (Chaudhari et al. 2018, arXiv:1704.04932, section 2).
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.compiled import kernel_tied_to
from mcmc.continuum.axes import (
    checked_axes,
    checked_landscape,
    checked_number,
    checked_points,
    checked_values,
    spacings,
)
from mcmc.landscape import SmoothLandscape


class HopfLaxSolution(NamedTuple):
    """The lower envelope at time t; minima are over nodes of the grid, so that u is too high by O(spacing^2)."""

    axes: tuple[np.ndarray, ...]
    """Coordinates along each axis, (n,) each."""
    u: np.ndarray
    """Shape of the grid; energy, total."""
    t: float
    proximal: np.ndarray
    """Shape (dim,) + grid: coordinates of the minimising node y*."""
    inside: np.ndarray
    """Shape of the grid, bool: y* is not on the boundary, beyond which f may be lower."""

    @property
    def gradient(self) -> np.ndarray:
        """grad u = (x - y*) / t, shape (dim,) + grid, to a spacing / t; at a kink, that of one of its sides."""
        return (np.stack(np.meshgrid(*self.axes, indexing="ij")) - self.proximal) / self.t


class Characteristic(NamedTuple):
    """Where the characteristics from some points are at time t, and what they carry."""

    x: np.ndarray
    """(points, dim): y + t grad f(y)."""
    value: np.ndarray
    """(points,): f(y) + t |grad f(y)|^2 / 2, which is u(x, t) until characteristics cross and is above it then."""
    gradient: np.ndarray
    """(points, dim): grad f(y), constant along the characteristic."""


def hopf_lax(axes: Any, f: Any, t: float) -> HopfLaxSolution:
    """u(x, t) on the grid, `axes` (n,) or a tuple of two, `f` a SmoothLandscape or values, +inf for walls.

    Raises ArgumentError for bad arguments.
    """
    axes = checked_axes(axes)
    values = checked_values("f", f, axes, walls=True)
    t = checked_number("t", t)
    steps = spacings(axes)
    u = values
    places: list[np.ndarray] = []
    for k in reversed(range(len(axes))):
        lines = np.ascontiguousarray(np.moveaxis(u, k, -1))
        low, place = np.empty_like(lines), np.empty(lines.shape, np.int32)
        n = lines.shape[-1]
        lower_envelope(lines.reshape(-1, n), steps[k] ** 2 / (2 * t), low.reshape(-1, n), place.reshape(-1, n))
        u, place = np.ascontiguousarray(np.moveaxis(low, -1, k)), np.moveaxis(place, -1, k)
        # Minimisers of the axes done before are read where this axis has its own.
        places = [np.ascontiguousarray(place)] + [np.take_along_axis(p, place, axis=k) for p in places]
    inside = np.ones(u.shape, bool)
    for axis, place in zip(axes, places, strict=True):
        inside &= (place > 0) & (place < axis.size - 1)
    proximal = np.stack([axis[place] for axis, place in zip(axes, places, strict=True)])
    return HopfLaxSolution(axes, u, t, proximal, inside)


@kernel_tied_to()
def lower_envelope(lines, curvature, low, place):
    """low[l, x] = min_y lines[l, y] + curvature (x - y)^2, reached at place[l, x]; all (lines, n), place int32.

    +inf where a line has no finite value.
    """
    n = lines.shape[1]
    vertex = np.empty(n, np.int32)
    begin = np.empty(n + 1)
    half = 0.5 / curvature
    for l in range(lines.shape[0]):  # noqa: E741
        f = lines[l]
        last = -1
        for q in range(n):
            if not np.isfinite(f[q]):
                continue
            crossing = -np.inf
            while last >= 0:
                v = vertex[last]
                # Where the parabola of q comes below that of v; the mean of q and v, then what f moves it.
                crossing = 0.5 * (q + v) + half * (f[q] - f[v]) / (q - v)
                if crossing > begin[last]:
                    break
                last -= 1
            if last < 0:
                crossing = -np.inf
            last += 1
            vertex[last] = q
            begin[last] = crossing
        begin[last + 1] = np.inf
        k = 0
        for x in range(n):
            if last < 0:
                low[l, x] = np.inf
                place[l, x] = x
                continue
            while begin[k + 1] < x:
                k += 1
            v = vertex[k]
            low[l, x] = f[v] + curvature * (x - v) * (x - v)
            place[l, x] = v


def characteristic(landscape: SmoothLandscape, y: Any, t: float) -> Characteristic:
    """The characteristics that leave `y` (points, dim) at time 0, seen at time t.

    The proximal point of x is the y whose characteristic is at x, if none with a lower value is: one step of proximal
    point iteration follows the characteristic back. Raises ArgumentError for another shape or what is not finite.
    """
    landscape = checked_landscape(landscape)
    points = checked_points("y", y, landscape.dim)
    t = checked_number("t", t)
    slope = np.asarray(landscape.gradient(points))
    value = landscape.energy(points) + 0.5 * t * (slope**2).sum(axis=1)
    return Characteristic(points + t * slope, value, slope)
