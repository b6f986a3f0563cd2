"""Dense groups of solutions: y solutions held at one mutual overlap, in the limit y -> infinity.

Ensemble. All groups of y solutions w^1 ... w^y of an instance of alpha N random patterns with mutual overlaps
w^a . w^b = N q1 (a != b), q1 = 1 - 2 d, every group with the same weight: no reference configuration and no
distance from a centre is prescribed. With Omega the number of such groups, averaged over instances,

    phi(d) = lim_(y -> infinity) lim_(N -> infinity) E ln Omega / (y N),

the entropy per weight and solution. Groups overlap with each other by q0 (replica-symmetric between groups), so phi
is the one-step free entropy at Parisi parameter y with q1 prescribed (Baldassi et al., arXiv:1511.05634 and
1605.06444; for fixed mutual distances 1911.06756; 2309.09240 for the whole family). As y -> infinity the gaps
dq = y (q1 - q0) and dQ = y (Q1 - Q0) of overlaps and conjugates stay finite and

    phi = extr - Q1 (1 - q1) / 2 - (dQ q1 + Q1 dq) / 2 + int Dz [-dQ m^2 / 2 + ln 2cosh(h)]
               + alpha int Dz [-dq g^2 / 2 + ln H(x)],        h = sqrt(Q1) z + dQ m,  m = tanh h,
               x = (kappa - sqrt(q1) z - dq g) / s,  g = GH(x) / s,  s = sqrt(1 - q1),

m the root with the sign of z (it jumps at z = 0 when dQ > 1). Stationary in dq, Q1, dQ:
Q1 = alpha int Dz g^2, q1 = int Dz m^2, dq = int Dz z m / sqrt(Q1) - (1 - q1): one unknown, dq, remains.

The maximum over d is the replica-symmetric entropy, at the distance of two typical solutions, where dq = dQ = 0; beyond
it dq < 0. As alpha -> 0, and (up to terms exponentially small) as d -> 0, phi is the binary entropy of
(1 - sqrt q1) / 2: every configuration around a centre that is itself far from all walls.
"""

import math
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.theory.annealed import binary_entropy
from perceptron.theory.estimate import ROUNDING, Estimate, NoSolution, require_finite
from perceptron.theory.quadrature import Rule, gh, half_line, line, log_2cosh, log_g, log_h
from perceptron.theory.roots import root_from_guess

LARGEST_LOG_GAP = 36.0
"""ln dq above which phi equals its limit dq -> infinity to rounding: the difference is of the order 1 / dq."""

SMALLEST_LOG_GAP = -12.0
"""ln(dq + 1 - q1) below which no solution is looked for: at dq = q1 - 1 the root x(z) stops being unique."""

WORST = 1e-6
"""Error of the entropy, relative to max(1, |phi|), beyond which a number is refused."""

_NARROWEST = 1e-8
_STEPS = 200


class LargeDeviations(NamedTuple):
    """Groups of y solutions at mutual overlap q1. `Estimate`s unless said otherwise."""

    entropy: Estimate
    """phi per weight and solution, nats. Negative: typical instances have no such group."""
    slope: Estimate
    """d phi / d distance."""
    distance: float
    overlap: float
    """q1 = 1 - 2 distance, between solutions of a group."""
    y: float
    """Solutions in a group, inf in the limit."""
    overlap_between: Estimate
    """q0, between solutions of different groups (q1 in the limit y -> infinity)."""
    overlap_gap: Estimate
    """dq = y (q1 - q0); inf where patterns do not constrain the group."""
    conjugate: Estimate
    """Q1, conjugate of q1."""
    conjugate_gap: Estimate
    """dQ = y (Q1 - Q0)."""
    residual: float
    """Relative mismatch that is left in the equation of dq (plain float)."""

    @property
    def conjugates(self) -> tuple[Estimate, Estimate]:
        """(Q1, dQ)."""
        return self.conjugate, self.conjugate_gap


class Saddle(NamedTuple):
    """A stationary point on one rule, plain floats."""

    entropy: float
    slope: float
    overlap_gap: float
    conjugate: float
    conjugate_gap: float
    residual: float


def large_deviations(alpha: float, distance: float, kappa: float = 0.0) -> LargeDeviations:
    """Entropy of groups of y -> infinity solutions at mutual Hamming distance `distance` (per weight, 0 < d < 1/2).

    `alpha` = P / N >= 0, `kappa` the margin (stability >= kappa sqrt N). Each number carries its error, from a second
    solution on a refined rule. ArgumentError for other values; NoSolution where the equations have none.
    """
    alpha, distance, kappa = require_point(alpha, distance, kappa)
    coarse = stationary_point(alpha, distance, kappa)
    guess = math.log(coarse.overlap_gap + 2.0 * distance) if math.isfinite(coarse.overlap_gap) else LARGEST_LOG_GAP
    fine = stationary_point(alpha, distance, kappa, level=1, guess=guess, step=1e-6)
    result = report(coarse, fine, distance, math.inf)
    if result.entropy.error > WORST * max(1.0, abs(result.entropy)):
        raise no_solution(alpha, distance, kappa)
    return result


