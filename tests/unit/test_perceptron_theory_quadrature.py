"""Gaussian quadrature, stable functions of the theory, and numbers with errors."""

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.special import ndtr

from mcmc.errors import ArgumentError, EntroscapeError
from perceptron import theory
from perceptron.theory.estimate import Estimate, NoSolution
from perceptron.theory.pattern_energy import pattern
from perceptron.theory.quadrature import (
    error_probability,
    gh,
    half_line,
    interval,
    line,
    log_2cosh,
    log_g,
    log_h,
)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_rules_integrate_moments(level):
    for rule, share in ((line(level=level), 1.0), (half_line(level=level), 0.5)):
        for power, moment in ((0, 1.0), (2, 1.0), (4, 3.0), (8, 105.0), (12, 10395.0)):
            assert rule.average(rule.z**power) == pytest.approx(share * moment, rel=1e-12)
    assert line(level=level).average(line(level=level).z ** 3) == pytest.approx(0.0, abs=1e-12)
    assert half_line(level=level).average(half_line(level=level).z) == pytest.approx(
        1.0 / math.sqrt(2.0 * math.pi), rel=1e-13
    )


def test_intervals_are_normal_probabilities():
    for low, high in ((-1.0, 2.0), (0.3, 0.4), (9.5, 14.0)):
        rule = interval(low, high)
        assert rule.average(np.ones_like(rule.z)) == pytest.approx(ndtr(-low) - ndtr(-high), rel=1e-12)
    with pytest.raises(ArgumentError, match="low <= high"):
        interval(1.0, 0.0)


def test_marked_points_cost_nothing():
    for point in (-2.3, 0.0, 1.7):
        rule = line([point])
        step = rule.average((rule.z > point).astype(float))
        assert step == pytest.approx(ndtr(-point), abs=1e-14)
        steep = line([point], 1e-4)
        # int Dz tanh^2((z - c) / w) = 1 - 2 w G(c) + O(w^3).
        lost = 1.0 - steep.average(np.tanh((steep.z - point) / 1e-4) ** 2)
        assert lost == pytest.approx(2e-4 * np.exp(log_g(point)), rel=1e-6)
    plain = line()
    assert abs(plain.average((plain.z > 1.7).astype(float)) - ndtr(-1.7)) > 1e-4


def test_refined_rules_are_finer():
    widths = [np.diff(line([0.5], 0.01, level=level).z).max() for level in (0, 1, 2)]
    assert widths == sorted(widths, reverse=True)
    assert len({line(level=level).z.size for level in (0, 1, 2)}) == 3


X = np.array([-6.0, -1.3, 0.0, 0.4, 2.0, 7.0])


@pytest.mark.parametrize("beta", [0.0, 0.5, 3.0, 20.0, math.inf])
def test_functions_are_their_definitions(beta):
    e = math.exp(-beta)
    naive = e + (1.0 - e) * ndtr(-X)
    np.testing.assert_allclose(log_h(X, beta), np.log(naive), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gh(X, beta), (1.0 - e) * np.exp(log_g(X)) / naive, rtol=1e-12)
    np.testing.assert_allclose(error_probability(X, beta), e * ndtr(X) / naive, rtol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 3.0, math.inf])
def test_slope_of_gh(beta):
    step = 1e-5
    slope = (gh(X + step, beta) - gh(X - step, beta)) / (2.0 * step)
    np.testing.assert_allclose(slope, gh(X, beta) * (gh(X, beta) - X), rtol=1e-7, atol=1e-9)


def test_functions_stand_far_arguments():
    far = np.array([-1e6, -800.0, -40.0, 40.0, 800.0, 1e6])
    with np.errstate(all="raise", under="ignore"):
        assert (log_h(far)[:3] == 0.0).all()
        np.testing.assert_allclose(gh(far)[3:] / far[3:], 1.0, atol=1e-3)
        np.testing.assert_allclose(log_h(far, 2.0)[3:], -2.0)
        np.testing.assert_allclose(error_probability(far, 2.0), [0, 0, 0, 1, 1, 1], atol=1e-15)
        np.testing.assert_allclose(log_2cosh(far), np.abs(far))


@pytest.mark.parametrize("beta", [0.3, 4.0, 50.0, 1e4])
@pytest.mark.parametrize("variance", [1.0, 0.2])
def test_scaled_hinge_is_its_integral(beta, variance):
    scale = math.sqrt(variance)
    x = np.array([-4.0, -0.5, 0.0, 1.0, 3.0, 8.0])
    values = pattern(x, variance, beta, "scaled_hinge")
    for k, point in enumerate(x):
        # Lack of stability s = x - u > 0; panels graded towards s = 0, where exp(-beta scale s) lives.
        edges = np.concatenate([[0.0], np.geomspace(1e-7, 60.0, 200)])
        node, weight = np.polynomial.legendre.leggauss(20)
        half = 0.5 * np.diff(edges)[:, None]
        s = (edges[:-1, None] + half * (1.0 + node)).ravel()
        density = (half * weight).ravel() * np.exp(log_g(point - s) - beta * scale * s)
        z = ndtr(-point) + density.sum()
        assert values.log_z[k] == pytest.approx(math.log(z), rel=1e-11, abs=1e-15)
        assert values.energy[k] == pytest.approx(scale * (density @ s) / z, rel=1e-10)
        assert values.slope[k] == pytest.approx(beta * scale * density.sum() / z, rel=1e-10)


def test_scaled_hinge_becomes_errors_when_cold():
    cold, solutions = pattern(X, 0.7, 1e9, "scaled_hinge"), pattern(X, 0.7, math.inf, "scaled_hinge")
    np.testing.assert_allclose(cold.slope, solutions.slope, rtol=1e-6)
    np.testing.assert_allclose(cold.log_z, solutions.log_z, rtol=1e-6, atol=1e-15)
    assert (solutions.energy == 0.0).all()


def test_estimates_are_floats_with_an_error():
    number = Estimate.from_refinement(1.25, 1.5)
    assert number == 1.5
    assert number.error == pytest.approx(0.25)
    assert type(number + 1) is float
    assert f"{number:.3f}" == "1.500"
    assert str(number) == "1.5"
    assert repr(number) == "Estimate(1.5, error=2.5e-01)"
    assert Estimate(1.0, -0.5).error == 0.5
    for twin in (pickle.loads(pickle.dumps(number)), copy.deepcopy(number)):
        assert (twin, twin.error) == (number, number.error)
    assert Estimate.from_refinement(1e-20, 1e-20).error > 1e-15 > Estimate.from_refinement(1e-20, 1e-20, 0.0).error


def test_missing_solutions_are_faults_that_a_user_can_mend():
    assert issubclass(NoSolution, ArgumentError)
    assert issubclass(NoSolution, EntroscapeError)


def test_functions_keep_their_names_over_files_of_the_same_name():
    from perceptron.theory import annealed
    from perceptron.theory.annealed import binary_entropy

    assert callable(annealed)
    assert theory.annealed is annealed
    assert theory.binary_entropy is binary_entropy
    assert set(dir(theory)) >= {"replica_symmetric", "capacity", "teacher_student", "franz_parisi"}
    with pytest.raises(AttributeError, match="no attribute 'replica_symetric'"):
        theory.replica_symetric  # noqa: B018
