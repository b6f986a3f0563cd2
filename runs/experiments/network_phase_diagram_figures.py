"""Figures of "network-phase-diagram": maps with lines of constant eta / b, everything against eta / b, the collapse."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runs.experiments.network_phase_diagram_collapse import FEW, SLOPES
from runs.figures import MARKERS, PAGE_WIDTH, THEORY, Drawing, colours, log_axis, new_figure, save

if TYPE_CHECKING:
    import xarray


class Panel(NamedTuple):
    """What a panel shows."""

    name: str
    label: str
    log: bool = True
    of_scale: bool = False


PANELS = (
    Panel("test_error", "test error", log=False),
    Panel("training_error", "training error", log=False),
    Panel("training_loss", "training loss (nats)"),
    Panel("local_entropy", r"$u(x,t)-f(x)$ (nats)", log=False, of_scale=True),
    Panel("curvature_entropy", r"$\log\det(1+t\,\nabla^2 f)/2\beta$ (nats)", of_scale=True),
    Panel("hessian_trace", r"$\mathrm{Tr}\,\nabla^2 f$"),
    Panel("hessian_highest", r"$\lambda_{\max}(\nabla^2 f)$"),
    Panel("noise_trace", r"$\mathrm{Tr}\,D$"),
)

RATIO = r"$\eta/b$"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Maps, curves, entropies, exponents."""
    if "test_error" not in results:
        return []
    drawings = [_maps(results, out), _curves(results, out), _entropies(results, out)]
    if np.isfinite(results["collapse_ratio"]).any():
        drawings.append(_exponents(results, out))
    return drawings


def _shown(results: "xarray.Dataset") -> "xarray.Dataset":
    return results.sel(scale=results.attrs["shown"], method="nearest")


