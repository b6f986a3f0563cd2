"""How often solvers succeed, against what is published; Wilson intervals at 1e-6 decide.

A method that should almost always succeed must have a probability above 0.2 for sure, which takes 13 of 20, and one
that should almost never succeed one below 0.8, at most 7 of 20: either fails by chance less than once in a million
when the true probability is above 0.95, or below 0.05.
"""

import numpy as np
import pytest

from mcmc.statistics.proportion import wilson_interval
from perceptron import planted_patterns, random_patterns, solve

TRIALS = 20
LEVEL = 1 - 2e-6


def success(method, n, alpha, seed, trials=TRIALS, **options):
    """Interval of the probability of success, over random instances."""
    instances = (random_patterns(n, alpha, seed=1000 * seed + k) for k in range(trials))
    solved = sum(solve(instance, method, seed + k, **options).solved for k, instance in enumerate(instances))
    return wilson_interval(solved, trials, LEVEL)


def usually(method, n, alpha, seed, **options):
    return success(method, n, alpha, seed, **options).low > 0.2


def rarely(method, n, alpha, seed, **options):
    return success(method, n, alpha, seed, **options).high < 0.8


def test_the_interval_decides():
    """13 of 20 are `usually`, 7 are `rarely`, half is neither."""
    low, middle, high = (wilson_interval(solved, TRIALS, LEVEL) for solved in (7, 10, 13))
    assert high.low > 0.2 > middle.low
    assert low.high < 0.8 < middle.high


@pytest.mark.parametrize("method", ["sbpi", "cpr", "replicated_sgd"])
def test_half_loaded_perceptrons_are_solved(seed, method):
    """SBPI learns up to alpha of about 0.69 (arXiv:0707.1295), replicated SGD beyond 0.5 (arXiv:1605.06444)."""
    assert usually(method, 1001, 0.5, seed)


def test_reinforcement_and_replicas_make_the_difference(seed):
    """At alpha = 0.5 the same steps alone, without either, almost never succeed; at 0.3 they do."""
    assert rarely("sgd", 1001, 0.5, seed, max_epochs=300)
    assert rarely("cpr", 1001, 0.5, seed, rate=0.0, max_epochs=300)
    assert rarely("sbpi", 1001, 0.5, seed, chance=0.0, max_epochs=300)
    assert rarely("replicated_sgd", 1001, 0.5, seed, coupling=0.0, max_epochs=50)
    assert usually("sgd", 1001, 0.3, seed)


def test_nothing_is_solved_beyond_capacity(seed):
    """alpha_c = 0.833 (Krauth & Mezard 1989)."""
    assert rarely("sbpi", 1001, 0.9, seed, max_epochs=300)


def test_a_teacher_is_found_with_reinforcement_and_not_by_clipping_alone(seed):
    """Generalisation of arXiv:1211.3024: SBPI and CP+R end at the teacher, the clipped perceptron does not."""
    for method, options, found in [
        ("sbpi", {}, True), ("cpr", {}, True), ("sgd", {"loss": "perceptron", "batch": 1, "eta": 2.0}, False),
    ]:  # fmt: skip
        ends = 0
        for k in range(TRIALS):
            instance = planted_patterns(301, 7.0, seed=1000 * seed + k)
            weights = solve(instance, method, seed + k, max_epochs=40, **options).weights
            ends += np.array_equal(weights, instance.teacher)
        interval = wilson_interval(ends, TRIALS, LEVEL)
        assert interval.low > 0.2 if found else interval.high < 0.8


@pytest.mark.validate
@pytest.mark.parametrize("alpha", [0.6, 0.65])
def test_sbpi_and_replicated_sgd_near_their_limits(seed, alpha):
    """A plain bound on N = 1001: the published 0.69 of SBPI is for N of 10^4 and more."""
    assert usually("sbpi", 1001, alpha, seed)
    assert usually("replicated_sgd", 1001, alpha, seed)


@pytest.mark.validate
def test_sbpi_reaches_its_published_load_at_large_n(seed):
    """alpha = 0.69 at N = 10001: two of three are enough for a probability above 1/100."""
    assert success("sbpi", 10001, 0.69, seed, trials=3).low > 0.01


@pytest.mark.validate
@pytest.mark.parametrize("method", ["reinforced_bp", "focusing_bp", "max_sum"])
@pytest.mark.parametrize("alpha", [0.5, 0.6])
def test_message_passing_solves_these_loads(seed, method, alpha):
    """It reaches about 0.75 at large N (arXiv:1505.05401, arXiv:1605.06444); N = 501 is below that."""
    assert usually(method, 501, alpha, seed)


@pytest.mark.validate
def test_work_of_sbpi_grows_slowly_with_size(seed):
    """Presentations per pattern at alpha = 0.5 grow less than in proportion to N (arXiv:0707.1295: sublinear)."""
    epochs = []
    for n in (501, 4001):
        instances = [random_patterns(n, 0.5, seed=1000 * seed + k) for k in range(12)]
        epochs.append(np.median([solve(i, "sbpi", seed + k).work / i.p for k, i in enumerate(instances)]))
    assert epochs[1] < 4 * epochs[0]
