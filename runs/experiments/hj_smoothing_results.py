"""Results of "hj-smoothing": means over realisations of the noise, checks as scores, and one realisation to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.hj_smoothing import DYNAMICS, HALF_WIDTH, RESOLUTIONS, SHOWN_PATHS, HJSmoothingSpec
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

FEWEST = 10
"""Particles expected on either side of a boundary below which a share of them has no Gaussian error."""

_MOVING = ("dynamics", "time")
QUANTITIES = {
    "near_minimum": Quantity("mass in the basin of the global minimum of f", "1", _MOVING),
    "excess_loss": Quantity("mean f under the density, above its global minimum", "loss", _MOVING),
    "mean_position": Quantity("mean x under the density", "1", _MOVING),
    "particles_excess_loss": Quantity("the same loss over particles", "loss", _MOVING),
    "score_loss": Quantity("particles against grid, mean f: root mean square z", "1", _MOVING),
    "score_mass": Quantity("particles against grid, mass in that basin: root mean square z", "1", _MOVING),
    "difference": Quantity("largest difference of u from finite differences", "loss", ("smooth", "resolution")),
    "above": Quantity("largest non-viscous u above f", "loss"),
    "lowered": Quantity("lowest non-viscous u against lowest f, largest modulus", "loss"),
    "control_u": Quantity("viscous u by Cole-Hopf", "loss", ("place",)),
    "control_gap": Quantity("mean cost with the optimal control, above u", "loss", ("place",)),
    "control_deviation": Quantity("u by paths with the optimal control, minus u by Cole-Hopf", "loss", ("place",)),
    "control_slope_deviation": Quantity(
        "grad u by f' at the ends of those paths, minus by Cole-Hopf", "loss", ("place",)
    ),
    "control_gradient": Quantity("grad u by Cole-Hopf in the first realisation", "loss", ("place",)),
    "control_path": Quantity("controlled paths in the first realisation", "1", ("place", "path", "moment")),
    "control_along": Quantity("control along them", "loss", ("place", "path", "moment")),
    "control_mean": Quantity("mean control in the first realisation", "loss", ("place", "moment")),
    "characteristic": Quantity("largest distance at which characteristics of proximal points miss x"),
    "characteristic_bound": Quantity("distance that nodes allow for, smallest of all realisations"),
    "proximal_steps": Quantity("steps of proximal point iteration from the start until at rest"),
    "proximal_excess": Quantity("f where it rests, above the global minimum", "loss"),
    "potential": Quantity("landscape of each dynamics in the first realisation", "loss", ("dynamics", "x")),
    "density": Quantity("density in the first realisation", "1", (*_MOVING, "x")),
    "minimum": Quantity("where f is lowest in the first realisation"),
    "proximal_end": Quantity("where proximal point iteration rests in the first realisation"),
    "realisations": Quantity("realisations of the noise"),
    "largest_score": Quantity("largest |z| of single scores of particles against grids"),
    "scores": Quantity("scores of particles against grids"),
}


def assemble(spec: HJSmoothingSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over (dynamics, time), (place,) and, of the first realisation, x."""
    from mcmc.store.reader import open_run_file

    count = spec.landscape.points
    times = [0.0, *spec.density.times]
    x = ((np.arange(count) + 0.5) / count * 2 - 1) * HALF_WIDTH
    steps, paths = spec.particles.control_steps, min(SHOWN_PATHS, spec.particles.controlled)
    lengths = {"dynamics": len(DYNAMICS), "time": len(times), "x": count, "smooth": 2,
               "place": len(spec.particles.places), "resolution": 2, "path": paths, "moment": steps}  # fmt: skip
    grid = ResultGrid({}, lengths, QUANTITIES)
    for point in plan:
        if point.name in files:
            raw = open_run_file(files[point.name])
            series = {str(name): raw[name].values for name in raw.data_vars}
            if len(series["lowest"]):
                _fill(grid, series, spec)
    coords = {
        "dynamics": list(DYNAMICS),
        "smooth": list(DYNAMICS[1:]),
        "time": ("time", times, {"long_name": "time", "units": "1"}),
        "place": ("place", list(spec.particles.places), {"long_name": "start of controlled paths", "units": "1"}),
        "x": ("x", x, {"long_name": "x", "units": "1"}),
        "resolution": ("resolution", list(RESOLUTIONS), {"long_name": "nodes for each point", "units": "1"}),
        "moment": ("moment", spec.smoothing.viscous / steps * np.arange(steps), {"long_name": "time", "units": "1"}),
    }
    how, density = spec.smoothing, spec.density
    attributes = {"experiment": "hj-smoothing", "viscous": how.viscous, "beta": how.beta,
                  "non_viscous": how.non_viscous, "diffusion_sgd": density.diffusion_sgd,
                  "diffusion_smooth": density.diffusion_smooth, "start": density.start}  # fmt: skip
    return grid.dataset(coords, attributes)


