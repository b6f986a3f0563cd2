"""Compiled loops of Gaussian belief propagation: one sweep over all edges, and the Bethe free entropy.

Every edge keeps one number, the field f_(mu i) that pattern mu sends to weight i. The cavity mean of weight i is
tanh(H_i - f_(mu i)) = (t - u) / (1 - t u), t = tanh H_i, u = tanh f_(mu i): with a rational form of u no edge needs a
transcendental function. What comes back to the edges of a binary pattern is a polynomial in xi m, for Gaussian patterns
a Taylor series. Rows where these forms would not be accurate (few or decided weights, strong fields) go edge by edge
through the library functions. Sums are folded in a fixed tree, which the compiler vectorises without reordering.
"""

import math
from pathlib import Path

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.message_passing import factor
from perceptron.message_passing.factor import (
    LEAST_VARIANCE,
    NODES_5,
    NODES_9,
    POWERS_5,
    POWERS_9,
    edge_field,
    edge_polynomial,
    slope_series,
)

kernel = kernel_tied_to(factor.__file__)

SOURCE = Path(__file__)
FLUSH = 32
"""Rows whose fields are summed in the messages' own precision before they go to double precision."""

VARIANCE_5, VARIANCE_9, VARIANCE_9_DOUBLE = 160.0, 9.5, 200.0
"""Least variances for 5 and 9 interpolation nodes: error 1e-7 in single, 1e-13 in double precision."""

TAYLOR_VARIANCE = 64.0
"""Least variance, in squares of the largest entry, for the Taylor series of Gaussian patterns."""

WEAK, WEAK_DOUBLE = 2.0, 0.5
"""Largest |f| for the rational form of tanh, whose error there is below rounding."""

SURE = 7.5
"""Beyond so many standard deviations on the right side a message is below 1e-13 and taken as 0."""

SLOW, NARROW, WIDE, SERIES, SILENT = 0, 1, 2, 3, 4


@piece
def lane_statistics(field, t, g):
    """tanh and 1 - tanh^2 of every field, the latter without cancellation, in the messages' precision."""
    for i in range(field.size):
        decay = math.exp(-2.0 * abs(field[i]))
        size = (1.0 - decay) / (1.0 + decay)
        t[i] = math.copysign(size, field[i])
        g[i] = 4.0 * decay / ((1.0 + decay) * (1.0 + decay))


@piece
def fold(terms, scratch):
    """Sum of terms by halves; `scratch` holds at least half of them."""
    n = np.int64(terms.size)
    if n == 1:
        return np.float64(terms[0])
    half = (n + 1) // 2
    odd = np.float64(terms[half - 1]) if n % 2 else 0.0
    n = n - half
    low, high, out = terms[:n], terms[half:], scratch[:n]
    for i in range(n):
        out[i] = low[i] + high[i]
    while n > 16:
        half = (n + 1) // 2
        low, high = scratch[: n - half], scratch[half:n]
        for i in range(low.size):
            low[i] += high[i]
        n = half
    total = odd
    for i in range(n):
        total += scratch[i]
    return total


@piece
def cavity_fast(entries, messages, t, g, means, variances):
    """xi m and xi^2 (1 - m^2) of every weight without this pattern; tanh f = f (c0 + ..) / (c0 + ..) for weak f."""
    number = messages.dtype.type
    one, c0, c1, c2 = number(1.0), number(135135.0), number(17325.0), number(378.0)
    d1, d2, d3 = number(62370.0), number(3150.0), number(28.0)
    for i in range(means.size):
        f, xi = messages[i], number(entries[i])
        y = f * f
        num = f * (c0 + y * (c1 + y * (c2 + y)))
        den = c0 + y * (d1 + y * (d2 + y * d3))
        inverse = one / (den - t[i] * num)
        means[i] = xi * ((t[i] * den - num) * inverse)
        variances[i] = xi * xi * (g[i] * ((den - num) * (den + num)) * (inverse * inverse))


@piece
def cavity_slow(entries, messages, field, means, variances):
    """The same from the fields themselves; returns the sums in double precision."""
    a, v = 0.0, 0.0
    for i in range(means.size):
        xi = np.float64(entries[i])
        rest = field[i] - messages[i]
        decay = math.exp(-2.0 * abs(rest))
        mean = xi * math.copysign((1.0 - decay) / (1.0 + decay), rest)
        variance = xi * xi * 4.0 * decay / ((1.0 + decay) * (1.0 + decay))
        means[i] = mean
        variances[i] = variance
        a += mean
        v += variance
    return a, v


@piece
def cavity(entries, messages, bound, weak, field, t, g, means, variances, scratch):
    """Mean and variance of a pattern's stability over the weights without it; fills the parts of every weight."""
    if bound <= weak:
        cavity_fast(entries, messages, t, g, means, variances)
        return fold(means, scratch), fold(variances, scratch)
    return cavity_slow(entries, messages, field, means, variances)


@piece
def send_5(entries, messages, means, total, change, c, keep):
    """Damped fields of a pattern by a polynomial with 5 coefficients, added to `total`; squares of their changes."""
    number = messages.dtype.type
    c0, c1, c2, c3, c4 = number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[4])
    for i in range(means.size):
        z = means[i]
        step = number(entries[i]) * (c0 + z * (c1 + z * (c2 + z * (c3 + z * c4)))) - messages[i]
        f = messages[i] + keep * step
        messages[i] = f
        total[i] += f
        change[i] += step * step


