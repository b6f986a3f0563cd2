"""Figures of "limit-cycles": the field with its law and current, and what trajectories say of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.limit_cycles_model import FASTEST
from runs.experiments.limit_cycles_summary import scores
from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

WIDE, TALL = 2.2, 2.6
"""What of the plane is shown."""
BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Two figures."""
    drawings = [_fields(results, out)]
    return [*drawings, _trajectories(results, out)] if "share" in results else drawings


def _fields(results: "xarray.Dataset", out: Path) -> Drawing:
    count = results.sizes["strength"]
    figure, axes = new_figure(PAGE_WIDTH, 5.4, nrows=2, ncols=count, squeeze=False, sharex=True, sharey=True)
    top = float(results["density"].max())
    for k, strength in enumerate(results["strength"].values):
        at = results.isel(strength=k)
        mesh = _density(axes[0, k], at, top)
        _drift(axes[0, k], at)
        _density(axes[1, k], at, top)
        _current(axes[1, k], at)
        axes[0, k].set_title(rf"({'abcdef'[k]}) drift $b$, $\lambda = {strength:g}$")
        axes[1, k].set_title(rf"({'abcdefghijkl'[count + k]}) current $j$, $\lambda = {strength:g}$")
        axes[1, k].set_xlabel("$x_1$")
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
        "the current j of the grid, arrows where the density is above 1e-3 of its peak, their length in proportion "
        "to |j|; orange: closed orbits of "
        "xdot = j, integrated over one period; diamonds: where |j| is largest, (0, 1.272) and (0, -1.272). The drift "
        "itself has no limit cycle: at lambda = 1.5 its paths wind slowly into the origin, a weak focus."
    )
    return save(figure, out, "fields", caption)


def _density(ax: Any, at: "xarray.Dataset", top: float) -> Any:
    ax.set_xlim(-WIDE, WIDE)
    ax.set_ylim(-TALL, TALL)
    return ax.pcolormesh(at["x"], at["y"], at["density"].transpose("y", "x"), cmap="Greys", vmin=0.0,
                         vmax=1.6 * top, shading="nearest", rasterized=True)  # fmt: skip


def _drift(ax: Any, at: "xarray.Dataset") -> None:
    inside = at.sel(x=slice(-WIDE, WIDE), y=slice(-TALL, TALL))
    u, v = (inside["drift"].sel(component=name).transpose("y", "x").values for name in ("x1", "x2"))
    ax.streamplot(inside["x"].values, inside["y"].values, u, v, color=BLUE, linewidth=0.6, density=0.8, arrowsize=0.6)
    ax.plot(*at["critical_point"].values.T, "x", color=RED, markersize=6, label=r"$\nabla\Phi = 0$", zorder=5)
    ax.plot(*at["zero"].values.T, "o", color="k", markersize=6, fillstyle="none", label="$b = 0$", zorder=5)


