"""Figure of "information-bottleneck" and its headline numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save
from runs.tables import with_error
from runs.verdict import LARGEST_OF_MANY, Verdict, largest_score

if TYPE_CHECKING:
    import xarray

GIBBS = {"color": "#0072B2", "marker": "o", "label": "Gibbs law, sampled"}
SGD = {"color": "#D55E00", "marker": "s", "label": "SGD at rest"}


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
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
        f"same information. Bars: one standard error over {attrs['repeats']} repeats."
    )
    return [save(figure, out, "information", caption)]


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


def scores(results: "xarray.Dataset") -> dict[str, np.ndarray]:
    """(sampled - exact) / error of the Gibbs laws of neurons, by quantity: (neurons, betas)."""
    found = {}
    if "gibbs_loss" in results:
        for name in ("loss", "information", "minimum"):
            at = results.sel(system=results["neuron"].values)
            known = results[f"known_{name}"].transpose("neuron", "beta").values
            value, error = (at[f"gibbs_{name}{end}"].transpose("system", "beta").values for end in ("", "_error"))
            found[name] = (value - known) / error
    return found


def summary(results: "xarray.Dataset") -> list[str]:
    """Scores against exact sums, and how far SGD is from the curve."""
    lines = []
    repeats = int(results.attrs["repeats"])
    for name, z in scores(results).items():
        known = np.isfinite(z)
        if known.any():
            lines.append(
                f"Gibbs laws, {name}: largest |t| {np.abs(z[known]).max():.2f} of {int(known.sum())} against exact "
                f"sums (Student's t, {repeats - 1} degrees of freedom)"
            )
    if "excess_loss" in results:
        for name in results["neuron"].values:
            at = results.sel(neuron=name)
            said = ", ".join(
                f"{with_error(float(v), float(e))} at eta = {float(eta):g}"
                for eta, v, e in zip(results["step_size"], at["excess_loss"], at["excess_loss_error"], strict=True)
                if np.isfinite(v) and e > 0
            )
            lines.append(f"SGD on the {_named(str(name))}: loss above the curve at the same information {said}")
    if "gibbs_loss" in results:
        lines += [line for i in range(results.sizes["beta"]) for line in _of_network(results.isel(beta=i))]
    return lines


def _of_network(cells: "xarray.Dataset") -> list[str]:
    at = cells.sel(system="network")
    if not np.isfinite(at["gibbs_loss"]):
        return []
    loss, information = (
        with_error(float(at[f"gibbs_{name}"]), float(at[f"gibbs_{name}_error"])) for name in ("loss", "information")
    )
    return [f"network, beta = {float(at['beta']):g}: loss {loss}, information {information} nats"]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Gibbs laws beside exact sums, and SGD beside the curve that bounds every law."""
    freedom = int(results.attrs["repeats"]) - 1
    if freedom < 1:
        return []
    found = []
    for name, t in scores(results).items():
        found += largest_score(f"Gibbs laws, {name}", normal_scores(t, freedom), "exact: sums over the weights")
    if "excess_loss" in results:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (results["excess_loss"] / results["excess_loss_error"]).values
        z = normal_scores(t[np.isfinite(t)], freedom)
        if z.size:
            found.append(Verdict(f"loss of SGD below the exact curve, largest z of {z.size}", float(max(-z.min(), 0.0)),
                                 None, LARGEST_OF_MANY, "exact: Gibbs laws bound every law", "at most"))  # fmt: skip
    return found


def normal_scores(t: np.ndarray, freedom: int) -> np.ndarray:
    """Scores of the normal distribution that are as unlikely as Student's t."""
    from scipy import stats

    return np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), freedom))
