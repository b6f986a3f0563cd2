"""u(x, t) along a ladder of scales, from the same chains in three ways.

With B = |y - x|^2 / 2, gamma = 1 / t and A = (y - x).grad f(y), under rho(y; x) ~ exp(-beta f - beta gamma B):

- Integration. du/d ln t = dim / (2 beta) - gamma <B> = <A> / 2, since <A> + 2 gamma <B> = dim / beta (the virial
  theorem: an integral of a divergence). The second form does not lose the value in the noise of free Gaussian
  coordinates. What is zero on average, A + 2 gamma B - dim / beta and s.(grad f + gamma (y - x)) for a fixed vector s,
  is subtracted with the weight that leaves least variance (control variates). d<A>/d ln t = beta gamma Cov(A, B) gives
  the slopes.
- BAR and MBAR. Z(gamma) = int exp(-beta f - beta gamma B) is a partition function with energy B at inverse temperature
  beta gamma, and u = -(1/beta) [ln Z + (dim / 2) ln(beta gamma / 2 pi)].

Chaudhari, Oberman, Osher, Soatto & Carlier 2018, arXiv:1704.04932; Bennett 1976, J. Comput. Phys. 22, 245; Shirts &
Chodera 2008, J. Chem. Phys. 129, 124105.
"""

import warnings
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, ConvergenceWarning
from mcmc.local_entropy.smooth_chains import PULL, SCORE, VIRIAL
from mcmc.statistics.bennett import BennettRatios, bennett_ratios
from mcmc.statistics.binning import automatic_length
from mcmc.statistics.jackknife import replicates
from mcmc.statistics.reweighting import WEAKEST_OVERLAP, MultiHistogram
from mcmc.statistics.thermodynamic_integration import integration_error, log_z_differences

MOST_REWEIGHTED = 40_000
"""Draws of all rungs together that MBAR takes: its time grows as draws times rungs, squared where they are many."""


class Change(NamedTuple):
    """u(x, t_k) - u(x, t_0) at each rung."""

    value: np.ndarray
    """(rungs,) float64."""
    error: np.ndarray
    """(rungs,) float64: one standard error."""
    step_error: np.ndarray
    """(rungs,) float64: bound of the error from the width of the steps; 0 for BAR and MBAR."""
    warnings: tuple[str, ...] = ()


def integrand(scales: np.ndarray, series: np.ndarray, beta: float, dim: int, *, controlled: bool = True) -> np.ndarray:
    """Draws of du/d ln t, (chains, draws, rungs), from those of `LadderChains.sample`.

    Not `controlled` they are dim / (2 beta) - gamma B, the definition.
    """
    if not controlled:
        return 0.5 * dim / beta - series[..., PULL] / scales
    half_work = 0.5 * series[..., VIRIAL]
    zero = np.stack([series[..., VIRIAL] + 2.0 * series[..., PULL] / scales - dim / beta, series[..., SCORE]], axis=-1)
    result = np.empty_like(half_work)
    # Weights of one half of the chains come from the other: fitted to the same draws they would bias the mean, at every
    # rung alike.
    for own, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        for rung in range(scales.size):
            left = zero[other, :, rung].reshape(-1, 2)
            right = half_work[other, :, rung].reshape(-1)
            weight = np.linalg.lstsq(left - left.mean(axis=0), right - right.mean(), rcond=1e-12)[0]
            result[own, :, rung] = half_work[own, :, rung] - zero[own, :, rung] @ weight
    return result


def by_integration(scales: np.ndarray, series: np.ndarray, beta: float, dim: int, *, controlled: bool = True) -> Change:
    """Change of u by integration over ln t, for draws as of `LadderChains.sample`."""
    if scales.size == 1:
        return Change(np.zeros(1), np.zeros(1), np.zeros(1))
    logs = np.log(scales)
    slope = integrand(scales, series, beta, dim, controlled=controlled)
    work = series[..., VIRIAL] - series[..., VIRIAL].mean(axis=(0, 1))
    pull = series[..., PULL] - series[..., PULL].mean(axis=(0, 1))
    means = {"slope": slope, "work": work, "pull": pull, "product": work * pull}

    def bend(work, pull, product):
        return 0.5 * beta / scales * (product - work * pull)

    def change(slope, work, pull, product):
        return log_z_differences(logs, -slope, bend(work, pull, product))

    length = automatic_length(slope, work)
    found = replicates(change, means, length=length, vectorized=True).estimate()
    mean = {name: values.mean(axis=(0, 1)) for name, values in means.items()}
    steps = integration_error(logs, -mean.pop("slope"), bend(**mean)) if scales.size > 2 else np.zeros(scales.size)
    return Change(found.value, found.error, steps)


