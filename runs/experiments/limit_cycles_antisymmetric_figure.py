"""Figure of the A-type form of "limit-cycles": the antisymmetric Q, and grad f put together from D, Q and Phi."""

from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.limit_cycles_figures import BLUE, MOST_COLUMNS, RED, TALL, WIDE, left_out, shown_places
from runs.experiments.limit_cycles_model import exact_antisymmetric
from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

CONTOURS = np.arange(0.25, 3.1, 0.5)


def draw_antisymmetric(results: "xarray.Dataset", out: Path) -> Drawing:
    """A column for each current there is: Q over the plane, Q along x2, and grad f along x2."""
    turning = results.isel(strength=np.flatnonzero(results["strength"].values > 0))
    places = shown_places(turning.sizes["strength"], MOST_COLUMNS)
    count = len(places)
    figure, axes = new_figure(PAGE_WIDTH, 3.0 if count == 1 else 5.4, nrows=1 if count == 1 else 2, ncols=max(2, count),
                              squeeze=False)  # fmt: skip
    pairs = [(axes[0, 0], axes[0, 1])] if count == 1 else list(axes.T)
    top = float(np.abs(turning["antisymmetric"]).max())
    for column, (k, (plane, cut)) in enumerate(zip(places, pairs, strict=True)):
        at = turning.isel(strength=k)
        mesh = _plane(plane, at, top)
        _cut(cut, at)
        plane.set_title(rf"({ascii_lowercase[column]}) $Q_{{12}}$, $\lambda = {float(at['strength']):g}$")
        cut.set_title(rf"({ascii_lowercase[count + column]}) at $x_1 = {_middle(at):.2g}$")
    figure.colorbar(mesh, ax=[plane for plane, _ in pairs], label="$Q_{12}$")
    figure.legend(*pairs[0][1].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    fine = turning["identity_residual"].isel(resolution=-1).values
    said = ", ".join(
        f"{value:.1e} at lambda = {lam:g}" for value, lam in zip(fine, turning["strength"].values, strict=True)
    )
    caption = (
        "The A-type form, grad f = (D + Q) grad Phi - div(D + Q) at beta = 1 with f the loss whose descent drifts, "
        "-grad f = b: one antisymmetric Q carries the current. Top: Q_12 = lambda pi^(1/2) / 2 erfc(r^2 / 2) exp(Phi) "
        "as the grid has it, from the stream function of its flux, over contours of Phi. Bottom, along x2: Q_12 of the "
        "grid (dots) and exact (line); the first component of grad f (line), put together from the grid's Q and Phi "
        "(squares), and of D grad Phi - div D alone (dashed), which lacks it. Put together, grad f is off by at most "
        f"{said}." + left_out(turning, places)
    )  # fmt: skip
    return save(figure, out, "antisymmetric", caption)


def _plane(ax: Any, at: "xarray.Dataset", top: float) -> Any:
    mesh = ax.pcolormesh(at["x"], at["y"], at["antisymmetric"].transpose("y", "x"), cmap="viridis", vmin=0.0, vmax=top,
                         shading="nearest", rasterized=True)  # fmt: skip
    phi = -np.log(at["density"].transpose("y", "x").clip(1e-12))
    ax.contour(at["x"], at["y"], phi - phi.min(), levels=CONTOURS, colors="w", linewidths=0.5)
    ax.set(xlim=(-WIDE, WIDE), ylim=(-TALL, TALL), xlabel="$x_1$", ylabel="$x_2$")
    return mesh


def _middle(at: "xarray.Dataset") -> float:
    """The cells next to x1 = 0."""
    return float(at["x"].values[at.sizes["x"] // 2])


def _cut(ax: Any, at: "xarray.Dataset") -> None:
    line = at.isel(x=at.sizes["x"] // 2)
    y = at["y"].values
    fine = np.linspace(-TALL, TALL, 301)
    points = np.stack([np.full(fine.size, _middle(at)), fine], axis=-1)
    ax.plot(fine, exact_antisymmetric(points, float(at["strength"])), color=BLUE, label="$Q_{12}$ exact")
    ax.plot(y, line["antisymmetric"], ".", color=BLUE, label="$Q_{12}$, grid", markevery=2)
    ax.plot(y, -line["drift"].sel(component="x1"), color=RED, label=r"$\partial_1 f$")
    ax.plot(y, line["rebuilt"].sel(component="x1"), "s", color=RED, fillstyle="none", markevery=2,
            label=r"$[(D+Q)\nabla\Phi - \mathrm{div}(D+Q)]_1$")  # fmt: skip
    ax.axhline(_middle(at) ** 3 - _middle(at), **THEORY, label=r"$[D\nabla\Phi - \mathrm{div}\, D]_1$")
    ax.set(xlim=(-TALL, TALL), xlabel="$x_2$", ylabel="$Q_{12}$, components of gradients")
