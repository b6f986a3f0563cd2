"""The figure of the Kosterlitz-Thouless transition: helicity modulus, universal jump, extrapolated crossings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.landscapes.xy import theory
from runs.experiments.xy_figures import model_name
from runs.experiments.xy_series import AREA
from runs.figures import PAGE_WIDTH, THEORY, Drawing, by_size, new_figure, save
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

PUBLISHED = 0.89289, 0.8935
"""Published T_BKT of the square lattice, J = 1: from Komura & Okabe 2012 to Hsieh, Kao & Sandvik 2013."""
OURS = "#c03a2b"


def draw_transition(results: "xarray.Dataset", out: Path) -> Drawing:
    """Left: helicity modulus and the line it must meet. Right: where it meets it, against the size."""
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.0, ncols=2, width_ratios=(1.15, 1.0))
    _helicity(left, results)
    _extrapolation(right, results)
    value = with_error(float(results["t_bkt"]), float(results["t_bkt_error"]))
    caption = (
        f"{model_name(results)}: the Kosterlitz-Thouless transition. (a) Helicity modulus against temperature; each "
        "size meets the universal line 2T/pi at T*(L). Error bars: one standard error, jackknife over binned data, "
        "smaller than most symbols. (b) T*(L) against 1/(ln L + C/2)^2 with the C of the leading finite-size form; "
        f"the dashed line is the least-squares fit. Red: T_BKT = {value} from the joint fit of all sizes, its bar "
        "statistical and systematic."
    )
    return save(figure, out, "transition", caption)


def _helicity(ax: Any, results: "xarray.Dataset") -> None:
    temperature = results["temperature"].values
    area = AREA.get(str(results.attrs["lattice"]), 1.0)
    coupling = float(results.attrs["coupling"])
    for i, (_, look) in enumerate(by_size(results["size"].values.tolist()).items()):
        y, error = results["helicity_modulus"].values[i] / area, results["helicity_modulus_error"].values[i] / area
        there = np.isfinite(y)
        ax.errorbar(temperature[there], y[there], error[there], linewidth=0.8, **look)
    top = 1.08 * np.nanmax(results["helicity_modulus"].values) / area
    # The line ends where the legend begins.
    line = np.linspace(0.0, temperature.min() + 0.68 * np.ptp(temperature), 50)
    ax.plot(line, theory.universal_jump(line), **THEORY, label=r"$2k_BT/\pi$")
    if results.attrs["lattice"] == "square":
        cold = np.linspace(temperature.min(), min(0.95 * coupling, temperature.max()), 50)
        waves = coupling * theory.spin_wave_helicity(cold / coupling)
        ax.plot(cold, waves, color="0.25", linestyle=":", linewidth=1.0, label=r"$J - k_BT/4$")
    middle, error = float(results["t_bkt"]), float(results["t_bkt_error"])
    ax.axvspan(middle - error, middle + error, color=OURS, alpha=0.25, linewidth=0, zorder=0)
    ax.axvline(middle, color=OURS, linewidth=0.8, zorder=0, label=r"$T_{\rm BKT}$")
    ax.set_xlim(temperature.min() - 0.03, temperature.max() + 0.03)
    ax.set_ylim(-0.03 * top, top)
    ax.set_xlabel(r"temperature $k_BT/J$")
    ax.set_ylabel(r"helicity modulus $\Upsilon/J$")
    ax.legend(loc="upper right")
    ax.text(0.03, 0.05, "(a)", transform=ax.transAxes)


def _extrapolation(ax: Any, results: "xarray.Dataset") -> None:
    crossing, error = results["crossing_temperature"].values, results["crossing_temperature_error"].values
    constant = float(results["t_bkt_leading_constant"])
    sizes = results["size"].values
    x = (np.log(sizes) + 0.5 * constant) ** -2.0
    coupling = float(results.attrs["coupling"])
    if results.attrs["lattice"] == "square":
        ax.axhspan(coupling * PUBLISHED[0], coupling * PUBLISHED[1], color="0.8", linewidth=0, zorder=0)
        ax.plot([], [], color="0.8", linewidth=5, label="published")
    for i, (_, look) in enumerate(by_size(sizes.tolist()).items()):
        if np.isfinite(crossing[i]):
            ax.errorbar(x[i], crossing[i], error[i], linestyle="none", **look)
    there = np.isfinite(crossing)
    reach = np.array([0.0, 1.06 * x[there].max()])
    start, slope = float(results["t_bkt_from_crossings"]), float(results["t_bkt_from_crossings_slope"])
    ax.plot(reach, start + slope * reach, **THEORY, label="fit of the crossings")
    ax.errorbar(
        0.0, float(results["t_bkt"]), float(results["t_bkt_error"]), color=OURS, marker="*", markersize=7,
        linestyle="none", label=r"$T_{\rm BKT}$, joint fit", clip_on=False, zorder=5,
    )  # fmt: skip
    ax.set_xlim(-0.04 * reach[1], reach[1])
    ax.set_xlabel(rf"$1/(\ln L + C/2)^2,\ C = {constant:.2f}$")
    ax.set_ylabel(r"crossing temperature $k_BT^{*}/J$")
    ax.legend(loc="upper left")
    ax.text(0.93, 0.12, "(b)", transform=ax.transAxes)
