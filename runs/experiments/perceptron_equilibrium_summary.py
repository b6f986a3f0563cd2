"""The headline numbers of an equilibrium run, one line each."""

from typing import TYPE_CHECKING

import numpy as np

from runs.tables import plain, with_error
from runs.verdict import Verdict

if TYPE_CHECKING:
    import xarray


def summary(results: "xarray.Dataset") -> list[str]:
    """For each alpha the coldest temperature at which the most sizes are in equilibrium; then both ways to ln Z."""
    lines = [_alpha(results.isel(alpha=j)) for j in range(results.sizes["alpha"])]
    return [line for line in lines if line] + _chi2(results) + _integration(results)


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Energy and entropy, extrapolated to large N at the coldest temperature in equilibrium, beside replica theory."""
    found = []
    for j in range(results.sizes["alpha"]):
        row = results.isel(alpha=j)
        k = coldest(row)
        if k is None or "energy_excess_limit" not in row or not np.isfinite(row["energy_excess_limit"][k]):
            continue
        cell = row.isel(beta=k)
        where = f"alpha = {float(row['alpha']):g}, beta = {float(cell['beta']):g}, N to infinity"
        for name in ("energy", "entropy"):
            value, error = (float(cell[f"{name}_excess_limit{end}"]) for end in ("", "_error"))
            known = float(cell[f"replica_{name}"].dropna("n")[-1])
            source = "exact at large N: replica-symmetric theory (Krauth & Mezard 1989)"
            found.append(Verdict(f"{name} / N, {where}", known + value, error, known, source))
    return found


def coldest(row: "xarray.Dataset") -> int | None:
    """Index of the largest beta at which as many sizes as at any beta above 0 are in equilibrium; None without one."""
    count = (row["equilibrated"].values == 1.0).sum(axis=0)
    if count.size < 2 or count[1:].max() == 0:
        return None
    return int(np.flatnonzero(count == count[1:].max())[-1])


def _alpha(row: "xarray.Dataset") -> str:
    k = coldest(row)
    if k is None:
        return ""
    here = row.isel(beta=k)
    last = here.isel(n=int(np.flatnonzero(here["equilibrated"].values == 1.0)[-1]))
    told = [f"{name} / N {_value(last, f'{name}_per_weight')} (replica theory {_theory(last, f'replica_{name}')})"
            for name in ("energy", "entropy")]  # fmt: skip
    told.append(f"overlap {_value(last, 'overlap')} ({_theory(last, 'replica_overlap')})")
    line = f"alpha = {float(row['alpha']):g}, beta = {float(here['beta']):g}, N = {int(last['n'])}: {', '.join(told)}"
    if "energy_excess_limit" in here and np.isfinite(here["energy_excess_limit"]):
        energy, entropy = (_value(here, f"{name}_excess_limit") for name in ("energy", "entropy"))
        line += f"; N to infinity, minus theory: energy {energy}, entropy {entropy}"
    return line


def _chi2(results: "xarray.Dataset") -> list[str]:
    """The limits at large N of the lines above against theory; alphas have instances of their own."""
    if "energy_excess_limit" not in results:
        return []
    squares = []
    for j in range(results.sizes["alpha"]):
        row = results.isel(alpha=j)
        k = coldest(row)
        if k is not None and np.isfinite(row["energy_excess_limit"][k]):
            cell = row.isel(beta=k)
            squares.append([(float(cell[f"{name}_excess_limit"]) / float(cell[f"{name}_excess_limit_error"])) ** 2
                            for name in ("energy", "entropy")])  # fmt: skip
    if not squares:
        return []
    energy, entropy = np.sum(squares, axis=0)
    return [f"limits at large N against theory: chi2 = {energy:.2g} for energy and {entropy:.2g} for entropy, "
            f"{len(squares)} alphas"]  # fmt: skip


def _integration(results: "xarray.Dataset") -> list[str]:
    difference = np.abs(results["integration_minus_bennett"].values)
    steps, error = results["integration_error"].values, results["free_entropy_per_weight_error"].values
    there = np.isfinite(difference) & (results["equilibrated"].values == 1.0)
    if not there.any():
        return []
    return [
        f"ln Z / N by integration and by Bennett's ratios differ by up to {difference[there].max():.1e}; error from "
        f"the steps in beta up to {steps[there].max():.1e}, statistical error up to {np.nanmax(error[there]):.1e}"
    ]


def _value(cell: "xarray.Dataset", name: str) -> str:
    return with_error(float(cell[name]), float(cell[f"{name}_error"]))


def _theory(cell: "xarray.Dataset", name: str) -> str:
    return plain(round(float(cell[name]), 5))
