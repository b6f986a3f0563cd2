"""What keeps moving at rest: the probability current of a steady state and the antisymmetric Q that carries it.

    rho_ss ~ exp(-beta Phi),    j = b + D grad Phi - beta^-1 div D,    div(j rho_ss) = 0,
    -b = (D + Q) grad Phi - beta^-1 div(D + Q),    hence    j rho_ss = beta^-1 div(Q rho_ss)

with b the drift of Ito's form and Q antisymmetric: the A-type form (Ao 2004, J. Phys. A 37, L25; arXiv:1710.11029,
section 3.1). In two dimensions Q_12 rho_ss / beta is the stream function of the flux j rho_ss; it is 0 on walls, which
makes Q unique. For linear drifts everything is closed: `linear_steady_state`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.continuum.axes import checked_beta
from mcmc.continuum.densities import StationaryDensity
from mcmc.continuum.fokker_planck import FokkerPlanck
from mcmc.continuum.grid import Grid
from mcmc.errors import ArgumentError

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class LinearSteadyState:
    """The Gaussian at rest of dx = -A (x - m) dt + sqrt(2 beta^-1 D) dW; matrices (dim, dim) float64."""

    covariance: np.ndarray
    """S of A S + S A' = 2 beta^-1 D."""
    antisymmetric: np.ndarray
    """Q = beta A S - D, in the units of D; 0 in detailed balance."""
    matrix: np.ndarray
    diffusion: np.ndarray
    centre: np.ndarray
    beta: float

    @property
    def hessian(self) -> np.ndarray:
        """Of Phi = (x - m)' S^-1 (x - m) / (2 beta)."""
        return np.linalg.inv(self.covariance) / self.beta

    @property
    def circulation(self) -> np.ndarray:
        """<x_i b_j - x_j b_i> = 2 Q / beta."""
        return 2 * self.antisymmetric / self.beta

    def potential(self, points: np.ndarray) -> np.ndarray:
        """Phi = -beta^-1 log rho_ss at points (n, dim), (n,): rho_ss is normalised."""
        away = self._away(points)
        constant = np.linalg.slogdet(2 * np.pi * self.covariance)[1] / (2 * self.beta)
        return np.einsum("ni,ij,nj->n", away, self.hessian, away) / 2 + constant

    def density(self, points: np.ndarray) -> np.ndarray:
        """rho_ss at points (n, dim), (n,)."""
        return np.exp(-self.beta * self.potential(points))

    def current(self, points: np.ndarray) -> np.ndarray:
        """j = -Q grad Phi at points (n, dim), (n, dim)."""
        away = self._away(points)
        return -away @ self.hessian @ self.antisymmetric.T

    def _away(self, points: np.ndarray) -> np.ndarray:
        found = np.asarray(points, dtype=np.float64)
        if found.ndim != 2 or found.shape[1] != len(self.centre):
            raise ArgumentError(f"points: got shape {found.shape}; (n, {len(self.centre)}) is needed")
        return found - self.centre

    def to_xarray(self) -> "xarray.Dataset":
        """Matrices over dims row and column."""
        import xarray

        names = {
            "covariance": "covariance at rest",
            "antisymmetric": "Q of the A-type form",
            "circulation": "<x_i b_j - x_j b_i>",
        }
        dims = ("row", "column")
        variables: dict[str, Any] = {k: (dims, getattr(self, k), {"long_name": text}) for k, text in names.items()}
        return xarray.Dataset({**variables, "centre": ("row", self.centre)}, attrs={"beta": self.beta})


def linear_steady_state(matrix: Any, diffusion: Any, *, beta: float = 1.0, centre: Any = 0.0) -> LinearSteadyState:
    """The steady state of dx = -A (x - centre) dt + sqrt(2 beta^-1 D) dW, with `matrix` A and `diffusion` D.

    Any dimension; A need not be symmetric. Raises ArgumentError where A has an eigenvalue without positive real part
    (nothing is at rest) or D is not symmetric and positive definite.
    """
    from scipy.linalg import solve_continuous_lyapunov

    a, d = _square("matrix", matrix), _square("diffusion", diffusion)
    if a.shape != d.shape:
        raise ArgumentError(f"diffusion: got shape {d.shape} with a matrix {a.shape}; the same shape is needed")
    beta = checked_beta(beta)
    lowest = float(np.linalg.eigvals(a).real.min())
    if lowest <= 0:
        raise ArgumentError(
            f"matrix: got an eigenvalue of real part {lowest:.4g}; all must be above 0, or the drift -A x holds nothing"
        )
    least = float(np.linalg.eigvalsh((d + d.T) / 2)[0])
    if np.abs(d - d.T).max() > 1e-12 * np.abs(d).max() or least <= 0:
        raise ArgumentError(f"diffusion: got lowest eigenvalue {least:.4g}; a symmetric positive definite D is needed")
    try:
        middle = np.broadcast_to(np.asarray(centre, dtype=np.float64), len(a)).copy()
    except (TypeError, ValueError):
        raise ArgumentError(f"centre: got {centre!r}; a number or {len(a)} of them are needed") from None
    covariance = solve_continuous_lyapunov(a, 2 * d / beta)
    covariance = (covariance + covariance.T) / 2
    q = beta * a @ covariance - d
    return LinearSteadyState(covariance, (q - q.T) / 2, a, d, middle, beta)


