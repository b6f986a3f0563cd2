"""u(x, t) by integration, BAR, MBAR and tempering against closed forms and quadrature; |z| < 4.9 is one in 1e6."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2

from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.graphs import square
from mcmc.landscapes.mixture import GaussianMixture
from mcmc.landscapes.xy.model import XYModel
from mcmc.local_entropy.smooth_estimates import by_integration
from mcmc.local_entropy.smooth_integration import integrate_scale
from mcmc.local_entropy.smooth_ladder import tuned_chains

LIMIT = 4.9
SCALES = [0.3, 2.0]
PAIR = GaussianMixture([0.3, 0.7], [[1.0, 0.0], [-1.0, 0.5]], [[[0.4, 0.1], [0.1, 0.5]], [[0.6, 0.0], [0.0, 0.3]]])


def all_z_scores(found, exact):
    return np.concatenate([curve.z_scores(exact) for curve in (found, *found.companions.values())])


def double_well(x, t, beta=1.0):
    """u(x, t) in one dimension by quadrature, and its slope in x."""
    reach = np.sqrt(200.0 * t / beta)

    def weight(y, power):
        return (y - x) ** power * np.exp(-beta * ((y * y - 1) ** 2 / 4 + (x - y) ** 2 / (2 * t)))

    zeroth, first = (quad(weight, x - reach, x + reach, args=(k,), epsabs=1e-13, limit=400)[0] for k in (0, 1))
    return -np.log(zeroth / np.sqrt(2 * np.pi * t / beta)) / beta, -first / zeroth / t


def test_quadrature_gives_the_reference_value():
    assert double_well(0.0, 0.5)[0] == pytest.approx(0.162129553069, abs=1e-11)


@pytest.mark.parametrize("dim", [1, 5])
def test_quadratics(seed, dim):
    landscape = Quadratic(np.linspace(0.5, 3.0, dim), center=0.2, offset=1.0)
    x = np.linspace(-1.0, 1.0, dim) + 0.5
    found = integrate_scale(landscape, x, SCALES, beta=2.0, seed=seed, sweeps=1500)
    exact = [landscape.local_entropy(x[None], t, 2.0)[0] for t in SCALES]
    assert (np.abs(all_z_scores(found, exact)) < LIMIT).all()
    for point, t in enumerate(SCALES):
        slope = (found.more["gradient"][1][point] - landscape.local_entropy_gradient(x[None], t)[0]) / (
            found.more["gradient_error"][1][point]
        )
        bend = (found.more["hessian"][1][point] - landscape.local_entropy_hessian(t)) / found.more["hessian_error"][1][
            point
        ]
        trace = found.more["curvature_trace"][1][point] - np.trace(landscape.local_entropy_hessian(t))
        assert (np.abs(slope) < LIMIT).all()
        assert (np.abs(bend) < LIMIT).all()
        assert abs(trace) < LIMIT * found.more["curvature_trace_error"][1][point]


@pytest.mark.parametrize("dim", [1, 3])
def test_double_wells_are_sums_of_quadratures(seed, dim):
    x = np.linspace(0.0, 0.6, dim)
    found = integrate_scale(DoubleWell(dim), x, [0.5, 3.0], beta=1.0, seed=seed, sweeps=2000)
    exact = np.array([[double_well(point, t) for point in x] for t in (0.5, 3.0)])
    assert (np.abs(all_z_scores(found, exact[..., 0].sum(axis=1))) < LIMIT).all()
    slope = (found.more["gradient"][1] - exact[..., 1]) / found.more["gradient_error"][1]
    assert (np.abs(slope) < LIMIT).all()


def test_a_mixture_in_two_dimensions(seed):
    x = np.array([0.3, 0.2])
    found = integrate_scale(PAIR, x, SCALES, beta=1.0, seed=seed, sweeps=1500)
    assert (np.abs(all_z_scores(found, [PAIR.local_entropy(x[None], t)[0] for t in SCALES])) < LIMIT).all()
    exact = np.concatenate([PAIR.local_entropy_gradient(x[None], t) for t in SCALES])
    assert (np.abs((found.more["gradient"][1] - exact) / found.more["gradient_error"][1]) < LIMIT).all()


def far_mixture(dim):
    means = np.random.default_rng(5).normal(size=(2, dim)) * 0.5
    return GaussianMixture([0.3, 0.7], means, [1.0, 1.0])


def test_a_mixture_in_a_hundred_dimensions(seed):
    """Two minima ten widths apart, to 1 %: only weaker f joins them."""
    landscape, x = far_mixture(100), np.zeros(100)
    found = integrate_scale(landscape, x, 1.0, beta=1.0, seed=seed, sweeps=400)
    exact = landscape.local_entropy(x[None], 1.0)
    assert (np.abs(all_z_scores(found, exact)) < LIMIT).all()
    assert found.error[0] < 0.01 * exact[0]


def test_an_xy_ground_state_and_its_free_rotation(seed):
    """Gaussian fluctuations of angles and the first order beyond; the rotation of all angles adds nothing."""
    model, sites, beta, t = XYModel(square(4)), 16, 100.0, 2.0
    lap = 4.0 * np.eye(sites)
    for a in range(4):
        for b in range(4):
            for other in ((a + 1) % 4 * 4 + b, a * 4 + (b + 1) % 4):
                lap[4 * a + b, other] -= 1.0
                lap[other, 4 * a + b] -= 1.0
    assert np.abs(lap.sum(axis=0)).max() == 0.0
    green = np.linalg.inv(beta * lap + beta / t * np.eye(sites))
    first, second = np.nonzero(np.triu(lap, 1))
    bond = green[first, first] + green[second, second] - 2 * green[first, second]
    exact = -32.0 + np.linalg.slogdet(np.eye(sites) + t * lap)[1] / (2 * beta) - (3 * bond**2 / 24).sum()
    found = integrate_scale(model, np.zeros(sites), t, beta=beta, seed=seed, sweeps=800, tempering=False)
    # What is left out is of third order in the temperature: a bond's share of <x^6 / 720> and of Var(x^4 / 24).
    left_out = first.size * (15 * bond.max() ** 3 / 720 + beta * 96 * bond.max() ** 4 / 24**2)
    assert abs(found.value[0] - exact) < LIMIT * found.error[0] + left_out


def repeated(landscape, x, exact, seed, count):
    """z-scores of integration, BAR, MBAR and tempering at the larger scale, (count, 4)."""
    scores = []
    for repeat in range(count):
        found = integrate_scale(
            landscape, x, SCALES, beta=1.0, seed=1000 * seed + repeat, sweeps=800, burn_in=200, chains=4
        )
        scores.append([c.z_scores(exact)[1] for c in (found, *found.companions.values())])
    return np.array(scores)


def assert_standard_normal(scores):
    count = len(scores)
    assert (np.abs(scores.mean(axis=0)) * np.sqrt(count) < LIMIT).all()
    squares = (scores**2).sum(axis=0)
    # Error bars from some dozen blocks are known to 10 %: as many of the squares, 20 %, are theirs.
    assert (squares < 1.2 * chi2.isf(1e-6, count)).all()
    assert (squares > 0.8 * chi2.ppf(1e-6, count)).all()


def test_error_bars_are_calibrated(seed):
    exact = [double_well(0.3, t)[0] for t in SCALES]
    scores = repeated(DoubleWell(), [0.3], exact, seed, 40)
    assert_standard_normal(scores)
    with pytest.raises(AssertionError):
        assert_standard_normal(2.0 * scores)


@pytest.mark.validate
@pytest.mark.parametrize("name", ["double well", "mixture", "quadratic"])
def test_error_bars_of_two_hundred_repeats(seed, name):
    landscape, x = {
        "double well": (DoubleWell(2), np.array([0.3, 0.0])),
        "mixture": (PAIR, np.array([0.3, 0.2])),
        "quadratic": (Quadratic(np.linspace(0.5, 4.0, 10)), np.linspace(-1.0, 1.0, 10)),
    }[name]
    if name == "double well":
        exact = [sum(double_well(point, t)[0] for point in x) for t in SCALES]
    elif name == "mixture":
        exact = [PAIR.local_entropy(x[None], t)[0] for t in SCALES]
    else:
        exact = [landscape.local_entropy(x[None], t, 1.0)[0] for t in SCALES]
    assert_standard_normal(repeated(landscape, x, exact, seed, 200))


@pytest.mark.validate
def test_a_quadratic_in_fifty_dimensions(seed):
    landscape, x = Quadratic(np.linspace(0.1, 4.0, 50)), np.linspace(-1.0, 1.0, 50)
    found = integrate_scale(landscape, x, SCALES, beta=2.0, seed=seed)
    exact = [landscape.local_entropy(x[None], t, 2.0)[0] for t in SCALES]
    assert (np.abs(all_z_scores(found, exact)) < LIMIT).all()


def test_without_the_free_gaussian_the_value_is_wrong(seed):
    """Control: du/dt without dim / (2 beta t) fails by far."""
    landscape, x, t = Quadratic([1.0, 2.0]), np.array([0.5, -0.5]), np.array([0.2, 1.0])
    run = tuned_chains(landscape, x, t, 1.0, seed, start=0.2, chains=4, burn_in=200, automatic=True, tempering=False)
    ladder = run.sample(300).ladder
    exact = np.diff([landscape.local_entropy(x[None], at, 1.0)[0] for at in t])[0]

    def score(dim):
        change = by_integration(run.scales, ladder, 1.0, dim, controlled=False)
        return (change.value[-1] - exact) / np.hypot(change.error[-1], change.step_error[-1])

    assert abs(score(2)) < LIMIT
    assert abs(score(0)) > LIMIT


def test_unadjusted_steps_are_biased_and_say_so(seed, monkeypatch):
    """Control: Langevin steps as long as MALA's give a value that is wrong by far; the bias is measured."""
    x, t = np.array([0.3, 0.2]), 2.0
    exact = PAIR.local_entropy(x[None], t)[0]
    monkeypatch.setattr("mcmc.local_entropy.smooth_integration.STEP_SHARE", 1.0)
    found = integrate_scale(PAIR, x, t, beta=1.0, seed=seed, sampler="langevin", sweeps=4000)
    assert abs(found.z_scores(exact)[0]) > LIMIT
    bias, error = (found.more[name][1][0] for name in ("discretisation_bias", "discretisation_bias_error"))
    assert abs(bias) > LIMIT * error
    assert "not adjusted" in found.warnings[0]
