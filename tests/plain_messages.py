"""Plain NumPy oracles of message passing: enumeration of an instance, and one sweep straight from the formulas."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr


class Law(NamedTuple):
    free_entropy: float
    magnetization: np.ndarray
    energy: float
    entropy: float


def all_weights(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) * 2 - 1


def enumerated(instance, beta=math.inf, field=0.0, margin=0.0):
    """The law exp(-beta E + h.w) of every configuration; entropies and energy per weight."""
    weights = all_weights(instance.n)
    field = np.broadcast_to(field, instance.n)
    stabilities = weights.astype(np.float32) @ instance.patterns.T.astype(np.float32)
    errors = (stabilities < instance.least_stability(margin)).sum(axis=1)
    log_weight = weights @ field
    log_weight = np.where(errors > 0, -np.inf, log_weight) if math.isinf(beta) else log_weight - beta * errors
    largest = log_weight.max()
    chance = np.exp(log_weight - largest)
    total = chance.sum()
    chance /= total
    kept = chance > 0
    entropy = -float(chance[kept] @ np.log(chance[kept]))
    return Law(
        float(largest + np.log(total)) / instance.n,
        chance @ weights,
        0.0 if math.isinf(beta) else float(chance @ errors) / instance.n,
        entropy / instance.n,
    )


def plain_log_z(x, miss):
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log(miss), np.log1p(-miss) + log_ndtr(x))


def plain_sweep(entries, messages, field, threshold, miss, damping):
    """New Gaussian messages (p, n) in double precision, cut at 50 before they are damped."""
    entries, messages = entries.astype(np.float64), messages.astype(np.float64)
    rest = field - messages
    means, variances = entries * np.tanh(rest), entries**2 / np.cosh(rest) ** 2
    a = means.sum(axis=1, keepdims=True) - means - threshold
    scale = np.sqrt(variances.sum(axis=1, keepdims=True) - variances)
    new = 0.5 * (plain_log_z((a + entries) / scale, miss) - plain_log_z((a - entries) / scale, miss))
    return messages + (1.0 - damping) * (np.clip(new, -50.0, 50.0) - messages)


def max_sum_messages(entries, field, least):
    """Messages (n,) of one pattern from all configurations, the others' messages being 0."""
    n = entries.size
    weights = all_weights(n)
    right = weights @ entries >= least
    gains = weights @ field
    return np.array([
        0.5 * ((gains - field[i])[right & (weights[:, i] == 1)].max()
               - (gains + field[i])[right & (weights[:, i] == -1)].max())
        for i in range(n)
    ])  # fmt: skip


def coupled_message(gamma, y, field):
    """Field on a weight from a traced centre that y - 1 other weights in `field` are tied to, by enumeration."""
    others = all_weights(y - 1) if y > 1 else np.zeros((1, 0))
    weight = {}
    for own in (-1, 1):
        exponents = [gamma * c * (own + others.sum(1)) + field * others.sum(1) for c in (-1, 1)]
        weight[own] = np.exp(exponents).sum()
    return 0.5 * math.log(weight[1] / weight[-1])
