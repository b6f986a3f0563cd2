"""results.h5 of "network-optimizers": means over seeds, every seed, differences to the first method, trials.

Differences are taken seed by seed, since a seed has the same initial weights and mini-batches in every method. Their
significance is that of Student's t, two-sided, and of Holm's correction for the number of methods compared
(Scandinavian J. Stat. 6, 65, 1979), for each quantity by itself.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_methods import METHODS, REPLICATED, constants, noise_factor
from runs.experiments.network_optimizers import (
    ESTIMATORS,
    FEATURES,
    LEVELS,
    NEIGHBOUR,
    RUN,
    TRIAL,
    NetworkOptimizersSpec,
)
from runs.experiments.network_optimizers_draw import step_sizes
from runs.experiments.network_optimizers_steps import surviving
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

MATCHED = "local entropy u(x, t) - f(x) at equal training loss, by integration, in proportion to the loss"

ALONG, AROUND, NEAR = ("place",), ("estimator", "scale"), ("near",)

COUNTED = {
    "hessian_above": "eigenvalues of the Hessian above a level, at the end",
    "hessian_below": "eigenvalues of the Hessian below minus a level, at the end",
    "noise_above": "eigenvalues of D above a level, at the end",
}

CURVES = {
    "test_error": ("wrong fraction of the test samples", "1"),
    "training_error": ("wrong fraction of the training samples", "1"),
    "training_loss": ("energy over all training samples", "nats"),
}
ENDS = {**{f"final_{name}": (f"{text}, at the end", units) for name, (text, units) in CURVES.items()}, **FEATURES}

QUANTITIES = {
    "runs": Quantity("runs"),
    "diverged": Quantity("runs whose loss is no number at the end"),
    "step_size": Quantity("step size chosen"),
    "at_edge": Quantity("1 where it is the first or last of those tried"),
    "total_work": Quantity("sample gradients of a run"),
    **{f"final_{name}": Quantity(f"{text}, at the end", units) for name, (text, units) in CURVES.items()},
    **{name: Quantity(text, units) for name, (text, units) in FEATURES.items()},
    "local_entropy": Quantity("local entropy u(x, t) - f(x) at the end", "nats", AROUND),
    "own_error": Quantity("mean standard error of a local entropy by its estimator", "nats", AROUND),
    "looked": Quantity("runs looked at along the way for the loss at which local entropies are compared"),
    "matched": Quantity("those of them that reach it"),
    "matched_loss": Quantity("training loss where runs first reach that loss", "nats"),
    "matched_entropy": Quantity(MATCHED, "nats", ("scale",)),
    "known": Quantity("runs whose local entropy the estimator knows", dims=AROUND),
    "matched_test_error": Quantity("wrong fraction of the test samples there"),
    "near_step_size": Quantity("step size next below the chosen, chosen, next above", dims=NEAR),
    "near_temperature": Quantity("step size / (1 - momentum) / (2 batch)", dims=NEAR),
    "near_matched_entropy": Quantity(f"{MATCHED}, at that step size", "nats", (*NEAR, "scale")),
    "near_matched_test_error": Quantity(
        "wrong fraction of the test samples at equal loss, at that step size", dims=NEAR
    ),
    "near_final_test_error": Quantity("wrong fraction of the test samples at the end, at that step size", dims=NEAR),
    "near_final_training_loss": Quantity(
        "energy over all training samples at the end, at that step size", "nats", dims=NEAR
    ),
    "warned": Quantity("runs with warnings of the estimator at that scale", dims=AROUND),
    **{name: Quantity(text, dims=("level",)) for name, text in COUNTED.items()},
    "work": Quantity("sample gradients taken", dims=ALONG),
    **{name: Quantity(text, units, ALONG) for name, (text, units) in CURVES.items()},
    "tried_step_size": Quantity("step sizes tried", dims=("trial",)),
    "tried_error": Quantity("wrong fraction of samples held out", dims=("trial",)),
    "tried_loss": Quantity("loss on samples held out", "nats", ("trial",)),
    **{f"run_{name}": Quantity(f"{text}: each run", units, ("run",)) for name, (text, units) in ENDS.items()},
    "run_matched_test_error": Quantity("wrong fraction of the test samples at equal loss: each run", "1", ("run",)),
    "run_matched_entropy": Quantity(f"{MATCHED}: each run", "nats", ("run", "scale")),
    "run_local_entropy": Quantity("local entropy u(x, t) - f(x) at the end: each run", "nats", ("run", *AROUND)),
}


def assemble(spec: NetworkOptimizersSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (optimizer,), with differences to the first."""
    from mcmc.store.reader import open_run_file

    inner = {
        "place": spec.places + 1, "scale": len(spec.surroundings.scale), "estimator": len(ESTIMATORS),
        "trial": len(spec.tuning.factors), "run": spec.grid.seeds, "near": 3, "level": LEVELS.size,
    }  # fmt: skip
    table = ResultGrid({"optimizer": len(plan)}, inner, QUANTITIES)
    for i, point in enumerate(plan):
        if point.name in files:
            _put(table, (i,), spec, point.parameters["optimizer"], open_run_file(files[point.name]))
    results = table.dataset(_coords(spec), _attributes(spec))
    results = results.assign(paired(results, [*ENDS, "local_entropy", "matched_entropy", "matched_test_error"]))
    return results.assign(surviving(results))


