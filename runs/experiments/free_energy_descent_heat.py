"""The heat equation of "free-energy-descent", rho_t = rho_xx / beta: the steepest descent of two functionals.

    entropy:    E = int rho log rho / beta       in W2,    -dE = W2^2 / dt
    Dirichlet:  E = int |rho_x|^2 / (2 beta)     in L2,    -dE = |rho_(k+1) - rho_k|^2 / dt

(Jordan, Kinderlehrer & Otto 1998). Each is followed by minimising movements of its own; both functionals are taken
along both, beside the heat kernel, which is exact: of a mixture of normal densities it adds 2 t / beta to variances.
What a functional loses along its own flow is the squared speed in its own distance; in the other's it is not.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from runs.experiments.result_grid import Quantity

WEIGHTS, MEANS, DEVIATION = np.array([0.4, 0.6]), np.array([-1.0, 0.9]), 0.3
"""The density that begins: two normal ones."""
REACH, CELLS = 5.0, 1200
"""Half side and cells of the axis: second differences of the density are off by 3e-4 of themselves."""
MASSES = 800
"""Of the quantile function: its entropy misses tails of half a mass, about log(masses) / masses."""
LAST, STEPS = 0.4, 40
"""Last time in units of beta, and longer steps until then; as many and twice as many are taken."""
FLOWS = ("W2", "L2")
FUNCTIONALS = ("entropy", "Dirichlet")
SHOWN = (0, STEPS // 8, STEPS)

QUANTITIES = {
    "heat_functional": Quantity("functional along minimising movements, tau and half of it", "1",
                                ("flow", "heat_tau", "functional", "heat_time")),
    "heat_limit": Quantity("functional along minimising movements, extrapolated to tau = 0", "1",
                           ("flow", "functional", "heat_time")),
    "heat_exact": Quantity("functional along the heat kernel", "1", ("functional", "heat_time")),
    "heat_share": Quantity("sum of squared speeds over what the functional loses, extrapolated", "1",
                           ("flow", "functional")),
    "heat_density": Quantity("density along minimising movements, tau / 2", "1", ("flow", "heat_shown", "heat_x")),
    "heat_kernel": Quantity("exact density", "1", ("heat_shown", "heat_x")),
}  # fmt: skip


class Followed(NamedTuple):
    """Densities (steps + 1, cells) of one flow, and the squared distance of each step in W2 and in L2."""

    density: np.ndarray
    distance: np.ndarray
    """(2, steps): W2^2 and L2^2."""
    functional: np.ndarray
    """(2, steps + 1): entropy and Dirichlet energy."""


def heat_kernel(x: np.ndarray, time: float, beta: float) -> np.ndarray:
    """The exact density at `time`."""
    variance = DEVIATION**2 + 2.0 * time / beta
    parts = np.exp(-((x[:, None] - MEANS) ** 2) / (2.0 * variance)) / np.sqrt(2.0 * np.pi * variance)
    return parts @ WEIGHTS


def exact_functionals(time: float, beta: float) -> np.ndarray:
    """Entropy (by quadrature, to rounding) and Dirichlet energy (closed) of the exact density."""
    x = np.linspace(-2 * REACH, 2 * REACH, 8001)
    rho = heat_kernel(x, time, beta)
    entropy = (rho * np.log(np.maximum(rho, 1e-300))).sum() * (x[1] - x[0]) / beta
    twice = 2.0 * (DEVIATION**2 + 2.0 * time / beta)
    # int N'(x - a) N'(x - b) dx of two normal densities of equal variance.
    apart = (MEANS[:, None] - MEANS) ** 2
    pairs = np.exp(-apart / (2.0 * twice)) / np.sqrt(2.0 * np.pi * twice) * (1.0 / twice - apart / twice**2)
    return np.array([entropy, WEIGHTS @ pairs @ WEIGHTS / (2.0 * beta)])


def axis() -> np.ndarray:
    """Centres of the cells."""
    return (np.arange(CELLS) + 0.5) * 2 * REACH / CELLS - REACH


def functionals(density: np.ndarray, beta: float) -> np.ndarray:
    """Entropy and Dirichlet energy of densities (times, cells), (2, times)."""
    h = 2 * REACH / CELLS
    logs = np.log(np.where(density > 0, density, 1.0))
    slopes = np.diff(density, axis=1) / h
    return h / beta * np.array([(density * logs).sum(axis=1), (slopes**2).sum(axis=1) / 2])


def follow(flow: str, beta: float, tau: float, steps: int) -> Followed:
    """Minimising movements in one of FLOWS."""
    from mcmc.continuum import dirichlet_flow, quantile_flow, wasserstein_distance

    x, h = axis(), 2 * REACH / CELLS
    begun = heat_kernel(x, 0.0, beta)
    begun /= begun.sum() * h
    if flow == "W2":
        run = quantile_flow(x, begun, np.zeros(CELLS), beta=beta, tau=tau, steps=steps, masses=MASSES)
        density = _smoothed(run.positions, x)
        found = functionals(density, beta)
        found[0] = run.free_energy
        moved = run.distance**2
    else:
        # Cosine transforms leave rounding below 0.
        density = np.maximum(dirichlet_flow(x, begun, beta=beta, tau=tau, steps=steps).density, 0.0)
        found = functionals(density, beta)
        moved = np.array([wasserstein_distance(x, a, b) ** 2 for a, b in pairwise(density)])
    apart = (np.diff(density, axis=0) ** 2).sum(axis=1) * h
    return Followed(density, np.array([moved, apart]), found)


def _smoothed(positions: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Densities (steps + 1, cells) with the quantiles `positions` (steps + 1, masses): slopes of cubics through them.

    Piecewise constant ones would do for the entropy; the Dirichlet energy needs a derivative.
    """
    from scipy.interpolate import CubicSpline

    count = positions.shape[1]
    levels = (np.arange(count) + 0.5) / count
    found = np.zeros((len(positions), x.size))
    for row, place in zip(found, positions, strict=True):
        inside = (x > place[0]) & (x < place[-1])
        row[inside] = np.maximum(CubicSpline(place, levels)(x[inside], 1), 0.0)
    return found


