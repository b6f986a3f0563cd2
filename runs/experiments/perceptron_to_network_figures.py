"""Figure of "perceptron-to-network": local entropy against test error, binary perceptrons beside networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.perceptron_labels import LABELS, looks
from runs.experiments.perceptron_to_network import TEACHER
from runs.figures import MARKERS, PAGE_WIDTH, THEORY, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

NETWORK_AXIS = r"local entropy $(n/D)\,[f(x)-u(x,t)]$ ({})"
LINEAR_BELOW = 1e-5


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """One panel an alpha, and two of the networks: width relative to the weights, and at one scale."""
    panels = results.sizes["alpha"] + 2
    figure, axes = new_figure(PAGE_WIDTH, 5.6, nrows=-(-panels // 2), ncols=2, squeeze=False)
    flat = axes.ravel()
    for letter, ax in zip("abcdefgh", flat, strict=False):
        ax.set_title(f"({letter})", loc="left")
        ax.set_ylabel("test error")
    for unused in flat[panels:]:
        unused.set_axis_off()
    for i, ax in enumerate(flat[: panels - 2]):
        _solutions(ax, results.isel(alpha=i))
    share = float(results["displacement"][shown(results, "displacement")])
    _networks(flat[panels - 2], results, "network_entropy", rf"networks, $|\delta x|={share:g}\,|x|$")
    scale = float(results.attrs["scale"])
    _networks(flat[panels - 1], results, "network_fixed_entropy", rf"networks, $t={scale:g}$ for all")
    handles, labels = flat[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return [save(figure, out, "width-and-test-error", _caption(results))]


def shown(results: "xarray.Dataset", dim: str) -> int:
    """Place on the axis `dim` that is drawn."""
    return int(np.argmin(np.abs(results[dim].values - float(results.attrs[f"shown_{dim}"]))))


def _solutions(ax: Any, cells: "xarray.Dataset") -> None:
    k = shown(cells, "distance")
    d = float(cells["distance"][k])
    ax.set_title(rf"perceptrons, $\alpha={float(cells['alpha']):g}$", loc="right")
    ax.set_xlabel(rf"local entropy $S(d={d:.2g})$ (nats per weight)", fontsize=9)
    for i, name in enumerate(cells["source"].values):
        if "solution_entropy" not in cells:
            break
        at = cells.isel(source=i, distance=k)
        if str(name) != TEACHER:
            _cloud(ax, at["solution_entropy"].values, at["solution_test_error"].values, looks(str(name)))
    ax.plot(float(cells["typical_entropy"][k]), float(cells["typical_test_error"]), marker="x", markersize=7,
            linestyle="none", color=THEORY["color"], markeredgewidth=1.5, label=r"typical, theory $N\to\infty$",
            zorder=4)  # fmt: skip
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.25 * (high - low), high)
    if "entropy" in cells:
        _teachers(ax, cells.isel(distance=k).sel(source=TEACHER))


def _teachers(ax: Any, at: "xarray.Dataset") -> None:
    """On the lower edge: an error of 0 is far below the solutions that are learnt."""
    x, width = float(at["entropy"]), float(at["entropy_error"])
    edge = ax.get_xaxis_transform()
    ax.errorbar(x, 0.07, xerr=width if np.isfinite(width) else None, marker="*", markersize=9, color="0.45",
                linestyle="none", capsize=0, linewidth=1.2, markeredgecolor="white", transform=edge,
                label="teachers: test error 0 (below)")  # fmt: skip
    ax.annotate("", (x, 0.0), (x, 0.065), xycoords=edge, arrowprops={"arrowstyle": "->", "color": "0.45"})


def _cloud(ax: Any, x: np.ndarray, y: np.ndarray, look: dict[str, Any]) -> None:
    """Every one pale, and their mean with one standard error in both directions."""
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return
    a, b = x[known], y[known]
    ax.plot(a, b, linestyle="none", marker=look["marker"], color=look["color"], alpha=0.3, markersize=3,
            markeredgewidth=0)  # fmt: skip
    bars = [v.std(ddof=1) / v.size**0.5 if v.size > 1 else 0.0 for v in (a, b)]
    ax.errorbar(a.mean(), b.mean(), bars[1], bars[0], linestyle="none", marker=look["marker"], color=look["color"],
                markeredgecolor="white", markeredgewidth=0.5, markersize=6, linewidth=1.2, capsize=0,
                label=look["label"], zorder=3)  # fmt: skip


def _networks(ax: Any, results: "xarray.Dataset", name: str, title: str) -> None:
    from matplotlib.lines import Line2D

    ax.set_title(title, loc="right")
    ax.set_xlabel(NETWORK_AXIS.format("nats per weight"), fontsize=9)
    if name not in results:
        return
    palette = colours(results.sizes["wrong"])
    whole = results.isel(displacement=shown(results, "displacement"))
    for i, j in np.ndindex(results.sizes["wrong"], results.sizes["recipe"]):
        at = whole.isel(wrong=i, recipe=j)
        look = {"color": palette[i], "marker": MARKERS[j % len(MARKERS)], "label": None}
        _cloud(ax, at[name].values, at["network_test_error"].values, look)
    ax.annotate("", (0.98, 0.94), (0.85, 0.94), xycoords="axes fraction", arrowprops={"arrowstyle": "->"})
    ax.annotate("wide", (0.84, 0.94), xycoords="axes fraction", ha="right", va="center", fontsize=8)
    if name != "network_entropy":
        _power_in_label(ax, np.abs(whole[name].values))
        return
    _symmetric_logarithm(ax)
    handles = [
        Line2D([], [], color=palette[i], marker="o", linestyle="none",
               label="fresh weights" if w == 0 else f"after {100 * w:g} % wrong labels")
        for i, w in enumerate(results["wrong"].values)
    ]  # fmt: skip
    handles += [
        Line2D([], [], color="0.4", marker=MARKERS[j % len(MARKERS)], linestyle="none",
               label=rf"$\eta/b={float(r):.2g}$")
        for j, r in enumerate(results["step_over_batch"].values)
    ]  # fmt: skip
    ax.legend(handles=handles, fontsize=6.5, loc="lower left")


def _power_in_label(ax: Any, sizes: np.ndarray) -> None:
    """Ticks without their power of ten: at the axis' end it would lie over the label."""
    from matplotlib.ticker import FuncFormatter

    largest = sizes[np.isfinite(sizes)].max(initial=0.0)
    if largest > 0:
        power = int(np.floor(np.log10(largest)))
        scaled = FuncFormatter(lambda x, _: f"{x / 10.0**power:.3g}".replace("-", "\N{MINUS SIGN}"))
        ax.xaxis.set_major_formatter(scaled)
        ax.set_xlabel(NETWORK_AXIS.format(f"$10^{{{power}}}$ nats per weight"), fontsize=9)


