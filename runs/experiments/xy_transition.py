"""Kosterlitz-Thouless temperature from the helicity modulus Y of several sizes.

At T_BKT, Y jumps from 2 T / pi to 0 (Nelson & Kosterlitz 1977, PRL 39, 1201); here f = pi Y / (2 T) is followed. For
each size f(T) is a polynomial through measured values and slopes (`xy_curves`), and T*(L) is where f = 1. Three
extrapolations of the same data rest on the same flow equations, with different parts left out:

- the estimate: f(T_BKT, L) = 1 + 1 / (l + ln(l / 2)), l = 2 ln L + C, fitted in T_BKT and C at all sizes jointly; the
  inner logarithm is the flow's next order (Pelissetto & Vicari 2013, PRE 87, 032105; Hsieh, Kao & Sandvik 2013,
  arXiv:1302.2900);
- f(T_BKT, L) = 1 + 1 / l, the leading order, likewise (Weber & Minnhagen 1988, PRB 37, 5986);
- T*(L) = T_BKT + a / (ln L + C / 2)^2, with the C of the leading order: above T_BKT, f - 1 = (k / 2) cot(k l / 2) with
  k^2 ~ T - T_BKT, which is zero at k l = pi.

The error is statistical (jackknife through all of it) and systematic, added in squares; the systematic part is the
largest change of the estimate among the other two forms and the smallest size left out.
"""

import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mcmc.errors import ConvergenceWarning
from mcmc.statistics.jackknife import Estimate
from runs.experiments.xy_curves import Curve, derivative, evaluate, first_root, fit_curve, follow_root
from runs.experiments.xy_resampled import Resampled, joined

WINDOW = 0.85, 1.08
"""Temperatures of a curve, in units of the crossing: T_BKT and the crossing lie well inside for every size from 4."""

FEWEST_SIZES = 2
REACH = 0.25
"""How far beyond its temperatures a curve is followed, in units of their range: it has a measured slope at its ends."""
LARGEST_CONSTANT = 100.0
"""Larger C leave no dependence on the size to fit."""
FOLLOWING_STEPS = 200
TERRIBLE = 1e-6
"""A fit whose chi2 would be exceeded with less than this probability says that the error bars mean nothing."""


class Form(NamedTuple):
    """f(T_BKT, L) of a finite-size form, as a function of log L and C, and its derivative in C."""

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    shortest: float
    """Least 2 ln L + C, above its pole."""


def _leading(log_size, c):
    return 1.0 + 1.0 / (2.0 * log_size + c)


def _leading_slope(log_size, c):
    return -1.0 / (2.0 * log_size + c) ** 2


def _next_order(log_size, c):
    length = 2.0 * log_size + c
    return 1.0 + 1.0 / (length + np.log(0.5 * length))


def _next_order_slope(log_size, c):
    length = 2.0 * log_size + c
    return -(1.0 + 1.0 / length) / (length + np.log(0.5 * length)) ** 2


LEADING = Form(_leading, _leading_slope, 0.2)
NEXT_ORDER = Form(_next_order, _next_order_slope, 1.0)


class JointFit(NamedTuple):
    """T_BKT and C from all sizes together."""

    parameters: Resampled
    """(2,): T_BKT, C."""
    chi2: float
    degrees_of_freedom: int


class Transition(NamedTuple):
    """What the sizes together say."""

    crossing: dict[int, Estimate]
    """T*(L) of each size that has one."""
    estimate: JointFit | None
    """Next-order form; None where fewer than two sizes cross, or where the data do not determine it."""
    leading: JointFit | None
    from_crossings: Estimate | None
    """T_BKT from T*(L) alone."""
    amplitude: float
    """a of T*(L)."""
    without_smallest: float
    """The estimate without the smallest size; NaN below three sizes."""
    statistical: float
    systematic: float

    @property
    def error(self) -> float:
        """Both parts of the error together."""
        return float(np.hypot(self.statistical, self.systematic))


