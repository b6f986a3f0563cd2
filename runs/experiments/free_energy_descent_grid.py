"""The solvers of "free-energy-descent": grids, the equation on them, minimising movements."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runs.experiments.free_energy_descent_model import CASES, gradient, potential, start_density

if TYPE_CHECKING:
    from mcmc.continuum import Evolution, FokkerPlanck, Grid

REACH = (3.2, 4.5)
"""Half sides of the grids: densities fall below 1e-6 of their peaks at the walls."""
LINE = 5
"""Times as many cells in one dimension as along x1 in two."""
MASSES = 1600
"""Of the quantile function: its tails end half a mass early, which F feels by about log(masses) / masses."""


class Movements(NamedTuple):
    """F of minimising movements of one step, relative to the density at rest."""

    time: np.ndarray
    free_energy: np.ndarray


def mesh(name: str, cells: int) -> "Grid":
    """The grid of a case."""
    from mcmc.continuum import Grid

    dim = CASES[name].dim
    high = np.array(REACH[:dim])
    return Grid(-high, high, (cells, round(cells * REACH[1] / REACH[0])) if dim == 2 else LINE * cells)


def equation(name: str, cells: int, beta: float) -> "FokkerPlanck":
    """The Fokker-Planck equation of a case."""
    from mcmc.continuum import FokkerPlanck

    grid, case = mesh(name, cells), CASES[name]
    if case.diffusion is None:
        return FokkerPlanck(grid, potential=potential, beta=beta)
    return FokkerPlanck(grid, lambda x: -gradient(x), diffusion=case.diffusion, beta=beta)


def descend(process: "FokkerPlanck", name: str, times: np.ndarray, step: float) -> "Evolution":
    """The density of a case at `times`."""
    return process.evolve(lambda x: start_density(CASES[name], x), times, step=step)


def movements(process: "FokkerPlanck", name: str, tau: float, last: float) -> Movements:
    """Minimising movements of length `tau` until `last`; D = 1 alone."""
    from mcmc.continuum import entropic_flow, quantile_flow

    grid, beta = process.grid, process.beta
    f = potential(grid.points).reshape(grid.shape)
    begun = grid.normalised("density", lambda x: start_density(CASES[name], x))
    steps = int(np.ceil(last / tau * (1 - 1e-12)))
    # F relative to the density at rest: log Z / beta is added.
    offset = float(np.log(np.exp(-beta * f).sum() * grid.volume) / beta)
    if grid.dim == 1:
        line = quantile_flow(grid.centres[0], begun, f, beta=beta, tau=tau, steps=steps, masses=MASSES)
        return Movements(line.times, line.free_energy + offset)
    plane = entropic_flow(grid.centres, begun, f, beta=beta, tau=tau, steps=steps,
                          regularisation=max(tau / beta, 2.0 * float(grid.width.max()) ** 2))  # fmt: skip
    return Movements(plane.times, plane.functional + offset)


def refined_argmin(grid: "Grid", values: np.ndarray) -> np.ndarray:
    """Where `values` (*grid.shape) are lowest, (dim,), between cells by a parabola along each dimension."""
    cell = np.unravel_index(np.argmin(values), values.shape)
    found = []
    for axis, (centres, width) in enumerate(zip(grid.centres, grid.width, strict=True)):
        line = values[tuple(slice(None) if k == axis else cell[k] for k in range(grid.dim))]
        i = int(cell[axis])
        below, here, above = line[i - 1], line[i], line[i + 1]
        found.append(centres[i] + 0.5 * width * (below - above) / (below - 2 * here + above))
    return np.array(found)
