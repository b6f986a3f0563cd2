"""The custom landscape's kernel as an exact transition matrix, its energies, and the example in its documentation."""

import textwrap

import numpy as np
import pytest
from scipy import stats
from small_systems import (
    boltzmann,
    coin,
    configurations,
    enumerated_energies,
    histogram_p_value,
    ising,
    ising_energy,
    start,
)

import mcmc.landscapes.custom as custom
from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SpinLandscape
from mcmc.landscapes.custom import CustomLandscape
from mcmc.landscapes.custom_kernels import acceptance
from mcmc.samplers import Metropolis


def site_matrix(energies, site, beta, up=0.5):
    """Transition matrix of one site from the code's own acceptance; a proposal is up with probability `up`."""
    count = energies.size
    rows = np.arange(count)
    matrix = np.zeros((count, count))
    for bit, chance in ((1, up), (0, 1 - up)):
        target = rows & ~(1 << site) | bit << site
        taken = chance * np.array(
            [acceptance(beta, energies[t] - energies[r]) for r, t in zip(rows, target, strict=True)]
        )
        matrix[rows, target] += taken
        matrix[rows, rows] += chance - taken
    return matrix


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_each_site_obeys_detailed_balance_and_a_sweep_leaves_the_law_invariant(beta):
    energies = enumerated_energies(ising())
    law = boltzmann(energies, beta)
    sweep = np.eye(energies.size)
    for site in range(9):
        matrix = site_matrix(energies, site, beta)
        assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-12
        flow = law[:, None] * matrix
        assert np.abs(flow - flow.T).max() < 1e-12
        sweep = sweep @ matrix
    assert np.abs(law @ sweep - law).max() < 1e-12


def test_an_asymmetric_proposal_breaks_the_exact_law():
    energies = enumerated_energies(ising())
    law = boltzmann(energies, 0.3)
    flow = law[:, None] * site_matrix(energies, 0, 0.3, up=0.51)
    assert np.abs(flow - flow.T).max() > 1e-6


@pytest.mark.parametrize(("beta_used", "agrees"), [(0.4, True), (0.4 * 1.05, False)])
def test_the_compiled_sweep_has_the_matrix_as_its_law(seed, beta_used, agrees):
    landscape = ising()
    energies = enumerated_energies(landscape)
    row, chains = 0b101100111, 200_000
    law = np.eye(energies.size)[row]
    for site in range(9):
        law = law @ site_matrix(energies, site, 0.4)
    state = landscape.init(chains, seed)
    state.spins[...] = configurations(9)[row, :, None]
    state.energy[...] = energies[row]
    landscape.sweep(state, np.full(chains, beta_used), 1)
    seen = np.bincount(((state.spins > 0) << np.arange(9)[:, None]).sum(axis=0), minlength=energies.size)
    common = law > 20 / chains
    observed = np.append(seen[common], seen[~common].sum())
    expected = chains * np.append(law[common], law[~common].sum())
    p = stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), observed.size - 1)
    assert (p > 1e-6) == agrees


def test_the_default_energy_difference_gives_the_same_bits_as_the_users():
    quick, slow = ising(), ising(delta=False)
    a, b = quick.init(5, 3), slow.init(5, 3)
    beta = np.full(5, 0.4)
    quick.sweep(a, beta, 20)
    slow.sweep(b, beta, 20)
    assert np.array_equal(a.spins, b.spins)
    assert np.array_equal(a.energy, b.energy)
    assert np.array_equal(quick.delta_energy(a, 4, -a.spins[4]), slow.delta_energy(b, 4, -b.spins[4]))


def continuous_chain():
    def energy(x, parameters):
        total = 0.0
        for i in range(x.size):
            total += 0.25 * (x[i] ** 2 - 1) ** 2 + 0.5 * (x[i] - x[i - 1]) ** 2
        return total

    def delta_energy(x, site, new, parameters):
        change = 0.25 * (new**2 - 1) ** 2 - 0.25 * (x[site] ** 2 - 1) ** 2
        for other in (x[site - 1], x[(site + 1) % x.size]):
            change += 0.5 * (new - other) ** 2 - 0.5 * (x[site] - other) ** 2
        return change

    def propose(old, width, u0, u1):
        return old + width * (2 * u0 - 1)

    def initial(u):
        return 4 * u - 2

    return CustomLandscape(9, energy, propose, initial, delta_energy=delta_energy, dtype=np.float32)


@pytest.mark.parametrize("landscape", [ising(), continuous_chain()], ids=["ising", "continuous"])
def test_carried_energy_is_the_recomputed_one_after_many_sweeps(landscape):
    state = landscape.init(3, 11)
    info = landscape.sweep(state, np.array([0.1, 0.5, 2.0]), 100_001)
    scale = np.finfo(np.float64).eps * 256 * landscape.sites * 100
    assert np.abs(state.energy - landscape.energy(state)).max() < scale
    assert info.energy_drift.max() < scale
    assert int(state.sweep) == 100_001


def test_zero_temperature_never_climbs():
    landscape = ising()
    state = landscape.init(100, 1)
    before = state.energy.copy()
    landscape.sweep(state, np.full(100, np.inf), 5)
    assert (state.energy <= before).all()


def test_the_documented_potts_model_samples_its_law(seed):
    code = textwrap.dedent(custom.__doc__.split("complete:\n")[1].split("\nEvery sampler")[0])
    assert sum(1 for line in code.splitlines() if line.strip()) <= 30
    names: dict = {}
    exec(code, names)
    potts = names["potts"]
    assert isinstance(potts, SpinLandscape)
    spins = np.array(np.unravel_index(np.arange(3**9), (3,) * 9)).astype(np.int8)
    state = potts.init(3**9, 0)
    state.spins[...] = spins
    levels, level = np.unique(potts.energy(state), return_inverse=True)
    law = np.bincount(level, boltzmann(potts.energy(state), 0.6))
    sampler = Metropolis(potts, 0.6)
    state, _ = sampler.thermalize(sampler.init(2000, seed), 40)
    series = []
    for _ in range(20):
        state, _ = sampler.step(state, 4)
        series.append(sampler.energy(state).copy())
    assert histogram_p_value(np.array(series).T, levels, law) > 1e-6


def test_faults_are_named():
    with pytest.raises(ArgumentError, match="sites: got 0"):
        CustomLandscape(0, ising_energy, coin, start)
    with pytest.raises(ArgumentError, match="propose: got 3"):
        CustomLandscape(9, ising_energy, 3, start)
    with pytest.raises(LandscapeError, match="update: got 'wolff'"):
        ising().sweep(ising().init(1, 0), np.ones(1), 1, "wolff")
    broken = CustomLandscape(9, lambda spins, parameters: spins.no_such_thing, coin, start)
    with pytest.raises(LandscapeError, match="energy: Numba could not compile"):
        broken.init(1, 0)


def test_an_energy_change_that_is_not_a_number_shows_in_the_energy():
    def nothing(spins, site, new, parameters):
        return np.nan

    landscape = CustomLandscape(4, lambda spins, parameters: 0.0, coin, start, delta_energy=nothing)
    state = landscape.init(2, 0)
    landscape.sweep(state, np.ones(2), 1)
    assert np.isnan(state.energy).all()
