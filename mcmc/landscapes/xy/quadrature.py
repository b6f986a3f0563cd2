"""Exact averages of the XY model on any graph of a few sites: the trapezoidal rule over all angles.

For periodic analytic functions the rule converges faster than any power of the number of points (Trefethen &
Weideman 2014, SIAM Rev. 56, 385). Any couplings, phases and field: the reference for disordered instances.
"""

from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscapes.graphs import Graph
from mcmc.landscapes.xy.disorder import couplings, phases

LARGEST_GRID = 2**25


class SmallSystem(NamedTuple):
    """Exact averages, totals over the graph; D = len(graph.directions)."""

    energy: float
    energy_variance: float
    magnetization_x: float
    magnetization_squared: float
    """<|M|^2>."""
    helicity_cosine: np.ndarray
    """(D,): <sum J e^2 cos>, e a component of the displacement; cos and sin of theta_i - theta_j - A_ij."""
    helicity_sine: np.ndarray
    """(D,): <sum J e sin>."""
    helicity_sine_squared: np.ndarray
    """(D,): <(sum J e sin)^2>."""


def small_system(
    graph: Graph, beta: float, coupling=1.0, field: float = 0.0, phase=None, seed: int = 0, points: int = 32
) -> SmallSystem:
    """Averages of H = -sum J cos(theta_i - theta_j - A) - h sum cos theta at inverse temperature beta.

    Arguments as for the model, J / N on the complete graph. Every site takes `points` angles: converged where
    doubling them changes nothing. Raises ArgumentError where the grid exceeds 2^25 configurations.
    """
    free = graph.sites if field else graph.sites - 1
    if points**free > LARGEST_GRID:
        raise ArgumentError(
            f"small_system: {points} points on {free} free sites; at most {LARGEST_GRID} in all are taken"
        )
    strength = np.broadcast_to(couplings(graph, coupling, seed), (graph.bonds,))
    strength = strength / graph.sites if graph.complete else strength
    shift = phases(graph, phase, seed)
    angles = _angles(graph.sites, free, points)
    energy, cosine, sine = np.zeros((1,) * free), [], []
    for bond, (i, j) in enumerate(graph.edges):
        difference = angles[i] - angles[j] - (0.0 if shift is None else shift[bond])
        cosine.append(strength[bond] * np.cos(difference))
        sine.append(strength[bond] * np.sin(difference))
        energy = energy - cosine[-1]
    m_x = sum(np.cos(angle) for angle in angles)
    m_y = sum(np.sin(angle) for angle in angles)
    energy = energy - field * m_x
    weight = np.exp(-beta * (energy - energy.min()))
    weight /= weight.sum()

    def mean(values) -> float:
        return float(np.sum(weight * values))

    steps = graph.displacement.T
    currents = [sum(e * s for e, s in zip(step, sine, strict=True)) for step in steps]
    center = mean(energy)
    return SmallSystem(
        energy=center,
        energy_variance=mean((energy - center) ** 2),
        # Without a field the first site is held at angle 0, and only rotation-invariant averages are meant.
        magnetization_x=mean(m_x) if field else 0.0,
        magnetization_squared=mean(m_x**2 + m_y**2),
        helicity_cosine=np.array([mean(sum(e * e * c for e, c in zip(s, cosine, strict=True))) for s in steps]),
        helicity_sine=np.array([mean(current) for current in currents]),
        helicity_sine_squared=np.array([mean(current**2) for current in currents]),
    )


def _angles(sites: int, free: int, points: int) -> list[np.ndarray]:
    """One array per site, broadcastable against the others to the grid of `free` axes."""
    circle = 2.0 * np.pi * np.arange(points) / points
    held = [np.zeros((1,) * free)] * (sites - free)
    return held + [circle.reshape([points if axis == k else 1 for axis in range(free)]) for k in range(free)]
