"""Figures of "perceptron-wide-vs-narrow": energy against local entropy of ends, S(d) around solutions; and in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.perceptron_labels import model_name
from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

LOOKS: dict[str, dict[str, Any]] = {
    "annealing": {"color": "#D55E00", "marker": "s", "label": "annealing"},
    "replicated_annealing": {"color": "#0072B2", "marker": "o", "label": "replicated annealing"},
    "rejection_free": {"color": "#009E73", "marker": "^", "label": "rejection-free, cold"},
    "quench": {"color": "#000000", "marker": "D", "label": "quench"},
}


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Ends of every run and means of each point; S(d) around the solutions found."""
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.3, ncols=2)
    k = _place(results)
    d = float(results["distance"][k])
    beta = float(results.attrs["beta"])
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_title(f"({letter})", loc="left")
    left.set_xlabel(r"energy: errors per weight $E/N$")
    left.set_ylabel(rf"local entropy $S(d={d:.2g})$, $\beta={beta:g}$ (nats per weight)")
    for i, name in enumerate(results["dynamics"].values):
        _ends(left, results.isel(dynamics=i), LOOKS[str(name)], k)
    _solutions(right, results)
    handles, labels = left.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
    instances = int(results.attrs["instances"])
    caption = (
        f"Ends of runs on {instances} instance{'s' if instances > 1 else ''} of {model_name(results)}, "
        f"N = {results.attrs['n']}, P = {results.attrs['p']}. (a) Errors per weight against the local free entropy "
        f"ln sum exp(-{beta:g} E) / N over configurations at d = {d:.2g}, by belief propagation: pale, each run; "
        "crosses, means for each length of run, bars one standard error over runs. Lengths: "
        f"{', '.join(f'{x:g}' for x in results['passes'].values)} attempted flips per weight, the replicas "
        f"of replicated annealing ({results.attrs['replicas']}) together. Runs stop at a solution, "
        "and end at the fewest errors seen, in a replica or their centre where there are several. (b) Number of "
        "solutions (beta infinite) at d from the solutions found, means over runs of all lengths, bars one standard "
        "error of the mean, that of belief propagation included; "
        "theory for N to infinity: dash-dotted, all configurations; dashed, bound of the densest groups; "
        "dotted, around a typical solution."
    )
    return [save(figure, out, "width", caption)]


def _place(results: "xarray.Dataset") -> int:
    return int(np.argmin(np.abs(results["distance"].values - float(results.attrs["shown"]))))


def _ends(ax: Any, cells: "xarray.Dataset", look: dict[str, Any], k: int) -> None:
    if "run_errors" not in cells:
        return
    n = int(cells.attrs["n"])
    x = cells["run_errors"].values / n
    y = cells["run_entropy"].sel(estimator="bethe").isel(distance=k).transpose("passes", "run").values
    ax.plot(x.ravel(), y.ravel(), linestyle="none", marker=look["marker"], color=look["color"], alpha=0.3,
            markersize=3, markeredgewidth=0)  # fmt: skip
    named = False
    for j in range(cells.sizes["passes"]):
        known = np.isfinite(y[j])
        if known.any():
            size = known.sum() ** 0.5
            bars = [v[known].std(ddof=1) / size if known.sum() > 1 else 0.0 for v in (x[j], y[j])]
            ax.errorbar(x[j][known].mean(), y[j][known].mean(), bars[1], bars[0], marker=look["marker"],
                        color=look["color"], markeredgecolor="white", markeredgewidth=0.5, markersize=5,
                        linewidth=1.2, capsize=0, zorder=3, linestyle="none",
                        label=None if named else look["label"])  # fmt: skip
            named = True


def solution_curve(cells: "xarray.Dataset") -> tuple[np.ndarray, np.ndarray, int]:
    """Mean S(d) at beta = inf over the solutions of one dynamics, its error, and how many there are at most."""
    values, own = (cells[name].sel(estimator="solutions").transpose("passes", "run", "distance").values
                   for name in ("run_entropy", "run_entropy_own"))  # fmt: skip
    values, own = values.reshape(-1, values.shape[-1]), own.reshape(-1, own.shape[-1])
    mean, error = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    for k in range(mean.size):
        known = np.isfinite(values[:, k])
        if known.any():
            mean[k] = values[known, k].mean()
            between = values[known, k].std(ddof=1) / known.sum() ** 0.5 if known.sum() > 1 else 0.0
            # What belief propagation is wrong by may have one sign around all.
            error[k] = np.hypot(between, own[known, k].mean())
    return mean, error, int(np.isfinite(values).sum(axis=0).max())


