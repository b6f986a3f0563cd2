"""Grid kernels of the XY model over rows of spins: what cpu.py and observe.py do, one thread a pair of positions.

The scalar physics and the random numbers are those of the CPU loops, and so is the memory layout. All sweeps of a call
run in one launch whose blocks wait for each other between colours.

Threads and chains: a thread keeps one chain. Thread t of T works for chain t % lanes as member t // lanes of its group
and strides over the group's tasks, so neighbouring threads read neighbouring memory.

Race freedom: a row reads its own spins and those of other colours and writes its own spins and halo slots.

Sums are kept in whole numbers of 1/scale. Such sums are exact in any order, so carried energies and observables
depend on the spins alone: not on the size of the grid, on other chains, or on how sweeps are split into calls.
"""

import math
from importlib import import_module
from typing import Any

import numpy as np

from mcmc import random
from mcmc.device import scalar
from mcmc.landscapes.xy import physics
from mcmc.landscapes.xy.cpu import METROPOLIS, METROPOLIS_STREAM, OVER_RELAXATION
from mcmc.landscapes.xy.observe import ENERGY, FIXED, MAGNETIZATION_X, MAGNETIZATION_Y, NEIGHBOUR, VORTICES

# Kernels mean more by its names than their types say.
cuda: Any = import_module("numba.cuda")

THREADS = 256
CARRIED, ACCEPTED = range(2)
# Indices are unsigned all through: those are not checked for counting from the end. Numba makes a float64 of an
# unsigned and a signed 64-bit number, so constants have types too.
UNIT = np.uint32(1)
NO_SLOT = np.uint32(0xFFFFFFFF)
NO_TASK = np.uint32(0xFFFFFFFF)
ZERO = np.float32(0.0)

kernel: Any = cuda.jit(cache=True)
device_function: Any = cuda.jit(device=True)

philox4x32 = scalar(random.philox4x32)
stream_word = scalar(random.stream_word)
symmetric32 = scalar(random.symmetric32)
uniform32 = scalar(random.uniform32)
bond_cosine_sine = scalar(physics.bond_cosine_sine)
branch_crossing = scalar(physics.branch_crossing)
energy_change = scalar(physics.energy_change)
exp_minus = scalar(physics.exp_minus)
metropolis_acceptance = scalar(physics.metropolis_acceptance)
parallel_to_field = scalar(physics.parallel_to_field)
reflect_about_field = scalar(physics.reflect_about_field)
rotate = scalar(physics.rotate)
site_energy = scalar(physics.site_energy)
small_rotation = scalar(physics.small_rotation)
unit_scale = scalar(physics.unit_scale)


@device_function
def fixed_point(value, scale):
    """Nearest whole number of 1/scale."""
    return np.int64(math.floor(np.float64(value) * scale + 0.5))


@device_function
def share(first_lane, lanes):
    """This thread's first task, the step to its next ones, and its chain.

    Threads beyond the last whole group of `lanes` get no task: they only wait with the others.
    """
    thread, threads = np.uint32(cuda.grid(1)), np.uint32(cuda.gridsize(1))
    stride, begin = threads // lanes, thread // lanes
    return np.uint64(begin if begin < stride else NO_TASK), np.uint64(stride), np.uint64(first_lane + thread % lanes)


@device_function
def add_to_total(totals, quantity, lane, lanes, value, shared):
    """Add every thread's value to its chain's total; all threads of a block must call it."""
    thread = cuda.threadIdx.x
    shared[thread] = value
    cuda.syncthreads()
    # Threads of one chain stand `lanes` apart: the first of them adds for all, once a block.
    if thread < lanes:
        total = np.int64(0)
        for other in range(thread, cuda.blockDim.x, lanes):
            total += shared[other]
        cuda.atomic.add(totals, (quantity, lane), total)
    cuda.syncthreads()


@device_function
def draw_pair(slot, sweep, chain, k0, k1):
    """Proposal and acceptance uniforms of a position and of its partner half a row on, as in `cpu.draw_row`."""
    fourth = stream_word(METROPOLIS_STREAM, np.uint32(0))
    r0, r1, r2, r3 = philox4x32(np.uint32(slot), np.uint32(sweep), chain, fourth, k0, k1)
    return symmetric32(r0), uniform32(r1), symmetric32(r2), uniform32(r3)


@device_function
def place(slot, lane, chains):
    """Index of a chain's spin at a slot: the product of two 32-bit numbers is one instruction."""
    return np.uint32(slot) * chains + lane