def paired(results: "xarray.Dataset", names: Sequence[str]) -> dict[str, tuple]:
    """Differences `difference_<name>` of each method to the first, over seeds that both have, and their probability.

    `results` has `run_<name>` (optimizer, run, ...).
    """
    found: dict[str, tuple] = {}
    for name in names:
        if f"run_{name}" not in results:
            continue
        each = results[f"run_{name}"].transpose("optimizer", "run", ...)
        values, dims = each.values, ("optimizer", *each.dims[2:])
        difference = np.full((4, values.shape[0], *values.shape[2:]), np.nan)
        pairs = (np.isfinite(values) & np.isfinite(values[:1])).sum(axis=1)
        for place in np.ndindex(values.shape[2:]):
            for i in range(1, len(values)):
                difference[:3, i, *place] = paired_difference(values[i, :, *place], values[0, :, *place])
            difference[3, :, *place] = holm(difference[2, :, *place])
        said = str(each.attrs["long_name"]).replace(": each run", "")
        first = f"{said}: minus that of the first method, seed by seed"
        units = each.attrs["units"]
        found[f"difference_{name}"] = (dims, difference[0], {"long_name": first, "units": units})
        found[f"difference_{name}_error"] = (
            dims, difference[1], {"long_name": f"one standard error of: {first}", "units": units}
        )  # fmt: skip
        by_chance = f"{first}: probability of one as large by chance (Student, Holm)"
        found[f"probability_{name}"] = (dims, difference[3], {"long_name": by_chance, "units": "1"})
        found[f"pairs_{name}"] = (dims, pairs, {"long_name": f"{first}: seeds that both have", "units": "1"})
    return found


def paired_difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Mean of a - b (runs,), its standard error and two-sided probability by Student's t; NaN with fewer than two."""
    from scipy.stats import t as student

    known = np.isfinite(a) & np.isfinite(b)
    count = int(known.sum())
    if count < 2:
        return math.nan, math.nan, math.nan
    each = a[known] - b[known]
    mean, error = float(each.mean()), float(each.std(ddof=1) / math.sqrt(count))
    if error == 0.0:
        return mean, 0.0, 1.0 if mean == 0.0 else 0.0
    return mean, error, float(2.0 * student.sf(abs(mean) / error, count - 1))


