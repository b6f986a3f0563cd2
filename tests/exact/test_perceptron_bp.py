"""Belief propagation against enumeration: exact on a single pattern, close on a few, consistent with itself."""

import math
import warnings

import numpy as np
import pytest

from perceptron import belief_propagation, from_arrays, planted_patterns, random_patterns
from perceptron.message_passing import local_entropy_bp
from tests.plain_messages import enumerated

INF = math.inf


def one_pattern(seed, n=13, tie=None):
    return random_patterns(n, p=1, seed=seed, tie=tie)


@pytest.mark.parametrize("beta", [INF, 1.3, 0.0])
@pytest.mark.parametrize("margin", [0.0, 0.7, -0.4])
def test_one_pattern_is_a_tree_and_exact(beta, margin, seed):
    """Enumeration to 1e-10: entropy, energy, magnetisations, in random external fields."""
    instance = one_pattern(seed)
    field = np.random.default_rng(seed).normal(size=13)
    found = belief_propagation(instance, beta, field, margin=margin, method="exact", tolerance=1e-13)
    law = enumerated(instance, beta, field, margin)
    assert found.converged
    assert found.free_entropy == pytest.approx(law.free_entropy, abs=1e-10)
    assert found.entropy == pytest.approx(law.entropy, abs=1e-10)
    assert found.energy == pytest.approx(law.energy, abs=1e-10)
    np.testing.assert_allclose(found.magnetization, law.magnetization, atol=1e-10)
    # The Gaussian form sees the same pattern with a relative error of 1/N: far outside that tolerance.
    rough = belief_propagation(instance, beta, field, margin=margin, tolerance=1e-13)
    if beta > 0.0:
        assert abs(rough.magnetization - law.magnetization).max() > 1e-6
    np.testing.assert_allclose(rough.magnetization, law.magnetization, atol=1.0 / 13)


@pytest.mark.parametrize("tie", ["error", "correct"])
def test_ties_of_even_n(tie, seed):
    """What a stability of 0 counts as reaches the messages; the two rules differ."""
    instance = one_pattern(seed, 12, tie)
    found = belief_propagation(instance, method="exact", tolerance=1e-13)
    assert found.entropy == pytest.approx(enumerated(instance).entropy, abs=1e-10)
    other = one_pattern(seed, 12, "correct" if tie == "error" else "error")
    assert abs(found.entropy - enumerated(other).entropy) > 1e-3
    gaussian = belief_propagation(instance)
    assert gaussian.entropy == pytest.approx(found.entropy, abs=2e-3)


@pytest.mark.parametrize("method", ["exact", "gaussian", "tap"])
def test_no_weight_on_patterns_leaves_the_field_alone(method, seed):
    """beta = 0: independent weights, binary entropy of tanh h."""
    field = np.random.default_rng(seed).normal(size=31)
    found = belief_propagation(random_patterns(31, 0.5, seed=seed), 0.0, field, method=method)
    up = 0.5 * (1.0 + np.tanh(field))
    assert found.entropy == pytest.approx(-np.mean(up * np.log(up) + (1 - up) * np.log1p(-up)), abs=1e-12)
    assert found.free_entropy == pytest.approx(np.mean(np.log(2 * np.cosh(field))), abs=1e-12)
    assert found.energy == pytest.approx(0.5 * 16 / 31, abs=0.5 * 16 / 31)
    np.testing.assert_allclose(found.magnetization, np.tanh(field), atol=1e-14)


def test_bethe_is_stationary_for_the_exact_convolution(seed):
    """d phi / d beta = -e and d phi / d h_i = m_i / N hold to the step of the difference, 1e-7."""
    instance, beta = random_patterns(41, 0.4, seed=seed), 1.5
    field = 0.3 * np.random.default_rng(seed).normal(size=41)

    def phi(beta, field):
        return belief_propagation(instance, beta, field, method="exact", tolerance=1e-12).free_entropy

    at = belief_propagation(instance, beta, field, method="exact", tolerance=1e-12)
    step = 1e-3
    slope = (phi(beta + step, field) - phi(beta - step, field)) / (2 * step)
    assert slope == pytest.approx(-at.energy, abs=1e-7)
    bump = step * np.eye(41)[5]
    slope = (phi(beta, field + bump) - phi(beta, field - bump)) / (2 * step)
    assert slope == pytest.approx(at.magnetization[5] / 41, abs=1e-7)


@pytest.mark.parametrize("method", ["gaussian", "tap"])
def test_bethe_is_stationary_to_one_over_n(method, seed):
    """The other forms: within 1/N of the energy, and closer at larger N."""
    gaps = []
    for n in (101, 1001):
        instance = random_patterns(n, 0.5, seed=seed)
        low, at, high = (
            belief_propagation(instance, b, method=method, tolerance=1e-9, precision="double") for b in (0.99, 1, 1.01)
        )
        gaps.append(abs((high.free_entropy - low.free_entropy) / 0.02 + at.energy) / at.energy)
    assert gaps[0] < 1.0 / 101
    assert gaps[1] < 1.0 / 1001


