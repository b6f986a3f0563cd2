"""What the statistics refuse, what they import, and their exact values on series that can be counted by hand."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mcmc.errors import ArgumentError, ConvergenceWarning
from mcmc.statistics.autocorrelation import autocovariance, integrated_time
from mcmc.statistics.binning import automatic_length, bin_length, bin_series, binning_error
from mcmc.statistics.convergence import ess, r_hat
from mcmc.statistics.disorder import disorder_average
from mcmc.statistics.jackknife import jackknife, jackknife_covariance, replicates
from mcmc.statistics.reweighting import MultiHistogram
from mcmc.statistics.series import as_series

GOOD = np.random.default_rng(1).normal(size=(2, 64))


def with_value(value):
    bad = GOOD.copy()
    bad[1, 5] = value
    return bad


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: as_series(np.zeros(5)), "series: got shape (5,); (chains, draws, ...) is needed"),
        (lambda: as_series(np.zeros((0, 5))), "got 0 chains of 5 draws"),
        (lambda: as_series([[1.0, 2.0], [1.0]]), "rows differ in length"),
        (lambda: as_series(np.array([["a"]])), "real numbers are needed"),
        (lambda: as_series(np.zeros((2, 2), complex)), "got values of type complex128"),
        (lambda: integrated_time(with_value(np.nan), name="energy"), "energy: got nan at chain 1, draw 5"),
        (lambda: r_hat(with_value(np.inf)), "got inf at chain 1, draw 5"),
        (lambda: integrated_time(GOOD[:, :3]), "at least 1 chain of 4 draws"),
        (lambda: integrated_time(GOOD, c=0), "c: got 0"),
        (lambda: integrated_time(GOOD, thin=0), "thin: got 0"),
        (lambda: ess(GOOD[:, :7]), "at least 1 chain of 8 draws"),
        (lambda: bin_series(GOOD), "give one of them"),
        (lambda: bin_series(GOOD, 4, length=2), "give one of them"),
        (lambda: bin_series(GOOD, 65), "bins: got 65 for chains of 64 draws; at most 64"),
        (lambda: bin_series(GOOD, 2.5), "bins: got 2.5; an integer of at least 1"),
        (lambda: bin_series(GOOD, length=65), "length: got 65"),
        (lambda: bin_length(np.nan, 100), "tau_int: got nan"),
        (lambda: binning_error(GOOD[:, :8]), "got 16 draws in all; at least 32"),
        (lambda: jackknife(np.exp, GOOD[:1], bins=1), "got 1 bin in all chains together"),
        (lambda: jackknife(np.add, []), "series: got none"),
        (lambda: jackknife(np.add, [GOOD, GOOD[:, 1:]]), "series 1: got (chains, draws) = (2, 63)"),
        (lambda: jackknife(np.sum, GOOD[..., None], vectorized=True), "or vectorized=False"),
        (lambda: disorder_average([1.0]), "at least 2 instances"),
        (lambda: disorder_average([1.0, np.nan]), "got nan for instance 1"),
        (lambda: disorder_average([1.0, 2.0], [0.1]), "errors: got shape (1,)"),
        (lambda: MultiHistogram(GOOD, [1.0, 2.0]), "energies: got 1 series of shape (2, 64); one of shape"),
        (lambda: MultiHistogram([GOOD, GOOD], [1.0, 1.0]), "betas: a value occurs twice"),
        (lambda: MultiHistogram([GOOD, GOOD[:1]], [1.0, 1.1]), "the number of chains differs"),
        (lambda: MultiHistogram(GOOD, [np.inf]), "finite inverse temperatures"),
        (lambda: MultiHistogram(GOOD[:1], [1.0], blocks=1), "blocks: got 1 in all chains"),
        (lambda: MultiHistogram([GOOD, GOOD + 900], [1.0, 0.5]), "0.5 and 1 overlap by"),
        (lambda: MultiHistogram(GOOD, [1.0]).energy([np.nan]), "betas: got [nan]"),
        (lambda: MultiHistogram(GOOD, [1.0]).expectation(GOOD[:, 1:], 1.0), "observable: got shape (2, 63)"),
        (lambda: MultiHistogram(GOOD, [1.0]).evaluate(np.add, {}, 1.0), "observables: got none"),
    ],
)
def test_bad_input_is_named_in_one_line(call, words):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_short_chain_names_its_number_and_the_sweeps_to_run():
    walk = np.cumsum(np.random.default_rng(2).normal(size=(2, 200, 3)), axis=1)
    with pytest.warns(ConvergenceWarning) as caught:
        found = integrated_time(walk, thin=4, name="energy")
    needed = int(np.ceil(50 * found.tau_int.max()))
    message = str(caught[0].message)
    assert f"energy: chain of 200 draws is shorter than 50 tau_int = {needed} at index" in message
    assert f"run at least {4 * needed} sweeps" in message
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        integrated_time(walk, warn=False)
        integrated_time(np.random.default_rng(3).normal(size=(2, 2000)))


def test_autocovariance_is_that_of_the_definition():
    x = np.random.default_rng(4).normal(size=(3, 17, 2)).cumsum(axis=1).astype(np.float32)
    d = x.astype(np.float64) - x.mean(axis=(0, 1), dtype=np.float64)
    direct = [np.mean(d[:, t:] * d[:, : 17 - t], axis=(0, 1)) for t in range(17)]
    np.testing.assert_allclose(autocovariance(x), direct, atol=1e-12)


@pytest.mark.parametrize("function", [lambda x: integrated_time(x, warn=False).tau_int, r_hat, ess])
def test_trailing_dims_are_independent_series(function):
    x = np.random.default_rng(5).normal(size=(4, 200, 2, 3)).cumsum(axis=1)
    x[..., 0, 0] = 7.0
    each = [[function(x[..., i, j]) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(function(x), each, rtol=1e-12)


def test_constant_series_have_no_error_and_stuck_chains_do_not_agree():
    constant = np.full((4, 100), 0.1, dtype=np.float32)
    stuck = np.arange(4.0)[:, None] * np.ones((4, 100))
    assert tuple(integrated_time(constant))[:3] == (0.5, 0.0, 0)
    assert (r_hat(constant), ess(constant)) == (1.0, 400.0)
    assert jackknife(lambda m: m, constant).error == pytest.approx(0.0, abs=1e-15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert r_hat(stuck) == np.inf
        assert ess(stuck) < 8
    assert integrated_time(stuck, warn=False).tau_int > 20


def test_integers_and_truth_values_are_series():
    x = np.random.default_rng(13).normal(size=(4, 500)) > 0
    for function in (lambda s: integrated_time(s).tau_int, r_hat, ess, lambda s: jackknife(np.square, s).error):
        assert function(x) == function(x.astype(np.int8)) == function(x.astype(float))


def test_one_chain_is_judged_by_its_halves():
    x = np.random.default_rng(6).normal(size=(1, 1000))
    assert r_hat(x) < 1.02
    assert r_hat(x + np.linspace(0, 3, 1000)) > 1.1


def test_bins_leave_out_the_start():
    x = np.arange(22.0).reshape(2, 11)
    np.testing.assert_array_equal(bin_series(x, 3), [[3.0, 6.0, 9.0], [14.0, 17.0, 20.0]])
    np.testing.assert_array_equal(bin_series(x, length=5), [[3.0, 8.0], [14.0, 19.0]])
    large = np.full((1, 100_000), 0.1, dtype=np.float32)
    assert bin_series(large, 1)[0, 0] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("tau", [0.5, 3.0, 40.0, 5000.0])
@pytest.mark.parametrize(("draws", "chains"), [(1, 1), (3, 1), (1000, 1), (1000, 8), (100_000, 8), (50, 100)])
def test_bin_length_leaves_enough_bins_and_wastes_little(tau, draws, chains):
    length = bin_length(tau, draws, chains)
    bins = draws // length
    assert 1 <= length <= draws
    assert chains * bins >= min(32, chains * draws)
    assert draws - bins * length < bins
    assert bins * chains <= 2 * 512


def test_binning_error_starts_at_the_plain_error():
    x = np.random.default_rng(7).normal(size=(4, 100, 2))
    found = binning_error(x)
    np.testing.assert_array_equal(found.length, [1, 2, 4, 8])
    np.testing.assert_allclose(found.error[0], x.reshape(400, 2).std(axis=0, ddof=1) / 20, rtol=1e-12)
    assert found.uncertainty.shape == (4, 2)


def test_jackknife_of_a_mean_is_the_standard_error():
    x = np.random.default_rng(8).normal(size=(3, 40, 2)) + 1e6
    found = jackknife(lambda m: m, x, length=1)
    np.testing.assert_allclose(found.value, x.mean(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(found.error, x.reshape(120, 2).std(axis=0, ddof=1) / np.sqrt(120), rtol=1e-8)


def test_jackknife_takes_names_lists_datasets_and_both_ways_of_calling():
    x, y = np.random.default_rng(9).normal(size=(2, 4, 60, 5)) + 3.0
    names = jackknife(lambda a, b: a / b**2, {"a": x, "b": y}, bins=10)
    dims = ("draw", "chain", "temperature")
    dataset = xr.Dataset({"a": (dims, x.swapaxes(0, 1)), "b": (dims, y.swapaxes(0, 1))})
    for found in (
        jackknife(lambda a, b: a / b**2, [x, y], bins=10),
        jackknife(lambda a, b: a / b**2, {"b": y, "a": x}, length=6, vectorized=True),
        jackknife(lambda a, b: a / b**2, dataset, bins=10),
    ):
        np.testing.assert_allclose(found.value, names.value, rtol=1e-12)
        np.testing.assert_allclose(found.error, names.error, rtol=1e-12)
    again = jackknife(lambda a, b: a / b**2, [x, y], bins=3)
    assert not np.allclose(again.error, names.error, rtol=1e-3)
    np.testing.assert_allclose(again.value, names.value, rtol=1e-2)


def test_jackknife_covariance_holds_the_errors_and_the_correlation():
    x = np.random.default_rng(10).normal(size=(4, 50, 2))
    found = jackknife_covariance(lambda m: np.array([m[0], m[1], m[0] + m[1]]), x, bins=25)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), found.error, rtol=1e-12)
    np.testing.assert_allclose(found.covariance[2], found.covariance[0] + found.covariance[1], atol=1e-15)


def test_replicates_feed_functions_of_several_runs():
    x, y = np.random.default_rng(11).normal(size=(2, 4, 50))
    one, other = (replicates(lambda m: m, s, bins=5) for s in (x, y))
    assert one.left_out.shape == other.left_out.shape == (20,)
    assert one.estimate() == jackknife(lambda m: m, x, bins=5)


def test_automatic_length_serves_the_slowest_series():
    rng = np.random.default_rng(12)
    fast, slow = rng.normal(size=(4, 4000)), rng.normal(size=(4, 4000)).cumsum(axis=1)
    assert automatic_length(fast, slow) == automatic_length(slow) > automatic_length(fast)


def test_disorder_average_counts_instances():
    values = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [7.0, 5.0]])
    found = disorder_average(values, np.full((4, 2), 0.2))
    np.testing.assert_allclose(found.value, [4.0, 5.0])
    np.testing.assert_allclose(found.error, [np.sqrt(20 / 3) / 2, 0.0])
    np.testing.assert_allclose(found.sampling_error, [0.1, 0.1])
    assert found.instances == 4
    assert np.isnan(disorder_average(values).sampling_error).all()


def run_python(code):
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)


def test_heavy_libraries_are_imported_only_where_used():
    run_python(
        "import sys\n"
        "from mcmc.statistics import autocorrelation, convergence, derived, disorder, jackknife, reweighting\n"
        "heavy = {'scipy', 'pymbar', 'arviz_stats', 'xarray', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )


def test_pymbar_is_silent_and_leaves_numpys_generator_alone():
    done = run_python(
        "import numpy as np\n"
        "from mcmc.statistics.reweighting import MultiHistogram\n"
        "np.random.seed(3)\n"
        "before = np.random.get_state()[1].copy()\n"
        "e = np.random.default_rng(1).normal(size=(2, 400, 2))\n"
        "MultiHistogram(e, [1.0, 1.2]).energy(1.1)\n"
        "assert (np.random.get_state()[1] == before).all()"
    )
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize(("library", "home"), [("arviz_stats", "convergence.py"), ("pymbar", "reweighting.py")])
def test_a_moving_library_has_one_home(library, home):
    root = Path(__file__).parents[2]
    lines = (f"import {library}", f"from {library}")
    users = {
        path.name
        for package in ("mcmc", "perceptron", "runs")
        for path in (root / package).rglob("*.py")
        if any(line.strip().startswith(lines) for line in path.read_text().splitlines())
    }
    assert users == {home}
