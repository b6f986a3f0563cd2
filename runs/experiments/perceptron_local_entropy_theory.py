"""Theory of S(d) for "perceptron-local-entropy": densest groups, typical references, teachers, and the bounds.

Densest groups. For any reference, the solutions at distance d from it have mutual distances d' of at most 2 d (1 - d)
with each other, so that their entropy is at most max phi(d') over d' <= 2 d (1 - d), phi of `theory.large_deviations`
(y -> infinity). phi rises up to the distance of two typical solutions and falls beyond; at alpha = 0 the bound is the
binary entropy of d, and reached.

Teachers. The number of solutions at overlap R = 1 - 2 d with the teacher, replica-symmetric: with the patterns
labelled by the teacher,

    s(R) = extr - q^ (1 - q) / 2 - R^ R + int Dz ln 2cosh(R^ + sqrt(q^) z)
           + 2 alpha int Dz H(-R z / sqrt(q - R^2)) ln H(-sqrt(q / (1 - q)) z)

over q, q^ and R^ (Gyorgyi 1990, Phys. Rev. A 41, 7097, for Ising weights); at R = q it is the entropy of
`theory.teacher_student`, its maximum. The annealed one, ln of the mean number, is an upper bound:
s_bin(d) + alpha ln(1 - arccos(R) / pi).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError

if TYPE_CHECKING:
    from perceptron.patterns import Tie

_LARGEST_FIELD = 60.0
_FARTHEST_LOGIT = 30.0


def densest(alpha: float, distances: Sequence[float], margin: float = 0.0) -> np.ndarray:
    """Bound on S(d) around any reference, (distances,) nats per weight; NaN where theory has no answer."""
    from perceptron import theory

    found = np.full(len(distances), np.nan)
    try:
        farthest = 0.5 * (1.0 - float(theory.replica_symmetric(alpha, kappa=margin).overlap))
    except ArgumentError:
        return found
    for i, d in enumerate(distances):
        mutual = min(2.0 * d * (1.0 - d), farthest)
        try:
            found[i] = float(theory.large_deviations(alpha, mutual, margin).entropy)
        except ArgumentError:
            continue
    return found


def around_typical(alpha: float, distances: Sequence[float], margin: float = 0.0) -> np.ndarray:
    """Franz-Parisi curve, (distances,) nats per weight: S(d) around a typical solution; NaN beyond its ends.

    The curve ends deep in the region without solutions: what lies nearer than its end is left out.
    """
    from perceptron import theory

    found = np.full(len(distances), np.nan)
    order = [int(i) for i in np.argsort(distances)]
    # What is reached is reached from every farther distance too: halve the places in between.
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2 if low else 0
        try:
            theory.franz_parisi(alpha, float(distances[order[middle]]), margin)
            high = middle
        except ArgumentError:
            low = middle + 1
    kept = order[low:]
    if kept:
        found[kept] = [float(one.entropy) for one in theory.franz_parisi_curve(alpha, np.take(distances, kept), margin)]
    return found


def around_teacher(alpha: float, distances: Sequence[float]) -> np.ndarray:
    """S(d) around the teacher of a planted instance, margin 0, (distances,) nats per weight; NaN where not found."""
    return np.array([_teacher_entropy(alpha, 1.0 - 2.0 * d) for d in distances])


def around_teacher_annealed(alpha: float, distances: Sequence[float]) -> np.ndarray:
    """ln of the mean number of solutions at distance d from the teacher, per weight at large n: an upper bound."""
    from perceptron.theory import binary_entropy

    d = np.asarray(distances, dtype=np.float64)
    return binary_entropy(d) + alpha * np.log1p(-np.arccos(1.0 - 2.0 * d) / math.pi)


def mean_solutions_around_teacher(
    n: int, p: int, flips: Any, margin: float = 0.0, tie: "Tie | None" = None
) -> np.ndarray:
    """Mean number of solutions at exactly k flips from the teacher of planted +-1 patterns: exact at every n.

    C(n, k) times the chance that a pattern which is right for the teacher is right there too, to the power p.
    """
    from perceptron import theory

    alone = float(theory.right_probability(n, margin, tie=tie))
    both = np.array([float(theory.pair_right_probability(n, int(k), margin, tie=tie)) for k in flips])
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in flips]
    with np.errstate(divide="ignore"):
        return np.exp(np.array(logs) + p * np.log(both / alone))


def _teacher_entropy(alpha: float, overlap: float) -> float:
    """s(R): the root of q = <m^2> nearest to q = R^2, where weights are independent."""
    from scipy.optimize import brentq

    def mismatch(logit: float) -> float:
        q, rest = _between(logit, overlap)
        conjugate = _conjugate(alpha, overlap, q, rest)
        return _sites(conjugate, overlap)[1] - q

    grid = np.linspace(-_FARTHEST_LOGIT, _FARTHEST_LOGIT, 61)
    before = mismatch(grid[0])
    for low, high in pairwise(grid):
        after = mismatch(high)
        if before > 0 >= after:
            q, rest = _between(brentq(mismatch, low, high, xtol=1e-12), overlap)
            return _entropy(alpha, overlap, q, rest)
        before = after
    return math.nan


def _between(logit: float, overlap: float) -> tuple[float, float]:
    """q and q - R^2 at a place on (R^2, 1)."""
    rest = (1.0 - overlap**2) / (1.0 + math.exp(-logit))
    return overlap**2 + rest, rest


def _fields(overlap: float, q: float, rest: float):
    """Rule, 2 H(teacher) and the argument of H of the student."""
    from perceptron.theory.quadrature import line, log_h

    steep = max(overlap / math.sqrt(rest), math.sqrt(q / (1.0 - q)), 1.0)
    rule = line([0.0], 1.0 / steep)
    label = 2.0 * np.exp(log_h(-overlap * rule.z / math.sqrt(rest)))
    return rule, label, -math.sqrt(q / (1.0 - q)) * rule.z


def _conjugate(alpha: float, overlap: float, q: float, rest: float) -> float:
    from perceptron.theory.quadrature import gh

    rule, label, x = _fields(overlap, q, rest)
    return alpha / (1.0 - q) * rule.average(label * np.square(gh(x)))


def _sites(conjugate: float, overlap: float) -> tuple[float, float, float]:
    """R^ that gives <m> = R, <m^2> there, and int Dz ln 2cosh."""
    from scipy.optimize import brentq

    from perceptron.theory.quadrature import line, log_2cosh

    width = math.sqrt(conjugate)
    finest = 1.0 / max(width, 1.0)

    def magnetisations(field: float):
        rule = line([-field / width] if width > 0 else [], finest)
        return rule, np.tanh(field + width * rule.z)

    def excess(field: float) -> float:
        rule, m = magnetisations(field)
        return rule.average(m) - overlap

    field = brentq(excess, -1.0, _LARGEST_FIELD + 10.0 * width, xtol=1e-13)
    rule, m = magnetisations(field)
    return field, rule.average(m * m), rule.average(log_2cosh(field + width * rule.z))


def _entropy(alpha: float, overlap: float, q: float, rest: float) -> float:
    from perceptron.theory.quadrature import log_h

    conjugate = _conjugate(alpha, overlap, q, rest)
    field, _, log_cosh = _sites(conjugate, overlap)
    rule, label, x = _fields(overlap, q, rest)
    return -0.5 * conjugate * (1.0 - q) - field * overlap + log_cosh + alpha * rule.average(label * log_h(x))
