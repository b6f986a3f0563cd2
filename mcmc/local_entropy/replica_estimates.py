"""From the record of a line of coupled replicas to ln Z along it, and to the entropy at a given mutual distance.

Ratios of Z between neighbours by the acceptance ratio of Bennett 1976, J. Comput. Phys. 22, 245, and, apart from it, by
integration of the mean energy and agreement. Every estimate comes with a series whose mean it is to first order: its
error, with all correlations between rungs and sweeps, is that of the mean of one series.
"""

import math
from typing import NamedTuple

import numpy as np

from mcmc.local_entropy.replica_tempering import Recorded

DISAGREE = 2.5
"""Standard deviations from which chains are taken to disagree: below, the spread of a few is the noisier error."""


class LogZ(NamedTuple):
    """ln Z at the rungs of strongest beta, gamma ascending."""

    value: np.ndarray
    """(couplings,) float64."""
    pull: np.ndarray
    """(chains, sweeps, couplings) float64: how far each sweep pulls it; the mean over all is 0."""
    integration_error: np.ndarray
    """(couplings,) float64: what steps of finite width may add."""


def by_bennett(
    beta: np.ndarray, gamma: np.ndarray, first: int, found: Recorded, start: float
) -> tuple[LogZ, np.ndarray]:
    """ln Z and the overlap of neighbours, (rungs - 1,); rungs up to `first` have the weakest gamma, `start` is ln Z of
    the first of all."""
    from mcmc.statistics.bennett import bennett_ratios

    value, pull, overlap = _heated(beta, first, found)
    total, series = start + value, pull
    values, pulls = [np.array([total])], [series[:, :, None]]
    if gamma.size - first > 1:
        ratios = bennett_ratios(gamma[first:], -found.agreement[:, :, first:])
        values.append(total + np.cumsum(ratios.log_ratio))
        pulls.append(series[:, :, None] + np.cumsum(ratios.pull, axis=2))
        overlap = np.append(overlap, ratios.overlap)
    line = np.concatenate(values)
    return LogZ(line, np.concatenate(pulls, axis=2), np.zeros(line.size)), overlap


def by_integration(beta: np.ndarray, gamma: np.ndarray, first: int, found: Recorded, start: float) -> LogZ:
    """ln Z by integration of the mean energy over beta and of the mean agreement over gamma."""
    entered, pull = _solved(beta, first, found)
    last = first - 1 if math.isinf(beta[first]) else first
    start += entered
    wrong = 0.0
    if last > 0:
        value, series, error = _integrated(beta[: last + 1], found.energy[:, :, : last + 1])
        start, pull, wrong = start + value[-1], pull + series[:, :, -1], float(error[-1])
    if gamma.size - first == 1:
        return LogZ(np.array([start]), pull[:, :, None], np.array([wrong]))
    value, series, error = _integrated(gamma[first:], -found.agreement[:, :, first:])
    return LogZ(start + value, pull[:, :, None] + series, wrong + error)


