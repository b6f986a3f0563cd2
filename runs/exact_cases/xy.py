"""The XY model where its averages are known exactly: rings, chains, a torus, complete graphs, a small gauge glass.

H = -sum J cos(theta_i - theta_j - A_ij), k_B = 1. Sources of the exact values: `mcmc.landscapes.xy.theory`,
`.transfer` (3 x 3 torus) and `.quadrature`.
"""

from collections.abc import Iterator

import numpy as np

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, theory
from mcmc.landscapes.xy.quadrature import small_system
from mcmc.samplers import MALA, HeatBath, Langevin, Metropolis, Tempering, Wolff
from runs.exact_cases.case import Case, chain_means, from_chains

CHAINS = 512
SQUARES = ("energy", "helicity_sine_x")

TORUS = {0.5: (-1.76215924, 0.516615, 0.877262799), 0.9: (-1.52744181, 0.688120, 0.743990941)}
"""Energy, specific heat, helicity modulus per site of the 3 x 3 torus, by temperature."""


def ring_cases(seed: int) -> Iterator[Case]:
    """Ring of 8 by Metropolis with over-relaxation, open chain by heat bath."""
    for temperature in (0.5, 1.5):
        ring = theory.ring(8, 1.0 / temperature)
        sampler = Metropolis(XYModel(graphs.ring(8)), 1.0 / temperature, over_relaxation=1)
        means = chain_means(sampler, seed, CHAINS, SQUARES)
        exact = (float(ring.energy_per_site), float(ring.specific_heat_per_site), float(ring.helicity))
        yield from _thermodynamics(f"ring of 8, T = {temperature}", means, 8, temperature, exact)
    chain = chain_means(HeatBath(XYModel(graphs.chain(8)), 1.0 / 0.9), seed, CHAINS)
    yield from_chains(
        "chain of 8, T = 0.9, energy per bond", chain["energy"] / 7, theory.chain_energy_per_bond(1 / 0.9)
    )


def torus_cases(seed: int) -> Iterator[Case]:
    """The 3 x 3 torus by every update at T = 0.9, and by tempering at both temperatures."""
    model = XYModel(graphs.square(3))
    samplers = {
        "Metropolis": Metropolis(model, 1.0 / 0.9),
        "Metropolis + over-relaxation": Metropolis(model, 1.0 / 0.9, over_relaxation=2),
        "heat bath": HeatBath(model, 1.0 / 0.9),
        "Wolff": Wolff(model, 1.0 / 0.9),
        "MALA": MALA(model, 1.0 / 0.9),
    }
    for name, sampler in samplers.items():
        means = chain_means(sampler, seed, CHAINS, SQUARES)
        yield from _thermodynamics(f"3 x 3, T = 0.9, {name}", means, 9, 0.9, TORUS[0.9])
    means = chain_means(Tempering(Metropolis(model), list(TORUS)), seed, CHAINS, SQUARES)
    for t, (temperature, exact) in enumerate(TORUS.items()):
        here = {name: value[:, t] for name, value in means.items()}
        yield from _thermodynamics(f"3 x 3, T = {temperature}, tempering", here, 9, temperature, exact)


def complete_cases(seed: int) -> Iterator[Case]:
    """Complete graphs: energy per site of (1 - |M|^2 / N^2) / 2."""
    for sites, temperature in ((10, 0.3), (10, 0.5), (100, 0.3)):
        shift = 0.5 - 0.5 / sites
        exact = float(theory.complete_graph(sites, 1.0 / temperature).energy_per_site) + shift
        sampler = Metropolis(XYModel(graphs.complete(sites)), 1.0 / temperature)
        energy = chain_means(sampler, seed, 4096 // sites)["energy"] / sites
        name = f"complete graph, N = {sites}, T = {temperature}, energy per site"
        yield from_chains(name, energy + shift, exact)


def disorder_cases(seed: int) -> Iterator[Case]:
    """A gauge glass of 2 x 2 sites in a field, against quadrature over all angles."""
    model = XYModel(graphs.square(2), phase="uniform", field=0.3, seed=4)
    exact = small_system(model.graph, 1.0, 1.0, 0.3, model.phase)
    for name, sampler in {"Metropolis": Metropolis(model), "heat bath": HeatBath(model, over_relaxation=1)}.items():
        means = chain_means(sampler, seed, CHAINS)
        yield from_chains(f"2 x 2 gauge glass in a field, {name}, energy", means["energy"], exact.energy)
        m_x = means["magnetization_x"]
        yield from_chains(f"2 x 2 gauge glass in a field, {name}, magnetisation", m_x, exact.magnetization_x)


def langevin_cases(seed: int) -> Iterator[Case]:
    """One bond by unadjusted Langevin: the exact law of the discretised equation, bias included."""
    beta, step = 2.0, 0.05
    sampler = Langevin(XYModel(graphs.chain(2)), beta, step_size=step)
    energy = chain_means(sampler, seed, CHAINS)["energy"]
    yield from_chains("one bond, T = 0.5, Langevin, biased energy", energy, langevin_bond_energy(beta, step))


def langevin_bond_energy(beta: float, step: float, points: int = 256) -> float:
    """Stationary -<cos phi> of phi <- phi - 2 eta sin phi + noise of variance 4 eta / beta, phi between two spins.

    A Markov chain on the circle with a wrapped Gaussian kernel; on a grid, the trapezoidal rule is exact to rounding.
    """
    phi = 2.0 * np.pi * np.arange(points) / points
    away = phi[None, :] - (phi - 2.0 * step * np.sin(phi))[:, None]
    turns = 2.0 * np.pi * np.arange(-4, 5)
    kernel = np.exp(-((away[..., None] + turns) ** 2) * beta / (8.0 * step)).sum(axis=-1)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return float(-np.linalg.matrix_power(kernel, 2**14)[0] @ np.cos(phi))


def _thermodynamics(name, means, sites, temperature, exact) -> Iterator[Case]:
    """Energy, specific heat and helicity modulus per site; fluctuations about exact means are plain averages."""
    energy, specific_heat, helicity = exact
    yield from_chains(f"{name}, energy", means["energy"] / sites, energy)
    center = sites * energy
    variance = means["energy^2"] - 2.0 * center * means["energy"] + center**2
    yield from_chains(f"{name}, specific heat", variance / temperature**2 / sites, specific_heat)
    stiffness = means["helicity_cosine_x"] - means["helicity_sine_x^2"] / temperature
    yield from_chains(f"{name}, helicity modulus", stiffness / sites, helicity)
