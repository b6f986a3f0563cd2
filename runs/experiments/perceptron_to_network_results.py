"""results.h5 of "perceptron-to-network": every solution and network, means, and rank correlations with errors."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runs.experiments.perceptron_spec import pattern_count
from runs.experiments.perceptron_to_network import TEACHER, PerceptronToNetworkSpec
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

NATS = "nats per weight"
SOLUTION_COLUMNS = ("overlap", "test_error", "entropy", "error")
NETWORK_COLUMNS = (
    "sweeps",
    "training_loss",
    "test_error",
    "length",
    "entropy",
    "laplace",
    "hessian_trace",
    "fixed_entropy",
)
OWN_ERRORS = {
    "error": "network_own_error", "laplace_error": "network_laplace_own_error",
    "fixed_error": "network_fixed_own_error", "hessian_trace_error": "network_hessian_own_error",
}  # fmt: skip
MEANS = ("test_error", "entropy", "hessian_trace", "fixed_entropy", "length", "training_loss")

SOLUTIONS = {
    "solution_overlap": Quantity("overlap with the teacher", dims=("instance",)),
    "solution_test_error": Quantity("test error, arccos(overlap) / pi", dims=("instance",)),
    "solution_entropy": Quantity("S(d) of each solution by belief propagation", NATS, ("instance", "distance")),
    "solution_own_error": Quantity("error bar of each by its estimator", NATS, ("instance", "distance")),
    "solved": Quantity("instances with a solution"),
    "test_error": Quantity("mean test error over instances"),
    "entropy": Quantity("mean S(d) over instances", NATS, ("distance",)),
}
NETWORKS = {
    "network_sweeps": Quantity("steps to the training loss", dims=("network",)),
    "network_training_loss": Quantity("training loss of each network", "nats", ("network",)),
    "network_test_error": Quantity("test error of each network", dims=("network",)),
    "network_length": Quantity("length of the weights", dims=("network",)),
    "network_entropy": Quantity("(beta / dim) (f - u) of each network", NATS, ("network", "displacement")),
    "network_own_error": Quantity("error bar of each by its estimator", NATS, ("network", "displacement")),
    "network_fixed_entropy": Quantity("(beta / dim) (f - u) of each at the same t", NATS, ("network",)),
    "network_fixed_own_error": Quantity("error bar of each by its estimator", NATS, ("network",)),
    "network_laplace": Quantity("the same by Laplace", NATS, ("network", "displacement")),
    "network_laplace_own_error": Quantity("error bar of each by Laplace", NATS, ("network", "displacement")),
    "network_hessian_trace": Quantity("trace of the Hessian of each network", dims=("network",)),
    "network_hessian_own_error": Quantity("error bar of each by its estimator", dims=("network",)),
    "trained": Quantity("networks that reached the training loss"),
    "mean_test_error": Quantity("mean test error over networks"),
    "mean_entropy": Quantity("mean (beta / dim) (f - u) over networks", NATS, ("displacement",)),
    "mean_fixed_entropy": Quantity("mean (beta / dim) (f - u) over networks at the same t", NATS),
    "mean_length": Quantity("mean length of the weights over networks"),
    "mean_training_loss": Quantity("mean training loss over networks", "nats"),
    "mean_hessian_trace": Quantity("mean trace of the Hessian over networks"),
}


def assemble(spec: PerceptronToNetworkSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Solutions over (source, alpha, instance), networks over (wrong, recipe, network)."""
    import xarray

    solutions, networks = _tables(spec)
    for point in points:
        if point.name in files:
            _put(spec, point, files[point.name], solutions, networks)
    coords = _coords(spec)
    attributes = {
        "n": spec.perceptron.n, "dim": _dim(spec), "samples": spec.landscape().data.size, "data": spec.data.name,
        "training_loss": spec.training.loss, "first_loss": spec.training.first_loss,
        "scale": spec.training.scale, "shown_distance": spec.perceptron.shown,
        "shown_displacement": spec.training.shown,
    }  # fmt: skip
    results = xarray.Dataset({**solutions.variables(), **networks.variables()}, coords, attributes)
    return results.assign({**_correlations(results), **_theory(spec)})


def _tables(spec: PerceptronToNetworkSpec) -> tuple[ResultGrid, ResultGrid]:
    asked, training = spec.perceptron, spec.training
    solutions = ResultGrid(
        {"source": len(asked.source) + 1, "alpha": len(asked.alpha)},
        {"instance": asked.instances, "distance": len(asked.distance)}, SOLUTIONS,
    )  # fmt: skip
    networks = ResultGrid(
        {"wrong": len(training.wrong), "recipe": len(training.recipe)},
        {"network": training.seeds, "displacement": len(training.displacement)}, NETWORKS,
    )  # fmt: skip
    return solutions, networks


