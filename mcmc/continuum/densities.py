"""Densities on grids as Fokker-Planck equations give them: at rest, and at several times on their way there."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.continuum.grid import Grid
from mcmc.errors import ArgumentError

if TYPE_CHECKING:
    import xarray


class StationaryDensity(NamedTuple):
    """The density that rests, of mass 1."""

    grid: Grid
    density: np.ndarray
    """shape `grid.shape` float64."""
    log_density: np.ndarray
    """Finite also where the density underflows, if it is known in closed form."""
    beta: float
    method: str
    """"detailed-balance" (exact on the grid) or "null-vector" (of the operator, by sparse LU)."""
    residual: float
    """Largest |L rho|, as a share of the largest rate at which mass leaves a cell."""
    peclet: float
    """Largest cell Peclet number where the density is above 1 % of its peak."""
    boundary_ratio: float
    """Highest density at a wall, as a share of the peak."""
    warnings: tuple[str, ...]

    @property
    def potential(self) -> np.ndarray:
        """Phi = -beta^-1 log rho_ss, shape `grid.shape`."""
        return -self.log_density / self.beta

    def mean(self, values: Any) -> float:
        """Mean of `values` (one for each cell, or a function of the points) under the density.

        Raises ArgumentError for another number of values.
        """
        found = np.asarray(values(self.grid.points) if callable(values) else values)
        if found.size != self.grid.size or found.dtype.kind not in "fiub":
            raise ArgumentError(
                f"values: got shape {found.shape}, {found.dtype}; one number for each cell {self.grid.shape} is needed"
            )
        return float((found.reshape(self.grid.shape) * self.density).sum() * self.grid.volume)

    def to_xarray(self) -> "xarray.Dataset":
        """Density and Phi over dims x (and y)."""
        import xarray

        dims = self.grid.dims
        return xarray.Dataset(
            {
                "density": (dims, self.density, {"long_name": "stationary density"}),
                "potential": (dims, self.potential, {"long_name": "Phi = -log(density) / beta"}),
            },
            coords=self.grid.coordinates(),
            attrs={
                "beta": self.beta, "method": self.method, "residual": self.residual, "peclet": self.peclet,
                "boundary_ratio": self.boundary_ratio,
            },
        )  # fmt: skip


class Evolution(NamedTuple):
    """A density at several times; first axis `time`."""

    grid: Grid
    time: np.ndarray
    """(times,) float64, starts at 0."""
    density: np.ndarray
    """(times, *grid.shape) float64."""
    mass: np.ndarray
    """(times,) float64: stays 1."""
    free_energy: np.ndarray
    """(times,) float64: F = beta^-1 KL(rho || rho_ss)."""
    fisher_information: np.ndarray
    """(times,) float64: -dF/dt to discretisation order; infinite where a density ends at a cell."""
    mean: np.ndarray
    """(times, dim) float64: of the position."""
    steps: int
    mass_defect: float
    """Largest share of mass that a step lost or won by rounding, and got back."""
    peclet: float
    """Largest cell Peclet number where one of the densities is above 1 % of its peak."""
    stationary: StationaryDensity
    warnings: tuple[str, ...]

    def to_xarray(self) -> "xarray.Dataset":
        """Everything over dims time, x (and y)."""
        import xarray

        dims = self.grid.dims
        return xarray.Dataset(
            {
                "density": (("time", *dims), self.density, {"long_name": "density"}),
                "stationary": (dims, self.stationary.density, {"long_name": "stationary density"}),
                "mass": ("time", self.mass, {"long_name": "mass"}),
                "free_energy": ("time", self.free_energy, {"long_name": "F = KL(density, stationary) / beta"}),
                "fisher_information": ("time", self.fisher_information, {"long_name": "Fisher information, -dF/dt"}),
                "mean": (("time", "component"), self.mean, {"long_name": "mean position"}),
            },
            coords={"time": self.time, "component": list(dims), **self.grid.coordinates()},
            attrs={
                "beta": self.stationary.beta, "steps": self.steps, "mass_defect": self.mass_defect,
                "peclet": self.peclet,
            },
        )  # fmt: skip
