"""u(x, t) by Monte Carlo: the mean of exp(-beta f) over a Gaussian around x, for small t.

Draws are y = c +- sqrt(t / beta) z, in mirrored pairs around the point c where f(y) + |x - y|^2 / (2 t) is lowest below
x, and count with exp(-beta psi), psi(y) = f(y) + |x - y|^2 / (2 t) - |y - c|^2 / (2 t): the gradient of psi vanishes at
c, so that what is left varies with the curvature of f alone. The known mean of |z|^2 is a control variate (Owen 2013,
Monte Carlo theory, methods and examples, chapters 8 and 9), its coefficient taken from the other half of the draws. The
logarithm of a mean is biased to order 1 / draws; the jackknife takes that away. When exp(-beta psi) is large in few
draws only, the error cannot be trusted: their effective number is reported and warned of.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.proximal_point import descend
from mcmc.local_entropy.result import SCALE, LocalEntropy
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_point, checked_scales, energies
from mcmc.random import Stream, normals
from mcmc.statistics.series import positive_integer

ENOUGH = 200
"""Effective pairs below which the error of the mean is not to be trusted."""

SHARE = 0.01
"""Share of the weight that a single pair may carry."""

NUMBERS = 2**22
"""Coordinates drawn at a time."""


def convolution(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    beta: float = 1.0,
    samples: int = 16384,
    seed: int = 0,
) -> LocalEntropy:
    """u(x, t) at x = `reference` (dim,) for each t of `scale`, from `samples` draws each: for small t.

    Draws of different scales are independent. The error is one standard error of the logarithm of the mean (jackknife
    over pairs of draws). A warning says when fewer than 200 effective pairs stand behind it, or one pair carries more
    than 1 % of the weight; the error is then too small, and the value too high. `more` has `centre` (scale,
    coordinate), `bias`, what the jackknife took off, and `variance_kept`, the share of the variance that the control
    variate left. Raises ArgumentError for bad arguments, LandscapeError for energies that are NaN.
    """
    landscape = checked_landscape(landscape)
    x = checked_point(reference, landscape.dim)
    scales = checked_scales(scale)
    beta = require_beta(beta, infinite=False)
    positive_integer(samples, "samples", 64)
    if not np.isfinite(energies(landscape, x[None])[0]):
        raise ArgumentError("reference: its energy is infinite; a point with a finite one is needed")
    pairs = (samples + 1) // 2
    found = []
    for place, t in enumerate(scales.tolist()):
        centre = descend(landscape, x, t, x).point
        floor, log_weight, square = _draws(landscape, x, centre, t, beta, pairs, seed, place)
        found.append((centre, floor, _log_mean(log_weight, square, x.size), _spread(log_weight)))
    value = np.array([floor - mean.value / beta for _, floor, mean, _ in found])
    warnings = tuple(w for t, f in zip(scales, found, strict=True) if (w := _trust(t, *f[2:], pairs)))
    more = {
        "centre": (("scale", "coordinate"), np.array([f[0] for f in found]), "centre of the draws"),
        "bias": (("scale",), np.array([-f[2].bias / beta for f in found]), "bias taken off by the jackknife"),
        "variance_kept": (("scale",), np.array([f[2].kept for f in found]), "variance left by the control variate"),
    }
    error = np.array([f[2].error for f in found]) / beta
    return LocalEntropy(
        SCALE, scales, value, error, "convolution", x, beta, 1 / scales,
        np.array([2 * f[3].effective for f in found]), warnings=warnings, more=more,
    )  # fmt: skip


class _LogMean(NamedTuple):
    value: float
    error: float
    bias: float
    kept: float


class _Spread(NamedTuple):
    effective: float
    largest: float
    """Share of the weight that the heaviest pair carries."""
    deviation: float
    """Standard deviation of the log weight."""


def _draws(landscape, x, centre, t, beta, pairs, seed, place) -> tuple[float, np.ndarray, np.ndarray]:
    """psi(c), log mean weight of each mirrored pair relative to c, and |z|^2 of each pair, (pairs,)."""
    dim = x.size
    width = math.sqrt(t / beta)
    here = float(energies(landscape, centre[None])[0])
    away = (x - centre) @ (x - centre) / (2 * t)
    log_weight, square = np.empty(pairs), np.empty(pairs)
    together = max(1, NUMBERS // (2 * dim))
    for first in range(0, pairs, together):
        chosen = np.arange(first, min(pairs, first + together))
        two = normals(seed, Stream.SMOOTHING, np.arange((dim + 1) // 2), chosen[:, None], place)
        step = width * two.reshape(chosen.size, -1)[:, :dim]
        both = energies(landscape, np.concatenate([centre + step, centre - step])).reshape(2, -1)
        # psi(y) - psi(c) = f(y) - f(c) + (c - x).(y - c) / t: no difference of large squares.
        slope = step @ (centre - x) / t
        exponent = -beta * np.stack([both[0] - here + slope, both[1] - here - slope])
        log_weight[chosen] = np.logaddexp(*exponent) - math.log(2.0)
        square[chosen] = (step**2).sum(axis=1) / width**2
    return here + away, log_weight, square


def _log_mean(log_weight: np.ndarray, square: np.ndarray, dim: int) -> _LogMean:
    """Logarithm of the mean weight, its error, the bias taken off, and the share of variance kept."""
    top = log_weight.max()
    if np.isneginf(top):
        return _LogMean(-math.inf, math.nan, 0.0, 1.0)
    weight = np.exp(log_weight - top)
    away = square - dim
    controlled = weight.copy()
    first = np.arange(weight.size) % 2 == 0
    for half, other in ((first, ~first), (~first, first)):
        # A coefficient from the same draws would bias the mean.
        slope = away[other] @ (weight[other] - weight[other].mean()) / (away[other] @ away[other])
        controlled[half] -= slope * away[half]
    kept = controlled.var() / weight.var() if weight.var() > 0 else 1.0
    if kept > 1 or controlled.sum() <= controlled.max():
        controlled, kept = weight, 1.0
    return _jackknifed(controlled, top, float(kept))


def _jackknifed(weight: np.ndarray, top: float, kept: float) -> _LogMean:
    """log mean of `weight` + `top`: bias and error from leaving out one at a time."""
    count = weight.size
    mean = weight.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        # Relative to the full mean: the same logarithms without loss of digits.
        change = np.log1p((1.0 - weight / mean) / (count - 1))
    bias = (count - 1) * change.mean()
    error = math.sqrt((count - 1) / count * ((change - change.mean()) ** 2).sum())
    rounding = 8 * np.finfo(float).eps * (1.0 + abs(top))
    return _LogMean(float(top + math.log(mean) - bias), float(math.hypot(error, rounding)), float(bias), kept)


def _spread(log_weight: np.ndarray) -> _Spread:
    weight = np.exp(log_weight - log_weight.max())
    total = weight.sum()
    finite = log_weight[np.isfinite(log_weight)]
    return _Spread(float(total**2 / (weight**2).sum()), float(weight.max() / total), float(finite.std()))


def _trust(t: float, mean: _LogMean, spread: _Spread, pairs: int) -> str:
    if math.isnan(mean.error):
        return f"scale {t:g}: every draw met an infinite energy; take a smaller scale or quadrature"
    needed = min(ENOUGH, pairs // 2)
    if spread.effective >= needed and spread.largest <= max(SHARE, 4 / pairs):
        return ""
    reachable = t / max(spread.deviation, 1.0)
    return (
        f"scale {t:g}: {spread.effective:.3g} effective pairs of {pairs}, the heaviest carries {spread.largest:.1%} of "
        f"the weight, the error is too small; {needed} are needed: take a scale below {reachable:.2g}, or integration"
    )
