"""Belief propagation over instances: enumeration, replica theory, Nishimori; how often the solvers succeed.

False alarms: 1e-6 an assertion, from the spread between instances, which are independent.
"""

import math
import warnings

import numpy as np
import pytest

from mcmc.errors import ConvergenceWarning
from perceptron import belief_propagation, enumerate_configurations, planted_patterns, random_patterns, solve, theory
from perceptron.message_passing import focusing_bp, local_entropy_bp

LARGEST_Z = 4.9
INF = math.inf


def z_score(differences, allowance=0.0):
    """Mean over instances beyond a systematic allowance, in standard errors."""
    differences = np.asarray(differences)
    error = differences.std(ddof=1) / math.sqrt(differences.size)
    return max(0.0, abs(differences.mean()) - allowance) / error


def test_bethe_entropy_is_as_close_as_quoted(seed):
    """N = 21, P = 6, quoted within .007 of enumeration: 12 of 40 instances at least are.

    Where two thirds are, fewer has a chance of 1e-6. The annealed entropy is as close for a few only.
    """
    instances = [random_patterns(21, p=6, seed=1000 * seed + k) for k in range(40)]
    exact = np.array([math.log(enumerate_configurations(i).energy_histogram[0]) / 21 for i in instances])
    for method in ("exact", "gaussian", "tap"):
        found = np.array([belief_propagation(i, method=method).entropy for i in instances])
        assert np.sum(np.abs(found - exact) < 0.007) >= 12
    annealed = (1.0 - 6 / 21) * math.log(2.0)
    assert np.sum(np.abs(annealed - exact) < 0.007) < 12


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, INF), (0.5, INF), (0.5, 1.0), (1.0, 2.0)])
@pytest.mark.parametrize("method", ["gaussian", "tap"])
def test_entropy_and_energy_are_those_of_theory(method, alpha, beta, seed):
    """N = 1001, a dozen instances, up to corrections 1/N; theory at another alpha is told apart."""
    p = round(alpha * 1001)
    found = [
        belief_propagation(random_patterns(1001, p=p, seed=100 * seed + k), beta, method=method, tolerance=1e-5)
        for k in range(12)
    ]
    assert all(one.converged for one in found)
    replica, other = (theory.replica_symmetric(alpha=a / 1001, beta=beta) for a in (p, 1.1 * p))
    entropy = np.array([one.entropy for one in found])
    assert z_score(entropy - float(replica.entropy), 1.0 / 1001) < LARGEST_Z
    if math.isinf(beta):
        assert z_score(entropy - float(other.entropy), 1.0 / 1001) > LARGEST_Z
        return
    energy = np.array([one.energy for one in found])
    assert z_score(energy - float(replica.energy), 1.0 / 1001) < LARGEST_Z
    assert z_score(energy - float(other.energy), 1.0 / 1001) > LARGEST_Z


@pytest.mark.parametrize("beta", [INF, 1.5])
def test_nishimori_on_planted_instances(beta, seed):
    """Overlap with the teacher = overlap of two samples, sum_i m_i^2 / N; not so at another temperature."""
    noise = 0.0 if math.isinf(beta) else math.exp(-beta) / (1.0 + math.exp(-beta))

    def gaps(at):
        found = []
        for k in range(16):
            instance = planted_patterns(501, p=451, seed=100 * seed + k, label_noise=noise)
            m = belief_propagation(instance, at, method="tap", tolerance=1e-5).magnetization
            found.append((m @ instance.teacher - m @ m) / 501)
        return found

    assert z_score(gaps(beta), 1.0 / 501) < LARGEST_Z
    assert z_score(gaps(0.5 if math.isinf(beta) else 3.0), 1.0 / 501) > LARGEST_Z


@pytest.mark.parametrize(("method", "n", "alpha"), [
    ("reinforced_bp", 501, 0.5), ("focusing_bp", 501, 0.5), ("reinforced_bp", 501, 0.65), ("focusing_bp", 501, 0.65),
    ("max_sum", 201, 0.5), ("max_sum", 501, 0.6),
])  # fmt: skip
def test_solvers_find_solutions(method, n, alpha, seed):
    """Quoted: 8 of 8 at N = 501 up to alpha = .65. Success of at least .9 fails here with a chance below 1e-6."""
    options = {} if method == "max_sum" else {"step": 0.005}
    found = [solve(random_patterns(n, p=round(alpha * n), seed=50 * seed + k), method, k, **options) for k in range(8)]
    assert sum(one.solved for one in found) >= 2
    assert all(one.work_unit == "sweeps" for one in found)
    for one in found:
        assert one.history["errors"][-1] == 0 if one.solved else one.errors > 0
        assert one.work == len(one.history["work"]) == one.history["work"][-1]


