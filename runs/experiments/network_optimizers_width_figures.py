"""Figures of "network-optimizers": widths against the temperature of a step size, and spectra of the Hessian and D."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_optimizers_figures import legend_above, lettered, log_abscissa, look
from runs.experiments.network_optimizers_summary import how, setting, shown
from runs.figures import PAGE_WIDTH, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

OWN_STEPS = ("adam", "rmsprop", "adagrad")
"""Those whose steps are not gradients times the step size."""


def temperatures(results: "xarray.Dataset", out: Path) -> Drawing:
    """Widths and test errors at equal loss against step size over twice the batch, at three step sizes each."""
    at = shown(results)
    figure, axes = new_figure(PAGE_WIDTH, 3.3, ncols=3)
    loss = at.attrs["matched_loss"]
    panels = (
        ("near_matched_entropy", rf"$u-f$ at $f={loss:g}$ ($10^{{-3}}$ nats)", 1e3),
        ("near_matched_test_error", rf"test error at $f={loss:g}$ (%)", 100.0),
        ("near_final_test_error", "test error at the end (%)", 100.0),
    )
    for ax, (name, said, factor) in zip(axes, panels, strict=True):
        for optimizer in at["optimizer"].values:
            _steps(ax, at.sel(optimizer=optimizer), name, factor, look(optimizer))
        log_abscissa(ax)
        ax.set_xlabel(r"$\eta/[2b(1-\mu)]$")
        ax.set_ylabel(said)
    lettered(axes)
    legend_above(figure, axes[0])
    most, integrated = int(np.nanmax(at["runs"])), int(at.attrs["integrated"])
    seeds = "all seeds" if integrated >= most else f"{integrated} of {most} seeds in (a) and (b)"
    caption = (
        f"What the step size does: {setting(results)}. Against step size / (1 - momentum) / (2 batch), the temperature "
        "of SGD's noise (that of a replica; inner steps where there are some); filled, the step size chosen by "
        f"cross-validation, {seeds}; open, the next below and above of those tried, "
        f"{results.attrs['neighbours']} seeds each. Dotted: Adam and others whose steps are no gradients times the "
        f"step size, in the same units. (a) Local entropy, {how(at)}, where training first reaches a loss of {loss:g}: "
        "smaller is wider. (b) Wrong fraction of the test samples there, (c) at the end. Bars, one standard error over "
        "seeds; without a bar, one run; missing in (a) and (b), step sizes at which no run reaches that loss. "
        "Methods are comparable where their lines are apart over all of this, not at one point each."
    )
    return save(figure, out, "temperature", caption)


def _steps(ax: Any, here: "xarray.Dataset", name: str, factor: float, style: dict[str, Any]) -> None:
    x, y = here["near_temperature"].values, factor * here[name].values
    error = factor * np.nan_to_num(here[f"{name}_error"].values)
    known = np.isfinite(x) & np.isfinite(y)
    line = ":" if here["optimizer"].item() in OWN_STEPS else "-"
    ax.errorbar(
        x[known], y[known], error[known], **{**style, "markerfacecolor": "white", "linewidth": 0.8}, linestyle=line
    )
    ax.plot(x[1], y[1], **{**style, "label": None, "linestyle": "none", "zorder": 4})


def spectra(results: "xarray.Dataset", out: Path) -> Drawing:
    """Eigenvalues of the Hessian and of D above each level."""
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.3, ncols=2, sharey=True)
    level = results["level"].values
    for optimizer in results["optimizer"].values:
        here, style = results.sel(optimizer=optimizer), look(optimizer)
        style = {"color": style["color"], "label": style["label"], "linewidth": 1.0}
        _counted(left, level, here["hessian_above"].values, **style)
        _counted(left, level, here["hessian_below"].values, **{**style, "label": None, "linestyle": ":"})
        _counted(right, level, here["noise_above"].values, **style)
    for ax, said in ((left, r"$\lambda(H)$"), (right, r"$\lambda(D)$")):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.7)
        ax.set_xlabel(said)
    left.set_ylabel("eigenvalues beyond")
    lettered((left, right))
    legend_above(figure, left)
    caption = (
        f"Spectra at the end: {setting(results)}. Means over seeds of the number of eigenvalues, integrals of their "
        "density. (a) Hessian of the training loss: solid, above the abscissa; dotted, negative ones below minus it. "
        "(b) Covariance D of sample gradients. Both shrink with the loss at the end, which differs between methods."
    )
    return save(figure, out, "spectra", caption)


def _counted(ax: Any, level: np.ndarray, count: np.ndarray, **style: Any) -> None:
    seen = count > 0.5
    ax.plot(level[seen], count[seen], marker="", **style)
