"""Experiment "perceptron-annealing": the work to a solution against the number of weights, by annealing and replicated.

An instance is annealed along a fixed range of temperatures in a run of few sweeps; while no weights are right, it is
annealed again, each run twice as slow as the one before. The work of a search is what all its runs took together, until
the first solution: attempted flips per weight, in all replicas, which is sweeps times the number of replicas. A search
that is given up is a lower bound. Published: exponential in N for one replica, polynomial for several coupled ones, at
alpha = 0.3 (Baldassi et al. 2016, PNAS 113, E7655, arXiv:1605.06444).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.perceptron_methods import SolverOptions, check_limits, options_text
from runs.experiments.perceptron_spec import InstanceGrid, OnPatterns, check_grid, instance_of, pattern_count
from runs.grid import Point, point_seed, points
from runs.spec import Says, Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing

ANNEALERS = ("annealing", "replicated_annealing")

SET_BY_SEARCH = ("energy", "sweeps", "doublings")
"""Options that all methods must share, or their work could not be compared."""


class Search(Section):
    """What is annealed, and how long."""

    energy: Literal["errors", "hinge"] = Field(
        "errors", description="wrong patterns, or the flips that they need (binary patterns)"
    )
    sweeps: Annotated[int, Field(ge=1)] = Field(
        20, description="sweeps of the first run of a search; each further run takes twice as many as the one before"
    )
    most_flips: Annotated[int, Field(ge=1)] = Field(
        400_000_000,
        description="a search is given up before the run that would bring its flips tried, in all replicas, above this",
    )

    def doublings(self, sites: int) -> int:
        """Runs after the first that a search may take, of a system with so many weights in all its replicas."""
        runs = int(self.most_flips // (sites * self.sweeps) + 1).bit_length() - 1
        return max(runs - 1, 0)


def _distinct(value: list[str]) -> list[str]:
    if len(set(value)) < len(value):
        raise ValueError("each method stands once")
    return value


class AnnealingGrid(InstanceGrid):
    """Which annealing, and where."""

    method: Annotated[
        list[Literal["annealing", "replicated_annealing"]],
        Field(min_length=1),
        AfterValidator(_distinct),
        Says("annealing, replicated_annealing"),
    ] = Field(["annealing", "replicated_annealing"], description="one replica, or several coupled ones")
    largest_n: Annotated[
        dict[Literal["annealing", "replicated_annealing"], int], Says("a number of weights for each method")
    ] = Field(default_factory=dict, description="sizes above are left out for this method: largest_n.annealing = 1401")
    instances: Annotated[int, Field(ge=4)] = Field(
        16, description="instances of each (n, alpha), a total: raising it later adds to the run"
    )


class AnnealingSpec(OnPatterns):
    """Annealing over sizes."""

    search: Search = Field(default_factory=lambda: Search.model_validate({}))
    solver: SolverOptions = Field(
        default_factory=dict,
        description="options of methods that differ from their defaults: [solver.replicated_annealing] replicas = 3",
    )
    grid: AnnealingGrid

    @field_validator("search")
    @classmethod
    def _energy_of_patterns(cls, value: Search, info: ValidationInfo) -> Search:
        patterns = info.data.get("patterns")
        if value.energy == "hinge" and patterns is not None and patterns.kind == "gaussian":
            raise ValueError('energy = "hinge" counts flips and is for binary patterns; use "errors"')
        return value

    @field_validator("solver")
    @classmethod
    def _search_is_shared(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        check_limits(value, ANNEALERS, SET_BY_SEARCH)
        return value

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: AnnealingGrid, info: ValidationInfo) -> AnnealingGrid:
        check_grid(value, info.data.get("patterns"))
        for method, largest in value.largest_n.items():
            if largest < value.n[0]:
                raise ValueError(f"largest_n.{method} = {largest} leaves no size; the smallest n is {value.n[0]}")
        return value


class PerceptronAnnealing(Experiment):
    """Work to a solution of the binary perceptron against size, by annealing of one and of several coupled replicas."""

    Spec = AnnealingSpec
    extendable = (
        *("grid.method", "grid.n", "grid.alpha", "grid.instances"),
        *(f"grid.largest_n.{method}" for method in ANNEALERS),
    )
    uses_bins = False

    def points(self, spec: AnnealingSpec) -> list[Point]:
        """A point for each method, size and alpha."""
        grid = spec.grid
        found = points({"method": grid.method, "n": grid.n, "alpha": grid.alpha})
        return [
            point for point in found
            if point.parameters["n"] <= grid.largest_n.get(point.parameters["method"], grid.n[-1])
        ]  # fmt: skip

    def draws(self, spec: AnnealingSpec, point: Point) -> int:
        """Instances."""
        return spec.grid.instances

    def cost(self, spec: AnnealingSpec, point: Point) -> float:
        """Flips of all searches, were the published laws true; at most all that a search may take."""
        n = point.parameters["n"]
        grown = 20.0 * np.exp(0.007 * n) if point.parameters["method"] == "annealing" else 3e-4 * n**2.4
        return float(spec.grid.instances * (1e5 + min(n * grown, spec.search.most_flips)))

    def memory(self, spec: AnnealingSpec, point: Point) -> int:
        """Patterns packed and in double precision, and bit-sliced stabilities of all replicas."""
        n, alpha = point.parameters["n"], point.parameters["alpha"]
        together = replicas(spec, point.parameters["method"])
        return int(n * pattern_count(n, alpha) * 24 + together * (n + pattern_count(n, alpha)) * 64 + 2**25)

    def run_point(self, spec: AnnealingSpec, point: Point, path: Path, control: Control) -> bool:
        """Search on instance after instance; one that was interrupted is searched again, to the same result."""
        from perceptron.packing import pack_signs, words_for
        from perceptron.solvers import solve

        method, n = point.parameters["method"], point.parameters["n"]
        search = spec.search
        shared = {"energy": search.energy, "sweeps": search.sweeps}
        shared["doublings"] = search.doublings(n * replicas(spec, method))
        options = {**spec.solver.get(method, {}), **shared}

        def measure(draw: int) -> Mapping[str, Any]:
            instance = instance_of(spec.patterns, spec.seed, point, draw)
            seed = point_seed(spec.seed, f"solver {point.name} instance-{draw}")
            found = solve(instance, method, seed, margin=spec.patterns.margin, **options)
            return {
                "errors": found.errors,
                "work": float(found.history["attempts"][-1]) / n,
                "last_run": int(found.history["run_sweeps"][-1]),
                "seconds": found.seconds,
                "weights": pack_signs(found.weights),
            }

        file = DrawFile(
            path,
            {
                "errors": Column(np.int64, "patterns that the weights found get wrong"),
                "work": Column(np.float64, "attempted flips per weight, all runs and replicas", "sweeps"),
                "last_run": Column(np.int64, "length of the last run", "sweeps"),
                "seconds": Column(np.float64, "wall time of the search", "s"),
                "weights": Column(np.uint64, "weights found, packed little-endian: bit set for +1", "1", ("word",)),
            },
            {"word": words_for(n)},
            {"method": method, "n": n, "p": pattern_count(n, point.parameters["alpha"])},
            options_text(method, options),
        )
        return run_draws(file, spec.grid.instances, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: AnnealingSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Medians over instances, and fits to all searches; instances are independent, `bins` has nothing to do."""
        from runs.experiments.perceptron_annealing_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Work against size with both laws, where each of them would be straight."""
        from runs.experiments.perceptron_annealing_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Rate and exponent of each method, and which law fits."""
        from runs.experiments.perceptron_annealing_results import summary

        return summary(results)


def replicas(spec: AnnealingSpec, method: str) -> int:
    """Replicas that are annealed together."""
    from perceptron.solvers import options

    if method == "annealing":
        return 1
    return int({**options(method), **spec.solver.get(method, {})}["replicas"])
