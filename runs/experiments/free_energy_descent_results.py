"""results.h5 of "free-energy-descent": F by three methods on common times, slopes, and Phi beside f."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ConvergenceWarning
from runs.experiments.free_energy_descent import DescentSpec
from runs.experiments.free_energy_descent_grid import descend, equation, mesh, movements, refined_argmin
from runs.experiments.free_energy_descent_heat import heat_coords, heat_variables
from runs.experiments.free_energy_descent_model import CASES, diagonal_rest, lowest_point, potential
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

    from mcmc.continuum import Evolution, FokkerPlanck

PER_MOVEMENT = 4
"""Times of the slope of F for each tau."""
SHOWN = 3
"""Densities on the way that are kept."""
COLUMNS = ("free_energy", "half", "free_energy_step", "mean")

QUANTITIES = {
    "free_energy": Quantity("F on the grid, extrapolated to cells and steps of 0", "energy", ("time",)),
    "particles": Quantity("F of particles, extrapolated to steps of 0", "energy", ("time",)),
    "particles_step": Quantity("F of particles at step h", "energy", ("time",)),
    "particles_bias": Quantity("F of particles less that with half as many", "energy", ("time",)),
    "particles_mean": Quantity("mean of x1, particles", "1", ("time",)),
    "mean": Quantity("mean of x1, grid", "1", ("time",)),
    "movements": Quantity("F of minimising movements, tau and half of it", "energy", ("tau", "time")),
    "movements_limit": Quantity("F of minimising movements, extrapolated to tau = 0", "energy", ("time",)),
    "curve": Quantity("F on the grid, densely", "energy", ("moment",)),
    "fisher": Quantity(
        "Fisher information on the grid, extrapolated to cells and steps of 0", "energy / time", ("moment",)
    ),
    "balance": Quantity(
        "largest |F(t0) - F(t) - int I| over F(t0), cells coarse, fine and extrapolated", "1", ("cells",)
    ),
    "largest_rise": Quantity("largest rise of F from one step of the curve to the next", "energy"),
    "rest": Quantity("Phi on the plane, lowest value 0", "energy", ("x", "y")),
    "rest_cut": Quantity("Phi at x2 = 0, lowest value 0", "energy", ("x",)),
    "departure": Quantity("standard deviation of Phi - f at rest", "energy"),
    "likeliest": Quantity("argmin Phi", "1", ("component",)),
    "lowest": Quantity("argmin f", "1", ("component",)),
    "known_likeliest": Quantity("argmin Phi by quadrature, where Phi is known", "1", ("component",)),
    "shown_density": Quantity("density on its way", "1", ("shown", "x", "y")),
}


def assemble(spec: DescentSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over case."""
    import xarray

    grid, times = mesh("isotropic", spec.solvers.cells), spec.times()
    dense = dense_times(spec)
    inner = {"time": len(times), "tau": 2, "moment": len(dense) + 1, "cells": 3, "x": grid.shape[0],
             "y": grid.shape[1], "component": 2, "shown": SHOWN}  # fmt: skip
    found = ResultGrid({"case": len(points)}, inner, QUANTITIES)
    for k, point in enumerate(points):
        name = str(point.parameters["case"])
        _of_solvers(found, (k,), spec, name)
        if point.name in files:
            _of_particles(found, (k,), files[point.name], spec.grid.repeats)
    f = potential(grid.points).reshape(grid.shape)
    coords = {
        "case": ("case", np.array(spec.grid.case, np.str_), {"long_name": "landscape and noise"}),
        "time": ("time", times, {"long_name": "time", "units": "1"}),
        "moment": ("moment", np.append(0.0, dense), {"long_name": "time", "units": "1"}),
        "tau": ("tau", spec.solvers.tau / np.array([1.0, 2.0]), {"long_name": "minimising movement", "units": "1"}),
        "cells": ("cells", np.array(["half as many", "all", "extrapolated"], np.str_), {"long_name": "cells"}),
        "shown": ("shown", dense[_shown(dense)], {"long_name": "time of the density shown", "units": "1"}),
        "x": ("x", grid.centres[0], {"long_name": "x1", "units": "1"}),
        "y": ("y", grid.centres[1], {"long_name": "x2", "units": "1"}),
        "f": (("x", "y"), f - f.min(), {"long_name": "f on the plane, lowest value 0", "units": "energy"}),
    }
    attributes = {"beta": spec.descent.beta, "particles_count": spec.particles.count, "repeats": spec.grid.repeats,
                  "step": spec.particles.step}  # fmt: skip
    beta = spec.descent.beta
    variables, places = {**found.variables(), **heat_variables(beta)}, {**coords, **heat_coords(beta)}
    return xarray.Dataset(variables, places, attributes)


def dense_times(spec: DescentSpec) -> np.ndarray:
    """Even times of the curve, those of particles among them."""
    spacing = spec.solvers.tau / PER_MOVEMENT
    return spacing * np.arange(1, round(spec.times()[-1] / spacing) + 1)


