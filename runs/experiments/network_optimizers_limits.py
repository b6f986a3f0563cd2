"""What run files of the comparisons of optimisers may ask for: batches, epochs and samples that folds can do with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runs.experiments.network_methods import METHODS, REPLICATED

if TYPE_CHECKING:
    from mcmc.landscapes.network import Data


def require_enough(given: Mapping[str, Any], optimizers: Sequence[str], fraction: float = 1.0) -> None:
    """Raise ValueError where the samples that a run of cross-validation sees are too few for a batch or a step.

    `given` has the sections data, training, tuning and options of a run file, those without faults; `fraction` is the
    least share of the samples that one replica sees.
    """
    data, training, tuning, options = (given.get(name) for name in ("data", "training", "tuning", "options"))
    if data is None or training is None or tuning is None or options is None:
        return
    whole, needed = data.training_samples, tuning.folds * data.outputs
    if whole < needed:
        raise ValueError(
            f"data.train = {whole}: {tuning.folds} folds (tuning.folds) of {data.outputs} classes need {needed} "
            "training samples at least, and some more"
        )
    kept = whole - -(-whole // tuning.folds)
    seen = round(fraction * kept)
    if training.batch > seen:
        part = "" if fraction == 1.0 else f", {fraction:g} of them for a replica (grid.fraction)"
        raise ValueError(
            f"training.batch = {training.batch}: cross-validation trains on {kept} of {whole} samples (tuning.folds = "
            f"{tuning.folds}){part}: take batches of {seen} at most, or more samples"
        )
    for name in optimizers:
        cost = _first_step(name, training, options, kept)
        if training.epochs * kept < cost:
            raise ValueError(
                f"training.epochs = {training.epochs:g}: {training.epochs * kept:g} sample gradients in "
                f"cross-validation, and the first step of {METHODS[name].label} takes {cost}; take "
                f"{cost / kept:.2g} or more"
            )


def require_folds(data: "Data", folds: int, seed: int) -> None:
    """Raise ArgumentError where a fold leaves out all samples of the last class."""
    from runs.experiments.network_optimizers_training import held_out

    for fold in range(folds):
        held_out(data, fold, folds, seed)


def _first_step(name: str, training: Any, options: Any, samples: int) -> int:
    """Sample gradients until weights first move: an outer step, or a full gradient and a batch."""
    own: Any = getattr(options, name, None)
    replicas = own.replicas if name in REPLICATED and training.counting == "total" else 1
    loops = getattr(own, "steps", 1)
    return int(training.batch * replicas * loops + (samples if name in ("svrg", "saga") else 0))
