"""Checks of the solvers' options: what was given, and what is needed."""

import math
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError


def checked_number(name: str, value: Any, low: float, high: float = math.inf, *, above: bool = False) -> float:
    """`value` as a float in [low, high], or in (low, high] with `above`. Raises ArgumentError naming the option."""
    right = not isinstance(value, bool) and isinstance(value, (int, float, np.integer, np.floating))
    if not right or not low <= value <= high or (above and value == low):
        reach = f"above {low:g}" if above else f"of at least {low:g}"
        reach += "" if high == math.inf else f" and at most {high:g}"
        raise ArgumentError(f"{name}: got {value!r}; a number {reach} is needed")
    return float(value)


def whole_number(name: str, value: Any, low: int, high: int = 2**31 - 1) -> int:
    """`value` as an int in [low, high]. Raises ArgumentError naming the option."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from {low} to {high} is needed")
    return int(value)


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """`value` when it is one of the names. Raises ArgumentError naming the option."""
    if value not in known:
        raise ArgumentError(f"{name}: got {value!r}; one of {', '.join(known)} is needed")
    return value
