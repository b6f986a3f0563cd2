"""Results of "homogenization" over (case, replicas, epsilon), held to the exact law, and limits epsilon -> 0."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.homogenization import HomogenizationSpec
from runs.experiments.homogenization_draw import exact_drift, exact_of_steps, limit, limit_of_steps
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.grid import Point
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

    from runs.verdict import Verdict

FITTED = 4
"""Smallest epsilon that limits are extrapolated from, by parabolas."""

ALONG = ("epsilon",)
QUANTITIES = {
    "drift": Quantity("drift: mean displacement of x over the time", "1", ALONG),
    "variance": Quantity("variance of x at rest", "1", ALONG),
    "steps_drift": Quantity("exact drift of these steps", "1", ALONG),
    "steps_variance": Quantity("exact variance of these steps", "1", ALONG),
    "exact_drift": Quantity("exact drift at this epsilon", "1", ALONG),
    "exact_variance": Quantity("exact variance at this epsilon", "1", ALONG),
    "score_drift": Quantity("(drift - exact) / standard error", "1", ALONG),
    "score_variance": Quantity("(variance - exact) / standard error", "1", ALONG),
    "limit_drift": Quantity("drift extrapolated to epsilon = 0"),
    "limit_variance": Quantity("variance extrapolated to epsilon = 0, quadratic"),
    "steps_limit": Quantity("exact drift of these steps as epsilon -> 0"),
    "averaged": Quantity("drift of the averaged dynamics, -grad u"),
    "gradient": Quantity("drift of gradient descent on f itself"),
    "score_limit": Quantity("(extrapolated drift - exact) / standard error"),
    "score_limit_variance": Quantity("(extrapolated variance - 0) / standard error"),
}


def assemble(spec: HomogenizationSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over (case, replicas, epsilon)."""
    from mcmc.store.reader import open_run_file

    cases, replicas, epsilons = spec.grid.case, spec.grid.replicas, np.asarray(spec.grid.epsilon)
    grid = ResultGrid({"case": len(cases), "replicas": len(replicas)}, {"epsilon": epsilons.size}, QUANTITIES)
    limits: dict[str, tuple[float, float, float]] = {}
    for point in plan:
        if point.name not in files:
            continue
        series = open_run_file(files[point.name])
        case, count = point.parameters["case"], point.parameters["replicas"]
        cell = cases.index(case), replicas.index(count)
        limits.setdefault(case, (limit_of_steps(spec, case), limit(spec, case), downhill(spec, case)))
        drift, variance = _measured(series.drift.values, series.rest.values, spec.effort.chains)
        grid.put("drift", cell, *drift)
        grid.put("variance", cell, *variance)
        if case == "quadratic":
            _put_exact(grid, cell, spec, count, drift, variance)
        _put_limits(grid, cell, limits[case], epsilons, drift)
    coords = {
        "case": list(cases),
        "replicas": ("replicas", list(replicas), {"long_name": "replicas n", "units": "1"}),
        "epsilon": ("epsilon", epsilons, {"long_name": "ratio of time scales epsilon", "units": "1"}),
    }
    return grid.dataset(coords, {"experiment": "homogenization", "rest_time": spec.dynamics.rest_time})


def _measured(drift: np.ndarray, rest: np.ndarray, chains: int) -> tuple[tuple, tuple]:
    """Drift and variance with errors (epsilon,), from moments (draws, epsilon, moment) of `chains` paths each."""
    total = len(drift) * chains
    mean, spread = drift[..., 0].mean(axis=0), drift[..., 1].mean(axis=0)
    variance, fourth = rest[..., 1].mean(axis=0), rest[..., 2].mean(axis=0)
    return (mean, np.sqrt(spread / total)), (variance, np.sqrt((fourth - variance**2) / total))


