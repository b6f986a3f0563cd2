"""results.h5 of "information-bottleneck": means over repeats, the exact curves, and how far SGD stays above them."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ConvergenceWarning
from runs.experiments.information_bottleneck import BLOCKS, BottleneckSpec
from runs.experiments.information_bottleneck_exact import gibbs_laws
from runs.experiments.information_bottleneck_landscape import landscape
from runs.experiments.result_grid import Quantity, ResultGrid
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

CURVE_POINTS = 33
REACH = 10.0
"""The exact curve goes on by this factor beyond the first and last beta that are sampled."""

GIBBS = {
    "gibbs_loss": Quantity("mean loss E[f] under the Gibbs law, MALA", "loss"),
    "gibbs_information": Quantity("KL(q | p) of the Gibbs law: nearest neighbours; network: beta (u - E[f])", "nats"),
    "gibbs_functional": Quantity("E[f] + KL / beta of those draws, neurons", "loss"),
    "gibbs_free": Quantity("E[f] - H / beta of those draws, neurons", "loss"),
    "gibbs_minimum": Quantity("minimum of E[f] + KL / beta, by integration of the local entropy", "loss"),
    "gibbs_annealed": Quantity("the same by annealed importance sampling, network", "loss"),
    "gibbs_effective": Quantity("paths that this mean is worth, fewest of all repeats"),
    "gibbs_unconverged": Quantity("share of integrations that warned that they have not converged"),
}
SGD = {
    "sgd_loss": Quantity("mean loss E[f] under SGD at rest", "loss"),
    "sgd_information": Quantity("KL(q | p) of SGD at rest, nearest neighbours", "nats"),
    "sgd_beta": Quantity("beta at which the exact minimiser holds as much information", "1 / loss"),
    "sgd_functional": Quantity("E[f] + KL / beta of SGD at that beta", "loss"),
    "sgd_free": Quantity("E[f] - H / beta of SGD at that beta", "loss"),
    "excess_loss": Quantity("E[f] of SGD above the exact curve at the same information", "loss"),
}
NAMES = ("loss", "information", "cross", "loss_block", "information_block", "cross_block", "half", "minimum",
         "minimum_error", "annealed", "annealed_error", "effective", "unconverged")  # fmt: skip


def assemble(spec: BottleneckSpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Gibbs laws over (system, beta), SGD over (neuron, step_size), exact curves over (neuron, curve)."""
    import xarray

    from mcmc.store.reader import open_run_file

    neurons = [f"neuron-{d}" for d in spec.grid.dim]
    systems = [*neurons, "network"]
    gibbs = ResultGrid({"system": len(systems), "beta": len(spec.grid.beta)}, {}, GIBBS)
    sgd = ResultGrid({"neuron": len(neurons), "step_size": len(spec.grid.step_size)}, {}, SGD)
    curves = _curves(spec, neurons)
    for point in points:
        if point.name not in files:
            continue
        with open_run_file(files[point.name], NAMES) as file:
            data = file.isel(draw=slice(0, spec.grid.repeats)).load()
        if not data.sizes["draw"]:
            continue
        where = point.parameters
        if where["law"] == "gibbs":
            cell = systems.index(where["system"]), spec.grid.beta.index(where["beta"])
            _put_gibbs(gibbs, cell, data, float(where["beta"]), where["system"] == "network")
        else:
            cell = neurons.index(where["system"]), spec.grid.step_size.index(where["step_size"])
            _put_sgd(sgd, cell, data, curves.isel(neuron=cell[0]))
    coords = {
        "system": ("system", np.array(systems, np.str_), {"long_name": "what is learnt with"}),
        "neuron": ("neuron", np.array(neurons, np.str_), {"long_name": "neuron by its weights"}),
        "beta": ("beta", np.array(spec.grid.beta), {"long_name": "inverse temperature", "units": "1 / loss"}),
        "step_size": ("step_size", np.array(spec.grid.step_size), {"long_name": "learning rate", "units": "1"}),
    }
    doubtful = np.argwhere(gibbs.arrays.get("gibbs_unconverged", np.zeros((0, 0))) > 0)
    for system, beta in doubtful:
        warnings.warn(
            f"{systems[system]}, beta = {spec.grid.beta[beta]:g}: an integration of the minimum has not converged; the "
            "log of the point says why",
            ConvergenceWarning,
            stacklevel=2,
        )
    attributes = {
        "samples": spec.task.samples, "batch": spec.grid.batch, "deviation": spec.task.deviation,
        "repeats": spec.grid.repeats,
        "freedom": spec.grid.repeats * (BLOCKS - 1), "network_dim": landscape(spec, "network").dim,
    }  # fmt: skip
    found = xarray.Dataset({**gibbs.variables(), **sgd.variables()}, coords, attributes)
    return found.merge(curves).merge(_exact_cells(spec, neurons)).assign_attrs(attributes)


def pooled(values: np.ndarray, blocks: np.ndarray) -> tuple[float, float]:
    """Mean of `values` (repeats,), and its error from `blocks` (repeats, block) of independent chains."""
    spread = blocks.std(axis=-1, ddof=1) / math.sqrt(blocks.shape[-1])
    return float(values.mean()), float(np.sqrt((spread**2).sum()) / len(values))


