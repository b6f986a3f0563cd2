"""Teacher-student theory: published values, an oracle of another make, Nishimori identities, the ends of the branch."""

import math

import numpy as np
import pytest
from scipy.special import erfc

from mcmc.errors import ArgumentError
from perceptron import theory

INF = math.inf
Z = np.linspace(-12.0, 12.0, 8001)
DZ = np.exp(-0.5 * Z * Z) / math.sqrt(2.0 * math.pi) * (Z[1] - Z[0])


def weight_of_label(q, beta):
    """D = e + (1 - e) H(x) on the grid."""
    e = math.exp(-beta)
    return e + (1.0 - e) * 0.5 * erfc(-math.sqrt(q / (1.0 - q)) * Z / math.sqrt(2.0))


def free_entropy(alpha, beta, q, conjugate):
    """phi(q, q^) as it is printed, by the trapezoidal rule and naive functions."""
    d = weight_of_label(q, beta)
    weights = DZ @ np.log(2.0 * np.cosh(conjugate + math.sqrt(conjugate) * Z))
    patterns = DZ @ (2.0 * d * np.log(d)) / (1.0 + math.exp(-beta))
    return -0.5 * conjugate * (1.0 + q) + weights + alpha * patterns


def test_published_state():
    state = theory.teacher_student(alpha=1.0)
    assert abs(state.overlap - 0.560715) <= 5.1e-7
    assert abs(state.entropy - 0.106108) <= 5.1e-7
    assert state.energy == 0.0


def test_published_transition():
    limit = theory.teacher_student_transition()
    assert abs(limit - 1.24468) <= 5.1e-6
    assert limit.error < 1e-10
    assert abs(theory.teacher_student(float(limit)).entropy) < 1e-12


def test_published_spinodal():
    # Barbier et al. 2019, arXiv:1708.03395: approximate message passing succeeds from alpha = 1.493 on.
    assert abs(theory.teacher_student_spinodal() - 1.493) <= 5e-4


PLACES = [(0.3, INF), (1.0, INF), (1.4, INF), (2.0, 2.0), (0.7, 1.0)]


@pytest.mark.parametrize(("alpha", "beta"), PLACES)
def test_solution_is_stationary_in_the_printed_formula(alpha, beta):
    state = theory.teacher_student(alpha, beta)

    def gradient(q, conjugate, step=1e-5):
        return np.array([
            free_entropy(alpha, beta, q + step, conjugate) - free_entropy(alpha, beta, q - step, conjugate),
            free_entropy(alpha, beta, q, conjugate + step) - free_entropy(alpha, beta, q, conjugate - step),
        ]) / (2.0 * step)  # fmt: skip

    here = free_entropy(alpha, beta, state.overlap, state.conjugate)
    assert state.free_entropy == pytest.approx(here, abs=1e-10)
    assert np.abs(gradient(state.overlap, state.conjugate)).max() < 1e-7
    assert np.abs(gradient(1.02 * state.overlap, state.conjugate)).max() > 1e-4


@pytest.mark.parametrize(("alpha", "beta"), PLACES)
def test_nishimori_identities(alpha, beta):
    state = theory.teacher_student(alpha, beta)
    field = state.conjugate + math.sqrt(state.conjugate) * Z
    assert DZ @ np.tanh(field) == pytest.approx(state.overlap, abs=1e-11)
    assert DZ @ np.tanh(field) ** 2 == pytest.approx(state.overlap, abs=1e-11)
    # The energy of a sample, from its stabilities, is that of the teacher: the number of flipped labels.
    e = math.exp(-beta)
    d = weight_of_label(state.overlap, beta)
    wrong = e * 0.5 * erfc(math.sqrt(state.overlap / (1.0 - state.overlap)) * Z / math.sqrt(2.0))
    assert alpha * (DZ @ (2.0 * d / (1.0 + e) * wrong / d)) == pytest.approx(state.energy, abs=1e-12)
    assert state.energy == pytest.approx(alpha * e / (1.0 + e), abs=1e-15)
    assert state.entropy == pytest.approx(state.free_entropy + (beta * state.energy if e else 0.0), abs=1e-13)


