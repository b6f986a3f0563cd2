"""Hamiltonian Monte Carlo: trajectories of x with a random velocity, accepted or refused so that the law is exact.

A sweep is one trajectory: velocities of variance 1 / beta are drawn, `steps` leapfrog steps of x'' = -grad f follow, at
a gradient each, and their end is taken with probability min(1, exp(-beta dH)). Since H = f + |v|^2 / 2 a step size
means the same at every beta; steps beyond 2 / sqrt(largest curvature) diverge, and one step is MALA with eta =
step_size^2 / 2. The step size is tuned per chain towards an acceptance, in `thermalize` only. Trajectories of one
length come back to where they began, or to its mirror image, where a period of the motion fits: each has a step size
of its own, uniform within `jitter` of the tuned one. Duane, Kennedy, Pendleton & Roweth 1987, Phys. Lett. B 195, 216;
Neal 2011, arXiv:1206.1901, sections 3.2 and 4.2.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.random import split_seed
from mcmc.samplers.adjusted import AdjustedSampler
from mcmc.samplers.leapfrog import (
    draw_sizes,
    draw_velocities,
    kinetic_energy,
    leapfrog,
    take_trajectories,
)
from mcmc.samplers.number_checks import number_within, whole_number


class HMCState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64."""
    energy: np.ndarray
    """(chains,) float64: total energy at x."""
    beta: np.ndarray
    """(chains,) float64."""
    step_size: np.ndarray
    """(chains,) float64: leapfrog step, before jitter."""
    sweep: np.ndarray
    """() int64: trajectories done so far."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    gradient: np.ndarray
    """(chains, dim) float64: gradient at x."""
    accepted: np.ndarray
    """(chains,) int64: trajectories accepted by `step`."""
    measured: np.ndarray
    """() int64: trajectories of `step`."""
    block_accepted: np.ndarray
    """(chains,) int64: trajectories accepted in the tuning block under way."""


class HMCInfo(NamedTuple):
    """What happened during a call."""

    acceptance: np.ndarray
    """(chains,) float64: accepted fraction of the trajectories; NaN when there was none."""


class HMC(AdjustedSampler):
    """HMC with `steps` leapfrog steps a trajectory; `beta` is a number or (chains,), `step_size` the one to start from.

    `target` is the acceptance to tune to: about 0.65 is best in high dimension, more is safer where f grows faster than
    a quadratic. Raises ArgumentError for beta not positive and finite, a step size not above 0, steps below 1, a target
    outside (0, 1) or a jitter outside [0, 1).
    """

    info = HMCInfo
    usual_target = 0.8

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any = 1.0,
        *,
        step_size: Any = 0.1,
        steps: int = 10,
        target: float = 0.8,
        jitter: float = 0.2,
    ):
        super().__init__(landscape, beta, step_size=step_size, target=target)
        self.steps = whole_number("steps", steps, "a whole number of leapfrog steps, 1 or more,")
        self.jitter = number_within("jitter", jitter, 0.0, 1.0)

    def init(self, chains, seed) -> HMCState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        return HMCState(**self._at_start(chains, seed))

    def _advance(self, state, n):
        """n trajectories, in place; the accepted ones, (chains,) int64."""
        keys = split_seed(int(state.seed))
        accepted = np.zeros(state.beta.size, np.int64)
        velocity, size = np.empty_like(state.x), np.empty_like(state.beta)
        kinetic, new_kinetic = np.empty_like(state.beta), np.empty_like(state.beta)
        for _ in range(n):
            time = state.sweep[()]
            draw_velocities(velocity, state.beta, time, state.chain, *keys)
            draw_sizes(size, state.step_size, self.jitter, time, state.chain, *keys)
            kinetic_energy(velocity, kinetic)
            x = state.x.copy()
            energy, gradient = leapfrog(self.landscape, x, velocity, state.gradient, size, self.steps)
            kinetic_energy(velocity, new_kinetic)
            take_trajectories(
                state.x, state.energy, state.gradient, x, energy, gradient, kinetic, new_kinetic, state.beta, time,
                state.chain, *keys, accepted,
            )  # fmt: skip
            np.add(state.sweep, 1, out=state.sweep)
        return accepted
