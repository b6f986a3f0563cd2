"""The scales at which chains run: from where draws alone give u up to the largest asked for, close enough to be joined.

Neighbours at gamma and gamma' overlap by their distance beta |gamma - gamma'| sd(B) (Crooks 2007, Phys. Rev. Lett. 99,
100602: thermodynamic length). For a plane landscape beta gamma sd(B) = sqrt(dim / 2), whence a pilot; its sd(B) then
places the rungs.
"""

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_arguments import energies
from mcmc.local_entropy.smooth_chains import PULL, STEPS_PER_DRAW, LadderChains
from mcmc.local_entropy.smooth_starts import spread_out
from mcmc.random import Stream, normals

STEP_LENGTH = 1.0
"""Distance of neighbours in standard deviations of ln of the ratio of their laws: BAR overlap about 0.8."""

WIDEST_STEP = 0.25
"""In ln t: integration over wider steps has errors of its own in few dimensions."""

FREE_DRAWS = 256

TUNING_DRAWS, PILOT_DRAWS = 100, 100


def subdivided(breaks: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Scales from the first of `breaks` (ascending) to the last, all of them among them.

    `length` (breaks - 1,) is the thermodynamic length between neighbours. Steps between breaks are equal in ln t.
    """
    logs = np.log(breaks)
    parts = []
    for k, between in enumerate(length):
        count = int(max(1, np.ceil(between / STEP_LENGTH), np.ceil((logs[k + 1] - logs[k]) / WIDEST_STEP)))
        parts.append(np.exp(np.linspace(logs[k], logs[k + 1], count + 1)[:-1]))
    ladder = np.append(np.concatenate(parts) if parts else np.empty(0), breaks[-1])
    # Rounding must not move the scales that were asked for.
    return np.where(np.isclose(ladder, nearest(breaks, ladder), rtol=1e-12, atol=0), nearest(breaks, ladder), ladder)


def nearest(among: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The member of `among` nearest to each of `values` in ln."""
    return among[np.abs(np.log(values)[:, None] - np.log(among)).argmin(axis=1)]


def plane_length(breaks: np.ndarray, dim: int) -> np.ndarray:
    """Thermodynamic length between `breaks` over a plane landscape, (breaks - 1,)."""
    return np.sqrt(0.5 * dim) * np.diff(np.log(breaks))


def measured_length(breaks: np.ndarray, scales: np.ndarray, ladder: np.ndarray, beta: float) -> np.ndarray:
    """Thermodynamic length between `breaks` from draws (chains, draws, rungs, 3) at `scales`, (breaks - 1,)."""
    speed = beta / scales * ladder[..., PULL].std(axis=(0, 1))
    logs = np.log(scales)
    length = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(logs) * (speed[1:] + speed[:-1]))])
    return np.diff(np.interp(np.log(breaks), logs, length))


