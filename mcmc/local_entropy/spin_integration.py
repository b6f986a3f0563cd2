"""One run at a ladder of couplings: pilot, measurement until the error asked for, and what is to be said about it."""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape
from mcmc.local_entropy import spin_ladder
from mcmc.local_entropy.lattice import coupled, lattice_flips, require_beta, require_solution
from mcmc.local_entropy.neighbours import log_nearest_counts, rounding
from mcmc.local_entropy.result import DISTANCE, Ladder, LocalEntropy
from mcmc.local_entropy.spin_checks import FEWEST_EFFECTIVE, FROZEN, Measured, frozen_points, said
from mcmc.local_entropy.spin_estimates import (
    Counted,
    RungSeries,
    autocorrelation,
    by_integration,
    by_mbar,
    overlaps,
    typical_coupling,
)
from mcmc.random import split_seed
from mcmc.samplers.grid_tempering import GridTempering, GridTemperingState

TARGET_ERROR = 0.002
BUDGET = 6e9
"""Proposed flips, all replicas together, after which measuring stops: about a minute of one core."""
FIRST_SWEEPS = 1024
LANES = 40_000
"""Spins of all replicas together from which a call of the compiled loops outweighs what surrounds it."""
MOST_CHANGES = 2001
"""Spins up to which the configurations one flip away are counted, one energy change each."""
MOST_DRAWS = 2**27
"""Whole numbers of 32 bits kept of the series: half a gigabyte."""


class _Plan(NamedTuple):
    """What was asked for."""

    landscape: CoupledLandscape
    flips: np.ndarray
    beta: float
    seed: int
    log_anchor: float
    error: float
    betas: np.ndarray | None
    sweeps: int | None
    chains: int | None
    update: str
    budget: float
    given: bool
    """Whether the couplings are the user's own, all of which are then kept."""


def integrate_distance(
    model: Any,
    reference: Any,
    distance: Any,
    *,
    beta: float = math.inf,
    seed: int = 0,
    error: float = TARGET_ERROR,
    gammas: Any = None,
    betas: Any = "auto",
    sweeps: int | None = None,
    chains: int | None = None,
    update: str = "metropolis",
    budget: float = BUDGET,
) -> LocalEntropy:
    """S(d) at each `distance` (points,) around `reference` (sites,) by integration; MBAR as `companions["mbar"]`.

    `gammas` is the ladder of couplings, found by a pilot run unless given. `betas` are hotter inverse temperatures that
    replicas may pass through: "auto" chooses them where chains are not free at `beta` (always for solutions only,
    which single flips may not connect), None does without. `sweeps` measures so many and no more, after a quarter as
    many to equilibrate; without it measuring goes on until `error` is reached or `budget` proposed flips are used.
    `chains` are independent copies of the ladder. Distances of a coupling at which chains are frozen get a value, no
    error (NaN) and a warning: around a solution by SBPI at n = 1001, alpha = .5, autocorrelation of tens of sweeps at
    d = .05 grows to thousands at .06, and sooner for more spins. A distance never visited is NaN; what is one flip away
    is counted exactly, up to 2001 spins. Raises ArgumentError for bad arguments or couplings without overlap,
    LandscapeError for angles, or energies below 0 at beta = inf.
    """
    landscape = coupled(model, reference)
    if landscape.levels is None:
        raise LandscapeError(
            f"model: {type(model).__name__} has angles, whose agreement takes any value; integration over the coupling "
            "counts discrete spins"
        )
    split_seed(seed)
    flips = lattice_flips(distance, landscape.sites)
    target = require_beta(beta)
    anchor = _log_anchor(target, require_solution(landscape, target))
    ladder = None if gammas is None else spin_ladder.checked_gammas(gammas)
    plan = _Plan(
        landscape, flips, target, seed, anchor, _positive(error, "error"), None, _count(sweeps, "sweeps", 64),
        _count(chains, "chains", 1), update, _positive(budget, "budget"), ladder is not None,
    )  # fmt: skip
    plan = plan._replace(betas=_betas(plan, betas, ladder))
    sampler = _sampler(plan, ladder)
    return _result(plan, sampler, *_measured(plan, sampler))


def _log_anchor(beta: float, energy: float) -> float:
    return -beta * energy if energy else 0.0


