"""What one pattern does to a Gaussian stability: ln Z, its slope, and the field it sends to a weight.

A pattern has weight 1 where its stability reaches the threshold T and e = exp(-beta) below it. With the stability
normal of mean a and variance v, Z = e + (1 - e) H(-x), x = (a - T) / sqrt(v), H(x) = erfc(x / sqrt 2) / 2. The
functions stay accurate for every x: where H underflows ln H goes over to its asymptotic series.
"""

import math

import numpy as np

from mcmc.compiled import piece

ROOT_HALF = math.sqrt(0.5)
NORM = 1.0 / math.sqrt(2.0 * math.pi)
TINY_ARGUMENT = -35.0
"""Below it H(-x) comes near the smallest double and the asymptotic series is exact to rounding."""

LEAST_VARIANCE = 1e-6
"""Floor of a variance that rounding or saturated weights make zero."""

LARGEST_FIELD = 50.0
"""Messages beyond it are cut: the weight is decided, tanh(50) = 1 in double precision."""


@piece
def tail_series(x):
    """H(-x) sqrt(2 pi) |x| exp(x^2 / 2) for x << 0: 1 - 1/x^2 + 3/x^4 - 15/x^6 + 105/x^8."""
    y = 1.0 / (x * x)
    return 1.0 - y * (1.0 - y * (3.0 - y * (15.0 - y * 105.0)))


@piece
def log_z(x, miss):
    """ln[e + (1 - e) H(-x)] with e = `miss`."""
    if x >= 0.0:
        return math.log1p((miss - 1.0) * 0.5 * math.erfc(x * ROOT_HALF))
    if miss > 0.0 or x > TINY_ARGUMENT:
        return math.log(miss + (1.0 - miss) * 0.5 * math.erfc(-x * ROOT_HALF))
    return -0.5 * x * x + math.log(NORM * tail_series(x) / -x)


@piece
def slope(x, miss):
    """d ln Z / dx = (1 - e) G(x) / (e + (1 - e) H(-x)), G the normal density."""
    if miss > 0.0 or x > TINY_ARGUMENT:
        hit = 0.5 * math.erfc(-x * ROOT_HALF)
        return (1.0 - miss) * NORM * math.exp(-0.5 * x * x) / (miss + (1.0 - miss) * hit)
    return -x / tail_series(x)


@piece
def error_probability(x, miss):
    """Probability that the pattern is wrong given its weight: e H(x) / Z; 0 for e = 0."""
    if miss == 0.0:
        return 0.0
    hit = 0.5 * math.erfc(-x * ROOT_HALF)
    return miss * 0.5 * math.erfc(x * ROOT_HALF) / (miss + (1.0 - miss) * hit)


@piece
def curvature(x, ratio):
    """d^2 ln Z / dx^2 given the slope there, -slope (x + slope); at x << 0 the sum is taken from its series."""
    if x > -1e4:
        return -ratio * (x + ratio)
    return -1.0


@piece
def edge_field(a, v, entry, own_mean, own_variance, threshold, miss):
    """Field f = (1/2) ln[Z(w = +1) / Z(w = -1)] on one weight, its own part taken out of mean a and variance v.

    `own_mean` is xi m and `own_variance` xi^2 (1 - m^2) with m the weight's mean without this pattern.
    """
    scale = 1.0 / math.sqrt(max(v - own_variance, LEAST_VARIANCE))
    rest = a - own_mean - threshold
    field = 0.5 * (log_z((rest + entry) * scale, miss) - log_z((rest - entry) * scale, miss))
    return min(max(field, -LARGEST_FIELD), LARGEST_FIELD)


def _nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev nodes on [-1, 1] and the matrix from values there to coefficients of powers."""
    nodes = np.cos(math.pi * (np.arange(count) + 0.5) / count)
    return nodes, np.linalg.inv(np.vander(nodes, increasing=True))


NODES_5, POWERS_5 = _nodes(5)
NODES_9, POWERS_9 = _nodes(9)


@piece
def edge_polynomial(a, v, threshold, miss, nodes, powers, values, out):
    """Coefficients c_k of the field on every weight of a binary pattern: f = xi sum_k c_k (xi m)^k.

    For xi = +-1 the field is xi F(xi m) with one function F of the pattern, which is interpolated at Chebyshev nodes.
    F is analytic inside the ellipse through the zeros of v - 1 + z^2, of radius sqrt(v) + sqrt(v - 1): k nodes leave
    an error of that radius to the power -k. Returns a bound of |f|; `values` is scratch.
    """
    for k in range(nodes.size):
        z = nodes[k]
        values[k] = edge_field(a, v, 1.0, z, 1.0 - z * z, threshold, miss)
    bound = 0.0
    for k in range(nodes.size):
        c = 0.0
        for j in range(nodes.size):
            c += powers[k, j] * values[j]
        out[k] = c
        bound += abs(c)
    return bound


@piece
def slope_series(x, miss):
    """Taylor coefficients 1 to 5 of ln Z about x, from slope' = -slope (x + slope) differentiated."""
    r = slope(x, miss)
    shifted = x + r
    r1 = -r * shifted
    r2 = -r1 * shifted - r * (1.0 + r1)
    r3 = -r2 * shifted - 2.0 * r1 * (1.0 + r1) - r * r2
    r4 = -r3 * shifted - 3.0 * r2 * (1.0 + r1) - 3.0 * r1 * r2 - r * r3
    return r, r1 / 2.0, r2 / 6.0, r3 / 24.0, r4 / 120.0
