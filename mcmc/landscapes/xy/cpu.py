"""Compiled loops of the XY model over rows of spins.

Race freedom: a row reads its own spins and those of other colours and writes its own spins and halo slots, so rows of
one colour may run in any order and on any thread. The innermost loops run over contiguous (position, chain) slices
without branches, which is what lets the compiler vectorise them; sums are folded over positions in a fixed tree, so
their rounding depends neither on threads nor on the number of chains.
"""

import math

import numpy as np

from mcmc.landscapes.xy.compiled import kernel, piece
from mcmc.landscapes.xy.physics import (
    energy_change,
    exp_minus,
    metropolis_acceptance,
    parallel_to_field,
    reflect_about_field,
    rotate,
    site_energy,
    small_rotation,
    unit_scale,
    von_mises_accept,
    von_mises_parameters,
    von_mises_proposal,
)
from mcmc.random import Stream, philox4x32, stream_word, symmetric32, uniform32, uniform64

METROPOLIS, OVER_RELAXATION, HEAT_BATH, ALIGN = 0, 1, 2, 3
METROPOLIS_STREAM = np.uint32(Stream.METROPOLIS)
HEAT_BATH_STREAM = np.uint32(Stream.HEAT_BATH)
ZERO = np.float32(0.0)


@piece
def draw_row(slot, lane_position, lane_chain, sweep, k0, k1, proposal, accept):
    """Uniforms of a row: one Philox call serves positions p and p + ceil(columns / 2), so all four words are used.

    The lane arrays give position p and chain id of every (p, chain) with p < ceil(columns / 2).
    """
    n = lane_chain.size
    fourth = stream_word(METROPOLIS_STREAM, np.uint32(0))
    first = np.uint32(slot)
    a, b = proposal[:n], accept[:n]
    c, d = proposal[n : 2 * n], accept[n : 2 * n]
    for i in range(n):
        r0, r1, r2, r3 = philox4x32(first + lane_position[i], sweep, lane_chain[i], fourth, k0, k1)
        a[i] = symmetric32(r0)
        b[i] = uniform32(r1)
        c[i] = symmetric32(r2)
        d[i] = uniform32(r3)


@piece
def add_pair(hx, hy, ax, ay, bx, by, coupling, constant_x, first):
    """Field of two uniformly coupled neighbour slices; the first pair also sets the external field."""
    if first:
        for i in range(hx.size):
            hx[i] = constant_x + coupling * (ax[i] + bx[i])
            hy[i] = coupling * (ay[i] + by[i])
    else:
        for i in range(hx.size):
            hx[i] += coupling * (ax[i] + bx[i])
            hy[i] += coupling * (ay[i] + by[i])


@piece
def add_weighted_slice(hx, hy, ax, ay, weight_cos, weight_sin, chains):
    """Field of one neighbour slice with its own coupling and phase at every position."""
    if chains == 1:
        for i in range(hx.size):
            hx[i] += weight_cos[i] * ax[i] - weight_sin[i] * ay[i]
            hy[i] += weight_cos[i] * ay[i] + weight_sin[i] * ax[i]
        return
    for j in range(weight_cos.size):
        wc, ws = weight_cos[j], weight_sin[j]
        gx, gy = hx[j * chains : (j + 1) * chains], hy[j * chains : (j + 1) * chains]
        cx, cy = ax[j * chains : (j + 1) * chains], ay[j * chains : (j + 1) * chains]
        for i in range(chains):
            gx[i] += wc * cx[i] - ws * cy[i]
            gy[i] += wc * cy[i] + ws * cx[i]


@piece
def add_table(hx, hy, cos, sin, table, weight_cos, weight_sin, chains):
    """Field of one neighbour of every position, looked up in a table."""
    for j in range(table.size):
        wc, ws = weight_cos[j], weight_sin[j]
        at = table[j] * chains
        gx, gy = hx[j * chains : (j + 1) * chains], hy[j * chains : (j + 1) * chains]
        cx, cy = cos[at : at + chains], sin[at : at + chains]
        for i in range(chains):
            gx[i] += wc * cx[i] - ws * cy[i]
            gy[i] += wc * cy[i] + ws * cx[i]


