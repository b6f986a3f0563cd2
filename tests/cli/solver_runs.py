"""Small run files of the experiments on solvers, and what their searches should find, straight from the solvers."""

import numpy as np

from perceptron.solvers import solve
from runs.experiments.perceptron_spec import instance_of
from runs.grid import point_seed

CAPACITY = {
    "experiment": "perceptron-capacity",
    "seed": 5,
    "solver": {"sbpi": {"max_epochs": 40}, "replicated_annealing": {"sweeps": 20, "doublings": 0, "replicas": 3}},
    "grid": {
        "method": ["sbpi", "replicated_annealing"], "n": [31, 51], "alpha": [0.3, 0.8, 1.6], "instances": 6,
    },
}  # fmt: skip
ANNEALING = {
    "experiment": "perceptron-annealing",
    "seed": 5,
    "search": {"sweeps": 5, "most_flips": 40_000},
    "solver": {"replicated_annealing": {"replicas": 3}},
    "grid": {"n": [31, 51, 81], "alpha": 0.5, "instances": 8},
}


def expected(spec, point, **options):
    """The solutions of every instance of a point, by the solver itself."""
    method, found = point.parameters["method"], []
    for draw in range(spec.grid.instances):
        seed = point_seed(spec.seed, f"solver {point.name} instance-{draw}")
        found.append(solve(instance_of(spec.patterns, spec.seed, point, draw), method, seed, **options))
    return found


def same_searches(a, b):
    """Whether two files of draws hold the same searches; times apart."""
    names = set(a.data_vars) - {"seconds"}
    return names == set(b.data_vars) - {"seconds"} and all(np.array_equal(a[name], b[name]) for name in names)
