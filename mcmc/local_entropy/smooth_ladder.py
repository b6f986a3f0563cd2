"""The scales at which chains run: from where draws alone give u up to the largest asked for, close enough to be joined.

Neighbours at gamma and gamma' overlap by their distance beta |gamma - gamma'| sd(B) (Crooks 2007, Phys. Rev. Lett. 99,
100602: thermodynamic length). For a plane landscape beta gamma sd(B) = sqrt(dim / 2), whence a pilot; its sd(B) then
places the rungs.
"""

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_chains import PULL, STEPS_PER_DRAW, LadderChains
from mcmc.random import Stream, normals

STEP_LENGTH = 1.0
"""Distance of neighbours in standard deviations of ln of the ratio of their laws: BAR overlap about 0.8."""

WIDEST_STEP = 0.35
"""In ln t: integration over wider steps has errors of its own in few dimensions."""

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


def measured_length(breaks: np.ndarray, scales: np.ndarray, series: np.ndarray, beta: float) -> np.ndarray:
    """Thermodynamic length between `breaks` from draws (chains, draws, rungs, 3) at `scales`, (breaks - 1,)."""
    speed = beta / scales * series[..., PULL].std(axis=(0, 1))
    logs = np.log(scales)
    length = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(logs) * (speed[1:] + speed[:-1]))])
    return np.diff(np.interp(np.log(breaks), logs, length))


def starting_chains(
    landscape: SmoothLandscape,
    reference: np.ndarray,
    scales: np.ndarray,
    beta: float,
    seed: int,
    chains: int,
    t0: float,
) -> LadderChains:
    """MALA chains over `scales`, spread around the reference by what is safe at the smallest, `t0`, and tuned."""
    dim = reference.size
    lane, site = np.arange(chains * scales.size)[:, None], np.arange((dim + 1) // 2)[None, :]
    noise = normals(seed, Stream.SMOOTHING_ANCHOR, site, 1, lane).reshape(chains, scales.size, -1)[..., :dim]
    safe = np.minimum(scales, t0)[:, None]
    start = reference + np.sqrt(safe / beta) * noise
    step_size = np.tile(0.5 * dim ** (-1 / 3) * np.minimum(scales, 4 * t0), (chains, 1))
    found = LadderChains(landscape, reference, scales, beta, seed, start=start, step_size=step_size)
    found.thermalize(TUNING_DRAWS)
    return found


def moved(chains: LadderChains, scales: np.ndarray, landscape: SmoothLandscape, seed: int) -> LadderChains:
    """The chains at other scales: each starts where the nearest old one is, with its step size."""
    place = np.abs(np.log(scales)[:, None] - np.log(chains.scales)).argmin(axis=1)
    return LadderChains(
        landscape, chains.reference, scales, chains.beta, seed,
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
) -> LadderChains:
    """MALA chains over a ladder that holds `breaks`, ready to be measured.

    Integration starts at `start`, one of them. Where not `automatic`, the ladder is `breaks` itself. `burn_in` counts
    Langevin steps after the pilot.
    """
    below, above = breaks[breaks < start], breaks[breaks >= start]
    scales = np.append(below, subdivided(above, plane_length(above, reference.size))) if automatic else breaks
    found = starting_chains(landscape, reference, scales, beta, seed, chains, start)
    if automatic and scales.size > 1:
        series = found.sample(PILOT_DRAWS)
        scales = np.append(below, subdivided(above, measured_length(above, scales, series, beta)))
        found = moved(found, scales, landscape, seed)
    found.thermalize(-(-burn_in // STEPS_PER_DRAW))
    return found