def holm(probability: np.ndarray) -> np.ndarray:
    """Probabilities (comparisons,) corrected for their number by Holm's method; NaN stays."""
    found, known = np.full(probability.shape, np.nan), np.flatnonzero(np.isfinite(probability))
    order = known[np.argsort(probability[known], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    found[order] = np.minimum(1.0, np.maximum.accumulate(probability[order] * factors))
    return found


def _put(table: ResultGrid, cell: tuple[int, ...], spec: Any, method: str, data: "xarray.Dataset") -> None:
    tried, beside, runs = (data.isel(draw=data["trial"].values == kind) for kind in (TRIAL, NEIGHBOUR, RUN))
    runs = runs.isel(draw=slice(0, spec.grid.seeds))
    sizes = step_sizes(spec.step_size, spec.tuning, method)
    put_trials(table, cell, sizes, tried)
    count = runs.sizes["draw"]
    table.put("runs", cell, count)
    if not count:
        return
    step = float(runs["step_size"].values[0])
    table.put("step_size", cell, step)
    table.put("at_edge", cell, step in (min(sizes), max(sizes)))
    table.put("work", cell, runs["work"].values.mean(axis=0))
    table.put("total_work", cell, runs["work"].values[:, -1].mean())
    table.put("diverged", cell, (~np.isfinite(runs["training_loss"].values[:, -1])).sum())
    table.put("warned", cell, (runs["warned"].values > 0).sum(axis=0))
    for name in COUNTED:
        table.put(name, cell, *known_mean(runs[name].values))
    for name in CURVES:
        table.put(name, cell, *mean_and_error(runs[name].values))
    ends = {f"final_{name}": runs[name].values[:, -1] for name in CURVES} | {n: runs[n].values for n in FEATURES}
    for name, values in ends.items():
        table.put(name, cell, *known_mean(values))
        table.put(f"run_{name}", cell, padded(values, spec.grid.seeds))
    entropy, own = runs["local_entropy"].values, runs["own_error"].values
    table.put("local_entropy", cell, *known_mean(entropy, own))
    table.put("own_error", cell, known_mean(own)[0])
    table.put("known", cell, np.isfinite(entropy).sum(axis=0))
    _put_matched(table, cell, runs, spec)
    _put_near(table, cell, spec, method, beside, runs)
    table.put("run_local_entropy", cell, padded(entropy, spec.grid.seeds))


def _put_matched(table: ResultGrid, cell: tuple[int, ...], runs: "xarray.Dataset", spec: NetworkOptimizersSpec) -> None:
    """Local entropies at equal loss: what a step went below the loss is made up for in proportion."""
    loss = runs["matched_loss"].values
    # A run that diverged has no end, and is not looked at.
    table.put("looked", cell, np.isfinite(runs["weight_length"].values[: spec.surroundings.integrated]).sum())
    table.put("matched", cell, np.isfinite(loss).sum())
    table.put("matched_loss", cell, *known_mean(loss))
    for name, each in (("matched_entropy", _in_proportion(runs, spec)),
                       ("matched_test_error", runs["matched_test_error"].values)):  # fmt: skip
        table.put(name, cell, *known_mean(each))
        table.put(f"run_{name}", cell, padded(each, spec.grid.seeds))


def _in_proportion(runs: "xarray.Dataset", spec: NetworkOptimizersSpec) -> np.ndarray:
    return runs["matched_entropy"].values * (spec.surroundings.loss / runs["matched_loss"].values)[:, None]


def _put_near(
    table: ResultGrid, cell: tuple[int, ...], spec: NetworkOptimizersSpec, method: str, beside: Any, runs: Any
) -> None:
    """The same quantities at the step sizes below and above the chosen one, which stands between them."""
    chosen = float(runs["step_size"].values[0])
    with np.errstate(invalid="ignore"):
        groups = [beside.isel(draw=beside["step_size"].values < chosen), runs,
                  beside.isel(draw=beside["step_size"].values > chosen)]  # fmt: skip
    found = {
        "near_matched_entropy": _in_proportion,
        "near_matched_test_error": lambda group, _: group["matched_test_error"].values,
        "near_final_test_error": lambda group, _: group["test_error"].values[:, -1],
        "near_final_training_loss": lambda group, _: group["training_loss"].values[:, -1],
    }
    sizes = np.array([float(g["step_size"].values[0]) if g.sizes["draw"] else np.nan for g in groups])
    table.put("near_step_size", cell, sizes)
    table.put("near_temperature", cell, noise_factor(method, spec.options) * sizes / (2.0 * spec.training.batch))
    for name, of in found.items():
        both = [known_mean(of(group, spec)) for group in groups]
        table.put(name, cell, *(np.stack(part) for part in zip(*both, strict=True)))


def put_trials(table: ResultGrid, cell: tuple[int, ...], sizes: list[float], tried: "xarray.Dataset") -> None:
    """What step sizes (trials,) gave on samples held out: means over folds and repeats, with errors over folds."""
    table.put("tried_step_size", cell, np.array(sizes))
    means = np.full((2, 2, len(sizes)), np.nan)
    for k, found in enumerate(tried["held_out"].values):
        for j in range(2):
            # Repeats of a fold share its samples held out, and are not independent.
            means[j, :, k] = mean_and_error(found[..., j].mean(axis=1))
    table.put("tried_error", cell, *means[0])
    table.put("tried_loss", cell, *means[1])


def known_mean(values: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis of what is finite, and its standard error; of one alone its `own` error, if given."""
    mean, error = np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    for place in np.ndindex(values.shape[1:]):
        known = np.isfinite(values[:, *place])
        if known.any():
            mean[place], error[place] = mean_and_error(values[known, *place])
            if known.sum() == 1 and own is not None:
                error[place] = own[known, *place][0]
    return mean, error


def padded(values: np.ndarray, length: int) -> np.ndarray:
    """Runs that are not there yet as NaN: (length, ...)."""
    whole = np.full((length, *values.shape[1:]), np.nan)
    whole[: len(values)] = values
    return whole


def _coords(spec: NetworkOptimizersSpec) -> dict[str, tuple]:
    scale = np.asarray(spec.surroundings.scale)
    return {
        "optimizer": ("optimizer", np.array(spec.grid.optimizer, np.str_), {"long_name": "optimiser"}),
        "estimator": ("estimator", np.array(ESTIMATORS, np.str_), {"long_name": "estimator of the local entropy"}),
        "scale": ("scale", scale, {"long_name": "scale t of the smoothing", "units": "1"}),
        "near": ("near", np.array(["below", "chosen", "above"], np.str_), {"long_name": "step size beside the chosen"}),
        "level": ("level", LEVELS, {"long_name": "eigenvalue", "units": "1"}),
        "factor": ("trial", np.array(spec.tuning.factors), {"long_name": "step size / middle one"}),
    }


def _attributes(spec: NetworkOptimizersSpec) -> dict[str, object]:
    data = spec.data.draw()
    beta = float(data.size) if spec.surroundings.beta is None else spec.surroundings.beta
    tested = 0 if data.test_inputs is None else len(data.test_inputs)
    return {
        "data": data.name, "training_samples": data.size, "test_samples": tested, "label_noise": spec.data.label_noise,
        "weights": spec.landscape(data).dim, "hidden": " ".join(map(str, spec.network.hidden)), "beta": beta,
        "batch": spec.training.batch, "epochs": spec.training.epochs, "counting": spec.training.counting,
        "schedule": spec.training.schedule, "shown": spec.surroundings.shown,
        "matched_loss": spec.surroundings.loss, "folds": spec.tuning.folds,
        "repeats": spec.tuning.seeds, "labels": "; ".join(METHODS[name].label for name in spec.grid.optimizer),
        "replicas": str({name: getattr(spec.options, name).replicas
                         for name in REPLICATED if name in spec.grid.optimizer}),
        "constants": "; ".join(constants(name, spec.options) for name in spec.grid.optimizer),
        "neighbours": spec.surroundings.neighbours, "integrated": min(spec.surroundings.integrated, spec.grid.seeds),
        "bins": "none",
    }  # fmt: skip
