"""Figures of "free-energy-descent": F and its slope against time, and Phi beside f."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.figures import PAGE_WIDTH, THEORY, Drawing, log_axis, new_figure, save

if TYPE_CHECKING:
    import xarray

BLUE, RED, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
TITLES = {
    "line": "1-D, $D = 1$",
    "isotropic": "2-D, $D = 1$",
    "diagonal": "2-D, diagonal $D(x)$",
    "full": "2-D, full $D(x)$",
}


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """F against time; for the cases in two dimensions Phi beside f; the heat equation."""
    from runs.experiments.free_energy_descent_heat_figure import draw_heat

    drawings = [_descent(results, out), draw_heat(results, out)]
    planes = [k for k, name in enumerate(results["case"].values) if name != "line"]
    return [drawings[0], _rest(results.isel(case=planes), out), drawings[1]] if planes else drawings


def _descent(results: "xarray.Dataset", out: Path) -> Drawing:
    count = results.sizes["case"]
    figure, axes = new_figure(PAGE_WIDTH, 5.2, nrows=3, ncols=count, squeeze=False, sharex="row", sharey="row")
    for k, name in enumerate(results["case"].values):
        at = results.isel(case=k)
        axes[0, k].set_title(f"({'abcd'[k]}) {TITLES[str(name)]}")
        _falls(axes[0, k], at)
        _differences(axes[1, k], at)
        _slopes(axes[2, k], at)
        axes[2, k].set_xlabel("time $t$")
    log_axis(axes[0, 0])
    log_axis(axes[2, 0])
    axes[0, 0].set_ylabel(r"$F(\rho_t)$ (energy)")
    axes[1, 0].set_ylabel(r"$F - F_{\mathrm{grid}}$ (energy)")
    axes[2, 0].set_ylabel(r"$-dF/dt$, $I$ (energy / time)")
    handles: dict[str, Any] = {}
    for ax in axes.ravel():
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
    caption = (
        f"Top: F = KL(rho | rho_ss) / beta, beta = {results.attrs['beta']:g}, along the way from a normal density in "
        "the higher well. Line: the Fokker-Planck equation on a grid, extrapolated to cells and steps of 0; open "
        "marks: minimising movements, where D = 1 and the equation is their limit; dots: "
        f"{results.attrs['particles_count']} particles, entropy from nearest neighbours. Middle: the differences from "
        "the grid; bars one standard error over "
        f"{results.attrs['repeats']} repeats, with what half as many particles change; the grey band is the error of "
        "the grid's cells. Bottom: the slope of F (line) and the Fisher information (dashes), which are one."
    )
    return save(figure, out, "descent", caption)


def _movements(ax: Any, at: "xarray.Dataset", less: Any) -> None:
    if "movements" not in at or not np.isfinite(at["movements"]).all():
        return
    for k, (marker, colour) in enumerate((("s", RED), ("^", GREEN))):
        ax.plot(at["time"], at["movements"].isel(tau=k) - less, marker, color=colour, fillstyle="none",
                label=rf"movements, $\tau = {float(at['tau'][k]):g}$")  # fmt: skip


def _falls(ax: Any, at: "xarray.Dataset") -> None:
    later = at.isel(moment=slice(1, None))
    ax.plot(later["moment"], later["curve"], color="k", label="grid")
    _movements(ax, at, 0.0)
    if "particles" in at:
        ax.errorbar(at["time"], at["particles"], at["particles_error"], fmt="o", color=BLUE, label="particles")
    ax.set_xscale("log")


def _differences(ax: Any, at: "xarray.Dataset") -> None:
    ax.axhline(0.0, color="k", linewidth=0.8)
    ax.fill_between(at["time"], -at["free_energy_error"], at["free_energy_error"], color="0.85", linewidth=0,
                    label="error of the grid's cells")  # fmt: skip
    _movements(ax, at, at["free_energy"])
    if "movements_limit" in at and np.isfinite(at["movements_limit"]).all():
        ax.plot(at["time"], at["movements_limit"] - at["free_energy"], "D", color=PURPLE, fillstyle="none",
                label=r"movements, $\tau \to 0$")  # fmt: skip
    if "particles" in at:
        ax.errorbar(at["time"], at["particles"] - at["free_energy"], at["particles_error"], fmt="o", color=BLUE)
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=0.01)


def _slopes(ax: Any, at: "xarray.Dataset") -> None:
    time, curve = at["moment"].values, at["curve"].values
    later = at.isel(moment=slice(2, -1))
    slope = -(curve[2:] - curve[:-2]) / (time[2:] - time[:-2])
    ax.plot(later["moment"], slope[1:], color="k", linewidth=1.6, alpha=0.5, label="$-dF/dt$")
    ax.plot(later["moment"], later["fisher"], **{**THEORY, "color": RED}, label="Fisher information $I$")
    ax.set_xscale("log")


def _rest(results: "xarray.Dataset", out: Path) -> Drawing:
    count = results.sizes["case"]
    figure, axes = new_figure(PAGE_WIDTH, 4.6, nrows=2, ncols=count, squeeze=False, sharex=True, sharey="row")
    levels = np.arange(0.25, 2.6, 0.25)
    for k, name in enumerate(results["case"].values):
        at = results.isel(case=k)
        top, cut = axes[0, k], axes[1, k]
        top.set_title(f"({'abc'[k]}) {TITLES[str(name)]}")
        plane = at["x"], at["y"]
        top.contour(*plane, at["f"].transpose("y", "x"), levels=levels, colors="0.6", linewidths=0.7)
        top.contour(*plane, at["rest"].transpose("y", "x"), levels=levels, colors=BLUE, linewidths=0.8)
        top.plot(*at["lowest"].values, "x", color="k", markersize=7, linestyle="none", label=r"argmin $f$", zorder=5)
        top.plot(*at["likeliest"].values, "o", color=RED, fillstyle="none", markersize=7, linestyle="none",
                 label=r"argmin $\Phi$", zorder=5)  # fmt: skip
        top.set(xlim=(-2.0, 2.0), ylim=(-2.2, 2.2))
        f = at["f"].sel(y=0.0, method="nearest")
        cut.plot(at["x"], f - f.min(), color="0.6", linewidth=2.0, label="$f$")
        cut.plot(at["x"], at["rest_cut"] - at["rest_cut"].min(), color=BLUE, label=r"$\Phi$")
        cut.axvline(float(at["lowest"][0]), color="k", linewidth=0.6, linestyle=":")
        cut.axvline(float(at["likeliest"][0]), color=RED, linewidth=0.6, linestyle="--")
        cut.set(xlabel="$x_1$", ylim=(-0.05, 1.6))
    axes[0, 0].set_ylabel("$x_2$")
    axes[1, 0].set_ylabel(r"energy at $x_2 = 0$")
    pairs = [pair for ax in axes[:, 0] for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles, labels = zip(*pairs, strict=True)
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    caption = (
        "What the density at rest says, Phi = -log(rho_ss) / beta, beside the landscape f; both are 0 at their lowest. "
        "Top: contours at steps of 1/4 of f (grey) and Phi (blue); bottom: both along x2 = 0, lines at argmin f "
        "(dotted) and argmin Phi (dashed). With D = 1 they are one; with other D wells are weighed by their noise, "
        "and the most likely point is not the lowest one."
    )
    return save(figure, out, "rest", caption)
