"""Solvers that are shown pattern after pattern: the same weights as plain Python gives, and their pieces."""

import numpy as np
import plain_solvers
import pytest
from numba import njit
from scipy.stats import binom, chi2

from perceptron.packing import pack_signs, unpack_signs
from perceptron.patterns import random_patterns
from perceptron.solvers import epochs as epochs_module
from perceptron.solvers import presentation, solve
from perceptron.solvers.cpr import reinforce

SIZES = [1, 2, 63, 64, 65, 130, 321]


@njit
def read_and_count(hidden, read, rows, out):
    presentation.read_out(hidden, read)
    for mu in range(rows.shape[0]):
        out[mu] = presentation.stability(rows[mu], read, hidden.size)


@njit
def shuffled(order, epoch, chain, k0, k1):
    presentation.shuffle(order, epoch, chain, k0, k1)


@njit
def reinforced(hidden, bound, log_missed, t, k0, k1):
    reinforce(hidden, bound, log_missed, t, 0, k0, k1)


@pytest.mark.parametrize("n", SIZES)
def test_packed_and_real_stabilities_are_scalar_products(n):
    rng = np.random.default_rng(n)
    signs = rng.choice([-1, 1], size=(5, n)).astype(np.int8)
    hidden = (2 * rng.integers(-3, 3, n) + 1).astype(np.int16)
    expected = signs.astype(int) @ np.sign(hidden).astype(int)
    read, out = np.zeros((n + 63) // 64, np.uint64), np.zeros(5)
    read_and_count(hidden, read, pack_signs(signs), out)
    assert np.array_equal(out, expected)
    assert np.array_equal(unpack_signs(read, n), np.sign(hidden))
    read_and_count(hidden.astype(np.float64), np.zeros(n), signs.astype(np.float64), out)
    assert np.array_equal(out, expected)


def test_epochs_are_uniform_permutations():
    """Each of the 24 orders of four patterns as often as the others; the plain version gives the same."""
    order, counts = np.zeros(4, np.int64), {}
    draws = 24 * 400
    for epoch in range(draws):
        shuffled(order, epoch, 0, np.uint32(7), np.uint32(0))
        counts[tuple(order)] = counts.get(tuple(order), 0) + 1
    assert len(counts) == 24
    statistic = sum((c - draws / 24) ** 2 for c in counts.values()) / (draws / 24)
    assert chi2.sf(statistic, 23) > 1e-6
    # Choosing every place among all four, a common mistake, is far from uniform.
    biased = np.array([10, 15, 15, 10, 11, 9] * 4) / 280
    assert chi2.sf(draws * 24 * ((biased - 1 / 24) ** 2).sum(), 23) < 1e-6
    for p in (1, 2, 9, 130):
        order = np.zeros(p, np.int64)
        shuffled(order, 3, 2, np.uint32(5), np.uint32(0))
        assert order.tolist() == plain_solvers.epoch_order(p, 5, 3, 2)


def test_reinforcement_chooses_each_weight_with_its_probability():
    n, trials, chance = 50, 2000, 0.07
    numbers, sites = [], np.zeros(n)
    for t in range(trials):
        hidden = np.ones(n, np.int16)
        reinforced(hidden, np.int16(99), np.log1p(-chance), t, np.uint32(1), np.uint32(0))
        chosen = hidden == 3
        assert (hidden[~chosen] == 1).all()
        numbers.append(chosen.sum())
        sites += chosen
    seen = np.bincount(np.minimum(numbers, 9), minlength=10)
    law = binom.pmf(np.arange(10), n, chance)
    law[9] = binom.sf(8, n, chance)
    assert chi2.sf(((seen - trials * law) ** 2 / (trials * law)).sum(), 9) > 1e-6
    spread = np.sqrt(trials * chance * (1 - chance))
    assert np.abs((sites - trials * chance) / spread).max() < 5.5  # the largest of 50, one in a million
    # A rate off by a tenth is seen.
    assert abs(sum(numbers) - 1.1 * trials * n * chance) > 4.9 * np.sqrt(n) * spread


def better(instance, weights, seed):
    """These weights or, when those have no more errors, the first ones."""
    first = plain_solvers.first_weights(instance.n, seed)
    return weights if instance.errors(weights) < instance.errors(first) else first


def kinds():
    return [("binary", 65, 30), ("gaussian", 33, 15)]


@pytest.mark.parametrize(("kind", "n", "p"), kinds())
@pytest.mark.parametrize("bound", [0.5, 1e3])
def test_sbpi_is_the_plain_algorithm(kind, n, p, bound):
    instance = random_patterns(n, p=p, seed=4, kind=kind)
    for epochs in (1, 2, 5):
        found = solve(instance, "sbpi", 11, theta=4, chance=0.4, bound=bound, max_epochs=epochs)
        limit = bound * np.sqrt(n)
        limit = 2 * ((limit - 1) // 2) + 1 if kind == "binary" else limit
        least = instance.least_stability()
        h = plain_solvers.sbpi(instance, 11, epochs, 4, 0.4, limit, least)
        assert found.history["errors"][-1] == instance.errors(plain_solvers.sign(h))
        assert found.errors == min(found.history["errors"].min(), instance.errors(plain_solvers.first_weights(n, 11)))
        if epochs == 1:
            assert np.array_equal(found.weights, better(instance, plain_solvers.sign(h), 11))


@pytest.mark.parametrize(("kind", "n", "p"), kinds())
def test_cpr_is_the_plain_algorithm(kind, n, p):
    instance = random_patterns(n, p=p, seed=4, kind=kind)
    chance = 0.8 * np.sqrt(2 / (np.pi * n))
    for epochs, calm in [(1, 0), (3, 0), (5, 0.9)]:
        found = solve(instance, "cpr", 12, rate=0.8, calm=calm, max_epochs=epochs)
        h = plain_solvers.cpr(instance, 12, epochs, chance, np.inf, instance.least_stability(), calm)
        assert found.history["errors"][-1] == instance.errors(plain_solvers.sign(h))
        if epochs == 1:
            assert np.array_equal(found.weights, better(instance, plain_solvers.sign(h), 12))


@pytest.mark.parametrize(("kind", "n", "p"), [("binary", 65, 60), ("gaussian", 33, 31)])
@pytest.mark.parametrize("loss", ["perceptron", "hinge", "cross_entropy"])
@pytest.mark.parametrize("replicas", [1, 3])
def test_descent_is_the_plain_algorithm(kind, n, p, loss, replicas):
    """Errors of the centre and of all, and distances, after epochs too few to solve.

    eta is no simple fraction: else hidden variables come to exactly 0, whose sign is left to rounding.
    """
    instance = random_patterns(n, p=p, seed=4, kind=kind)
    options = {"loss": loss, "width": 0.3, "eta": 0.37, "batch": 7}
    more = {"replicas": 3, "coupling": 0.25, "gamma": 0.2, "gamma_step": 0.125} if replicas == 3 else {}
    found = solve(instance, "replicated_sgd" if more else "sgd", 13, max_epochs=3, **options, **more)
    x = plain_solvers.replicated_descent(instance, 13, 3, **options, **more)
    weights = plain_solvers.sign(x)
    centre = np.where(weights.sum(axis=0) >= 0, 1, -1)
    assert found.history["centre_errors"][-1] == instance.errors(centre)
    assert found.history["errors"][-1] == min(instance.errors(weights).min(), instance.errors(centre))
    assert found.history["distance_to_centre"][-1] == (weights != centre).sum()
    assert found.work == 3 * p * replicas
    if replicas == 1:
        once = solve(instance, "sgd", 13, max_epochs=1, **options)
        x = plain_solvers.replicated_descent(instance, 13, 1, **options)
        assert np.array_equal(once.weights, better(instance, plain_solvers.sign(x)[0], 13))


@pytest.mark.parametrize("method", ["sbpi", "cpr", "sgd", "replicated_sgd"])
def test_chunks_do_not_change_the_search(method, monkeypatch):
    instance = random_patterns(201, 0.55, seed=3)
    whole = solve(instance, method, 5, max_epochs=40)
    monkeypatch.setattr(epochs_module, "CHUNK", 1)
    parts = solve(instance, method, 5, max_epochs=40)
    assert np.array_equal(whole.weights, parts.weights)
    for name, values in whole.history.items():
        assert np.array_equal(values, parts.history[name])
