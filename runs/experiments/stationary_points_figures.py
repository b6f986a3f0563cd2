"""Figures of "stationary-points": index against energy, numbers of points against energy, eigenvalues of networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.stationary_points import parts_of
from runs.experiments.stationary_points_results import FAMILY, ISOLATED, SINGULAR
from runs.figures import PAGE_WIDTH, THEORY, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

NAMES = {"ring": "ring", "complete": "complete graph", "square": "square lattice", "linear": "linear network",
         "tanh": "tanh network"}  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FLOOR = 1e-19
"""Eigenvalues below, in units of the largest, are drawn there."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Those for which there is something."""
    cases = results.case.values
    lattices = [c for c in cases if "sites" in results and np.isfinite(results.sites.sel(case=c))]
    networks = [c for c in cases if "predicted_hessian" in results
                and np.isfinite(results.predicted_hessian.sel(case=c)).any()]  # fmt: skip
    drawn = [_indices(results, lattices, out), _numbers(results, lattices, out)] if lattices else []
    return drawn + ([_flat(results, networks, out)] if networks else [])


def _panels(cases: Sequence[str], columns: int) -> tuple[Any, list[Any]]:
    rows = -(-len(cases) // columns)
    figure, axes = new_figure(PAGE_WIDTH, 2.1 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
    for ax in axes.flat[len(cases) :]:
        ax.set_visible(False)
    return figure, list(axes.flat[: len(cases)])


def _title(letter: str, case: str) -> str:
    kind, number = parts_of(case)
    size = f"{number} x {number}".replace("x", r"$\times$") if kind == "square" else f"$N = {number}$"
    if kind in ("linear", "tanh"):
        size = f"{number} hidden" + (" + 1 copied" if kind == "tanh" else "")
    return f"({letter}) {NAMES[kind]}, {size}"


def _indices(results: "xarray.Dataset", cases: Sequence[str], out: Path) -> Drawing:
    from matplotlib.colors import LogNorm

    figure, axes = _panels(cases, 3)
    shade = LogNorm(1, max(10.0, float(results.points_found.max())))
    for letter, case, ax in zip(LETTERS, cases, axes, strict=False):
        here = results.sel(case=case)
        energy, index = here.energy_per_site.values, here.index.values / float(here.sites)
        kind, found, starts = here.kind.values, here.points_found.values, here.starts_there.values
        known = np.isfinite(here.points_known.values)
        single = (kind == ISOLATED) & (found > 0)
        image = ax.scatter(energy[single], index[single], c=found[single], norm=shade, s=13, cmap="viridis_r",
                           linewidths=0, label="isolated points found", zorder=2)  # fmt: skip
        met = starts > 0
        ax.plot(energy[met & (kind == SINGULAR)], index[met & (kind == SINGULAR)], "x", color="0.55", markersize=3.5,
                markeredgewidth=0.8, label="singular points found", zorder=1)  # fmt: skip
        # Open and under the dots: families may lie on energies of isolated points.
        ax.plot(energy[met & (kind == FAMILY)], index[met & (kind == FAMILY)], "D", color="C3", markersize=4.5,
                fillstyle="none", markeredgewidth=0.8, label="families found", zorder=1.5)  # fmt: skip
        exact = known & (kind != SINGULAR)
        ax.plot(energy[exact], index[exact], "o", color="black", fillstyle="none", markersize=6.5, markeredgewidth=0.6,
                label="exact: all points, or known classes", zorder=4)  # fmt: skip
        ax.set_title(_title(letter, case), loc="left")
        ax.set_ylim(-0.06, 1.0)
        ax.set_xlabel("energy per site $E/N$ ($J$)")
        ax.set_ylabel("index per site")
    figure.colorbar(image, ax=axes, pad=0.01, aspect=30).set_label("isolated points found in a class")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    caption = (
        "Stationary points of the XY energy, each symbol a class of one energy and index. Filled circles: isolated "
        "points from random starts by Newton steps and eigenvector-following, shaded by how many different ones were "
        "found (on the square lattice with their images by symmetry). Diamonds: continuous families, with zero modes "
        "beyond the turn of all angles. Crosses: singular points, where families meet or the Hessian is degenerate; "
        "zero modes lower their index. Open circles: every isolated point and family of the ring and of the complete "
        "graph, and on the square lattice the configurations of angles 0 and pi and the sums of ring points; there "
        "other points are found too."
    )
    return save(figure, out, "energy-and-index", caption)


def _numbers(results: "xarray.Dataset", cases: Sequence[str], out: Path) -> Drawing:
    figure, axes = _panels(cases, 3)
    for letter, case, ax in zip(LETTERS, cases, axes, strict=False):
        here = results.sel(case=case)
        single, sites = here.kind.values == ISOLATED, float(here.sites)
        energy, found, known = (here[name].values for name in ("energy_per_site", "points_found", "points_known"))
        exact = single & (known > 0)
        ax.plot(energy[exact], np.log(known[exact]) / sites, "o", color="black", fillstyle="none", markersize=6.5,
                markeredgewidth=0.6, label="exact: all points, or known classes")  # fmt: skip
        seen = single & (found > 0)
        ax.plot(energy[seen], np.log(found[seen]) / sites, ".", color="C0", markersize=5, label="found")
        for e in np.unique(np.round(energy[(here.kind.values == FAMILY) & (here.starts_there.values > 0)], 9)):
            ax.axvline(e, color="C3", linewidth=0.8, zorder=0, label="a family")
        ax.set_title(_title(letter, case), loc="left")
        ax.set_ylim(bottom=-0.03)
        ax.set_xlabel("energy per site $E/N$ ($J$)")
        ax.set_ylabel(r"$(1/N)\,\ln$ number")
    labels = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(labels.values(), labels.keys(), loc="outside upper center", ncols=3)
    caption = (
        "How many isolated stationary points a class of one energy and index has, modulo the turn of all angles, as a "
        "density per site: different points found (dots; on the square lattice with their images by symmetry) and "
        "exact numbers (circles; on the square lattice of known classes alone). A dot below its circle: not all points "
        "of the class were met. Lines: energies of families, which have no number."
    )
    return save(figure, out, "number-of-points", caption)


def _flat(results: "xarray.Dataset", cases: Sequence[str], out: Path) -> Drawing:
    figure, axes = _panels(cases, 3)
    shades = dict(zip(("hessian", "noise"), colours(2), strict=True))
    marks = {"hessian": ("o", "Hessian"), "noise": ("s", "$D$, covariance of gradients")}
    for letter, case, ax in zip(LETTERS, cases, axes, strict=False):
        here = results.sel(case=case).isel(run=0)
        for name, (marker, label) in marks.items():
            values = np.abs(here[name].values)
            values = np.sort(values[np.isfinite(values)])
            place = np.arange(1, values.size + 1)
            ax.plot(place, np.maximum(values / values[-1], FLOOR), marker, color=shades[name], label=label,
                    fillstyle="none" if name == "noise" else "full", markersize=2.8)  # fmt: skip
            predicted = float(here[f"predicted_{name}"])
            line = {**THEORY, "color": shades[name], "linestyle": "--" if name == "hessian" else ":"}
            ax.axvline(predicted + 0.5, label=f"zeros predicted, {label.split(',')[0]}", **line)
        ax.set_yscale("log")
        ax.set_ylim(FLOOR / 5, 10)
        ax.set_title(_title(letter, case), loc="left")
        ax.set_xlabel("rank from the smallest")
        ax.set_ylabel("|eigenvalue| / largest")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=7)
    caption = (
        "Moduli of the eigenvalues of the Hessian and of D, the covariance of the gradients of single samples, of the "
        "first data set, in units of the largest one (those below 1e-19 are drawn there). Left of the lines: zeros "
        "predicted from symmetry, dashed for the Hessian and dotted for D. A linear network of h units at its lowest "
        "loss has h^2 + h (factorisation X = A P P^-1 B, and the biases), more when it has more units than outputs. At "
        "a tanh network with a unit copied the Hessian has one, D has those of the copy's weights."
    )
    return save(figure, out, "flat-directions", caption)
