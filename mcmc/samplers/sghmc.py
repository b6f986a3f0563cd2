"""Stochastic gradient Hamiltonian Monte Carlo: v <- (1 - a) v - eta g_b(x) + sqrt(2 a eta / beta) xi, x <- x + v.

g_b is the gradient on a mini-batch, a the friction, 1 less the momentum of SGD; a sweep is one step. Equation 15 of
Chen, Fox & Guestrin 2014, arXiv:1402.4102, for U = beta f, with eta / beta in place of eta and no estimate of the
gradients' own noise taken off (their beta^ = 0). With a = 1 it is SGLD. The law is exp(-beta f) up to a bias of order
eta: on a quadratic with matrix A the stationary covariance of x is [A (I - eta A / (2 (2 - a)))]^-1 / beta exactly, and
steps beyond 2 (2 - a) / (largest eigenvalue) diverge. Batch gradients of covariance C add eta^2 C to the noise of v,
which raises the temperature by eta C / (2 a) to first order.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import number_within
from mcmc.samplers.stochastic import StochasticSampler
from mcmc.samplers.update_rules import add_with_friction


class SGHMCState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64."""
    energy: np.ndarray
    """(chains,) float64: energy of all data at x."""
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
    velocity: np.ndarray
    """(chains, dim) float64: v, the last change of x; 0 at the start."""


class SGHMCInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last step; NaN when there was none."""


class SGHMC(StochasticSampler):
    """SGHMC at `beta`, a number or (chains,), with `friction` above 0 and up to 1.

    Raises ArgumentError for arguments out of range.
    """

    info = SGHMCInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any = 1.0,
        *,
        step_size: Any,
        friction: float = 0.1,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
    ):
        super().__init__(
            landscape, beta, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates,
            samples=samples,
        )  # fmt: skip
        self.friction = number_within("friction", friction, 0.0)
        if not 0.0 < self.friction <= 1.0:
            raise ArgumentError(f"friction: got {friction}; a number above 0 and up to 1, where it is SGLD, is needed")

    def init(self, chains, seed) -> SGHMCState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        return SGHMCState(**fresh, velocity=np.zeros_like(fresh["x"]))

    def _move(self, state, direction, rate, sweep):
        scale = np.sqrt(2.0 * self.friction * rate / state.beta)
        add_with_friction(state.x, state.velocity, direction, rate, self.friction, scale, self.noise(state, sweep))
