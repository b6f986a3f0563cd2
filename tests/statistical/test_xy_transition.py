"""T_BKT and T_c: the analysis against data it must understand exactly, then against the models."""

import warnings

import numpy as np
import pytest

from mcmc.errors import ConvergenceWarning
from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.xy import XYModel, theory
from mcmc.samplers import Metropolis, Tempering, sample
from mcmc.statistics.jackknife import replicates
from runs.experiments import xy_quantities as physics
from runs.experiments.xy_analysis import analyse
from runs.experiments.xy_critical import RATIOS, critical
from runs.experiments.xy_curves import fit_curve, follow_root
from runs.experiments.xy_resampled import Resampled, joined, one_run
from runs.experiments.xy_series import PointSeries, geometry
from runs.experiments.xy_spec import Landscape
from runs.experiments.xy_transition import LEADING, NEXT_ORDER, transition

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

BOUND = 4.9
PUBLISHED_SPREAD = 0.001
"""Published values of T_BKT differ by about this."""


def landscape(name):
    return Landscape.model_validate({"lattice": name})


def measured(name, size, temperatures, seed, *, sweeps=3000, chains=4, thin=3):
    """Tempering on a pure lattice, as a point of a run would store it."""
    sampler = Tempering(Metropolis(XYModel(lattice(name, size)), over_relaxation=4), temperatures)
    drawn = sample(sampler, sweeps, chains=chains, seed=seed + size, burn_in=300, thin=thin)
    values = {
        str(key): variable.transpose("chain", "draw", "temperature").values
        for key, variable in drawn.data_vars.items()
        if "draw" in variable.dims
    }
    return PointSeries(np.asarray(temperatures), values, {}, thin)


def bkt(series, scale=1.0):
    """Transition of series by size; `scale` misstates every temperature."""
    curves = {}
    for size, one in series.items():
        shifted = one._replace(temperature=one.temperature * scale)
        ratios = {"f": physics.helicity_ratio}
        found = analyse(shifted, geometry(landscape("square"), size), ratios=ratios)
        curves[size] = found.temperature, found.curves["f"]
    return transition(curves)


def synthetic(form, t_bkt, constant, rng, noise, bins=64):
    """Curves of four sizes that obey a form exactly, with noise of known size in values and slopes."""
    curves = {}
    temperatures = np.linspace(0.8, 1.05, 6)
    for size in (8, 16, 32, 64):
        x = temperatures - t_bkt
        slope, bend = -2.0 - 0.35 * np.log(size), -4.0
        exact = np.stack([form.value(np.log(size), constant) + slope * x + bend * x**2, slope + 2.0 * bend * x], axis=1)
        scatter = rng.normal(size=(bins, *exact.shape)) * noise * np.sqrt(bins) * np.array([1.0, 15.0])
        data = exact + scatter
        curves[size] = temperatures, one_run(replicates(lambda m: m, data[None], length=1, vectorized=True))
    return curves


def test_runs_that_share_nothing_add_their_variances():
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(1, 40, 2)), rng.normal(size=(1, 90, 3))]
    together = joined([one_run(replicates(lambda m: m, part, length=1, vectorized=True)) for part in parts])
    error = [part[0].std(axis=0, ddof=1) / np.sqrt(part.shape[1]) for part in parts]
    np.testing.assert_allclose(together.error(), np.concatenate(error))
    total = together.apply(lambda rows: rows.sum(axis=1)).error()
    covariances = [np.cov(part[0].T) / part.shape[1] for part in parts]
    np.testing.assert_allclose(total, np.sqrt(sum(c.sum() for c in covariances)))
    np.testing.assert_allclose(np.diag(together.covariance()), together.error() ** 2)


