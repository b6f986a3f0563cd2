"""Inverse temperatures of a flat histogram, and first weights W_b(k), from lanes that are cooled step by step.

Without interactions W(k) = -ln C(N, k) makes all k equally likely. With the mean and the variance of E at each k, those
of the next temperature follow to second order: ln n_(b+s)(k) = ln n_b(k) - s <E>_k + s^2 var_k(E) / 2. The step s is a
fixed number of standard deviations of E at given k: W takes out how <E>_k differs, so that exchanges depend on no more
(Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604).
"""

import math
from typing import NamedTuple

import numpy as np

from mcmc.landscape import FlatLandscape
from mcmc.local_entropy.spin_ladder import COLD, ENERGY_SPACING, FREE

PILOTS, STAGE_SWEEPS, FIRST_SWEEPS = 16, 200, 800
PILOT_LEG = 4
"""Sweeps between averages over the lanes; a lane that stays where it is lowers its weight by 1 in that time."""
MOST_STAGES, MOST_BETAS = 60, 16
BANDWIDTH = 0.03
"""Width of the window in k over which energies are averaged, in units of the range of k."""
RAREST = 1e-3
SOLVED = 0.7
"""Share of draws with E = 0 from which beta = infinity can follow."""


class FlatLadder(NamedTuple):
    """Where a flat histogram begins."""

    betas: np.ndarray
    """(rungs,) float64, descending: the target first."""
    log_weight: np.ndarray
    """(rungs, sites + 1) float64, -inf beyond the range."""
    sweeps: int
    """Sweeps of the pilots."""


class _Stage(NamedTuple):
    acceptance: float
    mean: np.ndarray
    variance: np.ndarray
    solved: np.ndarray
    unit: float


def free_weight(sites: int, farthest: int) -> np.ndarray:
    """-ln C(N, k) up to k = farthest and -inf beyond, (sites + 1,)."""
    weight = np.full(sites + 1, -np.inf)
    for k in range(farthest + 1):
        weight[k] = math.lgamma(k + 1) + math.lgamma(sites - k + 1) - math.lgamma(sites + 1)
    return weight


def laid(landscape: FlatLandscape, beta: float, farthest: int, seed: int, betas: np.ndarray | None) -> FlatLadder:
    """A ladder from `beta` to a temperature at which chains move freely, or the given `betas`, descending."""
    state = landscape.at_reference(PILOTS, seed)
    weight = np.tile(free_weight(landscape.sites, farthest), (PILOTS, 1))
    rungs: list[tuple[float, np.ndarray]] = []
    now, free = 0.0, None
    for stage in range(MOST_STAGES):
        seen = _stage(landscape, state, now, weight, farthest, FIRST_SWEEPS if stage == 0 else STAGE_SWEEPS)
        free = seen.acceptance if free is None else free
        if betas is None and seen.acceptance >= FREE * free:
            rungs = []
        if betas is None or now in betas:
            rungs.append((now, weight[0].copy()))
        colder = _colder(now, seen, beta, betas)
        if colder is None:
            break
        step = colder - now
        shift = step * seen.mean - 0.5 * step * step * seen.variance
        weight[:, : farthest + 1] += shift - shift[0]
        now = colder
    if math.isinf(beta):
        solutions = rungs[-1][1].copy() if rungs else weight[0].copy()
        solutions[: farthest + 1] -= np.log(np.maximum(seen.solved, RAREST))
        rungs.append((math.inf, solutions))
    rungs = rungs[::-1][:MOST_BETAS]
    return FlatLadder(np.array([b for b, _ in rungs]), np.array([w for _, w in rungs]), int(state.sweep))


def _colder(now: float, seen: _Stage, beta: float, betas: np.ndarray | None) -> float | None:
    """The finite inverse temperature that follows; None where the next is infinity, or `now` is the last."""
    if betas is None:
        cold = math.sqrt(float(seen.variance.max())) <= COLD * seen.unit or float(seen.solved.mean()) >= SOLVED
        if now >= beta or (math.isinf(beta) and cold):
            return None
        ahead = [beta]
    else:
        ahead = [float(b) for b in betas[::-1] if now < b < math.inf]
        if not ahead:
            return None
    spread = math.sqrt(float(seen.variance.mean()))
    return min(now + ENERGY_SPACING / max(spread, ENERGY_SPACING / max(1.0, now)), ahead[0])


def _stage(landscape, state, beta, weight, farthest, sweeps):
    """Lower the weights where the lanes are, then measure; `weight` becomes the mean over lanes."""
    betas, visits = np.full(PILOTS, beta), np.zeros(weight.shape, np.int64)
    lowered = np.full(PILOTS, 1.0 / (PILOT_LEG * landscape.sites))
    for _ in range(sweeps // PILOT_LEG):
        landscape.sweep_flat(state, betas, weight, visits, PILOT_LEG, decrement=lowered)
        weight[:] = weight.mean(axis=0)
    energies, flips, acceptance = [], [], 0.0
    for _ in range(sweeps):
        info = landscape.sweep_flat(state, betas, weight, visits, 1)
        acceptance += float(info.acceptance.mean()) / sweeps
        energies.append(np.array(landscape.cost(state), np.float64))
        flips.append(np.rint(0.5 * (landscape.sites - landscape.agreement(state))))
    return _profile(np.concatenate(flips), np.concatenate(energies), farthest, acceptance)


def _profile(flips, energies, farthest, acceptance):
    """Mean and variance of E, and share of E = 0, at each k, from draws in a window around it."""
    levels = farthest + 1
    place = flips.astype(np.int64)
    sums = np.array(
        [np.bincount(place, w, levels) for w in (np.ones(place.size), energies, energies**2, energies == 0)]
    )
    k = np.arange(levels)
    width = max(BANDWIDTH * farthest, 0.3)
    window = np.exp(-0.5 * ((k[:, None] - k) / width) ** 2) + 1e-12
    window[0] = 0.0
    window[0, 0] = 1.0 if sums[0, 0] else 0.0
    window[0] += 1e-300
    count, first, second, solved = window @ sums[0], window @ sums[1], window @ sums[2], window @ sums[3]
    # Draws of the window spread also because <E> changes with k: the slope's part is no fluctuation.
    mean = first / count
    slope = np.gradient(mean) if levels > 1 else np.zeros(1)
    centre = (window @ (sums[0] * k)) / count
    spread = (window @ (sums[0] * k * k)) / count - centre**2
    variance = np.maximum(second / count - mean**2 - slope**2 * np.maximum(spread, 0.0), 0.0)
    steps = np.diff(np.unique(energies))
    return _Stage(acceptance, mean, variance, solved / count, float(steps.min()) if steps.size else math.inf)
