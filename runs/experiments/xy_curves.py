"""A quantity against temperature near a transition: a polynomial through its measured values and measured slopes.

The slope costs nothing: d<O>/dbeta = -(<O E> - <O><E>) comes from the same draws, the first order of multi-histogram
reweighting. Values and slopes together need few temperatures, and unlike reweighting they do not need energy
histograms that overlap, which those of large lattices on a coarse grid do not.

The degree is the one with the least chi2 + parameters ln(data): Schwarz 1978, Ann. Stat. 6, 461.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from runs.experiments.xy_resampled import Resampled

DEGREES = range(2, 7)
FEWEST_TEMPERATURES = 3
FEWEST_FREEDOM = 2
"""Data beyond parameters: with fewer the criterion takes the degree that passes through the noise."""
DOUBTFUL = 2.5
"""A chi2 this many of its standard deviations above its mean belongs to a polynomial that does not fit."""
NEWTON_STEPS = 40


class Curve(NamedTuple):
    """A fitted polynomial in x = temperature - centre."""

    centre: float
    low: float
    high: float
    """Temperatures between which it holds."""
    coefficients: Resampled
    """(degree + 1,), constant first."""
    chi2: float
    degrees_of_freedom: int

    def at(self, temperature: np.ndarray) -> np.ndarray:
        """Values of the fit to all data, shape of `temperature`."""
        return evaluate(self.coefficients.full, np.asarray(temperature, np.float64) - self.centre)

    def error_at(self, temperature: float) -> float:
        """One standard error of the fit at one temperature."""
        return float(self.coefficients.apply(lambda c: evaluate(c, temperature - self.centre)).error())


def fit_curve(temperature: np.ndarray, data: Resampled, low: float, high: float) -> Curve | None:
    """Curve through `data` (temperatures, 2), values and slopes, at the temperatures from `low` to `high`.

    While no polynomial describes them, the temperature farthest from the middle is left out: large systems change
    within a narrower range. Where fewer than three lie there, the three nearest are taken; None when there are not
    as many.
    """
    if len(temperature) < FEWEST_TEMPERATURES:
        return None
    centre = 0.5 * (low + high)
    nearest = np.argsort(abs(temperature - centre), kind="stable")
    inside = int(((temperature >= low) & (temperature <= high)).sum())
    for count in range(max(inside, FEWEST_TEMPERATURES), FEWEST_TEMPERATURES - 1, -1):
        chosen = np.sort(nearest[:count])
        curve = _fit(temperature[chosen], data.apply(partial(_take, chosen)), centre)
        if curve.chi2 < curve.degrees_of_freedom + DOUBTFUL * np.sqrt(2.0 * curve.degrees_of_freedom):
            break
    return curve


def _fit(temperature: np.ndarray, data: Resampled, centre: float) -> Curve:
    """The polynomial of the best degree through values and slopes, `data` (2 temperatures,)."""
    # A lattice so cold that nothing varies has no error; the fit then only has to pass through it.
    error = np.maximum(data.error(), 1e-12 * (1.0 + abs(data.full)))
    best, least = None, np.inf
    for degree in DEGREES:
        freedom = data.full.size - degree - 1
        if freedom < FEWEST_FREEDOM:
            break
        design = _design(temperature - centre, degree) / error[:, None]
        # Columns of x^k differ by orders of magnitude; the pseudo-inverse must not cut the small ones off.
        scale = np.linalg.norm(design, axis=0)
        solve = np.linalg.pinv(design / scale) / scale[:, None]
        coefficients = data.apply(partial(_solve, solve / error))
        chi2 = float(((data.full / error - design @ coefficients.full) ** 2).sum())
        criterion = chi2 + (degree + 1) * np.log(data.full.size)
        if criterion < least:
            least = criterion
            ends = float(temperature.min()), float(temperature.max())
            best = Curve(centre, *ends, coefficients, chi2, freedom)
    assert best is not None
    return best


def _take(chosen: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return rows[:, chosen].reshape(len(rows), -1)


def evaluate(coefficients: np.ndarray, x: np.ndarray | float) -> np.ndarray:
    """Polynomials (..., degree + 1) at x, which broadcasts against the leading axes."""
    value = np.zeros(np.broadcast_shapes(coefficients.shape[:-1], np.shape(x)))
    for column in np.moveaxis(coefficients, -1, 0)[::-1]:
        value = value * x + column
    return value


def derivative(coefficients: np.ndarray) -> np.ndarray:
    """Coefficients of the derivative, (..., degree)."""
    return coefficients[..., 1:] * np.arange(1, coefficients.shape[-1])


def first_root(coefficients: np.ndarray, low: float, high: float) -> float:
    """Smallest x between `low` and `high` where one polynomial (degree + 1,) changes sign; NaN when nowhere."""
    grid = np.linspace(low, high, 401)
    value = evaluate(coefficients, grid)
    change = np.flatnonzero(value[:-1] * value[1:] <= 0)
    if not change.size:
        return float("nan")
    from scipy.optimize import brentq

    left, right = grid[change[0]], grid[change[0] + 1]
    return float(brentq(lambda x: float(evaluate(coefficients, x)), left, right, xtol=1e-13))


def follow_root(coefficients: np.ndarray, start: float) -> np.ndarray:
    """Root near `start` of each polynomial (rows, degree + 1), (rows,), by Newton's method."""
    slope = derivative(coefficients)
    x = np.full(len(coefficients), start)
    for _ in range(NEWTON_STEPS):
        step = evaluate(coefficients, x) / evaluate(slope, x)
        x = x - step
        if not np.abs(step).max() > 1e-12:
            break
    return x


def _solve(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return rows @ matrix.T


def _design(x: np.ndarray, degree: int) -> np.ndarray:
    """Rows value, slope of each temperature, columns powers: (2 temperatures, degree + 1)."""
    values = np.vander(x, degree + 1, increasing=True)
    slopes = np.zeros_like(values)
    slopes[:, 1:] = values[:, :-1] * np.arange(1, degree + 1)
    return np.stack([values, slopes], axis=1).reshape(-1, degree + 1)
