"""Scoping as data: scales of smoothing and couplings that change geometrically along a run, and stop at a limit.

Entropy-SGD: a pull gamma(k) = gamma0 (1 + gamma1)^k in outer step k (arXiv:1611.01838). Parle: a scale gamma_k = gamma0
(1 - 1/(2 B))^k, B mini-batches an epoch, clipped from below, and a coupling 1 / rho_k with rho_k alike
(arXiv:1707.00424). A pull is the inverse of a scale t.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError

SMALLEST = 1e-300
"""What a value that has shrunk to 0 is taken as: its inverse is asked for."""


class Scoping(NamedTuple):
    """first ratio^floor(k / every) in step k, up to `limit`; a function of k alone, and so no part of a state."""

    first: float
    """Value in step 0."""
    ratio: float = 1.0
    """Factor from one change to the next."""
    limit: float | None = None
    """Where a rising value (ratio above 1) or a falling one ends; None: nowhere."""
    every: int = 1
    """Steps between changes."""

    def value(self, step: int) -> float:
        """Value in a step: an outer step of EntropySGD and Parle, a sweep of ElasticSGD and ReplicatedSGD."""
        with np.errstate(over="ignore", under="ignore"):
            value = float(self.first * np.float64(self.ratio) ** (step // self.every))
        if self.limit is None:
            return value
        return min(value, self.limit) if self.ratio >= 1.0 else max(value, self.limit)


def scale_scoping(pull: float, growth: float, limit: float | None = None) -> Scoping:
    """Scale t_k = 1 / gamma_k of Entropy-SGD's gamma_k = pull (1 + growth)^k, up to gamma = `limit`.

    Raises ArgumentError for a pull not above 0, or a negative growth.
    """
    _require("pull", pull, above=0.0)
    if not _number(growth) or growth < 0:
        raise ArgumentError(f"growth: got {growth!r}; a finite number, 0 or more, is needed")
    if limit is not None:
        _require("limit", limit, above=0.0)
    return Scoping(1.0 / pull, 1.0 / (1.0 + growth), None if limit is None else 1.0 / limit)


def parle_scoping(first: float, batches: int, limit: float, *, inverse: bool = False) -> Scoping:
    """first (1 - 1/(2 B))^k, not below `limit`, with B = `batches` an epoch; with `inverse` one over that.

    Raises ArgumentError for numbers not above 0, or B below 1.
    """
    _require("first", first, above=0.0)
    _require("limit", limit, above=0.0)
    if isinstance(batches, bool) or not isinstance(batches, (int, np.integer)) or batches < 1:
        raise ArgumentError(f"batches: got {batches!r}; mini-batches of an epoch, a whole number from 1, are needed")
    ratio = 1.0 - 0.5 / batches
    return Scoping(1.0 / first, 1.0 / ratio, 1.0 / limit) if inverse else Scoping(first, ratio, limit)


def checked_scoping(name: str, value: Any, *, zero: bool, infinite: bool) -> Scoping:
    """A number or a Scoping as a Scoping; `zero` and `infinite` say whether a constant may be that.

    Raises ArgumentError for anything out of range.
    """
    if not isinstance(value, Scoping):
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not number or not (value > 0 or (zero and value == 0)) or (np.isinf(value) and not infinite):
            kind = "0 or more" if zero else "above 0"
            raise ArgumentError(f"{name}: got {value!r}; a number {kind}, or a Scoping, is needed")
        return Scoping(float(value))
    _require(f"{name}: first", value.first, above=0.0)
    _require(f"{name}: ratio", value.ratio, above=0.0)
    if value.limit is not None:
        _require(f"{name}: limit", value.limit, above=0.0)
        if (value.limit - value.first) * (value.ratio - 1.0) < 0:
            raise ArgumentError(
                f"{name}: got first {value.first} and limit {value.limit} with ratio {value.ratio}, which leads away "
                "from the limit; change one of them"
            )
    if isinstance(value.every, bool) or not isinstance(value.every, (int, np.integer)) or value.every < 1:
        raise ArgumentError(f"{name}: every: got {value.every!r}; a whole number of steps from 1 is needed")
    return value


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _require(name: str, value: Any, *, above: float) -> None:
    if not _number(value) or value <= above:
        raise ArgumentError(f"{name}: got {value!r}; a finite number above {above:g} is needed")
