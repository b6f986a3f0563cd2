"""Results of "stationary-points": classes by energy and index over (case, level), networks over (case, run, weight)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.result_grid import Quantity, ResultGrid
from runs.experiments.stationary_points import NETWORK_COLUMNS, NETWORKS, StationaryPointsSpec, parts_of, rows_of
from runs.grid import Point
from runs.verdict import Verdict

if TYPE_CHECKING:
    import xarray

    from mcmc.landscapes.xy import XYModel

SAME_ENERGY = 1e-6
"""Energies closer than this, in J, are those of one class."""

ZERO = {"hessian": 1e-9, "noise": 1e-12}
"""Eigenvalues below so many of the largest one are counted as 0."""

ISOLATED, FAMILY, SINGULAR = 0, 1, 2

LEVEL, RUN = ("level",), ("run",)
SPECTRUM = ("run", "weight")
QUANTITIES = {
    "energy_per_site": Quantity("energy of a class per site", "J", LEVEL),
    "index": Quantity("negative eigenvalues of the Hessian in a class", "1", LEVEL),
    "zero_modes": Quantity("eigenvalues 0 beyond the turn in a class", "1", LEVEL),
    "kind": Quantity("0 isolated points, 1 families, 2 singular points", "1", LEVEL),
    "starts_there": Quantity("starts that ended in a class", "1", LEVEL),
    "points_found": Quantity(
        "different isolated points found in a class, modulo the turn; of the square lattice with their images",
        "1",
        LEVEL,
    ),
    "points_known": Quantity("points of a class by enumeration; NaN where none is known", "1", LEVEL),
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
        "run": spec.network.runs,
        "weight": max(rows_of(spec, case) for case in cases),
    }
    grid = ResultGrid({"case": len(plan)}, inner, QUANTITIES)
    for row, cell in enumerate(cells):
        for name, values in cell.items():
            padded = np.full([inner[dim] for dim in QUANTITIES[name].dims], np.nan)
            padded[tuple(slice(length) for length in np.shape(values))] = values
            grid.put(name, (row,), padded)
    return grid.dataset({"case": cases}, {"experiment": "stationary-points"})


def lattice_cell(case: str, series: "xarray.Dataset") -> dict[str, Any]:
    """Quantities of one lattice."""
    from mcmc.landscapes.xy.stationary_classes import known_classes
    from runs.experiments.stationary_points_draw import model_of

    model = model_of(case)
    known, complete = known_classes(model)
    rows: dict[tuple[int, int, int], list[Any]] = {}
    for e, i, z, k, count in zip(known.energy, known.index, known.zero_modes, known.kind, known.count, strict=True):
        held = rows.setdefault(_key(e, i, k), [Level(e, i, z, k), 0, np.nan, 0.0])
        held[3] += count
    for level, starts, points in found_levels(series, None if complete else model):
        key = _key(level.energy, level.index, level.kind)
        smooth = (*key[:2], FAMILY)
        # Walks from a point of a family next to a singular one may end there.
        if key not in rows and complete and level.kind == SINGULAR and smooth in rows:
            key = smooth
        held = rows.setdefault(key, [level, 0, np.nan, np.nan])
        held[1] += starts
        held[2] = points
    levels = [rows[key] for key in sorted(rows)]
    kind = series["kind"].values
    return {
        "energy_per_site": [row[0].energy / model.sites for row in levels],
        "index": [row[0].index for row in levels],
        "zero_modes": [row[0].zero_modes for row in levels],
        "kind": [row[0].kind for row in levels],
        "starts_there": [row[1] for row in levels],
        # None found of what is known is 0; families and singular points have no number.
        "points_found": [
            (0.0 if np.isnan(row[2]) else row[2]) if row[0].kind == ISOLATED else np.nan for row in levels
        ],
        "points_known": [row[3] for row in levels],
        "sites": model.sites,
        "starts": kind.size,
        "stuck": (kind < 0).mean(),
        "all_known": float(complete),
        "unknown": float(sum(np.isnan(row[3]) for row in levels)) if complete else np.nan,
    }


def found_levels(series: "xarray.Dataset", lattice: "XYModel | None") -> list[tuple[Level, int, float]]:
    """Classes found, the starts that ended there, and of isolated points how many different ones.

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
    found = []
    for number, at in enumerate(first):
        mine = which.ravel() == number
        level = Level(float(energy[at]), int(index[at]), int(zero_modes[at]), int(kind[there][at]))
        count = np.nan
        if level.kind == ISOLATED:
            met = angles[mine][distinct(angles[mine])]
            count = float(len(met) if lattice is None else len(with_images(lattice, met)))
        found.append((level, int(mine.sum()), count))
    return found


