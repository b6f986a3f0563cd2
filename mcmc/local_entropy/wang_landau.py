"""Local entropy by a histogram that is flat in the distance: Wang-Landau weights, then a run with the weights fixed.

A field toward the reference makes typical only the distances where S(d) is concave. With law exp(-beta E + W(k)), k
flipped spins and W close to -ln n(k), every distance is as likely as any other, whatever the shape of S. W is learnt by
the 1/t rule of Belardinelli & Pereyra 2007 (Phys. Rev. E 75, 046701) and then fixed: the values come from the second
run alone, whose law is known (Berg & Neuhaus 1992, Phys. Rev. Lett. 68, 9).

Single flips at beta = infinity stay among solutions connected to the first: so replicas at a ladder of temperatures,
each with weights of its own, exchange configurations. The rung at infinity counts solutions at every attempt, and flat
in their own number: counting E = 0 at a cold finite beta would see few of them where errors are many.
"""

import math
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape, FlatLandscape
from mcmc.local_entropy.flat_chains import FlatChains
from mcmc.local_entropy.flat_checks import FlatRun, said
from mcmc.local_entropy.flat_estimates import FlatSeries, below_hull, counted
from mcmc.local_entropy.flat_ladder import laid
from mcmc.local_entropy.flat_learning import learn
from mcmc.local_entropy.lattice import coupled, lattice_flips, require_beta, require_floor, require_solution
from mcmc.local_entropy.neighbours import log_nearest_counts, rounding
from mcmc.local_entropy.result import DISTANCE, Ladder, LocalEntropy
from mcmc.random import split_seed

SWEEPS = 40_000
MOST_BLOCKS = 512
"""Blocks of each chain in which visits are kept."""
FEWEST_BLOCKS = 8
LEG_ATTEMPTS, FEWEST_SWEEPS = 100, 4


