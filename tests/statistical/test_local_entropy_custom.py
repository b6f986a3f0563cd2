"""A user's own spins pulled to a reference: their law against every configuration counted, and what is refused."""

import numpy as np
import pytest
from numba import njit
from scipy.special import logsumexp
from small_systems import coin, ising_change, ising_energy, start, torus_neighbours

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape, FlatLandscape, ReferableLandscape
from mcmc.landscapes.custom import CustomLandscape

SIDE, SITES = 3, 9
REFERENCE = np.array([0, 1, 2, 0, 0, 1, 2, 2, 1])
BETA, GAMMA = 0.6, 0.35
BOUND = 4.9


@njit
def potts_energy(spins, neighbours):
    total = 0.0
    for site in range(spins.size):
        for other in neighbours[site]:
            total -= 0.5 * (spins[site] == spins[other])
    return total


@njit
def potts_change(spins, site, new, neighbours):
    change = 0.0
    for other in neighbours[site]:
        change += (spins[site] == spins[other]) - (new == spins[other])
    return change


@njit
def another_colour(old, width, u0, u1):
    return (old + 1 + int(2 * u0)) % 3


@njit
def lopsided_colour(old, width, u0, u1):
    return (old + 1 + int(2 * u0**3)) % 3


@njit
def colour(u):
    return int(3 * u)


def potts(propose=another_colour, values=3):
    return CustomLandscape(
        SITES,
        potts_energy,
        propose,
        colour,
        delta_energy=potts_change,
        parameters=torus_neighbours(SIDE),
        dtype=np.int8,
        values=values,
    )


def ring(sites=8):
    site = np.arange(sites)
    neighbours = np.stack([np.roll(site, 1), np.roll(site, -1)], axis=1)
    return CustomLandscape(
        sites,
        ising_energy,
        coin,
        start,
        delta_energy=ising_change,
        parameters=neighbours,
        dtype=np.int8,
        values=2,
    )


def enumerated(values, sites, bonds, energy):
    """Every configuration, (count, sites), and its energy."""
    grids = np.meshgrid(*[np.array(values)] * sites, indexing="ij")
    all_spins = np.stack([grid.ravel() for grid in grids], axis=1)
    return all_spins, energy(all_spins[:, bonds[:, 0]], all_spins[:, bonds[:, 1]]).sum(axis=1)


def potts_levels(beta):
    """ln sum exp(-beta E) over the configurations with k spins other than the reference's, (SITES + 1,)."""
    grid = np.arange(SITES).reshape(SIDE, SIDE)
    bonds = np.concatenate([np.stack([grid.ravel(), np.roll(grid, -1, a).ravel()], axis=1) for a in (0, 1)])
    spins, energy = enumerated(range(3), SITES, bonds, lambda a, b: -1.0 * (a == b))
    return by_distance(spins, energy, REFERENCE, beta)


def ring_levels(reference, beta):
    sites = reference.size
    bonds = np.stack([np.arange(sites), np.roll(np.arange(sites), -1)], axis=1)
    spins, energy = enumerated((-1, 1), sites, bonds, lambda a, b: -1.0 * a * b)
    return by_distance(spins, energy, reference, beta)


def by_distance(spins, energy, reference, beta):
    differing = (spins != reference).sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.array([logsumexp(-beta * energy[differing == k]) for k in range(reference.size + 1)])


def shares(landscape, sweep, chains, seed, rounds=10):
    """Share of time each chain spends at each k after 20 sweeps, (chains, sites + 1)."""
    state = landscape.init(chains, seed)
    sweep(state, 20)
    seen = np.zeros((chains, landscape.sites + 1))
    for _ in range(rounds):
        sweep(state, 2)
        seen[np.arange(chains), ((landscape.sites - landscape.agreement(state)) / 2).astype(int)] += 1.0 / rounds
    return seen


def largest_z(seen, log_law):
    law = np.exp(log_law - logsumexp(log_law))
    common = law > 1e-3
    spread = seen[:, common].std(axis=0, ddof=1) / np.sqrt(len(seen))
    return np.abs((seen[:, common].mean(axis=0) - law[common]) / spread).max()


@pytest.mark.parametrize(("propose", "fits"), [(another_colour, True), (lopsided_colour, False)])
def test_potts_spins_in_the_pull_have_the_law_of_enumeration(seed, propose, fits):
    landscape = potts(propose).with_reference(REFERENCE)
    chains = 4000
    beta, gamma = np.full(chains, BETA), np.full(chains, GAMMA)
    seen = shares(landscape, lambda state, sweeps: landscape.sweep_at(state, beta, gamma, sweeps), chains, seed)
    exact = potts_levels(BETA) + GAMMA * (SITES - 2 * np.arange(SITES + 1))
    assert (largest_z(seen, exact) < BOUND) == fits


@pytest.mark.parametrize("beta", [0.3, 0.8])
def test_an_ising_ring_in_the_pull_has_the_law_of_enumeration_chain_by_chain(seed, beta):
    reference = np.array([1, 1, -1, 1, -1, -1, 1, 1])
    landscape = ring().with_reference(reference)
    chains = 4000
    gamma = np.where(np.arange(chains) % 2, 0.5, -0.2)
    betas = np.full(chains, beta)
    seen = shares(landscape, lambda state, sweeps: landscape.sweep_at(state, betas, gamma, sweeps), chains, seed)
    for pull in (0.5, -0.2):
        exact = ring_levels(reference, beta) + pull * (8 - 2 * np.arange(9))
        assert largest_z(seen[gamma == pull], exact) < BOUND


