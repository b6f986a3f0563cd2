"""Errors of functions of means: jackknife over bins of all chains.

Means are recomputed with one bin left out at a time; how far the function moves gives its error, with every
correlation between the series that enter it, and the first order of its bias.

Efron 1982, "The Jackknife, the Bootstrap and Other Resampling Plans", chapters 2, 3; Miller 1974, Biometrika
61, 1.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.statistics.binning import automatic_length, bin_series
from mcmc.statistics.series import as_series


class Estimate(NamedTuple):
    """A number or array with one standard error."""

    value: np.ndarray
    error: np.ndarray


class CorrelatedEstimate(NamedTuple):
    """An array with its errors and the covariance of its flattened elements."""

    value: np.ndarray
    error: np.ndarray
    covariance: np.ndarray
    """(value.size, value.size) float64."""


class Replicates(NamedTuple):
    """A function of means over all draws, and with one bin left out at a time."""

    full: np.ndarray
    """(*out) float64."""
    left_out: np.ndarray
    """(bins, *out) float64."""

    def estimate(self, *, correct_bias: bool = True) -> Estimate:
        """Value, (*out), bias of order 1/bins removed unless told not to, and error, (*out)."""
        count = len(self.left_out)
        mean = self.left_out.mean(axis=0)
        value = self.full + (count - 1) * (self.full - mean) if correct_bias else self.full
        deviation = self.left_out - mean
        return Estimate(value[()], np.sqrt((count - 1) / count * (deviation**2).sum(axis=0))[()])

    def covariance(self) -> np.ndarray:
        """Covariance of the flattened elements, (size, size) float64."""
        count = len(self.left_out)
        deviation = (self.left_out - self.left_out.mean(axis=0)).reshape(count, -1)
        return (count - 1) / count * (deviation.T @ deviation)


Function = Callable[..., Any]
Series = Any
"""One array (chains, draws, *dims), or a list, tuple or mapping of them with the same chains and draws."""


def jackknife(
    function: Function,
    series: Series,
    *,
    bins: int | None = None,
    length: int | None = None,
    correct_bias: bool = True,
    vectorized: bool = False,
) -> Estimate:
    """Estimate(value, error) of function(means), each of the shape that `function` returns, float64.

    `series` is one array (chains, draws, *dims), a list or tuple of them (function(mean_1, mean_2, ...)) or a
    mapping such as an xarray.Dataset (function(name=mean, ...)); each mean has the shape dims of its series.
    Bins: `bins` for each chain, or `length` draws in a bin, or neither for a length found from the largest
    tau_int among the series. `vectorized` promises that function also takes means of shape (bins, *dims) and
    returns (bins, *out), as everything in `derived` does; it is then called twice and not once a bin. Chains
    shorter than 50 tau_int give errors that are too small: `integrated_time` warns of them. Raises
    ArgumentError for malformed series or fewer than 2 bins in all.
    """
    found = replicates(function, series, bins=bins, length=length, vectorized=vectorized)
    return found.estimate(correct_bias=correct_bias)


def jackknife_covariance(
    function: Function,
    series: Series,
    *,
    bins: int | None = None,
    length: int | None = None,
    correct_bias: bool = True,
    vectorized: bool = False,
) -> CorrelatedEstimate:
    """As `jackknife`, with the covariance of the flattened elements of the value, which a fit needs.

    The covariance has rank bins - 1 at most: take more bins than elements before inverting it.
    """
    found = replicates(function, series, bins=bins, length=length, vectorized=vectorized)
    return CorrelatedEstimate(*found.estimate(correct_bias=correct_bias), found.covariance())


def replicates(
    function: Function,
    series: Series,
    *,
    bins: int | None = None,
    length: int | None = None,
    vectorized: bool = False,
) -> Replicates:
    """What a jackknife is made of, for functions of several runs (crossings, fits); called as `jackknife`."""
    names, arrays = _unpack(series)
    if bins is None and length is None:
        length = automatic_length(*arrays)
    binned = [bin_series(a, bins, length=length) for a in arrays]
    flat = [b.reshape((-1, *b.shape[2:])) for b in binned]
    count = len(flat[0])
    if count < 2:
        raise ArgumentError(f"bins: got {count} bin in all chains together; at least 2 are needed")
    means = [f.mean(axis=0) for f in flat]
    # Deviations from the mean keep the digits that (total - bin) / (count - 1) would lose.
    without = [m - (f - m) / (count - 1) for f, m in zip(flat, means, strict=True)]

    def call(values: list[np.ndarray]) -> np.ndarray:
        result = function(*values) if names is None else function(**dict(zip(names, values, strict=True)))
        return np.asarray(result, dtype=np.float64)

    full = call(means)
    if vectorized:
        left_out = call(without)
        if left_out.shape != (count, *full.shape):
            raise ArgumentError(
                f"function: got shape {left_out.shape} for {count} bins at once; "
                f"{(count, *full.shape)} is needed, or vectorized=False"
            )
    else:
        left_out = np.array([call([w[b] for w in without]) for b in range(count)])
    return Replicates(full, left_out)


def _unpack(series: Series) -> tuple[list[str] | None, list[np.ndarray]]:
    names: list[str] | None = None
    if isinstance(series, Mapping):
        names, items = [str(k) for k in series], list(series.values())
    elif isinstance(series, (list, tuple)):
        items = list(series)
    else:
        items = [series]
    if not items:
        raise ArgumentError("series: got none; at least one is needed")
    labels = names or ([f"series {i}" for i in range(len(items))] if len(items) > 1 else ["series"])
    arrays = [as_series(item, label) for item, label in zip(items, labels, strict=True)]
    for array, label in zip(arrays, labels, strict=True):
        if array.shape[:2] != arrays[0].shape[:2]:
            raise ArgumentError(
                f"{label}: got (chains, draws) = {array.shape[:2]}, but {labels[0]} has "
                f"{arrays[0].shape[:2]}; all series must come from the same draws"
            )
    return names, arrays
