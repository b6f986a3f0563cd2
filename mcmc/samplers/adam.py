"""Adam: steps along the running mean of gradients over the root of that of their squares, as torch.optim.Adam has it.

m += (1 - beta1) (g_b - m), v = beta2 v + (1 - beta2) g_b^2, x <- x - eta m^ / (sqrt(v^) + eps) with m^ = m / (1 -
beta1^k) and v^ = v / (1 - beta2^k) in step k. Decoupled weight decay, x <- (1 - eta weight_decay) x before the step, is
torch.optim.AdamW. Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import flag, number_within
from mcmc.samplers.stochastic import Optimizer
from mcmc.samplers.update_rules import add_adam


class AdamState(NamedTuple):
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
    mean: np.ndarray
    """(chains, dim) float64: running mean of gradients, m."""
    mean_square: np.ndarray
    """(chains, dim) float64: running mean of squared gradients, v."""


class AdamInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last step; NaN when there was none."""


class Adam(Optimizer):
    """Adam with the arguments of torch.optim.Adam, and of AdamW with `decoupled`.

    `weight_decay` adds to that of the landscape, if it has one. Raises ArgumentError for arguments out of range.
    """

    info = AdamInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any = 1e-3,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ):
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        if not isinstance(betas, (tuple, list, np.ndarray)) or len(betas) != 2:
            raise ArgumentError(f"betas: got {betas!r}; two numbers from 0 to below 1, as (0.9, 0.999), are needed")
        self.betas = number_within("betas[0]", betas[0], 0.0, 1.0), number_within("betas[1]", betas[1], 0.0, 1.0)
        self.eps = number_within("eps", eps, 0.0)
        self.weight_decay = number_within("weight_decay", weight_decay, 0.0)
        self.decoupled = flag("decoupled", decoupled)

    def init(self, chains, seed) -> AdamState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        return AdamState(**fresh, mean=np.zeros_like(fresh["x"]), mean_square=np.zeros_like(fresh["x"]))

    def _move(self, state, direction, rate, sweep):
        add_adam(
            state.x, direction, state.mean, state.mean_square, rate, *self.betas, self.eps, self.weight_decay,
            self.decoupled, sweep + 1,
        )  # fmt: skip