def _put_exact(grid, cell, spec, count, drift, variance):
    """The law of the quadratic at every epsilon."""
    from mcmc.continuum import linear_variance

    how = spec.dynamics
    steps = np.array([exact_of_steps(spec, count, epsilon) for epsilon in spec.grid.epsilon]).T
    grid.put("steps_drift", cell, steps[0])
    grid.put("steps_variance", cell, steps[1])
    grid.put("exact_drift", cell, [exact_drift(spec, epsilon) for epsilon in spec.grid.epsilon])
    grid.put("exact_variance", cell, [
        linear_variance(how.curvature, gamma=how.gamma, beta=how.beta, epsilon=epsilon, replicas=count)
        for epsilon in spec.grid.epsilon
    ])  # fmt: skip
    grid.put("score_drift", cell, (drift[0] - steps[0]) / drift[1])
    grid.put("score_variance", cell, (variance[0] - steps[1]) / variance[1])
    if drift[0].size >= FITTED:
        order = np.argsort(spec.grid.epsilon)[:FITTED]
        end = extrapolated(np.asarray(spec.grid.epsilon)[order], variance[0][order], variance[1][order])
        grid.put("limit_variance", cell, *end)
        grid.put("score_limit_variance", cell, end[0] / end[1])


def _put_limits(grid, cell, limits, epsilons, drift):
    for name, value in zip(("steps_limit", "averaged", "gradient"), limits, strict=True):
        grid.put(name, cell, value)
    if epsilons.size < FITTED:
        return
    order = np.argsort(epsilons)[:FITTED]
    end = extrapolated(epsilons[order], drift[0][order], drift[1][order])
    grid.put("limit_drift", cell, *end)
    grid.put("score_limit", cell, (end[0] - limits[0]) / end[1])


def extrapolated(x: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Value at 0 of the parabola of least chi^2, and its standard error."""
    powers = np.vander(x, 3, increasing=True) / errors[:, None]
    covariance = np.linalg.inv(powers.T @ powers)
    return float((covariance @ powers.T @ (values / errors))[0]), float(np.sqrt(covariance[0, 0]))


def downhill(spec: HomogenizationSpec, case: str) -> float:
    """Drift of dx = -f'(x) ds over the same time."""
    from scipy.integrate import solve_ivp

    from runs.experiments.homogenization_draw import landscape_of

    how, landscape = spec.dynamics, landscape_of(spec, case)
    run = solve_ivp(lambda _, x: -landscape.gradient(x[None])[0], (0, how.drift_time), [how.start], rtol=1e-9)
    return float(run.y[0, -1] - how.start) / how.drift_time


def summary(results: "xarray.Dataset") -> list[str]:
    """Scores against the exact law, and limits of both landscapes."""
    if "drift" not in results:
        return ["no path has been followed yet"]
    lines = []
    if "score_variance" in results:
        for name in ("drift", "variance"):
            z = results[f"score_{name}"].values
            z = z[np.isfinite(z)]
            lines.append(
                f"quadratic, {name} of x against the exact law at finite epsilon: largest |z| = {np.abs(z).max():.2f} "
                f"of {z.size}, root mean square {np.sqrt((z**2).mean()):.2f}"
            )
    for case in results.case.values:
        here = results.sel(case=case)
        if "limit_drift" not in results or not np.isfinite(here.limit_drift).any():
            continue
        ends = [
            f"n = {int(n)}: {with_error(float(one.limit_drift), float(one.limit_drift_error))} (z = "
            f"{float(one.score_limit):.2f})"
            for n in results.replicas.values
            for one in [here.sel(replicas=n)]
            if np.isfinite(one.limit_drift)
        ]
        steps, averaged, plain = (float(np.nanmean(here[n])) for n in ("steps_limit", "averaged", "gradient"))
        lines.append(
            f"{case}, drift extrapolated to epsilon = 0: {', '.join(ends)}; -grad u with these steps {steps:.5f}, "
            f"without steps {averaged:.5f}; -grad f {plain:.5f}"
        )
    return lines


def verdicts(results: "xarray.Dataset") -> "list[Verdict]":
    """All scores against the exact law, and the limits epsilon -> 0."""
    from runs.verdict import largest_score

    found = []
    for name, said, source in (
        ("score_drift", "drift at finite epsilon, quadratic", "exact mean of the steps"),
        ("score_variance", "variance at finite epsilon, quadratic",
         "exact law, epsilon / (n beta h (1 + epsilon + gamma h)) with the bias of the steps"),
        ("score_limit", "drift as epsilon -> 0", "-grad u with the bias of the steps"),
        ("score_limit_variance", "variance as epsilon -> 0", "0"),
    ):  # fmt: skip
        if name in results:
            found += largest_score(said, results[name].values, source)
    return found
