"""Figure of optimal control of "hj-smoothing": paths that follow grad u, and the control along them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.hj_smoothing import HALF_WIDTH
from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

MOST_PLACES = 3
PATH, MEAN = "#0072B2", "#D55E00"


def draw_control(results: "xarray.Dataset", out: Path) -> Drawing:
    """A column for each start, at most three."""
    count = min(MOST_PLACES, results.sizes["place"])
    figure, axes = new_figure(PAGE_WIDTH, 4.4, nrows=2, ncols=count, squeeze=False, sharex=True)
    for k in range(count):
        at = results.isel(place=k)
        _paths(axes[0, k], at)
        _along(axes[1, k], at)
        axes[0, k].set_title(f"({'abc'[k]}) from $x = {float(at.place):g}$", loc="left")
        axes[1, k].set_title(f"({'abcdef'[count + k]})", loc="left")
        axes[1, k].set_xlabel("time $s$")
    axes[0, 0].set_ylabel("path $X_s$")
    axes[1, 0].set_ylabel(r"control $\alpha^* = \partial_x u(X_s, T - s)$")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    z = (results.control_slope_deviation / results.control_slope_deviation_error).values
    caption = (
        "Optimal control in the first realisation: dX = -alpha ds + beta^(-1/2) dW until T = "
        f"{results.attrs['viscous']:g} at beta = {results.attrs['beta']:g}, with alpha* = grad u(X, T - s). Top: some "
        "paths, over f (dark where it is low); bottom: the control along them, and its mean over all paths with one "
        "standard error. Along optimal paths the control is a martingale: its mean stays at grad u of the start "
        "(dashed, Cole-Hopf), and grad u is the mean of f' where the paths end; over all realisations that holds with "
        f"z = {', '.join(f'{one:.2f}' for one in z)}."
    )
    return save(figure, out, "control", caption)


def _paths(ax: Any, at: "xarray.Dataset") -> None:
    f, time = at.potential.sel(dynamics="sgd").values, at.moment.values
    paths = at.control_path.transpose("moment", "path").values
    low, high = max(paths.min() - 0.3, -HALF_WIDTH), min(paths.max() + 0.3, HALF_WIDTH)
    top = np.quantile(f, 0.8)
    # One column of pixels: f does not depend on time.
    ax.imshow(f[:, None], aspect="auto", origin="lower", cmap="Greys_r", interpolation="bilinear",
              extent=(time[0], time[-1], -HALF_WIDTH, HALF_WIDTH), vmin=2 * f.min() - top, vmax=top)  # fmt: skip
    ax.plot(time, paths, color=PATH, linewidth=0.7)
    ax.set(xlim=(time[0], time[-1]), ylim=(low, high))


def _along(ax: Any, at: "xarray.Dataset") -> None:
    time = at.moment.values
    along = at.control_along.transpose("moment", "path").values
    for k, values in enumerate(along.T):
        ax.plot(time, values, color=PATH, linewidth=0.6, alpha=0.6, label="single paths" if k == 0 else None)
    mean, error = at.control_mean.values, at.control_mean_error.values
    ax.fill_between(time, mean - error, mean + error, color=MEAN, alpha=0.4, linewidth=0)
    ax.plot(time, mean, color=MEAN, linewidth=1.4, label="mean of all paths")
    ax.axhline(float(at.control_gradient), **THEORY, label=r"$\partial_x u(x, T)$")