def test_a_curve_goes_through_values_and_slopes():
    temperatures = np.linspace(0.8, 1.0, 4)
    cubic = np.polynomial.Polynomial([1.0, -2.5, 3.0, 8.0])
    exact = np.stack([cubic(temperatures - 0.9), cubic.deriv()(temperatures - 0.9)], axis=1)
    rows = exact + 1e-9 * np.random.default_rng(2).normal(size=(20, *exact.shape))
    curve = fit_curve(temperatures, Resampled(exact, rows, np.zeros(20, np.int64)), 0.8, 1.0)
    grid = np.linspace(0.8, 1.0, 50)
    np.testing.assert_allclose(curve.at(grid), cubic(grid - 0.9), atol=1e-8)
    root = follow_root(curve.coefficients.full[None] - np.eye(len(curve.coefficients.full))[0], 0.0)
    np.testing.assert_allclose(root + curve.centre, 0.9, atol=1e-9)


def test_slopes_are_those_of_reweighting(seed):
    temperatures = np.array([0.9, 1.0])
    series = measured("square", 4, temperatures, seed, sweeps=600)
    place = geometry(landscape("square"), 4)
    # Bins that use every draw, so that both take the same means.
    found = analyse(series, place, bins=20, ratios={"f": physics.helicity_ratio}).curves["f"]
    step = 1e-4

    def reweighted(k, temperature):
        beta = np.array([1.0 / temperature])
        energy = series.values["energy"][..., k]
        weight = np.exp(-(beta - 1.0 / temperatures[k]) * (energy - energy.mean()))
        values = {name: array[..., k] for name, array in series.values.items()}
        moments = physics.moments(values, 0.0, place)
        mean = {name: np.array([(weight * m).sum() / weight.sum()]) for name, m in moments.items()}
        return float(physics.helicity_ratio(beta, mean, place)[0])

    for k, temperature in enumerate(temperatures):
        assert found.full[k, 0] == pytest.approx(reweighted(k, temperature), rel=1e-12)
        slope = (reweighted(k, temperature + step) - reweighted(k, temperature - step)) / (2 * step)
        assert found.full[k, 1] == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("form", [NEXT_ORDER, LEADING], ids=["next order", "leading"])
def test_the_joint_fit_finds_what_was_put_in(form):
    curves = synthetic(form, 0.8929, 0.6, np.random.default_rng(3), noise=1e-6)
    found = transition(curves)
    fit = found.estimate if form is NEXT_ORDER else found.leading
    np.testing.assert_array_less(np.abs(fit.parameters.full - [0.8929, 0.6]), [1e-5, 1e-3])
    assert fit.chi2 < 30.0
    assert fit.degrees_of_freedom == 2


def test_the_statistical_error_is_the_scatter_of_repetitions(seed):
    rng = np.random.default_rng(seed)
    repetitions = 60
    pulls, chi2 = [], []
    for _ in range(repetitions):
        found = transition(synthetic(NEXT_ORDER, 0.8929, 0.6, rng, noise=1.5e-3, bins=256))
        pulls.append((found.estimate.parameters.full[0] - 0.8929) / found.statistical)
        chi2.append(found.estimate.chi2)
    # Variances of unit normals scatter by sqrt(2 / n). Weights taken from the errors of the same bins make error bars
    # too small by about (data of the fit) / (2 bins), here less than a tenth, and so chi2 too large.
    allowed = BOUND * np.sqrt(2.0 / repetitions) + 0.2
    assert abs(np.mean(pulls)) < BOUND / np.sqrt(repetitions) + 0.1
    assert abs(np.var(pulls) - 1.0) < allowed
    # chi2 with two degrees of freedom has mean 2 and variance 4.
    assert abs(np.mean(chi2) - 2.0) < BOUND * 2.0 / np.sqrt(repetitions) + 0.4
    # Half the error bar would have been noticed.
    assert abs(4.0 * np.var(pulls) - 1.0) > allowed