def _solutions(ax: Any, results: "xarray.Dataset") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    d = results["theory_distance"].values
    theories = (("bound", "-.", "all configurations"), ("densest", "--", "densest groups"), ("typical", ":", "typical"))
    lines = [
        ax.plot(d, results[f"theory_{name}"].values, **{**THEORY, "linestyle": style, "label": said})[0]
        for name, style, said in theories
    ]
    ax.add_artist(ax.legend(handles=lines, loc="lower right", fontsize=7))
    highest = [np.nanmax(results["theory_densest"].values, initial=0.05)]
    measured = []
    for i, name in enumerate(results["dynamics"].values):
        if "run_entropy" in results:
            mean, error, count = solution_curve(results.isel(dynamics=i))
            if count:
                look = {**LOOKS[str(name)], "label": f"{count} solution{'s' if count > 1 else ''}"}
                measured.append(ax.errorbar(results["distance"].values, mean, error, linewidth=0.8, **look))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(-0.06, 1.15 * float(highest[0]))
    ax.set_xlabel(r"distance $d$ from the solution")
    ax.set_ylabel(r"$S(d)$, $\beta=\infty$ (nats per weight)")
    if measured:
        ax.legend(handles=measured, loc="upper left")
    else:
        ax.annotate("no run ended in a solution", (0.5, 0.9), xycoords="axes fraction", ha="center")


def summary(results: "xarray.Dataset") -> list[str]:
    """Ends of each point, differences at equal energy in standard errors, belief propagation against integration."""
    lines: list[str] = []
    if "runs" not in results:
        return lines
    k = _place(results)
    d, beta = float(results["distance"][k]), float(results.attrs["beta"])
    for i, j in np.ndindex(results.sizes["dynamics"], results.sizes["passes"]):
        cells = results.isel(dynamics=i, passes=j)
        if np.isfinite(cells["runs"]):
            at = cells.isel(distance=k).sel(estimator="bethe")
            lines.append(
                f"{_said(cells)}, {float(cells['passes']):g} flips per weight (used {float(cells['work']):.4g}): "
                f"{int(cells['solved'])} of {int(cells['runs'])} solved, E / N = "
                f"{with_error(float(cells['energy']), float(cells['energy_error']))}, S({d:.2g}) at beta = {beta:g}: "
                f"{with_error(float(at['entropy']), float(at['entropy_error']))}"
            )
    return [*lines, *_compared(results, k), *_among_solutions(results, k), *_checked(results)]


def _said(cells: "xarray.Dataset") -> str:
    return str(LOOKS[str(cells["dynamics"].item())]["label"])


def _compared(results: "xarray.Dataset", k: int) -> list[str]:
    lines, first = [], _said(results.isel(dynamics=0))
    d = float(results["distance"][k])
    for i in range(1, results.sizes["dynamics"]):
        cells = results.isel(dynamics=i, distance=k)
        value, error = float(cells["difference"]), float(cells["difference_error"])
        if np.isfinite(value) and error > 0:
            lines.append(
                f"{_said(cells)} minus {first} at equal errors ({int(cells['difference_cells'])} numbers of errors "
                f"that both reach), S({d:.2g}): {with_error(value, error)} nats per weight, {value / error:+.1f} "
                "standard errors"
            )
        else:
            lines.append(f"{_said(cells)} and {first} reach no number of errors in common often enough to compare")
    return lines


def _among_solutions(results: "xarray.Dataset", k: int) -> list[str]:
    told = []
    for i in range(results.sizes["dynamics"]):
        mean, error, count = solution_curve(results.isel(dynamics=i))
        if count and np.isfinite(mean[k]):
            told.append(f"{with_error(float(mean[k]), float(error[k]))} {_said(results.isel(dynamics=i))} ({count})")
    d = float(results["distance"][k])
    return [f"around solutions, beta = inf, S({d:.2g}) = {', '.join(told)}"] if told else ["no run found a solution"]


def _checked(results: "xarray.Dataset") -> list[str]:
    """Belief propagation minus integration around the same ends, and what was left out."""
    by = {name: results["run_entropy"].sel(estimator=name).values for name in ("bethe", "integration")}
    own = {name: results["run_entropy_own"].sel(estimator=name).values for name in by}
    difference = by["bethe"] - by["integration"]
    known = np.isfinite(difference)
    lost = np.nansum(results["left_out"].values, axis=(0, 1)) if "left_out" in results else np.zeros(3)
    lines = []
    if known.any():
        z = difference[known] / np.hypot(own["bethe"][known], own["integration"][known])
        lines.append(
            f"belief propagation minus integration at {int(known.sum())} points: mean {difference[known].mean():+.2g}, "
            f"root mean square {np.sqrt((difference[known] ** 2).mean()):.2g} nats per weight, "
            f"{np.sqrt((z**2).mean()):.2g} of their errors"
        )
    names = [str(name) for name in results["estimator"].values]
    return [*lines, "left out, not converged: " + ", ".join(f"{int(x)} {n}" for n, x in zip(names, lost, strict=True))]
