"""results.h5 of "network-phase-diagram": means over seeds on the plane (step_size, batch), and the collapse on eta / b.

Runs whose weights or loss are no numbers count as diverged and enter no mean. Cells whose loss is above that of a
network that knows nothing, log(classes), are marked; they, and cells with a diverged run, stay out of the collapse.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_phase_diagram import ENTROPIES, ESTIMATED, NUMBERS, NetworkPhaseDiagramSpec
from runs.experiments.network_phase_diagram_collapse import Collapse, collapse
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    import xarray

DIMS = ("step_size", "batch")
SCALE = ("scale",)
LOOKED_AT = ("test_error", "training_error", "training_loss", "hessian_trace", "hessian_highest", "noise_trace")
"""Numbers whose collapse is measured, and the local entropies of ENTROPIES_LOOKED_AT at every t."""

ENTROPIES_LOOKED_AT = ("curvature_entropy",)

QUANTITIES = {
    "runs": Quantity("runs"),
    "diverged": Quantity("runs whose weights or loss are no numbers"),
    "not_reached": Quantity("runs that did not reach the loss they were to end at in time"),
    "above_chance": Quantity("1 where the training loss is above that of guessing, log(classes)"),
    "kept": Quantity("1 where the cell enters the collapse"),
    "ratio": Quantity("learning rate over batch size, eta / b"),
    "temperature": Quantity("temperature of the noise, eta / (2 b)"),
    "steps": Quantity("steps of a run"),
    **{name: Quantity(f"{text}, at the end", units) for name, (text, units) in NUMBERS.items()},
    **{name: Quantity(text, "nats", SCALE) for name, text in ENTROPIES.items()},
    "known": Quantity("runs whose local entropy to second order is known", dims=SCALE),
    "deviation": Quantity("integration minus second order, of the runs that have both", "nats", SCALE),
    **{f"{name}_warned": Quantity(f"runs with warnings of: {ENTROPIES[name]}", dims=SCALE) for name in ESTIMATED},
    **{f"{name}_asked": Quantity(f"runs asked for: {ENTROPIES[name]}") for name in ESTIMATED},
    "left_out": Quantity("size of what second order leaves out, by its own account, mean", "nats", SCALE),
    **{
        f"run_{name}": Quantity(f"{text}, at the end: each run", units, ("run",))
        for name, (text, units) in NUMBERS.items()
    },
    **{f"run_{name}": Quantity(f"{text}: each run", "nats", ("run", *SCALE)) for name, text in ENTROPIES.items()},
}

COLLAPSE = {
    "ratio": ("r of the best fit log y = g(log eta + r log b); -1: a function of eta / b", "ratio_error"),
    "step_exponent": ("p of log y = c + p log eta + q log b", "step_exponent_error"),
    "batch_exponent": ("q of log y = c + p log eta + q log b", "batch_exponent_error"),
    "at_theory": ("root mean square residual of log y as a function of eta / b", None),
    "at_best": ("root mean square residual of log y at the best r", None),
    "by_chance": ("root mean square standard error of log y from seeds", None),
    "range": ("standard deviation of log y over the plane", None),
    "at_end": ("share of the bootstraps of r at an end of the values tried: of more than a few, no error", None),
    "cells": ("cells that the fit has", None),
}


def assemble(spec: NetworkPhaseDiagramSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over (step_size, batch), and over `observable`."""
    from mcmc.store.reader import open_run_file

    grid, scale = spec.grid, np.asarray(spec.measured.scale)
    outer = {"step_size": len(grid.step_size), "batch": len(grid.batch)}
    table = ResultGrid(outer, {"scale": scale.size, "run": grid.seeds}, QUANTITIES)
    for point in plan:
        place = grid.step_size.index(point.parameters["step_size"]), grid.batch.index(point.parameters["batch"])
        eta_over_b = point.parameters["step_size"] / point.parameters["batch"]
        table.put("ratio", place, eta_over_b)
        table.put("temperature", place, 0.5 * eta_over_b)
        if point.name in files:
            _put(table, place, spec, open_run_file(files[point.name]))
    coords: dict[str, Any] = {
        "step_size": ("step_size", np.array(grid.step_size), {"long_name": "learning rate eta"}),
        "batch": ("batch", np.array(grid.batch), {"long_name": "batch size b"}),
        "scale": ("scale", scale, {"long_name": "scale t of the smoothing", "units": "1"}),
    }
    results = table.dataset(coords, _attributes(spec))
    return results.assign(_collapses(spec, results)) if "kept" in results else results


