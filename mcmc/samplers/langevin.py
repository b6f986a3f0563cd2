"""Unadjusted Langevin: x <- x - eta grad f(x) + sqrt(2 eta / beta) xi, a sweep is one step.

Samples exp(-beta f) up to a bias of order eta: on a quadratic with matrix A the stationary covariance is
exactly [A (I - eta A / 2)]^-1 / beta, and steps beyond 2 / (largest eigenvalue) diverge. MALA removes the
bias. Roberts & Tweedie 1996, Bernoulli 2, 341.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.random import split_seed
from mcmc.samplers.integrators import langevin_move
from mcmc.samplers.landscape_calls import energy_at, gradient_at
from mcmc.samplers.smooth import SmoothSampler
from mcmc.samplers.sweeping import sweep_count


class LangevinState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64."""
    energy: np.ndarray
    """(chains,) float64: total energy at x."""
    beta: np.ndarray
    """(chains,) float64."""
    step_size: np.ndarray
    """(chains,) float64: eta."""
    sweep: np.ndarray
    """() int64: steps done so far."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""


class LangevinInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |grad f| before the last step; NaN when there was none."""


class Langevin(SmoothSampler):
    """Unadjusted Langevin steps of fixed size; `beta` and `step_size` are numbers or (chains,).

    beta = infinity is gradient descent. In tempering the swaps assume exp(-beta f), so the bias stays of
    order eta. Raises ArgumentError for a step size that is not finite and positive, or beta not above 0.
    """

    def __init__(self, landscape: SmoothLandscape, beta: Any = 1.0, *, step_size: Any):
        super().__init__(landscape, beta, step_size=step_size)

    def init(self, chains, seed) -> LangevinState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        return LangevinState(**self._fresh(chains, seed))

    def step(self, state: LangevinState, n: int) -> tuple[LangevinState, LangevinInfo]:
        """Advance by n steps; returns the state, its arrays reused, and what happened."""
        k0, k1 = split_seed(int(state.seed))
        norm = np.full(state.beta.size, np.nan)
        gradient = None
        for _ in range(sweep_count(n)):
            gradient = gradient_at(self.landscape, state.x)
            langevin_move(state.x, gradient, state.step_size, state.beta, state.sweep[()], state.chain, k0, k1, state.x)
            np.add(state.sweep, 1, out=state.sweep)
        if gradient is not None:
            state.energy[:] = energy_at(self.landscape, state.x)
            norm = np.sqrt(np.einsum("ci,ci->c", gradient, gradient))
        return state, LangevinInfo(norm)

    def thermalize(self, state: LangevinState, n: int) -> tuple[LangevinState, LangevinInfo]:
        """The same as `step`: the step size is the user's, since the bias depends on it."""
        return self.step(state, n)

    def statistics(self, state: LangevinState) -> dict[str, np.ndarray]:
        """`step_size`, (chains,) float64."""
        return {"step_size": state.step_size.copy()}
