"""results.h5 of "limit-cycles": trajectories over repeats, densities and currents of the grid, exact values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.limit_cycles import CyclesSpec
from runs.experiments.limit_cycles_model import (
    CRITICAL,
    FASTEST,
    PARTITION_SUM,
    bin_edges,
    current,
    drift,
    exact_antisymmetric,
    exact_circulation,
    exact_shares,
    loop,
    potential,
    rest_points,
    return_ratios,
)
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

    from mcmc.continuum import SteadyState

BOX = (3.0, 5.5)
"""Half sides of the grid: exp(-Phi) falls to 1e-7 of its peak at the walls."""
RADII = np.array([0.5, 1.0, 1.5])
RETURNS = np.array([0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5])
LOOP_MOMENTS = 200
PRESENT = 1e-3
"""Currents are compared where the density is above this share of its peak."""

FROM_FILES = {
    "share": Quantity("share of samples in the bin, extrapolated to step 0", "1", ("bin_x", "bin_y")),
    "share_step": Quantity("share of samples in the bin at step h", "1", ("bin_x", "bin_y")),
    "circulation": Quantity("<x1 b2 - x2 b1> of the trajectories, extrapolated to step 0", "1"),
    "circulation_step": Quantity("<x1 b2 - x2 b1> of the trajectories at step h", "1"),
    "rate": Quantity("<x1 dx2 - x2 dx1> / dt between records", "1"),
    "p_value": Quantity("probability of such rates in detailed balance, Fisher's combination of repeats"),
    "p_floor": Quantity("the least that it can be, all surrogates below"),
    "tau": Quantity("integrated autocorrelation time of x1", "time"),
    "path": Quantity("one trajectory", "1", ("moment", "component")),
    "dense_path": Quantity("a short trajectory, step by step", "1", ("dense_moment", "component")),
}
FROM_GRID = {
    "density": Quantity("density at rest on the grid, null vector", "1", ("x", "y")),
    "current": Quantity("current j on the grid", "1", ("x", "y", "component")),
    "drift": Quantity("drift b = -grad Phi + j", "1", ("x", "y", "component")),
    "distance": Quantity("int |density - exact| over the grid, coarse and fine", "1", ("resolution",)),
    "grid_circulation": Quantity("<x1 b2 - x2 b1> on the grid, coarse and fine", "1", ("resolution",)),
    "current_distance": Quantity("largest |j - exact| where the density is present", "1", ("resolution",)),
    "antisymmetric": Quantity("Q_12 of the A-type form on the grid", "1", ("x", "y")),
    "antisymmetric_distance": Quantity("largest |Q - exact| where the density is present", "1", ("resolution",)),
    "rebuilt": Quantity("(D + Q) grad Phi - div(D + Q) on the grid", "1", ("x", "y", "component")),
    "identity_residual": Quantity(
        "largest distance of that from -b where the density is present", "1", ("resolution",)
    ),
    "exact_circulation": Quantity("2 pi lambda / Z", "1"),
    "current_at_critical": Quantity("|j| where grad Phi = 0", "1", ("critical", "component")),
    "likeliest": Quantity("cell of largest density", "1", ("component",)),
    "fastest": Quantity("cell of largest |j| where the density is present", "1", ("component",)),
    "largest_current": Quantity("largest |j|, exact, at (0, 1.272)", "1"),
    "drift_zeros": Quantity("how many points the drift is 0 at", "1"),
    "zero": Quantity("where the drift is 0", "1", ("rest", "component")),
    "eigenvalue": Quantity("eigenvalues of the drift's derivative there", "1 / time", ("rest", "pair", "part")),
    "return_ratio": Quantity("radius at the next turn of xdot = b over the former, on the x1 axis", "1", ("start",)),
    "loop": Quantity("closed orbits of xdot = j", "1", ("radius", "phase", "component")),
    "period": Quantity("period of the orbit", "time", ("radius",)),
    "closing": Quantity("distance between both ends of the orbit, integrated over a period", "1", ("radius",)),
}
MOST_ZEROS = 3
COLUMNS = (
    *(name for name in FROM_FILES if name != "p_floor"),
    "p_least",
    "share_error",
    "circulation_spread",
    "rate_spread",
)


def assemble(spec: CyclesSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over strength."""
    import xarray

    from runs.experiments.limit_cycles_draw import DENSE_MOMENTS, PATH_MOMENTS

    cells = spec.solver.cells
    outer = {"strength": len(spec.grid.strength)}
    first, second = bin_edges()
    inner = {"bin_x": len(first) - 1, "bin_y": len(second) - 1, "component": 2, "moment": PATH_MOMENTS, "x": cells,
             "y": 2 * cells, "critical": len(CRITICAL), "resolution": 2, "rest": MOST_ZEROS, "pair": 2, "part": 2,
             "start": len(RETURNS), "radius": len(RADII), "phase": LOOP_MOMENTS,
             "dense_moment": DENSE_MOMENTS}  # fmt: skip
    sampled, exact = ResultGrid(outer, inner, FROM_FILES), ResultGrid(outer, inner, FROM_GRID)
    for k, point in enumerate(points):
        strength = float(point.parameters["strength"])
        _of_field(exact, (k,), strength)
        axes = _of_grid(exact, (k,), strength, cells)
        if point.name in files:
            _of_files(sampled, (k,), files[point.name], spec.grid.repeats)
    coords = {
        "strength": ("strength", np.array(spec.grid.strength), {"long_name": "lambda", "units": "1"}),
        "component": ("component", np.array(["x1", "x2"], np.str_), {"long_name": "coordinate"}),
        "bin_x": ("bin_x", (first[1:] + first[:-1]) / 2, {"long_name": "x1, middle of the bin", "units": "1"}),
        "bin_y": ("bin_y", (second[1:] + second[:-1]) / 2, {"long_name": "x2, middle of the bin", "units": "1"}),
        "x": ("x", axes[0], {"long_name": "x1", "units": "1"}),
        "y": ("y", axes[1], {"long_name": "x2", "units": "1"}),
        "resolution": ("resolution", np.array([cells // 2, cells]), {"long_name": "cells along x1", "units": "1"}),
        "start": ("start", RETURNS, {"long_name": "radius that the path leaves", "units": "1"}),
        "radius": ("radius", RADII, {"long_name": "radius of the orbit", "units": "1"}),
        "part": ("part", np.array(["real", "imaginary"], np.str_), {"long_name": "part of a number"}),
        "critical_point": (("critical", "component"), CRITICAL, {"long_name": "where grad Phi = 0", "units": "1"}),
        "exact_share": (
            ("bin_x", "bin_y"), exact_shares(), {"long_name": "probability of the bin under exp(-Phi) / Z"},
        ),
    }  # fmt: skip
    effort = spec.sampling
    attributes = {
        "samples": effort.chains * -(-effort.records // effort.spacing) * spec.grid.repeats, "step": effort.step,
        "interval": 2 * effort.step * effort.thin, "repeats": spec.grid.repeats, "chains": effort.chains,
    }  # fmt: skip
    return xarray.Dataset({**sampled.variables(), **exact.variables()}, coords, attributes)


def _of_files(grid: ResultGrid, cell: tuple[int, ...], path: Path, repeats: int) -> None:
    from scipy.stats import combine_pvalues

    from mcmc.store.reader import open_run_file

    with open_run_file(path, COLUMNS) as file:
        data = file.isel(draw=slice(0, repeats)).load()
    count = data.sizes["draw"]
    if not count:
        return

    def pooled(name: str) -> np.ndarray:
        # Trajectories tell the error better than the few repeats do.
        return np.sqrt((data[name].values ** 2).sum(axis=0)) / count

    grid.put("share", cell, data["share"].values.mean(axis=0), pooled("share_error"))
    grid.put("share_step", cell, data["share_step"].values.mean(axis=0))
    grid.put("circulation", cell, data["circulation"].values.mean(), pooled("circulation_spread"))
    grid.put("circulation_step", cell, data["circulation_step"].values.mean())
    grid.put("rate", cell, data["rate"].values.mean(), pooled("rate_spread"))
    grid.put("tau", cell, *mean_and_error(data["tau"].values))
    grid.put("p_value", cell, combine_pvalues(data["p_value"].values).pvalue)
    grid.put("p_floor", cell, combine_pvalues(data["p_least"].values).pvalue)
    for name in ("path", "dense_path"):
        grid.put(name, cell, data[name].values[0])


def _of_grid(grid: ResultGrid, cell: tuple[int, ...], strength: float, cells: int) -> tuple[np.ndarray, ...]:
    from mcmc.continuum import FokkerPlanck, Grid, grid_steady_state

    found: dict[str, list[float]] = {}
    for count in (cells // 2, cells):
        mesh = Grid((-BOX[0], -BOX[1]), BOX, (count, 2 * count))
        state = grid_steady_state(FokkerPlanck(mesh, lambda x: drift(x, strength)), method="null-vector")
        points = mesh.points.reshape(*mesh.shape, 2)
        density = np.exp(-potential(points)) / PARTITION_SUM
        present = density > PRESENT * density.max()
        rebuilt, exact = a_type_drift(state), exact_antisymmetric(points, strength)
        for name, value in {
            "distance": np.abs(state.stationary.density - density).sum() * mesh.volume,
            "grid_circulation": state.circulation,
            "current_distance": np.abs(state.current - current(points, strength)).max(axis=-1)[present].max(),
            "antisymmetric_distance": np.abs(state.antisymmetric - exact)[present].max(),
            "identity_residual": np.abs(rebuilt + drift(points, strength)).max(axis=-1)[present].max(),
        }.items():
            found.setdefault(name, []).append(float(value))
    for name, values in found.items():
        grid.put(name, cell, values)
    grid.put("antisymmetric", cell, np.where(present, state.antisymmetric, np.nan))
    grid.put("rebuilt", cell, np.where(present[..., None], rebuilt, np.nan))
    rest = state.stationary.density
    grid.put("density", cell, rest)
    grid.put("current", cell, np.where(present[..., None], state.current, np.nan))
    grid.put("drift", cell, state.drift)
    grid.put("likeliest", cell, points.reshape(-1, 2)[np.argmax(rest)])
    if strength > 0:
        speed = np.where(present, np.hypot(*np.moveaxis(state.current, -1, 0)), 0.0)
        grid.put("fastest", cell, points.reshape(-1, 2)[np.argmax(speed)])
    return mesh.centres


def a_type_drift(state: "SteadyState") -> np.ndarray:
    """(D + Q) grad Phi - div(D + Q) at the cells, (x, y, 2), for D = 1 and beta = 1: -b where the A-type form holds."""
    q, grid = state.antisymmetric, state.grid
    slope = state.potential_gradient
    turned = np.stack([q * slope[..., 1], -q * slope[..., 0]], axis=-1)
    # Q_12 = -Q_21 = q: the divergence of rows is (dq / dx2, -dq / dx1).
    return slope + turned - np.stack([grid.difference(q, 1), -grid.difference(q, 0)], axis=-1)


def _of_field(grid: ResultGrid, cell: tuple[int, ...], strength: float) -> None:
    zeros, values = rest_points(strength)
    place, pairs = np.full((MOST_ZEROS, 2), np.nan), np.full((MOST_ZEROS, 2, 2), np.nan)
    place[: len(zeros)] = zeros[:MOST_ZEROS]
    pairs[: len(zeros)] = np.stack([values.real, values.imag], axis=-1)[:MOST_ZEROS]
    grid.put("exact_circulation", cell, exact_circulation(strength))
    grid.put("current_at_critical", cell, current(CRITICAL, strength))
    grid.put("largest_current", cell, np.hypot(*current(np.array([0.0, FASTEST]), strength)))
    grid.put("drift_zeros", cell, len(zeros))
    grid.put("zero", cell, place)
    grid.put("eigenvalue", cell, pairs)
    grid.put("return_ratio", cell, return_ratios(strength, RETURNS))
    if strength > 0:
        orbits = [loop(radius, strength, LOOP_MOMENTS) for radius in RADII]
        for name, part in (("loop", 0), ("period", 1), ("closing", 2)):
            grid.put(name, cell, np.array([orbit[part] for orbit in orbits]))
