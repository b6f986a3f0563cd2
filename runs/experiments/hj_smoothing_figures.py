"""Figures of "hj-smoothing": landscapes, the densities on them, where the mass goes, and optimal control."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.hj_smoothing import DYNAMICS, HALF_WIDTH
from runs.experiments.hj_smoothing_control_figure import draw_control
from runs.figures import MARKERS, PAGE_WIDTH, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

NAMES = {"sgd": "$f$ (SGD)", "viscous": "$u$ viscous", "non-viscous": "$u$ non-viscous"}
REACHED = {"sgd": "on f", "viscous": "on the viscous u", "non-viscous": "on the non-viscous u"}
SHADES = {"sgd": "0.45", "viscous": "C0", "non-viscous": "C3"}


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """All four, nothing where there are no results."""
    if "realisations" not in results:
        return []
    return [_landscapes(results, out), _densities(results, out), _fates(results, out), draw_control(results, out)]


def _named(results: "xarray.Dataset", name: str) -> str:
    """A landscape with its time."""
    if name == "sgd":
        return "$f$"
    if name == "viscous":
        return rf"$u$ viscous, $T = {results.attrs['viscous']:g}$, $\beta = {results.attrs['beta']:g}$"
    return f"$u$ non-viscous, $T = {results.attrs['non_viscous']:g}$"


def _diffusion(results: "xarray.Dataset", name: str) -> float:
    return float(results.attrs["diffusion_sgd" if name == "sgd" else "diffusion_smooth"])


def _landscapes(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, ax = new_figure(PAGE_WIDTH, 3.2)
    x = results.x.values
    for name in DYNAMICS:
        ax.plot(x, results.potential.sel(dynamics=name), color=SHADES[name], label=_named(results, name))
    place, end = float(results.minimum), float(results.proximal_end)
    f = results.potential.sel(dynamics="sgd").values
    begun = results.density.sel(dynamics="sgd").isel(time=0).values
    low, high = float(results.potential.min()), float(results.potential.max())
    # Densities have no unit of loss: the first one stands on the axis, a third of the panel high.
    ax.fill_between(x, low - 1, low - 1 + begun / begun.max() * (high - low) / 3, color="0.8", linewidth=0,
                    label="initial density (scaled)")  # fmt: skip
    ax.plot(place, np.interp(place, x, f), "*", color="black", markersize=7, label="global minimum of $f$")
    ax.plot(end, np.interp(end, x, f), "v", color="C3", markersize=5, label="proximal points end")
    ax.set_xlim(-HALF_WIDTH, HALF_WIDTH)
    ax.set_ylim(bottom=low - 1)
    ax.set_xlabel("$x$")
    ax.set_ylabel("loss")
    ax.legend(loc="upper center", ncols=2)
    caption = (
        "The rough landscape f and what the Hamilton-Jacobi equations make of it, first realisation of the noise: u of "
        "the viscous equation (local entropy) and of the non-viscous one (the Moreau envelope, nowhere above f and "
        "with the same global minimum), at the times T that the legend gives, and the density that begins "
        f"around x = {results.attrs['start']:g}, its height not to scale. Triangle: where proximal point iteration "
        "from there rests."
    )
    return save(figure, out, "landscapes", caption)


def _densities(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=len(DYNAMICS), sharey=True)
    x, times = results.x.values, results.time.values
    palette = colours(len(times))
    for letter, name, ax in zip("abc", DYNAMICS, axes, strict=True):
        here = results.sel(dynamics=name)
        for k, time in enumerate(times):
            ax.plot(x, here.density.isel(time=k), color=palette[k], label=f"$t = {time:g}$")
        scale = ax.twinx()
        scale.plot(x, here.potential, color="0.6", linewidth=0.8, linestyle="--")
        scale.set_ylim(-14, 12)
        scale.set_yticks([0, 5, 10] if letter == "c" else [])
        scale.tick_params(which="minor", right=False)
        if letter == "c":
            scale.set_ylabel("landscape (loss, dashed)", loc="top")
        ax.set_xlim(-HALF_WIDTH, HALF_WIDTH)
        ax.set_ylim(0, 1.6 * float(results.density.max()))
        ax.tick_params(which="both", right=False)
        ax.set_title(f"({letter}) on {NAMES[name]}, $D = {_diffusion(results, name):g}$", loc="left")
        ax.set_xlabel("$x$")
    axes[0].set_ylabel(r"density $\rho$")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    end = results.isel(time=-1)
    reached = ", ".join(f"{float(end.near_minimum.sel(dynamics=name)):.2g} {said}" for name, said in REACHED.items())
    caption = (
        "The density at several times, from exp(-(x - x0)^2 / (2 variance)), in the first realisation, under rho_t = "
        "(rho V_x)_x + D rho_xx with V = f or u at the times of the figure before, D in the titles; dashed: V. On f it "
        "stays in wells near its start. Mass in the basin of the global minimum of f at the last time, mean over "
        f"realisations: {reached}; the non-viscous u keeps a well below every deep one of f."
    )
    return save(figure, out, "densities", caption)


def _fates(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 2.6, ncols=2)
    times = results.time.values
    for k, name in enumerate(DYNAMICS):
        here = results.sel(dynamics=name)
        look = {"color": SHADES[name], "marker": MARKERS[k], "markersize": 4}
        axes[0].errorbar(times, here.near_minimum, here.near_minimum_error, label=NAMES[name], **look)
        axes[1].errorbar(times, here.excess_loss, here.excess_loss_error, label=NAMES[name], **look)
        axes[1].plot(times, here.particles_excess_loss, "x", color="black", markersize=5, zorder=5,
                     label="particles" if k == 0 else None)  # fmt: skip
    for letter, ax, said in zip("ab", axes, ("mass near the global minimum", r"mean $f - \min f$ (loss)"), strict=True):
        ax.set_title(f"({letter})", loc="left")
        ax.set_xlabel("time $t$")
        ax.set_ylabel(said)
    axes[0].set_ylim(-0.03, 1.03)
    axes[1].set_ylim(bottom=0)
    axes[1].legend()
    caption = (
        "Means over realisations of the noise with one standard error: mass in the basin of the global minimum of f, "
        "and mean f under the density above that minimum; lines join the grid's values, crosses are Langevin particles."
    )
    return save(figure, out, "fates", caption)
