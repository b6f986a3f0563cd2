"""Where integration over the scale starts: u(x, t) at small t from independent Gaussian draws.

To first order f is a plane at x, and the tilted law a Gaussian around x - t grad f(x). With exact draws y from it,

    u(x, t) = f(x) - t |grad f(x)|^2 / 2 - (1/beta) ln < exp(-beta R(y)) >,   R(y) = f(y) - f(x) - grad f(x).(y - x),

at any t; where beta R varies by less than about 1 a few thousand draws leave an error that does not matter.
"""

from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_arguments import energies, gradients
from mcmc.random import Stream, normals

LARGEST_SPREAD = 0.4
"""Standard deviation of beta R up to which a scale serves as a start: an effective share of 85 % of the draws."""

FEWEST_PAIRS = 256
NUMBERS = 2**21
"""Float64 numbers drawn at a time."""


class Anchor(NamedTuple):
    """u at scales that need no chains."""

    value: np.ndarray
    """(points,) float64."""
    error: np.ndarray
    """(points,) float64: one standard error."""
    spread: np.ndarray
    """(points,) float64: standard deviation of beta R over the draws."""
    effective: np.ndarray
    """(points,) float64: independent draws, after Kish, behind each value."""
    draws: int
    """Draws taken."""


def anchored(
    landscape: SmoothLandscape, reference: np.ndarray, scales: np.ndarray, beta: float, seed: int, pairs: int
) -> Anchor:
    """u(x, t) at each of `scales` (points,) from `pairs` pairs of mirrored draws, the same ones at each scale."""
    point = reference[None]
    height, slope = energies(landscape, point)[0], gradients(landscape, point)[0]
    if not np.isfinite(height):
        raise ArgumentError("reference: its energy is infinite; a point within the landscape is needed")
    logs = np.empty((scales.size, 2, pairs))
    for start in range(0, pairs, max(1, NUMBERS // reference.size)):
        stop = min(pairs, start + max(1, NUMBERS // reference.size))
        noise = _noise(seed, reference.size, start, stop)
        for k, t in enumerate(scales):
            for side, sign in enumerate((1.0, -1.0)):
                away = sign * np.sqrt(t / beta) * noise - t * slope
                rest = energies(landscape, reference + away) - height - away @ slope
                logs[k, side, start:stop] = -beta * rest
    flat = height - 0.5 * scales * (slope @ slope)
    return _log_mean(logs, flat, beta)


def first_scale(landscape: SmoothLandscape, reference: np.ndarray, largest: float, beta: float, seed: int) -> float:
    """The largest of `largest`, `largest` / 2, ... at which draws alone give u.

    Raises ArgumentError where there is none: the landscape is not differentiable at the reference.
    """
    t = largest
    for _ in range(200):
        found = anchored(landscape, reference, np.array([t]), beta, seed, FEWEST_PAIRS)
        if found.spread[0] <= LARGEST_SPREAD:
            return t
        # beta R is of first order in t: shorter steps than that would not be enough, much longer ones too many.
        t /= 2.0 if found.spread[0] < 8 * LARGEST_SPREAD else 8.0
    raise ArgumentError(
        f"reference: down to t = {t:.3g} the landscape is no plane around it (beta f varies by {found.spread[0]:.3g} "
        "beyond its gradient); a point where the landscape is differentiable, and a correct gradient, are needed"
    )


def _noise(seed: int, dim: int, start: int, stop: int) -> np.ndarray:
    """Standard normals (stop - start, dim)."""
    pair, site = np.arange(start, stop)[:, None], np.arange((dim + 1) // 2)[None, :]
    drawn = normals(seed, Stream.SMOOTHING_ANCHOR, site, 0, pair)
    return drawn.reshape(stop - start, -1)[:, :dim]


def _log_mean(logs: np.ndarray, flat: np.ndarray, beta: float) -> Anchor:
    """Values from ln weights (points, 2, pairs): mirrored draws are averaged first, their errors cancel in part."""
    top = logs.max(axis=(1, 2))
    both = np.exp(logs - top[:, None, None])
    weight = both.mean(axis=1)
    mean = weight.mean(axis=1)
    variance = weight.var(axis=1, ddof=1) / weight.shape[1] / mean**2
    # ln of a mean is too small by half its relative variance.
    value = flat - (top + np.log(mean) + 0.5 * variance) / beta
    with np.errstate(invalid="ignore"):
        spread = logs.std(axis=(1, 2))
    effective = both.sum(axis=(1, 2)) ** 2 / (both**2).sum(axis=(1, 2))
    return Anchor(
        value, np.sqrt(variance) / beta, np.where(np.isfinite(spread), spread, np.inf), effective, logs[0].size
    )
