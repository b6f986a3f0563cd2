"""Results of "stationary-points": classes by energy and index over (case, level), networks over (case, run, weight)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.result_grid import Quantity, ResultGrid
from runs.experiments.stationary_points import NETWORK_COLUMNS, NETWORKS, StationaryPointsSpec, parts_of, rows_of
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

    from mcmc.landscapes.xy import XYModel

SAME_ENERGY = 1e-6
"""Energies closer than this, in J, are those of one class."""

ZERO = {"hessian": 1e-9, "noise": 1e-12}
"""Eigenvalues below so many of the largest one are counted as 0."""

ISOLATED, FAMILY, SINGULAR = 0, 1, 2

LEVEL, RUN = ("level",), ("run",)
METHODS = ("newton", "eigenvector")
SPECTRUM = ("run", "weight")
QUANTITIES = {
    "energy_per_site": Quantity("energy of a class per site", "J", LEVEL),
    "index": Quantity("negative eigenvalues of the Hessian in a class", "1", LEVEL),
    "zero_modes": Quantity("eigenvalues 0 beyond the turn in a class", "1", LEVEL),
    "kind": Quantity("0 isolated points, 1 families, 2 singular points", "1", LEVEL),
    "starts_there": Quantity("starts that ended in a class", "1", LEVEL),
    "starts_by_method": Quantity("starts of each method that ended in a class", "1", ("level", "method")),
    "points_found": Quantity(
        "different isolated points found in a class, modulo the turn; of the square lattice with their images",
        "1",
        LEVEL,
    ),
    "points_known": Quantity("points of a class by enumeration; NaN where none is known", "1", LEVEL),
    "images": Quantity("points that one start may stand for, its images by symmetry counted"),
    "slope": Quantity("largest norm of the gradient at points found, taken anew", "J"),
    "ground": Quantity("lowest energy there can be, every bond at its lowest, per site", "J"),
    "lowest": Quantity("lowest energy of the isolated points found, taken anew, per site", "J"),
    "sites": Quantity("sites"),
    "starts": Quantity("starts by both methods"),
    "stuck": Quantity("share of starts that came to no stationary point"),
    "all_known": Quantity("1 where the enumeration has every stationary point"),
    "unknown": Quantity("classes found that a complete enumeration does not have"),
    **{name: Quantity(c.long_name, c.units, RUN) for name, c in NETWORK_COLUMNS.items() if not c.dims},
    **{name: Quantity(c.long_name, c.units, SPECTRUM) for name, c in NETWORK_COLUMNS.items() if c.dims},
    "zeros_hessian": Quantity("eigenvalues of the Hessian below 1e-9 of the largest", "1", RUN),
    "zeros_noise": Quantity("eigenvalues of D below 1e-12 of the largest", "1", RUN),
}


@dataclass(frozen=True)
class Level:
    """A class of stationary points, found or known."""

    energy: float
    index: int
    zero_modes: int
    kind: int


def assemble(spec: StationaryPointsSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over cases, NaN where a case has no such thing."""
    from mcmc.store.reader import open_run_file

    cases = [point.parameters["case"] for point in plan]
    cells: list[dict[str, Any]] = []
    for point in plan:
        kind, _ = parts_of(point.parameters["case"])
        if point.name not in files:
            cells.append({})
            continue
        series = open_run_file(files[point.name])
        cells.append(network_cell(series) if kind in NETWORKS else lattice_cell(point.parameters["case"], series))
    inner = {
        "level": max([len(cell["index"]) for cell in cells if "index" in cell], default=1),
        "method": len(METHODS),
        "run": spec.network.runs,
        "weight": max(rows_of(spec, case) for case in cases),
    }
    grid = ResultGrid({"case": len(plan)}, inner, QUANTITIES)
    for row, cell in enumerate(cells):
        for name, values in cell.items():
            padded = np.full([inner[dim] for dim in QUANTITIES[name].dims], np.nan)
            padded[tuple(slice(length) for length in np.shape(values))] = values
            grid.put(name, (row,), padded)
    return grid.dataset({"case": cases, "method": list(METHODS)}, {"experiment": "stationary-points"})