@piece
def send_9(entries, messages, means, total, change, c, keep):
    """The same with 9 coefficients."""
    number = messages.dtype.type
    c0, c1, c2, c3, c4 = number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[4])
    c5, c6, c7, c8 = number(c[5]), number(c[6]), number(c[7]), number(c[8])
    for i in range(means.size):
        z = means[i]
        high = c4 + z * (c5 + z * (c6 + z * (c7 + z * c8)))
        step = number(entries[i]) * (c0 + z * (c1 + z * (c2 + z * (c3 + z * high)))) - messages[i]
        f = messages[i] + keep * step
        messages[i] = f
        total[i] += f
        change[i] += step * step


@piece
def send_series(entries, messages, means, variances, total, change, a, v, threshold, c, keep):
    """The same for real entries: f = [l(d + h) - l(d - h)] / 2, l the Taylor series about the full mean."""
    number = messages.dtype.type
    c1, c2, c3, c4, c5 = number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[4])
    rest, whole, centre = number(a - threshold), number(v), number((a - threshold) / math.sqrt(v))
    one, two, three, four, five, ten = number(1), number(2), number(3), number(4), number(5), number(10)
    for i in range(means.size):
        scale = one / np.sqrt(whole - variances[i])
        d = (rest - means[i]) * scale - centre
        h = number(entries[i]) * scale
        dd, hh = d * d, h * h
        high = c3 * (three * dd + hh) + c4 * d * (four * (dd + hh)) + c5 * (dd * (five * dd + ten * hh) + hh * hh)
        step = h * (c1 + two * c2 * d + high) - messages[i]
        f = messages[i] + keep * step
        messages[i] = f
        total[i] += f
        change[i] += step * step


@piece
def send_slow(entries, messages, means, variances, total, change, a, v, threshold, miss, keep):
    """The same edge by edge; returns the largest |f|."""
    number = messages.dtype.type
    bound = 0.0
    for i in range(means.size):
        new = edge_field(a, v, np.float64(entries[i]), means[i], variances[i], threshold, miss)
        step = number(new) - messages[i]
        f = messages[i] + keep * step
        messages[i] = f
        total[i] += f
        change[i] += step * step
        bound = max(bound, np.float64(abs(f)))
    return bound


@piece
def form(real, double, v, x, largest):
    """Which form of the messages is accurate for this pattern."""
    if x - 2.0 * largest / math.sqrt(max(v, LEAST_VARIANCE)) > SURE:
        return SILENT
    if real:
        good = v >= TAYLOR_VARIANCE * largest * largest and abs(x) < 100.0 and not double
        return SERIES if good else SLOW
    if double:
        return WIDE if v >= VARIANCE_9_DOUBLE else SLOW
    return NARROW if v >= VARIANCE_5 else WIDE if v >= VARIANCE_9 else SLOW


@piece
def series_bound(a, v, threshold, miss, largest, c):
    """Taylor coefficients into c; returns a bound of |f| from them."""
    x = (a - threshold) / math.sqrt(v)
    c[0], c[1], c[2], c[3], c[4] = slope_series(x, miss)
    h = largest / math.sqrt(v - largest * largest)
    d = h + abs(x) * h * h
    reach = 3.0 * d * d + h * h
    return h * (abs(c[0]) + 2.0 * abs(c[1]) * d + (abs(c[2]) + 2.0 * abs(c[3]) * d + 5.0 * abs(c[4]) * d * d) * reach)


@kernel
def gaussian_sweep(entries, largest, messages, bounds, field, total, change, threshold, miss, damping, real):
    """One parallel sweep: every message anew from the fields H = `field` of before, damped.

    `entries` (p, n), `largest` |entry| by pattern, `messages` (p, n) fields f, `bounds` (p,) of |f|, all updated in
    place; `total` (n,) receives sum_mu f and `change` (n,) sum_mu (new f - f)^2 before damping. `real` says that the
    entries are not +-1.
    """
    p, n = messages.shape
    double = messages.itemsize == 8
    weak = WEAK_DOUBLE if double else WEAK
    keep = messages.dtype.type(1.0 - damping)
    t, g = np.empty(n, messages.dtype), np.empty(n, messages.dtype)
    means, variances, scratch = np.empty(n, messages.dtype), np.empty(n, messages.dtype), np.empty(n, messages.dtype)
    some, moved = np.zeros(n, messages.dtype), np.zeros(n, messages.dtype)
    values, c = np.empty(9), np.zeros(9)
    lane_statistics(field, t, g)
    total[:] = 0.0
    change[:] = 0.0
    for mu in range(p):
        row, sent = entries[mu], messages[mu]
        a, v = cavity(row, sent, bounds[mu], weak, field, t, g, means, variances, scratch)
        x = (a - threshold) / math.sqrt(max(v, LEAST_VARIANCE))
        kind = form(real, double, v, x, largest[mu])
        if kind == NARROW:
            bound = edge_polynomial(a, v, threshold, miss, NODES_5, POWERS_5, values, c)
            send_5(row, sent, means, some, moved, c, keep)
        elif kind == WIDE:
            bound = edge_polynomial(a, v, threshold, miss, NODES_9, POWERS_9, values, c)
            send_9(row, sent, means, some, moved, c, keep)
        elif kind == SILENT:
            bound = 0.0
            c[:5] = 0.0
            send_5(row, sent, means, some, moved, c, keep)
        elif kind == SERIES:
            bound = series_bound(a, v, threshold, miss, largest[mu], c)
            send_series(row, sent, means, variances, some, moved, a, v, threshold, c, keep)
        else:
            bound = send_slow(row, sent, means, variances, some, moved, a, v, threshold, miss, keep)
        bounds[mu] = bound if kind == SLOW else damping * bounds[mu] + (1.0 - damping) * bound
        if mu % FLUSH == FLUSH - 1 or mu == p - 1:
            for i in range(n):
                total[i] += some[i]
                change[i] += moved[i]
                some[i] = 0.0
                moved[i] = 0.0
