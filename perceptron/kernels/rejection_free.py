"""Rejection-free dynamics: the n-fold way with waiting times, for the cold regime where almost nothing is accepted.

The chain is that of Metropolis at weights drawn at random. With R the sum of all acceptances over the number of
weights, the attempts until the next flip are geometric, and the weight that flips is drawn in proportion to its
acceptance. Weights whose acceptance is below RARE are not sorted by it: they share a bound, and a flip drawn there is
made with probability acceptance / bound, which leaves the law as it is. A sweep is as many attempts as there are
weights; an attempt under way at its end is drawn anew, which the geometric law, having no memory, allows.
Bortz, Kalos & Lebowitz 1975, J. Comput. Phys. 17, 10.
"""

import math

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import philox4x32, stream_word, uniform64
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
from perceptron.kernels.site_lanes import DECODED, add_rows, count_levels, reflect

EVENTS = 16
"""Flips whose random numbers are drawn together."""

STREAM = 17
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
def count_at(count, plane, bits, site):
    """The count of one weight, read from the planes."""
    group, lane, place = site // 512, (site // 64) % 8, np.uint64(site % 64)
    value = np.int64(0)
    for bit in range(bits):
        word = count[plane + (group * bits + bit) * 8 + lane]
        value += np.int64((word >> place) & ONE) << bit
    return value


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
def count_gaussian(
    entries, site_levels, a, n, p, spins, total, fields, kind, least, most, stability, first, found, wide
):
    """Energy change of every flip of replica a; counts in found[(a, field, change + p)]."""
    for k in range(a * fields * wide, (a + 1) * fields * wide):
        found[k] = 0
    for site in range(n):
        spin = np.int64(spins[a * n + site])
        field = (spin * np.int64(total[site]) - 2 + fields) >> 1 if fields > 1 else 0
        delta = change_gaussian(entries, site, p, spin, kind, least, most, stability, first)
        site_levels[a * n + site] = delta + p
        found[(a * fields + field) * wide + delta + p] += 1


