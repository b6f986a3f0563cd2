"""Figures of "well-widths": the table of scores, and u over the scale with every estimator on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.well_widths_results import LARGEST_Z
from runs.figures import MARKERS, PAGE_WIDTH, THEORY, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

DRAWN = ("quadratic-50", "mixture-100", "well-3", "cold-well-1")
OFFSET = 0.05
"""Factor between the abscissae of neighbouring estimators, so that their symbols do not hide each other."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Both figures."""
    return [_scores(results, out), _curves(results, out)]


def _scores(results: "xarray.Dataset", out: Path) -> Drawing:
    cases, estimators, scales = (results[dim].values for dim in ("case", "estimator", "scale"))
    judged = results.judged.values == 1
    score = np.where(judged, results.score.values, np.nan)
    table = score.transpose(0, 1, 2).reshape(len(cases), -1)
    figure, ax = new_figure(PAGE_WIDTH, 0.32 * len(cases) + 1.9)
    image = ax.imshow(
        np.clip(table, -LARGEST_Z, LARGEST_Z), cmap="RdBu", vmin=-LARGEST_Z, vmax=LARGEST_Z, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(table):
        text = "" if np.isnan(value) else f"{value:.1f}".replace("-0.0", "0.0")
        dark = abs(value) > 3.2 if np.isfinite(value) else False
        ax.text(column, row, text, ha="center", va="center", fontsize=5, color="white" if dark else "black")
    width = len(scales)
    ax.set_xticks(np.arange(len(estimators)) * width + (width - 1) / 2, estimators, rotation=20)
    ax.set_yticks(range(len(cases)), cases)
    ax.tick_params(which="both", length=0, top=False, right=False)
    ax.minorticks_off()
    for k in range(1, len(estimators)):
        ax.axvline(k * width - 0.5, color="0.3", linewidth=0.6)
    bar = figure.colorbar(image, ax=ax, pad=0.01)
    bar.set_label("score $z$")
    listed = ", ".join(f"{t:g}" for t in scales)
    caption = (
        f"Mean over repeats minus exact value in standard errors; columns within an estimator are t = {listed}. Empty: "
        "not judged, because the estimator does not serve the case (quadrature above two dimensions), is no exact "
        "method there (Laplace beyond quadratics), says itself that the scale is too large (convolution), or nothing "
        "exact is known (the zero-temperature limit of mixtures). Integration, bar, mbar and tempering share "
        "their chains."
    )
    return save(figure, out, "scores", caption)


def _curves(results: "xarray.Dataset", out: Path) -> Drawing:
    shown = [name for name in DRAWN if name in results.case.values] or list(results.case.values[:4])
    figure, axes = new_figure(
        PAGE_WIDTH, 2.1 * -(-len(shown) // 2) + 0.6, nrows=-(-len(shown) // 2), ncols=2, squeeze=False
    )
    scales, estimators = results.scale.values, list(results.estimator.values)
    palette = colours(len(estimators))
    for letter, name, ax in zip("abcdefgh", shown, axes.flat, strict=False):
        here = results.sel(case=name)
        for k, estimator in enumerate(estimators):
            _points(ax, here.sel(estimator=estimator), scales * (1 + OFFSET * (k - len(estimators) / 2)), palette[k],
                    MARKERS[k % len(MARKERS)], estimator)  # fmt: skip
        ax.axhline(0.0, **THEORY)
        ax.set_xscale("log")
        ax.set_yscale("symlog", linthresh=1e-4)
        ax.set_title(f"({letter}) {name}", loc="left")
        ax.set_xlabel("scale $t$")
        ax.set_ylabel("$u - $ exact (energy)")
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(8, len(labels)), fontsize=7)
    caption = (
        "Deviation of every estimator from the exact smoothed free energy (moreau: from its zero-temperature limit), "
        "mean over repeats with one standard error; linear within 1e-4 of 0. The deviations of Laplace on landscapes "
        "that are not quadratic are those of the method; its bar tells their size."
    )
    return save(figure, out, "deviations", caption)


def _points(ax: Any, here: "xarray.Dataset", scales: np.ndarray, colour: Any, marker: str, label: str) -> None:
    value, error = here.deviation.values, here.deviation_error.values
    ax.errorbar(scales, value, error, color=colour, marker=marker, linestyle="none", label=label)
