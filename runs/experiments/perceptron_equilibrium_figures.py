"""Figures of an equilibrium run: thermodynamics over replica theory, P(q), and how far to trust them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.statistics.convergence import AGREEMENT
from runs.experiments.perceptron_equilibrium_summary import coldest
from runs.experiments.perceptron_spec import Instances
from runs.experiments.perceptron_theory import replicas
from runs.figures import MARKERS, PAGE_WIDTH, THEORY, Drawing, by_size, colours, log_axis, new_figure, save

if TYPE_CHECKING:
    import xarray

BETA = r"inverse temperature $\beta$"
CURVE_POINTS = 60


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Thermodynamics, overlaps, convergence; nothing without a finished point."""
    if "energy_per_weight" not in results:
        return []
    return [_thermodynamics(results, out), _overlaps(results, out), _convergence(results, out)]


def _thermodynamics(results: "xarray.Dataset", out: Path) -> Drawing:
    limits = _against_sizes(results)
    figure, axes = new_figure(PAGE_WIDTH, 5.6 if limits else 3.0, nrows=2 if limits else 1, ncols=2, squeeze=False)
    _against_beta(axes[0, 0], results, "energy_per_weight", "energy per weight $E/N$", 0)
    _against_beta(axes[0, 1], results, "entropy_per_weight", "entropy per weight $S/N$ (nats)", 1)
    if limits:
        _against_size(axes[1, 0], results, "energy", r"$E/N$ minus theory")
        _against_size(axes[1, 1], results, "entropy", r"$S/N$ minus theory (nats)")
    _letters(axes)
    _legend(figure, results)
    caption = (
        f"{_model(results)}: (a) mean energy and (b) entropy per weight, the energy integrated from beta = 0; "
        f"{_errors(results)}. Open symbols: not in equilibrium."
    )
    if np.isfinite(results["replica_energy"]).any():
        caption += " Dashed: replica-symmetric theory at large N."
    if limits:
        caption += (
            " (c), (d) What is measured minus the theory at the same P/N, against 1/N, at the largest beta at which "
            "the most sizes are in equilibrium; lines: weighted fits, with their limits at large N on the left."
        )
    return save(figure, out, "thermodynamics", caption)


