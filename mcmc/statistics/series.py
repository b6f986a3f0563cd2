"""What every statistic takes: series of shape (chains, draws, *dims), checked once and in one place."""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError


def as_series(series: Any, name: str = "series", minimum_draws: int = 1) -> np.ndarray:
    """Series as an array (chains, draws, *dims) of real numbers; not copied; truth values become float64.

    An xarray.DataArray with dims `chain` and `draw` is brought into this order first. Raises ArgumentError
    for another number of dims, no chain, fewer than `minimum_draws` draws, values that are not real numbers,
    NaN or infinity.
    """
    dims = getattr(series, "dims", ())
    if "chain" in dims and "draw" in dims:
        series = series.transpose("chain", "draw", ...)
    try:
        values = np.asarray(series)
    except ValueError:
        raise ArgumentError(f"{name}: rows differ in length; one array of shape (chains, draws) is needed") from None
    if values.dtype.kind not in "fiub":
        raise ArgumentError(f"{name}: got values of type {values.dtype}; real numbers are needed")
    if values.dtype.kind == "b":
        values = values.astype(np.float64)
    if values.ndim < 2:
        raise ArgumentError(
            f"{name}: got shape {values.shape}; (chains, draws, ...) is needed, series[None] for one chain"
        )
    if values.shape[0] < 1 or values.shape[1] < minimum_draws:
        raise ArgumentError(
            f"{name}: got {values.shape[0]} chains of {values.shape[1]} draws; "
            f"at least 1 chain of {minimum_draws} draws is needed"
        )
    finite = np.isfinite(values)
    if not finite.all():
        where = np.unravel_index(int(np.argmin(finite)), values.shape)
        at = f"chain {where[0]}, draw {where[1]}" + (f", index {tuple(map(int, where[2:]))}" if where[2:] else "")
        raise ArgumentError(
            f"{name}: got {values[where]} at {at}; finite values are needed, discard or repair these draws"
        )
    return values


def positive_integer(value: Any, name: str, minimum: int = 1) -> int:
    """`value` as an int. Raises ArgumentError unless it is an integer of at least `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ArgumentError(f"{name}: got {value!r}; an integer of at least {minimum} is needed")
    return int(value)
