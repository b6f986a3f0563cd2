"""Figures of an enumeration: numbers of solutions against theory, and the clusters they form."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.perceptron_spec import Instances
from runs.experiments.perceptron_theory import physical_entropy
from runs.figures import PAGE_WIDTH, THEORY, Drawing, by_size, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

ALPHA = r"patterns per weight $\alpha=P/N$"
ANNEALED = {"color": "0.55", "linestyle": ":", "linewidth": 1.2}


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Solutions, and clusters where any were found."""
    drawings = [_draw_solutions(results, out)]
    return [*drawings, _draw_clusters(results, out)] if "isolated_fraction" in results else drawings


def _draw_solutions(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 5.4, nrows=2, ncols=2)
    panels = (_entropy, _ratio, _solvable, _overlap)
    for letter, ax, panel in zip("abcd", axes.flat, panels, strict=True):
        panel(ax, results)
        ax.set_xlabel(ALPHA)
        ax.set_title(f"({letter})", loc="left")
    _legend(figure, results)
    few, many = int(results["instances"].min()), int(results["instances"].max())
    instances = f"{few}" if few == many else f"{few} to {many}"
    caption = (
        f"All solutions of {_model(results)}, {instances} instances for each point, error bars from their spread. "
        "(a) Entropy of solutions per weight: mean of ln(number of solutions)/N over instances that have any (symbols; "
        "open where some have none, which lifts the mean of the others). "
    )
    if _has_theory(results):
        caption += "Dashed: replica-symmetric theory at large N. "
    if np.isfinite(results["expected_solutions"]).any():
        caption += (
            "Dotted: ln of the exact mean number of solutions. (b) Mean number of solutions over its exact value, "
            "with the exact standard error. "
        )
    caption += "(c) Fraction of instances with solutions"
    caption += ", and the replica-symmetric capacity. " if np.isfinite(results.attrs["capacity"]) else ". "
    caption += "(d) Mean overlap of two solutions of one instance."
    return save(figure, out, "solutions", caption)


def _draw_clusters(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 5.4, nrows=2, ncols=2)
    for ax, distance in zip(axes.flat, (0, 1), strict=False):
        _series(ax, results, "isolated_fraction", distance)
        ax.set_ylim(-0.03, 1.03)
        ax.set_ylabel(f"isolated at distance {distance + 1}")
    _series(axes[1, 0], results, "largest_share", 0)
    _series(axes[1, 0], results, "largest_share", 1, dashed=True)
    axes[1, 0].set_ylim(-0.03, 1.03)
    axes[1, 0].set_ylabel("share of the largest cluster")
    _distances(axes[1, 0])
    shown = _size_distribution(axes[1, 1], results)
    axes[1, 1].set_title(f"$N={shown}$, distance 1", loc="right")
    for letter, ax in zip("abcd", axes.flat, strict=True):
        ax.set_title(f"({letter})", loc="left")
        if letter != "d":
            ax.set_xlabel(ALPHA)
    _legend(figure, results)
    caption = (
        f"Clusters of solutions of {_model(results)}: solutions are joined when they differ in one weight (distance "
        "1), or in one or two (distance 2); means over instances that have solutions, open symbols where not all have. "
        "(a), (b) Fraction of solutions without any other within the distance. (c) Share of the solutions in the "
        "largest cluster, at distance 1 (solid) and 2 (dashed). (d) How solutions are shared out among clusters of "
        "each size at distance 1, "
        f"N = {shown}."
    )
    return save(figure, out, "clusters", caption)


def _distances(ax: Any) -> None:
    """Which line is which distance."""
    from matplotlib.lines import Line2D

    lines: dict[str, Any] = {"distance 1": "-", "distance 2": "--"}
    handles = [Line2D([], [], color="0.35", linewidth=0.8, linestyle=line) for line in lines.values()]
    ax.legend(handles, list(lines), loc="best")


def _entropy(ax: Any, results: "xarray.Dataset") -> None:
    _series(ax, results, "entropy_per_weight")
    alpha = _alpha(results)
    grid = np.linspace(0.97 * np.nanmin(alpha), 1.02 * np.nanmax(alpha), 60)
    if _has_theory(results):
        entropy, _ = physical_entropy(_instances(results), grid)
        ax.plot(grid, entropy, **THEORY, label="replica-symmetric", zorder=1)
    if np.isfinite(results["annealed_entropy"]).any():
        largest = results.isel(n=-1)
        ax.plot(alpha[-1], largest["annealed_entropy"], **ANNEALED, label="ln of the exact mean", zorder=1)
    handles, labels = ax.get_legend_handles_labels()
    chosen = [i for i, text in enumerate(labels) if not text.startswith("$N")]
    ax.legend([handles[i] for i in chosen], [labels[i] for i in chosen], loc="upper right")
    ax.set_ylabel(r"$\ln$(solutions)$/N$")
    ax.set_ylim(bottom=0.0)


def _ratio(ax: Any, results: "xarray.Dataset") -> None:
    if not np.isfinite(results["solutions_z"]).any():
        _series(ax, results, "solutions")
        ax.set_yscale("log")
        ax.set_ylabel("mean number of solutions")
        return
    expected = results["expected_solutions"]
    error = results["expected_deviation"] / expected / np.sqrt(results["instances"])
    ratio = results.assign(ratio=results["solutions"] / expected, ratio_error=error)
    ax.axhline(1.0, color="0.6", linewidth=0.6, zorder=0)
    # Sizes stand beside each other, for their error bars are as wide as the panel is high.
    _series(ax, ratio, "ratio", spread=True)
    ax.set_ylim(bottom=0.0)
    ax.set_ylabel(r"mean number of solutions / $2^{N-P}$" if results.attrs["margin"] == 0 else "mean / exact mean")


