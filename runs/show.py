"""`entroscape show`: what a file holds, with means, errors, tau_int and R-hat of its series."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from runs import tables

if TYPE_CHECKING:
    import xarray


FACTS = ("status", "n_committed", "seed", "device", "git_commit", "start_time", "end_time")

ZERO_BY_SYMMETRY = ("magnetization_x", "magnetization_y")
"""Series whose mean is known: the slow turning of the whole system is no fault of the others."""


def show(path: Path) -> list[str]:
    """Lines about a point's file or a results file. Raises StoreError for a file that is neither."""
    from mcmc.store.reader import open_run_file

    data = open_run_file(path)
    sizes = ", ".join(f"{name} {size}" for name, size in data.sizes.items())
    facts = [f"{name}: {data.attrs[name]}" for name in FACTS if data.attrs.get(name, "") != ""]
    series = {"chain", "draw"} <= set(data.sizes)
    return [f"{path}: {sizes}", *facts, "", *(_series(data) if series else _results(data))]


def _series(data: "xarray.Dataset") -> list[str]:
    """One row per variable; over further dimensions the range of the means and the worst of the diagnostics."""
    thin = int(data.attrs.get("thin", 1))
    tau_heading = "tau_int (sweeps)" if "thin" in data.attrs else "tau_int (draws)"
    rows = [["variable", "dims", "mean", tau_heading, "r_hat", "units"]]
    said: dict[str, list[str]] = {}
    for name, variable in data.data_vars.items():
        if not {"chain", "draw"} <= set(variable.dims) or variable.dtype.kind not in "fiu":
            rows.append([str(name), _dims(variable), _span(variable), "", "", str(variable.attrs.get("units", ""))])
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mean, tau, r_hat = _diagnose(variable, str(name), thin)
        said[str(name)] = [f"warning: {item.message}" for item in caught if issubclass(item.category, UserWarning)]
        rows.append([str(name), _dims(variable), mean, tau, r_hat, str(variable.attrs.get("units", ""))])
    if any(not lines for name, lines in said.items() if name not in ZERO_BY_SYMMETRY):
        said = {name: lines for name, lines in said.items() if name not in ZERO_BY_SYMMETRY}
    return [*tables.align(rows), *dict.fromkeys(line for lines in said.values() for line in lines)]


def _diagnose(variable: "xarray.DataArray", name: str, thin: int) -> tuple[str, str, str]:
    import numpy as np

    from mcmc.statistics.autocorrelation import integrated_time
    from mcmc.statistics.convergence import r_hat

    series = variable.transpose("chain", "draw", ...).values.astype(np.float64)
    chains, draws = series.shape[:2]
    if draws < 4:
        return f"{draws} draws", "", ""
    tau = np.asarray(integrated_time(series, thin=thin, name=name).tau_int)
    error = np.sqrt(2.0 * tau * series.var(axis=(0, 1)) / (chains * draws))
    means = np.ravel(series.mean(axis=(0, 1)))
    errors = np.ravel(error)
    first, last = (tables.with_error(means[i], errors[i]) for i in (0, -1))
    mean = first if means.size == 1 else f"{first} .. {last}"
    return mean, f"{thin * np.max(tau):.3g}", f"{np.nanmax(r_hat(series)):.4f}"


def _results(data: "xarray.Dataset") -> list[str]:
    """One row per variable, its errors beside it."""
    rows = [["variable", "dims", "values", "errors", "units"]]
    names = [str(name) for name in data.data_vars]
    for name in names:
        if name.endswith("_error") and name.removesuffix("_error") in names:
            continue
        errors = _span(data[f"{name}_error"]) if f"{name}_error" in names else ""
        rows.append([name, _dims(data[name]), _span(data[name]), errors, str(data[name].attrs.get("units", ""))])
    return tables.align(rows)


def _dims(variable: "xarray.DataArray") -> str:
    return " ".join(f"{name}={size}" for name, size in variable.sizes.items()) or "one number"


def _span(variable: "xarray.DataArray") -> str:
    if variable.dtype.kind not in "fiu" or variable.size == 0:
        return ""
    least, most = (tables.plain(value.values.item()) for value in (variable.min(), variable.max()))
    return least if variable.size == 1 else f"{least} .. {most}"
