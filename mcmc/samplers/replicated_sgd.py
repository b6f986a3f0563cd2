"""Replicated SGD: SGD, as torch.optim.SGD defines it, on sum_a [f(x^a) + (k/2) |x^a - x|^2], x the mean of the x^a.

The derivative by x^a is g(x^a) + k (x^a - x); replicas at coupling k > 0 look for regions that are wide enough for all
of them. A sweep is one gradient of every replica. Baldassi, Borgs, Chayes, Ingrosso, Lucibello, Saglietti & Zecchina
2016, arXiv:1605.06444; Pittorino, Lucibello, Feinauer, Perugini, Baldassi, Demyanenko & Zecchina 2021,
arXiv:2006.07897. Without momentum it is Elastic-SGD with the mean as centre.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.coupled_optimizer import CoupledOptimizer
from mcmc.samplers.coupled_updates import coupled_gradient
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import flag, number_within
from mcmc.samplers.scoping import Scoping, checked_scoping
from mcmc.samplers.update_rules import add_sgd


class ReplicatedSGDState(NamedTuple):
    """State of the chains: a lane is replica a of chain c, number c * replicas + a."""

    x: np.ndarray
    """(lanes, dim) float64."""
    energy: np.ndarray
    """(lanes,) float64: energy of all data at x."""
    beta: np.ndarray
    """(lanes,) float64: infinity, no noise is added."""
    step_size: np.ndarray
    """(lanes,) float64: eta."""
    sweep: np.ndarray
    """() int64: gradients of each lane so far."""
    chain: np.ndarray
    """(lanes,) uint32: identity of each lane in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    momentum_buffer: np.ndarray
    """(lanes, dim) float64; (lanes, 0) without momentum."""


class ReplicatedSGDInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains, replicas) float64: |g_b| before the last step; NaN when there was none."""


class ReplicatedSGD(CoupledOptimizer):
    """Replicated SGD with `replicas` n; `coupling` k is a number or a Scoping of the sweep.

    `samples` (replicas, count) restricts each replica to samples of its own. Raises ArgumentError for arguments out of
    range.
    """

    dims = ("replica",)
    info = ReplicatedSGDInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any,
        replicas: int = 3,
        coupling: float | Scoping,
        momentum: float = 0.0,
        nesterov: bool = False,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        same_start: bool = True,
    ):
        super().__init__(
            landscape, replicas=replicas, step_size=step_size, batch_size=batch_size, replacement=replacement,
            rates=rates, samples=samples, same_start=same_start,
        )  # fmt: skip
        self.coupling = checked_scoping("coupling", coupling, zero=True, infinite=False)
        self.momentum = number_within("momentum", momentum, 0.0, 1.0)
        self.nesterov = flag("nesterov", nesterov)
        if self.nesterov and not self.momentum:
            raise ArgumentError("nesterov: got momentum 0; Nesterov's needs momentum above 0")

    def init(self, chains, seed) -> ReplicatedSGDState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fields = self._fresh(chains, seed)
        lanes, dim = fields["x"].shape
        return ReplicatedSGDState(**fields, momentum_buffer=np.zeros((lanes, dim if self.momentum else 0)))

    def _move(self, state, direction, rate, sweep):
        whole = np.empty_like(state.x)
        coupled_gradient(whole, direction, state.x, self._means(state.x), self.coupling.value(sweep))
        add_sgd(state.x, whole, state.momentum_buffer, rate, self.momentum, 0.0, 0.0, self.nesterov, sweep == 0)

    def _strengths(self, sweep, shape):
        return {"coupling": np.full(shape, self.coupling.value(sweep))}
