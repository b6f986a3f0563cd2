"""Figures of "network-optimizers": curves along training, local entropies over t, step sizes tried."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_optimizers_summary import HOW_INTEGRATED, label, setting
from runs.figures import PAGE_WIDTH, Drawing, log_axis, new_figure, save

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

STEEPEST = 10.0
"""Highest loss held out that is shown, in units of the lowest: where steps are too long it has a hundred digits."""

HIGHEST_ERROR = 30.0
"""Percent: curves of the test error begin above, at 1 - 1 / classes."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Every figure there are results for."""
    if "final_test_error" not in results:
        return []
    from runs.experiments.network_optimizers_end_figures import ends, table
    from runs.experiments.network_optimizers_width_figures import spectra, temperatures

    makers = (ends, temperatures, table, _curves, spectra, _widths, _trials)
    return [make(results, out) for make in makers]


def look(name: object) -> dict[str, Any]:
    """Colour, marker and label of an optimiser."""
    colour, marker = LOOKS[str(name)]
    return {"color": colour, "marker": marker, "label": label(name)}


def lettered(axes: Any, said: Sequence[str] = ()) -> None:
    """Letters in brackets above the panels, each with what is `said` of it."""
    for i, (letter, ax) in enumerate(zip("abcdefgh", axes, strict=False)):
        ax.set_title(f"({letter}) {said[i]}" if said else f"({letter})", loc="left")


def log_abscissa(ax: Any) -> None:
    """Logarithmic abscissa with plain numbers at 1, and at 2 and 5 where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100.0 * low else (1.0,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def log_ordinate(ax: Any) -> None:
    """Logarithmic ordinate, with more plain numbers where it spans less than a decade."""
    from matplotlib.ticker import LogLocator

    log_axis(ax)
    low, high = ax.get_ylim()
    if high < 10.0 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))


def legend_above(figure: Any, ax: Any) -> None:
    """One legend for all panels."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(7, len(labels)), columnspacing=1.2)


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
        log_ordinate(ax)
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
        f"Local entropy of the ends over the scale, beta = {results.attrs['beta']:g}: smaller is wider; divided by t, "
        "it tends to tr H / (2 beta) at small t. Filled: Laplace (to second order), all seeds, bars one standard error "
        f"over seeds. Open: {HOW_INTEGRATED}, {count} seed{'' if count == 1 else 's'} of each, the same bars"
        f"{' (none: of one alone its own error)' if count == 1 else ''}. At large t the loss departs from its "
        "expansion to second order, and integration is right."
    )
    return save(figure, out, "widths", caption)


def _trials(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 3.0, ncols=2)
    panels = (("tried_error", "error held out (%)", 100.0), ("tried_loss", "loss held out (nats)", 1.0))
    for ax, (name, said, factor) in zip(axes, panels, strict=True):
        draw_trials(ax, results, name, factor)
        ax.set_ylabel(said)
    lowest, highest = (float(reach(results["tried_loss"])) for reach in (np.nanmin, np.nanmax))
    highest = min(1.3 * highest, STEEPEST * lowest)
    axes[1].set_ylim(0.7 * lowest, highest)
    log_ordinate(axes[1])
    lettered(axes)
    legend_above(figure, axes[0])
    return save(figure, out, "step-sizes", f"{trials_caption(results)} (b) shows losses up to {highest:.2g}.")


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
    factors = results["factor"].values
    ax.set_xticks(factors, [f"{factor:g}" for factor in factors])
    ax.set_xticks([], minor=True)
    log_ordinate(ax)
    ax.set_xlabel("step size / middle one")


def trials_caption(results: "xarray.Dataset") -> str:
    """How step sizes were chosen."""
    a = results.attrs
    runs = "one run each" if a["repeats"] == 1 else f"{a['repeats']} runs each, averaged"
    folds = "of two folds half their difference, which can be small by chance"
    if a["folds"] > 2:
        folds = "which train on overlapping samples, so that it may be larger"
    return (
        f"Step sizes tried by cross-validation: {a['folds']} folds of the training samples, {runs}, with as many "
        "passes as the runs compared; circles, those chosen (lowest error, then loss). No test sample is looked at. "
        f"Bars, one standard error over the folds ({folds}); the folds are the same for all. Missing: step sizes at "
        "which a run diverged. Where neighbours are within the bars, the choice between them is chance."
    )
