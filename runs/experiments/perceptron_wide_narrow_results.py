"""results.h5 of "perceptron-wide-vs-narrow": every end, means by dynamics, differences at equal energy, theory."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runs.experiments.perceptron_local_entropy import flips_of
from runs.experiments.perceptron_local_entropy_theory import around_typical, densest
from runs.experiments.perceptron_spec import pattern_count
from runs.experiments.perceptron_wide_narrow import KINDS_OF_ENTROPY, WideNarrowSpec
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

NATS = "nats per weight"
CURVE = ("estimator", "distance")
NEEDED = ("errors", "entropy", "error", "attempts", "instance", "left_out")
NEAREST, FARTHEST, CURVE_POINTS = 2e-3, 0.45, 24

QUANTITIES = {
    "runs": Quantity("runs"),
    "solved": Quantity("runs that ended in a solution"),
    "energy": Quantity("mean errors per weight of the ends"),
    "work": Quantity("mean flips attempted per weight, all replicas together; a run stops at a solution"),
    "known": Quantity("ends whose local entropy the estimator knows", dims=CURVE),
    "left_out": Quantity("values left out, not converged", dims=("estimator",)),
    "entropy": Quantity("mean local entropy over ends, finite beta, or beta = inf over solutions", NATS, CURVE),
    "own_error": Quantity("mean standard error of one value by its estimator", NATS, CURVE),
    "run_errors": Quantity("errors of each end", dims=("run",)),
    "run_instance": Quantity("instance of each end", dims=("run",)),
    "run_entropy": Quantity("local entropy of each end", NATS, ("run", *CURVE)),
    "run_entropy_own": Quantity("standard error of each by its estimator", NATS, ("run", *CURVE)),
}


class Difference(NamedTuple):
    """Mean over cells of equal (instance, errors) of the difference between two dynamics."""

    value: float
    error: float
    cells: int
    pairs: float
    """Weight: sum of m n / (m + n) over cells with m and n ends."""


def at_equal_energy(
    strata_a: np.ndarray, values_a: np.ndarray, strata_b: np.ndarray, values_b: np.ndarray
) -> Difference:
    """a minus b of `values` (ends,) within equal `strata` (ends,) of integers; NaN without a common stratum or spread.

    Strata count with m n / (m + n); the spread within strata is pooled for each dynamics (it may differ between them).
    """
    common = np.intersect1d(strata_a, strata_b)
    rows = []
    squares, freedom = np.zeros(2), np.zeros(2)
    for which, (strata, values) in enumerate(((strata_a, values_a), (strata_b, values_b))):
        for label in np.unique(strata):
            mine = values[strata == label]
            squares[which] += float(((mine - mine.mean()) ** 2).sum())
            freedom[which] += mine.size - 1
    for label in common:
        a, b = values_a[strata_a == label], values_b[strata_b == label]
        rows.append((a.size * b.size / (a.size + b.size), a.mean() - b.mean(), a.size, b.size))
    if not rows or (freedom < 1).any():
        return Difference(math.nan, math.nan, len(rows), 0.0)
    weight, shift, m, k = np.array(rows).T
    variance = squares / freedom
    whole = float(weight.sum())
    error = math.sqrt(float((weight**2 * (variance[0] / m + variance[1] / k)).sum())) / whole
    return Difference(float((weight * shift).sum()) / whole, error, len(rows), whole)


def assemble(spec: WideNarrowSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (dynamics, passes); every end along `run`."""
    from mcmc.store.reader import open_run_file

    grid, total = spec.grid, spec.grid.runs * spec.grid.instances
    inner = {"run": total, "estimator": len(KINDS_OF_ENTROPY), "distance": len(grid.distance)}
    table = ResultGrid({"dynamics": len(grid.dynamics), "passes": len(grid.passes)}, inner, QUANTITIES)
    for point in points:
        if point.name in files:
            cell = grid.dynamics.index(point.parameters["dynamics"]), grid.passes.index(point.parameters["passes"])
            with open_run_file(files[point.name], NEEDED) as file:
                _put(table, cell, file.isel(draw=slice(0, total)).load(), grid.n[0], total)
    results = table.dataset(_coords(spec), _attributes(spec))
    return results.assign({**_theory(spec), **_differences(spec, results)})