def _fill(grid: ResultGrid, series: dict[str, np.ndarray], spec: HJSmoothingSpec) -> None:
    lowest = series["lowest"]
    over = lowest[:, None, None]
    for name, values in {
        "near_minimum": series["near_minimum"],
        "excess_loss": series["mean_loss"] - over,
        "mean_position": series["mean_position"],
        "particles_excess_loss": series["particles_mean_loss"] - over,
        "difference": series["difference"],
        "control_u": series["control_u"],
        "proximal_steps": series["proximal_steps"].astype(np.float64),
        "proximal_excess": series["proximal_loss"] - lowest,
    }.items():
        grid.put(name, (), *mean_and_error(values))
    for name, measured, known in (
        ("control_gap", "control_cost", "control_u"),
        ("control_deviation", "control_value", "control_u"),
        ("control_slope_deviation", "control_slope", "control_gradient"),
    ):
        # The paths of a realisation are held to its own u: what is left is their own error.
        error = np.sqrt((series[f"{measured}_error"] ** 2).sum(axis=0)) / len(lowest)
        grid.put(name, (), (series[measured] - series[known]).mean(axis=0), error)
    scores = {"score_loss": loss_scores(series), "score_mass": mass_scores(series, spec.particles.chains)}
    for name, z in scores.items():
        known = np.isfinite(z).sum(axis=0)
        total = np.where(known > 0, np.nansum(z**2, axis=0), np.nan)
        grid.put(name, (), np.sqrt(total / np.maximum(known, 1)))
    every = np.concatenate([z[np.isfinite(z)] for z in scores.values()])
    grid.put("largest_score", (), np.abs(every).max() if every.size else np.nan)
    grid.put("scores", (), every.size)
    for name in ("characteristic", "above", "lowered"):
        grid.put(name, (), series[name].max())
    grid.put("characteristic_bound", (), series["characteristic_bound"].min())
    first = ("potential", "density", "minimum", "proximal_end", "control_gradient", "control_path", "control_along")
    for name in first:
        grid.put(name, (), series[name][0])
    grid.put("control_mean", (), series["control_mean"][0], series["control_mean_error"][0])
    grid.put("realisations", (), len(lowest))


def loss_scores(series: Mapping[str, Any]) -> np.ndarray:
    """z of mean f over particles against the grid, (draws, dynamics, time)."""
    return (series["particles_mean_loss"] - series["mean_loss"]) / series["particles_loss_error"]


def mass_scores(series: Mapping[str, Any], chains: int) -> np.ndarray:
    """z of the share of particles near the minimum, NaN where too few are expected there, or elsewhere."""
    share = series["near_minimum"]
    variance = share * (1 - share) / chains
    enough = chains * np.minimum(share, 1 - share) >= FEWEST
    z = (series["particles_near_minimum"] - share) / np.sqrt(np.where(enough, variance, 1.0))
    return np.where(enough, z, np.nan)