@dataclass(frozen=True)
class SteadyState:
    """A steady state on a two-dimensional grid with its current; fields over cells have shape (*grid.shape, 2)."""

    stationary: StationaryDensity
    flux: tuple[np.ndarray, np.ndarray]
    """J = j rho_ss through faces: (nx, ny) each, entry [i, k] from cell (i, k) to the next along that dimension."""
    drift: np.ndarray
    """b of Ito's form at the cells."""

    @property
    def grid(self) -> Grid:
        """The grid of all fields."""
        return self.stationary.grid

    @property
    def beta(self) -> float:
        """Inverse temperature."""
        return self.stationary.beta

    @cached_property
    def current(self) -> np.ndarray:
        """j = J / rho_ss at the cells, float64; mean over the faces of a cell."""
        logs, found = self.stationary.log_density, []
        for axis, flux in enumerate(self.flux):
            with np.errstate(over="ignore", under="ignore"):
                speed = flux * np.exp(-(logs + np.roll(logs, -1, axis)) / 2)
            before = np.roll(speed, 1, axis)
            found.append((np.where(np.isfinite(speed), speed, 0) + np.where(np.isfinite(before), before, 0)) / 2)
        return np.stack(found, axis=-1)

    @cached_property
    def flux_divergence(self) -> np.ndarray:
        """div(j rho_ss) at the cells, shape grid.shape: 0 but for rounding of the null vector."""
        return self._difference(self.flux[0], 0) + self._difference(self.flux[1], 1)

    @cached_property
    def current_divergence(self) -> np.ndarray:
        """div j at the cells, shape grid.shape, second order inside: at rest equal to beta j . grad Phi."""
        return np.trace(_gradient(self.grid, self.current), axis1=-2, axis2=-1)

    @cached_property
    def potential_gradient(self) -> np.ndarray:
        """Grad Phi at the cells, second order inside."""
        return _gradient(self.grid, self.stationary.potential[..., None])[..., 0, :]

    @property
    def along_gradient(self) -> np.ndarray:
        """j . grad Phi, shape grid.shape: 0 where the current follows lines of equal density."""
        return (self.current * self.potential_gradient).sum(axis=-1)

    @cached_property
    def stream(self) -> np.ndarray:
        """Stream function psi at the upper corner of each cell: J_x = d psi / dy, J_y = -d psi / dx; 0 on walls."""
        if any(self.grid.periodic):
            raise ArgumentError("grid: got periodic sides; the stream function and Q need walls on all four")
        across = self.flux[0] * self.grid.width[1]
        below = np.cumsum(across, axis=1)
        # Summed from the nearer end: far from the density psi is small, and not a difference of large sums.
        above = below - below
        above[:, :-1] = -np.cumsum(across[:, :0:-1], axis=1)[:, ::-1]
        weight = np.cumsum(np.abs(across), axis=1)
        return np.where(weight <= weight[:, -1:] / 2, below, above)

    @cached_property
    def antisymmetric(self) -> np.ndarray:
        """Q_12 at the cells, shape grid.shape, in the units of D: beta psi / rho_ss; Q_21 = -Q_12.

        NaN in the outermost cells, and where rho_ss underflows. Raises ArgumentError on periodic grids.
        """
        logs = self.stationary.log_density
        corner = (logs[:-1, :-1] + logs[1:, :-1] + logs[:-1, 1:] + logs[1:, 1:]) / 4
        with np.errstate(over="ignore", invalid="ignore"):
            q = self.beta * self.stream[:-1, :-1] * np.exp(-corner)
        found = np.full(self.grid.shape, np.nan)
        found[1:-1, 1:-1] = (q[:-1, :-1] + q[1:, :-1] + q[:-1, 1:] + q[1:, 1:]) / 4
        return np.where(np.isfinite(found), found, np.nan)

    @property
    def circulation(self) -> float:
        """<x_1 b_2 - x_2 b_1> under rho_ss, about the origin."""
        x = self.grid.points.reshape(*self.grid.shape, 2)
        return self.stationary.mean(x[..., 0] * self.drift[..., 1] - x[..., 1] * self.drift[..., 0])

    @property
    def flux_circulation(self) -> float:
        """The same from the flux, int x_1 J_2 - x_2 J_1: equal to second order, rounding in detailed balance."""
        x, y = (self.grid.points[:, k].reshape(self.grid.shape) for k in (0, 1))
        return float((x * self.flux[1] - y * self.flux[0]).sum() * self.grid.volume)

    def to_xarray(self) -> "xarray.Dataset":
        """Density, Phi, drift, current and, between walls, Q over dims x, y and component."""
        dims, vectors = self.grid.dims, (*self.grid.dims, "component")
        variables: dict[str, Any] = {
            "drift": (vectors, self.drift, {"long_name": "drift b"}),
            "current": (vectors, self.current, {"long_name": "probability current j"}),
            "flux_divergence": (dims, self.flux_divergence, {"long_name": "div(j density)"}),
            "current_divergence": (dims, self.current_divergence, {"long_name": "div j"}),
            "along_gradient": (dims, self.along_gradient, {"long_name": "j . grad Phi"}),
        }
        if not any(self.grid.periodic):
            variables["antisymmetric"] = (dims, self.antisymmetric, {"long_name": "Q_12 of the A-type form"})
        found = self.stationary.to_xarray().assign(variables).assign_coords(component=list(dims))
        return found.assign_attrs(circulation=self.circulation, flux_circulation=self.flux_circulation)

    def _difference(self, flux: np.ndarray, axis: int) -> np.ndarray:
        return (flux - np.roll(flux, 1, axis)) / self.grid.width[axis]


