"""Figure of the trajectories of "limit-cycles": paths, their turning, and what they say of law and circulation."""

from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.limit_cycles_figures import BLUE, GREEN, RED, TALL, WIDE, left_out, shown_places
from runs.experiments.limit_cycles_summary import scores
from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save
from runs.verdict import UNLIKELY

if TYPE_CHECKING:
    import xarray

COLUMNS = 3
LOOKS = ((BLUE, "o"), (GREEN, "s"), (RED, "^"))


def draw_trajectories(results: "xarray.Dataset", out: Path) -> Drawing:
    """Paths of at most three strengths; turning, shares and scores of the same ones; circulation of all."""
    last = results.sizes["strength"] - 1
    places = shown_places(results.sizes["strength"], COLUMNS)
    figure, axes = new_figure(PAGE_WIDTH, 7.0, nrows=3, ncols=COLUMNS, squeeze=False)
    for column, k in enumerate(places):
        _path(axes[0, column], results.isel(strength=k), LOOKS[column][0])
    for ax in axes[0, len(places) :]:
        ax.set_visible(False)
    _turning(axes[1, 0], results, places)
    _shares(axes[1, 1], results, places)
    _score_histogram(axes[1, 2], results, places)
    _score_map(axes[2, 0], results.isel(strength=last), scores(results)[last], figure)
    _circulation(axes[2, 1], results)
    _p_values(axes[2, 2], results)
    drawn = [ax for ax in axes.ravel() if ax.get_visible()]
    for letter, ax in zip(ascii_lowercase, drawn, strict=False):
        ax.set_title(f"({letter})", loc="left")
    at = dict(zip(("paths", "turn", "share", "histogram", "map", "rate", "p"),
                  (_span(len(places)), *ascii_lowercase[len(places) : len(places) + 6]), strict=True))  # fmt: skip
    attrs = results.attrs
    caption = (
        f"({at['paths']}) Trajectories from the right well, every Euler-Maruyama step of {attrs['step']:g}, "
        f"{results.sizes['dense_moment']} of them, over contours of Phi; dots every time unit from light to dark. "
        f"({at['turn']}) Twice the area swept around the origin by one trajectory of {results.sizes['moment']} records "
        f"at intervals of {attrs['interval']:g}, anticlockwise positive; dashed: the exact mean, 2 pi lambda t / Z. "
        f"({at['share']}) Shares of {attrs['samples']} samples in bins, extrapolated to step 0, against those of "
        f"exp(-Phi) / Z. ({at['histogram']}) Their deviations in standard errors, from independent trajectories, "
        f"against the standard normal density. ({at['map']}) The same over the plane at the largest lambda. "
        f"({at['rate']}) Circulation <x1 b2 - x2 b1> less the exact value: of trajectories (circles extrapolated to "
        f"step 0, crosses at step {attrs['step']:g}) and of the grid (squares). ({at['p']}) Probability under detailed "
        "balance of the measured rate of turning <x1 dx2 - x2 dx1> / dt, by reversing blocks of the runs in time, "
        "repeats combined; detailed balance is rejected below the dotted line. Open symbols are at the floor, no "
        "surrogate as large: p is at most that." + left_out(results, places)
    )
    return save(figure, out, "trajectories", caption)


def _span(count: int) -> str:
    return "a" if count == 1 else f"a-{ascii_lowercase[count - 1]}"


def _path(ax: Any, at: "xarray.Dataset", colour: str) -> None:
    levels = np.arange(0.0, 3.1, 0.5)
    phi = -np.log(at["density"].transpose("y", "x").clip(1e-12))
    ax.contour(at["x"], at["y"], phi - phi.min(), levels=levels, colors="0.7", linewidths=0.6)
    path = at["dense_path"].transpose("dense_moment", "component").values
    ax.plot(*path.T, color=colour, linewidth=0.5)
    marked = path[:: max(1, round(1.0 / at.attrs["step"]))]
    ax.scatter(*marked.T, c=np.linspace(0.2, 1.0, len(marked)), cmap="Greys", vmin=0, vmax=1, s=10, zorder=4,
               edgecolors="k", linewidths=0.3)  # fmt: skip
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-WIDE, WIDE), ylim=(-TALL - 0.4, TALL + 0.4))
    ax.set_title(rf"$\lambda = {float(at['strength']):g}$", loc="right")


