"""Bit-packed forms of +-1 arrays: bit k of a word is set where entry 64 * word + k is +1; padding bits are 0."""

import numpy as np

WORD = 64

BLOCK = 2**20
"""Entries packed at a time: what temporary arrays grow with."""


def words_for(count: int) -> int:
    """Words of 64 bits that hold `count` bits."""
    return -(-count // WORD)


def pack_signs(signs: np.ndarray) -> np.ndarray:
    """Last axis of +-1 values packed into words: (..., n) to (..., ceil(n / 64)) uint64."""
    count = signs.shape[-1]
    lines, length = signs.reshape(-1, count), words_for(count)
    out = np.empty((len(lines), length), np.uint64)
    step = max(1, BLOCK // (length * WORD))
    for first in range(0, len(lines), step):
        block = lines[first : first + step]
        padded = np.zeros((len(block), length * WORD), np.uint8)
        padded[:, :count] = block > 0
        # Explicit little-endian words: the same bits on every machine, in memory and on disk.
        out[first : first + step] = np.packbits(padded, axis=-1, bitorder="little").view("<u8")
    return out.reshape((*signs.shape[:-1], length))


def unpack_signs(packed: np.ndarray, count: int) -> np.ndarray:
    """Inverse of `pack_signs`: (..., words) uint64 to (..., count) int8 of +-1."""
    octets = np.ascontiguousarray(packed).astype("<u8", copy=False).view(np.uint8)
    signs = np.unpackbits(octets, axis=-1, bitorder="little")[..., :count].astype(np.int8)
    signs *= 2
    signs -= 1
    return signs
