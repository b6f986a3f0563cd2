"""Franz-Parisi curve of the binary perceptron: how many solutions lie at a distance from a typical one.

Ensemble: the reference is a solution drawn uniformly from all of an instance (replica-symmetric, overlap Q, conjugate
Q^), and s(S) = E ln(number of solutions at overlap S with it) / N over instances and references, S = 1 - 2 d
(Huang & Kabashima, arXiv:1408.1784; 2309.09240 for the family). With the averages of `franz_parisi_averages`,

    s = extr - q^ (1 - q) / 2 - S^ S + t t^ + <ln 2cosh h>_sites + alpha <ln H(x)>_patterns

over q, q^ (overlap of two such solutions), t, t^ (of one with another typical solution) and S^. Stationary where
q^ = alpha <g^2>, t^ = alpha <g0 g>, S = <m>, q = <m^2>, t = <T m>; then ds/dS = alpha d<ln H>/dS - S^.

At S = Q it is the replica-symmetric entropy and has its maximum. Where it is negative there are none: next to the
reference it is so at every alpha > 0 (it falls like -sqrt(d), against -d ln d of configurations), so that typical
solutions are isolated. Deep in that region q reaches 1 and the curve ends, near d = 5e-4 at alpha = .5.

Unknowns are t and v = ln(c^2 / b^2): with q = a^2 + b^2 + c^2 they stay finite as S -> Q, where b and c vanish
together, and the curve is followed from there to both sides.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.theory.annealed import binary_entropy
from perceptron.theory.estimate import ROUNDING, Estimate, NoSolution, require_finite
from perceptron.theory.franz_parisi_averages import Overlaps, PatternAverages, Reference, Sites, pattern_averages
from perceptron.theory.roots import root_from_guess
from perceptron.theory.storage import ReplicaSymmetric, replica_symmetric

TYPICAL = 1e-5
"""|S - Q| below which the state is taken to be the replica-symmetric one."""

_NARROWEST = 1e-4
_LARGEST_STEP, _LARGEST_FRACTION, _LEAST_STEP = 0.08, 0.4, 4e-3
_TOLERANCE = 1e-10
_ROUNDS = 12
_FROZEN, _LARGEST_CONJUGATE = 1e-5, 500.0


class FranzParisi(NamedTuple):
    """Solutions at one distance from a typical solution. `Estimate`s unless said otherwise."""

    entropy: Estimate
    """s per weight, nats. Negative: a typical instance has no such solution."""
    slope: Estimate
    """d s / d distance."""
    distance: float
    overlap: float
    """S = 1 - 2 distance, with the reference."""
    overlap_between: Estimate
    """q, of two such solutions."""
    overlap_typical: Estimate
    """t, with other typical solutions."""
    conjugates: tuple[Estimate, ...]
    """(q^, t^, S^)."""
    residual: float
    """Mismatch left in (t, v) (plain float)."""


class _Point(NamedTuple):
    t: float
    v: float


class _State(NamedTuple):
    entropy: float
    slope: float
    between: float
    typical: float
    between_conjugate: float
    typical_conjugate: float
    overlap_conjugate: float
    residual: float


def franz_parisi(
    alpha: float, distance: float | None = None, kappa: float = 0.0, *, overlap: float | None = None
) -> FranzParisi:
    """Entropy of solutions at a Hamming distance from a typical one: `distance` per weight, or `overlap` = 1 - 2 d.

    `alpha` = P / N >= 0, `kappa` the margin. Follows the curve from typical distance: several values are cheaper by
    `franz_parisi_curve`. ArgumentError for values outside the domain; NoSolution where the curve ends or was lost.
    """
    if distance is not None and overlap is None:
        return franz_parisi_curve(alpha, [distance], kappa)[0]
    if overlap is not None and distance is None:
        return franz_parisi_curve(alpha, [0.5 * (1.0 - require_finite("overlap", overlap))], kappa)[0]
    raise ArgumentError(f"distance: got {distance} and overlap: got {overlap}; exactly one of them is needed")


def franz_parisi_curve(alpha: float, distances: Iterable[float], kappa: float = 0.0) -> list[FranzParisi]:
    """`franz_parisi` at each of `distances`, in their order, following the curve once to either side."""
    alpha, kappa = require_finite("alpha", alpha, least=0.0), require_finite("kappa", kappa)
    wanted = [_checked(distance) for distance in distances]
    if alpha == 0.0:
        return [_unconstrained(distance) for distance in wanted]
    typical = replica_symmetric(alpha, kappa)
    curve = _Curve(Reference(alpha, kappa, float(typical.overlap), float(typical.conjugate)), typical)
    found: dict[float, FranzParisi] = {}
    middle = 0.5 * (1.0 - typical.overlap)
    for side in (sorted(d for d in wanted if d >= middle), sorted((d for d in wanted if d < middle), reverse=True)):
        found.update(zip(side, curve.follow(side), strict=True))
    return [found[distance] for distance in wanted]


def _checked(distance: float) -> float:
    distance = require_finite("distance", distance)
    if not _NARROWEST <= distance <= 1.0 - _NARROWEST:
        raise ArgumentError(f"distance: got {distance:g}; a number inside (0, 1), by {_NARROWEST:g}, is needed")
    return distance


def _unconstrained(distance: float) -> FranzParisi:
    """Without patterns every configuration counts: binary entropy, conjugate S^ = atanh S."""
    S = 1.0 - 2.0 * distance
    field = math.atanh(S)
    return _report(distance, _State(float(binary_entropy(distance)), 2.0 * field, S * S, 0.0, 0.0, 0.0, field, 0.0))


def _report(distance: float, state: _State, errors: Iterable[float] = (0.0,) * 7) -> FranzParisi:
    entropy, slope, between, typical, *conjugates = (
        Estimate(value, error + ROUNDING * max(1.0, abs(value)))
        for value, error in zip(state[:-1], errors, strict=True)
    )
    return FranzParisi(
        entropy, slope, distance, 1.0 - 2.0 * distance, between, typical, tuple(conjugates), state.residual
    )


class _Curve:
    """The curve of one (alpha, kappa), followed outwards from S = Q."""

    def __init__(self, reference: Reference, typical: ReplicaSymmetric):
        self.reference, self.typical = reference, typical

    def follow(self, distances: list[float]) -> list[FranzParisi]:
        """Results at distances that lead away from the typical one, in this order."""
        results: list[FranzParisi] = []
        Q = self.reference.overlap
        past: list[tuple[float, _Point]] = []
        at, step = Q, _LARGEST_STEP
        for distance in distances:
            target = 1.0 - 2.0 * distance
            if abs(target - Q) < TYPICAL:
                results.append(self._at_typical(distance, abs(target - Q)))
                continue
            while at != target:
                reach = min(step, _LARGEST_STEP, _LARGEST_FRACTION * (1.0 - at if target > at else 1.0 + at))
                new = target if abs(target - at) <= 1.2 * reach else at + math.copysign(reach, target - at)
                point = self._solve(new, self._guess(past, new), level=0)
                if point is None:
                    step = 0.5 * reach
                    if step < _LEAST_STEP * min(1.0 - abs(at), 0.1):
                        raise self._lost(at, distance)
                    continue
                past, at, step = [*past[-1:], (new, point)], new, 1.5 * reach
            results.append(self._result(distance, past[-1][1]))
        return results

    def _guess(self, past: list[tuple[float, _Point]], new: float) -> _Point:
        """From the last two points; near S = Q from t - Q ~ (S - Q) / 8 and c^2 ~ b^2."""
        if not past:
            point = _Point(self.reference.overlap + 0.125 * (new - self.reference.overlap), -1.0)
            for _ in range(6):
                point = self._map(new, point, 0) or point
            return point
        s1, point = past[-1]
        if len(past) == 1:
            s0, before = self.reference.overlap, _Point(self.reference.overlap, point.v)
        else:
            s0, before = past[0]
        ratio = (new - s1) / (s1 - s0)
        return _Point(point.t + ratio * (point.t - before.t), point.v + ratio * (point.v - before.v))

    def _overlaps(self, overlap: float, point: _Point) -> Overlaps:
        Q = self.reference.overlap
        own = (overlap - point.t) ** 2 / (1.0 - Q)
        return Overlaps(overlap, point.t, point.t**2 / Q + own * (1.0 + math.exp(min(point.v, 50.0))))

    def _sites(self, overlaps: Overlaps, level: int) -> tuple[PatternAverages, Sites, float] | None:
        """Pattern averages, the sites at the conjugates they make, and the field C = S^ - t^ that gives S = <m>."""
        alpha = self.reference.alpha
        patterns = pattern_averages(self.reference, overlaps, level)
        if not alpha * patterns.between < _LARGEST_CONJUGATE:
            return None
        sites = Sites(self.reference.conjugate, alpha * patterns.between, alpha * patterns.typical, level)
        along = root_from_guess(lambda c: overlaps.reference - sites.overlap(c), 0.0, 1.0)
        return None if along is None else (patterns, sites, along)

    def _map(self, overlap: float, point: _Point, level: int) -> _Point | None:
        """The equations solved once in a circle; None outside their domain."""
        overlaps = self._overlaps(overlap, point)
        if not overlaps.between < 1.0 - _FROZEN or overlap == overlaps.typical:
            return None
        solved = self._sites(overlaps, level)
        if solved is None:
            return None
        _, sites, along = solved
        averages = sites.at(along)
        Q, own = self.reference.overlap, (overlap - averages.typical) ** 2 / (1.0 - self.reference.overlap)
        rest = averages.between - averages.typical**2 / Q - own
        return _Point(averages.typical, math.log(rest / own)) if rest > 0.0 and own > 0.0 else None

    def _solve(self, overlap: float, guess: _Point, level: int) -> _Point | None:
        """Fixed point of the map by Broyden's method; None if it is not reached."""
        x, value = np.array(guess), self._map(overlap, guess, level)
        if value is None:
            return None
        f = np.array(value) - x
        jacobian = np.empty((2, 2))
        for k, small in enumerate((1e-6, 1e-5)):
            shifted = x.copy()
            shifted[k] += small
            value = self._map(overlap, _Point(*shifted), level)
            if value is None:
                return None
            jacobian[:, k] = (np.array(value) - shifted - f) / small
        for _ in range(_ROUNDS):
            if np.max(np.abs(f)) < _TOLERANCE:
                return _Point(*map(float, x))
            move = -np.linalg.solve(jacobian, f)
            value = self._map(overlap, _Point(*(x + move)), level)
            if value is None:
                return None
            x = x + move
            new = np.array(value) - x
            jacobian += np.outer(new - f - jacobian @ move, move) / (move @ move)
            f = new
        return None

    def _state(self, overlap: float, point: _Point, level: int) -> _State:
        overlaps = self._overlaps(overlap, point)
        solved = self._sites(overlaps, level)
        if solved is None:
            raise self._lost(overlap, 0.5 * (1.0 - overlap))
        patterns, sites, along = solved
        alpha, (_, t, q) = self.reference.alpha, overlaps
        averages = sites.at(along)
        q_hat, t_hat, s_hat = alpha * patterns.between, alpha * patterns.typical, along + alpha * patterns.typical
        entropy = -0.5 * q_hat * (1.0 - q) - s_hat * overlap + t * t_hat + averages.log_cosh + alpha * patterns.log_h
        slope = -2.0 * (alpha * patterns.slope - s_hat)
        residual = math.hypot(averages.typical - t, averages.between - q)
        return _State(entropy, slope, q, t, q_hat, t_hat, s_hat, residual)

    def _result(self, distance: float, point: _Point) -> FranzParisi:
        overlap = 1.0 - 2.0 * distance
        finer = self._solve(overlap, point, level=1)
        if finer is None:
            raise self._lost(overlap, distance)
        coarse, fine = self._state(overlap, point, 0), self._state(overlap, finer, 1)
        given = self.typical.overlap.error + self.typical.conjugate.error
        errors = [abs(new - old) + given for new, old in zip(fine[:-1], coarse[:-1], strict=True)]
        return _report(distance, fine, [errors[0] + fine.residual**2, *(error + fine.residual for error in errors[1:])])

    def _at_typical(self, distance: float, off: float) -> FranzParisi:
        """The typical state. What |S - Q| leaves is of first order, but second in the entropy: it is at its maximum."""
        rs = self.typical
        q, q_hat = float(rs.overlap), float(rs.conjugate)
        errors = [rs.entropy.error + 10.0 * off * off, *(10.0 * off + rs.conjugate.error,) * 6]
        return _report(distance, _State(float(rs.entropy), 0.0, q, q, q_hat, q_hat, q_hat, 0.0), errors)

    def _lost(self, overlap: float, distance: float) -> NoSolution:
        return NoSolution(
            f"franz_parisi: alpha = {self.reference.alpha:g}, kappa = {self.reference.kappa:g}: the curve was lost at "
            f"distance {0.5 * (1.0 - overlap):.4g} on the way to {distance:g}; take distances nearer the typical one, "
            f"{0.5 * (1.0 - self.reference.overlap):.4g}"
        )
