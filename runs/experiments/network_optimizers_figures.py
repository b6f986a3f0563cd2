"""Figures of "network-optimizers": curves along training, ends beside each other, widths over t, step sizes tried."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_optimizers_summary import (
    CHOICE,
    LEVEL,
    SHARED,
    how,
    label,
    setting,
    shown,
    told,
)
from runs.figures import PAGE_WIDTH, Drawing, log_axis, new_figure, save
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

LOOKS: dict[str, tuple[str, str]] = {
    "sgd": ("#000000", "o"), "momentum": ("#7F7F7F", "s"), "adam": ("#D55E00", "^"), "rmsprop": ("#E69F00", "v"),
    "adagrad": ("#B8860B", "<"), "svrg": ("#009E73", "D"), "saga": ("#66C2A5", ">"), "entropy_sgd": ("#CC79A7", "h"),
    "elastic_sgd": ("#56B4E9", "v"), "replicated_sgd": ("#882255", "<"), "parle": ("#0072B2", "p"),
}  # fmt: skip
"""Colour and marker of each optimiser."""

SHIFT = 0.025
"""Of neighbouring optimisers, as a share of the abscissa, so that their bars do not hide each other."""

HIGHEST_ERROR = 30.0
"""Percent: curves of the test error begin above, at 1 - 1 / classes."""

ROWS = (
    ("step size", "step_size", 1.0),
    ("test error (%)", "final_test_error", 100.0),
    ("     difference", "difference_final_test_error", 100.0),
    (r"training loss $f$ ($10^{-3}$ nats)", "final_training_loss", 1e3),
    (r"$u-f$ ($10^{-3}$ nats)", "local_entropy", 1e3),
    ("     difference", "difference_local_entropy", 1e3),
    (r"$u-f$ at equal $f$ ($10^{-3}$ nats)", "matched_entropy", 1e3),
    ("     difference", "difference_matched_entropy", 1e3),
    (r"$\mathrm{tr}\,H$", "hessian_trace", 1.0),
    (r"$\lambda_{\max}(H)$", "hessian_highest", 1.0),
    (r"$\lambda_{\min}(H)$ ($10^{-3}$)", "hessian_lowest", 1e3),
    (r"$\mathrm{tr}\,D$ ($10^{-3}$)", "noise_trace", 1e3),
    ("participation ratio of $D$", "noise_participation", 1.0),
    ("length of the weights", "weight_length", 1.0),
)
"""Heading, variable and factor of the table's rows."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Every figure there are results for."""
    if "final_test_error" not in results:
        return []
    from runs.experiments.network_optimizers_width_figures import spectra, temperatures

    makers = (_ends, temperatures, _table, _curves, spectra, _widths, _trials)
    return [make(results, out) for make in makers]


def look(name: object) -> dict[str, Any]:
    """Colour, marker and label of an optimiser."""
    colour, marker = LOOKS[str(name)]
    return {"color": colour, "marker": marker, "label": label(name)}


def lettered(axes: Any) -> None:
    """Letters in brackets above the panels."""
    for letter, ax in zip("abcdefgh", axes, strict=False):
        ax.set_title(f"({letter})", loc="left")


def log_abscissa(ax: Any) -> None:
    """Logarithmic abscissa with plain numbers at 1, and at 2 and 5 where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100.0 * low else (1.0,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def legend_above(figure: Any, ax: Any) -> None:
    """One legend for all panels."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(7, len(labels)), columnspacing=1.2)


def _ends(results: "xarray.Dataset", out: Path) -> Drawing:
    at, names = shown(results), results["optimizer"].values
    figure, axes = new_figure(PAGE_WIDTH, 0.24 * len(names) + 1.3, ncols=4, sharey=True)
    panels = (
        ("matched_entropy", rf"$u-f$ at $f={at.attrs['matched_loss']:g}$ ($10^{{-3}}$ nats)", 1e3),
        ("matched_test_error", rf"test error at $f={at.attrs['matched_loss']:g}$ (%)", 100.0),
        ("final_test_error", "test error at the end (%)", 100.0),
        ("final_training_loss", r"loss $f$ at the end ($10^{-3}$ nats)", 1e3),
    )
    for ax, (name, said, factor) in zip(axes, panels, strict=True):
        forest(ax, at, name, factor)
        ax.set_xlabel(said)
    label_rows(axes, names)
    first = label(names[0])
    caption = (
        f"Methods at equal loss and at the end: {setting(results)}; {CHOICE}; {SHARED}. Means over seeds with one "
        f"standard error; pale, each seed. Open triangles: step sizes tried next below and above the chosen one. "
        f"Dashed: mean of {first}. Stars: differences to {first}, seed by seed, with a probability below {LEVEL:g} by "
        "chance (Student's t, Holm's correction for the number of optimisers), and with the same sign between all "
        "step sizes shown of both; other differences of widths and test errors are within the spread over step "
        f"sizes. (a) Local entropy u(x, t) - f(x), {how(at)}, where training first reaches a loss of "
        f"{at.attrs['matched_loss']:g}; smaller is wider. (b) Wrong fraction of the test samples there. (c) The same "
        f"at the end. (d) Energy of all training samples at the end. Not tuned: {results.attrs['constants']}."
    )
    return save(figure, out, "ends", caption)


