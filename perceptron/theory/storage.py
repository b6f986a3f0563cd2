"""Storage of random patterns by binary weights, replica-symmetric: entropy, energy, overlap, capacity, freezing.

The free entropy per weight, ln Z / N at large N, is the extremum over q and q^ of

    phi = -q^ (1 - q) / 2 + int Dz ln 2cosh(sqrt(q^) z) + alpha int Dz ln Z(x),   x = (kappa - sqrt(q) z) / sqrt(1 - q),

with Z(x) = e + (1 - e) H(x), e = exp(-beta) for the energy `errors`; at beta = inf phi is the entropy of solutions.
Krauth & Mezard 1989, J. Physique 50, 3057. Where the entropy comes out negative the solution is not
physical: there are no solutions (beta = inf), or the weights have frozen at a higher temperature (see `freezing`).
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from perceptron.theory.estimate import Estimate, NoSolution, require_finite
from perceptron.theory.pattern_energy import checked_energy, pattern, turns
from perceptron.theory.quadrature import line
from perceptron.theory.saddle import LEAST_LOG, rising_root, weights_storage
from perceptron.theory.spherical import spherical_capacity

LOWEST_KAPPA = -25.0
"""Below it products of the capacity, then 1e137, and the chance of an error leave the range of floats."""

LOWEST_END = -35.0
"""Below it the end of the solution at beta = inf overflows: there is none within reach."""


class ReplicaSymmetric(NamedTuple):
    """Typical state of the storage problem, per weight, in nats."""

    entropy: Estimate
    """free_entropy + beta energy; at beta = inf ln(number of solutions) / N."""
    energy: Estimate
    """Mean energy / N (not / P); 0 at beta = inf."""
    overlap: Estimate
    """q, between two configurations."""
    conjugate: Estimate
    """q^, the variance of the local fields."""
    free_entropy: Estimate
    """ln Z / N."""


class Freezing(NamedTuple):
    """Where the entropy vanishes: below that temperature a typical instance stays in its ground states."""

    beta: Estimate
    energy: Estimate
    """Of the ground states, per weight."""


class _Point(NamedTuple):
    """The curve alpha(q^) and the state on it."""

    alpha: float
    overlap: float
    conjugate: float
    energy: float
    free_entropy: float

    def entropy(self, beta: float) -> float:
        return self.free_entropy + (beta * self.energy if beta < math.inf else 0.0)


def replica_symmetric(
    alpha: float, kappa: float = 0.0, beta: float = math.inf, *, energy: str = "errors"
) -> ReplicaSymmetric:
    """The replica-symmetric state at alpha = P / N, margin kappa and inverse temperature beta.

    `energy`: "errors", or "scaled_hinge" = sum of kappa - Delta / sqrt(N) over errors (see `pattern_energy`). At
    finite beta there is a solution at every alpha >= 0. At beta = inf it ends where the overlap reaches 1, at
    alpha = (2 / pi) x spherical capacity: 4 / pi at kappa = 0, beyond the capacity .833. A scan over kappa, beta and
    q^ found no second solution for |kappa| <= 2, nor at a positive entropy; deep in the unphysical region at larger
    |kappa| there can be three, of which one is returned. Takes milliseconds. Raises ArgumentError for values outside
    the domain, NoSolution beyond that end.
    """
    alpha, kappa = require_finite("alpha", alpha, 0.0), require_finite("kappa", kappa)
    beta = require_finite("beta", beta, 0.0, infinite=True)
    checked_energy(energy)
    if beta == math.inf:
        _refuse_beyond_end(alpha, kappa)
    coarse = _state(alpha, kappa, beta, energy, 0)
    fine = _state(alpha, kappa, beta, energy, 1, coarse.conjugate)
    return ReplicaSymmetric(
        Estimate.from_refinement(coarse.entropy(beta), fine.entropy(beta)),
        Estimate.from_refinement(coarse.energy, fine.energy, 0.0),
        Estimate.from_refinement(coarse.overlap, fine.overlap, 0.0),
        Estimate.from_refinement(coarse.conjugate, fine.conjugate, 0.0),
        Estimate.from_refinement(coarse.free_entropy, fine.free_entropy),
    )


def capacity(kappa: float = 0.0) -> Estimate:
    """Patterns per weight at which the entropy of solutions vanishes; .833 at kappa = 0. Krauth & Mezard 1989.

    Raises ArgumentError below kappa = -25, where it exceeds 1e137 and its equation overflows.
    """
    kappa = require_finite("kappa", kappa, LOWEST_KAPPA)
    place = f"capacity: kappa = {kappa:g}"

    def alpha_at(level: int, start: float, step: float) -> tuple[float, float]:
        def lacking(log_conjugate: float) -> float:
            return -_point(log_conjugate, kappa, math.inf, "errors", level).free_entropy

        log = rising_root(lacking, start, step, place)
        return _point(log, kappa, math.inf, "errors", level).alpha, log

    coarse, log = alpha_at(0, 0.0, 1.0)
    fine, _ = alpha_at(1, log, 1e-9)
    return Estimate.from_refinement(coarse, fine)


def freezing(alpha: float, kappa: float = 0.0) -> Freezing:
    """Temperature at which the entropy vanishes at alpha above the capacity, and the ground-state energy there.

    Raises NoSolution at and below the capacity, where solutions exist and nothing freezes at any temperature.
    """
    alpha, kappa = require_finite("alpha", alpha, 0.0), require_finite("kappa", kappa, LOWEST_KAPPA)
    limit = capacity(kappa)
    if alpha <= limit + limit.error:
        raise NoSolution(
            f"freezing: alpha = {alpha:g} does not exceed the capacity {float(limit):.6g} at kappa = {kappa:g}; the "
            "entropy stays positive down to beta = inf, where the energy is 0"
        )
    coarse, log_beta = _freezing_at(alpha, kappa, 0, (math.log(1e-3), math.log(1e4)))
    fine, _ = _freezing_at(alpha, kappa, 1, (log_beta - 1e-6, log_beta + 1e-6))
    return Freezing(*(Estimate.from_refinement(a, b) for a, b in zip(coarse, fine, strict=True)))


def _freezing_at(
    alpha: float, kappa: float, level: int, bounds: tuple[float, float]
) -> tuple[tuple[float, float], float]:
    def entropy(log_beta: float) -> float:
        beta = math.exp(log_beta)
        return _state(alpha, kappa, beta, "errors", level).entropy(beta)

    if entropy(bounds[0]) * entropy(bounds[1]) > 0.0:
        raise NoSolution(
            f"freezing: alpha = {alpha:g}, kappa = {kappa:g}: the entropy does not vanish between beta = "
            f"{math.exp(bounds[0]):.4g} and {math.exp(bounds[1]):.4g}; take alpha further above the capacity"
        )
    log_beta = float(brentq(entropy, *bounds, xtol=1e-13))
    beta = math.exp(log_beta)
    return (beta, _state(alpha, kappa, beta, "errors", level).energy), log_beta


def _refuse_beyond_end(alpha: float, kappa: float) -> None:
    if kappa < LOWEST_END:
        return
    end = 2.0 / math.pi * spherical_capacity(kappa)
    if alpha >= end:
        raise NoSolution(
            f"replica_symmetric: alpha = {alpha:g}, kappa = {kappa:g}, beta = inf: the solution ends where the "
            f"overlap reaches 1, alpha = {end:.6g}, beyond the capacity; take a smaller alpha or a finite beta"
        )


def _state(
    alpha: float, kappa: float, beta: float, energy: str, level: int, near_conjugate: float | None = None
) -> _Point:
    """The solution at alpha, sought outwards from `near_conjugate` where that is known."""
    if alpha == 0.0:
        return _Point(0.0, 0.0, 0.0, 0.0, math.log(2.0))
    uncoupled = pattern(np.asarray(kappa), 1.0, beta, energy)
    force = float(uncoupled.slope) ** 2
    if force * alpha < math.exp(LEAST_LOG):
        return _Point(alpha, 0.0, 0.0, alpha * float(uncoupled.energy), math.log(2.0) + alpha * float(uncoupled.log_z))
    target, place = math.log(alpha), f"replica_symmetric: alpha = {alpha:g}, kappa = {kappa:g}, beta = {beta:g}"
    start, step = (math.log(alpha * force), 1.0) if near_conjugate is None else (math.log(near_conjugate), 1e-9)

    def excess(log_conjugate: float) -> float:
        return math.log(_point(log_conjugate, kappa, beta, energy, level).alpha) - target

    log = rising_root(excess, start, step, place)
    return _point(log, kappa, beta, energy, level)


def _point(log_conjugate: float, kappa: float, beta: float, energy: str, level: int) -> _Point:
    """The state whose conjugate overlap is exp(log_conjugate), and the alpha it belongs to."""
    conjugate = math.exp(log_conjugate)
    q, r, log_cosh = weights_storage(conjugate, level)
    points, width = turns(kappa, q, r, beta, energy)
    rule = line(points, width, level=level)
    one = pattern((kappa - math.sqrt(q) * rule.z) / math.sqrt(r), r, beta, energy)
    force = rule.average(one.slope**2)
    alpha = conjugate * r / force if force > 0.0 else math.inf
    free_entropy = -0.5 * conjugate * r + log_cosh + alpha * rule.average(one.log_z)
    return _Point(alpha, q, conjugate, alpha * rule.average(one.energy), free_entropy)
