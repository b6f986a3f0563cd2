"""Coupled replicas at a mutual distance, against all pairs and triples of configurations written out."""

import itertools
import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import ReplicableLandscape, ReplicaLandscape
from mcmc.local_entropy import replicated
from perceptron import BinaryPerceptron, SymmetricPerceptron, random_patterns

LIMIT = 4.9


def weighted_groups(model, n, y, beta):
    """Values of A = sum of w^a.w^b over pairs, and ln of the weight of all groups of y configurations at each."""
    weights = np.array(list(itertools.product((-1, 1), repeat=n)), dtype=np.int64)
    energy = model.energy(model.state_from(weights.astype(np.int8)))
    weight = (energy == 0).astype(float) if math.isinf(beta) else np.exp(-beta * energy)
    weights, weight = weights[weight > 0], weight[weight > 0]
    product = weights @ weights.T
    most = n * y * (y - 1) // 2
    if y == 2:
        total = np.bincount((product + most).ravel(), np.outer(weight, weight).ravel(), 2 * most + 1)
    else:
        total = np.zeros(2 * most + 1)
        for a in range(weight.size):
            agreement = product[a][:, None] + product[a] + product
            total += np.bincount((agreement + most).ravel(), weight[a] * np.outer(weight, weight).ravel(), total.size)
    there = total > 0
    return np.flatnonzero(there) - most, np.log(total[there])


def entropy(groups, n, y, distance):
    """[ln Z - gamma <A>] / (y n) where <A> is at the mean mutual distance: the minimum over gamma."""
    agreement, log_weight = groups
    wanted = (1 - 2 * distance) * n * y * (y - 1) / 2
    low, high = -20.0, 20.0
    for _ in range(200):
        gamma = 0.5 * (low + high)
        exponent = log_weight + gamma * (agreement - wanted)
        share = np.exp(exponent - exponent.max())
        low, high = (gamma, high) if (share * (agreement - wanted)).sum() < 0 else (low, gamma)
    return (exponent.max() + math.log(share.sum())) / (y * n)


CASES = {
    "pairs of solutions": (BinaryPerceptron, 11, 3, 2, math.inf, (0.15, 0.45, 0.6)),
    "triples of solutions": (BinaryPerceptron, 9, 2, 3, math.inf, (0.1, 0.3)),
    "triples at a temperature": (BinaryPerceptron, 7, 2, 3, 1.0, (0.15, 0.4)),
    "pairs, symmetric": (lambda p: SymmetricPerceptron(p, 1.2), 11, 3, 2, math.inf, (0.2, 0.4)),
    "pairs, hinge": (lambda p: BinaryPerceptron(p, "hinge"), 11, 3, 2, 0.7, (0.2, 0.4)),
}


@pytest.mark.parametrize("case", CASES)
def test_entropies_are_those_of_all_groups(case, seed):
    make, n, p, y, beta, distance = CASES[case]
    model = make(random_patterns(n, p=p, seed=3))
    groups = weighted_groups(model, n, y, beta)
    exact = np.array([entropy(groups, n, y, d) for d in distance])
    curve = replicated(model, y, distance, beta=beta, seed=seed, sweeps=1500, chains=2, internal=False)
    assert (np.abs(curve.z_scores(exact)) < LIMIT).all()
    assert (np.abs(curve.companions["integration"].z_scores(exact)) < LIMIT).all()
    assert curve.converged
    # Negative control: the entropy of one configuration more or fewer a replica would not pass.
    assert (np.abs(curve.z_scores(exact + math.log(2) / n)) > LIMIT).all()


def test_internal_entropy_is_that_of_one_more_replica(seed):
    n, distance = 9, (0.1, 0.3)
    model = BinaryPerceptron(random_patterns(n, p=2, seed=3))
    groups = {y: weighted_groups(model, n, y, math.inf) for y in (2, 3)}
    three, two = (np.array([y * entropy(groups[y], n, y, d) for d in distance]) for y in (3, 2))
    one = np.log(np.exp(groups[2][1]).sum()) / (2 * n)
    for y, exact in ((3, three - two), (2, two - one)):
        curve = replicated(model, y, distance, seed=seed, sweeps=1500, chains=2)
        gap = curve.more["internal_entropy"][1] - exact
        assert (np.abs(gap) < LIMIT * curve.more["internal_entropy_error"][1]).all()


def test_counted_groups_have_exactly_that_distance(seed):
    """Pairs of solutions at k = 4 flips, in logarithm, to the Gaussian form of the law of A at so few weights."""
    n, flips = 13, 4
    model = BinaryPerceptron(random_patterns(n, p=2, seed=3))
    agreement, log_weight = weighted_groups(model, n, 2, math.inf)
    exact = log_weight[agreement == n - 2 * flips][0]
    curve = replicated(model, 2, flips / n, seed=seed, sweeps=1500, chains=2, internal=False)
    assert abs(2 * n * curve.more["counted"][1][0] - exact) < LIMIT * 2 * n * curve.error[0] + 0.3
    # Negative control: the canonical value counts neighbouring distances too.
    assert abs(2 * n * curve.value[0] - exact) > LIMIT * 2 * n * curve.error[0] + 0.3


