"""Rejection-free dynamics: the n-fold way with waiting times, for the cold regime where almost nothing is accepted.

The chain is that of Metropolis at weights drawn at random. With R the sum of all acceptances over the number of
weights, the attempts until the next flip are geometric, and the weight that flips is drawn in proportion to its
acceptance. Weights whose acceptance is below RARE are not sorted by it: they share a bound, and a flip drawn there is
made with probability acceptance / bound, which leaves the law as it is. A sweep is as many attempts as there are
weights; an attempt under way at its end is drawn anew, which the geometric law, having no memory, allows.
Bortz, Kalos & Lebowitz 1975, J. Comput. Phys. 17, 10.
"""

import math
from typing import Any

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import Stream, philox4x32, stream_word, uniform64
from perceptron.kernels import change, lanes, site_lanes
from perceptron.kernels.change import (
    ALL_ONES,
    ERRORS,
    NONE,
    SYMMETRIC,
    change_gaussian,
    flip_gaussian,
    set_masks,
)
from perceptron.kernels.lanes import boundary, counters_equal, popcount, step_counters, trailing_zeros
from perceptron.kernels.site_lanes import DECODED, add_rows, count_negative, count_numbers, subtract

EVENTS = 16
"""Flips whose random numbers are drawn together."""

STREAM = int(Stream.REJECTION_FREE)
EVERY, NOTHING = -1, -2
"""In place of a replica: all are to be sorted anew, or none."""

RARE = 1e-4
"""Acceptance below which weights are not sorted: so rare that most flips drawn are of sorted weights."""

CERTAIN = 2.0**62
ONE = np.uint64(1)


@piece
def list_bits(mask, start, words, padding, index, at):
    """Positions of the bits set, from index[at] on, padded to a multiple of 8; returns (bits set, end of the list)."""
    first = at
    for w in range(words):
        word = mask[start + w]
        while word != NONE:
            index[at] = 64 * w + trailing_zeros(word)
            word &= word - ONE
            at += 1
    found = at - first
    while (at - first) % 8:
        index[at] = padding
        at += 1
    return found, at


@piece
def nth_bit(mask, words, nth):
    """Position of bit number `nth`, counted from 0, among those set."""
    for w in range(words):
        word = mask[w]
        here = popcount(word)
        if nth < here:
            for _ in range(nth):
                word &= word - ONE
            return 64 * w + trailing_zeros(word)
        nth -= here
    return np.int64(-1)


@piece
def number_at(count, plane, bits, site):
    """The number of one weight, read from the two's complement planes."""
    group, lane, place = site // 512, (site // 64) % 8, np.uint64(site % 64)
    value = np.int64(0)
    for bit in range(bits):
        word = count[plane + (group * bits + bit) * 8 + lane]
        value += np.int64((word >> place) & ONE) << bit
    return value - (np.int64(1) << bits) if value >> (bits - 1) else value


@piece
def draw_events(waiting, choosing, first, sweep, chain, k0, k1):
    """Uniforms of the events from `first` on."""
    for k in range(np.uint32(EVENTS)):
        a, b, c, d = philox4x32(np.uint32(first + k), sweep, chain, stream_word(STREAM, 0), k0, k1)
        waiting[k] = uniform64(a, b)
        choosing[k] = uniform64(c, d)


