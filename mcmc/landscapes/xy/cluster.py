"""Wolff clusters on any graph with ferromagnetic couplings. Wolff 1989, Phys. Rev. Lett. 62, 361.

One chain at a time: its spins are copied to a compact array, clusters grow depth first from a stack, and a stamp
array tells who is in the present cluster without clearing it between clusters.
"""

import math

import numpy as np

from mcmc.landscapes.xy.cpu import kernel
from mcmc.landscapes.xy.physics import energy_change, exp_minus, reflect_across_line, wolff_bond_closed
from mcmc.random import Stream, philox4x32, stream_word, uniform32, uniform64

SEED_STREAM = np.uint32(Stream.WOLFF_SEED)
BOND_STREAM = np.uint32(Stream.WOLFF_BOND)
FOUR = np.uint32(4)


@kernel
def grow_cluster(
    spin,
    pointers,
    neighbors,
    coupling,
    beta,
    seed_site,
    rx,
    ry,
    stamp,
    mark,
    stack,
    sweep,
    chain,
    first_draw,
    k0,
    k1,
):
    """Grow one cluster, reflecting each spin as it leaves the stack; returns its size and the energy change.

    Sites are reflected one at a time, so the changes of the single flips add up to the cluster's.
    """
    stack[0] = seed_site
    stamp[seed_site] = mark
    depth = 1
    size = 0
    change = 0.0
    while depth > 0:
        depth -= 1
        site = stack[depth]
        c, s = spin[site, 0], spin[site, 1]
        new_c, new_s = reflect_across_line(c, s, rx, ry)
        projection = c * rx + s * ry
        hx = np.float32(0.0)
        hy = np.float32(0.0)
        begin, end = pointers[site], pointers[site + 1]
        draw = first_draw
        for quad in range(begin, end, 4):
            words = philox4x32(np.uint32(site), sweep, chain, stream_word(BOND_STREAM, draw), k0, k1)
            draw += np.uint32(1)
            for k in range(quad, min(quad + 4, end)):
                other = neighbors[k]
                strength = coupling[k]
                oc, os = spin[other, 0], spin[other, 1]
                hx += strength * oc
                hy += strength * os
                if stamp[other] != mark:
                    closed = wolff_bond_closed(beta, strength, projection, oc * rx + os * ry, exp_minus)
                    if uniform32(words[k - quad]) > closed:
                        stamp[other] = mark
                        stack[depth] = other
                        depth += 1
        change += energy_change(c, s, new_c, new_s, hx, hy)
        spin[site, 0] = new_c
        spin[site, 1] = new_s
        size += 1
    return size, change


@kernel
def renormalised_energy(spin, pointers, neighbors, coupling):
    """Scale the spins of one chain back to unit length; returns the energy from scratch."""
    for i in range(spin.shape[0]):
        scale = np.float32(1.5) - np.float32(0.5) * (spin[i, 0] * spin[i, 0] + spin[i, 1] * spin[i, 1])
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
    stamp = np.full(sites, -1, np.int64)
    stack = np.empty(sites, np.int64)
    mark = 0
    degree = 0
    for i in range(sites):
        degree = max(degree, pointers[i + 1] - pointers[i])
    calls = np.uint32((degree + 3) // 4)
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
                    np.float32(math.cos(angle)), np.float32(math.sin(angle)), stamp, mark, stack,
                    np.uint32(sweep), chain[lane], np.uint32(draw * calls), k0, k1,
                )  # fmt: skip
                mark += 1
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
