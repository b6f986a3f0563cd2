"""Figures of "limit-cycles": the field with its law and current, and what trajectories say of them."""

from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.limit_cycles_model import FASTEST
from runs.figures import PAGE_WIDTH, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

WIDE, TALL = 2.2, 2.6
"""What of the plane is shown."""
MOST_COLUMNS = 4
LEAST_ARROW = 0.1
"""Of the largest |j|: below it no arrow is drawn."""
BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Fields, the antisymmetric part where there is a current, and trajectories where there are any."""
    from runs.experiments.limit_cycles_antisymmetric_figure import draw_antisymmetric
    from runs.experiments.limit_cycles_trajectory_figure import draw_trajectories

    drawings = [_fields(results, out)]
    if (results["strength"] > 0).any():
        drawings.append(draw_antisymmetric(results, out))
    return [*drawings, draw_trajectories(results, out)] if "share" in results else drawings


def shown_places(count: int, most: int) -> list[int]:
    """Places of at most `most` of `count` strengths, the weakest and the strongest among them."""
    return [int(k) for k in np.unique(np.round(np.linspace(0, count - 1, min(count, most))))]


def left_out(results: "xarray.Dataset", places: list[int]) -> str:
    """What a caption says where not all strengths are drawn."""
    missing = results.sizes["strength"] - len(places)
    return f" Of {results.sizes['strength']} strengths {len(places)} are drawn." if missing else ""


def shade() -> Any:
    """Greys light enough for lines on top."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    return ListedColormap(matplotlib.colormaps["Greys"](np.linspace(0.0, 0.62, 128)))


def _fields(results: "xarray.Dataset", out: Path) -> Drawing:
    places = shown_places(results.sizes["strength"], MOST_COLUMNS)
    count = len(places)
    figure, axes = new_figure(PAGE_WIDTH, 5.4, nrows=2, ncols=count, squeeze=False, sharex=True, sharey=True)
    top = float(results["density"].max())
    for column, k in enumerate(places):
        at, strength = results.isel(strength=k), float(results["strength"][k])
        above, below = axes[:, column]
        mesh = _density(above, at, top)
        _drift(above, at)
        _density(below, at, top)
        _current(below, at)
        above.set_title(rf"({ascii_lowercase[column]}) drift $b$, $\lambda = {strength:g}$")
        below.set_title(rf"({ascii_lowercase[count + column]}) current $j$, $\lambda = {strength:g}$")
        below.set_xlabel("$x_1$")
    for ax in axes[:, 0]:
        ax.set_ylabel("$x_2$")
    figure.colorbar(mesh, ax=axes, label=r"density at rest $\rho_{\mathrm{ss}}$", shrink=0.8)
    handles: dict[str, Any] = {}
    for ax in axes.ravel():
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
    caption = (
        "Shading: the density at rest, the null vector of the Fokker-Planck operator; it is exp(-Phi) / Z for every "
        "lambda. Top: streamlines of the drift b = -grad Phi + j, crosses where grad Phi = 0, circles where b = 0: "
        "once the current is strong the wells of Phi, where the density is highest, are no points of rest. Bottom: "
        "the current j of the grid, arrows where the density is above 1e-3 of its peak and |j| above a tenth of its "
        "largest, their length in proportion "
        "to |j|; orange: closed orbits of "
        "xdot = j, integrated over one period; diamonds: where |j| is largest, (0, 1.272) and (0, -1.272). The drift "
        "itself has no limit cycle: at lambda = 1.5 its paths wind slowly into the origin, a weak focus."
        + left_out(results, places)
    )
    return save(figure, out, "fields", caption)


def _density(ax: Any, at: "xarray.Dataset", top: float) -> Any:
    ax.set_xlim(-WIDE, WIDE)
    ax.set_ylim(-TALL, TALL)
    return ax.pcolormesh(at["x"], at["y"], at["density"].transpose("y", "x"), cmap=shade(), vmin=0.0, vmax=top,
                         shading="nearest", rasterized=True)  # fmt: skip


def _drift(ax: Any, at: "xarray.Dataset") -> None:
    inside = at.sel(x=slice(-WIDE, WIDE), y=slice(-TALL, TALL))
    u, v = (inside["drift"].sel(component=name).transpose("y", "x").values for name in ("x1", "x2"))
    ax.streamplot(inside["x"].values, inside["y"].values, u, v, color=BLUE, linewidth=0.6, density=0.8, arrowsize=0.6)
    _critical(ax, at)
    ax.plot(*at["zero"].values.T, "o", color="k", markersize=6, fillstyle="none", label="$b = 0$", zorder=5)


def _critical(ax: Any, at: "xarray.Dataset") -> None:
    ax.plot(*at["critical_point"].values.T, "x", color=RED, markersize=6, linestyle="none",
            label=r"$\nabla\Phi = 0$", zorder=5)  # fmt: skip


def _current(ax: Any, at: "xarray.Dataset") -> None:
    _critical(ax, at)
    if float(at["strength"]) == 0:
        ax.text(0.5, 0.05, "$j = 0$: detailed balance", transform=ax.transAxes, ha="center")
        return
    for k, radius in enumerate(at["loop"].values):
        ax.plot(*radius.T, color=RED, linewidth=0.9, label=r"orbits of $\dot x = j$" if k == 0 else None)
    every = max(1, at.sizes["x"] // 24)
    some = at.isel(x=slice(every // 2, None, every), y=slice(every // 2, None, every))
    some = some.sel(x=slice(-WIDE, WIDE), y=slice(-TALL, TALL))
    u, v = (some["current"].sel(component=name).transpose("y", "x").values for name in ("x1", "x2"))
    speed = np.hypot(u, v)
    # Short arrows would be drawn as dots.
    u = np.where(speed > LEAST_ARROW * float(at["largest_current"]), u, np.nan)
    ax.quiver(some["x"].values, some["y"].values, u, v, color=GREEN, scale=25.0, width=0.006)
    ax.plot([0, 0], [FASTEST, -FASTEST], "D", color="k", markersize=4, fillstyle="none", label="largest $|j|$",
            linestyle="none", zorder=5)  # fmt: skip