def _shown(dense: np.ndarray) -> np.ndarray:
    return np.array([len(dense) // 25, len(dense) // 6, len(dense) - 1])


def _of_solvers(found: ResultGrid, cell: tuple[int, ...], spec: DescentSpec, name: str) -> None:
    dense, step, times = dense_times(spec), spec.solvers.step, spec.times()
    at = np.round(times / dense[0]).astype(int)
    half, full = (equation(name, cells, spec.descent.beta) for cells in (spec.solvers.cells // 2, spec.solvers.cells))
    runs = []
    for process in (half, full):
        with warnings.catch_warnings():
            if process is half:
                # Cells twice as wide tell the error of the others and are themselves too wide.
                warnings.simplefilter("ignore", ConvergenceWarning)
            runs.append((descend(process, name, dense, step), descend(process, name, dense, step / 2)))
    # Implicit Euler is of first order in the step, the cells are of second.
    coarse, fine = (2 * second.free_energy - first.free_energy for first, second in runs)
    best = fine + (fine - coarse) / 3
    found.put("free_energy", cell, best[at], np.abs(fine - coarse)[at] / 3)
    found.put("curve", cell, best)
    energies = [2 * second.free_energy - first.free_energy for first, second in runs]
    fishers = [2 * second.fisher_information - first.fisher_information for first, second in runs]
    for values in (energies, fishers):
        values.append(values[1] + (values[1] - values[0]) / 3)
    found.put("fisher", cell, fishers[-1])
    found.put("balance", cell, [_imbalance(*pair, runs[0][0].time) for pair in zip(energies, fishers, strict=True)])
    found.put("largest_rise", cell, max(float(np.diff(run.free_energy).max()) for pair in runs for run in pair))
    found.put("mean", cell, (2 * runs[1][1].mean - runs[1][0].mean)[at, 0])
    if CASES[name].diffusion is None:
        paths = []
        for tau in (spec.solvers.tau, spec.solvers.tau / 2):
            flow = movements(full, name, tau, float(times[-1]))
            paths.append(flow.free_energy[np.round(times / tau).astype(int)])
        found.put("movements", cell, paths)
        found.put("movements_limit", cell, 2 * paths[1] - paths[0])
    _of_rest(found, cell, full, name, runs[1][1])


def _imbalance(energy: np.ndarray, fisher: np.ndarray, time: np.ndarray) -> float:
    """Largest |F(t0) - F(t) - int I| / F(t0) from the first time on."""
    from scipy.integrate import cumulative_simpson

    energy, fisher, time = energy[PER_MOVEMENT:], fisher[PER_MOVEMENT:], time[PER_MOVEMENT:]
    lost = cumulative_simpson(fisher, x=time, initial=0.0)
    return float(np.abs(energy[0] - energy - lost).max() / energy[0])


def _of_rest(found: ResultGrid, cell: tuple[int, ...], process: "FokkerPlanck", name: str, run: "Evolution") -> None:
    grid, rest = process.grid, process.stationary
    f = potential(grid.points).reshape(grid.shape)
    mean = rest.mean(rest.potential - f)
    found.put("departure", cell, np.sqrt(rest.mean((rest.potential - f - mean) ** 2)))
    place, lowest, known = np.full(2, np.nan), np.full(2, np.nan), np.full(2, np.nan)
    place[: grid.dim], lowest[: grid.dim] = refined_argmin(grid, rest.potential), lowest_point(grid.dim)
    if CASES[name].diffusion is None:
        known = lowest
    elif name == "diagonal":
        axis = np.linspace(-2.0, 2.0, 4001)
        known = np.array([axis[np.argmin(diagonal_rest(axis, process.beta))], 0.0])
    found.put("likeliest", cell, place)
    found.put("lowest", cell, lowest)
    found.put("known_likeliest", cell, known)
    if grid.dim == 2:
        phi = rest.potential - rest.potential.min()
        found.put("rest", cell, phi)
        found.put("rest_cut", cell, _at_zero(grid.centres[1], phi))
        found.put("shown_density", cell, run.density[1:][_shown(run.time[1:])])


def _at_zero(axis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (x, y) at y = 0."""
    from scipy.interpolate import CubicSpline

    return CubicSpline(axis, values, axis=1)(0.0)


def _of_particles(found: ResultGrid, cell: tuple[int, ...], path: Path, repeats: int) -> None:
    from mcmc.store.reader import open_run_file

    with open_run_file(path, COLUMNS) as file:
        data = file.isel(draw=slice(0, repeats)).load()
    if not data.sizes["draw"]:
        return
    value, error = mean_and_error(data["free_energy"].values)
    bias, bias_error = mean_and_error(data["free_energy"].values - data["half"].values)
    # What half as many particles change is as large as what is left, or larger; noise of it counts as well.
    # Of few repeats the spread at one time may be small by chance: it is at least what it is over all times.
    error = np.maximum(error, np.sqrt((error**2).mean()))
    found.put("particles", cell, value, np.hypot(error, np.abs(bias)))
    found.put("particles_bias", cell, bias, bias_error)
    found.put("particles_step", cell, data["free_energy_step"].values.mean(axis=0))
    found.put("particles_mean", cell, *mean_and_error(data["mean"].values))
