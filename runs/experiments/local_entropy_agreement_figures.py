"""Figures of "local-entropy-agreement": the table of scores, and their distribution by estimator."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.local_entropy_agreement import SYSTEMATIC
from runs.experiments.local_entropy_agreement_results import LARGEST_Z
from runs.figures import PAGE_WIDTH, THEORY, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

EDGES = np.linspace(-LARGEST_Z, LARGEST_Z, 36)


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Both figures."""
    return [_table(results, out), _distributions(results, out)]


def _table(results: "xarray.Dataset", out: Path) -> Drawing:
    estimators = [str(name) for name in results.estimator.values if name not in SYSTEMATIC]
    cells = [(s, n, a, b) for s in results.source.values for n in results.n.values for a in results.alpha.values
             for b in results.temperature.values]  # fmt: skip
    width = results.sizes["place"]
    table = np.full((len(cells), len(estimators) * width), np.nan)
    for row, (s, n, a, b) in enumerate(cells):
        here = results.sel(source=s, n=n, alpha=a, temperature=b)
        for k, name in enumerate(estimators):
            values = here.score.sel(estimator=name).values
            table[row, k * width : (k + 1) * width] = _largest(values)
    figure, ax = new_figure(PAGE_WIDTH, 0.24 * len(cells) + 1.6)
    image = ax.imshow(table, cmap="RdBu", vmin=-LARGEST_Z, vmax=LARGEST_Z, aspect="auto")
    ax.set_yticks(range(len(cells)), [_label(*cell) for cell in cells], fontsize=7)
    ax.set_xticks(np.arange(len(estimators)) * width + (width - 1) / 2, estimators)
    ax.tick_params(which="both", length=0, top=False, right=False)
    ax.minorticks_off()
    for k in range(1, len(estimators)):
        ax.axvline(k * width - 0.5, color="0.3", linewidth=0.6)
    figure.colorbar(image, ax=ax, pad=0.01).set_label("score $z$ of largest size")
    listed = ", ".join(str(int(k)) for k in results.flips.values)
    count = results.sizes["instance"]
    coupled = ", ".join(f"{gamma:g}" for gamma in results.coupling.values if np.isfinite(gamma))
    caption = (
        f"Of {count} instances in each cell, the score (value - exact) / error of largest size. Columns within an "
        f"estimator: {listed} flips from the reference (for replicated: couplings {coupled} of two replicas). White: "
        "no configuration there, or a warning."
    )
    return save(figure, out, "scores", caption)


def _largest(values: np.ndarray) -> np.ndarray:
    """Along the last axis the entry of largest size, NaN where there is none."""
    size = np.where(np.isnan(values), -1.0, np.abs(values))
    place = size.argmax(axis=-1)[..., None]
    return np.take_along_axis(values, place, axis=-1)[..., 0]


def _label(source: Any, n: Any, alpha: Any, temperature: Any) -> str:
    return rf"{source}, $N = {int(n)}$, $\alpha = {alpha:g}$, $T = {temperature:g}$"


def _distributions(results: "xarray.Dataset", out: Path) -> Drawing:
    estimators = [str(name) for name in results.estimator.values]
    figure, axes = new_figure(PAGE_WIDTH, 2.4, ncols=2)
    palette = colours(len(estimators))
    middle = np.linspace(-LARGEST_Z, LARGEST_Z, 200)
    axes[0].plot(middle, np.exp(-0.5 * middle**2) / math.sqrt(2 * math.pi), label="standard normal", **THEORY)
    for name, colour in zip(estimators, palette, strict=True):
        values = results.score.sel(estimator=name).values
        values = values[np.isfinite(values) & (values != 0)]
        if values.size:
            axes[0].hist(values, EDGES, density=True, histtype="step", color=colour, label=f"{name} ({values.size})")
    axes[0].set_xlabel("score $z$")
    axes[0].set_ylabel("density")
    axes[0].set_title("(a)", loc="left")
    axes[0].legend(fontsize=6)
    off = results.deviation.sel(estimator=SYSTEMATIC[0])
    for k, n in enumerate(results.n.values):
        here = off.sel(n=n).values
        flat = np.moveaxis(here, -2, 0).reshape(off.sizes["place"], -1)
        rms = np.sqrt(np.nanmean(flat**2, axis=1))
        axes[1].plot(
            results.flips.values / n, rms, color=colours(results.sizes["n"])[k], marker="o", label=f"$N = {int(n)}$"
        )
    axes[1].set_xlabel("distance $d$")
    axes[1].set_ylabel("rms of bethe $-$ exact (nats)")
    axes[1].set_ylim(bottom=0)
    axes[1].set_title("(b)", loc="left")
    axes[1].legend()
    caption = (
        "(a) Scores of all values with an error bar and without a warning; integration and mbar share their chains. "
        "(b) Belief propagation is an approximation at these sizes: how far it is off."
    )
    return save(figure, out, "distribution", caption)
