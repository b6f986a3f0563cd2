"""Equations on grids, and trajectories beside them, where the answer is known in closed form.

The error of a number from a grid is what half as many cells change in it: grids are of second order, or better.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from mcmc.continuum import FokkerPlanck, Grid, cole_hopf, grid_steady_state, hopf_lax, step_moments, two_scale_paths
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from runs.exact_cases.case import Case
from runs.experiments.limit_cycles_model import drift, exact_circulation

ROUNDING = 1e-12
DOUBLE_WELL = {1.0: 1.0417972964871, 4.0: 0.8327454871284}
"""<x^2> of the double well by beta."""
SMOOTHED = 0.162129553069
"""u(0, t = 0.5) of the double well at beta = 1."""
GAMMA, EPSILON, CURVATURE, STEP = 0.5, 0.1, 1.5, 0.005


def equation_cases(seed: int) -> Iterator[Case]:
    """Densities at rest, currents and Hamilton-Jacobi equations on grids; nothing is drawn."""
    for beta, exact in DOUBLE_WELL.items():
        yield on_grids(f"Fokker-Planck, double well, beta = {beta:g}, <x^2>", partial(_square, beta), 200, exact)
    exact = exact_circulation(1.5)
    yield on_grids("Fokker-Planck, two wells with a current, circulation", _circulation, 64, exact)
    yield on_grids("Cole-Hopf, double well, u(0, t = 0.5)", _viscous, 400, SMOOTHED)
    # The envelope of x^2 / 2 is x^2 / (2 (1 + t)).
    yield on_grids("Hopf-Lax, quadratic, u(1, t = 0.5)", _non_viscous, 400, 1.0 / 3.0)


def two_scale_cases(seed: int) -> Iterator[Case]:
    """Variance of x under Entropy-SGD and Elastic-SGD dynamics at a finite ratio of time scales."""
    for replicas in (1, 3):
        paths = two_scale_paths(
            Quadratic([CURVATURE]), [0.5], gamma=GAMMA, beta=4.0, epsilon=EPSILON, step=STEP, steps=1000, thin=1000,
            replicas=replicas, chains=4000, seed=seed,
        )  # fmt: skip
        squares = (paths.x[-1, :, 0] - paths.x[-1, :, 0].mean()) ** 2
        known = step_moments(
            CURVATURE, gamma=GAMMA, beta=4.0, epsilon=EPSILON, step=STEP, steps=1000, start=0.5, replicas=replicas
        )
        error = squares.std(ddof=1) / np.sqrt(squares.size)
        yield Case(
            f"two time scales, {replicas} replica{'s' * (replicas > 1)}, variance of x", float(squares.mean()),
            float(error), float(known.covariance[0, 0]),
        )  # fmt: skip


def on_grids(name: str, value: Callable[[int], float], cells: int, exact: float) -> Case:
    """A number on a grid of so many cells, with what half of them change as its error."""
    fine, coarse = value(cells), value(cells // 2)
    return Case(name, fine, abs(fine - coarse) / 3.0 + ROUNDING, exact)


def _square(beta: float, cells: int) -> float:
    rest = FokkerPlanck(Grid(-4.0, 4.0, cells), potential=DoubleWell(), beta=beta).stationary
    return rest.mean(lambda x: x[:, 0] ** 2)


def _circulation(cells: int) -> float:
    grid = Grid((-3.1, -5.7), (3.1, 5.7), (cells, 2 * cells))
    return grid_steady_state(FokkerPlanck(grid, lambda x: drift(x, 1.5)), method="null-vector").circulation


def _viscous(cells: int) -> float:
    axis = np.linspace(-4.0, 4.0, cells + 1)
    return float(np.interp(0.0, axis, cole_hopf(axis, DoubleWell(), 0.5, beta=1.0).u))


def _non_viscous(cells: int) -> float:
    axis = np.linspace(-4.0, 4.0, cells + 1)
    return float(np.interp(1.0, axis, hopf_lax(axis, 0.5 * axis**2, 0.5).u))
