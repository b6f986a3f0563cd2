"""Messages edge by edge: compiled forms against the plain formulas, max-sum and the focusing centre by enumeration."""

import math

import numpy as np
import pytest
from numba import njit
from scipy.special import erfcx, log_ndtr

from perceptron import random_patterns
from perceptron.message_passing import FreeScoping, PseudoReinforcement, Scoping, StandardReinforcement, factor
from perceptron.message_passing.focusing import centre_field, focusing_bp, through_coupling
from perceptron.message_passing.gaussian_kernels import VARIANCE_5, VARIANCE_9, VARIANCE_9_DOUBLE, gaussian_sweep
from perceptron.message_passing.max_sum import max_sum_sweep
from perceptron.message_passing.reinforced import reinforced_bp
from tests.plain_messages import coupled_message, max_sum_messages, plain_sweep

INF = math.inf


@njit
def scalars(x, miss):
    return factor.log_z(x, miss), factor.slope(x, miss), factor.error_probability(x, miss)


@pytest.mark.parametrize("miss", [0.0, 1e-30, 0.2, 1.0])
def test_scalar_functions_at_every_size(miss):
    """ln Z, its slope and the chance of an error against log_ndtr and erfcx to 1e-12, from -1e5 to 1e5."""
    for x in np.concatenate([np.linspace(-60, 60, 241), [-1e5, -1e3, -35.1, -34.9, 1e3]]):
        log_z, slope, wrong = scalars(x, miss)
        hit = log_ndtr(x) if miss == 0.0 else math.log(miss + (1 - miss) * math.exp(log_ndtr(x)))
        exact = math.log1p((miss - 1) * math.exp(log_ndtr(-x))) if x > 0 else hit
        assert log_z == pytest.approx(exact, rel=1e-12, abs=1e-300)
        if miss == 0.0:
            assert slope == pytest.approx(math.sqrt(2 / math.pi) / erfcx(-x * math.sqrt(0.5)), rel=1e-12)
            assert wrong == 0.0
        else:
            assert slope == pytest.approx(
                (1 - miss) * math.exp(-x * x / 2 - hit) / math.sqrt(2 * math.pi), rel=1e-10, abs=1e-280
            )
            assert wrong == pytest.approx(miss * math.exp(log_ndtr(-x) - hit), rel=1e-12, abs=1e-300)


def swept(instance, messages, field, threshold=0.0, miss=0.0, damping=0.3):
    """One compiled sweep of copies: messages, sums, squares of changes."""
    real = instance.kind == "gaussian"
    entries = instance.patterns.astype(messages.dtype) if real else instance.patterns
    largest = np.abs(instance.patterns).max(axis=1).astype(np.float64)
    new, total, change = messages.copy(), np.empty(instance.n), np.empty(instance.n)
    bounds = np.abs(messages).max(axis=1).astype(np.float64)
    gaussian_sweep(entries, largest, new, bounds, field, total, change, threshold, miss, damping, real)
    assert (np.abs(new).max(axis=1) <= bounds + 1e-5).all()
    return new, total, change


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["binary", "gaussian"])
@pytest.mark.parametrize("variance", [1.2, VARIANCE_9, VARIANCE_5, VARIANCE_9_DOUBLE, 480.0])
def test_every_form_of_a_sweep(variance, kind, dtype, seed):
    """Direct formulas in double precision to 5e-6 of the largest message (single) and 2e-12 (double).

    `variance` of the stabilities is just above each bound at which the form of the messages changes.
    """
    n, rng = 501, np.random.default_rng(seed)
    instance = random_patterns(n, p=40, seed=seed, kind=kind)
    size = np.arccosh(math.sqrt(n / (1.02 * variance))) if variance < n / 1.02 else 0.0
    field = size * rng.choice([-1.0, 1.0], n)
    messages = (rng.normal(size=(40, n)) * 0.02).astype(dtype)
    for threshold, miss in ((0.0, 0.0), (11.0, 0.0), (0.0, 0.1)):
        plain = plain_sweep(instance.patterns, messages, field, threshold, miss, 0.3)
        new, total, change = swept(instance, messages, field, threshold, miss)
        bound = 5e-6 if dtype == np.float32 else 2e-12
        assert np.abs(new - plain).max() < bound * np.abs(plain).max()
        np.testing.assert_allclose(total, plain.sum(axis=0), atol=40 * bound * np.abs(plain).max())
        expected = ((plain - messages) ** 2).sum(axis=0) / 0.7**2
        np.testing.assert_allclose(change, expected, rtol=1e-3, atol=1e-9)


