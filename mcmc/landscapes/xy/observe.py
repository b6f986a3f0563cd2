"""Everything that is measured on an XY configuration, in one pass over the spins.

`observe_rows` serves uniformly coupled sliced lattices with the same long loops as the sweeps; `observe_edges` serves
every graph, coupling and phase, and is the reference for the other. Both fill (quantities, chains) float64 arrays:
MAGNETIZATION_X, MAGNETIZATION_Y, ENERGY (bonds only), NEIGHBOUR (sum of cos(theta_i - theta_j)), VORTICES (plaquettes
of vorticity +1 or -1), STRUCTURE (|sum s exp(i k x)|^2 / N at k = 2 pi / L_x), then for each Cartesian direction the
sums of J cos(theta_i - theta_j - A_ij) e^2 and of J sin(theta_i - theta_j - A_ij) e, e the bond's component along it.
"""

import numpy as np

from mcmc.landscapes.xy.compiled import kernel, piece
from mcmc.landscapes.xy.cpu import fold
from mcmc.landscapes.xy.physics import bond_cosine_sine, branch_crossing

MAGNETIZATION_X, MAGNETIZATION_Y, ENERGY, NEIGHBOUR, VORTICES, STRUCTURE = range(6)
FIXED = 6
FLUSH_ROWS = 64


@kernel
def observe_edges(spins, first, second, strength, cos_phase, sin_phase, components, plaquettes, slot, wave):
    """Reference pass over bonds. `components` (E, D) are the bonds' Cartesian components, `wave` (2, sites)."""
    cos, sin = spins[0], spins[1]
    chains = cos.shape[1]
    directions = components.shape[1]
    out = np.zeros((FIXED + 2 * directions, chains))
    fourier = np.zeros((4, chains))
    for site in range(slot.size):
        at = slot[site]
        for i in range(chains):
            c, s = np.float64(cos[at, i]), np.float64(sin[at, i])
            out[MAGNETIZATION_X, i] += c
            out[MAGNETIZATION_Y, i] += s
            fourier[0, i] += c * wave[0, site]
            fourier[1, i] += s * wave[0, site]
            fourier[2, i] += c * wave[1, site]
            fourier[3, i] += s * wave[1, site]
    for e in range(first.size):
        a, b = first[e], second[e]
        for i in range(chains):
            ca, sa = np.float64(cos[a, i]), np.float64(sin[a, i])
            cb, sb = np.float64(cos[b, i]), np.float64(sin[b, i])
            cosine, sine = bond_cosine_sine(ca, sa, cb, sb, cos_phase[e], sin_phase[e])
            out[ENERGY, i] -= strength[e] * cosine
            out[NEIGHBOUR, i] += ca * cb + sa * sb
            for d in range(directions):
                out[FIXED + 2 * d, i] += strength[e] * cosine * components[e, d] ** 2
                out[FIXED + 2 * d + 1, i] += strength[e] * sine * components[e, d]
    for p in range(plaquettes.shape[0]):
        corners = plaquettes.shape[1]
        for i in range(chains):
            crossings = np.int32(0)
            for k in range(corners):
                a, b = slot[plaquettes[p, k]], slot[plaquettes[p, (k + 1) % corners]]
                crossings += branch_crossing(cos[a, i], sin[a, i], cos[b, i], sin[b, i])
            out[VORTICES, i] += abs(crossings)
    for i in range(chains):
        power = fourier[0, i] ** 2 + fourier[1, i] ** 2 + fourier[2, i] ** 2 + fourier[3, i] ** 2
        out[STRUCTURE, i] = power / slot.size
    return out


@piece
def add_bonds(c, s, oc, os, cosines, sines):
    """Add cos and sin of theta_i - theta_j of one neighbour slice."""
    for i in range(c.size):
        cosines[i] += c[i] * oc[i] + s[i] * os[i]
        sines[i] += s[i] * oc[i] - c[i] * os[i]


@piece
def sum_slice(values, columns, chains, scratch):
    """Sum of a row over positions into scratch[:chains], in the tree of `fold`."""
    half = (columns + 1) // 2
    n, m = half * chains, (columns - half) * chains
    low, high = values[:n], values[n : n + m]
    for i in range(m):
        scratch[i] = low[i] + high[i]
    for i in range(m, n):
        scratch[i] = low[i]
    fold(scratch, half, chains)


