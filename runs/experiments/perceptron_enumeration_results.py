"""results.h5 of enumeration: averages over instances against exact first and second moments and replica theory."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ConvergenceWarning
from mcmc.statistics.proportion import proportion
from runs.experiments.perceptron_enumeration import DISTANCES, EnumerationSpec, size_bins
from runs.experiments.perceptron_spec import Instances, pattern_count
from runs.experiments.perceptron_theory import replicas, storage_capacity
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

PER, BY_SIZE = ("distance",), ("distance", "cluster_size")

QUANTITIES = {
    "patterns": Quantity("patterns P"),
    "instances": Quantity("instances"),
    "solutions": Quantity("mean number of solutions"),
    "expected_solutions": Quantity("exact mean number of solutions over all instances"),
    "expected_deviation": Quantity("exact standard deviation over instances of the number of solutions"),
    "solutions_z": Quantity("(mean - exact mean) / (exact deviation / sqrt(instances))"),
    "solvable": Quantity("fraction of instances that have solutions"),
    "entropy_per_weight": Quantity("ln(number of solutions) / n, mean over instances that have any", "nats"),
    "entropy_of_mean": Quantity("ln(mean number of solutions) / n", "nats"),
    "annealed_entropy": Quantity("ln(exact mean number of solutions) / n", "nats"),
    "replica_entropy": Quantity("replica theory: ln(number of solutions) / n, typical, n to infinity", "nats"),
    "ground_energy": Quantity("fewest errors of any configuration"),
    "overlap": Quantity("mean overlap of two solutions"),
    "replica_overlap": Quantity("replica theory: overlap of two solutions, n to infinity"),
    "isolated_fraction": Quantity("fraction of the solutions of an instance without another within the distance",
                                  dims=PER),
    "largest_share": Quantity("fraction of the solutions of an instance in its largest cluster", dims=PER),
    "clusters": Quantity("clusters of an instance", dims=PER),
    "size_of_own_cluster": Quantity("size of the cluster that a random solution belongs to", "solutions", dims=PER),
    "analysed": Quantity("instances with solutions whose clusters were found"),
    "share_in_size": Quantity("fraction of the solutions of an instance in clusters of a size", dims=BY_SIZE),
    "solutions_of_each": Quantity("solutions of each instance", dims=("instance",)),
}  # fmt: skip


def assemble(spec: EnumerationSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (n, alpha), with cluster numbers over distance and size."""
    from mcmc.store.reader import open_run_file

    sizes = 2 ** np.arange(size_bins(spec.clusters.most_solutions))
    outer = {"n": len(spec.grid.n), "alpha": len(spec.grid.alpha)}
    inner = {"distance": len(DISTANCES), "cluster_size": sizes.size, "instance": spec.grid.instances}
    grid = ResultGrid(outer, inner, QUANTITIES)
    left_out = []
    for point in points:
        n, alpha = point.parameters["n"], point.parameters["alpha"]
        cell = spec.grid.n.index(n), spec.grid.alpha.index(alpha)
        grid.put("patterns", cell, pattern_count(n, alpha))
        _put_theory(grid, cell, spec.patterns, n, pattern_count(n, alpha))
        if point.name not in files:
            continue
        with open_run_file(files[point.name]) as file:
            data = file.isel(draw=slice(0, spec.grid.instances)).load()
        _put_counts(grid, cell, n, data)
        if not _put_clusters(grid, cell, data):
            left_out.append(f"n = {n}, alpha = {alpha:g}")
    if left_out:
        warnings.warn(
            f"clusters are left out at {'; '.join(left_out)}: some instances have more than "
            f"{spec.clusters.most_solutions} solutions, and the others alone would be no fair sample; raise "
            "clusters.most_solutions",
            ConvergenceWarning,
            stacklevel=2,
        )
    attributes = {
        "patterns_kind": spec.patterns.kind,
        "planted": int(spec.patterns.planted),
        "margin": spec.patterns.margin,
        "capacity": storage_capacity(spec.patterns),
        # Instances are independent: their errors need no bins, whatever number was asked for.
        "bins": "none",
    }
    return _with_corrections(grid.dataset(_coordinates(spec, sizes), attributes))


