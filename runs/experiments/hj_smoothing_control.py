"""The control problem of a draw of "hj-smoothing": paths that follow alpha* = grad u, and what they say of u.

Along optimal paths alpha* is a martingale: grad u is the mean of f' where they end, weighed by exp(-beta W) at finite
steps, which is exact for any control (Girsanov; see `mcmc.continuum.cost_to_go`).
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.hj_smoothing import SHOWN_PATHS, HJSmoothingSpec

if TYPE_CHECKING:
    from mcmc.continuum import CostToGo, OptimalControl
    from runs.experiments.hj_smoothing_draw import Curve, Landscapes


class Recorded:
    """A control that remembers where its first chains were and what it was there, step by step."""

    def __init__(self, control: "OptimalControl"):
        self.control = control
        self.path: list[np.ndarray] = []
        self.along: list[np.ndarray] = []
        self.mean: list[tuple[float, float]] = []

    def __call__(self, x: np.ndarray, left: float) -> np.ndarray:
        """alpha*, (chains, 1)."""
        alpha = self.control(x, left)
        self.path.append(x[:SHOWN_PATHS, 0].copy())
        self.along.append(alpha[:SHOWN_PATHS, 0].copy())
        self.mean.append((float(alpha.mean()), float(alpha.std(ddof=1) / math.sqrt(len(alpha)))))
        return alpha


def control_columns(spec: HJSmoothingSpec, seed: int, found: "Landscapes") -> dict[str, Any]:
    """Cost of paths that follow grad u, beside u; the paths, the control along them, and f' at their ends."""
    from mcmc.continuum import OptimalControl, cost_to_go

    how, effort = spec.smoothing, spec.particles
    best = OptimalControl(found.f.nodes, found.f.values, beta=how.beta)
    columns: dict[str, list[Any]] = {}
    for k, place in enumerate(effort.places):
        followed, at = Recorded(best), np.array([[place]])
        paths = cost_to_go(
            found.f, [place], how.viscous, beta=how.beta, control=followed, chains=effort.controlled,
            steps=effort.control_steps, seed=(seed + k) % 2**64,
        )  # fmt: skip
        slope, slope_error = end_slope(found.f, paths, how.beta)
        mean, mean_error = np.array(followed.mean).T
        for name, value in {
            "u": found.viscous.energy(at)[0], "cost": paths.cost, "cost_error": paths.error,
            "value": paths.value, "value_error": paths.value_error, "slope": slope, "slope_error": slope_error,
            "gradient": found.viscous.gradient(at)[0, 0], "path": np.array(followed.path).T,
            "along": np.array(followed.along).T, "mean": mean, "mean_error": mean_error,
        }.items():  # fmt: skip
            columns.setdefault(f"control_{name}", []).append(value)
    return {name: np.array(values) for name, values in columns.items()}


def end_slope(f: "Curve", paths: "CostToGo", beta: float) -> tuple[float, float]:
    """Mean of f' at the ends, weighed by exp(-beta W), which is grad u at the start; and its standard error."""
    slope = f.gradient(paths.end)[:, 0]
    weight = np.exp(-beta * (paths.costs - paths.costs.min()))
    mean = float(weight @ slope / weight.sum())
    return mean, float((weight * (slope - mean)).std(ddof=1) / (weight.mean() * math.sqrt(slope.size)))
