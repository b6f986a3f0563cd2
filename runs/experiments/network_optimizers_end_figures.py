"""Figures of "network-optimizers": ends beside each other, at equal loss and at the end, as points and as a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_optimizers_figures import LOOKS, lettered, log_abscissa
from runs.experiments.network_optimizers_summary import (
    CHOICE,
    NO_ERROR,
    SHARED,
    SURVIVING,
    how,
    label,
    measured,
    setting,
    shown,
    told,
)
from runs.figures import PAGE_WIDTH, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

BESIDE = 0.28
"""Rows that step sizes next to the chosen one stand lower."""

ROWS = (
    ("step size", "step_size", 1.0),
    ("test error (%)", "final_test_error", 100.0),
    ("     difference", "difference_final_test_error", 100.0),
    (r"training loss $f$ ($10^{-3}$ nats)", "final_training_loss", 1e3),
    ("test error at equal $f$ (%)", "matched_test_error", 100.0),
    ("     difference", "difference_matched_test_error", 100.0),
    (r"$u-f$ at equal $f$ ($10^{-3}$ nats)", "matched_entropy", 1e3),
    ("     difference", "difference_matched_entropy", 1e3),
    (r"$u-f$ ($10^{-3}$ nats)", "local_entropy", 1e3),
    (r"$\mathrm{tr}\,H$", "hessian_trace", 1.0),
    (r"$\lambda_{\max}(H)$", "hessian_highest", 1.0),
    (r"$\lambda_{\min}(H)$ ($10^{-3}$)", "hessian_lowest", 1e3),
    (r"$\mathrm{tr}\,D$ ($10^{-3}$)", "noise_trace", 1e3),
    ("participation ratio of $D$", "noise_participation", 1.0),
    ("length of the weights", "weight_length", 1.0),
)
"""Heading, variable and factor of the table's rows."""


def ends(results: "xarray.Dataset", out: Path) -> Drawing:
    """Widths, test errors and losses of every method, one below the other."""
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
    log_abscissa(axes[3])
    first = label(names[0])
    caption = (
        f"Methods at equal loss and at the end: {setting(results)}; {CHOICE}; {SHARED}. Filled: step size chosen, "
        f"mean over seeds with one standard error; pale, each seed. Open triangles: step sizes tried next below and "
        f"above it, {results.attrs['neighbours']} seeds each, the same bars. Without a bar: one run. Dashed: mean of "
        f"{first}. Stars: differences to {first}, seed by seed, with {SURVIVING}. "
        f"(a) Local entropy u(x, t) - f(x), {how(at)}, where training first reaches a loss of "
        f"{at.attrs['matched_loss']:g}; smaller is wider. (b) Wrong fraction of the test samples there. (c) The same "
        f"at the end. (d) Energy of all training samples at the end, which follows the step size: "
        "without stars. Not tuned: {results.attrs['constants']}."
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
            bars = factor * here[f"near_{name}_error"].values
            for k, marker in ((0, "<"), (2, ">")):
                ax.errorbar(beside[k], i + BESIDE, xerr=bars[k], marker=marker, color=colour, markersize=4,
                            markerfacecolor="white", linewidth=0.7)  # fmt: skip
        if i and told(at, name, optimizer):
            ax.annotate("*", (1.0, i), (-3, -4), xycoords=("axes fraction", "data"), textcoords="offset points",
                        ha="right", va="center", fontsize=11, color=colour)  # fmt: skip
    ax.margins(x=0.12)


def table(results: "xarray.Dataset", out: Path) -> Drawing:
    """Numbers of every method at equal loss and at the end."""
    at = shown(results)
    names = at["optimizer"].values
    columns = [[_cell(at.sel(optimizer=name), variable, factor) for _, variable, factor in ROWS] for name in names]
    headings = [label(name).replace(" SGD", "\nSGD") for name in names]
    figure, ax = new_figure(PAGE_WIDTH, 0.2 * len(ROWS) + 0.5)
    ax.axis("off")
    cells = ax.table(
        cellText=[list(row) for row in zip(*columns, strict=True)], rowLabels=[row[0] for row in ROWS],
        colLabels=headings, loc="center", cellLoc="center", edges="horizontal", bbox=(0.22, 0.0, 0.78, 1.0),
    )  # fmt: skip
    cells.auto_set_font_size(False)
    cells.set_fontsize(5.5 if len(headings) > 8 else 7)
    for (row, column), cell in cells.get_celld().items():
        cell.set_linewidth(0.4)
        if row == 0:
            cell.set_height(1.6 * cell.get_height())
        elif column > 0 and _told(at, ROWS[row - 1][1], column):
            cell.get_text().set_fontweight("bold")
    first = label(names[0])
    caption = (
        f"Ends of training: {setting(results)}. Means over seeds, one standard error in brackets; {NO_ERROR}. "
        f"Differences are to {first}, seed by seed; bold: {SURVIVING}. {CHOICE[0].upper()}{CHOICE[1:]}; {SHARED}. "
        f"Equal f: where training first reaches {at.attrs['matched_loss']:g}; empty where no run looked at does. "
        f"u - f: local entropy, {how(at)} (smaller is wider); at the end it follows the loss and this "
        "the step size, so that no differences are given there; its errors are those over seeds, that of "
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
    return measured(value, factor * float(here[f"{variable}_error"])).replace("-", "\N{MINUS SIGN}")


def _told(at: "xarray.Dataset", variable: str, column: int) -> bool:
    name = variable.removeprefix("difference_")
    return name != variable and told(at, name, at["optimizer"].values[column])
