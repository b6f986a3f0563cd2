"""results.h5 of solvers: fractions solved, median work and time, and where success falls through one half."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.statistics.intervals import median_with_interval
from mcmc.statistics.proportion import proportion, wilson_interval
from runs.experiments.perceptron_capacity import CapacitySpec
from runs.experiments.perceptron_labels import LABELS
from runs.experiments.perceptron_methods import UNITS
from runs.experiments.perceptron_spec import Instances, pattern_count
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.experiments.success_threshold import success_threshold
from runs.grid import Point, point_seed
from runs.tables import plain, with_error

if TYPE_CHECKING:
    import xarray

ONE_SIGMA = 0.682689492137086

QUANTITIES = {
    "patterns": Quantity("patterns P"),
    "instances": Quantity("instances"),
    "success": Quantity("fraction of instances solved"),
    "success_low": Quantity("lower end of its 95 % Wilson interval"),
    "success_high": Quantity("upper end of its 95 % Wilson interval"),
    "median_work": Quantity("median work to a solution, searches that failed being longer than all others"),
    "median_work_low": Quantity("lower end of the 68 % interval of the median work"),
    "median_work_high": Quantity("upper end of the 68 % interval of the median work"),
    "median_passes": Quantity("median passes to a solution: flips tried / N, presentations / P or sweeps of messages"),
    "median_passes_low": Quantity("lower end of the 68 % interval of the median passes"),
    "median_passes_high": Quantity("upper end of the 68 % interval of the median passes"),
    "median_seconds": Quantity("median time to a solution, likewise", "s"),
    "median_seconds_low": Quantity("lower end of the 68 % interval of the median time", "s"),
    "median_seconds_high": Quantity("upper end of the 68 % interval of the median time", "s"),
    "mean_errors": Quantity("errors of the best weights of searches that failed, mean"),
}

HALF = {"alpha_half": Quantity("alpha at which half of the instances are solved", "patterns per weight")}


def assemble(spec: CapacitySpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (method, n, alpha), and the thresholds over (method, n).

    xarray has a use of its own for the word: select with `results.sel({"method": "sbpi"})`.
    """
    from mcmc.store.reader import open_run_file

    methods, sizes, alphas = spec.grid.method, spec.grid.n, spec.grid.alpha
    grid = ResultGrid({"method": len(methods), "n": len(sizes), "alpha": len(alphas)}, {}, QUANTITIES)
    for point in points:
        where = point.parameters
        cell = methods.index(where["method"]), sizes.index(where["n"]), alphas.index(where["alpha"])
        grid.put("patterns", cell, pattern_count(where["n"], where["alpha"]))
        if point.name in files:
            with open_run_file(files[point.name], ("errors", "work", "passes", "seconds")) as file:
                _put(grid, cell, file.isel(draw=slice(0, spec.grid.instances)).load())
    halves = _thresholds(spec, grid)
    coords = {
        "method": ("method", np.array(methods, dtype=np.str_), {"long_name": "method"}),
        "work_unit": ("method", np.array([UNITS[method] for method in methods]), {"long_name": "unit of work"}),
        "n": ("n", np.array(sizes, np.int64), {"long_name": "N", "units": "weights"}),
        "alpha": ("alpha", np.array(alphas), {"long_name": "alpha", "units": "patterns per weight"}),
    }
    attributes = {
        "patterns_kind": spec.patterns.kind,
        "planted": int(spec.patterns.planted),
        "margin": spec.patterns.margin,
        # Instances are independent: their errors need no bins, whatever number was asked for.
        "bins": "none",
    }
    results = grid.dataset(coords, attributes)
    return results.assign({**halves.variables(), **landmarks(spec.patterns)})


def landmarks(patterns: Instances) -> dict[str, tuple]:
    """Loads that theory marks, with their numerical errors; NaN where it has none, as for planted labels."""
    from perceptron import theory

    found: dict[str, tuple] = {}
    marks = {
        "capacity": (theory.capacity, "replica-symmetric capacity: solutions exist below"),
        "alpha_u": (theory.monotonicity_threshold, "alpha_U: dense groups of solutions are connected below"),
    }
    for name, (function, said) in marks.items():
        value = error = np.nan
        if not patterns.planted:
            try:
                number = function(patterns.margin)
                value, error = float(number), float(number.error)
            except ArgumentError:
                pass
        attributes = {"long_name": said, "units": "patterns per weight"}
        found[name] = (), value, attributes
        found[f"{name}_error"] = (), error, {**attributes, "long_name": f"numerical error of: {said}"}
    return found


