"""Proximal point: x <- argmin_y f(y) + |y - x|^2 / (2 t), the minimum sought by `steps` gradient steps on mini-batches.

A sweep is one inner step, y <- y - eta [g_b(y) + (y - x) / t]; when their number is a multiple of `steps`, x <- y. The
exact map is a gradient step of length t on the Moreau envelope u(x, t) = min_y f(y) + |y - x|^2 / (2 t) and an implicit
Euler step of length t down f; on a quadratic with matrix A and centre m it is x - m <- (I + t A)^-1 (x - m). Its fixed
points are the critical points of f. Inner steps beyond 2 / (largest eigenvalue + 1 / t) diverge. Martinet 1970;
Rockafellar 1976, SIAM J. Control Optim. 14, 877; Parikh & Boyd 2014, Found. Trends Optim. 1, 127, section 4.1.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import positive_per_chain, whole_number
from mcmc.samplers.stochastic import Optimizer
from mcmc.samplers.update_rules import add_pulled


class ProximalPointState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64: the point of which the proximal point is sought."""
    energy: np.ndarray
    """(chains,) float64: energy of all data at x; NaN as soon as y is no number."""
    beta: np.ndarray
    """(chains,) float64: infinity, no noise is added."""
    step_size: np.ndarray
    """(chains,) float64: eta, of the inner steps."""
    sweep: np.ndarray
    """() int64: inner steps done so far; modulo `steps`, those since x moved."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    y: np.ndarray
    """(chains, dim) float64: where the inner steps are."""
    pull: np.ndarray
    """(chains,) float64: 1 / t."""


class ProximalPointInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b(y)| before the last step, without the pull; NaN when there was none."""


class ProximalPoint(Optimizer):
    """Proximal point at scale t = `scale`, a number above 0 or (chains,), with `steps` inner steps.

    Raises ArgumentError for arguments out of range.
    """

    info = ProximalPointInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any,
        scale: Any,
        steps: int = 20,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
    ):
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        self.scale = positive_per_chain("scale", scale)
        self.steps = whole_number("steps", steps, "a whole number of inner steps, 1 or more,")

    def init(self, chains, seed) -> ProximalPointState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fresh = self._fresh(chains, seed)
        count = fresh["beta"].size
        if self.scale.size not in (1, count):
            raise ArgumentError(f"scale: got {self.scale.size}; one number, or one per chain, is needed")
        pull = np.array(np.broadcast_to(1.0 / self.scale, count))
        return ProximalPointState(**fresh, y=fresh["x"].copy(), pull=pull)

    def _direction(self, state, sweep):
        return self.gradient(state, state.y, sweep)

    def _move(self, state, direction, rate, sweep):
        add_pulled(state.y, direction, state.x, rate, state.pull)
        if (sweep + 1) % self.steps == 0:
            state.x[:] = state.y