def _with_corrections(results: "xarray.Dataset") -> "xarray.Dataset":
    """n (entropy per weight - replica entropy), mean over the sizes all of whose instances have solutions.

    ln(number of solutions) is n times the entropy of the theory and a correction that does not grow with n.
    """
    if "entropy_per_weight" not in results:
        return results
    n = results["n"].values[:, None].astype(np.float64)
    excess = n * (results["entropy_per_weight"] - results["replica_entropy"]).where(results["solvable"] == 1.0).values
    weight = np.where(np.isfinite(excess), (n * results["entropy_per_weight_error"].values) ** -2, np.nan)
    total = np.nansum(weight, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, error = np.nansum(weight * excess, axis=0) / total, 1.0 / np.sqrt(total)
    there = total > 0
    chi2 = np.nansum(weight * (excess - mean) ** 2, axis=0)
    said = "n (entropy per weight - replica theory), mean over sizes"
    columns = {
        "entropy_correction": (mean, said, "nats"),
        "entropy_correction_error": (error, f"one standard error of: {said}", "nats"),
        "entropy_correction_chi2": (chi2, "chi2 of its being the same for all sizes", "1"),
        "entropy_correction_freedom": (np.isfinite(excess).sum(axis=0) - 1.0, "degrees of freedom of that", "1"),
    }
    return results.assign(
        {name: ("alpha", np.where(there, values, np.nan), {"long_name": text, "units": units})
         for name, (values, text, units) in columns.items()}
    )  # fmt: skip


def _coordinates(spec: EnumerationSpec, sizes: np.ndarray) -> dict[str, Any]:
    size_said = {"long_name": "size of a cluster, from here to below the next", "units": "solutions"}
    return {
        "n": ("n", np.array(spec.grid.n, np.int64), {"long_name": "n", "units": "weights"}),
        "alpha": ("alpha", np.array(spec.grid.alpha), {"long_name": "alpha", "units": "patterns per weight"}),
        "distance": ("distance", np.array(DISTANCES), {"long_name": "Hamming distance up to which solutions join"}),
        "cluster_size": ("cluster_size", sizes, size_said),
        "instance": ("instance", np.arange(spec.grid.instances), {"long_name": "instance"}),
    }


def _put_theory(grid: ResultGrid, cell: tuple[int, int], patterns: Instances, n: int, p: int) -> None:
    typical = replicas(patterns, p / n)
    # Beyond the capacity the formula goes on, but counts nothing.
    there = typical.entropy >= 0.0
    grid.put("replica_entropy", cell, typical.entropy if there else np.nan)
    grid.put("replica_overlap", cell, typical.overlap if there else np.nan)
    mean, deviation = exact_moments(patterns, n, p)
    grid.put("expected_solutions", cell, mean)
    grid.put("expected_deviation", cell, deviation)
    grid.put("annealed_entropy", cell, math.log(mean) / n if mean > 0.0 else np.nan)


def exact_moments(patterns: Instances, n: int, p: int) -> tuple[float, float]:
    """Exact mean and deviation over instances of the number of solutions; NaN where there is no formula.

    Random labels only; the deviation for entries +-1 only.
    """
    from perceptron import theory
    from perceptron.theory.second_moments import solutions_deviation

    if patterns.planted:
        return math.nan, math.nan
    if patterns.kind == "gaussian":
        return math.exp(n * theory.annealed_entropy(p / n, patterns.margin)), math.nan
    tie = patterns.tie if n % 2 == 0 else None
    mean = float(theory.expected_solutions(n, p, patterns.margin, tie=tie))
    return mean, solutions_deviation(n, p, patterns.margin, tie=tie)


def _put_counts(grid: ResultGrid, cell: tuple[int, int], n: int, data: "xarray.Dataset") -> None:
    count = data["solutions"].values.astype(np.float64)
    solved = count > 0
    mean, error = mean_and_error(count)
    expected, deviation = (grid.arrays[name][cell] for name in ("expected_solutions", "expected_deviation"))
    grid.put("instances", cell, count.size)
    grid.put("solutions", cell, mean, error)
    grid.put("solutions_z", cell, (mean - expected) / (deviation / math.sqrt(count.size)))
    share = proportion(solved.sum(), solved.size)
    grid.put("solvable", cell, share.value, share.error)
    if solved.any():
        grid.put("entropy_per_weight", cell, *mean_and_error(np.log(count[solved]) / n))
        grid.put("entropy_of_mean", cell, math.log(mean) / n, error / mean / n)
    grid.put("ground_energy", cell, *mean_and_error(data["ground_energy"].values.astype(np.float64)))
    grid.put("solutions_of_each", cell, count)


def _put_clusters(grid: ResultGrid, cell: tuple[int, int], data: "xarray.Dataset") -> bool:
    """Averages over the instances that have solutions; False when some of these have too many to be analysed."""
    count = data["solutions"].values.astype(np.float64)
    solved = count > 0
    clusters = data["clusters"].transpose("draw", "distance").values[solved]
    if not solved.any():
        return True
    if np.isnan(clusters).any():
        return False
    count = count[solved, None]
    per = {name: data[name].transpose("draw", "distance").values[solved]
           for name in ("isolated", "largest_cluster", "size_of_own_cluster")}  # fmt: skip
    grid.put("analysed", cell, int(solved.sum()))
    grid.put("clusters", cell, *mean_and_error(clusters))
    grid.put("isolated_fraction", cell, *mean_and_error(per["isolated"] / count))
    grid.put("largest_share", cell, *mean_and_error(per["largest_cluster"] / count))
    grid.put("size_of_own_cluster", cell, *mean_and_error(per["size_of_own_cluster"]))
    in_size = data["solutions_in_size"].transpose("draw", "distance", "cluster_size").values[solved]
    grid.put("share_in_size", cell, *mean_and_error(in_size / count[:, :, None]))
    overlap = data["overlap"].values[solved]
    grid.put("overlap", cell, *mean_and_error(overlap[np.isfinite(overlap)]))
    return True
