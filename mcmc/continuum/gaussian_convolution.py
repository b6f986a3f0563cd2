"""Logarithms of Gaussian convolutions on grids: right to rounding where the convolution itself underflows.

    log sum_y h (2 pi s)^(-1/2) exp(g(y) - (x - y)^2 / (2 s)),

one axis after the other, the trapezoidal rule, whose error for an integrand of width w is 2 exp(-2 pi^2 w^2 / h^2)
(Trefethen & Weideman 2014, SIAM Rev. 56, 385). Lines go through fast Fourier transforms, which leave an error of
rounding times the largest value of a line; sums that are too small for that are done term by term, around their
largest exponent, which a lower envelope of parabolas gives. Blocks of nodes that cannot matter are passed over.
"""

import math

import numpy as np

from mcmc.compiled import kernel_tied_to
from mcmc.continuum.hopf_lax_formula import lower_envelope

ACCURACY = 1e-11
"""Relative error of a convolution above which it is summed term by term."""
REACH = 40.0
"""Exponents this much below the largest are left out: exp(-40) = 4e-18."""
BLOCK = 16
"""Nodes that are passed over together."""
TARGETS = 32
"""Sums done together, at most."""
GROWTH = 500.0
"""Largest logarithm by which terms of sums done together may differ: far from overflow, which is at 709."""
WIDE = 2
"""Widths of the kernel, exp(-REACH) at its edge, that terms are expected to span around the largest."""
LINES = 64
"""Lines transformed at a time: they and their transforms stay in the cache."""


def log_gaussian_convolution(
    log_values: np.ndarray, spacing: tuple[float, ...], variance: float | tuple[float, ...]
) -> np.ndarray:
    """Logarithm of exp(log_values) * N(0, variance), of the shape of `log_values`, of one or two dimensions.

    -inf stands for 0, also for all that is outside the grid. `variance` may be one for each axis.
    """
    dim = log_values.ndim
    variances = variance if isinstance(variance, tuple) else (variance,) * dim
    out = log_values
    for axis in reversed(range(dim)):
        lines = np.ascontiguousarray(np.moveaxis(out, axis, -1)).reshape(-1, out.shape[axis])
        done = _convolved_lines(lines, spacing[axis], variances[axis])
        shape = [n for k, n in enumerate(out.shape) if k != axis] + [out.shape[axis]]
        out = np.moveaxis(done.reshape(shape), -1, axis)
    return np.ascontiguousarray(out)


def _convolved_lines(lines, h, variance):
    """Along the last axis of lines (lines, n)."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = lines.shape[1]
    curvature = h * h / (2 * variance)
    # Beyond this the kernel is below exp(-REACH): sums that live there are too small for the transforms anyway.
    reach = min(n - 1, math.ceil(math.sqrt(REACH / curvature)))
    length = next_fast_len(n + reach, real=True)
    kernel = np.zeros(length)
    kernel[: reach + 1] = np.exp(-curvature * np.arange(reach + 1) ** 2)
    kernel[length - reach :] = kernel[1 : reach + 1][::-1]
    factor = rfft(kernel)
    size = math.sqrt(float((kernel**2).sum()))
    out = np.empty_like(lines)
    for begin in range(0, len(lines), LINES):
        some = lines[begin : begin + LINES]
        top = some.max(axis=1, keepdims=True)
        top[np.isneginf(top)] = 0.0
        weight = np.exp(some - top)
        sums = irfft(rfft(weight, length, axis=1) * factor, length, axis=1)[:, :n]
        rounding = 4 * np.finfo(float).eps * size * np.sqrt((weight**2).sum(axis=1, keepdims=True))
        fine = sums * ACCURACY > rounding
        with np.errstate(invalid="ignore", divide="ignore"):
            out[begin : begin + LINES] = np.where(fine, np.log(sums) + top, np.nan)
    _fill_the_rest(lines, curvature, out)
    return out + math.log(h / math.sqrt(2 * math.pi * variance))


def _fill_the_rest(lines, curvature, out):
    """Fill the NaN of out (lines, n): log sum_y exp(line[y] - curvature (x - y)^2), -inf where all are."""
    rest = np.flatnonzero(np.isnan(out).any(axis=1))
    if not rest.size:
        return
    some, found = lines[rest], out[rest]
    largest, place = np.empty_like(some), np.empty(some.shape, np.int32)
    lower_envelope(-some, curvature, largest, place)
    n = lines.shape[1]
    # How far terms lie from where they are wanted; sums with some further away are done one by one.
    width = math.sqrt(REACH / curvature)
    furthest = min(n, int(max(np.abs(place - np.arange(n)).max() + WIDE * width, 0.0)) + BLOCK + TARGETS)
    half = min(TARGETS // 2, int(GROWTH / (2 * curvature * furthest)))
    distance, shift = np.arange(-furthest, furthest + 1)[:, None], np.arange(-half, half + 1)[None, :]
    _sum_near(some, -largest, curvature, np.exp(2 * curvature * distance * shift), found)
    out[rest] = found


@kernel_tied_to()
def _sum_near(lines, largest, curvature, growth, out):
    """As `_fill_the_rest`, of `largest` (lines, n), the largest exponent of each sum.

    x = c + d for a few d together: exp(-k (c + d - y)^2) = exp(-k (c - y)^2) exp(2 k d (y - c)) exp(-k d^2), of which
    the middle factor is `growth` (2 furthest + 1, d).
    """
    count, n = lines.shape
    size, furthest = growth.shape[1], growth.shape[0] // 2
    half = size // 2
    blocks = (n + BLOCK - 1) // BLOCK
    top, total = np.empty(blocks), np.empty(size)
    for line in range(count):
        values, wanted = lines[line], out[line]
        for b in range(blocks):
            top[b] = values[b * BLOCK : min(n, (b + 1) * BLOCK)].max()
        for begin in range(0, n, size):
            end = min(n, begin + size)
            if not np.isnan(wanted[begin:end]).any():
                continue
            centre = min(begin + half, n - 1)
            floor = largest[line, centre]
            if np.isneginf(floor):
                wanted[begin:end] = floor
                continue
            total[:] = 0.0
            within = True
            for b in range(blocks):
                first, last = b * BLOCK, min(n, (b + 1) * BLOCK) - 1
                # The ends and the middle stand for all x between: REACH has room for what that misses.
                near = False
                for x in (begin, centre, end - 1):
                    gap = max(first - x, x - last, 0)
                    near |= top[b] - curvature * gap * gap > largest[line, x] - REACH
                if not near:
                    continue
                if first < centre - furthest or last > centre + furthest:
                    within = False
                    break
                for y in range(first, last + 1):
                    weight = np.exp(values[y] - curvature * (centre - y) * (centre - y) - floor)
                    row = growth[y - centre + furthest]
                    for d in range(size):
                        total[d] += weight * row[d]
            for x in range(begin, end):
                if np.isnan(wanted[x]) and not within:
                    alone = 0.0
                    for y in range(n):
                        alone += np.exp(values[y] - curvature * (x - y) * (x - y) - largest[line, x])
                    wanted[x] = largest[line, x] + np.log(alone)
                elif np.isnan(wanted[x]):
                    d = x - centre
                    wanted[x] = floor - curvature * d * d + np.log(total[d + half])
