"""The law of flips with a weight of the distance: exact multicanonical law, Wang-Landau bookkeeping, same bits."""

import itertools
import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscape import FlatLandscape
from perceptron import BinaryPerceptron, SymmetricPerceptron, random_patterns

N, BETA, BOUND = 9, 0.6, 4.9
REFERENCE = np.array([1, -1, 1, 1, -1, -1, 1, 1, 1], np.int8)

MODELS = {
    "errors": lambda seed: BinaryPerceptron(random_patterns(N, p=5, seed=seed)),
    "hinge": lambda seed: BinaryPerceptron(random_patterns(N, p=5, seed=seed), "hinge"),
    "symmetric": lambda seed: SymmetricPerceptron(random_patterns(N, p=5, seed=seed), 1.0),
    "gaussian": lambda seed: BinaryPerceptron(random_patterns(N, p=5, seed=seed, kind="gaussian")),
}
WEIGHT = np.array([1.0, -0.5, 0.3, 0.0, -1.2, 0.8, 0.1, 2.0, -0.4, 0.6])


def law(model, weight):
    """Probability of each of the 2^N configurations, in the order of itertools.product."""
    every = np.array(list(itertools.product((-1, 1), repeat=N)), dtype=np.int8)
    k = (every != REFERENCE).sum(axis=1)
    log_law = -BETA * model.energy(model.state_from(every)) + weight[k]
    chance = np.exp(log_law - log_law.max())
    return chance / chance.sum()


def z_of_chi2(model, exact, seed):
    """Deviation of independent chains' last configurations from a law, in standard deviations of chi-square."""
    chains = 20000
    landscape = model.with_reference(REFERENCE)
    state = landscape.at_reference(chains, seed)
    weight, visits = np.tile(WEIGHT, (chains, 1)), np.zeros((chains, N + 1), np.int64)
    landscape.sweep_flat(state, np.full(chains, BETA), weight, visits, 60)
    assert (visits.sum(axis=1) == 60 * N).all()
    assert np.array_equal(landscape.cost(state), model.energy(model.state_from(state.spins.T)))
    assert np.array_equal(landscape.agreement(state), state.spins.T.astype(int) @ REFERENCE)
    place = ((state.spins.T > 0) @ (1 << np.arange(N)[::-1])).astype(int)
    seen = np.bincount(place, minlength=2**N)
    # Cells are pooled so that each expects 20 or more.
    order = np.argsort(exact)
    cell = np.empty(2**N, int)
    cell[order] = (np.cumsum(exact[order]) * chains / 40).astype(int)
    seen, expected = np.bincount(cell, seen), np.bincount(cell, exact * chains)
    kept = expected > 20
    chi2 = ((seen - expected)[kept] ** 2 / expected[kept]).sum()
    return (chi2 - kept.sum()) / math.sqrt(2.0 * kept.sum())


@pytest.mark.parametrize("name", MODELS)
def test_the_law_is_that_of_enumeration(name, seed):
    model = MODELS[name](seed)
    assert isinstance(model.with_reference(REFERENCE), FlatLandscape)
    assert z_of_chi2(model, law(model, WEIGHT), seed) < BOUND
    assert z_of_chi2(model, law(model, 0.5 * WEIGHT), seed) > BOUND


def test_at_infinite_beta_only_solutions_are_visited(seed):
    model = BinaryPerceptron(random_patterns(N, p=1, seed=seed))
    reference = model.patterns.patterns[0].astype(np.int8)
    landscape = model.with_reference(reference)
    state = landscape.at_reference(64, seed)
    weight, visits = np.zeros((64, N + 1)), np.zeros((64, N + 1), np.int64)
    landscape.sweep_flat(state, np.full(64, np.inf), weight, visits, 200)
    # One pattern, r itself: right as long as fewer than half of the spins are flipped.
    assert (landscape.cost(state) == 0).all()
    assert (visits[:, :5] > 0).all()
    assert not visits[:, 5:].any()


def test_the_weight_is_lowered_at_every_visit_and_walls_are_not_crossed(seed):
    landscape = MODELS["errors"](seed).with_reference(REFERENCE)
    weight, visits = np.zeros((3, N + 1)), np.zeros((3, N + 1), np.int64)
    weight[:, 6:] = -np.inf
    state = landscape.at_reference(3, seed)
    step = np.array([0.5, 0.25, 0.125])
    landscape.sweep_flat(state, np.full(3, BETA), weight, visits, 50, decrement=step)
    assert np.array_equal(weight[:, :6], -step[:, None] * visits[:, :6])
    assert not visits[:, 6:].any()


@pytest.mark.parametrize("sites", [9, 301])
def test_bits_do_not_depend_on_chunks_threads_or_other_chains(sites, seed):
    patterns, reference = random_patterns(sites, p=sites // 3, seed=seed), np.ones(sites, np.int8)

    def run(chains, chunks, threads=1):
        landscape = BinaryPerceptron(patterns, threads=threads).with_reference(reference)
        state = landscape.at_reference(chains, seed)
        weight = np.zeros((len(chains), sites + 1))
        visits = np.zeros(weight.shape, np.int64)
        for sweeps in chunks:
            step = np.full(len(chains), 2.0**-6)
            landscape.sweep_flat(state, np.full(len(chains), 0.5), weight, visits, sweeps, decrement=step)
        return state.spins.copy(), weight, visits

    whole = run([0, 1, 2], [12])
    for other in (run([0, 1, 2], [1, 4, 7]), run([0, 1, 2], [12], threads=3)):
        assert all(np.array_equal(a, b) for a, b in zip(whole, other, strict=True))
    assert np.array_equal(run([2], [12])[1][0], whole[1][2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"log_weight": np.zeros((2, N))}, "log_weight: a C-contiguous"),
        ({"visits": np.zeros((2, N + 1))}, "visits: a C-contiguous"),
        ({"decrement": np.zeros(3)}, "decrement: got"),
        ({"log_weight": np.full((2, N + 1), -np.inf)}, "start it where its weight is finite"),
        ({"sweeps": -1}, "sweeps: got -1"),
    ],
)
def test_faults_are_named(change, said, seed):
    landscape = MODELS["errors"](seed).with_reference(REFERENCE)
    state = landscape.at_reference(2, seed)
    given = {"log_weight": np.zeros((2, N + 1)), "visits": np.zeros((2, N + 1), np.int64), "sweeps": 1, **change}
    with pytest.raises(ArgumentError, match=said):
        landscape.sweep_flat(state, np.ones(2), **given)
