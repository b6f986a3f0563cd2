"""Figure of the heat equation of "free-energy-descent": one density, two functionals, two flows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.free_energy_descent_heat import FLOWS, FUNCTIONALS
from runs.figures import PAGE_WIDTH, Drawing, colours, log_axis, new_figure, save

if TYPE_CHECKING:
    import xarray

LOOKS: dict[str, dict[str, Any]] = {
    "W2": {"color": "#D55E00", "marker": "s", "label": "entropy's movements in $W_2$"},
    "L2": {"color": "#0072B2", "marker": "^", "label": "Dirichlet energy's movements in $L_2$"},
}
AXES = {"entropy": r"$\beta^{-1}\int\rho\,\ln\rho$", "Dirichlet": r"$\int|\rho_x|^2/2\beta$"}
EVERY = 30
"""Cells of which one has a mark."""


def draw_heat(results: "xarray.Dataset", out: Path) -> Drawing:
    """Densities; entropy and Dirichlet energy against time; what both flows are off."""
    figure, axes = new_figure(PAGE_WIDTH, 4.6, nrows=2, ncols=2)
    _densities(axes[0, 0], results)
    for ax, functional in zip((axes[0, 1], axes[1, 0]), FUNCTIONALS, strict=True):
        _functional(ax, results, functional)
    log_axis(axes[1, 0])
    _errors(axes[1, 1], results)
    for letter, ax in zip("abcd", axes.flat, strict=True):
        ax.set_title(f"({letter})", loc="left")
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    tau = results["heat_tau"].values
    caption = (
        f"The heat equation rho_t = rho_xx / beta, beta = {results.attrs['beta']:g}, as the steepest descent of two "
        "functionals. (a) The density: heat kernel (lines) and minimising movements of the entropy in the transport "
        "distance W2 (squares) and of the Dirichlet energy in L2 (triangles). (b, c) Both functionals along both "
        f"flows, steps tau = {tau[-1]:.3g}. (d) Their distance from those of the heat kernel as a share of their fall "
        f"(filled entropy, open Dirichlet energy): dashed at tau = {tau[0]:.3g}, solid extrapolated to tau = 0; the "
        "entropy of the movements in W2 lacks tails of half a mass. Each functional loses what its own "
        "distance squared over tau adds to, which is what steepest descent means."
    )
    return save(figure, out, "heat", caption)


def _densities(ax: Any, results: "xarray.Dataset") -> None:
    x, times = results["heat_x"].values, results["heat_shown"].values
    for k, colour in enumerate(colours(len(times))):
        ax.plot(x, results["heat_kernel"].isel(heat_shown=k), color=colour, label=f"$t = {times[k]:.2g}$")
        for place, flow in enumerate(FLOWS):
            at = slice(EVERY * (1 + place) // 2, None, EVERY)
            density = results["heat_density"].sel(flow=flow).isel(heat_shown=k)
            ax.plot(x[at], density.values[at], LOOKS[flow]["marker"], color=colour, markersize=3, fillstyle="none")
    ax.set(xlabel="$x$", ylabel=r"density $\rho$", xlim=(-3.0, 3.0), ylim=(0, None))
    ax.legend()


def _functional(ax: Any, results: "xarray.Dataset", functional: str) -> None:
    at = results.sel(functional=functional)
    ax.plot(results["heat_time"], at["heat_exact"], color="k", label="heat kernel, exact")
    for flow in FLOWS:
        ax.plot(results["heat_time"], at["heat_functional"].sel(flow=flow).isel(heat_tau=-1), linestyle="none",
                fillstyle="none", markersize=3.5, markevery=(2 * FLOWS.index(flow), 4), **LOOKS[flow])  # fmt: skip
    ax.set(xlabel="time $t$", ylabel=AXES[functional])


def _errors(ax: Any, results: "xarray.Dataset") -> None:
    for functional in FUNCTIONALS:
        at = results.sel(functional=functional)
        known = at["heat_exact"].values
        for flow in FLOWS:
            look = {"color": LOOKS[flow]["color"], "marker": LOOKS[flow]["marker"], "markersize": 3.5,
                    "fillstyle": "full" if functional == "entropy" else "none", "markevery": 5}  # fmt: skip
            for line, values in (("--", at["heat_functional"].sel(flow=flow).isel(heat_tau=0)),
                                 ("-", at["heat_limit"].sel(flow=flow))):  # fmt: skip
                off = np.abs(values.values - known) / abs(known[0] - known[-1])
                ax.plot(results["heat_time"][1:], off[1:], linestyle=line, linewidth=0.8, **look)
    ax.set(xlabel="time $t$", ylabel="share of the fall, off", yscale="log", ylim=(1e-5, None))
