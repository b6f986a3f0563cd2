"""Averages behind the Franz-Parisi curve: over the sites and over the patterns, given a typical reference solution.

Sites, at conjugates Q^ (reference), q^, t^, S^, with T = tanh(sqrt(Q^) z0) the mean of the reference weight:

    < . > = int Dz0 (1 + T) int Dz1,   h = (t^ / sqrt Q^) z0 + sqrt(q^ - t^^2 / Q^) z1 + S^ - t^,   m = tanh h

(the other sign of the reference weight is its mirror image). Patterns, at overlaps Q, q, t, S: the reference's field
is sqrt(Q) z0 + sqrt(1 - Q) e with e > u0. Given the shared field a z0 + sigma eta of the other solutions,
sigma^2 = q - a^2, e is normal with mean rho eta, rho = b / sigma, so that e integrates to a ratio of two H:

    < . > = int Dz0 int Deta [H((u0 - rho eta) / sqrt(1 - rho^2)) / H(u0)],
    x = (kappa - a z0 - sigma eta) / sqrt(1 - q),   u0 = (kappa - sqrt(Q) z0) / sqrt(1 - Q).

Two turns of the integrand over eta move with z0: each row of eta gets panels of its own.
"""

import math
from typing import NamedTuple

import numpy as np

from perceptron.theory.quadrature import gh, log_2cosh, log_h
from perceptron.theory.trapezoid import REACH, normal_grid

_NODES = 12
_WIDEST = 1.2


class Reference(NamedTuple):
    """A typical solution, replica-symmetric: its overlap with others Q and the conjugate Q^."""

    alpha: float
    kappa: float
    overlap: float
    conjugate: float


class Overlaps(NamedTuple):
    """Of the solutions at overlap S with the reference."""

    reference: float
    """S, with the reference."""
    typical: float
    """t, with other typical solutions."""
    between: float
    """q, with each other."""

    def fields(self, typical: float) -> tuple[float, float, float]:
        """a, b, c^2: what of a pattern's field comes along z0, along the reference's own part e, and from neither."""
        a, b = self.typical / math.sqrt(typical), (self.reference - self.typical) / math.sqrt(1.0 - typical)
        return a, b, self.between - a * a - b * b


class SiteAverages(NamedTuple):
    """<m>, <m^2>, <T m>, <ln 2cosh h>: S, q, t and the entropy of the sites."""

    reference: float
    between: float
    typical: float
    log_cosh: float


class PatternAverages(NamedTuple):
    """<g^2>, <g0 g> and <ln H(x)> with g = GH(x) / sqrt(1 - q), g0 = GH(u0) / sqrt(1 - Q); d <ln H> / dS."""

    between: float
    typical: float
    log_h: float
    slope: float


class Sites:
    """Averages over the sites at given q^, t^ as functions of the field C = S^ - t^ along the reference."""

    def __init__(self, conjugate: float, between: float, typical: float, level: int):
        shared, along = math.sqrt(conjugate), typical / math.sqrt(conjugate)
        own = math.sqrt(max(between - along * along, 0.0))
        refine = 1.0 + 0.3 * level
        outer = normal_grid(min(0.5, 0.3 / max(shared, abs(along))) / refine)
        inner = normal_grid(min(0.5, 0.3 / max(own, 1e-12)) / refine)
        self.mean = np.tanh(shared * outer.z)
        self.weight = ((1.0 + self.mean) * outer.weight)[:, None] * inner.weight
        self.field = along * outer.z[:, None] + own * inner.z

    def at(self, along: float) -> SiteAverages:
        """Everything at C = `along`."""
        h = self.field + along
        m = np.tanh(h)
        row = np.einsum("ij,ij->i", self.weight, m)
        return SiteAverages(
            float(row.sum()),
            float(np.einsum("ij,ij,ij", self.weight, m, m)),
            float(self.mean @ row),
            float(np.einsum("ij,ij", self.weight, log_2cosh(h))),
        )

    def overlap(self, along: float) -> float:
        """<m>, which rises with C."""
        return float(np.einsum("ij,ij", self.weight, np.tanh(self.field + along)))


def pattern_averages(reference: Reference, overlaps: Overlaps, level: int) -> PatternAverages:
    """Averages over the patterns; needs 0 <= b^2 < q - a^2 and q < 1."""
    a, b, rest = overlaps.fields(reference.overlap)
    spread, sigma = math.sqrt(1.0 - overlaps.between), math.hypot(b, math.sqrt(rest))
    rho, apart = b / sigma, math.sqrt(rest) / sigma
    turn = math.sqrt((1.0 - reference.overlap) / reference.overlap)
    shared_turn = math.sqrt(1.0 - a * a) / max(abs(a), 0.1)
    outer = normal_grid(min(0.5, 0.4 * turn, 0.4 * shared_turn) / (1.0 + 0.3 * level))
    u0 = (reference.kappa - math.sqrt(reference.overlap) * outer.z) / math.sqrt(1.0 - reference.overlap)
    near = (reference.kappa - a * outer.z)[:, None]
    eta, weight = row_rules([(near[:, 0] / sigma, spread / sigma), (u0 / rho, apart / abs(rho))], level)
    x = (near - sigma * eta) / spread
    weight = weight * np.exp(log_h((u0[:, None] - rho * eta) / apart) - log_h(u0)[:, None])
    g = gh(x) / spread
    g0 = gh(u0) / math.sqrt(1.0 - reference.overlap)
    at_wall = near[:, 0] - b * u0
    z1, wall_weight = row_rules([(at_wall / math.sqrt(rest), spread / math.sqrt(rest))], level)
    wall = np.sum(wall_weight * gh((at_wall[:, None] - math.sqrt(rest) * z1) / spread), axis=1) / spread
    return PatternAverages(
        float(outer.weight @ np.sum(weight * g * g, axis=1)),
        float((outer.weight * g0) @ np.sum(weight * g, axis=1)),
        float(outer.weight @ np.sum(weight * log_h(x), axis=1)),
        float((outer.weight * g0) @ wall),
    )


def row_rules(turns: list[tuple[np.ndarray, float]], level: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and normal weights, shape (rows, nodes), for functions that turn at `centre` (rows,) within `width`.

    Gauss-Legendre panels, at most `_WIDEST` wide, doubling in width away from each centre.
    """
    widest = _WIDEST / (1.0 + 0.3 * level)
    rows = len(turns[0][0])
    edges = [np.tile(np.linspace(-REACH, REACH, math.ceil(2.0 * REACH / widest) + 1), (rows, 1))]
    for centre, width in turns:
        if width < widest:
            count = math.ceil(math.log2(widest / width)) + 1
            offsets = 0.7 * width / (1.0 + 0.3 * level) * (2.0 ** np.arange(1, count + 2) - 1.0)
            offsets = np.concatenate([-offsets[::-1], [0.0], offsets])
            edges.append(np.clip(centre[:, None] + offsets, -REACH, REACH))
    edge = np.sort(np.concatenate(edges, axis=1), axis=1)
    node, node_weight = np.polynomial.legendre.leggauss(_NODES + 2 * level)
    half = 0.5 * np.diff(edge, axis=1)
    z = ((edge[:, :-1] + half)[:, :, None] + half[:, :, None] * node).reshape(rows, -1)
    weight = (half[:, :, None] * node_weight).reshape(rows, -1)
    return z, weight * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