def first_strengths(
    landscape: SmoothLandscape, reference: np.ndarray, largest: float, beta: float, seed: int
) -> np.ndarray:
    """Strengths below 1 and down to 0 for a pilot; none where f is not finite all over the free Gaussian."""
    dim = reference.size
    lane, site = np.arange(FREE_DRAWS)[:, None], np.arange((dim + 1) // 2)[None, :]
    noise = normals(seed, Stream.SMOOTHING_ANCHOR, site, 2, lane).reshape(FREE_DRAWS, -1)[:, :dim]
    heights = energies(landscape, reference + np.sqrt(largest / beta) * noise)
    if not np.isfinite(heights).all():
        return np.empty(0)
    spread = beta * float(np.std(heights))
    weakest = min(1.0, 0.5 * STEP_LENGTH / max(spread, 1e-300))
    count = int(np.ceil(np.sqrt(0.5 * dim) * -np.log(weakest) / STEP_LENGTH))
    return np.append(np.exp(np.linspace(0.0, np.log(weakest), count + 1)[1:]), 0.0)


def measured_strengths(strengths: np.ndarray, branch: np.ndarray, beta: float) -> np.ndarray:
    """Strengths below 1 at equal thermodynamic length, from f (chains, draws, 1 + rungs) at 1 and at `strengths`."""
    every = np.append(1.0, strengths)
    # By the logarithm between neighbours: the spread of f grows as 1 / strength where f is a quadratic.
    spread = beta * np.maximum(branch.std(axis=(0, 1)), 1e-300)
    steps = -np.diff(every) * np.sqrt(spread[1:] * spread[:-1])
    length = np.append(0.0, np.cumsum(steps))
    count = int(max(1, np.ceil(length[-1] / STEP_LENGTH)))
    return np.interp(np.linspace(0.0, length[-1], count + 1)[1:], length, every)


def starting_chains(
    landscape: SmoothLandscape,
    reference: np.ndarray,
    scales: np.ndarray,
    strengths: np.ndarray,
    beta: float,
    seed: int,
    *,
    chains: int,
    start: float,
) -> LadderChains:
    """MALA chains over ladder and branch, spread around the reference by what is safe at scale `start`, and tuned."""
    dim = reference.size
    every = np.concatenate([scales, np.full(strengths.size, scales[-1])])
    lane, site = np.arange(chains * every.size)[:, None], np.arange((dim + 1) // 2)[None, :]
    noise = normals(seed, Stream.SMOOTHING_ANCHOR, site, 1, lane).reshape(chains, every.size, -1)[..., :dim]
    first = reference + np.sqrt(np.minimum(every, start)[:, None] / beta) * noise
    step_size = np.tile(0.5 * dim ** (-1 / 3) * np.minimum(every, 4 * start), (chains, 1))
    found = LadderChains(landscape, reference, scales, strengths, beta, seed, start=first, step_size=step_size)
    found.thermalize(TUNING_DRAWS)
    return found


def moved(chains: LadderChains, scales: np.ndarray, strengths: np.ndarray) -> LadderChains:
    """The chains on another ladder: each starts where the nearest old one is, with its step size."""
    along = np.abs(np.log(scales)[:, None] - np.log(chains.scales)).argmin(axis=1)
    across = np.empty(0, np.int64)
    if strengths.size:
        across = chains.scales.size + np.abs(strengths[:, None] - chains.strengths).argmin(axis=1)
    place = np.append(along, across)
    return LadderChains(
        chains.landscape, chains.reference, scales, strengths, chains.beta, int(chains.state.seed),
        start=chains.x[:, place].copy(), step_size=chains.step_size[:, place].copy(), sweep=int(chains.state.sweep),
    )  # fmt: skip


def tuned_chains(
    landscape: SmoothLandscape,
    reference: np.ndarray,
    breaks: np.ndarray,
    beta: float,
    seed: int,
    *,
    start: float,
    chains: int,
    burn_in: int,
    automatic: bool,
    tempering: bool,
    known: np.ndarray | None = None,
) -> LadderChains:
    """MALA chains over a ladder that holds `breaks`, ready to be measured.

    Integration starts at `start`, one of them. Where not `automatic`, the ladder is `breaks` itself. `burn_in` counts
    Langevin steps after the pilot. `tempering` adds the branch of weaker f. `known`
    (points, dim) are where other wells may be.
    """
    below, above = breaks[breaks < start], breaks[breaks >= start]
    scales = np.append(below, subdivided(above, plane_length(above, reference.size))) if automatic else breaks
    strengths = first_strengths(landscape, reference, scales[-1], beta, seed) if tempering else np.empty(0)
    found = starting_chains(landscape, reference, scales, strengths, beta, seed, chains=chains, start=start)
    draws = found.sample(PILOT_DRAWS)
    if automatic and scales.size > 1:
        scales = np.append(below, subdivided(above, measured_length(above, scales, draws.ladder, beta)))
    if strengths.size:
        strengths = measured_strengths(strengths, draws.branch, beta)
    found = moved(found, scales, strengths)
    if strengths.size:
        # Without the branch nothing could join what starts apart.
        spread_out(found, start, np.empty((0, reference.size)) if known is None else known)
    found.thermalize(-(-burn_in // STEPS_PER_DRAW))
    return found
