"""Lines in 1/n, and the arrays that results are put into."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from runs.experiments.finite_size import extrapolate
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error

SIZES = np.array([51, 101, 201, 401])


def test_a_line_is_found_and_holes_are_left_out():
    values = 0.25 - 3.0 / SIZES
    line = extrapolate(SIZES, values, [0.1, 0.02, 0.3, 0.01])
    assert (line.limit, line.slope) == (pytest.approx(0.25), pytest.approx(-3.0))
    assert line.chi2 == pytest.approx(0.0, abs=1e-20)
    assert line.freedom == 2
    holes = extrapolate(SIZES, [values[0], np.nan, values[2], np.nan], [0.1, np.nan, 0.1, np.nan])
    assert (holes.limit, holes.freedom) == (pytest.approx(0.25), 0)
    assert extrapolate(SIZES, [np.nan, np.nan, 1.0, np.nan], np.ones(4)) is None


def test_errors_are_those_of_many_repetitions(seed):
    errors = np.array([0.03, 0.01, 0.02, 0.01])
    rng = np.random.default_rng(seed)
    lines = [extrapolate(SIZES, 0.25 - 3.0 / SIZES + errors * rng.standard_normal(4), errors) for _ in range(400)]
    z = np.array([(line.limit - 0.25) / line.limit_error for line in lines])
    slopes = np.array([(line.slope + 3.0) / line.slope_error for line in lines])
    chi2 = np.array([line.chi2 for line in lines])
    for scores in (z, slopes):
        assert abs(scores.mean()) * 20.0 < 4.9
        assert abs((scores**2).mean() - 1.0) < 4.9 * np.sqrt(2.0 / 400.0)
    # Two degrees of freedom: mean 2, variance 4.
    assert abs(chi2.mean() - 2.0) < 4.9 * 0.1
    # Control: a curve is no line.
    curved = extrapolate(SIZES, 0.25 + 500.0 / SIZES**2, 0.005 * np.ones(4))
    assert curved.chi2 > 20.0


def test_an_error_of_zero_is_refused():
    with pytest.raises(ArgumentError, match="errors: got 0"):
        extrapolate(SIZES, np.ones(4), [1.0, 1.0, 0.0, 1.0])


def test_results_are_holes_until_filled_and_errors_share_their_label():
    quantities = {"a": Quantity("first"), "b": Quantity("second", "nats", ("beta",)), "c": Quantity("never")}
    grid = ResultGrid({"n": 2, "alpha": 3}, {"beta": 4}, quantities)
    grid.put("b", (1, 2), np.arange(4.0), np.ones(4))
    grid.put("a", (0, 0), 7.0)
    results = grid.dataset({}, {"kind": "test"})
    assert list(results.data_vars) == ["a", "b", "b_error"]
    assert results["b"].dims == ("n", "alpha", "beta")
    assert np.isfinite(results["b"]).sum() == 4
    assert results["b_error"].attrs == {"long_name": "one standard error of: second", "units": "nats"}


def test_a_mean_of_one_has_no_error():
    mean, error = mean_and_error(np.array([[1.0, 2.0], [3.0, 2.0]]))
    np.testing.assert_allclose((mean, error), ([2.0, 2.0], [1.0, 0.0]))
    assert np.isnan(mean_and_error(np.ones((1, 2)))[1]).all()
    assert np.isnan(mean_and_error(np.ones((0, 2)))[0]).all()
