"""Training an optimiser of the comparison within a number of sample gradients, and choosing its step size before.

A step size is chosen by cross-validation on the training samples: each fold is held out once, the others are trained
on with as many passes as the whole gets later. Test samples are looked at by no choice.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from runs.experiments.network_methods import METHODS, Methods
from runs.experiments.network_spec import REPLACEMENT
from runs.spec import Section

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP, Data

FIRST_TUNING_CHAIN = 2**20
"""Chain ids from here on tune: no initial weights of the comparison are seen before."""


CHECKS = 1000
"""Times that a run looks whether a loss is reached."""


class Training(Section):
    """How long and on what every method trains."""

    epochs: Annotated[float, Field(gt=0)] = Field(
        200.0, description="sample gradients of a run, in units of the training samples"
    )
    batch: Annotated[int, Field(ge=1)] = Field(20, description="samples of a mini-batch")
    replacement: Literal["epoch", "with", "without"] = Field(
        "epoch", description="mini-batches: stretches of a random order, or drawn with or without replacement"
    )
    schedule: Literal["cosine", "constant"] = Field("cosine", description="of the step size: falling to 0, or constant")
    counting: Literal["total", "per-replica"] = Field(
        "total", description="whether replicas share the sample gradients of a run, or each has all of them"
    )


class Tuning(Section):
    """How the step size of each method is chosen, by cross-validation on the training samples."""

    factors: list[Annotated[float, Field(gt=0)]] = Field(
        [0.03, 0.1, 0.3, 1.0, 3.0, 10.0], min_length=1, description="step sizes tried, times the method's own middle"
    )
    folds: Annotated[int, Field(ge=2, le=20)] = Field(4, description="parts of the training samples held out in turn")
    seeds: Annotated[int, Field(ge=1)] = Field(4, description="runs for each fold")


class Trained(NamedTuple):
    """Runs of one method side by side."""

    work: np.ndarray
    """(places,): sample gradients of a run, as they are counted, at each place along the way; 0 first."""
    test_error: np.ndarray
    """(places, chains): wrong fraction of the samples kept for testing."""
    training_error: np.ndarray
    training_loss: np.ndarray
    """(places, chains): energy over all training samples; infinite where it is no number."""
    weights: np.ndarray
    """(chains, dim) at the end."""
    replicas_error: np.ndarray
    """(chains,): wrong fraction of the samples kept for testing, mean over replicas; of the weights without any."""


def batch_keywords(training: Training, samples: Any = None) -> dict[str, Any]:
    """Keyword arguments of every optimiser, its schedule aside."""
    return {"batch_size": training.batch, "replacement": REPLACEMENT[training.replacement], "samples": samples}


def train(
    landscape: "MLP",
    method: str,
    step_size: float,
    methods: Methods,
    training: Training,
    *,
    budget: float,
    chains: Sequence[int],
    seed: int,
    places: Sequence[float] = (1.0,),
    samples: Any = None,
) -> Trained:
    """Train `chains` from their own initial weights until `budget` sample gradients are spent.

    `places` are shares of the run, rising to 1, at which curves are taken. Raises ArgumentError where the budget is
    less than one step.
    """
    sampler, sweeps = built(landscape, method, step_size, methods, training, budget, samples)
    state = sampler.init(list(chains), seed)
    rows, stops = [], [0, *(max(1, round(share * sweeps)) for share in places)]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for before, stop in zip([0, *stops], stops, strict=False):
            state = _advanced(sampler, state, stop - before)
            rows.append(_row(landscape, sampler, state, stop, training.counting))
        of_replicas = _replicas_error(landscape, sampler, state)
    work, tested, trained, loss = (np.array(column) for column in zip(*rows, strict=True))
    return Trained(work, tested, trained, loss, np.array(sampler.weights(state)), of_replicas)


def built(
    landscape: "MLP", method: str, step_size: float, methods: Methods, training: Training, budget: float,
    samples: Any = None,
) -> tuple[Any, int]:  # fmt: skip
    """A method with its schedules for a run of `budget` sample gradients, and the sweeps of that run."""
    from mcmc.samplers.learning_rates import cosine_rates

    keywords, build = batch_keywords(training, samples), METHODS[method].build
    sweeps = sweeps_within(build(landscape, step_size, methods, keywords, 0), budget, training.counting)
    rates = cosine_rates(sweeps) if training.schedule == "cosine" else None
    return build(landscape, step_size, methods, {**keywords, "rates": rates}, sweeps), sweeps


def weights_at_loss(
    landscape: "MLP", method: str, step_size: float, methods: Methods, training: Training, *, budget: float,
    chain: int, seed: int, loss: float,
) -> np.ndarray:  # fmt: skip
    """Weights (dim,) of one run of `train` when its training loss is first seen to be `loss` or less; NaN if never.

    It is looked at CHECKS times along the run.
    """
    sampler, sweeps = built(landscape, method, step_size, methods, training, budget)
    state = sampler.init([chain], seed)
    stride = max(1, sweeps // CHECKS)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for _ in range(sweeps // stride):
            state = sampler.step(state, stride)[0]
            x = np.array(sampler.weights(state))
            if float(landscape.energy(x)[0]) <= loss:
                return x[0]
    return np.full(landscape.dim, np.nan)


def sweeps_within(sampler: Any, budget: float, counting: str) -> int:
    """The most sweeps that cost at most `budget` sample gradients. Raises ArgumentError where that is none."""
    from mcmc.errors import ArgumentError

    low, high = 0, 1
    while gradients_of(sampler, high, counting) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if gradients_of(sampler, middle, counting) <= budget else (low, middle)
    if not low:
        cost = gradients_of(sampler, 1, counting)
        raise ArgumentError(f"epochs: got {budget:g} sample gradients and the first step takes {cost:g}; train longer")
    return low


def choose(trials: Mapping[float, np.ndarray]) -> float:
    """The step size of the lowest mean of `trials`, (..., 2): error and loss held out; the loss decides ties.

    A run that diverged counts as infinitely bad; NaN where all have one.
    """
    means = {step: np.where(np.isfinite(found), found, np.inf).mean(axis=tuple(range(found.ndim - 1)))
             for step, found in trials.items()}  # fmt: skip
    usable = {step: mean for step, mean in means.items() if np.isfinite(mean).all()}
    return min(usable, key=lambda step: (round(usable[step][0], 12), usable[step][1])) if usable else float("nan")


def validated(
    data: "Data", landscape_of: Any, method: str, step_size: float, methods: Methods, training: Training,
    tuning: Tuning, seed: int, samples_of: Any = None,
) -> np.ndarray:  # fmt: skip
    """Error and loss on each fold of the training samples held out, (folds, seeds, 2).

    `landscape_of(data)` makes the landscape, `samples_of(data)` the rows of samples that replicas see in each repeat;
    None for all.
    """
    chains = range(FIRST_TUNING_CHAIN, FIRST_TUNING_CHAIN + tuning.seeds)
    found = np.empty((tuning.folds, tuning.seeds, 2))
    for fold in range(tuning.folds):
        part = held_out(data, fold, tuning.folds, seed)
        landscape = landscape_of(part)
        rows = None if samples_of is None else samples_of(part)
        # Repeats run side by side unless each has samples of its own.
        groups = [(slice(None), None)] if rows is None else [(slice(k, k + 1), row) for k, row in enumerate(rows)]
        for repeats, samples in groups:
            run = train(
                landscape, method, step_size, methods, training, budget=training.epochs * part.size,
                chains=chains[repeats], seed=seed, samples=samples,
            )  # fmt: skip
            found[fold, repeats, 0] = run.test_error[-1]
            found[fold, repeats, 1] = _loss_held_out(landscape, run.weights)
    return found


def held_out(data: "Data", fold: int, folds: int, seed: int) -> "Data":
    """The training samples without those of one fold, a share of each class, which stand where test samples stood.

    Raises ArgumentError where a class has too few samples for its folds.
    """
    from mcmc.errors import ArgumentError
    from mcmc.landscapes.network import Data
    from mcmc.landscapes.network.data import random_order

    order = random_order(data.size, seed)
    if data.labelled:
        order = order[np.argsort(data.targets[order], kind="stable")]
    out = np.zeros(data.size, bool)
    out[order[fold::folds]] = True
    if data.labelled and data.targets[~out].max() < data.targets.max():
        raise ArgumentError(
            f"tuning.folds: got {folds}, and fold {fold} has all samples of class {data.targets.max()}; take more "
            "training samples"
        )
    return Data(data.inputs[~out], data.targets[~out], data.inputs[out], data.targets[out], f"{data.name}, fold {fold}")


def gradients_of(sampler: Any, sweep: int, counting: str) -> float:
    """Sample gradients of `sweep` sweeps: of all replicas together, or of one."""
    total = float(sampler.sample_gradients(sweep))
    return total if counting == "total" else total / getattr(sampler, "replicas", 1)


def _advanced(sampler: Any, state: Any, sweeps: int) -> Any:
    return sampler.step(state, sweeps)[0] if sweeps else state


def _row(landscape: "MLP", sampler: Any, state: Any, sweep: int, counting: str) -> tuple[Any, ...]:
    x = np.array(sampler.weights(state))
    loss = np.asarray(landscape.energy(x), np.float64)
    bad = ~np.isfinite(loss) | ~np.isfinite(x).all(axis=1)
    test, training = (np.where(bad, np.nan, np.asarray(part(x), np.float64))
                      for part in (landscape.test_error, landscape.training_error))  # fmt: skip
    return gradients_of(sampler, sweep, counting), test, training, np.where(bad, np.inf, loss)


def _replicas_error(landscape: "MLP", sampler: Any, state: Any) -> np.ndarray:
    if "replica" not in sampler.dims:
        return np.asarray(landscape.test_error(np.array(sampler.weights(state))), np.float64)
    each = np.asarray(landscape.test_error(np.array(state.x)), np.float64)
    return each.reshape(-1, sampler.replicas).mean(axis=1)


def _loss_held_out(landscape: "MLP", weights: np.ndarray) -> np.ndarray:
    """Mean loss on the samples held out, (chains,); infinite where it is no number."""
    held = landscape.data
    assert held.test_targets is not None
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = landscape.outputs(weights, held.test_inputs)
        targets = np.broadcast_to(held.test_targets, (len(weights), *np.shape(held.test_targets)))
        loss = landscape.loss.value(outputs, targets).mean(axis=-1)
    return np.where(np.isfinite(loss), loss, np.inf)
