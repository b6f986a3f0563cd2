"""Tempering, MALA and Langevin on the XY model against exact averages, Langevin with its bias."""

from functools import cache

import numpy as np
import pytest
from xy_measure import BOUND, Exact, chain_means, quadrature, worst, z_of, z_scores

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, theory
from mcmc.landscapes.xy.transfer import torus
from mcmc.samplers import MALA, HeatBath, Langevin, Metropolis, Tempering, Wolff

LADDER = (0.5, 0.9, 1.2, 2.0)
TORUS = XYModel(graphs.square(3))
GLASS = XYModel(graphs.square(2), "gaussian", field=0.3, phase="uniform", seed=4)


@cache
def torus_law(temperature):
    found = torus((3, 3), 1.0 / temperature)
    variance = 9.0 * temperature**2 * found.specific_heat_per_site
    return Exact(9.0 * found.energy_per_site, variance, tuple(9.0 * y for y in found.helicity))


@cache
def glass_law(temperature):
    return quadrature(GLASS, temperature)


INNER = {
    "metropolis": Metropolis,
    "metropolis + over-relaxation": lambda model: Metropolis(model, over_relaxation=2),
    "heat bath": HeatBath,
    "wolff": Wolff,
    "mala": MALA,
}
CASES = [(name, system) for system in ("torus", "glass") for name in INNER if (name, system) != ("wolff", "glass")]


@pytest.mark.parametrize(("inner", "system"), CASES)
@pytest.mark.parametrize("swap_every", [1, 3])
def test_tempering_has_the_exact_law_at_every_temperature(seed, inner, system, swap_every):
    model, law = {"torus": (TORUS, torus_law), "glass": (GLASS, glass_law)}[system]
    sampler = Tempering(INNER[inner](model), LADDER, swap_every=swap_every)
    means = chain_means(sampler, seed, 400, burn_in=200, draws=60)
    for t, temperature in enumerate(LADDER):
        here = {name: value[:, t] for name, value in means.items()}
        scores = z_scores(here, law(temperature), temperature)
        assert abs(worst(scores)) < BOUND, (temperature, scores)
        assert abs(worst(z_scores(here, law(1.1 * temperature), 1.1 * temperature))) > BOUND


@pytest.mark.parametrize("temperature", [0.5, 0.9, 2.0])
def test_mala_on_the_torus(seed, temperature):
    means = chain_means(MALA(TORUS, 1.0 / temperature), seed, 1000, burn_in=400, draws=100)
    scores = z_scores(means, torus_law(temperature), temperature)
    assert abs(worst(scores)) < BOUND, scores
    assert abs(worst(z_scores(means, torus_law(1.05 * temperature), 1.05 * temperature))) > BOUND


@pytest.mark.parametrize("sites", [2, 8])
def test_mala_on_rings_and_complete_graphs(seed, sites):
    ring = theory.ring(sites, 2.0)
    exact = Exact(sites * float(ring.energy_per_site), None, (sites * float(ring.helicity),))
    scores = z_scores(chain_means(MALA(XYModel(graphs.ring(sites)), 2.0), seed, 400), exact, 0.5)
    assert abs(worst(scores)) < BOUND, scores
    complete = theory.complete_graph(sites, 2.0)
    exact = Exact(sites * complete.energy_per_site, None, None, sites**2 * complete.magnetization_squared)
    scores = z_scores(chain_means(MALA(XYModel(graphs.complete(sites)), 2.0), seed, 400), exact, 0.5)
    assert abs(worst(scores)) < BOUND, scores


def langevin_energy(beta, step, points=256):
    """Stationary -<cos phi> of the discretised dynamics of one bond, phi the difference of its angles.

    phi <- phi - 2 eta sin phi + noise of variance 4 eta / beta: a Markov chain on a circle, its kernel a wrapped
    Gaussian, its law the leading eigenvector. The trapezoidal rule is exact to rounding for smooth kernels.
    """
    phi = 2.0 * np.pi * np.arange(points) / points
    away = phi[None, :] - (phi - 2.0 * step * np.sin(phi))[:, None]
    turns = 2.0 * np.pi * np.arange(-4, 5)
    kernel = np.exp(-((away[..., None] + turns) ** 2) * beta / (8.0 * step)).sum(axis=-1)
    kernel /= kernel.sum(axis=1, keepdims=True)
    law = np.linalg.matrix_power(kernel, 2**14)[0]
    return -law @ np.cos(phi)


@pytest.mark.parametrize(("beta", "step"), [(1.0, 0.1), (2.0, 0.05), (4.0, 0.2)])
def test_langevin_has_its_biased_law(seed, beta, step):
    """The exact law of the discretised equation is met; that of the continuous one, off by O(step), is not."""
    biased, unbiased = langevin_energy(beta, step), float(theory.chain_energy_per_bond(beta))
    assert langevin_energy(beta, 1e-3, 512) == pytest.approx(unbiased, abs=2e-3)
    sampler = Langevin(XYModel(graphs.chain(2)), beta, step_size=step)
    energy = chain_means(sampler, seed, 4000, burn_in=300, draws=100)["energy"]
    assert abs(z_of(energy - biased)) < BOUND
    assert abs(z_of(energy - unbiased)) > BOUND


def test_langevin_bias_on_the_torus_falls_with_the_step(seed):
    """Bias c eta + O(eta^2): twice the result at eta / 2 less that at eta is much nearer than either."""
    exact, energy = torus_law(0.9).energy, {}
    for step in (0.04, 0.08):
        sampler = Langevin(TORUS, 1.0 / 0.9, step_size=step)
        energy[step] = chain_means(sampler, seed, 1500, burn_in=300, draws=80, thin=6)["energy"] - exact
    assert z_of(energy[0.08]) > 2.0 * BOUND
    half, whole = (float(energy[step].mean()) for step in (0.04, 0.08))
    assert half < 0.65 * whole
    assert abs(2.0 * half - whole) < 0.25 * whole
