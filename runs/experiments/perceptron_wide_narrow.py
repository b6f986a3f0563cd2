"""Experiment "perceptron-wide-vs-narrow": which dynamics ends in wide regions, at equal energy and equal work.

Runs of each dynamics on the same instances, with the same number of flips to attempt, end somewhere: with an energy
(errors) and surroundings. These are measured by the local free entropy

    S(d) = (1/N) ln sum_{w at distance d} exp(-beta E(w))

at one finite beta for all ends, solutions or not, and for solutions by their number too (beta = inf); by belief
propagation, and by Monte Carlo integration around the first ones.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.perceptron_local_entropy import MESSAGE_BYTES, flips_of
from runs.experiments.perceptron_spec import InstanceGrid, OnPatterns, check_grid, pattern_count
from runs.grid import Point, Positives, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing

DYNAMICS = ("annealing", "replicated_annealing", "rejection_free", "quench")

KINDS_OF_ENTROPY = ("bethe", "integration", "solutions")
"""Belief propagation and integration at finite beta, and belief propagation at beta = inf around solutions."""


def _distinct(value: list[str]) -> list[str]:
    if len(set(value)) < len(value):
        raise ValueError("has one more than once; each dynamics stands once")
    return value


Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Ramps(Section):
    """How each dynamics is cooled; energies are numbers of errors."""

    annealing: Pair = Field([2.0, 8.0], description="first and last beta of annealing by Metropolis")
    replicated: Pair = Field([2.0, 4.0], description="first and last beta of replicated annealing")
    coupling: Pair = Field([0.5, 2.0], description="first and last gamma between replicas")
    replicas: Annotated[int, Field(ge=2, le=50)] = Field(5, description="replicas; they share the attempts of a run")
    rejection_free: Pair = Field([3.0, 6.0], description="first and last beta of rejection-free cooling")

    @field_validator("annealing", "replicated", "coupling", "rejection_free")
    @classmethod
    def _rising(cls, value: list[float]) -> list[float]:
        if not 0.0 <= value[0] <= value[1] <= 1e6:
            raise ValueError("needs two numbers from 0 to 1e6, the last at least the first")
        return value


class Surroundings(Section):
    """How wide an end is."""

    beta: Annotated[float, Field(gt=0, le=50)] = Field(3.0, description="inverse temperature of the local free entropy")
    shown: Annotated[float, Field(gt=0, le=0.5)] = Field(0.05, description="distance of the first panel: the nearest")
    integrated: Annotated[int, Field(ge=0)] = Field(1, description="ends of each point that are integrated too")
    error: Annotated[float, Field(gt=0)] = Field(0.003, description="error asked of the integration, nats per weight")
    budget: Annotated[float, Field(gt=0)] = Field(5e7, description="proposed flips of one integration")


class WideGrid(InstanceGrid):
    """Which dynamics, of which length, on what."""

    dynamics: Annotated[
        list[Literal["annealing", "replicated_annealing", "rejection_free", "quench"]],
        Field(min_length=1),
        AfterValidator(_distinct),
    ] = Field(description=f"dynamics to compare: {', '.join(DYNAMICS)}")
    passes: Positives = Field(description="attempted flips per weight of a run, all replicas together")
    distance: Positives = Field(description="distances, fractions of flipped weights up to 1/2")
    instances: Annotated[int, Field(ge=1)] = Field(1, description="instances, the same for every dynamics")
    runs: Annotated[int, Field(ge=2)] = Field(20, description="runs of each point on each instance, from other seeds")

    @field_validator("distance")
    @classmethod
    def _up_to_half(cls, value: list[float]) -> list[float]:
        if value[-1] > 0.5:
            raise ValueError(f"has {value[-1]:g}; distances up to 1/2 are measured")
        return value


class WideNarrowSpec(OnPatterns):
    """Dynamics and lengths of runs."""

    ramps: Ramps = Field(default_factory=lambda: Ramps.model_validate({}))
    surroundings: Surroundings = Field(default_factory=lambda: Surroundings.model_validate({}))
    grid: WideGrid

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: WideGrid, info: ValidationInfo) -> WideGrid:
        check_grid(value, info.data.get("patterns"))
        if len(value.n) > 1 or len(value.alpha) > 1:
            raise ValueError("one n and one alpha are compared in a run; make another run for others")
        if not (flips_of(value.distance, value.n[0]) > 0).all():
            raise ValueError(f"distance: two values stand for the same multiple of 1/{value.n[0]}, or one for 0")
        ramps = info.data.get("ramps")
        if "replicated_annealing" in value.dynamics and ramps is not None and value.passes[0] < ramps.replicas:
            raise ValueError(f"passes = {value.passes[0]:g} leave {ramps.replicas} replicas less than a sweep each")
        if value.passes[0] < 1:
            raise ValueError(f"passes = {value.passes[0]:g}: a run takes at least 1")
        return value


class PerceptronWideNarrow(Experiment):
    """Energy against local entropy of the ends of dynamics."""

    Spec = WideNarrowSpec
    extendable = ("grid.dynamics", "grid.passes", "grid.runs")
    uses_bins = False

    def fixed(self, spec: WideNarrowSpec) -> Mapping[str, str]:
        """Instances follow each other in a file."""
        return {"grid.instances": "runs take turns on the instances; raise grid.runs"}

    def points(self, spec: WideNarrowSpec) -> list[Point]:
        """A point for each dynamics and length of run."""
        grid = spec.grid
        axes: dict[str, Any] = {"dynamics": grid.dynamics, "n": grid.n, "alpha": grid.alpha, "passes": grid.passes}
        return points(axes)

    def draws(self, spec: WideNarrowSpec, point: Point) -> int:
        """Runs on all instances."""
        return spec.grid.runs * spec.grid.instances

    def cost(self, spec: WideNarrowSpec, point: Point) -> float:
        """Seconds, roughly: belief propagation, flips and integration."""
        n = point.parameters["n"]
        p = pattern_count(n, point.parameters["alpha"])
        each = 2e-6 * n * p + 1e-8 * n * point.parameters["passes"]
        return self.draws(spec, point) * each + spec.surroundings.integrated * (5 + 2e-8 * spec.surroundings.budget)

    def memory(self, spec: WideNarrowSpec, point: Point) -> int:
        """Messages."""
        n = point.parameters["n"]
        return int(MESSAGE_BYTES * n * pattern_count(n, point.parameters["alpha"]) + 2**26)

    def run_point(self, spec: WideNarrowSpec, point: Point, path: Path, control: Control) -> bool:
        """One run after the other; one that was interrupted is made again, with the same random numbers."""
        from runs.experiments.perceptron_wide_narrow_draw import measure_end

        def measure(draw: int) -> Mapping[str, Any]:
            return measure_end(spec, point, draw)

        total = self.draws(spec, point)
        return run_draws(_file(spec, point, path), total, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: WideNarrowSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Every end, and means; runs are independent: `bins` has nothing to do."""
        from runs.experiments.perceptron_wide_narrow_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Energy against local entropy, and S(d) around solutions."""
        from runs.experiments.perceptron_wide_narrow_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Energies and local entropies by dynamics, and differences at equal energy."""
        from runs.experiments.perceptron_wide_narrow_figures import summary

        return summary(results)


