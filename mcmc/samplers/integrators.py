"""Compiled pieces of the Langevin samplers: the step of the equation, and the acceptance that corrects it.

dx = -grad f dt + sqrt(2 / beta) dW, Euler-Maruyama with step eta: y = x - eta grad f(x) + sqrt(2 eta /
beta) xi. The normals of (chain, sweep) come in pairs, coordinates 2i and 2i + 1 from one counter, by Box &
Muller.
"""

import numpy as np
from numba import njit

from mcmc.random import Stream, philox4x32, stream_word, uniform64

NOISE_STREAM = int(Stream.LANGEVIN_NOISE)
ACCEPT_STREAM = int(Stream.MALA_ACCEPT)
INITIAL_STREAM = int(Stream.INITIAL)


@njit(inline="always")
def normal_pair(pair, sweep, chain, word, k0, k1):
    """Two independent standard normals, float64."""
    w0, w1, w2, w3 = philox4x32(np.uint32(pair), sweep, chain, word, k0, k1)
    radius = np.sqrt(-2.0 * np.log(uniform64(w0, w1)))
    angle = 2.0 * np.pi * uniform64(w2, w3)
    return radius * np.cos(angle), radius * np.sin(angle)


@njit(cache=True, nogil=True)
def langevin_move(x, gradient, step_size, beta, sweep, chain, k0, k1, out):
    """out = x - eta gradient + sqrt(2 eta / beta) xi, (chains, dim); out may be x."""
    word = stream_word(NOISE_STREAM, 0)
    dim = x.shape[1]
    for c in range(x.shape[0]):
        scale = np.sqrt(2.0 * step_size[c] / beta[c])
        for i in range(0, dim, 2):
            a, b = normal_pair(i // 2, np.uint32(sweep), chain[c], word, k0, k1)
            out[c, i] = x[c, i] - step_size[c] * gradient[c, i] + scale * a
            if i + 1 < dim:
                out[c, i + 1] = x[c, i + 1] - step_size[c] * gradient[c, i + 1] + scale * b


@njit(cache=True)
def log_acceptance(x, energy, gradient, y, new_energy, new_gradient, step_size, beta):
    """Log of the Metropolis-Hastings ratio of one chain's proposal y from x, arrays (dim,).

    -beta (f(y) - f(x)) + beta / (4 eta) (|y - x + eta g(x)|^2 - |x - y + eta g(y)|^2).
    """
    forward = 0.0
    backward = 0.0
    for i in range(x.size):
        there = y[i] - x[i] + step_size * gradient[i]
        back = x[i] - y[i] + step_size * new_gradient[i]
        forward += there * there
        backward += back * back
    return beta * ((forward - backward) / (4.0 * step_size) - (new_energy - energy))


@njit(cache=True, nogil=True)
def metropolis_adjust(
    x, energy, gradient, y, new_energy, new_gradient, step_size, beta, sweep, chain, k0, k1, accepted
):
    """Take each chain's proposal with its probability, in place; `accepted` (chains,) counts."""
    word = stream_word(ACCEPT_STREAM, 0)
    for c in range(x.shape[0]):
        ratio = log_acceptance(
            x[c], energy[c], gradient[c], y[c], new_energy[c], new_gradient[c], step_size[c], beta[c]
        )
        w0, w1, _, _ = philox4x32(np.uint32(0), np.uint32(sweep), chain[c], word, k0, k1)
        # A ratio that is not a number means a proposal beyond the reach of floating point: refused.
        if np.log(uniform64(w0, w1)) < ratio:
            x[c] = y[c]
            energy[c] = new_energy[c]
            gradient[c] = new_gradient[c]
            accepted[c] += 1


@njit(cache=True, nogil=True)
def fill_normals(out, chain, k0, k1):
    """Standard normals, (chains, dim), to start from."""
    word = stream_word(INITIAL_STREAM, 0)
    for c in range(out.shape[0]):
        for i in range(0, out.shape[1], 2):
            a, b = normal_pair(i // 2, np.uint32(0), chain[c], word, k0, k1)
            out[c, i] = a
            if i + 1 < out.shape[1]:
                out[c, i + 1] = b