def test_strong_and_saturated_fields_in_single_precision(seed):
    """Fields up to 40 and messages up to 30: the cavity field H - f, not its rounded tanh, decides."""
    instance, rng = random_patterns(201, p=9, seed=seed), np.random.default_rng(seed)
    messages = rng.normal(size=(9, 201)).astype(np.float32) * np.array([0.1, 0.5, 1, 3, 10, 0.3, 0.2, 0.1, 0.01])[
        :, None
    ].astype(np.float32)
    field = messages.sum(axis=0, dtype=np.float64) + rng.choice([-40.0, 0.5, 8.0], 201)
    plain = plain_sweep(instance.patterns, messages, field, 0.0, 0.0, 0.0)
    new, _, _ = swept(instance, messages, field, damping=0.0)
    np.testing.assert_allclose(new, plain, rtol=1e-4, atol=1e-6)


def test_max_sum_messages_are_maxima_over_all_weights(seed):
    """A hundred random patterns of nine weights, any number of flips asked for: exact to rounding."""
    rng = np.random.default_rng(seed)
    for least in (-3, 1, 3, 5, 7) * 20:
        entries = rng.choice(np.array([-1, 1], np.int8), (1, 9))
        field, messages, total = rng.normal(size=9), np.zeros((1, 9)), np.zeros(9)
        max_sum_sweep(entries, messages, 0.5 * field, total, least, 0.0, 2.0)
        np.testing.assert_allclose(messages[0], max_sum_messages(entries[0].astype(int), field, least), atol=1e-12)
        np.testing.assert_array_equal(messages[0], total)


@pytest.mark.parametrize("gamma", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("y", [1, 2, 3, 5])
def test_field_of_the_centre_is_that_of_traced_replicas(gamma, y):
    """Enumeration of the centre and y - 1 replicas of one weight, to 1e-12."""
    for field in (-2.0, -0.3, 0.0, 0.7, 4.0):
        found = centre_field(np.array([field]), gamma, y)[0]
        assert found == pytest.approx(coupled_message(gamma, y, field), abs=1e-12)


def test_field_of_the_centre_at_its_limits():
    fields = np.array([-50.0, -1.0, 0.0, 1e-3, 2.0, 400.0])
    np.testing.assert_allclose(centre_field(fields, INF, 3.0), 2.0 * fields)
    np.testing.assert_allclose(centre_field(fields, 40.0, 1.5), 0.5 * np.clip(fields, -40, 40), atol=0.5)
    np.testing.assert_allclose(centre_field(fields, 1.5, INF), 1.5 * np.sign(fields))
    np.testing.assert_allclose(
        np.tanh(through_coupling(0.8, fields)), math.tanh(0.8) * np.tanh(fields), rtol=1e-13, atol=1e-15
    )
    assert (centre_field(fields, 0.0, 7.0) == 0.0).all()


def test_protocols_follow_their_definitions():
    for x in (0.25, 0.5):
        for (gamma, y), k in zip(PseudoReinforcement(0.1, x).steps(), range(1, 10), strict=False):
            rho = 0.1 * (k - 1)
            assert (y - 1) * math.tanh(gamma) ** 2 == pytest.approx(rho / (1 - rho), rel=1e-10)
    assert list(PseudoReinforcement(0.25, 0.0).steps()) == list(StandardReinforcement(0.25).steps())
    assert list(StandardReinforcement(0.25).steps()) == [(INF, 1.0), (INF, 1 / 0.75), (INF, 2.0), (INF, 4.0)]
    assert list(Scoping([0.1, INF], 7).steps()) == [(0.1, 7.0), (INF, 7.0)]
    assert list(FreeScoping([(0.1, 2), (3, INF)]).steps()) == [(0.1, 2.0), (3.0, INF)]


@pytest.mark.parametrize("method", ["gaussian", "tap"])
def test_reinforcement_is_focusing_with_infinite_coupling(method, seed):
    """At fixed r < 1 both settle at the same fields; at another r they do not."""
    instance, r = random_patterns(501, p=300, seed=seed), 0.1

    def focused(y):
        return focusing_bp(instance, protocol=FreeScoping([(INF, y)] * 300), method=method, seed=seed).field

    reinforced = reinforced_bp(
        instance, seed=seed, step=0.5, largest=r, max_sweeps=300, method=method, damping=0.3
    )  # fmt: skip
    assert reinforced.errors > 0
    np.testing.assert_allclose(reinforced.field, focused(1 / (1 - r)), rtol=1e-3, atol=1e-3)
    assert np.abs(reinforced.field - focused(1 / (0.95 - r))).max() > 0.01
