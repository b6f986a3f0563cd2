"""u(x, t) by Monte Carlo: the mean of exp(-beta f) over a Gaussian around x, for small t.

Draws are y = c +- sqrt(t / beta) z, in mirrored pairs around the local minima c of f(y) + |x - y|^2 / (2 t) that
descents meet, and count with exp(-beta f) G(y - x) / mean_c G(y - c) (Veach & Guibas 1995, Proc. SIGGRAPH, 419): around
c the logarithm of that has no gradient, and what is left varies with the curvature of f alone. The known mean of |z|^2
is a control variate (Owen 2013, Monte Carlo theory, methods and examples, chapters 8 and 9), its coefficient taken from
the other half of the draws. The logarithm of a mean is biased to order 1 / draws; the jackknife takes that away. When
the weight is large in few draws only, the error cannot be trusted: their effective number is reported and warned of.
Some draws around x itself check that the Gaussian there reaches nothing else.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.proximal_point import lowest_minima
from mcmc.local_entropy.result import SCALE, LocalEntropy
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_point, checked_scales, energies
from mcmc.random import Stream, normals
from mcmc.statistics.series import positive_integer

ENOUGH = 200
"""Effective pairs below which the error of the mean is not to be trusted."""

SHARE = 0.01
"""Share of the weight that a single pair may carry."""

SEEN = 20
"""Effective pairs around x itself below which nothing is known of what else the Gaussian reaches."""

CHECKED = 8
"""One pair around x itself for so many around c, and FEWEST at least."""
FEWEST = 256

STARTS = 4
"""Descents in search of centres, and centres at most."""

ALONE = 1
"""Draw index of those around x."""

SURE = 4.9

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

    Draws of different scales are independent. The error is one standard error of the logarithm of the mean (jackknife).
    A warning says when fewer than 200 effective groups of draws stand behind it, or one carries more than 1 % of the
    weight; the error is then too small, and the value too high. Another warns where draws around x find more than the
    others, or are too few to tell (below 20 effective pairs): u may then be lower. `more` has the lowest `centre`
    (scale, coordinate), `wells`, the number of centres, `bias`, what the jackknife took off, and `variance_kept`, the
    share of the variance that the control variate left. Raises ArgumentError for bad arguments, LandscapeError for
    energies that are NaN.
    """
    landscape = checked_landscape(landscape)
    x = checked_point(reference, landscape.dim)
    scales = checked_scales(scale)
    beta = require_beta(beta, infinite=False)
    positive_integer(samples, "samples", 64)
    wells = lowest_minima(landscape, x, scales, STARTS, seed)
    found = [
        _smoothed(_Draws(landscape, x, t, beta, seed, _place(t)), np.array([w.point for w in minima[:STARTS]]), samples)
        for t, minima in zip(scales.tolist(), wells, strict=True)
    ]
    more = {
        "centre": (("scale", "coordinate"), np.array([w[0].point for w in wells]), "lowest centre of the draws"),
        "wells": (("scale",), np.array([min(len(w), STARTS) for w in wells]), "centres of the draws"),
        "bias": (("scale",), np.array([-f.mean.bias / beta for f in found]), "bias taken off by the jackknife"),
        "variance_kept": (("scale",), np.array([f.mean.kept for f in found]), "variance left by the control variate"),
    }
    value = np.array([-f.mean.value / beta for f in found])
    error = np.array([f.mean.error / beta for f in found])
    effective = np.array([f.effective for f in found])
    warnings = tuple(f.warning for f in found if f.warning)
    return LocalEntropy(
        SCALE, scales, value, error, "convolution", x, beta, 1 / scales, effective, warnings=warnings, more=more
    )


class _Found(NamedTuple):
    mean: "_LogMean"
    effective: float
    warning: str


