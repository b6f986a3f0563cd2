"""Every sampler on every landscape of the perceptron: histograms of energy and coupling against all configurations.

The p-value accounts for autocorrelation (see histogram_p_value); an assertion fails by chance once in a million. The
controls are wrong acceptance tables, couplings 6 % off and swaps at other temperatures.
"""

from functools import cache

import numpy as np
import pytest
from perceptron_configurations import configurations, costs, landscapes, law, log_coupling
from small_systems import FALSE_ALARM, histogram_p_value

from mcmc.samplers import (
    Annealing,
    CouplingTempering,
    HeatBath,
    Metropolis,
    RejectionFree,
    ReplicatedAnnealing,
    Tempering,
    coupling_schedule,
    linear_ramp,
    sample,
    schedule,
)
from perceptron import BinaryPerceptron, Replicated, WithReference, enumerate_configurations, random_patterns
from perceptron.acceptance import AcceptanceTable

N = 15
"""Weights: all 2^15 configurations are enumerated; 9 in all where there are replicas."""
LANDSCAPES = landscapes(N)
UPDATES = {"metropolis": Metropolis, "heat bath": HeatBath, "rejection-free": RejectionFree}
TEMPERATURES = np.array([0.5, 0.8, 1.6])
COUPLINGS = [0.0, 0.08, 0.2]
SPREAD = 4096
"""More than any agreement: a level is energy * SPREAD + agreement."""


@cache
def levels_of(name):
    """Level of every configuration: energy of the patterns and agreement of coupled weights together."""
    model = LANDSCAPES[name]
    weights = configurations(model)
    if isinstance(model, Replicated):
        total = weights.reshape(len(weights), model.replicas, -1).sum(axis=1, dtype=np.int64)
        agreement = ((total**2).sum(axis=1) - model.sites) // 2
    else:
        agreement = np.rint(log_coupling(model, weights, 1.0)).astype(np.int64)
    return costs(model, weights).astype(np.int64) * SPREAD + agreement


def expected(name, control):
    """Levels and their probabilities."""
    levels, level = np.unique(levels_of(name), return_inverse=True)
    return levels, np.bincount(level, law(LANDSCAPES[name], control))


def series(sampler, seed, spins, chains=600, burn_in=80, draws=40, thin=2, order=None):
    """Levels (chains, draws, *dims); `spins` takes a state to that of the landscape, `order` gives lanes by rung."""
    state = sampler.init(chains, seed)
    state, _ = sampler.thermalize(state, burn_in)
    found = []
    for _ in range(draws):
        state, _ = sampler.step(state, thin)
        here = spins(state)
        value = here.cost * SPREAD + here.agreement
        found.append(value if order is None else value[order(state)])
    return np.stack(found, axis=1)


def of_spins(state):
    return state.spins


def control_of(model):
    return 0.15 if model.control == "gamma" else 0.9


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("name", LANDSCAPES)
def test_single_flips_sample_the_enumerated_law(name, update, seed):
    model = LANDSCAPES[name]
    control = control_of(model)
    found = series(UPDATES[update](model, control), seed, of_spins)
    assert histogram_p_value(found, *expected(name, control)) > FALSE_ALARM


@pytest.mark.parametrize("update", ["metropolis", "heat bath"])
@pytest.mark.parametrize("name", ["hinge", "gaussian", "reference", "centre"])
def test_weights_in_random_order_sample_the_same_law(name, update, seed):
    model = LANDSCAPES[name]
    model.visit = "random"
    try:
        found = series(UPDATES[update](model, 0.9), seed, of_spins)
    finally:
        model.visit = "systematic"
    assert histogram_p_value(found, *expected(name, 0.9)) > FALSE_ALARM


def tempered(sampler, seed, **more):
    return series(
        sampler, seed, lambda state: state.replicas.spins, chains=400, burn_in=150, order=lambda s: s.lane, **more
    )


@pytest.mark.parametrize(
    ("name", "update"),
    [(name, "metropolis") for name in ("errors", "hinge", "symmetric", "gaussian", "reference", "centre")]
    + [("reference", "heat bath"), ("symmetric", "rejection-free")],
)
def test_tempering_samples_the_law_at_every_temperature(name, update, seed):
    found = tempered(Tempering(UPDATES[update](LANDSCAPES[name]), TEMPERATURES), seed)
    for rung, temperature in enumerate(TEMPERATURES):
        assert histogram_p_value(found[..., rung], *expected(name, 1 / temperature)) > FALSE_ALARM


@pytest.mark.parametrize(
    ("name", "update"),
    [("reference, gamma", "metropolis"), ("reference, gamma", "rejection-free"), ("pairs, gamma", "heat bath")],
)
def test_tempering_in_gamma_samples_the_law_at_every_coupling(name, update, seed):
    found = tempered(CouplingTempering(UPDATES[update](LANDSCAPES[name]), COUPLINGS), seed)
    assert found.shape[2] == len(COUPLINGS)
    for rung, gamma in enumerate(COUPLINGS):
        assert histogram_p_value(found[..., rung], *expected(name, gamma)) > FALSE_ALARM


@pytest.mark.parametrize("name", ["errors", "hinge", "gaussian", "reference", "centre"])
def test_annealing_ends_in_the_law_of_its_last_temperature(name, seed):
    sampler = Annealing(Metropolis(LANDSCAPES[name]), schedule([3.0, 2.0, 1.2], [5, 5, 1]))
    found = series(sampler, seed, lambda state: state.inner.spins)
    assert histogram_p_value(found, *expected(name, 1 / 1.2)) > FALSE_ALARM


