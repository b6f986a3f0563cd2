"""Trajectories against laws known in closed form: circulation of linear and two-well drift, of SGD, and both nulls."""

import numpy as np
import pytest
from scipy.linalg import expm, solve_sylvester
from scipy.stats import kstest

from mcmc.gradient_noise import circulation, trajectory_spectra
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


def test_spectrum_and_autocorrelation_of_linear_drift(seed):
    """Errors hold the exact spectrum of the process, and the surrogates' band most of what was measured."""
    x, _ = linear(np.random.default_rng([seed, 7]), UNEVEN, 12, 1500)
    found = trajectory_spectra(x, surrogates=39, interval=2.0)
    covariance, matrix = solve_sylvester(DRIFT, DRIFT, 2.0 * UNEVEN), expm(-DRIFT)
    noise = covariance - matrix @ covariance @ matrix.T
    exact = []
    for angle in 4.0 * np.pi * found.frequency:
        inverse = np.linalg.inv(np.eye(3) - matrix * np.exp(-1j * angle))
        exact.append((2 - 2 * np.cos(angle)) * np.trace(inverse @ noise @ inverse.conj().T).real / 3)
    # What the ends of 1500 draws add is below 1 % from the third band on; a band's width is in neither.
    z = (found.power - exact) / np.hypot(found.power_error, 0.01 * np.array(exact))
    assert abs(z[4:]).max() < Z
    wanted = [np.trace(np.linalg.matrix_power(matrix, int(lag)) @ covariance) for lag in found.lag / 2.0]
    z = (found.correlation - wanted / np.trace(covariance))[1:] / found.correlation_error[1:]
    assert abs(z).max() < Z
    inside = (found.power >= found.power_null.low) & (found.power <= found.power_null.high)
    assert inside.mean() > 0.5
    white = (found.power > 0.9 * found.power.mean()) & (found.power < 1.1 * found.power.mean())
    assert white.mean() < 0.5