def flat_histogram(
    model: Any,
    reference: Any,
    distance: Any = None,
    *,
    within: tuple[float, float] | None = None,
    beta: float = math.inf,
    betas: Any = "auto",
    seed: int = 0,
    chains: int = 4,
    sweeps: int = SWEEPS,
    learning: int | None = None,
) -> LocalEntropy:
    """S(d) of `model` around `reference` by a histogram flat in d, of method "flat_histogram".

    `distance` None asks for every lattice distance in `within`, (0, 1) by default; with distances `within` ends at the
    largest. `beta` infinite counts configurations of energy 0. `betas` are inverse temperatures with `beta` among them
    as the largest, or "auto". `chains` independent sets of replicas each make `learning` sweeps (half of `sweeps` by
    default), then `sweeps` with fixed weights. A distance never visited has value NaN, and a warning says so;
    one flip from the reference the value is exact for spins +-1, -inf where no neighbour is a solution.
    `more["below_hull"]` is how far S is below its concave hull: where above 0, no field makes that distance typical.
    Chains walk at random over the range, so that `within` is to be narrow for many spins. With the default `sweeps`,
    around perceptron solutions at alpha = 0.4 (found by SBPI), 501 spins converge up to d = 0.1 or nearly so and 1001
    up to d = 0.05, with mean errors of 0.05 to 0.1 nats in ln n; farther out warnings say what is missing.
    Raises ArgumentError for bad arguments and LandscapeError for a landscape that takes no weight of the distance.
    """
    target = require_beta(beta)
    landscape = _flat(coupled(model, reference))
    split_seed(seed)
    chains, sweeps = _count(chains, "chains", 1), _count(sweeps, "sweeps", 16)
    require_solution(landscape, target)
    flips, farthest = _range(distance, within, landscape.sites)
    learning = sweeps // 2 if learning is None else _count(learning, "learning", 1)
    ladder = laid(landscape, target, farthest, seed, _checked_betas(betas, target))
    walkers = FlatChains(landscape, ladder.betas, ladder.log_weight, chains, seed, ladder.sweeps)
    length = max(FEWEST_SWEEPS, LEG_ATTEMPTS // landscape.sites)
    learn(walkers, max(1, learning // length), length)
    series = _measured(walkers, max(FEWEST_BLOCKS, sweeps // length), length)
    return _result(walkers, series, flips, target)


def _measured(walkers: FlatChains, legs: int, sweeps: int) -> FlatSeries:
    """Visits at the target temperature with the weights fixed, in blocks of whole legs."""
    walkers.forget()
    each, levels = max(1, legs // MOST_BLOCKS), walkers.farthest + 1
    blocks = legs // each
    visits = np.zeros((walkers.chains, blocks, levels), np.int64)
    for leg in range(blocks * each):
        visits[:, leg // each] += walkers.leg(sweeps)[:, 0, :levels]
    if math.isinf(walkers.betas[0]):
        require_floor(np.asarray(walkers.landscape.cost(walkers.state))[walkers.order[:, 0]])
    known = log_nearest_counts(walkers.landscape, float(walkers.betas[0]))
    return FlatSeries(visits, walkers.log_weight[0, :levels], known, rounding(known, float(walkers.betas[0])))


def _result(walkers: FlatChains, series: FlatSeries, flips: np.ndarray, beta: float) -> LocalEntropy:
    sites, found = walkers.landscape.sites, counted(series)
    with np.errstate(invalid="ignore"):
        exchanged = walkers.swapped / np.maximum(walkers.offered, 1)
        slope = np.gradient(found.log_count) if found.log_count.size > 1 else np.full(1, np.nan)
    run = FlatRun(series, found, flips, sites, walkers.betas, walkers.trips, walkers.cold_trips, exchanged)
    rungs = walkers.betas.size
    share = series.visits.sum(axis=(0, 1)) / max(series.visits.sum(), 1)
    return LocalEntropy(
        kind=DISTANCE,
        scale=flips / sites,
        value=found.log_count[flips] / sites,
        error=found.error[flips] / sites,
        method="flat_histogram",
        reference=walkers.landscape.reference.copy(),
        beta=beta,
        gamma=0.5 * np.where(np.isfinite(slope), slope, np.nan)[flips],
        effective_samples=found.effective_samples[flips],
        ladder=Ladder(np.zeros(rungs), walkers.betas.copy(), np.full(rungs - 1, np.nan), np.full(rungs, np.nan)),
        warnings=said(run),
        more={
            "visited": (("distance",), share[flips], "share of all attempts spent at this distance"),
            "below_hull": (
                ("distance",), below_hull(found.log_count)[flips] / sites,
                "concave hull of the local entropy over the range, minus the local entropy, nats per weight",
            ),
        },
    )  # fmt: skip


def _count(value: Any, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from {least} is needed")
    return int(value)


def _flat(landscape: CoupledLandscape) -> FlatLandscape:
    if landscape.levels is None:
        raise LandscapeError(
            f"model: {type(landscape).__name__} has angles, whose distance takes any value; a flat histogram counts "
            "discrete spins"
        )
    if not isinstance(landscape, FlatLandscape):
        raise LandscapeError(
            f"model: {type(landscape).__name__} takes no weight of the distance (method sweep_flat); use integration"
        )
    return landscape


def _range(distance: Any, within: Any, sites: int) -> tuple[np.ndarray, int]:
    """Flips asked for, (points,) int64, and the farthest k of the range."""
    far = _end(within)
    limit = sites if far is None else math.floor(far * sites + 1e-9)
    if distance is None:
        if limit < 1:
            raise ArgumentError(f"within: got {within!r}; with {sites} spins the range must reach 1/{sites} or more")
        return np.arange(limit + 1), limit
    flips = lattice_flips(distance, sites)
    if flips.max() > limit:
        raise ArgumentError(f"distance: got {flips.max() / sites:.6g}, outside of within={within!r}; widen the range")
    return flips, max(limit if far is not None else int(flips.max()), 1)


def _end(within: Any) -> float | None:
    if within is None:
        return None
    try:
        low, high = (float(one) for one in within)
    except (TypeError, ValueError):
        raise ArgumentError(f"within: got {within!r}; a pair (0, farthest distance) is needed") from None
    if low != 0 or not 0 < high <= 1:
        raise ArgumentError(
            f"within: got {within!r}; a pair (0, farthest distance up to 1) is needed: the range begins at the "
            "reference, where the count is known"
        )
    return high


def _checked_betas(betas: Any, target: float) -> np.ndarray | None:
    """Inverse temperatures, descending, `target` first; None to choose them."""
    if isinstance(betas, str) and betas == "auto":
        return None
    try:
        values = np.sort(np.atleast_1d(np.asarray(betas, dtype=np.float64)))[::-1]
    except (TypeError, ValueError):
        raise ArgumentError(f"betas: got {betas!r}; inverse temperatures, or 'auto', are needed") from None
    good = values.ndim == 1 and values.size and not np.isnan(values).any() and np.unique(values).size == values.size
    if not good or values[-1] < 0 or values[0] != target:
        raise ArgumentError(
            f"betas: got {betas!r}; distinct inverse temperatures >= 0 of which the largest is beta = {target:g} "
            "are needed"
        )
    return values