@piece
def nth_level(site_levels, spins, total, a, n, fields, field, v, nth):
    """Weight number `nth`, counted from 0, of replica a with this local field and count."""
    for site in range(n):
        here = (np.int64(spins[a * n + site]) * np.int64(total[site]) - 2 + fields) >> 1 if fields > 1 else 0
        if here == field and site_levels[a * n + site] == v:
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
    masks, offset = np.empty(2 * max(words, 1), np.uint64), np.zeros(replicas, np.int64)
    negative = np.empty(replicas * site_words, np.uint64)
    field_mask = np.empty(replicas * fields * site_words, np.uint64)
    most_bits = 4
    while (2 * patterns) >> most_bits:
        most_bits += 1
    count, chosen = np.empty(replicas * site_words * most_bits, np.uint64), np.empty(site_words, np.uint64)
    used, shift, top = np.zeros(replicas, np.int64), np.zeros(replicas, np.int64), np.zeros(replicas, np.int64)
    bound, chances = np.zeros(replicas), np.zeros(levels * fields)
    index = np.empty(2 * patterns + 32, np.int64)
    # Weights by replica, local field and count (energy change plus `shift`), up to the largest with an acceptance.
    wide = 2 * patterns + 2 * DECODED
    found = np.zeros(replicas * fields * wide, np.int64)
    site_levels = np.zeros(sites if gaussian else 1, np.int64)
    waiting, choosing = np.empty(EVENTS), np.empty(EVENTS)
    for c in range(chains):
        identity, spins_c, total_c = chain[c], spins[c], total[c]
        fill_site_masks(spins_c, total_c, n, replicas, fields, negative, field_mask, site_words)
        flips = energy = agreement = np.int64(0)
        changed, sorted_to = -1, np.int64(0)
        for s in range(sweeps):
            sweep = np.uint32(first_sweep + s)
            row = table[rows[s if rows.shape[0] > 1 else 0, c]]
            if s == 0 or rows.shape[0] > 1:
                changed, sorted_to = -1, levels
                for k in range(levels * fields):
                    chances[k] = row[k] / CERTAIN
                while sorted_to > 0 and not (chances[(sorted_to - 1) * fields : sorted_to * fields] > RARE).any():
                    sorted_to -= 1
            elapsed, event, drawn, tossed = np.int64(0), np.int64(0), np.int64(0), 0.0
            while True:
                for a in range(replicas):
                    system = c * replicas + a
                    if changed == a or changed == -1:
                        if gaussian:
                            shift[a] = patterns
                            count_gaussian(
                                entries, site_levels, a, n, stored, spins_c, total_c, fields, kind, least, most,
                                stability, system * stored, found, wide,
                            )  # fmt: skip
                        else:
                            plane = system * words * bits
                            if kind == ERRORS:
                                offset[a] = boundary(planes, plane, valid, words, bits, masks, 0)
                            else:
                                offset[a] = set_masks(planes, plane, valid, words, bits, kind, upper, masks, 0)
                            largest, end = list_bits(masks, 0, words, patterns, index, 0)
                            shift[a], last = offset[a], end
                            if kind != ERRORS:
                                # Row `patterns` is empty, the next full: inverted, that adds nothing either.
                                blank = patterns + 1 if kind == SYMMETRIC else patterns
                                more, last = list_bits(masks, words, words, blank, index, end)
                                largest += more
                                shift[a] += more if kind == SYMMETRIC else 0
                            used[a] = 4
                            while largest >> used[a]:
                                used[a] += 1
                            base = a * site_words * most_bits
                            for k in range(base, base + site_words * used[a]):
                                count[k] = NONE
                            add_rows(pattern_rows, index, 0, end, NONE, site_words, count, base, used[a])
                            if kind != ERRORS:
                                invert = ALL_ONES if kind == SYMMETRIC else NONE
                                add_rows(pattern_rows, index, end, last, invert, site_words, count, base, used[a])
                            reflect(count, base, negative, a * site_words, largest, site_words, used[a])
                        # Counts below top are sorted; the last level stands for all larger changes too.
                        top[a] = wide if sorted_to == levels else max(sorted_to + lowest + shift[a], 0)
                        top[a] = min((top[a] + DECODED - 1) // DECODED * DECODED, wide // DECODED * DECODED)
                        bound[a] = 0.0
                        level = top[a] - shift[a] - lowest
                        if level < levels:
                            for field in range(fields):
                                bound[a] = max(bound[a], chances[max(level, 0) * fields + field])
                    if gaussian or changed == -2:
                        continue
                    base = a * site_words * most_bits
                    for field in range(fields):
                        here, first = (a * fields + field) * site_words, (a * fields + field) * wide
                        for window in range(top[a] // DECODED):
                            if (window * DECODED) >> used[a]:
                                found[first + window * DECODED : first + (window + 1) * DECODED] = 0
                            else:
                                count_levels(
                                    count, base, field_mask, here, site_words, used[a], window, found,
                                    first + window * DECODED,
                                )  # fmt: skip
                rate = 0.0
                for a in range(replicas):
                    rate += bound[a] * n
                    for field in range(fields):
                        first = (a * fields + field) * wide
                        for v in range(top[a]):
                            if found[first + v]:
                                level = min(max(v - shift[a] - lowest, 0), levels - 1)
                                rate += found[first + v] * chances[level * fields + field]
                if rate <= 0.0:
                    break
                if rate > sites and sorted_to < levels:
                    # Nearly every attempt is accepted, and the bound on top is too much: sort all weights.
                    sorted_to, changed = levels, -1
                    continue
                if event == drawn:
                    draw_events(waiting, choosing, event, sweep, identity, k0, k1)
                    drawn += EVENTS
                chance = min(rate / sites, 1.0)
                wait = 1.0 + math.floor(math.log(waiting[event % EVENTS]) / math.log1p(-chance))
                if elapsed + wait > sites:
                    break
                elapsed += np.int64(wait)
                rest = choosing[event % EVENTS] * rate
                event += 1
                chosen_replica = picked_field = picked_v = nth = np.int64(-1)
                for a in range(replicas):
                    if rest >= 0.0 and bound[a] > 0.0:
                        chosen_replica, picked_v, tossed = np.int64(a), np.int64(-1), rest / bound[a]
                        rest -= bound[a] * n
                    for field in range(fields):
                        first = (a * fields + field) * wide
                        for v in range(top[a]):
                            if rest < 0.0 or not found[first + v]:
                                continue
                            level = min(max(v - shift[a] - lowest, 0), levels - 1)
                            each = chances[level * fields + field]
                            if each > 0.0:
                                # The last class with any weight takes what rounding may leave over.
                                chosen_replica, picked_field, picked_v = np.int64(a), np.int64(field), np.int64(v)
                                nth = min(np.int64(rest / each), found[first + v] - 1)
                                rest -= found[first + v] * each
                a = int(chosen_replica)
                if picked_v < 0:
                    site = min(int(tossed), n - 1)
                    spin = np.int64(spins_c[a * n + site])
                    picked_field = (spin * np.int64(total_c[site]) - 2 + fields) >> 1 if fields > 1 else 0
                    if gaussian:
                        picked_v = np.int64(site_levels[a * n + site])
                    else:
                        picked_v = count_at(count, a * site_words * most_bits, used[a], site)
                    level = min(max(picked_v - shift[a] - lowest, 0), levels - 1)
                    # A sorted weight has its own share; the fraction left of the toss decides for the others.
                    if picked_v < top[a] or (tossed - site) * bound[a] >= chances[level * fields + picked_field]:
                        changed = -2
                        continue
                elif gaussian:
                    site = nth_level(site_levels, spins_c, total_c, a, n, fields, picked_field, picked_v, nth)
                else:
                    counters_equal(
                        count, a * site_words * most_bits, field_mask, (a * fields + picked_field) * site_words,
                        picked_v, site_words, used[a], chosen, 0,
                    )  # fmt: skip
                    site = nth_bit(chosen, site_words, nth)
                spin = np.int64(spins_c[a * n + site])
                spins_c[a * n + site] = np.int8(-spin)
                flips += 1
                energy += picked_v - shift[a]
                if gaussian:
                    flip_gaussian(entries, site, stored, spin, stability, (c * replicas + a) * stored)
                else:
                    flip = ALL_ONES if spin < 0 else NONE
                    plane = (c * replicas + a) * words * bits
                    step_counters(planes, plane, columns, site * words, flip, words, bits)
                word, bit = site // 64, ONE << np.uint64(site % 64)
                negative[a * site_words + word] ^= bit
                if partners:
                    agreement -= 2 * (2 * picked_field - partners)
                    total_c[site] = np.int16(np.int64(total_c[site]) - 2 * spin)
                    for b in range(replicas):
                        field = (np.int64(spins_c[b * n + site]) * np.int64(total_c[site]) - 2 + fields) >> 1
                        for f in range(fields):
                            field_mask[(b * fields + f) * site_words + word] &= ~bit
                        field_mask[(b * fields + field) * site_words + word] |= bit
                # Gaussian classes are counted by weight, with their fields: all replicas anew.
                changed = -1 if gaussian and partners else a
        counts[c, 0] += flips
        counts[c, 1] += energy
        counts[c, 2] += agreement
