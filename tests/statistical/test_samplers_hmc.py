"""HMC against exact laws; without its acceptance, or with a wrong one, it is found out."""

import numpy as np
import pytest
from small_systems import mean_z_score

from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.mixture import GaussianMixture
from mcmc.landscapes.network import Data, mlp
from mcmc.random import split_seed
from mcmc.samplers import HMC, hmc
from mcmc.samplers.leapfrog import draw_sizes, draw_velocities

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])
CENTER = np.array([1.0, -1.0, 0.5])
BETA = 1.5
LARGEST_Z = 4.9


def series(sampler, seed, measures, chains=4000, burn_in=200, draws=12, thin=2):
    """Each measure of x, (measures, chains, draws)."""
    state, _ = sampler.thermalize(sampler.init(chains, seed), burn_in)
    found = []
    for _ in range(draws):
        state, _ = sampler.step(state, thin)
        found.append([measure(state.x) for measure in measures])
    return np.moveaxis(np.array(found), 0, 2)


def worst_covariance(sampler, seed, covariance):
    pairs = [(i, j) for i in range(3) for j in range(i + 1)]
    products = [lambda x, i=i, j=j: (x[:, i] - CENTER[i]) * (x[:, j] - CENTER[j]) for i, j in pairs]
    moments = series(sampler, seed, products)
    return max(abs(mean_z_score(m, covariance[i, j])) for m, (i, j) in zip(moments, pairs, strict=True))


@pytest.mark.parametrize(("steps", "jitter"), [(10, 0.2), (3, 0.0)])
def test_quadratic_has_the_exact_covariance(seed, steps, jitter):
    landscape = Quadratic(MATRIX, CENTER)
    sampler = HMC(landscape, BETA, step_size=0.3, steps=steps, jitter=jitter)
    assert worst_covariance(sampler, seed, landscape.covariance(BETA)) < LARGEST_Z
    assert worst_covariance(sampler, seed, landscape.covariance(1.1 * BETA)) > LARGEST_Z


WELL = {1.0: 1.0417972964871, 4.0: 0.8327454871284}


@pytest.mark.parametrize("beta", WELL)
def test_double_well(seed, beta):
    landscape = DoubleWell(3)
    sampler = HMC(landscape, beta, steps=6)
    measures = [lambda x: (x**2).mean(axis=1), landscape.energy, lambda x: x[:, 0]]
    square, energy, mean = series(sampler, seed, measures)
    assert abs(mean_z_score(square, WELL[beta])) < LARGEST_Z
    assert abs(mean_z_score(energy, landscape.mean_energy(beta))) < LARGEST_Z
    assert abs(mean_z_score(mean, 0.0)) < LARGEST_Z
    assert abs(mean_z_score(energy, landscape.mean_energy(1.1 * beta))) > LARGEST_Z


def test_every_trajectory_taken_is_found_out(seed, monkeypatch):
    def take_all(x, energy, gradient, y, new_energy, new_gradient, *_):
        x[:], energy[:], gradient[:] = y, new_energy, new_gradient

    landscape = Quadratic(MATRIX, CENTER)
    large = HMC(landscape, BETA, step_size=1.0, steps=4)
    # Measured from the start on: the step size must stay as large as it is.
    assert abs(biased(large, seed, landscape)) < LARGEST_Z
    monkeypatch.setattr(hmc, "take_trajectories", take_all)
    assert abs(biased(large, seed, landscape)) > LARGEST_Z


def biased(sampler, seed, landscape, chains=4000):
    state, _ = sampler.step(sampler.init(chains, seed), 100)
    energies = []
    for _ in range(20):
        state, _ = sampler.step(state, 3)
        energies.append(state.energy.copy())
    return mean_z_score(np.array(energies).T, 3 / (2 * BETA))


