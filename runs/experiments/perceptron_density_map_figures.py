"""Figures of "perceptron-density-map": the map with measured points, residuals; and what the run says in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.perceptron_labels import ALPHA, LABELS, model_name
from runs.figures import MARKERS, PAGE_WIDTH, Drawing, colours, new_figure, save
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

DISTANCE = r"distance $d$ from the reference"
SHOWN = ("bethe", "integration")
MOST_MARKED_ALPHAS = 5


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """The map, and what measured points differ by from it."""
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.5, ncols=2, width_ratios=(1.25, 1.0))
    cells, source, n = _shown(results)
    _map(figure, left, results, cells)
    _residuals(right, results, cells)
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_title(f"({letter})", loc="left")
    measured = (
        f"Markers, on the same colours: mean local entropy around solutions found by {LABELS.get(source, source)} at "
        f"N = {n}, by belief propagation (circles) and, where converged, by integration (squares, "
        "moved right to be seen). "
        "(b) Measured minus theory, against d; bars: one standard error over instances and of the estimator; open "
        "squares: integration, alone around its first references. "
        if cells is not None
        else "No local entropy was measured. "
    )
    caption = (
        f"{model_name(results)[0].upper()}{model_name(results)[1:]}: (a) entropy per weight of the densest groups of "
        "solutions within d of a centre, replica theory with y to infinity (mutual distances 2d(1-d)), up to the "
        "distance of typical solutions (grey beyond; "
        f"{int(results['map_lost'])} further places without a solution of the theory); black: negative, typical "
        "instances have no such groups. Hatched: the entropy falls "
        f"with d. {_bracket_said(results)} {measured}"
        "Solvers need not end in the densest groups, nor in their middle: markers may lie below theory."
    )
    return [save(figure, out, "map", caption.replace("  ", " "))]


def _bracket_said(results: "xarray.Dataset") -> str:
    low, high = float(results["alpha_u_low"]), float(results["alpha_u_high"])
    if not np.isfinite(low):
        return "The map has no alpha_U between its ends."
    return f"Dotted: alpha_U, between {low:.4f} and {high:.4f}; dashed: capacity {float(results['capacity']):.3f}."


def _shown(results: "xarray.Dataset") -> tuple[Any, str, int]:
    """Cells of the first source with points, at the largest size; None without any."""
    if "entropy" in results:
        for s, source in enumerate(results["source"].values):
            for i in reversed(range(results.sizes["n"])):
                cells = results.isel(source=s, n=i)
                if np.isfinite(cells["entropy"].values).any():
                    return cells, str(source), int(results["n"][i])
    return None, "", 0


def _map(figure: Any, ax: Any, results: "xarray.Dataset", cells: Any) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import PowerNorm

    alpha, d = results["map_alpha"].values, results["map_distance"].values
    entropy, slope = (np.ma.masked_invalid(results[name].values.T) for name in ("map_entropy", "map_slope"))
    # Half of the plane has a tenth of the largest entropy: a square root keeps its steps apart.
    norm = PowerNorm(0.5, 0.0, max(float(entropy.max()), 1e-6))
    palette = colormaps["viridis"].with_extremes(under="black")
    ax.set_facecolor("0.85")
    mesh = ax.pcolormesh(alpha, d, entropy, norm=norm, shading="nearest", cmap=palette, rasterized=True)
    falling = np.ma.filled(slope, 1.0)
    if (falling < 0).any():
        region = ax.contourf(alpha, d, falling, levels=[-1e9, 0.0], colors="none", hatches=["////"])
        region.set_edgecolor("white")
        region.set_linewidth(0.0)
        ax.contour(alpha, d, falling, levels=[0.0], colors="white", linewidths=1.0)
    typical = results["map_typical"].values
    ax.plot(alpha, typical, color="0.2", linewidth=1.0)
    if np.isfinite(typical).any():
        ax.annotate("typical solutions", (alpha[alpha.size // 4], typical[alpha.size // 4]), xytext=(0, 6),
                    textcoords="offset points", fontsize=8)  # fmt: skip
    for name, symbol, line in (("alpha_u", r"$\alpha_U$", ":"), ("capacity", r"$\alpha_c$", "--")):
        place = float(results[name])
        if np.isfinite(place):
            ax.axvline(place, color="0.2", linestyle=line, linewidth=1.0)
            ax.annotate(symbol, (place, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), fontsize=8,
                        textcoords="offset points", ha="center", annotation_clip=False)  # fmt: skip
    if cells is not None:
        _points(ax, cells, norm)
    ax.set_yscale("log")
    ax.set_xlim(alpha[0] - 0.01, alpha[-1] + 0.012)
    ax.set_ylim(d[0] * 0.93, d[-1] * 1.15)
    ax.set_xlabel(ALPHA)
    ax.set_ylabel(DISTANCE)
    figure.colorbar(
        mesh,
        ax=ax,
        label=r"entropy per weight $S$ (nats)",
        pad=0.02,
        extend="min" if float(entropy.min()) < 0 else "neither",
    )


def _points(ax: Any, cells: "xarray.Dataset", norm: Any) -> None:
    x = np.broadcast_to(
        (cells["patterns"] / cells["n"]).values[:, None], (cells.sizes["alpha"], cells.sizes["distance"])
    )
    y = np.broadcast_to(cells["measured_distance"].values, x.shape)
    for name, marker, size, shift in zip(SHOWN, "os", (16, 13), (0.0, 0.008), strict=True):
        values = cells["entropy"].sel(estimator=name).transpose("alpha", "distance").values
        there = np.isfinite(values) & np.isfinite(y)
        ax.scatter(x[there] + shift, y[there], size, values[there], marker=marker, norm=norm, cmap="viridis",
                   edgecolors="white", linewidths=0.6, zorder=3)  # fmt: skip


def _residuals(ax: Any, results: "xarray.Dataset", cells: Any) -> None:
    ax.axhline(0.0, color="0.25", linestyle="--", linewidth=1.0)
    ax.set_xlabel(DISTANCE)
    ax.set_ylabel(r"measured $-$ theory (nats per weight)")
    _plain_log_axis(ax)
    if cells is None or "residual" not in cells:
        return
    there = np.flatnonzero(np.isfinite(cells["residual"].sel(estimator="bethe").values).any(axis=1))
    if there.size > MOST_MARKED_ALPHAS:
        there = there[np.unique(np.linspace(0, there.size - 1, MOST_MARKED_ALPHAS).round().astype(int))]
    for place, j, colour in zip(range(there.size), there, colours(there.size), strict=True):
        row = cells.isel(alpha=int(j))
        for name in SHOWN:
            one = row.sel(estimator=name)
            value, error = one["residual"].values, one["residual_error"].values
            ok = np.isfinite(value)
            open_face = {"markerfacecolor": "white", "linestyle": "none", "marker": "s"}
            look = {"marker": MARKERS[2 + place], "label": rf"$\alpha={float(row['alpha']):g}$"}
            ax.errorbar(one["measured_distance"].values[ok], value[ok], np.nan_to_num(error[ok]), color=colour,
                        linewidth=0.8, **(look if name == "bethe" else open_face))  # fmt: skip
    if there.size:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.3 * (high - low))
        ax.legend(loc="upper left", ncols=2)


def _plain_log_axis(ax: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def summary(results: "xarray.Dataset") -> list[str]:
    """alpha_U from both sides, the falling region, and measured against theory by source and alpha."""
    low, high = float(results["alpha_u_low"]), float(results["alpha_u_high"])
    lines = [
        f"alpha_U: S(d) never falls at alpha = {low:.4f}, it does at {high:.4f}; its slope first vanishes at "
        f"{float(results['alpha_u']):.4f} (y to infinity)"
        if np.isfinite(low)
        else "alpha_U: not between the ends of the map"
    ]
    falling = results["map_slope"].values < 0
    if falling.any():
        rows, columns = np.nonzero(falling)
        d, alpha = results["map_distance"].values[columns], results["map_alpha"].values[rows]
        lines.append(
            f"on the map S falls with d from alpha = {alpha.min():.3f}, at d from {d.min():.3f} to {d.max():.3f}"
        )
    lines.append(
        f"places of the map below typical distances without a solution of the theory: {int(results['map_lost'])}"
    )
    return [*lines, *_failures(results), *_differences(results)]


def _failures(results: "xarray.Dataset") -> list[str]:
    told = [
        f"{int(results['unsolved'][s, i, j])} of {int(results['instances'][s, i, j])} by "
        f"{LABELS.get(str(results['source'][s].item()))} at N = {int(results['n'][i])}, "
        f"alpha = {float(results['alpha'][j]):g}"
        for s, i, j in np.ndindex(results["unsolved"].shape)
        if results["unsolved"].values[s, i, j] > 0
    ] if "unsolved" in results else []  # fmt: skip
    return [f"left out, not solved: {'; '.join(told)}"] if told else []


def _differences(results: "xarray.Dataset") -> list[str]:
    lines: list[str] = []
    if "residual" not in results:
        return lines
    for s, i, j in np.ndindex(results.sizes["source"], results.sizes["n"], results.sizes["alpha"]):
        cells = results.isel(source=s, n=i, alpha=j).sel(estimator="bethe")
        value = cells["residual"].values
        if np.isfinite(value).any():
            k = int(
                np.nanargmin(np.where(np.isfinite(value), np.abs(cells["measured_distance"].values - 0.05), np.nan))
            )
            error = float(cells["residual_error"][k]) if np.isfinite(cells["residual_error"][k]) else float("nan")
            said = with_error(float(value[k]), error) if np.isfinite(error) else f"{value[k]:.4f}"
            lines.append(
                f"{LABELS.get(str(cells['source'].item()))}, N = {int(cells['n'])}, alpha = {float(cells['alpha']):g}, "
                f"d = {float(cells['measured_distance'][k]):.3f}: measured minus theory {said} nats per weight"
            )
    kept = results["residual"].sel(estimator="integration").values
    asked = int(np.nansum(results["asked"].sel(estimator="integration").values)) * results.sizes["distance"]
    if asked:
        known = int(np.nansum(results["curves"].sel(estimator="integration").values))
        within = int(np.isfinite(kept).sum())
        lines.append(
            f"integration: {known} of {asked} points converged, {within} places within the map; others left out"
        )
    return lines
