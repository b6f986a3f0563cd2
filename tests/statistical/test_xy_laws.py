"""Every update on every kind of graph against exact averages: energy, its variance, helicity modulus, magnetisation.

Each case is also held to the exact law at a wrong temperature, which it must miss.
"""

import math
from functools import cache

import numpy as np
import pytest
from numba import njit
from xy_measure import BOUND, Exact, chain_means, quadrature, worst, z_of, z_scores

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, theory
from mcmc.landscapes.xy.transfer import torus
from mcmc.samplers import HeatBath, Metropolis, Wolff

UPDATES = {
    "metropolis": lambda model, beta: Metropolis(model, beta),
    "metropolis + over-relaxation": lambda model, beta: Metropolis(model, beta, over_relaxation=2),
    "heat bath": lambda model, beta: HeatBath(model, beta),
    "heat bath + over-relaxation": lambda model, beta: HeatBath(model, beta, over_relaxation=1),
    "wolff": lambda model, beta: Wolff(model, beta),
}


def ring(sites):
    def exact(temperature):
        found = theory.ring(sites, 1.0 / temperature)
        square = sites * theory.ring_correlation(sites, 1.0 / temperature).sum()
        variance = sites * temperature**2 * float(found.specific_heat_per_site)
        return Exact(sites * float(found.energy_per_site), variance, (sites * float(found.helicity),), square)

    return XYModel(graphs.ring(sites)), exact


def chain(sites):
    """A twist of an open chain costs nothing."""

    def exact(temperature):
        beta, bonds = 1.0 / temperature, sites - 1
        variance = bonds * temperature**2 * theory.chain_specific_heat_per_bond(beta)
        square = (theory.bond_cosine(beta) ** np.abs(np.subtract.outer(np.arange(sites), np.arange(sites)))).sum()
        return Exact(bonds * theory.chain_energy_per_bond(beta), variance, (0.0,), square)

    return XYModel(graphs.chain(sites)), exact


def square(lx, ly):
    def exact(temperature):
        found, sites = torus((lx, ly), 1.0 / temperature), lx * ly
        variance = sites * temperature**2 * found.specific_heat_per_site
        return Exact(sites * found.energy_per_site, variance, tuple(sites * y for y in found.helicity))

    return XYModel(graphs.square((lx, ly))), exact


def complete(sites):
    def exact(temperature):
        found = theory.complete_graph(sites, 1.0 / temperature)
        variance = sites * temperature**2 * found.specific_heat_per_site
        square = sites**2 * found.magnetization_squared
        return Exact(sites * found.energy_per_site, variance, None, square)

    return XYModel(graphs.complete(sites)), exact


def cube():
    """2 x 2 x 2 with double bonds: the trace of the square of a transfer matrix between two layers of four angles."""

    def log_z(beta, hours=24):
        angle = 2.0 * np.pi * np.arange(hours) / hours
        layer = np.zeros((hours,) * 4)
        for i, j in [(0, 1), (2, 3), (0, 2), (1, 3)]:
            shape = [hours if axis in (i, j) else 1 for axis in range(4)]
            layer = layer + 2.0 * np.cos(np.subtract.outer(angle, angle)).reshape(shape)
        weight = np.exp(beta * (layer - 8.0))
        kernel = np.exp(2.0 * beta * (np.cos(angle) - 1.0))
        mode = np.fft.fft(kernel).real
        modes = np.einsum("a,b,c,d->abcd", mode, mode, mode, mode)
        spread = np.fft.ifftn(np.fft.fftn(weight) * modes).real
        return np.log((weight * spread).mean()) + 24.0 * beta

    def exact(temperature):
        beta, step = 1.0 / temperature, 1e-3
        low, middle, high = (log_z(beta + k * step) for k in (-1, 0, 1))
        return Exact(-(high - low) / (2.0 * step), (high - 2.0 * middle + low) / step**2)

    return XYModel(graphs.cubic(2)), exact


def few(model, points=32):
    return model, lambda temperature: quadrature(model, temperature, points)


SYSTEMS = {
    "chain of 6": chain(6),
    "ring of 8": ring(8),
    "ring of 5": ring(5),
    "3 x 3 torus": square(3, 3),
    "3 x 4 torus": square(3, 4),
    "2 x 4 torus": square(2, 4),
    "2 x 2 torus": square(2, 2),
    "2 x 2 x 2 cube": cube(),
    "triangular 2 x 2": few(XYModel(graphs.triangular(2), 0.5)),
    "triangular 3 x 2": few(XYModel(graphs.triangular((3, 2)), 0.4), points=16),
    "complete, 10": complete(10),
    "complete, 100": complete(100),
    "random regular": few(XYModel(graphs.random_regular(4, 3), "gaussian", seed=8)),
    "star in a field": few(XYModel(graphs.from_edges([[0, 1], [0, 2], [3, 0]]), [1.0, 0.3, 0.7], 0.4)),
    "antiferromagnetic ring of 3": few(XYModel(graphs.ring(3), -1.0)),
    "gauge glass": few(XYModel(graphs.square(2), phase="uniform", field=0.3, seed=4)),
    "complete in a field": few(XYModel(graphs.complete(4), 2.0, field=0.5)),
}
SYSTEMS = {name: (model, cache(exact)) for name, (model, exact) in SYSTEMS.items()}
TEMPERATURES = {
    "ring of 8": (0.5, 1.5),
    "3 x 3 torus": (0.5, 0.9, 2.0),
    "complete, 10": (0.3, 0.5),
    "complete, 100": (0.3,),
}
CASES = [
    (system, temperature, update)
    for system, (model, _) in SYSTEMS.items()
    for temperature in TEMPERATURES.get(system, (0.9,))
    for update in UPDATES
    if update != "wolff" or "wolff" in model.updates
]