def _integrated(strengths: np.ndarray, series: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from mcmc.statistics.thermodynamic_integration import integration_error, log_z_differences

    mean, variance = series.mean(axis=(0, 1)), series.var(axis=(0, 1))
    value = log_z_differences(strengths, mean, variance)
    pull = log_z_differences(strengths, series - mean)
    if strengths.size > 2:
        return value, pull, integration_error(strengths, mean, variance)
    # One step cannot be halved: what the slopes at its ends change is larger than what they leave.
    return value, pull, np.abs(value - log_z_differences(strengths, mean))


def _heated(beta: np.ndarray, first: int, found: Recorded) -> tuple[float, np.ndarray, np.ndarray]:
    """ln Z at rung `first` less that at the first of all, its pull (chains, sweeps), and overlaps (first,)."""
    from mcmc.statistics.bennett import bennett_ratios

    value, pull = _solved(beta, first, found)
    last = first - 1 if math.isinf(beta[first]) else first
    overlap = np.empty(0)
    if last > 0:
        ratios = bennett_ratios(beta[: last + 1], found.energy[:, :, : last + 1])
        value, pull = value + float(ratios.log_ratio.sum()), pull + ratios.pull.sum(axis=2)
        overlap = ratios.overlap
    if last < first:
        overlap = np.append(overlap, (found.energy[:, :, last] == 0).mean())
    return value, pull, overlap


def _solved(beta: np.ndarray, first: int, found: Recorded) -> tuple[float, np.ndarray]:
    """ln of the share of energy 0 at the last finite beta, the ratio of Z at infinite beta to that; 0 without one."""
    if not math.isinf(beta[first]):
        return 0.0, np.zeros(found.energy.shape[:2])
    solved = found.energy[:, :, first - 1] == 0
    share = solved.mean()
    if share == 0:
        return math.nan, np.zeros(solved.shape)
    return math.log(share), solved / share - 1.0


class AtAgreement(NamedTuple):
    """Entropies of the whole system at given mean agreements."""

    rung: np.ndarray
    """(points,) int64: the rung taken."""
    gamma: np.ndarray
    """(points,): coupling at which it is the mean."""
    value: np.ndarray
    """(points,): ln Z - gamma A."""
    counted: np.ndarray
    """(points,): ln of the (weighted) number of systems at exactly this A."""
    error: np.ndarray
    effective_samples: np.ndarray
    tau_int: np.ndarray
    """(points,): in sweeps."""
    off: np.ndarray
    """(points,): A asked for less the mean at the rung taken, in standard deviations of A there."""
    halves: np.ndarray
    """(points,): difference of the two halves of the run, in standard errors."""
    between: np.ndarray
    """(points,): by how many standard deviations chains differ more than each alone says; 0 for one chain."""


def at_agreement(
    log_z: LogZ, gamma: np.ndarray, agreement: np.ndarray, wanted: np.ndarray, spacing: float
) -> AtAgreement:
    """ln Z - gamma A at `wanted` (points,) A, from the rung of nearest mean among `agreement` (chains, sweeps, rungs).

    Its minimum over gamma is at that A: to second order in the distance from the rung ln Z_j - gamma_j A - (A - A_j)^2
    / (2 Var A_j). `spacing` is that between the values which A takes.
    """
    from mcmc.local_entropy.replica_tempering import independent_draws

    mean, variance = agreement.mean(axis=(0, 1)), np.maximum(agreement.var(axis=(0, 1)), 1e-12)
    rung = np.abs((wanted[:, None] - mean) / np.sqrt(variance)).argmin(axis=1)
    away = wanted - mean[rung]
    slope = away / variance[rung]
    value = log_z.value[rung] - gamma[rung] * wanted - 0.5 * away * slope
    pull = log_z.pull[:, :, rung] + slope * (agreement[:, :, rung] - mean[rung])
    error, many, tau = independent_draws(pull)
    halves = _halves(pull, error)
    error, between = _between(pull, error)
    counted = value - 0.5 * np.log(2.0 * math.pi * variance[rung] / spacing**2)
    error = np.where(np.isnan(value), math.nan, np.hypot(error, log_z.integration_error[rung]))
    off = away / np.sqrt(variance[rung])
    return AtAgreement(rung, gamma[rung] + slope, value, counted, error, many, tau, off, halves, between)


def _halves(pull: np.ndarray, error: np.ndarray) -> np.ndarray:
    middle = pull.shape[1] // 2
    apart = pull[:, :middle].mean(axis=(0, 1)) - pull[:, -middle:].mean(axis=(0, 1))
    return apart / (2.0 * np.maximum(error, 1e-300))


def _between(pull: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`error` (points,), or that of the spread of chains where they differ significantly, and by how much they do.

    The squared ratio of the errors between and within chains is chi2 / (chains - 1), its deviation by Wilson & Hilferty
    1931, PNAS 17, 684.
    """
    from mcmc.local_entropy.replica_tempering import independent_draws

    free = len(pull) - 1
    if not free:
        return error, np.zeros(error.shape)
    mean = pull.mean(axis=1)
    within, _, _ = independent_draws(pull - mean[:, None])
    spread = mean.std(axis=0, ddof=1) / math.sqrt(free + 1)
    width = 2.0 / (9.0 * free)
    deviations = (np.cbrt((spread / np.maximum(within, 1e-300)) ** 2) - (1.0 - width)) / math.sqrt(width)
    return np.where(deviations > DISAGREE, np.maximum(error, spread), error), deviations