def _solvable(ax: Any, results: "xarray.Dataset") -> None:
    _series(ax, results, "solvable")
    capacity = float(results.attrs["capacity"])
    low, high = ax.get_xlim()
    if low < capacity < high:
        ax.axvline(capacity, **THEORY)
        ax.annotate(rf"$\alpha_c={capacity:.3f}$", (capacity, 0.05), xytext=(-4, 0), textcoords="offset points",
                    ha="right")  # fmt: skip
    ax.set_ylim(-0.03, 1.06)
    ax.set_ylabel("instances with solutions")


def _overlap(ax: Any, results: "xarray.Dataset") -> None:
    if "overlap" not in results:
        ax.set_axis_off()
        return
    _series(ax, results, "overlap")
    if _has_theory(results):
        alpha = _alpha(results)
        grid = np.linspace(0.97 * np.nanmin(alpha), 1.02 * np.nanmax(alpha), 60)
        _, overlap = physical_entropy(_instances(results), grid)
        ax.plot(grid, overlap, **THEORY, zorder=1)
    ax.set_ylabel(r"overlap of two solutions $q$")


def _size_distribution(ax: Any, results: "xarray.Dataset") -> int:
    """Share of the solutions in clusters of each size, by alpha, of the largest size that has all; returns that n."""
    share = results["share_in_size"].isel(distance=0)
    known = np.isfinite(share.values).all(axis=2)
    row = int(np.flatnonzero(known.any(axis=1))[-1])
    alphas = np.flatnonzero(known[row])
    picked = alphas[np.unique(np.linspace(0, alphas.size - 1, 5).round().astype(int))]
    size = results["cluster_size"].values
    error = results["share_in_size_error"].isel(distance=0)
    for colour, j in zip(colours(picked.size), picked, strict=True):
        value, bars = share.values[row, j], error.values[row, j]
        there = value > 0
        label = rf"$\alpha={results['alpha'].values[j]:g}$"
        ax.errorbar(size[there], value[there], bars[there], color=colour, marker=".", linewidth=0.8, label=label)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_ylim(1e-4, 9.0)
    ax.set_xlabel("size of the cluster, $2^k$ to $2^{k+1}-1$ solutions")
    ax.set_ylabel("share of the solutions")
    ax.legend(loc="upper right", ncols=3, columnspacing=1.0)
    return int(results["n"].values[row])


def _series(
    ax: Any, results: "xarray.Dataset", name: str, distance: int | None = None, *, dashed: bool = False,
    spread: bool = False,
) -> None:  # fmt: skip
    """A quantity against P / n, size by size; symbols are open where not every instance has solutions."""
    value, error = results[name], results[f"{name}_error"]
    if distance is not None:
        value, error = value.isel(distance=distance), error.isel(distance=distance)
    alpha, sizes = _alpha(results), results["n"].values.tolist()
    conditioned = np.array(name in ("entropy_per_weight", "overlap", "isolated_fraction", "largest_share"))
    step = 0.0 if not spread else 0.12 * float(np.nanmin(np.diff(results["alpha"].values), initial=1.0))
    for i, look in enumerate(by_size(sizes, "N").values()):
        x = alpha[i] + step * (i - 0.5 * (len(sizes) - 1))
        line = "--" if dashed else "none" if spread or name == "entropy_per_weight" else "-"
        known = np.isfinite(value.values[i])
        ax.plot(x[known], value.values[i][known], color=look["color"], linewidth=0.8, linestyle=line, zorder=1.5)
        for whole in (True, False):
            there = known & ((~conditioned | (results["solvable"].values[i] == 1.0)) == whole)
            style = {"linestyle": "none", "elinewidth": 0.8, **({} if whole else {"mfc": "white"})}
            ax.errorbar(x[there], value.values[i][there], error.values[i][there], **style, **look)


def _legend(figure: Any, results: "xarray.Dataset") -> None:
    from matplotlib.lines import Line2D

    looks = by_size(results["n"].values.tolist(), "N").values()
    handles = [Line2D([], [], linewidth=0.8, **look) for look in looks]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 9))


def _alpha(results: "xarray.Dataset") -> np.ndarray:
    """P / n of each cell: alpha n was rounded."""
    return results["patterns"].values / results["n"].values[:, None]


def _instances(results: "xarray.Dataset") -> Instances:
    said = results.attrs
    return Instances.model_validate(
        {"kind": said["patterns_kind"], "planted": bool(said["planted"]), "margin": float(said["margin"])}
    )


def _has_theory(results: "xarray.Dataset") -> bool:
    return bool(np.isfinite(results["replica_entropy"]).any())


def _model(results: "xarray.Dataset") -> str:
    labels = "planted" if results.attrs["planted"] else "random"
    entries = "Gaussian" if results.attrs["patterns_kind"] == "gaussian" else "+-1"
    margin = float(results.attrs["margin"])
    return f"the binary perceptron with {entries} patterns, {labels} labels" + (
        f", margin {margin:g}" if margin else ""
    )