def transition(curves: Mapping[int, tuple[np.ndarray, Resampled]]) -> Transition:
    """T_BKT from f(T) of each size: its temperatures, ascending, and (temperatures, 2) values and slopes of f.

    Warns (ConvergenceWarning) for a size whose f does not cross 1 within its temperatures or crosses it too vaguely,
    where the sizes together do not determine T_BKT, and where the fit cannot be right.
    """
    fitted: dict[int, Curve] = {}
    roots: dict[int, Resampled] = {}
    for size, (temperature, data) in sorted(curves.items()):
        found = crossing(temperature, data)
        if found is None:
            _warn(
                f"size {size}: the helicity modulus does not cross 2 T / pi between T = {temperature[0]:g} and "
                f"{temperature[-1]:g} so clearly that its error is known; this size is left out of T_BKT"
            )
            continue
        fitted[size], roots[size] = found
    estimates = {size: root.estimate() for size, root in roots.items()}
    nothing = Transition(estimates, None, None, None, np.nan, np.nan, np.nan, np.nan)
    if len(fitted) < FEWEST_SIZES:
        return nothing
    estimate, leading = joint_fit(fitted, NEXT_ORDER), joint_fit(fitted, LEADING)
    line = None if leading is None else _line(roots, leading)
    if estimate is None or leading is None or line is None:
        _warn(
            f"T_BKT: no estimate, the data of sizes {', '.join(map(str, sorted(fitted)))} do not determine the "
            "finite-size forms; run longer, or over more sizes and temperatures"
        )
        return nothing
    _judge(estimate)
    value = float(estimate.parameters.full[0])
    others = [float(leading.parameters.full[0]), float(line.full[0])]
    without = np.nan
    if len(fitted) > FEWEST_SIZES:
        larger = joint_fit({size: fitted[size] for size in sorted(fitted)[1:]}, NEXT_ORDER)
        if larger is not None:
            without = float(larger.parameters.full[0])
            others.append(without)
    statistical = float(estimate.parameters.error()[0])
    systematic = max(abs(other - value) for other in others)
    intercept = Estimate(line.full[0], line.error()[0])
    return Transition(estimates, estimate, leading, intercept, float(line.full[1]), without, statistical, systematic)


def _judge(fit: JointFit) -> None:
    """Warn of a fit that cannot be right."""
    from scipy.special import gammaincc

    freedom = fit.degrees_of_freedom
    if freedom > 0 and gammaincc(0.5 * freedom, 0.5 * fit.chi2) < TERRIBLE:
        _warn(
            f"T_BKT: the fit does not describe the data, chi2 = {fit.chi2:.3g} with {freedom} degrees of freedom; do "
            "not trust its error, leave out the smallest sizes or run longer"
        )


def _warn(text: str) -> None:
    warnings.warn(text, ConvergenceWarning, stacklevel=3)


def crossing(temperature: np.ndarray, data: Resampled) -> tuple[Curve, Resampled] | None:
    """The curve of one size near f = 1 and the temperature of that crossing; None when there is none.

    Nor is there one where leaving out a bin loses it, or moves it out of the curve's temperatures.
    """
    above = data.full[:, 0] >= 1.0
    falls = np.flatnonzero(above[:-1] & ~above[1:])
    if not falls.size:
        return None
    k = falls[0]
    high, low = data.full[k : k + 2, 0] - 1.0
    rough = temperature[k] + (temperature[k + 1] - temperature[k]) * high / (high - low)
    curve = fit_curve(temperature, data, WINDOW[0] * rough, WINDOW[1] * rough)
    if curve is None:
        return None
    shifted = curve.coefficients.apply(_minus_one)
    start = first_root(shifted.full, temperature[k] - curve.centre, temperature[k + 1] - curve.centre)
    if np.isnan(start):
        return None
    with np.errstate(all="ignore"):
        root = shifted.apply(lambda rows: curve.centre + follow_root(rows, start))
    if not ((root.rows >= curve.low) & (root.rows <= curve.high)).all():
        return None
    return (curve, root) if root.error() > 0.0 else None


def joint_fit(curves: Mapping[int, Curve], form: Form) -> JointFit | None:
    """T_BKT and C for which the curves of all sizes meet the form at one temperature; None when there are none.

    Least squares, weighted by the error of each curve at T_BKT. Data that with a bin left out lead to the ends of what
    the parameters may be do not determine them.
    """
    from scipy.optimize import least_squares

    sizes = sorted(curves)
    log_size = np.log(np.array(sizes, dtype=np.float64))
    chosen = [curves[size] for size in sizes]
    floor = form.shortest - 2.0 * log_size[0]
    reach = [REACH * (c.high - c.low) for c in chosen]
    low = max(c.low - r for c, r in zip(chosen, reach, strict=True))
    high = min(c.high + r for c, r in zip(chosen, reach, strict=True))
    if low >= high:
        return None

    def values(temperature: float) -> np.ndarray:
        return np.array([float(curve.at(np.asarray(temperature))) for curve in chosen])

    start = np.array([0.5 * (low + high), max(1.0, floor + 1.0)])
    weight = np.ones(len(sizes))
    for _ in range(3):
        found = least_squares(
            lambda p, weight=weight: weight * (values(p[0]) - form.value(log_size, p[1])),
            start,
            bounds=([low, floor], [high, LARGEST_CONSTANT]),
            x_scale=[0.01, 1.0],
        )
        start = found.x
        weight = 1.0 / np.array([curve.error_at(start[0]) for curve in chosen])
        if not np.isfinite(weight).all():
            return None
    ends = np.array([[low, floor], [high, LARGEST_CONSTANT]])
    parameters = _follow(chosen, log_size, form, start, weight, ends)
    margin = 1e-6 * (ends[1] - ends[0])
    if not ((parameters.rows > ends[0] + margin) & (parameters.rows < ends[1] - margin)).all():
        return None
    chi2 = float(((weight * (values(start[0]) - form.value(log_size, start[1]))) ** 2).sum())
    return JointFit(parameters, chi2, len(sizes) - 2)


