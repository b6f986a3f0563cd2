"""Bit-packed forms of +-1 arrays: bit k of a word is set where entry 64 * word + k is +1; padding bits are 0."""

import numpy as np

WORD = 64


def words_for(count: int) -> int:
    """Words of 64 bits that hold `count` bits."""
    return -(-count // WORD)


def pack_signs(signs: np.ndarray) -> np.ndarray:
    """Last axis of +-1 values packed into words: (..., n) to (..., ceil(n / 64)) uint64."""
    count = signs.shape[-1]
    padded = np.zeros((*signs.shape[:-1], words_for(count) * WORD), np.uint8)
    padded[..., :count] = signs > 0
    # Explicit little-endian words: the same bits on every machine, in memory and on disk.
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def unpack_signs(packed: np.ndarray, count: int) -> np.ndarray:
    """Inverse of `pack_signs`: (..., words) uint64 to (..., count) int8 of +-1."""
    octets = np.ascontiguousarray(packed).astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, count=None, bitorder="little")[..., :count]
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)
