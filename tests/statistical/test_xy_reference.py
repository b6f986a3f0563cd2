"""Samplers against each other where nothing is exact, and against published values of two-dimensional systems."""

import numpy as np
import pytest
from xy_measure import BOUND, chain_means, z_of

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, theory
from mcmc.samplers import MALA, HeatBath, Metropolis, Tempering, Wolff

SQUARE = XYModel(graphs.square(8))
GLASS = XYModel(graphs.square(6), phase="uniform", seed=12)
COMPARED = ("energy", "energy^2", "magnetization^2", "vortices", "structure_factor_kmin", "helicity_sine_x^2")

# Sweeps between draws and in burn-in make up for slow samplers; each is independent of the others.
LOCAL = {"chains": 192, "burn_in": 800, "draws": 120, "thin": 6}
MIRRORED = {"chains": 192, "burn_in": 300, "draws": 120, "thin": 4}
LANGEVIN = {"chains": 96, "burn_in": 2500, "draws": 120, "thin": 15}


def tempered(model, temperature):
    """The coldest of four temperatures."""
    return Tempering(Metropolis(model, over_relaxation=1), temperature * np.array([1.0, 1.15, 1.35, 1.6]))


SAMPLERS = {
    "metropolis": (lambda model, t: Metropolis(model, 1.0 / t), LOCAL),
    "metropolis + over-relaxation": (lambda model, t: Metropolis(model, 1.0 / t, over_relaxation=3), MIRRORED),
    "heat bath": (lambda model, t: HeatBath(model, 1.0 / t), LOCAL),
    "heat bath + over-relaxation": (lambda model, t: HeatBath(model, 1.0 / t, over_relaxation=3), MIRRORED),
    "wolff": (lambda model, t: Wolff(model, 1.0 / t), MIRRORED),
    "tempering": (tempered, MIRRORED),
    "mala": (lambda model, t: MALA(model, 1.0 / t), LANGEVIN),
}


def results(model, temperature, seed):
    """(chains, quantities) of every sampler that the model takes."""
    found = {}
    for k, (name, (build, effort)) in enumerate(SAMPLERS.items()):
        if name == "wolff" and "wolff" not in model.updates:
            continue
        means = chain_means(build(model, temperature), seed + k, **effort)
        columns = [means[quantity] for quantity in COMPARED]
        found[name] = np.stack([c[:, 0] if c.ndim == 2 else c for c in columns], axis=1)
    return found


def distance(a, b):
    """Largest z of a difference of means over the compared quantities."""
    error = np.hypot(*(x.std(axis=0, ddof=1) / np.sqrt(len(x)) for x in (a, b)))
    return np.abs((a.mean(axis=0) - b.mean(axis=0)) / error).max()


@pytest.mark.parametrize(("model", "temperature"), [(SQUARE, 0.9), (GLASS, 0.7)], ids=["8 x 8", "gauge glass"])
def test_every_sampler_agrees_with_every_other(seed, model, temperature):
    found = results(model, temperature, seed)
    for a in found:
        for b in found:
            if a < b:
                assert distance(found[a], found[b]) < BOUND, (a, b)
    wrong = chain_means(HeatBath(model, 1.03 / temperature, over_relaxation=3), seed, **MIRRORED)
    wrong = np.stack([wrong[quantity] for quantity in COMPARED], axis=1)
    for name, values in found.items():
        assert distance(values, wrong) > BOUND, name


# Temperature, size: energy per site, its error, helicity modulus, its error. At T = 0.9 several codes agree on them.
PUBLISHED = {
    (0.9, 16): (-1.44304, 0.00038, 0.64007, 0.00082),
    (0.8, 16): (-1.52981, 0.00018, 0.7238, 0.0002),
    (1.0, 16): (-1.33623, 0.00035, 0.494, 0.001),
    (0.8, 32): (-1.52739, 0.00017, 0.7197, 0.0003),
    (1.0, 32): (-1.32709, 0.00026, 0.399, 0.002),
}
SMALL = [(temperature, size) for temperature, size in PUBLISHED if size == 16]


