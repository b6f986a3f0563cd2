"""The viscous Hamilton-Jacobi equation as stochastic control: u is the least cost of reaching low energies.

    u(x, t) = min_alpha E[f(X_t) + int_0^t |alpha|^2 / 2 ds],     dX = -alpha ds + beta^(-1/2) dW,     X_0 = x,

reached by alpha*(X, s) = grad u(X, t - s) (Fleming & Soner 2006, "Controlled Markov Processes and Viscosity Solutions",
chapter 6; Chaudhari et al. 2018, arXiv:1704.04932, section 3). In steps of ds any control has a cost of at least u,
also at finite ds: X_t of the free walk is exactly Gaussian, so that

    u(x, t) = -(1 / beta) log E exp(-beta W),    W = f(X_t) + sum_k |alpha_k|^2 ds / 2 - alpha_k . dW_k / beta^(1/2)

holds for every control (Girsanov), and the mean of W, which is the cost, is above it by Jensen. With alpha* W does not
fluctuate as ds -> 0, and both meet u (Boue & Dupuis 1998, Ann. Probab. 26, 1641).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mcmc.continuum.axes import (
    checked_axes,
    checked_beta,
    checked_count,
    checked_landscape,
    checked_number,
    checked_values,
    numbers,
    spacings,
)
from mcmc.continuum.hamilton_jacobi import cole_hopf, grid_gradient
from mcmc.errors import ArgumentError, NonFiniteEnergyError
from mcmc.landscape import SmoothLandscape
from mcmc.random import Stream, split_seed
from mcmc.samplers.gaussian_noise import fill_noise

KEPT = 2**28
"""Bytes of gradients that an optimal control keeps; the oldest go first."""

Control = Callable[[np.ndarray, float], np.ndarray]
"""alpha, (chains, dim), at x (chains, dim) with so much time left."""


class CostToGo(NamedTuple):
    """Costs of independent paths from one point."""

    cost: float
    """Mean cost E[f(X_t) + sum |alpha|^2 ds / 2]: at or above u."""
    error: float
    """Standard error of `cost`."""
    value: float
    """-(1 / beta) log mean exp(-beta W): u itself, for any control and any step."""
    value_error: float
    """Standard error of `value`; honest while `effective` is large."""
    effective: float
    """Paths that the mean of exp(-beta W) is worth: (sum w)^2 / sum w^2; all of them with the optimal control."""
    costs: np.ndarray
    """(chains,): W of each path, of which the mean is `cost`."""
    end: np.ndarray
    """(chains, dim): X_t."""


class OptimalControl:
    """alpha*(x, s) = grad u(x, s) from Cole-Hopf on a grid, linear between nodes, kept for the last times left s.

    While the kernel (s / beta)^(1/2) is narrower than the spacing, u is taken as f. Outside the grid the gradient of
    the nearest edge is used. Raises ArgumentError for bad arguments; `gradient` does, at the time left where it is
    asked, for a grid that resolves the kernel and not the integrand, as `cole_hopf` explains: where f'' = k, of width
    (s / (beta (1 + k s)))^(1/2). Ask `gradient` for the times left of a run to know before it.
    """

    def __init__(self, axes: Any, f: Any, *, beta: float):
        self.axes = checked_axes(axes)
        self.values = checked_values("f", f, self.axes)
        self.beta = checked_beta(beta)
        self._kept: dict[float, np.ndarray] = {}

    def gradient(self, left: float) -> np.ndarray:
        """grad u at time `left`, shape (dim,) + grid."""
        if left not in self._kept:
            while len(self._kept) * self.values.nbytes * len(self.axes) > KEPT:
                del self._kept[next(iter(self._kept))]
            fine = left > 0 and math.sqrt(left / self.beta) >= max(spacings(self.axes))
            u = cole_hopf(self.axes, self.values, left, beta=self.beta).u if fine else self.values
            self._kept[left] = grid_gradient(u, self.axes)
        return self._kept[left]

    def __call__(self, x: np.ndarray, left: float) -> np.ndarray:
        """alpha*, (chains, dim), at x (chains, dim) with time `left` to go."""
        from scipy.ndimage import map_coordinates

        steps = spacings(self.axes)
        place = np.stack([(x[:, k] - axis[0]) / steps[k] for k, axis in enumerate(self.axes)])
        found = [map_coordinates(g, place, order=1, mode="nearest") for g in self.gradient(left)]
        return np.stack(found, axis=1)


def cost_to_go(
    landscape: SmoothLandscape,
    x: Any,
    t: float,
    *,
    beta: float,
    control: Control | None = None,
    chains: int = 1000,
    steps: int = 100,
    seed: int = 0,
) -> CostToGo:
    """Costs of `chains` paths of `steps` Euler-Maruyama steps from `x` (dim,) under `control`, none at all by default.

    `control(x, left)` takes x (chains, dim) and the time left before the step; OptimalControl is one. Raises
    ArgumentError for bad arguments, and for a control of another shape or not finite, and NonFiniteEnergyError where f
    is not finite at the end of a path.
    """
    landscape = checked_landscape(landscape)
    start = np.atleast_1d(numbers(x))
    if start.shape != (landscape.dim,) or not np.isfinite(start).all():
        raise ArgumentError(f"x: got {x!r}; one finite point, ({landscape.dim},), is needed")
    t, beta = checked_number("t", t), checked_beta(beta)
    chains, steps = checked_count("chains", chains), checked_count("steps", steps)
    if chains < 2:
        raise ArgumentError("chains: got 1; 2 or more are needed for an error")
    key = split_seed(seed)
    place = np.tile(start, (chains, 1))
    identity = np.arange(chains, dtype=np.uint32)
    noise = np.empty((chains, 4 * math.ceil(start.size / 4)), np.float32)
    ds = t / steps
    costs = np.zeros(chains)
    for step in range(steps):
        fill_noise(noise, step, identity, int(Stream.CONTROLLED_PATH), *key)
        kick = noise[:, : start.size] * math.sqrt(ds / beta)
        alpha = _checked_control(control, place, t - step * ds)
        costs += 0.5 * ds * (alpha**2).sum(axis=1) - (alpha * kick).sum(axis=1)
        place += kick - alpha * ds
    with np.errstate(over="ignore", invalid="ignore"):
        costs += landscape.energy(place)
    _require_finite(costs, place)
    return _estimates(costs, place, beta)


def _checked_control(control, x, left):
    if control is None:
        return np.zeros_like(x)
    if not callable(control):
        raise ArgumentError(f"control: got {type(control).__name__}; a function of x (chains, dim) and time is needed")
    alpha = np.asarray(control(x, left))
    if alpha.shape != x.shape or not np.isfinite(alpha).all():
        raise ArgumentError(f"control: gave shape {alpha.shape}; finite numbers of shape {x.shape} are needed")
    return alpha


def _require_finite(costs, end):
    bad = ~np.isfinite(costs)
    if bad.any():
        where = np.array2string(end[bad][0], precision=4)
        raise NonFiniteEnergyError(
            f"f is not finite at the ends of {int(bad.sum())} of {costs.size} chains, as at {where}: costs have no "
            "mean; start elsewhere, or give f a finite value there"
        )


def _estimates(costs, end, beta):
    floor = costs.min()
    weight = np.exp(-beta * (costs - floor))
    mean, count = weight.mean(), costs.size
    value = floor - math.log(mean) / beta
    value_error = weight.std(ddof=1) / (mean * beta * math.sqrt(count))
    effective = weight.sum() ** 2 / (weight**2).sum()
    error = costs.std(ddof=1) / math.sqrt(count)
    return CostToGo(float(costs.mean()), float(error), float(value), float(value_error), float(effective), costs, end)
