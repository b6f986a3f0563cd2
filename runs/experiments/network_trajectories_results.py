"""results.h5 of "network-trajectories": spectra, memory and circulation of each run, beside fits and theory."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ConvergenceWarning
from runs.experiments.network_trajectories import NetworkTrajectoriesSpec
from runs.experiments.network_trajectories_minima import Expected, expected, minima
from runs.experiments.network_trajectories_spectra import spectra
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    import xarray

MOMENTS = 250
"""Of a curve of the area swept so far."""
LONG = 50
"""Autocorrelation times that a run should be long."""

QUANTITIES = {
    "turning": Quantity(
        "circulation in units of theory's, mean over seeds; under isotropic noise in units of theory's for batches "
        "drawn with replacement"
    ),
    "p_value": Quantity("probability in detailed balance of what turns, Fisher's combination of seeds"),
    "seed_turning": Quantity("circulation in units of theory's, of each seed", "1", ("seed",)),
    "seed_p_value": Quantity("probability in detailed balance of what turns, of each seed", "1", ("seed",)),
    "rate": Quantity("circulation in each plane", "weight^2 / epoch", ("seed", "plane")),
    "expected_rate": Quantity("the same by Hessian and D at the minimum", "weight^2 / epoch", ("seed", "plane")),
    "variance": Quantity("variance of each coordinate", "weight^2", ("seed", "coordinate")),
    "expected_variance": Quantity(
        "the same by Hessian and D at the minimum", "weight^2", ("seed", "coordinate")
    ),
    "tau": Quantity("integrated autocorrelation time of the slowest coordinate", "epochs", ("seed",)),
    "swept": Quantity(
        "area swept so far in the first plane, in units of what theory sweeps in an epoch; under isotropic noise of "
        "what it sweeps for batches drawn with replacement", "epochs", ("seed", "moment"),
    ),
    "loss": Quantity("training loss with weight decay, mean over records", "1", ("seed",)),
}  # fmt: skip
COLD = Quantity("turning, extrapolated in 1 / b to temperature 0 by a parabola, a line with two batch sizes")


def assemble(spec: NetworkTrajectoriesSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (noise, batch)."""
    grid = spec.grid
    found = {point.name: _Cell(spec, point, files[point.name]) for point in points if point.name in files}
    first = next(iter(found.values()))
    inner = {
        "seed": spec.trajectories.seeds, "plane": spec.measured.planes, "coordinate": 2 * spec.measured.planes,
        "moment": len(first.moments),
    }  # fmt: skip
    table = ResultGrid({"noise": len(grid.noise), "batch": len(grid.batch)}, inner, QUANTITIES)
    for point in points:
        if point.name in found:
            place = grid.noise.index(point.parameters["noise"]), grid.batch.index(point.parameters["batch"])
            found[point.name].put(table, place)
    cold = _extrapolated(table.arrays["turning"], table.arrays["turning_error"], grid.batch)
    coords = {
        "noise": ("noise", np.array(grid.noise, np.str_), {"long_name": "how the noise arises"}),
        "batch": ("batch", np.array(grid.batch), {"long_name": "batch size b", "units": "samples"}),
        "moment": ("moment", first.moments, {"long_name": "time", "units": "epochs"}),
    }
    attributes = {
        "dim": len(minima(spec)[0].weights), "samples": spec.data.training_samples, "epochs": spec.trajectories.epochs,
        "step_size": spec.trajectories.step_size,
    }  # fmt: skip
    positions = {name: cell.position for name, cell in found.items()}
    beside = spectra(spec, positions, points)
    return table.dataset(coords, attributes | beside.attrs).assign(cold).merge(beside)


