"""Numbers that users give to samplers, or one sentence that says which are needed; all raise ArgumentError."""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError


def is_number(value: Any) -> bool:
    """A real number, infinity and NaN among them, and no bool."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def flag(name: str, value: Any) -> bool:
    """`value` as True or False, which it must be: text such as "no" would count as True."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{name}: got {value!r}; True or False is needed")
    return bool(value)


def number_within(name: str, value: Any, least: float, below: float = np.inf) -> float:
    """`value` as a float from `least` to below `below`."""
    if not is_number(value) or not least <= value < below:
        limit = "a finite number" if below == np.inf else f"a number below {below:g}"
        raise ArgumentError(f"{name}: got {value!r}; {limit}, {least:g} or more, is needed")
    return float(value)


def positive_number(name: str, value: Any) -> float:
    """`value` as a finite float above 0."""
    if not is_number(value) or not 0 < value < np.inf:
        raise ArgumentError(f"{name}: got {value!r}; a finite number above 0 is needed")
    return float(value)


def share(name: str, value: Any) -> float:
    """`value` as a float from 0 to 1, both included."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ArgumentError(f"{name}: got {value!r}; a number from 0 to 1 is needed")
    return float(value)


def whole_number(name: str, value: Any, what: str = "a whole number from 1") -> int:
    """`value` as a whole number from 1; `what` is what the message says is needed."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ArgumentError(f"{name}: got {value!r}; {what} is needed")
    return int(value)


def positive_per_chain(name: str, value: Any, *, infinite: bool = False, why: str = "") -> np.ndarray:
    """`value` as float64 above 0, () or (chains,); finite unless `infinite`; `why` ends the message."""
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    right = (values > 0) & (infinite | np.isfinite(values))
    if isinstance(value, (bool, np.bool_, str)) or values.ndim > 1 or not values.size or not right.all():
        # An array may be long, and its text have many lines.
        shown = values[~right].flat[0] if isinstance(value, np.ndarray) and not right.all() else repr(value)
        kind = "a number" if infinite else "a finite number"
        raise ArgumentError(f"{name}: got {shown}; {kind} above 0, or one per chain, is needed{why}")
    return values
