"""References of local entropies: typical ones are uniform among all solutions, those of algorithms are not."""

from itertools import count

import numpy as np
from scipy.stats import chi2

from perceptron import random_patterns, solve
from perceptron.enumeration import enumerate_configurations
from perceptron.local_entropy import enumeration
from perceptron.packing import pack_signs
from runs.experiments.perceptron_local_entropy import Sampling
from runs.experiments.perceptron_local_entropy_results import ratio_of_means
from runs.experiments.perceptron_local_entropy_sources import SOLVED, equilibrium_solution, uniform_solution

ONE_IN_A_MILLION = 1e-6


def an_instance(seed, fewest, most):
    """The first instance of 9 weights and 4 patterns from `seed` whose solutions number from `fewest` to `most`."""
    for i in count():
        instance = random_patterns(9, p=4, seed=seed + i)
        solutions = enumerate_configurations(instance, threads=1).packed_solutions
        if fewest <= solutions.size <= most:
            return instance, solutions


def departure(drawn, solutions):
    """chi2 of uniform draws of packed solutions over its bound at one in a million: above 1 they are not uniform."""
    assert np.isin(drawn, solutions).all()
    seen = np.array([(drawn == one).sum() for one in solutions])
    expected = drawn.size / solutions.size
    return ((seen - expected) ** 2 / expected).sum() / chi2.isf(ONE_IN_A_MILLION, solutions.size - 1)


def packed(weights):
    return int(pack_signs(np.asarray(weights)[None])[0, 0])


def test_enumerated_references_are_uniform_and_those_of_a_solver_are_not(seed):
    instance, solutions = an_instance(seed, 20, 60)
    drawn = np.array([packed(uniform_solution(instance, seed + i).weights) for i in range(1500)], np.uint64)
    assert departure(drawn, solutions) < 1.0
    found = [solve(instance, "sbpi", seed + i) for i in range(1500)]
    solved = np.array([packed(one.weights) for one in found if one.solved], np.uint64)
    assert departure(solved, solutions) > 1.0


def test_equilibrium_samples_are_uniform(seed):
    instance, solutions = an_instance(seed + 100, 15, 30)
    sampling = Sampling(thermalization=20, draws=60, thin=1, r_hat=50.0, round_trips=1, beta=[0.0, 1.2, 2.6])
    found = [equilibrium_solution(instance, seed + i, sampling) for i in range(250)]
    drawn = np.array([packed(one.weights) for one in found if one.status == SOLVED], np.uint64)
    assert drawn.size > 200
    assert departure(drawn, solutions) < 1.0


def test_an_algorithm_ends_in_denser_regions_than_uniform_draws(seed):
    """Solutions at one flip, around those of SBPI over around uniform ones of the same instances."""
    rows = []
    for i in range(150):
        instance = random_patterns(21, p=8, seed=seed + i)
        found = solve(instance, "sbpi", i)
        first, second = (uniform_solution(instance, 10 * (seed + i) + j) for j in range(2))
        if found.solved and first.solved:
            at = (
                enumeration(instance, w, [1 / 21, 3 / 21]).value for w in (found.weights, first.weights, second.weights)
            )
            rows.append([np.exp(21 * value) for value in at])
    algorithm, typical, other = np.array(rows).transpose(1, 0, 2)
    ratio, error = ratio_of_means(algorithm, typical)
    assert ((ratio - 1.0) / error > 4.9).all()
    ratio, error = ratio_of_means(other, typical)
    assert (np.abs(ratio - 1.0) / error < 4.9).all()
