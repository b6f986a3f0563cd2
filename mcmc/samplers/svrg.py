"""SVRG: x <- x - eta [g_b(x) - g_b(s) + g(s)], s a snapshot of x and g its gradient on all data.

The mean over batches is the gradient at x; the variance goes to 0 with x - s, so that at a constant step size x
settles in the minimum where SGD moves about it. Snapshots are taken every `period` steps, the last x of each stretch
(option I). Johnson & Zhang 2013, NIPS 26, who took two epochs for convex and five for other losses.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.samplers.landscape_calls import gradient_at
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import whole_number
from mcmc.samplers.update_rules import corrected_gradient
from mcmc.samplers.variance_reduction import VarianceReduced


class SVRGState(NamedTuple):
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
    snapshot: np.ndarray
    """(chains, dim) float64: x at the last snapshot, s."""
    snapshot_gradient: np.ndarray
    """(chains, dim) float64: gradient on all data at the snapshot, g(s)."""


class SVRGInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b(x) - g_b(s) + g(s)| before the last step; NaN when there was none."""


class SVRG(VarianceReduced):
    """SVRG with a snapshot every `period` sweeps, counted from the first; None for two orders of the data.

    `epoch` counts the batches alone, each once; `sample_gradients` counts all gradients, snapshots too.

    Raises LandscapeError for a landscape without data, ArgumentError for arguments out of range.
    """

    info = SVRGInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        period: int | None = None,
    ):
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        what = "a whole number of sweeps from 1, or None for two orders of the data,"
        self.period = 2 * self.batches.per_epoch if period is None else whole_number("period", period, what)

    def init(self, chains, seed) -> SVRGState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64). The first step takes a snapshot."""
        fresh = self._fresh(chains, seed)
        return SVRGState(**fresh, snapshot=fresh["x"].copy(), snapshot_gradient=np.zeros_like(fresh["x"]))

    def sample_gradients(self, sweep: int) -> int:
        """Gradients of single samples that a chain has taken by `sweep`: two batches a sweep, all data a snapshot."""
        snapshots = -(-sweep // self.period)
        return 2 * sweep * self.gradient_samples + snapshots * int(self.batches.data_size or 1)

    def _direction(self, state, sweep):
        if sweep % self.period == 0:
            own = self.own_samples(state)
            state.snapshot[:] = state.x
            state.snapshot_gradient[:] = gradient_at(self.landscape, state.x, own)
        found = np.empty_like(state.x)
        batch = self.batches.indices(sweep, state.chain, int(state.seed))
        corrected_gradient(
            found,
            gradient_at(self.landscape, state.x, batch),
            gradient_at(self.landscape, state.snapshot, batch),
            state.snapshot_gradient,
        )
        return found
