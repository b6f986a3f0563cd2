"""Langevin against its exactly biased covariance, MALA against the exact law, on landscapes known in closed form."""

import numpy as np
import pytest
from small_systems import mean_z_score

from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.samplers import MALA, Langevin, Tempering

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])
CENTER = np.array([1.0, -1.0, 0.5])
BETA = 1.5


def second_moments(sampler, seed, chains=20_000, burn_in=300, draws=10, thin=5):
    """Second moments about the centre, (chains, dim, dim), averaged over draws."""
    state, _ = sampler.thermalize(sampler.init(chains, seed), burn_in)
    total = 0.0
    for _ in range(draws):
        state, _ = sampler.step(state, thin)
        y = state.x - CENTER
        total = total + y[:, :, None] * y[:, None, :]
    return total / draws


def worst(moments, covariance):
    return max(abs(mean_z_score(moments[:, i, j], covariance[i, j])) for i in range(3) for j in range(i + 1))


def test_unadjusted_langevin_has_its_biased_covariance(seed):
    landscape = Quadratic(MATRIX, CENTER)
    moments = second_moments(Langevin(landscape, BETA, step_size=0.3), seed)
    assert worst(moments, landscape.langevin_covariance(BETA, 0.3)) < 4.9
    assert worst(moments, landscape.covariance(BETA)) > 4.9


def test_mala_has_the_exact_covariance(seed):
    landscape = Quadratic(MATRIX, CENTER)
    sampler = MALA(landscape, BETA, step_size=0.3)
    moments = second_moments(sampler, seed)
    assert worst(moments, landscape.covariance(BETA)) < 4.9
    assert worst(moments, landscape.covariance(BETA * 1.05)) > 4.9


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_mala_on_the_double_well(seed, beta):
    landscape = DoubleWell(3)
    sampler = MALA(landscape, beta, target=0.8)
    state, _ = sampler.thermalize(sampler.init(10_000, seed), 400)
    series = []
    for _ in range(20):
        state, _ = sampler.step(state, 5)
        series.append([(state.x**2).mean(axis=1), sampler.energy(state).copy()])
    square, energy = np.moveaxis(np.array(series), 0, 2)
    assert abs(mean_z_score(square, landscape.second_moment(beta))) < 4.9
    assert abs(mean_z_score(energy, landscape.mean_energy(beta))) < 4.9
    assert abs(mean_z_score(energy, landscape.mean_energy(1.05 * beta))) > 4.9


def test_mala_tunes_to_its_target(seed):
    for start in (1e-4, 30.0):
        sampler = MALA(Quadratic(MATRIX, CENTER), BETA, step_size=start)
        state, _ = sampler.thermalize(sampler.init(200, seed), 1000)
        state, info = sampler.step(state, 1000)
        assert abs(info.acceptance.mean() - sampler.target) < 0.03


def test_tempering_over_mala_has_the_exact_law_at_every_temperature(seed):
    landscape = DoubleWell(1)
    temperatures = np.array([0.25, 0.5, 1.0])
    sampler = Tempering(MALA(landscape, target=0.8), temperatures)
    state, _ = sampler.thermalize(sampler.init(6000, seed), 300)
    series = []
    for _ in range(15):
        state, _ = sampler.step(state, 8)
        series.append([state.replicas.x[state.lane, 0] ** 2, sampler.energy(state)])
    square, energy = np.moveaxis(np.array(series), 0, 2)
    for t, beta in enumerate(1 / temperatures):
        assert abs(mean_z_score(square[..., t], landscape.second_moment(beta))) < 4.9
        assert abs(mean_z_score(energy[..., t], landscape.mean_energy(beta))) < 4.9
        assert abs(mean_z_score(energy[..., t], landscape.mean_energy(1.1 * beta))) > 4.9
