"""Integration over the coupling of a user's spins against all configurations, and what it says of holes."""

import itertools
import math

import numpy as np
from numba import njit
from scipy.special import logsumexp
from small_systems import torus_neighbours

from mcmc.landscapes.custom import CustomLandscape
from mcmc.local_entropy import integration
from mcmc.local_entropy.spin_checks import FROZEN, frozen_points
from mcmc.local_entropy.spin_estimates import RungSeries

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
def another_colour(old, width, u0, u1):
    return (old + 1 + int(2 * u0)) % 3


@njit
def colour(u):
    return int(3 * u)


def potts():
    return CustomLandscape(
        SITES, energy, another_colour, colour, parameters=torus_neighbours(SIDE), dtype=np.int8, values=3
    )


def exact(beta):
    """S(d) of all 3^9 colourings, nats per spin, (SITES + 1,)."""
    rows = np.array(list(itertools.product(range(3), repeat=SITES)))
    total = -0.5 * (rows[:, :, None] == rows[:, torus_neighbours(SIDE)]).sum(axis=(1, 2))
    differing = (rows != REFERENCE).sum(axis=1)
    return np.array([logsumexp(-beta * total[differing == k]) for k in range(SITES + 1)]) / SITES


def test_colours_agree_with_all_configurations_counted(seed):
    found = integration(potts(), REFERENCE, np.arange(SITES + 1) / SITES, beta=BETA, seed=seed, sweeps=2000)
    assert np.abs(found.z_scores(exact(BETA))).max() < BOUND
    assert np.abs(found.companions["mbar"].z_scores(exact(BETA))).max() < BOUND
    assert (found.error < 0.02).all()
    assert np.abs(found.z_scores(exact(0.6))).max() > BOUND


def test_couplings_that_hardly_move_and_those_beyond_have_no_error():
    draws = 40 * FROZEN
    flips = np.tile(np.array([1, 5, 9], np.int32), (1, draws, 1))
    series = RungSeries(np.array([2.0, 1.0, 0.5]), flips, 20, 0.0)
    asked = np.array([1, 5, 8])
    assert frozen_points(series, asked, np.array([1.0, 30.0, 1.0])).tolist() == [False, True, True]
    assert not frozen_points(series, asked, np.array([1.0, 19.0, 1.0])).any()
    assert math.isclose(draws / (2.0 * 20.0), FROZEN)
