"""Which low configurations each pattern penalises: one bit a configuration, one row for each sum over the high weights.

A configuration is a whole number c < 2^n, bit i set where w_i = +1. Its low bits run over a block of 2^low
configurations while the high ones, h, stay; a pattern then costs f(Delta), and Delta is a sum over the high weights,
which only chooses a row, plus a sum over the low ones, which is in the row. A row holds one bit of the cost above its
least value in the block, for all low configurations: 64 to a word, in the order that `Rows.order` says.
"""

from typing import NamedTuple

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.kernels import lanes
from perceptron.kernels.lanes import popcount, trailing_zeros

kernel = kernel_tied_to(lanes.__file__)

ONE = np.uint64(1)


class Rows(NamedTuple):
    """The patterns as the loops over configurations read them."""

    table: np.ndarray
    """(patterns * bits * sums + 1, words) uint64: row (mu * bits + bit) * sums + sum; the last row is empty."""
    least: np.ndarray
    """(patterns, sums) int64: least cost of a pattern in a block."""
    bits: int
    """Bits of a cost above its least value."""
    span: int
    """Largest sum over patterns of the costs above their least values."""
    valid: np.ndarray
    """(words,) uint64: the bits that stand for a configuration."""
    order: np.ndarray
    """(64 * words,) int64: low configuration of each bit."""
    low: int
    """Low weights."""
    high: int
    """High weights."""
    parts: np.ndarray
    """Words at which the configurations of another distance begin, and the end: one part when none is counted."""
    reference: int
    """High part of the configuration that distances are counted from."""
    distances: int
    """0 to leave distances uncounted, 1 to count them."""
    gaussian: int
    """1 where the sum over high weights is looked up, 0 where it is a number of agreeing weights."""
    agree: np.ndarray
    """(patterns,) uint64: high parts of binary patterns."""
    sums: np.ndarray
    """(patterns, 2^low) int64 ascending: sums over the low weights of Gaussian patterns, less the least stability."""
    entries: np.ndarray
    """(high, patterns) int64: high entries of Gaussian patterns."""


@piece
def high_sums(rows, h, out):
    """Sums (patterns,) int64 over the high weights of Gaussian patterns, from scratch."""
    out[:] = 0
    for i in range(rows.high):
        sign = np.int64(2) * np.int64((np.uint64(h) >> np.uint64(i)) & ONE) - 1
        for mu in range(out.size):
            out[mu] += sign * rows.entries[i, mu]


@piece
def next_sums(rows, h, out):
    """The sums of h + 1 from those of h: trailing ones become zeros, the zero above them one."""
    flips = trailing_zeros(~np.uint64(h))
    for i in range(min(flips + 1, rows.high)):
        twice = np.int64(2) if i == flips else np.int64(-2)
        for mu in range(out.size):
            out[mu] += twice * rows.entries[i, mu]


@piece
def look_up(ascending, sums, found):
    """found[mu] = how many entries of ascending[mu] are below -sums[mu]; their number is a power of two.

    All patterns take each step of the bisection together: none waits for another's memory.
    """
    patterns, count = np.uint64(ascending.shape[0]), np.uint64(ascending.shape[1])
    flat = ascending.reshape(ascending.size)
    for mu in range(patterns):
        found[mu] = mu * count
    step = count >> ONE
    while step:
        for mu in range(patterns):
            place = found[mu]
            found[mu] = place + step if flat[place + step - ONE] < -sums[mu] else place
        step >>= ONE
    for mu in range(patterns):
        place = found[mu]
        found[mu] = place - mu * count + np.uint64(flat[place] < -sums[mu])


@piece
def choose_rows(rows, h, sums, found, chosen):
    """Fill `chosen` (bits, patterns padded) with the rows of block h; returns the least energy in it.

    sums (patterns,) int64 are those over the high weights where patterns are Gaussian; found (patterns,) is scratch.
    """
    patterns, count = rows.least.shape
    if rows.gaussian:
        look_up(rows.sums, sums, found)
    else:
        for mu in range(patterns):
            found[mu] = np.uint64(rows.high - popcount(np.uint64(h) ^ rows.agree[mu]))
    energy = np.int64(0)
    for mu in range(patterns):
        place = np.int64(found[mu])
        energy += rows.least[mu, place]
        for bit in range(rows.bits):
            chosen[bit, mu] = (mu * rows.bits + bit) * count + place
    return energy


@kernel
def fill_binary(patterns, costs, order, valid, bits, table, least):
    """Rows and least costs of binary patterns; `patterns` (p,) uint64 are their low parts.

    costs[a] is what a pattern costs that `a` of the n weights agree with, (n + 1,) int64. A row belongs to a number of
    agreeing high weights; the low ones add up to `low` to it.
    """
    words, sums = valid.size, least.shape[1]
    low = costs.size - sums
    level = np.empty((low + 1, words), np.uint64)
    for mu in range(patterns.size):
        level[:] = np.uint64(0)
        for w in range(words):
            for b in range(64):
                agreeing = low - popcount(np.uint64(order[64 * w + b]) ^ patterns[mu])
                level[agreeing, w] |= (valid[w] >> np.uint64(b) & ONE) << np.uint64(b)
        for a in range(sums):
            window = costs[a : a + low + 1]
            least[mu, a] = window.min()
            for bit in range(bits):
                row = table[(mu * bits + bit) * sums + a]
                row[:] = np.uint64(0)
                for q in range(low + 1):
                    if (window[q] - least[mu, a]) >> bit & 1:
                        for w in range(np.uint64(words)):
                            row[w] |= level[q, w]


@kernel
def fill_gaussian(order, places, table):
    """Rows of Gaussian patterns: row r of a pattern has its first r low configurations by ascending sum.

    order (p, 2^low) int64 holds them, places (2^low,) int64 the bit of each low configuration.
    """
    patterns, count = order.shape
    for mu in range(patterns):
        first = mu * (count + 1)
        table[first] = np.uint64(0)
        for r in range(count):
            table[first + r + 1] = table[first + r]
            place = places[order[mu, r]]
            table[first + r + 1, place >> 6] |= ONE << np.uint64(place & 63)