def test_noisy_data_give_an_estimate_or_say_that_they_do_not(seed):
    determined = 0
    for repetition in range(40):
        rng = np.random.default_rng([seed, repetition])
        noise = 0.005 * 2.0 ** (repetition % 5)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = transition(synthetic(NEXT_ORDER, 0.8929, 0.6, rng, noise=noise, bins=20))
        said = [str(item.message) for item in caught]
        assert all(issubclass(item.category, ConvergenceWarning) for item in caught), said
        if found.estimate is None:
            assert any("no estimate" in text or "left out" in text for text in said)
            assert np.isnan(found.error)
            continue
        determined += 1
        assert np.isfinite([*found.estimate.parameters.full, found.error, found.from_crossings.value]).all()
    assert 0 < determined < 40


def test_the_run_of_three_temperatures_and_short_chains_is_assembled(seed):
    """Its joint fit goes to C = 18, from where full Gauss-Newton steps run away."""
    temperatures = np.array([0.8, 0.9, 1.0])
    series = {size: measured("square", size, temperatures, 1, sweeps=400, chains=2, thin=5) for size in (4, 6, 8)}
    found = bkt(series)
    assert found.estimate is None or np.isfinite(found.error)


def test_a_fit_that_cannot_be_right_is_warned_of():
    rng = np.random.default_rng(4)
    curves = synthetic(NEXT_ORDER, 0.8929, 0.6, rng, noise=1e-4)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="T_BKT: the fit does not describe")
        transition(curves)
    temperature, data = curves[8]
    off = np.array([0.02, 0.0])
    raised = Resampled(data.full + off, data.left_out + off, data.run)
    with pytest.warns(ConvergenceWarning, match="T_BKT: the fit does not describe the data, chi2 = "):
        transition({**curves, 8: (temperature, raised)})


@pytest.fixture(scope="module")
def small_squares(seed):
    temperatures = np.linspace(0.8, 1.1, 7)
    return {size: measured("square", size, temperatures, seed) for size in (4, 8, 16)}


def test_small_squares_give_the_published_transition(small_squares):
    found = bkt(small_squares)
    assert found.error < 0.02
    assert abs(found.estimate.parameters.full[0] - theory.T_BKT) < BOUND * found.error + PUBLISHED_SPREAD
    sizes = sorted(found.crossing)
    assert sizes == [4, 8, 16]
    crossing = [float(found.crossing[size].value) for size in sizes]
    assert crossing == sorted(crossing, reverse=True)
    assert crossing[-1] > theory.T_BKT


def test_temperatures_off_by_two_per_cent_are_noticed(small_squares):
    statistical = bkt(small_squares).statistical
    found = bkt(small_squares, scale=1.02)
    assert abs(found.estimate.parameters.full[0] - bkt(small_squares).estimate.parameters.full[0]) > BOUND * statistical


def test_cubes_cross_at_the_published_temperature(seed):
    temperatures = np.linspace(2.05, 2.35, 6)
    curves = {name: {} for name in RATIOS}
    for size in (4, 6, 8):
        series = measured("cubic", size, temperatures, seed, sweeps=2000)
        found = analyse(series, geometry(landscape("cubic"), size), ratios=RATIOS)
        for name in RATIOS:
            curves[name][size] = found.temperature, found.curves[name]
    result = critical(curves)
    assert result.error < 0.06
    assert abs(result.value - 1.0 / theory.CUBIC_BETA_C) < BOUND * result.error
    # Temperatures off by 5 % would have been noticed.
    shifted = {name: {size: (1.05 * t, data) for size, (t, data) in c.items()} for name, c in curves.items()}
    assert abs(critical(shifted).value - result.value) > BOUND * result.statistical


@pytest.mark.validate
def test_the_run_of_the_readme_gives_t_bkt(tmp_path, seed):
    from runs import cli
    from runs.results import read_results

    out = tmp_path / "quick"
    assert cli.main(["run", "xy-bkt-quick", "-o", str(out), "--set", f"seed={seed}"]) == 0
    results = read_results(out / "results.h5")
    value, error = float(results["t_bkt"]), float(results["t_bkt_error"])
    assert abs(value - 0.893) < 0.008
    assert abs(value - theory.T_BKT) < BOUND * error + PUBLISHED_SPREAD
    assert error < 0.008
    assert float(results["r_hat"].max()) < 1.01
