"""results.h5 of the widths of XY minima: the distinct minima of each size by energy, over the scales."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ConvergenceWarning
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.experiments.xy_local_entropy import KINDS, SADDLE, SAME_ENERGY, XYLocalEntropySpec
from runs.grid import Point
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

ONE, OVER = ("minimum",), ("minimum", "scale")
NOT_RELAXED = 1e-8

QUANTITIES = {
    "starts": Quantity("starts of descents"),
    "saddles": Quantity("starts that ended on a saddle or short of a minimum, left out"),
    "planted_pairs_kept": Quantity("planted pairs whose vortices stay in the minimum"),
    "energy_per_site": Quantity("energy per site of the minimum", "J", ONE),
    "vortices": Quantity("vortices and antivortices of the minimum", dims=ONE),
    "reached": Quantity("starts that end in the minimum or a copy of it", dims=ONE),
    "kind": Quantity(f"first start there: {', '.join(f'{i} {name}' for i, name in enumerate(KINDS))}", dims=ONE),
    "softest": Quantity("lowest eigenvalue of the Hessian but that of the turn of all angles", "J", ONE),
    "width_laplace": Quantity("(u - f) / N by small oscillations, smaller for wider minima", "J", OVER),
    "width_integration": Quantity("(u - f) / N by integration over the scale, smaller for wider minima", "J", OVER),
    "integration_over_laplace": Quantity("(u - f) / N by integration / by small oscillations - 1", "1", OVER),
    "ground_width": Quantity("closed form of spin waves: (u - f) / N of the ground state", "J", ("scale",)),
}


def assemble(spec: XYLocalEntropySpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (size, minimum, scale); minima ascend in energy, NaN after the last of a size."""
    tables = {}
    for point in points:
        if point.name in files:
            tables[point.parameters["size"]] = _distinct(spec, point, files[point.name])
    most = max((len(table["energy"]) for table in tables.values()), default=1)
    inner = {"minimum": max(most, 1), "scale": len(spec.smoothing.scale)}
    grid = ResultGrid({"size": len(spec.grid.size)}, inner, QUANTITIES)
    for row, size in enumerate(spec.grid.size):
        grid.put("ground_width", (row,), ground_width(size, spec.smoothing.scale, spec.smoothing.beta))
        if size in tables:
            _put(grid, row, size, tables[size])
    _warn(tables)
    coords = {
        "size": ("size", np.array(spec.grid.size, np.int64), {"long_name": "L", "units": "sites per side"}),
        "minimum": ("minimum", np.arange(inner["minimum"]), {"long_name": "minimum, by energy"}),
        "scale": ("scale", np.array(spec.smoothing.scale), {"long_name": "scale t", "units": "rad^2/J"}),
    }
    # Minima are counted one by one: no errors need bins.
    return grid.dataset(coords, {"beta": spec.smoothing.beta, "bins": "none"})


def ground_width(size: int, scale: Sequence[float], beta: float, turn: float = 0.0) -> np.ndarray:
    """sum_k ln(1 + t lambda_k) / (2 beta N) of the size x size square lattice with J = 1, (scales,).

    lambda_k = 2 cos(turn) (1 - cos k_x) + 2 (1 - cos k_y): spin waves on a uniform `turn` from column to column.
    """
    wave = 2.0 * (1.0 - np.cos(2.0 * np.pi * np.arange(size) / size))
    modes = (np.cos(turn) * wave[:, None] + wave[None, :]).reshape(-1)
    return np.log1p(np.outer(np.asarray(scale), modes)).mean(axis=1) / (2.0 * beta)