def _smoothed(draws: "_Draws", centres: np.ndarray, samples: int) -> _Found:
    """The mean at one scale, from `samples` draws around the centres and some around the reference."""
    groups = max(32, math.ceil(samples / (2 * len(centres))))
    log_weight, square = draws.taken(centres, groups, 0)
    mean, spread = _log_mean(log_weight, square, draws.x.size), _spread(log_weight)
    check = max(FEWEST, groups // CHECKED)
    around, square = draws.taken(draws.x[None], check, ALONE)
    direct = _log_mean(around, square, draws.x.size)
    warning = _trust(draws.t, mean, spread, groups) or _elsewhere(draws.t, mean, direct, _spread(around), check)
    return _Found(mean, 2 * len(centres) * spread.effective, warning)


def _place(t: float) -> int:
    """A number below 2^31 from the bits of t."""
    bits = int(np.float64(t).view(np.uint64))
    return ((bits >> 32) ^ (bits * 0x9E3779B9)) & 0x7FFFFFFF


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


class _Draws(NamedTuple):
    """Draws at one scale."""

    landscape: SmoothLandscape
    x: np.ndarray
    t: float
    beta: float
    seed: int
    place: int
    """In the random numbers: that of t, whatever else is asked for."""

    def taken(self, centres: np.ndarray, groups: int, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Log mean weight of each group, one mirrored pair around every centre, and its mean |z|^2, (groups,) each."""
        log_weight, square = np.empty(groups), np.empty(groups)
        together = max(1, NUMBERS // (2 * centres.size))
        for start in range(0, groups, together):
            group = np.arange(start, min(groups, start + together))
            parts = [self._around(centres, c, group, first) for c in range(len(centres))]
            log_weight[group] = np.logaddexp.reduce([p[0] for p in parts], axis=0) - math.log(len(parts))
            square[group] = np.mean([p[1] for p in parts], axis=0)
        return log_weight, square

    def _around(self, centres: np.ndarray, c: int, group: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Log mean weight of mirrored pairs around one centre, and |z|^2."""
        dim, width = self.x.size, math.sqrt(self.t / self.beta)
        pair = np.arange(c * ((dim + 1) // 2), (c + 1) * ((dim + 1) // 2))
        z = normals(self.seed, Stream.SMOOTHING, pair, group[:, None], self.place, first)
        z = z.reshape(group.size, -1)[:, :dim]
        y = np.concatenate([centres[c] + width * z, centres[c] - width * z])
        pull = ((y - self.x) ** 2).sum(axis=1)
        near = np.array([((y - centre) ** 2).sum(axis=1) for centre in centres])
        density = np.logaddexp.reduce(-0.5 * near / width**2, axis=0) - math.log(len(centres))
        log_weight = -self.beta * energies(self.landscape, y) - 0.5 * pull / width**2 - density
        both = np.logaddexp(log_weight[: group.size], log_weight[group.size :]) - math.log(2.0)
        return both, (z**2).sum(axis=1)


def _log_mean(log_weight: np.ndarray, square: np.ndarray, dim: int) -> _LogMean:
    """Logarithm of the mean weight, its error, the bias taken off, and the share of variance kept."""
    top = log_weight.max()
    if np.isneginf(top):
        return _LogMean(math.nan, math.nan, 0.0, 1.0)
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
        f"scale {t:g}: {spread.effective:.3g} effective groups of {pairs}, the heaviest carries {spread.largest:.1%} "
        f"of the weight, the error is too small; {needed} are needed: take a scale below {reachable:.2g}, or integrate"
    )


def _elsewhere(t: float, mean: _LogMean, direct: _LogMean, spread: _Spread, pairs: int) -> str:
    """Whether draws around the reference itself find more, or cannot tell."""
    reachable = t / max(spread.deviation, 1.0)
    advice = f"take a scale below {reachable:.2g}, or integration"
    if spread.effective < SEEN:
        return (
            f"scale {t:g}: draws around the reference itself are worth {spread.effective:.3g} pairs of {pairs}, too "
            f"few to exclude other wells within reach, with which u would be lower; {advice}"
        )
    if direct.value - mean.value > SURE * math.hypot(direct.error, mean.error):
        lower = direct.value - mean.value
        return f"scale {t:g}: draws around the reference find more, beta u is lower by about {lower:.2g}; {advice}"
    return ""
