"""Sweeps of the complete graph: every site sees the total magnetisation, so sites are updated one after another.

The loop over chains is innermost. Local field of site i: (J / N) (M - s_i) + h; M is carried in float64.
"""

import numpy as np

from mcmc.landscapes.xy.cpu import (
    ALIGN,
    HEAT_BATH,
    METROPOLIS,
    METROPOLIS_STREAM,
    OVER_RELAXATION,
    heat_bath_spin,
    kernel,
)
from mcmc.landscapes.xy.physics import (
    energy_change,
    exp_minus,
    metropolis_acceptance,
    reflect_about_field,
    rotate,
    small_rotation,
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


@kernel
def mean_field_sweeps(
    plan, spins, energy, chain, beta, width, first_sweep, sweeps, k0, k1, coupling, field,
    renormalise_every, accepted, drift,
):  # fmt: skip
    """Advance by whole sweeps, each doing the updates of `plan` in turn, in place."""
    sites = spins.shape[1]
    chains = chain.size
    per_site = coupling / sites
    fourth = stream_word(METROPOLIS_STREAM, np.uint32(0))
    for sweep in range(first_sweep, first_sweep + sweeps):
        total = total_spin(spins)
        for update in plan:
            for site in range(sites):
                for i in range(chains):
                    c, s = spins[0, site, i], spins[1, site, i]
                    hx = np.float32(per_site * (total[0, i] - c) + field)
                    hy = np.float32(per_site * (total[1, i] - s))
                    new_c, new_s = c, s
                    if update == METROPOLIS:
                        r0, r1, _, _ = philox4x32(np.uint32(site), np.uint32(sweep), chain[i], fourth, k0, k1)
                        cos_delta, sin_delta = small_rotation(width[i] * symmetric32(r0))
                        x, y = rotate(c, s, cos_delta, sin_delta)
                        change = energy_change(c, s, x, y, hx, hy)
                        if uniform32(r1) < metropolis_acceptance(beta[i], change, exp_minus):
                            new_c, new_s = x, y
                            accepted[i] += 1
                    elif update == OVER_RELAXATION:
                        new_c, new_s = reflect_about_field(c, s, hx, hy)
                    elif update == HEAT_BATH:
                        x64, y64 = heat_bath_spin(
                            np.float64(hx), np.float64(hy), np.float64(beta[i]),
                            np.uint32(site), np.uint32(sweep), chain[i], k0, k1,
                        )  # fmt: skip
                        new_c, new_s = np.float32(x64), np.float32(y64)
                    elif update == ALIGN:
                        norm = np.sqrt(hx * hx + hy * hy)
                        if norm > np.float32(0.0):
                            new_c, new_s = hx / norm, hy / norm
                    if update != OVER_RELAXATION:
                        energy[i] += energy_change(c, s, new_c, new_s, hx, hy)
                    total[0, i] += np.float64(new_c) - np.float64(c)
                    total[1, i] += np.float64(new_s) - np.float64(s)
                    spins[0, site, i] = new_c
                    spins[1, site, i] = new_s
        if (sweep + 1) % renormalise_every == 0:
            for component_site in range(sites):
                for i in range(chains):
                    c, s = spins[0, component_site, i], spins[1, component_site, i]
                    scale = np.float32(1.5) - np.float32(0.5) * (c * c + s * s)
                    spins[0, component_site, i] = c * scale
                    spins[1, component_site, i] = s * scale
            fresh = mean_field_energy(spins, coupling, field)
            for i in range(chains):
                drift[i] = max(drift[i], abs(fresh[i] - energy[i]))
                energy[i] = fresh[i]