def _turning(ax: Any, results: "xarray.Dataset", places: list[int]) -> None:
    for (colour, _), k in zip(LOOKS, places, strict=False):
        at = results.isel(strength=k)
        x = at["path"].transpose("moment", "component").values
        swept = np.cumsum(x[:-1, 0] * x[1:, 1] - x[:-1, 1] * x[1:, 0])
        time = results.attrs["interval"] * np.arange(1, len(x))
        ax.plot(time, swept, color=colour, linewidth=0.8, label=rf"$\lambda = {float(at['strength']):g}$")
        ax.plot(time, float(at["exact_circulation"]) * time, **{**THEORY, "color": colour})
    ax.set(xlabel="time $t$", ylabel=r"$\sum x_1\Delta x_2 - x_2\Delta x_1$")
    ax.legend()


def _shares(ax: Any, results: "xarray.Dataset", places: list[int]) -> None:
    known = results["exact_share"].transpose("bin_x", "bin_y").values.ravel()
    for (colour, marker), k in zip(LOOKS, places, strict=False):
        seen = results["share"].isel(strength=k).transpose("bin_x", "bin_y").values.ravel()
        ax.plot(known, np.where(seen > 0, seen, np.nan), marker, color=colour, markersize=2.5, fillstyle="none",
                label=rf"$\lambda = {float(results['strength'][k]):g}$")  # fmt: skip
    ends = np.array([known.min(), known.max()])
    ax.plot(ends, ends, **THEORY)
    ax.set(xscale="log", yscale="log", xlabel=r"exact share $\int e^{-\Phi}/Z$", ylabel="share of samples")
    ax.legend()


def _score_histogram(ax: Any, results: "xarray.Dataset", places: list[int]) -> None:
    edges = np.linspace(-5, 5, 21)
    found = scores(results)
    for (colour, _), k in zip(LOOKS, places, strict=False):
        z = found[k][np.isfinite(found[k])]
        if z.size:
            ax.hist(z, edges, density=True, histtype="step", color=colour,
                    label=rf"$\lambda = {float(results['strength'][k]):g}$")  # fmt: skip
    z = np.linspace(-5, 5, 201)
    ax.plot(z, np.exp(-z * z / 2) / np.sqrt(2 * np.pi), **THEORY)
    ax.set(xlabel="(share $-$ exact) / standard error", ylabel="share of bins per unit", xlim=(-5, 5))
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    ax.legend(loc="upper left", ncols=2)


def _score_map(ax: Any, at: "xarray.Dataset", z: np.ndarray, figure: Any) -> None:
    shape = at.sizes["bin_x"], at.sizes["bin_y"]
    mesh = ax.pcolormesh(at["bin_x"], at["bin_y"], z.reshape(shape).T, cmap="RdBu_r", vmin=-4, vmax=4,
                         shading="nearest", rasterized=True)  # fmt: skip
    figure.colorbar(mesh, ax=ax, label="standard errors")
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.set_title(rf"$\lambda = {float(at['strength']):g}$", loc="right")


def _circulation(ax: Any, results: "xarray.Dataset") -> None:
    strength, known = results["strength"].values, results["exact_circulation"].values
    fine = results["grid_circulation"].isel(resolution=-1).values
    ax.axhline(0.0, **THEORY)
    ax.errorbar(strength, results["circulation"] - known, results["circulation_error"], fmt="o", color=BLUE)
    ax.plot(strength, results["circulation_step"] - known, "x", color=BLUE, markersize=5)
    ax.plot(strength, fine - known, "s", color=GREEN, fillstyle="none", markersize=5)
    ax.margins(x=0.15)
    ax.set(xlabel=r"strength of the current $\lambda$", ylabel=r"$\langle x_1 b_2 - x_2 b_1\rangle -$ exact")


def _p_values(ax: Any, results: "xarray.Dataset") -> None:
    p = results["p_value"].values
    floor = p <= results["p_floor"].values * (1 + 1e-9)
    for open_ones, chosen in ((False, ~floor), (True, floor)):
        ax.plot(results["strength"].values[chosen], p[chosen], "o", color=BLUE,
                fillstyle="none" if open_ones else "full", label="at the floor" if open_ones else None)  # fmt: skip
    ax.axhline(UNLIKELY, color="0.5", linestyle=":", label="rejected below")
    ax.set(yscale="log", xlabel=r"strength of the current $\lambda$", ylabel="$p$ of detailed balance")
    ax.margins(x=0.15, y=0.15)
    ax.legend(loc="upper right")