@device_function
def local_field(rows, row, position, lane, chains, cos, sin, coupling, constant_x, sliced, weighted):
    """Local field of one spin."""
    hx, hy = constant_x, ZERO
    link, last = np.uint64(rows.link_pointer[row]), rows.link_pointer[row + UNIT]
    if sliced and not weighted:
        while link < last:
            a = place(rows.link_base[link] + position, lane, chains)
            b = place(rows.link_base[link + UNIT] + position, lane, chains)
            hx += coupling * (cos[a] + cos[b])
            hy += coupling * (sin[a] + sin[b])
            link += UNIT + UNIT
        return hx, hy
    while link < last:
        neighbour = rows.link_base[link] + position
        if not sliced:
            neighbour = np.uint64(rows.table[neighbour])
        at = place(neighbour, lane, chains)
        weight = rows.weight_base[link] + position
        x, y = rotate(cos[at], sin[at], rows.weight_cos[weight], rows.weight_sin[weight])
        hx += x
        hy += y
        link += UNIT
    return hx, hy


@device_function
def set_spin(rows, row, position, columns, lane, chains, cos, sin, c, s):
    """Write a spin, and the halo slots that mirror it at a row's ends."""
    at = place(rows.start[row] + position, lane, chains)
    cos[at] = c
    sin[at] = s
    if position == 0:
        mirror = rows.halo_of_first[row]
        if mirror != NO_SLOT:
            at = place(mirror, lane, chains)
            cos[at] = c
            sin[at] = s
    if position + UNIT == columns:
        mirror = rows.halo_of_last[row]
        if mirror != NO_SLOT:
            at = place(mirror, lane, chains)
            cos[at] = c
            sin[at] = s


@kernel
def run_sweeps(
    update, over_relaxation, rows, colour_pointer, half, cos, sin, chain, chains, first_lane, lanes, beta, width,
    first_sweep, sweeps, k0, k1, coupling, field, sliced, weighted, scale, totals,
):  # fmt: skip
    """Advance `lanes` chains from first_lane on by whole sweeps: `update`, then over-relaxation sweeps, in place.

    `half` is half the longest row, rounded up. Adds to `totals` (2, chains) int64 the energy change, in whole numbers
    of 1/scale, and the accepted updates.
    """
    grid = cuda.cg.this_grid()
    shared = cuda.shared.array(THREADS, np.int64)
    begin, stride, lane = share(first_lane, lanes)
    chain_id, chain_beta, chain_width = chain[lane], beta[lane], width[lane]
    change, accepted = np.int64(0), np.int64(0)
    for sweep in range(first_sweep, first_sweep + sweeps):
        for step in range(over_relaxation + 1):
            kind = update if step == 0 else OVER_RELAXATION
            for colour in range(colour_pointer.size - 1):
                first_row = colour_pointer[colour]
                tasks = (colour_pointer[colour + 1] - first_row) * half
                task = begin
                while task < tasks:
                    row, at = first_row + task // half, task % half
                    task += stride
                    columns = np.uint64(rows.length[row])
                    own_half = (columns + UNIT) >> UNIT
                    if at >= own_half:
                        continue
                    proposal, accept, next_proposal, next_accept = ZERO, ZERO, ZERO, ZERO
                    if kind == METROPOLIS:
                        proposal, accept, next_proposal, next_accept = draw_pair(
                            rows.start[row] + at, sweep, chain_id, k0, k1
                        )
                    while at < columns:
                        hx, hy = local_field(rows, row, at, lane, chains, cos, sin, coupling, field, sliced, weighted)
                        slot = place(rows.start[row] + at, lane, chains)
                        c, s = cos[slot], sin[slot]
                        if kind == METROPOLIS:
                            cos_delta, sin_delta = small_rotation(chain_width * proposal)
                            new_c, new_s = rotate(c, s, cos_delta, sin_delta)
                        elif kind == OVER_RELAXATION:
                            new_c, new_s = reflect_about_field(c, s, hx, hy)
                        else:
                            new_c, new_s = parallel_to_field(c, s, hx, hy)
                        keep = True
                        if kind != OVER_RELAXATION:
                            delta = energy_change(c, s, new_c, new_s, hx, hy)
                            if kind == METROPOLIS:
                                keep = accept < metropolis_acceptance(chain_beta, delta, exp_minus)
                                proposal, accept = next_proposal, next_accept
                            if keep:
                                change += fixed_point(delta, scale)
                                accepted += 1
                        if keep:
                            set_spin(rows, row, at, columns, lane, chains, cos, sin, new_c, new_s)
                        at += own_half
                grid.sync()
    add_to_total(totals, CARRIED, lane, lanes, change, shared)
    add_to_total(totals, ACCEPTED, lane, lanes, accepted, shared)


@kernel
def renormalise(cos, sin):
    """Scale all spins back to unit length."""
    at = np.uint64(cuda.grid(1))
    while at < np.uint64(cos.size):
        scale = unit_scale(cos[at], sin[at])
        cos[at] *= scale
        sin[at] *= scale
        at += np.uint64(cuda.gridsize(1))