def _overlaps(results: "xarray.Dataset", out: Path) -> Drawing:
    count = results.sizes["alpha"] + 1
    columns = 2 if count in (2, 4) else min(count, 3)
    rows = -(-count // columns)
    figure, axes = new_figure(PAGE_WIDTH, 0.4 + 2.5 * rows, nrows=rows, ncols=columns, squeeze=False)
    for j, ax in enumerate(axes.flat[: count - 1]):
        _density(ax, results.isel(alpha=j))
    mean = axes.flat[count - 1]
    _against_beta(mean, results, "overlap", r"mean overlap $\langle q\rangle$", 2)
    for ax in axes.flat[count:]:
        ax.set_axis_off()
    _letters(axes.reshape(-1)[:count])
    _legend(figure, results)
    caption = (
        f"{_model(results)}: distribution of the overlap of two independent chains at the same temperature, averaged "
        "over instances (bands: one standard error), at the largest beta at which the most sizes are in equilibrium; "
        "the last panel: its mean against beta."
    )
    if np.isfinite(results["replica_overlap"]).any():
        caption += " Dashed: the overlap of replica-symmetric theory, at which P(q) is a peak without width at large N."
    return save(figure, out, "overlaps", caption)


def _convergence(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 5.4, nrows=2, ncols=2)
    for j, i, look in _cells(results):
        cell = results.isel(alpha=j, n=i)
        beta = results["beta"].values
        style = {"linewidth": 0.8, **look}
        axes[0, 0].plot(beta, cell["tau_int_energy"], **style)
        axes[0, 1].plot(beta, cell["swap_rate"], **style)
        axes[1, 0].plot(beta, cell["r_hat"] - 1.0, **style)
        axes[1, 1].plot(beta[1:], np.abs(cell["integration_minus_bennett"].values[1:]), **style)
        axes[1, 1].plot(beta[1:], cell["integration_error"].values[1:], color=look["color"], linewidth=0.6, alpha=0.5)
    axes[0, 0].set_ylabel(r"$\tau_{\rm int}$ of the energy (sweeps)")
    axes[0, 1].set_ylabel("swap rate with next smaller beta")
    axes[0, 1].set_ylim(0.0, 1.0)
    axes[1, 0].set_ylabel(r"largest $\hat R-1$")
    axes[1, 0].axhline(AGREEMENT - 1.0, **THEORY)
    axes[1, 1].set_ylabel(r"$|\Delta|\ln Z/N$ (nats)")
    for ax in (axes[0, 0], axes[1, 0], axes[1, 1]):
        log_axis(ax)
    axes[1, 0].set_ylim(bottom=1e-4)
    for ax in axes.flat:
        ax.set_xlabel(BETA)
    _letters(axes)
    _legend(figure, results, symbols=False)
    caption = (
        "Convergence: (a) integrated autocorrelation time of the energy, mean over instances (1/2 + sum of rho, so "
        "thinning sets its floor); (b) exchange of neighbouring temperatures; (c) rank-normalised split R-hat of "
        f"energy and overlap, largest of all instances, less 1 (dashed: {AGREEMENT - 1.0:.2g}); (d) symbols: ln Z per "
        "weight by integrating the energy minus that by Bennett's ratios; lines: estimated error from the beta steps."
    )
    return save(figure, out, "convergence", caption)


def _against_beta(ax: Any, results: "xarray.Dataset", name: str, label: str, which: int) -> None:
    """A quantity, symbols open out of equilibrium, over field `which` of replica theory."""
    beta = results["beta"].values
    value, error, trusted = results[name], results[f"{name}_error"], results["equilibrated"]
    for j, i, look in _cells(results):
        y, bars = value.values[i, j], error.values[i, j]
        for whole in (True, False):
            there = np.isfinite(y) & ((trusted.values[i, j] == 1.0) == whole)
            style = {"linestyle": "none", "elinewidth": 0.7, **({} if whole else {"mfc": "white"})}
            ax.errorbar(beta[there], y[there], bars[there], **style, **look)
    grid = np.linspace(beta[0], beta[-1], CURVE_POINTS)
    for j, alpha in enumerate(results["alpha"].values):
        curve = [replicas(_instances(results), float(alpha), b, str(results.attrs["energy"]))[which] for b in grid]
        ax.plot(grid, curve, **{**THEORY, "color": _colour(results, j)}, zorder=1)
    ax.set_xlabel(BETA)
    ax.set_ylabel(label)


def _against_sizes(results: "xarray.Dataset") -> bool:
    """Whether to draw against 1/N: there is a theory, and two sizes are in equilibrium at some alpha and beta > 0."""
    together = (results["equilibrated"] == 1.0).isel(beta=slice(1, None)).sum("n")
    return "energy_excess_limit" in results and bool((together > 1).any())


def _against_size(ax: Any, results: "xarray.Dataset", name: str, label: str) -> None:
    """Measured minus theory against 1/N at one beta for each alpha."""
    inverse = 1.0 / results["n"].values
    ax.axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
    offset = 0.012 * inverse.max()
    for j in range(results.sizes["alpha"]):
        row = results.isel(alpha=j)
        k = coldest(row)
        if k is None:
            continue
        here = row.isel(beta=k)
        excess = (here[f"{name}_per_weight"] - here[f"replica_{name}"]).values
        error, trusted = here[f"{name}_per_weight_error"].values, here["equilibrated"].values == 1.0
        shift, colour = offset * (j - 0.5 * (results.sizes["alpha"] - 1)), _colour(results, j)
        look = {"color": colour, "linestyle": "none", "marker": MARKERS[j % len(MARKERS)]}
        label_of = rf"$\alpha={float(row['alpha']):g}$, $\beta={float(here['beta']):g}$"
        ax.errorbar(inverse[trusted] + shift, excess[trusted], error[trusted], label=label_of, **look)
        limit, limit_error = float(here[f"{name}_excess_limit"]), float(here[f"{name}_excess_limit_error"])
        if np.isfinite(limit):
            slope = float(here[f"{name}_excess_slope"])
            ends = np.array([0.0, inverse[trusted].max()])
            ax.plot(ends + shift, limit + slope * ends, color=colour, linewidth=0.8)
            ax.errorbar([shift], [limit], [limit_error], color=colour, capsize=3, linewidth=1.2, marker="_")
    ax.legend(loc="best")
    ax.set_xlabel("$1/N$")
    ax.set_ylabel(label)


def _density(ax: Any, row: "xarray.Dataset") -> None:
    """P(q) of each size at one alpha."""
    k = coldest(row)
    k = row.sizes["beta"] - 1 if k is None else k
    here = row.isel(beta=k)
    if not np.isfinite(here["overlap_density"]).any():
        ax.set_axis_off()
        return
    q = here["q"].values
    for i, look in enumerate(by_size(row["n"].values.tolist(), "N").values()):
        value = here["overlap_density"].values[i]
        if not np.isfinite(value).all():
            continue
        line = "-" if float(here["equilibrated"][i]) == 1.0 else ":"
        ax.plot(q, value, color="0.35", linestyle=line, linewidth=0.6 + 0.35 * i, label=look["label"])
        if "overlap_density_error" in here:
            bars = here["overlap_density_error"].values[i]
            ax.fill_between(q, value - bars, value + bars, color="0.35", alpha=0.2, linewidth=0)
    theory = here["replica_overlap"].values
    if np.isfinite(theory[-1]):
        ax.axvline(theory[-1], **THEORY)
    highest = np.nanmax(here["overlap_density"].values, axis=0)
    seen = q[highest > 0.005 * highest.max()]
    if seen.size:
        ax.set_xlim(seen.min() - 0.05, seen.max() + 0.05)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("overlap $q$")
    ax.set_ylabel("$P(q)$")
    ax.legend(loc="upper left", title=rf"$\alpha={float(row['alpha']):g}$, $\beta={float(here['beta']):g}$")


def _cells(results: "xarray.Dataset") -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(alpha, n) with their colour and symbol; the largest size is drawn first, for its error bars are the smallest."""
    for j in range(results.sizes["alpha"]):
        for i in reversed(range(results.sizes["n"])):
            yield j, i, {"color": _colour(results, j), "marker": MARKERS[i % len(MARKERS)]}


def _colour(results: "xarray.Dataset", j: int) -> Any:
    return colours(results.sizes["alpha"])[j]


def _legend(figure: Any, results: "xarray.Dataset", *, symbols: bool = True) -> None:
    """Colours of the alphas and markers of the sizes; with `symbols` also open markers and the line of theory."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_colour(results, j), linewidth=2.0, label=rf"$\alpha={alpha:g}$")
        for j, alpha in enumerate(results["alpha"].values)
    ]
    handles += [
        Line2D([], [], color="0.35", linestyle="none", marker=MARKERS[i % len(MARKERS)], label=f"$N={n}$")
        for i, n in enumerate(results["n"].values)
    ]
    if symbols and (results["equilibrated"] == 0.0).any():
        look: dict[str, Any] = {"color": "0.35", "linestyle": "none", "marker": MARKERS[0], "mfc": "white"}
        handles.append(Line2D([], [], **look, label="not in equilibrium"))
    if symbols and np.isfinite(results["replica_energy"]).any():
        dashed: dict[str, Any] = {**THEORY, "label": "replica theory"}
        handles.append(Line2D([], [], **dashed))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6), columnspacing=1.2)


def _letters(axes: Any) -> None:
    for letter, ax in zip("abcdefghijkl", np.ravel(axes), strict=False):
        ax.set_title(f"({letter})", loc="left")


def _instances(results: "xarray.Dataset") -> Instances:
    said = results.attrs
    table = {"kind": said["patterns_kind"], "planted": bool(said["planted"]), "margin": float(said["margin"])}
    return Instances.model_validate({**table, "label_noise": float(said["label_noise"])})


def _errors(results: "xarray.Dataset") -> str:
    count = int(np.nanmin(results["instances"].values))
    return f"error bars: spread of {count} instances or more" if count > 1 else "error bars: jackknife of one instance"


def _model(results: "xarray.Dataset") -> str:
    labels = "planted" if results.attrs["planted"] else "random"
    entries = "Gaussian" if results.attrs["patterns_kind"] == "gaussian" else "+-1"
    margin = f", margin {results.attrs['margin']:g}" if results.attrs["margin"] else ""
    energy = "" if results.attrs["energy"] == "errors" else f", energy {results.attrs['energy']}"
    return f"Binary perceptron with {entries} patterns, {labels} labels{margin}{energy}"
