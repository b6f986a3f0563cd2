"""The headline numbers of an XY run, one line each."""

from typing import TYPE_CHECKING

import numpy as np

from mcmc.landscapes.xy import theory
from runs.tables import with_error
from runs.verdict import Verdict, largest_score

if TYPE_CHECKING:
    import xarray


def summary(results: "xarray.Dataset") -> list[str]:
    """T_BKT or T_c with how it was found; without one, the range of the data."""
    if "t_bkt" in results:
        if np.isfinite(results["t_bkt"]):
            return _bkt(results)
        return ["T_BKT: no estimate, the data do not determine it", *_range(results)]
    if "t_c" in results:
        return _critical(results)
    return _range(results)


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """T_BKT or T_c beside the published one; of the gauge glass, the disorder average of the helicity modulus."""
    scale = results.attrs.get("coupling")
    scale = float(scale) if isinstance(scale, (float, int, np.floating)) else np.nan
    if "t_bkt" in results and results.attrs["lattice"] == "square":
        value, error = float(results["t_bkt"]), float(results["t_bkt_error"])
        source = "published: Hasenbusch 2005, J. Phys. A 38, 5869"
        return [Verdict("T_BKT", value, error, scale * theory.T_BKT, source)]
    if "t_c" in results and results.attrs["lattice"] == "cubic":
        value, error = float(results["t_c"]), float(results["t_c_error"])
        source = "published: 1 / 0.4541652(11), Campostrini et al. 2006, PRB 74, 144506"
        return [Verdict("T_c", value, error, scale / theory.CUBIC_BETA_C, source)]
    if results.attrs.get("phase", "none") == "uniform" and "helicity_modulus" in results:
        scores = (results["helicity_modulus"] / results["helicity_modulus_error"]).values
        return largest_score("disorder average of the helicity modulus minus 0", scores, "exact: 0 by symmetry")
    return []


def _bkt(results: "xarray.Dataset") -> list[str]:
    value = {name: float(results[name]) for name in results.data_vars if results[name].ndim == 0}
    lines = [
        f"T_BKT = {with_error(value['t_bkt'], value['t_bkt_error'])} J/k_B "
        f"(statistical {value['t_bkt_statistical']:.1g}, systematic {value['t_bkt_systematic']:.1g}; "
        f"chi2 = {value['t_bkt_chi2']:.2g} for {value['t_bkt_degrees_of_freedom']:.0f} d.o.f.)",
        f"leading-order (Weber-Minnhagen) form: "
        f"{with_error(value['t_bkt_leading'], value['t_bkt_leading_error'])}, "
        f"chi2 = {value['t_bkt_leading_chi2']:.2g}; from the crossings alone: "
        f"{with_error(value['t_bkt_from_crossings'], value['t_bkt_from_crossings_error'])}",
    ]
    crossing, error = results["crossing_temperature"].values, results["crossing_temperature_error"].values
    told = [
        f"T*({size}) = {with_error(crossing[i], error[i])}"
        for i, size in enumerate(results["size"].values)
        if np.isfinite(crossing[i])
    ]
    return [*lines, "helicity modulus meets 2 T/pi at " + ", ".join(told)]


def _critical(results: "xarray.Dataset") -> list[str]:
    temperature = with_error(float(results["t_c"]), float(results["t_c_error"]))
    beta = with_error(float(results["beta_c"]), float(results["beta_c_error"]))
    parts = float(results["t_c_statistical"]), float(results["t_c_systematic"])
    return [f"T_c = {temperature} J/k_B, beta_c = {beta} (statistical {parts[0]:.1g}, systematic {parts[1]:.1g} in T)"]


def _range(results: "xarray.Dataset") -> list[str]:
    energy, error = results["energy_per_site"].values, results["energy_per_site_error"].values
    lines = []
    for i, size in enumerate(results["size"].values):
        there = np.flatnonzero(np.isfinite(energy[i]))
        if not there.size:
            continue
        ends = [
            f"{with_error(energy[i, k], error[i, k])} at T = {results['temperature'].values[k]:g}"
            for k in dict.fromkeys((there[0], there[-1]))
        ]
        lines.append(f"L = {size}: energy per site {' to '.join(ends)}")
    return lines