@pytest.mark.parametrize(("alpha", "beta"), [(0.6, INF), (1.3, INF), (1.5, 2.0)])
def test_entropy_falls_with_alpha_as_labels_are_informative(alpha, beta):
    step = 1e-4
    low, here, high = (theory.teacher_student(a, beta) for a in (alpha - step, alpha, alpha + step))
    d = weight_of_label(here.overlap, beta)
    surprise = DZ @ (2.0 * d * np.log(d)) / (1.0 + math.exp(-beta))
    assert (high.free_entropy - low.free_entropy) / (2.0 * step) == pytest.approx(surprise, rel=1e-6)


def test_planting_helps():
    # The teacher is one more solution, and labels of a teacher are easier than random ones.
    for alpha in (0.2, 0.5, 0.8):
        planted, stored = theory.teacher_student(alpha), theory.replica_symmetric(alpha)
        assert stored.entropy < theory.annealed_entropy(alpha) < planted.entropy


def test_limits():
    for state in (theory.teacher_student(0.0), theory.teacher_student(1.0, 0.0)):
        assert state.entropy == pytest.approx(math.log(2.0), abs=1e-15)
        assert state.overlap == state.conjugate == 0.0
    assert theory.teacher_student(1.0, 0.0).energy == pytest.approx(0.5, abs=1e-15)
    # To first order in alpha a label costs ln 2, and q^ = 2 alpha G(0)^2 / H(0) = 4 alpha / (2 pi).
    few = theory.teacher_student(1e-7)
    assert few.entropy == pytest.approx((1.0 - 1e-7) * math.log(2.0), abs=1e-12)
    assert few.conjugate == pytest.approx(1e-7 * 2.0 / math.pi, rel=1e-5)
    cold, noiseless = theory.teacher_student(1.0, 60.0), theory.teacher_student(1.0)
    assert cold.entropy == pytest.approx(noiseless.entropy, abs=1e-12)


@pytest.mark.parametrize("beta", [INF, 3.0])
def test_branch_ends_at_the_spinodal(beta):
    end = theory.teacher_student_spinodal(beta)
    near = theory.teacher_student(end - 1e-6, beta)
    before = theory.teacher_student(end - 4e-6, beta)
    further = theory.teacher_student(end - 16e-6, beta)
    # A square root: the overlap nears its last value as the root of the distance.
    ratio = (before.overlap - further.overlap) / (near.overlap - before.overlap)
    assert ratio == pytest.approx(2.0, abs=0.02)
    assert theory.teacher_student(float(end) - 1e-15, beta).overlap == pytest.approx(near.overlap, abs=2e-3)
    with pytest.raises(theory.NoSolution, match=r"spinodal alpha = .*branch='equilibrium'"):
        theory.teacher_student(end + 1e-9, beta)


def test_equilibrium_prefers_the_teacher_beyond_the_transition():
    limit = theory.teacher_student_transition()
    before = theory.teacher_student(limit - 1e-3, branch="equilibrium")
    assert before == theory.teacher_student(limit - 1e-3)
    assert before.entropy > 0.0
    after = theory.teacher_student(limit + 1e-3, branch="equilibrium")
    assert (after.overlap, after.entropy) == (1.0, 0.0)
    assert theory.teacher_student(limit + 1e-3).entropy < 0.0
    noisy = theory.teacher_student(12.0, 2.0, branch="equilibrium")
    assert noisy.entropy == pytest.approx(0.0, abs=1e-12)
    assert noisy.free_entropy == pytest.approx(-2.0 * noisy.energy, abs=1e-12)


def test_noise_needs_more_patterns():
    transitions = [theory.teacher_student_transition(beta) for beta in (INF, 5.0, 2.0, 1.0, 0.3)]
    assert transitions == sorted(transitions)
    spinodals = [theory.teacher_student_spinodal(beta) for beta in (INF, 5.0, 2.0, 1.0, 0.3)]
    assert all(a < b for a, b in zip(transitions, spinodals, strict=True))


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (theory.teacher_student, (-1.0,), "alpha: got -1.0"),
        (theory.teacher_student, (1.0, math.nan), "beta: got nan"),
        (theory.teacher_student_spinodal, (0.0,), "labels carry no information"),
        (theory.teacher_student_transition, (-2.0,), "beta: got -2.0"),
    ],
)
def test_bad_input_is_refused(function, arguments, words):
    with pytest.raises(ArgumentError, match=words):
        function(*arguments)


def test_unknown_branch_is_refused():
    with pytest.raises(ArgumentError, match="branch: got 'best'"):
        theory.teacher_student(1.0, branch="best")
