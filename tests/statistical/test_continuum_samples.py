"""Samplers against grids: histograms of 1e6 draws against the density at rest, with errors between chains."""

import numpy as np
import pytest

from mcmc.continuum import FokkerPlanck, Grid
from mcmc.landscapes.analytic import DoubleWell
from mcmc.samplers import MALA

CHAINS, DRAWS = 20_000, 50


def shares(landscape, beta, edges, seed):
    """Share of the draws of each chain in each bin of the first coordinate, (chains, bins)."""
    sampler = MALA(landscape, beta, target=0.8)
    state, _ = sampler.thermalize(sampler.init(CHAINS, seed), 400)
    total = np.zeros((CHAINS, len(edges) - 1))
    for _ in range(DRAWS):
        state, _ = sampler.step(state, 4)
        place = np.searchsorted(edges, state.x[:, 0]) - 1
        inside = (place >= 0) & (place < total.shape[1])
        total[np.flatnonzero(inside), place[inside]] += 1
    return total / DRAWS


def worst_z(found, expected):
    """Largest |z| of the bins; chains are independent, whatever the draws of one remember."""
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return np.abs((found.mean(axis=0) - expected) / error).max()


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_draws_fill_the_cells_as_the_density_does(seed, beta):
    grid = Grid(-4, 4, 1600)
    landscape = DoubleWell()
    bins = slice(400, 1200)
    edges = np.linspace(-2, 2, 21)
    found = shares(landscape, beta, edges, seed)

    def expected(at):
        rest = FokkerPlanck(grid, potential=landscape, beta=at).stationary.density * grid.volume
        return rest[bins].reshape(20, 40).sum(axis=1)

    assert worst_z(found, expected(beta)) < 4.9
    assert worst_z(found, expected(1.1 * beta)) > 4.9
