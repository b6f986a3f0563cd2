"""Groups of a finite number y of solutions held at one mutual overlap.

Ensemble: that of `large_deviations`, before the limit: Omega counts groups of y solutions w^1 ... w^y with
w^a . w^b = N q1 for every pair, and phi_y = E ln Omega / (y N). Replica-symmetric between groups (overlap q0):

    phi_y = extr - Q1 (1 - q1) / 2 + y (Q0 q0 - Q1 q1) / 2
                 + (1/y) int Dz0 ln int Dz1 [2cosh(sqrt(Q0) z0 + sqrt(Q1 - Q0) z1)]^y
         + (alpha/y) int Dz0 ln int Dz1 H((kappa - sqrt(q0) z0 - sqrt(q1 - q0) z1) / sqrt(1 - q1))^y

over q0, Q0, Q1: the one-step free entropy at Parisi parameter y with q1 prescribed (arXiv:1511.05634; fixed mutual
distances: 1911.06756). With < > the average in a group at given z0, m = tanh, g = GH / sqrt(1 - q1):
q0 = int Dz0 <m>^2, q1 = int Dz0 <m^2>, Q0 = alpha int Dz0 <g>^2;
d phi / d q1 = (y - 1) (alpha int Dz0 <g^2> - Q1) / 2.

At y = 1 it is the replica-symmetric entropy at every distance; at the distance of two typical solutions q0 = q1 and
it is that entropy at every y. Beyond that distance q1 < q0: the integral over z1 then runs along the imaginary axis
through the same stationary field (negatively correlated normal variables), and y has to be an integer.
As y -> infinity it tends to `large_deviations`, with corrections of order 1 / y.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.theory.estimate import require_finite
from perceptron.theory.large_deviations import (
    SMALLEST_LOG_GAP,
    WORST,
    LargeDeviations,
    Saddle,
    large_deviations,
    no_solution,
    pattern_field,
    pattern_rule,
    report,
    require_point,
    site_field,
)
from perceptron.theory.quadrature import Rule, half_line, log_2cosh, log_g, log_h
from perceptron.theory.roots import root_from_guess
from perceptron.theory.trapezoid import REACH, symmetric_grid

LARGEST_Y = 1e4
"""Greatest finite y: beyond it the rules over z1 grow too long, and y = inf is as good as 1 / y."""

_SPACING = 0.7
_LEAST = 1e-24
_LOG_SQRT_2_PI = 0.5 * math.log(2.0 * math.pi)


def large_deviations_finite_y(alpha: float, distance: float, y: float, kappa: float = 0.0) -> LargeDeviations:
    """Entropy per weight and solution of groups of `y` solutions at mutual Hamming distance `distance` per weight.

    1 <= y <= 1e4, integer or not, or inf (then `large_deviations`). ArgumentError for other values; NoSolution where
    the equations have none, or none with q1 > q0 for a y that is not an integer.
    """
    y = require_finite("y", y, least=1.0, infinite=True)
    if math.isinf(y):
        return large_deviations(alpha, distance, kappa)
    if y > LARGEST_Y:
        raise ArgumentError(f"y: got {y:g}; at most {LARGEST_Y:g} is needed, or y = inf for the limit")
    group = _Group(*require_point(alpha, distance, kappa), y)
    coarse = group.solve(level=0, guess=math.log(1.0 - 0.5 * group.q1), step=0.5)
    fine = group.solve(level=1, guess=math.log(coarse.overlap_gap + 1.0 - group.q1), step=1e-6)
    result = report(coarse, fine, group.distance, y)
    if not result.entropy.error <= WORST * max(1.0, abs(result.entropy)):
        raise no_solution(group.alpha, group.distance, group.kappa, y)
    return result


class _Side(NamedTuple):
    """Rule over z0 and, at its nodes, the logarithm of the integral over z1 and the averages in a group."""

    rule: Rule
    log_integral: np.ndarray
    mean: np.ndarray
    mean_square: np.ndarray


class _Group:
    """The equations at one (alpha, distance, kappa, y). Unknown: t = ln(dq + 1 - q1), dq = y (q1 - q0)."""

    def __init__(self, alpha: float, distance: float, kappa: float, y: float):
        self.alpha, self.distance, self.kappa, self.y = alpha, distance, kappa, y
        self.q1 = 1.0 - 2.0 * distance
        self.least = SMALLEST_LOG_GAP if y == round(y) else math.log(1.0 - self.q1)
        self.pull = math.atanh(math.sqrt(self.q1)) / math.sqrt(self.q1)

    def solve(self, level: int, guess: float, step: float) -> Saddle:
        """The stationary point on the rules of `level`; NoSolution if there is none."""
        largest = math.log(self.y * self.q1 + 1.0 - self.q1)

        def mismatch(t: float) -> float:
            return self._mismatch(t, level)

        if self.alpha == 0.0:
            t: float | None = largest
        else:
            t = root_from_guess(mismatch, min(guess, largest), step, low=self.least, high=largest)
        if t is None:
            raise no_solution(self.alpha, self.distance, self.kappa, self.y)
        return self._saddle(t, level)

    def _mismatch(self, t: float, level: int) -> float:
        patterns = self._patterns(math.exp(t) - 1.0 + self.q1, level)
        between = self.alpha * patterns.rule.average(np.square(patterns.mean))
        self.pull = self._site_pull(between, level)
        return math.log(self._response(self._sites(between, self.pull, level))) - t

    def _response(self, sites: _Side) -> float:
        """y int Dz0 (<m^2> - <m>^2) + 1 - q1, which is dq + 1 - q1 at the stationary point."""
        return 2.0 * self.y * sites.rule.average(sites.mean_square - np.square(sites.mean)) + 1.0 - self.q1

    def _saddle(self, t: float, level: int) -> Saddle:
        y, q1, gap = self.y, self.q1, math.exp(t) - 1.0 + self.q1
        patterns = self._patterns(gap, level)
        between = self.alpha * patterns.rule.average(np.square(patterns.mean))
        pull = self._site_pull(between, level)
        sites = self._sites(between, pull, level)
        conjugate = between + pull / y
        quadratic = -conjugate * (1.0 - q1 + gap) - pull * q1 + pull * gap / y
        logs = 2.0 * sites.rule.average(sites.log_integral) + self.alpha * patterns.rule.average(patterns.log_integral)
        slope = (y - 1.0) * (conjugate - self.alpha * patterns.rule.average(patterns.mean_square))
        return Saddle(0.5 * quadratic + logs / y, slope, gap, conjugate, pull, math.log(self._response(sites)) - t)

    def _site_pull(self, between: float, level: int) -> float:
        """y (Q1 - Q0) at which the sites have overlap q1; int Dz0 <m^2> rises with it."""

        def missing(pull: float) -> float:
            sites = self._sites(between, pull, level)
            return self.q1 - 2.0 * sites.rule.average(sites.mean_square)

        pull = root_from_guess(missing, self.pull, 0.1 * max(0.1, abs(self.pull)))
        if pull is None:
            raise no_solution(self.alpha, self.distance, self.kappa, self.y)
        return pull

    def _sites(self, between: float, pull: float, level: int) -> _Side:
        """Sites at Q0 = `between` and y (Q1 - Q0) = `pull`, over z0 > 0: averages of m."""
        y, shared, width = self.y, math.sqrt(between), math.sqrt(max(abs(pull) / self.y, _LEAST))
        outer = half_line([0.0], finest=min(1.0, max(1.0 / (max(shared, 1e-12) * y), 1e-7)), level=level)
        field = (shared * outer.z)[:, None]
        narrowing = math.sqrt(1.0 + max(0.0, -pull))
        step = min(_SPACING / narrowing, 0.3 / width) / (1.0 + 0.25 * level)
        if pull >= 0.0:
            z = symmetric_grid(REACH + math.sqrt(y * pull), step)
            h = field + width * z
            return _side(outer, y * log_2cosh(h) - 0.5 * z * z, step, np.tanh(h))
        z = symmetric_grid(REACH, step)
        saddle = site_field(field[:, 0], pull)[:, None]
        turned = saddle + 1j * width * z
        log_cosh = turned + np.log1p(np.exp(-2.0 * turned))
        tilt = (z - 1j * (saddle - field) / width) ** 2
        return _side(outer, y * log_cosh - 0.5 * tilt, step, np.tanh(turned))

    def _patterns(self, gap: float, level: int) -> _Side:
        """Patterns at y (q1 - q0) = `gap`: averages of g."""
        y, spread = self.y, math.sqrt(1.0 - self.q1)
        between = max(self.q1 - gap / y, _LEAST)
        pull, width = gap / (1.0 - self.q1), math.sqrt(max(abs(gap) / y, _LEAST)) / spread
        outer = pattern_rule(between, self.q1, self.kappa, gap, level)
        field = (self.kappa - math.sqrt(between) * outer.z) / spread
        saddle = pattern_field(field, pull)[:, None]
        offset = (saddle - field[:, None]) / width
        x: np.ndarray
        tilt: np.ndarray
        if pull >= 0.0:
            step = min(_SPACING / math.sqrt(1.0 + pull), 0.5 / width) / (1.0 + 0.25 * level)
            z = symmetric_grid(REACH, step)
            x, tilt = saddle + width * z, (offset + z) ** 2
        else:
            step = min(_SPACING, 0.5 / width) / (1.0 + 0.25 * level)
            z = symmetric_grid(REACH / math.sqrt(1.0 + pull), step)
            x, tilt = saddle + 1j * width * z, (z - 1j * offset) ** 2
        log_h_x = log_h(x)
        return _side(outer, y * log_h_x - 0.5 * tilt, step, np.exp(log_g(x) - log_h_x) / spread)


def _side(rule: Rule, log_weight: Any, step: float, observable: Any) -> _Side:
    """Sums over z1 in each row; imaginary parts cancel by symmetry. Rows without a positive total are NaN."""
    top = log_weight.real.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - top)
    total = weight.sum(axis=1).real
    with np.errstate(invalid="ignore", divide="ignore"):
        log_integral = top[:, 0] + np.log(total) + math.log(step) - _LOG_SQRT_2_PI
    weight *= observable
    mean = weight.sum(axis=1).real / total
    weight *= observable
    return _Side(rule, log_integral, mean, weight.sum(axis=1).real / total)