def _put(spec: PerceptronToNetworkSpec, point: Point, path: Path, solutions: ResultGrid, networks: ResultGrid) -> None:
    from mcmc.store.reader import open_run_file

    where = point.parameters
    if "source" in where:
        cell = [*spec.perceptron.source, TEACHER].index(where["source"]), spec.perceptron.alpha.index(where["alpha"])
        with open_run_file(path, SOLUTION_COLUMNS) as file:
            data = file.isel(draw=slice(0, spec.perceptron.instances)).load()
        names = {"overlap": "solution_overlap", "test_error": "solution_test_error", "entropy": "solution_entropy",
                 "error": "solution_own_error"}  # fmt: skip
        _fill(solutions, cell, data, names, spec.perceptron.instances)
        _means(solutions, cell, data, {"test_error": "test_error", "entropy": "entropy"}, "solved")
    else:
        recipes = [recipe.text for recipe in spec.training.recipe]
        cell = spec.training.wrong.index(where["wrong"]), recipes.index(where["recipe"])
        with open_run_file(path, (*NETWORK_COLUMNS, *OWN_ERRORS)) as file:
            data = file.isel(draw=slice(0, spec.training.seeds)).load()
        names = {**{name: f"network_{name}" for name in NETWORK_COLUMNS}, **OWN_ERRORS}
        _fill(networks, cell, data, names, spec.training.seeds)
        means = {name: f"mean_{name}" for name in MEANS}
        _means(networks, cell, data, means, "trained")


def _fill(table: ResultGrid, cell: tuple, data: "xarray.Dataset", names: Mapping[str, str], total: int) -> None:
    for column, name in names.items():
        values = data[column].values.astype(float)
        whole = np.full((total, *values.shape[1:]), math.nan)
        whole[: len(values)] = values
        table.put(name, cell, whole)


def _means(table: ResultGrid, cell: tuple, data: "xarray.Dataset", names: Mapping[str, str], counted: str) -> None:
    known = np.isfinite(data["test_error"].values)
    table.put(counted, cell, known.sum())
    for column, name in names.items():
        table.put(name, cell, *mean_and_error(data[column].values[known].astype(float)))


def _coords(spec: PerceptronToNetworkSpec) -> dict[str, tuple]:
    asked, training = spec.perceptron, spec.training
    names = [*asked.source, TEACHER]
    recipes = [recipe.text for recipe in training.recipe]
    size = [recipe.batch_size or spec.landscape().data.size for recipe in training.recipe]
    noise = [recipe.step_size / b for recipe, b in zip(training.recipe, size, strict=True)]
    return {
        "source": ("source", np.array(names, np.str_), {"long_name": "where solutions come from"}),
        "alpha": ("alpha", np.array(asked.alpha), {"long_name": "patterns per weight", "units": "1"}),
        "distance": ("distance", asked.measured, {"long_name": "fraction of flipped weights", "units": "1"}),
        "wrong": ("wrong", np.array(training.wrong), {"long_name": "wrong labels of a first training", "units": "1"}),
        "recipe": ("recipe", np.array(recipes, np.str_), {"long_name": "steps of SGD"}),
        "step_over_batch": ("recipe", np.array(noise), {"long_name": "step size over batch size", "units": "1"}),
        "displacement": ("displacement", np.array(training.displacement),
                         {"long_name": "length of the smoothing over that of the weights", "units": "1"}),
    }  # fmt: skip


class Groups(NamedTuple):
    """Values to correlate, (groups, members, repeats): ranks are taken within a group of one repeat."""

    x: np.ndarray
    y: np.ndarray


def rank_correlation(groups: Groups) -> float:
    """Pearson's correlation of ranks within each (group, repeat), centred there and pooled; NaN where nothing varies.

    With one group it is Spearman's rho of each repeat, averaged with the weights of its spread.
    """
    from scipy.stats import rankdata

    sums = np.zeros(3)
    for group in range(groups.x.shape[0]):
        for repeat in range(groups.x.shape[2]):
            x, y = groups.x[group, :, repeat], groups.y[group, :, repeat]
            known = np.isfinite(x) & np.isfinite(y)
            if known.sum() >= 2:
                a, b = (rankdata(v[known]) - 0.5 * (known.sum() + 1) for v in (x, y))
                sums += a @ b, a @ a, b @ b
    return float(sums[0] / math.sqrt(sums[1] * sums[2])) if sums[1] > 0 and sums[2] > 0 else math.nan


def with_jackknife(function: Callable[[Groups], float], groups: Groups, axis: int = 2) -> tuple[float, float]:
    """A function of the groups and its standard error: places on `axis`, independent ones, left out one at a time."""
    count = groups.x.shape[axis]
    left = [function(Groups(*(np.delete(v, i, axis=axis) for v in groups))) for i in range(count)]
    if count < 3 or not np.isfinite(left).all():
        return function(groups), math.nan
    return function(groups), math.sqrt((count - 1) * float(np.var(left)))


