"""Figures of "network-parle-split": test error against the share of the samples, along training, step sizes tried."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_methods import REPLICATED
from runs.experiments.network_optimizers_figures import (
    HIGHEST_ERROR,
    LOOKS,
    draw_trials,
    legend_above,
    lettered,
    log_abscissa,
    log_ordinate,
    look,
    trials_caption,
)
from runs.experiments.network_optimizers_summary import CHOICE, LEVEL, SHARED, label, setting
from runs.experiments.network_parle_split_summary import PUBLISHED, found, work
from runs.figures import PAGE_WIDTH, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

SHIFT = 0.035
"""Between optimisers at one share of the samples, as a share of it."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Every figure there are results for."""
    if "final_test_error" not in results:
        return []
    return [_errors(results, out), _curves(results, out), _trials(results, out)]


def _errors(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.1, ncols=2)
    names = results["optimizer"].values
    band = [100.0 * float(results[f"final_test_error{part}"].isel(optimizer=0, fraction=-1)) for part in ("", "_error")]
    left.axhspan(band[0] - band[1], band[0] + band[1], color="0.85", linewidth=0)
    right.axhline(0.0, color="0.6", linewidth=0.8, linestyle="--")
    for i, name in enumerate(names):
        here = results.sel(optimizer=name)
        x = 100.0 * here["fraction"].values * (1.0 + SHIFT * (i - (len(names) - 1) / 2.0))
        _line(left, here, x, "final_test_error", look(name))
        if name in REPLICATED:
            alone = {"color": LOOKS[str(name)][0], "marker": LOOKS[str(name)][1], "markerfacecolor": "white",
                     "linestyle": ":"}  # fmt: skip
            _line(left, here, x, "replicas_error", alone)
        if i == 0:
            continue
        _line(right, here, x, "difference_to_all", look(name))
        told = here["probability_to_all"].values < LEVEL
        tops = 100.0 * (here["difference_to_all"] + here["difference_to_all_error"]).values[told]
        for place, value in zip(x[told], tops, strict=True):
            right.annotate("*", (place, value), (0, 4), textcoords="offset points", ha="center", va="center",
                           color=LOOKS[str(name)][0], fontsize=11)  # fmt: skip
    right.margins(y=0.12)
    for ax in (left, right):
        _percent_axis(ax, results)
    left.set_ylabel("test error (%)")
    right.set_ylabel(f"difference to {label(names[0])} on all data (%)")
    lettered((left, right))
    legend_above(figure, left)
    extra = "; ".join([work(results), *found(results)])
    caption = (
        f"{setting(results)}; {int(results.attrs['replicas'])} replicas, each on its own share of the training "
        "samples, drawn anew for each seed. (a) Test error, means over seeds with one standard error: filled, the "
        "centre of the replicas, or the weights where there is one; open, single replicas (those of Elastic-SGD meet "
        "at every step, those of Parle after inner loops). Grey: "
        f"{label(names[0])} on all data. (b) Differences to that, seed by seed, of the centres; stars: probability "
        f"below {LEVEL:g} by chance (Student's t; Holm's correction over all that are compared with "
        f"{label(names[0])} on all data, those of {label(names[0])} on parts among them). Errors are those over seeds: "
        f"{CHOICE}; {SHARED}. "
        f"{extra}. Not tuned: {results.attrs['constants']}. {PUBLISHED[0].upper()}{PUBLISHED[1:]}."
    )
    return save(figure, out, "split", caption)


def _line(ax: Any, here: "xarray.Dataset", x: np.ndarray, name: str, style: dict[str, Any]) -> None:
    y, error = 100.0 * here[name].values, 100.0 * here[f"{name}_error"].values
    known = np.isfinite(y)
    ax.errorbar(x[known], y[known], np.nan_to_num(error[known]), **{"linewidth": 0.7, **style})


def _percent_axis(ax: Any, results: "xarray.Dataset") -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    ax.set_xscale("log")
    ticks = 100.0 * results["fraction"].values
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)
    ax.set_xlabel("share of the training samples seen (%)")


def _curves(results: "xarray.Dataset", out: Path) -> Drawing:
    fractions = results["fraction"].values
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=len(fractions), sharey=True, squeeze=False)
    for ax, fraction in zip(axes[0], fractions, strict=True):
        for optimizer in results["optimizer"].values:
            here = results.sel(optimizer=optimizer, fraction=fraction)
            known = here["work"].values > 0
            ax.errorbar(here["work"].values[known] / 1e3, 100.0 * here["test_error"].values[known],
                        100.0 * here["test_error_error"].values[known], **look(optimizer))  # fmt: skip
        log_abscissa(ax)
        ax.set_xlabel(r"sample gradients ($10^3$)")
    axes[0, 0].set_ylabel("test error (%)")
    low, high = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(max(low, 80.0 * float(np.nanmin(results["test_error"]))), min(high, HIGHEST_ERROR))
    log_ordinate(axes[0, 0])
    lettered(axes[0], [f"{100 * fraction:g} % seen" for fraction in fractions])
    legend_above(figure, axes[0, 0])
    falling = "falling along a cosine" if results.attrs["schedule"] == "cosine" else "constant"
    caption = (
        f"Along training: {setting(results)}. Test error below {HIGHEST_ERROR:g} %, of replicas the centre, means over "
        f"seeds with one standard error, where each replica sees {', '.join(f'{100 * f:g}' for f in fractions)} % of "
        f"the training samples. Step sizes chosen by cross-validation, {falling}."
    )
    return save(figure, out, "curves", caption)


def _trials(results: "xarray.Dataset", out: Path) -> Drawing:
    fractions = results["fraction"].values
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=len(fractions), sharey=True, squeeze=False)
    for ax, fraction in zip(axes[0], fractions, strict=True):
        draw_trials(ax, results.sel(fraction=fraction), "tried_error", 100.0)
    axes[0, 0].set_ylabel("error held out (%)")
    lettered(axes[0], [f"{100 * fraction:g} % seen" for fraction in fractions])
    legend_above(figure, axes[0, 0])
    return save(figure, out, "step-sizes", f"{trials_caption(results)} Panels: shares of the samples that are seen.")
