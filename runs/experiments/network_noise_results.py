"""results.h5 of "network-noise": every snapshot, means over seeds, temperatures, and the published spectra."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runs.experiments.network_noise import NUMBERS, NetworkNoiseSpec
from runs.experiments.network_noise_paired import comparison_lines, paired
from runs.experiments.network_spec import REPLACEMENT
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point
from runs.tables import with_error
from runs.verdict import Verdict, largest_score

if TYPE_CHECKING:
    import xarray


class Published(NamedTuple):
    """D of a trained network in arXiv:1710.11029, section 4.1."""

    name: str
    mean: float
    spread: float
    rank: float
    """Share of eigenvalues above lambda_max dim eps of float32."""


PUBLISHED = (
    Published("small-fc, MNIST 7x7", 0.9e-3, 18.5e-3, 0.006),
    Published("small-lenet, MNIST", 0.3e-3, 2.11e-3, 0.018),
    Published("CIFAR-10", 0.27, 0.84, 0.0034),
    Published("CIFAR-100", 0.98, 2.16, 0.0047),
)

OUTER = ("step_size", "batch", "replacement")
QUANTITIES = {
    **{name: Quantity(f"{text}, mean over seeds", "1", ("epoch",)) for name, text in NUMBERS.items()},
    "eigenvalue_of_d": Quantity("eigenvalues of D, falling, mean over seeds", "1", ("epoch", "eigenvalue")),
    "hessian_eigenvalue": Quantity(
        "largest eigenvalues of the Hessian, falling, mean over seeds", "1", ("epoch", "direction")
    ),
    **{f"seed_{name}": Quantity(f"{text}, of each seed", "1", ("epoch", "seed")) for name, text in NUMBERS.items()},
    "seed_eigenvalue_of_d": Quantity("eigenvalues of D of each seed, falling", "1", ("epoch", "seed", "eigenvalue")),
    "untrained": Quantity("1 where the loss ends above that of guessing, log(classes), and above its first"),
    "measured_temperature": Quantity(
        "eta / 2 times the measured covariance of one batch over D, mean over snapshots and seeds"
    ),
    "epoch_temperature": Quantity(
        "eta / 2 times the measured covariance of the sum of an epoch's gradients at fixed weights over D and its "
        "steps, mean over snapshots and seeds"
    ),
    "temperature": Quantity("temperature of the noise as published, eta / (2 b), times 1 - b / N without replacement"),
    "exact_temperature": Quantity("eta / 2 times the exact covariance of one batch over D"),
}


def assemble(spec: NetworkNoiseSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (step size, batch, replacement)."""
    from mcmc.store.reader import open_run_file

    grid = spec.grid
    there = {point.name: open_run_file(files[point.name]).load() for point in points if point.name in files}
    first = next(iter(there.values()), None)
    inner = {
        "epoch": len(grid.epochs), "seed": grid.seeds,
        "eigenvalue": 1 if first is None else first.sizes["eigenvalue"], "direction": spec.measured.top,
    }  # fmt: skip
    table = ResultGrid({name: len(getattr(grid, name)) for name in OUTER}, inner, QUANTITIES)
    for point in points:
        if point.name in there:
            cell = tuple(getattr(grid, name).index(point.parameters[name]) for name in OUTER)
            _put(table, cell, there[point.name], inner)
            _put_temperatures(table, cell, point, there[point.name])
            table.put("untrained", cell, _untrained(table.arrays["loss"][cell], spec))
    results = table.dataset(_coords(spec, inner), _attributes(spec, first))
    if there:
        results = results.assign(paired(results))
    return results.assign(_published())


def _untrained(loss: np.ndarray, spec: NetworkNoiseSpec) -> float:
    """1 for losses (epochs,) that end above guessing and not below where they began; 0 before the last snapshot."""
    began = loss[0] if spec.grid.epochs[0] == 0 else -math.inf
    return float(spec.grid.epochs[-1] > 0 and loss[-1] > max(math.log(spec.data.outputs), began))


