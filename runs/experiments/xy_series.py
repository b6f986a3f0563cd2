"""Series of one point of an XY run, brought to one shape whatever sampler made them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from runs.experiments.xy_spec import Landscape

AREA = {"triangular": math.sqrt(3.0) / 2.0}
"""Area of a site in squares of the lattice spacing, where it is not 1."""

WAVE_SPACING = {"triangular": math.sqrt(3.0) / 2.0}
"""Distance of the lattice rows whose phases the smallest wave counts, where it is not 1."""


class Geometry(NamedTuple):
    """What the formulas need to know of a graph."""

    lattice: str
    size: int
    sites: int
    bonds: int
    directions: tuple[str, ...]
    vortices: bool
    """Whether there are plaquettes, and vorticity is that of the angles: it depends on the gauge elsewhere."""
    waves: bool
    area: float
    """Of a site, in squares of the lattice spacing."""
    plaquettes: int

    @property
    def smallest_wave(self) -> float:
        """k of the structure factor, 2 pi / L."""
        return 2.0 * math.pi / self.size


class PointSeries(NamedTuple):
    """The series of one file."""

    temperature: np.ndarray
    """(temperatures,) float64; one where the point is a single temperature."""
    values: dict[str, np.ndarray]
    """(chains, draws, temperatures) float64, totals as the model observes them."""
    statistics: dict[str, np.ndarray]
    """What the sampler counted: (temperatures,), or () where it is one number for all; chains averaged."""
    thin: int
    """Sweeps per draw."""


def geometry(landscape: "Landscape", size: int) -> Geometry:
    """Numbers of a lattice without building it."""
    name = landscape.lattice
    dimensions = {"chain": 1, "ring": 1, "square": 2, "triangular": 2, "cubic": 3}.get(name, 0)
    sites = size ** max(dimensions, 1)
    bonds_per_site = {"ring": 1, "square": 2, "triangular": 3, "cubic": 3}.get(name, 0)
    bonds = {
        "chain": size - 1,
        "complete": size * (size - 1) // 2,
        "random_regular": size * (landscape.degree or 0) // 2,
    }.get(name, bonds_per_site * sites)
    return Geometry(
        lattice=name,
        size=size,
        sites=sites,
        bonds=bonds,
        directions=("x", "y", "z")[:dimensions],
        vortices=name in ("square", "triangular") and landscape.positive,
        waves=name in ("ring", "square", "triangular", "cubic"),
        area=AREA.get(name, 1.0),
        plaquettes={"square": 1, "triangular": 2}.get(name, 0) * sites,
    )


def read_series(path: Path, parameters: Mapping, draws: int, thin: int) -> PointSeries:
    """The first `draws` draws of a point's file. Raises StoreError for a file that cannot be read."""
    from mcmc.store.reader import open_run_file

    with open_run_file(path) as file:
        data = file.isel(draw=slice(0, draws)).load()
    if "temperature" in data.dims:
        temperature = np.asarray(data["temperature"].values, np.float64)
    else:
        temperature = np.array([parameters["temperature"]], np.float64)
        data = data.expand_dims(temperature=temperature)
    values, statistics = {}, {}
    for name, variable in data.data_vars.items():
        if "draw" in variable.dims:
            values[str(name)] = np.asarray(variable.transpose("chain", "draw", "temperature").values, np.float64)
        elif "temperature" in variable.dims:
            statistics[str(name)] = variable.mean("chain").values if "chain" in variable.dims else variable.values
    return PointSeries(temperature, values, statistics, thin)
