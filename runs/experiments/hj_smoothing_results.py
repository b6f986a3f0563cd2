"""Results of "hj-smoothing": means over realisations of the noise, checks as scores, and one realisation to look at."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.hj_smoothing import DYNAMICS, HALF_WIDTH, HJSmoothingSpec
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

    from runs.verdict import Verdict

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
    "difference": Quantity("largest difference of u from finite differences", "loss", ("smooth",)),
    "control_u": Quantity("viscous u by Cole-Hopf", "loss", ("place",)),
    "control_gap": Quantity("mean cost with the optimal control, above u", "loss", ("place",)),
    "control_deviation": Quantity("u by paths with the optimal control, minus u by Cole-Hopf", "loss", ("place",)),
    "characteristic": Quantity("largest distance at which characteristics of proximal points miss x"),
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
    lengths = {"dynamics": len(DYNAMICS), "time": len(times), "x": count, "smooth": 2}
    grid = ResultGrid({}, {**lengths, "place": len(spec.particles.places)}, QUANTITIES)
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
    }
    return grid.dataset(coords, {"experiment": "hj-smoothing"})


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
        "proximal_excess": _at_end(series, spec) - lowest,
    }.items():
        grid.put(name, (), *mean_and_error(values))
    for name, measured in (("control_gap", "control_cost"), ("control_deviation", "control_value")):
        # The paths of a realisation are held to its own u: what is left is their own error.
        error = np.sqrt((series[f"{measured}_error"] ** 2).sum(axis=0)) / len(lowest)
        grid.put(name, (), (series[measured] - series["control_u"]).mean(axis=0), error)
    scores = {"score_loss": loss_scores(series), "score_mass": mass_scores(series, spec.particles.chains)}
    for name, z in scores.items():
        known = np.isfinite(z).sum(axis=0)
        total = np.where(known > 0, np.nansum(z**2, axis=0), np.nan)
        grid.put(name, (), np.sqrt(total / np.maximum(known, 1)))
    every = np.concatenate([z[np.isfinite(z)] for z in scores.values()])
    grid.put("largest_score", (), np.abs(every).max() if every.size else np.nan)
    grid.put("scores", (), every.size)
    grid.put("characteristic", (), series["characteristic"].max())
    for name in ("potential", "density", "minimum", "proximal_end"):
        grid.put(name, (), series[name][0])
    grid.put("realisations", (), len(lowest))


def _at_end(series: dict[str, np.ndarray], spec: HJSmoothingSpec) -> np.ndarray:
    """f where proximal point iteration rests, of each realisation, between points."""
    count = spec.landscape.points
    x = ((np.arange(count) + 0.5) / count * 2 - 1) * HALF_WIDTH
    pairs = zip(series["proximal_end"], series["potential"][:, 0], strict=True)
    return np.array([np.interp(end, x, f) for end, f in pairs])


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


def summary(results: "xarray.Dataset") -> list[str]:
    """Mass near the global minimum and mean f at the end, and how well the checks agree."""
    if "realisations" not in results:
        return ["no realisation of the noise has been done yet"]
    end = results.isel(time=-1)
    lines = [f"at time {float(end.time):g}, mean over {int(results.realisations)} realisations of the noise on f:"]
    for name in DYNAMICS:
        here = end.sel(dynamics=name)
        near = with_error(float(here.near_minimum), float(here.near_minimum_error))
        excess = with_error(float(here.excess_loss), float(here.excess_loss_error))
        on = "f itself (SGD)" if name == "sgd" else f"{name} u"
        lines.append(f"on {on}: mass in the basin of the global minimum {near}, mean f above it {excess}")
    gap, off = results.control_gap, results.control_deviation
    z = (off / results.control_deviation_error).values
    lines.append(
        f"particles against grid: largest |z| = {float(results.largest_score):.2f} of {int(results.scores)}; u by "
        f"optimally controlled paths against Cole-Hopf: z = {', '.join(f'{one:.2f}' for one in z)}, their mean cost is "
        f"{_listed(gap, results.control_gap_error)} above u"
    )
    apart = _listed(results.difference, results.difference_error)
    lines.append(f"u against monotone finite differences (order 1), at most {apart} off (viscous, non-viscous)")
    excess = with_error(float(results.proximal_excess), float(results.proximal_excess_error))
    lines.append(
        f"proximal point iteration rests {excess} above the global minimum after "
        f"{with_error(float(results.proximal_steps), float(results.proximal_steps_error))} steps; characteristics of "
        f"proximal points miss x by at most {float(results.characteristic):.2g}"
    )
    return lines


def _listed(values: Any, errors: Any) -> str:
    return ", ".join(with_error(float(a), float(b)) for a, b in zip(values, errors, strict=True))


def verdicts(results: "xarray.Dataset") -> "list[Verdict]":
    """Particles and controlled paths against the grid, and losses with and without smoothing."""
    from runs.verdict import LARGEST_OF_MANY, Verdict, largest_score

    if "realisations" not in results:
        return []
    z = (results.control_deviation / results.control_deviation_error).values
    count = int(results.scores)
    found = [
        Verdict(f"particles against grid, largest |z| of {count}", float(results.largest_score), None, LARGEST_OF_MANY,
                "Fokker-Planck equation on the grid", "at most"),
        *largest_score("value of optimally controlled paths", z, "viscous u by Cole-Hopf"),
    ]  # fmt: skip
    end = results.isel(time=-1)
    stuck = end.sel(dynamics="sgd")
    if math.isfinite(float(stuck.excess_loss_error)):
        for name in DYNAMICS[1:]:
            here = end.sel(dynamics=name)
            found.append(
                Verdict(f"final mean f above its minimum, on {name} u", float(here.excess_loss),
                        float(here.excess_loss_error), float(stuck.excess_loss), "the same density on f itself (SGD)",
                        "below", float(stuck.excess_loss_error))
            )  # fmt: skip
    return found
