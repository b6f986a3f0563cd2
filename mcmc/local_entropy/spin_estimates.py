"""Counts at a distance from chains at several couplings: thermodynamic integration, and MBAR, with jackknife errors.

A rung has law exp(-beta E + gamma A) / Z(gamma), A = N - 2k. What integration takes from it is d ln Z / d gamma = <A>
and the variance of A, from the strongest coupling down; there the reference itself is met, so that
ln Z(gamma_max) = gamma_max N - beta E(reference) - ln P(k = 0). Then ln n(k) = ln Z + ln P(k) - gamma (N - 2k), where
n(k) = sum over the configurations with k flips of exp(-beta E).

MBAR needs no integral: with the samples M(k) of all rungs together n(k) = M(k) / sum_j m_j exp(gamma_j A - ln Z_j),
ln Z_j being those of the n(k) (Shirts & Chodera 2008, arXiv:0801.1426; A is discrete, so samples of the same k share a
bin and nothing is lost), and n(0) = exp(-beta E(reference)) is known.
"""

from typing import NamedTuple

import numpy as np

from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.binning import bin_length
from mcmc.statistics.jackknife import Replicates
from mcmc.statistics.thermodynamic_integration import integration_error, log_z_differences

MOST_BLOCKS = 64
"""Blocks left out in turn; with 64 an error bar is known to 9 %."""
NEAR = 0.3
"""Rungs that met a k at least so often as the one that met it most give P(k)."""
MOST_STEPS, TOLERANCE = 60, 1e-9


class RungSeries(NamedTuple):
    """What the rungs at the target temperature saw."""

    gamma: np.ndarray
    """(rungs,) float64, descending."""
    flips: np.ndarray
    """(chains, draws, rungs) int32: k of each draw."""
    sites: int
    log_anchor: float
    """-beta E(reference)."""


class Counted(NamedTuple):
    """ln n(k) at the k asked for, (points,) float64 each."""

    value: np.ndarray
    error: np.ndarray


def autocorrelation(series: RungSeries) -> np.ndarray:
    """tau_int of k at each rung, (rungs,), in draws."""
    return np.asarray(integrated_time(series.flips, warn=False).tau_int)


def overlaps(series: RungSeries) -> np.ndarray:
    """Common part of the distributions of k of each rung and the next, (rungs - 1,), 0 to 1."""
    shares = histograms(series, np.zeros(series.flips.shape[:2], np.int64), 1)[0]
    shares = shares / shares.sum(axis=1, keepdims=True)
    return np.minimum(shares[1:], shares[:-1]).sum(axis=1)


