"""Local entropy by belief propagation, against enumeration, binomial coefficients and the scan over gamma."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from perceptron import (
    BinaryPerceptron,
    SymmetricPerceptron,
    enumerate_configurations,
    planted_patterns,
    random_patterns,
)
from perceptron.local_entropy import bethe, enumeration
from perceptron.message_passing import focusing_bp, local_entropy_bp

LIMIT = 4.9


def solved(n, p, seed):
    """An instance and one of its solutions, a function of the seed."""
    while True:
        patterns = random_patterns(n, p=p, seed=seed)
        solutions = enumerate_configurations(patterns, histogram=False, threads=1).solutions
        if len(solutions):
            return patterns, solutions[seed % len(solutions)]
        seed += 1000


def test_a_pattern_that_cannot_be_wrong_leaves_binomial_coefficients(seed):
    n, flips = 401, np.array([4, 20, 60, 200, 300])
    curve = bethe(random_patterns(n, p=1, seed=seed), np.ones(n, np.int8), flips / n, margin=-math.sqrt(n))
    exact = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in flips]) / n
    # Stirling's next term, 1 / (12 k), is left; and some per cent of the variance, half of which enters.
    assert (np.abs(curve.value - exact) < (1 / (12 * flips) + 0.06) / n).all()
    # Negative control: the canonical value is off by (1/2) ln(2 pi Var k), which is of that order times ten and more.
    assert (np.abs(curve.more["canonical"][1] - exact) > 3 * (1 / (12 * flips) + 0.06) / n).all()


@pytest.mark.parametrize(("n", "p", "beta"), [(21, 6, math.inf), (21, 6, 1.0), (23, 7, math.inf)])
def test_mean_over_instances_is_the_enumerated_one(n, p, beta, seed):
    """Within .01 for the mean over instances, and z-scores as the error bars say."""
    flips = np.arange(2, 10)
    gaps, scores = [], []
    for number in range(16):
        patterns, reference = solved(n, p, seed + number)
        exact = enumeration(patterns, reference, flips / n, beta=beta)
        found = bethe(patterns, reference, flips / n, beta=beta)
        there = np.isfinite(exact.value)
        gaps.append(np.where(there, found.value - np.where(there, exact.value, 0.0), np.nan))
        scores.append(found.z_scores(exact.value)[there])
    mean = np.nanmean(gaps, axis=0)
    few = np.nanstd(gaps, axis=0) / math.sqrt(len(gaps))
    assert (np.abs(mean) < 0.015 + 3 * few).all()
    spread = np.sqrt(np.mean(np.concatenate(scores) ** 2))
    assert 0.2 < spread < 1.8
    assert np.abs(np.concatenate(scores)).max() < LIMIT


@pytest.mark.parametrize("p", [11, 15])
def test_error_bars_hold_at_many_patterns(p, seed):
    """Where there are configurations at all: means over instances would be of those with more than is usual."""
    n, flips = 21, np.arange(1, 10)
    scores = []
    for number in range(16):
        patterns, reference = solved(n, p, seed + number)
        exact = enumeration(patterns, reference, flips / n).value
        found = bethe(patterns, reference, flips / n)
        there = np.isfinite(exact) & np.isfinite(found.value)
        scores.append(found.z_scores(exact)[there])
    every = np.concatenate(scores)
    assert every.size > 30
    assert 0.2 < np.sqrt(np.mean(every**2)) < 1.0
    assert np.abs(every).max() < LIMIT


def test_multiplier_is_the_field_of_the_scan_over_gamma(seed):
    patterns = random_patterns(201, p=80, seed=seed)
    reference = focusing_bp(patterns, seed=seed).weights
    curve = bethe(patterns, reference, [0.05, 0.1, 0.2], tolerance=1e-9)
    scan = local_entropy_bp(patterns, reference, curve.gamma, tolerance=1e-9)
    np.testing.assert_allclose(scan.distance, curve.scale, atol=1e-7)
    np.testing.assert_allclose(scan.entropy, curve.more["canonical"][1], atol=1e-7)


def test_no_value_is_above_the_number_of_configurations(seed):
    n = 301
    patterns = random_patterns(n, p=90, seed=seed)
    flips = np.array([3, 15, 30, 90])
    curve = bethe(patterns, focusing_bp(patterns, seed=seed).weights, flips / n)
    bound = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in flips]) / n
    assert curve.converged
    assert (curve.value < bound).all()
    assert (curve.value > 0).all()


def test_ends_are_one_configuration(seed):
    patterns = planted_patterns(101, p=30, seed=seed)
    curve = bethe(patterns, patterns.teacher, [0.0, 0.1, 1.0])
    np.testing.assert_array_equal(curve.value[[0, 2]], [0.0, -math.inf])
    np.testing.assert_array_equal(curve.error[[0, 2]], 0.0)
    warm = bethe(patterns, patterns.teacher, 1.0, beta=0.5)
    assert warm.value[0] == -0.5 * 30 / 101


def test_what_did_not_converge_is_said(seed):
    patterns = random_patterns(201, p=80, seed=seed)
    reference = focusing_bp(patterns, seed=seed).weights
    short = bethe(patterns, reference, [0.1], max_sweeps=2)
    assert "distance 0.0995: belief propagation did not converge" in short.warnings[0]
    whole = bethe(patterns, reference, [0.1])
    assert whole.converged
    assert short.error[0] > whole.error[0]
    assert "below 0" in bethe(patterns, reference, [0.99]).warnings[-1]


def test_where_the_entropy_is_convex_is_said(seed):
    """Around a planted, isolated solution gamma = (1/2) dS/dd rises with d first, and falls farther out."""
    patterns = planted_patterns(1001, p=700, seed=seed)
    flips = np.array([1, 2, 5, 50, 100, 200])
    curve = bethe(patterns, patterns.teacher, flips / 1001)
    rises = np.diff(curve.gamma) > 0
    np.testing.assert_array_equal(rises, [True, True, False, False, False])
    said = [text for text in curve.warnings if "not concave" in text]
    assert len(said) == 1
    assert "0.000999, 0.001998, 0.004995:" in said[0]
    # Negative control: where gamma falls nothing is said.
    assert not any("not concave" in text for text in bethe(patterns, patterns.teacher, flips[3:] / 1001).warnings)


def test_bars_beyond_the_calibration_are_called_extrapolated(seed):
    for p, beyond in ((80, False), (90, True)):
        patterns = planted_patterns(101, p=p, seed=seed)
        for systematic, said in ((3.0, beyond), (5.0, False)):
            curve = bethe(patterns, patterns.teacher, 30 / 101, systematic=systematic)
            assert any("extrapolation" in text for text in curve.warnings) == said


def test_models_it_does_not_know_are_refused(seed):
    patterns = planted_patterns(51, p=10, seed=seed)
    with pytest.raises(LandscapeError, match="symmetric"):
        bethe(SymmetricPerceptron(patterns, 3.0), patterns.teacher, 0.2)
    with pytest.raises(LandscapeError, match="hinge"):
        bethe(BinaryPerceptron(patterns, "hinge"), patterns.teacher, 0.2, beta=1.0)
    same = bethe(BinaryPerceptron(patterns, "hinge"), patterns.teacher, 10 / 51).value
    np.testing.assert_array_equal(same, bethe(patterns, patterns.teacher, 10 / 51).value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": np.ones(50)}, "reference"),
        ({"distance": 0.123}, "distance"),
        ({"method": "magic"}, "method"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"max_sweeps": 0}, "max_sweeps"),
        ({"systematic": -1.0}, "systematic"),
        ({"beta": 0.0}, "beta"),
    ],
)
def test_bad_arguments_are_named(change, said, seed):
    patterns = planted_patterns(51, p=10, seed=seed)
    given = {"model_or_patterns": patterns, "reference": patterns.teacher, "distance": 10 / 51}
    with pytest.raises(ArgumentError, match=said):
        bethe(**(given | change))
