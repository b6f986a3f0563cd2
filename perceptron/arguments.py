"""Checks of the arguments that instances, message passing and solvers share: what was given, and what is needed."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

MOST = 2**31 - 1
"""Largest count."""

LARGEST = 2**1023
"""Whole numbers beyond it are no floats."""


def checked_number(
    name: str, value: Any, low: float, high: float = math.inf, needed: str = "", *, above: bool = False
) -> float:
    """`value` as a float in [low, high], or in (low, high] with `above`. Raises ArgumentError, which says `needed`."""
    right = not isinstance(value, bool) and isinstance(value, (int, float, np.integer, np.floating))
    right = right and not (isinstance(value, int) and abs(value) > LARGEST)
    if not right or not low <= value <= high or (above and value == low):
        reach = f"above {low:g}" if above else f"of at least {low:g}"
        reach += "" if high == math.inf else f" and at most {high:g}"
        raise ArgumentError(f"{name}: got {value!r}; {needed or f'a number {reach} is needed'}")
    return float(value)


def checked_count(name: str, value: Any, low: int = 1, high: int = MOST) -> int:
    """`value` as an int in [low, high]. Raises ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from {low} to {high} is needed")
    return int(value)


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """`value` when it is one of the names. Raises ArgumentError."""
    if not isinstance(value, str) or value not in known:
        raise ArgumentError(f"{name}: got {value!r}; one of {', '.join(known)} is needed")
    return value


def listed(values: Any) -> bool:
    """Whether it is a list, a tuple, a range, or an array with an axis."""
    return isinstance(values, (list, tuple, range)) or (isinstance(values, np.ndarray) and values.ndim > 0)


def require_patterns(patterns: Any) -> None:
    """Raises ArgumentError for anything but an instance of Patterns."""
    from perceptron.patterns import Patterns

    if not isinstance(patterns, Patterns):
        raise ArgumentError(f"patterns: got {type(patterns).__name__}; make them with random_patterns or from_arrays")


def require_reachable(patterns: "Patterns", margin: Any) -> int | float:
    """The least stability that counts as right. Raises ArgumentError where no weights reach it on some pattern."""
    least = patterns.least_stability(margin)
    largest = patterns.n if patterns.kind == "binary" else np.abs(patterns.patterns).sum(axis=1).min()
    if least > largest:
        raise ArgumentError(f"margin: got {margin!r}; no weights reach it on some pattern, lower it")
    return least
