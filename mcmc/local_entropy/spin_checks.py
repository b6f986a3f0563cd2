"""What may be wrong with a curve from chains at several couplings: each said with its number."""

import math
from typing import NamedTuple

import numpy as np

from mcmc.local_entropy.lattice import at_distances
from mcmc.local_entropy.spin_estimates import Counted, RungSeries, by_integration, overlaps
from mcmc.statistics.autocorrelation import TRUSTED_LENGTH

FROZEN = 20
"""Independent samples of a rung below which it, and what is beyond it, gets no error bar."""
FEWEST_EFFECTIVE = 100
"""Independent samples of each rung from which its mean and variance are trusted."""
WEAK_OVERLAP = 0.1
MOST_DEVIATIONS = 4.0

EXACT = 1e-9
"""Errors of ln n up to this are those of rounding: what is one flip away is counted, not sampled."""


class Measured(NamedTuple):
    """A run and its two curves of ln n."""

    series: RungSeries
    flips: np.ndarray
    """(points,) int64."""
    beta: float
    tau: np.ndarray
    """(rungs,) float64, in sweeps."""
    integrated: Counted
    mbar: Counted
    round_trips: int | None
    """Journeys between the ends of the temperatures; None where there is one alone."""
    frozen: np.ndarray
    """(points,) bool: distances of couplings that were hardly sampled."""
    target: float | None
    """Error per weight that was asked for; None where the number of sweeps was."""


def said(run: Measured) -> tuple[str, ...]:
    """Warnings, none where all is well."""
    found = [
        _stuck(run),
        _short(run),
        _few(run),
        _weak(run),
        _unseen(run),
        _frozen(run),
        _halves(run),
        _two(run),
        _target(run),
    ]
    return tuple(one for one in found if one)


def _stuck(run: Measured) -> str:
    if run.round_trips == 0:
        return "tempering: no replica went from cold to hot and back; run more sweeps"
    if run.round_trips is None and math.isinf(run.beta):
        return (
            "tempering: none, at beta = inf; single flips count only solutions connected to the reference, "
            "take betas = 'auto'"
        )
    return ""


def _short(run: Measured) -> str:
    draws, worst = run.series.flips.shape[1], int(np.argmax(run.tau))
    needed = math.ceil(TRUSTED_LENGTH * float(run.tau[worst]))
    if draws >= needed:
        return ""
    return (
        f"chains: {draws} sweeps are fewer than {TRUSTED_LENGTH} tau_int = {needed} at gamma = "
        f"{run.series.gamma[worst]:.4g}; errors may be too small, run at least {needed}"
    )


def _few(run: Measured) -> str:
    chains, draws = run.series.flips.shape[:2]
    least = float(chains * draws / (2.0 * run.tau.max()))
    if least >= FEWEST_EFFECTIVE:
        return ""
    return f"samples: {least:.3g} independent ones at the slowest rung, {FEWEST_EFFECTIVE} are needed"


def _weak(run: Measured) -> str:
    common = overlaps(run.series)
    rung = int(np.argmin(common))
    if common[rung] >= WEAK_OVERLAP:
        return ""
    high, low = run.series.gamma[rung : rung + 2]
    return f"gammas: {high:.4g} and {low:.4g} overlap by {common[rung]:.2g} only, add one between"


def _unseen(run: Measured) -> str:
    unseen = run.flips[np.isnan(run.integrated.value)]
    few = run.flips[np.isfinite(run.integrated.value) & np.isnan(run.integrated.error) & ~run.frozen]
    said = []
    if unseen.size:
        said.append(
            f"never visited: {at_distances(unseen, run.series.sites)}; either there is no configuration or it was not "
            "found, the value is NaN"
        )
    if few.size:
        said.append(f"too few draws for an error at {at_distances(few, run.series.sites)}")
    return "; ".join(said)


def frozen_points(series: RungSeries, flips: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Which `flips` (points,) belong to the first rung of fewer than FROZEN independent samples, or a weaker one."""
    chains, draws = series.flips.shape[:2]
    frozen = np.maximum.accumulate(chains * draws < 2.0 * FROZEN * tau)
    nearest = np.argmin(np.abs(series.flips.mean(axis=(0, 1))[:, None] - flips), axis=0)
    return np.asarray(frozen[nearest])


def _frozen(run: Measured) -> str:
    if not run.frozen.any():
        return ""
    return (
        f"frozen: fewer than {FROZEN} independent samples at {at_distances(run.flips[run.frozen], run.series.sites)}, "
        "values there are no estimate and have no error; take shorter distances, a larger budget or flat_histogram"
    )


def _halves(run: Measured) -> str:
    """Whether both halves of the run give the same curve."""
    middle = run.series.flips.shape[1] // 2
    parts = run.series.flips[:, :middle], run.series.flips[:, middle:]
    if any((part[:, :, 0] != 0).all() for part in parts):
        return "halves: one of the two never met the reference at the strongest coupling; run longer"
    values = [by_integration(run.series._replace(flips=part), run.flips, run.tau)[0].value for part in parts]
    return _apart("halves: the two halves of the run differ", values[0], values[1], 2.0 * run.integrated.error, run)


def _two(run: Measured) -> str:
    spread = np.hypot(run.integrated.error, run.mbar.error)
    return _apart("mbar: integration and MBAR differ", run.integrated.value, run.mbar.value, spread, run)


def _apart(text: str, one: np.ndarray, other: np.ndarray, spread: np.ndarray, run: Measured) -> str:
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.abs(one - other) / spread
    z = np.where(np.isfinite(one) & np.isfinite(other) & (spread > EXACT), z, 0.0)
    worst = int(np.argmax(z))
    if z[worst] <= MOST_DEVIATIONS:
        return ""
    return f"{text} by {z[worst]:.3g} standard errors at {at_distances(run.flips[[worst]], run.series.sites)}"


def _target(run: Measured) -> str:
    if run.target is None:
        return ""
    errors = np.where(np.isfinite(run.integrated.error), run.integrated.error, 0.0) / run.series.sites
    worst = int(np.argmax(errors))
    if errors[worst] <= run.target:
        return ""
    where = at_distances(run.flips[[worst]], run.series.sites)
    return f"error: {errors[worst]:.2g} at {where}, {run.target:.2g} was asked for; give a larger budget"
