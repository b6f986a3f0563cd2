"""AdaGrad: gradients over the root of the sum of all squares so far, as torch.optim.Adagrad defines it.

S += g_b^2, x <- x - eta / (1 + (k - 1) rate_decay) g_b / (sqrt(S) + eps) in step k: the steps die out by themselves.
Duchi, Hazan & Singer 2011, J. Mach. Learn. Res. 12, 2121.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import number_within
from mcmc.samplers.stochastic import Optimizer
from mcmc.samplers.update_rules import add_adagrad


class AdaGradState(NamedTuple):
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
    square_sum: np.ndarray
    """(chains, dim) float64: sum of squared gradients, S."""


class AdaGradInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last step; NaN when there was none."""


class AdaGrad(Optimizer):
    """AdaGrad with the arguments of torch.optim.Adagrad, `rate_decay` being its lr_decay.

    `weight_decay` adds to that of the landscape, if it has one. Raises ArgumentError for arguments out of range.
    """

    info = AdaGradInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any = 1e-2,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        rate_decay: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ):
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        self.rate_decay = number_within("rate_decay", rate_decay, 0.0)
        self.eps = number_within("eps", eps, 0.0)
        self.weight_decay = number_within("weight_decay", weight_decay, 0.0)

    def init(self, chains, seed) -> AdaGradState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        return AdaGradState(**fresh, square_sum=np.zeros_like(fresh["x"]))

    def _move(self, state, direction, rate, sweep):
        add_adagrad(
            state.x, direction, state.square_sum, rate, self.rate_decay, self.eps, self.weight_decay, sweep + 1
        )  # fmt: skip
