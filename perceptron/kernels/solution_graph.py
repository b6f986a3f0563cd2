"""Which solutions are neighbours: merges of sorted lists of packed configurations.

Solutions that differ in weight i alone are equal once bit i is cleared. In ascending order those with the bit set and
those without stay ascending when it is cleared, so one merge finds all such pairs; two weights work the same way.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.kernels import lanes
from perceptron.kernels.lanes import popcount

kernel = kernel_tied_to(lanes.__file__)

ONE = np.uint64(1)


@piece
def root(parent, i):
    """The root of i's tree, with every other node on the way hung higher."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@piece
def split(keys, members, bit, keys_0, members_0, keys_1, members_1):
    """Divide ascending keys by a bit, which is cleared; returns how many had it clear."""
    zeros = ones = np.uint64(0)
    for k in range(np.uint64(keys.size)):
        key, member = keys[k], members[k]
        is_set = key >> bit & ONE
        # Both are written and one is kept: a branch would be guessed wrong every other time.
        keys_0[zeros], members_0[zeros] = key, member
        keys_1[ones], members_1[ones] = key ^ (is_set << bit), member
        zeros += ONE - is_set
        ones += is_set
    return np.int64(zeros)


@piece
def join_equal(keys_a, members_a, keys_b, members_b, parent):
    """Join the trees of members with equal keys; returns how many joins made two trees one."""
    joined = 0
    a = b = np.uint64(0)
    while a < np.uint64(keys_a.size) and b < np.uint64(keys_b.size):
        x, y = keys_a[a], keys_b[b]
        if x == y:
            first, second = root(parent, members_a[a]), root(parent, members_b[b])
            if first != second:
                parent[max(first, second)] = min(first, second)
                joined += 1
        a += np.uint64(x <= y)
        b += np.uint64(y <= x)
    return joined


@kernel
def join_neighbours(packed, bits, distance, parent):
    """Join all pairs of ascending `packed` that differ in one of `bits`, or in at most two when `distance` is 2.

    parent (count,) int32 begins as 0, 1, 2, ...; at the end every entry is its tree's root, the least member.
    """
    count = packed.size
    members = np.arange(count).astype(np.int32)
    # One entry more: the loser of a write may lie just beyond the end.
    keys = np.empty((6, count + 1), np.uint64)
    who = np.empty((6, count + 1), np.int32)
    trees = count
    for i in range(bits.size):
        zeros = split(packed, members, bits[i], keys[0], who[0], keys[1], who[1])
        ones = count - zeros
        trees -= join_equal(keys[0, :zeros], who[0, :zeros], keys[1, :ones], who[1, :ones], parent)
    for i in range(bits.size if distance == 2 else 0):
        if trees == 1:
            break
        zeros = split(packed, members, bits[i], keys[0], who[0], keys[1], who[1])
        ones = count - zeros
        for j in range(i):
            n00 = split(keys[0, :zeros], who[0, :zeros], bits[j], keys[2], who[2], keys[3], who[3])
            n10 = split(keys[1, :ones], who[1, :ones], bits[j], keys[4], who[4], keys[5], who[5])
            n01, n11 = zeros - n00, ones - n10
            trees -= join_equal(keys[2, :n00], who[2, :n00], keys[5, :n11], who[5, :n11], parent)
            trees -= join_equal(keys[3, :n01], who[3, :n01], keys[4, :n10], who[4, :n10], parent)
    for k in range(count):
        parent[k] = root(parent, k)


@kernel
def count_pairs(packed, out):
    """Add pairs of packed configurations by the number of bits that differ to out (4, 65) int64."""
    for a in range(np.uint64(packed.size)):
        here = packed[a]
        # Four histograms in turn: neighbouring pairs often fall into one bin.
        for b in range(a):
            out[b & np.uint64(3), popcount(here ^ packed[b])] += 1
