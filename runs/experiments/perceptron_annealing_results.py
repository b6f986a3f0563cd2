"""results.h5 of annealing against size: median work, and the exponential and power laws fitted to all searches."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ConvergenceWarning
from mcmc.statistics.growth import GrowthFit, fit_growth
from mcmc.statistics.proportion import proportion
from runs.experiments.perceptron_annealing import ANNEALERS, AnnealingSpec, replicas
from runs.experiments.perceptron_capacity_results import put_median
from runs.experiments.perceptron_labels import LABELS
from runs.experiments.perceptron_spec import pattern_count
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.grid import Point
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

LAWS = ("exponential", "power")

UNDECIDED = 2.0
"""Difference of AIC below which neither law is preferred (Burnham & Anderson 2002, section 2.6)."""

UNLIKELY = 0.01
"""Probability of its deviance below which a law does not fit."""

QUANTITIES = {
    "patterns": Quantity("patterns P"),
    "instances": Quantity("instances"),
    "success": Quantity("fraction of instances solved before the search was given up"),
    "median_work": Quantity("median work to a solution, searches given up being longer than all others", "sweeps"),
    "median_work_low": Quantity("lower end of the 68 % interval of the median work", "sweeps"),
    "median_work_high": Quantity("upper end of the 68 % interval of the median work", "sweeps"),
    "median_last_run": Quantity("median length of the run that found a solution", "sweeps"),
    "median_last_run_low": Quantity("lower end of its 68 % interval", "sweeps"),
    "median_last_run_high": Quantity("upper end of its 68 % interval", "sweeps"),
    "median_seconds": Quantity("median time to a solution", "s"),
    "median_seconds_low": Quantity("lower end of its 68 % interval", "s"),
    "median_seconds_high": Quantity("upper end of its 68 % interval", "s"),
    "work_of_each": Quantity("work of each search", "sweeps", ("instance",)),
    "solved_of_each": Quantity("1 where the search found a solution, 0 where it was given up", "1", ("instance",)),
}

FITTED = {
    "rate": Quantity("ln(median work) per weight (exponential), or the exponent of N (power)"),
    "prefactor": Quantity("ln(median work) at N = 0 (exponential), or N = 1 (power)"),
    "rate_prefactor_covariance": Quantity("covariance of rate and prefactor"),
    "deviance": Quantity("likelihood-ratio chi2 against medians free at each size"),
    "freedom": Quantity("its degrees of freedom"),
    "probability": Quantity("probability of a larger chi2, were the law true"),
    "aic": Quantity("Akaike information criterion"),
}


def assemble(spec: AnnealingSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (method, n, alpha), and the fits over (method, alpha, law).

    xarray has a use of its own for the word: select with `results.sel({"method": "annealing"})`.
    """
    from mcmc.store.reader import open_run_file

    methods, sizes, alphas = spec.grid.method, spec.grid.n, spec.grid.alpha
    outer = {"method": len(methods), "n": len(sizes), "alpha": len(alphas)}
    grid = ResultGrid(outer, {"instance": spec.grid.instances}, QUANTITIES)
    for point in points:
        where = point.parameters
        cell = methods.index(where["method"]), sizes.index(where["n"]), alphas.index(where["alpha"])
        grid.put("patterns", cell, pattern_count(where["n"], where["alpha"]))
        if point.name in files:
            with open_run_file(files[point.name], ("errors", "work", "last_run", "seconds")) as file:
                _put(grid, cell, file.isel(draw=slice(0, spec.grid.instances)).load())
    coords = {
        "method": ("method", np.array(methods, dtype=np.str_), {"long_name": "method"}),
        "replicas": ("method", np.array([replicas(spec, method) for method in methods]), {"long_name": "replicas"}),
        "n": ("n", np.array(sizes, np.int64), {"long_name": "N", "units": "weights"}),
        "alpha": ("alpha", np.array(alphas), {"long_name": "alpha", "units": "patterns per weight"}),
        "instance": ("instance", np.arange(spec.grid.instances), {"long_name": "instance"}),
        "law": ("law", np.array(LAWS), {"long_name": "law"}),
    }
    attributes = {
        "patterns_kind": spec.patterns.kind,
        "planted": int(spec.patterns.planted),
        "margin": spec.patterns.margin,
        "energy": spec.search.energy,
        # Instances are independent: their errors need no bins, whatever number was asked for.
        "bins": "none",
    }
    results = grid.dataset(coords, attributes)
    return results.assign(_fits(results).variables())