def blocks_of(series: RungSeries, tau: np.ndarray) -> tuple[np.ndarray, int]:
    """Block of each draw, (chains, draws) int64, the same for all rungs, and how many: parts of chains, long enough."""
    chains, draws = series.flips.shape[:2]
    length = bin_length(float(tau.max()), draws, chains)
    each = max(1, min(MOST_BLOCKS // chains, draws // length))
    each = max(each, 2 if chains == 1 else 1)
    part = np.arange(draws, dtype=np.int64) * each // draws
    return np.arange(chains, dtype=np.int64)[:, None] * each + part, chains * each


def histograms(series: RungSeries, block: np.ndarray, blocks: int) -> np.ndarray:
    """Draws of each block and rung at each k up to the largest seen, (blocks, rungs, levels) float64."""
    rungs, levels = series.gamma.size, int(series.flips.max()) + 1
    place = (block[..., None] * rungs + np.arange(rungs)) * levels + series.flips
    counted = np.bincount(place.ravel(), minlength=blocks * rungs * levels)
    return counted.reshape(blocks, rungs, levels).astype(np.float64)


def by_integration(series: RungSeries, flips: np.ndarray, tau: np.ndarray) -> tuple[Counted, np.ndarray]:
    """ln n at `flips` (points,), and the part of the error that the steps in gamma have, (points,).

    NaN where no rung has been, which proves nothing; NaN as error where too few draws have.
    """
    block, blocks = blocks_of(series, tau)
    counts = histograms(series, block, blocks)
    total = counts.sum(axis=0)
    weights, seen = _rung_weights(total, flips)
    levels = np.arange(total.shape[1], dtype=np.float64)
    kept = total - counts

    def moments(shares):
        shares = shares / shares.sum(axis=-1, keepdims=True)
        agreement = series.sites - 2.0 * (shares @ levels)
        square = shares @ (2.0 * levels - series.sites) ** 2
        # The mean of squared deviations of n draws is low by 1 - 1/n: nothing, at the lengths that are taken.
        return shares, agreement, np.maximum(square - agreement**2, 0.0)

    def log_counts(shares):
        shares, agreement, variance = moments(shares)
        with np.errstate(divide="ignore"):
            start = series.gamma[0] * series.sites + series.log_anchor - np.log(shares[..., 0, :1])
            log_share = np.log(shares[..., np.minimum(flips, total.shape[1] - 1)])
        log_z = start + log_z_differences(-series.gamma, agreement, variance)
        single = log_z[..., None] + log_share - np.outer(series.gamma, series.sites - 2.0 * flips)
        return np.where(weights > 0, weights * np.where(weights > 0, single, 0.0), 0.0).sum(axis=-2)

    with np.errstate(invalid="ignore"):
        found = Replicates(log_counts(total), log_counts(kept)).estimate(correct_bias=False)
        step = (weights * _step_error(series, moments, total, kept)[:, None]).sum(axis=0)
    value = np.where(seen, found.value, np.nan)
    error = np.where(seen, np.hypot(found.error * few_blocks(blocks), step), np.nan)
    return _anchored(series, flips, Counted(value, np.where(np.isfinite(error), error, np.nan))), step


def by_mbar(series: RungSeries, flips: np.ndarray, tau: np.ndarray) -> Counted:
    """ln n at `flips` (points,) from the draws of all rungs at once; NaN as for `by_integration`."""
    block, blocks = blocks_of(series, tau)
    counts = histograms(series, block, blocks)
    total = counts.sum(axis=0)
    start = log_z_differences(-series.gamma, *_plain_moments(series, total))
    full, log_z = _mbar(series, total, start)
    left_out = np.array([_mbar(series, total - part, log_z)[0] for part in counts])
    place = np.minimum(flips, total.shape[1] - 1)
    seen = (flips < total.shape[1]) & (total.sum(axis=0)[place] > 0)
    with np.errstate(invalid="ignore"):
        found = Replicates(full[place], left_out[:, place]).estimate(correct_bias=False)
    error = np.where(seen & np.isfinite(found.error), found.error * few_blocks(blocks), np.nan)
    return _anchored(series, flips, Counted(np.where(seen, found.value, np.nan), error))


def few_blocks(blocks: int) -> float:
    """What makes a standard error from so many blocks cover 68 %, as with many: Student's law for the normal one."""
    from scipy.special import stdtrit

    return float(stdtrit(max(1, blocks - 1), 0.841345))


def typical_coupling(series: RungSeries, flips: np.ndarray) -> np.ndarray:
    """Coupling at which each k is the mean, (points,), between rungs; NaN outside of them."""
    mean = series.flips.mean(axis=(0, 1))
    rising = np.maximum.accumulate(mean)
    return np.interp(flips, rising, series.gamma, left=np.nan, right=np.nan)


def _anchored(series, flips, counted):
    """k = 0 is the reference alone, and known."""
    at = flips == 0
    return Counted(np.where(at, series.log_anchor, counted.value), np.where(at, 0.0, counted.error))


def _rung_weights(total, flips):
    """Share of each rung in the estimate at each k, (rungs, points), and which k were met at all."""
    met = total[:, np.minimum(flips, total.shape[1] - 1)] * (flips < total.shape[1])
    most = met.max(axis=0)
    used = np.where(met >= NEAR * most, met, 0.0)
    return used / np.where(most > 0, used.sum(axis=0), 1.0), most > 0


def _plain_moments(series, total):
    shares = total / total.sum(axis=1, keepdims=True)
    agreement = series.sites - 2.0 * np.arange(total.shape[1])
    mean = shares @ agreement
    return mean, shares @ agreement**2 - mean**2


def _step_error(series, moments, total, kept):
    """Error of the rule of integration at each rung, (rungs,), what noise alone gives to its estimate taken off."""
    if series.gamma.size < 3:
        return np.zeros(series.gamma.size)
    _, mean, variance = moments(total)
    _, means, variances = moments(kept)
    found = integration_error(-series.gamma, mean, variance)
    noise = Replicates(found, integration_error(-series.gamma, means, variances)).estimate(correct_bias=False).error
    return np.sqrt(np.maximum(found**2 - noise**2, 0.0))


def _mbar(series, total, log_z):
    """ln n at every level, -inf where nothing was seen, with n(0) the reference's; ln Z of the rungs, (rungs,)."""
    levels = np.flatnonzero(total.sum(axis=0))
    seen, draws = total[:, levels].sum(axis=0), total.sum(axis=1)
    tilt = np.outer(series.gamma, series.sites - 2.0 * levels) + np.log(draws)[:, None]
    log_z = log_z - log_z[0]
    for _ in range(MOST_STEPS):
        terms = tilt - log_z[:, None]
        top = terms.max(axis=0)
        shares = np.exp(terms - top)
        shares /= shares.sum(axis=0)
        claimed = shares * seen
        excess = (claimed.sum(axis=1) - draws)[1:]
        if np.abs(excess).max(initial=0.0) <= TOLERANCE * draws.max():
            break
        curvature = (np.diag(claimed.sum(axis=1)) - claimed @ shares.T)[1:, 1:]
        step = np.linalg.lstsq(curvature, excess, rcond=1e-13)[0]
        # Far from the solution the curvature is too small for Newton's step.
        log_z = log_z + np.append(0.0, step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-300)))
    terms = tilt - log_z[:, None]
    top = terms.max(axis=0)
    found = np.full(total.shape[1], -np.inf)
    found[levels] = np.log(seen) - top - np.log(np.exp(terms - top).sum(axis=0))
    shift = series.log_anchor - found[0] if np.isfinite(found[0]) else np.nan
    return found + shift, log_z + shift
