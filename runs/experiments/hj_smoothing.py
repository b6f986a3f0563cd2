"""Experiment "hj-smoothing": a rough landscape in one dimension, smoothed by Hamilton-Jacobi equations.

f(x) = x^2 + 1.5 sin(2 pi x) + noise; u of the viscous equation u_t = -u_x^2 / 2 + u_xx / (2 beta) and of the
non-viscous one. A density that starts high up evolves under rho_t = (rho V_x)_x + D rho_xx with V = f (SGD) and with V
= u: on f it is stuck, on u it is not. After figures 2 and 3 of Chaudhari, Oberman, Osher, Soatto & Carlier 2018,
arXiv:1704.04932. Each draw has its own noise on f.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from runs.experiments import Control, Experiment
from runs.experiments.cpu_spec import CpuSpec
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, point, point_seed
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

DYNAMICS = ("sgd", "viscous", "non-viscous")
"""Gradient flow with noise on f, on the viscous u and on the non-viscous u."""
HALF_WIDTH = 3.0
"""Everything is shown on [-3, 3]."""
RESOLUTIONS = (0.5, 1.0)
"""Nodes of finite differences for each point."""
SHOWN_PATHS = 12
"""Controlled paths that are kept."""

Amount = Annotated[float, Field(gt=0)]


def _inside(value: list[float]) -> list[float]:
    far = next((x for x in value if not -HALF_WIDTH < x < HALF_WIDTH), None)
    if far is not None:
        raise ValueError(f"has {far:g}; needs places between {-HALF_WIDTH:g} and {HALF_WIDTH:g}")
    if len(set(value)) < len(value):
        raise ValueError("has a place more than once; each stands once")
    return value


class Landscape(Section):
    """f(x) = x^2 + waves sin(2 pi x) + noise."""

    waves: Annotated[float, Field(ge=0)] = Field(1.5, description="amplitude of the sine")
    noise: Annotated[float, Field(ge=0)] = Field(5.0, description="width of the uniform numbers behind the noise")
    smoothing: Annotated[float, Field(ge=1e-3, le=1)] = Field(
        0.03, description="variance of the Gaussian that the uniform numbers are convolved with"
    )
    points: Annotated[int, Field(ge=100, le=4000)] = Field(500, description="points on [-3, 3], one number each")
    refinement: Annotated[int, Field(ge=1, le=16)] = Field(4, description="cells of the solvers for each point")


class Smoothing(Section):
    """Times of the two equations."""

    viscous: Amount = Field(0.2, description="t of the viscous equation")
    beta: Amount = Field(1.0, description="its inverse temperature; 1 / (2 beta) is in front of u_xx")
    non_viscous: Amount = Field(0.1, description="t of the non-viscous equation")


class Density(Section):
    """The density that evolves."""

    start: Annotated[float, Field(gt=-HALF_WIDTH, lt=HALF_WIDTH)] = Field(2.5, description="its middle")
    variance: Amount = Field(0.01, description="its variance: exp(-(x - start)^2 / .02) for .01")
    diffusion_sgd: Amount = Field(0.2, description="D on f")
    diffusion_smooth: Amount = Field(0.1, description="D on u")
    times: Positives = Field([0.1, 0.3, 1.0, 3.0], description="when it is looked at")
    step: Amount = Field(1e-3, description="longest time step of the grid")
    steps: Annotated[int, Field(ge=1)] = Field(800, description="fewest steps of the grid from one time to the next")


class Particles(Section):
    """Langevin chains beside the grid, and paths of the control problem."""

    chains: Annotated[int, Field(ge=100)] = Field(2000, description="particles of each draw and each landscape")
    step: Amount = Field(1e-3, description="their time step (Heun, of second order)")
    controlled: Annotated[int, Field(ge=100)] = Field(1000, description="paths with the optimal control")
    control_steps: Annotated[int, Field(ge=10)] = Field(100, description="steps of each of them")
    places: Annotated[list[float], Field(min_length=1), AfterValidator(_inside)] = Field(
        [-1.5, 0.25, 2.5], description="where paths with the optimal control start"
    )


class Repeats(Section):
    """How many realisations of the noise."""

    draws: Annotated[int, Field(ge=2)] = Field(8, description="realisations of the noise, a total: may be raised later")


class HJSmoothingSpec(CpuSpec):
    """Landscape, smoothing and density."""

    landscape: Landscape = Field(default_factory=lambda: Landscape.model_validate({}))
    smoothing: Smoothing = Field(default_factory=lambda: Smoothing.model_validate({}))
    density: Density = Field(default_factory=lambda: Density.model_validate({}))
    particles: Particles = Field(default_factory=lambda: Particles.model_validate({}))
    grid: Repeats = Field(default_factory=lambda: Repeats.model_validate({}))


class HJSmoothing(Experiment):
    """A rough landscape smoothed by Hamilton-Jacobi equations, and the fate of a density on it."""

    Spec = HJSmoothingSpec
    extendable = ("grid.draws",)
    uses_bins = False

    def points(self, spec: HJSmoothingSpec) -> list[Point]:
        """One: draws differ in the noise alone."""
        return [point()]

    def draws(self, spec: HJSmoothingSpec, point: Point) -> int:
        """Realisations of the noise."""
        return spec.grid.draws

    def memory(self, spec: HJSmoothingSpec, point: Point) -> int:
        """Table of the noise, particles, and factors of the time steps."""
        cells = spec.landscape.points * spec.landscape.refinement
        return int(8 * (4 * cells * spec.landscape.points + 50 * spec.particles.chains + 200 * cells) + 2**26)

    def run_point(self, spec: HJSmoothingSpec, point: Point, path: Path, control: Control) -> bool:
        """One realisation after the other; one that was interrupted is made again, with the same random numbers."""
        from runs.experiments.hj_smoothing_draw import measure

        def draw(number: int) -> Mapping[str, Any]:
            return measure(spec, point_seed(spec.seed, f"{point.name} draw-{number}"))

        lengths = {
            "x": spec.landscape.points,
            "dynamics": len(DYNAMICS),
            "smooth": len(DYNAMICS) - 1,
            "time": len(spec.density.times) + 1,
            "place": len(spec.particles.places),
            "resolution": len(RESOLUTIONS),
            "path": min(SHOWN_PATHS, spec.particles.controlled),
            "moment": spec.particles.control_steps,
        }
        made_with = str(spec.model_dump(exclude={"grid", "seed", "experiment", "device"}))
        file = DrawFile(path, COLUMNS, lengths, {}, made_with)
        return run_draws(file, spec.grid.draws, draw, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: HJSmoothingSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over realisations, which are independent: `bins` has nothing to do."""
        from runs.experiments.hj_smoothing_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """f, u, the densities and controlled paths of one realisation; where the mass is against time, over all."""
        from runs.experiments.hj_smoothing_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Mass near the global minimum and mean loss for each landscape, and how well the checks agree."""
        from runs.experiments.hj_smoothing_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Particles, finite differences, characteristics and control against grids, and what smoothing brings down."""
        from runs.experiments.hj_smoothing_summary import verdicts

        return verdicts(results)