def test_mixture_of_wells_that_overlap(seed):
    weights, means = np.array([0.3, 0.7]), np.array([[-1.0, 0.0], [1.0, 0.5]])
    covariances = np.array([np.diag([0.4, 0.6]), np.diag([0.5, 0.3])])
    landscape = GaussianMixture(weights, means, covariances)
    found = series(HMC(landscape, 1.0, steps=5), seed, [lambda x: x[:, 0], lambda x: x[:, 1] ** 2])
    second = weights @ (covariances[:, 1, 1] + means[:, 1] ** 2)
    assert abs(mean_z_score(found[0], weights @ means[:, 0])) < LARGEST_Z
    assert abs(mean_z_score(found[1], second)) < LARGEST_Z
    assert abs(mean_z_score(found[0], 0.0)) > LARGEST_Z


def test_a_network_obeys_the_virial_theorem(seed):
    """<x . grad f> = dim / beta under exp(-beta f), whatever f is, where it grows without bounds."""
    rng, beta = np.random.default_rng(1), 30.0
    landscape = mlp(Data(rng.normal(size=(12, 3)), rng.integers(0, 2, 12)), (3,), weight_decay=0.05)
    sampler = HMC(landscape, beta, steps=8)
    virial = series(
        sampler, seed, [lambda x: np.einsum("ci,ci->c", x, landscape.gradient(x))], chains=300, burn_in=120
    )[0]
    assert abs(mean_z_score(virial, landscape.dim / beta)) < LARGEST_Z
    assert abs(mean_z_score(virial, landscape.dim / (1.1 * beta))) > LARGEST_Z


def test_steps_of_random_size_leave_a_resonance(seed):
    landscape, steps = Quadratic([1.0]), 10
    # The angle of a leapfrog step of size e has sin(angle / 2) = e / 2: ten of them make a whole turn.
    resonant = 2 * np.sin(np.pi / steps)
    still = HMC(landscape, step_size=resonant, steps=steps, jitter=0.0)
    start = still.init(4000, seed).x.copy()
    state, _ = still.step(still.init(4000, seed), 50)
    assert np.allclose(state.x, start, atol=1e-9)
    moving = HMC(landscape, step_size=resonant, steps=steps)
    state = moving.init(4000, seed)
    state.x[:] = 3.0
    state.energy[:], state.gradient[:] = landscape.energy(state.x), landscape.gradient(state.x)
    state, _ = moving.step(state, 50)
    assert abs(mean_z_score(state.x**2, 1.0)) < LARGEST_Z


def test_it_tunes_to_its_target_and_then_freezes(seed):
    for start in (1e-4, 30.0):
        sampler = HMC(Quadratic(MATRIX, CENTER), BETA, step_size=start, target=0.7)
        state, _ = sampler.thermalize(sampler.init(100, seed), 1500)
        tuned = state.step_size.copy()
        state, info = sampler.step(state, 1000)
        assert np.array_equal(tuned, state.step_size)
        assert abs(info.acceptance.mean() - sampler.target) < 0.03


def test_velocities_and_sizes_are_as_stated(seed):
    keys, chain = split_seed(seed), np.arange(2000, dtype=np.uint32)
    velocity, size = np.empty((2000, 31)), np.empty(2000)
    draw_velocities(velocity, np.full(2000, 4.0), 3, chain, *keys)
    assert abs(mean_z_score(4.0 * velocity**2, 1.0)) < LARGEST_Z
    assert abs(mean_z_score(velocity, 0.0)) < LARGEST_Z
    assert abs(mean_z_score(4.2 * velocity**2, 1.0)) > LARGEST_Z
    draw_sizes(size, np.full(2000, 2.0), 0.25, 3, chain, *keys)
    assert abs(mean_z_score(size, 2.0)) < LARGEST_Z
    assert abs(mean_z_score((size - 2.0) ** 2, 0.5**2 / 3)) < LARGEST_Z
    assert size.min() > 1.5
    assert size.max() < 2.5
