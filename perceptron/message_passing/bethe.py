"""Bethe free entropy of a set of messages.

N phi = sum_mu ln Z_mu + sum_i ln 2cosh H_i + sum_(mu i) ln [cosh(H_i - f_(mu i)) / cosh H_i], H_i the whole field on
weight i. It is stationary in the messages where they solve the equations of belief propagation; exactly so for the
exact convolution, up to 1/N for the Gaussian forms. phi is per weight; entropy = phi - sum_i h_i m_i / N + beta E / N
with the external fields h_i. arXiv:1605.06444, supporting information; Mezard & Montanari 2009, chapter 14.
"""

import math
from typing import NamedTuple

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.message_passing import factor, gaussian_kernels
from perceptron.message_passing.factor import LEAST_VARIANCE, error_probability, log_z
from perceptron.message_passing.gaussian_kernels import WEAK, WEAK_DOUBLE, cavity, lane_statistics

kernel = kernel_tied_to(factor.__file__, gaussian_kernels.__file__)

FACTORS = 16
"""Edges of a weight multiplied before a logarithm is taken: each factor is below 55, the product below 1e28."""


class Bethe(NamedTuple):
    """Sums over the whole instance, in nats."""

    log_z: float
    """sum_mu ln Z_mu."""
    edges: float
    """sum over edges of ln [cosh(H - f) / cosh H]."""
    errors: float
    """Mean number of wrong patterns, 0 at beta = inf."""

    def free_entropy(self, field: np.ndarray) -> float:
        """N phi, given the whole fields (n,)."""
        return self.log_z + self.edges + float(np.sum(log_2cosh(field)))


def log_2cosh(x: np.ndarray) -> np.ndarray:
    """ln(2 cosh x) without overflow."""
    size = np.abs(x)
    return size + np.log1p(np.exp(-2.0 * size))


@piece
def edge_term(whole, f):
    """ln [cosh(H - f) / cosh H]."""
    rest = abs(whole - f)
    whole = abs(whole)
    return rest - whole + math.log1p(math.exp(-2.0 * rest)) - math.log1p(math.exp(-2.0 * whole))


@piece
def multiply_edges(messages, t, products):
    """products_i *= (1 - t u)^2 / (1 - u^2), the square of cosh(H - f) / cosh H, with the rational u = tanh f."""
    number = messages.dtype.type
    one, c0, c1, c2 = number(1.0), number(135135.0), number(17325.0), number(378.0)
    d1, d2, d3 = number(62370.0), number(3150.0), number(28.0)
    for i in range(products.size):
        f = messages[i]
        y = f * f
        u = f * (c0 + y * (c1 + y * (c2 + y))) / (c0 + y * (d1 + y * (d2 + y * d3)))
        left = one - t[i] * u
        products[i] *= left * left / ((one - u) * (one + u))


@kernel
def gaussian_bethe(entries, messages, bounds, field, threshold, miss):
    """Sums (ln Z_mu, edge terms, mean errors) of Gaussian messages; arguments as for `gaussian_sweep`."""
    p, n = messages.shape
    weak = WEAK_DOUBLE if messages.itemsize == 8 else WEAK
    t, g = np.empty(n, messages.dtype), np.empty(n, messages.dtype)
    means, variances, scratch = np.empty(n, messages.dtype), np.empty(n, messages.dtype), np.empty(n, messages.dtype)
    products = np.ones(n, messages.dtype)
    lane_statistics(field, t, g)
    log_zs, edges, errors = 0.0, 0.0, 0.0
    for mu in range(p):
        sent = messages[mu]
        a, v = cavity(entries[mu], sent, bounds[mu], weak, field, t, g, means, variances, scratch)
        x = (a - threshold) / math.sqrt(max(v, LEAST_VARIANCE))
        log_zs += log_z(x, miss)
        errors += error_probability(x, miss)
        if bounds[mu] <= weak:
            multiply_edges(sent, t, products)
        else:
            for i in range(n):
                edges += edge_term(field[i], np.float64(sent[i]))
        if mu % FACTORS == FACTORS - 1 or mu == p - 1:
            for i in range(n):
                edges += 0.5 * math.log(np.float64(products[i]))
                products[i] = 1.0
    return log_zs, edges, errors


@kernel
def edge_terms(messages, field):
    """Sum of the edge terms over all messages (p, n), each from its own logarithms."""
    total = 0.0
    for mu in range(messages.shape[0]):
        for i in range(messages.shape[1]):
            total += edge_term(field[i], messages[mu, i])
    return total
