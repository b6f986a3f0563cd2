"""Compiled pieces of the solvers that are shown one pattern after another.

Weights are read out from hidden variables by their sign. For binary patterns the read-out is kept packed, 64 weights to
a word, and a stability is a count of bits: a presentation that changes nothing, by far the most frequent, takes a few
nanoseconds per thousand weights. For Gaussian patterns it is kept as real numbers, and a stability is a scalar product,
exact in any order of summation since the entries are multiples of 2^-20.
"""

import numpy as np
from numba import njit, types
from numba.extending import overload

from mcmc.compiled import piece
from mcmc.random import Stream, philox4x32, stream_word
from perceptron.kernels.lanes import popcount

ORDER_STREAM = int(Stream.SOLVER_ORDER)


def stability(row, read, n):
    """Delta of one pattern: row and read-out packed (words,) uint64 gives int64, (n,) float64 gives float64."""
    raise NotImplementedError


def read_out(hidden, read):
    """Write the signs of `hidden` (n,) into `read`, packed (words,) uint64 or (n,) float64 of +-1."""
    raise NotImplementedError


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _scalar_product(row, read):
    total = 0.0
    for i in range(np.uint64(row.size)):
        total += row[i] * read[i]
    return total


@overload(stability)
def _stability(row, read, n):
    def packed(row, read, n):
        differing = np.int64(0)
        for k in range(np.uint64(row.size)):
            differing += popcount(row[k] ^ read[k])
        return np.int64(n) - np.int64(2) * differing

    def dense(row, read, n):
        return _scalar_product(row, read)

    return packed if row.dtype == types.uint64 else dense


@overload(read_out)
def _read_out(hidden, read):
    def packed(hidden, read):
        full = hidden.size // 64
        for k in range(full):
            block = hidden[64 * k : 64 * (k + 1)]
            word = np.uint64(0)
            for b in range(np.uint64(64)):
                word |= (np.uint64(1) if block[b] > 0 else np.uint64(0)) << b
            read[k] = word
        if full < read.size:
            rest = hidden[64 * full :]
            word = np.uint64(0)
            for b in range(np.uint64(rest.size)):
                word |= (np.uint64(1) if rest[b] > 0 else np.uint64(0)) << b
            read[full] = word

    def dense(hidden, read):
        for i in range(np.uint64(hidden.size)):
            read[i] = 1.0 if hidden[i] > 0 else -1.0

    return packed if read.dtype == types.uint64 else dense


@piece
def count_errors(rows, read, n, least):
    """Patterns with a stability below `least`, int64."""
    errors = np.int64(0)
    for mu in range(rows.shape[0]):
        errors += np.int64(stability(rows[mu], read, n) < least)
    return errors


@piece
def shuffle(order, epoch, chain, k0, k1):
    """Fill `order` (p,) int64 with the permutation of this epoch and chain: Fisher & Yates.

    A place is drawn as (32-bit word * places) >> 32, uneven by less than places / 2^32.
    """
    for t in range(order.size):
        order[t] = t
    word = stream_word(ORDER_STREAM, 0)
    w0, w1, w2, w3 = np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0)
    for t in range(order.size - 1, 0, -1):
        turn = t & 3
        if turn == 3 or t == order.size - 1:
            w0, w1, w2, w3 = philox4x32(np.uint32(t >> 2), np.uint32(epoch), np.uint32(chain), word, k0, k1)
        drawn = w3 if turn == 3 else (w2 if turn == 2 else (w1 if turn == 1 else w0))
        place = np.int64((np.uint64(drawn) * np.uint64(t + 1)) >> np.uint64(32))
        order[t], order[place] = order[place], order[t]


@piece
def move(hidden, entry, bound):
    """h_i += 2 xi_i, kept within the bound, which has the type of `hidden` (n,)."""
    number = hidden.dtype.type
    for i in range(np.uint64(hidden.size)):
        x = number(entry[i])
        moved = number(hidden[i] + number(x + x))
        kept = moved if moved < bound else bound
        hidden[i] = kept if kept > -bound else number(-bound)
