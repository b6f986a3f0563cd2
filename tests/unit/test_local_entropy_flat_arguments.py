"""What a flat histogram refuses, what it says when it has not converged, and the hull below which no field reaches."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.local_entropy import flat_histogram
from mcmc.local_entropy.flat_checks import flatness
from mcmc.local_entropy.flat_estimates import FlatSeries, below_hull, counted
from perceptron import BinaryPerceptron, random_patterns

N = 13
MODEL = BinaryPerceptron(random_patterns(N, p=5, seed=4))
REFERENCE = np.ones(N, np.int8)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"beta": -1.0}, "beta: got -1.0"),
        ({"within": (0.1, 0.3)}, "within: got"),
        ({"within": 0.3}, "within: got 0.3; a pair"),
        ({"within": (0, 0.01)}, "within: got"),
        ({"within": (0, 0.2), "distance": [5 / N]}, "outside of within"),
        ({"distance": [0.1]}, "whole multiples of 1/13"),
        ({"betas": [1.0, 0.5]}, "of which the largest is beta = 0.7"),
        ({"betas": "many"}, "betas: got 'many'"),
        ({"chains": 0}, "chains: got 0"),
        ({"sweeps": 1.5}, "sweeps: got 1.5"),
        ({"learning": -3}, "learning: got -3"),
    ],
)
def test_bad_arguments_are_named(given, said):
    with pytest.raises(ArgumentError, match=said):
        flat_histogram(MODEL, REFERENCE, **{"beta": 0.7, **given})


def test_solutions_are_asked_of_a_solution_only():
    model = BinaryPerceptron(random_patterns(N, p=30, seed=4))
    with pytest.raises(ArgumentError, match="reference: its energy is"):
        flat_histogram(model, REFERENCE)


def test_a_short_run_says_by_how_much_it_is_short(seed):
    patterns = random_patterns(201, p=60, seed=seed)
    curve = flat_histogram(BinaryPerceptron(patterns), np.ones(201, np.int8), beta=1.0, sweeps=16, seed=seed)
    assert not curve.converged
    assert any("journeys from one end" in text for text in curve.warnings)


def test_the_same_seed_gives_the_same_curve_and_points_come_as_asked(seed):
    distance = [3 / N, 1 / N, 0.0]
    one, two = (flat_histogram(MODEL, REFERENCE, distance, beta=0.7, sweeps=400, seed=seed) for _ in range(2))
    assert np.array_equal(one.value, two.value)
    assert np.array_equal(one.error, two.error)
    assert np.allclose(one.scale, distance)
    energy = MODEL.energy(MODEL.state_from(REFERENCE))[0]
    assert one.value[2] == pytest.approx(-0.7 * energy / N)
    assert one.error[2] == 0
    assert one.to_xarray()["below_hull"].dims == ("distance",)


def test_independent_visits_have_the_error_of_counting(seed):
    rng = np.random.default_rng(seed)
    shares, draws, chains, blocks = np.array([0.1, 0.3, 0.6]), 400, 4, 500
    visits = rng.multinomial(draws, shares, size=(chains, blocks)).astype(np.int64)
    found = counted(FlatSeries(visits, np.array([0.0, 1.0, 2.0]), np.array([-0.5]), np.zeros(1)))
    exact = np.log(shares / shares[0]) - np.arange(3) - 0.5
    error = np.sqrt((1 / shares + 1 / shares[0]) / (draws * chains * blocks))
    assert np.allclose(found.error[1:], error[1:], rtol=0.25)
    assert (np.abs(found.log_count - exact)[1:] < 4.9 * error[1:]).all()
    assert found.log_count[0] == -0.5


def test_what_was_not_met_has_no_value():
    visits = np.array([[[3, 0, 2], [1, 0, 4], [2, 0, 2], [2, 0, 3]]])
    found = counted(FlatSeries(visits, np.zeros(3), np.zeros(1), np.zeros(1)))
    assert np.isnan(found.log_count[1])
    assert np.isnan(found.error[1])
    assert np.isfinite(found.log_count[[0, 2]]).all()
    assert flatness(visits.sum(axis=(0, 1))) == pytest.approx(8 / 9.5)


def test_the_hull_passes_over_a_dip_and_over_what_is_not_known():
    values = np.array([0.0, 1.0, -2.0, np.nan, 4.0, 3.0, -np.inf])
    assert np.allclose(below_hull(values), [0.0, 0.0, 4.0, np.nan, 0.0, 0.0, np.inf], equal_nan=True)
    assert np.allclose(below_hull(-(np.arange(9.0) ** 2)), 0.0)
    assert math.isnan(below_hull(np.array([np.nan]))[0])