@kernel
def total_energy(
    rows, row_count, half, cos, sin, chains, first_lane, lanes, coupling, field, sliced, weighted, scale, totals,
):  # fmt: skip
    """Add to totals[0] the energy from scratch of `lanes` chains, in whole numbers of 1/scale."""
    shared = cuda.shared.array(THREADS, np.int64)
    task, stride, lane = share(first_lane, lanes)
    total = np.int64(0)
    while task < row_count * half:
        row, at = task // half, task % half
        task += stride
        columns = np.uint64(rows.length[row])
        own_half = (columns + UNIT) >> UNIT
        if at >= own_half:
            continue
        while at < columns:
            hx, hy = local_field(rows, row, at, lane, chains, cos, sin, coupling, ZERO, sliced, weighted)
            slot = place(rows.start[row] + at, lane, chains)
            total += fixed_point(site_energy(cos[slot], sin[slot], hx, hy, field), scale)
            at += own_half
    add_to_total(totals, 0, lane, lanes, total, shared)


@kernel
def observe_edges(
    cos, sin, chains, sites, slot, wave, bonds, first, second, strength, cos_phase, sin_phase, directions, components,
    cells, plaquettes, first_lane, lanes, scale, totals,
):  # fmt: skip
    """The pass of `observe.observe_edges`, summed in whole numbers of 1/scale[quantity].

    Counts stand beside the tables, which are never of size zero. `totals` (FIXED + 2 directions + 4, chains) int64
    takes the quantities of observe.py, STRUCTURE left out, and last the four sums of c and s times cos kx and sin kx.
    """
    shared = cuda.shared.array(THREADS, np.int64)
    begin, stride, lane = share(first_lane, lanes)
    fourier = FIXED + 2 * directions

    x, y = np.int64(0), np.int64(0)
    a, b, c, d = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    site = begin
    while site < sites:
        at = place(slot[site], lane, chains)
        cosine, sine = np.float64(cos[at]), np.float64(sin[at])
        x += fixed_point(cosine, scale[MAGNETIZATION_X])
        y += fixed_point(sine, scale[MAGNETIZATION_Y])
        a += fixed_point(cosine * wave[0, site], scale[fourier])
        b += fixed_point(sine * wave[0, site], scale[fourier])
        c += fixed_point(cosine * wave[1, site], scale[fourier])
        d += fixed_point(sine * wave[1, site], scale[fourier])
        site += stride
    add_to_total(totals, MAGNETIZATION_X, lane, lanes, x, shared)
    add_to_total(totals, MAGNETIZATION_Y, lane, lanes, y, shared)
    add_to_total(totals, fourier, lane, lanes, a, shared)
    add_to_total(totals, fourier + 1, lane, lanes, b, shared)
    add_to_total(totals, fourier + 2, lane, lanes, c, shared)
    add_to_total(totals, fourier + 3, lane, lanes, d, shared)

    energy, neighbour = np.int64(0), np.int64(0)
    edge = begin
    while edge < bonds:
        i, j = place(first[edge], lane, chains), place(second[edge], lane, chains)
        ci, si, cj, sj = np.float64(cos[i]), np.float64(sin[i]), np.float64(cos[j]), np.float64(sin[j])
        cosine, sine = bond_cosine_sine(ci, si, cj, sj, cos_phase[edge], sin_phase[edge])
        energy += fixed_point(-strength[edge] * cosine, scale[ENERGY])
        neighbour += fixed_point(ci * cj + si * sj, scale[NEIGHBOUR])
        edge += stride
    add_to_total(totals, ENERGY, lane, lanes, energy, shared)
    add_to_total(totals, NEIGHBOUR, lane, lanes, neighbour, shared)

    for direction in range(directions):
        cosines, sines = np.int64(0), np.int64(0)
        at = FIXED + 2 * direction
        edge = begin
        while edge < bonds:
            component = components[edge, direction]
            if component != 0.0:
                i, j = place(first[edge], lane, chains), place(second[edge], lane, chains)
                ci, si, cj, sj = np.float64(cos[i]), np.float64(sin[i]), np.float64(cos[j]), np.float64(sin[j])
                cosine, sine = bond_cosine_sine(ci, si, cj, sj, cos_phase[edge], sin_phase[edge])
                cosines += fixed_point(strength[edge] * cosine * component * component, scale[at])
                sines += fixed_point(strength[edge] * sine * component, scale[at + 1])
            edge += stride
        add_to_total(totals, at, lane, lanes, cosines, shared)
        add_to_total(totals, at + 1, lane, lanes, sines, shared)

    vortices = np.int64(0)
    corners = plaquettes.shape[1]
    cell = begin
    while cell < cells:
        crossings = np.int32(0)
        i = place(slot[plaquettes[cell, corners - 1]], lane, chains)
        for k in range(corners):
            j = place(slot[plaquettes[cell, k]], lane, chains)
            crossings += branch_crossing(cos[i], sin[i], cos[j], sin[j])
            i = j
        vortices += abs(crossings)
        cell += stride
    add_to_total(totals, VORTICES, lane, lanes, vortices, shared)