def no_solution(alpha: float, distance: float, kappa: float, y: float = math.inf) -> NoSolution:
    """The fault to raise where the equations cannot be solved."""
    mend = "take a smaller alpha or kappa, or a distance nearer that of typical solutions"
    if math.isfinite(y) and y != round(y):
        mend += " (beyond it y has to be an integer)"
    return NoSolution(
        f"large_deviations: no stationary point found at alpha = {alpha:g}, distance = {distance:g}, "
        f"kappa = {kappa:g}, y = {y:g}; {mend}"
    )


def require_point(alpha: float, distance: float, kappa: float) -> tuple[float, float, float]:
    """The three as floats, or ArgumentError."""
    alpha = require_finite("alpha", alpha, least=0.0)
    distance = require_finite("distance", distance)
    if not 0.0 < distance < 0.5:
        raise ArgumentError(
            f"distance: got {distance:g}; a mutual distance per weight with 0 < distance < 0.5 is needed"
        )
    return alpha, distance, require_finite("kappa", kappa)


def report(coarse: Saddle, fine: Saddle, distance: float, y: float) -> LargeDeviations:
    """The solution on the finer rule; errors are differences from the coarser one, plus what the residual leaves."""

    def estimate(name: str, order: int) -> Estimate:
        value, before = getattr(fine, name), getattr(coarse, name)
        if math.isinf(value):
            return Estimate(value)
        left = abs(fine.residual) ** order * max(1.0, abs(value))
        return Estimate(value, abs(value - before) + left + ROUNDING * max(1.0, abs(value)))

    overlap = 1.0 - 2.0 * distance
    gap = estimate("overlap_gap", 1)
    return LargeDeviations(
        entropy=estimate("entropy", 2),
        slope=estimate("slope", 1),
        distance=distance,
        overlap=overlap,
        y=y,
        overlap_between=Estimate(overlap - gap / y, gap.error / y) if math.isfinite(y) else Estimate(overlap),
        overlap_gap=gap,
        conjugate=estimate("conjugate", 1),
        conjugate_gap=estimate("conjugate_gap", 1),
        residual=fine.residual,
    )


def pattern_field(field: np.ndarray, pull: float) -> np.ndarray:
    """Root x of x + pull GH(x) = field, elementwise, for pull > -1 (unique).

    With u = ln(field - x) the equation is convex and Newton's method from the right cannot overshoot.
    """
    if pull <= 0.0:
        return _newton(field, lambda x, g: (x + pull * g - field) / (1.0 + pull * g * (g - x)))
    bound = np.log(np.maximum(1.0, np.abs(field) + math.sqrt(2.0 * math.log(max(pull, 1.0)))))
    log_pull = math.log(pull)
    u = np.minimum(log_pull + log_g(field) - log_h(field), bound)
    for _ in range(_STEPS):
        drop = np.exp(u)
        x = field - drop
        log_gh = log_g(x) - log_h(x)
        step = (u - log_pull - log_gh) / (1.0 + (np.exp(log_gh) - x) * drop)
        u = u - step
        if np.max(np.abs(step)) < 1e-14:
            break
    return field - np.exp(u)


def _newton(x: np.ndarray, step) -> np.ndarray:
    for _ in range(_STEPS):
        change = step(x, gh(x))
        x = x - change
        if np.max(np.abs(change) / (1.0 + np.abs(x))) < 1e-15:
            break
    return x


def site_field(field: np.ndarray, pull: float) -> np.ndarray:
    """Root h of h - pull tanh(h) = field for field >= 0, elementwise: the positive one, greatest of at most three.

    Newton's method from the side where the function is convex (pull > 0) or concave cannot overshoot.
    """
    h = field + pull if pull > 0.0 else field / (1.0 - pull)
    for _ in range(_STEPS):
        m = np.tanh(h)
        change = (h - pull * m - field) / (1.0 - pull * (1.0 - m * m))
        h = h - change
        if np.max(np.abs(change)) <= 1e-15 * (1.0 + h[-1]):
            break
    return h


def pattern_rule(q0: float, overlap: float, kappa: float, gap: float, level: int) -> Rule:
    """Rule over z with panels that resolve the turns of x(z): at field 0 and where the pull sets in."""
    spread, shared = math.sqrt(1.0 - overlap), math.sqrt(q0)
    onset = math.sqrt(2.0 * math.log1p(max(gap, 0.0) / (1.0 - overlap)))
    return line([kappa / shared, (kappa + spread * onset) / shared], finest=spread / shared, level=level)


