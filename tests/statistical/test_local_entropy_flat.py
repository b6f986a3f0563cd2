"""The flat histogram against enumeration at every distance: isolated references, every energy, S(d) of any shape."""

import itertools
import math

import numpy as np
import pytest

from mcmc.local_entropy import flat_histogram
from mcmc.local_entropy.flat_estimates import below_hull
from perceptron import BinaryPerceptron, SymmetricPerceptron, planted_patterns, random_patterns
from perceptron.local_entropy import enumeration

BOUND = 4.9

MODELS = {
    "errors": lambda p: BinaryPerceptron(p),
    "hinge": lambda p: BinaryPerceptron(p, "hinge"),
    "margin": lambda p: BinaryPerceptron(p, margin=0.5),
    "symmetric": lambda p: SymmetricPerceptron(p, 1.2),
}


def solutions(model, n):
    weights = np.array(list(itertools.product((-1, 1), repeat=n)), dtype=np.int8)
    return weights[model.energy(model.state_from(weights)) == 0]


def isolated(model, n):
    """A solution none of whose neighbours is one."""
    found = solutions(model, n)
    apart = (found[:, None] != found[None]).sum(axis=2)
    alone = np.flatnonzero((apart != 1).all(axis=1))
    return found[alone[0]]


def largest_z(curve, exact):
    """Over the distances where there are configurations; a value elsewhere is a fault of its own."""
    there = np.isfinite(exact)
    assert np.isnan(curve.value[~there][1 - there[1] :]).all()
    assert there[1] or np.isneginf(curve.value[1])
    assert np.isfinite(curve.value[there]).all()
    return np.abs(curve.z_scores(exact)[there]).max()


@pytest.mark.parametrize("beta", [0.7, math.inf])
@pytest.mark.parametrize("name", MODELS)
def test_every_distance_agrees_with_enumeration(name, beta, seed):
    model = MODELS[name](random_patterns(13, p=5, seed=4))
    found = solutions(model, 13)
    reference = found[len(found) // 2]
    curve = flat_histogram(model, reference, beta=beta, seed=seed, sweeps=16000)
    exact = enumeration(model, reference, beta=beta).value
    assert largest_z(curve, exact) < BOUND
    shifted = np.where(np.arange(14) > 0, exact + 2.0 / 13, exact)
    assert largest_z(curve, shifted) > BOUND


def test_an_isolated_solution_is_left_by_exchange_and_not_without(seed):
    model = BinaryPerceptron(random_patterns(17, p=9, seed=5))
    reference = isolated(model, 17)
    exact = enumeration(model, reference).value
    assert np.isneginf(exact[1])
    curve = flat_histogram(model, reference, seed=seed, sweeps=30000, within=(0, 0.5))
    assert largest_z(curve, exact[:9]) < BOUND
    assert any("never visited" in text for text in curve.warnings)
    alone = flat_histogram(model, reference, seed=seed, sweeps=500, within=(0, 0.5), betas=[math.inf])
    assert np.isnan(alone.value[2:]).all()
    assert any("journeys" in text for text in alone.warnings)


def test_distances_that_no_field_makes_typical_are_reached(seed):
    """Around the teacher ln n is 4 nats below its hull: between two couplings a field jumps over those distances."""
    patterns = planted_patterns(17, p=34, seed=2)
    model = BinaryPerceptron(patterns)
    exact = enumeration(model, patterns.teacher, beta=1.0).value
    gap = below_hull(17 * exact)
    assert (gap > 2.0).sum() >= 3
    curve = flat_histogram(model, patterns.teacher, beta=1.0, seed=seed, sweeps=8000)
    assert largest_z(curve, exact) < BOUND
    measured = 17 * curve.more["below_hull"][1]
    assert (measured[gap > 2.0] > 1.0).all()
    assert (17 * curve.error[gap > 2.0] < 0.3).all()


def test_a_finite_temperature_reaches_a_reference_with_errors_of_gaussian_patterns(seed):
    patterns = random_patterns(13, p=9, seed=seed, kind="gaussian")
    model, reference = BinaryPerceptron(patterns), np.ones(13, np.int8)
    curve = flat_histogram(model, reference, beta=0.8, seed=seed, sweeps=6000)
    assert largest_z(curve, enumeration(model, reference, beta=0.8).value) < BOUND


@pytest.mark.validate
@pytest.mark.parametrize(("name", "beta"), [("errors", math.inf), ("symmetric", math.inf), ("hinge", 0.7)])
def test_errors_are_calibrated(name, beta, seed):
    """Each case takes half a minute: 13 weights, 200 curves of 3000 sweeps."""
    repeats = 200
    model = MODELS[name](random_patterns(13, p=5, seed=4))
    found = solutions(model, 13)
    reference = found[len(found) // 2]
    exact = enumeration(model, reference, beta=beta).value
    # One flip from the reference the value is exact.
    there = np.flatnonzero(np.isfinite(exact))[2:]
    curves = [flat_histogram(model, reference, beta=beta, seed=seed + i, sweeps=3000) for i in range(repeats)]
    z = np.array([curve.z_scores(exact)[there] for curve in curves])
    # The variance of normal z-scores is known to sqrt(2 / repeats); errors of errors widen it by some percent.
    assert (np.abs(z.mean(axis=0)) < BOUND * 1.1 / math.sqrt(repeats)).all()
    assert (np.abs(z.var(axis=0) - 1.0) < BOUND * math.sqrt(2.0 / repeats)).all()
    # A value that is wrong by one standard error would be found.
    assert (np.abs(z.mean(axis=0) + 1.0) > BOUND * 1.1 / math.sqrt(repeats)).all()
