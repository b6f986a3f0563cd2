"""What the samplers and optimisers on mini-batches share: batches by step and chain, rates, noise, energies.

A step looks at a batch of samples that is a function of (seed, step, chain), see `mcmc.samplers.minibatches`; the
energy carried is that of all data, taken anew at the end of each call.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.random import Stream, split_seed
from mcmc.samplers.gaussian_noise import VERSION, fill_noise
from mcmc.samplers.landscape_calls import energy_at, gradient_at
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.minibatches import Minibatches
from mcmc.samplers.smooth import SmoothSampler
from mcmc.samplers.sweeping import sweep_count

STREAM = int(Stream.SGD_NOISE)


class StochasticSampler(SmoothSampler):
    """Chains x (chains, dim) that follow gradients of mini-batches; subclasses say how a step goes, in `_move`.

    `batch_size` None takes all data in every step; `replacement` True, False or "epoch" is how samples are drawn and
    `samples` from which, see `Minibatches`; `rates` is a schedule that multiplies the step size. Raises ArgumentError
    for a step size, beta, batch size or schedule out of range.
    """

    info: ClassVar[Any]
    """The sampler's own Info, of one field `gradient_norm`."""
    statistic_names: ClassVar[Mapping[str, str]] = {
        "epoch": "samples in the mini-batches so far over samples there are",
        "sample_gradients": "gradients of single samples taken so far",
    }

    samples: np.ndarray | None = None
    """(rows, count) int64: indices that each chain or replica is restricted to."""

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any = np.inf,
        *,
        step_size: Any,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
    ):
        super().__init__(landscape, beta, step_size=step_size)
        self.batches = Minibatches(landscape.data_size, batch_size, replacement=replacement, samples=samples)
        if rates is not None and not isinstance(rates, LearningRates):
            raise ArgumentError(f"rates: got {type(rates).__name__}; LearningRates, or None, are needed")
        # Named here too: what a file of `sample` says of a sampler are its numbers, not its objects.
        self.batch_size, self.replacement, self.rates = self.batches.size, self.batches.replacement, rates
        # Only where there are some, so that files of samplers without them stay what they are.
        if self.batches.samples is not None:
            self.samples = self.batches.samples
        if np.isfinite(np.asarray(beta, dtype=np.float64)).any():
            self.noise_version = VERSION
        self._noise: np.ndarray | None = None

    def step(self, state: Any, n: int) -> tuple[Any, Any]:
        """Advance by n steps; returns the state, its arrays reused, and what happened."""
        norm = np.full(state.beta.size, np.nan)
        direction, begin = None, int(state.sweep)
        for sweep in range(begin, begin + sweep_count(n)):
            direction = self._direction(state, sweep)
            self._move(state, direction, self.rates_at(state, sweep), sweep)
        if direction is not None:
            np.add(state.sweep, n, out=state.sweep)
            state.energy[:] = energy_at(self.landscape, state.x)
            self._mark_lost(state)
            norm = np.sqrt(np.einsum("ci,ci->c", direction, direction, dtype=np.float64))
        return state, self.info(norm)

    def thermalize(self, state: Any, n: int) -> tuple[Any, Any]:
        """The same as `step`: the step size is the user's, since what is sampled depends on it."""
        return self.step(state, n)

    def statistics(self, state: Any) -> Mapping[str, np.ndarray]:
        """`step_size`, as the schedule has it for the next step, `epoch` and `sample_gradients`; (chains,) float64.

        `epoch` is that of `Minibatches`: samples in the batches so far over the samples there are.
        """
        sweep = int(state.sweep)
        return {
            "step_size": self.rates_at(state, sweep).copy(),
            "epoch": np.full(state.step_size.shape, self.batches.epoch(sweep)),
            "sample_gradients": np.full(state.step_size.shape, float(self.sample_gradients(sweep))),
        }

    def weights(self, state: Any) -> np.ndarray:
        """What the optimiser has arrived at, (chains, dim): the state's own array."""
        return state.x

    def sample_gradients(self, sweep: int) -> int:
        """Gradients of single samples that a chain has taken by `sweep`, for comparison at equal work."""
        return sweep * self.gradient_samples

    @property
    def gradient_samples(self) -> int:
        """Samples of one gradient: those of a batch; 1 for a landscape without data."""
        return self.batches.size or self.batches.data_size or 1

    def rates_at(self, state: Any, sweep: int) -> np.ndarray:
        """Step size of each chain in step `sweep`, (chains,) float64."""
        return state.step_size if self.rates is None else state.step_size * self.rates.factor(sweep)

    def gradient(self, state: Any, x: np.ndarray, sweep: int) -> np.ndarray:
        """Gradient at x (chains, dim) on the batches of step `sweep`, (chains, dim). Raises as `gradient_at`."""
        batch = self.batches.indices(sweep, state.chain, int(state.seed))
        return gradient_at(self.landscape, x, batch)

    def noise(self, state: Any, sweep: int) -> np.ndarray:
        """Standard normals of step `sweep`, (chains, 4 ceil(dim / 4)) float32, in memory that the next call reuses."""
        shape = state.x.shape[0], -(-state.x.shape[1] // 4) * 4
        if self._noise is None or self._noise.shape != shape:
            self._noise = np.empty(shape, np.float32)
        fill_noise(self._noise, sweep, state.chain, STREAM, *split_seed(int(state.seed)))
        return self._noise

    def _mark_lost(self, state: Any) -> None:
        """Energy NaN where an inner loop's y is no number: x is one until the loop ends, but nothing comes of it."""
        if "y" in state._fields:
            state.energy[~np.isfinite(state.y).all(axis=1)] = np.nan

    def _direction(self, state: Any, sweep: int) -> np.ndarray:
        """What a step goes against, (chains, dim): the gradient of its batches."""
        return self.gradient(state, state.x, sweep)

    def _move(self, state: Any, direction: np.ndarray, rate: np.ndarray, sweep: int) -> None:
        """One step of size `rate` (chains,), in place."""
        raise NotImplementedError


class Optimizer(StochasticSampler):
    """A StochasticSampler without noise of its own: beta = infinity, and nothing said about a stationary law."""

    stationary = False

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
        super().__init__(
            landscape, np.inf, step_size=step_size, batch_size=batch_size, replacement=replacement, rates=rates,
            samples=samples,
        )  # fmt: skip
