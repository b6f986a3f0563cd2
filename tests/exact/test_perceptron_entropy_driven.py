"""Entropy-driven Monte Carlo on 7 weights: its first guess is exact, its moves balance, its law is exp(y N F).

False alarms: 1e-6 an assertion of the histogram; all else is exact.
"""

from functools import cache

import numpy as np
import pytest
from small_systems import FALSE_ALARM, configurations, histogram_p_value

from mcmc.errors import ArgumentError
from perceptron import random_patterns, solve
from perceptron.entropy_driven import EntropyDriven, LocalFreeEntropy, flip_gains

N, GAMMA, Y = 7, 0.35, 4.0
INSTANCE = random_patterns(N, p=3, seed=4)
WEIGHTS = configurations(N).astype(np.int8)


def log_sum_around(instance, weights, beta, gamma):
    """ln sum_w exp(-beta E(w) + gamma w~.w) and the means of w, from all configurations."""
    every = configurations(instance.n)
    errors = (every @ instance.patterns.T < 0).sum(axis=1)
    log_weight = gamma * (every @ weights) - np.where(errors == 0, 0.0, beta * errors)
    top = log_weight.max()
    weight = np.exp(log_weight - top)
    return top + np.log(weight.sum()), weight @ every / weight.sum()


@pytest.mark.parametrize("beta", [0.7, 40.0])
@pytest.mark.parametrize("gamma", [0.05, 0.4, 1.5])
def test_the_first_guess_is_the_change_of_the_free_entropy_for_exact_marginals(beta, gamma):
    instance = random_patterns(9, p=5, seed=2)
    weights = np.where(np.arange(9) % 3, 1, -1).astype(np.int8)
    before, means = log_sum_around(instance, weights, beta, gamma)
    gains = flip_gains(weights, np.arctanh(means), gamma)
    for site in range(9):
        after = weights.copy()
        after[site] *= -1
        assert abs(log_sum_around(instance, after, beta, gamma)[0] - before - gains[site]) < 1e-9
    # Positive exactly where the cavity field, without w~ at this weight, disagrees with w~.
    cavity = np.arctanh(means) - gamma * weights
    assert np.array_equal(gains > 0, cavity * weights < 0)


def test_the_first_guess_survives_strong_fields():
    gains = flip_gains(np.array([1, -1]), np.array([400.0, 400.0]), 30.0)
    assert np.allclose(gains, [-60.0, 60.0])


class Remembering(LocalFreeEntropy):
    """Each configuration once, from no messages: what belief propagation says whatever it started from."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.known = {}

    def around(self, weights, gamma, messages=None):
        key = weights.tobytes()
        if key not in self.known:
            self.known[key] = super().around(weights, gamma)
        return self.known[key]


@cache
def sampler_of(y=Y):
    sampler = EntropyDriven(INSTANCE, GAMMA, y)
    sampler.free_entropy = Remembering(INSTANCE, tolerance=1e-12, max_sweeps=5000)
    return sampler


@cache
def surroundings():
    found = [sampler_of().free_entropy.around(row, GAMMA) for row in WEIGHTS]
    assert all(one.converged for one in found)
    return found


def law(y=Y):
    log_weight = y * np.array([one.free_entropy for one in surroundings()])
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


@pytest.mark.parametrize("y", [0.5, 4.0, 20.0])
def test_moves_are_in_detailed_balance(y):
    """Guess and acceptance of the code, for every pair of neighbours; without the way back they are not."""
    sampler, target, found = sampler_of(y), law(y), surroundings()
    gains = np.array([flip_gains(row, one.field, GAMMA) for row, one in zip(WEIGHTS, found, strict=True)])
    worst, one_way = 0.0, 0.0
    for here in range(2**N):
        for site in range(N):
            there = here ^ (1 << site)
            g, back = gains[here, site], gains[there, site]
            change = found[there].free_entropy - found[here].free_entropy
            flow = target[here] * np.exp(min(0, y * g) + min(0, sampler.log_acceptance(change, g, back)))
            reverse = target[there] * np.exp(min(0, y * back) + min(0, sampler.log_acceptance(-change, back, g)))
            worst = max(worst, abs(flow - reverse))
            one_way = max(one_way, abs(target[here] * np.exp(min(0, y * g)) - target[there] * np.exp(min(0, y * back))))
    assert worst < 1e-12
    assert one_way > 1e-6


def levels():
    return np.round([-one.free_entropy for one in surroundings()], 6)


def energies(sampler, seed, chains=300, burn_in=10, draws=20):
    state, _ = sampler.thermalize(sampler.init(chains, seed), burn_in)
    series = []
    for _ in range(draws):
        state, _ = sampler.step(state, 1)
        series.append(np.round(sampler.energy(state), 6))
    return np.stack(series, axis=1)


def test_the_sampler_has_the_law_of_the_free_entropy(seed):
    found = energies(sampler_of(), seed)
    values, level = np.unique(levels(), return_inverse=True)
    assert histogram_p_value(found, values, np.bincount(level, law()), rarest=0.03) > FALSE_ALARM
    assert histogram_p_value(found, values, np.bincount(level, law(1.3 * Y)), rarest=0.03) < FALSE_ALARM


def test_infinite_y_only_climbs(seed):
    sampler = EntropyDriven(random_patterns(51, 0.5, seed=1), 0.5, tolerance=1e-6)
    state = sampler.init(2, seed)
    before = state.free_entropy.copy()
    for _ in range(3):
        state, info = sampler.step(state, 1)
        assert (state.free_entropy >= before).all()
        assert (info.tried >= info.accepted).all()
        before = state.free_entropy.copy()
    assert (state.accepted > 0).all()
    assert np.allclose(sampler.recompute_energy(state), sampler.energy(state), rtol=0, atol=1e-3)
    observed = sampler.observables(state)
    assert set(observed) == set(sampler.attributes())
    assert ((observed["overlap"] > 0) & (observed["overlap"] < 1)).all()
    assert (observed["local_entropy"] > 0).all()


def test_the_search_solves_and_says_what_it_did():
    for seed, instance in enumerate(
        [random_patterns(201, 0.5, seed=1), random_patterns(101, 0.4, seed=2, kind="gaussian")]
    ):
        found = solve(instance, "entropy_driven", seed)
        assert found.solved
        assert int(instance.errors(found.weights)) == 0
        assert found.work == found.history["work"][-1]
        assert (np.diff(found.history["work"]) >= 0).all()
        assert found.history["errors"][-1] == 0
        again = solve(instance, "entropy_driven", seed)
        assert np.array_equal(found.weights, again.weights)
        assert found.work == again.work


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: EntropyDriven(INSTANCE, 0.0), "gamma: got 0.0"),
        (lambda: EntropyDriven(INSTANCE, 1.0, -1), "y: got -1"),
        (lambda: EntropyDriven(np.ones((3, 3)), 1.0), "patterns: got ndarray"),
        (lambda: EntropyDriven(INSTANCE, 1.0).state_from(np.ones((2, N)), [1]), "chains: got 1 ids for 2"),
        (lambda: solve(INSTANCE, "entropy_driven", stages=0), "stages: got 0"),
        (lambda: solve(INSTANCE, "entropy_driven", gamma_start=0), "gamma_start: got 0"),
    ],
)
def test_faults_are_named(build, says):
    with pytest.raises(ArgumentError, match=says):
        build()