def check(system, temperature, update, error, seed, chains, **measuring):
    """The exact law is met, and that at a temperature lower by `error` is not."""
    model, exact = SYSTEMS[system]
    means = chain_means(UPDATES[update](model, 1.0 / temperature), seed, chains, **measuring)
    scores = z_scores(means, exact(temperature), temperature)
    assert abs(worst(scores)) < BOUND, scores
    wrong = temperature / (1.0 + error)
    assert abs(worst(z_scores(means, exact(wrong), wrong))) > BOUND


@pytest.mark.parametrize(("system", "temperature", "update"), CASES)
def test_exact_averages(seed, system, temperature, update):
    chains = 64 if system == "complete, 100" else 600
    check(system, temperature, update, 0.08, seed, chains, burn_in=150, draws=50)


@pytest.mark.validate
@pytest.mark.parametrize(("system", "temperature", "update"), CASES)
def test_exact_averages_closely(seed, system, temperature, update):
    model, _ = SYSTEMS[system]
    chains = min(6000, max(40_000 // model.sites, 400))
    check(system, temperature, update, 0.02, seed + 1, chains, burn_in=300, draws=150)


@pytest.mark.parametrize("update", ["metropolis", "heat bath", "wolff"])
def test_a_beta_wrong_by_one_per_cent_is_told(seed, update):
    """The sampler itself runs 1 % too cold; the right one passes with the same effort."""
    model, exact = SYSTEMS["3 x 3 torus"]
    for error in (0.0, 0.01):
        sampler = UPDATES[update](model, (1.0 + error) / 0.9)
        means = chain_means(sampler, seed, 3000, burn_in=100, draws=200, thin=2)
        score = z_scores(means, exact(0.9), 0.9)["energy"]
        assert (abs(score) > BOUND) == bool(error), score


@njit
def plain_sweeps(theta, beta, lean, sweeps, rng):
    """Metropolis on the 3 x 3 torus as in a textbook; proposals within 1 + `lean` to one side and 1 - `lean` to the
    other. Returns the mean energy of each chain."""
    energy = np.zeros(theta.shape[0])
    for chain in range(theta.shape[0]):
        for sweep in range(sweeps):
            for x in range(3):
                for y in range(3):
                    old = theta[chain, x, y]
                    new = old + rng.uniform(-1.0 + lean, 1.0 + lean)
                    change = 0.0
                    for i, j in ((x - 1, y), (x - 2, y), (x, y - 1), (x, y - 2)):
                        other = theta[chain, i % 3, j % 3]
                        change += math.cos(old - other) - math.cos(new - other)
                    if rng.random() < math.exp(-beta * change):
                        theta[chain, x, y] = new
            if sweep >= sweeps // 4:
                for x in range(3):
                    for y in range(3):
                        here = theta[chain, x, y]
                        energy[chain] -= math.cos(here - theta[chain, x - 1, y]) + math.cos(
                            here - theta[chain, x, y - 1]
                        )
    return energy / (sweeps - sweeps // 4)


def test_an_asymmetric_proposal_is_told(seed):
    """A textbook kernel passes, and fails once its proposals lean to one side without a correction."""
    _, exact = SYSTEMS["3 x 3 torus"]
    rng = np.random.default_rng(seed)
    for lean in (0.0, 0.4):
        theta = rng.uniform(-np.pi, np.pi, (600, 3, 3))
        energy = plain_sweeps(theta, 1.0 / 0.9, lean, 600, rng)
        assert (abs(z_of(energy - exact(0.9).energy)) > BOUND) == bool(lean)


def test_complete_graph_has_the_mean_field_magnetization(seed):
    """|M| / N of 1000 spins against m = I1(m / T) / I0(m / T); they differ by O(1 / N), taken from the exact law."""
    sites, temperature, chains = 1000, 0.3, 64
    means = chain_means(
        HeatBath(XYModel(graphs.complete(sites)), 1.0 / temperature), seed, chains, burn_in=100, draws=60
    )
    square = means["magnetization^2"] / sites**2
    limit = theory.mean_field_magnetization(1.0 / temperature) ** 2
    finite = theory.complete_graph(sites, 1.0 / temperature).magnetization_squared
    assert abs(finite - limit) < 2.0 / sites
    assert abs(z_of(square - finite)) < BOUND
    assert abs(z_of(square - theory.mean_field_magnetization(1.02 / temperature) ** 2)) > BOUND
