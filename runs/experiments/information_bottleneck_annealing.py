"""The minimum of E[f] + KL / beta by annealed importance sampling (Neal 2001, Stat. Comput. 11, 125).

    Z = E exp(-sum_k (beta_k - beta_(k-1)) f(w_k)),    w_1 from the prior, w_(k+1) by a step that keeps
                                                         exp(-beta_k f) p invariant,

exact in the mean for any ladder of beta and any step, so that it is a reference for whatever else finds ln Z: MALA with
step sizes from a pilot of its own. The minimum is -ln Z / beta; its error is honest while many paths count.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from runs.experiments.information_bottleneck import BottleneckSpec
from runs.experiments.information_bottleneck_landscape import landscape

RUNGS = 300
POWER = 4.0
"""beta_k rises as (k / RUNGS)^POWER: slowly where the prior still counts."""
MOVES = 3
PILOT = 40
"""Paths of the pilot."""
APART = 2 * RUNGS
"""Of the pilot's seeds from the others."""
ACCEPTED = 0.6
FEWEST = 10.0
"""Paths that the mean must be worth."""


class Annealed(NamedTuple):
    """-ln Z / beta."""

    minimum: float
    error: float
    effective: float
    """Paths that the mean is worth, (sum w)^2 / sum w^2."""


def annealed_minimum(spec: BottleneckSpec, system: str, beta: float, paths: int, seed: int) -> Annealed:
    """Of independent `paths`; the pilot's are others."""
    steps = _paths(spec, system, beta, PILOT, (seed + APART) % 2**64, None)[1]
    logs = _paths(spec, system, beta, paths, seed, steps)[0]
    weight = np.exp(logs - logs.max())
    mean = weight.mean()
    error = weight.std(ddof=1) / (mean * beta * np.sqrt(paths))
    value = -(logs.max() + np.log(mean)) / beta
    return Annealed(float(value), float(error), float(weight.sum() ** 2 / (weight**2).sum()))


def _paths(
    spec: BottleneckSpec, system: str, beta: float, count: int, seed: int, steps: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Log weights (count,), and step sizes (RUNGS,): those given, or tuned on the way."""
    from mcmc.random import Stream, normals
    from mcmc.samplers import MALA

    plain, deviation = landscape(spec, system), spec.task.deviation
    drawn = normals(seed, Stream.INITIAL, np.arange(-(-plain.dim // 2))[None, :], 7, np.arange(count)[:, None])
    x = deviation * drawn.reshape(count, -1)[:, : plain.dim]
    ladder = beta * (np.arange(RUNGS + 1) / RUNGS) ** POWER
    logs, used, width = np.zeros(count), np.empty(RUNGS), 0.1 * deviation**2
    for k, (before, here) in enumerate(pairwise(ladder)):
        logs -= (here - before) * plain.energy(x)
        # A step of size eta moves by (2 eta / beta)^(1/2): what is tuned is the squared width.
        width = width if steps is None else steps[k]
        used[k] = width
        energy = landscape(spec, system, 1.0 / (here * deviation**2))
        sampler = MALA(energy, here, step_size=width * here)
        state = sampler.init(count, (seed + 1 + k) % 2**64)
        state = state._replace(x=x, energy=energy.energy(x), gradient=energy.gradient(x))
        state, info = sampler.step(state, MOVES)
        x = state.x
        width *= float(np.exp(info.acceptance.mean() - ACCEPTED))
    return logs, used