def _follow(
    curves: list[Curve], log_size: np.ndarray, form: Form, start: np.ndarray, weight: np.ndarray, ends: np.ndarray
) -> Resampled:
    """The solution of every resampled fit between `ends`, from that of all data; NaN where it is not reached.

    Levenberg-Marquardt, each fit with a damping of its own: noisy data hardly hold C, and full steps run away.
    """
    lengths = [curve.coefficients.full.size for curve in curves]
    places = np.cumsum([0, *lengths])
    shifts = [curve.centre for curve in curves]

    def solve(rows: np.ndarray) -> np.ndarray:
        pieces = [rows[:, a:b] for a, b in pairwise(places)]
        slopes = [derivative(piece) for piece in pieces]

        def at(polynomials: list[np.ndarray], place: np.ndarray) -> np.ndarray:
            found = [evaluate(p, place[:, 0] - s) for p, s in zip(polynomials, shifts, strict=True)]
            return np.stack(found, axis=1)

        def residuals(place: np.ndarray) -> np.ndarray:
            return weight * (at(pieces, place) - form.value(log_size, place[:, 1:]))

        place, damping = np.tile(start, (len(rows), 1)), np.full(len(rows), 1e-6)
        moving = np.ones(len(rows), dtype=bool)
        residual = residuals(place)
        for _ in range(FOLLOWING_STEPS):
            jacobian = np.stack([weight * at(slopes, place), -weight * form.slope(log_size, place[:, 1:])], axis=2)
            step = _damped_step(jacobian, residual, damping)
            tried = np.clip(place - step, *ends)
            then = residuals(tried)
            moving &= (np.abs(tried - place) > 1e-10 * (1.0 + np.abs(place))).any(axis=1)
            better = moving & ((then**2).sum(axis=1) <= (residual**2).sum(axis=1))
            place[better], residual[better] = tried[better], then[better]
            damping = np.clip(np.where(better, 0.1, 10.0) * damping, 1e-12, 1e12)
            if not moving.any():
                break
        place[moving] = np.nan
        place[0] = start
        return place

    return joined([curve.coefficients for curve in curves]).apply(solve)


def _damped_step(jacobian: np.ndarray, residual: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """Steps (rows, 2) of Marquardt's scaled damping, from (rows, sizes, 2) and (rows, sizes)."""
    scale = np.maximum(np.sqrt((jacobian**2).sum(axis=1)), 1e-300)
    scaled = jacobian / scale[:, None, :]
    overlap = (scaled[..., 0] * scaled[..., 1]).sum(axis=1)
    first, second = (scaled * residual[..., None]).sum(axis=1).T
    # The two by two matrix [[1 + d, overlap], [overlap, 1 + d]], which the damping d keeps from being singular.
    diagonal = 1.0 + damping
    determinant = diagonal**2 - overlap**2
    step = np.stack([diagonal * first - overlap * second, diagonal * second - overlap * first], axis=1)
    return step / determinant[:, None] / scale


def _line(roots: Mapping[int, Resampled], leading: JointFit) -> Resampled | None:
    """T_BKT and a of T*(L) = T_BKT + a / (ln L + C / 2)^2, (2,), by weighted least squares; None if undetermined.

    The leading order's C belongs to the same bins as the crossings, so it is resampled along with them.
    """
    sizes = sorted(roots)
    log_size = np.log(np.array(sizes, dtype=np.float64))
    crossings = joined([roots[size].apply(lambda rows: rows[:, None]) for size in sizes])
    both = Resampled(
        np.concatenate([crossings.full, leading.parameters.full[1:]]),
        np.concatenate([crossings.left_out, leading.parameters.left_out[:, 1:]], axis=1),
        crossings.run,
    )
    weight = 1.0 / crossings.error() ** 2

    def solve(rows: np.ndarray) -> np.ndarray:
        x = (log_size + 0.5 * rows[:, -1:]) ** -2.0
        y = rows[:, :-1]
        total = weight.sum()
        mean_x, mean_y = (x * weight).sum(axis=1) / total, (y * weight).sum(axis=1) / total
        dx, dy = x - mean_x[:, None], y - mean_y[:, None]
        slope = (weight * dx * dy).sum(axis=1) / (weight * dx**2).sum(axis=1)
        return np.stack([mean_y - slope * mean_x, slope], axis=1)

    with np.errstate(all="ignore"):
        found = both.apply(solve)
    return found if np.isfinite(found.rows).all() else None


def _minus_one(rows: np.ndarray) -> np.ndarray:
    shifted = rows.copy()
    shifted[:, 0] -= 1.0
    return shifted
