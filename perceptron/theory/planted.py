"""Teacher-student: patterns labelled by binary weights, learnt by binary weights, replica-symmetric (which is exact).

Sampling at inverse temperature beta when each label was flipped with probability e / (1 + e), e = exp(-beta), is
Bayes-optimal (Nishimori): teacher and sample are alike two samples, with overlap q. Per weight,

    phi = -q^ (1 + q) / 2 + int Dz ln 2cosh(q^ + sqrt(q^) z) + alpha int Dz 2 D ln D / (1 + e),   D = e + (1 - e) H(x),
    q = int Dz tanh(q^ + sqrt(q^) z),   q^ = alpha / (1 - q) int Dz 2 D g^2 / (1 + e),   x = -sqrt(q / (1 - q)) z,

where g = -D' / D. beta = inf is the noiseless case. Besides the branch q < 1 there is always q = 1, the teacher alone,
of entropy 0: it wins beyond `teacher_student_transition`, and beyond `teacher_student_spinodal` nothing else is left.
Gyorgyi 1990, Phys. Rev. A 41, 7097; Barbier et al. 2019, arXiv:1708.03395.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from mcmc.errors import ArgumentError
from perceptron.theory.estimate import Estimate, NoSolution, require_finite
from perceptron.theory.quadrature import gh, line, log_h
from perceptron.theory.saddle import rising_root, weights_planted

BRANCHES = ("nontrivial", "equilibrium")

_LOG_RANGE = (0.0, 3.0)
"""ln q^ between which the spinodal lies, at every beta."""


class TeacherStudent(NamedTuple):
    """Typical configuration compatible with the labels, per weight, in nats."""

    entropy: Estimate
    """free_entropy + beta energy; at beta = inf ln(number of solutions) / N."""
    energy: Estimate
    """Errors / N: alpha e / (1 + e), that of the teacher."""
    overlap: Estimate
    """q, with the teacher and with another sample."""
    conjugate: Estimate
    """q^; infinite for q = 1."""
    free_entropy: Estimate
    """ln Z / N."""


class _Point(NamedTuple):
    alpha: float
    overlap: float
    conjugate: float
    free_entropy: float


def teacher_student(alpha: float, beta: float = math.inf, *, branch: str = "nontrivial") -> TeacherStudent:
    """The state at alpha = P / N; beta sets the label noise exp(-beta) / (1 + exp(-beta)) too.

    `branch`: "nontrivial" is the one with q < 1, up to the spinodal, of negative entropy beyond the transition;
    "equilibrium" takes it while its entropy is positive and q = 1 after that. Raises ArgumentError for values outside
    the domain, NoSolution where the branch q < 1 has ended.
    """
    alpha, beta = require_finite("alpha", alpha, 0.0), require_finite("beta", beta, 0.0, infinite=True)
    if branch not in BRANCHES:
        raise ArgumentError(f"branch: got {branch!r}; 'nontrivial' or 'equilibrium' is needed")
    if alpha == 0.0 or beta == 0.0:
        return _state(alpha, beta, [_Point(alpha, 0.0, 0.0, math.log(2.0) - alpha * _noise_cost(beta))] * 2)
    top_log, top = _top(beta, 0, _LOG_RANGE)
    if branch == "equilibrium" and alpha >= teacher_student_transition(beta):
        return _state(alpha, beta, [_Point(alpha, 1.0, math.inf, 0.0 - alpha * _noise_cost(beta))] * 2)
    if alpha >= top:
        raise NoSolution(
            f"teacher_student: alpha = {alpha:g}: the branch q < 1 ends at the spinodal alpha = {top:.6g} (beta = "
            f"{beta:g}); beyond it the teacher is the only solution, q = 1: take branch='equilibrium'"
        )
    coarse, log = _solve(alpha, beta, 0, top_log - 1.0, 0.5, top_log)
    fine, _ = _solve(alpha, beta, 1, log, 1e-9, top_log)
    return _state(alpha, beta, [coarse, fine])


def teacher_student_transition(beta: float = math.inf) -> Estimate:
    """alpha_TS where the entropy of the branch q < 1 vanishes: beyond it the teacher dominates; 1.245 at beta = inf.

    Raises ArgumentError unless beta > 0.
    """
    beta = _positive(beta)
    log, coarse = _transition(beta, 0, _top(beta, 0, _LOG_RANGE)[0] - 1.0, 0.5)
    _, fine = _transition(beta, 1, log, 1e-9)
    return Estimate.from_refinement(coarse, fine)


def teacher_student_spinodal(beta: float = math.inf) -> Estimate:
    """Largest alpha at which a solution with q < 1 exists; 1.49 at beta = inf. Raises ArgumentError unless beta > 0."""
    beta = _positive(beta)
    log, coarse = _top(beta, 0, _LOG_RANGE)
    _, fine = _top(beta, 1, (log - 0.01, log + 0.01))
    return Estimate.from_refinement(coarse, fine)


def _positive(beta: float) -> float:
    number = require_finite("beta", beta, 0.0, infinite=True)
    if number == 0.0:
        raise ArgumentError("beta: got 0, where labels carry no information; a number above 0 is needed")
    return number


def _top(beta: float, level: int, bounds: tuple[float, float]) -> tuple[float, float]:
    """(ln q^, alpha) where alpha is largest: the end of the branch q < 1."""
    found = minimize_scalar(
        lambda log: -_point(log, beta, level).alpha, bounds=bounds, method="bounded", options={"xatol": 1e-7}
    )
    return float(found.x), -float(found.fun)


def _transition(beta: float, level: int, start: float, step: float) -> tuple[float, float]:
    """(ln q^, alpha) where the entropy vanishes."""

    def lacking(log_conjugate: float) -> float:
        return -_entropy(_point(log_conjugate, beta, level), beta)

    log = rising_root(lacking, start, step, f"teacher_student_transition: beta = {beta:g}")
    return log, _point(log, beta, level).alpha


def _solve(alpha: float, beta: float, level: int, start: float, step: float, top: float) -> tuple[_Point, float]:
    target, place = math.log(alpha), f"teacher_student: alpha = {alpha:g}, beta = {beta:g}"

    def excess(log_conjugate: float) -> float:
        # Past its top the curve falls; held at its top, it still rises through 0 once.
        return math.log(_point(min(log_conjugate, top), beta, level).alpha) - target

    log = top if excess(top) <= 0.0 else min(rising_root(excess, start, step, place), top)
    return _point(log, beta, level), log


def _point(log_conjugate: float, beta: float, level: int) -> _Point:
    """The state whose conjugate overlap is exp(log_conjugate), and the alpha it belongs to."""
    conjugate = math.exp(log_conjugate)
    q, r, log_cosh = weights_planted(conjugate, level)
    steep = math.sqrt(q / r)
    bend = math.sqrt(2.0 * beta + 1.0) if beta < math.inf else 0.0
    rule = line([-bend / steep, 0.0] if bend else [0.0], 1.0 / (steep * max(1.0, 0.5 * bend)), level=level)
    x = -steep * rule.z
    log_d = log_h(x, beta)
    label = 2.0 / (1.0 + math.exp(-beta)) * np.exp(log_d)
    alpha = conjugate * r / rule.average(label * np.square(gh(x, beta)))
    free_entropy = 0.5 * conjugate * r + log_cosh + alpha * rule.average(label * log_d)
    return _Point(alpha, q, conjugate, free_entropy)


def _noise_cost(beta: float) -> float:
    """beta e / (1 + e): beta times the errors of the teacher per pattern."""
    return beta / (1.0 + math.exp(beta)) if beta < 700.0 else 0.0


def _entropy(point: _Point, beta: float) -> float:
    return point.free_entropy + point.alpha * _noise_cost(beta)


def _state(alpha: float, beta: float, points: list[_Point]) -> TeacherStudent:
    coarse, fine = points
    energy = alpha * (math.exp(-beta) / (1.0 + math.exp(-beta)))
    conjugate = Estimate(math.inf) if fine.conjugate == math.inf else None
    return TeacherStudent(
        Estimate.from_refinement(_entropy(coarse, beta), _entropy(fine, beta)),
        Estimate.from_refinement(energy, energy, 0.0),
        Estimate.from_refinement(coarse.overlap, fine.overlap, 0.0),
        conjugate or Estimate.from_refinement(coarse.conjugate, fine.conjugate, 0.0),
        Estimate.from_refinement(coarse.free_entropy, fine.free_entropy),
    )
