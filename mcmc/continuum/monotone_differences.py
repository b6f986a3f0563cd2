"""Hamilton-Jacobi equations by explicit monotone finite differences: a check that knows nothing of kernels or minima.

    u_t + |grad u|^2 / 2 = Lap u / (2 beta),

with the Hamiltonian of Godunov, for each axis max(max(p-, 0), -min(p+, 0))^2 / 2, or of Lax & Friedrichs, ((p- + p+) /
2)^2 / 2 - a (p+ - p-) / 2; p- and p+ are backward and forward differences and a bounds |p|. A scheme is monotone, and
so converges to the viscosity solution, of order 1 where that is smooth, when ds [sum_i a_i / h_i + 1 / (beta h_i^2)] <=
1 (Crandall & Lions 1984, Math. Comp. 43, 1; Osher & Sethian 1988, J. Comput. Phys. 79, 12). Beyond the edges u goes on
as a straight line. Without viscosity that is right where characteristics leave the grid, as they do where f rises
towards its edges. With viscosity it is wrong wherever u is curved there, by an error that finer grids do not lessen and
that spreads inwards as far as noise does, (t / beta)^(1/2): `inside` says where it has not come.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.continuum.axes import (
    checked_axes,
    checked_beta,
    checked_count,
    checked_number,
    checked_values,
    spacings,
)
from mcmc.errors import ArgumentError

SCHEMES = ("godunov", "lax_friedrichs")
SHARE = 0.9
"""Of the largest step that is monotone."""
MOST_STEPS = 10**6
NOISE = 5.0
"""Standard deviations of the noise, (t / beta)^(1/2), beyond which an edge is not felt: 6e-7 of paths go further."""


class FiniteDifferences(NamedTuple):
    """u on the grid at time t."""

    axes: tuple[np.ndarray, ...]
    u: np.ndarray
    """Shape of the grid; energy, total."""
    t: float
    beta: float
    """Infinity without viscosity."""
    steps: int
    """Explicit steps taken."""
    courant: float
    """Courant number: the step in units of the largest monotone one, with the largest slopes met; at most 1."""
    inside: np.ndarray
    """Shape of the grid, bool: further from each edge than noise and the characteristics that enter there come."""


def finite_differences(
    axes: Any, f: Any, t: float, *, beta: float = math.inf, scheme: str = "godunov", steps: int | None = None
) -> FiniteDifferences:
    """u(x, t) by `steps` equal explicit steps, by default as few as 0.9 of the monotone step allows.

    `axes` (n,) or a tuple of two, `f` a SmoothLandscape or finite values. Raises ArgumentError for steps that violate
    the Courant-Friedrichs-Lewy condition, stating how many are needed, and for bad arguments.
    """
    axes = checked_axes(axes)
    u = checked_values("f", f, axes)
    t, beta = checked_number("t", t), checked_beta(beta, infinite=True)
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise ArgumentError(f"scheme: got {scheme!r}; one of {', '.join(SCHEMES)} is needed")
    h = spacings(axes)
    needed = math.ceil(min(t * _rate(_slopes(u, h), h, beta) / SHARE, 1e300))
    count = max(1, needed) if steps is None else checked_count("steps", steps)
    if count > MOST_STEPS:
        raise ArgumentError(
            f"t: got {t:g}, which takes {count:.3g} explicit steps; at most {MOST_STEPS:g} are done, take cole_hopf or "
            "hopf_lax"
        )
    ds, courant = t / count, 0.0
    # Largest slopes do not grow: those of the beginning are kept for the dissipation, which must not change sign.
    steepest = _slopes(u, h)
    entering = np.zeros((len(axes), 2))
    for _ in range(count):
        entering = np.maximum(entering, _entering(u, h))
        rate = _rate(np.maximum(steepest, _slopes(u, h)), h, beta)
        courant = max(courant, ds * rate)
        if courant > 1:
            raise ArgumentError(
                f"steps: {count} violate the Courant-Friedrichs-Lewy condition, Courant number {courant:.3g}; at least "
                f"{max(needed, math.ceil(t * rate / SHARE))} are needed"
            )
        u = u + ds * _right_side(u, h, beta, scheme, steepest)
    return FiniteDifferences(axes, u, t, beta, count, courant, _inside(axes, t, beta, entering))


def _slopes(u, h):
    """Largest |difference / h| along each axis, (dim,)."""
    return np.array([np.abs(np.diff(u, axis=k)).max() / step for k, step in enumerate(h)])


def _entering(u, h):
    """Largest speed at which characteristics, dx / ds = grad u, enter by the first and last nodes, (dim, 2)."""
    found = np.zeros((u.ndim, 2))
    for k, step in enumerate(h):
        line = np.moveaxis(u, k, 0)
        found[k] = (line[1] - line[0]).max() / step, (line[-2] - line[-1]).max() / step
    return np.maximum(found, 0.0)


def _inside(axes, t, beta, entering):
    found = np.ones([axis.size for axis in axes], bool)
    for k, (axis, speeds) in enumerate(zip(axes, entering, strict=True)):
        first, last = NOISE * math.sqrt(t / beta) + t * speeds
        kept = (axis - axis[0] > first) & (axis[-1] - axis > last)
        found &= np.expand_dims(kept, tuple(j for j in range(len(axes)) if j != k))
    return found


def _rate(slopes, h, beta):
    """Inverse of the largest monotone step."""
    return sum(a / step + 1 / (beta * step**2) for a, step in zip(slopes, h, strict=True))


def _right_side(u, h, beta, scheme, steepest):
    change = np.zeros_like(u)
    for k, step in enumerate(h):
        line = np.moveaxis(u, k, 0)
        slope = np.diff(line, axis=0) / step
        # Straight lines beyond the edges.
        slope = np.concatenate([slope[:1], slope, slope[-1:]])
        back, ahead = slope[:-1], slope[1:]
        if scheme == "godunov":
            hamiltonian = 0.5 * np.maximum(np.maximum(back, 0), -np.minimum(ahead, 0)) ** 2
        else:
            hamiltonian = 0.125 * (back + ahead) ** 2 - 0.5 * steepest[k] * (ahead - back)
        viscous = (ahead - back) / (2 * beta * step)
        change += np.moveaxis(viscous - hamiltonian, 0, k)
    return change