def _biased(estimate: tuple[float, float], bias: float) -> tuple[float, float]:
    """What half as many draws change is as large as what is left, or larger: it counts as an error."""
    return estimate[0], math.hypot(estimate[1], bias)


def _put_gibbs(grid: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset", beta: float, network: bool) -> None:
    series = {name: data[name].values for name in NAMES}
    done = np.isfinite(series["minimum"])
    loss = pooled(series["loss"], series["loss_block"])
    grid.put("gibbs_loss", cell, *loss)
    if done.any():
        minimum = _weighed(series["minimum"][done], series["minimum_error"][done])
        grid.put("gibbs_minimum", cell, *minimum)
        grid.put("gibbs_unconverged", cell, series["unconverged"][done].mean())
    if network:
        if done.any():
            grid.put("gibbs_information", cell, beta * (minimum[0] - loss[0]), beta * math.hypot(minimum[1], loss[1]))
            grid.put("gibbs_annealed", cell, *_weighed(series["annealed"][done], series["annealed_error"][done]))
            grid.put("gibbs_effective", cell, series["effective"][done].min())
        return
    bias = float((series["information"] - series["half"]).mean())
    grid.put("gibbs_information", cell, *_biased(pooled(series["information"], series["information_block"]), bias))
    for name, estimate in functionals(series, beta).items():
        grid.put(f"gibbs_{name}", cell, *_biased(estimate, bias / beta))


def _weighed(values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(np.sqrt((errors**2).sum()) / len(values))


def functionals(series: Mapping[str, np.ndarray], beta: float) -> dict[str, tuple[float, float]]:
    """E[f] + KL / beta and E[f] - H / beta with their errors; H = cross - KL."""
    made = {}
    for name, share in (("functional", 0.0), ("free", 1.0)):
        whole, blocks = (
            series[f"loss{end}"] + (series[f"information{end}"] - share * series[f"cross{end}"]) / beta
            for end in ("", "_block")
        )
        made[name] = pooled(whole, blocks)
    return made


def _put_sgd(grid: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset", law: "xarray.Dataset") -> None:
    series = {name: data[name].values for name in NAMES}
    bias = float((series["information"] - series["half"]).mean())
    information = _biased(pooled(series["information"], series["information_block"]), bias)
    grid.put("sgd_loss", cell, *pooled(series["loss"], series["loss_block"]))
    grid.put("sgd_information", cell, *information)
    known = law["exact_information"].values
    if not known[0] < information[0] < known[-1]:
        return
    beta = float(np.exp(np.interp(information[0], known, np.log(law["curve_beta"].values))))
    excess, blocks = (series[f"loss{end}"] - on_curve(law, series[f"information{end}"]) for end in ("", "_block"))
    # The curve has the slope -1 / beta.
    grid.put("excess_loss", cell, *_biased(pooled(excess, blocks), bias / beta))
    grid.put("sgd_beta", cell, beta)
    for name, estimate in functionals(series, beta).items():
        grid.put(f"sgd_{name}", cell, *_biased(estimate, bias / beta))


def on_curve(law: "xarray.Dataset", information: np.ndarray) -> np.ndarray:
    """Loss of the exact curve at an information: cubics with the slopes -1 / beta that it has; NaN off its ends."""
    from scipy.interpolate import CubicHermiteSpline

    known, loss = law["exact_information"].values, law["exact_loss"].values
    return CubicHermiteSpline(known, loss, -1.0 / law["curve_beta"].values, extrapolate=False)(information)


def _curves(spec: BottleneckSpec, neurons: Sequence[str]) -> "xarray.Dataset":
    """Exact laws from weak to strong, densely."""
    beta = np.geomspace(spec.grid.beta[0] / REACH, spec.grid.beta[-1] * REACH, CURVE_POINTS)
    return _exact(spec, neurons, beta, "curve", "exact").assign_coords(
        curve_beta=("curve", beta, {"long_name": "inverse temperature of the curve", "units": "1 / loss"})
    )


def _exact_cells(spec: BottleneckSpec, neurons: Sequence[str]) -> "xarray.Dataset":
    """Exact laws at the betas that are sampled."""
    return _exact(spec, neurons, np.array(spec.grid.beta), "beta", "known")


def _exact(spec: BottleneckSpec, neurons: Sequence[str], beta: np.ndarray, dim: str, stem: str) -> "xarray.Dataset":
    import xarray

    laws = np.array([gibbs_laws(landscape(spec, name), beta, spec.task.deviation) for name in neurons])
    loss, information, minimum, cross = np.moveaxis(laws, -1, 0)
    variables = {
        "loss": (loss, "E[f]", "loss"),
        "information": (information, "KL(q | p)", "nats"),
        "minimum": (minimum, "-ln Z / beta", "loss"),
        "functional": (minimum, "E[f] + KL / beta", "loss"),
        "free": (loss + (information - cross) / beta, "E[f] - H / beta", "loss"),
    }
    return xarray.Dataset(
        {
            f"{stem}_{name}": (("neuron", dim), values, {"long_name": f"{text}, exact", "units": units})
            for name, (values, text, units) in variables.items()
        }
    )
