"""Trajectories against laws known in closed form: circulation of linear and two-well drift, of SGD, and both nulls."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import expm, solve_sylvester
from scipy.stats import kstest

from mcmc.errors import ArgumentError
from mcmc.gradient_noise import circulation, trajectory_spectra
from mcmc.gradient_noise.spectra_of_increments import _bands
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers.sample import sample
from mcmc.samplers.sgd import SGD

Z = 4.9
RARE = 1e-6
"""Two-sided probability of 4.9 standard deviations."""
REPEATS = 100
DRIFT = np.array([[0.30, 0.12, 0.0], [0.12, 0.40, -0.1], [0.0, -0.1, 0.55]])
EVEN, UNEVEN = np.eye(3), np.diag([1.0, 0.1, 3.0])
pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


def linear(rng, noise, chains, draws, interval=1.0):
    """dx = -F x dt + sqrt(2) D^(1/2) dW at equal intervals, exactly; with F S + S F = 2 D."""
    covariance = solve_sylvester(DRIFT, DRIFT, 2.0 * noise)
    matrix = expm(-DRIFT * interval)
    later = np.linalg.cholesky(covariance - matrix @ covariance @ matrix.T).T
    x = rng.normal(size=(draws, chains, 3))
    x[0] = x[0] @ np.linalg.cholesky(covariance).T
    for k in range(1, draws):
        x[k] = x[k - 1] @ matrix.T + x[k] @ later
    return x.swapaxes(0, 1), (covariance @ matrix.T - matrix @ covariance) / interval


def uniformity(p_values, surrogates):
    """z-score of the mean of p-values that are 1, ..., n + 1 parts of n + 1, and their distance from uniform."""
    p, parts = np.array(p_values), surrogates + 1
    z = (p.mean() - (parts + 1) / (2 * parts)) * np.sqrt(12 * p.size / (1 - parts**-2))
    # Moved by half a part at random they are uniform between 0 and 1.
    moved = p - np.random.default_rng(0).random(p.size) / parts
    return z, kstest(moved, "uniform").pvalue


@pytest.mark.parametrize(("null", "surrogates"), [("reversal", 99), ("ornstein-uhlenbeck", 29)])
def test_p_values_of_circulation_are_uniform_in_equilibrium_and_small_out_of_it(null, surrogates, seed):
    rng = np.random.default_rng([seed, 1])
    for noise, balanced in ((EVEN, True), (UNEVEN, False)):
        p_values, scores = [], []
        for repeat in range(REPEATS):
            x, exact = linear(rng, noise, 4, 180)
            found = circulation(x, null=null, surrogates=surrogates, length=20, seed=repeat)
            p_values.append(found.p_value)
            scores.append(found.z_scores(exact)[np.triu_indices(3, 1)])
        z, chance = uniformity(p_values, surrogates)
        assert (abs(z) < Z and chance > RARE) == balanced
        # Of 3 planes, taken as one: their errors are correlated.
        spread = np.std(scores) - 1.0
        assert abs(spread) < Z / np.sqrt(2 * REPEATS)
        assert abs(np.mean(scores)) < Z / np.sqrt(REPEATS)


def test_circulation_of_linear_drift(seed):
    x, exact = linear(np.random.default_rng([seed, 2]), UNEVEN, 40, 8000, interval=0.05)
    found = circulation(x, interval=0.05)
    assert abs(found.z_scores(exact)).max() < Z
    # In the eigenbasis of F: Q_ij = D_ij (l_i - l_j) / (l_i + l_j), and J = 2 Q / beta when the interval is short.
    rates, vectors = np.linalg.eigh(DRIFT)
    q = (vectors.T @ UNEVEN @ vectors) * (rates[:, None] - rates) / (rates[:, None] + rates)
    limit = 2.0 * vectors @ q @ vectors.T
    assert np.abs(exact - limit).max() < 0.05 * np.abs(limit).max()
    assert found.p_value == 1 / 1000
    assert np.array_equal(found.value, -found.value.T)
    assert abs(found.z_scores(-limit)).max() > 2 * Z
    turned = circulation(x, interval=0.05, components=3)
    assert np.isclose(turned.norm, found.norm)
    assert np.allclose(turned.basis.T @ turned.value @ turned.basis, found.value)


def two_wells(rng, strength, chains=512, steps=4000, dt=0.005):
    """x after each step of dx = (-grad Phi + j) dt + sqrt 2 dW, Phi = (x1^2 - 1)^2 / 4 + x2^2 / 2, by Heun's method."""

    def drift(a, b):
        turn = strength * np.exp(0.25 * (a * a - 1.0) ** 2 + 0.5 * b * b - 0.25 * (a * a + b * b) ** 2)
        return a * (1.0 - a * a) - turn * b, -b + turn * a

    a, b = rng.choice([-1.0, 1.0], chains), rng.normal(size=chains)
    path = np.empty((steps, chains, 2))
    for k in range(-400, steps):
        noise = rng.normal(scale=np.sqrt(2 * dt), size=(2, chains))
        f, g = drift(a, b)
        f2, g2 = drift(a + dt * f + noise[0], b + dt * g + noise[1])
        a, b = a + 0.5 * dt * (f + f2) + noise[0], b + 0.5 * dt * (g + g2) + noise[1]
        if k >= 0:
            path[k, :, 0], path[k, :, 1] = a, b
    return path.swapaxes(0, 1)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.5])
