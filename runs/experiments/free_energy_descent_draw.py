"""One repeat of "free-energy-descent": particles on their way, and F of them."""

from typing import Any

import numpy as np

from mcmc.random import Stream, normals
from runs.experiments.free_energy_descent import DescentSpec
from runs.experiments.free_energy_descent_grid import equation
from runs.experiments.free_energy_descent_model import CASES, WIDTH, Case, gradient, noise
from runs.grid import Point, point_seed

CELLS = 96
"""Along x1, of the grid that Phi is taken from."""


class Measured:
    """A function of the repeat: its columns; Phi is found once."""

    def __init__(self, spec: DescentSpec, point: Point):
        from scipy.interpolate import RegularGridInterpolator

        self.spec, self.point, self.name = spec, point, str(point.parameters["case"])
        process = equation(self.name, CELLS, spec.descent.beta)
        self.rest = RegularGridInterpolator(
            process.grid.centres, process.stationary.potential, method="cubic", bounds_error=False, fill_value=None
        )

    def __call__(self, draw: int) -> dict[str, Any]:
        """F with all particles and with half of them, at each time, extrapolated to steps of 0."""
        spec, case = self.spec, CASES[self.name]
        seed = point_seed(spec.seed, f"{self.point.name} repeat-{draw}")
        found: dict[str, list[float]] = {"free_energy": [], "half": [], "free_energy_step": [], "mean": []}
        for pair in particles(case, seed, spec.particles.count, spec.particles.step, spec.descent.beta, spec.times()):
            whole, half = zip(*map(self._free_energy, pair), strict=True)
            found["free_energy"].append(2 * whole[0] - whole[1])
            found["half"].append(2 * half[0] - half[1])
            found["free_energy_step"].append(whole[0])
            found["mean"].append(float(2 * pair[0][:, 0].mean() - pair[1][:, 0].mean()))
        return {name: np.array(values) for name, values in found.items()}

    def _free_energy(self, x: np.ndarray) -> tuple[float, float]:
        """E[Phi] - H / beta of all particles, and with H the mean over two halves of them."""
        from mcmc.statistics.nearest_neighbours import differential_entropy

        energy, beta = self.rest(x).mean(), self.spec.descent.beta
        halves = np.mean([differential_entropy(x[k::2]).value for k in (0, 1)])
        return float(energy - differential_entropy(x).value / beta), float(energy - halves / beta)


def particles(
    case: Case, seed: int, count: int, step: float, beta: float, times: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions (count, dim) at each of `times`, of Euler-Maruyama steps h and 2 h along the same Brownian paths."""
    lane, found = np.arange(count), []
    fine = coarse = np.array(case.start) + WIDTH * normals(seed, Stream.INITIAL, 0, 0, lane)[:, : case.dim]
    moments = set(np.round(times / (2 * step)).astype(int).tolist())
    scale = np.sqrt(2.0 * step / beta)
    for move in range(max(moments)):
        pair = [scale * normals(seed, Stream.DESCENT_NOISE, 0, 2 * move + k, lane)[:, : case.dim] for k in (0, 1)]
        for xi in pair:
            fine = fine - step * gradient(fine) + noise(case, fine, xi)
        coarse = coarse - 2 * step * gradient(coarse) + noise(case, coarse, pair[0] + pair[1])
        if move + 1 in moments:
            found.append((fine, coarse))
    return found