def _put(grid: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset") -> None:
    errors = data["errors"].values
    solved = errors == 0
    share, interval = proportion(solved.sum(), solved.size), wilson_interval(solved.sum(), solved.size)
    grid.put("instances", cell, solved.size)
    grid.put("success", cell, share.value, share.error)
    grid.put("success_low", cell, interval.low)
    grid.put("success_high", cell, interval.high)
    for name in ("work", "passes", "seconds"):
        values = np.where(solved, data[name].values.astype(np.float64), np.inf)
        put_median(grid, cell, f"median_{name}", values)
    if not solved.all():
        grid.put("mean_errors", cell, errors[~solved].mean())


def put_median(grid: ResultGrid, cell: tuple[int, ...], name: str, values: np.ndarray) -> None:
    """A median with its ends at one standard error; infinite ones are left NaN, for they are not known."""
    median = median_with_interval(values, ONE_SIGMA)
    value, low, high = (number if np.isfinite(number) else np.nan for number in median)
    grid.put(name, cell, value, 0.5 * (high - low))
    grid.put(f"{name}_low", cell, low)
    grid.put(f"{name}_high", cell, high)


def _thresholds(spec: CapacitySpec, grid: ResultGrid) -> ResultGrid:
    halves = ResultGrid({"method": len(spec.grid.method), "n": len(spec.grid.n)}, {}, HALF)
    arrays = grid.arrays
    for i, method in enumerate(spec.grid.method):
        for j, n in enumerate(spec.grid.n):
            halves.put("alpha_half", (i, j), np.nan, np.nan)
            count = arrays["instances"][i, j] if "instances" in arrays else np.full(len(spec.grid.alpha), np.nan)
            there = np.isfinite(count)
            if there.sum() > 1:
                successes = np.rint(arrays["success"][i, j] * count)[there]
                alpha = arrays["patterns"][i, j][there] / n
                seed = point_seed(spec.seed, f"threshold {method} n-{n}")
                halves.put("alpha_half", (i, j), *success_threshold(alpha, successes, count[there], seed))
    return halves


def summary(results: "xarray.Dataset") -> list[str]:
    """The loads of theory, and for each method where it stops solving half of the instances of the largest size."""
    lines = []
    if np.isfinite(results["capacity"]):
        marks = {name: plain(round(float(results[name]), 4)) for name in ("capacity", "alpha_u")}
        lines.append(f"theory: capacity {marks['capacity']}, dense groups of solutions to alpha_U = {marks['alpha_u']}")
    for i, method in enumerate(results["method"].values):
        there = np.flatnonzero(np.isfinite(results["success"].values[i]).any(axis=1))
        if there.size:
            lines.append(_line(results.isel(method=i, n=int(there[-1])), str(method)))
    return lines


def _line(row: "xarray.Dataset", method: str) -> str:
    half, error = float(row["alpha_half"]), float(row["alpha_half_error"])
    success, alpha = row["success"].values, row["alpha"].values
    known = np.flatnonzero(np.isfinite(success))
    if np.isfinite(half):
        told = [f"solves half of the instances at alpha = {with_error(half, error)}"]
    else:
        ends = [f"{100 * success[k]:.0f} % at alpha = {alpha[k]:g}" for k in dict.fromkeys((known[0], known[-1]))]
        told = [f"solves {' and '.join(ends)}"]
    timed = np.flatnonzero(np.isfinite(row["median_seconds"].values))
    if timed.size:
        at = row.isel(alpha=int(timed[-1]))
        work, seconds = _interval(at, "median_passes"), _interval(at, "median_seconds")
        told.append(f"median at alpha = {float(at['alpha']):g}: {work} passes, {seconds} s")
    return f"{LABELS.get(method, method)}, N = {int(row['n'])}: {'; '.join(told)}"


def _interval(cell: "xarray.Dataset", name: str) -> str:
    """`420 (310..560)`: a median with its 68 % interval, which is skewed; `(310..)` where failed searches end it."""
    value, low, high = (float(cell[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.3g} ({_number(low)}..{_number(high)})"


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else ""
