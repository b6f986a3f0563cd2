"""All configurations of an instance as blocks: the high weights choose a block, the low ones run over it."""

from typing import Any

import numpy as np

from perceptron.kernels.enumerate_rows import Rows, fill_binary, fill_gaussian
from perceptron.packing import WORD, pack_signs
from perceptron.pattern_costs import PatternCosts

LOW_BINARY = 14
LOW_GAUSSIAN = 11
"""Low weights: rows as long as stay in the caches; Gaussian patterns have one for each of their low configurations."""

PART = 8
"""Words that the configurations at one distance fill up to: the width of a vector."""


def low_weights(costs: PatternCosts) -> int:
    """How many weights run inside a block; fewer for small instances, where making the rows is what takes the time."""
    n = costs.patterns.n
    most = LOW_GAUSSIAN if costs.patterns.kind == "gaussian" else LOW_BINARY
    return min(n, most, max(6, n - 8))


def packed_weights(weights: np.ndarray) -> np.ndarray:
    """Weights (..., n) of +-1 with n <= 64 as whole numbers, bit i set where w_i = +1: (...,) uint64."""
    return pack_signs(weights)[..., 0]


def make_rows(costs: PatternCosts, reference: int | None = None) -> Rows:
    """Rows of an instance; with a `reference`, a packed configuration, distances from it are counted."""
    patterns, low = costs.patterns, low_weights(costs)
    high = patterns.n - low
    order, valid, parts = _natural_order(low) if reference is None else _order_by_distance(low, reference)
    made: dict[str, Any] = {
        "valid": valid, "order": order, "low": low, "high": high, "parts": parts,
        "reference": (reference or 0) >> low, "distances": int(reference is not None),
    }  # fmt: skip
    return _gaussian_rows(costs, made) if patterns.kind == "gaussian" else _binary_rows(costs, made)


def row_bytes(costs: PatternCosts) -> int:
    """Memory that `make_rows` takes, about."""
    low = low_weights(costs)
    if costs.patterns.kind == "gaussian":
        return costs.entries.shape[0] * (2**low + 1) * (2**low // 8 + 32)
    bits = _bits(costs, low)
    return int(1.25 * costs.patterns.p * bits * (costs.patterns.n - low + 1) * max(8, 2**low // 8))


def _bits(costs: PatternCosts, low: int) -> int:
    """Bits of the largest difference of costs inside a block."""
    return max(1, int(_windows(costs, low).max()).bit_length())


def _windows(costs: PatternCosts, low: int) -> np.ndarray:
    window = np.lib.stride_tricks.sliding_window_view(costs.table, low + 1)
    return window.max(axis=1) - window.min(axis=1)


def _binary_rows(costs: PatternCosts, made: dict[str, Any]) -> Rows:
    p, sums, low = costs.patterns.p, made["high"] + 1, made["low"]
    bits = _bits(costs, low)
    packed = packed_weights(costs.patterns.patterns)
    table = np.zeros((p * bits * sums + 1, made["valid"].size), np.uint64)
    least = np.empty((p, sums), np.int64)
    inside = np.uint64(2**low - 1)
    fill_binary(packed & inside, costs.table, made["order"], made["valid"], bits, table, least)
    return Rows(
        table=table, least=least, bits=bits, span=p * int(_windows(costs, low).max()), gaussian=0,
        agree=packed >> np.uint64(low), sums=np.empty((1, 1), np.int64), entries=np.empty((1, 1), np.int64), **made,
    )  # fmt: skip


def _gaussian_rows(costs: PatternCosts, made: dict[str, Any]) -> Rows:
    low = made["low"]
    terms, count = costs.entries.shape[0], 2**low
    signs = 2 * (np.arange(count)[:, None] >> np.arange(low) & 1) - 1
    sums = costs.entries[:, :low] @ signs.T - costs.least
    order = np.argsort(sums, axis=1, kind="stable")
    places = np.empty(count, np.int64)
    real = np.unpackbits(made["valid"].astype("<u8").view(np.uint8), bitorder="little").astype(bool)
    places[made["order"][real]] = np.flatnonzero(real)
    table = np.zeros((terms * (count + 1) + 1, made["valid"].size), np.uint64)
    fill_gaussian(order, places, table)
    return Rows(
        table=table, least=np.zeros((terms, count + 1), np.int64), bits=1, span=terms, gaussian=1,
        agree=np.empty(1, np.uint64), sums=np.take_along_axis(sums, order, axis=1),
        entries=np.ascontiguousarray(costs.entries[:, low:].T), **made,
    )  # fmt: skip


def _natural_order(low: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    words = max(1, 2**low // WORD)
    valid = np.full(words, ~np.uint64(0) if low >= 6 else np.uint64((1 << 2**low) - 1))
    return np.arange(WORD * words), valid, np.array([0, words])


def _order_by_distance(low: int, reference: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low configurations by distance from the reference, those of one distance in words of their own."""
    configurations = np.arange(2**low)
    distance = np.bitwise_count(configurations ^ (reference & (2**low - 1)))
    counts = np.bincount(distance, minlength=low + 1)
    lengths = -(-counts // (WORD * PART)) * PART
    parts = np.concatenate([[0], np.cumsum(lengths)])
    order = np.zeros(WORD * parts[-1], np.int64)
    real = np.zeros(order.size, np.uint8)
    for d in range(low + 1):
        begin = WORD * parts[d]
        order[begin : begin + counts[d]] = configurations[distance == d]
        real[begin : begin + counts[d]] = 1
    return order, np.packbits(real, bitorder="little").view("<u8").astype(np.uint64), parts