def _positive(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < math.inf:
        raise ArgumentError(f"{name}: got {value!r}; a finite number above 0 is needed")
    return float(value)


def _count(value: Any, name: str, least: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from {least} is needed")
    return int(value)


def _betas(plan: _Plan, betas: Any, ladder: np.ndarray | None) -> np.ndarray:
    """Inverse temperatures from the target down, (betas,) float64."""
    if betas is None:
        return np.array([plan.beta])
    if isinstance(betas, str):
        if betas != "auto":
            raise ArgumentError(f"betas: got {betas!r}; 'auto', None or a list of inverse temperatures is needed")
        couplings = spin_ladder.first_couplings(plan.flips, plan.landscape.sites) if ladder is None else ladder
        return spin_ladder.chosen_betas(plan.landscape, plan.beta, couplings, plan.seed, plan.update)
    try:
        values = np.sort(np.asarray(betas, dtype=np.float64).reshape(-1))[::-1]
    except (TypeError, ValueError):
        raise ArgumentError(f"betas: got {betas!r}; 'auto', None or a list of numbers is needed") from None
    values = values[values != plan.beta]
    if np.isnan(values).any() or (values < 0).any() or (values > plan.beta).any():
        raise ArgumentError(f"betas: got {betas!r}; numbers from 0 to beta = {plan.beta:g} are needed, hotter ones")
    return np.concatenate([[plan.beta], np.unique(values)[::-1]])


def _sampler(plan: _Plan, ladder: np.ndarray | None) -> GridTempering:
    """The grid, its couplings refined by pilot runs unless they were given."""
    assert plan.betas is not None
    gammas = spin_ladder.first_couplings(plan.flips, plan.landscape.sites) if ladder is None else ladder
    for _ in range(spin_ladder.MOST_ROUNDS):
        sampler = GridTempering(plan.landscape, plan.betas, gammas, update=plan.update)
        if ladder is not None:
            return sampler
        better = spin_ladder.refined(sampler, plan.flips, _pilot(plan, sampler))
        if better.size == gammas.size:
            break
        gammas = better
    return GridTempering(plan.landscape, plan.betas, gammas, update=plan.update)


def _pilot(plan: _Plan, sampler: GridTempering) -> RungSeries:
    """The later part of a short run that goes on while chains still leave the reference, a tenth of the budget."""
    chains = 1 if sampler.landscape.sites * sampler.betas.size * sampler.gammas.size > LANES else 4
    most = 0.1 * plan.budget / (chains * sampler.landscape.sites * sampler.betas.size * sampler.gammas.size)
    length = spin_ladder.PILOT_SWEEPS
    state, _ = sampler.thermalize(sampler.init(chains, plan.seed), length // 2)
    state, series = spin_ladder.measure(sampler, state, length, plan.log_anchor)
    while length < most and spin_ladder.drifting(series):
        state, series = spin_ladder.measure(sampler, state, length, plan.log_anchor)
        length *= 2
    return series


def _chains(plan: _Plan, sampler: GridTempering) -> int:
    if plan.chains is not None:
        return plan.chains
    one = plan.landscape.sites * sampler.betas.size * sampler.gammas.size
    # Two show whether chains agree; where one is costly a run twice as long is worth more.
    return int(min(max(2 if one <= 4 * LANES else 1, LANES // one), 16))


def _measured(plan: _Plan, sampler: GridTempering) -> tuple[GridTemperingState, RungSeries]:
    """Draws until the error is reached: what there is doubles each time, and its first tenth is left out."""
    chains = _chains(plan, sampler)
    per_sweep = chains * plan.landscape.sites * sampler.betas.size * sampler.gammas.size
    most = int(min(plan.budget / per_sweep, MOST_DRAWS / (chains * sampler.gammas.size)))
    sweeps = plan.sweeps or max(64, min(FIRST_SWEEPS, most))
    state, _ = sampler.thermalize(sampler.init(chains, plan.seed), max(64, sweeps // 4))
    state, series = spin_ladder.measure(sampler, state, sweeps, plan.log_anchor)
    while plan.sweeps is None:
        used = _reaching(plan, series._replace(flips=series.flips[:, series.flips.shape[1] // 10 :]))
        done = series.flips.shape[1]
        more = min(done, most - done)
        if more < done // 4 or _enough(plan, sampler, state, used):
            series = used
            break
        state, further = spin_ladder.measure(sampler, state, more, plan.log_anchor)
        series = series._replace(flips=np.concatenate([series.flips, further.flips], axis=1))
    series = _reaching(plan, series)
    spin_ladder.require_joined(series)
    return state, series


def _reaching(plan: _Plan, series: RungSeries) -> RungSeries:
    """Without couplings of the ladder's own making beyond the one nearest to the farthest distance.

    A coupling at which chains go farther than was asked for moves slowest, and serves none of the points.
    """
    if plan.given:
        return series
    mean = series.flips.mean(axis=(0, 1))
    last = max(int(np.argmin(np.abs(mean[:, None] - plan.flips), axis=0).max()) + 1, 2)
    return series._replace(gamma=series.gamma[:last], flips=series.flips[:, :, :last])


def _enough(plan: _Plan, sampler: GridTempering, state: GridTemperingState, series: RungSeries) -> bool:
    tau = autocorrelation(series)
    chains, draws = series.flips.shape[:2]
    if sampler.betas.size > 1 and not state.round_trips[0].sum():
        return False
    if chains * draws < 2 * FEWEST_EFFECTIVE * tau.max() or draws < 100 * tau.max():
        return False
    spin_ladder.require_joined(series)
    found, _ = by_integration(series, plan.flips, tau)
    other = by_mbar(series, plan.flips, tau)
    errors = np.stack([found.error, other.error])[:, np.isfinite(found.value)]
    return bool((errors <= plan.error * plan.landscape.sites).all())


def _known(plan: _Plan) -> np.ndarray:
    """ln n(0), and ln n(1) where it is asked for and not too many energy changes: (1,) or (2,) float64."""
    if 1 in plan.flips and plan.landscape.sites <= MOST_CHANGES:
        return log_nearest_counts(plan.landscape, plan.beta)
    return np.array([plan.log_anchor])


def _moving(series: RungSeries, tau: np.ndarray) -> np.ndarray:
    """tau of the rungs that move: few blocks are long enough for others, and the spread of few is uncertain."""
    chains, draws = series.flips.shape[:2]
    moves = chains * draws >= 2.0 * FROZEN * tau
    return tau[moves] if moves.any() else tau


def _certain(counted: Counted, error: np.ndarray, frozen: np.ndarray, plan: _Plan, known: np.ndarray) -> Counted:
    """The larger of its error and `error`, NaN where frozen; what is known exactly in place of what was sampled."""
    value, error = counted.value.copy(), np.where(frozen, np.nan, np.maximum(counted.error, error))
    sure = plan.flips < known.size
    value[sure], error[sure] = known[plan.flips[sure]], rounding(known, plan.beta)[plan.flips[sure]]
    return Counted(value, error)


def _result(plan: _Plan, sampler: GridTempering, state: GridTemperingState, series: RungSeries) -> LocalEntropy:
    sites, flips = plan.landscape.sites, plan.flips
    tau = autocorrelation(series)
    chains, draws = series.flips.shape[:2]
    frozen = frozen_points(series, flips, tau)
    known = _known(plan)
    found, step = by_integration(series, flips, tau)
    found = _certain(found, by_integration(series, flips, _moving(series, tau))[0].error, frozen, plan, known)
    other = by_mbar(series, flips, tau)
    other = _certain(other, by_mbar(series, flips, _moving(series, tau)).error, frozen, plan, known)
    step = np.where(found.error == 0, 0.0, step)
    effective = chains * draws / (2.0 * tau)
    gamma = typical_coupling(series, flips)
    nearest = np.argmin(np.abs(series.flips.mean(axis=(0, 1))[:, None] - flips), axis=0)
    behind = np.where(flips < known.size, np.inf, effective[nearest])
    shared: dict[str, Any] = {
        "kind": DISTANCE, "scale": flips / sites, "reference": plan.landscape.reference, "beta": plan.beta,
        "gamma": gamma, "effective_samples": behind,
    }  # fmt: skip
    trips = None if sampler.betas.size == 1 else int(state.round_trips[0].sum())
    measured = Measured(series, flips, plan.beta, tau, found, other, trips, frozen, None if plan.sweeps else plan.error)
    mbar = LocalEntropy(value=other.value / sites, error=other.error / sites, method="mbar", **shared)
    return LocalEntropy(
        value=found.value / sites,
        error=found.error / sites,
        method="integration",
        ladder=Ladder(series.gamma, np.full(series.gamma.size, plan.beta), overlaps(series), effective),
        warnings=said(measured),
        more={"integration_error": (("distance",), step / sites, "error of the steps in gamma, part of the error")},
        companions={"mbar": mbar},
        **shared,
    )