@pytest.mark.parametrize("method", ["exact", "gaussian", "tap"])
@pytest.mark.parametrize("beta", [INF, 2.0])
def test_flipping_all_patterns_flips_all_weights(method, beta, seed):
    instance = random_patterns(51, 0.5, seed=seed)
    field = np.linspace(-1.0, 1.0, 51)
    found = belief_propagation(instance, beta, field, method=method, tolerance=1e-10)
    mirrored = belief_propagation(from_arrays(-instance.patterns), beta, -field, method=method, tolerance=1e-10)
    np.testing.assert_allclose(mirrored.magnetization, -found.magnetization, atol=1e-9)
    assert mirrored.entropy == pytest.approx(found.entropy, abs=1e-10)
    # Turning the weights about one by one, a gauge, changes nothing either.
    gauge = np.where(np.arange(51) % 3 == 0, -1, 1)
    turned = belief_propagation(from_arrays(instance.patterns * gauge), beta, field * gauge, method=method)
    np.testing.assert_allclose(turned.magnetization, gauge * found.magnetization, atol=1e-5)


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_forms_approach_each_other_as_one_over_n(kind, seed):
    """Entropies of the forms at the same alpha: differences times N stay bounded while N grows fourfold."""
    scaled = []
    for n in (51, 201):
        instance = random_patterns(n, p=2 * n // 5, seed=seed, kind=kind)
        gaussian = belief_propagation(instance, precision="double")
        tap = belief_propagation(instance, method="tap")
        reference = gaussian if kind == "gaussian" else belief_propagation(instance, method="exact")
        scaled.append((n * abs(gaussian.entropy - reference.entropy), n * abs(tap.entropy - reference.entropy)))
        distance = np.sqrt(np.mean((tap.magnetization - reference.magnetization) ** 2))
        assert distance < 0.5 / math.sqrt(n)
    for gaussian_gap, tap_gap in scaled:
        assert gaussian_gap < 0.1
        assert tap_gap < 0.5


@pytest.mark.parametrize("method", ["exact", "gaussian", "tap"])
def test_messages_restart_at_the_fixed_point(method, seed):
    """Continuing takes a sweep; any start and damping leads to the same point."""
    instance = random_patterns(101, 0.5, seed=seed)
    found = belief_propagation(instance, method=method, tolerance=1e-10)
    again = belief_propagation(instance, method=method, tolerance=1e-9, messages=found.messages)
    assert again.sweeps <= 2
    np.testing.assert_allclose(again.magnetization, found.magnetization, atol=1e-9)
    elsewhere = belief_propagation(instance, method=method, tolerance=1e-10, seed=7, damping=0.5)
    np.testing.assert_allclose(elsewhere.magnetization, found.magnetization, atol=1e-7)
    assert elsewhere.sweeps > found.sweeps
    warmer = belief_propagation(instance, 3.0, method=method, messages=found.messages)
    cold = belief_propagation(instance, 3.0, method=method)
    assert warmer.entropy == pytest.approx(cold.entropy, abs=1e-5)


def test_single_and_double_precision_agree(seed):
    """Float32 messages move an entropy by 1e-6, far below 1/N."""
    instance = random_patterns(501, 0.6, seed=seed)
    single, double = (belief_propagation(instance, precision=kind) for kind in ("single", "double"))
    assert single.messages.dtype == np.float32
    assert double.messages.dtype == np.float64
    assert single.entropy == pytest.approx(double.entropy, abs=2e-6)
    np.testing.assert_allclose(single.magnetization, double.magnetization, atol=1e-4)


def test_local_entropy_of_one_pattern_is_exact(seed):
    """Around a reference, against enumeration in the same field; and S' = -gamma along the curve."""
    instance = one_pattern(seed, 15)
    reference = np.where(np.arange(15) % 2, 1, -1)
    gammas = np.linspace(0.0, 1.2, 7)
    curve = local_entropy_bp(instance, reference, gammas, method="exact", tolerance=1e-13)
    for k, gamma in enumerate(gammas):
        law = enumerated(instance, field=gamma * reference)
        overlap = law.magnetization @ reference / 15
        assert curve.distance[k] == pytest.approx(0.5 * (1 - overlap), abs=1e-10)
        assert curve.entropy[k] == pytest.approx(law.free_entropy - gamma * overlap, abs=1e-10)


def test_local_entropy_has_slope_minus_gamma(seed):
    instance = planted_patterns(41, p=20, seed=seed)
    gammas = np.linspace(0.0, 0.5, 51)
    curve = local_entropy_bp(instance, instance.teacher, gammas, method="exact", tolerance=1e-12)
    slope = np.gradient(curve.entropy, curve.overlap)[1:-1]
    np.testing.assert_allclose(slope, -gammas[1:-1], atol=2e-4)
    assert (np.diff(curve.distance) < 0).all()


def test_local_entropy_without_patterns_is_binary_entropy(seed):
    """One pattern among 1001 weights, right for the reference, excludes at most half: ln 2 / N at fixed gamma."""
    instance = planted_patterns(1001, p=1, seed=seed)
    curve = local_entropy_bp(instance, instance.teacher, [0.0, 0.3, 1.0, 2.0])
    d = curve.distance
    binary = -d * np.log(d) - (1 - d) * np.log1p(-d)
    assert (np.abs(curve.entropy - binary) < 2 * math.log(2) / 1001).all()
    assert (np.diff(d) < -0.05).all()


@pytest.mark.parametrize("method", ["gaussian", "tap", "exact"])
def test_saturated_weights_stay_finite(method, seed):
    """A teacher alone is left far above the transition to perfect learning: entropy 0, overlap 1, in every form."""
    instance = planted_patterns(301, p=753, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = belief_propagation(instance, method=method)
    assert found.converged
    assert found.magnetization @ instance.teacher / 301 == pytest.approx(1.0, abs=1e-4)
    assert found.entropy == pytest.approx(0.0, abs=1e-4)