@piece
def local_field(
    first, last, columns, link_base, weight_base, table, weight_cos, weight_sin, cos, sin, chains, coupling,
    constant_x, sliced, weighted, hx, hy,
):  # fmt: skip
    """Local field of every spin of a row, whose links are first..last, into hx, hy."""
    n = columns * chains
    if sliced and not weighted:
        for link in range(first, last, 2):
            a = link_base[link] * chains
            b = link_base[link + 1] * chains
            add_pair(
                hx, hy, cos[a : a + n], sin[a : a + n], cos[b : b + n], sin[b : b + n],
                coupling, constant_x, link == first,
            )  # fmt: skip
        return
    for i in range(n):
        hx[i] = constant_x
        hy[i] = ZERO
    for link in range(first, last):
        w = weight_base[link]
        wc, ws = weight_cos[w : w + columns], weight_sin[w : w + columns]
        a = link_base[link]
        if sliced:
            a *= chains
            add_weighted_slice(hx, hy, cos[a : a + n], sin[a : a + n], wc, ws, chains)
        else:
            add_table(hx, hy, cos, sin, table[a : a + columns], wc, ws, chains)


@piece
def metropolis_row(c, s, hx, hy, proposal, accept, width, beta, delta, accepted):
    """One Metropolis update of every spin of a row; `width` and `beta` are tiled over positions."""
    for i in range(c.size):
        cos_delta, sin_delta = small_rotation(width[i] * proposal[i])
        new_c, new_s = rotate(c[i], s[i], cos_delta, sin_delta)
        change = energy_change(c[i], s[i], new_c, new_s, hx[i], hy[i])
        keep = accept[i] < metropolis_acceptance(beta[i], change, exp_minus)
        c[i] = new_c if keep else c[i]
        s[i] = new_s if keep else s[i]
        delta[i] = change if keep else ZERO
        accepted[i] += np.int32(1) if keep else np.int32(0)


@piece
def over_relaxation_row(c, s, hx, hy):
    """Every spin of a row mirrored in its local field."""
    for i in range(c.size):
        new_c, new_s = reflect_about_field(c[i], s[i], hx[i], hy[i])
        c[i] = new_c
        s[i] = new_s


@piece
def align_row(c, s, hx, hy, delta):
    """Every spin of a row put parallel to its local field: the heat bath at zero temperature."""
    for i in range(c.size):
        new_c, new_s = parallel_to_field(c[i], s[i], hx[i], hy[i])
        delta[i] = energy_change(c[i], s[i], new_c, new_s, hx[i], hy[i])
        c[i] = new_c
        s[i] = new_s


@kernel
def heat_bath_spin(hx, hy, beta, slot, sweep, chain, k0, k1):
    """A spin from its conditional law exp(beta h.s), by Best & Fisher's rejection in float64."""
    norm = math.sqrt(hx * hx + hy * hy)
    kappa = beta * norm
    draw = np.uint32(0)
    while True:
        r0, r1, r2, r3 = philox4x32(slot, sweep, chain, stream_word(HEAT_BATH_STREAM, draw), k0, k1)
        z = math.cos(math.pi * uniform64(r0, r1))
        side = 1.0 if r3 & np.uint32(1) else -1.0
        if kappa < 1e-12:
            f, g = z, math.sqrt((1.0 - z) * (1.0 + z))
            return f, side * g
        r, r_minus_1 = von_mises_parameters(kappa)
        f, one_minus_f = von_mises_proposal(r, r_minus_1, z)
        if von_mises_accept(kappa, r_minus_1, one_minus_f, (np.float64(r2) + 0.5) * 2.0**-32):
            g = side * math.sqrt(max(one_minus_f * (2.0 - one_minus_f), 0.0))
            ex, ey = hx / norm, hy / norm
            return f * ex - g * ey, f * ey + g * ex
        draw += np.uint32(1)