def _symmetric_logarithm(ax: Any) -> None:
    """Widths span decades and may have either sign."""
    from matplotlib.ticker import SymmetricalLogLocator

    ax.set_xscale("symlog", linthresh=LINEAR_BELOW)
    ax.xaxis.set_minor_locator(SymmetricalLogLocator(base=10, linthresh=LINEAR_BELOW, subs=range(2, 10)))


def _caption(results: "xarray.Dataset") -> str:
    attrs, count = results.attrs, results.sizes["alpha"]
    letters = "a" if count == 1 else f"a-{'abcdefgh'[count - 1]}"
    relative, fixed = "abcdefgh"[count], "abcdefgh"[count + 1]
    unsolved = [
        f"{LABELS.get(str(name), str(name))} at alpha = {float(alpha):g}"
        for name in results["source"].values
        for alpha in results["alpha"].values
        if "solved" in results and float(results["solved"].sel(source=name, alpha=alpha)) == 0
    ]
    return (
        f"Does a wide minimum generalise? ({letters}) Solutions of binary perceptrons with N = {attrs['n']} weights, "
        "patterns labelled by a teacher: number of solutions at a distance (belief propagation) against the wrong "
        "fraction of fresh patterns, arccos(R)/pi. Pale: every solution; symbols: means over instances, bars one "
        "standard error. The teachers (arrows: their error is 0) are typical solutions, narrow, and right by "
        "definition: width is a sign of what was learnt, no cause. "
        f"{'No solution was found by ' + ', '.join(unsolved) + '. ' if unsolved else ''}"
        f"({relative}, {fixed}) Networks with D = {attrs['dim']} weights trained on {attrs['samples']} samples of "
        f"{attrs['data']} until their training loss fell to {attrs['training_loss']:g}, by SGD of different noise "
        "(symbols) from different starts (colours: weights that had learnt wrong labels first, and are longer for "
        "it): smoothed free energy by integration at beta = number of samples n. "
        f"({relative}) The smoothing is the same share of the weights' length, ({fixed}) the same t for all. "
        f"{_between(results)}Bars: one standard error over networks, which share one split into training and test "
        "samples."
    )


def _between(results: "xarray.Dataset") -> str:
    """How the two measures rank networks, in the words of the numbers."""
    if "network_correlation_all" not in results:
        return ""
    at = results.isel(displacement=shown(results, "displacement"))
    starts = ", ".join(
        f"{float(at['network_correlation'][i]):+.2f} and {float(at['fixed_correlation'][i]):+.2f} "
        f"{'from fresh weights' if w == 0 else f'after {100 * float(w):g} % wrong labels'}"
        for i, w in enumerate(results["wrong"].values)
    )
    return (
        f"Rank correlation of the two with test error: {starts}; between all starts "
        f"{float(at['network_correlation_all']):+.2f} and {float(at['fixed_correlation_all']):+.2f}: there lengths "
        "differ, and the choice of scale decides the sign. Minus the length alone has "
        f"{float(at['length_correlation_all']):+.2f}. "
    )
