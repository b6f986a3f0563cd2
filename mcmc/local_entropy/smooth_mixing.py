"""Whether the chains of a ladder have met: R-hat at every rung, round trips, and the spread of u between chains."""

from typing import Any

import numpy as np

from mcmc.local_entropy.smooth_chains import PULL, VIRIAL
from mcmc.local_entropy.smooth_estimates import integrand
from mcmc.statistics.convergence import r_hat

DISAGREEMENT = 1.05
"""R-hat above which chains have visibly not met; with few draws noise alone exceeds the usual 1.01."""

FEWEST_ROUND_TRIPS = 10

BEYOND_NOISE = 4.0
"""Ratio of the variance of u between chains to the squared error above which it is no noise: 1e-3 for 8 chains."""


def disagreements(measured: Any) -> list[str]:
    """R-hat of A, of the squared distance and of f where it is worst along ladder and branch."""
    run, draws, first = measured.run, measured.draws, measured.origin
    if draws.ladder.shape[1] < 8:
        return ["chains: fewer than 8 draws each, whether they agree is not known: run more sweeps"]
    found, where = [], []
    for name, quantity in (("the work", VIRIAL), ("the squared distance", PULL)):
        found += list(np.atleast_1d(r_hat(draws.ladder[:, :, first:, quantity])))
        where += [f"of {name} at t = {t:.6g}" for t in run.scales[first:]]
    if run.strengths.size:
        found += list(np.atleast_1d(r_hat(draws.branch)))
        where += [f"of f at strength {s:.3g}" for s in np.append(1.0, run.strengths)]
    worst = int(np.nanargmax(found))
    if found[worst] <= DISAGREEMENT:
        return []
    return [
        f"chains: R-hat is {found[worst]:.4g} {where[worst]}, above {DISAGREEMENT}: chains have not met, run more "
        "sweeps or burn in longer"
    ]


def few_round_trips(measured: Any) -> list[str]:
    """Whether configurations have gone from one end of the ladder to the other and back often enough."""
    run = measured.run
    total = int(run.round_trips.sum())
    if run.rungs - run.bottom < 2 or total >= FEWEST_ROUND_TRIPS:
        return []
    return [
        f"chains: {total} round trips between small t and the other end of the ladder, fewer than "
        f"{FEWEST_ROUND_TRIPS}: wells that no chain has met may be missing, run more sweeps"
    ]


def untested(measured: Any) -> list[str]:
    """What stands against every value without tempering."""
    if measured.run.strengths.size:
        return []
    return [
        "chains: without tempering, switched off or f not finite everywhere, all start near x and nothing tests "
        "whether other wells hold weight"
    ]


def between_chains(measured: Any) -> np.ndarray:
    """Standard error of u at each rung from `origin` up, (rungs,), from the spread of whole chains."""
    run, first = measured.run, measured.origin
    scales = run.scales[first:]
    if scales.size == 1:
        return np.zeros(1)
    slope = integrand(scales, measured.draws.ladder[:, :, first:], run.beta, run.dim, controlled=run.adjusted)
    mean = slope.mean(axis=1)
    steps = 0.5 * np.diff(np.log(scales)) * (mean[:, 1:] + mean[:, :-1])
    change = np.concatenate([np.zeros((run.chains, 1)), np.cumsum(steps, axis=1)], axis=1)
    return change.std(axis=0, ddof=1) / np.sqrt(run.chains)


def widened(error: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Errors (rungs,), replaced by the spread between chains where that is larger beyond noise."""
    return np.where(between**2 > BEYOND_NOISE * error**2, np.maximum(between, error), error)
