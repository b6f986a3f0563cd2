"""First moments, symmetric and spherical perceptrons against brute force, closed forms and published digits."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import linprog
from scipy.special import ndtr

from mcmc.errors import ArgumentError
from perceptron import from_arrays, theory
from perceptron.theory import first_moments


def signs(n: int) -> np.ndarray:
    """All 2^n sign vectors, (2^n, n)."""
    return np.array(list(itertools.product((-1, 1), repeat=n)), dtype=np.int8)


@pytest.mark.parametrize("margin", [-0.8, -0.1, 0.0, 0.3, 0.5, 1.0, 1.9, 5.0])
@pytest.mark.parametrize(("n", "tie"), [(1, None), (5, None), (9, None), (4, "error"), (4, "correct"), (8, "correct")])
def test_chance_of_a_pattern_is_counted_exactly(n, tie, margin):
    every = from_arrays(signs(n), tie=tie)
    wrong = int(every.errors(np.ones(n, np.int8), margin))
    assert theory.right_probability(n, margin, tie=tie) == Fraction(2**n - wrong, 2**n)
    inside = int((np.abs(every.stabilities(np.ones(n, np.int8))) <= margin * math.sqrt(n)).sum())
    assert theory.right_probability(n, margin, symmetric=True) == Fraction(inside, 2**n)


@pytest.mark.parametrize(("n", "p", "margin"), [(3, 2, 0.0), (3, 3, 0.0), (3, 2, 1.0), (5, 2, 0.3)])
def test_mean_number_of_solutions_by_brute_force(n, p, margin):
    weights, total, boltzmann = signs(n), 0, 0.0
    for rows in itertools.product(signs(n), repeat=p):
        errors = from_arrays(np.array(rows)).errors(weights, margin)
        total += int((errors == 0).sum())
        boltzmann += float(np.exp(-0.7 * errors).sum())
    instances = 2 ** (n * p)
    assert theory.expected_solutions(n, p, margin) == Fraction(total, instances)
    assert theory.log_expected_z(n, p, 0.7, margin) == pytest.approx(math.log(boltzmann / instances), abs=1e-12)
    assert theory.log2_expected_solutions(n, p, margin) == pytest.approx(math.log2(total / instances), abs=1e-12)


def test_published_first_moments():
    assert theory.expected_solutions(21, 6) == 2**15
    assert theory.expected_solutions(21, 30) == Fraction(1, 2**9)
    assert theory.log2_expected_solutions(10001, 7001) == 3000.0
    for beta in (0.0, 0.5, 3.0):
        exact = 21 * math.log(2.0) + 9 * math.log((1.0 + math.exp(-beta)) / 2.0)
        assert theory.log_expected_z(21, 9, beta) == pytest.approx(exact, rel=1e-14)
    assert theory.log_expected_z(21, 9, math.inf) == pytest.approx(12 * math.log(2.0), rel=1e-14)


def test_chances_of_large_n_and_their_errors(monkeypatch):
    """The incomplete beta function against whole numbers, within the error that is stated."""
    cases = [(1001, 0.5, None), (1001, 5.0, None), (1001, -0.7, None), (1000, 0.0, "error"), (1000, 0.0, "correct")]
    exact = [theory.log2_expected_solutions(n, 400, margin, tie=tie) for n, margin, tie in cases]
    monkeypatch.setattr(first_moments, "EXACT_WEIGHTS", 10)
    for (n, margin, tie), expected in zip(cases, exact, strict=True):
        found = theory.log2_expected_solutions(n, 400, margin, tie=tie)
        assert expected.error < found.error < 1e-6
        assert abs(found - expected) < found.error
        assert abs(theory.log_expected_z(n, 400, math.inf, margin, tie=tie) - expected * math.log(2.0)) < found.error
    assert theory.log2_expected_solutions(10**6 + 1, 10**5) == 900_001.0


def test_large_n_reaches_the_annealed_formulas():
    n, alpha, margin = 40001, 0.4, 0.5
    p = int(alpha * n)
    exact = theory.log_expected_z(n, p, 1.5, margin) / n
    # Rounding the margin to an odd stability shifts it by at most 2 / sqrt(N).
    assert exact == pytest.approx(theory.annealed(p / n, margin, 1.5).free_entropy, abs=alpha * 2.0 / math.sqrt(n))
    assert exact != pytest.approx(theory.annealed(p / n, 0.0, 1.5).free_entropy, abs=alpha * 2.0 / math.sqrt(n))
    inside = theory.log2_expected_solutions(n, p, 1.0, symmetric=True) * math.log(2.0) / n
    assert inside == pytest.approx(theory.symmetric_entropy(p / n, 1.0), abs=alpha * 4.0 / math.sqrt(n))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: theory.expected_solutions(20, 5), "n: got the even number 20"),
        (lambda: theory.expected_solutions(21.0, 5), "n: got 21.0; an integer of at least 1"),
        (lambda: theory.expected_solutions(21, -1), "p: got -1; an integer of at least 0"),
        (lambda: theory.expected_solutions(10001, 5001, 0.5), "take log2_expected_solutions"),
        (lambda: theory.right_probability(20, 0.5, tie="error", symmetric=True), "tie: got 'error'"),
        (lambda: theory.log_expected_z(21, 5, math.nan), "beta: got nan"),
        (lambda: theory.cover_count(0, 3), "n: got 0"),
        (lambda: theory.symmetric_capacity(0.0), "kappa: got 0.0"),
        (lambda: theory.binary_entropy([0.2, 1.1]), "distance: got"),
        (lambda: theory.annealed(0.5, 0.0, 1.0, energy="hinge"), "energy: got 'hinge'"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


@pytest.mark.parametrize(("kappa", "alpha"), [(0.5, 0.722091), (1.0, 1.815875)])
def test_published_symmetric_capacities(kappa, alpha):
    limit = theory.symmetric_capacity(kappa)
    assert abs(limit - alpha) <= 5.1e-7
    assert abs(theory.symmetric_entropy(float(limit), kappa)) < 1e-14
    assert theory.symmetric_entropy(0.9 * limit, kappa) == pytest.approx(0.1 * math.log(2.0), abs=1e-14)


@pytest.mark.parametrize("kappa", [0.01, 0.5, 1.0, 6.0])
@pytest.mark.parametrize("beta", [0.0, 0.4, 5.0])
def test_symmetric_finite_beta(kappa, beta):
    alpha, e, wrong = 0.6, math.exp(-beta), 2.0 * ndtr(-kappa)
    z = 1.0 - wrong + e * wrong
    energy = alpha * e * wrong / z
    assert theory.symmetric_energy(alpha, kappa, beta) == pytest.approx(energy, rel=1e-12)
    entropy = math.log(2.0) + alpha * math.log(z) + beta * energy
    assert theory.symmetric_entropy(alpha, kappa, beta) == pytest.approx(entropy, rel=1e-12)
    assert theory.symmetric_energy(alpha, kappa, math.inf) == 0.0


def test_annealed_closed_forms():
    assert theory.annealed_entropy(0.4) == pytest.approx(0.6 * math.log(2.0), abs=1e-15)
    assert theory.first_moment_capacity() == pytest.approx(1.0, abs=1e-15)
    state = theory.annealed(0.8, 0.0, 1.3)
    assert state.free_entropy == pytest.approx(math.log(2.0) + 0.8 * math.log((1.0 + math.exp(-1.3)) / 2.0), abs=1e-14)
    assert state.energy == pytest.approx(0.8 / (1.0 + math.exp(1.3)), abs=1e-14)


@pytest.mark.parametrize(("kappa", "beta"), [(0.0, 1.0), (0.5, 3.0), (-1.0, 0.5)])
def test_annealed_bounds_the_typical_free_entropy(kappa, beta):
    for alpha in (0.1, 0.5, 2.0):
        bound = theory.annealed(alpha, kappa, beta).free_entropy
        assert theory.replica_symmetric(alpha, kappa, beta).free_entropy < bound


@pytest.mark.parametrize("kappa", [-3.0, -1.0, -1e-9, 0.0, 0.7, 3.0])
def test_spherical_capacity_is_gardners_integral(kappa):
    density = math.sqrt(2.0 * math.pi)
    value, _ = quad(lambda z: (z + kappa) ** 2 * math.exp(-0.5 * z * z) / density, -kappa, 12.0, epsabs=0, epsrel=1e-12)
    assert theory.spherical_capacity(kappa) == pytest.approx(1.0 / value, rel=1e-10)


def test_spherical_capacity_without_margin_is_two():
    assert theory.spherical_capacity() == pytest.approx(2.0, abs=1e-14)
    far = theory.spherical_capacity(-30.0)
    # int_k^inf Dz (z - k)^2 -> 2 G(k) / k^3 (1 - 6 / k^2 + 45 / k^4).
    mean = 2.0 * math.exp(-450.0) / math.sqrt(2.0 * math.pi) / 30.0**3 * (1.0 - 6.0 / 900.0 + 45.0 / 810000.0)
    assert far == pytest.approx(1.0 / mean, rel=1e-6)


def separable(points: np.ndarray, labels) -> bool:
    """Whether some weights give every point its label with a positive stability."""
    answer = linprog(
        np.zeros(points.shape[1]),
        A_ub=-points * np.array(labels)[:, None],
        b_ub=-np.ones(len(points)),
        bounds=[(None, None)] * points.shape[1],
    )
    return answer.status == 0


@pytest.mark.parametrize(("n", "p"), [(1, 4), (2, 5), (3, 3), (3, 6), (4, 6)])
def test_cover_count_by_brute_force(n, p, seed):
    points = np.random.default_rng(seed).normal(size=(p, n))
    count = sum(separable(points, labels) for labels in itertools.product((-1, 1), repeat=p))
    assert theory.cover_count(n, p) == count


def test_cover_count_of_large_sizes():
    assert theory.cover_count(7, 0) == 1
    assert theory.cover_count(5, 5) == 2**5
    assert theory.cover_probability(500, 1000) == Fraction(1, 2)
    # Any p <= n points are separated; C(p + 1, n) = C(p, n) + C(p, n - 1).
    assert theory.cover_count(40, 61) == theory.cover_count(40, 60) + theory.cover_count(39, 60)
    assert theory.cover_probability(1000, 1800) > 0.999 > 0.001 > theory.cover_probability(1000, 2200)


def test_binary_entropy():
    assert theory.binary_entropy(0.5) == pytest.approx(math.log(2.0), abs=1e-15)
    assert theory.binary_entropy([0.0, 1.0]).tolist() == [0.0, 0.0]
    d = np.array([0.1, 0.3])
    np.testing.assert_allclose(theory.binary_entropy(d), -d * np.log(d) - (1 - d) * np.log(1 - d), rtol=1e-14)
    n, k = 4000, 1000
    assert theory.binary_entropy(k / n) == pytest.approx(math.log(math.comb(n, k)) / n, abs=math.log(n) / n)