def ratios(scales: np.ndarray, series: np.ndarray, beta: float) -> BennettRatios:
    """ln Z ratios between neighbours, in the order of ascending gamma: from the largest scale down."""
    return bennett_ratios(beta / scales[::-1], series[..., ::-1, PULL])


def by_bennett(scales: np.ndarray, series: np.ndarray, beta: float, dim: int) -> Change:
    """Change of u by BAR between neighbours."""
    if scales.size == 1:
        return Change(np.zeros(1), np.zeros(1), np.zeros(1))
    joined = ratios(scales, series, beta)

    def change(pull):
        steps = -joined.left_out(pull)[..., ::-1]
        log_z = np.concatenate([np.zeros((*pull.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
        return _from_log_z(scales, log_z, beta, dim)

    length = automatic_length(joined.pull, series[..., PULL])
    found = replicates(change, joined.pull, length=length, vectorized=True).estimate(correct_bias=False)
    return Change(found.value, found.error, np.zeros(scales.size))


def by_tempering(
    scales: np.ndarray, ladder: np.ndarray, strengths: np.ndarray, branch: np.ndarray, beta: float, dim: int
) -> Change:
    """u itself at each rung from the other end: from f of strength 0, where u is 0, along the branch, down the ladder.

    BAR between neighbours. `strengths` (L,) and `branch` (chains, draws, 1 + L) as in `LadderChains`.
    """
    weak = bennett_ratios(beta * np.append(1.0, strengths)[::-1], branch[..., ::-1])
    parts = [weak.pull]
    if scales.size > 1:
        joined = ratios(scales, ladder, beta)
        parts.append(joined.pull)

    def value(pull):
        top = -weak.left_out(pull[..., : strengths.size]).sum(axis=-1, keepdims=True) / beta
        if scales.size == 1:
            return top
        # From the largest scale down, as the ratios go.
        down = np.cumsum(joined.left_out(pull[..., strengths.size :]), axis=-1)
        log_z = np.concatenate([np.zeros((*pull.shape[:-1], 1)), down], axis=-1)[..., ::-1]
        return top - (log_z - 0.5 * dim * np.log(scales / scales[-1])) / beta

    pulls = np.concatenate(parts, axis=-1)
    length = automatic_length(pulls, branch, ladder[..., PULL])
    found = replicates(value, pulls, length=length, vectorized=True).estimate(correct_bias=False)
    return Change(found.value, found.error, np.zeros(scales.size))


def by_reweighting(scales: np.ndarray, series: np.ndarray, beta: float, dim: int) -> Change:
    """Change of u by MBAR over the whole ladder."""
    if scales.size == 1:
        return Change(np.zeros(1), np.zeros(1), np.zeros(1))
    strengths = beta / scales
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        histogram = MultiHistogram(series[..., PULL], strengths, max_samples=max(MOST_REWEIGHTED, 200 * scales.size))
        found = histogram.log_z(strengths, reference=strengths[0])
    said = tuple(f"mbar: {item.message}" for item in caught if issubclass(item.category, ConvergenceWarning))
    return Change(_from_log_z(scales, found.value, beta, dim), found.error / beta, np.zeros(scales.size), said)


def require_overlap(scales: np.ndarray, series: np.ndarray, beta: float) -> np.ndarray:
    """Overlap of each rung with the next, (rungs - 1,), 0 to 1.

    Raises ArgumentError where two neighbours have no draw in common, naming them and what to add.
    """
    if scales.size == 1:
        return np.empty(0)
    joined = ratios(scales, series, beta)
    overlap = joined.overlap[::-1]
    apart = np.flatnonzero(np.isnan(joined.log_ratio[::-1]))
    if apart.size:
        k = int(apart[0])
        low, high = scales[k : k + 2]
        raise ArgumentError(
            f"ladder: the chains at t = {low:.6g} and t = {high:.6g} have no draw in common; add scales between, "
            f"t = {np.sqrt(low * high):.6g} for instance, or leave the ladder out: it is then chosen from a pilot"
        )
    return overlap


def weak_overlap(scales: np.ndarray, overlap: np.ndarray) -> list[str]:
    """What to say about the weakest overlap, if it is weak."""
    if not overlap.size or overlap.min() >= 2.0 * WEAKEST_OVERLAP:
        return []
    k = int(overlap.argmin())
    return [
        f"ladder: t = {scales[k]:.6g} and {scales[k + 1]:.6g} overlap by {overlap[k]:.2g}, less than "
        f"{2 * WEAKEST_OVERLAP:g}: add t = {np.sqrt(scales[k] * scales[k + 1]):.6g}"
    ]


def _from_log_z(scales: np.ndarray, log_z: np.ndarray, beta: float, dim: int) -> np.ndarray:
    return -(log_z - 0.5 * dim * np.log(scales / scales[0])) / beta
