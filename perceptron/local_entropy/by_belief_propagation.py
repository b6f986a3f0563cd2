"""Local entropy of one instance by belief propagation at given distances from a reference.

The law exp(-beta E(w) + gamma r.w) is solved by belief propagation with gamma a Lagrange multiplier: before each sweep
it is set so that the magnetisations lie at the distance asked for, (1 - sum_i r_i m_i / n) / 2 = d. A fixed point is
one of belief propagation in the field gamma r, reached directly and also where d(gamma) is not monotone. There

    n phi(gamma) = ln sum_k n_k exp(gamma (n - 2 k)),   ln n_k = n (phi - gamma p) - (1/2) ln(2 pi Var k),

p = 1 - 2 d, with Var k = (n / 4) dp/dgamma: the second term takes the canonical value, in which the distance
fluctuates, to the number n_k (weighted by exp(-beta E)) at exactly k = d n flips, up to O(1/n^2).
arXiv:1605.06444; Huang & Kabashima 2014, arXiv:1408.1784.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import LandscapeError
from mcmc.local_entropy.lattice import lattice_flips
from mcmc.local_entropy.result import DISTANCE, LocalEntropy
from perceptron.landscape import BinaryPerceptron, SymmetricPerceptron
from perceptron.local_entropy.arguments import Model, Question, question
from perceptron.message_passing.belief_propagation import ROUNDING
from perceptron.message_passing.update import Update, checked_count, checked_number, make_update, step

SYSTEMATIC = 3.0
"""What belief propagation is wrong by in ln n_k of a whole configuration: SYSTEMATIC alpha (1 - exp(-beta))^2 nats,
against enumeration of 21 to 27 weights at alpha = .1 to .45 and beta from .7 to inf, z-scores then have root mean
squares from .4 to 1.1; at beta = inf of 2000 solutions of 21 to 25 weights at alpha = .3 to .8, from .4 to .7, the
largest 4.6. At 1001 weights and alpha = .4 and .6 integration, where it converged, differs by .1 to .5 nats."""

CALIBRATED = 0.81
"""Largest alpha of that comparison, with the patterns of 21 to 25 weights rounded to a whole number."""

DOUBLE_EDGES = 50_000
"""Up to this many edges messages are kept in double precision; single takes 1e-5 of a value, far below its error, and
a tenth of the time."""

LEAST_STIFFNESS = 1e-3

APART = 1.05
"""Ratio of the distances whose gammas give dp/dgamma: its error, some per cent, enters with 1 / (2 n)."""

SWEEPS_MORE = 8
"""Sweeps over which the value may still change, after the residual is as small as asked for."""


class _Point(NamedTuple):
    """Belief propagation held at one distance; per weight, in nats."""

    gamma: float
    entropy: float
    """phi - gamma p."""
    energy: float
    converged: bool
    residual: float
    sweeps: int
    change: float
    """Change of the entropy over the last sweeps."""


def bethe(
    model_or_patterns: Any,
    reference: Any,
    distance: Any,
    *,
    beta: float = math.inf,
    margin: float = 0.0,
    method: str = "gaussian",
    damping: float = 0.2,
    tolerance: float = 1e-5,
    max_sweeps: int = 500,
    systematic: float = SYSTEMATIC,
    precision: str | None = None,
) -> LocalEntropy:
    """Local entropy around `reference` (n,) of +-1 at each `distance`, nats per weight, by belief propagation.

    Takes Patterns, which count errors at `margin` (units of sqrt(n)), or a BinaryPerceptron. `method`, `damping`,
    `tolerance`, `max_sweeps` and `precision` as for `belief_propagation`, with None double up to 50,000 edges; each
    distance, in ascending order, starts from the messages of the one before. At d = 0 and 1 there is one configuration
    and the value is exact.

    `error` is the change over the last sweeps, and what belief propagation itself is wrong by in ln n_k, divided by
    n: `systematic` alpha (1 - exp(-beta))^2 nats, calibrated by enumeration. No sampling stands behind it.
    `warnings` names points that did not converge, those where S(d) is convex, dp/dgamma <= 0, so that the correction
    to exactly k flips is a guess, an alpha beyond the calibration and, at beta = inf, points with S below 0, where
    belief propagation sees no solution: around a typical one, isolated, these are what it says of the average. Below
    -ln 2 the messages contradict each other, and value and error are NaN. `more` has mean `errors` per weight,
    `canonical`, the value before the correction, `sweeps` and `converged`.
    Raises ArgumentError for bad arguments, and for a reference that is no solution when beta is infinite;
    LandscapeError for a model whose energy belief propagation does not know.
    """
    asked = question(model_or_patterns, reference, beta, margin)
    model = _known(asked.model, asked.beta)
    n = model.patterns.n
    flips = lattice_flips(distance, n)
    checked_number("tolerance", tolerance, 1e-14, 1.0, "a change of magnetisations from 1e-14 to 1 is needed")
    checked_count("max_sweeps", max_sweeps)
    checked_number("systematic", systematic, 0.0, math.inf, "an error of ln n_k in nats, from 0, is needed")
    if precision is None:
        precision = "double" if model.patterns.patterns.size <= DOUBLE_EDGES or method == "exact" else "single"
    update = make_update(model.patterns, method, asked.beta, model.margin, damping, precision)
    held = _Held(update, asked, tolerance, int(max_sweeps))
    rows = np.empty((flips.size, 9))
    for place in np.argsort(flips):
        rows[place] = held.row(int(flips[place]))
    value, changed, gamma, errors, canonical, sweeps, converged, residual, stiffness = rows.T
    inside = (flips > 0) & (flips < n)
    lost = inside & math.isinf(asked.beta) & ~(canonical >= -math.log(2.0))
    value = np.where(lost, math.nan, value)
    wrong = systematic * model.patterns.p / n * (1.0 - math.exp(-asked.beta)) ** 2 / n
    error = np.where(inside, np.where(lost, math.nan, np.hypot(changed, wrong)), 0.0)
    return LocalEntropy(
        kind=DISTANCE,
        scale=flips / n,
        value=value,
        error=error,
        method="bethe",
        reference=asked.reference,
        beta=asked.beta,
        gamma=gamma,
        effective_samples=np.where(inside, math.nan, math.inf),
        warnings=(
            *_unconverged(flips / n, converged, residual, tolerance, max_sweeps),
            *_without_solutions(flips / n, canonical if math.isinf(asked.beta) else np.zeros(flips.size)),
            *_convex(flips / n, stiffness),
            *_beyond(model.patterns.p / n, inside, systematic),
        ),
        more={
            "canonical": ((DISTANCE,), canonical, "local entropy per weight where only the mean distance is held"),
            "errors": ((DISTANCE,), errors, "mean errors per weight"),
            "sweeps": ((DISTANCE,), sweeps, "sweeps over all messages"),
            "converged": ((DISTANCE,), converged, "1 where belief propagation converged"),
        },
    )


def _known(model: Model, beta: float) -> BinaryPerceptron:
    if isinstance(model, SymmetricPerceptron):
        raise LandscapeError("model: belief propagation has no symmetric patterns; take enumeration or integration")
    if model.energy_name != "errors" and not math.isinf(beta):
        raise LandscapeError(
            f"model: belief propagation has the energy 'errors', got {model.energy_name!r}; at beta = inf, where both "
            "have the same solutions, it is taken"
        )
    return model


class _Held:
    """Belief propagation with messages that go on from one distance to the next."""

    def __init__(self, update: Update, asked: Question, tolerance: float, max_sweeps: int):
        self.update, self.asked, self.tolerance, self.max_sweeps = update, asked, tolerance, max_sweeps
        self.target = asked.reference.astype(np.float64)
        self.gamma = 0.0

    def row(self, flips: int) -> tuple[float, ...]:
        """Value, its change over the last sweeps, gamma, errors, canonical value, sweeps, converged, residual and
        dgamma/dp, infinite where there is one configuration."""
        n, beta = self.target.size, self.asked.beta
        if flips in (0, n):
            energy = self._energy(1 if flips == 0 else -1)
            value = -beta * energy / n if energy else 0.0
            return value, 0.0, math.inf if flips == 0 else -math.inf, energy / n, value, 0.0, 1.0, 0.0, math.inf
        at = self._relaxed(flips / n)
        other = min(APART * flips, 0.5 * (flips + n))
        gap = 2.0 * (flips - other) / n
        # dgamma/dp is 0 where S(d) turns from concave to convex: there k has no variance of order n to speak of.
        slope = (self._relaxed(other / n).gamma - at.gamma) / gap
        stiffness = max(abs(slope), LEAST_STIFFNESS)
        value = at.entropy - 0.5 * math.log(2.0 * math.pi * n / stiffness / 4.0) / n
        return value, at.change, at.gamma, at.energy, at.entropy, at.sweeps, float(at.converged), at.residual, slope

    def _energy(self, sign: int) -> float:
        model = self.asked.model
        return float(model.energy(model.state_from((sign * self.asked.reference)[None].astype(np.int8)))[0])

    def _relaxed(self, distance: float) -> _Point:
        """Sweeps at this distance until the residual is small and the entropy rests."""
        sweeps, residual = 0, math.inf
        while sweeps < self.max_sweeps and not residual <= self.tolerance:
            self.gamma = _multiplier(self.target * self.update.total, 1.0 - 2.0 * distance, self.gamma)
            residual = step(self.update, self.gamma * self.target + self.update.total)
            sweeps += 1
        before = self._read(distance, sweeps, residual)
        for _ in range(SWEEPS_MORE if not residual <= self.tolerance else 1):
            self.gamma = _multiplier(self.target * self.update.total, 1.0 - 2.0 * distance, self.gamma)
            step(self.update, self.gamma * self.target + self.update.total)
        after = self._read(distance, sweeps, residual)
        return after._replace(change=abs(after.entropy - before.entropy))

    def _read(self, distance: float, sweeps: int, residual: float) -> _Point:
        self.gamma = _multiplier(self.target * self.update.total, 1.0 - 2.0 * distance, self.gamma)
        field = self.gamma * self.target
        whole = field + self.update.total
        bethe, n = self.update.bethe(whole), whole.size
        entropy = bethe.free_entropy(whole) / n - self.gamma * (1.0 - 2.0 * distance)
        return _Point(self.gamma, entropy, bethe.errors / n, residual <= self.tolerance, residual, sweeps, 0.0)


def _multiplier(fields: np.ndarray, overlap: float, guess: float) -> float:
    """gamma with mean of tanh(gamma + `fields`) equal to `overlap`: Newton steps kept inside a bracket."""
    low = math.atanh(overlap) - float(fields.max())
    high = math.atanh(overlap) - float(fields.min())
    gamma = min(max(guess, low), high)
    for _ in range(200):
        tangent = np.tanh(gamma + fields)
        excess = float(tangent.mean()) - overlap
        low, high = (low, gamma) if excess > 0 else (gamma, high)
        slope = float(np.mean(1.0 - tangent * tangent))
        newer = gamma - excess / slope if slope > 1e-12 else math.nan
        newer = newer if low < newer < high else 0.5 * (low + high)
        if abs(newer - gamma) <= 1e-13 * max(1.0, abs(newer)):
            return newer
        gamma = newer
    return gamma


def _unconverged(
    distance: np.ndarray, converged: np.ndarray, residual: np.ndarray, tolerance: float, max_sweeps: int
) -> tuple[str, ...]:
    return tuple(
        f"distance {d:.4g}: belief propagation did not converge, residual {left:.2g} above {tolerance:.2g} after "
        f"{max_sweeps} sweeps; raise damping or max_sweeps, or take integration there"
        for d, good, left in zip(distance, converged, residual, strict=True)
        if not good
    )


def _without_solutions(distance: np.ndarray, canonical: np.ndarray) -> tuple[str, ...]:
    return tuple(
        f"distance {d:.4g}: the Bethe entropy is {entropy:.3g} per weight, below 0; belief propagation sees no solution"
        for d, entropy in zip(distance, canonical, strict=True)
        if not entropy >= -ROUNDING
    )


def _convex(distance: np.ndarray, stiffness: np.ndarray) -> tuple[str, ...]:
    where = distance[~(stiffness > LEAST_STIFFNESS)]
    if not where.size:
        return ()
    named = ", ".join(f"{d:.4g}" for d in where)
    return (
        f"distance {named}: S(d) is not concave, dp/dgamma <= 0; no coupling has its mean there, and the correction of "
        "the canonical value, (1 / 2 n) ln(2 pi Var k), is a guess: take enumeration or flat_histogram to be sure",
    )


def _beyond(alpha: float, inside: np.ndarray, systematic: float) -> tuple[str, ...]:
    if alpha <= CALIBRATED or not inside.any() or systematic != SYSTEMATIC:
        return ()
    return (
        f"error: alpha = {alpha:.3g} is above {CALIBRATED}, up to which it was held against enumeration; beyond, it is "
        "an extrapolation",
    )
