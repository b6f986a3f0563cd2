"""What may be wrong with a flat histogram: each said with its number."""

from typing import NamedTuple

import numpy as np

from mcmc.local_entropy.flat_estimates import FlatCounts, FlatSeries, halves
from mcmc.local_entropy.lattice import at_distances
from mcmc.statistics.autocorrelation import TRUSTED_LENGTH

FEWEST_TRIPS = 10
FLATTEST = 0.1
WEAK_EXCHANGE = 0.05
MOST_DEVIATIONS = 4.0
LARGEST_ERROR = 0.5
"""Standard error of ln n beyond which it is no longer that of a logarithm."""


class FlatRun(NamedTuple):
    """A run with fixed weights and what it gave."""

    series: FlatSeries
    counts: FlatCounts
    flips: np.ndarray
    """(points,) int64: those asked for."""
    sites: int
    betas: np.ndarray
    trips: int
    """Journeys from one end of the range of k to the other and back, all replicas."""
    cold_trips: int
    """Journeys between the ends of the temperatures."""
    exchanged: np.ndarray
    """(rungs - 1,) float64: share of exchanges that were accepted."""


def said(run: FlatRun) -> tuple[str, ...]:
    """Warnings, none where all is well."""
    found = [_unmet(run), _flatness(run), _trips(run), _exchanges(run), _short(run), _large(run), _halves(run)]
    return tuple(one for one in found if one)


def flatness(visits: np.ndarray) -> float:
    """Least visits of any k that was met, in units of their mean; `visits` (levels,)."""
    met = visits[visits > 0]
    return float(met.min() / met.mean()) if met.size else 0.0


def _unmet(run: FlatRun) -> str:
    missing = run.flips[np.isnan(run.counts.log_count[run.flips])]
    if not missing.size:
        return ""
    return (
        f"never visited: {at_distances(missing, run.sites)} ({missing.size} of {run.flips.size} points); "
        "either there is no configuration or the run was too short, the value is NaN"
    )


def _flatness(run: FlatRun) -> str:
    total = run.series.visits.sum(axis=(0, 1))
    share = flatness(total)
    if share >= FLATTEST:
        return ""
    worst = int(np.flatnonzero(total == total[total > 0].min())[0]) if total.any() else 0
    return (
        f"histogram: not flat, distance {worst / run.sites:.4g} has {share:.2g} of the mean visits, {FLATTEST} are "
        "needed; give more learning sweeps"
    )


def _trips(run: FlatRun) -> str:
    if run.trips >= FEWEST_TRIPS:
        return ""
    return (
        f"distance: {run.trips} journeys from one end of the range to the other and back, {FEWEST_TRIPS} are needed; "
        "run more sweeps or restrict `within`"
    )


def _exchanges(run: FlatRun) -> str:
    if not run.exchanged.size:
        return ""
    worst = int(np.argmin(run.exchanged))
    if run.exchanged[worst] < WEAK_EXCHANGE:
        cold, hot = run.betas[worst : worst + 2]
        return f"betas: {cold:.4g} and {hot:.4g} exchange {run.exchanged[worst]:.2g} of the time only, add one between"
    if run.cold_trips < FEWEST_TRIPS:
        return (
            f"betas: {run.cold_trips} journeys between the coldest and the hottest, {FEWEST_TRIPS} are needed; "
            "run more sweeps"
        )
    return ""


def _short(run: FlatRun) -> str:
    blocks, tau = run.series.visits.shape[1], run.counts.tau[run.flips]
    worst = int(np.argmax(tau))
    needed = TRUSTED_LENGTH * float(tau[worst])
    if blocks >= needed:
        return ""
    return (
        f"chains: shorter than {TRUSTED_LENGTH} tau_int at {at_distances(run.flips[[worst]], run.sites)}; "
        f"errors may be too small, run {needed / blocks:.2g} times as many sweeps"
    )


def _large(run: FlatRun) -> str:
    error = run.counts.error[run.flips]
    bad = run.flips[np.isfinite(run.counts.log_count[run.flips]) & ~(error <= LARGEST_ERROR)]
    if not bad.size:
        return ""
    return f"too few visits for a sound error at {at_distances(bad, run.sites)}; run more sweeps"


def _halves(run: FlatRun) -> str:
    one, other = halves(run.series)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.abs(one.log_count - other.log_count) / (2.0 * run.counts.error)
    z = np.where(np.isfinite(z), z, 0.0)[run.flips]
    worst = int(np.argmax(z))
    if z[worst] <= MOST_DEVIATIONS:
        return ""
    where = at_distances(run.flips[[worst]], run.sites)
    return f"halves: the two halves of the run differ by {z[worst]:.3g} standard errors at {where}"
