"""The figure of quenches: what is left against size, how it is distributed, and how it got there."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.figures import PAGE_WIDTH, Drawing, by_size, log_axis, new_figure, save

if TYPE_CHECKING:
    import xarray


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """One figure of four panels, or three where the lattice has no vortices."""
    vortices = "vortex_density" in results
    figure, axes = new_figure(PAGE_WIDTH, 5.2 if vortices else 2.7, nrows=2 if vortices else 1, ncols=2, squeeze=False)
    panels = [_energy, _vortices, _relaxation, _distribution] if vortices else [_energy, _distribution]
    for letter, ax, panel in zip("abcd", axes.reshape(-1), panels, strict=False):
        panel(ax, results)
        ax.set_title(f"({letter})", loc="left")
    handles, labels = axes.reshape(-1)[len(panels) - 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(handles), 9), columnspacing=1.2)
    reference = str(results.attrs["reference"])
    lattice = str(results.attrs["lattice"]).replace("_", " ")
    parts = [f"(a) energy per site above the {reference}, mean and the range from 5 to 95 % of the quenches (band)"]
    if vortices:
        parts += [
            "(b) vortices and antivortices per plaquette, and the fraction of quenches that end without any",
            "(c) vortex density on the way down",
        ]
    parts.append(f"({'d' if vortices else 'b'}) cumulative distribution of the energy left, size by size")
    caption = (
        f"Zero-temperature quenches of the XY model on the {lattice} lattice from random angles, "
        f"{results.attrs['quenches']} for each size: {'; '.join(parts)}. Error bars: one standard error."
    )
    return [save(figure, out, "quenches", caption)]


def _energy(ax: Any, results: "xarray.Dataset") -> None:
    size = results["size"].values
    value, error = results["excess_energy"].values, results["excess_energy_error"].values
    spread = results["excess_energy_quantile"].values
    ax.fill_between(size, spread[:, 0], spread[:, -1], color="#31688e", alpha=0.15, linewidth=0)
    ax.errorbar(size, value, error, color="#31688e", marker="o")
    _sizes(ax, size)
    ax.set_ylim(bottom=min(0.0, float(np.nanmin(spread))))
    ax.set_ylabel(r"$(E-E_0)/NJ$")


def _vortices(ax: Any, results: "xarray.Dataset") -> None:
    size = results["size"].values
    lines = [ax.errorbar(size, results["vortex_density"], results["vortex_density_error"], color="#31688e", marker="o")]
    top = 1.1 * float(np.nanmax(results["vortex_density"].values)) or 1.0
    ax.set_ylim(-0.03 * top, 1.03 * top)
    ax.set_ylabel("vortices per plaquette", color="#31688e")
    _sizes(ax, size)
    other = ax.twinx()
    lines.append(
        other.errorbar(size, results["vortex_free"], results["vortex_free_error"], color="#c03a2b", marker="s")
    )
    other.set_ylim(-0.03, 1.03)
    other.set_ylabel("quenches without vortices", color="#c03a2b")
    ax.tick_params(right=False, which="both")
    other.tick_params(top=False, which="both")


def _relaxation(ax: Any, results: "xarray.Dataset") -> None:
    time = results["time"].values
    for i, (_, look) in enumerate(by_size(results["size"].values.tolist()).items()):
        value = results["vortex_density_relaxation"].values[i]
        error = results["vortex_density_relaxation_error"].values[i]
        there = (time > 0) & (value > 0)
        ax.errorbar(time[there], value[there], error[there], linewidth=0.8, capsize=0, **look)
    ax.set_xscale("log")
    log_axis(ax)
    ax.set_xlabel("time (sweeps)")
    ax.set_ylabel("vortices per plaquette")


def _distribution(ax: Any, results: "xarray.Dataset") -> None:
    for i, (_, look) in enumerate(by_size(results["size"].values.tolist()).items()):
        values = np.sort(results["excess_energy_of_each"].values[i])
        values = values[np.isfinite(values)]
        if values.size:
            share = np.arange(1, values.size + 1) / values.size
            ax.step(np.append(values, values[-1]), np.append(share, 1.0), where="post", color=look["color"],
                    label=look["label"])  # fmt: skip
    ax.set_ylim(0.0, 1.02)
    # The few quenches of small systems that end in a winding lie far out.
    reach = 1.4 * float(np.nanmax(results["excess_energy_quantile"].values))
    if reach > 0.0:
        ax.set_xlim(-0.03 * reach, reach)
    ax.set_xlabel(r"$(E-E_0)/NJ$ of a quench")
    ax.set_ylabel("fraction of quenches below")


def _sizes(ax: Any, size: np.ndarray) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(size.tolist()))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("size $L$")
