"""The plain way on the binary perceptron: what one would write first, compiled by Numba and without its tricks."""

import numpy as np

from mcmc.compiled import kernel_tied_to
from mcmc.random import philox4x32, uniform32


@kernel_tied_to()
def int16_sweeps(entries, weights, stability, beta, sweeps, seed):
    """Metropolis on errors: entries (n, p) int16, weights (n,) int16, stability (p,) int16, in place; flips made."""
    flips = 0
    for sweep in range(sweeps):
        for site in range(weights.size):
            row, twice = entries[site], np.int16(2 * weights[site])
            change = 0
            for mu in range(row.size):
                before = stability[mu]
                after = np.int16(before - twice * row[mu])
                change += (after < 0) - (before < 0)
            word, _, _, _ = philox4x32(
                np.uint32(site), np.uint32(sweep), np.uint32(0), np.uint32(0), seed, np.uint32(0)
            )
            if change <= 0 or uniform32(word) < np.exp(-beta * change):
                for mu in range(row.size):
                    stability[mu] = np.int16(stability[mu] - twice * row[mu])
                weights[site] = -weights[site]
                flips += 1
    return flips
