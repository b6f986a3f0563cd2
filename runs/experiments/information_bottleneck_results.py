"""results.h5 of "information-bottleneck": means over repeats, the exact curves, and how far SGD stays above them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.information_bottleneck import BottleneckSpec
from runs.experiments.information_bottleneck_draw import landscape
from runs.experiments.information_bottleneck_exact import gibbs_laws
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

CURVE_POINTS = 33
REACH = 10.0
"""The exact curve goes on by this factor beyond the first and last beta that are sampled."""

GIBBS = {
    "gibbs_loss": Quantity("mean loss E[f] under the Gibbs law, MALA", "loss"),
    "gibbs_information": Quantity("KL(q | p) of the Gibbs law: nearest neighbours; network: beta (u - E[f])", "nats"),
    "gibbs_minimum": Quantity("minimum of E[f] + KL / beta, by integration of the local entropy", "loss"),
}
SGD = {
    "sgd_loss": Quantity("mean loss E[f] under SGD at rest", "loss"),
    "sgd_information": Quantity("KL(q | p) of SGD at rest, nearest neighbours", "nats"),
    "excess_loss": Quantity("E[f] of SGD above the exact curve at the same information", "loss"),
}


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
        with open_run_file(files[point.name], ("loss", "information", "minimum", "minimum_error")) as file:
            data = file.isel(draw=slice(0, spec.grid.repeats)).load()
        where = point.parameters
        values = {name: data[name].values for name in ("loss", "information", "minimum")}
        if where["law"] == "gibbs":
            cell = systems.index(where["system"]), spec.grid.beta.index(where["beta"])
            for name, repeats in values.items():
                gibbs.put(f"gibbs_{name}", cell, *mean_and_error(repeats))
        else:
            cell = neurons.index(where["system"]), spec.grid.step_size.index(where["step_size"])
            for name in ("loss", "information"):
                sgd.put(f"sgd_{name}", cell, *mean_and_error(values[name]))
            law = curves.isel(neuron=cell[0])
            on_curve = np.interp(values["information"], law["exact_information"], law["exact_loss"], math.nan, math.nan)
            sgd.put("excess_loss", cell, *mean_and_error(values["loss"] - on_curve))
    coords = {
        "system": ("system", np.array(systems, np.str_), {"long_name": "what is learnt with"}),
        "neuron": ("neuron", np.array(neurons, np.str_), {"long_name": "neuron by its weights"}),
        "beta": ("beta", np.array(spec.grid.beta), {"long_name": "inverse temperature", "units": "1 / loss"}),
        "step_size": ("step_size", np.array(spec.grid.step_size), {"long_name": "learning rate", "units": "1"}),
    }
    attributes = {
        "samples": spec.task.samples, "batch": spec.grid.batch, "deviation": spec.task.deviation,
        "repeats": spec.grid.repeats, "network_dim": landscape(spec, "network").dim,
    }  # fmt: skip
    found = xarray.Dataset({**gibbs.variables(), **sgd.variables()}, coords, attributes)
    return found.merge(curves).merge(_exact_cells(spec, neurons)).assign_attrs(attributes)


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
    said = {"loss": ("E[f]", "loss"), "information": ("KL(q | p)", "nats"), "minimum": ("-ln Z / beta", "loss")}
    return xarray.Dataset(
        {
            f"{stem}_{name}": (("neuron", dim), laws[..., i], {"long_name": f"{text}, exact", "units": units})
            for i, (name, (text, units)) in enumerate(said.items())
        }
    )
