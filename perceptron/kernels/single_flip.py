"""Sweeps of single flips: every weight in turn, or weights at random, accepted by a table of whole numbers.

A proposal is accepted when a random whole number is below the table's entry for (energy change, local field), see
`perceptron.acceptance`; every device makes the same decisions. Chains see the same block of weights one after the
other, while its columns are in the processor's cache; the random numbers do not depend on that order.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece, seamless
from mcmc.random import philox4x32, stream_word
from perceptron.kernels import change, lanes
from perceptron.kernels.change import (
    ALL_ONES,
    ERRORS,
    HINGE,
    NONE,
    SYMMETRIC,
    change_gaussian,
    flip_gaussian,
    set_masks,
)
from perceptron.kernels.lanes import boundary, masked_count, step_counters

BLOCK = 256
"""Weights whose random words are drawn together."""

CALLS = np.uint32(BLOCK // 4)

SECOND = np.uint32(1 << 23)
"""Draw index of the 30 further bits of a number whose high word decides nothing."""

LOW_BITS = np.int64(2**30 - 1)


@piece
def draw_words(out, first, sweep, chain, fourth, k0, k1):
    """BLOCK words: word j of the block is output j // CALLS of call first + j % CALLS."""
    for k in range(CALLS):
        a, b, c, d = philox4x32(np.uint32(first + np.uint32(k)), sweep, chain, fourth, k0, k1)
        out[k] = a
        out[CALLS + k] = b
        out[np.uint32(2) * CALLS + k] = c
        out[np.uint32(3) * CALLS + k] = d


@seamless
def refused(entry, word, number, sweep, chain, fourth, k0, k1):
    """Whether a random number of 62 bits, the high 32 in `word`, is at or above the entry."""
    high = entry >> 30
    if np.int64(word) != high:
        return np.int64(word) > high
    low, _, _, _ = philox4x32(np.uint32(number), sweep, chain, fourth | SECOND, k0, k1)
    return np.int64(low >> np.uint32(2)) >= entry & LOW_BITS


@piece
def all_masks(planes, valid, words, bits, kind, upper, systems):
    """Masks (systems * 2 * words,) and offsets (systems,) of every configuration."""
    masks = np.empty(systems * 2 * words, np.uint64)
    offset = np.zeros(systems, np.int64)
    if words:
        for system in range(systems):
            offset[system] = set_masks(planes, system * words * bits, valid, words, bits, kind, upper, masks,
                                       system * 2 * words)  # fmt: skip
    return masks, offset


@kernel_tied_to(change.__file__, lanes.__file__)
def run_sweeps(
    couplings, spins, total, planes, stability, chain, table, rows, lowest, fields, partners, at_random, stream,
    first_sweep, sweeps, k0, k1, counts,
):  # fmt: skip
    """`sweeps` sweeps of every chain, in place.

    spins (chains, replicas * n) int8; total (chains, n) int16, the sum over replicas (or of weight and reference)
    that the local field is read from; planes (chains, replicas, words * bits) uint64; stability (chains, replicas, p)
    float64; table (rows, levels * fields) int64; rows (1 or sweeps, chains) int32; `partners` others that a weight
    is coupled to, 0 for none; counts (chains, 3) int64: flips, energy change, change of the coupled agreement
    (half the sum over a != b of w_a w_b).
    """
    # No array is sliced or handed on in the innermost loop: each would cost a count of references.
    columns, valid, entries = couplings.columns, couplings.valid, couplings.entries
    words, bits, kind, gaussian = couplings.words, couplings.bits, couplings.kind, couplings.gaussian
    upper, least, most, n = couplings.upper, couplings.least, couplings.most, couplings.n
    chains, replicas, p = planes.shape[0], planes.shape[1], stability.shape[2]
    levels, sites, row_length = table.shape[1] // fields, replicas * n, table.shape[1]
    spins, total, planes, stability = spins.reshape(-1), total.reshape(-1), planes.reshape(-1), stability.reshape(-1)
    table = table.reshape(-1)
    masks, offset = all_masks(planes, valid, words, bits, kind, upper, chains * replicas)
    drawn = np.empty(BLOCK, np.uint32)
    # Attempts at random weights jump between replicas; those of a sweep in order stay in one.
    span, block, passes, per_call = (sites, BLOCK // 2, 1, 2) if at_random else (n, BLOCK, replicas, 4)
    for s in range(sweeps):
        sweep = np.uint32(first_sweep + s)
        step = s if rows.shape[0] > 1 else 0
        for base in range(0, span, block):
            count = min(block, span - base)
            for c in range(chains):
                identity = chain[c]
                acceptances = np.int64(rows[step, c]) * row_length - lowest * fields
                flips = energy = agreement = np.int64(0)
                for rank in range(passes):
                    fourth = stream_word(stream, rank)
                    draw_words(drawn, np.uint32(base // per_call), sweep, identity, fourth, k0, k1)
                    a, site = rank, base - 1
                    for j in range(count):
                        site += 1
                        word = drawn[j]
                        if at_random:
                            # The high 32 bits of sites times a word: uniform to 2^-32, and blind to the weights.
                            place = (np.int64(word) * sites) >> 32
                            a = place // n
                            site = place - a * n
                            word = drawn[block + j]
                        system = c * replicas + a
                        here = c * sites + a * n + site
                        spin = np.int64(spins[here])
                        if gaussian:
                            delta = change_gaussian(entries, site, p, spin, kind, least, most, stability, system * p)
                        else:
                            flip, column, mask = ALL_ONES if spin < 0 else NONE, site * words, system * 2 * words
                            delta = masked_count(columns, column, flip, masks, mask, words) - offset[system]
                            if kind == HINGE:
                                delta += masked_count(columns, column, flip, masks, mask + words, words)
                            elif kind == SYMMETRIC:
                                delta -= masked_count(columns, column, flip, masks, mask + words, words)
                        level = min(max(delta, lowest), lowest + levels - 1)
                        field = np.int64(0)
                        if partners:
                            field = (spin * np.int64(total[c * n + site]) - 1 + partners) >> 1
                        entry = table[acceptances + level * fields + field]
                        if refused(entry, word, base + j, sweep, identity, fourth, k0, k1):
                            continue
                        spins[here] = np.int8(-spin)
                        flips += 1
                        energy += delta
                        if partners:
                            total[c * n + site] = np.int16(np.int64(total[c * n + site]) - 2 * spin)
                            agreement -= 2 * (2 * field - partners)
                        if gaussian:
                            flip_gaussian(entries, site, p, spin, stability, system * p)
                        else:
                            flip, column, plane = ALL_ONES if spin < 0 else NONE, site * words, system * words * bits
                            step_counters(planes, plane, columns, column, flip, words, bits)
                            mask = system * 2 * words
                            if kind == ERRORS:
                                offset[system] = boundary(planes, plane, valid, words, bits, masks, mask)
                            else:
                                offset[system] = set_masks(planes, plane, valid, words, bits, kind, upper, masks, mask)
                counts[c, 0] += flips
                counts[c, 1] += energy
                counts[c, 2] += agreement
