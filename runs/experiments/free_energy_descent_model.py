"""Landscapes and noises of "free-energy-descent": f, D(x), its root, and where the density starts."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Field = Callable[[np.ndarray], np.ndarray]


class Case(NamedTuple):
    """dx = -grad f dt + sqrt(2 D(x) / beta) dW (Ito)."""

    dim: int
    diffusion: Field | None
    """D at points (n, dim), (n, dim, dim); None for D = 1."""
    start: tuple[float, ...]
    """Mean of the normal density that begins."""
    told: str


TILT = 0.15
WIDTH = 0.3
"""Standard deviation of the density that begins, along each coordinate."""


def _diagonal(x: np.ndarray) -> np.ndarray:
    found = np.zeros((len(x), 2, 2))
    found[:, 0, 0] = _along(x[:, 0])
    found[:, 1, 1] = 0.5
    return found


def _full(x: np.ndarray) -> np.ndarray:
    found = _diagonal(x)
    found[:, 0, 1] = found[:, 1, 0] = 0.3 * np.tanh(x[:, 0] + x[:, 1])
    found[:, 1, 1] = 1.0
    return found


def _along(x: np.ndarray) -> np.ndarray:
    """D_11: twice as much noise in the right well as in the left one, and more."""
    return 1.0 + 0.6 * np.tanh(2.0 * x)


CASES = {
    "line": Case(1, None, (-1.4,), "one dimension, D = 1"),
    "isotropic": Case(2, None, (-1.4, 1.2), "D = 1"),
    "diagonal": Case(2, _diagonal, (-1.4, 1.2), "D = diag(1 + .6 tanh 2 x1, .5)"),
    "full": Case(2, _full, (-1.4, 1.2), "D11 as before, D22 = 1, D12 = .3 tanh(x1 + x2): detailed balance is broken"),
}


def potential(x: np.ndarray) -> np.ndarray:
    """f at x (..., dim): a double well, the right one deeper, and a parabola."""
    value = (x[..., 0] ** 2 - 1.0) ** 2 / 4.0 - TILT * x[..., 0]
    return value + (x[..., 1:] ** 2).sum(axis=-1) / 2.0


def gradient(x: np.ndarray) -> np.ndarray:
    """grad f at x (..., dim)."""
    slope = np.array(x, dtype=np.float64)
    slope[..., 0] = x[..., 0] ** 3 - x[..., 0] - TILT
    return slope


def lowest_point(dim: int) -> np.ndarray:
    """argmin f, (dim,)."""
    roots = np.roots([1.0, 0.0, -1.0, -TILT])
    found = np.zeros(dim)
    found[0] = roots.real.max()
    return found


def start_density(case: Case, x: np.ndarray) -> np.ndarray:
    """The density that begins, not normalised, at points (n, dim), (n,)."""
    return np.exp(-((x - np.array(case.start)) ** 2).sum(axis=-1) / (2.0 * WIDTH**2))


def noise(case: Case, x: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """sqrt(D(x)) times `normals`, both (n, dim), by the lower Cholesky factor."""
    if case.diffusion is None:
        return normals
    d = case.diffusion(x)
    first = np.sqrt(d[:, 0, 0])
    low = d[:, 0, 1] / first
    return np.stack([first * normals[:, 0], low * normals[:, 0] + np.sqrt(d[:, 1, 1] - low**2) * normals[:, 1]], axis=1)


def diagonal_rest(x: np.ndarray, beta: float) -> np.ndarray:
    """Phi of the diagonal case up to a constant, at coordinates x1 (n,) increasing: int f' / D + log(D) / beta."""
    from scipy.integrate import cumulative_simpson

    fine = np.linspace(x[0], x[-1], 8 * (len(x) - 1) + 1)
    slope = (fine**3 - fine - TILT) / _along(fine)
    return cumulative_simpson(slope, x=fine, initial=0.0)[::8] + np.log(_along(x)) / beta
