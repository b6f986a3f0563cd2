"""Rejection-free sweeps against the exact law after a sweep: as many attempts at random weights as there are weights.

One configuration starts many chains; after one sweep their distribution is a row of the power of the transition
matrix, waiting times included. False alarms: 5e-7 an assertion.
"""

import numpy as np
import pytest
from perceptron_configurations import CERTAIN, configurations, costs, entries, landscapes
from scipy.stats import chi2

CHAINS = 12_000
LANDSCAPES = landscapes(7)
TAIL = 1e-6


def law_after(model, control, start, attempts):
    """Exact law after that many attempts at random weights from configuration `start`."""
    weights = configurations(model)
    energy = costs(model, weights)
    here = np.arange(len(weights))
    chances = [
        entries(model, weights, control, "metropolis", site, energy[here ^ (1 << site)] - energy) / CERTAIN
        for site in range(model.sites)
    ]
    law = np.zeros(len(weights))
    law[start] = 1.0
    for _ in range(attempts):
        after = np.zeros_like(law)
        for site, chance in enumerate(chances):
            moved = law * chance
            after += (law - moved + moved[here ^ (1 << site)]) / model.sites
        law = after
    return law


def tail(counts, law):
    """p-value of the counts; configurations expected fewer than ten times are pooled."""
    expected = law * counts.sum()
    assert not counts[expected == 0].any()
    rare = expected < 10
    observed = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    keep = wanted > 5
    return chi2.sf(((observed - wanted)[keep] ** 2 / wanted[keep]).sum(), keep.sum() - 1)


def swept(model, control, start, seed, sweeps=1, update="rejection_free"):
    """Counts of the configurations that many chains reach in one call from one configuration."""
    weights = np.repeat(configurations(model)[start : start + 1], CHAINS, axis=0)
    state = model.state_from(weights.reshape(CHAINS, -1, model.patterns.n).squeeze(), CHAINS, seed)
    model.sweep(state, np.full(CHAINS, control), sweeps, update)
    assert np.array_equal(state.energy, model.energy(state))
    reached = ((state.spins.T > 0) << np.arange(model.sites)).sum(axis=1)
    return np.bincount(reached, minlength=2**model.sites)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_one_sweep_has_the_law_of_random_attempts(name, seed):
    model = LANDSCAPES[name]
    for control, start in ((0.0, 5), (0.5, 37), (2.5, 90)):
        counts = swept(model, control, start % 2**model.sites, seed)
        assert tail(counts, law_after(model, control, start % 2**model.sites, model.sites)) > TAIL


def test_several_sweeps_join_without_memory(seed):
    """Attempts under way at the end of a sweep are drawn anew, which must not be seen."""
    model = LANDSCAPES["errors"]
    counts = swept(model, 1.2, 11, seed, sweeps=3)
    assert tail(counts, law_after(model, 1.2, 11, 3 * model.sites)) > TAIL


def test_another_number_of_attempts_is_told(seed):
    """Control: the law one attempt later, or of a slightly warmer chain, does not fit."""
    model = LANDSCAPES["errors"]
    counts = swept(model, 0.5, 37, seed)
    assert tail(counts, law_after(model, 0.5, 37, model.sites + 1)) < TAIL
    assert tail(counts, law_after(model, 0.4, 37, model.sites)) < TAIL


def test_metropolis_at_random_weights_has_the_same_law(seed):
    model = LANDSCAPES["hinge"]
    model.visit = "random"
    counts = swept(model, 0.5, 37, seed, update="metropolis")
    model.visit = "systematic"
    assert tail(counts, law_after(model, 0.5, 37, model.sites)) > TAIL
