"""What may be wrong with entropies of coupled replicas: each said with its number."""

import math
from typing import NamedTuple

import numpy as np

from mcmc.local_entropy.replica_estimates import AtAgreement
from mcmc.local_entropy.replica_tempering import Recorded, independent_draws
from mcmc.local_entropy.spin_checks import FEWEST_EFFECTIVE, MOST_DEVIATIONS, WEAK_OVERLAP
from mcmc.statistics.autocorrelation import TRUSTED_LENGTH

FEWEST_TRIPS = 10
"""Journeys from beta = 0 to the strongest coupling and back, all chains together, below which tempering has not
mixed."""

MOST_SHARE_ERROR = 0.1
"""Relative error of the share of solutions at the last finite beta from which its logarithm is not trusted."""

FARTHEST = 1.5
"""Standard deviations of the agreement over which its law is taken as normal."""


class Measured(NamedTuple):
    """A line that was run, and its two curves."""

    beta: np.ndarray
    """(rungs,) float64."""
    gamma: np.ndarray
    """(rungs,) float64."""
    first: int
    """The first rung at the beta asked for."""
    found: Recorded
    overlap: np.ndarray
    """(rungs - 1,) float64: of neighbours."""
    distance: np.ndarray
    """(points,) float64."""
    at: AtAgreement
    """By Bennett's ratios."""
    integrated: AtAgreement


def said(run: Measured) -> tuple[str, ...]:
    """Warnings, none where all is well."""
    two = np.abs(run.at.value - run.integrated.value)
    with np.errstate(invalid="ignore", divide="ignore"):
        two = two / np.hypot(run.at.error, run.integrated.error)
    found = [
        *_weak(run),
        _solved(run),
        _no_solutions(run),
        _trips(run),
        _few(run),
        *_short(run),
        *_off(run),
        *_apart(run, run.at.halves, "the halves of the run differ"),
        *_apart(run, run.at.between, "chains differ from each other"),
        *_apart(run, two, "Bennett's ratios and integration differ"),
    ]
    return tuple(one for one in found if one)


def effective(found: Recorded) -> np.ndarray:
    """Independent samples of each rung, (rungs,): the fewer of those of its energy and of its agreement."""
    return np.minimum(independent_draws(found.energy)[1], independent_draws(found.agreement)[1])


def _weak(run: Measured) -> list[str]:
    beta, gamma = run.beta, run.gamma
    return [
        f"rungs {i} and {i + 1}, (beta, gamma) = ({beta[i]:.4g}, {gamma[i]:.4g}) and ({beta[i + 1]:.4g}, "
        f"{gamma[i + 1]:.4g}): overlap {common:.2g} below {WEAK_OVERLAP}; add one between"
        for i, common in enumerate(run.overlap)
        # The step to infinite beta rests on a share of solutions, which has its own line.
        if not common >= WEAK_OVERLAP and np.isinf(beta[i]) == np.isinf(beta[i + 1])
    ]


def _solved(run: Measured) -> str:
    if not math.isinf(run.beta[run.first]):
        return ""
    at = f"solutions: at beta = {run.beta[run.first - 1]:.4g}, the last finite one,"
    solved = (run.found.energy[:, :, [run.first - 1]] == 0).astype(np.float64)
    share = float(solved.mean())
    if share == 0:
        return f"{at} no draw has E = 0; the step to beta = inf is not known and values are NaN, take more sweeps"
    wrong = float(independent_draws(solved)[0][0]) / share
    if wrong <= MOST_SHARE_ERROR:
        return ""
    return (
        f"{at} a share of {share:.2g} of the draws has E = 0, known to {wrong:.2g} of itself, {MOST_SHARE_ERROR} is "
        "needed; take more sweeps"
    )


def _no_solutions(run: Measured) -> str:
    at_end = np.isinf(run.beta)
    wrong = float((run.found.energy[:, :, at_end] > 0).mean()) if at_end.any() else 0.0
    return f"beta: {wrong:.2g} of the samples are no solutions; thermalize for more sweeps" if wrong else ""


def _trips(run: Measured) -> str:
    if run.found.round_trips >= FEWEST_TRIPS:
        return ""
    return (
        f"tempering: {run.found.round_trips} round trips between beta = 0 and the strongest coupling, all chains "
        f"together, {FEWEST_TRIPS} are needed; take more sweeps"
    )


def _few(run: Measured) -> str:
    many = effective(run.found)
    worst = int(np.argmin(many))
    if many[worst] >= FEWEST_EFFECTIVE:
        return ""
    return (
        f"samples: {many[worst]:.3g} independent ones at the slowest rung, (beta, gamma) = ({run.beta[worst]:.4g}, "
        f"{run.gamma[worst]:.4g}), {FEWEST_EFFECTIVE} are needed; take more sweeps"
    )


def _short(run: Measured) -> list[str]:
    draws, tau = run.found.energy.shape[1], run.at.tau_int
    return [
        f"distance {run.distance[i]:.4g}: chains of {draws} sweeps are shorter than {TRUSTED_LENGTH} autocorrelation "
        f"times of {tau[i]:.3g}; take {math.ceil(TRUSTED_LENGTH * tau[i])} sweeps"
        for i in np.flatnonzero(TRUSTED_LENGTH * tau > draws)
    ]


def _off(run: Measured) -> list[str]:
    return [
        f"distance {run.distance[i]:.4g}: the nearest rung is {abs(run.at.off[i]):.2g} standard deviations of the "
        "overlap away; take more sweeps, or give gamma"
        for i in np.flatnonzero(np.abs(run.at.off) > FARTHEST)
    ]


def _apart(run: Measured, deviations: np.ndarray, text: str) -> list[str]:
    """The worst point of those with too many `deviations` (points,), NaN being none."""
    size = np.nan_to_num(np.abs(deviations), nan=0.0, posinf=np.inf)
    worst = int(np.argmax(size))
    if size[worst] <= MOST_DEVIATIONS:
        return []
    return [f"distance {run.distance[worst]:.4g}: {text} by {size[worst]:.3g} standard errors; take more sweeps"]
