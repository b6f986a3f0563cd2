"""Leapfrog of Hamiltonian Monte Carlo: half a kick, drifts and kicks in turn, half a kick; and the draws around it.

The Hamiltonian is f(x) + |v|^2 / 2 at inverse temperature beta, so velocities have variance 1 / beta and a step size
means the same at every temperature. The map (x, v) -> (x', -v') is its own inverse and keeps volumes.
"""

from typing import Any

import numpy as np

from mcmc.compiled import kernel_tied_to
from mcmc.random import Stream, philox4x32, stream_word, uniform64
from mcmc.samplers import integrators
from mcmc.samplers.integrators import normal_pair
from mcmc.samplers.landscape_calls import energy_and_gradient, gradient_at

MOMENTUM_STREAM = int(Stream.HMC_MOMENTUM)
ACCEPT_STREAM = int(Stream.HMC_ACCEPT)


@kernel_tied_to(integrators.__file__)
def draw_velocities(out, beta, sweep, chain, k0, k1):
    """Normals of variance 1 / beta for every chain and coordinate, (chains, dim) float64."""
    word = stream_word(MOMENTUM_STREAM, 0)
    dim = out.shape[1]
    for c in range(out.shape[0]):
        scale = 1.0 / np.sqrt(beta[c])
        for i in range(0, dim, 2):
            a, b = normal_pair(i // 2, np.uint32(sweep), chain[c], word, k0, k1)
            out[c, i] = scale * a
            if i + 1 < dim:
                out[c, i + 1] = scale * b


@kernel_tied_to()
def draw_sizes(out, step_size, jitter, sweep, chain, k0, k1):
    """Step sizes of a trajectory, (chains,): `step_size` times a number uniform in 1 - jitter to 1 + jitter."""
    word = stream_word(ACCEPT_STREAM, 0)
    for c in range(out.size):
        _, _, w2, w3 = philox4x32(np.uint32(0), np.uint32(sweep), chain[c], word, k0, k1)
        out[c] = step_size[c] * (1.0 + jitter * (2.0 * uniform64(w2, w3) - 1.0))


@kernel_tied_to()
def kick(velocity, gradient, size, share):
    """v -= share size g; `size` (chains,)."""
    for c in range(velocity.shape[0]):
        speed, along, impulse = velocity[c], gradient[c], share * size[c]
        for i in range(speed.size):
            speed[i] -= impulse * along[i]


@kernel_tied_to()
def kick_and_drift(x, velocity, gradient, size, share):
    """v -= share size g; x += size v."""
    for c in range(x.shape[0]):
        row, speed, along, length, impulse = x[c], velocity[c], gradient[c], size[c], share * size[c]
        for i in range(row.size):
            speed[i] -= impulse * along[i]
            row[i] += length * speed[i]


@kernel_tied_to()
def kinetic_energy(velocity, out):
    """|v|^2 / 2 of each chain, (chains,)."""
    for c in range(velocity.shape[0]):
        total = 0.0
        for i in range(velocity.shape[1]):
            total += velocity[c, i] * velocity[c, i]
        out[c] = 0.5 * total


@kernel_tied_to()
def take_trajectories(
    x, energy, gradient, y, new_energy, new_gradient, kinetic, new_kinetic, beta, sweep, chain, k0, k1, accepted
):  # fmt: skip
    """Move each chain to the end of its trajectory with probability min(1, exp(-beta dH)); `accepted` (chains,) counts.

    Kinetic energies are those at both ends. Metropolis, Rosenbluth, Rosenbluth, Teller & Teller 1953.
    """
    word = stream_word(ACCEPT_STREAM, 0)
    for c in range(x.shape[0]):
        ratio = -beta[c] * ((new_energy[c] - energy[c]) + (new_kinetic[c] - kinetic[c]))
        w0, w1, _, _ = philox4x32(np.uint32(0), np.uint32(sweep), chain[c], word, k0, k1)
        # A ratio that is not a number means a trajectory beyond the reach of floating point: refused.
        if np.log(uniform64(w0, w1)) < ratio:
            x[c] = y[c]
            energy[c] = new_energy[c]
            gradient[c] = new_gradient[c]
            accepted[c] += 1


def leapfrog(
    landscape: Any, x: np.ndarray, velocity: np.ndarray, gradient: np.ndarray, size: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Follow `steps` leapfrog steps of `size` (chains,) from x, changing x and `velocity` (chains, dim) in place.

    `gradient` is that at the start; returns energies (chains,) and gradients (chains, dim) at the end. What overflows
    on the way comes out as infinity or NaN, without a warning.
    """
    share = 0.5
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for _ in range(steps - 1):
            kick_and_drift(x, velocity, gradient, size, share)
            gradient, share = np.ascontiguousarray(gradient_at(landscape, x), dtype=np.float64), 1.0
        kick_and_drift(x, velocity, gradient, size, share)
        energy, gradient = energy_and_gradient(landscape, x)
        kick(velocity, gradient, size, 0.5)
    return energy, gradient
