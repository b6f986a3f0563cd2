"""The headline numbers of an enumeration, one line each."""

from typing import TYPE_CHECKING

import numpy as np

from runs.tables import plain, with_error
from runs.verdict import Verdict, largest_score

if TYPE_CHECKING:
    import xarray


def summary(results: "xarray.Dataset") -> list[str]:
    """The mean number of solutions against its exact value; entropy and isolation of the largest size."""
    lines = [*_mean_solutions(results), *_correction(results)]
    done = np.flatnonzero(np.isfinite(results["solvable"].values).any(axis=1))
    row = results.isel(n=int(done[-1]))
    return [*lines, *(_cell(row.isel(alpha=j)) for j in range(row.sizes["alpha"]) if np.isfinite(row["solvable"][j]))]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """The mean number of solutions beside its exact value, everywhere."""
    source = "exact: mean and deviation over instances, 2^(n-P) at margin 0"
    return largest_score("mean number of solutions", results["solutions_z"].values, source)


def _mean_solutions(results: "xarray.Dataset") -> list[str]:
    z = results["solutions_z"].values
    there = np.isfinite(z)
    if not there.any():
        return []
    where = np.unravel_index(int(np.nanargmax(np.abs(z))), z.shape)
    n, alpha = int(results["n"][where[0]]), float(results["alpha"][where[1]])
    return [
        "mean number of solutions against its exact value, 2^(n-P) at margin 0: "
        f"chi2 = {(z[there] ** 2).sum():.3g} for {there.sum()} values, "
        f"largest deviation {z[where]:+.2f} errors (n = {n}, alpha = {alpha:g})"
    ]


def _correction(results: "xarray.Dataset") -> list[str]:
    if "entropy_correction" not in results:
        return []
    value, error = results["entropy_correction"].values, results["entropy_correction_error"].values
    told = [
        f"{with_error(value[j], error[j])} (alpha = {alpha:g})"
        for j, alpha in enumerate(results["alpha"].values)
        if np.isfinite(value[j])
    ]
    return ["ln(solutions) minus n times the replica entropy, mean over sizes: " + ", ".join(told)] if told else []


def _cell(cell: "xarray.Dataset") -> str:
    told = [f"{100 * float(cell['solvable']):.0f} % solvable"]
    if "entropy_per_weight" in cell and np.isfinite(cell["entropy_per_weight"]):
        told.append(f"entropy per weight {_value(cell, 'entropy_per_weight')} "
                    f"(replica theory {plain(round(float(cell['replica_entropy']), 4))})")  # fmt: skip
    if "isolated_fraction" in cell and np.isfinite(cell["isolated_fraction"]).all():
        isolated = [_value(cell.isel(distance=i), "isolated_fraction") for i in range(cell.sizes["distance"])]
        told.append(f"isolated at distance 1: {isolated[0]}, 2: {isolated[1]} of the solutions")
    instances = int(cell["instances"])
    return f"n = {int(cell['n'])}, alpha = {float(cell['alpha']):g}, {instances} instances: {'; '.join(told)}"


def _value(cell: "xarray.Dataset", name: str) -> str:
    return with_error(float(cell[name]), float(cell[f"{name}_error"]))
