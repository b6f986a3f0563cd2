"""Figures of solvers against alpha: success of each by size, and all of them side by side at the largest size."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.statistics.proportion import wilson_interval
from runs.experiments.perceptron_capacity_results import ONE_SIGMA
from runs.experiments.perceptron_labels import ALPHA, LABELS, instances_said, looks, model_name
from runs.figures import PAGE_WIDTH, THEORY, Drawing, by_size, new_figure, save

if TYPE_CHECKING:
    import xarray

MARKS = {"alpha_u": (r"$\alpha_U$", {**THEORY, "linestyle": ":"}), "capacity": (r"$\alpha_c$", THEORY)}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """The solvers side by side, and the success of each by size where there is more than one size."""
    drawings = [_draw_solvers(results, out)]
    return [*drawings, _draw_sizes(results, out)] if results.sizes["n"] > 1 else drawings


def _draw_solvers(results: "xarray.Dataset", out: Path) -> Drawing:
    rows = np.flatnonzero(np.isfinite(results["success"].values).any(axis=(0, 2)))
    largest = results.isel(n=int(rows[-1]))
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=3)
    for letter, ax in zip("abc", axes, strict=True):
        ax.set_xlabel(ALPHA)
        ax.set_title(f"({letter})", loc="left")
    for i, method in enumerate(results["method"].values):
        one = largest.isel(method=i)
        _success(axes[0], one, int(largest["n"]), looks(str(method)))
        _median(axes[1], one, "median_seconds", looks(str(method)))
        _median(axes[2], one, "median_passes", looks(str(method)))
    axes[0].set_ylabel(f"instances solved, $N={int(largest['n'])}$")
    axes[0].set_ylim(-0.03, 1.03)
    axes[1].set_ylabel("median time to a solution (s)")
    axes[2].set_ylabel("median passes to a solution")
    _landmarks(axes[0], results)
    for ax in axes[1:]:
        ax.set_xlim(axes[0].get_xlim())
        _logarithmic(ax)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(handles), 5), columnspacing=1.2)
    caption = (
        f"Solvers of {model_name(results)} on the same {instances_said(largest)} instances with "
        f"N = {int(largest['n'])} weights: (a) fraction of instances in which all patterns became right; "
        f"bars: Wilson intervals of one standard error (68 %){_marks_said(results)}. "
        "(b) Median time of a search on one core, and (c) median work, in passes: N flips tried or P patterns shown, "
        "those of all replicas counted, or an update of every message. Searches that failed count "
        "as longer than all others, and medians are drawn where at least half succeed; bars: the 68 % interval between "
        "order statistics, an arrow where its upper end is a search that failed."
    )
    return save(figure, out, "solvers", caption)


def _draw_sizes(results: "xarray.Dataset", out: Path) -> Drawing:
    methods = [str(method) for method in results["method"].values]
    columns = min(3, len(methods))
    rows = -(-len(methods) // columns)
    figure, axes = new_figure(
        PAGE_WIDTH, 0.5 + 1.9 * rows, nrows=rows, ncols=columns, squeeze=False, sharex=True, sharey=True
    )
    for i, (method, ax) in enumerate(zip(methods, axes.flat, strict=False)):
        for j, (n, look) in enumerate(by_size(results["n"].values.tolist(), "N").items()):
            _success(ax, results.isel(method=i, n=j), n, look)
        ax.set_title(f"({LETTERS[i]}) {LABELS.get(method, method)}", loc="left")
        ax.set_ylim(-0.03, 1.03)
        if i % columns == 0:
            ax.set_ylabel("instances solved")
        # Below the last panel of a column the shared axis has its labels, also where the last row is not full.
        if i + columns >= len(methods):
            ax.set_xlabel(ALPHA)
            ax.tick_params(labelbottom=True)
        _landmarks(ax, results)
    for ax in list(axes.flat)[len(methods) :]:
        ax.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(handles), 9))
    caption = (
        f"Fraction of instances of {model_name(results)} that each solver solves, by size, {instances_said(results)} "
        f"instances for each point; bars: Wilson intervals of one standard error (68 %){_marks_said(results)}."
    )
    return save(figure, out, "sizes", caption)


def _success(ax: Any, cells: "xarray.Dataset", n: int, look: dict[str, Any]) -> None:
    share, count = cells["success"].values, cells["instances"].values
    there = np.isfinite(share)
    if not there.any():
        return
    share, count = share[there], count[there]
    interval = wilson_interval(np.rint(share * count), count, ONE_SIGMA)
    bars = np.maximum(np.stack([share - interval.low, interval.high - share]), 0.0)
    ax.errorbar(cells["patterns"].values[there] / n, share, bars, linewidth=0.8, **look)


def _median(ax: Any, cells: "xarray.Dataset", name: str, look: dict[str, Any]) -> None:
    value, low, high = (cells[f"{name}{end}"].values for end in ("", "_low", "_high"))
    # A logarithm has no place for searches that had nothing to do.
    there = np.isfinite(value) & (value > 0)
    unbounded = there & ~np.isfinite(high)
    low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)
    bars = np.stack([value - low, high - value])
    x = cells["patterns"].values / int(cells["n"])
    ax.errorbar(x[there], value[there], bars[:, there], linewidth=0.8, **look)
    for place, height in zip(x[unbounded], value[unbounded], strict=True):
        ax.annotate(
            "", (place, height), xytext=(0, 16), textcoords="offset points",
            arrowprops={"arrowstyle": "<-", "color": look["color"], "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def _landmarks(ax: Any, results: "xarray.Dataset") -> None:
    for name, (symbol, style) in MARKS.items():
        place = float(results[name])
        if np.isfinite(place):
            ax.axvline(place, **style, zorder=0)
            ax.annotate(
                symbol, (place, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
                ha="center", va="bottom", fontsize=8, annotation_clip=False,
            )  # fmt: skip


def _logarithmic(ax: Any) -> None:
    from runs.figures import log_axis

    if ax.has_data() and any(line.get_xdata().size for line in ax.get_lines()):
        log_axis(ax)


def _marks_said(results: "xarray.Dataset") -> str:
    if not np.isfinite(results["capacity"]):
        return ""
    return (
        f"; dotted: alpha_U = {float(results['alpha_u']):.3f}, up to which dense groups of solutions are connected; "
        f"dashed: the replica-symmetric capacity alpha_c = {float(results['capacity']):.3f}, above "
        "which, for N to infinity, typical instances have no solution"
    )
