"""Experiment "perceptron-capacity": how often each solver finds weights that get every pattern right, against alpha.

Every solver gets the same instances. Their success falls from 1 to 0 well below the capacity, up to which solutions
exist: what algorithms reach is where dense groups of solutions break up (arXiv:1605.06444).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.perceptron_methods import UNITS, MethodNames, SolverOptions, options_text, passes
from runs.experiments.perceptron_spec import InstanceGrid, OnPatterns, check_grid, instance_of, pattern_count
from runs.grid import Point, point_seed, points

if TYPE_CHECKING:
    import xarray

    from perceptron.solvers import Solution
    from runs.figures import Drawing

BYTES_PER_ENTRY = 48
"""Memory for each entry of the patterns: messages, cavity terms and copies of the patterns in double precision."""


class SolverGrid(InstanceGrid):
    """Which solvers, and where."""

    method: MethodNames = Field(description="solvers to compare, each on the same instances")
    instances: Annotated[int, Field(ge=2)] = Field(
        20, description="instances of each (n, alpha), a total: raising it later adds to the run"
    )


class CapacitySpec(OnPatterns):
    """Solvers over sizes and alphas."""

    solver: SolverOptions = Field(
        default_factory=dict,
        description="options of methods that differ from their defaults: [solver.sbpi] theta = 0.3",
    )
    grid: SolverGrid

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: SolverGrid, info: ValidationInfo) -> SolverGrid:
        check_grid(value, info.data.get("patterns"))
        return value


class PerceptronCapacity(Experiment):
    """Success probability and work of solvers of the binary perceptron against alpha."""

    Spec = CapacitySpec
    extendable = ("grid.method", "grid.n", "grid.alpha", "grid.instances")
    uses_bins = False

    def points(self, spec: CapacitySpec) -> list[Point]:
        """A point for each method, size and alpha."""
        return points({"method": spec.grid.method, "n": spec.grid.n, "alpha": spec.grid.alpha})

    def draws(self, spec: CapacitySpec, point: Point) -> int:
        """Instances."""
        return spec.grid.instances

    def cost(self, spec: CapacitySpec, point: Point) -> float:
        """Entries of the patterns times a guess of the passes through them, which grow towards the capacity."""
        n, alpha = point.parameters["n"], point.parameters["alpha"]
        return spec.grid.instances * (1e5 + n * pattern_count(n, alpha) * (1.0 + (alpha / 0.6) ** 6))

    def memory(self, spec: CapacitySpec, point: Point) -> int:
        """The messages of the largest methods: a few numbers for each entry of the patterns."""
        n = point.parameters["n"]
        return int(BYTES_PER_ENTRY * n * pattern_count(n, point.parameters["alpha"]) + 2**25)

    def run_point(self, spec: CapacitySpec, point: Point, path: Path, control: Control) -> bool:
        """Solve instance after instance; one that was interrupted is solved again, with the same random numbers."""
        from perceptron.packing import pack_signs, words_for
        from perceptron.solvers import solve

        method, n = point.parameters["method"], point.parameters["n"]
        options = spec.solver.get(method, {})

        def measure(draw: int) -> Mapping[str, Any]:
            instance = instance_of(spec.patterns, spec.seed, point, draw)
            seed = solver_seed(spec.seed, point, draw)
            found: Solution = solve(instance, method, seed, margin=spec.patterns.margin, **options)
            return {
                "errors": found.errors,
                "work": found.work,
                "passes": passes(found, instance.n, instance.p),
                "seconds": found.seconds,
                "weights": pack_signs(found.weights),
            }

        file = DrawFile(
            path,
            {
                "errors": Column(np.int64, "patterns that the weights found get wrong"),
                "work": Column(np.int64, "work of the search", UNITS[method]),
                "passes": Column(np.float64, "flips tried / N, presentations / P (all replicas) or sweeps of messages"),
                "seconds": Column(np.float64, "wall time of the search", "s"),
                "weights": Column(
                    np.uint64, "weights found, signs packed little-endian: bit set for +1", "1", ("word",)
                ),
            },
            {"word": words_for(n)},
            {"method": method, "n": n, "p": pattern_count(n, point.parameters["alpha"])},
            options_text(method, options),
        )
        return run_draws(file, spec.grid.instances, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: CapacitySpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Fractions and medians over instances, which are independent: `bins` has nothing to do."""
        from runs.experiments.perceptron_capacity_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Success of each solver by size, and the solvers side by side."""
        from runs.experiments.perceptron_capacity_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Where each solver's success falls through one half."""
        from runs.experiments.perceptron_capacity_results import summary

        return summary(results)


def solver_seed(seed: int, point: Point, instance: int) -> int:
    """Seed in [0, 2^64) of the search on one instance, apart from that of the patterns."""
    return point_seed(seed, f"solver {point.name} instance-{instance}")
