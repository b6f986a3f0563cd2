"""Stochastic gradient descent, with momentum (heavy ball, Polyak 1964) or Nesterov's, as torch.optim.SGD defines them.

Plain: x <- x - eta g_b(x). A sweep is one step on one mini-batch. At a constant step size x does not settle but moves
about with a temperature of about eta / (2 b), which is no Gibbs law: its noise is not isotropic (arXiv:1710.11029).
Robbins & Monro 1951, Ann. Math. Stat. 22, 400; Sutskever, Martens, Dahl & Hinton 2013, ICML.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import flag, number_within
from mcmc.samplers.stochastic import Optimizer
from mcmc.samplers.update_rules import add_sgd


class SGDState(NamedTuple):
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
    momentum_buffer: np.ndarray
    """(chains, dim) float64; (chains, 0) without momentum."""


class SGDInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last step; NaN when there was none."""


class SGD(Optimizer):
    """SGD with the arguments of torch.optim.SGD; `weight_decay` adds to that of the landscape, if it has one.

    Raises ArgumentError for arguments out of range, and Nesterov's momentum without momentum or with dampening.
    """

    info = SGDInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        self.momentum = number_within("momentum", momentum, 0.0, 1.0)
        self.dampening = number_within("dampening", dampening, 0.0, 1.0)
        self.weight_decay = number_within("weight_decay", weight_decay, 0.0)
        self.nesterov = flag("nesterov", nesterov)
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ArgumentError(
                f"nesterov: got momentum {momentum} and dampening {dampening}; Nesterov's needs momentum above 0 and "
                "dampening 0"
            )

    def init(self, chains, seed) -> SGDState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        width = self.landscape.dim if self.momentum else 0
        return SGDState(**fresh, momentum_buffer=np.zeros((fresh["beta"].size, width)))

    def _move(self, state, direction, rate, sweep):
        add_sgd(
            state.x, direction, state.momentum_buffer, rate, self.momentum, self.dampening, self.weight_decay,
            self.nesterov, sweep == 0,
        )  # fmt: skip
