"""Experiment "limit-cycles": a current that goes round for ever and leaves the law of SGD what it is without it.

    dx = (-grad Phi + j) dt + sqrt(2) dW,    Phi = (x1^2 - 1)^2 / 4 + x2^2 / 2,
    j = lambda exp(Phi - (x1^2 + x2^2)^2 / 4) (-x2, x1)

(Chaudhari & Soatto 2018, arXiv:1710.11029, section 4). div(j exp(-Phi)) = 0, so that exp(-Phi) / Z rests for every
lambda, while probability circulates: <x1 b2 - x2 b1> = 2 pi lambda / Z. The law is asked of a grid and of trajectories;
most likely are the wells of Phi, fastest is the current where Phi has no critical point at all.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.cpu_spec import CpuSpec
from runs.experiments.limit_cycles_model import BINS
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import NonNegative, Point, point, point_seed
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict


class Sampling(Section):
    """Trajectories of a repeat: Euler-Maruyama steps h, and 2 h along the same noise."""

    chains: Annotated[int, Field(ge=20)] = Field(1000, description="independent trajectories")
    step: Annotated[float, Field(gt=0, le=0.1)] = Field(0.02, description="h, beside 2 h")
    thin: Annotated[int, Field(ge=1)] = Field(3, description="steps 2 h between two records")
    records: Annotated[int, Field(ge=200)] = Field(2000, description="records of each trajectory")
    spacing: Annotated[int, Field(ge=1)] = Field(8, description="records from one sample of the histogram to the next")


class Solver(Section):
    """The grid of the Fokker-Planck equation."""

    cells: Annotated[int, Field(ge=24, le=512)] = Field(96, description="cells along x1; along x2 twice as many")


class CyclesGrid(Section):
    """Which currents."""

    strength: Annotated[list[NonNegative], Field(min_length=1)] = Field(
        [0.0, 0.5, 1.5], description="lambda: how strong the current is"
    )
    repeats: Annotated[int, Field(ge=2)] = Field(
        4, description="independent repeats of each point, a total: raising it later adds to the run"
    )

    @field_validator("strength")
    @classmethod
    def _once(cls, value: list[float]) -> list[float]:
        if len(set(value)) < len(value):
            raise ValueError("has a number more than once; each stands once")
        return sorted(value)


class CyclesSpec(CpuSpec):
    """Sampling, solver and currents."""

    sampling: Sampling = Field(default_factory=lambda: Sampling.model_validate({}))
    solver: Solver = Field(default_factory=lambda: Solver.model_validate({}))
    grid: CyclesGrid = Field(default_factory=lambda: CyclesGrid.model_validate({}))


class LimitCycles(Experiment):
    """Law and circulation of the two-dimensional example: exact, on the grid, and of trajectories."""

    Spec = CyclesSpec
    extendable = ("grid.strength", "grid.repeats", "solver.cells")
    uses_bins = False

    def points(self, spec: CyclesSpec) -> list[Point]:
        """One for each lambda."""
        return [point(strength=value) for value in spec.grid.strength]

    def draws(self, spec: CyclesSpec, point: Point) -> int:
        """Repeats."""
        return spec.grid.repeats

    def memory(self, spec: CyclesSpec, point: Point) -> int:
        """Records of all trajectories and their blocks."""
        return 2**27 + 128 * spec.sampling.chains * spec.sampling.records

    def analysis_memory(self, spec: CyclesSpec) -> int:
        """The factors of the generator."""
        return 2**27 + 12000 * spec.solver.cells**2

    def run_point(self, spec: CyclesSpec, point: Point, path: Path, control: Control) -> bool:
        """Repeat after repeat; one that was interrupted is done again, with the same random numbers."""
        from runs.experiments.limit_cycles_draw import DENSE_MOMENTS, PATH_MOMENTS, measure_trajectories

        def measure(draw: int) -> Mapping[str, Any]:
            return measure_trajectories(spec, point, draw)

        bins = ("bin_x", "bin_y")
        columns = {
            "share": Column(np.float64, "share of samples in the bin, extrapolated to h = 0", "1", bins),
            "share_error": Column(np.float64, "one standard error of it, from independent trajectories", "1", bins),
            "share_step": Column(np.float64, "share of samples in the bin at step h", "1", bins),
            "circulation": Column(np.float64, "<x1 b2 - x2 b1>, extrapolated to h = 0", "1"),
            "circulation_spread": Column(np.float64, "one standard error of it, from independent trajectories", "1"),
            "circulation_step": Column(np.float64, "<x1 b2 - x2 b1> at step h", "1"),
            "rate": Column(np.float64, "<x1 dx2 - x2 dx1> / dt between records", "1"),
            "rate_spread": Column(np.float64, "one standard error of it, from blocks", "1"),
            "p_value": Column(np.float64, "probability of such a rate in detailed balance", "1"),
            "p_least": Column(np.float64, "the least it can be, all surrogates below", "1"),
            "tau": Column(np.float64, "integrated autocorrelation time of x1", "time"),
            "path": Column(np.float64, "a trajectory", "1", ("moment", "component")),
            "dense_path": Column(np.float64, "a short one, step by step", "1", ("dense_moment", "component")),
        }
        lengths = {"bin_x": BINS[0], "bin_y": BINS[1], "moment": PATH_MOMENTS, "component": 2,
                   "dense_moment": DENSE_MOMENTS}  # fmt: skip
        made = json.dumps(spec.sampling.model_dump(), sort_keys=True)
        file = DrawFile(path, columns, lengths, dict(point.parameters), made)
        return run_draws(file, spec.grid.repeats, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: CyclesSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over repeats, which are independent (`bins` has nothing to do), the grid's law, and the exact one."""
        from runs.experiments.limit_cycles_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Field, law and current; the antisymmetric part of the drift; what trajectories say of them."""
        from runs.experiments.limit_cycles_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Law, circulation, wells and fastest points of each lambda."""
        from runs.experiments.limit_cycles_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Law, current, Q and circulation against exact values, detailed balance against its null."""
        from runs.experiments.limit_cycles_summary import verdicts

        return verdicts(results)