def _file(spec: WideNarrowSpec, point: Point, path: Path) -> DrawFile:
    from perceptron.packing import words_for

    n, of_curve = point.parameters["n"], ("estimator", "distance")
    columns = {
        "instance": Column(np.int64, "instance"),
        "errors": Column(np.int64, "patterns that the end gets wrong"),
        "attempts": Column(np.int64, "flips attempted until the end, all replicas together"),
        "entropy": Column(
            np.float64, "local entropy S(d) at finite beta, or of solutions", "nats per weight", of_curve
        ),
        "error": Column(np.float64, "standard error of the estimator", "nats per weight", of_curve),
        "left_out": Column(np.int64, "distances at which the estimator did not converge", "1", ("estimator",)),
        "seconds": Column(np.float64, "wall time of the run", "s"),
        "weights": Column(np.uint64, "end, signs packed little-endian: bit set for +1", "1", ("word",)),
    }
    lengths = {"word": words_for(n), "estimator": len(KINDS_OF_ENTROPY), "distance": len(spec.grid.distance)}
    made = {
        "ramps": spec.ramps.model_dump(mode="json"),
        "surroundings": spec.surroundings.model_dump(exclude={"shown"}),
        "distance": spec.grid.distance,
        "instances": spec.grid.instances,
    }
    attributes = {"dynamics": point.parameters["dynamics"], "n": n, "p": pattern_count(n, point.parameters["alpha"])}
    return DrawFile(path, columns, lengths, attributes, json.dumps(made, sort_keys=True))
