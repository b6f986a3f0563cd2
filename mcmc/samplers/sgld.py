"""Stochastic gradient Langevin dynamics: x <- x - eta g_b(x) + sqrt(2 eta / beta) xi, a sweep is one step.

g_b is the gradient on a mini-batch of b samples. The law is exp(-beta f) up to a bias of order eta: on a quadratic
with matrix A and batch gradients of covariance C the stationary covariance S solves S = M S M + eta^2 C + 2 eta / beta
with M = I - eta A exactly. With a preconditioner G = 1 / (lambda + sqrt(V)), V the running mean of squared gradients
(decay `decay`), steps are x <- x - eta G g_b + sqrt(2 eta G / beta) xi; the drift div G, of the order of 1 - decay, is
left out as in the paper, a further bias. Welling & Teh 2011, ICML; Li, Chen, Carlson & Carin 2016, arXiv:1512.07666.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import number_within
from mcmc.samplers.stochastic import StochasticSampler
from mcmc.samplers.update_rules import add_preconditioned, add_steps_and_noise

SMALLEST_OFFSET = 1e-30
"""Of lambda: G is computed in float32."""


class SGLDState(NamedTuple):
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
    mean_square: np.ndarray
    """(chains, dim) float64: running mean of squared gradients; (chains, 0) without preconditioner."""


class SGLDInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last step; NaN when there was none."""


class SGLD(StochasticSampler):
    """SGLD at `beta`, a number or (chains,); `precondition` is lambda, 1e-30 or more, or None.

    Raises ArgumentError for arguments out of range.
    """

    info = SGLDInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any = 1.0,
        *,
        step_size: Any,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        precondition: float | None = None,
        decay: float = 0.99,
    ):
        super().__init__(
            landscape, beta, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates,
            samples=samples,
        )  # fmt: skip
        if precondition is not None and number_within("precondition", precondition, 0.0) < SMALLEST_OFFSET:
            raise ArgumentError(
                f"precondition: got {precondition}; a finite lambda, {SMALLEST_OFFSET:g} or more, or None, is needed"
            )
        self.precondition, self.decay = precondition, number_within("decay", decay, 0.0, 1.0)

    def init(self, chains, seed) -> SGLDState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        width = 0 if self.precondition is None else self.landscape.dim
        return SGLDState(**fresh, mean_square=np.zeros((fresh["beta"].size, width)))

    def _move(self, state, direction, rate, sweep):
        scale, noise = np.sqrt(2.0 * rate / state.beta), self.noise(state, sweep)
        if self.precondition is None:
            add_steps_and_noise(state.x, direction, rate, scale, noise)
        else:
            add_preconditioned(
                state.x, direction, state.mean_square, rate, scale, noise, self.precondition, self.decay
            )  # fmt: skip
