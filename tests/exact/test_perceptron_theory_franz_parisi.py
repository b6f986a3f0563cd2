"""Solutions around a typical one: the formula itself by plain triple sums, limits, known values, bad input."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_ndtr

from mcmc.errors import ArgumentError
from perceptron import theory
from perceptron.theory.franz_parisi_averages import Overlaps, Reference, Sites, pattern_averages, row_rules

WORKED_OUT = {
    0.10331: 0.16934,
    0.05381: 0.09382,
    0.02231: 0.03311,
    0.00881: 0.00427,
    0.00656: -0.00033,
    0.00431: -0.00451,
}


def literal(alpha, kappa, reference, overlap, unknowns):
    """s(S) term by term as it is printed (arXiv:2309.09240), patterns by a triple sum over z0, e > u0 and z1."""
    Q, Q_hat = reference
    q, t, q_hat, t_hat, S_hat = unknowns
    step = 0.15
    z = np.arange(-8.5, 8.5, step)
    weight = step * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    total = -0.5 * q_hat * (1.0 - q) - S_hat * overlap + t * t_hat
    own = math.sqrt(q_hat - t_hat**2 / Q_hat)
    for w in (1.0, -1.0):
        chance = np.exp(w * math.sqrt(Q_hat) * z) / (2.0 * np.cosh(math.sqrt(Q_hat) * z))
        h = t_hat / math.sqrt(Q_hat) * z[:, None] + own * z + (S_hat - t_hat) * w
        total += (weight * chance) @ np.logaddexp(h, -h) @ weight
    a, b = t / math.sqrt(Q), (overlap - t) / math.sqrt(1.0 - Q)
    c = math.sqrt(q - a * a - b * b)
    node, node_weight = np.polynomial.legendre.leggauss(90)
    for z0, outer in zip(z, weight, strict=True):
        u0 = (kappa - math.sqrt(Q) * z0) / math.sqrt(1.0 - Q)
        half = 0.5 * (max(u0 + 2.0, 8.5) - u0)
        e = u0 + half * (1.0 + node)
        inner = half * node_weight * np.exp(-0.5 * e * e - log_ndtr(-u0)) / math.sqrt(2.0 * math.pi)
        x = (kappa - a * z0 - b * e[:, None] - c * z) / math.sqrt(1.0 - q)
        total += alpha * outer * (inner @ log_ndtr(-x) @ weight)
    return total


@pytest.mark.parametrize(("alpha", "distance", "kappa"), [(0.5, 0.10331, 0.0), (0.5, 0.45, 0.0), (0.3, 0.2, 0.4)])
def test_the_curve_is_the_stationary_value_of_the_formula(alpha, distance, kappa):
    found = theory.franz_parisi(alpha, distance, kappa)
    typical = theory.replica_symmetric(alpha, kappa)
    reference = float(typical.overlap), float(typical.conjugate)
    unknowns = np.array([found.overlap_between, found.overlap_typical, *found.conjugates])

    def at(values):
        return literal(alpha, kappa, reference, 1.0 - 2.0 * distance, values)

    assert_allclose(at(unknowns), found.entropy, atol=1e-9)
    for k in range(5):
        shift = 1e-3 * unknowns[k] * np.eye(5)[k]
        up, down = at(unknowns + shift), at(unknowns - shift)
        curved = abs(up + down - 2.0 * found.entropy)
        assert curved > 1e-9
        assert abs(up - down) < 0.05 * curved + 1e-10


def test_the_curve_at_half_load_has_the_known_signs_and_coarse_values():
    """Worked out once on coarser grids, to about 6e-4; the literal formula above decides the digits."""
    curve = theory.franz_parisi_curve(0.5, WORKED_OUT)
    assert_allclose([point.entropy for point in curve], list(WORKED_OUT.values()), atol=1e-3)
    signs = [point.entropy > 0.0 for point in curve]
    assert signs == [True, True, True, True, False, False]


@pytest.mark.parametrize(("alpha", "kappa"), [(0.5, 0.0), (0.3, 0.5), (1.0, -0.5)])
def test_at_typical_distance_it_is_replica_symmetric_and_greatest(alpha, kappa):
    typical = theory.replica_symmetric(alpha, kappa)
    exact = theory.franz_parisi(alpha, overlap=float(typical.overlap), kappa=kappa)
    assert_allclose(exact.entropy, typical.entropy, atol=1e-12)
    distance = exact.distance
    curve = theory.franz_parisi_curve(
        alpha, [distance - 2e-3, distance - 1e-3, distance + 1e-3, distance + 2e-3], kappa
    )
    below = np.array([typical.entropy - point.entropy for point in curve])
    assert np.all(below > 0.0)
    assert_allclose(below[[0, 3]] / below[[1, 2]], 4.0, rtol=0.02)
    for point, side in zip(curve, (1.0, 1.0, -1.0, -1.0), strict=True):
        assert point.slope * side > 0.0
        assert_allclose(point.overlap_between, typical.overlap, atol=0.01)


@pytest.mark.parametrize(
    ("alpha", "distance", "kappa"), [(0.5, 0.006, 0.0), (0.5, 0.15, 0.0), (0.7, 0.4, 0.0), (0.2, 0.1, 0.5)]
)
def test_slopes_are_derivatives_of_the_entropy(alpha, distance, kappa):
    h = 5e-3 * distance
    far, near, middle, after, beyond = theory.franz_parisi_curve(
        alpha, [distance + k * h for k in (-2, -1, 0, 1, 2)], kappa
    )
    slope = (8.0 * (after.entropy - near.entropy) - beyond.entropy + far.entropy) / (12.0 * h)
    assert_allclose(middle.slope, slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("distance", [0.001, 0.1, 0.5, 0.8])
def test_without_patterns_it_is_the_binary_entropy(distance):
    found = theory.franz_parisi(0.0, distance)
    assert_allclose(found.entropy, theory.binary_entropy(distance), atol=1e-15)
    assert_allclose(found.slope, math.log((1.0 - distance) / distance), atol=1e-12)


@pytest.mark.parametrize("distance", [0.01, 0.1, 0.3, 0.6])
def test_few_patterns_thin_out_solutions_independently(distance):
    """To first order in alpha solutions spread freely around S times the reference, of field e > 0 in every pattern."""
    overlap = 1.0 - 2.0 * distance
    e = np.arange(5e-4, 9.0, 1e-3)
    shared = (
        2e-3 * np.exp(-0.5 * e * e) / math.sqrt(2.0 * math.pi) @ log_ndtr(overlap * e / math.sqrt(1.0 - overlap**2))
    )

    def beyond(alpha):
        found = theory.franz_parisi(alpha, distance).entropy
        return (found - theory.binary_entropy(distance) - alpha * shared) / alpha

    assert abs(beyond(1e-3)) < 0.01 * abs(shared)
    assert_allclose(beyond(2e-3) / beyond(1e-3), 2.0, atol=0.02)


@pytest.mark.parametrize(("alpha", "isolated"), [(0.0, False), (0.3, True), (0.5, True)])
def test_typical_solutions_are_isolated(alpha, isolated):
    assert bool(theory.franz_parisi(alpha, 9e-4).entropy < 0.0) is isolated


def test_a_curve_keeps_the_order_asked_for_and_agrees_with_single_values():
    distances = [0.4, 0.05, 0.33, 0.2, 0.05]
    curve = theory.franz_parisi_curve(0.5, distances)
    assert [point.distance for point in curve] == distances
    for distance, point in zip(distances, curve, strict=True):
        assert_allclose(theory.franz_parisi(0.5, distance).entropy, point.entropy, atol=1e-12)


@pytest.mark.parametrize("distance", [0.003, 0.08, 0.5])
def test_stated_errors_hold_on_finer_rules(distance):
    found = theory.franz_parisi(0.5, distance)
    numbers = (found.entropy, found.slope, found.overlap_between, found.overlap_typical, *found.conjugates)
    assert all(0.0 < number.error < 1e-8 for number in numbers)
    assert found.residual < 1e-9
    typical = theory.replica_symmetric(0.5)
    reference = Reference(0.5, 0.0, float(typical.overlap), float(typical.conjugate))
    overlaps = Overlaps(found.overlap, float(found.overlap_typical), float(found.overlap_between))
    fine = pattern_averages(reference, overlaps, level=4)
    q_hat, t_hat, s_hat = found.conjugates
    assert_allclose(0.5 * fine.between, q_hat, atol=10.0 * q_hat.error)
    assert_allclose(0.5 * fine.typical, t_hat, atol=10.0 * t_hat.error)
    sites = Sites(reference.conjugate, 0.5 * fine.between, 0.5 * fine.typical, level=4).at(s_hat - t_hat)
    assert_allclose(sites.reference, found.overlap, atol=10.0 * s_hat.error)
    assert_allclose(sites.between, found.overlap_between, atol=10.0 * found.overlap_between.error)


def test_row_rules_integrate_steps_that_move_from_row_to_row():
    centre, width = np.array([-3.0, 0.2, 4.0, 30.0]), 1e-3
    z, weight = row_rules([(centre, width)], level=0)
    step = np.exp(log_ndtr((z - centre[:, None]) / width))
    expected = np.exp(log_ndtr(-centre / math.hypot(1.0, width)))
    assert_allclose(np.sum(weight * step, axis=1), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((-0.1, 0.1), "alpha"),
        ((math.nan, 0.1), "alpha"),
        ((0.5, 0.0), "distance"),
        ((0.5, 1.0), "distance"),
        ((0.5, math.nan), "distance"),
        ((0.5, 0.1, math.inf), "kappa"),
        ((0.5,), "distance"),
    ],
)
def test_bad_input_is_named(arguments, named):
    with pytest.raises(ArgumentError, match=rf"^{named}: got .*needed"):
        theory.franz_parisi(*arguments)


def test_distance_and_overlap_are_two_names_of_one_thing():
    assert theory.franz_parisi(0.5, overlap=0.8).entropy == theory.franz_parisi(0.5, 0.1).entropy
    with pytest.raises(ArgumentError, match="exactly one"):
        theory.franz_parisi(0.5, 0.1, overlap=0.8)
    with pytest.raises(ArgumentError, match=r"^overlap: got"):
        theory.franz_parisi(0.5, overlap=math.nan)


def test_no_solution_is_said():
    with pytest.raises(theory.NoSolution, match=r"the curve was lost at distance 0\.0005"):
        theory.franz_parisi(0.5, 0.0002)
    with pytest.raises(theory.NoSolution, match="replica_symmetric"):
        theory.franz_parisi(1.5, 0.1)
