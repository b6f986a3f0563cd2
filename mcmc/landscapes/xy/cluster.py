"""Wolff clusters on any graph with ferromagnetic couplings. Wolff 1989, Phys. Rev. Lett. 62, 361.

One chain at a time: its spins are copied to a compact array, clusters grow breadth first in a queue, and a stamp
array tells who is in the present cluster without clearing it between clusters.
"""

import math

import numpy as np

from mcmc.landscapes.xy.compiled import kernel, piece
from mcmc.landscapes.xy.physics import energy_change, exp_minus, reflect_across_line, unit_scale, wolff_bond_closed
from mcmc.random import Stream, philox4x32, stream_word, uniform32, uniform64

SEED_STREAM = np.uint32(Stream.WOLFF_SEED)
BOND_STREAM = np.uint32(Stream.WOLFF_BOND)
BATCH = 64
# The draw index has 24 bits; a cluster takes one for every four bonds of a site.
DRAWS = 2**24


@piece
def draw_bonds(words, queue, calls, sweep, chain, first_draw, k0, k1):
    """Random words of waiting sites, drawn together so that the loop vectorises: words[4 c + w, i] of call c."""
    n = queue.size
    for c in range(calls):
        fourth = stream_word(BOND_STREAM, np.uint32(first_draw + np.uint32(c)))
        a, b, d, e = words[4 * c, :n], words[4 * c + 1, :n], words[4 * c + 2, :n], words[4 * c + 3, :n]
        for i in range(n):
            r0, r1, r2, r3 = philox4x32(queue[i], sweep, chain, fourth, k0, k1)
            a[i] = r0
            b[i] = r1
            d[i] = r2
            e[i] = r3


@piece
def grow_cluster(
    spin, pointers, neighbors, coupling, beta, seed_site, rx, ry, stamp, mark, queue, words, calls, sweep, chain,
    first_draw, k0, k1,
):  # fmt: skip
    """Grow one cluster, reflecting each spin as it leaves the queue; returns its size and the energy change.

    Sites are reflected one at a time, so the changes of the single flips add up to the cluster's. First in, first
    out: the next sites are known early, and their random words are drawn a batch at a time.
    """
    queue[0] = seed_site
    stamp[seed_site] = mark
    tail = np.int64(1)
    head = np.int64(0)
    batch_start = np.int64(0)
    batch_end = np.int64(0)
    change = 0.0
    while head < tail:
        if head == batch_end:
            batch_start = head
            batch_end = min(tail, head + BATCH)
            draw_bonds(words, queue[batch_start:batch_end], calls, sweep, chain, first_draw, k0, k1)
        column = head - batch_start
        site = np.int64(queue[head])
        head += 1
        c, s = spin[site, 0], spin[site, 1]
        new_c, new_s = reflect_across_line(c, s, rx, ry)
        projection = c * rx + s * ry
        hx = np.float32(0.0)
        hy = np.float32(0.0)
        begin = pointers[site]
        for k in range(pointers[site + 1] - begin):
            other = np.int64(neighbors[begin + k])
            strength = coupling[begin + k]
            oc, os = spin[other, 0], spin[other, 1]
            hx += strength * oc
            hy += strength * os
            closed = wolff_bond_closed(beta, strength, projection, oc * rx + os * ry, exp_minus)
            # Written without a branch: whether a bond opens cannot be predicted.
            old = stamp[other]
            joins = np.int32(uniform32(words[k, column]) > closed) & np.int32(old != mark)
            stamp[other] = np.int32(old + joins * np.int32(mark - old))
            queue[tail] = np.uint32(other)
            tail += np.int64(joins)
        change += energy_change(c, s, new_c, new_s, hx, hy)
        spin[site, 0] = new_c
        spin[site, 1] = new_s
    return tail, change


@kernel
def renormalised_energy(spin, pointers, neighbors, coupling):
    """Scale the spins of one chain back to unit length; returns the energy from scratch."""
    for i in range(spin.shape[0]):
        scale = unit_scale(spin[i, 0], spin[i, 1])
        spin[i, 0] *= scale
        spin[i, 1] *= scale
    energy = 0.0
    for i in range(spin.shape[0]):
        for k in range(pointers[i], pointers[i + 1]):
            j = neighbors[k]
            cosine = np.float64(spin[i, 0]) * spin[j, 0] + np.float64(spin[i, 1]) * spin[j, 1]
            energy -= 0.5 * coupling[k] * cosine
    return energy


@kernel
def cluster_sweeps(
    spins, slot, pointers, neighbors, coupling, energy, beta, clusters, first_sweep, sweeps, chain, k0, k1,
    renormalise_every, flipped, grown, drift,
):  # fmt: skip
    """`clusters[i]` clusters a sweep for chain i, in place; adds to `flipped` spins and `grown` clusters."""
    sites = slot.size
    spin = np.empty((sites, 2), np.float32)
    stamp = np.full(sites, -1, np.int32)
    # One more than the sites: the slot behind the tail is written before it is known to be needed.
    queue = np.empty(sites + 1, np.uint32)
    mark = np.int32(0)
    degree = 0
    for i in range(sites):
        degree = max(degree, pointers[i + 1] - pointers[i])
    calls = (degree + 3) // 4
    words = np.empty((4 * calls, BATCH), np.uint32)
    for lane in range(chain.size):
        for i in range(sites):
            spin[i, 0] = spins[0, slot[i], lane]
            spin[i, 1] = spins[1, slot[i], lane]
        for sweep in range(first_sweep, first_sweep + sweeps):
            for cluster in range(clusters[lane]):
                draw = np.uint32(cluster)
                r0, r1, r2, r3 = philox4x32(
                    np.uint32(0), np.uint32(sweep), chain[lane], stream_word(SEED_STREAM, draw), k0, k1
                )
                seed_site = np.int64(uniform64(r0, r1) * sites)
                angle = 2.0 * math.pi * uniform64(r2, r3)
                size, change = grow_cluster(
                    spin, pointers, neighbors, coupling, np.float32(beta[lane]), seed_site,
                    np.float32(math.cos(angle)), np.float32(math.sin(angle)), stamp, mark, queue, words, calls,
                    np.uint32(sweep), chain[lane], np.uint32(cluster * calls), k0, k1,
                )  # fmt: skip
                mark = np.int32(mark + 1)
                energy[lane] += change
                flipped[lane] += size
                grown[lane] += 1
            if (sweep + 1) % renormalise_every == 0:
                fresh = renormalised_energy(spin, pointers, neighbors, coupling)
                drift[lane] = max(drift[lane], abs(fresh - energy[lane]))
                energy[lane] = fresh
        for i in range(sites):
            spins[0, slot[i], lane] = spin[i, 0]
            spins[1, slot[i], lane] = spin[i, 1]


@kernel
def mirror_halo(spins, halo):
    """Copy every mirrored spin to its halo slot."""
    for k in range(halo.shape[0]):
        for component in range(2):
            for lane in range(spins.shape[2]):
                spins[component, halo[k, 0], lane] = spins[component, halo[k, 1], lane]
