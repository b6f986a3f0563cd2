"""Compiled loops over sites and chains around a user's own energy and proposal functions."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher

from mcmc.random import Stream, philox4x32, stream_word, uniform64

RENEW_EVERY = 256
"""The recomputed energy replaces the carried one at multiples of this many sweeps, counted from the first."""

PROPOSAL_STREAM = int(Stream.CUSTOM_PROPOSAL)
INITIAL_STREAM = int(Stream.INITIAL)


@njit(cache=True)
def acceptance(beta, change):
    """Metropolis probability min(1, exp(-beta change)); beta may be infinite (zero temperature)."""
    if change <= 0.0:
        return 1.0
    return np.exp(-beta * change)


@njit(inline="always")
def unit(word):
    """float64 uniform in (0, 1) with 32 bits, exactly symmetric about 1/2."""
    return (np.float64(word) + 0.5) * 2.0**-32


def compiled(function: Callable) -> Dispatcher:
    """The function itself if Numba has compiled it, else compiled."""
    return function if isinstance(function, Dispatcher) else njit(function)


@lru_cache(maxsize=64)
def compile_measure(function: Callable) -> Callable:
    """Kernel that fills out[chain] = function(spins of the chain, parameters)."""
    value = compiled(function)

    @njit(nogil=True)
    def measure(spins, parameters, out):
        for c in range(spins.shape[1]):
            out[c] = value(spins[:, c], parameters)

    return measure


@lru_cache(maxsize=64)
def compiled_difference(energy: Callable, delta_energy: Callable | None) -> Dispatcher:
    """The user's energy change, or without one the difference of two energies."""
    if delta_energy is not None:
        return compiled(delta_energy)
    total = compiled(energy)

    @njit
    def energy_difference(spins, site, new, parameters):
        old = spins[site]
        before = total(spins, parameters)
        spins[site] = new
        after = total(spins, parameters)
        spins[site] = old
        return after - before

    return energy_difference


@lru_cache(maxsize=64)
def compile_kernels(energy, delta_energy, propose, initial) -> dict[str, Callable]:
    """Loops over sites and chains around the user's functions; the same functions share one compilation."""
    total, proposal, start = compiled(energy), compiled(propose), compiled(initial)

    difference = compiled_difference(energy, delta_energy)

    @njit(nogil=True)
    def fill(spins, chain, k0, k1):
        word = stream_word(INITIAL_STREAM, 0)
        for site in range(spins.shape[0]):
            for c in range(spins.shape[1]):
                w0, w1, _, _ = philox4x32(np.uint32(site), 0, chain[c], word, k0, k1)
                spins[site, c] = start(uniform64(w0, w1))

    @njit(nogil=True)
    def changes(spins, site, new, parameters, out):
        for c in range(spins.shape[1]):
            out[c] = difference(spins[:, c], site, new[c], parameters)

    @njit(nogil=True)
    def sweep(spins, energies, clock, sweeps, beta, width, chain, k0, k1, parameters, counts, drift):
        word = stream_word(PROPOSAL_STREAM, 0)
        for _ in range(sweeps):
            now = np.uint32(clock[()])
            for site in range(spins.shape[0]):
                for c in range(spins.shape[1]):
                    w0, w1, w2, w3 = philox4x32(np.uint32(site), now, chain[c], word, k0, k1)
                    column = spins[:, c]
                    old = column[site]
                    # Through the array's own type, so that the change is that of the value stored.
                    new = spins.dtype.type(proposal(old, width[c], unit(w0), unit(w1)))
                    change = difference(column, site, new, parameters)
                    if uniform64(w2, w3) < acceptance(beta[c], change):
                        column[site] = new
                        energies[c] += change
                        counts[0, c] += 1
                        counts[1, c] += new != old
                    elif np.isnan(change):
                        energies[c] = np.nan
            clock[()] += 1
            if clock[()] % RENEW_EVERY == 0:
                for c in range(spins.shape[1]):
                    exact = total(spins[:, c], parameters)
                    drift[c] = max(drift[c], abs(exact - energies[c]))
                    energies[c] = exact

    return {"fill": fill, "energies": compile_measure(energy), "changes": changes, "sweep": sweep}