def grid_steady_state(process: FokkerPlanck, *, method: str = "auto") -> SteadyState:
    """The steady state of an equation on a two-dimensional grid; `method` as in `FokkerPlanck.stationary_by`.

    Raises ArgumentError in one dimension, where walls leave no current. Warns as `FokkerPlanck.stationary`.
    """
    if not isinstance(process, FokkerPlanck):
        raise ArgumentError(f"process: got {type(process).__name__}; a FokkerPlanck is needed")
    if process.grid.dim != 2:
        raise ArgumentError("process: got a grid in 1 dimension; currents are looked at in 2")
    rest = process.stationary if method == "auto" else process.stationary_by(method)  # type: ignore[arg-type]
    return SteadyState(rest, face_flux(process, rest.density), process.drift_at_cells().reshape(*process.grid.shape, 2))


def face_flux(process: FokkerPlanck, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flux J through the faces of cells, (nx, ny) each: entry [i, k] leads to the next cell of that dimension.

    What a pair of cells further apart exchanges goes half along one, half along the other of the two lattice paths
    that turn once, so that what enters a cell through its faces is what its pairs bring.
    """
    grid, flat = process.grid, np.asarray(density).ravel()
    total = np.zeros((2, grid.size))
    for pair in process.pairs:
        net = pair.flux(flat)
        for path in ((0, 1), (1, 0)):
            at = np.array(np.unravel_index(pair.first, grid.shape))
            for axis in path:
                for _ in range(abs(pair.offset[axis])):
                    sign = np.sign(pair.offset[axis])
                    face = at.copy()
                    face[axis] -= sign < 0
                    cells = np.ravel_multi_index(tuple(face), grid.shape, mode="wrap")
                    total[axis] += np.bincount(cells, weights=sign * net / 2, minlength=grid.size)
                    at[axis] += sign
    # Mass of a cell a unit of time -> density times speed: by the width of a cell across the face's normal.
    along, across = (total[axis].reshape(grid.shape) * grid.width[axis] for axis in (0, 1))
    return along, across


def _gradient(grid: Grid, values: np.ndarray) -> np.ndarray:
    """d_j of each component of `values` (*shape, k) at the cells, (*shape, k, 2)."""
    return np.stack([grid.difference(values, axis) for axis in (0, 1)], axis=-1)


def _square(name: str, value: Any) -> np.ndarray:
    try:
        found = np.atleast_2d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not np.isfinite(found).all():
        raise ArgumentError(f"{name}: got {value!r}; a square matrix of finite numbers is needed")
    return found