_MOVING = ("dynamics", "time")
COLUMNS = {
    "potential": Column(np.float64, "landscape of each dynamics: f, viscous u, non-viscous u", "loss",
                        ("dynamics", "x")),
    "density": Column(np.float64, "density", "1", (*_MOVING, "x")),
    "minimum": Column(np.float64, "where f is lowest"),
    "basin": Column(np.float64, "width of the basin of f around it"),
    "lowest": Column(np.float64, "f there", "loss"),
    "near_minimum": Column(np.float64, "mass in the basin of the global minimum of f, on the grid", "1", _MOVING),
    "mean_loss": Column(np.float64, "mean f under the density, on the grid", "loss", _MOVING),
    "mean_position": Column(np.float64, "mean x under the density, on the grid", "1", _MOVING),
    "particles_near_minimum": Column(np.float64, "share of particles in that basin", "1", _MOVING),
    "particles_mean_loss": Column(np.float64, "mean f over particles", "loss", _MOVING),
    "particles_loss_error": Column(np.float64, "its standard error", "loss", _MOVING),
    "difference": Column(np.float64, "largest difference of u from monotone finite differences", "loss",
                         ("smooth", "resolution")),
    "above": Column(np.float64, "largest non-viscous u above f", "loss"),
    "lowered": Column(np.float64, "lowest non-viscous u against lowest f, modulus", "loss"),
    "control_u": Column(np.float64, "viscous u by Cole-Hopf", "loss", ("place",)),
    "control_cost": Column(np.float64, "mean cost with the optimal control", "loss", ("place",)),
    "control_cost_error": Column(np.float64, "its standard error", "loss", ("place",)),
    "control_value": Column(np.float64, "viscous u by paths with the optimal control", "loss", ("place",)),
    "control_value_error": Column(np.float64, "its standard error", "loss", ("place",)),
    "control_slope": Column(np.float64, "grad u by f' at the ends of those paths", "loss", ("place",)),
    "control_slope_error": Column(np.float64, "its standard error", "loss", ("place",)),
    "control_gradient": Column(np.float64, "grad u by Cole-Hopf", "loss", ("place",)),
    "control_path": Column(np.float64, "some of those paths", "1", ("place", "path", "moment")),
    "control_along": Column(np.float64, "the control along them", "loss", ("place", "path", "moment")),
    "control_mean": Column(np.float64, "mean control over all paths", "loss", ("place", "moment")),
    "control_mean_error": Column(np.float64, "its standard error", "loss", ("place", "moment")),
    "characteristic": Column(np.float64, "largest distance at which characteristics of proximal points miss x"),
    "proximal_steps": Column(np.int64, "steps of proximal point iteration from the start until at rest"),
    "proximal_end": Column(np.float64, "where it rests"),
    "proximal_loss": Column(np.float64, "f there", "loss"),
    "characteristic_bound": Column(np.float64, "distance that nodes allow for"),
}  # fmt: skip
