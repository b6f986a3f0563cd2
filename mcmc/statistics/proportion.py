"""Probabilities from counts of successes, with intervals that hold where none or all succeeded."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError
from mcmc.statistics.intervals import Interval, normal_quantile


class Proportion(NamedTuple):
    """A fraction of successes; arrays broadcast from the counts, float64."""

    value: np.ndarray
    """Successes over trials."""
    error: np.ndarray
    """Half the Wilson interval of one standard error (68.3 %): not zero where none or all succeeded."""


def wilson_interval(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> Interval:
    """Interval that holds the probability of success with confidence `level`, within [0, 1].

    The score interval: all p with |successes/trials - p| <= z sqrt(p (1-p)/trials), z the two-sided normal quantile.
    Its coverage averaged over p is close to `level` down to a few trials. Raises ArgumentError unless
    0 <= successes <= trials, trials >= 1 and 0 < level < 1. Wilson 1927, J. Am. Stat. Assoc. 22, 209; Brown, Cai &
    DasGupta 2001, Stat. Sci. 16, 101.
    """
    k, n = _counts(successes, trials)
    z2 = normal_quantile(level) ** 2
    share = k / n
    centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = np.sqrt(z2 / n * (share * (1.0 - share) + z2 / (4.0 * n))) / (1.0 + z2 / n)
    # Exact ends: rounding must not exclude the probability 0 where nothing, or 1 where everything, succeeded.
    low = np.where(k == 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(k == n, 1.0, np.minimum(centre + half, 1.0))
    return Interval(low[()], high[()])


def proportion(successes: ArrayLike, trials: ArrayLike) -> Proportion:
    """The fraction of successes with one standard error. Raises ArgumentError as `wilson_interval` does."""
    k, n = _counts(successes, trials)
    one_sigma = wilson_interval(k, n, 0.682689492137086)
    return Proportion((k / n)[()], 0.5 * (one_sigma.high - one_sigma.low))


def _counts(successes: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    if not ((n >= 1) & np.isfinite(n)).all():
        raise ArgumentError(f"trials: got {trials!r}; at least 1 is needed")
    if not ((k >= 0) & (k <= n)).all():
        raise ArgumentError(f"successes: got {successes!r} of {trials!r} trials; from 0 to the number of trials")
    return k, n
