"""results.h5 of quenches: means over independent quenches, their distribution, and the relaxation."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ConvergenceWarning
from runs.experiments.xy_quench import QuenchSpec
from runs.experiments.xy_results import one_realisation
from runs.experiments.xy_series import geometry
from runs.grid import Point
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

    from runs.experiments.xy_spec import Landscape

QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
RESOLUTION = 1e-6
"""Energy per bond below which a quench counts as having reached the ground state; settling stops near 1e-7."""

SIZE_LABELS = {
    "energy_per_site": ("energy per site after the quench", "J"),
    "excess_energy": ("energy per site above the reference", "J"),
    "vortex_density": ("vortices and antivortices per plaquette after the quench", "1"),
    "reached_reference": ("fraction of quenches that end in the reference energy", "1"),
    "vortex_free": ("fraction of quenches without vortices", "1"),
    "settling_time": ("mean sweep at which a quench settled", "sweeps"),
}


def reference_energy(landscape: "Landscape", size: int) -> float:
    """Ground-state energy where all spins can be parallel; NaN where it is not known."""
    if not isinstance(landscape.coupling, (int, float)) or landscape.coupling < 0 or landscape.phase is not None:
        return float("nan")
    place = geometry(landscape, size)
    bonds = place.bonds / size if landscape.lattice == "complete" else place.bonds
    return -float(landscape.coupling) * bonds - abs(landscape.field) * place.sites


def assemble(spec: QuenchSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over size, with the energies of every quench and the mean relaxation."""
    import xarray

    from mcmc.store.reader import open_run_file

    sizes = spec.grid.size
    how = spec.quench
    count = how.batches * how.batch
    shapes = {"quench": (len(sizes), count), "time": (len(sizes), len(how.times)), "quantile": (len(sizes), 5)}
    arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}

    def put(name: str, row: int, values: Any, dim: str | None = None) -> None:
        dims = ("size",) if dim is None else ("size", dim)
        shape = (len(sizes),) if dim is None else shapes[dim]
        _, array = arrays.setdefault(name, (dims, np.full(shape, np.nan)))
        array[row] = values

    for point in points:
        if point.name not in files:
            continue
        row, size = sizes.index(point.parameters["size"]), point.parameters["size"]
        if spec.landscape.disordered:
            warnings.warn(one_realisation(size), ConvergenceWarning, stacklevel=2)
        with open_run_file(files[point.name]) as file:
            data = file.isel(draw=slice(0, how.batches)).load()
        place = geometry(spec.landscape, size)
        energy = data["energy"].transpose("draw", "chain").values.reshape(-1)
        lowest = reference_energy(spec.landscape, size)
        known = bool(np.isfinite(lowest))
        lowest = lowest if known else float(energy.min())
        excess = (energy - lowest) / place.sites
        put("reference_energy", row, lowest / place.sites)
        _put_mean(put, "energy_per_site", row, energy / place.sites)
        _put_mean(put, "excess_energy", row, excess)
        _put_share(put, "reached_reference", row, energy - lowest < RESOLUTION * place.bonds)
        put("excess_energy_of_each", row, excess, "quench")
        put("excess_energy_quantile", row, np.quantile(excess, QUANTILES), "quantile")
        settled = data["settled_at"].values.reshape(-1)
        put("not_settled", row, float(np.isnan(settled).mean()))
        if np.isfinite(settled).sum() > 1:
            _put_mean(put, "settling_time", row, settled[np.isfinite(settled)])
        on_the_way = data["energy_relaxation"].transpose("draw", "chain", "time").values.reshape(count, -1)
        _put_mean(put, "excess_energy_relaxation", row, (on_the_way - lowest) / place.sites, "time")
        if place.vortices:
            vortices = data["vortices"].values.reshape(-1) / place.plaquettes
            _put_mean(put, "vortex_density", row, vortices)
            _put_share(put, "vortex_free", row, vortices == 0)
            on_the_way = data["vortices_relaxation"].transpose("draw", "chain", "time").values.reshape(count, -1)
            _put_mean(put, "vortex_density_relaxation", row, on_the_way / place.plaquettes, "time")
    coords = {
        "size": ("size", np.array(sizes, np.int64), {"long_name": "L", "units": "sites per side"}),
        "time": ("time", np.array(how.times, np.int64), {"long_name": "time", "units": "sweeps"}),
        "quench": ("quench", np.arange(count), {"long_name": "quench"}),
        "quantile": ("quantile", QUANTILES, {"long_name": "quantile"}),
    }
    variables = {name: (dims, array, _attributes(name)) for name, (dims, array) in arrays.items()}
    exact = np.isfinite(reference_energy(spec.landscape, sizes[0]))
    attributes = {
        "lattice": spec.landscape.lattice,
        "reference": "ground state" if exact else "lowest energy found",
        "quenches": count,
        # Quenches are independent: their errors need no bins, whatever number was asked for.
        "bins": "none",
    }
    return xarray.Dataset(variables, coords, attributes)


def summary(results: "xarray.Dataset") -> list[str]:
    """What is left in the largest system, and how often the smallest reaches the reference."""
    done = np.flatnonzero(np.isfinite(results["excess_energy"].values))
    lines = []
    for i in dict.fromkeys((done[0], done[-1])):
        told = [f"energy {_cell(results, 'excess_energy', i)} J per site above the {results.attrs['reference']}"]
        if "vortex_density" in results:
            told.append(f"{_cell(results, 'vortex_density', i)} vortices per plaquette")
        told.append(f"{100 * float(results['reached_reference'][i]):.0f} % reach it")
        lines.append(f"L = {int(results['size'][i])}: {', '.join(told)}; {results.attrs['quenches']} quenches")
    late = results["not_settled"].values
    if np.nanmax(late) > 0:
        lines.append(f"not settled in time: up to {100 * np.nanmax(late):.1f} % of the quenches")
    return lines


def _cell(results: "xarray.Dataset", name: str, i: int) -> str:
    return with_error(float(results[name][i]), float(results[f"{name}_error"][i]))


def _put_mean(put: Any, name: str, row: int, values: np.ndarray, dim: str | None = None) -> None:
    put(name, row, values.mean(axis=0), dim)
    put(f"{name}_error", row, values.std(axis=0, ddof=1) / np.sqrt(len(values)), dim)


def _put_share(put: Any, name: str, row: int, happened: np.ndarray) -> None:
    """A fraction with the error of Laplace's rule, which is not zero when none or all did."""
    put(name, row, happened.mean())
    guess = (happened.sum() + 1.0) / (len(happened) + 2.0)
    put(f"{name}_error", row, np.sqrt(guess * (1.0 - guess) / len(happened)))


def _attributes(name: str) -> dict[str, str]:
    labels = {
        **SIZE_LABELS,
        "reference_energy": ("reference energy per site", "J"),
        "not_settled": ("fraction of quenches given up before they settled", "1"),
        "excess_energy_of_each": ("energy per site above the reference, each quench", "J"),
        "excess_energy_quantile": ("quantiles of the energy per site above the reference", "J"),
        "excess_energy_relaxation": ("energy per site above the reference on the way", "J"),
        "vortex_density_relaxation": ("vortices and antivortices per plaquette on the way", "1"),
    }
    stem = name.removesuffix("_error")
    long_name, units = labels[stem]
    return {"long_name": long_name if name == stem else f"one standard error of: {long_name}", "units": units}
