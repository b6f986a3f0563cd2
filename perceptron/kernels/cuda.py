"""Sweeps of single flips on a CUDA device: what single_flip.py does, one block of threads a chain, bit for bit.

Attempts come in windows, one a thread: every thread finds out by itself whether the attempt that is its own would be
accepted if none before it in the window were. The first accepted one is right, since the weights before it stay as
they were; it is done, and the next window begins just after it. Where few flips are accepted nearly all threads' work
counts, and no sum over threads is needed; accepted flips are done by all threads, a few words of patterns each.

Words are of 32 bits here: half of those of the CPU, in the same order, so that the stabilities are the same bytes.
Where they fit, stabilities are copied to shared memory for the length of a call, otherwise they stay where they are.

Race freedom: arrays that a window reads are written between two barriers after it only, each entry by one thread;
counts of several threads are added atomically, whole numbers in any order.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from mcmc import random
from mcmc.compiled import tied
from mcmc.device import scalar
from perceptron.kernels import single_flip
from perceptron.kernels.change import ERRORS, HINGE, SYMMETRIC
from perceptron.kernels.single_flip import BLOCK

# Kernels mean more by its names than their types say.
cuda: Any = import_module("numba.cuda")

THREADS = 128
"""Threads of a block. More would waste more of a window after an accepted flip, fewer would wait more often."""

SHARED_BYTES = 46 * 1024
"""Dynamic shared memory of a block at most: 48 KiB need no leave of the driver, and the fixed arrays take some."""

CALLS = BLOCK // 4
LANES = 16
"""Words of 32 bits that stand together in the planes of the stabilities: 8 of 64."""

WINNER, SITE, REPLICA, SPIN, FLIPS, ENERGY, AGREEMENT = range(7)
MOVE = 7
NOBODY = BLOCK
"""No attempt of a window is accepted."""

# Indices in the innermost loops are unsigned: those are not checked for counting from the end. Numba makes a float64
# of an unsigned and a signed 64-bit number, so constants have types too.
UNIT = np.uint32(1)
SHIFT_32 = np.uint64(32)
ALL_ONES = np.uint32(0xFFFFFFFF)
NONE = np.uint32(0)

# The simulator wants types of dynamic shared memory so.
INT32, UINT32, FLOAT64 = np.dtype(np.int32), np.dtype(np.uint32), np.dtype(np.float64)

device_function: Any = cuda.jit(device=True)
philox4x32 = scalar(random.philox4x32)
stream_word = scalar(random.stream_word)
refused = scalar(single_flip.refused)


class DeviceCouplings(NamedTuple):
    """The patterns as the kernel reads them: neighbouring threads, at neighbouring weights, read neighbouring words."""

    columns: Any
    """(used * n,) uint32: bit mu % 32 of word mu // 32 of weight i, at word * n + i, set where xi_i^mu = +1."""
    valid: Any
    """(used,) uint32: bits of real patterns."""
    entries: Any
    """(p * n,) float64 of Gaussian patterns, at mu * n + i; one entry for binary ones."""
    n: int
    p: int
    used: int
    """Words of 32 bits that hold a pattern."""
    words: int
    """Words of 32 bits of a plane; a multiple of 16."""
    bits: int
    kind: int
    gaussian: int
    upper: int
    least: float
    most: float
    """These as in `perceptron.kernels.change.Couplings`."""


def kernel(function: Callable) -> Any:
    """A kernel, its copy on disk tied to the CPU functions that are compiled into it."""
    compiled = cuda.jit(cache=True)(function)
    return compiled if cuda.config.ENABLE_CUDASIM else tied(compiled, single_flip.__file__)


