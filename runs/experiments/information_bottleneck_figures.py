"""Figures of "information-bottleneck": the plane of information and loss, and both functionals against beta."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

GIBBS = {"color": "#0072B2", "marker": "o", "label": "Gibbs law, sampled"}
SGD = {"color": "#D55E00", "marker": "s", "label": "SGD at rest"}


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Both."""
    return [_planes(results, out), _functionals(results, out)]


def _planes(results: "xarray.Dataset", out: Path) -> Drawing:
    """One panel a system, and the excess of SGD."""
    systems = [str(name) for name in results["system"].values]
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=len(systems) + 1, squeeze=False)
    for letter, ax in zip("abcdefgh", axes[0], strict=False):
        ax.set_title(f"({letter})", loc="left")
    for ax, system in zip(axes[0], systems, strict=False):
        _plane(ax, results, system)
    _excess(axes[0, -1], results)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    attrs = results.attrs
    last, network = "abcdefgh"[len(systems)], "abcdefgh"[len(systems) - 1]
    caption = (
        "Loss against the information that the weights hold beyond a normal prior of standard deviation "
        f"{attrs['deviation']:g}, {attrs['samples']} samples. No law of the weights lies below the dashed curve of "
        "Gibbs laws exp(-beta f) p / Z, beta rising to the right (exact, by sums over a grid); circles: the same laws "
        "by MALA, their entropy by nearest neighbours; squares: SGD at rest with batches of "
        f"{attrs['batch']} and several learning rates. ({network}) A network of {attrs['network_dim']} weights by "
        f"samples alone: information from the local entropy around 0. ({last}) Loss of SGD above the curve at the "
        f"same information. Bars: one standard error of {attrs['repeats']} repeats, from groups of independent chains, "
        "and what half as many draws change."
    )
    return save(figure, out, "information", caption)


def _functionals(results: "xarray.Dataset", out: Path) -> Drawing:
    """Both functionals of sampled laws of each neuron beside the exact minimiser, and what they are above it."""
    neurons = [str(name) for name in results["neuron"].values]
    figure, axes = new_figure(PAGE_WIDTH, 2.6 * len(neurons) + 0.4, nrows=len(neurons), ncols=2, squeeze=False)
    for letters, row, name in zip(("ab", "cd", "ef"), axes, neurons, strict=False):
        _against_beta(row[0], results, name)
        _above_minimum(row[1], results, name)
        for letter, ax in zip(letters, row, strict=True):
            ax.set_title(f"({letter})", loc="left")
            ax.set_title(_named(name), loc="right")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    caption = (
        "The information-bottleneck functional J = E[f] + KL(q | p) / beta with a Gaussian prior, and E[f] - H(q) / "
        "beta without it, against beta. Left: lines, both at the exact minimiser of J, exp(-beta f) p / Z; circles: "
        "sampled Gibbs laws; squares: SGD at rest, each at the beta at which the minimiser holds as much information. "
        "Right: beta (J - min J) = KL(q | minimiser) in nats, which is 0 for the minimiser and above it for every "
        "other law: Gibbs laws at 0 within errors, SGD above. What E[f] - H / beta lacks is the "
        "prior, -E[ln p] / beta: its minimiser is another, and here has no mass, for f is bounded."
    )
    return save(figure, out, "functionals", caption)


STYLES = {"functional": ("-", "full", "J"), "free": ("--", "none", r"\mathrm{E}[f]-H/\beta")}


def _against_beta(ax: Any, results: "xarray.Dataset", name: str) -> None:
    # Far below the betas that are sampled E[f] - H / beta falls without end.
    shown = np.flatnonzero(results["curve_beta"].values > 0.5 * float(results["beta"].min()))
    law = results.sel(neuron=name).isel(curve=shown)
    for which, (line, fill, said) in STYLES.items():
        ax.plot(law["curve_beta"], law[f"exact_{which}"], color="0.25", linestyle=line, linewidth=1.0,
                label=f"${said}$ of the minimiser of $J$, exact")  # fmt: skip
        for stem, at, place, look in _sampled(results, name):
            ax.errorbar(place, at[f"{stem}_{which}"], at[f"{stem}_{which}_error"], linestyle="none", markersize=4,
                        fillstyle=fill, **{**look, "label": f"${said}$, {look['label']}"})  # fmt: skip
    ax.set(xscale="log", xlabel=r"inverse temperature $\beta$", ylabel="functional (loss)")


def _sampled(results: "xarray.Dataset", name: str) -> list[tuple[str, Any, Any, dict[str, Any]]]:
    found = []
    if "gibbs_functional" in results:
        found.append(("gibbs", results.sel(system=name), results["beta"], GIBBS))
    if "sgd_functional" in results:
        at = results.sel(neuron=name)
        found.append(("sgd", at, at["sgd_beta"], SGD))
    return found


def _above_minimum(ax: Any, results: "xarray.Dataset", name: str) -> None:
    ax.axhline(0.0, **THEORY)
    for stem, at, place, look in _sampled(results, name):
        if stem == "gibbs":
            above, error = at["gibbs_functional"] - results.sel(neuron=name)["known_functional"], "gibbs_functional"
        else:
            above, error = at["excess_loss"], "excess_loss"
        ax.errorbar(place, place * above, place * at[f"{error}_error"], linestyle="none", markersize=4, **look)
    ax.set(xscale="log", xlabel=r"inverse temperature $\beta$", ylabel=r"$\beta\,(J-\min J)$ (nats)")


def _plane(ax: Any, results: "xarray.Dataset", system: str) -> None:
    title = f"network, {results.attrs['network_dim']} weights" if system == "network" else _named(system)
    ax.set_title(title, loc="right")
    ax.set_xlabel(r"information KL$(q\,|\,p)$ (nats)")
    ax.set_ylabel(r"loss $\mathrm{E}[f]$")
    if system != "network":
        law = results.sel(neuron=system)
        ax.plot(law["exact_information"], law["exact_loss"], **THEORY, label="bound: Gibbs laws, exact")
    if "gibbs_loss" in results:
        at = results.sel(system=system)
        _points(ax, at, "gibbs", GIBBS, line=system == "network")
    if "sgd_loss" in results and system != "network":
        _points(ax, results.sel(neuron=system), "sgd", SGD)


def _points(ax: Any, at: "xarray.Dataset", stem: str, look: dict[str, Any], *, line: bool = False) -> None:
    x, y = at[f"{stem}_information"], at[f"{stem}_loss"]
    ax.errorbar(x, y, at[f"{stem}_loss_error"], at[f"{stem}_information_error"],
                linestyle="-" if line else "none", linewidth=0.8, markersize=4, **look)  # fmt: skip


def _named(system: str) -> str:
    return f"neuron, {system.rpartition('-')[2]} weights"


def _excess(ax: Any, results: "xarray.Dataset") -> None:
    ax.set_xlabel(r"learning rate $\eta$")
    ax.set_ylabel("SGD above the curve (loss)")
    ax.set_xscale("log")
    ax.set_xticks(results["step_size"].values, [f"{eta:g}" for eta in results["step_size"].values])
    ax.set_xticks([], minor=True)
    ax.axhline(0.0, **THEORY)
    if "excess_loss" not in results:
        return
    for marker, name in zip("s^D", results["neuron"].values, strict=False):
        at = results.sel(neuron=name)
        ax.errorbar(results["step_size"], at["excess_loss"], at["excess_loss_error"], color=SGD["color"], marker=marker,
                    markersize=4, linewidth=0.8, label=_named(str(name)))  # fmt: skip
    ax.legend()
