"""Integrated autocorrelation time with an automatic window.

Convention: tau_int = 1/2 + sum_{t>=1} rho(t), in draws. Independent draws have 1/2, the statistical
inefficiency is 2 tau_int, and the variance of a mean over n draws is 2 tau_int sigma^2 / n.

Sokal 1997, "Monte Carlo methods in statistical mechanics: foundations and new algorithms", section 3 (window
and its error); Madras & Sokal 1988, J. Stat. Phys. 50, 109, appendix C; Wolff 2004, hep-lat/0306017 (bias
of the subtracted mean).
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, ConvergenceWarning
from mcmc.statistics.series import as_series, positive_integer

TRUSTED_LENGTH = 50
"""A chain shorter than this many tau_int has not shown its slowest modes: tau_int is then too small."""

FFT_NUMBERS = 2**22
"""Float64 numbers transformed at a time; bounds the working memory to about 100 MB."""


class AutocorrelationTime(NamedTuple):
    """Integrated autocorrelation time of each series; arrays have the trailing dims of the series."""

    tau_int: np.ndarray
    """(*dims) float64, in draws; 1/2 for independent draws and for a constant series."""
    error: np.ndarray
    """(*dims) float64: one standard error of tau_int."""
    window: np.ndarray
    """(*dims) int64: lags summed."""
    draws: int
    """Draws of each chain."""
    chains: int
    """Number of chains."""

    @property
    def inefficiency(self) -> np.ndarray:
        """Draws per independent draw, 2 tau_int, (*dims) float64."""
        return 2.0 * self.tau_int

    @property
    def independent_draws(self) -> np.ndarray:
        """Independent draws in all chains together, (*dims) float64."""
        return self.chains * self.draws / (2.0 * self.tau_int)


def autocovariance(series: Any) -> np.ndarray:
    """Autocovariance at lags 0..draws-1, (draws, *dims) float64, averaged over chains.

    The mean subtracted is that of all chains together, so chains that disagree show up as correlation that
    does not decay. Lag t is normalised by its draws - t pairs. Raises ArgumentError for a malformed series.
    """
    values = as_series(series, minimum_draws=2)
    chains, draws = values.shape[:2]
    columns = values.reshape(chains, draws, -1)
    result = np.empty((draws, columns.shape[2]))
    pairs = np.arange(draws, 0, -1, dtype=np.float64)[:, None]
    padded = _fast_length(2 * draws)
    width = max(1, FFT_NUMBERS // (chains * padded))
    for start in range(0, columns.shape[2], width):
        block = columns[:, :, start : start + width].astype(np.float64)
        block -= block.mean(axis=(0, 1))
        spectrum = np.fft.rfft(block, n=padded, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).mean(axis=0)
        result[:, start : start + width] = np.fft.irfft(power, n=padded, axis=0)[:draws] / pairs
    return result.reshape((draws, *values.shape[2:]))


def integrated_time(
    series: Any, c: float = 5.0, *, thin: int = 1, warn: bool = True, name: str = "series"
) -> AutocorrelationTime:
    """Integrated autocorrelation time of series of shape (chains, draws, *dims), averaged over chains.

    The window is the smallest W with W >= c max(tau_int(W), 1/2); c = 5 leaves out exp(-5) = 0.7 % of tau_int when
    correlations decay exponentially. The error is max(tau_int, 1/2) sqrt(2 (2W+1) / (chains draws)), rather too
    large than too small. A ConvergenceWarning names the number when draws < 50 tau_int; `thin`, sweeps per draw,
    only turns its advice into sweeps. A constant series counts as uncorrelated. Raises ArgumentError for a
    malformed series, fewer than 4 draws, or c <= 0.
    """
    values = as_series(series, name, minimum_draws=4)
    thin = positive_integer(thin, "thin")
    if not (np.isfinite(c) and c > 0):
        raise ArgumentError(f"c: got {c}; a window factor above 0 is needed, 5 is usual")
    chains, draws, *dims = values.shape
    covariance = autocovariance(values).reshape(draws, -1)
    flat = (np.ptp(values.reshape(chains * draws, -1), axis=0) == 0) | (covariance[0] <= 0)
    running = np.cumsum(covariance / np.where(flat, 1.0, covariance[0]), axis=0) - 0.5
    lags = np.arange(draws)[:, None]
    # The subtracted mean fixes the sum over all lags: a window that reaches the late ones measures nothing.
    last = max(1, draws // 2)
    # Half a draw at least: an anticorrelated series would else close its window before its correlations end.
    closed = lags[:last] >= c * np.maximum(running[:last], 0.5)
    window = np.where(closed.any(axis=0), closed.argmax(axis=0), running[:last].argmax(axis=0))
    tau = np.take_along_axis(running, window[None], axis=0)[0]
    total = chains * draws
    tau = tau * (1.0 + (2 * window + 1) / total)
    # Noise can bring the sum of an anticorrelated series to zero or below.
    tau = np.where(flat, 0.5, np.maximum(tau, 0.5 / np.sqrt(draws)))
    window = np.where(flat, 0, window)
    error = np.where(flat, 0.0, np.maximum(tau, 0.5) * np.sqrt(2.0 * (2 * window + 1) / total))
    if warn:
        _warn_if_short(tau.reshape(dims), draws, thin, name)
    return AutocorrelationTime(tau.reshape(dims)[()], error.reshape(dims)[()], window.reshape(dims)[()], draws, chains)


def _warn_if_short(tau: np.ndarray, draws: int, thin: int, name: str) -> None:
    short = tau.size and np.asarray(TRUSTED_LENGTH * tau > draws)
    if not np.any(short):
        return
    needed = int(np.ceil(TRUSTED_LENGTH * tau.max()))
    where = ""
    if tau.ndim:
        worst = tuple(int(i) for i in np.unravel_index(int(tau.argmax()), tau.shape))
        where = f" at index {worst}, the worst of {np.count_nonzero(short)} of {tau.size} series"
    warnings.warn(
        f"{name}: chain of {draws} draws is shorter than {TRUSTED_LENGTH} tau_int = {needed}{where} "
        f"(tau_int = {tau.max():.3g}): run at least {needed * thin} sweeps",
        ConvergenceWarning,
        stacklevel=3,
    )


def _fast_length(n: int) -> int:
    """Smallest 2^a, 3 2^a or 5 2^a that is at least n: lengths whose transform is fast."""
    return min(m << max(0, -(-n // m) - 1).bit_length() for m in (1, 3, 5))