def network_cell(series: "xarray.Dataset") -> dict[str, Any]:
    """Quantities of one network."""
    cell: dict[str, Any] = {name: series[name].values for name in NETWORK_COLUMNS}
    for name, limit in ZERO.items():
        size = np.abs(cell[name])
        cell[f"zeros_{name}"] = (size < limit * size.max(axis=1, keepdims=True)).sum(axis=1)
    return cell


def summary(results: "xarray.Dataset") -> list[str]:
    """Points found of those there are, and zero eigenvalues of those predicted."""
    lines = []
    for case in results.case.values:
        here = results.sel(case=case)
        if "sites" in here and np.isfinite(here.sites):
            lines.append(_said_of_lattice(str(case), here))
        elif "zeros_hessian" in here and np.isfinite(here.zeros_hessian).any():
            lines.append(_said_of_network(str(case), here))
    return lines or ["no stationary point has been looked for yet"]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Classes that a complete enumeration does not have, and zero eigenvalues that symmetry does not predict."""
    found = []
    for case in results.case.values:
        here = results.sel(case=case)
        if "unknown" in here and np.isfinite(here.unknown):
            found.append(Verdict(f"{case}: classes found beyond those known", float(here.unknown), None, 0.0,
                                 "exact: enumeration", "at most"))  # fmt: skip
        for name, said in (("hessian", "the Hessian"), ("noise", "D")):
            if f"zeros_{name}" in here and np.isfinite(here[f"zeros_{name}"].values).any():
                off = np.abs(here[f"zeros_{name}"].values - here[f"predicted_{name}"].values)
                found.append(Verdict(f"{case}: zero eigenvalues of {said} off the number predicted",
                                     float(np.nanmax(off)), None, 0.0, "exact: symmetry", "at most"))  # fmt: skip
    return found


def _said_of_lattice(case: str, here: "xarray.Dataset") -> str:
    kind, known, found = here.kind.values, here.points_known.values, here.points_found.values
    single, listed = kind == ISOLATED, np.isfinite(known)
    classes, hit = int((single & listed).sum()), int((single & listed & (found > 0)).sum())
    said = f"{case}: {found[single].sum():.0f} isolated points from {int(here.starts)} starts"
    if here.all_known:
        said += f", of {known[single].sum():.0f} there are; {hit} of {classes} classes by energy and index, "
        wrong = int(here.unknown)
        said += (
            f"{wrong} CLASS{'' if wrong == 1 else 'ES'} THAT {'IS' if wrong == 1 else 'ARE'} NOT THERE"
            if wrong
            else ("none that is not there")
        )
    else:
        met = int((single & (found > 0)).sum())
        said += f", images by symmetry counted, in {met} classes by energy and index, {hit} of {classes} known ones"
    families = (kind == FAMILY) & (here.starts_there.values > 0)
    if families.any():
        energies = np.unique(np.round(here.energy_per_site.values[families], 6)) + 0.0
        shown = ", ".join(f"{e:.4g}" for e in energies[:3]) + (" ..." if energies.size > 3 else "")
        said += f"; families at E/N = {shown}"
    return said + (f"; {100 * float(here.stuck):.2g} % came to no stationary point" if here.stuck > 0 else "")


def _said_of_network(case: str, here: "xarray.Dataset") -> str:
    runs = np.isfinite(here.zeros_hessian.values)
    counts = {name: here[name].values[runs] for name in ("zeros_hessian", "zeros_noise")}
    right = (counts["zeros_hessian"] == here.predicted_hessian.values[runs]) & (
        counts["zeros_noise"] == here.predicted_noise.values[runs]
    )
    weights = int(np.isfinite(here.hessian.values[runs][0]).sum())
    said = (
        f"{case}: {_listed(counts['zeros_hessian'])} of {weights} eigenvalues of the Hessian and "
        f"{_listed(counts['zeros_noise'])} of D are 0, "
        f"{'as symmetry predicts' if right.all() else f'as symmetry predicts in {right.sum()} of {right.size} runs'}; "
        f"tangents t of the family ({_listed(here.tangents.values[runs])}): "
        f"|H t|/|H| < {_above(here.hessian_along.values[runs].max())}, "
        f"|D t|/|D| < {_above(here.noise_along.values[runs].max())}"
    )
    change = here.permuted_change.values[runs]
    if np.isfinite(change).all():
        said += f"; permutations of units change the loss by < {_above(change.max())}"
    return said


def _listed(values: np.ndarray) -> str:
    return "/".join(f"{value:.0f}" for value in np.unique(values))


def _above(value: float) -> str:
    """The next power of ten above, 1e-15 at least."""
    return f"1e{int(np.ceil(np.log10(max(value * 1.001, 1e-15)))):d}"


def _key(energy: float, index: int, kind: int) -> tuple[int, int, int]:
    return round(float(energy) / SAME_ENERGY), int(index), int(kind)
