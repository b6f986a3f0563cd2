"""Energies of large instances by tempering against the replica-symmetric theory, and the Nishimori identities.

Errors are the spread between instances, which are independent. False alarms: 1e-6 an assertion; 1e-3 for a line
through four sizes with a dozen instances each, whose spread is itself uncertain.
"""

import numpy as np
import pytest
from scipy import stats

from mcmc.samplers import HeatBath, Tempering
from perceptron import BinaryPerceptron, enumerate_configurations, planted_patterns, random_patterns, theory

LARGEST_Z = 4.9


def energy_per_weight(n, alpha, beta, seed, sweeps=300, ladder=6, thin=2):
    """Mean energy per weight of one instance at beta, minus theory at its own P / N, and its drift between halves."""
    model = BinaryPerceptron(random_patterns(n, p=round(alpha * n), seed=seed))
    tempering = Tempering(HeatBath(model), 1.0 / np.linspace(0.3 * beta, beta, ladder))
    state, _ = tempering.thermalize(tempering.init(2, seed), sweeps)
    energy = []
    for _ in range(sweeps):
        state, _ = tempering.step(state, thin)
        energy.append(tempering.energy(state)[:, 0].mean() / n)
    exact = float(theory.replica_symmetric(alpha=model.patterns.alpha, beta=beta).energy)
    return np.mean(energy) - exact, np.mean(energy[: sweeps // 2]) - np.mean(energy[sweeps // 2 :])


def weighted_line(x, y, error):
    """Intercept, slope and their errors of y = a + b x with known errors."""
    design = np.stack([np.ones_like(x), x], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return covariance @ design.T @ (y / error), np.sqrt(np.diag(covariance))


def student(values):
    """Mean in units of its error, as Student's law has it, brought to the scale of a normal."""
    t = values.mean() / (values.std(ddof=1) / np.sqrt(values.size))
    return float(np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), values.size - 1)))


def test_energy_of_251_and_501_weights_tends_to_theory(seed):
    """A line in 1/N through the two sizes; what is left, of order 1/N^2, is far below the error.

    Energies of another temperature, 30 % higher, are told apart.
    """
    found = {
        n: np.array([energy_per_weight(n, 0.5, 1.0, seed * 1000 + 64 * n + k, 60) for k in range(32)])
        for n in (251, 501)
    }
    at_infinity = (501 * found[501] - 251 * found[251]) / 250
    assert abs(student(at_infinity[:, 0])) < LARGEST_Z
    for difference in found.values():
        assert abs(student(difference[:, 1])) < LARGEST_Z
    hot, cold = (theory.replica_symmetric(alpha=0.5, beta=beta).energy for beta in (0.7, 1.0))
    assert abs(student(at_infinity[:, 0] - (hot - cold))) > LARGEST_Z


@pytest.mark.validate
@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 1.0), (1.0, 0.5)])
def test_energy_tends_to_theory_as_one_over_n(alpha, beta, seed):
    """N = 501 to 4001: the intercept of a line in 1/N is the theory's energy; another temperature's is told apart.

    At alpha = 1 and beta = 1 or 2 the large sizes are glassy: their energies still fall after thousands of sweeps.
    """
    sizes, instances = np.array([501, 1001, 2001, 4001]), 12
    mean, error = [], []
    for n in sizes:
        found = np.array([energy_per_weight(int(n), alpha, beta, seed * 1000 + k, 150) for k in range(instances)])
        mean.append(found[:, 0].mean())
        error.append(found[:, 0].std(ddof=1) / np.sqrt(instances))
        drift = found[:, 1]
        assert abs(drift.mean()) < LARGEST_Z * drift.std(ddof=1) / np.sqrt(instances)
    (intercept, slope), (intercept_error, slope_error) = weighted_line(1.0 / sizes, np.array(mean), np.array(error))
    print(f"alpha = {alpha}, beta = {beta}: N (e - theory) {np.round(np.array(mean) * sizes, 2)}")
    print(f"intercept {intercept:.6f} +- {intercept_error:.6f}, slope {slope:.2f} +- {slope_error:.2f}")
    assert abs(intercept) < LARGEST_Z * intercept_error
    near = theory.replica_symmetric(alpha=alpha, beta=beta * 0.9).energy
    shift = float(near - theory.replica_symmetric(alpha=alpha, beta=beta).energy)
    assert abs(intercept - shift) > LARGEST_Z * intercept_error


def overlaps(instance, beta):
    """<w.teacher>/n and <w.w'>/n over the equilibrium law of one small instance, by enumeration of all weights."""
    weights = 2 * ((np.arange(2**instance.n)[:, None] >> np.arange(instance.n)) & 1) - 1
    weight = np.exp(-beta * instance.errors(weights)) if np.isfinite(beta) else 1.0 * (instance.errors(weights) == 0)
    magnetization = (weight / weight.sum()) @ weights
    return magnetization @ instance.teacher / instance.n, magnetization @ magnetization / instance.n


@pytest.mark.parametrize("beta", [0.8, np.inf])
def test_teacher_is_as_near_as_another_sample(beta, seed):
    """Nishimori: with label noise e^-beta / (1 + e^-beta), mean overlaps with the teacher and between samples agree."""
    noise = float(np.exp(-beta) / (1 + np.exp(-beta)))
    found = np.array([
        overlaps(planted_patterns(11, 1.0, seed=seed * 1000 + k, label_noise=noise), beta) for k in range(400)
    ])  # fmt: skip
    excess = found[:, 0] - found[:, 1]
    assert abs(excess.mean()) < LARGEST_Z * excess.std(ddof=1) / 20
    # Control: away from the line, at half the temperature, samples agree with each other more than with the teacher.
    cold = 3.0 if np.isinf(beta) else 2 * beta
    wrong = np.array([
        overlaps(planted_patterns(11, 1.0, seed=seed * 1000 + k, label_noise=0.3), cold) for k in range(400)
    ])  # fmt: skip
    excess = wrong[:, 0] - wrong[:, 1]
    assert abs(excess.mean()) > LARGEST_Z * excess.std(ddof=1) / 20


def test_teacher_is_a_solution():
    for n, alpha in ((31, 1.5), (1001, 0.7)):
        instance = planted_patterns(n, alpha, seed=4)
        assert instance.errors(instance.teacher) == 0
    assert enumerate_configurations(planted_patterns(15, 2.0, seed=4)).solution_count >= 1