def _correlations(results: "xarray.Dataset") -> dict[str, tuple]:
    """Rank correlations of local entropy and test error: of solutions by alpha, of networks by what is held fixed."""
    found: dict[str, tuple] = {}
    if "solution_entropy" in results:
        found |= _solution_correlations(results)
    if "network_entropy" in results:
        found |= _network_correlations(results)
    return found


def _solution_correlations(results: "xarray.Dataset") -> dict[str, tuple]:
    """Between solvers on the same instance, and within a solver over instances."""
    learnt = results.isel(source=slice(0, -1))
    y = learnt["solution_test_error"].transpose("alpha", "source", "instance").values
    x = learnt["solution_entropy"].transpose("distance", "alpha", "source", "instance").values
    places = range(len(y))
    between = [[with_jackknife(rank_correlation, Groups(one[a : a + 1], y[a : a + 1])) for a in places] for one in x]
    within = [
        [with_jackknife(rank_correlation, Groups(one[a][..., None], y[a][..., None]), 1) for a in places] for one in x
    ]
    said = "rank correlation of S(d) and test error"
    dims = ("distance", "alpha")
    return {
        **_estimate("solution_correlation", np.array(between), dims, f"{said} between solvers on the same instance"),
        **_estimate("solution_correlation_within", np.array(within), dims, f"{said} within a solver, over instances"),
    }


def _network_correlations(results: "xarray.Dataset") -> dict[str, tuple]:
    """Between recipes from one start, and between all networks of one number; by each measure of width."""
    y = results["network_test_error"].transpose("wrong", "recipe", "network").values
    measures = {
        "network": results["network_entropy"].transpose("displacement", "wrong", "recipe", "network").values,
        "fixed": results["network_fixed_entropy"].transpose("wrong", "recipe", "network").values[None],
        "trace": -results["network_hessian_trace"].transpose("wrong", "recipe", "network").values[None],
        "length": -results["network_length"].transpose("wrong", "recipe", "network").values[None],
    }
    names = {"network": "local entropy", "fixed": "local entropy at one t", "trace": "minus the trace of the Hessian",
             "length": "minus the length of the weights"}  # fmt: skip
    found: dict[str, tuple] = {}
    for name, x in measures.items():
        dims = ("displacement",) if name == "network" else ()
        starts = [[with_jackknife(rank_correlation, Groups(one[i : i + 1], y[i : i + 1])) for i in range(len(y))]
                  for one in x]  # fmt: skip
        whole = [with_jackknife(rank_correlation, Groups(_pooled(one), _pooled(y))) for one in x]
        said = f"rank correlation of {names[name]} and test error"
        by_start, over_all = np.array(starts), np.array(whole)
        if not dims:
            by_start, over_all = by_start[0], over_all[0]
        found |= _estimate(f"{name}_correlation", by_start, (*dims, "wrong"), f"{said} between recipes, same start")
        found |= _estimate(f"{name}_correlation_all", over_all, dims, f"{said} between all starts and recipes")
    return found


def _pooled(values: np.ndarray) -> np.ndarray:
    """One group of everything that shares a number."""
    return values.reshape(1, -1, values.shape[-1])


def _estimate(name: str, pairs: np.ndarray, dims: tuple[str, ...], said: str) -> dict[str, tuple]:
    return {
        name: (dims, pairs[..., 0], {"long_name": said, "units": "1"}),
        f"{name}_error": (dims, pairs[..., 1], {"long_name": f"one standard error of: {said}", "units": "1"}),
    }


def _theory(spec: PerceptronToNetworkSpec) -> dict[str, tuple]:
    """Typical solutions at large n: by Nishimori's symmetry they are to the teacher what it is to them."""
    from perceptron import theory
    from runs.experiments.perceptron_local_entropy_theory import around_teacher

    asked, n = spec.perceptron, spec.perceptron.n
    alphas = [pattern_count(n, alpha) / n for alpha in asked.alpha]
    curves = np.array([around_teacher(alpha, asked.measured.tolist()) for alpha in alphas])
    overlaps = [float(theory.teacher_student(alpha, branch="equilibrium").overlap) for alpha in alphas]
    typical = np.arccos(overlaps) / math.pi
    return {
        "typical_entropy": (("alpha", "distance"), curves,
                            {"long_name": "S(d) around a typical solution, large n", "units": NATS}),
        "typical_test_error": (("alpha",), typical, {"long_name": "test error of a typical solution", "units": "1"}),
    }  # fmt: skip


def _dim(spec: PerceptronToNetworkSpec) -> int:
    return spec.landscape().dim