def site_rule(conjugate: float, pull: float, level: int) -> Rule:
    """Rule over z > 0 with panels that resolve m(z) near z = 0, where it turns like a cube root at pull = 1."""
    shared = math.sqrt(conjugate)
    turn = min(max(1.0, abs(1.0 - pull)), abs(1.0 - pull) ** 1.5) if pull > 0.0 else 1.0 - pull
    return half_line([0.0], finest=min(1.0, max(turn / shared, 1e-7)), level=level)


def stationary_point(
    alpha: float, distance: float, kappa: float, level: int = 0, guess: float = 0.0, step: float = 0.5
) -> Saddle:
    """The solution on the rules of `level`, or NoSolution.

    The unknown is t = ln(dq + 1 - q1), looked for from `guess` by growing steps; its equation falls from + to - in t.
    """
    q1 = 1.0 - 2.0 * distance
    if alpha == 0.0:
        return _unconstrained(q1)

    def mismatch(t: float) -> float:
        conjugate, pull = _conjugates(alpha, q1, kappa, math.exp(t) - (1.0 - q1), level)
        return math.log(_response(conjugate, pull, level)) - t

    t = root_from_guess(mismatch, guess, step, low=SMALLEST_LOG_GAP, high=LARGEST_LOG_GAP)
    if t is None:
        if mismatch(LARGEST_LOG_GAP) > 0.0:
            return _unconstrained(q1)
        raise no_solution(alpha, distance, kappa)
    gap = math.exp(t) - (1.0 - q1)
    conjugate, pull = _conjugates(alpha, q1, kappa, gap, level)
    residual = math.log(_response(conjugate, pull, level)) - t
    entropy = _entropy(alpha, q1, kappa, (gap, conjugate, pull), level)
    return Saddle(entropy, _slope(alpha, q1, kappa, (gap, conjugate, pull), level), gap, conjugate, pull, residual)


def _unconstrained(q1: float) -> Saddle:
    """alpha -> 0 or dq -> infinity: phi is the binary entropy of (1 - sqrt q1) / 2."""
    pull = math.atanh(math.sqrt(q1)) / math.sqrt(q1)
    return Saddle(float(binary_entropy(0.5 * (1.0 - math.sqrt(q1)))), pull, math.inf, 0.0, pull, 0.0)


def _pattern_side(q1: float, kappa: float, gap: float, level: int) -> tuple[Rule, np.ndarray]:
    spread = math.sqrt(1.0 - q1)
    rule = pattern_rule(q1, q1, kappa, gap, level)
    return rule, pattern_field((kappa - math.sqrt(q1) * rule.z) / spread, gap / (1.0 - q1))


def _site_side(conjugate: float, pull: float, level: int) -> tuple[Rule, np.ndarray]:
    rule = site_rule(conjugate, pull, level)
    return rule, site_field(math.sqrt(conjugate) * rule.z, pull)


def _conjugates(alpha: float, q1: float, kappa: float, gap: float, level: int) -> tuple[float, float]:
    """(Q1, dQ) that go with dq: int Dz m^2 rises in dQ, and at the bound below m^2 >= q1 for every z."""
    rule, x = _pattern_side(q1, kappa, gap, level)
    conjugate = alpha * rule.average(np.square(gh(x))) / (1.0 - q1)

    def missing(pull: float) -> float:
        half, h = _site_side(conjugate, pull, level)
        return q1 - 2.0 * half.average(np.square(np.tanh(h)))

    bound = math.atanh(math.sqrt(q1)) / math.sqrt(q1)
    pull = root_from_guess(missing, bound, 0.1 * bound, high=bound)
    return conjugate, bound if pull is None else pull


def _response(conjugate: float, pull: float, level: int) -> float:
    """int Dz z m / sqrt(Q1), which is dq + 1 - q1 at the stationary point."""
    half, h = _site_side(conjugate, pull, level)
    return 2.0 * half.average(half.z * np.tanh(h)) / math.sqrt(conjugate)


def _entropy(alpha: float, q1: float, kappa: float, saddle: tuple[float, float, float], level: int) -> float:
    gap, conjugate, pull = saddle
    half, h = _site_side(conjugate, pull, level)
    rule, x = _pattern_side(q1, kappa, gap, level)
    sites = 2.0 * half.average(log_2cosh(h) - 0.5 * pull * np.square(np.tanh(h)))
    patterns = rule.average(log_h(x) - 0.5 * gap / (1.0 - q1) * np.square(gh(x)))
    return -0.5 * (conjugate * (1.0 - q1 + gap) + pull * q1) + sites + alpha * patterns


def _slope(alpha: float, q1: float, kappa: float, saddle: tuple[float, float, float], level: int) -> float:
    """d phi / d distance = -2 (d phi / d q1) at fixed dq, Q1, dQ."""
    gap, conjugate, pull = saddle
    rule, x = _pattern_side(q1, kappa, gap, level)
    tilt = rule.z / math.sqrt(q1 * (1.0 - q1)) - x / (1.0 - q1)
    return pull - conjugate - alpha * rule.average(gh(x) * tilt)
