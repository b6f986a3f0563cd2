"""Configurations one flip from a reference: counted as enumeration counts them, isolated solutions proven."""

import itertools
import math

import numpy as np
import pytest

from mcmc.local_entropy import flat_histogram
from mcmc.local_entropy.neighbours import log_nearest_counts
from perceptron import BinaryPerceptron, SymmetricPerceptron, random_patterns
from perceptron.coupled import WithReference
from perceptron.local_entropy import enumeration

N = 13
MODELS = {
    "errors": lambda p: BinaryPerceptron(p),
    "hinge": lambda p: BinaryPerceptron(p, "hinge"),
    "symmetric": lambda p: SymmetricPerceptron(p, 1.2),
}


def solutions(model):
    weights = np.array(list(itertools.product((-1, 1), repeat=N)), dtype=np.int8)
    return weights[model.energy(model.state_from(weights)) == 0]


@pytest.mark.parametrize("beta", [0.7, math.inf])
@pytest.mark.parametrize("name", MODELS)
def test_neighbours_are_those_of_enumeration(name, beta):
    model = MODELS[name](random_patterns(N, p=6, seed=4))
    for reference in solutions(model)[::5]:
        exact = N * enumeration(model, reference, beta=beta).value
        found = log_nearest_counts(model.with_reference(reference), beta)
        assert np.allclose(found, exact[:2], rtol=1e-13)
        assert not np.allclose(found, exact[1:3], rtol=1e-3)


def test_a_solution_without_neighbours_is_proven_isolated(seed):
    model = BinaryPerceptron(random_patterns(N, p=9, seed=3))
    references = solutions(model)
    alone = [r for r in references if np.isneginf(log_nearest_counts(model.with_reference(r), math.inf)[1])]
    assert alone
    assert all(((references != r).sum(axis=1) != 1).all() for r in alone)
    curve = flat_histogram(model, alone[0], [0.0, 1 / N], seed=seed, sweeps=200)
    assert np.array_equal(curve.value, [0.0, -np.inf])
    assert np.array_equal(curve.error, [0.0, 0.0])
    assert np.isposinf(curve.effective_samples).all()
    assert not any("never visited" in text for text in curve.warnings)


def test_neighbours_are_not_counted_where_the_energy_is_that_of_the_coupling():
    model = BinaryPerceptron(random_patterns(N, p=6, seed=4))
    coupled = WithReference(model, solutions(model)[0], 1.0, control="gamma", beta=0.7)
    assert log_nearest_counts(coupled, 0.7).shape == (1,)
