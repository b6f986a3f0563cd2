"""Thouless-Anderson-Palmer form of Gaussian belief propagation: memory O(N + P) beside the patterns.

The message of an edge differs from the weight's mean by O(1/sqrt N), which to leading order is a reaction term:
w_mu = sum_i xi_i m_i - V_mu g_mu, V_mu = sum_i xi_i^2 (1 - m_i^2), x = (w - T)/sqrt V, g = (ln Z)'(x)/sqrt V,
b = -(ln Z)''(x)/V, H_i = h_i + sum_mu xi_i g_mu + m_i sum_mu xi_i^2 b_mu, with g of the sweep before in w.
Mezard 1989, J. Phys. A 22, 2181; Donoho, Maleki & Montanari 2009, arXiv:0907.3574. Corrections are O(1/sqrt N) in
single magnetisations and O(1/N) in the entropy per weight.
"""

import math
from typing import NamedTuple

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.message_passing import factor, gaussian_kernels
from perceptron.message_passing.bethe import Bethe
from perceptron.message_passing.factor import LEAST_VARIANCE, curvature, error_probability, log_z, slope
from perceptron.message_passing.gaussian_kernels import FLUSH, fold, lane_statistics

UNIT_VARIANCE = 1.0
"""Floor of V in a sweep: the expansion needs V >> 1, and below it the state of nearly decided weights is unstable."""

kernel = kernel_tied_to(factor.__file__, gaussian_kernels.__file__)


class TapMessages(NamedTuple):
    """What to restart from."""

    slope: np.ndarray
    """(p,) g_mu."""
    projected: np.ndarray
    """(n,) sum_mu xi_i g_mu."""
    reaction: np.ndarray
    """(n,) m_i sum_mu xi_i^2 b_mu."""


@piece
def project(row, means, variances, products, scratch, real, whole):
    """sum_i xi_i m_i and sum_i xi_i^2 (1 - m_i^2) of a pattern; the latter is `whole` for entries +-1."""
    number = means.dtype.type
    for i in range(means.size):
        products[i] = number(row[i]) * means[i]
    a = fold(products, scratch)
    if not real:
        return a, whole
    for i in range(means.size):
        xi = number(row[i])
        products[i] = xi * xi * variances[i]
    return a, fold(products, scratch)


@kernel
def tap_sweep(entries, slopes, field, projected, reaction, threshold, miss, damping, real, means):
    """One sweep over the patterns; updates `slopes` (p,), `projected` and `reaction` (n,) in place.

    Damped as the messages of edges would be: g, and the reaction with the m it was made of. `means` (n,) is scratch
    in the precision of the sums. Returns sum_mu (new g - g)^2 before damping.
    """
    p, n = entries.shape
    number = means.dtype.type
    variances, products, scratch = np.empty_like(means), np.empty_like(means), np.empty_like(means)
    some, react = np.zeros_like(means), np.zeros_like(means)
    lane_statistics(field, means, variances)
    projected[:] = 0.0
    strength = np.zeros(n)
    whole = 0.0 if real else fold(variances, scratch)
    moved, uniform = 0.0, 0.0
    for mu in range(p):
        row = entries[mu]
        a, v = project(row, means, variances, products, scratch, real, whole)
        v = max(v, UNIT_VARIANCE)
        x = (a - v * slopes[mu] - threshold) / math.sqrt(v)
        ratio = slope(x, miss)
        step = ratio / math.sqrt(v) - slopes[mu]
        moved += step * step
        slopes[mu] += (1.0 - damping) * step
        force = -curvature(x, ratio) / v
        g, b = number(slopes[mu]), number(force)
        for i in range(n):
            some[i] += g * number(row[i])
        if real:
            for i in range(n):
                react[i] += b * (number(row[i]) * number(row[i]))
        else:
            uniform += force
        if mu % FLUSH == FLUSH - 1 or mu == p - 1:
            for i in range(n):
                projected[i] += some[i]
                strength[i] += react[i]
                some[i] = 0.0
                react[i] = 0.0
    for i in range(n):
        reaction[i] += (1.0 - damping) * (math.tanh(field[i]) * (strength[i] + uniform) - reaction[i])
    return moved


@kernel
def tap_factors(entries, slopes, field, threshold, miss, real, means):
    """Sums over the patterns of ln Z_mu, of the chance of an error, and of V_mu g_mu^2."""
    variances, products, scratch = np.empty_like(means), np.empty_like(means), np.empty_like(means)
    lane_statistics(field, means, variances)
    whole = 0.0 if real else fold(variances, scratch)
    log_zs, errors, squares = 0.0, 0.0, 0.0
    for mu in range(entries.shape[0]):
        a, v = project(entries[mu], means, variances, products, scratch, real, whole)
        v = max(v, LEAST_VARIANCE)
        x = (a - v * slopes[mu] - threshold) / math.sqrt(v)
        log_zs += log_z(x, miss)
        errors += error_probability(x, miss)
        squares += v * slopes[mu] * slopes[mu]
    return log_zs, errors, squares


class TapUpdate:
    """Slopes g (p,) and their sums (n,), and how a sweep changes them."""

    def __init__(
        self,
        entries: np.ndarray,
        messages: TapMessages,
        threshold: float,
        miss: float,
        damping: float,
        dtype: np.dtype,
    ):
        self.real = entries.dtype.kind == "f"
        self.entries = entries.astype(dtype, copy=False) if self.real else entries
        self.slopes, self.projected, self.reaction = (part.copy() for part in messages)
        self.total = self.projected + self.reaction
        self.change = np.zeros_like(self.total)
        self.means = np.empty(self.total.size, dtype)
        self.threshold, self.miss, self.damping = threshold, miss, damping

    def sweep(self, field: np.ndarray) -> None:
        """New slopes from the whole fields (n,); sets `total` (n,) and `change` (n,)."""
        self.change[:] = tap_sweep(
            self.entries, self.slopes, field, self.projected, self.reaction,
            self.threshold, self.miss, self.damping, self.real, self.means,
        )  # fmt: skip
        self.total = self.projected + self.reaction

    def bethe(self, field: np.ndarray) -> Bethe:
        """Sums of the Bethe free entropy to the order of the reaction terms: edges -m (H - h) + V g^2 / 2."""
        log_zs, errors, squares = tap_factors(
            self.entries, self.slopes, field, self.threshold, self.miss, self.real, self.means
        )
        return Bethe(log_zs, 0.5 * squares - float(np.tanh(field) @ self.total), errors)

    def export(self) -> TapMessages:
        """Messages to restart from."""
        return TapMessages(self.slopes.copy(), self.projected.copy(), self.reaction.copy())
