"""One draw of "network-parle-split": a step size tried by cross-validation, or a run on parts of the samples."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_methods import REPLICATED
from runs.experiments.network_optimizers import MEASURES
from runs.experiments.network_optimizers_draw import Trials, chosen_step, step_sizes
from runs.experiments.network_optimizers_training import train, validated
from runs.experiments.network_parle_split import NetworkParleSplitSpec, shares
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import Data

CURVES = ("work", "test_error", "training_error", "training_loss")


def measure_trial(spec: NetworkParleSplitSpec, point: Point, number: int, trials: Trials) -> dict[str, Any]:
    """One step size, tried."""
    begun, name = time.monotonic(), point.parameters["optimizer"]
    step, seed = step_sizes(spec.step_size, spec.tuning, name)[number], point_seed(spec.seed, "tuning")
    trials[step] = validated(
        spec.data.draw(), spec.landscape, name, step, spec.options, spec.training, spec.tuning, seed=seed,
        samples_of=lambda part: parts_of_repeats(spec, point, part),
    )  # fmt: skip
    return {**_nothing(spec), "step_size": step, "trial": 1, "held_out": trials[step],
            "seconds": time.monotonic() - begun}  # fmt: skip


def measure_run(spec: NetworkParleSplitSpec, point: Point, number: int, trials: Trials) -> dict[str, Any]:
    """One seed, trained with the step size chosen, on parts of its own."""
    begun, data = time.monotonic(), spec.data.draw()
    step = chosen_step(trials, point.parameters["optimizer"])
    run = train(
        spec.landscape(), point.parameters["optimizer"], step, spec.options, spec.training,
        budget=spec.training.epochs * data.size, chains=[number], seed=point_seed(spec.seed, "training"),
        places=shares(spec), samples=parts(spec, point, data, point_seed(spec.seed, f"parts {number}")),
    )  # fmt: skip
    row = {**_nothing(spec), "step_size": step, "trial": 0, "work": run.work}
    row |= {name: getattr(run, name)[:, 0] for name in CURVES[1:]}
    return {**row, "replicas_error": run.replicas_error[0], "seconds": time.monotonic() - begun}


def parts(spec: NetworkParleSplitSpec, point: Point, data: "Data", seed: int) -> np.ndarray | None:
    """Samples that each replica sees, (replicas, count) int64; those of the first where there is one; None: all."""
    fraction = point.parameters["fraction"]
    if fraction == 1.0:
        return None
    count = spec.replicas if point.parameters["optimizer"] in REPLICATED else 1
    return np.stack([data.subset_indices(fraction, seed, part) for part in range(count)])


def parts_of_repeats(spec: NetworkParleSplitSpec, point: Point, data: "Data") -> list[np.ndarray] | None:
    """Parts for each repeat of a fold, (replicas, count), its own; None: all samples."""
    each = [parts(spec, point, data, point_seed(spec.seed, f"tuning parts {k}")) for k in range(spec.tuning.seeds)]
    known = [part for part in each if part is not None]
    return known or None


def _nothing(spec: NetworkParleSplitSpec) -> dict[str, Any]:
    """A row of which nothing is known."""
    return {
        "held_out": np.full((spec.tuning.folds, spec.tuning.seeds, len(MEASURES)), np.nan),
        **dict.fromkeys(CURVES, np.full(spec.places + 1, np.nan)),
        "replicas_error": np.nan,
    }