@kernel
def heat_bath_row(c, s, hx, hy, beta, delta, slot, chain, sweep, k0, k1):
    """Every spin of a row drawn anew from its conditional law."""
    chains = chain.size
    for i in range(c.size):
        lane = i % chains
        x, y = heat_bath_spin(
            np.float64(hx[i]), np.float64(hy[i]), np.float64(beta[i]),
            np.uint32(slot + i // chains), sweep, chain[lane], k0, k1,
        )  # fmt: skip
        new_c, new_s = np.float32(x), np.float32(y)
        delta[i] = energy_change(c[i], s[i], new_c, new_s, hx[i], hy[i])
        c[i] = new_c
        s[i] = new_s


@piece
def fold(values, columns, chains):
    """Sum over positions into values[:chains], in a tree that depends on `columns` only."""
    while columns > 1:
        half = (columns + 1) // 2
        m = (columns - half) * chains
        low, high = values[:m], values[half * chains : half * chains + m]
        for i in range(m):
            low[i] += high[i]
        columns = half


@piece
def copy_spin(cos, sin, source, target, chains):
    """One site's spins to another slot."""
    for i in range(chains):
        cos[target * chains + i] = cos[source * chains + i]
        sin[target * chains + i] = sin[source * chains + i]


@piece
def refresh_halo(start, columns, of_first, of_last, cos, sin, chains):
    """Copy a row's end spins to the halo slots that mirror them."""
    if of_first >= 0:
        copy_spin(cos, sin, start, of_first, chains)
    if of_last >= 0:
        copy_spin(cos, sin, start + columns - 1, of_last, chains)


@kernel
def update_rows(
    update, rows, first, last, spins, chain, lane_position, lane_chain, beta, width, sweep, k0, k1,
    coupling, field, sliced, weighted, work, accepted, changes,
):  # fmt: skip
    """Update rows first..last, all of one colour.

    `beta` and `width` are tiled (position, chain); `work` is (5, longest row) float32 scratch; `accepted` counts per
    (position, chain). Energy changes are added to `changes` float64: (1, chains) for all rows together, or
    (rows, chains) to keep them apart.
    """
    cos, sin = spins[0], spins[1]
    chains = chain.size
    # Fields of the tuple are taken once: each access counts references.
    starts, lengths, link_pointer = rows.start, rows.length, rows.link_pointer
    link_base, weight_base, table = rows.link_base, rows.weight_base, rows.table
    weight_cos, weight_sin = rows.weight_cos, rows.weight_sin
    halo_of_first, halo_of_last = rows.halo_of_first, rows.halo_of_last
    for r in range(first, last):
        columns = lengths[r]
        n = columns * chains
        start = starts[r] * chains
        hx, hy, delta = work[0, :n], work[1, :n], work[4, :n]
        local_field(
            link_pointer[r], link_pointer[r + 1], columns, link_base, weight_base, table, weight_cos, weight_sin,
            cos, sin, chains, coupling, field, sliced, weighted, hx, hy,
        )  # fmt: skip
        c, s = cos[start : start + n], sin[start : start + n]
        if update == METROPOLIS:
            m = (columns + 1) // 2 * chains
            draw_row(starts[r], lane_position[:m], lane_chain[:m], sweep, k0, k1, work[2], work[3])
            metropolis_row(c, s, hx, hy, work[2], work[3], width, beta, delta, accepted)
        elif update == OVER_RELAXATION:
            over_relaxation_row(c, s, hx, hy)
        elif update == HEAT_BATH:
            heat_bath_row(c, s, hx, hy, beta, delta, starts[r], chain, sweep, k0, k1)
        else:
            align_row(c, s, hx, hy, delta)
        refresh_halo(starts[r], columns, halo_of_first[r], halo_of_last[r], cos, sin, chains)
        if update != OVER_RELAXATION:
            fold(delta, columns, chains)
            at = r if changes.shape[0] > 1 else 0
            for i in range(chains):
                changes[at, i] += delta[i]


@kernel
def total_energy(rows, spins, chains, coupling, field, sliced, weighted):
    """Energy from scratch, (chains,) float64: half of each spin's bond energy, and its field energy."""
    cos, sin = spins[0], spins[1]
    n_max = rows.length.max() * chains
    hx, hy = np.empty(n_max, np.float32), np.empty(n_max, np.float32)
    terms = np.empty(n_max)
    energy = np.zeros(chains)
    for r in range(rows.start.size):
        columns = rows.length[r]
        n = columns * chains
        start = rows.start[r] * chains
        local_field(
            rows.link_pointer[r], rows.link_pointer[r + 1], columns, rows.link_base, rows.weight_base, rows.table,
            rows.weight_cos, rows.weight_sin, cos, sin, chains, coupling, ZERO, sliced, weighted, hx[:n], hy[:n],
        )  # fmt: skip
        c, s = cos[start : start + n], sin[start : start + n]
        for i in range(n):
            terms[i] = site_energy(c[i], s[i], hx[i], hy[i], field)
        fold(terms, columns, chains)
        for i in range(chains):
            energy[i] += terms[i]
    return energy


@kernel
def run_sweeps(
    plan, rows, colour_pointer, spins, energy, chain, beta, width, first_sweep, sweeps, k0, k1,
    coupling, field, sliced, weighted, renormalise_every, accepted_total, drift,
):  # fmt: skip
    """Advance by whole sweeps on one thread; each sweep does the updates of `plan` in turn, in place."""
    chains = chain.size
    columns = rows.length.max()
    n = (columns + 1) * chains
    lane_position, lane_chain = lanes(columns, chain)
    beta, width = tiled(beta, columns), tiled(width, columns)
    work = np.empty((5, n), np.float32)
    accepted = np.zeros(n, np.int32)
    changes = energy.reshape(1, chains)
    for sweep in range(first_sweep, first_sweep + sweeps):
        for update in plan:
            for colour in range(colour_pointer.size - 1):
                first, last = colour_pointer[colour], colour_pointer[colour + 1]
                update_rows(
                    update, rows, first, last, spins, chain, lane_position, lane_chain, beta, width, np.uint32(sweep),
                    k0, k1, coupling, field, sliced, weighted, work, accepted, changes,
                )  # fmt: skip
        if (sweep + 1) % renormalise_every == 0:
            renormalise(rows, spins, energy, chains, coupling, field, sliced, weighted, drift)
        # int32 counters of one call must not overflow in a long one.
        if update_count_full(sweep - first_sweep):
            collect_accepted(accepted, columns, chains, accepted_total)
    collect_accepted(accepted, columns, chains, accepted_total)


@kernel
def tiled(values, columns):
    """Values per chain repeated for every position of the longest row."""
    out = np.empty(columns * values.size, np.float32)
    for j in range(columns):
        out[j * values.size : (j + 1) * values.size] = values
    return out


@kernel
def lanes(columns, chain):
    """Position and chain id of every (position, chain) of half a row, two uint32 arrays."""
    half = (columns + 1) // 2
    position = np.empty(half * chain.size, np.uint32)
    identity = np.empty(half * chain.size, np.uint32)
    for j in range(half):
        position[j * chain.size : (j + 1) * chain.size] = np.uint32(j)
        identity[j * chain.size : (j + 1) * chain.size] = chain
    return position, identity


@kernel
def update_count_full(done):
    """Whether the per-position counters should be emptied after `done` sweeps of this call."""
    return done % 4096 == 4095


@kernel
def collect_accepted(accepted, columns, chains, total):
    """Move the per-position counters to the per-chain total."""
    for j in range(columns):
        for i in range(chains):
            total[i] += accepted[j * chains + i]
            accepted[j * chains + i] = 0


@kernel
def add_row_changes(changes, energy):
    """Add the rows' energy changes in their fixed order, and clear them."""
    for r in range(changes.shape[0]):
        for i in range(energy.size):
            energy[i] += changes[r, i]
            changes[r, i] = 0.0


@kernel
def renormalise(rows, spins, energy, chains, coupling, field, sliced, weighted, drift):
    """Scale spins back to unit length, recompute the energy, and record how far the carried one had drifted."""
    cos, sin = spins[0], spins[1]
    for i in range(cos.size):
        scale = unit_scale(cos[i], sin[i])
        cos[i] *= scale
        sin[i] *= scale
    fresh = total_energy(rows, spins, chains, coupling, field, sliced, weighted)
    for i in range(chains):
        drift[i] = max(drift[i], abs(fresh[i] - energy[i]))
        energy[i] = fresh[i]
