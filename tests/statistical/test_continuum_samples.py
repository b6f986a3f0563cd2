"""Samplers against grids: histograms of 1e6 draws against the density at rest, with errors between chains."""

import numpy as np
import pytest

from mcmc.continuum import FokkerPlanck, Grid
from mcmc.landscapes.analytic import DoubleWell
from mcmc.samplers import MALA

CHAINS, DRAWS = 20_000, 50
BETA = 2.0


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


def slope(x):
    """Of f = (x_1^2 - 1)^2 / 4 + x_2^2 / 2 + 0.3 x_1 x_2."""
    return np.stack([x[:, 0] ** 3 - x[:, 0] + 0.3 * x[:, 1], x[:, 1] + 0.3 * x[:, 0]], axis=1)


def columns(x):
    """Two columns (n, 2) each, of which the noise is made: D = c c' + d d' turns, and grows, from place to place."""
    near, level = 1 / (1 + x[:, 0] ** 2), 1 / (1 + x[:, 1] ** 2)
    first = np.stack([0.8 + 0.5 * near, 0.5 + 0.6 * x[:, 0] * near], axis=1)
    second = np.stack([0.3 * level, 0.7 + 0.5 * x[:, 1] * level], axis=1)
    return first, second


def noise_matrix(x):
    return sum(c[:, :, None] * c[:, None, :] for c in columns(x))


def descent_shares(eta, edges, seed, count):
    """Shares of stochastic gradient descent in each bin of the plane, (chains, bins).

    One of four samples is drawn at each step; their gradients differ from the mean by +- (2 / (beta eta / 2))^(1/2)
    times either column, of covariance 2 D / (beta eta).
    """
    rng, chains = np.random.Generator(np.random.Philox(seed)), np.arange(count)
    x = rng.normal(size=(count, 2))
    total = np.zeros((count, len(edges[0]) - 1, len(edges[1]) - 1))
    every = round(0.2 / eta)
    for step in range(1, round(6 / eta) + DRAWS * every + 1):
        drawn = rng.integers(0, 4, count)
        noise = np.where((drawn < 2)[:, None], *columns(x)) * (2 * (drawn % 2) - 1)[:, None]
        x = x - eta * slope(x) + np.sqrt(4 * eta / BETA) * noise
        if step > round(6 / eta) and step % every == 0:
            place = [np.searchsorted(edge, x[:, k]) - 1 for k, edge in enumerate(edges)]
            inside = np.logical_and.reduce([(p >= 0) & (p < e.size - 1) for p, e in zip(place, edges, strict=True)])
            total[chains[inside], place[0][inside], place[1][inside]] += 1
    return total.reshape(count, -1) / DRAWS


@pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")
@pytest.mark.parametrize("count", [3000, pytest.param(CHAINS, marks=pytest.mark.validate)])
def test_noise_of_samples_that_leans_and_varies_settles_into_the_density_at_rest(seed, count):
    """Bias in order eta is extrapolated away, from independent runs at eta and eta / 2."""
    grid = Grid((-4, -5), (4, 5), (160, 160))
    edges = np.linspace(-2, 2, 6), np.linspace(-2.5, 2.5, 6)
    rough, fine = (descent_shares(eta, edges, 2 * seed + k, count) for k, eta in enumerate((0.02, 0.01)))
    found = 2 * fine - rough

    def expected(reversible=False, noise=noise_matrix):
        rest = FokkerPlanck(grid, potential=height, diffusion=noise, beta=BETA, reversible=reversible).stationary
        inner = rest.density[40:120, 40:120] * grid.volume
        return inner.reshape(5, 16, 5, 16).sum(axis=(1, 3)).ravel()

    def height(x):
        return (x[:, 0] ** 2 - 1) ** 2 / 4 + x[:, 1] ** 2 / 2 + 0.3 * x[:, 0] * x[:, 1]

    exact = expected()
    used = exact > 0.01
    assert used.sum() > 12
    assert worst_z(found[:, used], exact[used]) < 4.9
    # Another meaning of the same noise, and noise of the same mean without direction, are other laws.
    level = noise_matrix(grid.points).trace(axis1=1, axis2=2).mean() / 2
    for other in (expected(reversible=True), expected(noise=level)):
        assert worst_z(found[:, used], other[used]) > 4.9
