"""Two time scales against the exact law of their steps, and the averaged drift against local entropy."""

import math

import numpy as np
import pytest

from mcmc.continuum.averaging import averaged_drift, averaged_path
from mcmc.continuum.hamilton_jacobi import cole_hopf
from mcmc.continuum.homogenization import (
    linear_variance,
    step_moments,
    two_scale_paths,
)
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.local_entropy import quadrature

LIMIT = 4.9
H, GAMMA, BETA = 1.5, 0.5, 2.0
CHAINS = 4000


def variance_score(values, expected):
    """z-score of the variance of independent Gaussian values (chains,)."""
    return (values.var(ddof=1) / expected - 1) / math.sqrt(2 / (values.size - 1))


@pytest.mark.parametrize("epsilon", [1.0, 0.2])
@pytest.mark.parametrize("replicas", [1, 3, 10])
def test_law_of_a_quadratic_at_finite_epsilon(seed, replicas, epsilon):
    options = {"gamma": GAMMA, "beta": BETA, "epsilon": epsilon, "step": 0.04 * epsilon, "replicas": replicas}
    steps = round(4 / options["step"])
    paths = two_scale_paths(Quadratic([H]), [1.0], chains=CHAINS, steps=steps, seed=seed, **options)
    exact = step_moments(H, steps=steps, start=1.0, **options)
    for k, values in enumerate((paths.x[-1, :, 0], paths.centre[-1, :, 0])):
        variance = exact.covariance[k, k]
        assert abs(values.mean() - exact.mean[k]) < LIMIT * math.sqrt(variance / CHAINS)
        assert abs(variance_score(values, variance)) < LIMIT
    # One replica more or less is seen, and so is the noise of another temperature.
    other = step_moments(H, steps=steps, start=1.0, **(options | {"replicas": replicas + 1}))
    if replicas < 10:
        assert abs(variance_score(paths.x[-1, :, 0], other.covariance[0, 0])) > LIMIT
    hotter = step_moments(H, steps=steps, start=1.0, **(options | {"beta": 0.8 * BETA}))
    assert abs(variance_score(paths.x[-1, :, 0], hotter.covariance[0, 0])) > LIMIT


def test_steps_have_the_stationary_variance_to_first_order():
    for replicas, epsilon in ((1, 1.0), (3, 0.3), (10, 0.05)):
        options = {"gamma": GAMMA, "beta": BETA, "epsilon": epsilon, "replicas": replicas}
        exact = linear_variance(H, **options)
        gaps = [
            step_moments(H, step=share * epsilon, **options).covariance[0, 0] / exact - 1
            for share in (0.02, 0.01, 0.005)
        ]
        assert 1.9 < gaps[0] / gaps[1] < 2.1
        assert abs(2 * gaps[2] - gaps[1]) < 1e-4
        assert exact * replicas == pytest.approx(epsilon / (BETA * H * (1 + epsilon + GAMMA * H)), rel=1e-14)


def test_moments_settle_and_meet_the_averaged_path():
    options = {"gamma": GAMMA, "beta": BETA}
    late = step_moments(H, epsilon=0.3, step=0.006, steps=4000, **options)
    assert np.abs(late.covariance - step_moments(H, epsilon=0.3, step=0.006, **options).covariance).max() < 1e-12
    goal = math.exp(-1.2 * H / (1 + GAMMA * H))
    gaps = []
    for epsilon in (0.04, 0.02, 0.01):
        step = 0.01 * epsilon
        mean = step_moments(H, epsilon=epsilon, step=step, steps=round(1.2 / step), start=1.0, **options).mean
        gaps.append(mean[0] - goal)
    # Order 1 in epsilon, for any number of replicas: the mean does not know it.
    assert 1.8 < gaps[0] / gaps[1] < 2.2
    assert 1.8 < gaps[1] / gaps[2] < 2.2
    path = averaged_path(Quadratic([H]), [1.0], [0.0, 1.2], gamma=GAMMA, beta=BETA)
    assert np.abs(path[:, 0] - [1.0, goal]).max() < 1e-8


def test_averaged_drift_is_the_gradient_of_local_entropy():
    well = DoubleWell(1)
    x = np.array([[-1.4], [0.0], [0.3], [1.5]])
    found = averaged_drift(well, x, gamma=GAMMA, beta=BETA)
    for place, drift in zip(x, found, strict=True):
        ahead, behind = (quadrature(well, place + s, GAMMA, beta=BETA).value[0] for s in (1e-4, -1e-4))
        assert abs(drift[0] + (ahead - behind) / 2e-4) < 1e-7
    axis = np.linspace(-4, 4, 1601)
    slope = np.interp(x[:, 0], axis, cole_hopf(axis, well, GAMMA, beta=BETA).gradient[0])
    assert np.abs(found[:, 0] + slope).max() < 1e-4
    plane = Quadratic([[2.0, 0.5], [0.5, 1.0]], [0.3, -0.2])
    places = np.array([[1.0, -0.5], [0.2, 2.0]])
    drift = averaged_drift(plane, places, gamma=0.7, beta=4.0)
    assert np.abs(drift + plane.local_entropy_gradient(places, 0.7)).max() < 1e-9
    assert np.abs(drift + plane.gradient(places)).max() > 0.1


