"""The binary perceptron where averages are known exactly: by enumeration, by first moments, on the Nishimori line."""

import itertools
from collections.abc import Iterator

import numpy as np

from mcmc.random import split_seed
from mcmc.samplers import HeatBath, Metropolis, RejectionFree, Tempering
from perceptron import (
    BinaryPerceptron,
    Replicated,
    SymmetricPerceptron,
    WithReference,
    enumerate_configurations,
    planted_patterns,
    random_patterns,
)
from perceptron.theory import expected_solutions, log_expected_z, solutions_deviation
from runs.exact_cases.case import Case, chain_means, from_chains

CHAINS = 256
BETA = 1.2


def flip_cases(seed: int) -> Iterator[Case]:
    """Every update and energy at N = 21 against enumeration, tempering too."""
    instance = random_patterns(21, p=13, seed=1)
    model, real = BinaryPerceptron(instance), random_patterns(21, p=13, seed=2, kind="gaussian")
    samplers = {
        "Metropolis": Metropolis(model, BETA),
        "Metropolis, random weights": Metropolis(BinaryPerceptron(instance, visit="random"), BETA),
        "heat bath": HeatBath(model, BETA),
        "rejection-free": RejectionFree(model, BETA),
        "hinge": Metropolis(BinaryPerceptron(instance, "hinge"), BETA),
        "margin 0.5": Metropolis(BinaryPerceptron(instance, margin=0.5), BETA),
        "symmetric, kappa = 0.6": Metropolis(SymmetricPerceptron(instance, 0.6), BETA),
        "Gaussian patterns": HeatBath(BinaryPerceptron(real), BETA),
    }
    for name, sampler in samplers.items():
        exact = enumerate_configurations(sampler.landscape, solutions=False).mean_energy(BETA)
        yield from_chains(f"N = 21, P = 13, {name}, energy", chain_means(sampler, seed, CHAINS)["energy"], exact)
    ladder = np.array([0.4, 0.7, 1.2])
    energy = chain_means(Tempering(HeatBath(model), ladder), seed, CHAINS)["energy"]
    exact = enumerate_configurations(model, solutions=False).mean_energy(1.0 / ladder)
    for k, temperature in enumerate(ladder):
        yield from_chains(f"N = 21, P = 13, T = {temperature}, tempering, energy", energy[:, k], exact[k])


def coupled_cases(seed: int) -> Iterator[Case]:
    """A reference at N = 15 against counts by energy and distance, replicas at N = 7 against all pairs."""
    model, gamma = BinaryPerceptron(random_patterns(15, p=9, seed=1)), 0.2
    reference = np.where(np.arange(15) % 4, 1, -1).astype(np.int8)
    # Counts by (energy, distance) to the reference, weighted.
    counts = np.asarray(enumerate_configurations(model, solutions=False).by_distance(reference))
    energy, distance = np.indices(counts.shape)
    weight = counts * np.exp(-BETA * energy + gamma * (15 - 2 * distance))
    exact = {"cost": energy, "overlap": 1 - 2 * distance / 15}
    for sampler in (Metropolis, RejectionFree):
        means = chain_means(sampler(WithReference(model, reference, gamma), BETA), seed, CHAINS)
        for name, values in exact.items():
            expected = (weight * values).sum() / weight.sum()
            yield from_chains(f"N = 15, reference, {sampler.__name__}, {name}", means[name], expected)
    small = BinaryPerceptron(random_patterns(7, p=6, seed=1))
    for coupling in ("pairs", "centre"):
        means = chain_means(HeatBath(Replicated(small, 2, 0.3, coupling=coupling), BETA), seed, CHAINS)
        for name, expected in _two_replicas(small, 0.3, coupling).items():
            yield from_chains(f"N = 7, two replicas, {coupling}, {name}", means[name], expected)


def _two_replicas(model, gamma, coupling):
    """Exact mean cost and overlap of two replicas."""
    weights = np.array(list(itertools.product((-1, 1), repeat=model.patterns.n)))
    errors = model.patterns.errors(weights)
    product = weights @ weights.T
    if coupling == "pairs":
        log_weight = gamma * product
    else:
        # A centre sees w + w' = 0 or 2 at each weight.
        equal = (model.patterns.n + product) / 2
        log_weight = equal * np.log(np.cosh(2 * gamma))
    weight = np.exp(log_weight - BETA * (errors[:, None] + errors[None, :]))
    weight /= weight.sum()
    cost = (weight * (errors[:, None] + errors[None, :])).sum()
    return {"cost": cost, "replica_overlap": (weight * product).sum() / model.patterns.n}


def first_moment_cases(seed: int) -> Iterator[Case]:
    """Means over instances that are known exactly: solutions 2^(N - P), and the partition function."""
    n, p, instances = 17, 12, 1000
    low, _ = split_seed(seed)
    found = [enumerate_configurations(random_patterns(n, p=p, seed=int(low) * instances + k), solutions=False)
             for k in range(instances)]  # fmt: skip
    solutions = np.array([counted.solution_count for counted in found], float)
    # The number of solutions is skewed: its exact deviation, not that of the sample, makes the error.
    error = float(solutions_deviation(n, p)) / np.sqrt(instances)
    name = f"N = {n}, P = {p}, solutions, mean of {instances} instances"
    yield Case(name, float(solutions.mean()), float(error), float(expected_solutions(n, p)))
    z = np.array([float(np.exp(counted.log_z(BETA))) for counted in found])
    exact = float(np.exp(log_expected_z(n, p, BETA)))
    yield from_chains(f"N = {n}, P = {p}, Z(1.2), mean of {instances} instances", z, exact)


def nishimori_cases(seed: int) -> Iterator[Case]:
    """Labels of a noisy teacher: the teacher is as near to a sample as two samples are to each other."""
    n, instances = 41, 48
    noise = float(np.exp(-BETA) / (1 + np.exp(-BETA)))
    low, _ = split_seed(seed)
    excess, energy = [], []
    for k in range(instances):
        instance = planted_patterns(n, p=62, seed=int(low) * instances + k, label_noise=noise)
        teacher = np.asarray(instance.teacher)
        sampler = Tempering(HeatBath(BinaryPerceptron(instance)), [1 / BETA, 1.2, 2.0])
        state, _ = sampler.thermalize(sampler.init(8, seed), 200)
        between = toward = 0.0
        for _ in range(100):
            state, _ = sampler.step(state, 3)
            cold = sampler.sampler.landscape.weights(state.replicas.spins)[state.lane[:, 0]].astype(float)
            product = cold @ cold.T / n
            between += (product.sum() - len(cold)) / (len(cold) * (len(cold) - 1))
            toward += (cold @ teacher).mean() / n
            energy.append(sampler.energy(state)[:, 0].mean() - instance.errors(teacher))
        excess.append((toward - between) / 100)
    yield from_chains(f"N = {n}, noisy teacher, overlap with it minus between samples", np.array(excess), 0.0)
    by_instance = np.array(energy).reshape(instances, -1).mean(axis=1)
    yield from_chains(f"N = {n}, noisy teacher, energy of samples minus its own", by_instance, 0.0)


def message_cases(seed: int) -> Iterator[Case]:
    """Belief propagation with exact convolutions on one pattern, a tree: equal to enumeration to ten digits."""
    from perceptron import belief_propagation

    instance = random_patterns(15, p=1, seed=seed)
    found = belief_propagation(instance, method="exact")
    exact = float(np.log(enumerate_configurations(instance).solution_count)) / instance.n
    yield Case("N = 15, P = 1, belief propagation, entropy per weight", float(found.entropy), 1e-10, exact)
