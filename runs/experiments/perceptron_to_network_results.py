"""results.h5 of "perceptron-to-network": every solution and network, means, and rank correlations."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.perceptron_spec import pattern_count
from runs.experiments.perceptron_to_network import TEACHER, PerceptronToNetworkSpec
from runs.experiments.perceptron_to_network_correlations import correlations
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point, point_seed

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
    found = correlations(results, _missed(spec, points, files), point_seed(spec.seed, "test samples"))
    return results.assign({**found, **_theory(spec)})


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
        cell = _network_cell(spec, point)
        with open_run_file(path, (*NETWORK_COLUMNS, *OWN_ERRORS)) as file:
            data = file.isel(draw=slice(0, spec.training.seeds)).load()
        names = {**{name: f"network_{name}" for name in NETWORK_COLUMNS}, **OWN_ERRORS}
        _fill(networks, cell, data, names, spec.training.seeds)
        means = {name: f"mean_{name}" for name in MEANS}
        _means(networks, cell, data, means, "trained")


def _network_cell(spec: PerceptronToNetworkSpec, point: Point) -> tuple[int, int]:
    recipes = [recipe.text for recipe in spec.training.recipe]
    return spec.training.wrong.index(point.parameters["wrong"]), recipes.index(point.parameters["recipe"])


def _missed(spec: PerceptronToNetworkSpec, points: Sequence[Point], files: Mapping[str, Path]) -> np.ndarray:
    """Which test samples networks are wrong on, (wrong, recipe, network, test samples): 1 and 0, NaN without one."""
    from mcmc.store.reader import open_run_file

    training, tested = spec.training, len(np.asarray(spec.landscape().data.test_targets))
    missed = np.full((len(training.wrong), len(training.recipe), training.seeds, tested), math.nan)
    for point in points:
        if "wrong" in point.parameters and point.name in files:
            with open_run_file(files[point.name], ("missed",)) as file:
                values = file["missed"].values[: training.seeds]
            missed[_network_cell(spec, point)][: len(values)] = np.where(values < 0, math.nan, values)
    return missed


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
