"""The figure of the widths of XY minima: width against energy at two scales, and integration against Laplace."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.xy_local_entropy_results import ground_width
from runs.figures import MARKERS, PAGE_WIDTH, THEORY, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

COLOURS = ("#31688e", "#c03a2b", "#e08214", "#6a3d9a", "#35a05a", "0.4")
"""Of 0, 2, 4, ... vortices; the last stands for all beyond."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Three panels, or two where nothing was integrated."""
    if "width_laplace" not in results or not np.isfinite(results["width_laplace"]).any():
        return []
    both = bool(np.isfinite(results["width_integration"]).any())
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=3 if both else 2)
    scales = results["scale"].values
    for ax, k in zip(axes, (0, scales.size - 1), strict=False):
        _widths(ax, results, k)
    if both:
        _departure(axes[2], results)
    for letter, ax in zip("abc", axes, strict=False):
        ax.set_title(f"({letter})" + (ax.get_title() and f"  {ax.get_title()}"), loc="left")
        ax.set_title("")
    handles, labels = _legend(results)
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(handles), 8), columnspacing=1.2)
    return [save(figure, out, "widths", _caption(results, both))]


def _caption(results: "xarray.Dataset", both: bool) -> str:
    sizes = ", ".join(str(size) for size in results["size"].values)
    first, last = results["scale"].values[[0, -1]]
    parts = [
        f"(a) u - f per site of every distinct minimum against its energy per site, at t = {first:g}; as t goes to 0 "
        "it is t|E|/(beta N), the energy alone",
        f"(b) the same at t = {last:g}: with vortices, minima are wider than spin waves of the same energy",
    ]
    if both:
        parts.append(
            "(c) u - f by integration over the scale, relative to that of small oscillations, for the minima marked by "
            "a ring in (a): what the anharmonic part of the energy adds"
        )
    return (
        "How wide minima are, (u(x, t) - f(x)) / N, the smaller the wider: minima of the XY model, square lattice, "
        f"L = {sizes}, at beta = {results.attrs['beta']:g} / J: ground state, spin waves, planted vortex pairs and "
        f"quenches from random angles. {'; '.join(parts)}. Dashed: spin waves in closed form, from the ground state "
        "along uniform twists of the angles. The turn of all angles adds 0 to u. Error bars: one standard error."
    )


def _widths(ax: Any, results: "xarray.Dataset", k: int) -> None:
    scale, beta = float(results["scale"][k]), float(results.attrs["beta"])
    highest = float(results["energy_per_site"].max())
    for i in range(results.sizes["size"]):
        one = results.isel(size=i)
        energy, width = one["energy_per_site"].values, one["width_laplace"].values[:, k]
        for j in np.flatnonzero(np.isfinite(width)):
            ax.plot(energy[j], width[j], linestyle="none", **_look(i, one["vortices"].values[j]))
        ringed = np.isfinite(one["width_integration"].values).any(axis=1)
        if k == 0:
            ax.plot(energy[ringed], width[ringed], "o", markersize=7.5, markerfacecolor="none", color="0.2",
                    markeredgewidth=0.6)  # fmt: skip
    turns = np.linspace(0.0, np.arccos(np.clip(-1.0 - min(highest, -1.0), 0.0, 1.0)), 50)
    size = int(results["size"].values[-1])
    line = [ground_width(size, [scale], beta, turn)[0] for turn in turns]
    ax.plot(-1.0 - np.cos(turns), line, zorder=0, **THEORY)
    ax.set_xlabel(r"energy per site $E/N$ ($J$)")
    ax.set_ylabel(r"$(u-f)/N$ ($J$), wider: lower")
    ax.set_title(rf"$t={scale:g}$")


def _departure(ax: Any, results: "xarray.Dataset") -> None:
    scale = results["scale"].values
    shift = 0
    for i in range(results.sizes["size"]):
        one = results.isel(size=i)
        value, error = 100 * one["integration_over_laplace"].values, 100 * one["integration_over_laplace_error"].values
        for j in np.flatnonzero(np.isfinite(value).any(axis=1)):
            there = np.isfinite(value[j])
            # Points of one scale stand side by side.
            ax.errorbar(scale[there] * 1.05**shift, value[j, there], error[j, there], linewidth=0.7,
                        **_look(i, one["vortices"].values[j]))  # fmt: skip
            shift += 1
    ax.axhline(0.0, zorder=0, **THEORY)
    ax.set_xscale("log")
    ax.set_xlabel(r"scale $t$ (rad$^2/J$)")
    ax.set_ylabel("integration / Laplace $-1$ (%)")


def _look(size: int, vortices: float) -> dict[str, Any]:
    place = min(int(vortices) // 2, len(COLOURS) - 1)
    return {"color": COLOURS[place], "marker": MARKERS[size % len(MARKERS)]}


def _legend(results: "xarray.Dataset") -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    counts = np.unique(results["vortices"].values[np.isfinite(results["vortices"].values)]).astype(int)
    handles, labels = [], []
    for place in sorted({min(count // 2, len(COLOURS) - 1) for count in counts.tolist()}):
        handles.append(Line2D([], [], linestyle="none", marker="o", color=COLOURS[place]))
        labels.append(f"{2 * place} vortices" if place < len(COLOURS) - 1 else f"{2 * place} or more")
    for i, size in enumerate(results["size"].values):
        handles.append(Line2D([], [], linestyle="none", marker=MARKERS[i % len(MARKERS)], color="0.2"))
        labels.append(f"$L={size}$")
    handles.append(Line2D([], [], color="0.25", linestyle="--"))
    labels.append("spin waves")
    return handles, labels
