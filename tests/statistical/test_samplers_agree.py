"""Every sampler of the XY model against exact energies of the 3 x 3 torus, and against every other on a gauge glass."""

import numpy as np
import pytest
from small_systems import mean_z_score

from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.xy.model import XYModel
from mcmc.samplers import HMC, MALA, HeatBath, Metropolis, Tempering, Wolff

TORUS = {0.5: -1.76215924, 0.9: -1.52744181, 1.2: -1.29330559}
"""Energy per site by temperature, from the exact transfer matrix in angle space."""

SAMPLERS = {
    "metropolis": lambda model, beta: Metropolis(model, beta),
    "metropolis and over-relaxation": lambda model, beta: Metropolis(model, beta, over_relaxation=2),
    "heat bath": lambda model, beta: HeatBath(model, beta),
    "wolff": lambda model, beta: Wolff(model, beta),
    "mala": lambda model, beta: MALA(model, beta),
    "hmc": lambda model, beta: HMC(model, beta, steps=5),
}


def energy_per_site(sampler, seed, chains, draws, thin=4, burn_in=200):
    """(chains, *dims), averaged over draws."""
    state, _ = sampler.thermalize(sampler.init(chains, seed), burn_in)
    total = 0.0
    for _ in range(draws):
        state, _ = sampler.step(state, thin)
        total = total + sampler.energy(state)
    return total / draws


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("temperature", [0.5, 1.2])
def test_energy_of_the_three_by_three_torus(seed, name, temperature):
    sampler = SAMPLERS[name](XYModel(lattice("square", 3)), 1 / temperature)
    energy = energy_per_site(sampler, seed, chains=1000, draws=50) / 9
    assert abs(mean_z_score(energy, TORUS[temperature])) < 4.9
    assert abs(mean_z_score(energy, TORUS[temperature] + 0.02 * temperature)) > 4.9


def test_tempering_on_the_three_by_three_torus(seed):
    sampler = Tempering(Metropolis(XYModel(lattice("square", 3)), over_relaxation=1), list(TORUS))
    energy = energy_per_site(sampler, seed, chains=500, draws=100) / 9
    for t, (temperature, exact) in enumerate(TORUS.items()):
        assert abs(mean_z_score(energy[:, t], exact)) < 4.9
        assert abs(mean_z_score(energy[:, t], exact + 0.02 * temperature)) > 4.9


def test_samplers_agree_on_a_gauge_glass(seed):
    model = XYModel(lattice("square", 4), phase="uniform", seed=7)
    means = {}
    for name, build in SAMPLERS.items():
        if name == "wolff":
            continue
        energy = energy_per_site(build(model, 1 / 0.8), seed, chains=600, draws=100)
        means[name] = energy.mean(), energy.std(ddof=1) / np.sqrt(energy.size)
    for a, (mean_a, error_a) in means.items():
        for b, (mean_b, error_b) in means.items():
            assert abs(mean_a - mean_b) < 4.9 * np.hypot(error_a, error_b), (a, b)