@pytest.mark.parametrize("update", ["metropolis", "heat_bath"])
def test_replicated_annealing_ends_in_the_law_of_the_last_pair(update, seed):
    model = LANDSCAPES["centre"]
    ramps = coupling_schedule(linear_ramp(0.2, 0.9, 20), linear_ramp(0.0, model.gamma, 20))
    found = series(ReplicatedAnnealing(model, ramps, update=update), seed, of_spins)
    assert histogram_p_value(found, *expected("centre", 0.9)) > FALSE_ALARM
    other = coupling_schedule(0.9, 1.25 * model.gamma)
    wrong = series(ReplicatedAnnealing(model, other, update=update), seed, of_spins, draws=150)
    assert histogram_p_value(wrong, *expected("centre", 0.9)) < FALSE_ALARM


class WrongTable(AcceptanceTable):
    """Flips that cost energy are accepted 6 % too often."""

    def look_up(self, beta, gamma):
        rows, right = super().look_up(beta, gamma)
        table = right.table.reshape(len(right.table), -1, right.fields)
        change = right.lowest + np.arange(table.shape[1])[:, None]
        wrong = np.where(change > 0, np.minimum(1.06 * table, 2.0**62), table).astype(np.int64)
        return rows, right._replace(table=wrong.reshape(right.table.shape))


@pytest.mark.parametrize(
    ("name", "update"),
    [("errors", "metropolis"), ("centre", "metropolis"), ("hinge", "heat bath"), ("errors", "rejection-free")],
)
def test_a_wrong_acceptance_table_is_told(name, update, seed):
    model = LANDSCAPES[name]
    rule = "heat_bath" if update == "heat bath" else "metropolis"
    right = model.tables[rule]
    model.tables[rule] = WrongTable(rule, model.log_weight_change, model.layout.largest_change)
    try:
        found = series(UPDATES[update](model, 0.9), seed, of_spins, chains=1500, draws=120)
    finally:
        model.tables[rule] = right
    assert histogram_p_value(found, *expected(name, 0.9)) < FALSE_ALARM


def test_wrong_swaps_are_told(seed):
    sampler = Tempering(Metropolis(LANDSCAPES["errors"]), TEMPERATURES)
    # The swaps take the ladder for a flatter one; the sweeps keep to the temperatures.
    sampler.beta, right = 0.7 * sampler.beta, sampler.beta
    state = sampler.init(400, seed)
    state.replicas.beta[:] = np.tile(right, 400)
    found = []
    for _ in range(150):
        state, _ = sampler.step(state, 1)
        here = state.replicas.spins
        found.append((here.cost * SPREAD + here.agreement)[state.lane])
    worst = min(
        histogram_p_value(np.stack(found[40:], axis=1)[..., rung], *expected("errors", beta))
        for rung, beta in enumerate(right)
    )
    assert worst < FALSE_ALARM


def test_a_wrong_coupling_is_told(seed):
    model = LANDSCAPES["reference, gamma"]
    found = series(Metropolis(model, 1.06 * 0.15), seed, of_spins, chains=1500, draws=120)
    assert histogram_p_value(found, *expected("reference, gamma", 0.15)) < FALSE_ALARM


def test_datasets_carry_the_coupling_as_a_dimension(seed):
    sampler = CouplingTempering(RejectionFree(LANDSCAPES["pairs, gamma"]), [0.3, 0.0, 0.1])
    data = sample(sampler, 400, chains=2, seed=seed, burn_in=50, thin=2)
    assert data.energy.dims == ("chain", "draw", "gamma")
    np.testing.assert_array_equal(data.gamma, [0.0, 0.1, 0.3])
    assert "coupling" in data.swap_rate.long_name
    assert np.isnan(data.swap_rate.values[:, -1]).all()
    overlap = data.replica_overlap.mean(("chain", "draw")).values
    # At gamma = 0 replicas are independent and equal in law: their overlap is that of two independent samples, >= 0.
    assert (np.diff(overlap) > 0).all()


@pytest.mark.validate
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("energy", ["errors", "hinge"])
@pytest.mark.parametrize("alpha", [0.5, 0.9])
def test_energies_of_21_weights_against_the_enumeration(alpha, energy, update, seed):
    instance = random_patterns(21, alpha, seed=seed)
    found = enumerate_configurations(instance, energy=energy)
    model = BinaryPerceptron(instance, energy)
    betas = 1 / TEMPERATURES
    for kind in ("plain", "tempering"):
        inner = UPDATES[update](model, betas[0])
        sampler = inner if kind == "plain" else Tempering(inner, TEMPERATURES)
        state, _ = sampler.thermalize(sampler.init(3000, seed), 300)
        energies = []
        for _ in range(200):
            state, _ = sampler.step(state, 3)
            energies.append(sampler.energy(state).copy())
        energies = np.stack(energies, axis=1).reshape(3000, 200, -1)
        for rung in range(energies.shape[2]):
            weight = found.energy_histogram * np.exp(-betas[rung] * found.energies)
            present = weight > 0
            p = histogram_p_value(energies[..., rung], found.energies[present], weight[present] / weight.sum())
            assert p > FALSE_ALARM, (kind, rung)


def test_references_pull(seed):
    """Control of the coupling's sign: overlap with the reference grows with gamma, and an enumeration agrees."""
    instance = random_patterns(N, 0.4, seed=seed)
    reference = np.where(np.arange(N) % 2, 1, -1)
    for gamma in (-0.3, 0.3):
        model = WithReference(BinaryPerceptron(instance), reference, gamma)
        weights = configurations(model)
        exact = law(model, 1.0) @ (weights @ reference) / N
        data = sample(Metropolis(model), 400, chains=200, seed=seed, burn_in=40, thin=4)
        means = data.overlap.mean("draw").values
        assert abs(means.mean() - exact) < 4.9 * means.std(ddof=1) / np.sqrt(means.size)
        assert np.sign(exact) == np.sign(gamma)
