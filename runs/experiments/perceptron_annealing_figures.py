"""The figure of annealing against size: work to a solution where an exponential, and where a power law, is straight."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.perceptron_annealing_results import LAWS, fit_law, verdict
from runs.experiments.perceptron_labels import LABELS, instances_said, looks, model_name
from runs.figures import PAGE_WIDTH, Drawing, new_figure, save
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """One figure, a row of two panels for each alpha."""
    alphas = results["alpha"].values
    figure, axes = new_figure(
        PAGE_WIDTH, 0.5 + 2.9 * alphas.size, nrows=alphas.size, ncols=2, squeeze=False, sharey="row"
    )
    for j, alpha in enumerate(alphas):
        for column, (ax, law) in enumerate(zip(axes[j], LAWS, strict=True)):
            for i, method in enumerate(results["method"].values):
                cells, look = results.isel(method=i, alpha=j), looks(str(method))
                _draw_law(ax, cells, law, look, 0.95 - 0.075 * i)
                _draw_searches(ax, cells, look, label=j == column == 0)
            ax.set_yscale("log")
            ax.set_xlabel("number of weights $N$")
            ax.set_title(f"({LETTERS[2 * j + column]})", loc="left")
        # Room for the formulas above the points.
        low, high = axes[j, 0].get_ylim()
        axes[j, 0].set_ylim(low, high * (high / low) ** 0.12)
        axes[j, 0].set_ylabel(f"flips tried per weight, $\\alpha={alpha:g}$")
        _logarithmic(axes[j, 1], results["n"].values)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(handles), columnspacing=1.4)
    return [save(figure, out, "work", _caption(results))]


def _draw_law(ax: Any, cells: "xarray.Dataset", law: str, look: dict[str, Any], height: float) -> None:
    """The fitted median where there are searches, its band, and the formula in the corner."""
    fit = fit_law(cells, law)
    if fit is None:
        return
    # Beyond the last size with a solution there is only a bound.
    known = cells["n"].values[cells["success"].values > 0]
    grid = np.geomspace(known[0], known[-1], 100)
    ax.plot(grid, fit.median(grid), color=look["color"], linewidth=1.0, zorder=2)
    low, high = fit.median_band(grid)
    ax.fill_between(grid, low, high, color=look["color"], alpha=0.15, linewidth=0, zorder=0)
    rate = with_error(fit.rate, fit.rate_error)
    formula = rf"$e^{{{rate}\,N}}$" if law == "exponential" else rf"$N^{{\,{rate}}}$"
    fits = rf", $\chi^2={fit.deviance:.3g}$ for {fit.freedom} d.o.f."
    ax.text(0.03, height, formula + fits, color=look["color"], transform=ax.transAxes, va="top", fontsize=8)


def _draw_searches(ax: Any, cells: "xarray.Dataset", look: dict[str, Any], label: bool) -> None:
    n, work = cells["n"].values, cells["work_of_each"].transpose("n", "instance").values
    solved = cells["solved_of_each"].transpose("n", "instance").values == 1.0
    plain = {**look, "label": look["label"] if label else "_nolegend_"}
    places = np.broadcast_to(n[:, None], work.shape)
    ax.plot(places[solved], work[solved], ".", color=look["color"], markersize=2.0, alpha=0.35, zorder=1)
    value, low, high = (cells[f"median_work{end}"].values for end in ("", "_low", "_high"))
    there = np.isfinite(value)
    # An upper end beyond the searches that were given up is drawn as far as they went.
    most = np.nanmax(np.where(np.isfinite(work), work, 0.0), axis=1)
    low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, np.maximum(most, value))
    bars = np.stack([value - low, high - value])
    ax.errorbar(n[there], value[there], bars[:, there], linestyle="none", zorder=3, **plain)
    _draw_bounds(ax, cells, n, work, look)


def _draw_bounds(ax: Any, cells: "xarray.Dataset", n: np.ndarray, work: np.ndarray, look: dict[str, Any]) -> None:
    """Open symbols with an arrow where fewer than half were solved: the median is above."""
    beyond = np.isfinite(cells["success"].values) & ~np.isfinite(cells["median_work"].values)
    for row in np.flatnonzero(beyond):
        least = float(np.nanmedian(work[row]))
        ax.annotate("", (n[row], 2.2 * least), (n[row], least), arrowprops={"arrowstyle": "->", "color": look["color"]})
        ax.plot(n[row], least, look["marker"], color=look["color"], markerfacecolor="white", zorder=3)


def _logarithmic(ax: Any, sizes: np.ndarray) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(_sparse(sizes)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def _sparse(sizes: np.ndarray) -> list[int]:
    """Sizes far enough apart for their numbers to stand beside each other."""
    kept: list[int] = []
    for size in sizes.tolist():
        if not kept or size >= 1.25 * kept[-1]:
            kept.append(size)
    return kept


def _caption(results: "xarray.Dataset") -> str:
    counted = "wrong patterns" if results.attrs["energy"] == "errors" else "flips that wrong patterns need"
    together = int(results["replicas"].max())
    said = (
        f"Work to a solution of {model_name(results)} by annealing of the number of {counted}, "
        f"{instances_said(results)} instances for each point. Each search anneals again and again, each run twice as "
        "slow as the one before, until some weights get every pattern right; its work is the number of flips tried "
        "per weight, all runs"
    )
    said += f" and all {together} coupled replicas together. " if together > 1 else " together. "
    said += (
        "Symbols: median over instances with the 68 % interval between order statistics; dots: single searches; open "
        "symbols with an arrow: fewer than half were solved, the median is above. Lines: maximum-likelihood fits to "
        "all searches, given up ones as lower bounds, of exponentials (left) and of power laws (right); bands: one "
        "standard error."
    )
    for j, alpha in enumerate(results["alpha"].values):
        for i, method in enumerate(results["method"].values):
            row = results.isel(method=i, alpha=j)
            if np.isfinite(row["rate"]).all():
                rates = [with_error(float(row["rate"][k]), float(row["rate_error"][k])) for k in range(len(LAWS))]
                said += (
                    f" {LABELS[str(method)].capitalize()}, alpha = {alpha:g}: exp({rates[0]} N) or N^{rates[1]}, "
                    f"{verdict(row)}."
                )
    return said
