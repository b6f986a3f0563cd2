"""Experiment "homogenization": Entropy-SGD and Elastic-SGD at finite epsilon, and the dynamics that both become.

    dx = -(x - y_mean) / gamma ds,
    dy^a = -(1 / epsilon) [f'(y^a) + (y^a - x) / gamma] ds + (2 / (beta epsilon))^(1/2) dW^a,     a = 1 ... n,

n = 1 Entropy-SGD, n > 1 Elastic-SGD, in one dimension. Drift (displacement over a time) and variance of x against
epsilon: for f = h y^2 / 2 the law is exact at every epsilon, Var x = epsilon / (n beta h (1 + epsilon + gamma h)) at
rest; for the double well the drift is held to -u' where epsilon -> 0 (arXiv:1704.04932, section 4).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from runs.experiments import Control, Experiment
from runs.experiments.cpu_spec import CpuSpec
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

CASES = ("quadratic", "double-well")
MOMENTS = ("mean", "variance", "fourth")

Amount = Annotated[float, Field(gt=0)]


class Dynamics(Section):
    """What all have in common."""

    gamma: Amount = Field(0.5, description="scale of the local entropy; 1 / gamma is the pull between x and y")
    beta: Amount = Field(4.0, description="inverse temperature")
    curvature: Amount = Field(1.5, description="h of the quadratic h y^2 / 2; the double well is (y^2 - 1)^2 / 4")
    start: float = Field(0.5, description="x and y at time 0")
    drift_time: Amount = Field(1.0, description="slow time over which the drift is measured")
    rest_time: Amount = Field(5.0, description="slow time after which the variance is measured, above drift_time")

    @model_validator(mode="after")
    def _in_order(self) -> "Dynamics":
        if self.rest_time <= self.drift_time:
            raise ValueError(f"rest_time is {self.rest_time:g}; needs one above drift_time = {self.drift_time:g}")
        return self


class Effort(Section):
    """How many paths, and how fine their steps are."""

    chains: Annotated[int, Field(ge=100)] = Field(1000, description="paths of a draw")
    share: Annotated[float, Field(gt=0, lt=0.25)] = Field(0.05, description="step of the fast variable, step / epsilon")


class CaseGrid(Section):
    """What is tried."""

    case: list[Literal[CASES]] = Field(  # type: ignore[valid-type]
        list(CASES), min_length=1, description=f"landscapes: {', '.join(CASES)}"
    )
    replicas: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 3, 10], min_length=1, description="n: 1 is Entropy-SGD, more are Elastic-SGD"
    )
    epsilon: Positives = Field([0.02, 0.04, 0.08, 0.16, 0.32, 0.64], description="ratios of the two time scales")
    draws: Annotated[int, Field(ge=2)] = Field(3, description="repetitions, a total: may be raised later")

    @field_validator("case", "replicas")
    @classmethod
    def _once(cls, value: list) -> list:
        if len(set(value)) < len(value):
            raise ValueError("has a value more than once; each stands once")
        return value


class HomogenizationSpec(CpuSpec):
    """Dynamics and effort."""

    dynamics: Dynamics = Field(default_factory=lambda: Dynamics.model_validate({}))
    effort: Effort = Field(default_factory=lambda: Effort.model_validate({}))
    grid: CaseGrid = Field(default_factory=lambda: CaseGrid.model_validate({}))


class Homogenization(Experiment):
    """Drift and variance of Entropy-SGD and Elastic-SGD against epsilon, and their common limit."""

    Spec = HomogenizationSpec
    extendable = ("grid.case", "grid.replicas", "grid.draws")
    uses_bins = False

    def points(self, spec: HomogenizationSpec) -> list[Point]:
        """A point for each landscape and number of replicas."""
        return points({"case": spec.grid.case, "replicas": spec.grid.replicas})

    def draws(self, spec: HomogenizationSpec, point: Point) -> int:
        """Repetitions."""
        return spec.grid.draws

    def cost(self, spec: HomogenizationSpec, point: Point) -> float:
        """Moves of a coordinate."""
        steps = sum(spec.dynamics.rest_time / (spec.effort.share * epsilon) for epsilon in spec.grid.epsilon)
        return spec.grid.draws * steps * spec.effort.chains * (5.0 + point.parameters["replicas"])

    def memory(self, spec: HomogenizationSpec, point: Point) -> int:
        """Copies of y and noise."""
        return int(100 * spec.effort.chains * (4 + point.parameters["replicas"]) + 2**25)

    def run_point(self, spec: HomogenizationSpec, point: Point, path: Path, control: Control) -> bool:
        """One repetition after the other; one that was interrupted is made again, with the same random numbers."""
        from runs.experiments.homogenization_draw import measure

        def draw(number: int) -> Mapping[str, Any] | None:
            seed = point_seed(spec.seed, f"{point.name} draw-{number}")
            return measure(spec, point.parameters["case"], point.parameters["replicas"], seed, control.stop)

        dims = ("epsilon", "moment")
        columns = {
            "drift": Column(np.float64, "displacement of x over drift_time: mean, variance, fourth moment", "1", dims),
            "rest": Column(np.float64, "x at rest_time: mean, variance, fourth central moment", "1", dims),
        }
        lengths = {"epsilon": len(spec.grid.epsilon), "moment": len(MOMENTS)}
        made_with = str([dict(spec.dynamics), dict(spec.effort), spec.grid.epsilon])
        file = DrawFile(path, columns, lengths, dict(point.parameters), made_with)
        return run_draws(file, spec.grid.draws, draw, point_seed(spec.seed, point.name), control)

    def assemble(
        self, spec: HomogenizationSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Means over independent paths: `bins` has nothing to do."""
        from runs.experiments.homogenization_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Drift and variance against epsilon."""
        from runs.experiments.homogenization_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Scores against the exact law, and where the lines meet."""
        from runs.experiments.homogenization_results import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """All scores against the exact law, and the limits of each number of replicas."""
        from runs.experiments.homogenization_results import verdicts

        return verdicts(results)
