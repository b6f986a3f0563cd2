"""Gibbs laws of neurons with up to three weights, by sums over a grid: loss, information and minimum to rounding."""

from typing import NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape

POINTS = {1: 4001, 2: 201, 3: 81}
REACH = 9.0
"""Half the width of the grid in standard deviations of the law."""
AT_ONCE = 50_000


class GibbsLaw(NamedTuple):
    """One law exp(-beta f) p / Z."""

    loss: float
    """E[f]."""
    information: float
    """KL(q | p), nats."""
    minimum: float
    """-ln Z / beta."""
    cross: float
    """-E[ln p], nats."""


def gibbs_laws(landscape: SmoothLandscape, beta: np.ndarray, deviation: float) -> list[GibbsLaw]:
    """Laws at rising `beta` (count,), with a normal prior of standard deviation `deviation`."""
    centre, spread, found = np.zeros(landscape.dim), np.full(landscape.dim, deviation), []
    for inverse in beta:
        # Laws narrow as beta rises: the grid of one comes from the law before, then from its own.
        for _ in range(2):
            law, centre, spread = _summed(landscape, float(inverse), deviation, centre, spread)
        found.append(law)
    return found


def _summed(landscape, beta, deviation, centre, spread):
    axes = [
        np.linspace(c - REACH * s, c + REACH * s, POINTS[landscape.dim]) for c, s in zip(centre, spread, strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, landscape.dim)
    f = np.concatenate([landscape.energy(points[i : i + AT_ONCE]) for i in range(0, len(points), AT_ONCE)])
    log_prior = -0.5 * (points**2).sum(axis=1) / deviation**2
    logs = log_prior - beta * f
    top = logs.max()
    weight = np.exp(logs - top)
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    norm = (2.0 * np.pi * deviation**2) ** (-0.5 * landscape.dim)
    log_z = float(top + np.log(weight.sum() * cell * norm))
    weight /= weight.sum()
    loss = float(weight @ f)
    mean = weight @ points
    width = np.sqrt(weight @ (points - mean) ** 2)
    cross = float(-(weight @ log_prior) - np.log(norm))
    return GibbsLaw(loss, -beta * loss - log_z, -log_z / beta, cross), mean, width