def heat_arrays(beta: float) -> dict[str, Any]:
    """Every quantity, and the coordinates, by name."""
    tau, x = LAST * beta / STEPS, axis()
    times = tau * np.arange(STEPS + 1)
    found: dict[str, list[Any]] = {"functional": [], "limit": [], "share": [], "density": []}
    for flow in FLOWS:
        runs = [follow(flow, beta, tau / k, k * STEPS) for k in (1, 2)]
        along = np.array([run.functional[:, ::k] for run, k in zip(runs, (1, 2), strict=True)])
        shares = [
            run.distance.sum(axis=1) * k / tau / (run.functional[:, 0] - run.functional[:, -1])
            for run, k in zip(runs, (1, 2), strict=True)
        ]
        found["functional"].append(along)
        found["limit"].append(2 * along[1] - along[0])
        found["share"].append(2 * shares[1] - shares[0])
        found["density"].append(runs[1].density[2 * np.array(SHOWN)])
    arrays: dict[str, Any] = {f"heat_{name}": np.array(values) for name, values in found.items()}
    arrays["heat_exact"] = np.array([exact_functionals(time, beta) for time in times]).T
    arrays["heat_kernel"] = np.array([heat_kernel(x, times[k], beta) for k in SHOWN])
    return arrays


def heat_coords(beta: float) -> dict[str, Any]:
    """Coordinates of `heat_arrays`."""
    tau = LAST * beta / STEPS
    times = tau * np.arange(STEPS + 1)
    return {
        "flow": ("flow", np.array(FLOWS, np.str_), {"long_name": "distance of the movements"}),
        "functional": ("functional", np.array(FUNCTIONALS, np.str_), {"long_name": "functional"}),
        "heat_tau": ("heat_tau", tau / np.array([1.0, 2.0]), {"long_name": "minimising movement", "units": "1"}),
        "heat_time": ("heat_time", times, {"long_name": "time", "units": "1"}),
        "heat_shown": ("heat_shown", times[list(SHOWN)], {"long_name": "time of the density shown", "units": "1"}),
        "heat_x": ("heat_x", axis(), {"long_name": "x", "units": "1"}),
    }


def heat_variables(beta: float) -> dict[str, tuple]:
    """For xarray.Dataset."""
    arrays = heat_arrays(beta)
    return {name: (said.dims, arrays[name], {"long_name": said.long_name, "units": said.units})
            for name, said in QUANTITIES.items()}  # fmt: skip