def _put(table: ResultGrid, place: tuple[int, int], spec: NetworkPhaseDiagramSpec, data: "xarray.Dataset") -> None:
    runs = data.isel(draw=slice(0, spec.grid.seeds))
    count, ended = runs.sizes["draw"], runs["ended"].values
    if not count:
        return
    fine = ended >= 0
    counts = {"runs": count, "diverged": (~fine).sum(), "not_reached": (ended == 0).sum()}
    for name, number in counts.items():
        table.put(name, place, number)
    table.put("steps", place, *mean_and_error(runs["steps"].values.astype(float)))
    for name in (*NUMBERS, *ENTROPIES):
        values = runs[name].values
        table.put(name, place, *_known_mean(values))
        padded = np.full((spec.grid.seeds, *values.shape[1:]), np.nan)
        padded[:count] = values
        table.put(f"run_{name}", place, padded)
    lost = _known_mean(runs["training_loss"].values)[0] > math.log(spec.data.outputs)
    table.put("above_chance", place, float(lost))
    table.put("kept", place, float(bool(ended.min() > 0 and not lost)))
    laplace, chains = runs["local_entropy"].values, runs["integrated_entropy"].values
    table.put("known", place, np.isfinite(laplace).sum(axis=0))
    for name, asked in zip(ESTIMATED, (count, spec.measured.integrated), strict=True):
        table.put(f"{name}_asked", place, fine[:asked].sum())
        table.put(f"{name}_warned", place, (runs[f"{name}_warned"].values > 0).sum(axis=0))
    table.put("left_out", place, _known_mean(runs["local_entropy_own"].values)[0])
    both, own = _known_mean(chains - laplace), runs["integrated_entropy_own"].values
    count_both = np.isfinite(chains - laplace).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sampled = np.sqrt(np.nansum(own**2, axis=0)) / count_both
    table.put("deviation", place, both[0], sampled)


def _known_mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over runs (runs, ...) where finite, and its standard error from their spread."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        square = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / (count - 1)
        return np.where(count > 0, mean, np.nan), np.where(count > 1, np.sqrt(square / count), np.nan)


def _collapses(spec: NetworkPhaseDiagramSpec, results: "xarray.Dataset") -> dict[str, tuple]:
    eta, b = (grid.ravel() for grid in np.meshgrid(results["step_size"], results["batch"], indexing="ij"))
    kept, most = results["kept"].values.ravel() == 1, _largest_step_sizes(spec.grid.step_size)
    columns = {name: results[f"run_{name}"].values for name in LOOKED_AT}
    for name in ENTROPIES_LOOKED_AT:
        each = results[f"run_{name}"].transpose(..., "scale").values
        columns |= {f"{name}, t = {t:g}": each[..., k] for k, t in enumerate(results["scale"].values)}

    def fitted(name: str, largest: float) -> Collapse:
        used, seed = kept & (eta <= largest), point_seed(spec.seed, f"collapse {name}")
        return collapse(columns[name].reshape(eta.size, -1)[used], eta[used], b[used], spec.measured.bootstraps, seed)

    found = [[fitted(name, largest) for name in columns] for largest in most]
    dims, text = ("up_to", "observable"), "cells of learning rates up to this one enter the fit"
    variables: dict[str, tuple] = {
        "observable": ("observable", np.array(list(columns), np.str_)),
        "up_to": ("up_to", np.array(most), {"long_name": text}),
    }
    for name, (text, error) in COLLAPSE.items():
        for stem, said in ((name, text), (error, f"one standard error of: {text}")):
            if stem is not None:
                values = np.array([[getattr(one, stem) for one in row] for row in found], float)
                variables[f"collapse_{stem}"] = (dims, values, {"long_name": said, "units": "1"})
    return variables


def _largest_step_sizes(step_sizes: Sequence[float]) -> list[float]:
    """All of them, and about the lower two thirds, where the limit of small eta is nearer."""
    return list(dict.fromkeys([step_sizes[-1], step_sizes[(2 * len(step_sizes) - 1) // 3]]))


def _attributes(spec: NetworkPhaseDiagramSpec) -> dict[str, Any]:
    samples, training = spec.data.training_samples, spec.training
    ends = {
        "time": f"ended after eta x steps = {training.time:g}",
        "epochs": f"ended after {training.epochs:g} epochs",
        "steps": f"ended after {training.steps} steps",
        "loss": f"ended at energy {training.loss:g}",
    }
    return {
        "experiment": "network-phase-diagram", "data": spec.data.source, "training_samples": samples,
        "label_noise": spec.data.label_noise, "hidden": " ".join(map(str, spec.network.hidden)),
        "weight_decay": spec.network.weight_decay, "ends": ends[training.stop], "stop": training.stop,
        "beta": float(samples) if spec.measured.beta is None else spec.measured.beta, "shown": spec.measured.shown,
        "seeds": spec.grid.seeds, "chance": math.log(spec.data.outputs), "bins": "none",
    }  # fmt: skip
