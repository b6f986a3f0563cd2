"""What equations on 2-D grids cost, and how the cost grows with the grid.

The landscape is a double well with ripples; Fokker-Planck gets a current beside its gradient, so that the stationary
density is the null vector of an operator without detailed balance.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mcmc.continuum import FokkerPlanck, Grid, cole_hopf, hopf_lax
from runs.benchmarks.timing import Row, cpu_seconds, median_seconds

STATIONARY_SIDES = (128, 256, 512)
HAMILTON_JACOBI_SIDES = (256, 512, 1024)
BETA, SCALE, CURRENT = 4.0, 0.1, 1.0
HALF_WIDTH = 3.0
COLD = 300.0
CORRELATED = np.array([[1.0, 0.6], [0.6, 0.8]])


def stationary_rows() -> Iterator[Row]:
    """Stationary density of a drift with a current: assembling the operator and its null vector, all threads' time."""
    # Imports are not counted.
    stationary_seconds(64)
    what = "assembled and solved"
    yield from grown("Fokker-Planck stationary state", STATIONARY_SIDES, stationary_seconds, 20.0, what)
    # Noise with entries off the diagonal needs pairs of diagonal neighbours, and larger factors.
    side = STATIONARY_SIDES[-1]
    taken = stationary_seconds(side, CORRELATED)
    yield timed(f"Fokker-Planck stationary state, correlated noise, {side} x {side}", taken, 20.0, what)


def viscous_rows() -> Iterator[Row]:
    """Viscous Hamilton-Jacobi by Cole-Hopf, and one so cold that transforms lose most of it."""
    yield from grown("Hamilton-Jacobi, viscous (Cole-Hopf)", HAMILTON_JACOBI_SIDES, viscous_seconds, 1.0)
    side = HAMILTON_JACOBI_SIDES[-1]
    yield timed(f"Hamilton-Jacobi, viscous, beta = {COLD:g}, {side} x {side}", viscous_seconds(side, COLD), 1.0)


def non_viscous_rows() -> Iterator[Row]:
    """Non-viscous Hamilton-Jacobi by Hopf-Lax."""
    yield from grown("Hamilton-Jacobi, non-viscous (Hopf-Lax)", HAMILTON_JACOBI_SIDES, non_viscous_seconds, 1.0)


def grown(
    name: str, sides: tuple[int, ...], seconds: Callable[[int], float], target: float, what: str = ""
) -> Iterator[Row]:
    """A row for each side, the last with the target, and the power of the number of cells that the times follow."""
    times = {side: seconds(side) for side in sides}
    for side, taken in times.items():
        if side == sides[-1]:
            yield timed(f"{name}, {side} x {side}", taken, target, what)
        else:
            yield Row(f"{name}, {side} x {side}", taken, "s", what)
    yield Row(f"{name}: cost against cells n^p", fitted_power(times), "p", "1 is linear")


def timed(name: str, taken: float, target: float, what: str = "") -> Row:
    """A row of seconds with a target."""
    return Row(name, taken, "s", what, target=f"<= {target:g} s", met=taken <= target)


def fitted_power(times: Mapping[int, float]) -> float:
    """p of seconds ~ (side^2)^p, least squares of the logarithms."""
    cells = np.array(list(times), float) ** 2
    return float(np.polyfit(np.log(cells), np.log(list(times.values())), 1)[0])


def stationary_seconds(side: int, noise: Any = 1.0) -> float:
    """Time of the whole process: factors of sparse matrices may take threads of their own."""
    start = time.process_time()
    grid = Grid((-HALF_WIDTH, -HALF_WIDTH), (HALF_WIDTH, HALF_WIDTH), (side, side))
    density = FokkerPlanck(grid, drift, diffusion=noise, beta=BETA).stationary
    taken = time.process_time() - start
    assert np.isfinite(density.density).all()
    return taken


def viscous_seconds(side: int, beta: float = BETA) -> float:
    """One call, median of a few."""
    axes, f = rippled(side)
    return median_seconds(lambda: cole_hopf(axes, f, SCALE, beta=beta), cpu_seconds)


def non_viscous_seconds(side: int) -> float:
    """One call, median of a few, compilation not counted."""
    axes, f = rippled(side)
    return median_seconds(lambda: hopf_lax(axes, f, SCALE), cpu_seconds)


def rippled(side: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Axes, and a double well with ripples on them."""
    axis = np.linspace(-HALF_WIDTH, HALF_WIDTH, side)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    return (axis, axis), 0.25 * (x**2 - 1.0) ** 2 + 0.5 * y**2 + 0.1 * np.cos(8.0 * x) * np.cos(8.0 * y)


def drift(points: np.ndarray) -> np.ndarray:
    """Minus the gradient of the double well, and a current along its contours: (n, 2) -> (n, 2)."""
    x, y = points.T
    gradient = np.stack([x**3 - x, y], axis=1)
    return -gradient + CURRENT * np.stack([-gradient[:, 1], gradient[:, 0]], axis=1)