def _put(table: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset", lengths: Mapping[str, int]) -> None:
    """Draws are the snapshots of one seed after the other; the last seed may lack some."""
    shape = lengths["seed"], lengths["epoch"]

    def arranged(name):
        values = data[name].values.astype(np.float64)[: shape[0] * shape[1]]
        whole = np.full((shape[0] * shape[1], *values.shape[1:]), np.nan)
        whole[: len(values)] = values
        return whole.reshape(*shape, *values.shape[1:])

    for name in NUMBERS:
        values = arranged(name)
        table.put(f"seed_{name}", cell, values.T)
        table.put(name, cell, *_over_seeds(values))
    spectra = arranged("eigenvalues")
    table.put("seed_eigenvalue_of_d", cell, spectra.transpose(1, 0, 2))
    table.put("eigenvalue_of_d", cell, *_over_seeds(spectra))
    table.put("hessian_eigenvalue", cell, *_over_seeds(arranged("hessian_top")))


def _put_temperatures(table: ResultGrid, cell: tuple[int, ...], point: Point, data: "xarray.Dataset") -> None:
    from mcmc.samplers.minibatches import Minibatches

    eta, b, n = point.parameters["step_size"], point.parameters["batch"], int(data.attrs["samples"])
    kind = REPLACEMENT[point.parameters["replacement"]]
    table.put("temperature", cell, eta / (2 * b) * (1.0 if kind is True else 1 - b / n))
    table.put("exact_temperature", cell, eta / 2 * Minibatches(n, b, replacement=kind).noise_share)
    for name, share in (("measured_temperature", "share"), ("epoch_temperature", "epoch_share")):
        values, own = data[share].values, data[f"{share}_own"].values
        if values.size:
            error = np.sqrt((own**2).sum()) / own.size
            table.put(name, cell, eta / 2 * values.mean(), eta / 2 * error)


def _over_seeds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and error over the seeds that have come so far, NaN where none has."""
    mean, error = (np.full(values.shape[1:], np.nan) for _ in range(2))
    for place in range(values.shape[1]):
        known = values[:, place][np.isfinite(values[:, place]).reshape(len(values), -1).any(axis=1)]
        mean[place], error[place] = mean_and_error(known)
    return mean, error


def _coords(spec: NetworkNoiseSpec, lengths: Mapping[str, int]) -> dict[str, tuple]:
    grid = spec.grid
    return {
        "step_size": ("step_size", np.array(grid.step_size), {"long_name": "step size eta of SGD"}),
        "batch": ("batch", np.array(grid.batch), {"long_name": "batch size b"}),
        "replacement": ("replacement", np.array(grid.replacement, np.str_), {"long_name": "how batches are drawn"}),
        "epoch": ("epoch", np.array(grid.epochs), {"long_name": "passes through the data"}),
        "seed": ("seed", np.arange(grid.seeds), {"long_name": "run"}),
        "eigenvalue": ("eigenvalue", 1 + np.arange(lengths["eigenvalue"]), {"long_name": "rank of the eigenvalue"}),
        "direction": ("direction", 1 + np.arange(spec.measured.top), {"long_name": "rank of the eigenvalue"}),
    }


def _attributes(spec: NetworkNoiseSpec, first: "xarray.Dataset | None") -> dict[str, object]:
    known = {} if first is None else first.attrs
    return {
        "dim": int(known.get("dim", 0)), "samples": int(known.get("samples", 0)),
        "data_name": str(known.get("data_name", spec.data.name)), "side": spec.data.side or 0,
        "hidden": "-".join(str(width) for width in spec.network.hidden), "activation": spec.network.activation,
        "top": spec.measured.top, "chance": math.log(spec.data.outputs), "bins": "none",
    }  # fmt: skip


def _published() -> dict[str, tuple]:
    source = "arXiv:1710.11029, section 4.1"
    names = np.array([one.name for one in PUBLISHED], np.str_)
    found = {"published_name": ("published", names, {"long_name": f"network, {source}"})}
    for key, text in (("mean", "mean"), ("spread", "spread"), ("rank", "rank_float32")):
        values = np.array([getattr(one, key) for one in PUBLISHED])
        found[f"published_{key}"] = "published", values, {"long_name": f"{NUMBERS[text]}, {source}"}
    return found


def summary(results: "xarray.Dataset") -> list[str]:
    """The last snapshot of each way of training; measured temperatures against exact ones; published spectra."""
    if "trace" not in results:
        return []
    last = results.isel(epoch=-1)
    cells = [
        last.isel(step_size=i, batch=j, replacement=k)
        for i, j, k in np.ndindex(*(results.sizes[name] for name in OUTER))
    ]
    lines = [_line(cell) for cell in cells if np.isfinite(cell["mean"])]
    one = PUBLISHED[0]
    lines.append(
        f"published (arXiv:1710.11029), {one.name}: eigenvalues ({one.mean * 1e3:g} +- {one.spread * 1e3:g})e-3, "
        f"rank {100 * one.rank:g}%"
    )
    return [*lines, *comparison_lines(results), *_temperatures(results), *_over_epochs(results)]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Measured temperatures of the noise beside exact ones."""
    if "measured_temperature" not in results:
        return []
    source = "exact: eta / 2 times the covariance of batches over D"
    return largest_score("temperatures of the noise", _scores(results), source)


def _scores(results: "xarray.Dataset") -> np.ndarray:
    found, exact = results["measured_temperature"], results["exact_temperature"]
    # A batch of all samples has no noise but rounding, and no error.
    error = results["measured_temperature_error"].where(exact > 0)
    return ((found - exact) / error).values


def _line(cell: "xarray.Dataset") -> str:
    how = f"eta = {float(cell['step_size']):g}, b = {int(cell['batch'])}, {drawn(str(cell['replacement'].item()))}"
    if cell["untrained"] == 1:
        return (
            f"{how}, epoch {int(cell['epoch'])}: no result, the loss ends at {float(cell['loss']):.3g}, above that of "
            f"guessing, {cell.attrs['chance']:.3g}; take a smaller grid.step_size"
        )
    told = {
        name: with_error(float(cell[name]), float(cell[f"{name}_error"]))
        for name in ("loss", "trace", "participation_ratio", "cosine")
    }
    return (
        f"{how}, epoch {int(cell['epoch'])}: loss {told['loss']}, eigenvalues of D ({1e3 * float(cell['mean']):.2g} +- "
        f"{1e3 * float(cell['spread']):.3g})e-3, trace {told['trace']}, participation ratio "
        f"{told['participation_ratio']} of {cell.attrs['dim']}, rank {100 * float(cell['rank_float32']):.2g}% "
        f"(threshold of float32), {100 * float(cell['rank_float64']):.3g}% (float64), cosine with the Hessian "
        f"{told['cosine']}"
    )


def drawn(replacement: str) -> str:
    """How batches are drawn, in words."""
    return {
        "epoch": "without replacement (epochs)", "without": "without replacement (each batch)",
        "with": "with replacement",
    }[replacement]  # fmt: skip


def _temperatures(results: "xarray.Dataset") -> list[str]:
    z = _scores(results)
    known = z[np.isfinite(z)]
    if not known.size:
        return []
    return [
        f"temperatures of one batch, {known.size} ways of training, measured against eta / 2 times the exact "
        f"covariance over D: largest score {np.abs(known).max():.2g}, root mean square {np.sqrt((known**2).mean()):.2g}"
    ]


def _over_epochs(results: "xarray.Dataset") -> list[str]:
    """What is left of the noise in the sum of an epoch's gradients, at fixed weights."""
    if "epoch_temperature" not in results:
        return []
    ratio = (results["epoch_temperature"] / results["exact_temperature"]).where(results["exact_temperature"] > 0)
    told = []
    for kind in results["replacement"].values:
        found = ratio.sel(replacement=kind).values
        found = found[np.isfinite(found)]
        if found.size:
            told.append(f"{found.min():.3f} to {found.max():.3f} {drawn(str(kind))}")
    return [
        "covariance of the sum of an epoch's gradients at fixed weights, over that of as many independent batches: "
        f"{', '.join(told)}; batches of an epoch that uses every sample cancel, so that the temperature of one batch "
        "is not the one its trajectory feels"
    ]
