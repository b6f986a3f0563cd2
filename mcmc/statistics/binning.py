"""Means over consecutive draws, and what they say about the error of a mean.

Flyvbjerg & Petersen 1989, J. Chem. Phys. 91, 461 (error against bin length); Wolff 2004, hep-lat/0306017,
section 2 (the bin length that balances the bias of the error against its noise).
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.series import as_series, positive_integer

FEWEST_BINS = 32
"""Bins over all chains: with 32 an error bar is itself known to 13 %."""
MOST_BINS = 512
"""More bins than this make an error bar only slower: with 512 it is known to 3 %."""


class BinningError(NamedTuple):
    """Error of the mean against the bin length; it grows with the length and then stays."""

    length: np.ndarray
    """(levels,) int64: draws in a bin: 1, 2, 4 ..."""
    error: np.ndarray
    """(levels, *dims) float64: standard error of the mean, bins taken as independent."""
    uncertainty: np.ndarray
    """(levels, *dims) float64: one standard error of `error`."""


def bin_series(series: Any, bins: int | None = None, *, length: int | None = None, name: str = "series") -> np.ndarray:
    """Bin means, (chains, bins, *dims) float64, of series of shape (chains, draws, *dims).

    Give either `bins`, a number for each chain, or `length`, the draws in a bin. Draws that do not fill a bin
    are left out at the start of the chain. Raises ArgumentError when there are fewer draws than asked for.
    """
    values = as_series(series, name)
    if (bins is None) == (length is None):
        raise ArgumentError(f"bins, length: got {bins} and {length}; give one of them")
    chains, draws = values.shape[:2]
    if bins is not None:
        bins = positive_integer(bins, "bins")
        if bins > draws:
            raise ArgumentError(f"bins: got {bins} for chains of {draws} draws; at most {draws} is possible")
        size = draws // bins
    else:
        size = positive_integer(length, "length")
        if size > draws:
            raise ArgumentError(f"length: got {size} for chains of {draws} draws; at most {draws} is possible")
        bins = draws // size
    kept = values[:, draws - bins * size :]
    return kept.reshape((chains, bins, size, *values.shape[2:])).mean(axis=2, dtype=np.float64)


def bin_length(tau_int: Any, draws: int, chains: int = 1) -> int:
    """Draws in a bin for chains of `draws` draws whose largest autocorrelation time is max(tau_int).

    2 (n tau_int^2)^(1/3) with n all draws: the error bar of a mean is then too small by the fraction tau_int
    / (2 length), less than its own noise sqrt(length / (2 n)). Bounded so that all chains together give 32 to
    512 bins where they can; a chain holds at least one bin, a lone chain two. Raises ArgumentError for a
    tau_int that is not positive and finite.
    """
    draws, chains = positive_integer(draws, "draws"), positive_integer(chains, "chains")
    tau = np.asarray(tau_int, dtype=np.float64)
    if tau.size == 0 or not np.isfinite(tau).all() or (tau <= 0).any():
        raise ArgumentError(f"tau_int: got {tau_int}; finite values above 0 are needed")
    total = draws * chains
    best = int(np.ceil(2.0 * (total * float(tau.max()) ** 2) ** (1 / 3)))
    longest = max(1, min(total // FEWEST_BINS, draws if chains > 1 else draws // 2))
    length = min(max(best, -(-total // MOST_BINS)), longest)
    # As many bins, but longer: fewer draws are left over.
    return draws // (draws // length)


def automatic_length(*series: Any) -> int:
    """Bin length that serves several series of the same chains and draws: that of their largest tau_int."""
    arrays = [as_series(s) for s in series]
    chains, draws = arrays[0].shape[:2]
    if draws < 4:
        return 1
    slowest = max(float(np.max(integrated_time(a, warn=False).tau_int, initial=0.5)) for a in arrays)
    return bin_length(slowest, draws, chains)


def binning_error(series: Any, *, fewest_bins: int = FEWEST_BINS) -> BinningError:
    """Standard error of the mean at bin lengths 1, 2, 4 ... of series of shape (chains, draws, *dims).

    Goes on while all chains together have `fewest_bins` bins. A plateau is the error; a curve still rising at
    its end means chains too short. Raises ArgumentError when length 1 already gives fewer bins.
    """
    values = as_series(series)
    fewest_bins = positive_integer(fewest_bins, "fewest_bins", 2)
    chains, draws = values.shape[:2]
    if chains * draws < fewest_bins:
        raise ArgumentError(f"series: got {chains * draws} draws in all; at least {fewest_bins} are needed")
    lengths, errors, uncertainties = [], [], []
    length, level = 1, values
    while True:
        count = chains * level.shape[1]
        spread = level.reshape((count, *values.shape[2:])).std(axis=0, ddof=1, dtype=np.float64)
        error = spread / np.sqrt(count)
        lengths.append(length)
        errors.append(error)
        uncertainties.append(error / np.sqrt(2.0 * (count - 1)))
        length *= 2
        if level.shape[1] < 2 or chains * (level.shape[1] // 2) < fewest_bins:
            break
        level = bin_series(level, length=2)
    return BinningError(np.array(lengths), np.array(errors), np.array(uncertainties))
