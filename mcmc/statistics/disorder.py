"""Averages over instances of quenched disorder: the instances, not the draws, are the independent data."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError


class DisorderAverage(NamedTuple):
    """Mean over instances; arrays have the trailing dims of the values."""

    value: np.ndarray
    error: np.ndarray
    """(*dims) float64: standard error from the spread between instances, their sampling noise included."""
    sampling_error: np.ndarray
    """(*dims) float64: the part of `error` that longer runs would remove; NaN when no errors were given."""
    instances: int


def disorder_average(values: ArrayLike, errors: ArrayLike | None = None) -> DisorderAverage:
    """Mean of `values` (instances, *dims) over instances, with its own error.

    Every instance weighs the same: weighing by error would favour the easy instances. `errors`, of the same
    shape, only tell how much of the error is sampling noise. Raises ArgumentError below 2 instances or for
    values not finite.
    """
    v = np.asarray(values, dtype=np.float64)
    if v.ndim < 1 or len(v) < 2:
        raise ArgumentError(f"values: got shape {v.shape}; (instances, ...) with at least 2 instances is needed")
    if not np.isfinite(v).all():
        bad = np.unravel_index(int(np.argmin(np.isfinite(v))), v.shape)
        raise ArgumentError(f"values: got {v[bad]} for instance {bad[0]}; finite values are needed")
    count = len(v)
    error = v.std(axis=0, ddof=1) / np.sqrt(count)
    sampling = np.full(v.shape[1:], np.nan)
    if errors is not None:
        e = np.asarray(errors, dtype=np.float64)
        if e.shape != v.shape or not (e >= 0).all():
            raise ArgumentError(f"errors: got shape {e.shape}; numbers >= 0 of shape {v.shape}, as values, are needed")
        sampling = np.sqrt((e**2).sum(axis=0)) / count
    return DisorderAverage(v.mean(axis=0)[()], error[()], sampling[()], count)