def test_circulation_of_the_two_well_drift(strength, seed):
    path = two_wells(np.random.default_rng([seed, int(10 * strength)]), strength)
    found = circulation(path, interval=0.005)
    wanted = 0.8241898 * strength
    assert abs(found.value[0, 1] - wanted) < Z * found.error[0, 1]
    # In one plane the statistic is normal in equilibrium.
    assert (found.statistic < Z) == (strength == 0.0)
    if strength:
        assert found.p_value == 1 / 1000
        assert found.error[0, 1] < 0.15 * wanted


def test_sgd_on_linear_regression_is_out_of_equilibrium(seed):
    """J = S M' - M S a step, with vec S = [I - M (x) M - eta^2 c K]^-1 eta^2 c vec G."""
    rng = np.random.default_rng([seed, 5])
    inputs = rng.normal(size=(40, 2)) @ np.array([[1.0, 0.6], [0.0, 0.7]])
    # Errors large where one feature is: the noise is another matrix than the Hessian.
    targets = (inputs @ [1.0, -1.0] + 2.0 * inputs[:, 1] ** 2 * rng.normal(size=40))[:, None]
    eta, batch = 0.15, 4
    sgd = SGD(mlp(Data(inputs, targets), (), loss="squared"), step_size=eta, batch_size=batch, replacement=True)
    run = sample(
        sgd, 1500, chains=200, burn_in=150, seed=seed, observe=lambda sampler, state: {"w": sampler.weights(state)}
    )
    found = circulation(run["w"])
    exact = _regression_circulation(np.column_stack([inputs, np.ones(40)]), targets[:, 0], eta, 1.0 / batch)
    assert abs(found.z_scores(exact)).max() < Z
    assert found.p_value == 1 / 1000
    assert abs(found.z_scores(-exact)).max() > Z
    whole, backwards = found.along(exact), found.along(-exact)
    assert abs(whole.value - 1) < Z * whole.error < 0.5
    assert backwards.value + 1 == pytest.approx(1 - whole.value)
    with pytest.raises(ArgumentError, match="antisymmetric"):
        found.along(exact @ exact)
    with pytest.raises(ArgumentError, match="not all 0"):
        found.along(np.zeros_like(exact))


def _regression_circulation(x, y, eta, c):
    n, dim = x.shape
    h = x.T @ x / n
    residual = x @ np.linalg.solve(x.T @ x, x.T @ y) - y
    m, g = np.eye(dim) - eta * h, (x * residual[:, None] ** 2).T @ x / n
    k = np.mean([np.kron(np.outer(row, row) - h, np.outer(row, row) - h) for row in x], axis=0)
    system = np.eye(dim**2) - np.kron(m, m) - eta**2 * c * k
    s = np.linalg.solve(system, eta**2 * c * g.reshape(-1)).reshape(dim, dim)
    return s @ m.T - m @ s