@piece
def fill_site_masks(spins, total, n, replicas, fields, negative, field_mask, site_words):
    """Bits of the weights that are -1, and of those with each local field."""
    negative[:] = NONE
    field_mask[:] = NONE
    for a in range(replicas):
        for site in range(n):
            spin = np.int64(spins[a * n + site])
            field = (spin * np.int64(total[site]) - 2 + fields) >> 1 if fields > 1 else 0
            bit = ONE << np.uint64(site % 64)
            if spin < 0:
                negative[a * site_words + site // 64] |= bit
            field_mask[(a * fields + field) * site_words + site // 64] |= bit


@piece
def class_limits(chances, levels, fields, lowest, largest):
    """(level of the first class, its largest energy change, classes sorted, bound of the acceptance of all others).

    The first class holds every change whose acceptances are those of the lowest one; each further change is a class
    of its own, up to those below RARE, in whole windows of DECODED.
    """
    same = 0
    while same + 1 < levels:
        for field in range(fields):
            if chances[(same + 1) * fields + field] != chances[field]:
                break
        else:
            same += 1
            continue
        break
    if same == levels - 1:
        return same, largest + 1, 1, 0.0
    last = levels
    while last > same + 1 and not (chances[(last - 1) * fields : last * fields] > RARE).any():
        last -= 1
    windows = (last - same - 1 + DECODED - 1) // DECODED
    classes, bound = 1 + windows * DECODED, 0.0
    if same + classes < levels:
        bound = chances[(same + classes) * fields : (same + classes + 1) * fields].max()
    return same, lowest + same, classes, bound


@piece
def sort_gaussian(
    entries, site_class, a, n, p, spins, total, fields, kind, least, most, stability, first, start, found, wide
):  # fmt: skip
    """Class of every flip of replica a; found[(a, field, class)] counts them."""
    for k in range(a * fields * wide, (a + 1) * fields * wide):
        found[k] = 0
    for site in range(n):
        spin = np.int64(spins[a * n + site])
        field = (spin * np.int64(total[site]) - 2 + fields) >> 1 if fields > 1 else 0
        delta = change_gaussian(entries, site, p, spin, kind, least, most, stability, first)
        site_class[a * n + site] = delta
        found[(a * fields + field) * wide + min(max(delta - start, 0), wide - 1)] += 1


@piece
def nth_in_class(site_class, spins, total, a, n, fields, field, start, number, nth):
    """Weight number `nth`, counted from 0, of replica a with this local field and class."""
    for site in range(n):
        here = (np.int64(spins[a * n + site]) * np.int64(total[site]) - 2 + fields) >> 1 if fields > 1 else 0
        if here == field and max(site_class[a * n + site] - start, 0) == number:
            if nth == 0:
                return site
            nth -= 1
    return np.int64(-1)


@kernel_tied_to(change.__file__, lanes.__file__, site_lanes.__file__)
def run_rejection_free(
    couplings, spins, total, planes, stability, chain, table, rows, lowest, fields, partners, first_sweep, sweeps,
    k0, k1, counts,
):  # fmt: skip
    """`sweeps` sweeps of every chain, in place; arguments as for `single_flip.run_sweeps`."""
    columns, valid, entries, pattern_rows = couplings.columns, couplings.valid, couplings.entries, couplings.rows
    words, bits, kind, gaussian = couplings.words, couplings.bits, couplings.kind, couplings.gaussian
    upper, least, most, n = couplings.upper, couplings.least, couplings.most, couplings.n
    patterns, site_words = couplings.p, couplings.site_words
    chains, replicas, stored = planes.shape[0], planes.shape[1], stability.shape[2]
    levels, sites = table.shape[1] // fields, replicas * n
    planes, stability = planes.reshape(-1), stability.reshape(-1)
    masks = np.empty(2 * max(words, 1), np.uint64)
    negative = np.empty(replicas * site_words, np.uint64)
    field_mask = np.empty(replicas * fields * site_words, np.uint64)
    most_bits = 6
    while (4 * patterns + levels) >> (most_bits - 1):
        most_bits += 1
    count, chosen = np.empty(replicas * site_words * most_bits, np.uint64), np.empty(site_words, np.uint64)
    used, index = np.zeros(replicas, np.int64), np.empty(2 * patterns + 32, np.int64)
    # Weights by replica, local field and class of their energy change.
    wide = levels + 2 * DECODED
    found = np.zeros(replicas * fields * wide, np.int64)
    chances = np.zeros((levels + 2 * DECODED + 1) * fields)
    site_class = np.zeros(sites if gaussian else 1, np.int64)
    waiting, choosing = np.empty(EVENTS), np.empty(EVENTS)
    for c in range(chains):
        identity, spins_c, total_c = chain[c], spins[c], total[c]
        fill_site_masks(spins_c, total_c, n, replicas, fields, negative, field_mask, site_words)
        flips = energy = agreement = np.int64(0)
        same, classes, bound, start, changed, widened = 0, 1, 0.0, 0, EVERY, False
        # Numba has integers of 64 bits throughout; for the type checker each of these is one name of two types.
        place: Any
        number: Any
        word: Any
        for s in range(sweeps):
            sweep = np.uint32(first_sweep + s)
            # Classes widened in an earlier sweep are narrowed again: which sweeps are one call must not matter.
            if s == 0 or rows.shape[0] > 1 or widened:
                row = table[rows[s if rows.shape[0] > 1 else 0, c]]
                for k in range(levels * fields):
                    chances[k] = row[k] / CERTAIN
                same, start, classes, bound = class_limits(chances, levels, fields, lowest, patterns)
                changed, widened = EVERY, False
            elapsed, event, drawn, tossed = np.int64(0), np.int64(0), np.int64(0), 0.0
            while True:
                # Sort the weights whose energy change or local field is new.
                for a in range(replicas):
                    system, base = c * replicas + a, a * site_words * most_bits
                    if gaussian:
                        if changed != NOTHING:
                            sort_gaussian(
                                entries, site_class, a, n, stored, spins_c, total_c, fields, kind, least, most,
                                stability, system * stored, start, found, wide,
                            )  # fmt: skip
                        continue
                    if changed in (a, EVERY):
                        plane = system * words * bits
                        if kind == ERRORS:
                            offset = boundary(planes, plane, valid, words, bits, masks, 0)
                        else:
                            offset = set_masks(planes, plane, valid, words, bits, kind, upper, masks, 0)
                        largest, end = list_bits(masks, 0, words, patterns, index, 0)
                        last = end
                        if kind != ERRORS:
                            # Row `patterns` is empty, the next full: inverted, that adds nothing either.
                            blank = patterns + 1 if kind == SYMMETRIC else patterns
                            more, last = list_bits(masks, words, words, blank, index, end)
                            largest += more
                            offset += more if kind == SYMMETRIC else 0
                        amount = offset + start + 1
                        used[a] = 5
                        while (largest + abs(amount)) >> (used[a] - 1):
                            used[a] += 1
                        for k in range(base, base + site_words * used[a]):
                            count[k] = NONE
                        add_rows(pattern_rows, index, 0, end, NONE, site_words, count, base, used[a])
                        if kind != ERRORS:
                            invert = ALL_ONES if kind == SYMMETRIC else NONE
                            add_rows(pattern_rows, index, end, last, invert, site_words, count, base, used[a])
                        subtract(count, base, negative, a * site_words, largest, amount, site_words, used[a])
                    if changed in (a, EVERY) or (partners and changed != NOTHING):
                        for field in range(fields):
                            here, first = (a * fields + field) * site_words, (a * fields + field) * wide
                            found[first] = count_negative(
                                count, base, field_mask, here, site_words, used[a], chosen, 0
                            )  # fmt: skip
                            for window in range((classes - 1) // DECODED):
                                count_numbers(
                                    count, base, field_mask, here, site_words, used[a], window, found,
                                    first + 1 + window * DECODED,
                                )  # fmt: skip
                rate = bound * sites
                for k in range(replicas * fields):
                    for number in range(classes):
                        if found[k * wide + number]:
                            rate += found[k * wide + number] * chances[(same + number) * fields + k % fields]
                if rate > sites and bound > 0.0:
                    # Nearly every attempt is accepted, and the bound on top is too much: sort all weights.
                    classes, bound, changed = 1 + (levels - same + DECODED) // DECODED * DECODED, 0.0, EVERY
                    widened = True
                    continue
                if rate <= 0.0:
                    break
                if event == drawn:
                    draw_events(waiting, choosing, event, sweep, identity, k0, k1)
                    drawn += EVENTS
                chance = min(rate / sites, 1.0)
                wait = 1.0 + math.floor(math.log(waiting[event % EVENTS]) / math.log1p(-chance))
                if elapsed + wait > sites:
                    break
                elapsed += np.int64(wait)
                rest = choosing[event % EVENTS] * rate - bound * sites
                event += 1
                kind_of_flip, number, nth = np.int64(-1), np.int64(-1), np.int64(-1)
                if rest < 0.0:
                    tossed = (rest + bound * sites) / bound
                    place = min(np.int64(tossed), sites - 1)
                    a = place // n
                    site = place - a * n
                    field = (np.int64(spins_c[place]) * np.int64(total_c[site]) - 2 + fields) >> 1 if fields > 1 else 0
                    if gaussian:
                        number = max(site_class[place] - start, 0)
                    else:
                        number = 1 + number_at(count, a * site_words * most_bits, used[a], site)
                    # A sorted weight has its own share; the fraction left of the toss decides for the others.
                    level = min(same + number, levels - 1)
                    if number < classes or (tossed - place) * bound >= chances[level * fields + field]:
                        changed = NOTHING
                        continue
                else:
                    for k in range(replicas * fields):
                        for j in range(classes):
                            each = chances[(same + j) * fields + k % fields]
                            if rest >= 0.0 and found[k * wide + j] and each > 0.0:
                                # The last class with any weight takes what rounding may leave over.
                                kind_of_flip, number = np.int64(k), np.int64(j)
                                nth = min(np.int64(rest / each), found[k * wide + j] - 1)
                                rest -= found[k * wide + j] * each
                    a, field = int(kind_of_flip // fields), int(kind_of_flip % fields)
                    base, here = a * site_words * most_bits, kind_of_flip * site_words
                    if gaussian:
                        site = nth_in_class(site_class, spins_c, total_c, a, n, fields, field, start, number, nth)
                    else:
                        if number == 0:
                            count_negative(count, base, field_mask, here, site_words, used[a], chosen, 0)
                        else:
                            counters_equal(
                                count, base, field_mask, here, number - 1, site_words, used[a], chosen, 0
                            )  # fmt: skip
                        site = nth_bit(chosen, site_words, nth)
                    place = a * n + site
                spin = np.int64(spins_c[place])
                spins_c[place] = np.int8(-spin)
                flips += 1
                if gaussian:
                    energy += site_class[place]
                    flip_gaussian(entries, site, stored, spin, stability, (c * replicas + a) * stored)
                else:
                    energy += 1 + start + number_at(count, a * site_words * most_bits, used[a], site)
                    flip = ALL_ONES if spin < 0 else NONE
                    step_counters(planes, (c * replicas + a) * words * bits, columns, site * words, flip, words, bits)
                word, bit = site // 64, ONE << np.uint64(site % 64)
                negative[a * site_words + word] ^= bit
                if partners:
                    agreement -= 2 * (2 * field - partners)
                    total_c[site] = np.int16(np.int64(total_c[site]) - 2 * spin)
                    for b in range(replicas):
                        new = (np.int64(spins_c[b * n + site]) * np.int64(total_c[site]) - 2 + fields) >> 1
                        for f in range(fields):
                            field_mask[(b * fields + f) * site_words + word] &= ~bit
                        field_mask[(b * fields + new) * site_words + word] |= bit
                changed = a
        counts[c, 0] += flips
        counts[c, 1] += energy
        counts[c, 2] += agreement