@device_function
def place_of_word(word, bits):
    """Where the lowest plane of a word stands among the planes of its configuration; the others follow LANES apart."""
    return np.uint32((word // LANES) * (LANES * bits) + word % LANES)


@device_function
def draw_words(out, calls, first, sweep, chain, fourth, keys):
    """The words of `calls` calls of `single_flip.draw_words`, by all threads."""
    k = np.uint32(cuda.threadIdx.x)
    while k < calls:
        a, b, c, d = philox4x32(np.uint32(first + k), sweep, chain, fourth, keys[0], keys[1])
        out[k] = a
        out[np.uint32(k + CALLS)] = b
        out[np.uint32(k + CALLS + CALLS)] = c
        out[np.uint32(k + CALLS + CALLS + CALLS)] = d
        k = np.uint32(k + np.uint32(cuda.blockDim.x))


@device_function
def lowered(columns, n, site, flip, masks, mask, used):
    """Patterns of the mask from `mask` on whose stability goes down when weight `site` flips, int32."""
    count, at, here = np.int32(0), np.uint64(site), np.uint32(mask)
    for _ in range(used):
        down = np.uint32(columns[at] ^ flip)
        count = np.int32(count + np.int32(cuda.popc(np.uint32(down & masks[here]))))
        at = np.uint64(at + np.uint64(n))
        here = np.uint32(here + UNIT)
    return count


@device_function
def change_binary(couplings, site, spin, masks, mask, offset):
    """Energy change, int32, if weight `site`, now `spin`, were flipped; masks as in change.py, `used` words each."""
    flip = ALL_ONES if spin < 0 else NONE
    columns, n, used, kind = couplings.columns, couplings.n, couplings.used, couplings.kind
    delta = np.int32(lowered(columns, n, site, flip, masks, mask, used) - offset)
    if kind != ERRORS:
        more = lowered(columns, n, site, flip, masks, np.uint32(mask + used), used)
        delta = np.int32(delta + (more if kind == HINGE else np.int32(-more)))
    return delta


@device_function
def change_real(couplings, site, spin, values, first):
    """Energy change, int32, if weight `site` were flipped; the p stabilities of Gaussian patterns begin at `first`."""
    twice, least, most = np.float64(2 * spin), couplings.least, couplings.most
    change, at, here = np.int32(0), np.uint64(site), np.uint32(first)
    for _ in range(couplings.p):
        old = values[here]
        new = old - twice * couplings.entries[at]
        # The upper bound is infinite for one-sided energies.
        after, before = new < least or new > most, old < least or old > most
        change = np.int32(change + np.int32(after) - np.int32(before))
        at = np.uint64(at + np.uint64(couplings.n))
        here = np.uint32(here + UNIT)
    return change


@device_function
def equal_counters(counters, place, bits, value, valid):
    """Those of `valid` whose counter is `value`, uint32."""
    equal, at = valid, place
    for b in range(bits):
        # All ones where the wanted bit is 0: xor with it leaves the counters that agree.
        differs = NONE if (value >> b) & 1 else ALL_ONES
        equal = np.uint32(equal & np.uint32(counters[at] ^ differs))
        at = np.uint64(at + np.uint64(LANES))
    return equal


@device_function
def settle_word(counters, place, bits, down, carry, valid, kind, upper, masks, mask, used):
    """Step the counters of the 32 patterns of a word where `carry`, down where `down`; set their masks.

    With carry NONE the counters stay. `mask` is the word's place in the first mask, the second comes `used` later.
    Returns what the word adds to the offset, int32; masks and offset as in `perceptron.kernels.change`.
    """
    some, every, at = NONE, ALL_ONES, place
    for _ in range(np.int32(bits - 1)):
        old = counters[at]
        new = np.uint32(old ^ carry)
        counters[at] = new
        carry = np.uint32(carry & np.uint32(old ^ down))
        some = np.uint32(some | new)
        every = np.uint32(every & new)
        at = np.uint64(at + np.uint64(LANES))
    top = np.uint32(counters[at] ^ carry)
    counters[at] = top
    below = np.uint32(valid & np.uint32(top ^ ALL_ONES))
    wrong = np.uint32(below & every)
    boundary = np.uint32(wrong | np.uint32(np.uint32(top & valid) & np.uint32(some ^ ALL_ONES)))
    offset, second = np.int32(cuda.popc(wrong)), np.uint32(mask + used)
    if kind == HINGE:
        boundary = np.uint32(boundary | below)
        masks[second] = below
        offset = np.int32(cuda.popc(below))
    elif kind == SYMMETRIC:
        inside = equal_counters(counters, place, bits, upper, valid)
        above = equal_counters(counters, place, bits, np.int32(upper + 1), valid)
        masks[second] = np.uint32(inside | above)
        offset = np.int32(offset - np.int32(cuda.popc(inside)))
    masks[mask] = boundary
    return offset


@device_function
def settle(couplings, replica, site, flip, carry, counters, masks, offsets):
    """Step the counters of one replica and set its masks; its offset, 0 before, grows to what it is. By all threads."""
    bits, used, offset = couplings.bits, couplings.used, np.int32(0)
    counter, mask = np.uint64(replica) * np.uint64(couplings.words * bits), np.uint32(2 * replica * used)
    word = np.uint32(cuda.threadIdx.x)
    while word < used:
        down = np.uint32(couplings.columns[np.uint64(word) * np.uint64(couplings.n) + np.uint64(site)] ^ flip)
        place = np.uint64(counter + np.uint64(place_of_word(word, bits)))
        more = settle_word(counters, place, bits, down, carry, couplings.valid[word], couplings.kind, couplings.upper,
                           masks, np.uint32(mask + word), used)  # fmt: skip
        offset = np.int32(offset + more)
        word = np.uint32(word + np.uint32(cuda.blockDim.x))
    if offset != 0:
        cuda.atomic.add(offsets, replica, offset)


@device_function
def flip_real(couplings, site, spin, values, first):
    """Bring the stabilities of Gaussian patterns up to date after a flip away from `spin`, by all threads."""
    twice = np.float64(2 * spin)
    mu = np.uint32(cuda.threadIdx.x)
    while mu < couplings.p:
        values[np.uint32(first + mu)] -= (
            twice * couplings.entries[np.uint64(mu) * np.uint64(couplings.n) + np.uint64(site)]
        )
        mu = np.uint32(mu + np.uint32(cuda.blockDim.x))


@device_function
def copy(source, target, count):
    """target[k] = source[k] for k < count, by all threads."""
    k = np.uint32(cuda.threadIdx.x)
    while k < count:
        target[k] = source[k]
        k = np.uint32(k + np.uint32(cuda.blockDim.x))


@kernel
def run_sweeps(
    couplings, spins, total, planes, stability, scratch, chain, table, rows, row_length, lowest, fields, partners,
    replicas, at_random, fits, stream, first_sweep, sweeps, k0, k1, counts,
):  # fmt: skip
    """`sweeps` sweeps of the chain of each block, in place; a grid has as many blocks as there are chains.

    Arrays are as in `single_flip.run_sweeps`, those of a chain flat: spins (chains, replicas * n) int8, total (chains,
    n) int16, planes (chains, replicas * words * bits) uint32, stability (chains, replicas * p) float64, table (rows *
    row_length,) int64, rows (steps, chains) int32 with steps 1 or `sweeps`, counts (chains, 3) int64.
    With `fits` the dynamic shared memory holds offsets (replicas), masks (replicas * 2 * used) and planes, or for
    Gaussian patterns the stabilities; otherwise offsets only, and `scratch` (chains, replicas * 2 * used) uint32
    takes the masks.
    """
    drawn = cuda.shared.array(BLOCK, np.uint32)
    move = cuda.shared.array(MOVE, np.int64)
    keys = cuda.shared.array(2, np.uint32)
    offsets = cuda.shared.array(0, INT32)
    shared_words = cuda.shared.array(0, UINT32)
    shared_values = cuda.shared.array(0, FLOAT64)
    thread, c = np.int32(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
    n, gaussian, used = couplings.n, couplings.gaussian, couplings.used
    sites, identity = np.int32(replicas * n), chain[c]

    own_spins, own_total, masks, counters, values = spins[c], total[c], scratch[c], planes[c], stability[c]
    if fits and gaussian:
        values = shared_values
        copy(stability[c], values, stability.shape[1])
    elif fits:
        masks, counters = shared_words[replicas:], shared_words[replicas * (1 + 2 * used) :]
        copy(planes[c], counters, planes.shape[1])
    if thread == 0:
        # Round keys of the random numbers in registers all the time would take half of those of a thread.
        keys[0], keys[1] = k0, k1
        for k in range(MOVE):
            move[k] = NOBODY if k == WINNER else 0
        for replica in range(0 if gaussian else replicas):
            offsets[replica] = 0
    cuda.syncthreads()
    for replica in range(0 if gaussian else replicas):
        settle(couplings, replica, 0, NONE, NONE, counters, masks, offsets)

    span, block, passes, per_call = sites, np.int32(BLOCK // 2), np.int32(1), np.int32(2)
    if not at_random:
        span, block, passes, per_call = n, np.int32(BLOCK), replicas, np.int32(4)
    for s in range(sweeps):
        sweep = np.uint32(first_sweep + s)
        acceptances = np.int64(rows[s if rows.shape[0] > 1 else 0, c]) * row_length - lowest * fields
        for base in range(np.int32(0), span, block):
            count = np.int32(min(block, span - base))
            for rank in range(passes):
                fourth = stream_word(stream, rank)
                # The last window of the words before ended with a barrier.
                draw_words(drawn, min(count, CALLS), np.uint32(base // per_call), sweep, identity, fourth, keys)
                cuda.syncthreads()
                first = np.int32(0)
                while first < count:
                    j = np.int32(first + thread)
                    accepted, a, site = False, np.uint32(rank), np.uint32(base + j)
                    spin, delta, field = np.int32(0), np.int32(0), np.int32(0)
                    if j < count:
                        word = drawn[np.uint32(j)]
                        if at_random:
                            place = np.uint32((np.uint64(word) * np.uint64(sites)) >> SHIFT_32)
                            a = np.uint32(place // np.uint32(n))
                            site = np.uint32(place - np.uint32(a * np.uint32(n)))
                            word = drawn[np.uint32(block + j)]
                        spin = np.int32(own_spins[np.uint32(a * np.uint32(n)) + site])
                        if gaussian:
                            delta = change_real(couplings, site, spin, values, np.uint32(a * np.uint32(couplings.p)))
                        else:
                            mask = np.uint32(np.uint32(2 * a) * np.uint32(used))
                            delta = change_binary(couplings, site, spin, masks, mask, offsets[a])
                        level = min(max(delta, lowest), np.int32(lowest + row_length // fields - 1))
                        if partners:
                            field = np.int32((spin * np.int32(own_total[site]) - 1 + partners) >> 1)
                        entry = table[np.uint64(acceptances + level * fields + field)]
                        number = np.uint32(base + j)
                        accepted = not refused(entry, word, number, sweep, identity, fourth, keys[0], keys[1])
                    if not cuda.syncthreads_or(np.int32(accepted)):
                        first = np.int32(first + cuda.blockDim.x)
                        continue
                    if accepted:
                        cuda.atomic.min(move, WINNER, np.int64(j))
                    cuda.syncthreads()
                    winner = np.int32(move[WINNER])
                    if j == winner:
                        own_spins[np.uint32(a * np.uint32(n)) + site] = np.int8(-spin)
                        move[SITE], move[REPLICA], move[SPIN] = site, a, spin
                        move[FLIPS] += 1
                        move[ENERGY] += delta
                        if not gaussian:
                            offsets[a] = 0
                        if partners:
                            own_total[site] = np.int16(np.int32(own_total[site]) - 2 * spin)
                            move[AGREEMENT] -= 2 * (2 * field - partners)
                    cuda.syncthreads()
                    a, site, spin = np.uint32(move[REPLICA]), np.uint32(move[SITE]), np.int32(move[SPIN])
                    if gaussian:
                        flip_real(couplings, site, spin, values, np.uint32(a * np.uint32(couplings.p)))
                    else:
                        settle(couplings, a, site, ALL_ONES if spin < 0 else NONE, ALL_ONES, counters, masks, offsets)
                    if thread == 0:
                        move[WINNER] = NOBODY
                    first = np.int32(winner + 1)
                    cuda.syncthreads()

    if fits and gaussian:
        copy(values, stability[c], stability.shape[1])
    elif fits:
        copy(counters, planes[c], planes.shape[1])
    if thread == 0:
        for k in range(3):
            counts[c, k] = move[FLIPS + k]
