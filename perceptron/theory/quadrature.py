"""Averages over a normal variable, int Dz f(z), and the functions G, H and their ratio in forms that never overflow.

A rule is made of Gauss-Legendre panels. Panels shrink geometrically towards points where the integrand turns
sharply (`around`, down to the width `finest`), and a point of `around` is always an edge, so that a jump or a kink
there costs nothing. Accuracy is judged by solving again on the refined rule (more nodes and narrower panels).

    from perceptron.theory.quadrature import line, half_line, log_h, gh
    rule = line(around=[0.0], finest=0.1)
    mean = rule.average(log_h(-rule.z))

G(z) = exp(-z^2 / 2) / sqrt(2 pi) and H(x) = int_x^inf Dz = erfc(x / sqrt 2) / 2.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, expit, log_ndtr

from mcmc.errors import ArgumentError

REACH = 10.0
"""Where rules end unless told otherwise: 1.5e-23 of the normal weight lies outside."""

WIDEST = 1.0
"""Widest panel of the unrefined rule, in standard deviations."""

_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_LOG_SQRT_2_PI = 0.5 * math.log(2.0 * math.pi)


class Rule(NamedTuple):
    """Nodes and weights, float64 of one shape (nodes,); the weights contain the normal density."""

    z: np.ndarray
    weight: np.ndarray

    def average(self, values: np.ndarray) -> float:
        """Sum of weight x values over the last axis; a float for values of shape (nodes,)."""
        return np.asarray(values) @ self.weight


def line(around: Sequence[float] = (), finest: float = WIDEST, reach: float = REACH, level: int = 0) -> Rule:
    """Rule for int Dz over -reach < z < reach.

    `around`: points where the integrand turns within a distance `finest`. `level` 1, 2, ... refines.
    """
    return _rule(_edges(-reach, reach, around, finest, level), level)


def half_line(around: Sequence[float] = (), finest: float = WIDEST, reach: float = REACH, level: int = 0) -> Rule:
    """Rule for int Dz over 0 < z < reach: weights sum to 1 / 2. No node lies at 0, so a jump there is harmless."""
    return _rule(_edges(0.0, reach, around, finest, level), level)


def interval(low: float, high: float, level: int = 0) -> Rule:
    """Rule for int Dz over low < z < high, any finite ends (parts outside +-REACH are kept)."""
    if not low <= high:
        raise ArgumentError(f"interval: got ({low}, {high}); low <= high is needed")
    return _rule(_edges(low, high, (), WIDEST, level), level)


def _edges(low: float, high: float, around: Sequence[float], finest: float, level: int) -> np.ndarray:
    widest = WIDEST / (1.0 + 0.5 * level)
    finest = max(min(finest, widest) / (1.0 + 0.5 * level), 1e-13)
    marks = sorted({low, high, *(float(point) for point in around if low < point < high)})
    steep = {float(point) for point in around}
    edges = [low]
    for left, right in pairwise(marks):
        edges.extend(_graded(left, right, left in steep, right in steep, finest, widest))
    return np.array(edges)


def _graded(left: float, right: float, from_left: bool, from_right: bool, finest: float, widest: float) -> list[float]:
    """Edges in (left, right]: panel widths double away from a steep end, and never exceed `widest`."""
    if from_left and from_right:
        middle = 0.5 * (left + right)
        return [
            *_graded(left, middle, True, False, finest, widest),
            *_graded(middle, right, False, True, finest, widest),
        ]
    length = right - left
    if not (from_left or from_right):
        count = max(1, math.ceil(length / widest))
        return [left + length * k / count for k in range(1, count)] + [right]
    offsets, step = [], finest
    position = step
    while position < length and step < widest:
        offsets.append(position)
        step *= 2.0
        position += step
    start = offsets[-1] if offsets else 0.0
    count = max(1, math.ceil((length - start) / widest))
    offsets.extend(start + (length - start) * k / count for k in range(1, count))
    if from_left:
        return [left + offset for offset in offsets] + [right]
    return [right - offset for offset in reversed(offsets)] + [right]


@lru_cache(maxsize=8)
def _legendre(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(nodes)


def _rule(edges: np.ndarray, level: int) -> Rule:
    node, node_weight = _legendre(16 + 4 * level)
    half = 0.5 * np.diff(edges)
    z = ((edges[:-1] + half)[:, None] + half[:, None] * node).ravel()
    weight = (half[:, None] * node_weight).ravel() * np.exp(-0.5 * z * z - _LOG_SQRT_2_PI)
    return Rule(z, weight)


def log_2cosh(x: np.ndarray) -> np.ndarray:
    """ln(2 cosh x) without overflow."""
    size = np.abs(x)
    return size + np.log1p(np.exp(-2.0 * size))


def log_g(x: np.ndarray) -> np.ndarray:
    """ln G(x), G the normal density."""
    return -0.5 * np.square(x) - _LOG_SQRT_2_PI


def log_h(x: np.ndarray, beta: float = math.inf) -> np.ndarray:
    """ln[e + (1 - e) H(x)], e = exp(-beta): ln H(x) at beta = inf, 0 at beta = 0."""
    if beta == math.inf:
        return log_ndtr(np.negative(x))
    return np.logaddexp(-beta, _log_less(beta) + log_ndtr(np.negative(x)))


def gh(x: np.ndarray, beta: float = math.inf) -> np.ndarray:
    """-d/dx of log_h: (1 - e) G / [e + (1 - e) H]. With g = gh(x), dg/dx = g (g - x) at every beta."""
    ratio = _SQRT_2_OVER_PI / erfcx(np.asarray(x) / math.sqrt(2.0))
    if beta == math.inf:
        return ratio
    return ratio * expit(beta + _log_less(beta) + log_ndtr(np.negative(x)))


def error_probability(x: np.ndarray, beta: float = math.inf) -> np.ndarray:
    """-d/dbeta of log_h: e H(-x) / [e + (1 - e) H(x)], the chance that a pattern of this field is an error."""
    if beta == math.inf:
        return np.zeros_like(np.asarray(x, dtype=np.float64))
    return np.exp(log_ndtr(x) - beta - log_h(x, beta))


def _log_less(beta: float) -> float:
    """ln(1 - exp(-beta)), -inf at beta = 0."""
    return math.log(-math.expm1(-beta)) if beta > 0.0 else -math.inf
