"""Theory laid over local entropies: known values, limits, and brute force over all patterns of a few weights."""

import itertools
import math

import numpy as np
import pytest

from perceptron import theory
from runs.experiments.perceptron_local_entropy_theory import (
    around_teacher,
    around_teacher_annealed,
    around_typical,
    densest,
    mean_solutions_around_teacher,
)

NEAR = [0.005, 0.05, 0.1, 0.3]


@pytest.mark.parametrize("alpha", [0.3, 0.6, 1.0])
def test_around_a_teacher_the_typical_distance_has_the_entropy_of_the_model(alpha):
    state = theory.teacher_student(alpha)
    d = 0.5 * (1.0 - float(state.overlap))
    below, at, above = around_teacher(alpha, [d - 0.02, d, d + 0.02])
    assert at == pytest.approx(float(state.entropy), abs=1e-8)
    # There it has its maximum.
    assert at > max(below, above)


def test_without_patterns_every_configuration_counts():
    bound = theory.binary_entropy(np.array(NEAR))
    np.testing.assert_allclose(around_teacher(1e-9, NEAR), bound, atol=1e-7)
    np.testing.assert_allclose(densest(1e-9, NEAR), bound, atol=1e-7)
    np.testing.assert_allclose(around_teacher_annealed(0.0, NEAR), bound, atol=1e-14)


def test_curves_keep_their_order():
    alpha = 0.5
    bound, most = theory.binary_entropy(np.array(NEAR)), densest(alpha, NEAR)
    teacher, annealed, typical = (f(alpha, NEAR) for f in (around_teacher, around_teacher_annealed, around_typical))
    assert (annealed <= bound).all()
    assert (teacher < annealed).all()
    assert (most <= bound + 1e-9).all()
    assert (typical < most).all()
    # Planting adds the teacher's surroundings to an instance: denser than those of a solution of a random one.
    assert (teacher > typical).all()


def test_curves_of_literature():
    # Worked out by hand on coarser rules; between the last but two and the last but one the sign changes.
    d = [0.10331, 0.05381, 0.02231, 0.00881, 0.00656, 0.00431]
    np.testing.assert_allclose(
        around_typical(0.5, d), [0.16934, 0.09382, 0.03311, 0.00427, -0.00033, -0.00451], rtol=0, atol=1e-3
    )
    # Groups at mutual distance 2 d (1 - d) = .10.
    assert densest(0.6, [0.5 * (1.0 - math.sqrt(0.8))])[0] == pytest.approx(0.134604, abs=1e-6)
    # Beyond typical solutions it is their entropy.
    assert densest(0.5, [0.45])[0] == pytest.approx(0.314390, abs=1e-6)


def test_what_lies_beyond_the_end_of_a_curve_is_left_out():
    found = around_typical(0.6, [0.3, 5e-5, 0.1])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2]], around_typical(0.6, [0.3, 0.1]), atol=1e-9)
    assert np.isnan(densest(2.0, [0.05])).all()


def test_mean_numbers_around_a_teacher_are_those_of_all_patterns():
    n, p = 5, 3
    every = np.array(list(itertools.product((1, -1), repeat=n)))
    right = every[every.sum(axis=1) > 0]
    for k in range(n + 1):
        other = np.ones(n)
        other[:k] = -1
        share = (right @ other > 0).mean()
        expected = math.comb(n, k) * share**p
        assert mean_solutions_around_teacher(n, p, [k])[0] == pytest.approx(expected, rel=1e-12, abs=1e-15)
