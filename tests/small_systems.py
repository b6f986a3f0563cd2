"""Spins few enough to enumerate, and what the tests of the samplers measure against them."""

import numpy as np
from numba import njit
from scipy import stats

from mcmc.landscapes.custom import CustomLandscape

FALSE_ALARM = 1e-6


def torus_neighbours(side):
    grid = np.arange(side * side).reshape(side, side)
    return np.stack([np.roll(grid, s, a).ravel() for s, a in [(1, 0), (-1, 0), (1, 1), (-1, 1)]], axis=1)


@njit
def ising_energy(spins, neighbours):
    total = 0.0
    for site in range(spins.size):
        for other in neighbours[site]:
            total -= 0.5 * spins[site] * spins[other]
    return total


@njit
def ising_change(spins, site, new, neighbours):
    field = 0.0
    for other in neighbours[site]:
        field += spins[other]
    return (spins[site] - new) * field


@njit
def ising_magnetization(spins, neighbours):
    return spins.sum()


@njit
def coin(old, width, u0, u1):
    return 1 if u0 < 0.5 else -1


@njit
def biased_coin(old, width, u0, u1):
    return 1 if u0 < 0.51 else -1


@njit
def start(u):
    return 1 if u < 0.5 else -1


def ising(side=3, propose=coin, delta=True):
    """Ferromagnet on a side x side torus, J = 1."""
    return CustomLandscape(
        side * side,
        ising_energy,
        propose,
        start,
        delta_energy=ising_change if delta else None,
        observables={"magnetization": ising_magnetization},
        parameters=torus_neighbours(side),
        dtype=np.int8,
    )


def configurations(sites):
    """All +-1 configurations, (2^sites, sites); bit i of the row number says whether spin i is up."""
    return 2 * (np.arange(2**sites)[:, None] >> np.arange(sites) & 1) - 1


def enumerated_energies(landscape):
    spins = configurations(landscape.sites).astype(landscape.dtype)
    state = landscape.init(len(spins), 0)
    state.spins[...] = spins.T
    return landscape.energy(state)


def boltzmann(energies, beta):
    weight = np.exp(-beta * (energies - energies.min()))
    return weight / weight.sum()


def energy_law(landscape, beta):
    """Levels and their probabilities."""
    energies = enumerated_energies(landscape)
    levels, level = np.unique(energies, return_inverse=True)
    return levels, np.bincount(level, boltzmann(energies, beta))


def histogram_p_value(series, levels, law, rarest=2e-3):
    """P-value of a histogram over `levels` under `law`; series (chains, draws), chains independent.

    Hotelling's statistic: the covariance of the frequencies comes from the scatter between chains, so any
    autocorrelation within a chain is accounted for. Rare levels are pooled with their neighbour.
    """
    index = np.searchsorted(levels, series)
    assert np.array_equal(levels[index], series)
    groups = np.zeros(levels.size, int)
    for i in range(1, levels.size):
        pooled = law[:i][groups[:i] == groups[i - 1]].sum()
        groups[i] = groups[i - 1] + (pooled >= rarest and law[i:].sum() >= rarest)
    bins = groups[-1] + 1
    frequency = np.stack([(groups[index] == b).mean(axis=1) for b in range(bins)], axis=1)[:, :-1]
    expected = np.bincount(groups, law)[:-1]
    deviation = frequency.mean(axis=0) - expected
    chains, freedom = frequency.shape
    covariance = np.cov(frequency.T).reshape(freedom, freedom) / chains
    statistic = deviation @ np.linalg.solve(covariance, deviation)
    scaled = statistic * (chains - freedom) / ((chains - 1) * freedom)
    return float(stats.f.sf(scaled, freedom, chains - freedom))


def mean_z_score(series, expected):
    """z-score of the mean of series (chains, ...), independent chains."""
    means = np.asarray(series).reshape(len(series), -1).mean(axis=1)
    return (means.mean() - expected) / (means.std(ddof=1) / np.sqrt(means.size))
