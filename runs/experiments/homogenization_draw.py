"""One draw of "homogenization": paths at every epsilon, and what the steps of the paths lead to exactly."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.homogenization import HomogenizationSpec

if TYPE_CHECKING:
    from mcmc.landscape import SmoothLandscape

NODES = 241
"""Of the transition matrix of a step of y."""
PLACES = 41
"""At which the drift of x is taken between 0 and what x may reach."""


def landscape_of(spec: HomogenizationSpec, case: str) -> "SmoothLandscape":
    """The landscape of a case, of dimension 1."""
    from mcmc.landscapes.analytic import DoubleWell, Quadratic

    return Quadratic([spec.dynamics.curvature]) if case == "quadratic" else DoubleWell(1)


def step_counts(spec: HomogenizationSpec, epsilon: float) -> tuple[float, int, int]:
    """Step in slow time, steps until the drift is measured, and steps until the variance is."""
    how, share = spec.dynamics, spec.effort.share
    first = math.ceil(how.drift_time / (share * epsilon))
    step = how.drift_time / first
    return step, first, round(how.rest_time / step)


def measure(
    spec: HomogenizationSpec, case: str, replicas: int, seed: int, stop: Callable[[], bool]
) -> dict[str, Any] | None:
    """Moments (epsilon, moment) of the displacement and of x at rest; None when stopped between two epsilon."""
    from mcmc.continuum import two_scale_paths

    how = spec.dynamics
    found: dict[str, list[Any]] = {"drift": [], "rest": []}
    for k, epsilon in enumerate(spec.grid.epsilon):
        if k and stop():
            return None
        step, first, last = step_counts(spec, epsilon)
        # Records stand `first` steps apart: the second is at drift_time, the last at or next to rest_time.
        last = first * max(2, round(last / first))
        paths = two_scale_paths(
            landscape_of(spec, case), [how.start], gamma=how.gamma, beta=how.beta, epsilon=epsilon, step=step,
            steps=last, thin=first, replicas=replicas, chains=spec.effort.chains, seed=(seed + k) % 2**64,
        )  # fmt: skip
        found["drift"].append(moments((paths.x[1, :, 0] - how.start) / how.drift_time))
        found["rest"].append(moments(paths.x[-1, :, 0]))
    return {name: np.array(rows) for name, rows in found.items()}


def moments(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, variance and fourth central moment."""
    away = values - values.mean()
    return float(values.mean()), float(values.var(ddof=1)), float((away**4).mean())


def exact_of_steps(spec: HomogenizationSpec, replicas: int, epsilon: float) -> tuple[float, float]:
    """Drift and variance that steps of this length lead to on the quadratic."""
    from mcmc.continuum import step_moments

    how = spec.dynamics
    step, first, last = step_counts(spec, epsilon)
    options: dict[str, Any] = {
        "gamma": how.gamma, "beta": how.beta, "epsilon": epsilon, "step": step, "replicas": replicas,
        "start": how.start,
    }  # fmt: skip
    early = step_moments(how.curvature, steps=first, **options)
    late = step_moments(how.curvature, steps=first * max(2, round(last / first)), **options)
    return (early.mean[0] - how.start) / how.drift_time, late.covariance[0, 0]


def exact_drift(spec: HomogenizationSpec, epsilon: float) -> float:
    """Drift of the equations themselves on the quadratic, of any number of replicas."""
    from scipy.linalg import expm

    how = spec.dynamics
    pull = 1 / how.gamma
    push = np.array([[-pull, pull], [pull / epsilon, -(how.curvature + pull) / epsilon]])
    end = expm(push * how.drift_time) @ np.full(2, how.start)
    return float(end[0] - how.start) / how.drift_time


def limit_of_steps(spec: HomogenizationSpec, case: str) -> float:
    """Drift as epsilon -> 0 at a fixed share: -(x - <y>) / gamma integrated, <y> under the law of the steps of y."""
    from scipy.integrate import solve_ivp
    from scipy.interpolate import CubicSpline

    how, landscape = spec.dynamics, landscape_of(spec, case)
    far = max(2.0, 1.5 * abs(how.start))
    places = np.linspace(-far, far, PLACES)
    mean = CubicSpline(places, [_mean_of_steps(spec, landscape, x) for x in places])
    run = solve_ivp(lambda _, x: (mean(x) - x) / how.gamma, (0, how.drift_time), [how.start], rtol=1e-9, atol=1e-11)
    return float(run.y[0, -1] - how.start) / how.drift_time


def _mean_of_steps(spec: HomogenizationSpec, landscape: "SmoothLandscape", x: float) -> float:
    """<y> under the stationary law of Euler-Maruyama steps of y around x, from their transition matrix on nodes."""
    how = spec.dynamics
    # Steps in fast time are those of the smallest epsilon, where the limit is.
    epsilon = min(spec.grid.epsilon)
    fast = step_counts(spec, epsilon)[0] / epsilon
    reach = abs(x) + 1.5 + 6 / math.sqrt(how.beta)
    y = np.linspace(-reach, reach, NODES)
    ahead = y - fast * (landscape.gradient(y[:, None])[:, 0] + (y - x) / how.gamma)
    kernel = np.exp(-how.beta * (y[None] - ahead[:, None]) ** 2 / (4 * fast))
    kernel /= np.maximum(kernel.sum(axis=1, keepdims=True), 1e-300)
    # One of the balances follows from the others; the sum of the law stands in its place.
    system = kernel.T - np.eye(NODES)
    system[NODES // 2] = 1.0
    law = np.linalg.solve(system, np.eye(NODES)[NODES // 2])
    return float(law @ y)


def limit(spec: HomogenizationSpec, case: str) -> float:
    """Drift of dx = -u'(x, gamma) ds."""
    from mcmc.continuum import averaged_path

    how = spec.dynamics
    path = averaged_path(landscape_of(spec, case), [how.start], [0.0, how.drift_time], gamma=how.gamma, beta=how.beta)
    return float(path[-1, 0] - how.start) / how.drift_time
