"""Energies of all configurations of a range of blocks, 64 configurations to a word.

Rows of eight patterns at a time are added into bit planes by full adders: plane k holds bit k of the energy above the
block's least one, for every configuration of the block, so one vector instruction serves 512 of them. Counting then
takes eight energies at a time: a mask of the configurations whose higher planes are right, and popcounts of it with
the three lowest planes. Warren 2013, "Hacker's Delight", 2nd ed., section 5-1 (carry-save adders).
"""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.kernels import enumerate_rows, lanes
from perceptron.kernels.enumerate_rows import choose_rows, high_sums, next_sums
from perceptron.kernels.lanes import popcount, trailing_zeros

kernel = kernel_tied_to(enumerate_rows.__file__, lanes.__file__)

STRIDE = 328
"""Words between plane and carry: at least the words of a block. Constant, so that one check of overlap serves all."""

PLANE = 2 * STRIDE
"""Words from one plane to the next; the second half is where the carry into it is handed over."""

NONE = np.uint64(0)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@piece
def add_octet(table, chosen, first, planes, plane, words):
    """Add eight rows, of weight 2^plane, into planes plane, +1 and +2; the carry goes to the place before plane +3."""
    a, b, c, d = table[chosen[first]], table[chosen[first + 1]], table[chosen[first + 2]], table[chosen[first + 3]]
    e, f, g, h = table[chosen[first + 4]], table[chosen[first + 5]], table[chosen[first + 6]], table[chosen[first + 7]]
    p = planes[plane * PLANE :]
    for w in range(np.uint64(words)):
        p0, p1, p2 = p[w], p[w + np.uint64(PLANE)], p[w + np.uint64(2 * PLANE)]
        x = p0 ^ a[w]
        carry_a = (x & b[w]) | (p0 & a[w])
        y = x ^ b[w] ^ c[w]
        carry_b = (y & d[w]) | ((x ^ b[w]) & c[w])
        x = y ^ d[w] ^ e[w]
        carry_c = (x & f[w]) | ((y ^ d[w]) & e[w])
        y = x ^ f[w] ^ g[w]
        carry_d = (y & h[w]) | ((x ^ f[w]) & g[w])
        p[w] = y ^ h[w]
        x = p1 ^ carry_a
        double_a = (x & carry_b) | (p1 & carry_a)
        y = x ^ carry_b ^ carry_c
        double_b = (y & carry_d) | ((x ^ carry_b) & carry_c)
        p[w + np.uint64(PLANE)] = y ^ carry_d
        x = p2 ^ double_a
        p[w + np.uint64(2 * PLANE)] = x ^ double_b
        p[w + np.uint64(3 * PLANE - STRIDE)] = (x & double_b) | (p2 & double_a)


@piece
def add_carry(planes, plane, last, words):
    """Add the carry handed to `plane` into the planes below `last`; what is left is handed to `last`."""
    for k in range(plane, last):
        p = planes[k * PLANE - STRIDE :]
        for w in range(np.uint64(words)):
            carry, old = p[w], p[w + np.uint64(STRIDE)]
            p[w + np.uint64(STRIDE)] = old ^ carry
            p[w + np.uint64(PLANE)] = old & carry


@piece
def clear(planes, start, words):
    """Set words to 0."""
    p = planes[start : start + words]
    for w in range(np.uint64(words)):
        p[w] = NONE


@piece
def add_rows(rows, chosen, planes):
    """Energies of a block above its least one, in planes; returns how many planes they take, at least 3."""
    words = rows.valid.size
    most = 3
    while rows.span >> most:
        most += 1
    used = 0
    for bit in range(rows.bits):
        row = chosen[bit]
        for first in range(0, row.size, 8):
            while used < bit + 3:
                clear(planes, used * PLANE, words)
                used += 1
            add_octet(rows.table, row, first, planes, bit, words)
            add_carry(planes, bit + 3, used, words)
            if used < most:
                p = planes[used * PLANE - STRIDE :]
                for w in range(np.uint64(words)):
                    p[w + np.uint64(STRIDE)] = p[w]
                used += 1
    return used


@piece
def keep_bit(planes, plane, one, above, mask):
    """mask = configurations of the mask `above` whose bit in a plane is `one`; returns a word, 0 when there is none."""
    p = planes[plane * PLANE :]
    differs = NONE if one else ALL
    found = NONE
    for w in range(np.uint64(mask.size)):
        x = above[w] & (p[w] ^ differs)
        mask[w] = x
        found |= x
    return found


