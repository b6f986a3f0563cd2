"""Local entropy by enumeration: counts by distance against every configuration written out."""

import itertools
import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from perceptron import BinaryPerceptron, SymmetricPerceptron, random_patterns
from perceptron.local_entropy import enumeration


def every_configuration(n):
    return np.array(list(itertools.product((-1, 1), repeat=n)), dtype=np.int8)


def by_hand(model, reference, beta):
    """S at each k from the definition, (n + 1,)."""
    weights = every_configuration(reference.size)
    energy = model.energy(model.state_from(weights))
    flips = (weights != reference).sum(axis=1)
    weight = (energy == 0).astype(float) if math.isinf(beta) else np.exp(-beta * energy)
    with np.errstate(divide="ignore"):
        return np.log(np.bincount(flips, weight, reference.size + 1)) / reference.size


def a_solution(model, n):
    weights = every_configuration(n)
    return weights[np.flatnonzero(model.energy(model.state_from(weights)) == 0)[0]]


MODELS = {
    "errors": lambda p: BinaryPerceptron(p),
    "hinge": lambda p: BinaryPerceptron(p, "hinge"),
    "margin": lambda p: BinaryPerceptron(p, margin=0.5),
    "symmetric": lambda p: SymmetricPerceptron(p, 1.2),
}


@pytest.mark.parametrize("beta", [0.7, math.inf])
@pytest.mark.parametrize("name", MODELS)
def test_every_energy_is_counted_by_distance(name, beta, seed):
    model = MODELS[name](random_patterns(11, p=3, seed=seed))
    reference = a_solution(model, 11)
    curve = enumeration(model, reference, beta=beta)
    np.testing.assert_allclose(curve.value, by_hand(model, reference, beta), rtol=1e-12, atol=1e-14)
    assert (curve.error == 0).all()
    assert np.isinf(curve.effective_samples).all()
    assert curve.converged


def test_patterns_alone_count_errors_at_a_margin(seed):
    patterns = random_patterns(11, p=3, seed=seed)
    reference = np.ones(11, np.int8)
    plain = enumeration(patterns, reference, beta=1.0, margin=0.5).value
    np.testing.assert_array_equal(plain, enumeration(MODELS["margin"](patterns), reference, beta=1.0).value)
    assert not np.array_equal(plain, enumeration(patterns, reference, beta=1.0).value)


def test_a_pattern_that_cannot_be_wrong_leaves_the_binomial_coefficient(seed):
    curve = enumeration(random_patterns(15, p=1, seed=seed), np.ones(15, np.int8), margin=-4.0)
    exact = [math.log(math.comb(15, k)) / 15 for k in range(16)]
    np.testing.assert_allclose(curve.value, exact, atol=1e-14)
    # ln C(n, k+1) - ln C(n, k-1) is minus 4 gamma: gamma favours the reference below half of the weights.
    inner = [0.25 * math.log(math.comb(15, k + 1) / math.comb(15, k - 1)) for k in range(1, 15)]
    np.testing.assert_allclose(curve.gamma[1:-1], inner, atol=1e-13)


def test_swapping_reference_and_target_changes_no_pair(seed):
    """The sum over solutions as reference of the solutions at distance k counts ordered pairs: even for k > 0."""
    patterns = random_patterns(11, p=4, seed=seed)
    model = BinaryPerceptron(patterns)
    weights = every_configuration(11)
    solutions = weights[model.energy(model.state_from(weights)) == 0]
    counts = sum(np.exp(11 * enumeration(patterns, w).value) for w in solutions[:200])
    apart = (solutions[:200, None] != solutions[None]).sum(axis=2)
    np.testing.assert_allclose(counts, np.bincount(apart.ravel(), minlength=12), atol=1e-8)


def test_flipping_all_weights_turns_the_distance_over(seed):
    """E is even for symmetric patterns: S(d) around r is S(1 - d) around r, and S(d) around -r."""
    model = SymmetricPerceptron(random_patterns(12, p=4, seed=seed, tie="error"), 1.5)
    reference = a_solution(model, 12)
    value = enumeration(model, reference).value
    np.testing.assert_array_equal(value, value[::-1])
    np.testing.assert_array_equal(value, enumeration(model, -reference).value)


def test_distances_come_in_the_order_asked_for(seed):
    patterns = random_patterns(11, p=3, seed=seed)
    reference = a_solution(BinaryPerceptron(patterns), 11)
    whole = enumeration(patterns, reference)
    some = enumeration(patterns, reference, [4 / 11, 1 / 11])
    np.testing.assert_array_equal(some.scale, [4 / 11, 1 / 11])
    np.testing.assert_array_equal(some.value, whole.value[[4, 1]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": np.ones(9)}, "reference"),
        ({"reference": np.zeros(11)}, "reference"),
        ({"distance": 0.123}, "distance: got 0.123"),
        ({"distance": 1.5}, "distance"),
        ({"beta": -1.0}, "beta"),
        ({"threads": 0}, "threads"),
        ({"model_or_patterns": 3}, "model_or_patterns: got int"),
    ],
)
def test_bad_arguments_are_named(change, said, seed):
    patterns = random_patterns(11, p=3, seed=seed)
    given = {"model_or_patterns": patterns, "reference": np.ones(11, np.int8), "distance": None, "beta": 1.0}
    with pytest.raises(ArgumentError, match=said):
        enumeration(**(given | change))


def test_solutions_are_counted_around_a_solution_alone(seed):
    patterns = random_patterns(11, p=3, seed=seed)
    wrong = -a_solution(BinaryPerceptron(patterns), 11)
    with pytest.raises(ArgumentError, match="energy is 3"):
        enumeration(patterns, wrong)
    with pytest.raises(ArgumentError, match="margin"):
        enumeration(BinaryPerceptron(patterns), -wrong, margin=0.3)