def _put(table: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset", n: int, total: int) -> None:
    errors, entropy, own = (data[name].values.astype(float) for name in ("errors", "entropy", "error"))
    there = np.arange(total) < errors.size
    table.put("runs", cell, errors.size)
    table.put("solved", cell, (errors == 0).sum())
    table.put("energy", cell, *mean_and_error(errors / n))
    table.put("work", cell, *mean_and_error(data["attempts"].values / n))
    table.put("left_out", cell, data["left_out"].values.sum(axis=0))
    means = np.full((3, *entropy.shape[1:]), math.nan)
    for place in np.ndindex(entropy.shape[1:]):
        known = np.isfinite(entropy[:, *place])
        if known.any():
            mean, error = mean_and_error(entropy[known, *place])
            mine = own[known, *place]
            means[:, *place] = mean, error if known.sum() > 1 else mine[0], mine.mean()
    table.put("entropy", cell, means[0], means[1])
    table.put("own_error", cell, means[2])
    table.put("known", cell, np.isfinite(entropy).sum(axis=0))
    for name, values in (("errors", errors), ("instance", data["instance"].values), ("entropy", entropy)):
        whole = np.full((total, *values.shape[1:]), math.nan)
        whole[there] = values
        table.put(f"run_{name}", cell, whole)
    whole = np.full((total, *own.shape[1:]), math.nan)
    whole[there] = own
    table.put("run_entropy_own", cell, whole)


def _differences(spec: WideNarrowSpec, results: "xarray.Dataset") -> dict[str, tuple]:
    """Each dynamics minus the first, at equal errors on the same instance, over runs of all lengths."""
    names, shape = spec.grid.dynamics, (len(spec.grid.dynamics), len(spec.grid.distance))
    found = np.full((4, *shape), math.nan)
    if "run_errors" in results:
        errors = results["run_errors"].transpose("dynamics", "passes", "run").values.reshape(len(names), -1)
        instance = results["run_instance"].transpose("dynamics", "passes", "run").values.reshape(len(names), -1)
        entropy = (
            results["run_entropy"].sel(estimator="bethe").transpose("dynamics", "passes", "run", "distance").values
        )
        entropy = entropy.reshape(len(names), -1, shape[1])
        strata = instance * 2**24 + errors
        for i, k in np.ndindex(shape):
            if i:
                a, b = (np.isfinite(strata[j]) & np.isfinite(entropy[j, :, k]) for j in (i, 0))
                found[:, i, k] = at_equal_energy(strata[i, a], entropy[i, a, k], strata[0, b], entropy[0, b, k])
    first = names[0].replace("_", " ")
    said = f"local entropy minus that of {first}, at equal errors on the same instance"
    dims = ("dynamics", "distance")
    return {
        "difference": (dims, found[0], {"long_name": said, "units": NATS}),
        "difference_error": (dims, found[1], {"long_name": f"one standard error of: {said}", "units": NATS}),
        "difference_cells": (dims, found[2], {"long_name": "numbers of errors at which both ended", "units": "1"}),
        "difference_pairs": (dims, found[3], {"long_name": "weight: sum of m n / (m + n)", "units": "1"}),
    }


def _theory(spec: WideNarrowSpec) -> dict[str, tuple]:
    """Curves of solutions at large n, beta = inf, over theory_distance."""
    from perceptron.theory import binary_entropy

    d, margin = np.geomspace(NEAREST, FARTHEST, CURVE_POINTS), spec.patterns.margin
    n = spec.grid.n[0]
    alpha = pattern_count(n, spec.grid.alpha[0]) / n
    nothing = np.full(d.size, math.nan)
    planted = spec.patterns.planted
    curves = {
        "bound": (np.asarray(binary_entropy(d)), "binary entropy of d: all configurations"),
        "densest": (nothing if planted else densest(alpha, d.tolist(), margin),
                    "bound around any reference, from groups of y -> infinity solutions"),
        "typical": (nothing if planted else around_typical(alpha, d.tolist(), margin),
                    "around a typical solution (Franz-Parisi)"),
    }  # fmt: skip
    found: dict[str, tuple] = {
        "theory_distance": ("theory_distance", d, {"long_name": "distance of the theory", "units": "1"})
    }
    for name, (values, said) in curves.items():
        found[f"theory_{name}"] = ("theory_distance", values, {"long_name": f"S(d) {said}", "units": NATS})
    return found


def _coords(spec: WideNarrowSpec) -> dict[str, tuple]:
    flips = flips_of(spec.grid.distance, spec.grid.n[0])
    return {
        "dynamics": ("dynamics", np.array(spec.grid.dynamics, np.str_), {"long_name": "dynamics"}),
        "passes": ("passes", np.array(spec.grid.passes), {"long_name": "flips to attempt per weight", "units": "1"}),
        "estimator": ("estimator", np.array(KINDS_OF_ENTROPY, np.str_), {"long_name": "estimator"}),
        "distance": ("distance", flips / spec.grid.n[0], {"long_name": "distance from the end", "units": "1"}),
    }


def _attributes(spec: WideNarrowSpec) -> dict[str, object]:
    return {
        "patterns_kind": spec.patterns.kind,
        "planted": int(spec.patterns.planted),
        "margin": spec.patterns.margin,
        "n": spec.grid.n[0],
        "p": pattern_count(spec.grid.n[0], spec.grid.alpha[0]),
        "instances": spec.grid.instances,
        "beta": spec.surroundings.beta,
        "shown": spec.surroundings.shown,
        "replicas": spec.ramps.replicas,
        "bins": "none",
    }