def _maps(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 4.1, nrows=2, ncols=4, sharex=True, sharey=True)
    here = _shown(results)
    for letter, panel, ax in zip("abcdefgh", PANELS, axes.flat, strict=True):
        _map(figure, ax, here, panel)
        ax.set_title(f"({letter}) {panel.label}", loc="left", fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel(r"batch size $b$")
    for ax in axes[-1]:
        ax.set_xlabel(r"learning rate $\eta$")
    caption = (
        f"Means over {results.attrs['seeds']} seeds on the plane of learning rate and batch size, "
        f"{results.attrs['data']}, "
        f"{results.attrs['training_samples']} training samples, label noise {results.attrs['label_noise']:g}; runs "
        f"{results.attrs['ends']}. White lines: constant eta/b, as labelled in (a); where the learning rate should "
        f"scale with the batch size, colours follow them. {_second_order(here)}, beta = {results.attrs['beta']:g}. "
        "Colour bars with an arrow: some cells lie beyond. Crosses: training loss "
        "above that of guessing, ln(classes); "
        "hatched: every run diverged, weights or loss are no numbers; grey: not known, or not positive where the "
        "colours are logarithmic." + _shared(results)
    )
    return save(figure, out, "maps", caption)


def _second_order(here: "xarray.Dataset") -> str:
    """What (d) and (e) are, and how often the estimator of (d) warned."""
    asked, warned = (int(here[f"local_entropy_{what}"].sum()) for what in ("asked", "warned"))
    return (
        f"(d) To second order (Laplace), {warned} of {asked} runs with warnings; (d, e) at t = {float(here['scale']):g}"
    )


def _shared(results: "xarray.Dataset") -> str:
    return " Training and test samples, one split, are the same for all seeds, and no error bar holds their choice."


def _map(figure: Any, ax: Any, here: "xarray.Dataset", panel: Panel) -> None:
    from matplotlib.colors import LogNorm

    eta, b = here["step_size"].values, here["batch"].values
    values = here[panel.name].values.T
    # Cells that know nothing would take the colours from all others.
    usual = values[(here["above_chance"].values.T != 1) & np.isfinite(values)]
    usual = usual if usual.size else values[np.isfinite(values)]
    if panel.log:
        usual = usual[usual > 0]
        values = np.where(values > 0, values, np.nan)
    ax.set_facecolor("0.8")
    low, high = (usual.min(), usual.max()) if usual.size else (1.0, 2.0)
    if panel.name == "test_error" and usual.size:
        # One cell that hardly learns takes the colours from all others.
        high = np.quantile(usual, 0.94)
    high = high if high > low else low + abs(low) * 1e-3 + 1e-12
    norm: dict[str, Any] = {"norm": LogNorm(low, high)} if panel.log else {"vmin": low, "vmax": high}
    image = ax.pcolormesh(_edges(eta), _edges(b), np.ma.masked_invalid(values), cmap="viridis", rasterized=True, **norm)
    ax.set_xscale("log")
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.minorticks_off()
    # Every second learning rate where there are many, the labels side by side.
    shown = eta[:: 1 + len(eta) // 6]
    ax.set_xticks(shown, [f"{one:g}" for one in shown])
    ax.tick_params(labelsize=7)
    known = values[np.isfinite(values)]
    beyond = {"min": bool((known < low).any()), "max": bool((known > high).any())}
    extend = "both" if all(beyond.values()) else next((end for end, there in beyond.items() if there), "neither")
    bar = figure.colorbar(image, ax=ax, pad=0.02, extend=extend)
    bar.ax.tick_params(labelsize=6, which="both")
    if panel.log and high < 30.0 * low:
        _plain_ticks(bar.ax.yaxis, low, high)
    _lines(ax, eta, b, labelled=panel.name == "test_error")
    _marks(ax, here, eta, b)


def _plain_ticks(axis: Any, low: float, high: float) -> None:
    """Labels in plain numbers on a logarithmic axis of a decade or two, more of them the shorter it is."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    of_a_decade: tuple[float, ...] = (1.0, 2.0, 5.0)
    if high < 4.0 * low:
        of_a_decade = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    elif high < 12.0 * low:
        of_a_decade = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(subs=of_a_decade))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(NullLocator())


def _lines(ax: Any, eta: np.ndarray, b: np.ndarray, labelled: bool) -> None:
    """Lines of constant eta / b, a decade apart; none that only cuts off a corner, where no label has room."""
    x, y = _edges(eta), _edges(b)
    ratios = 10.0 ** np.arange(math.ceil(math.log10(x[0] / y[-1])), math.log10(x[-1] / y[0]))
    for ratio in ratios:
        ends = np.array([max(x[0], ratio * y[0]), min(x[-1], ratio * y[-1])])
        if ends[1] <= 1.5 * ends[0]:
            continue
        ax.plot(ends, ends / ratio, color="white", linewidth=0.9)
        if labelled:
            middle = math.sqrt(ends[0] * ends[1])
            text = ax.text(
                middle, middle / ratio, f"$10^{{{round(math.log10(ratio))}}}$", color="white", fontsize=6.5,
                ha="center", va="center", bbox={"facecolor": "0.25", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
            )  # fmt: skip
            text.set_clip_on(True)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])


def _marks(ax: Any, here: "xarray.Dataset", eta: np.ndarray, b: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    x, y = _edges(eta), _edges(b)
    for i, j in np.ndindex(len(eta), len(b)):
        cell = here.isel(step_size=i, batch=j)
        if float(cell["above_chance"]) == 1:
            ax.plot(eta[i], b[j], marker="x", color="#D55E00", markersize=4)
        if float(cell["diverged"]) == float(cell["runs"]):
            corner = float(x[i]), float(y[j])
            width, height = float(x[i + 1] - x[i]), float(y[j + 1] - y[j])
            ax.add_patch(Rectangle(corner, width, height, fill=False, hatch="////", edgecolor="0.3", linewidth=0))


def _edges(values: np.ndarray) -> np.ndarray:
    """Borders between cells halfway on a logarithmic axis."""
    logs = np.log(np.asarray(values, float))
    if len(logs) == 1:
        return np.exp(logs[0] + np.array([-0.35, 0.35]))
    middle = 0.5 * (logs[1:] + logs[:-1])
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


def _curves(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 4.4, nrows=2, ncols=4, sharex=True)
    here = _shown(results)
    for letter, panel, ax in zip("abcdefgh", PANELS, axes.flat, strict=True):
        _points(ax, here, panel.name)
        if panel.log and (here[panel.name].where(here["above_chance"] != 1) > 0).any():
            log_axis(ax)
            low, high = ax.get_ylim()
            if high < 30.0 * low:
                _plain_ticks(ax.yaxis, low, high)
        ax.set_title(f"({letter}) {panel.label}", loc="left", fontsize=8)
        ax.set_xscale("log")
        ax.tick_params(labelsize=7)
    for ax in axes[-1]:
        ax.set_xlabel(RATIO)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(9, len(labels)))
    caption = (
        f"The same against eta/b, by batch size: one curve where only eta/b counts. Runs "
        f"{results.attrs['ends']}; bars: "
        f"one standard error over {results.attrs['seeds']} seeds. Cells above the loss of guessing are left out. "
        f"{_second_order(here)}." + _shared(results)
    )
    return save(figure, out, "against-ratio", caption)


def _points(ax: Any, here: "xarray.Dataset", name: str) -> None:
    palette = colours(here.sizes["batch"])
    for j, b in enumerate(here["batch"].values):
        row = here.isel(batch=j)
        row = row.isel(step_size=np.flatnonzero((row["above_chance"] != 1) & np.isfinite(row[name])))
        ax.errorbar(
            row["ratio"], row[name], row[f"{name}_error"], color=palette[j], marker=MARKERS[j % len(MARKERS)],
            linewidth=0.6, label=f"$b = {b}$",
        )  # fmt: skip


def _entropies(results: "xarray.Dataset", out: Path) -> Drawing:
    scales = results["scale"].values
    figure, axes = new_figure(PAGE_WIDTH, 4.2, nrows=2, ncols=len(scales), sharex=True, squeeze=False)
    for k, t in enumerate(scales):
        here = results.isel(scale=k)
        _points(axes[0, k], here, "local_entropy")
        axes[0, k].axhline(0.0, **THEORY)
        axes[0, k].set_title(f"({'abcdefghijkl'[k]}) $t = {t:g}$", loc="left")
        _checks(axes[1, k], here)
        axes[1, k].set_xlabel(RATIO)
        for ax in axes[:, k]:
            ax.set_xscale("log")
            ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
            ax.tick_params(labelsize=7)
    axes[0, 0].set_ylabel(r"$u(x,t)-f(x)$ (nats)")
    axes[1, 0].set_ylabel("integration $-$ second order (nats)", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(9, len(labels)))
    caption = (
        "Local entropies around the ends of runs against eta/b at each scale t, by batch size. Top: to second order "
        f"(Laplace), with warnings at {_warned(results)}; bars: one standard error over seeds. Small means flat, or a "
        "slope: to lowest order u - f = t (Tr Hess f / beta - |grad f|^2) / 2, and SGD at high temperature ends on "
        "slopes, where this is negative. Below: integration minus second order, for the seeds that have both; bars: "
        "error of the integration alone. At small t the "
        "integration is 1024 draws of the Gaussian of second order, reweighted to what the loss is there; where these "
        "scatter too much, at the largest t, Langevin chains lead on from there in ln t." + _shared(results)
    )
    return save(figure, out, "local-entropy", caption)


def _warned(results: "xarray.Dataset") -> str:
    """Runs whose estimate to second order warned, scale by scale."""
    asked = int(results["local_entropy_asked"].sum())
    counts = results["local_entropy_warned"].sum(("step_size", "batch")).values
    pairs = zip(results["scale"].values, counts, strict=True)
    return ", ".join(f"t = {t:g} in {int(count)}" for t, count in pairs) + f" of {asked} runs"


def _checks(ax: Any, here: "xarray.Dataset") -> None:
    palette = colours(here.sizes["batch"])
    for j in range(here.sizes["batch"]):
        row = here.isel(batch=j)
        row = row.isel(step_size=np.flatnonzero((row["above_chance"] != 1) & np.isfinite(row["deviation"])))
        ax.errorbar(
            row["ratio"], row["deviation"], row["deviation_error"], color=palette[j],
            marker=MARKERS[j % len(MARKERS)], linestyle="none",
        )  # fmt: skip
    ax.axhline(0.0, **THEORY)


def _exponents(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.0, ncols=2, sharey=True)
    names = [_observable(str(name)) for name in results["observable"].values]
    places = np.arange(len(names))
    for i, (colour, marker) in enumerate(zip(("#0072B2", "#E69F00"), "ov", strict=True)):
        if i < results.sizes["up_to"]:
            _ratios(left, results.isel(up_to=i), places + 0.2 * i, colour, marker)
    left.axvline(-1.0, label=r"$-1$: function of $\eta/b$", **THEORY)
    left.axvline(0.0, color="0.7", linestyle=":", label=r"$0$: function of $\eta$")
    left.set_yticks(places, names)
    left.invert_yaxis()
    left.tick_params(axis="y", which="minor", left=False, right=False)
    left.set_xlabel(r"$r$ of the best $g(\log\eta + r\log b)$")
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    left.set_xlim(SLOPES[0] - 0.15, SLOPES[-1] + 0.15)
    left.set_xticks([-3.0, -2.0, -1.0, 0.0, 1.0])
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_title(f"({letter})", loc="left")
    whole = results.isel(up_to=0)
    looks = {
        "range": ("0.6", "D", "all of it"), "at_theory": ("#D55E00", "s", r"left by $g(\eta/b)$"),
        "at_best": ("#0072B2", "o", "left at the best $r$"), "by_chance": ("0.2", "|", "error by seeds"),
    }  # fmt: skip
    for name, (colour, marker, label) in looks.items():
        right.plot(whole[f"collapse_{name}"], places, color=colour, marker=marker, linestyle="none", label=label,
                   markersize=6 if marker == "|" else 4)  # fmt: skip
    right.set_xscale("log")
    _plain_ticks(right.xaxis, *right.get_xlim())
    right.tick_params(axis="y", which="minor", left=False, right=False)
    right.set_xlabel(r"rms of $\log y$ over the plane")
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    caption = (
        "(a) Ratio r of exponents of batch size and learning rate, from least squares of log y on a cubic of log eta "
        "+ r log b, over all learning rates and over the lower ones; bars: bootstrap over seeds; open symbols: error "
        f"not known, more than {FEW:.0%} of the bootstraps lie at {SLOPES[0]:g} or {SLOPES[-1]:g}, the ends of what is "
        "tried. "
        "(b) What is left of log y over the "
        f"{int(whole['collapse_cells'].max())} cells by a function of eta/b, by the best r, and the error of "
        "means over seeds alone. A small error of r beside a large residual means that no single variable describes "
        "the plane." + _shared(results)
    )
    return save(figure, out, "exponents", caption)


def _ratios(ax: Any, here: "xarray.Dataset", places: np.ndarray, colour: str, marker: str) -> None:
    """r with its error; open where the error is not known."""
    ratio, error = here["collapse_ratio"].values, here["collapse_ratio_error"].values
    label = rf"$\eta \leq {float(here['up_to']):g}$"
    ax.errorbar(ratio, places, xerr=error, marker=marker, linestyle="none", color=colour, label=label)
    open_ones = np.isnan(error)
    how = {"marker": marker, "linestyle": "none", "color": colour, "markerfacecolor": "white", "zorder": 3}
    ax.plot(ratio[open_ones], places[open_ones], **how)


def _observable(name: str) -> str:
    """An observable of the collapse as the other figures call it."""
    stem, _, scale = name.partition(", t = ")
    label = "curvature's part of $u-f$" if scale else next(one.label for one in PANELS if one.name == stem)
    return f"{label}, $t={scale}$" if scale else label.replace(" (nats)", "")
