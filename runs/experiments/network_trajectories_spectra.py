"""Spectra and memory of "network-trajectories" at the smallest batches, beside fitted Ornstein-Uhlenbeck processes."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ConvergenceWarning
from runs.experiments.network_trajectories import MOST_LAGS, NetworkTrajectoriesSpec
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    import xarray

_BAND, _LAG = ("seed", "frequency"), ("seed", "lag")
QUANTITIES = {
    "power_p_value": Quantity(
        "probability of such a spectrum for an Ornstein-Uhlenbeck process, of each seed", "1", ("seed",)
    ),
    "correlation_p_value": Quantity(
        "probability of such an autocorrelation for an Ornstein-Uhlenbeck process, of each seed", "1", ("seed",)
    ),
    "power": Quantity("power of the increments of the coordinates", "weight^2", _BAND),
    "power_null": Quantity("mean power of the fitted Ornstein-Uhlenbeck process", "weight^2", _BAND),
    "power_low": Quantity("its quantile 2.5 %", "weight^2", _BAND),
    "power_high": Quantity("its quantile 97.5 %", "weight^2", _BAND),
    "correlation": Quantity("autocorrelation of the coordinates", "1", _LAG),
    "correlation_null": Quantity("mean autocorrelation of the fitted Ornstein-Uhlenbeck process", "1", _LAG),
    "correlation_low": Quantity("its quantile 2.5 %", "1", _LAG),
    "correlation_high": Quantity("its quantile 97.5 %", "1", _LAG),
}


def spectra(
    spec: NetworkTrajectoriesSpec, positions: Mapping[str, np.ndarray], points: Sequence[Point]
) -> "xarray.Dataset":
    """Over noise, of the points with the smallest batch there is; `positions` (seeds, draws, coordinates) by name."""
    import xarray

    batch = min(point.parameters["batch"] for point in points if point.name in positions)
    found = {
        point.parameters["noise"]: _of_each(spec, point, positions[point.name])
        for point in points
        if point.parameters["batch"] == batch and point.name in positions
    }
    first = next(iter(found.values()))[0]
    inner = {"seed": spec.trajectories.seeds, "frequency": len(first.frequency), "lag": len(first.lag)}
    table = ResultGrid({"noise": len(spec.grid.noise)}, inner, QUANTITIES)
    for noise, runs in found.items():
        for name in ("power", "correlation"):
            _put(table, (spec.grid.noise.index(noise),), name, runs)
    coords = {
        "frequency": ("frequency", first.frequency, {"long_name": "frequency", "units": "1 / epoch"}),
        "lag": ("lag", first.lag, {"long_name": "time between records", "units": "epochs"}),
    }
    return xarray.Dataset(table.variables(), coords, {"spectra_batch": batch})


def _of_each(spec: NetworkTrajectoriesSpec, point: Point, position: np.ndarray) -> list[Any]:
    from mcmc.gradient_noise import trajectory_spectra

    lags = min(MOST_LAGS, position.shape[1] // 4)
    with warnings.catch_warnings():
        # What is too short is said for each point where its circulation is taken.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            trajectory_spectra(
                x, surrogates=spec.measured.surrogates, lags=lags,
                seed=point_seed(spec.seed, f"surrogates {point.name} seed-{number}"),
            )
            for number, x in enumerate(position)
        ]  # fmt: skip


def _put(table: ResultGrid, place: tuple[int, ...], name: str, runs: Sequence[Any]) -> None:
    def of_each(attribute: str) -> list[Any]:
        return [getattr(run, attribute) for run in runs]

    table.put(name, place, of_each(name), of_each(f"{name}_error"))
    table.put(f"{name}_p_value", place, of_each(f"{name}_p_value"))
    for label, end in (("null", "mean"), ("low", "low"), ("high", "high")):
        table.put(f"{name}_{label}", place, [getattr(null, end) for null in of_each(f"{name}_null")])
