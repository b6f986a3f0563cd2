"""Message passing on the binary perceptron: nanoseconds per edge and sweep against plain loops of the same formulas."""

import math
from collections.abc import Iterator

import numpy as np
from numba import njit

from perceptron.message_passing.max_sum import MaxSumUpdate
from perceptron.message_passing.update import make_update, random_fields
from perceptron.patterns import random_patterns
from runs.benchmarks.timing import Row, median_seconds, paired_seconds

N, ALPHA = 10001, 0.7
PLAIN_ROWS = 70
"""Patterns of the plain loops: their time per edge does not depend on it."""

NANO = 1e9


@njit(cache=True)
def plain_sweep(entries, messages, field, total):
    """Gaussian messages f (p, n) and their sums as one writes them first: library functions on every edge."""
    p, n = messages.shape
    total[:] = 0.0
    means = np.empty(n)
    root_half = math.sqrt(0.5)
    for mu in range(p):
        a, v = 0.0, 0.0
        for i in range(n):
            means[i] = math.tanh(field[i] - messages[mu, i])
            a += entries[mu, i] * means[i]
            v += 1.0 - means[i] * means[i]
        for i in range(n):
            xi = entries[mu, i]
            scale = root_half / math.sqrt(v - (1.0 - means[i] * means[i]))
            rest = a - xi * means[i]
            up, down = math.erfc(-(rest + xi) * scale), math.erfc(-(rest - xi) * scale)
            messages[mu, i] = 0.5 * messages[mu, i] + 0.25 * math.log(up / down)
            total[i] += messages[mu, i]


@njit(cache=True)
def plain_tap_sweep(entries, slopes, means, projected):
    """One sweep of the TAP form with plain loops over the patterns."""
    p, n = entries.shape
    whole = 0.0
    for i in range(n):
        whole += 1.0 - means[i] * means[i]
    projected[:] = 0.0
    for mu in range(p):
        a = 0.0
        for i in range(n):
            a += entries[mu, i] * means[i]
        x = (a - whole * slopes[mu]) / math.sqrt(whole)
        slopes[mu] = math.exp(-0.5 * x * x) * math.sqrt(2.0 / (math.pi * whole)) / math.erfc(-x * math.sqrt(0.5))
        for i in range(n):
            projected[i] += slopes[mu] * entries[mu, i]


def message_rows() -> Iterator[Row]:
    """One sweep at N = 10001, alpha = 0.7 from fields of a converged size, one core."""
    instance = random_patterns(N, p=round(ALPHA * N), seed=1)
    few = instance.patterns[:PLAIN_ROWS]
    field = random_fields(N, 1, 1.0)
    edges, plain_edges = instance.patterns.size, few.size
    messages, total = np.zeros(few.shape), np.empty(N)
    slopes, means = np.zeros(PLAIN_ROWS), np.tanh(field)
    plain = {
        "gaussian": lambda: plain_sweep(few, messages, field, total),
        "tap": lambda: plain_tap_sweep(few, slopes, means, total),
    }
    for method, name, most in (("gaussian", "BP, Gaussian per edge", 8.0), ("tap", "BP, TAP form", 1.0)):
        update = make_update(instance, method, damping=0.5, precision="single")
        fast, slow, _ = paired_seconds(lambda u=update: u.sweep(field), plain[method])
        value, reference = fast / edges * NANO, slow / plain_edges * NANO
        yield Row(
            f"{name}, N = {N}, alpha = {ALPHA}", value, "ns/edge/sweep",
            "plain Numba loop", reference, reference / value, f"<= {most:g} ns", value <= most,
        )  # fmt: skip
        del update
    search = MaxSumUpdate(instance, 0.0, 0.0)
    value = median_seconds(lambda: search.sweep(field), repeats=3) / edges * NANO
    yield Row(f"max-sum, N = {N}, alpha = {ALPHA}", value, "ns/edge/sweep")
    yield from exact_rows()


def exact_rows() -> Iterator[Row]:
    """The oracle: convolutions cost N more."""
    instance = random_patterns(501, p=250, seed=1)
    update = make_update(instance, "exact")
    field = random_fields(501, 1, 1.0)
    value = median_seconds(lambda: update.sweep(field), repeats=3) / instance.patterns.size / 501 * NANO
    yield Row("BP, exact convolution, N = 501", value, "ns/edge/sweep/N")
