"""Couplings and inverse temperatures at which chains are pulled to a reference, chosen by short pilot runs.

Without interactions the variance of A is N / cosh^2 gamma, so that rungs equally spaced in the gudermannian of gamma,
arctan(sinh gamma), are equally far apart in standard deviations. From there rungs are added until they reach the
farthest distance and neighbours overlap. Temperatures are placed a fixed number of standard deviations of E apart
(Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604), from one at which chains move freely to the target.
"""

import math
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape
from mcmc.local_entropy.spin_estimates import RungSeries, overlaps
from mcmc.samplers.grid_tempering import GridTempering, GridTemperingState

SPACING = 1.5
"""Standard deviations of A between neighbouring couplings: two normal laws then have 45 % in common."""
ENERGY_SPACING = 1.3
"""Standard deviations of E between neighbouring temperatures: about 40 % of the swaps are accepted."""
WEAK_OVERLAP, NO_OVERLAP = 0.2, 0.03
FREE = 0.3
"""Share of the acceptance at beta = 0 with which chains count as moving freely."""
COLD = 0.7
"""Standard deviation of E, in units of its smallest step, from which beta = infinity can follow."""
MOST_BETAS, MOST_STAGES, MOST_RUNGS, MOST_ROUNDS = 12, 80, 400, 8
STAGE_SWEEPS, PILOT_SWEEPS = 32, 192


def strongest(sites: int) -> float:
    """Coupling at which about one spin is flipped without interactions: N exp(-2 gamma) = 1."""
    return max(0.5 * math.log(sites), 0.7)


def free_couplings(weak: float, strong: float, sites: int) -> np.ndarray:
    """Couplings from `strong` down to `weak`, SPACING standard deviations of A apart without interactions."""
    ends = np.arctan(np.sinh([strong, weak]))
    count = max(2, 1 + math.ceil((ends[0] - ends[1]) * math.sqrt(sites) / SPACING))
    inner = np.arcsinh(np.tan(np.linspace(ends[0], ends[1], count)[1:-1]))
    return np.concatenate([[strong], inner, [weak]])


def first_couplings(flips: np.ndarray, sites: int) -> np.ndarray:
    """A ladder that reaches max(flips) without interactions, (rungs,) descending."""
    strong = strongest(sites)
    farthest = min(float(flips.max()) / sites, 1.0)
    weak = math.atanh(1.0 - 2.0 * farthest) if 0.0 < farthest < 1.0 else math.copysign(strong, 0.5 - farthest)
    return free_couplings(min(max(weak, -strong), 0.8 * strong), strong, sites)


def chosen_betas(landscape: CoupledLandscape, beta: float, gammas: np.ndarray, seed: int, update: str) -> np.ndarray:
    """Inverse temperatures from `beta` to one at which chains move, (betas,) descending; `beta` alone if they do there.

    The ladder is laid from hot to cold by one short run that cools as it goes. At most 12 are taken, the coldest.
    """
    state = landscape.at_reference(gammas.size, seed)
    free, unit, now = None, 0.0, 0.0
    ladder: list[float] = []
    for _ in range(MOST_STAGES):
        if now >= beta:
            break
        acceptance, energies = _stage(landscape, state, now, gammas, update)
        if free is None:
            free, unit = acceptance, _smallest_step(energies)
        if (acceptance >= FREE * free).all():
            ladder = []
        ladder.append(now)
        spread = float(energies.std(axis=0).max())
        if math.isinf(beta) and spread <= COLD * unit:
            break
        now += ENERGY_SPACING / max(spread, ENERGY_SPACING / max(1.0, now))
    if math.isfinite(beta) and _moves(landscape, state, beta, gammas, update, free):
        return np.array([beta])
    return np.array([beta, *[b for b in ladder[::-1] if b < beta]][:MOST_BETAS])


def _stage(landscape, state, beta, gammas, update):
    """Acceptance (rungs,) and energies (sweeps, rungs) at one temperature; the first half only equilibrates."""
    betas = np.full(gammas.size, beta)
    landscape.sweep_at(state, betas, gammas, STAGE_SWEEPS, update)
    energies, acceptance = [], np.zeros(gammas.size)
    for _ in range(STAGE_SWEEPS):
        acceptance += landscape.sweep_at(state, betas, gammas, 1, update).acceptance / STAGE_SWEEPS
        energies.append(np.array(landscape.cost(state), np.float64))
    return acceptance, np.array(energies)


def _smallest_step(energies):
    steps = np.diff(np.unique(energies))
    return float(steps.min()) if steps.size else math.inf


def _moves(landscape, state, beta, gammas, update, free):
    return free is None or bool((_stage(landscape, state, beta, gammas, update)[0] >= FREE * free).all())


def refined(sampler: GridTempering, flips: np.ndarray, series: RungSeries) -> np.ndarray:
    """Couplings with rungs added where a pilot says so, (rungs,) descending; the same ones where all is well."""
    gammas = sampler.gammas
    added = list(_stronger(series)) + list(_weaker(series, flips))
    for rung in np.flatnonzero(overlaps(series) < WEAK_OVERLAP):
        added.append(0.5 * (gammas[rung] + gammas[rung + 1]))
    return np.sort(np.concatenate([gammas, added]))[::-1] if gammas.size + len(added) <= MOST_RUNGS else gammas


