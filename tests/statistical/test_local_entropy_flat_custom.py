"""The flat histogram on a user's spins against all configurations, and what it refuses."""

import itertools

import numpy as np
import pytest
from numba import njit
from scipy.special import logsumexp
from small_systems import torus_neighbours

from mcmc.errors import LandscapeError
from mcmc.landscapes.custom import CustomLandscape
from mcmc.landscapes.graphs import square
from mcmc.landscapes.xy import XYModel
from mcmc.local_entropy import flat_histogram

SIDE, BETA, BOUND = 3, 0.8, 4.9
SITES = SIDE * SIDE
REFERENCE = np.array([0, 1, 2, 0, 0, 1, 2, 2, 1])


@njit
def energy(spins, neighbours):
    total = 0.0
    for site in range(spins.size):
        for other in neighbours[site]:
            total -= 0.5 * (spins[site] == spins[other])
    return total


@njit
def delta_energy(spins, site, new, neighbours):
    change = 0.0
    for other in neighbours[site]:
        change += (spins[site] == spins[other]) - (new == spins[other])
    return change


@njit
def another_colour(old, width, u0, u1):
    return (old + 1 + int(2 * u0)) % 3


@njit
def colour(u):
    return int(3 * u)


def potts():
    return CustomLandscape(
        SITES, energy, another_colour, colour, delta_energy=delta_energy, parameters=torus_neighbours(SIDE),
        dtype=np.int8, values=3,
    )  # fmt: skip


@njit
def energy_above_reference(spins, neighbours):
    return energy(spins, neighbours) + 4.0


def above_the_reference():
    """Energies counted from that of the reference, which has 4 equal bonds and is no ground state."""
    return CustomLandscape(
        SITES, energy_above_reference, another_colour, colour, delta_energy=delta_energy,
        parameters=torus_neighbours(SIDE), dtype=np.int8, values=3,
    )  # fmt: skip


def exact(beta):
    """S(d) of all 3^9 colourings, nats per spin, (SITES + 1,), by comparing neighbours on the grid."""
    spins = np.array(list(itertools.product(range(3), repeat=SITES)), np.int8)
    grid = spins.reshape(-1, SIDE, SIDE)
    equal = sum((grid == np.roll(grid, -1, axis)).sum(axis=(1, 2)) for axis in (1, 2))
    k = (spins != REFERENCE).sum(axis=1)
    return np.array([logsumexp(beta * equal[k == j]) for j in range(SITES + 1)]) / SITES


def test_potts_spins_agree_with_all_colourings(seed):
    curve = flat_histogram(potts(), REFERENCE, beta=BETA, sweeps=8000, seed=seed)
    assert curve.converged
    # At the reference both are its energy, known to rounding.
    assert curve.value[0] == pytest.approx(exact(BETA)[0])
    assert np.abs(curve.z_scores(exact(BETA))[1:]).max() < BOUND
    assert np.abs(curve.z_scores(exact(0.9 * BETA))[1:]).max() > BOUND


def test_energies_below_zero_have_no_solutions_to_count():
    with pytest.raises(LandscapeError, match="beta: infinity counts configurations of energy 0"):
        flat_histogram(above_the_reference(), REFERENCE, sweeps=64)


def test_angles_are_refused():
    model = XYModel(square(4))
    with pytest.raises(LandscapeError, match="has angles, whose distance takes any value"):
        flat_histogram(model, np.zeros(16), beta=1.0)
