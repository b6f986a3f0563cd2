"""Every configuration of a tiny landscape on weights +-1, its law, and the acceptances that the compiled loops use."""

import numpy as np

from perceptron import BinaryPerceptron, Replicated, SymmetricPerceptron, WithReference, random_patterns

CERTAIN = 2.0**62


def landscapes(n=9):
    """Every landscape at 9 weights in all, with a name each; replicas share them."""
    odd, few = random_patterns(n, 0.8, seed=3), random_patterns(3, 1.0, seed=5)
    even = random_patterns(8, 1.0, seed=4, tie="error")
    real = random_patterns(n, 0.8, seed=2, kind="gaussian")
    model = BinaryPerceptron(odd)
    reference = np.where(np.arange(n) % 3, 1, -1)
    return {
        "errors": model,
        "hinge": BinaryPerceptron(odd, "hinge"),
        "margin": BinaryPerceptron(odd, margin=0.5),
        "tie counts as error": BinaryPerceptron(even),
        "tie is correct, hinge": BinaryPerceptron(random_patterns(8, 1.0, seed=4, tie="correct"), "hinge"),
        "symmetric": SymmetricPerceptron(odd, 0.6),
        "symmetric, even": SymmetricPerceptron(even, 0.8),
        "gaussian": BinaryPerceptron(real),
        "gaussian, symmetric": SymmetricPerceptron(real, 0.7),
        "reference": WithReference(model, reference, 0.3),
        "reference, gamma": WithReference(model, reference, control="gamma", beta=0.9),
        "reference, symmetric": WithReference(SymmetricPerceptron(odd, 0.6), reference, -0.2),
        "pairs": Replicated(BinaryPerceptron(few), 3, 0.25, coupling="pairs"),
        "pairs, gamma": Replicated(BinaryPerceptron(few), 3, coupling="pairs", control="gamma", beta=0.9),
        "centre": Replicated(BinaryPerceptron(few), 3, 0.4),
        "centre, hinge": Replicated(BinaryPerceptron(few, "hinge"), 3, 0.4),
    }


def configurations(model):
    """(2^sites, sites) int8, configuration k with weight i set to +1 where bit i of k is set."""
    bits = (np.arange(2**model.sites)[:, None] >> np.arange(model.sites)) & 1
    return (2 * bits - 1).astype(np.int8)


def costs(model, weights):
    """Energy of the patterns of every row, summed over replicas, from plain sums of products."""
    n, instance = model.patterns.n, model.patterns
    inner = getattr(model, "model", model)
    total = np.zeros(len(weights))
    for part in weights.reshape(len(weights), -1, n).transpose(1, 0, 2):
        stability = part.astype(np.float64) @ instance.patterns.T.astype(np.float64)
        if isinstance(inner, SymmetricPerceptron):
            total += (np.abs(stability) > inner.kappa * np.sqrt(n)).sum(axis=1)
            continue
        wrong = stability < inner.margin * np.sqrt(n)
        if instance.tie == "error" and inner.margin == 0:
            wrong |= stability == 0
        if inner.energy_name == "errors":
            total += wrong.sum(axis=1)
            continue
        # Flips that bring the stability, in steps of 2, to the first value that is right.
        flips = np.zeros(stability.shape)
        while wrong.any():
            flips += wrong
            stability = np.where(wrong, stability + 2, stability)
            wrong = stability < inner.margin * np.sqrt(n)
            if instance.tie == "error" and inner.margin == 0:
                wrong |= stability == 0
        total += flips.sum(axis=1)
    return total


def log_coupling(model, weights, gamma):
    """Log weight of the coupling of every row."""
    if isinstance(model, WithReference):
        return gamma * (weights @ model.reference.astype(np.int64))
    if not isinstance(model, Replicated):
        return np.zeros(len(weights))
    replicas = weights.reshape(len(weights), model.replicas, -1).astype(np.int64)
    if model.coupling == "centre":
        return np.log(2 * np.cosh(gamma * replicas.sum(axis=1))).sum(axis=1)
    pairs = [(a, b) for a in range(model.replicas) for b in range(a)]
    return gamma * sum((replicas[:, a] * replicas[:, b]).sum(axis=1) for a, b in pairs)


def strengths(model, control):
    """(beta, gamma) when a sampler's beta is `control`."""
    return (control, model.gamma) if model.control == "beta" else (model.beta, control)


def law(model, control):
    """Probability of every configuration when a sampler's beta is `control`."""
    weights = configurations(model)
    beta, gamma = strengths(model, control)
    log_weight = -beta * costs(model, weights) + log_coupling(model, weights, gamma)
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def local_field(model, weights, site):
    """Index of the local field of one weight in every row: how many of those coupled to it agree with it."""
    if isinstance(model, WithReference):
        return (1 + weights[:, site].astype(np.int64) * model.reference[site]) // 2
    if not isinstance(model, Replicated):
        return np.zeros(len(weights), np.int64)
    replicas = weights.reshape(len(weights), model.replicas, -1).astype(np.int64)
    a, i = divmod(site, replicas.shape[2])
    agree = (replicas[:, :, i] == replicas[:, a, i][:, None]).sum(axis=1) - 1
    return agree


def entries(model, weights, control, rule, site, change):
    """Entries of the acceptance table for flipping one weight of every row, whose energy changes are given."""
    acceptance = model.tables[rule]
    beta, gamma = strengths(model, control)
    row, acceptance = acceptance.look_up(np.array(beta), np.array(gamma))
    levels = acceptance.table.shape[1] // acceptance.fields
    level = np.clip(change.astype(np.int64) - acceptance.lowest, 0, levels - 1)
    return acceptance.table[int(row), level * acceptance.fields + local_field(model, weights, site)]