def _current(ax: Any, at: "xarray.Dataset") -> None:
    if float(at["strength"]) == 0:
        ax.text(0.5, 0.05, "$j = 0$: detailed balance", transform=ax.transAxes, ha="center")
        return
    for k, radius in enumerate(at["loop"].values):
        ax.plot(*radius.T, color=RED, linewidth=0.9, label=r"orbits of $\dot x = j$" if k == 0 else None)
    every = max(1, at.sizes["x"] // 24)
    some = at.isel(x=slice(every // 2, None, every), y=slice(every // 2, None, every))
    some = some.sel(x=slice(-WIDE, WIDE), y=slice(-TALL, TALL))
    u, v = (some["current"].sel(component=name).transpose("y", "x").values for name in ("x1", "x2"))
    ax.quiver(some["x"].values, some["y"].values, u, v, color=GREEN, scale=25.0, width=0.006)
    ax.plot([0, 0], [FASTEST, -FASTEST], "D", color="k", markersize=4, fillstyle="none", label="largest $|j|$",
            linestyle="none", zorder=5)  # fmt: skip


def _trajectories(results: "xarray.Dataset", out: Path) -> Drawing:
    count = results.sizes["strength"]
    figure, axes = new_figure(PAGE_WIDTH, 5.0, nrows=2, ncols=3, squeeze=False)
    for letter, ax in zip("abcdef", axes.ravel(), strict=True):
        ax.set_title(f"({letter})", loc="left")
    _path(axes[0, 0], results.isel(strength=count - 1))
    _shares(axes[0, 1], results)
    _score_histogram(axes[0, 2], results)
    _score_map(axes[1, 0], results.isel(strength=count - 1), scores(results)[count - 1], figure)
    _circulation(axes[1, 1], results)
    _p_values(axes[1, 2], results)
    caption = (
        f"(a) A trajectory, Euler-Maruyama, of {results.sizes['moment']} records at intervals of "
        f"{results.attrs['interval']:g}, over contours of Phi. (b) Shares of {results.attrs['samples']} samples in "
        "bins, extrapolated to step 0, against those of exp(-Phi) / Z. (c) Their deviations in standard errors, from "
        "independent trajectories, against the standard normal density. (d) The same over the plane at the largest "
        "lambda. (e) Circulation <x1 b2 - x2 b1> of trajectories and of the grid, less the exact value 2 pi lambda / "
        f"Z; crosses are at step {results.attrs['step']:g}, before extrapolation. (f) Probability "
        "under detailed balance of the measured rate of turning <x1 dx2 - x2 dx1> / dt, by reversing blocks of the "
        "runs in time; it is below the line, and detailed balance rejected, exactly where there is a current."
    )
    return save(figure, out, "trajectories", caption)


def _path(ax: Any, at: "xarray.Dataset") -> None:
    levels = np.arange(0.0, 3.1, 0.5)
    phi = -np.log(at["density"].transpose("y", "x").clip(1e-12))
    ax.contour(at["x"], at["y"], phi - phi.min(), levels=levels, colors="0.7", linewidths=0.6)
    ax.plot(*at["path"].values.T, color=BLUE, linewidth=0.4)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-WIDE, WIDE), ylim=(-TALL - 0.4, TALL + 0.4))
    ax.set_title(rf"$\lambda = {float(at['strength']):g}$", loc="right")


def _looks(results: "xarray.Dataset") -> Any:
    return zip(range(results.sizes["strength"]), [BLUE, GREEN, RED] * 9, "os^vD<>" * 9, strict=False)


def _shares(ax: Any, results: "xarray.Dataset") -> None:
    known = results["exact_share"].transpose("bin_x", "bin_y").values.ravel()
    for k, colour, marker in _looks(results):
        seen = results["share"].isel(strength=k).transpose("bin_x", "bin_y").values.ravel()
        ax.plot(known, np.where(seen > 0, seen, np.nan), marker, color=colour, markersize=2.5, fillstyle="none",
                label=rf"$\lambda = {float(results['strength'][k]):g}$")  # fmt: skip
    ends = np.array([known.min(), known.max()])
    ax.plot(ends, ends, **THEORY)
    ax.set(xscale="log", yscale="log", xlabel=r"exact share $\int e^{-\Phi}/Z$", ylabel="share of samples")
    ax.legend()


def _score_histogram(ax: Any, results: "xarray.Dataset") -> None:
    edges = np.linspace(-5, 5, 21)
    found = scores(results)
    for k, colour, _ in _looks(results):
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
    ax.axhline(0.0, **THEORY, label=r"exact, $2\pi\lambda/Z$")
    ax.errorbar(strength, results["circulation"] - known, results["circulation_error"], fmt="o", color=BLUE,
                label="trajectories, step 0")  # fmt: skip
    ax.plot(strength, results["circulation_step"] - known, "x", color=BLUE, markersize=5,
            label=f"trajectories, step {results.attrs['step']:g}")  # fmt: skip
    ax.plot(strength, fine - known, "s", color=GREEN, fillstyle="none", markersize=5, label="grid")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.9 * (high - low))
    ax.margins(x=0.15)
    ax.set(xlabel=r"strength of the current $\lambda$", ylabel=r"$\langle x_1 b_2 - x_2 b_1\rangle -$ exact")
    ax.legend(loc="upper left", fontsize=7)


def _p_values(ax: Any, results: "xarray.Dataset") -> None:
    ax.plot(results["strength"], results["p_value"], "o", color=BLUE)
    ax.axhline(1e-3, color="0.5", linestyle=":", label="rejected below")
    ax.set(yscale="log", xlabel=r"strength of the current $\lambda$", ylabel="$p$ of detailed balance")
    ax.margins(x=0.15, y=0.15)
    ax.legend(loc="upper right")