@piece
def add_square_vortices(c0, s0, c1, s1, c2, s2, c3, s3, count):
    """Count vortices on the squares with these four corners, anticlockwise."""
    for i in range(count.size):
        a = np.int32(branch_crossing(c0[i], s0[i], c1[i], s1[i]) + branch_crossing(c1[i], s1[i], c2[i], s2[i]))
        b = np.int32(branch_crossing(c2[i], s2[i], c3[i], s3[i]) + branch_crossing(c3[i], s3[i], c0[i], s0[i]))
        # A plaquette's vorticity is -1, 0 or 1: the square is the modulus, without a branch.
        vorticity = np.int32(a + b)
        count[i] = np.int32(count[i] + np.int32(vorticity * vorticity))


@piece
def add_triangle_vortices(c0, s0, c1, s1, c2, s2, count):
    """Count vortices on the triangles with these three corners, anticlockwise."""
    for i in range(count.size):
        a = np.int32(branch_crossing(c0[i], s0[i], c1[i], s1[i]) + branch_crossing(c1[i], s1[i], c2[i], s2[i]))
        vorticity = np.int32(a + branch_crossing(c2[i], s2[i], c0[i], s0[i]))
        count[i] = np.int32(count[i] + np.int32(vorticity * vorticity))


@kernel
def flush(lanes, columns, chains, totals):
    """Fold float32 lane sums over positions, add them to the float64 totals, and clear them."""
    for q in range(lanes.shape[0]):
        fold(lanes[q], columns, chains)
        for i in range(chains):
            totals[q, i] += lanes[q, i]
        for i in range(lanes.shape[1]):
            lanes[q, i] = np.float32(0.0)


@kernel
def observe_rows(rows, spins, forward_base, corner_base, coordinate, coupling, vectors, corners, sites, side):
    """Fused pass over rows. `vectors` (offsets, D) are the bonds' components; plaquettes have `corners` corners."""
    cos, sin = spins[0].reshape(-1), spins[1].reshape(-1)
    chains = spins.shape[2]
    offsets, directions = vectors.shape
    columns = rows.length.max()
    width = columns * chains
    bonds = np.zeros((2 * offsets, width), np.float32)
    bond_totals = np.zeros((2 * offsets, chains))
    vortices = np.zeros(width, np.int32)
    scratch = np.empty(width, np.float32)
    out = np.zeros((FIXED + 2 * directions, chains))
    fourier = np.zeros((4, chains))
    starts, lengths = rows.start, rows.length
    for r in range(starts.size):
        n = lengths[r] * chains
        a = starts[r] * chains
        c, s = cos[a : a + n], sin[a : a + n]
        for k in range(offsets):
            b = forward_base[r, k] * chains
            add_bonds(c, s, cos[b : b + n], sin[b : b + n], bonds[2 * k], bonds[2 * k + 1])
        if corners > 0:
            x, y, z = forward_base[r, 0] * chains, forward_base[r, 1] * chains, corner_base[r] * chains
            cx, sx, cy, sy = cos[x : x + n], sin[x : x + n], cos[y : y + n], sin[y : y + n]
            cz, sz = cos[z : z + n], sin[z : z + n]
            if corners == 4:
                add_square_vortices(c, s, cx, sx, cz, sz, cy, sy, vortices[:n])
            else:
                add_triangle_vortices(c, s, cx, sx, cy, sy, vortices[:n])
                add_triangle_vortices(cx, sx, cz, sz, cy, sy, vortices[:n])
        angle = 2.0 * np.pi * coordinate[r] / side
        wave_cos, wave_sin = np.cos(angle), np.sin(angle)
        for component in range(2):
            sum_slice(s if component else c, lengths[r], chains, scratch)
            for i in range(chains):
                out[MAGNETIZATION_X + component, i] += scratch[i]
                fourier[component, i] += scratch[i] * wave_cos
                fourier[2 + component, i] += scratch[i] * wave_sin
        if r % FLUSH_ROWS == FLUSH_ROWS - 1:
            flush(bonds, columns, chains, bond_totals)
    flush(bonds, columns, chains, bond_totals)
    for i in range(width):
        out[VORTICES, i % chains] += vortices[i]
    for i in range(chains):
        for k in range(offsets):
            out[ENERGY, i] -= coupling * bond_totals[2 * k, i]
            out[NEIGHBOUR, i] += bond_totals[2 * k, i]
            for d in range(directions):
                out[FIXED + 2 * d, i] += coupling * bond_totals[2 * k, i] * vectors[k, d] ** 2
                out[FIXED + 2 * d + 1, i] += coupling * bond_totals[2 * k + 1, i] * vectors[k, d]
        power = fourier[0, i] ** 2 + fourier[1, i] ** 2 + fourier[2, i] ** 2 + fourier[3, i] ** 2
        out[STRUCTURE, i] = power / sites
    return out
