"""Headline numbers of "network-trajectories": what turns beside theory, and what is no fitted process."""

from typing import TYPE_CHECKING

import numpy as np

from runs.tables import with_error
from runs.verdict import UNLIKELY, Verdict, detailed_balance

if TYPE_CHECKING:
    import xarray

SAID = {
    "with": "SGD, samples drawn with replacement",
    "epoch": "SGD, each sample once an epoch",
    "isotropic": "Langevin, isotropic noise",
}
"""Noise as a line begins."""


def summary(results: "xarray.Dataset") -> list[str]:
    """Circulation of each noise and batch size, its limit in the cold, and both nulls of the spectra."""
    lines = []
    for noise in results["noise"].values:
        for batch in results["batch"].values:
            at = results.sel(noise=noise, batch=batch)
            if np.isfinite(at["turning"]):
                lines.append(f"{SAID[noise]}, b = {batch}: {_turning(at, noise)}")
        if "cold_turning" in results and np.isfinite(cold := float(results["cold_turning"].sel(noise=noise))):
            error = float(results["cold_turning_error"].sel(noise=noise))
            if noise == "with":
                lines.append(f"{SAID[noise]}: extrapolated to temperature 0 it is {with_error(cold, error)} of theory")
    lines.append(_not_fitted(results))
    return lines


def _turning(at: "xarray.Dataset", noise: str) -> str:
    share = with_error(float(at["turning"]), float(at["turning_error"]))
    of = "of what SGD's would turn" if noise == "isotropic" else "of what Hessian and D at the minimum say"
    p = float(at["p_value"])
    return f"circulation {share} {of}; detailed balance {'rejected' if p < UNLIKELY else 'not rejected'}, p = {p:.2g}"


def _not_fitted(results: "xarray.Dataset") -> str:
    counts = []
    for noise in results["noise"].values:
        found = results.sel(noise=noise)
        power, memory = (found[f"{name}_p_value"].values.ravel() for name in ("power", "correlation"))
        known = np.isfinite(power)
        counts.append(
            f"{noise} {int((power[known] < 0.05).sum())} and {int((memory[known] < 0.05).sum())} of {int(known.sum())}"
        )
    return (
        f"runs at b = {results.attrs['spectra_batch']} whose spectrum, and whose memory, are not those of the "
        f"Ornstein-Uhlenbeck process fitted to them (p < 0.05): {'; '.join(counts)}"
    )


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """SGD with replacement turns as theory says in the cold; isotropic noise turns nothing."""
    found: list[Verdict] = []
    for noise in results["noise"].values:
        if noise == "with" and "cold_turning" in results:
            at = results.sel(noise=noise)
            if np.isfinite(at["cold_turning"]):
                found.append(
                    Verdict(
                        "SGD with replacement: circulation over theory's, temperature to 0", float(at["cold_turning"]),
                        float(at["cold_turning_error"]), 1.0, "Hessian and D at the minima",
                    )
                )  # fmt: skip
        for batch in results["batch"].values:
            at = results.sel(noise=noise, batch=batch)
            if not np.isfinite(at["turning"]):
                continue
            name, p = f"{SAID[noise]}, b = {batch}", float(at["p_value"])
            if noise == "isotropic":
                value, error = float(at["turning"]), float(at["turning_error"])
                found.append(Verdict(f"{name}: circulation over SGD's", value, error, 0.0, "detailed balance"))
                found.append(detailed_balance(name, p, True))
            elif noise == "with":
                found.append(detailed_balance(name, p, False))
    return found
