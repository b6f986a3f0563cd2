"""RMSprop: gradients over the root of the running mean of their squares, as torch.optim.RMSprop defines it.

v = alpha v + (1 - alpha) g_b^2, x <- x - eta g_b / (sqrt(v) + eps); centred, the square of the running mean of
gradients is taken off v; with momentum x <- x - eta B, B = momentum B + g_b / (sqrt(v) + eps). Tieleman & Hinton 2012,
lecture 6.5 of Neural Networks for Machine Learning; Graves 2013, arXiv:1308.0850.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import flag, number_within
from mcmc.samplers.stochastic import Optimizer
from mcmc.samplers.update_rules import add_rmsprop


class RMSpropState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64."""
    energy: np.ndarray
    """(chains,) float64: energy of all data at x."""
    beta: np.ndarray
    """(chains,) float64: infinity, no noise is added."""
    step_size: np.ndarray
    """(chains,) float64: eta."""
    sweep: np.ndarray
    """() int64: steps done so far."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    mean_square: np.ndarray
    """(chains, dim) float64: running mean of squared gradients, v."""
    mean: np.ndarray
    """(chains, dim) float64: running mean of gradients; (chains, 0) unless centred."""
    momentum_buffer: np.ndarray
    """(chains, dim) float64: B; (chains, 0) without momentum."""


class RMSpropInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last step; NaN when there was none."""


class RMSprop(Optimizer):
    """RMSprop with the arguments of torch.optim.RMSprop; `weight_decay` adds to that of the landscape, if it has one.

    Raises ArgumentError for arguments out of range.
    """

    info = RMSpropInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any = 1e-2,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        self.alpha = number_within("alpha", alpha, 0.0, 1.0)
        self.eps = number_within("eps", eps, 0.0)
        self.weight_decay = number_within("weight_decay", weight_decay, 0.0)
        self.momentum = number_within("momentum", momentum, 0.0, 1.0)
        self.centered = flag("centered", centered)

    def init(self, chains, seed) -> RMSpropState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        count, dim = fresh["x"].shape
        return RMSpropState(
            **fresh,
            mean_square=np.zeros((count, dim)),
            mean=np.zeros((count, dim if self.centered else 0)),
            momentum_buffer=np.zeros((count, dim if self.momentum else 0)),
        )

    def _move(self, state, direction, rate, sweep):
        add_rmsprop(
            state.x, direction, state.mean_square, state.mean, state.momentum_buffer, rate, self.alpha, self.eps,
            self.weight_decay, self.momentum, self.centered,
        )  # fmt: skip
