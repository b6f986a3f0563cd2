"""Figures of "homogenization": drift and variance against epsilon, a line for each number of replicas."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.figures import MARKERS, PAGE_WIDTH, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

TITLES = {"quadratic": "quadratic", "double-well": "double well"}
SHIFT = 0.004
"""Between the abscissae of neighbouring numbers of replicas, so that their symbols do not hide each other."""


def name_of(replicas: int) -> str:
    """What the dynamics is called."""
    return "Entropy-SGD, $n = 1$" if replicas == 1 else f"Elastic-SGD, $n = {replicas}$"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Both figures, nothing where there are no results."""
    if "drift" not in results:
        return []
    return [_drift(results, out), _variance(results, out)]


def _panels(results: "xarray.Dataset"):
    cases = [c for c in results.case.values if np.isfinite(results.drift.sel(case=c)).any()]
    figure, axes = new_figure(PAGE_WIDTH, 3.0, ncols=2, squeeze=False)
    for ax in axes.flat[len(cases) :]:
        ax.set_visible(False)
    replicas = results.replicas.values
    looks = {int(n): {"color": c, "marker": m, "markersize": 4} for n, c, m in
             zip(replicas, colours(len(replicas)), MARKERS, strict=False)}  # fmt: skip
    for letter, case, ax in zip("ab", cases, axes.flat, strict=False):
        ax.set_title(f"({letter}) {TITLES[case]}", loc="left")
        ax.set_xlabel(r"ratio of time scales $\epsilon$")
    return figure, list(zip(cases, axes.flat, strict=False)), looks


def _drift(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, panels, looks = _panels(results)
    epsilon = results.epsilon.values
    for case, ax in panels:
        here = results.sel(case=case)
        for k, (n, look) in enumerate(looks.items()):
            one = here.sel(replicas=n)
            joined = "none" if case == "quadratic" else ":"
            ax.errorbar(epsilon + SHIFT * (k - 1), one.drift, one.drift_error, label=name_of(n), linestyle=joined,
                        linewidth=0.7, **look)  # fmt: skip
            if "limit_drift" in one:
                ax.errorbar(SHIFT * (k - 1), one.limit_drift, one.limit_drift_error, fillstyle="none", linestyle="none",
                            **look)  # fmt: skip
        if case == "quadratic":
            ax.plot(epsilon, here.exact_drift.mean("replicas"), color="0.25", label=r"exact at $\epsilon$, any $n$")
            ax.plot(epsilon, here.steps_drift.mean("replicas"), color="C3", linestyle="-.",
                    label=r"exact at $\epsilon$, of these steps")  # fmt: skip
        ax.axhline(float(here.averaged.mean()), color="0.25", linestyle="--", label="averaged, $-u'$")
        ax.axhline(float(here.steps_limit.mean()), color="C3", linestyle=":", label="averaged, of these steps")
        ax.set_ylabel("drift of $x$ (1 / slow time)")
        # Drifts towards 0 rise with epsilon, those away from it fall.
        ax.legend(fontsize=7, loc="upper left" if float(here.averaged.mean()) < 0 else "lower left")
    caption = (
        "Mean displacement of x per unit of slow time, with one standard error, against the ratio of time scales; open "
        "symbols: extrapolated to 0 by a parabola through the four smallest. Dashed: the averaged dynamics dx = -u'(x, "
        "gamma) ds, which all numbers of replicas become; dotted: the same with the bias that Euler-Maruyama steps of "
        "y have at this step / epsilon. (a) Solid: the exact law at each epsilon; dash-dotted: the exact law of these "
        "steps, which the symbols are judged by. Symbols of different n are shifted apart."
    )
    return save(figure, out, "drift", caption)


def _variance(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, panels, looks = _panels(results)
    epsilon = results.epsilon.values
    for case, ax in panels:
        here = results.sel(case=case)
        for n, look in looks.items():
            one = here.sel(replicas=n)
            ax.errorbar(epsilon, one.variance, one.variance_error, label=name_of(n), linestyle="none", **look)
            if case == "quadratic":
                ax.plot(epsilon, one.exact_variance, color=look["color"], linewidth=0.8)
        if case == "quadratic":
            ax.plot([], [], color="0.25", label=r"exact at $\epsilon$")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(epsilon, [f"{one:g}" for one in epsilon])
        ax.set_xticks([], minor=True)
        time = float(results.attrs.get("rest_time", np.nan))
        ax.set_ylabel(f"variance of $x$ at slow time {time:g}")
        ax.legend(fontsize=7)
    caption = (
        "Variance of x against the ratio of time scales. Lines: epsilon / (n beta h (1 + epsilon + gamma h)), which "
        "falls to 0 with epsilon for every n; Euler-Maruyama steps are a little above it, and are judged by their own "
        "law. In the double well paths that cross to the other side add to it."
    )
    return save(figure, out, "variance", caption)