def summary(results: "xarray.Dataset") -> list[str]:
    """How many minima each size has, and how much wider they are than the ground state."""
    lines = []
    last = {"scale": -1}
    for size in results["size"].values:
        one = results.sel(size=size)
        if "energy_per_site" not in one or not np.isfinite(one["energy_per_site"]).any():
            continue
        count, most = int(np.isfinite(one["energy_per_site"]).sum()), int(one["vortices"].max())
        width = one["width_laplace"].isel(last).values / float(one["ground_width"].isel(last))
        told = f"L = {size}: {count} distinct minima of up to {most} vortices from {int(one['starts'])} starts"
        lines.append(
            f"{told}; (u - f) / N at t = {float(one['scale'][-1]):g} from {np.nanmin(width):.4f} to "
            f"{np.nanmax(width):.4f} of the ground state's, smaller for wider minima"
        )
        lines += _compared(one)
    return lines


def _compared(one: "xarray.Dataset") -> list[str]:
    if "width_integration" not in one:
        return []
    lines = []
    for i in range(one.sizes["minimum"]):
        departure = one["integration_over_laplace"].values[i]
        if np.isfinite(departure).any():
            k = int(np.flatnonzero(np.isfinite(departure))[-1])
            value, error = departure[k], one["integration_over_laplace_error"].values[i, k]
            told = with_error(float(value), float(error))
            lines.append(
                f"  {int(one['vortices'][i])} vortices, E = {float(one['energy_per_site'][i]):.5f} J per site: "
                f"integration / Laplace - 1 = {told} at t = {float(one['scale'][k]):g}"
            )
    return lines


def _distinct(spec: XYLocalEntropySpec, point: Point, path: Path) -> dict[str, np.ndarray]:
    """Rows of the first start in each distinct minimum, ascending in energy, and how many starts end there."""
    from mcmc.store.reader import open_run_file

    with open_run_file(path) as file:
        data = file.load()
    rows = {str(name): data[name].transpose("draw", ...).values for name in data.data_vars if "draw" in data[name].dims}
    good = (rows["lowest"] > SADDLE) & (rows["gradient_norm"] < NOT_RELAXED)
    keys = np.stack([rows["vortices"], np.rint(rows["energy"] / SAME_ENERGY).astype(np.int64)], axis=1)[good]
    _, first, count = np.unique(keys, axis=0, return_index=True, return_counts=True)
    chosen = np.flatnonzero(good)[first]
    order = np.lexsort((rows["vortices"][chosen], rows["energy"][chosen]))
    table = {name: values[chosen][order] for name, values in rows.items()}
    kept = (rows["kind"] == 2) & good & (rows["vortices"] > 0)
    totals = {"reached": count[order], "starts": good.size, "saddles": int((~good).sum()), "kept": int(kept.sum())}
    return {**table, **{name: np.asarray(value) for name, value in totals.items()}}


def _put(grid: ResultGrid, row: int, size: int, table: Mapping[str, np.ndarray]) -> None:
    grid.put("starts", (row,), float(table["starts"]))
    grid.put("saddles", (row,), float(table["saddles"]))
    grid.put("planted_pairs_kept", (row,), float(table["kept"]))

    def put(name: str, values: np.ndarray, error: np.ndarray | None = None) -> None:
        after = [(0, grid.lengths["minimum"] - len(values))] + [(0, 0)] * (values.ndim - 1)
        padded = [None if one is None else np.pad(one * 1.0, after, constant_values=np.nan) for one in (values, error)]
        grid.put(name, (row,), *padded)

    put("energy_per_site", table["energy"] / size**2)
    for name in ("vortices", "reached", "kind", "softest"):
        put(name, table[name])
    put("width_laplace", table["laplace"])
    put("width_integration", table["integration"], table["integration_error"])
    departure = table["integration"] / table["laplace"] - 1.0
    put("integration_over_laplace", departure, table["integration_error"] / table["laplace"])


def _warn(tables: Mapping[int, Mapping[str, np.ndarray]]) -> None:
    warned = [
        f"size {size}, {int(table['vortices'][i])} vortices"
        for size, table in tables.items()
        for i in np.flatnonzero((table["warned"] > 0).any(axis=1))
    ]
    if warned:
        warnings.warn(
            f"integration at {'; '.join(warned)}: its own checks ask for more; raise smoothing.sweeps or "
            "smoothing.chains",
            ConvergenceWarning,
            stacklevel=3,
        )