def _put(grid: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset") -> None:
    solved = data["errors"].values == 0
    share = proportion(solved.sum(), solved.size)
    grid.put("instances", cell, solved.size)
    grid.put("success", cell, share.value, share.error)
    for name in ("work", "last_run", "seconds"):
        put_median(grid, cell, f"median_{name}", np.where(solved, data[name].values.astype(np.float64), np.inf))
    grid.put("work_of_each", cell, data["work"].values)
    grid.put("solved_of_each", cell, solved.astype(np.float64))


def _fits(results: "xarray.Dataset") -> ResultGrid:
    methods, alphas = results.sizes["method"], results.sizes["alpha"]
    grid = ResultGrid({"method": methods, "alpha": alphas, "law": len(LAWS)}, {}, FITTED)
    for i, j in np.ndindex(methods, alphas):
        for k, law in enumerate(LAWS):
            found = fit_law(results.isel(method=i, alpha=j), law)
            grid.put("rate", (i, j, k), np.nan, np.nan)
            if found is None:
                where = f"{results['method'].values[i]} at alpha = {results['alpha'].values[j]:g}"
                said = f"{where}: too few solutions to fit laws, which takes 3 sizes, 2 of them with 4 solutions"
                warnings.warn(said, ConvergenceWarning, stacklevel=2)
                continue
            grid.put("rate", (i, j, k), found.rate, found.rate_error)
            grid.put("prefactor", (i, j, k), found.prefactor, math.sqrt(max(found.covariance[0, 0], 0.0)))
            grid.put("rate_prefactor_covariance", (i, j, k), found.covariance[0, 1])
            for name in ("deviance", "freedom", "probability", "aic"):
                grid.put(name, (i, j, k), getattr(found, name))
    return grid


def fit_law(searches: "xarray.Dataset", law: str) -> GrowthFit | None:
    """A law fitted to every search of one method and alpha; None where there are too few."""
    if "work_of_each" not in searches:
        return None
    work = searches["work_of_each"].transpose("n", "instance").values
    solved = searches["solved_of_each"].transpose("n", "instance").values == 1.0
    there = np.isfinite(work)
    n = np.broadcast_to(searches["n"].values[:, None], work.shape)
    # Random weights that are right at once cost nothing; laws of a logarithm need something.
    return fit_growth(n[there], np.maximum(work[there], 1.0), ~solved[there], law)  # type: ignore[arg-type]


def summary(results: "xarray.Dataset") -> list[str]:
    """Rates and exponents with the law that fits, and what replicas save at the largest size."""
    lines = [
        _line(results.isel(method=i, alpha=j), str(results["method"].values[i]))
        for j in range(results.sizes["alpha"])
        for i in range(results.sizes["method"])
    ]
    return [*lines, *_savings(results)]


def _line(row: "xarray.Dataset", method: str) -> str:
    where = f"{LABELS[method]}, alpha = {float(row['alpha']):g}"
    if not np.isfinite(row["rate"]).all():
        return f"{where}: not enough sizes with solutions for a fit"
    told = []
    for k in range(len(LAWS)):
        fit = row.isel(law=k)
        rate = with_error(float(fit["rate"]), float(fit["rate_error"]))
        formula = f"exp({rate} N)" if LAWS[k] == "exponential" else f"N^{rate}"
        told.append(f"{formula} (chi2 = {float(fit['deviance']):.3g} for {int(fit['freedom'])} d.o.f.)")
    sizes = row["n"].values[np.isfinite(row["success"].values)]
    return f"{where}, N = {sizes[0]} to {sizes[-1]}: work grows as {' or '.join(told)}; {verdict(row)}"


def verdict(row: "xarray.Dataset") -> str:
    """Which law the searches of one method and alpha prefer, and whether it fits."""
    aic, probability = row["aic"].values, row["probability"].values
    difference = float(aic[0] - aic[1])
    if abs(difference) < UNDECIDED:
        return f"neither is preferred (AIC differs by {abs(difference):.1f})"
    best = int(difference > 0)
    said = f"{LAWS[best]} preferred by {abs(difference):.1f} in AIC"
    return said if not probability[best] < UNLIKELY else f"{said}, but it does not fit (p = {probability[best]:.1g})"


def _savings(results: "xarray.Dataset") -> list[str]:
    methods = [str(method) for method in results["method"].values]
    if len(methods) < 2:
        return []
    single, coupled = (results["median_work"].isel(method=methods.index(name)) for name in ANNEALERS)
    lines = []
    for j, alpha in enumerate(results["alpha"].values):
        ratio = (single / coupled).isel(alpha=j).values
        there = np.flatnonzero(np.isfinite(ratio))
        if there.size:
            n = int(results["n"].values[there[-1]])
            lines.append(f"alpha = {alpha:g}, N = {n}: replicas need {ratio[there[-1]]:.3g} times fewer flips")
    return lines