def test_a_weight_that_undoes_the_entropy_makes_distances_equally_likely(seed):
    landscape = potts().with_reference(REFERENCE)
    chains = 2000
    beta, visits = np.full(chains, BETA), np.zeros((chains, SITES + 1), np.int64)
    exact = potts_levels(BETA)
    weight = np.tile(-exact, (chains, 1))
    seen = shares(landscape, lambda state, sweeps: landscape.sweep_flat(state, beta, weight, visits, sweeps), chains,
                  seed)  # fmt: skip
    assert largest_z(seen, np.zeros(SITES + 1)) < BOUND
    assert largest_z(seen, 0.05 * np.arange(SITES + 1)) > BOUND
    assert (visits.sum(axis=1) == 40 * SITES).all()


def test_a_weight_lowered_where_the_chain_is_shows_every_visit(seed):
    landscape = potts().with_reference(REFERENCE)
    weight, visits = np.zeros((3, SITES + 1)), np.zeros((3, SITES + 1), np.int64)
    weight[:, 7:] = -np.inf
    state = landscape.at_reference(3, seed)
    landscape.sweep_flat(state, np.zeros(3), weight, visits, 50, decrement=np.array([0.5, 0.25, 0.125]))
    assert np.array_equal(weight[:, :7], -np.array([[0.5], [0.25], [0.125]]) * visits[:, :7])
    assert not visits[:, 7:].any()
    with pytest.raises(ArgumentError, match="log_weight: -inf at the"):
        landscape.sweep_flat(state, np.zeros(3), np.full((3, SITES + 1), -np.inf), visits, 1)


def test_without_a_pull_chains_move_as_those_of_the_landscape_itself():
    model = potts()
    landscape = model.with_reference(REFERENCE)
    plain, pulled = model.init(5, 3), landscape.init(5, 3)
    beta = np.linspace(0, 1, 5)
    model.sweep(plain, beta, 300)
    landscape.sweep_at(pulled, beta, np.zeros(5), 300)
    assert np.array_equal(plain.spins, pulled.spins)
    assert np.array_equal(plain.energy, landscape.cost(pulled))
    assert np.array_equal((pulled.spins != REFERENCE[:, None]).sum(axis=0), pulled.differing)


def test_at_zero_temperature_the_energy_never_rises_whatever_the_pull():
    landscape = potts().with_reference(REFERENCE)
    state = landscape.init(50, 1)
    before = landscape.cost(state)
    landscape.sweep_at(state, np.full(50, np.inf), np.full(50, 3.0), 20)
    assert (landscape.cost(state) <= before).all()


def test_the_volume_is_that_of_all_configurations():
    gamma = np.array([-0.7, 0.0, 1.3])
    counts = potts_levels(0.0)
    exact = [logsumexp(counts + g * (SITES - 2 * np.arange(SITES + 1))) for g in gamma]
    landscape = potts().with_reference(REFERENCE)
    assert np.allclose(landscape.log_volume(gamma), exact, rtol=1e-13)
    assert np.allclose(ring().with_reference(np.ones(8)).log_volume(gamma), 8 * np.log(2 * np.cosh(gamma)), rtol=1e-13)
    with pytest.raises(LandscapeError, match="values: not given"):
        potts(values=None).with_reference(REFERENCE).log_volume(gamma)


def test_it_is_a_landscape_with_a_reference_and_its_states_can_be_split():
    landscape = potts().with_reference(REFERENCE)
    assert isinstance(potts(), ReferableLandscape)
    for protocol in (CoupledLandscape, FlatLandscape):
        assert isinstance(landscape, protocol)
    state = landscape.at_reference([4, 7, 9], 2)
    assert np.array_equal(landscape.agreement(state), np.full(3, 9.0))
    whole = landscape.at_reference([4, 7, 9], 2)
    landscape.sweep_at(whole, np.full(3, 0.2), np.zeros(3), 5)
    part = landscape.chosen(state, np.array([1]))
    landscape.sweep_at(part, np.full(1, 0.2), np.zeros(1), 5)
    landscape.put_back(state, part, np.array([1]))
    assert np.array_equal(state.spins[:, 1], whole.spins[:, 1])
    assert np.array_equal(landscape.agreement(state), [9.0, landscape.agreement(whole)[1], 9.0])


@pytest.mark.parametrize(
    ("reference", "said"),
    [(np.zeros(8), "reference: got shape"), (np.full(9, 0.5), "got 0.5"), (np.full(9, 400), "got 400"),
     (np.full(9, np.nan), "finite"), (list("abcdefghi"), "finite")],
)  # fmt: skip
def test_wrong_references_are_refused(reference, said):
    with pytest.raises(ArgumentError, match=said):
        potts().with_reference(reference)


def test_other_faults_are_named():
    landscape = potts().with_reference(REFERENCE)
    state = landscape.init(2, 0)
    with pytest.raises(ArgumentError, match="gamma: got"):
        landscape.sweep_at(state, np.ones(2), np.array([0.1, np.inf]), 1)
    with pytest.raises(LandscapeError, match="update: got 'wolff'"):
        landscape.sweep_at(state, np.ones(2), np.zeros(2), 1, "wolff")
    with pytest.raises(ArgumentError, match="visits: an array"):
        landscape.sweep_flat(state, np.ones(2), np.zeros((2, 10)), np.zeros((2, 10)), 1)
    with pytest.raises(ArgumentError, match="values: got 1"):
        potts(values=1)