def drifting(series: RungSeries) -> bool:
    """Whether the weakest coupling still moves away from the reference: its second half is farther than the first."""
    last = series.flips[:, :, -1]
    middle = last.shape[1] // 2
    first, second = last[:, :middle], last[:, middle:]
    return bool(second.mean() - first.mean() > 0.5 * second.std())


def _stronger(series):
    """One more coupling above where the reference is hardly met at the strongest."""
    if (series.flips[:, :, 0] == 0).mean() < 0.1:
        yield series.gamma[0] + 0.7


def _weaker(series, flips):
    """Couplings below where the farthest distance is not reached at the weakest."""
    last = series.flips[:, :, -1]
    missing = float(flips.max()) - last.mean()
    weakest = _floor(series, flips)
    if missing <= 0.3 * last.std() or series.gamma[-1] <= weakest:
        return
    spread = max(2.0 * float(last.std()), 0.25 * math.sqrt(series.sites))
    reach = max(series.gamma[-1] - min(2.2 * missing / spread**2, 10 * SPACING / spread), weakest)
    count = math.ceil((series.gamma[-1] - reach) * spread / SPACING)
    yield from np.linspace(series.gamma[-1], reach, count + 1)[1:]


def _floor(series, flips):
    """Coupling below which the farthest distance need not be looked for.

    Constraints lower the coupling at which a distance is typical by nearly the same at all distances; strong rungs,
    which equilibrate soon, say by how much.
    """
    strong = strongest(series.sites)
    mean = series.flips.mean(axis=(0, 1))[: (series.gamma.size + 1) // 2] / series.sites
    free = np.arctanh(1.0 - 2.0 * np.clip(mean, 0.5 / series.sites, 1.0 - 0.5 / series.sites))
    lowered = max(0.0, float(np.median(free - series.gamma[: mean.size])))
    return max(first_couplings(flips, series.sites)[-1] - 1.25 * lowered - 0.1, -strong - 1.5)


def measure(
    sampler: GridTempering, state: GridTemperingState, sweeps: int, log_anchor: float
) -> tuple[GridTemperingState, RungSeries]:
    """`sweeps` draws, one a sweep, of k at the coldest temperature. Raises LandscapeError for energies below 0 there.

    A landscape of energies below 0 has no floor at 0 that beta = infinity could stand for.
    """
    found = np.empty((state.chain.size, sweeps, sampler.gammas.size), np.int32)
    solutions = math.isinf(sampler.betas[0])
    for draw in range(sweeps):
        state, _ = sampler.step(state, 1)
        cold = state.lane[:, 0]
        agreement = sampler.landscape.agreement(state.spins)[cold]
        found[:, draw] = np.rint(0.5 * (sampler.landscape.sites - agreement))
        if solutions and (sampler.landscape.cost(state.spins)[cold] != 0).any():
            raise LandscapeError(
                "beta: infinity counts configurations of energy 0, and this landscape has lower ones; take beta finite"
            )
    return state, RungSeries(sampler.gammas, found, sampler.landscape.sites, log_anchor)


def require_joined(series: RungSeries) -> None:
    """Raise ArgumentError where neighbouring couplings share nothing, or the reference is not met at the strongest."""
    common = overlaps(series)
    if common.size and common.min() < NO_OVERLAP:
        rung = int(np.argmin(common))
        high, low = series.gamma[rung], series.gamma[rung + 1]
        means = series.flips.mean(axis=(0, 1))[rung : rung + 2]
        spread = max(float(series.flips[:, :, rung : rung + 2].std(axis=(0, 1)).mean()), 0.5)
        count = int(min(max(1, math.ceil(abs(means[1] - means[0]) / (SPACING * spread)) - 1), 20))
        between = ", ".join(f"{g:.4g}" for g in np.linspace(high, low, count + 2)[1:-1])
        raise ArgumentError(
            f"gammas: rungs {rung} and {rung + 1} (gamma = {high:.4g} and {low:.4g}) overlap by {common[rung]:.2g}, "
            f"{NO_OVERLAP} is needed; add gamma = {between}"
        )
    if not (series.flips[:, :, 0] == 0).any():
        more = series.gamma[0] + 0.5 * math.log(max(2.0, float(series.flips[:, :, 0].mean())))
        raise ArgumentError(
            f"gammas: at the strongest, {series.gamma[0]:.4g}, the reference was never met; add gamma = {more:.4g}"
        )


def checked_gammas(gammas: Any) -> np.ndarray:
    """A ladder given by the user, (rungs,) descending. Raises ArgumentError unless two or more distinct ones."""
    try:
        values = np.sort(np.asarray(gammas, dtype=np.float64).reshape(-1))[::-1]
    except (TypeError, ValueError):
        raise ArgumentError(f"gammas: got {gammas!r}; two or more finite numbers are needed") from None
    if values.size < 2 or not np.isfinite(values).all() or np.unique(values).size != values.size:
        raise ArgumentError(f"gammas: got {gammas!r}; two or more distinct finite numbers are needed")
    return values
