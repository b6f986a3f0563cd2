"""What the optimisers whose noise dies share: data in finite number, mini-batches, and plain steps.

The energy is a mean over samples, f = (1/n) sum_k f_k, weight decay being part of every f_k.
"""

from typing import Any, Literal

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.stochastic import Optimizer
from mcmc.samplers.update_rules import add_steps


class VarianceReduced(Optimizer):
    """x <- x - eta v, v without bias and with a variance that vanishes at a minimum; subclasses give `_direction`.

    Raises LandscapeError for a landscape without data, ArgumentError without batch size: gradients of all data have no
    noise to reduce.
    """

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
    ):
        name = type(self).__name__
        if isinstance(landscape, SmoothLandscape) and landscape.data_size is None:
            raise LandscapeError(
                f"landscape: {type(landscape).__name__} is no mean over data (data_size is None), and {name} reduces "
                "the noise of mini-batches; use SGD without batch_size, or a landscape with data, as mlp(data)"
            )
        super().__init__(
            landscape, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates, samples=samples
        )
        if batch_size is None:
            raise ArgumentError(
                f"batch_size: got None; {name} needs a whole number from 1 to {self.batches.data_size}, or use SGD, "
                "which takes all data without it"
            )

    def own_samples(self, state: Any) -> np.ndarray | None:
        """All samples that each chain sees, (chains, count) int64; None where that is all data."""
        samples = self.batches.samples
        return None if samples is None else samples[state.chain % np.uint32(len(samples))]

    def _move(self, state, direction, rate, sweep):
        add_steps(state.x, direction, rate)
