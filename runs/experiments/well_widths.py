"""Experiment "well-widths": every estimator of the smoothed free energy u(x, t) against exact answers.

Each case is a landscape on which u(x, t) is known; each draw repeats every estimator with random numbers of its own,
so that not only values but error bars are tried: z = (value - exact) / error over repeats is to be standard normal.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.well_widths_cases import CASES, Case, case
from runs.grid import Point, Positives, point_seed, points
from runs.spec import RunSpec, Section

if TYPE_CHECKING:
    import xarray

    from mcmc.local_entropy.result import LocalEntropy
    from runs.figures import Drawing
    from runs.verdict import Verdict

ESTIMATORS = ("integration", "bar", "mbar", "tempering", "convolution", "laplace", "quadrature", "moreau")
"""The first four come from the same chains."""

COMPANIONS = ESTIMATORS[1:4]


class Effort(Section):
    """How much each estimator does in a draw."""

    chains: Annotated[int, Field(ge=2)] = Field(8, description="chains of the integration at each rung")
    sweeps: Annotated[int, Field(ge=64)] = Field(2000, description="steps of each chain of the integration")
    samples: Annotated[int, Field(ge=64)] = Field(16384, description="draws of the Monte Carlo convolution")


class CaseGrid(Section):
    """What is tried."""

    case: list[Literal[CASES]] = Field(  # type: ignore[valid-type]
        list(CASES), min_length=1, description=f"landscapes, the number is the dimension: {', '.join(CASES)}"
    )
    scale: Positives = Field([0.05, 0.5, 2.0], description="scales t of the smoothing")
    repeats: Annotated[int, Field(ge=2)] = Field(
        8, description="repeats of each estimator, a total: raising it later adds to the run"
    )

    @field_validator("case")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("has a case more than once; each stands once")
        return value


class WellWidthsSpec(RunSpec):
    """Cases, scales and effort."""

    effort: Effort = Field(default_factory=lambda: Effort.model_validate({}))
    grid: CaseGrid


class WellWidths(Experiment):
    """Estimators of the smoothed free energy of smooth landscapes against closed forms and quadrature."""

    Spec = WellWidthsSpec
    extendable = ("grid.case", "grid.repeats")
    uses_bins = False

    def points(self, spec: WellWidthsSpec) -> list[Point]:
        """A point for each case."""
        return points({"case": spec.grid.case})

    def draws(self, spec: WellWidthsSpec, point: Point) -> int:
        """Repeats."""
        return spec.grid.repeats

    def cost(self, spec: WellWidthsSpec, point: Point) -> float:
        """Coordinates that are moved."""
        dim = int(point.parameters["case"].rpartition("-")[2])
        return spec.grid.repeats * spec.effort.sweeps * spec.effort.chains * (20.0 + dim)

    def memory(self, spec: WellWidthsSpec, point: Point) -> int:
        """The series of all rungs, and the draws of the convolution."""
        dim = int(point.parameters["case"].rpartition("-")[2])
        return int(8 * (spec.effort.sweeps * spec.effort.chains * 400 + 4 * spec.effort.samples * dim) + 2**26)

    def run_point(self, spec: WellWidthsSpec, point: Point, path: Path, control: Control) -> bool:
        """Repeat after repeat; one that was interrupted is done again, with the same random numbers."""
        found, count = case(point.parameters["case"]), len(spec.grid.scale)

        def measure(draw: int) -> Mapping[str, Any]:
            seed = point_seed(spec.seed, f"{point.name} repeat-{draw}")
            value = np.full((len(ESTIMATORS), count), np.nan)
            error, warned = value.copy(), np.zeros(value.shape, np.int8)
            for name, curve in estimates(found, spec, seed).items():
                row = ESTIMATORS.index(name)
                value[row], error[row], warned[row] = curve.value, curve.error, not curve.converged
            return {"value": value, "error": error, "warned": warned}

        dims = ("estimator", "scale")
        file = DrawFile(
            path,
            {
                "value": Column(np.float64, "smoothed free energy u(x, t)", "energy", dims),
                "error": Column(np.float64, "one standard error, by the estimator", "energy", dims),
                "warned": Column(np.int8, "whether the estimator warned", "1", dims),
            },
            {"estimator": len(ESTIMATORS), "scale": count},
            {"case": point.parameters["case"], "beta": found.beta, "dim": found.point.size},
            str(dict(spec.effort)),
        )
        return run_draws(file, spec.grid.repeats, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: WellWidthsSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over repeats, which are independent: `bins` has nothing to do."""
        from runs.experiments.well_widths_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Scores of every estimator, and curves of u over the scale."""
        from runs.experiments.well_widths_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """How many scores there are, the largest, and their spread by estimator."""
        from runs.experiments.well_widths_results import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """All scores against exact answers."""
        from runs.experiments.well_widths_results import verdicts

        return verdicts(results)


def estimates(found: Case, spec: WellWidthsSpec, seed: int) -> "dict[str, LocalEntropy]":
    """Every estimator that serves the case, by name."""
    import warnings

    from mcmc.errors import ConvergenceWarning
    from mcmc.local_entropy import convolution, integration, laplace, moreau, quadrature

    where = found.landscape, found.point, spec.grid.scale
    effort, beta = spec.effort, found.beta
    with warnings.catch_warnings():
        # What an estimator warns about is in its result.
        warnings.simplefilter("ignore", ConvergenceWarning)
        curve = integration(
            where[0], where[1], scale=where[2], beta=beta, seed=seed, chains=effort.chains, sweeps=effort.sweeps
        )
        curves = {"integration": curve, **{name: curve.companions[name] for name in COMPANIONS}}
        curves["convolution"] = convolution(*where, beta=beta, samples=effort.samples, seed=seed)
        # Around the proximal point: second order in what is left over.
        curves["laplace"] = laplace(*where, beta=beta, seed=seed, at="proximal")
        curves["moreau"] = moreau(*where, seed=seed)
        if found.point.size <= 2:
            curves["quadrature"] = quadrature(*where, beta=beta)
    return curves
