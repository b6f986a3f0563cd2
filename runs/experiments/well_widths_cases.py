"""Smooth landscapes whose smoothed free energy u(x, t) is known: what the estimators of "well-widths" are held to.

Quadratic and mixture have closed forms (shared derivation: Gaussian integrals); u of the double well is a sum over
coordinates of one-dimensional integrals, done here by adaptive quadrature.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

DEEPEST = 1e-10


class Case(NamedTuple):
    """One landscape, the point looked at, and what is exact there."""

    landscape: Any
    point: np.ndarray
    """(dim,)."""
    beta: float
    exact: Callable[[float], float]
    """u(x, t) by t."""
    envelope: Callable[[float], float] | None = None
    """Its zero-temperature limit min_y f(y) + |x - y|^2 / (2 t), where it is known."""
    quadratic: bool = False
    """Whether second order is exact."""


CASES = (
    "quadratic-1", "quadratic-5", "quadratic-50", "mixture-1", "mixture-2", "mixture-100", "well-1", "well-2", "well-3",
    "cold-well-1",
)  # fmt: skip


def case(name: str) -> Case:
    """The case of a name in CASES."""
    kind, _, size = name.rpartition("-")
    return {"quadratic": _quadratic, "mixture": _mixture, "well": _well, "cold-well": _cold_well}[kind](int(size))


def _quadratic(dim: int) -> Case:
    from mcmc.landscapes.analytic import Quadratic

    rows = np.arange(dim * dim, dtype=np.float64).reshape(dim, dim)
    # Any fixed symmetric matrix with eigenvalues between about 1/2 and 4.
    turned = np.linalg.qr(np.cos(rows + 1.0))[0]
    matrix = (turned * np.linspace(0.5, 4.0, dim)) @ turned.T
    beta, x = 2.0, 0.5 * np.cos(np.arange(dim))
    landscape = Quadratic(0.5 * (matrix + matrix.T), center=0.1, offset=1.0)
    return Case(
        landscape, x, beta,
        lambda t: _number(landscape.local_entropy(x[None], t, beta)),
        lambda t: _number(landscape.moreau(x[None], t)),
        quadratic=True,
    )  # fmt: skip


def _mixture(dim: int) -> Case:
    from mcmc.landscapes.mixture import GaussianMixture

    first = np.zeros(dim)
    second = np.full(dim, 3.0 / math.sqrt(dim))
    landscape = GaussianMixture([0.4, 0.6], [first, second], [np.ones(dim), np.full(dim, 1.0)], beta=1.0)
    x = np.full(dim, 0.4 / math.sqrt(dim))
    return Case(landscape, x, 1.0, lambda t: _number(landscape.local_entropy(x[None], t)))


def _well(dim: int, beta: float = 1.0) -> Case:
    from mcmc.landscapes.analytic import DoubleWell

    x = np.linspace(0.0, 0.6, dim) if dim > 1 else np.array([0.3])
    return Case(
        DoubleWell(dim), x, beta,
        lambda t: sum(_smoothed_well(float(one), t, beta) for one in x),
        lambda t: sum(_envelope_of_well(float(one), t) for one in x),
    )  # fmt: skip


def _cold_well(dim: int) -> Case:
    return _well(dim, beta=8.0)


def _smoothed_well(x: float, t: float, beta: float) -> float:
    """u of one coordinate of the double well."""
    from scipy.integrate import quad

    def weight(y: float) -> float:
        return math.exp(-beta * ((y * y - 1.0) ** 2 / 4.0 + (x - y) ** 2 / (2.0 * t)))

    # Beyond 40 standard deviations of the window, or where the well itself is steep, there is nothing left.
    reach = 40.0 * math.sqrt(t / beta)
    low, high = max(-6.0, x - reach), min(6.0, x + reach)
    inside = sorted({y for y in (-1.0, 0.0, x, 1.0) if low < y < high})
    total = quad(weight, low, high, epsabs=0, epsrel=1e-13, limit=2000, points=inside)[0]
    return -math.log(total * math.sqrt(beta / (2.0 * math.pi * t))) / beta


def _envelope_of_well(x: float, t: float) -> float:
    """min_y (y^2 - 1)^2 / 4 + (x - y)^2 / (2 t), from the real roots of y^3 - y + (y - x) / t."""
    roots = np.roots([1.0, 0.0, 1.0 / t - 1.0, -x / t])
    real = roots.real[np.abs(roots.imag) < DEEPEST]
    return float(((real**2 - 1.0) ** 2 / 4.0 + (x - real) ** 2 / (2.0 * t)).min())


def _number(values: Any) -> float:
    return float(np.asarray(values).reshape(-1)[0])
