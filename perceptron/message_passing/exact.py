"""Belief propagation with the exact law of a stability: the convolution of its N steps, for binary patterns.

The law of the first weights goes forward, L_i(k) = P(k of the first i steps are up); the chance of success goes
backward, R_i(k) = P(success | k of the first i are up). Then
P(success | w_i) = sum_k L_i(k) R_(i+1)(k + [xi_i w_i > 0])
is a sum of positive terms, accurate however small. O(N^2) work per pattern and sweep: an oracle and a tool for small N.
"""

import math

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.message_passing import bethe, factor, gaussian_kernels
from perceptron.message_passing.bethe import Bethe, edge_terms
from perceptron.message_passing.factor import LARGEST_FIELD

kernel = kernel_tied_to(factor.__file__, bethe.__file__, gaussian_kernels.__file__)


@piece
def step_chances(entries, messages, field, up, down):
    """Chances that xi_i w_i is +1 and -1, without this pattern's own message; both accurate to rounding."""
    for i in range(up.size):
        rest = entries[i] * (field[i] - messages[i])
        small = math.exp(-2.0 * abs(rest)) / (1.0 + math.exp(-2.0 * abs(rest)))
        up[i] = 1.0 - small if rest >= 0.0 else small
        down[i] = small if rest >= 0.0 else 1.0 - small


@piece
def success_tables(up, down, least, success, scale):
    """R_i(k) in success[i, : i + 1], divided by exp(scale[i]); P(success) is success[0, 0] exp(scale[0])."""
    n = up.size
    for k in range(n + 1):
        success[n, k] = 1.0 if 2 * k - n >= least else 0.0
    scale[n] = 0.0
    for i in range(n - 1, -1, -1):
        here, after = success[i], success[i + 1]
        u, d = up[i], down[i]
        largest = 0.0
        for k in range(i + 1):
            here[k] = d * after[k] + u * after[k + 1]
            largest = max(largest, here[k])
        scale[i] = scale[i + 1]
        # Far below 1 the numbers would sink into denormals on the way to the first weight.
        if 0.0 < largest < 1e-100:
            scale[i] += math.log(largest)
            for k in range(i + 1):
                here[k] /= largest


@piece
def log_weight(chance, log_scale, miss):
    """ln[e + (1 - e) chance exp(log_scale)]."""
    if miss == 0.0:
        return math.log(chance) + log_scale if chance > 0.0 else -np.inf
    return math.log(miss + (1.0 - miss) * chance * math.exp(log_scale))


@piece
def cut(x):
    """Message within what is kept; of two impossible states (both -inf, NaN) none is preferred."""
    return 0.0 if x != x else min(max(x, -LARGEST_FIELD), LARGEST_FIELD)


@kernel
def exact_sweep(entries, messages, field, total, change, least, miss, damping):
    """One parallel sweep; arguments as for `gaussian_sweep`, `least` the smallest stability that counts as right."""
    p, n = messages.shape
    up, down, scale = np.empty(n), np.empty(n), np.empty(n + 1)
    success, law, wider = np.empty((n + 1, n + 1)), np.empty(n + 1), np.empty(n + 1)
    total[:] = 0.0
    change[:] = 0.0
    for mu in range(p):
        step_chances(entries[mu], messages[mu], field, up, down)
        success_tables(up, down, least, success, scale)
        law[0] = 1.0
        for i in range(n):
            after = success[i + 1]
            if_up, if_down = 0.0, 0.0
            for k in range(i + 1):
                if_up += law[k] * after[k + 1]
                if_down += law[k] * after[k]
            high = log_weight(if_up, scale[i + 1], miss)
            low = log_weight(if_down, scale[i + 1], miss)
            step = cut(0.5 * entries[mu, i] * (high - low)) - messages[mu, i]
            messages[mu, i] += (1.0 - damping) * step
            total[i] += messages[mu, i]
            change[i] += step * step
            wider[0] = law[0] * down[i]
            for k in range(1, i + 1):
                wider[k] = law[k] * down[i] + law[k - 1] * up[i]
            wider[i + 1] = law[i] * up[i]
            law, wider = wider, law


@kernel
def exact_factors(entries, messages, field, least, miss):
    """Sums over the patterns of ln Z_mu and of the chance of an error."""
    p, n = messages.shape
    up, down, scale = np.empty(n), np.empty(n), np.empty(n + 1)
    success = np.empty((n + 1, n + 1))
    log_zs, errors = 0.0, 0.0
    for mu in range(p):
        step_chances(entries[mu], messages[mu], field, up, down)
        success_tables(up, down, least, success, scale)
        log_z = log_weight(success[0, 0], scale[0], miss)
        log_zs += log_z
        if miss > 0.0:
            errors += miss * (1.0 - success[0, 0] * math.exp(scale[0])) * math.exp(-log_z)
    return log_zs, errors


class ExactUpdate:
    """Messages (p, n) float64 of the exact convolution, and how a sweep changes them."""

    def __init__(self, entries: np.ndarray, messages: np.ndarray, least: int, miss: float, damping: float):
        self.entries, self.messages, self.least, self.miss, self.damping = entries, messages, least, miss, damping
        self.total = messages.sum(axis=0)
        self.change = np.zeros_like(self.total)

    def sweep(self, field: np.ndarray) -> None:
        """New messages from the whole fields (n,); sets `total` (n,) and `change` (n,)."""
        exact_sweep(
            self.entries, self.messages, field, self.total, self.change, self.least, self.miss, self.damping
        )  # fmt: skip

    def bethe(self, field: np.ndarray) -> Bethe:
        """Sums of the Bethe free entropy."""
        log_z, errors = exact_factors(self.entries, self.messages, field, self.least, self.miss)
        return Bethe(log_z, edge_terms(self.messages, field), errors)

    def export(self) -> np.ndarray:
        """Messages (p, n) to restart from."""
        return self.messages.copy()