def oscillating(rng, chains, draws):
    """x'' = -x with friction: the positions alone are no Ornstein-Uhlenbeck process."""
    x = np.zeros((chains, draws + 100, 2))
    for k in range(2, draws + 100):
        x[:, k] = 1.5 * x[:, k - 1] - 0.8 * x[:, k - 2] + rng.normal(size=(chains, 2))
    return x[:, 100:]


@pytest.mark.parametrize("coupled", [True, pytest.param(False, marks=pytest.mark.validate)])
def test_p_values_of_spectra_are_uniform_for_linear_drift_and_small_for_oscillations(coupled, seed):
    rng = np.random.default_rng([seed, 6])
    power, correlation = [], []
    for repeat in range(REPEATS):
        x = linear(rng, UNEVEN, 4, 120)[0] if coupled else linear(rng, EVEN, 4, 120)[0] @ np.linalg.eigh(DRIFT)[1]
        found = trajectory_spectra(x, coupled=coupled, surrogates=29, seed=repeat)
        power.append(found.power_p_value)
        correlation.append(found.correlation_p_value)
    for p_values in (power, correlation):
        z, chance = uniformity(p_values, 29)
        assert abs(z) < Z
        assert chance > RARE
    other = trajectory_spectra(oscillating(rng, 4, 120), coupled=coupled, surrogates=29)
    assert other.power_p_value == other.correlation_p_value == 1 / 30


def expected_power(matrix, covariance, frequency, draws):
    """Periodogram of increments, summed from the traces of all lagged covariances, (frequencies,)."""
    trace, power = [], covariance
    for _ in range(draws + 1):
        trace.append(np.trace(power))
        power = matrix @ power
    trace = np.array(trace)
    own = np.concatenate([[2 * (trace[0] - trace[1])], 2 * trace[1:-1] - trace[:-2] - trace[2:]])[: draws - 1]
    share = 1.0 - np.arange(draws - 1) / (draws - 1)
    waves = np.cos(2 * np.pi * frequency[:, None] * np.arange(draws - 1))
    return (2 * waves @ (share * own) - own[0]) / len(matrix)


def test_errors_of_spectrum_and_autocorrelation_hold_the_exact_ones(seed):
    rng, draws, repeats = np.random.default_rng([seed, 7]), 1200, 60
    covariance, matrix = solve_sylvester(DRIFT, DRIFT, 2.0 * UNEVEN), expm(-DRIFT)
    power, correlation = [], []
    for _ in range(repeats):
        found = trajectory_spectra(linear(rng, UNEVEN, 3, draws)[0], surrogates=1, lags=30, interval=2.0)
        power.append((found.power, found.power_error))
        correlation.append((found.correlation[1:], found.correlation_error[1:]))
    frequency, bands = np.fft.rfftfreq(draws - 1)[1:], _bands(draws - 1, 3)
    every = expected_power(matrix, covariance, frequency, draws)
    mean = [every[begin:end].mean() for begin, end in pairwise(bands)]
    assert np.allclose(found.frequency, [frequency[begin:end].mean() / 2.0 for begin, end in pairwise(bands)])
    traces = [np.trace(np.linalg.matrix_power(matrix, int(lag)) @ covariance) for lag in found.lag[1:] / 2.0]
    for pairs, exact in ((power, np.array(mean)), (correlation, np.array(traces) / np.trace(covariance))):
        z = np.array([(value - exact) / error for value, error in pairs])
        # Bands and lags are taken as one: they are correlated.
        assert abs(z.std() - 1.0) < Z / np.sqrt(2 * repeats)
        assert abs(z.mean()) < Z / np.sqrt(repeats)
    flat = np.mean([value for value, _ in power])
    assert np.std([(value - flat) / error for value, error in power]) > 3.0
