"""The Fokker-Planck equation on grids in one and two dimensions: densities that keep their mass and stay positive.

    rho_t = div(grad f rho + beta^-1 div(D rho) - b rho)      of      dx = (b - grad f) dt + sqrt(2 beta^-1 D) dW (Ito)

with any drift b, potential f, or both, and D positive definite that may change from place to place (arXiv:1710.11029,
equation 7, where b = 0). Space is discretised in `generator`: second order, positive rates for every cell Peclet
number, exp(-beta f) at rest to rounding for D = 1. Implicit Euler steps (first order) are Markov: positive, and the
free energy beta^-1 KL(rho || rho_ss) falls in every one, however long. Crank-Nicolson (second order) promises neither
for long steps and is refused where a density turns negative.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mcmc.continuum import density_checks
from mcmc.continuum.axes import checked_beta, checked_number
from mcmc.continuum.densities import Evolution, StationaryDensity
from mcmc.continuum.free_energy import fisher_information, free_energy, underflow_text
from mcmc.continuum.generator import Pairs, assembled, build_pairs, isotropic, log_balance
from mcmc.continuum.grid import Grid, checked_grid
from mcmc.continuum.grid_fields import Drift, Potential, diffusion_matrices
from mcmc.continuum.null_vector import null_vector
from mcmc.continuum.sparse_solver import Factored
from mcmc.errors import ArgumentError
from mcmc.memory import require_memory

if TYPE_CHECKING:
    from mcmc.continuum.relaxation import Relaxation

ROUNDING = 1e-13
"""Negative values of this share of the peak are rounding."""
MOST_STEPS = 10_000_000


class FokkerPlanck:
    """The equation on one grid: `stationary`, `evolve`, `relaxation`; `generator` is L of rho_t = L rho (sparse).

    `drift` is b: a function of points (n, dim) -> (n, dim), or an array (*grid.shape, dim). `potential` is f: a smooth
    landscape, a function (n, dim) -> (n,), or an array. `diffusion` is D: a number, (dim,) numbers, a matrix, an array
    of numbers or of matrices over the cells, or a function that gives one of these at (n, dim) points. Ito's form is
    the default; with `reversible` the terms of f are div(D (grad f rho + beta^-1 grad rho)), so that exp(-beta f)
    rests exactly whatever D is. Raises ArgumentError for arguments out of range and for D that is not positive
    definite, or so elongated that no stencil of 5 cells keeps densities positive.
    """

    def __init__(
        self,
        grid: Grid,
        drift: Any = None,
        *,
        potential: Any = None,
        diffusion: Any = 1.0,
        beta: float = 1.0,
        reversible: bool = False,
    ):
        self.grid = checked_grid(grid)
        self.beta = checked_beta(beta)
        if drift is None and potential is None:
            raise ArgumentError("drift, potential: got neither; one of them is needed, a potential of zeros for none")
        if reversible and potential is None:
            raise ArgumentError("reversible: got True without a potential; it says how D acts together with one")
        self.diffusion = diffusion_matrices(grid, diffusion)
        """D at the cells, (size, dim, dim) float64."""
        self._potential = None if potential is None else Potential(grid, potential)
        self._drift = None if drift is None else Drift(grid, drift)
        self.reversible = bool(reversible)
        self.pairs: list[Pairs] = build_pairs(
            grid, self.diffusion, self._potential, self._drift, self.beta, self.reversible
        )
        """Pairs of cells with their rates, one entry an offset."""
        self.generator = assembled(grid, self.pairs)
        self._factors: tuple[float, Factored] | None = None

    @property
    def reach(self) -> int:
        """Cells that the longest pair spans along a dimension."""
        return max(abs(step) for p in self.pairs for step in p.offset)

    @cached_property
    def log_balance(self) -> np.ndarray | None:
        """log rho_ss up to a constant, (size,), where the chain on the grid rests in detailed balance; else None."""
        return log_balance(self.grid, self.pairs, self._gibbs())

    @cached_property
    def stationary(self) -> StationaryDensity:
        """The density that rests: exact where detailed balance holds, the null vector of the operator elsewhere.

        Warns (ConvergenceWarning) of densities that touch walls and of cells too wide for beta, with the cell Peclet
        number; raises ArgumentError where cells are wider than the density.
        """
        return self.stationary_by("auto")

    def stationary_by(self, method: Literal["auto", "null-vector"] = "auto") -> StationaryDensity:
        """`stationary`, or the null vector also where detailed balance would give the density without solving."""
        if method not in ("auto", "null-vector"):
            raise ArgumentError(f"method: got {method!r}; 'auto' or 'null-vector' is needed")
        logs = self.log_balance if method == "auto" else None
        name = "null-vector" if logs is None else "detailed-balance"
        complaint = None
        if logs is None:
            values, complaint = null_vector(self.grid, self.generator, self.reach)
            with np.errstate(divide="ignore"):
                logs = np.log(np.maximum(values, 5e-324))
        logs = logs - logs.max()
        density = np.exp(logs)
        total = density.sum() * self.grid.volume
        density, logs = density / total, logs - np.log(total)
        rates = -self.generator.diagonal()
        residual = float(np.abs(self.generator @ density).max() / (rates * density).max())
        peclet = density_checks.peclet_number(self.pairs, density)
        ratio = density_checks.boundary_ratio(self.grid, density)
        coarse = density_checks.resolution_text(self.grid, peclet, self.beta)
        told = density_checks.warn([coarse, density_checks.boundary_text(ratio, "the stationary density"), complaint])
        shape = self.grid.shape
        return StationaryDensity(
            self.grid, density.reshape(shape), logs.reshape(shape), self.beta, name, residual, peclet, ratio, told
        )

    def evolve(
        self,
        density: Any,
        times: Sequence[float] | np.ndarray,
        *,
        step: float,
        method: Literal["implicit-euler", "crank-nicolson"] = "implicit-euler",
    ) -> Evolution:
        """The density at `times` (increasing, after 0), from `density` at time 0 by steps of `step` or a little less.

        `density` is an array or a function of points; it is normalised. Raises ArgumentError for bad arguments, and
        with Crank-Nicolson where a density turns negative; warns where one touches walls, and where cells are too wide
        for the drift that it meets, with the cell Peclet number.
        """
        now = self.grid.normalised("density", density).ravel()
        moments = _checked_times(times)
        step = checked_number("step", step)
        if method not in ("implicit-euler", "crank-nicolson"):
            raise ArgumentError(f"method: got {method!r}; 'implicit-euler' or 'crank-nicolson' is needed")
        intervals = np.diff(moments, prepend=0.0)
        counts = np.maximum(np.ceil(intervals / step * (1 - 1e-12)), 1).astype(np.int64)
        if counts.sum() > MOST_STEPS:
            raise ArgumentError(f"step: got {step:g}, which makes {counts.sum()} steps; at most {MOST_STEPS} are taken")
        # Twice: one by one, and as the array that they become.
        needed = 2 * 8.0 * self.grid.size * (len(moments) + 1)
        require_memory(needed, f"densities at {len(moments)} times on {self.grid.shape} cells", "take fewer times")
        seen, defect = [now], 0.0
        for interval, count in zip(intervals, counts, strict=True):
            for _ in range(count):
                now, lost = self._stepped(now, interval / count, method)
                defect = max(defect, lost)
            seen.append(now)
        return self._evolution(np.concatenate([[0.0], moments]), np.array(seen), int(counts.sum()), defect)

    def relaxation(self, count: int = 6, *, frequency: float | None = None) -> "Relaxation":
        """Slowest modes and the spectral gap; see `relaxation.relaxation`."""
        from mcmc.continuum.relaxation import relaxation

        return relaxation(self, count, frequency=frequency)

    def drift_at_cells(self) -> np.ndarray:
        """Whole drift of Ito's form at the cells, (size, dim): b - grad f, with the terms of D where `reversible`."""
        total = np.zeros((self.grid.size, self.grid.dim))
        here = np.arange(self.grid.size)
        if self._drift is not None:
            total += self._drift.values
        if self._potential is None:
            return total
        slope = self._potential.gradient(here, here, self.grid.points)
        if not self.reversible:
            return total - slope
        down = np.einsum("cij,cj->ci", self.diffusion, slope)
        return total - down + divergence(self.grid, self.diffusion) / self.beta

    def _gibbs(self) -> np.ndarray | None:
        """-beta f over D, (size,), if it may be the log of the density at rest."""
        if self._potential is None or self._drift is not None:
            return None
        if self.reversible:
            return -self.beta * self._potential.values
        if isotropic(self.diffusion) and np.ptp(self.diffusion[:, 0, 0]) == 0:
            return -self.beta * self._potential.values / self.diffusion[0, 0, 0]
        return None

    def _factored(self, share: float) -> Factored:
        """LU of 1 - share L, kept until another is asked for."""
        from scipy.sparse import eye_array

        if self._factors is None or not np.isclose(self._factors[0], share, rtol=1e-10, atol=0.0):
            matrix = (eye_array(self.grid.size, format="csc") - share * self.generator).tocsc()
            self._factors = (share, Factored(self.grid, matrix, self.reach))
        return self._factors[1]

    def _stepped(self, density: np.ndarray, step: float, method: str) -> tuple[np.ndarray, float]:
        """`density` one step later, of the same mass, and the share of it that rounding had changed."""
        if method == "implicit-euler":
            after = self._factored(step).solve(density)
        else:
            after = self._factored(step / 2).solve(density + step / 2 * (self.generator @ density))
        if after.min() < -ROUNDING * after.max():
            raise ArgumentError(
                f"step: got {step:.4g}, and the density falls to {after.min() / after.max():.2g} of its peak by "
                f"Crank-Nicolson; below {2 / -self.generator.diagonal().min():.2g} it stays positive, "
                "'implicit-euler' does with any step"
            )
        after = np.maximum(after, 0.0)
        share = after.sum() / density.sum()
        return after / share, abs(share - 1)

    def _evolution(self, time: np.ndarray, seen: np.ndarray, steps: int, defect: float) -> Evolution:
        rest = self.stationary
        falls = np.array([free_energy(now, rest) for now in seen])
        fisher = np.array([fisher_information(self.pairs, now, rest) for now in seen])
        peclet = max(density_checks.peclet_number(self.pairs, now) for now in seen)
        ratio = density_checks.boundary_ratio(self.grid, seen)
        told = density_checks.warn([
            density_checks.smearing_text(self.grid, peclet, self.beta),
            density_checks.boundary_text(ratio, "the density on its way"),
            underflow_text(seen, rest, density_checks.PRESENT),
        ])  # fmt: skip
        return Evolution(
            self.grid, time, seen.reshape(-1, *self.grid.shape), seen.sum(axis=1) * self.grid.volume, falls, fisher,
            seen @ self.grid.points * self.grid.volume, steps, defect, peclet, rest, told,
        )  # fmt: skip


def divergence(grid: Grid, matrices: np.ndarray) -> np.ndarray:
    """d_j D_ij at the cells, (size, dim), for D (size, dim, dim), by central differences."""
    table = matrices.reshape(*grid.shape, grid.dim, grid.dim)
    parts = np.array([grid.difference(table[..., axis], axis) for axis in range(grid.dim)])
    return parts.sum(axis=0).reshape(-1, grid.dim)


def _checked_times(times: Any) -> np.ndarray:
    try:
        found = np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all() or (np.diff(found, prepend=0.0) <= 0).any():
        raise ArgumentError(f"times: got {times!r}; finite times above 0 that increase are needed")
    return found