def label_rows(axes: Any, names: Any) -> None:
    """Names of optimisers on the left of forest plots, from above."""
    axes[0].set_yticks(range(len(names)), [label(name) for name in names])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    for ax in axes:
        ax.tick_params(axis="y", which="both", length=0)
        ax.minorticks_off()
    lettered(axes)


def forest(ax: Any, at: "xarray.Dataset", name: str, factor: float) -> None:
    """Means with errors, one below the other, over every seed; stars where they differ from the first."""
    names = at["optimizer"].values
    ax.axvline(factor * float(at[name].values[0]), color="0.6", linewidth=0.8, linestyle="--")
    for i, optimizer in enumerate(names):
        here = at.sel(optimizer=optimizer)
        each, colour = factor * here[f"run_{name}"].values, LOOKS[str(optimizer)][0]
        ax.plot(each, np.full(each.size, i), linestyle="none", marker="|", color=colour, alpha=0.35, markersize=5)
        ax.errorbar(factor * float(here[name]), i, xerr=factor * float(here[f"{name}_error"]), marker="o", color=colour,
                    markersize=4, linewidth=1.4)  # fmt: skip
        if f"near_{name}" in at:
            beside = factor * here[f"near_{name}"].values
            for k, marker in ((0, "<"), (2, ">")):
                ax.plot(beside[k], i, linestyle="none", marker=marker, color=colour, markersize=4, fillstyle="none")
        if i and told(at, name, optimizer):
            ax.annotate("*", (1.0, i), (-3, -4), xycoords=("axes fraction", "data"), textcoords="offset points",
                        ha="right", va="center", fontsize=11, color=colour)  # fmt: skip
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.08 * (high - low))


