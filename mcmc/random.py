"""Counter-based random numbers: Philox4x32-10 and the one registry of stream ids.

A random value is a pure function of (seed, stream, site, sweep, chain, draw). It does not depend on threads, on how a
run is chunked, on how many other chains there are, on the device, or on where a run was stopped.

Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (SC'11); Random123 test vectors.
Layout 1: key = (low, high) words of the 64-bit seed; counter = (site, sweep, chain, stream << 24 | draw).
"""

from enum import IntEnum, unique

import numpy as np
from numba import njit

from mcmc.errors import ArgumentError

LAYOUT_VERSION = 1

MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint32(0x9E3779B9)
WEYL_1 = np.uint32(0xBB67AE85)
LOW_WORD = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)


@unique
class Stream(IntEnum):
    """Every purpose that draws random numbers; an id is never reused for another purpose."""

    INITIAL = 1
    METROPOLIS = 2
    HEAT_BATH = 3
    WOLFF_SEED = 4
    WOLFF_BOND = 5
    SWAP = 6
    LANGEVIN_NOISE = 7
    MALA_ACCEPT = 8
    COUPLING = 9
    PHASE = 10
    GRAPH = 11
    BOOTSTRAP = 12
    CUSTOM_PROPOSAL = 13
    PATTERNS = 14
    TEACHER = 15
    LABEL_NOISE = 16
    REJECTION_FREE = 17
    SITE_CHOICE = 18
    SOLVER = 19
    MESSAGES = 20
    REPLICA = 21
    SOLVER_ORDER = 22
    FLAT_HISTOGRAM = 23
    LANCZOS = 24
    SMOOTHING = 25
    SMOOTHING_ANCHOR = 28
    GRID_SWAP = 26
    REPLICA_SWAP = 29
    SGD_NOISE = 40
    MINIBATCH = 41
    DATA_SPLIT = 42
    HMC_MOMENTUM = 43
    HMC_ACCEPT = 44
    CONTROLLED_PATH = 48
    HOMOGENIZATION = 49
    ALIGNMENT = 50
    CRANK_NICOLSON_NOISE = 55
    CRANK_NICOLSON_ACCEPT = 56
    TRAJECTORY_SURROGATE = 60
    TIME_REVERSAL = 61
    LANDSCAPE_NOISE = 70
    LIMIT_CYCLE_NOISE = 72
    DESCENT_NOISE = 73


@njit(inline="always")
def philox_round(c0, c1, c2, c3, k0, k1):
    """One round on words held in the low halves of uint64 lanes (one 32x32->64 multiply per pair)."""
    p0 = MULTIPLIER_0 * (c0 & LOW_WORD)
    p1 = MULTIPLIER_1 * (c2 & LOW_WORD)
    return (p1 >> SHIFT_32) ^ c1 ^ k0, p1, (p0 >> SHIFT_32) ^ c3 ^ k1, p0


@njit(inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10: four uint32 counter words and two uint32 key words to four uint32 words.

    Source: Random123, `philox4x32_R(10, ...)`.
    """
    x0, x1, x2, x3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    key0, key1 = np.uint32(k0), np.uint32(k1)
    for _ in range(10):
        x0, x1, x2, x3 = philox_round(x0, x1, x2, x3, np.uint64(key0), np.uint64(key1))
        key0 = np.uint32(key0 + WEYL_0)
        key1 = np.uint32(key1 + WEYL_1)
    return np.uint32(x0 & LOW_WORD), np.uint32(x1 & LOW_WORD), np.uint32(x2 & LOW_WORD), np.uint32(x3 & LOW_WORD)


@njit(inline="always")
def uniform32(word):
    """float32 uniform in (0, 1], as fine as 2^-32 near zero, where rare acceptances are decided."""
    return (np.float32(word) + np.float32(0.5)) * np.float32(2.0**-32)


@njit(inline="always")
def symmetric32(word):
    """float32 in (-1, 1), exactly symmetric about zero: (k + 1/2) 2^-22 - 1 with k of 23 bits."""
    return (np.float32(np.int32(word >> np.uint32(9))) + np.float32(0.5)) * np.float32(2.0**-22) - np.float32(1.0)


@njit(inline="always")
def uniform64(high, low):
    """float64 uniform in (0, 1), 52 bits, never exactly 0 or 1."""
    k = (np.uint64(high) << np.uint64(20)) ^ (np.uint64(low) >> np.uint64(12))
    return (np.float64(k) + 0.5) * 2.0**-52


@njit(inline="always")
def stream_word(stream, draw):
    """Fourth counter word: the stream id in the high 8 bits, the draw index in the low 24."""
    return np.uint32((np.uint32(stream) << np.uint32(24)) | np.uint32(draw))


def split_seed(seed: int) -> tuple[np.uint32, np.uint32]:
    """Key words (low, high) of a seed. Raises ArgumentError unless seed is an integer in [0, 2^64)."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= int(seed) < 2**64:
        raise ArgumentError(f"seed: got {seed!r}; an integer from 0 to 2**64 - 1 is needed")
    return np.uint32(int(seed) & 0xFFFFFFFF), np.uint32(int(seed) >> 32)


@njit(cache=True, nogil=True)
def _fill_words(out, c0, c1, c2, c3, k0, k1):
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = philox4x32(c0[i], c1[i], c2[i], c3[i], k0, k1)


def words(seed: int, stream: Stream, site, sweep, chain, draw=0) -> np.ndarray:
    """Random words, shape broadcast(site, sweep, chain, draw).shape + (4,), dtype uint32."""
    k0, k1 = split_seed(seed)
    c0, c1, c2, d = np.broadcast_arrays(*(np.asarray(a, dtype=np.uint32) for a in (site, sweep, chain, draw)))
    c3 = (np.uint32(stream) << np.uint32(24)) | d
    out = np.empty((c0.size, 4), dtype=np.uint32)
    site_, sweep_, chain_, fourth = (np.array(a, order="C").reshape(-1) for a in (c0, c1, c2, c3))
    _fill_words(out, site_, sweep_, chain_, fourth, k0, k1)
    return out.reshape((*c0.shape, 4))


def uniforms(seed: int, stream: Stream, site, sweep, chain, draw=0) -> np.ndarray:
    """Two float64 uniforms in (0, 1) per counter, shape broadcast(...).shape + (2,)."""
    w = words(seed, stream, site, sweep, chain, draw).astype(np.uint64)
    k = (w[..., 0::2] << np.uint64(20)) ^ (w[..., 1::2] >> np.uint64(12))
    return (k.astype(np.float64) + 0.5) * 2.0**-52


def normals(seed: int, stream: Stream, site, sweep, chain, draw=0) -> np.ndarray:
    """Two independent standard normals per counter (Box-Muller), shape broadcast(...).shape + (2,), float64."""
    u = uniforms(seed, stream, site, sweep, chain, draw)
    radius = np.sqrt(-2.0 * np.log(u[..., 0]))
    angle = 2.0 * np.pi * u[..., 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
