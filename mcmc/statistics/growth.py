"""How a positive quantity grows with size: exponential against power law, with values known only from below.

Model: ln w = a + b x + noise, x = n (exponential, w ~ e^(b n)) or x = ln n (power law, w ~ n^b); the noise is normal
with a deviation of its own for each size, so what the laws describe is the median. A search given up after work c
enters with the probability that w > c. Tobin 1958, Econometrica 26, 24; AIC: Akaike 1974, IEEE TAC 19, 716.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError

FEWEST_SIZES = 3
FEWEST_VALUES = 4
"""Finished values of a size from which its deviation is its own; below, it shares that of the nearest such size."""

SMALLEST_DEVIATION, LARGEST_DEVIATION = 1e-3, 50.0
"""Of ln w; the smallest where all values of a size are equal."""

COUNTS = 0.5
"""Deviance from which a size without a finished value counts as a degree of freedom: nearer to one than to none."""

MOST_STEPS = 100
DIFFERENCE = 1e-4

Law = Literal["exponential", "power"]
Array = np.ndarray


class GrowthFit(NamedTuple):
    """One law fitted by maximum likelihood."""

    law: Law
    prefactor: float
    """a: ln of the median at x = 0."""
    rate: float
    """b: per unit of n (exponential), or the exponent (power law)."""
    covariance: Array
    """(2, 2) float64 of (a, b); NaN where the data do not determine them."""
    deviance: float
    """Twice the log-likelihood lost against medians free at each size: chi2 with `freedom` degrees if the law holds."""
    freedom: int
    """Sizes that can contradict the law, minus two: those with a finished value, or where the law expects one."""
    aic: float
    """Akaike information criterion: lower is better; differences between the laws count, not values."""

    @property
    def rate_error(self) -> float:
        """One standard error of the rate."""
        return float(np.sqrt(self.covariance[1, 1]))

    @property
    def probability(self) -> float:
        """Probability of a deviance at least as large, were the law true."""
        from scipy.stats import chi2

        return float(chi2.sf(self.deviance, self.freedom)) if self.freedom > 0 else float("nan")

    def median(self, n: ArrayLike) -> Array:
        """Fitted median of w at sizes n."""
        return np.exp(self._log_median(n))

    def median_band(self, n: ArrayLike) -> tuple[Array, Array]:
        """Median one standard error lower and higher."""
        x = _abscissa(self.law, np.asarray(n, dtype=np.float64))
        design = np.stack([np.ones_like(x), x], axis=-1)
        error = np.sqrt(np.einsum("...i,ij,...j->...", design, self.covariance, design))
        middle = self._log_median(n)
        return np.exp(middle - error), np.exp(middle + error)

    def _log_median(self, n: ArrayLike) -> Array:
        return self.prefactor + self.rate * _abscissa(self.law, np.asarray(n, dtype=np.float64))


def fit_growth(n: ArrayLike, values: ArrayLike, given_up: ArrayLike, law: Law) -> GrowthFit | None:
    """Fit a law to `values` > 0 at sizes `n`, lower bounds where `given_up`; each (count,).

    None with fewer than three sizes, or where fewer than two have enough finished values. Raises ArgumentError for
    arrays of unequal length, values or sizes not above 0, or an unknown law.
    """
    data = _Data.checked(n, values, given_up)
    if law not in ("exponential", "power"):
        raise ArgumentError(f"law: got {law!r}; 'exponential' or 'power' is needed")
    if data.sizes.size < FEWEST_SIZES or (data.finished >= FEWEST_VALUES).sum() < 2:
        return None
    x = _abscissa(law, data.sizes)
    centre, scale = x.mean(), x.std()
    design = np.stack([np.ones_like(x), (x - centre) / scale], axis=1)
    best, likelihood = _maximise(data, design)
    free = _maximise(data, np.eye(x.size))[1]
    covariance = _covariance(data, design, best)
    # From (level, slope) on the centred axis back to (a, b).
    back = np.array([[1.0, -centre / scale], [0.0, 1.0 / scale]])
    prefactor, rate = back @ best[:2]
    parameters = 2 + data.deviations
    return GrowthFit(
        law, float(prefactor), float(rate), back @ covariance @ back.T, max(2.0 * (free - likelihood), 0.0),
        max(_telling(data, design, best) - 2, 0), 2.0 * parameters - 2.0 * likelihood,
    )  # fmt: skip


class _Data(NamedTuple):
    sizes: Array
    """(sizes,) float64."""
    row: Array
    """(count,) int: size of each value."""
    log_value: Array
    given_up: Array
    finished: Array
    """(sizes,) int: values that are no lower bounds."""
    group: Array
    """(sizes,) int: which deviation each size has."""

    @property
    def deviations(self) -> int:
        return int(self.group.max()) + 1

    @classmethod
    def checked(cls, n: ArrayLike, values: ArrayLike, given_up: ArrayLike) -> "_Data":
        size, value = np.asarray(n, dtype=np.float64).reshape(-1), np.asarray(values, dtype=np.float64).reshape(-1)
        late = np.asarray(given_up, dtype=bool).reshape(-1)
        if not size.size == value.size == late.size:
            raise ArgumentError(f"values: got {value.size} for {size.size} sizes and {late.size} marks; one of each")
        for name, array in (("n", size), ("values", value)):
            if not (np.isfinite(array) & (array > 0)).all():
                raise ArgumentError(f"{name}: got {array[~(np.isfinite(array) & (array > 0))][0]}; numbers above 0")
        sizes, row = np.unique(size, return_inverse=True)
        finished = np.bincount(row, ~late, sizes.size).astype(int)
        own = np.flatnonzero(finished >= FEWEST_VALUES)
        # With one deviation for all where no size has enough of its own.
        own = own if own.size else np.zeros(1, int)
        nearest = np.abs(np.arange(sizes.size)[:, None] - own[None, :]).argmin(axis=1)
        return cls(sizes, row, np.log(value), late, finished, nearest)


def _abscissa(law: Law, n: Array) -> Array:
    return n if law == "exponential" else np.log(n)


def _log_likelihood(data: _Data, medians: Array, log_deviation: Array) -> tuple[float, Array, Array]:
    """Of the values, and its derivatives by the medians (sizes,) and by the log deviations (deviations,)."""
    terms, by_median, by_deviation = _terms(data, medians, log_deviation)
    return (
        float(terms.sum()),
        np.bincount(data.row, by_median, data.sizes.size),
        np.bincount(data.group[data.row], by_deviation, data.deviations),
    )


def _terms(data: _Data, medians: Array, log_deviation: Array) -> tuple[Array, Array, Array]:
    """Log-likelihood of each value and its derivatives by its median and its log deviation, each (count,)."""
    from scipy.special import log_ndtr

    group = data.group[data.row]
    deviation = np.exp(log_deviation)[group]
    z = (data.log_value - medians[data.row]) / deviation
    beyond, density = log_ndtr(-z), -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)
    terms = np.where(data.given_up, beyond, density - np.log(deviation))
    hazard = np.exp(density - beyond)
    by_median = np.where(data.given_up, hazard, z) / deviation
    by_deviation = np.where(data.given_up, hazard * z, z**2 - 1.0)
    return terms, by_median, by_deviation


def _telling(data: _Data, design: Array, best: Array) -> int:
    """Sizes that add to the deviance, in whole degrees of freedom.

    Where every search was given up a free median fits perfectly. Such a size adds -2 ln of the law's probability of
    that: nothing where the law is far above the bounds, and as much as a finished size where it is near or below.
    """
    terms = _terms(data, design @ best[:2], best[2:])[0]
    lost = -2.0 * np.bincount(data.row, terms, data.sizes.size)
    return int(((data.finished > 0) | (lost >= COUNTS)).sum())


def _maximise(data: _Data, design: Array) -> tuple[Array, float]:
    """Parameters (*coefficients of `design`, *log deviations) of highest likelihood, and its logarithm.

    Newton steps, damped as Levenberg and Marquardt do: a handful of parameters, and no threads to wait for.
    """
    columns = design.shape[1]
    levels = np.array([np.median(data.log_value[data.row == i]) for i in range(data.sizes.size)])
    # A size where every search was given up may have its level anywhere far above, where its terms vanish.
    highest = np.append(np.full(columns, levels.max() + 60.0), np.full(data.deviations, np.log(LARGEST_DEVIATION)))
    lowest = np.append(np.full(columns, -np.inf), np.full(data.deviations, np.log(SMALLEST_DEVIATION)))
    best = np.clip(np.append(np.linalg.lstsq(design, levels, rcond=None)[0], _spreads(data, levels)), lowest, highest)
    loss, gradient = _loss(data, design, best)
    damping = 1e-3
    for _ in range(MOST_STEPS):
        hessian = _hessian(data, design, best)
        improved = 0.0
        while damping < 1e12:
            scaled = hessian + damping * np.diag(np.abs(np.diag(hessian)) + 1e-6)
            trial = np.clip(best - np.linalg.solve(scaled, gradient), lowest, highest)
            there, slope = _loss(data, design, trial)
            if there < loss:
                improved, best, loss, gradient, damping = loss - there, trial, there, slope, max(damping / 10.0, 1e-9)
                break
            damping *= 10.0
        if improved < 1e-10:
            break
    return best, -loss


def _loss(data: _Data, design: Array, parameters: Array) -> tuple[float, Array]:
    """Minus the log-likelihood and its gradient."""
    columns = design.shape[1]
    value, by_median, by_deviation = _log_likelihood(data, design @ parameters[:columns], parameters[columns:])
    return -value, -np.append(design.T @ by_median, by_deviation)


def _hessian(data: _Data, design: Array, parameters: Array) -> Array:
    steps = DIFFERENCE * np.eye(parameters.size)
    sides = [[_loss(data, design, parameters + sign * step)[1] for step in steps] for sign in (1.0, -1.0)]
    matrix = (np.array(sides[0]) - np.array(sides[1])) / (2.0 * DIFFERENCE)
    return 0.5 * (matrix + matrix.T)


def _spreads(data: _Data, levels: Array) -> Array:
    square = (data.log_value - levels[data.row]) ** 2
    group = data.group[data.row]
    variance = np.bincount(group, square, data.deviations) / np.bincount(group, minlength=data.deviations)
    return 0.5 * np.log(np.maximum(variance, 1e-2))


def _covariance(data: _Data, design: Array, best: Array) -> Array:
    """Of the two coefficients: inverse of the second derivatives in all parameters."""
    hessian = _hessian(data, design, best)
    # Deviations at their bound do not move.
    moving = np.flatnonzero(np.append([True, True], best[2:] > np.log(SMALLEST_DEVIATION) + 1e-6))
    inner = hessian[np.ix_(moving, moving)]
    return np.linalg.inv(inner)[:2, :2] if (np.linalg.eigvalsh(inner) > 0).all() else np.full((2, 2), np.nan)
