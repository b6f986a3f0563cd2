"""Confidence intervals: what they look like, and that of a median, which needs no law and bears unfinished values."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError


class Interval(NamedTuple):
    """Both ends of a confidence interval, float64."""

    low: np.ndarray
    high: np.ndarray


class Median(NamedTuple):
    """A median and the interval that holds the median of the law the values come from."""

    value: float
    low: float
    high: float


def normal_quantile(level: float) -> float:
    """z such that a standard normal number lies in [-z, z] with probability `level`. Raises ArgumentError."""
    from scipy.special import ndtri

    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0.0 < level < 1.0:
        raise ArgumentError(f"level: got {level!r}; a probability above 0 and below 1 is needed")
    return float(ndtri(0.5 + 0.5 * level))


def median_with_interval(values: ArrayLike, level: float = 0.95) -> Median:
    """Median of independent values (count,), with the interval between two order statistics.

    Coverage is at least `level` whatever the continuous law: P(Binomial(n, 1/2) < k) <= (1 - level)/2 fixes the rank k
    of the lower end, the upper one mirrors it. A value known only to be beyond all others (a search given up) may be
    infinite: the median is exact while fewer than half are. Ends are -inf and inf where there are too few values for
    the level. Raises ArgumentError without values, for NaN, or a level outside (0, 1). David & Nagaraja 2003, "Order
    Statistics", section 7.1.
    """
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype=np.float64).reshape(-1))
    if ordered.size == 0 or np.isnan(ordered).any():
        raise ArgumentError(f"values: got {ordered.size} values, NaN among them or none; at least one, none NaN")
    normal_quantile(level)
    count = ordered.size
    # Largest k with P(B < k) = P(B <= k - 1) <= tail.
    rank = int(np.searchsorted(binom.cdf(np.arange(count), count, 0.5), 0.5 * (1.0 - level), side="right"))
    low, high = (ordered[rank - 1], ordered[count - rank]) if rank > 0 else (-np.inf, np.inf)
    lower, upper = ordered[(count - 1) // 2], ordered[count // 2]
    # The mean of the two middle values; an infinite one makes it infinite, and inf - inf must not come up.
    value = upper if lower == upper or np.isinf(upper) else 0.5 * (lower + upper)
    return Median(float(value), float(low), float(high))
