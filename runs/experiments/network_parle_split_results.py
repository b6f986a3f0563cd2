"""results.h5 of "network-parle-split": test errors over optimiser and share of the samples, and paired differences.

Differences are taken seed by seed; probabilities are Student's, two-sided, corrected by Holm for their number, for each
of DIFFERENCES by itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.network_methods import REPLICATED, constants
from runs.experiments.network_optimizers_draw import step_sizes
from runs.experiments.network_optimizers_results import holm, known_mean, padded, paired_difference, put_trials
from runs.experiments.network_parle_split import NetworkParleSplitSpec
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

ALONG = ("place",)
CURVES = {
    "test_error": ("wrong fraction of the test samples, centre of the replicas", "1"),
    "training_error": ("wrong fraction of all training samples, centre of the replicas", "1"),
    "training_loss": ("energy over all training samples, centre of the replicas", "nats"),
}
DIFFERENCES = {
    "all": "on all samples",
    "part": "on one part of the same size",
    "replicas": "with replicas, on parts of the same size",
}
"""What test errors are compared with: name, and the rest of `the first optimiser ...`."""

ENDS = {
    **{f"final_{name}": (f"{text}, at the end", units) for name, (text, units) in CURVES.items()},
    "replicas_error": ("test error of single replicas at the end, their mean", "1"),
}
QUANTITIES = {
    "runs": Quantity("runs"),
    "diverged": Quantity("runs whose loss is no number at the end"),
    "step_size": Quantity("step size chosen"),
    "at_edge": Quantity("1 where it is the first or last of those tried"),
    "total_work": Quantity("sample gradients of a run"),
    **{name: Quantity(text, units) for name, (text, units) in ENDS.items()},
    "work": Quantity("sample gradients taken", dims=ALONG),
    **{name: Quantity(text, units, ALONG) for name, (text, units) in CURVES.items()},
    "tried_step_size": Quantity("step sizes tried", dims=("trial",)),
    "tried_error": Quantity("wrong fraction of samples held out", dims=("trial",)),
    "tried_loss": Quantity("loss on samples held out", "nats", ("trial",)),
    **{f"run_{name}": Quantity(f"{text}: each run", units, ("run",)) for name, (text, units) in ENDS.items()},
}


def assemble(spec: NetworkParleSplitSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (optimizer, fraction)."""
    from mcmc.store.reader import open_run_file

    grid = spec.grid
    inner = {"place": spec.places + 1, "trial": len(spec.tuning.factors), "run": grid.seeds}
    table = ResultGrid({"optimizer": len(grid.optimizer), "fraction": len(grid.fraction)}, inner, QUANTITIES)
    for point in plan:
        if point.name in files:
            name, fraction = point.parameters["optimizer"], point.parameters["fraction"]
            cell = grid.optimizer.index(name), grid.fraction.index(fraction)
            _put(table, cell, step_sizes(spec.step_size, spec.tuning, name), open_run_file(files[point.name]))
    results = table.dataset(_coords(spec), _attributes(spec))
    return results.assign(_differences(results))


def _put(table: ResultGrid, cell: tuple[int, ...], sizes: list[float], data: "xarray.Dataset") -> None:
    trial, seeds = data["trial"].values == 1, table.lengths["run"]
    put_trials(table, cell, sizes, data.isel(draw=trial))
    runs = data.isel(draw=~trial).isel(draw=slice(0, seeds))
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
    for name in CURVES:
        table.put(name, cell, *mean_and_error(runs[name].values))
    ends = {f"final_{name}": runs[name].values[:, -1] for name in CURVES}
    for name, values in {**ends, "replicas_error": runs["replicas_error"].values}.items():
        table.put(name, cell, *known_mean(values))
        table.put(f"run_{name}", cell, padded(values, seeds))


def _differences(results: "xarray.Dataset") -> dict[str, tuple]:
    """Of each cell to the first optimiser on all samples and on one part, and to the first one with replicas."""
    if "run_final_test_error" not in results:
        return {}
    each = results["run_final_test_error"].transpose("optimizer", "fraction", "run").values
    found: dict[str, tuple] = {}
    names = [str(name) for name in results["optimizer"].values]
    second = next((i for i, name in enumerate(names) if name in REPLICATED), 0)
    for name, said in DIFFERENCES.items():
        values, pairs = np.full((3, *each.shape[:2]), np.nan), np.zeros(each.shape[:2], np.int64)
        for i, j in np.ndindex(each.shape[:2]):
            other = {"all": (0, each.shape[1] - 1), "part": (0, j), "replicas": (second, j)}[name]
            # On all samples a part is all: the first comparison already.
            duplicate = name == "part" and j == each.shape[1] - 1
            if (i, j) != other and not duplicate and (name != "replicas" or names[i] in REPLICATED):
                values[:, i, j] = paired_difference(each[i, j], each[other])
                pairs[i, j] = (np.isfinite(each[i, j]) & np.isfinite(each[other])).sum()
        text = f"test error minus that of the first optimiser {said}, seed by seed"
        dims, chance = ("optimizer", "fraction"), holm(values[2].reshape(-1)).reshape(values[2].shape)
        error, by_chance = f"one standard error of: {text}", f"{text}: probability by chance (Student, Holm)"
        found[f"difference_to_{name}"] = (dims, values[0], {"long_name": text, "units": "1"})
        found[f"difference_to_{name}_error"] = (dims, values[1], {"long_name": error, "units": "1"})
        found[f"probability_to_{name}"] = (dims, chance, {"long_name": by_chance, "units": "1"})
        found[f"pairs_to_{name}"] = (dims, pairs, {"long_name": f"{text}: seeds that both have", "units": "1"})
    return found


def _coords(spec: NetworkParleSplitSpec) -> dict[str, tuple]:
    fraction = np.array(spec.grid.fraction)
    return {
        "optimizer": ("optimizer", np.array(spec.grid.optimizer, np.str_), {"long_name": "optimiser"}),
        "fraction": ("fraction", fraction, {"long_name": "share of the samples that a replica sees", "units": "1"}),
        "factor": ("trial", np.array(spec.tuning.factors), {"long_name": "step size / middle one"}),
    }


def _attributes(spec: NetworkParleSplitSpec) -> dict[str, object]:
    data = spec.data.draw()
    tested = 0 if data.test_inputs is None else len(data.test_inputs)
    return {
        "data": data.name, "training_samples": data.size, "test_samples": tested, "label_noise": spec.data.label_noise,
        "weights": spec.landscape(data).dim, "replicas": spec.replicas, "batch": spec.training.batch,
        "epochs": spec.training.epochs, "counting": spec.training.counting, "schedule": spec.training.schedule,
        "folds": spec.tuning.folds, "repeats": spec.tuning.seeds,
        "constants": "; ".join(constants(name, spec.options) for name in spec.grid.optimizer), "bins": "none",
    }  # fmt: skip