@piece
def count_octave(planes, mask, begin, end, out, at, distance):
    """Add to out[at : at + 8, distance] how many configurations in words [begin, end) have each of eight energies."""
    p, m = planes[begin:], mask[begin:]
    n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = np.int64(0)
    for w in range(np.uint64(end - begin)):
        x, y, z, v = p[w], p[w + np.uint64(PLANE)], p[w + np.uint64(2 * PLANE)], m[w]
        high, low = v & z, v & ~z
        n0 += popcount(low & ~y & ~x)
        n1 += popcount(low & ~y & x)
        n2 += popcount(low & y & ~x)
        n3 += popcount(low & y & x)
        n4 += popcount(high & ~y & ~x)
        n5 += popcount(high & ~y & x)
        n6 += popcount(high & y & ~x)
        n7 += popcount(high & y & x)
    for k, n in enumerate((n0, n1, n2, n3, n4, n5, n6, n7)):
        out[at + k, distance] += n


@kernel
def count_energies(rows, first, last, counts):
    """Add the configurations of blocks [first, last) to counts (energies + 8, distances) int64."""
    patterns = rows.least.shape[0]
    planes = np.empty(64 * PLANE, np.uint64)
    # masks[k] belongs to the bits of an energy from plane k + 3 on; above the highest one it is all configurations.
    masks = np.empty((64, rows.valid.size), np.uint64)
    masks[:] = rows.valid
    chosen = np.full((rows.bits, -(-patterns // 8) * 8), rows.table.shape[0] - 1)
    sums, found = np.zeros(patterns, np.int64), np.empty(patterns, np.uint64)
    if rows.gaussian:
        high_sums(rows, first, sums)
    for h in range(first, last):
        least = choose_rows(rows, h, sums, found, chosen)
        used = add_rows(rows, chosen, planes)
        apart = popcount(np.uint64(h) ^ np.uint64(rows.reference)) if rows.distances else 0
        empty = -1
        for octave in range(rows.span // 8 + 1):
            # Masks of bits that are as in the octave before still stand; below an empty one there is nothing.
            changed = trailing_zeros(np.uint64(octave)) if octave else used - 4
            if empty > changed:
                continue
            empty = -1
            for bit in range(changed, -1, -1):
                if keep_bit(planes, bit + 3, octave >> bit & 1, masks[bit + 1], masks[bit]) == NONE:
                    empty = bit
                    break
            for part in range(rows.parts.size - 1 if empty < 0 else 0):
                begin, end = rows.parts[part], rows.parts[part + 1]
                count_octave(planes, masks[0], begin, end, counts, least + 8 * octave, apart + part)
        if rows.gaussian:
            next_sums(rows, h, sums)


@piece
def strike(table, chosen, first, wrong):
    """Add the configurations of eight rows to `wrong` (words,); returns a word that is 0 when none is left."""
    a, b, c, d = table[chosen[first]], table[chosen[first + 1]], table[chosen[first + 2]], table[chosen[first + 3]]
    e, f, g, h = table[chosen[first + 4]], table[chosen[first + 5]], table[chosen[first + 6]], table[chosen[first + 7]]
    left = NONE
    for w in range(np.uint64(wrong.size)):
        x = wrong[w] | a[w] | b[w] | c[w] | d[w] | e[w] | f[w] | g[w] | h[w]
        wrong[w] = x
        left |= ~x
    return left


@kernel
def find_solutions(rows, first, last, out):
    """How many configurations of blocks [first, last) cost nothing; those that fit are written to out, uint64.

    They come in ascending order where `rows.order` is ascending. No pattern may cost more than 1.
    """
    patterns = rows.least.shape[0]
    wrong = np.empty(rows.valid.size, np.uint64)
    chosen = np.full((1, -(-patterns // 8) * 8), rows.table.shape[0] - 1)
    sums, found = np.zeros(patterns, np.int64), np.empty(patterns, np.uint64)
    if rows.gaussian:
        high_sums(rows, first, sums)
    count = 0
    for h in range(first, last):
        if choose_rows(rows, h, sums, found, chosen) == 0:
            for w in range(np.uint64(wrong.size)):
                wrong[w] = ~rows.valid[w]
            left = ALL
            for octet in range(0, chosen.shape[1], 8):
                left = strike(rows.table, chosen[0], octet, wrong) if left else left
            if left:
                for w in range(wrong.size):
                    right = ~wrong[w]
                    while right:
                        if count < out.size:
                            place = 64 * w + trailing_zeros(right)
                            out[count] = np.uint64(h) << np.uint64(rows.low) | np.uint64(rows.order[place])
                        count += 1
                        right &= right - np.uint64(1)
        if rows.gaussian:
            next_sums(rows, h, sums)
    return count
