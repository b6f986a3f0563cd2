"""Sweeps of single flips with an arbitrary weight of the distance from a reference: law exp(-beta E + W(k)).

k counts the weights that differ from the reference. A flip with x = -beta dE + W(k') - W(k) is accepted when a random
whole number of 62 bits is below 2^62 e^x; the exponential is taken only where the leading bits of that number leave it
open. With a decrement, W is lowered at the k after each attempt (Wang & Landau 2001, Phys. Rev. Lett. 86, 2050).
"""

import math

import numpy as np

from mcmc.compiled import kernel_tied_to
from mcmc.random import stream_word
from perceptron.acceptance import CERTAIN, RANGE
from perceptron.kernels import change, lanes, single_flip
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
from perceptron.kernels.single_flip import BLOCK, all_masks, draw_words, refused

SCALE = float(CERTAIN)
WORD = 2.0**-32


@kernel_tied_to(change.__file__, lanes.__file__, single_flip.__file__)
def run_flat_sweeps(
    couplings, spins, reference, planes, stability, chain, beta, log_weight, decrement, visits, away, stream,
    first_sweep, sweeps, k0, k1, counts,
):  # fmt: skip
    """`sweeps` sweeps in order of every chain, in place.

    spins (chains, n) int8; reference (n,) int8; planes (chains, 1, words * bits) uint64; stability (chains, 1, p)
    float64; beta, decrement (chains,) float64; log_weight (chains, n + 1) float64; visits (chains, n + 1) int64; away
    (chains,) int64, k of each chain; counts (chains, 2) int64: flips and energy change.
    """
    # No array is sliced or handed on in the innermost loop: each would cost a count of references.
    columns, valid, entries = couplings.columns, couplings.valid, couplings.entries
    words, bits, kind, gaussian = couplings.words, couplings.bits, couplings.kind, couplings.gaussian
    upper, least, most, n = couplings.upper, couplings.least, couplings.most, couplings.n
    chains, p = planes.shape[0], stability.shape[2]
    spins, planes, stability = spins.reshape(-1), planes.reshape(-1), stability.reshape(-1)
    log_weight, visits = log_weight.reshape(-1), visits.reshape(-1)
    masks, offset = all_masks(planes, valid, words, bits, kind, upper, chains)
    drawn = np.empty(BLOCK, np.uint32)
    fourth = stream_word(stream, 0)
    for s in range(sweeps):
        sweep = np.uint32(first_sweep + s)
        for base in range(0, n, BLOCK):
            count = min(BLOCK, n - base)
            for c in range(chains):
                identity, cold, step = chain[c], beta[c], decrement[c]
                draw_words(drawn, np.uint32(base // 4), sweep, identity, fourth, k0, k1)
                flips = energy = np.int64(0)
                k, row = away[c], c * (n + 1)
                # The weights here and next to here stay in registers until the chain moves.
                here, since = log_weight[row + k], np.int64(0)
                nearer = log_weight[row + k - 1] if k > 0 else -np.inf
                farther = log_weight[row + k + 1] if k < n else -np.inf
                for j in range(count):
                    site, word = base + j, drawn[j]
                    spin = np.int64(spins[c * n + site])
                    along = spin == np.int64(reference[site])
                    if gaussian:
                        delta = change_gaussian(entries, site, p, spin, kind, least, most, stability, c * p)
                    else:
                        flip, column, mask = ALL_ONES if spin < 0 else NONE, site * words, c * 2 * words
                        delta = masked_count(columns, column, flip, masks, mask, words) - offset[c]
                        if kind == HINGE:
                            delta += masked_count(columns, column, flip, masks, mask + words, words)
                        elif kind == SYMMETRIC:
                            delta -= masked_count(columns, column, flip, masks, mask + words, words)
                    exponent = (farther if along else nearer) - here
                    # At beta = infinity an unchanged energy weighs nothing, not 0 * infinity.
                    if delta != 0:
                        exponent -= cold * delta
                    since += 1
                    accepted = exponent >= 0.0
                    if not accepted and exponent > -RANGE:
                        # e^x <= 1 / (1 - x + x^2 / 2): most refusals are seen without an exponential.
                        high = np.float64(word) * WORD
                        if high * (1.0 - exponent + 0.5 * exponent * exponent) <= 1.0:
                            entry = np.int64(math.exp(exponent) * SCALE)
                            accepted = not refused(entry, word, site, sweep, identity, fourth, k0, k1)
                    if accepted:
                        visits[row + k] += since - 1
                        log_weight[row + k] = here
                        since = np.int64(1)
                        if along:
                            k += 1
                        else:
                            k -= 1
                        here = log_weight[row + k]
                        nearer = log_weight[row + k - 1] if k > 0 else -np.inf
                        farther = log_weight[row + k + 1] if k < n else -np.inf
                        spins[c * n + site] = np.int8(-spin)
                        flips += 1
                        energy += delta
                        if gaussian:
                            flip_gaussian(entries, site, p, spin, stability, c * p)
                        else:
                            flip, column, plane = ALL_ONES if spin < 0 else NONE, site * words, c * words * bits
                            step_counters(planes, plane, columns, column, flip, words, bits)
                            mask = c * 2 * words
                            if kind == ERRORS:
                                offset[c] = boundary(planes, plane, valid, words, bits, masks, mask)
                            else:
                                offset[c] = set_masks(planes, plane, valid, words, bits, kind, upper, masks, mask)
                    here -= step
                visits[row + k] += since
                log_weight[row + k] = here
                away[c] = k
                counts[c, 0] += flips
                counts[c, 1] += energy
