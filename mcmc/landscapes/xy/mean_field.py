"""Sweeps of the complete graph: every site sees the total magnetisation, so sites are updated one after another.

The loop over chains is innermost. Local field of site i: (J / N) (M - s_i) + h; M is carried in float64.
"""

import numpy as np

from mcmc.landscapes.xy.compiled import kernel, piece
from mcmc.landscapes.xy.cpu import (
    ALIGN,
    HEAT_BATH,
    METROPOLIS_STREAM,
    OVER_RELAXATION,
    heat_bath_spin,
)
from mcmc.landscapes.xy.physics import (
    energy_change,
    exp_minus,
    metropolis_acceptance,
    parallel_to_field,
    reflect_about_field,
    rotate,
    small_rotation,
    unit_scale,
)
from mcmc.random import philox4x32, stream_word, symmetric32, uniform32


@kernel
def total_spin(spins):
    """Sum of the spins, (2, chains) float64."""
    total = np.zeros((2, spins.shape[2]))
    for site in range(spins.shape[1]):
        for i in range(spins.shape[2]):
            total[0, i] += spins[0, site, i]
            total[1, i] += spins[1, site, i]
    return total


@kernel
def mean_field_energy(spins, coupling, field):
    """-(J / 2N) (|M|^2 - sum |s|^2) - h M_x, (chains,) float64."""
    sites = spins.shape[1]
    total = total_spin(spins)
    energy = np.zeros(spins.shape[2])
    for i in range(energy.size):
        own = 0.0
        for site in range(sites):
            own += np.float64(spins[0, site, i]) ** 2 + np.float64(spins[1, site, i]) ** 2
        square = total[0, i] ** 2 + total[1, i] ** 2
        energy[i] = -coupling / (2.0 * sites) * (square - own) - field * total[0, i]
    return energy


@piece
def updated_spin(update, c, s, hx, hy, beta, width, site, sweep, chain, k0, k1):
    """New spin of one site after one update, and 1 if a Metropolis proposal was accepted."""
    if update == OVER_RELAXATION:
        x, y = reflect_about_field(c, s, hx, hy)
        return x, y, 0
    if update == ALIGN:
        x, y = parallel_to_field(c, s, hx, hy)
        return x, y, 0
    if update == HEAT_BATH:
        x64, y64 = heat_bath_spin(np.float64(hx), np.float64(hy), np.float64(beta), site, sweep, chain, k0, k1)
        return np.float32(x64), np.float32(y64), 0
    r0, r1, _, _ = philox4x32(site, sweep, chain, stream_word(METROPOLIS_STREAM, np.uint32(0)), k0, k1)
    cos_delta, sin_delta = small_rotation(width * symmetric32(r0))
    x, y = rotate(c, s, cos_delta, sin_delta)
    change = energy_change(c, s, x, y, hx, hy)
    if uniform32(r1) < metropolis_acceptance(beta, change, exp_minus):
        return x, y, 1
    return c, s, 0


@kernel
def renormalise_mean_field(spins, energy, coupling, field, drift):
    """Scale spins back to unit length, recompute the energy, and record how far the carried one had drifted."""
    for site in range(spins.shape[1]):
        for i in range(spins.shape[2]):
            scale = unit_scale(spins[0, site, i], spins[1, site, i])
            spins[0, site, i] *= scale
            spins[1, site, i] *= scale
    fresh = mean_field_energy(spins, coupling, field)
    for i in range(energy.size):
        drift[i] = max(drift[i], abs(fresh[i] - energy[i]))
        energy[i] = fresh[i]


@kernel
def mean_field_sweeps(
    plan, spins, energy, chain, beta, width, first_sweep, sweeps, k0, k1, coupling, field,
    renormalise_every, accepted, drift,
):  # fmt: skip
    """Advance by whole sweeps, each doing the updates of `plan` in turn, in place."""
    sites = spins.shape[1]
    per_site = coupling / sites
    for sweep in range(first_sweep, first_sweep + sweeps):
        total = total_spin(spins)
        for update in plan:
            for site in range(sites):
                for i in range(chain.size):
                    c, s = spins[0, site, i], spins[1, site, i]
                    hx = np.float32(per_site * (total[0, i] - c) + field)
                    hy = np.float32(per_site * (total[1, i] - s))
                    new_c, new_s, moved = updated_spin(
                        update, c, s, hx, hy, beta[i], width[i], np.uint32(site), np.uint32(sweep), chain[i], k0, k1
                    )
                    accepted[i] += moved
                    if update != OVER_RELAXATION:
                        energy[i] += energy_change(c, s, new_c, new_s, hx, hy)
                    total[0, i] += np.float64(new_c) - np.float64(c)
                    total[1, i] += np.float64(new_s) - np.float64(s)
                    spins[0, site, i] = new_c
                    spins[1, site, i] = new_s
        if (sweep + 1) % renormalise_every == 0:
            renormalise_mean_field(spins, energy, coupling, field, drift)
