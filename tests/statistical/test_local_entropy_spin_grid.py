"""Replicas on a grid of inverse temperatures and couplings, against the law of all configurations."""

import math

import numpy as np
import pytest
from perceptron_configurations import configurations, costs
from small_systems import FALSE_ALARM, histogram_p_value

from mcmc.samplers import GridTempering
from perceptron import BinaryPerceptron, WithReference, random_patterns

N = 11
SPREAD = 4096
BETAS, GAMMAS = [math.inf, 1.6, 0.6], [0.5, 0.1, -0.2]


def landscape():
    model = BinaryPerceptron(random_patterns(N, p=5, seed=3))
    rows = configurations(model)
    reference = rows[np.flatnonzero(costs(model, rows) == 0)[0]]
    return WithReference(model, reference), rows


def expected(model, rows, beta, gamma):
    """Levels of energy and agreement together that have a probability, and theirs."""
    energy, agreement = costs(model, rows), rows @ model.reference.astype(np.int64)
    log_weight = gamma * agreement - (0.0 if math.isinf(beta) else beta) * energy
    weight = np.where((energy == 0) | math.isfinite(beta), np.exp(log_weight), 0.0)
    levels, level = np.unique((energy * SPREAD + agreement)[weight > 0], return_inverse=True)
    return levels, np.bincount(level, weight[weight > 0] / weight.sum())


def drawn(sampler, seed, chains=300, draws=50):
    state, _ = sampler.thermalize(sampler.init(chains, seed), 150)
    found = []
    for _ in range(draws):
        state, _ = sampler.step(state, 2)
        found.append(sampler.energy(state) * SPREAD + sampler.agreement(state))
    return np.stack(found, axis=1), state


@pytest.mark.parametrize("update", ["metropolis", "heat_bath"])
def test_every_place_has_its_law(update, seed):
    model, rows = landscape()
    found, state = drawn(GridTempering(model, BETAS, GAMMAS, update=update), seed)
    for i, beta in enumerate(BETAS):
        for j, gamma in enumerate(GAMMAS):
            assert histogram_p_value(found[:, :, i, j], *expected(model, rows, beta, gamma)) > FALSE_ALARM
    # Swaps are what connects the solutions here: without them beta = infinity stays near the reference.
    assert (state.round_trips.sum(axis=1) > 0).all()


class WrongSwaps(GridTempering):
    """Swaps by inverse temperatures and couplings that are not those of the sweeps."""

    def _swap(self, state, sweep, counts):
        right = self.betas, self.gammas
        self.betas, self.gammas = 0.5 * right[0], 0.5 * right[1]
        super()._swap(state, sweep, counts)
        self.betas, self.gammas = right


def test_swaps_by_a_wrong_ratio_are_found_out(seed):
    model, rows = landscape()
    found, _ = drawn(WrongSwaps(model, BETAS, GAMMAS), seed)
    assert histogram_p_value(found[:, :, 1, 1], *expected(model, rows, BETAS[1], GAMMAS[1])) < FALSE_ALARM


def test_neighbours_in_the_grid_are_independent(seed):
    model, _ = landscape()
    found, _ = drawn(GridTempering(model, BETAS[1:], GAMMAS), seed, chains=600)
    values = (found // SPREAD).reshape(*found.shape[:2], -1)
    means = values - values.mean(axis=(0, 1))
    products = (means[..., :, None] * means[..., None, :]).mean(axis=1)
    z = products.mean(axis=0) / (products.std(axis=0) / math.sqrt(products.shape[0]))
    apart = ~np.eye(values.shape[2], dtype=bool)
    assert np.abs(z[apart]).max() < 4.9
    assert (np.diag(z) > 4.9).all()


def test_bits_do_not_depend_on_how_calls_are_chunked(seed):
    model, _ = landscape()
    states = []
    for lengths in ([60], [7, 1, 30, 22]):
        sampler = GridTempering(model, BETAS, GAMMAS, swap_every=3)
        state, _ = sampler.thermalize(sampler.init([4, 9], seed), 10)
        for length in lengths:
            state, _ = sampler.step(state, length)
        states.append((state, sampler.statistics(state)))
    np.testing.assert_array_equal(states[0][0].spins.spins, states[1][0].spins.spins)
    np.testing.assert_array_equal(states[0][0].lane, states[1][0].lane)
    for name, values in states[0][1].items():
        np.testing.assert_array_equal(values, states[1][1][name])
    alone = GridTempering(model, BETAS, GAMMAS, swap_every=3)
    state, _ = alone.step(alone.init([9], seed), 70)
    both, _ = alone.step(alone.init([4, 9], seed), 70)
    np.testing.assert_array_equal(alone.energy(state)[0], alone.energy(both)[1])
