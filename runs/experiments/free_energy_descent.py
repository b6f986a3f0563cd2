"""Experiment "free-energy-descent": what does a diffusing density decrease, and where does it end?

    rho_t = div(grad f rho + beta^-1 div(D rho)),    F(rho) = beta^-1 KL(rho | rho_ss) = E[Phi] - H(rho) / beta,
    Phi = -beta^-1 log rho_ss,    dF/dt = -I(rho), the Fisher information

(arXiv:1710.11029, theorem 5; Jordan, Kinderlehrer & Otto 1998). F is measured on the way by three methods that share
nothing: the Fokker-Planck equation on a grid, minimising movements in the transport distance (D = 1 alone, where they
are the equation), and particles, their entropy from nearest neighbours. With D = 1, Phi is f and a constant; with
another D it is not, and the most likely point is not the lowest one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.cpu_spec import CpuSpec
from runs.experiments.free_energy_descent_model import CASES
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, point, point_seed
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

MOMENTS = 10
"""Times at which particles are looked at."""


class Descent(Section):
    """The equation."""

    beta: Annotated[float, Field(gt=0, le=10)] = Field(2.0, description="inverse temperature")
    last: Annotated[float, Field(gt=0)] = Field(4.0, description="last time that is looked at")


class Solvers(Section):
    """Grid and minimising movements."""

    cells: Annotated[int, Field(ge=24, le=256)] = Field(72, description="cells along x1 in two dimensions")
    step: Annotated[float, Field(gt=0)] = Field(0.01, description="step of the grid's implicit Euler, and half of it")
    tau: Annotated[float, Field(gt=0)] = Field(0.08, description="longer step of minimising movements, and half of it")


class Particles(Section):
    """Langevin chains of a repeat."""

    count: Annotated[int, Field(ge=200)] = Field(20000, description="particles")
    step: Annotated[float, Field(gt=0, le=0.1)] = Field(0.01, description="Euler-Maruyama step h, beside 2 h")


class DescentGrid(Section):
    """Which noises."""

    case: Annotated[list[Literal["line", "isotropic", "diagonal", "full"]], Field(min_length=1)] = Field(
        ["line", "isotropic", "diagonal", "full"], description="landscape and noise"
    )
    repeats: Annotated[int, Field(ge=2)] = Field(
        6, description="independent repeats of the particles, a total: raising it later adds to the run"
    )

    @field_validator("case")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("has a word more than once; each stands once")
        return [name for name in CASES if name in value]


class DescentSpec(CpuSpec):
    """Equation, solvers and particles."""

    descent: Descent = Field(default_factory=lambda: Descent.model_validate({}))
    solvers: Solvers = Field(default_factory=lambda: Solvers.model_validate({}))
    particles: Particles = Field(default_factory=lambda: Particles.model_validate({}))
    grid: DescentGrid = Field(default_factory=lambda: DescentGrid.model_validate({}))

    @field_validator("solvers")
    @classmethod
    def _a_few_movements(cls, value: Solvers, info: ValidationInfo) -> Solvers:
        descent = info.data.get("descent")
        if descent is not None and descent.last < 4 * value.tau:
            raise ValueError(f"tau = {value.tau:g}: descent.last = {descent.last:g} is not four steps away")
        return value

    @field_validator("particles")
    @classmethod
    def _steps_meet(cls, value: Particles, info: ValidationInfo) -> Particles:
        solvers = info.data.get("solvers")
        if solvers is not None and abs(solvers.tau / (2 * value.step) - round(solvers.tau / (2 * value.step))) > 1e-9:
            raise ValueError(f"step = {value.step:g}: solvers.tau = {solvers.tau:g} is no whole number of two steps")
        return value

    def times(self) -> np.ndarray:
        """Moments of particles and movements: whole numbers of tau, (MOMENTS,) or fewer."""
        most = int(self.descent.last / self.solvers.tau * (1 + 1e-12))
        return np.unique(np.round(np.geomspace(1, most, MOMENTS)).astype(np.int64)) * self.solvers.tau


class FreeEnergyDescent(Experiment):
    """F along the way from a grid, from minimising movements and from particles; Phi against f."""

    Spec = DescentSpec
    extendable = ("grid.case", "grid.repeats", "solvers.cells")
    uses_bins = False

    def points(self, spec: DescentSpec) -> list[Point]:
        """One for each noise."""
        return [point(case=name) for name in spec.grid.case]

    def draws(self, spec: DescentSpec, point: Point) -> int:
        """Repeats."""
        return spec.grid.repeats

    def memory(self, spec: DescentSpec, point: Point) -> int:
        """The density at rest, and particles with their neighbours."""
        return 2**28 + 1000 * spec.particles.count

    def analysis_memory(self, spec: DescentSpec) -> int:
        """The factors of the generator, and densities on the way."""
        return 2**28 + 20000 * spec.solvers.cells**2

    def run_point(self, spec: DescentSpec, point: Point, path: Path, control: Control) -> bool:
        """Repeat after repeat; one that was interrupted is done again, with the same random numbers."""
        from runs.experiments.free_energy_descent_draw import Measured

        measured = Measured(spec, point)
        columns = {
            "free_energy": Column(np.float64, "F of the particles, extrapolated to h = 0", "energy", ("time",)),
            "half": Column(np.float64, "the same, mean over both halves of the particles", "energy", ("time",)),
            "free_energy_step": Column(np.float64, "F of the particles at step h", "energy", ("time",)),
            "mean": Column(np.float64, "mean of x1", "1", ("time",)),
        }
        lengths = {"time": len(spec.times())}
        made = {
            "descent": spec.descent.model_dump(),
            "particles": spec.particles.model_dump(),
            "tau": spec.solvers.tau,
        }
        file = DrawFile(path, columns, lengths, dict(point.parameters), json.dumps(made, sort_keys=True))
        return run_draws(file, spec.grid.repeats, measured, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: DescentSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Particles over repeats, which are independent (`bins` has nothing to do), and the solvers' curves."""
        from runs.experiments.free_energy_descent_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """F against time, its slope against the Fisher information, and Phi against f."""
        from runs.experiments.free_energy_descent_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Differences between methods, and most likely against lowest points."""
        from runs.experiments.free_energy_descent_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Particles and movements against the grid, slopes against the Fisher information, Phi against f."""
        from runs.experiments.free_energy_descent_summary import verdicts

        return verdicts(results)