def lattice_cell(case: str, series: "xarray.Dataset") -> dict[str, Any]:
    """Quantities of one lattice."""
    from mcmc.landscapes.xy.stationary_classes import known_classes, lattice_symmetries
    from runs.experiments.stationary_points_draw import model_of

    model = model_of(case)
    known, complete = known_classes(model)
    rows: dict[tuple[int, int, int], list[Any]] = {}
    for e, i, z, k, count in zip(known.energy, known.index, known.zero_modes, known.kind, known.count, strict=True):
        held = rows.setdefault(_key(e, i, k), [Level(e, i, z, k), np.zeros(len(METHODS)), np.nan, 0.0])
        held[3] += count
    for level, starts, points in found_levels(series, None if complete else model):
        key = _key(level.energy, level.index, level.kind)
        smooth = (*key[:2], FAMILY)
        # Walks from a point of a family next to a singular one may end there.
        if key not in rows and complete and level.kind == SINGULAR and smooth in rows:
            key = smooth
        held = rows.setdefault(key, [level, np.zeros(len(METHODS)), np.nan, np.nan])
        held[1] = held[1] + starts
        held[2] = points
    levels = [rows[key] for key in sorted(rows)]
    kind = series["kind"].values
    return {
        "energy_per_site": [row[0].energy / model.sites for row in levels],
        "index": [row[0].index for row in levels],
        "zero_modes": [row[0].zero_modes for row in levels],
        "kind": [row[0].kind for row in levels],
        "starts_there": [row[1].sum() for row in levels],
        "starts_by_method": [row[1] for row in levels],
        # None found of what is known is 0; families and singular points have no number.
        "points_found": [
            (0.0 if np.isnan(row[2]) else row[2]) if row[0].kind == ISOLATED else np.nan for row in levels
        ],
        "points_known": [row[3] for row in levels],
        "images": 1 if complete else 2 * len(lattice_symmetries(model)),
        **_taken_anew(model, series),
        "sites": model.sites,
        "starts": kind.size,
        "stuck": (kind < 0).mean(),
        "all_known": float(complete),
        "unknown": float(sum(np.isnan(row[3]) for row in levels)) if complete else np.nan,
    }


def _taken_anew(model: "XYModel", series: "xarray.Dataset") -> dict[str, float]:
    """Gradient and energy of the angles that are stored; infinite where nothing was found."""
    kind = series["kind"].values.ravel()
    angles = series["angles"].values.reshape(kind.size, -1)
    there, single = angles[kind >= 0], angles[kind == ISOLATED]
    slope = np.linalg.norm(model.gradient(there), axis=1).max() if len(there) else np.inf
    lowest = model.energy(single).min() / model.sites if len(single) else np.inf
    # All angles alike: each bond is at its lowest, no coupling is negative.
    ground = model.energy(np.zeros((1, model.sites)))[0] / model.sites
    return {"slope": float(slope), "lowest": float(lowest), "ground": float(ground)}


def found_levels(series: "xarray.Dataset", lattice: "XYModel | None") -> list[tuple[Level, np.ndarray, float]]:
    """Classes found, the starts of each method that ended there, and of isolated points how many different ones.

    Of a `lattice` the images by its symmetries are counted too.
    """
    from mcmc.landscapes.xy.stationary_classes import with_images
    from mcmc.landscapes.xy.stationary_points import distinct

    kind = series["kind"].values.ravel()
    there = np.flatnonzero(kind >= 0)
    energy, index, zero_modes = (series[name].values.ravel()[there] for name in ("energy", "index", "zero_modes"))
    angles = series["angles"].values.reshape(-1, series["angles"].shape[-1])[there]
    key = np.stack([np.round(energy / SAME_ENERGY).astype(np.int64), index, kind[there]], axis=1)
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    method = np.repeat(series["method"].values, series.sizes["start"])[there]
    found = []
    for number, at in enumerate(first):
        mine = which.ravel() == number
        level = Level(float(energy[at]), int(index[at]), int(zero_modes[at]), int(kind[there][at]))
        count = np.nan
        if level.kind == ISOLATED:
            met = angles[mine][distinct(angles[mine])]
            count = float(len(met) if lattice is None else len(with_images(lattice, met)))
        found.append((level, np.bincount(method[mine], minlength=len(METHODS)), count))
    return found


def network_cell(series: "xarray.Dataset") -> dict[str, Any]:
    """Quantities of one network."""
    cell: dict[str, Any] = {name: series[name].values for name in NETWORK_COLUMNS}
    for name, limit in ZERO.items():
        size = np.abs(cell[name])
        cell[f"zeros_{name}"] = (size < limit * size.max(axis=1, keepdims=True)).sum(axis=1)
    return cell


def _key(energy: float, index: int, kind: int) -> tuple[int, int, int]:
    return round(float(energy) / SAME_ENERGY), int(index), int(kind)
