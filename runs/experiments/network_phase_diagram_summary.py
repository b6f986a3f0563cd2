"""What "network-phase-diagram" says in words."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.network_phase_diagram import ENTROPIES
from runs.experiments.network_phase_diagram_collapse import SLOPES, Collapse
from runs.tables import with_error
from runs.verdict import LARGEST_SCORE, Verdict

if TYPE_CHECKING:
    import xarray

CLAIMED = ("test_error", "hessian_trace")
"""Numbers whose collapse on eta / b is given a verdict."""

LEAST_RANGE = 2.0
"""Standard deviation of log y over the plane, in errors by chance, from which there is something to collapse."""


def summary(results: "xarray.Dataset") -> list[str]:
    """Exponents of the collapse with errors, cells that fail, the best cell, and second order against integration."""
    if "test_error" not in results:
        return ["no cell has been run yet"]
    done = int((results["runs"] > 0).sum())
    diverged, lost = int((results["diverged"] > 0).sum()), int((results["above_chance"] == 1).sum())
    lines = [
        f"{done} cells; {diverged} with diverged runs, {lost} above the loss of guessing; "
        f"{int((results['kept'] == 1).sum())} enter the collapse; {results.attrs['ends']}"
    ]
    lines += _extremes(results)
    for k, name in enumerate(results["observable"].values):
        lines += [_collapsed(str(name), results.isel(observable=k, up_to=i)) for i in range(results.sizes["up_to"])]
    return [*lines, *_checked(results)]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """r of the collapse on g(log eta + r log b), at the lower learning rates: the limit of small eta is nearer."""
    if "collapse_ratio" not in results:
        return []
    here = results.isel(up_to=-1)
    source = "theory, limit of small eta: a function of the temperature eta / (2 b) alone"
    found = []
    for k, name in enumerate(here["observable"].values):
        fit = Collapse._make(float(here[f"collapse_{part}"][k]) for part in Collapse._fields)
        if str(name) in CLAIMED and np.isfinite(fit.ratio):
            label = f"r of {str(name).replace('_', ' ')}, eta <= {float(here['up_to']):g}"
            found.append(Verdict(label, fit.ratio, fit.ratio_error, -1.0, source, undecided=undecided(fit)))
    return found


def undecided(fit: Collapse) -> str:
    """Why r does not tell whether y is a function of eta / b; empty where it does.

    A function of eta alone has r = 0: agreement with -1 says something only where 0 is excluded.
    """
    if not fit.range > LEAST_RANGE * fit.by_chance:
        return f"log y varies by {fit.range:.2g} over the plane, {fit.by_chance:.2g} by chance"
    if np.isnan(fit.ratio_error):
        return "the error of r is not known"
    if max(abs(fit.ratio + 1.0), abs(fit.ratio)) <= LARGEST_SCORE * fit.ratio_error:
        return "a function of eta / b is not told from one of eta"
    return ""


def _collapsed(name: str, here: "xarray.Dataset") -> str:
    """One fit."""
    where = f"{name}, eta <= {float(here['up_to']):g}"
    if not np.isfinite(here["collapse_ratio"]):
        return f"{where}: too few cells for a ratio of exponents"
    p, q, ratio = (
        with_error(float(here[f"collapse_{part}"]), float(here[f"collapse_{part}_error"]))
        for part in ("step_exponent", "batch_exponent", "ratio")
    )
    left = ", ".join(
        f"{float(here[f'collapse_{part}']):.3f} {text}"
        for part, text in (("at_theory", "at r = -1"), ("at_best", "at best"), ("by_chance", "by chance"))
    )
    ends = 100.0 * float(here["collapse_at_end"])
    if np.isnan(here["collapse_ratio_error"]):
        ratio += f" (error not known: {ends:.0f}% of the bootstraps lie at {SLOPES[0]:g} or {SLOPES[-1]:g}, the ends)"
    return (
        f"{where}: r = {ratio} in g(log eta + r log b), -1 for eta / b; power law eta^{p} b^{q}; rms residual of the "
        f"logarithm {left}, range {float(here['collapse_range']):.2f}"
    )


def _extremes(results: "xarray.Dataset") -> list[str]:
    """Mean test error at the lowest and at the highest eta / b that do not fail, and of the best cell.

    The best is chosen on every second seed and told of the others: the lowest of many means lies too low by chance.
    """
    found = (
        results[["test_error", "test_error_error", "ratio", "run_test_error"]]
        .where(results["kept"] == 1)
        .stack(cell=("step_size", "batch"))
    )
    found = found.dropna("cell", subset=["test_error"])
    if not found.sizes["cell"]:
        return []
    places = {
        "lowest eta / b": int(found["ratio"].values.argmin()),
        "highest eta / b": int(found["ratio"].values.argmax()),
    }  # fmt: skip
    said = []
    for name, k in places.items():
        one = found.isel(cell=k)
        eta, b = one["cell"].item()
        error = with_error(float(one["test_error"]), float(one["test_error_error"]))
        said.append(f"{name} (eta = {eta:g}, b = {b}, eta / b = {float(one['ratio']):.3g}) {error}")
    lines = [f"test error at the {'; at the '.join(said)}"]
    return [*lines, *_best(found)]


def _best(cells: "xarray.Dataset") -> list[str]:
    """The cell with the lowest test error, from cells (cell,) with each run."""
    each = cells["run_test_error"].transpose("cell", "run").values
    chosen_by, told_of = each[:, ::2], each[:, 1::2]
    complete = np.isfinite(each).all(axis=1)
    if not complete.any() or told_of.shape[1] < 2:
        return []
    k = int(np.where(complete, chosen_by.mean(axis=1), np.inf).argmin())
    eta, b = cells["cell"].values[k]
    mean, error = told_of[k].mean(), told_of[k].std(ddof=1) / np.sqrt(told_of.shape[1])
    return [
        f"lowest test error of {int(complete.sum())} cells, chosen on seeds 0, 2, ...: eta = {eta:g}, b = {b}, "
        f"{chosen_by[k].mean():.4f} there and {with_error(float(mean), float(error))} of the other seeds; all are "
        "tested on the same samples, to which the choice is fitted too"
    ]


def _checked(results: "xarray.Dataset") -> list[str]:
    lines = []
    for k, t in enumerate(results["scale"].values):
        here = results.isel(scale=k)
        off = here["deviation"].values
        known = np.isfinite(off)
        if known.any():
            size = np.nanmean(np.abs(here["local_entropy"].values[known]))
            lines.append(
                f"t = {t:g}: integration minus second order, {int(known.sum())} cells: mean {off[known].mean():+.2e}, "
                f"largest {np.abs(off[known]).max():.1e}; mean |u - f| {size:.2e} nats"
            )
    return [*lines, *_warned(results)]


def _warned(results: "xarray.Dataset") -> list[str]:
    """Runs whose estimators of local entropy warned, at each scale."""
    causes = {
        "local_entropy": "second order leaves out more than 0.1 / beta, or does not exist",
        "integrated_entropy": "chains or draws of the integration are few or do not agree",
    }
    lines = []
    for name, cause in causes.items():
        asked = int(results[f"{name}_asked"].sum())
        counts = results[f"{name}_warned"].sum(("step_size", "batch")).values
        told = [f"{int(count)} at t = {t:g}" for t, count in zip(results["scale"].values, counts, strict=True) if count]
        if told:
            lines.append(f"warnings of {ENTROPIES[name]}, of {asked} runs: {', '.join(told)} ({cause})")
    return lines
