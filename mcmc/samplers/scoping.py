"""Scoping as data: scales of smoothing and couplings that change geometrically along a run, and stop at a limit.

Entropy-SGD: a pull gamma(k) = gamma0 (1 + gamma1)^k in outer step k (arXiv:1611.01838). Parle: a scale gamma_k = gamma0
(1 - 1/(2 B))^k, B mini-batches an epoch, clipped from below, and a coupling 1 / rho_k with rho_k alike
(arXiv:1707.00424). A pull is the inverse of a scale t.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.samplers.number_checks import is_number, number_within, positive_number, whole_number

SMALLEST = 1e-300
"""What a value that has shrunk to 0 is taken as: its inverse is asked for."""


class Scoping(NamedTuple):
    """first ratio^floor(k / every) in step k, up to `limit`; a function of k alone, and so no part of a state."""

    first: float
    """Value in step 0."""
    ratio: float = 1.0
    """Factor from one change to the next."""
    limit: float | None = None
    """Where a rising value (ratio above 1) or a falling one ends; None: nowhere. A constant one stays what it is."""
    every: int = 1
    """Steps between changes."""

    def value(self, step: int) -> float:
        """Value in a step: an outer step of EntropySGD and Parle, a sweep of ElasticSGD and ReplicatedSGD."""
        with np.errstate(over="ignore", under="ignore"):
            value = float(self.first * np.float64(self.ratio) ** (step // self.every))
        if self.limit is None or self.ratio == 1.0:
            return value
        return min(value, self.limit) if self.ratio >= 1.0 else max(value, self.limit)


def scale_scoping(pull: float, growth: float, limit: float | None = None) -> Scoping:
    """Scale t_k = 1 / gamma_k of Entropy-SGD's gamma_k = pull (1 + growth)^k, up to gamma = `limit`.

    Raises ArgumentError for a pull not above 0, or a negative growth.
    """
    positive_number("pull", pull)
    number_within("growth", growth, 0.0)
    if limit is not None:
        positive_number("limit", limit)
    return Scoping(1.0 / pull, 1.0 / (1.0 + growth), None if limit is None else 1.0 / limit)


def parle_scoping(first: float, batches: int, limit: float, *, inverse: bool = False) -> Scoping:
    """first (1 - 1/(2 B))^k, not below `limit`, with B = `batches` an epoch; with `inverse` one over that.

    Raises ArgumentError for numbers not above 0, or B below 1.
    """
    positive_number("first", first)
    positive_number("limit", limit)
    whole_number("batches", batches, "the number of mini-batches of an epoch, a whole number from 1,")
    ratio = 1.0 - 0.5 / batches
    return Scoping(1.0 / first, 1.0 / ratio, 1.0 / limit) if inverse else Scoping(first, ratio, limit)


def checked_scoping(name: str, value: Any, *, zero: bool, infinite: bool) -> Scoping:
    """A number or a Scoping as a Scoping; `zero` and `infinite` say whether a constant may be that.

    Raises ArgumentError for anything out of range.
    """
    if not isinstance(value, Scoping):
        if not is_number(value) or not (value > 0 or (zero and value == 0)) or (np.isinf(value) and not infinite):
            kind = "0 or more" if zero else "above 0"
            raise ArgumentError(f"{name}: got {value!r}; a number {kind}, or a Scoping, is needed")
        return Scoping(float(value))
    positive_number(f"{name}: first", value.first)
    positive_number(f"{name}: ratio", value.ratio)
    if value.limit is not None:
        positive_number(f"{name}: limit", value.limit)
        if (value.limit - value.first) * (value.ratio - 1.0) < 0:
            raise ArgumentError(
                f"{name}: got first {value.first} and limit {value.limit} with ratio {value.ratio}, which leads away "
                "from the limit; change one of them"
            )
    whole_number(f"{name}: every", value.every, "a whole number of steps from 1")
    return value