def biased_mean(x, fast):
    """<y> under the stationary law of Euler-Maruyama steps at frozen x, from their transition matrix on a fine grid."""
    y = np.linspace(-4, 4, 401)
    ahead = y - fast * (y * (y * y - 1) + (y - x) / GAMMA)
    kernel = np.exp(-BETA * (y[None] - ahead[:, None]) ** 2 / (4 * fast))
    kernel /= kernel.sum(axis=1, keepdims=True)
    law = np.full(y.size, 1 / y.size)
    for _ in range(11):
        kernel = kernel @ kernel
    return float(law @ kernel @ y)


@pytest.mark.parametrize("x", [0.4, 1.3])
def test_measured_drift_of_the_double_well(seed, x):
    fast = 0.05
    paths = two_scale_paths(
        DoubleWell(1), [x], gamma=GAMMA, beta=BETA, epsilon=0.1, step=fast * 0.1, steps=1200, burn_in=200,
        replicas=4, chains=500, frozen=True, seed=seed,
    )  # fmt: skip
    drift = paths.drift[:, 0]
    error = drift.std(ddof=1) / math.sqrt(drift.size)
    biased = (biased_mean(x, fast) - x) / GAMMA
    exact = averaged_drift(DoubleWell(1), [[x]], gamma=GAMMA, beta=BETA)[0, 0]
    assert abs(drift.mean() - biased) < LIMIT * error
    # The bias of the steps, of order step / epsilon, is all that is between them and -grad u.
    halved = (biased_mean(x, fast / 2) - x) / GAMMA
    assert abs(2 * halved - biased - exact) < 0.2 * abs(biased - exact) + 1e-4
    assert abs(drift.mean() - exact) < LIMIT * error + 1.2 * abs(biased - exact)
    assert abs(drift.mean() + DoubleWell(1).gradient(np.array([[x]]))[0, 0]) > LIMIT * error + abs(biased - exact)
    assert (paths.x == x).all()


def test_paths_meet_the_averaged_one_as_epsilon_falls(seed):
    well, end = DoubleWell(1), 1.5
    goal = averaged_path(well, [0.4], [end], gamma=GAMMA, beta=4.0)[0, 0]
    gaps, errors = [], []
    for epsilon in (0.8, 0.2, 0.05):
        step = 0.05 * epsilon
        paths = two_scale_paths(
            well, [0.4], gamma=GAMMA, beta=4.0, epsilon=epsilon, step=step, steps=round(end / step), replicas=10,
            chains=1000, seed=seed,
        )  # fmt: skip
        x = paths.x[-1, :, 0]
        gaps.append(abs(x.mean() - goal))
        errors.append(x.std(ddof=1) / math.sqrt(x.size))
    assert gaps[0] > LIMIT * errors[0]
    assert gaps[2] < 0.3 * gaps[0] + LIMIT * errors[2]
    assert gaps[2] < gaps[1] + LIMIT * errors[2]
    down = well.gradient(np.array([[0.4]]))
    assert down[0, 0] < 0
    assert 0.4 < goal < 1


def test_errors_of_drifts_are_calibrated(seed):
    """z-scores of 120 measurements, each of 60 chains, around the exact mean of the steps of a quadratic."""
    x, fast = 1.0, 0.05
    exact = (x / (1 + H * GAMMA) - x) / GAMMA
    z = []
    for k in range(120):
        paths = two_scale_paths(
            Quadratic([H]), [x], gamma=GAMMA, beta=BETA, epsilon=0.1, step=0.1 * fast, steps=160, burn_in=100,
            chains=60, frozen=True, seed=1000 * seed + k,
        )  # fmt: skip
        drift = paths.drift[:, 0]
        z.append((drift.mean() - exact) / (drift.std(ddof=1) / math.sqrt(drift.size)))
    # Student's t of 59 degrees has a standard deviation of (59 / 57)^(1/2); 120 of them know it to 1 / 240^(1/2).
    assert abs(np.std(z, ddof=1) - math.sqrt(59 / 57)) < LIMIT / math.sqrt(240)
    assert abs(np.mean(z)) < LIMIT / math.sqrt(120)


def test_same_seed_same_paths(seed):
    options = {"gamma": GAMMA, "beta": BETA, "epsilon": 0.3, "step": 0.01, "steps": 40, "replicas": 3}
    one = two_scale_paths(DoubleWell(2), [0.1, 0.2], chains=20, thin=10, seed=seed, **options)
    two = two_scale_paths(DoubleWell(2), [0.1, 0.2], chains=7, thin=10, seed=seed, **options)
    assert one.x.shape == (5, 20, 2)
    assert np.allclose(one.times, [0, 0.1, 0.2, 0.3, 0.4])
    assert np.array_equal(one.x[:, :7], two.x)
    some = two_scale_paths(DoubleWell(2), [0.1, 0.2], chains=7, thin=15, seed=seed, **options)
    assert np.allclose(some.times, [0, 0.15, 0.3, 0.4])
    assert np.array_equal(some.x[-1], two.x[-1])
    assert not np.array_equal(
        one.x, two_scale_paths(DoubleWell(2), [0.1, 0.2], chains=20, thin=10, seed=seed + 1, **options).x
    )