def _table(results: "xarray.Dataset", out: Path) -> Drawing:
    at = shown(results)
    names = at["optimizer"].values
    columns = [[_cell(at.sel(optimizer=name), variable, factor) for _, variable, factor in ROWS] for name in names]
    headings = [label(name).replace(" SGD", "\nSGD") for name in names]
    figure, ax = new_figure(PAGE_WIDTH, 0.2 * len(ROWS) + 0.5)
    ax.axis("off")
    table = ax.table(
        cellText=[list(row) for row in zip(*columns, strict=True)], rowLabels=[row[0] for row in ROWS],
        colLabels=headings, loc="center", cellLoc="center", edges="horizontal", bbox=(0.22, 0.0, 0.78, 1.0),
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(5.5 if len(headings) > 8 else 7)
    for (row, column), cell in table.get_celld().items():
        cell.set_linewidth(0.4)
        if row == 0:
            cell.set_height(1.6 * cell.get_height())
        elif column > 0 and _told(at, ROWS[row - 1][1], column):
            cell.get_text().set_fontweight("bold")
    first = label(names[0])
    caption = (
        f"Ends of training: {setting(results)}. Means over seeds, one standard error in brackets. Differences are to "
        f"{first}, seed by seed; bold: probability below {LEVEL:g} by chance (Student's t, Holm's correction), and "
        f"not undone by neighbouring step sizes. {CHOICE[0].upper()}{CHOICE[1:]}; {SHARED}. u - f: local entropy, "
        f"{how(at)} (smaller is wider), which at the end follows the loss; its errors are those over seeds, that of "
        f"the estimator is {_own(at)}. H: Hessian of the training loss; D: covariance of sample gradients. Not tuned: "
        f"{results.attrs['constants']}."
    )
    return save(figure, out, "table", caption)


def _own(at: "xarray.Dataset") -> str:
    with np.errstate(invalid="ignore"):
        share = at["own_error"].values / np.abs(at["local_entropy"].values)
    return f"{100 * np.nanmax(share):.2g} % of one value or less" if np.isfinite(share).any() else "not known"


def _cell(here: "xarray.Dataset", variable: str, factor: float) -> str:
    value = factor * float(here[variable])
    if not np.isfinite(value):
        return ""
    if f"{variable}_error" not in here:
        return f"{value:g}"
    return with_error(value, factor * float(here[f"{variable}_error"])).replace("-", "\N{MINUS SIGN}")


def _told(at: "xarray.Dataset", variable: str, column: int) -> bool:
    name = variable.removeprefix("difference_")
    return f"survives_{name}" in at and name != variable and told(at, name, at["optimizer"].values[column])


def _curves(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 3.1, ncols=2)
    panels = (("test_error", "test error (%)", 100.0), ("training_loss", "training loss (nats)", 1.0))
    for ax, (name, said, factor) in zip(axes, panels, strict=True):
        for optimizer in results["optimizer"].values:
            here = results.sel(optimizer=optimizer)
            known = here["work"].values > 0
            ax.errorbar(here["work"].values[known] / 1e3, factor * here[name].values[known],
                        factor * here[f"{name}_error"].values[known], **look(optimizer))  # fmt: skip
        log_abscissa(ax)
        ax.set_xlabel(r"sample gradients ($10^3$)")
        ax.set_ylabel(said)
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(max(low, 0.8 * 100.0 * float(np.nanmin(results["test_error"]))), min(high, HIGHEST_ERROR))
    for ax in axes:
        log_axis(ax)
    lettered(axes)
    legend_above(figure, axes[0])
    falling = "falling along a cosine" if results.attrs["schedule"] == "cosine" else "constant"
    caption = (
        f"Along training: {setting(results)}. Means over seeds with one standard error, against gradients of single "
        f"samples; step sizes chosen by cross-validation, {falling}. Of replicas, the centre. (a) Wrong fraction of "
        f"the test samples, below {HIGHEST_ERROR:g} %. (b) Energy of all training samples."
    )
    return save(figure, out, "curves", caption)


def _widths(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, ax = new_figure(PAGE_WIDTH * 0.65, 3.3)
    names, scale = results["optimizer"].values, results["scale"].values
    for i, optimizer in enumerate(names):
        shift = scale * (1.0 + SHIFT * (i - (len(names) - 1) / 2.0))
        for estimator in results["estimator"].values:
            here, style = results.sel(optimizer=optimizer, estimator=estimator), look(optimizer)
            if estimator == "integration":
                style |= {"markerfacecolor": "white", "label": None, "markersize": 4}
            ax.errorbar(shift, here["local_entropy"].values / scale, here["local_entropy_error"].values / scale,
                        linestyle="none" if estimator == "integration" else "-", linewidth=0.6, **style)  # fmt: skip
    log_abscissa(ax)
    log_axis(ax)
    ax.set_xlabel("scale $t$")
    ax.set_ylabel(r"$[u(x,t)-f(x)]/t$ (nats)")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right center")
    count = int(np.nanmax(results["known"].sel(estimator="integration").values, initial=0))
    caption = (
        f"Local entropy of the ends over the scale, beta = {results.attrs['beta']:g}: smaller is wider; for small t it "
        "is tr H / (2 beta). Filled: Laplace, all seeds, bars one standard error over seeds. Open: {HOW_INTEGRATED}, "
        f"{count} seed{'' if count == 1 else 's'} of each, the same bars. At large t the loss departs from its "
        "expansion to second order, and integration is right."
    )
    return save(figure, out, "widths", caption)


def _trials(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 3.0, ncols=2)
    panels = (("tried_error", "error held out (%)", 100.0), ("tried_loss", "loss held out (nats)", 1.0))
    for ax, (name, said, factor) in zip(axes, panels, strict=True):
        draw_trials(ax, results, name, factor)
        ax.set_ylabel(said)
    lettered(axes)
    legend_above(figure, axes[0])
    return save(figure, out, "step-sizes", trials_caption(results))


def draw_trials(ax: Any, results: "xarray.Dataset", name: str, factor: float) -> None:
    """What was held out against step sizes, the chosen ones in circles."""
    names = results["optimizer"].values
    for i, optimizer in enumerate(names):
        here, style = results.sel(optimizer=optimizer), look(optimizer)
        x, y = here["factor"].values * (1.0 + 2 * SHIFT * (i - (len(names) - 1) / 2.0)), factor * here[name].values
        ax.errorbar(x, y, factor * here[f"{name}_error"].values, **style)
        chosen = np.isclose(here["tried_step_size"].values, float(here["step_size"]))
        ax.plot(x[chosen], y[chosen], linestyle="none", marker="o", markersize=8, color=style["color"],
                fillstyle="none")  # fmt: skip
    log_abscissa(ax)
    log_axis(ax)
    ax.set_xlabel("step size / middle one")


def trials_caption(results: "xarray.Dataset") -> str:
    """How step sizes were chosen."""
    a = results.attrs
    return (
        f"Step sizes tried by cross-validation: {a['folds']} folds of the training samples, {a['repeats']} runs each, "
        "with as many passes as the runs compared; circles, those chosen (lowest error, then loss). No test sample is "
        "looked at. Bars, one standard error over folds and runs; the folds are the same for all. Missing: "
        "step sizes at which a run diverged. Where neighbours are within the bars, the choice between them is chance."
    )