def test_given_couplings_are_kept_and_agree_with_their_distances(seed):
    n = 9
    model = BinaryPerceptron(random_patterns(n, p=2, seed=3))
    curve = replicated(model, 2, gamma=[0.4, 0.1], seed=seed, sweeps=1500, chains=2, internal=False)
    np.testing.assert_allclose(curve.gamma, [0.4, 0.1], atol=1e-12)
    groups = weighted_groups(model, n, 2, math.inf)
    exact = np.array([entropy(groups, n, 2, d) for d in curve.scale])
    assert (np.abs(curve.z_scores(exact)) < LIMIT).all()


def test_same_seed_gives_same_bits():
    model = BinaryPerceptron(random_patterns(11, p=3, seed=3))
    first, again, other = (
        replicated(model, 2, 0.2, seed=s, sweeps=200, chains=1, internal=False).value for s in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_short_chains_say_what_they_would_need(seed):
    model = BinaryPerceptron(random_patterns(101, p=40, seed=3))
    curve = replicated(model, 2, 0.05, seed=seed, sweeps=100, thermalize=0, chains=1, internal=False)
    assert any("autocorrelation times" in text for text in curve.warnings)


def test_models_offer_replicas():
    patterns = random_patterns(11, p=3, seed=3)
    for model in (BinaryPerceptron(patterns), SymmetricPerceptron(patterns, 1.0)):
        assert isinstance(model, ReplicableLandscape)
        replicas = model.with_replicas(3)
        assert isinstance(replicas, ReplicaLandscape)
        # Three weights have A = 3 in 2 of 8 cases and -1 in the others.
        exact = 11 * math.log(2 * math.exp(3 * 0.3) + 6 * math.exp(-0.3))
        np.testing.assert_allclose(replicas.log_volume(np.array([0.3, 0.0])), [exact, 33 * math.log(2)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": 3}, "model: got int"),
        ({"y": 1}, "y: got 1"),
        ({"y": 2.5}, "y: got 2.5"),
        ({"y": "3"}, "y: got .3."),
        ({"y": True}, "y: got True"),
        ({"distance": None}, "distance, gamma"),
        ({"gamma": 0.3}, "distance, gamma"),
        ({"distance": 0.7}, "distance: got 0.7"),
        ({"distance": [0.2, 0.2]}, "distance"),
        ({"distance": "near"}, "distance"),
        ({"sweeps": 10}, "sweeps: got 10"),
        ({"chains": 0}, "chains"),
        ({"thermalize": -1}, "thermalize"),
        ({"beta": math.nan}, "beta"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_named(change, said):
    given = {"model": BinaryPerceptron(random_patterns(11, p=3, seed=3)), "y": 3, "distance": 0.2}
    with pytest.raises(ArgumentError, match=said):
        replicated(**(given | change))


def test_updates_it_does_not_have_are_refused():
    with pytest.raises(LandscapeError, match="wolff"):
        replicated(BinaryPerceptron(random_patterns(11, p=3, seed=3)), 2, 0.2, update="wolff")


@pytest.mark.validate
def test_error_bars_are_those_of_repeats(seed):
    """z-scores of 120 repeats have mean 0 and standard deviation 1: bounds of the mean and chi2 at 4.9 deviations."""
    make, n, p, y, beta, distance = CASES["pairs of solutions"]
    model = make(random_patterns(n, p=p, seed=3))
    groups = weighted_groups(model, n, y, beta)
    exact = np.array([entropy(groups, n, y, d) for d in distance])
    scores = np.array([
        replicated(model, y, distance, beta=beta, seed=seed + s, sweeps=600, chains=2, internal=False).z_scores(exact)
        for s in range(120)
    ])  # fmt: skip
    spread = scores.std(axis=0)
    assert (np.abs(scores.mean(axis=0)) < LIMIT / math.sqrt(120) + 0.15).all()
    assert (np.abs(spread - 1.0) < LIMIT / math.sqrt(240) + 0.1).all()


@pytest.mark.validate
def test_large_systems_follow_the_theory_of_groups(seed):
    from perceptron.theory import large_deviations_finite_y

    n, distance = 501, (0.1, 0.15)
    values = np.array([
        replicated(BinaryPerceptron(random_patterns(n, p=150, seed=seed + s)), 3, distance, seed=s, sweeps=800,
                   chains=2, internal=False).value
        for s in range(6)
    ])  # fmt: skip
    theory = np.array([float(large_deviations_finite_y(150 / n, d, 3).entropy) for d in distance])
    few = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    # Corrections of order 1 / n, ln n / n for the canonical form among them, beside the spread of instances.
    assert (np.abs(values.mean(axis=0) - theory) < LIMIT * few + math.log(n) / n).all()
    assert (np.abs(values.mean(axis=0) - theory[::-1]) > LIMIT * few + math.log(n) / n).all()
