"""Over-dispersed starts: half of the chains begin at minima away from x, so that chains that do not mix disagree.

Chains that all start near x agree with each other whether or not they have met the other wells. Minima of f(y) + |x -
y|^2 / (2 t) at the largest t are where else the weight may be (Gelman & Rubin 1992, Statist. Sci. 7, 457): those below
where the tempered chains have been, and below the lowest of many points on spheres around x.
"""

import numpy as np

from mcmc.local_entropy.proximal_point import Proximal, descend, keep_minimum
from mcmc.local_entropy.smooth_arguments import energies
from mcmc.local_entropy.smooth_chains import LadderChains
from mcmc.random import Stream, normals

DESCENTS = 32
"""From where the chains stand, and from the lowest draws."""
SHELLS, SHELL_DRAWS = 16, 4096
NUMBERS = 2**21
"""Coordinates drawn at most."""
DESCENT_STEPS = 200
"""A start need not be a minimum to the last digit."""

HEIGHT = 10.0
"""Minima higher than the lowest by this and the dimension, in 1 / beta, are left out."""

APART = 3.0
"""Distance of a far start from the minimum below x, in widths of the free Gaussian a coordinate at the first rung."""


def lowest_draws(run: LadderChains, centre: np.ndarray, first: float) -> np.ndarray:
    """The lowest of many points on each sphere around `centre` (dim,) that a Gaussian of t from `first` up fills."""
    dim, t, found = centre.size, float(run.scales[-1]), []
    count = max(16, min(SHELL_DRAWS, NUMBERS // (SHELLS * dim)))
    draw, site = np.arange(count)[:, None], np.arange((dim + 1) // 2)[None, :]
    for shell, scale in enumerate(np.geomspace(first, max(t, first), SHELLS)):
        noise = normals(int(run.state.seed), Stream.SMOOTHING_ANCHOR, site, 3 + shell, draw)
        direction = noise.reshape(count, -1)[:, :dim]
        # All on one sphere: else the nearest of them, not those in other wells, are the lowest.
        y = centre + np.sqrt(dim * scale / run.beta) * direction / np.linalg.norm(direction, axis=1, keepdims=True)
        height = energies(run.landscape, y) + ((y - run.reference) ** 2).sum(axis=1) / (2 * t)
        found.append(y[np.argsort(height, kind="stable")[: DESCENTS // SHELLS]])
    return np.concatenate(found)


def far_minima(run: LadderChains, first: float, least: float, known: np.ndarray) -> list[Proximal]:
    """Minima at the largest scale other than the one below x, the lowest first; at least `least` from it.

    Descents begin at `known` (points, dim) too.
    """
    x, t = run.reference, float(run.scales[-1])
    home = descend(run.landscape, x, t, x, DESCENT_STEPS)
    starts = run.x[:, run.scales.size - 1 :].transpose(1, 0, 2).reshape(-1, x.size)
    chosen = np.unique(np.linspace(0, len(starts) - 1, min(DESCENTS, len(starts))).astype(np.int64))
    found: list[Proximal] = []
    for start in np.concatenate([known, starts[chosen], lowest_draws(run, home.point, first)]):
        if np.isfinite(run.landscape.energy(start[None])[0]):
            keep_minimum(found, descend(run.landscape, x, t, start, DESCENT_STEPS))
    lowest = min([home.value, *(m.value for m in found)])
    highest = lowest + (HEIGHT + x.size) / run.beta
    return [m for m in found if m.value <= highest and np.linalg.norm(m.point - home.point) > least]


def spread_out(run: LadderChains, first: float, known: np.ndarray) -> int:
    """Put every second chain at a far minimum, at all scales from `first` up and all strengths above 0; how many."""
    minima = far_minima(run, first, APART * np.sqrt(first / run.beta), known)
    if not minima:
        return 0
    rungs = np.append(run.scales >= first, run.strengths > 0)
    for place, chain in enumerate(range(1, run.chains, 2)):
        run.x[chain, rungs] = minima[place % len(minima)].point
    run.refresh()
    return len(minima)