def per_site(means, size, temperature):
    """Energy and helicity modulus per site of each chain, the latter averaged over both directions."""
    cosine = (means["helicity_cosine_x"] + means["helicity_cosine_y"]) / 2.0
    current = (means["helicity_sine_x^2"] + means["helicity_sine_y^2"]) / 2.0
    return means["energy"] / size**2, (cosine - current / temperature) / size**2


def z_against(values, published, error):
    own = values.std(ddof=1) / np.sqrt(values.size)
    return (values.mean() - published) / np.hypot(own, error)


def check_published(temperature, size, sampler, seed, **effort):
    energy, error, helicity, helicity_error = PUBLISHED[temperature, size]
    found = per_site(chain_means(sampler, seed, **effort), size, temperature)
    assert abs(z_against(found[0], energy, error)) < BOUND
    assert abs(z_against(found[1], helicity, helicity_error)) < BOUND
    # Control: an energy off by what 1 % of the temperature makes, C dT with C about 1.4.
    assert abs(z_against(found[0] + 0.014 * temperature, energy, error)) > BOUND


@pytest.mark.parametrize(("temperature", "size"), SMALL)
def test_published_values_of_16_x_16(seed, temperature, size):
    sampler = Metropolis(XYModel(graphs.square(size)), 1.0 / temperature, over_relaxation=4)
    check_published(temperature, size, sampler, seed, chains=96, burn_in=400, draws=200, thin=8)


@pytest.mark.validate
@pytest.mark.parametrize("name", ["metropolis + over-relaxation", "heat bath + over-relaxation", "wolff"])
@pytest.mark.parametrize(("temperature", "size"), PUBLISHED)
def test_published_values_closely(seed, temperature, size, name):
    sampler = SAMPLERS[name][0](XYModel(graphs.square(size)), temperature)
    check_published(temperature, size, sampler, seed, chains=128, burn_in=1000, draws=400, thin=8)


@pytest.mark.validate
def test_published_values_of_64_x_64(seed):
    """T = 0.9: energy -1.43904(24), |m| 0.60527(39)."""
    sampler = Wolff(XYModel(graphs.square(64)), 1.0 / 0.9)
    state, _ = sampler.thermalize(sampler.init(64, seed), 300)
    energy, modulus = 0.0, 0.0
    for _ in range(300):
        state, _ = sampler.step(state, 2)
        seen = sampler.observables(state)
        energy = energy + seen["energy"] / 300 / 64**2
        modulus = modulus + np.hypot(seen["magnetization_x"], seen["magnetization_y"]) / 300 / 64**2
    assert abs(z_against(energy, -1.43904, 0.00024)) < BOUND
    assert abs(z_against(modulus, 0.60527, 0.00039)) < BOUND
    assert abs(z_against(modulus, 0.60527 * 1.01, 0.00039)) > BOUND


def test_low_temperature_is_spin_waves(seed):
    """Energy per site -2 + (T / 2)(1 - 1 / N) and helicity 1 - T / 4 on a large lattice, both up to O(T^2)."""
    temperature, size = 0.05, 12
    sampler = Metropolis(XYModel(graphs.square(size)), 1.0 / temperature, over_relaxation=2)
    aligned = sampler.init(128, seed)
    # From order: a random start may freeze with a winding.
    aligned = aligned._replace(spins=sampler.landscape.state_from_angles(np.zeros((128, size * size)), seed))
    sampler_means = chain_means(Started(sampler, aligned), seed, 128, burn_in=300, draws=60, thin=4)
    energy, helicity = per_site(sampler_means, size, temperature)
    expected = theory.spin_wave_energy_per_site(temperature, sites=size**2)
    # Next orders, from the self-consistent harmonic approximation K = exp(-T / (4 K)): T^2 / 16 and -T^2 / 32.
    assert abs(energy.mean() - expected) < temperature**2 / 8.0
    assert abs(helicity.mean() - theory.spin_wave_helicity(temperature)) < temperature**2 / 4.0 + temperature / size**2
    assert abs(z_of(energy - theory.spin_wave_energy_per_site(1.05 * temperature, sites=size**2))) > BOUND


class Started:
    """A sampler that starts from a given state."""

    def __init__(self, sampler, state):
        self.sampler, self.state = sampler, state

    def init(self, chains, seed):
        return self.state

    def __getattr__(self, name):
        return getattr(self.sampler, name)
