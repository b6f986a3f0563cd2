"""Figures of local entropies: S(d) by source with theory at the largest size, exact counts, and isolation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.statistics.proportion import wilson_interval
from runs.experiments.perceptron_labels import ALPHA, model_name
from runs.experiments.perceptron_local_entropy_labels import look
from runs.experiments.perceptron_local_entropy_summary import shown_estimator
from runs.figures import PAGE_WIDTH, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

ONE_SIGMA = 0.682689492137086
MOST_PANELS = 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"

CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "bound": ("all configurations", {"color": "0.6", "linestyle": "-", "linewidth": 0.8}),
    "densest": (r"densest groups, $y\to\infty$", {"color": "0.2", "linestyle": "-", "linewidth": 1.1}),
    "typical": ("typical (Franz-Parisi)", {"color": "#A51C30", "linestyle": "--", "linewidth": 1.1}),
    "teacher": ("teacher, replica theory", {"color": "#6A3D9A", "linestyle": ":", "linewidth": 1.3}),
}
"""Theory drawn over the data: label and line."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """What the results have: curves at the largest size, exact counts, isolation."""
    sizes = [i for i in range(results.sizes["n"]) if shown_estimator(results.isel(n=i))]
    if not sizes:
        return []
    exact = [i for i in sizes if int(results["n"][i]) <= int(results.attrs["exact_up_to"])]
    beyond = [i for i in reversed(sizes) if i not in exact] or exact[-1:]
    drawings = [_draw_curves(results.isel(n=i), out, i == sizes[-1]) for i in beyond]
    if exact:
        drawings.append(_draw_exact(results.isel(n=exact[-1]), out))
    drawings.append(_draw_isolation(results, out))
    compared = [i for i in sizes if "bethe_difference" in results
                and np.isfinite(results["bethe_difference"].values[:, i]).any()]  # fmt: skip
    return [*drawings, _draw_agreement(results, compared, out)] if compared else drawings


def _draw_curves(cells: "xarray.Dataset", out: Path, largest: bool) -> Drawing:
    """S(d) on linear axes above, its share of that of all configurations on a logarithmic distance below."""
    name, alphas = shown_estimator(cells), _picked_alphas(cells)
    figure, axes = new_figure(PAGE_WIDTH, 5.6, nrows=2, ncols=len(alphas), squeeze=False, sharey="row", sharex="row")
    for j, place in enumerate(alphas):
        row = cells.isel(alpha=place)
        top, bottom = axes[:, j]
        for ax, share in ((top, False), (bottom, True)):
            _theory(ax, row, share)
            _sources(ax, row, str(name), share)
            ax.axhline(0.0, color="0.75", linewidth=0.6, zorder=0)
        top.set_xlabel("distance $d$")
        bottom.set_xlabel("distance $d$")
        bottom.set_xscale("log")
        alpha = float(row["alpha"])
        top.set_title(rf"({LETTERS[j]}) $\alpha={alpha:g}$", loc="left")
        bottom.set_title(rf"({LETTERS[len(alphas) + j]}) $\alpha={alpha:g}$", loc="left")
    _limits(axes, cells)
    axes[0, 0].set_ylabel("local entropy $S(d)$ (nats per weight)")
    axes[1, 0].set_ylabel("$S(d)$ / that of all configurations")
    _legend(figure, axes[0])
    stem = "local-entropy" if largest else f"local-entropy-{int(cells['n'])}"
    return save(figure, out, stem, _curves_caption(cells, str(name)))


def _curves_caption(cells: "xarray.Dataset", name: str) -> str:
    made = {"enumeration": "counted exactly", "bethe": "by belief propagation", "integration": "by integration"}[name]
    return (
        f"Logarithm of the number of solutions at distance d from a solution, per weight, in {model_name(cells)}, "
        f"N = {int(cells['n'])}, {_references(cells)} references for each point ({made}); error bars: one standard "
        "error, from the spread between instances and of the estimator. Planted teachers are those of instances "
        "labelled by them, each a uniformly drawn solution of that ensemble. Lines are theory at large N. For random "
        "labels: all configurations (binary entropy, grey), what no reference can exceed (from groups of infinitely "
        "many solutions with mutual distance 2 d (1 - d), or less where that holds more; black) and a typical "
        "solution (Franz-Parisi, red dashed). For planted ones: their teacher (purple dotted). Where S is negative "
        "there are none. Lower row: the same as a share of the entropy of all configurations at that distance (data: "
        "of ln C(N, d N) / N, which takes out most of what finite N does), d logarithmic: the nearer, the more the "
        "surroundings of algorithmic and of typical solutions differ."
    )


def _theory(ax: Any, row: "xarray.Dataset", share: bool) -> None:
    d = row["theory_distance"].values
    bound = row["theory_bound"].values
    for name, (text, style) in CURVES.items():
        values = row[f"theory_{name}"].values
        known = np.isfinite(values)
        if known.any():
            ax.plot(d[known], values[known] / (bound[known] if share else 1.0), label=text, zorder=1, **style)


def _sources(ax: Any, row: "xarray.Dataset", estimator: str, share: bool) -> None:
    """S(d) of each source."""
    d = row["measured_distance"].values
    at = row.sel(estimator=estimator)
    for i, source in enumerate(row["source"].values):
        value, error = at["entropy"].values[i], at["entropy_error"].values[i]
        known = np.isfinite(value)
        if not known.any():
            continue
        scale = _log_binomial(int(row["n"]), d[known]) if share else 1.0
        style = {**look(str(source)), "linestyle": "none", "elinewidth": 0.8, "zorder": 3}
        ax.errorbar(d[known], value[known] / scale, np.nan_to_num(error[known]) / scale, **style)


def _limits(axes: Any, cells: "xarray.Dataset") -> None:
    measured = cells["measured_distance"].values
    nearest, farthest = np.nanmin(measured), np.nanmax(measured)
    shown = cells.isel(theory_distance=(cells["theory_distance"] <= 1.05 * farthest).values)
    top = np.nanmax(shown["theory_densest"].values) if np.isfinite(shown["theory_densest"]).any() else np.log(2.0)
    for ax in axes[0]:
        ax.set_xlim(-0.01 * farthest, 1.05 * farthest)
        ax.set_ylim(-0.06 * top, 1.25 * top)
    for ax in axes[1]:
        ax.set_xlim(0.7 * nearest, 1.4 * farthest)
        ax.set_ylim(-0.45, 1.08)


def _draw_exact(cells: "xarray.Dataset", out: Path) -> Drawing:
    """Exact counts at one size: S(d), and counts over those around uniformly drawn solutions."""
    alphas = _picked_alphas(cells)
    figure, axes = new_figure(PAGE_WIDTH, 5.2, nrows=2, ncols=len(alphas), squeeze=False, sharey="row", sharex=True)
    for j, place in enumerate(alphas):
        row = cells.isel(alpha=place)
        top, bottom = axes[:, j]
        _mean_counts(top, row)
        _count_ratios(bottom, row)
        alpha = float(row["alpha"])
        top.set_title(rf"({LETTERS[j]}) $\alpha={alpha:g}$", loc="left")
        bottom.set_title(rf"({LETTERS[len(alphas) + j]}) $\alpha={alpha:g}$", loc="left")
        bottom.set_xlabel("distance $d$")
    axes[0, 0].set_ylabel(r"$\ln$(mean number of solutions)$/N$")
    axes[1, 0].set_ylabel("number / number around\nuniformly drawn solutions")
    for ax in axes[1]:
        ax.set_yscale("log")
    _legend(figure, axes[0])
    n = int(cells["n"])
    caption = (
        f"Solutions by their distance from a solution of {model_name(cells)}, N = {n}: exact counts around "
        f"{_references(cells)} references for "
        "each point; uniformly drawn solutions and those of algorithms belong to the same instances. Upper row: "
        "logarithm of the mean number of solutions at distance d, references without any there counted as 0; grey: "
        "all configurations; purple dotted: its exact value at this N for planted teachers. Lower row: the mean number "
        "over that around uniformly drawn solutions of the same instances: above 1 nearby and below 1 far away where a "
        "source ends in the middle of dense regions. Odd and even numbers of flips are not alike for ±1 patterns. "
        "Error bars: one standard error from the spread between instances, which are paired in the lower row."
    )
    return save(figure, out, "exact-counts", caption)


def _mean_counts(ax: Any, row: "xarray.Dataset") -> None:
    n, d = int(row["n"]), row["measured_distance"].values
    known = np.isfinite(d)
    grid = np.linspace(np.nanmin(d), np.nanmax(d), 60)
    ax.plot(grid, _binary_entropy(grid), **CURVES["bound"][1], label=CURVES["bound"][0], zorder=1)
    exact = row["teacher_count"].values
    if np.isfinite(exact).any():
        ax.plot(d[known], np.log(exact[known]) / n, **CURVES["teacher"][1], label="teacher, exact mean", zorder=1)
    if "count" not in row:
        return
    for i, source in enumerate(row["source"].values):
        count, error = row["count"].values[i], row["count_error"].values[i]
        there = count > 0
        if there.any():
            bars = np.nan_to_num(error[there]) / count[there] / n
            ax.errorbar(d[there], np.log(count[there]) / n, bars, linestyle="none", elinewidth=0.8, **look(str(source)))


def _count_ratios(ax: Any, row: "xarray.Dataset") -> None:
    ax.axhline(1.0, color="0.75", linewidth=0.6, zorder=0)
    if "count_ratio" not in row:
        return
    d = row["measured_distance"].values
    for i, source in enumerate(row["source"].values):
        # A teacher's instances are others; uniformly drawn ones over themselves are 1.
        if source in ("enumerated", "planted"):
            continue
        ratio, error = row["count_ratio"].values[i], row["count_ratio_error"].values[i]
        there = ratio > 0
        if there.any():
            ax.errorbar(d[there], ratio[there], error[there], linewidth=0.8, elinewidth=0.8, **look(str(source)))


def _draw_isolation(results: "xarray.Dataset", out: Path) -> Drawing:
    """Left: fraction of references without a solution within one flip; right: solutions at one flip, per weight."""
    sizes = [i for i in range(results.sizes["n"]) if np.isfinite(results["isolated"].values[:, i]).any()]
    chosen = list(dict.fromkeys((sizes[0], sizes[-1])))
    figure, axes = new_figure(PAGE_WIDTH, 0.6 + 2.3 * len(chosen), nrows=len(chosen), ncols=2, squeeze=False)
    for r, i in enumerate(chosen):
        cells = results.isel(n=i, flips=0)
        for ax, panel, side in zip(axes[r], (_isolated, _free_flips), (0, 1), strict=True):
            panel(ax, cells)
            ax.set_title(f"({LETTERS[2 * r + side]}) $N={int(cells['n'])}$", loc="left")
            ax.set_xlabel(ALPHA)
    _legend(figure, [axes[0, 0], axes[-1, 0], axes[0, 1]])
    caption = (
        f"How isolated solutions of {model_name(results)} are, at the smallest and the largest size, by exact tests "
        "of every single flip. Left: fraction of references from which no single flip leads to another solution; bars: "
        "Wilson intervals of one standard error (68 %). Right: fraction of the N single flips that keep every pattern "
        "right, mean over references with one standard error; lines: its exact mean for planted teachers. Symbols "
        "are moved sideways so as not to cover each other. Left out: instances that a search did not solve, that have "
        "no solution, or whose chains were not in equilibrium."
    )
    return save(figure, out, "isolation", caption)


def _isolated(ax: Any, cells: "xarray.Dataset") -> None:
    for i, source, x in _beside(cells):
        share, count = cells["isolated"].values[i], cells["references"].values[i]
        known = np.isfinite(share)
        if known.any():
            interval = wilson_interval(np.rint(share[known] * count[known]), count[known], ONE_SIGMA)
            bars = np.maximum(np.stack([share[known] - interval.low, interval.high - share[known]]), 0.0)
            ax.errorbar(x[known], share[known], bars, linewidth=0.6, elinewidth=0.8, **look(source))
    ax.set_ylim(-0.04, 1.04)
    ax.set_ylabel("no solution at one flip")


def _free_flips(ax: Any, cells: "xarray.Dataset") -> None:
    n = int(cells["n"])
    for i, source, x in _beside(cells):
        value, error = cells["neighbours"].values[i] / n, cells["neighbours_error"].values[i] / n
        known = np.isfinite(value)
        if known.any():
            ax.errorbar(x[known], value[known], np.nan_to_num(error[known]), linewidth=0.6, elinewidth=0.8,
                        **look(source))  # fmt: skip
    exact = cells["teacher_neighbours"].values / n
    if np.isfinite(exact).any():
        style = {**CURVES["teacher"][1], "label": "teacher, exact mean"}
        ax.plot(cells["alpha"].values, exact, **style, zorder=1)
    ax.set_ylim(bottom=-0.02)
    ax.set_ylabel("fraction of free single flips")


def _beside(cells: "xarray.Dataset"):
    """Place, name and abscissae of each source, moved sideways by a little."""
    alphas = cells["alpha"].values
    step = 0.012 * (np.ptp(alphas) or 1.0)
    count = cells.sizes["source"]
    for i, source in enumerate(cells["source"].values):
        yield i, str(source), alphas + step * (i - 0.5 * (count - 1))


def _draw_agreement(results: "xarray.Dataset", sizes: list[int], out: Path) -> Drawing:
    """Belief propagation less the independent estimators, around the same references."""
    exact = [i for i in sizes if int(results["n"][i]) <= int(results.attrs["exact_up_to"])] or sizes
    chosen, alphas = list(dict.fromkeys((exact[-1], sizes[-1]))), _picked_alphas(results)
    figure, axes = new_figure(
        PAGE_WIDTH, 0.7 + 1.9 * len(chosen), nrows=len(chosen), ncols=len(alphas), squeeze=False, sharey="row"
    )
    for r, i in enumerate(chosen):
        for c, j in enumerate(alphas):
            ax, cells = axes[r, c], results.isel(n=i, alpha=j)
            ax.axhline(0.0, color="0.75", linewidth=0.6, zorder=0)
            ax.set_title(rf"$N={int(cells['n'])}$, $\alpha={float(cells['alpha']):g}$", loc="left")
            ax.set_xlabel("distance $d$")
            for s, source in enumerate(cells["source"].values):
                value, error = (cells[f"bethe_difference{end}"].values[s] for end in ("", "_error"))
                known = np.isfinite(value)
                if known.any():
                    style = {**look(str(source)), "linewidth": 0.6, "elinewidth": 0.8}
                    ax.errorbar(cells["measured_distance"].values[known], value[known],
                                np.nan_to_num(error[known]), **style)  # fmt: skip
        axes[r, 0].set_ylabel("difference in $S(d)$\n(nats per weight)")
    _legend(figure, axes.flat)
    largest_exact = int(results.attrs["exact_up_to"])
    caption = (
        "Belief propagation against independent estimators around the same references of "
        f"{model_name(results)}: S(d) by belief propagation less that by exact counts (N up to {largest_exact}; mean "
        "over references with solutions at d, error bars from their spread) or by Monte Carlo integration (larger N, "
        "error bars of one integration). Integration is left out where fewer than 50 independent samples stand behind "
        "it: around isolated solutions at large N its chains never leave the reference, and far from any they are "
        "slow. At small N the difference alternates: odd and even numbers of flips are not alike for ±1 patterns, and "
        "belief propagation is smooth."
    )
    return save(figure, out, "agreement", caption)


def _picked_alphas(cells: "xarray.Dataset") -> list[int]:
    """Places of the alphas with results, evenly chosen, as many as fit on a page."""
    known = np.isfinite(cells["entropy"].transpose("alpha", ...).values)
    has = np.flatnonzero(known.reshape(len(known), -1).any(axis=1))
    return [
        int(i) for i in has[np.unique(np.linspace(0, has.size - 1, min(has.size, MOST_PANELS)).round().astype(int))]
    ]


def _references(cells: "xarray.Dataset") -> str:
    """`8`, or `5 to 8`: references of a point that has any."""
    count = cells["references"].values
    count = count[np.isfinite(count) & (count > 0)]
    return f"{count.min():g}" if count.min() == count.max() else f"{count.min():g} to {count.max():g}"


def _legend(figure: Any, axes: Any) -> None:
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, text in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(text, handle)
    if found:
        columns = min(len(found), 5)
        figure.legend(list(found.values()), list(found), loc="outside upper center", ncols=columns, columnspacing=1.2)


def _log_binomial(n: int, d: np.ndarray) -> np.ndarray:
    """ln C(n, d n) / n: S(d) were all configurations solutions."""
    from scipy.special import gammaln

    k = np.rint(d * n)
    return (gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)) / n


def _binary_entropy(d: np.ndarray) -> np.ndarray:
    from perceptron.theory import binary_entropy

    return binary_entropy(d)
