"""Snapshots of "network-noise": weights along training, and the noise of gradients there."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import LandscapeError, NonFiniteEnergyError
from runs.experiments.network_noise import NetworkNoiseSpec
from runs.experiments.network_spec import REPLACEMENT
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.gradient_noise import GradientNoise
    from mcmc.gradient_noise.diffusion import Scatter
    from mcmc.landscapes.network import MLP

STEPS = 1000
"""Steps between questions whether to stop."""
AT_ONCE = 16
"""Batches whose gradients are taken together."""


class Training:
    """Weights of one run after another; a run goes on from the last snapshot asked for, or begins anew."""

    def __init__(self, spec: NetworkNoiseSpec, point: Point, landscape: "MLP"):
        from mcmc.samplers.sgd import SGD

        self.spec, self.point, self.landscape = spec, point, landscape
        said = point.parameters
        self.sampler = SGD(
            landscape, step_size=said["step_size"], batch_size=said["batch"],
            replacement=REPLACEMENT[said["replacement"]],
        )  # fmt: skip
        self._number, self._state = -1, None

    def weights(self, number: int, epochs: int, stop: Callable[[], bool]) -> np.ndarray | None:
        """Weights (dim,) of run `number` after so many epochs; None when stopped.

        First weights depend on the number alone: ways of training begin with the same. Raises NonFiniteEnergyError for
        a run that has diverged.
        """
        target = epochs * self.sampler.batches.per_epoch
        state: Any = self._state
        if self._number != number or int(state.sweep) > target:
            state = self.sampler.init([number], point_seed(self.spec.seed, f"batches {self.point.name}"))
            state.x[:] = self.landscape.initial_x([number], point_seed(self.spec.seed, "first weights"))
        while int(state.sweep) < target:
            if stop():
                return None
            state, _ = self.sampler.step(state, min(STEPS, target - int(state.sweep)))
            if not np.isfinite(state.energy).all():
                raise NonFiniteEnergyError(
                    f"{self.point.name}: the loss of run {number} is {state.energy[0]} after {int(state.sweep)} steps; "
                    "take a smaller grid.step_size"
                )
        self._number, self._state = number, state
        return state.x[0].copy()


def snapshot(spec: NetworkNoiseSpec, point: Point, landscape: "MLP", x: np.ndarray, draw: int) -> dict[str, Any]:
    """Every column of one snapshot; NaN where directions of the Hessian were not found."""
    from mcmc.gradient_noise import gradient_noise

    begin = time.thread_time()
    noise = gradient_noise(landscape, x)
    number, place = divmod(draw, len(spec.grid.epochs))
    row: dict[str, Any] = {
        "seed_number": number,
        "epoch": spec.grid.epochs[place],
        "trace": noise.trace,
        "participation_ratio": noise.participation_ratio,
        "mean": noise.mean,
        "spread": noise.spread,
        "rank_float64": noise.rank("float64").share,
        "rank_float32": noise.rank("float32").share,
        "eigenvalues": noise.eigenvalues,
        "loss": float(landscape.energy(x[None])[0]),
        "training_error": float(landscape.training_error(x[None])[0]),
        "test_error": float(landscape.test_error(x[None])[0]) if landscape.data.test_inputs is not None else math.nan,
    }
    # The same probes for all: differences between snapshots are then less noisy than the snapshots.
    row |= _aligned(spec, landscape, noise, point_seed(spec.seed, "probes"))
    row |= _scatter(spec, point, landscape, noise, point_seed(spec.seed, f"scatter {point.name} draw-{draw}"))
    row |= _sums(spec, point, landscape, noise, point_seed(spec.seed, f"sums {point.name} draw-{draw}"))
    row["seconds"] = time.thread_time() - begin
    return row


def _aligned(spec: NetworkNoiseSpec, landscape: "MLP", noise: "GradientNoise", seed: int) -> dict[str, Any]:
    from mcmc.gradient_noise import alignment

    names = ("cosine", "anisotropy", "hessian_trace")
    try:
        found = alignment(noise, landscape, top=spec.measured.top, probes=spec.measured.probes, seed=seed)
    except LandscapeError:
        lost = (*names, *(f"{name}_own" for name in names), "noise_in_top", "overlap")
        return {**dict.fromkeys(lost, math.nan), "hessian_top": np.full(spec.measured.top, math.nan)}
    row: dict[str, Any] = {"noise_in_top": found.noise_in_top, "overlap": found.overlap}
    for name in names:
        row[name], row[f"{name}_own"] = getattr(found, name)
    return {**row, "hessian_top": found.hessian_eigenvalues}


def _scatter(
    spec: NetworkNoiseSpec, point: Point, landscape: "MLP", noise: "GradientNoise", seed: int
) -> dict[str, float]:
    """Tr Cov(gradient of a batch) / Tr D, over batches that are independent of each other, and its exact error.

    Late in training few samples carry D: the spread of some hundred batches that may not hold them says too little.
    """
    from mcmc.samplers.minibatches import Minibatches

    said = point.parameters
    batches = Minibatches(landscape.data_size, said["batch"], replacement=REPLACEMENT[said["replacement"]])
    x = noise.point[None]
    whole = landscape.gradient(x)
    squares = []
    for first in range(0, spec.measured.batches, AT_ONCE):
        # Chains draw orders of their own: batches of one epoch would depend on each other.
        chains = np.arange(first, min(first + AT_ONCE, spec.measured.batches), dtype=np.uint32)
        away = landscape.gradient(np.repeat(x, chains.size, axis=0), batches.indices(0, chains, seed)) - whole
        squares.append((away**2).sum(axis=1))
    return _share("share", np.concatenate(squares), noise, noise.scatter(said["batch"], batches.replacement), 1)


def _sums(
    spec: NetworkNoiseSpec, point: Point, landscape: "MLP", noise: "GradientNoise", seed: int
) -> dict[str, float]:
    """Tr Cov(sum of an epoch's gradients) / (steps Tr D) and its error, at fixed weights: 0 where samples all come up.

    For batches independent of each other it is what `_scatter` finds.
    """
    from mcmc.samplers.minibatches import Minibatches

    said = point.parameters
    batches = Minibatches(landscape.data_size, said["batch"], replacement=REPLACEMENT[said["replacement"]])
    chains = np.arange(spec.measured.sums, dtype=np.uint32)
    x = np.repeat(noise.point[None], chains.size, axis=0)
    total = -batches.per_epoch * landscape.gradient(x)
    for step in range(batches.per_epoch):
        total += landscape.gradient(x, batches.indices(step, chains, seed))
    expected = noise.scatter(said["batch"], batches.replacement, batches.per_epoch)
    return _share("epoch_share", (total**2).sum(axis=1), noise, expected, batches.per_epoch)


def _share(name: str, squares: np.ndarray, noise: "GradientNoise", expected: "Scatter", steps: int) -> dict[str, float]:
    """Mean of squared lengths over Tr D and the steps, and its standard error by what they should scatter."""
    unit = steps * noise.trace
    return {name: float(squares.mean() / unit), f"{name}_own": math.sqrt(expected.variance / squares.size) / unit}