@pytest.mark.parametrize("options", [
    {"update": "gaussian"}, {"protocol": "standard"}, {"protocol": "scoping"}, {"margin": 0.2}, {"damping": 0.5},
])  # fmt: skip
def test_every_option_of_focusing_solves(options, seed):
    """Easy instances, alpha = .4; with a margin the stabilities are at least kappa sqrt(N)."""
    instance = random_patterns(301, p=120, seed=seed)
    found = solve(instance, "focusing_bp", 3, step=0.005, **options)
    assert found.solved
    margin = options.get("margin", 0.0)
    assert instance.stabilities(found.weights).min() >= margin * math.sqrt(301)


@pytest.mark.parametrize("kind", ["gaussian", "binary"])
def test_even_n_and_real_patterns_are_solved(kind, seed):
    tie = "error" if kind == "binary" else None
    instance = random_patterns(400, p=160, seed=seed, kind=kind, tie=tie)
    for update in ("tap", "gaussian"):
        found = solve(instance, "reinforced_bp", step=0.005, update=update)
        assert found.solved
        assert (instance.stabilities(found.weights) > 0).all()


@pytest.mark.validate
@pytest.mark.parametrize("update", ["tap", "gaussian"])
@pytest.mark.parametrize("method", ["reinforced_bp", "focusing_bp"])
def test_ten_thousand_weights_at_alpha_070(method, update, seed):
    """N = 10001: at least two of three instances solved."""
    found = [solve(random_patterns(10001, p=7001, seed=seed + k), method, update=update) for k in range(3)]
    assert sum(one.solved for one in found) >= 2


@pytest.mark.validate
def test_max_sum_at_alpha_070(seed):
    """N = 1001, 22 of 24 seen: fewer than 8 of 24 has a chance below 1e-6 where the success is .75 or more."""
    found = [solve(random_patterns(1001, p=701, seed=seed + k), "max_sum", k) for k in range(24)]
    assert sum(one.solved for one in found) >= 8


@pytest.mark.validate
def test_entropy_of_ten_thousand_weights(seed):
    """Self-averaging: at N = 10001 single instances lie within 4.9 deviations, measured at N = 1001 and scaled."""
    small = [
        belief_propagation(random_patterns(1001, p=501, seed=seed + k), method="tap", tolerance=1e-5).entropy
        for k in range(40)
    ]
    deviation = np.std(small, ddof=1) / math.sqrt(10)
    for method in ("tap", "gaussian"):
        instance = random_patterns(10001, p=5001, seed=seed)
        found = belief_propagation(instance, method=method, tolerance=1e-5)
        exact = float(theory.replica_symmetric(alpha=instance.alpha).entropy)
        assert abs(found.entropy - exact) < LARGEST_Z * deviation + 1.0 / 10001


@pytest.mark.validate
@pytest.mark.parametrize("alpha", [0.4, 0.6])
def test_focusing_finds_dense_regions(alpha, seed):
    """Local entropy around a focused solution: below the theory's densest centre and above 85 % of it.

    y -> inf replicas at mutual overlap q1 lie at distance (1 - sqrt q1)/2 from their centre. Monte Carlo at low
    temperature ends in solutions without such neighbourhoods: a typical solution has none (arXiv:1408.1784).
    """
    for k in range(3):
        instance = random_patterns(2001, p=round(alpha * 2001), seed=seed + k)
        centre = focusing_bp(instance, seed=k)
        assert centre.errors == 0
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            curve = local_entropy_bp(instance, centre.weights, np.linspace(0.0, 2.2, 23), method="tap")
        for mutual in (0.06, 0.10, 0.20):
            distance = (1.0 - math.sqrt(1.0 - 2.0 * mutual)) / 2.0
            entropy = np.interp(distance, curve.distance[::-1], curve.entropy[::-1])
            densest = float(theory.large_deviations(alpha=instance.alpha, distance=mutual).entropy)
            assert 0.85 * densest < entropy < 1.05 * densest