class _Cell:
    """All runs of one point, as they are looked at."""

    def __init__(self, spec: NetworkTrajectoriesSpec, point: Point, path: Path):
        from mcmc.gradient_noise import circulation
        from mcmc.store.reader import open_run_file

        with open_run_file(path, ("position", "energy")) as file:
            data = file.isel(draw=slice(0, spec.trajectories.epochs)).load()
        self.loss = data["energy"].values.mean(axis=1)
        self.position = np.ascontiguousarray(data["position"].values)
        batch, noise = point.parameters["batch"], point.parameters["noise"]
        self.expected = [expected(spec, one, batch, noise) for one in minima(spec)]
        # Isotropic noise turns nothing: what it is measured in is what SGD would turn.
        scale = "with" if noise == "isotropic" else noise
        self.scale = [expected(spec, one, batch, scale) for one in minima(spec)]
        draws = self.position.shape[1]
        self.moments = np.unique(np.linspace(0, draws - 1, MOMENTS).astype(np.int64))
        with warnings.catch_warnings():
            # Said once for all runs of a point below.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.circulations = [
                circulation(x, seed=point_seed(spec.seed, f"reversed {point.name} seed-{number}"))
                for number, x in enumerate(self.position)
            ]
        self.tau = np.array([_slowest(x) for x in self.position])
        short = int((draws < LONG * self.tau).sum())
        if short:
            warnings.warn(
                f"{point.name}: {short} of {len(self.tau)} runs are shorter than {LONG} autocorrelation times (the "
                f"longest is {self.tau.max():.3g} epochs); raise trajectories.epochs",
                ConvergenceWarning,
                stacklevel=2,
            )

    def put(self, table: ResultGrid, place: tuple[int, ...]) -> None:
        """All numbers of this cell."""
        from scipy.stats import combine_pvalues

        turning = [c.along(_block(e)) for c, e in zip(self.circulations, self.scale, strict=True)]
        value, error = (np.array([getattr(one, name) for one in turning]) for name in ("value", "error"))
        table.put("turning", place, value.mean(), np.sqrt((error**2).sum()) / error.size)
        table.put("seed_turning", place, value, error)
        p_values = [c.p_value for c in self.circulations]
        table.put("seed_p_value", place, p_values)
        table.put("p_value", place, combine_pvalues(p_values).pvalue)
        rate, error = (
            np.array([np.diag(getattr(c, name), 1)[::2] for c in self.circulations]) for name in ("value", "error")
        )
        table.put("rate", place, rate, error)
        table.put("expected_rate", place, [e.rates for e in self.expected])
        table.put("variance", place, self.position.var(axis=1))
        table.put("expected_variance", place, [e.variance for e in self.expected])
        table.put("tau", place, self.tau)
        table.put("loss", place, self.loss)
        table.put("swept", place, [self._swept(x, e) for x, e in zip(self.position, self.scale, strict=True)])

    def _swept(self, x: np.ndarray, scale: Expected) -> np.ndarray:
        first, second = (x - x.mean(axis=0))[:, :2].T
        steps = first[:-1] * second[1:] - second[:-1] * first[1:]
        return np.concatenate([[0.0], np.cumsum(steps)])[self.moments] / scale.rates[0]


def _block(scale: Expected) -> np.ndarray:
    """Circulation between all coordinates: the rate in each plane, 0 between planes."""
    from scipy.linalg import block_diag

    return block_diag(*[np.array([[0.0, rate], [-rate, 0.0]]) for rate in scale.rates])


def _slowest(x: np.ndarray) -> float:
    from mcmc.statistics.autocorrelation import integrated_time

    return float(np.max(integrated_time(x[None], warn=False).tau_int))


def _extrapolated(value: np.ndarray, error: np.ndarray, batches: Sequence[int]) -> dict[str, tuple]:
    """Turning at 1 / b = 0 by a parabola, or a line of two, over noise; nothing where there is one batch size."""
    if len(batches) < 2:
        return {}
    found = ResultGrid({"noise": len(value)}, {}, {"cold_turning": COLD})
    for row in range(len(value)):
        known = error[row] > 0
        if known.sum() < 2:
            continue
        powers = np.vander(1.0 / np.array(batches)[known], min(3, int(known.sum())), increasing=True)
        weights = np.linalg.pinv(powers / error[row, known, None])[0]
        found.put("cold_turning", (row,), weights @ (value[row, known] / error[row, known]), np.linalg.norm(weights))
    return found.variables()
