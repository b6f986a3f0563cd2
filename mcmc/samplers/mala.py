"""MALA: a Langevin step as proposal, accepted or refused so that exp(-beta f) is exactly invariant.

y = x - eta grad f(x) + sqrt(2 eta / beta) xi is accepted with probability min(1, pi(y) q(x|y) / (pi(x)
q(y|x))), which is detailed balance. The step size is tuned per chain towards an acceptance, in `thermalize` only. The
optimum in high dimension is 0.574; the default of 0.7 costs 5 % there and is safer where f grows faster than a
quadratic: a long step from a tail then overshoots and is always refused, so tails are hardly ever visited in either
direction, and the chain looks converged without them. On such landscapes in few dimensions use `target` 0.8 or more.
Roberts & Tweedie 1996, Bernoulli 2, 341; Roberts & Rosenthal 1998, J. R. Stat. Soc. B 60, 255.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.random import split_seed
from mcmc.samplers.adjusted import AdjustedSampler
from mcmc.samplers.integrators import langevin_move, metropolis_adjust
from mcmc.samplers.landscape_calls import energy_and_gradient


class MALAState(NamedTuple):
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
    gradient: np.ndarray
    """(chains, dim) float64: gradient at x."""
    accepted: np.ndarray
    """(chains,) int64: proposals accepted by `step`."""
    measured: np.ndarray
    """() int64: steps done by `step`."""
    block_accepted: np.ndarray
    """(chains,) int64: proposals accepted in the tuning block under way."""


class MALAInfo(NamedTuple):
    """What happened during a call."""

    acceptance: np.ndarray
    """(chains,) float64: accepted fraction of the proposals; NaN when there was none."""


class MALA(AdjustedSampler):
    """Metropolis-adjusted Langevin; `beta` is a number or (chains,), `step_size` the one to start from.

    Raises ArgumentError for beta not positive and finite, a step size not above 0, or a target outside (0, 1).
    """

    info = MALAInfo
    usual_target = 0.7

    def __init__(self, landscape: SmoothLandscape, beta: Any = 1.0, *, step_size: Any = 0.1, target: float = 0.7):
        super().__init__(landscape, beta, step_size=step_size, target=target)

    def init(self, chains, seed) -> MALAState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        return MALAState(**self._at_start(chains, seed))

    def _advance(self, state, n):
        """n proposals, in place; the accepted ones, (chains,) int64."""
        k0, k1 = split_seed(int(state.seed))
        accepted = np.zeros(state.beta.size, np.int64)
        proposal = np.empty_like(state.x)
        for _ in range(n):
            time = state.sweep[()]
            langevin_move(state.x, state.gradient, state.step_size, state.beta, time, state.chain, k0, k1, proposal)
            energy, gradient = energy_and_gradient(self.landscape, proposal)
            metropolis_adjust(
                state.x, state.energy, state.gradient, proposal, energy, gradient,
                state.step_size, state.beta, time, state.chain, k0, k1, accepted,
            )  # fmt: skip
            np.add(state.sweep, 1, out=state.sweep)
        return accepted
