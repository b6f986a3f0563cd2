"""Scalar physics of the XY model: one formula a function, called by the CPU loops and the CUDA kernels alike.

A spin is the unit vector (c, s) = (cos theta, sin theta); (hx, hy) is its local field, the sum over neighbours of
J_ij R(A_ij) s_j plus the external field, so that its energy is -(c hx + s hy). Functions keep the precision of their
arguments: float32 in the kernels, float64 in exact checks.
"""

import math

import numpy as np
from numba import njit

ONE = np.float32(1.0)
TWO = np.float32(2.0)
ZERO = np.float32(0.0)


@njit(inline="always", error_model="numpy")
def exp_minus(x):
    """exp(-x) for float32 x >= 0, relative error below 2e-7 + 1e-7 x up to x = 87, 1.6e-38 beyond.

    2^k 2^f with |f| <= 1/2: a polynomial for 2^f and k put straight into the exponent bits. No branch and no
    library call, so loops over it vectorise.
    """
    y = min(x, np.float32(87.0)) * np.float32(-1.4426950408889634)
    k = np.int32(y - np.float32(0.5))
    f = y - np.float32(k)
    p = np.float32(1.5403530e-4)
    p = p * f + np.float32(1.3333558e-3)
    p = p * f + np.float32(9.6181291e-3)
    p = p * f + np.float32(5.5504109e-2)
    p = p * f + np.float32(2.4022651e-1)
    p = p * f + np.float32(6.9314718e-1)
    p = p * f + ONE
    bits = np.int32((k + np.int32(127)) << np.int32(23))
    return p * bits.view(np.float32)


@njit(inline="always", error_model="numpy")
def exp_minus_exact(x):
    """exp(-x) in float64, for exact checks of the acceptance rules."""
    return math.exp(-x)


@njit(inline="always", error_model="numpy")
def small_rotation(t):
    """Cosine and sine of the angle 2 atan(t): no trigonometry, and a t symmetric about 0 proposes symmetrically."""
    square = t * t
    inverse = ONE / (ONE + square)
    return (ONE - square) * inverse, TWO * t * inverse


@njit(inline="always", error_model="numpy")
def rotate(c, s, cos_delta, sin_delta):
    """Spin (c, s) turned by delta."""
    return c * cos_delta - s * sin_delta, s * cos_delta + c * sin_delta


@njit(inline="always", error_model="numpy")
def energy_change(c, s, new_c, new_s, hx, hy):
    """Energy difference of replacing (c, s) by (new_c, new_s) in the local field."""
    return hx * (c - new_c) + hy * (s - new_s)


@njit(inline="always", error_model="numpy")
def metropolis_acceptance(beta, delta, exponential):
    """min(1, exp(-beta delta)); `exponential(x)` is exp(-x). Metropolis et al. 1953, J. Chem. Phys. 21, 1087."""
    return exponential(max(beta * delta, ZERO))


@njit(inline="always", error_model="numpy")
def reflect_about_field(c, s, hx, hy):
    """Spin mirrored in its local field: same energy. Creutz 1987, Phys. Rev. D 36, 515. Unchanged in a zero field."""
    norm = hx * hx + hy * hy
    twice = TWO * (c * hx + s * hy) / (norm if norm > ZERO else ONE)
    return (twice * hx - c if norm > ZERO else c), (twice * hy - s if norm > ZERO else s)


@njit(inline="always", error_model="numpy")
def parallel_to_field(c, s, hx, hy):
    """Spin along its local field: the heat bath at zero temperature. Unchanged in a zero field."""
    norm = math.sqrt(hx * hx + hy * hy)
    inverse = ONE / (norm if norm > ZERO else ONE)
    return (hx * inverse if norm > ZERO else c), (hy * inverse if norm > ZERO else s)


@njit(inline="always", error_model="numpy")
def site_energy(c, s, hx, hy, field):
    """Energy of a spin in float64: half of its bonds, whose field is (hx, hy), and all of -h cos theta."""
    return -0.5 * (np.float64(c) * hx + np.float64(s) * hy) - np.float64(field) * c


@njit(inline="always", error_model="numpy")
def unit_scale(c, s):
    """Factor that brings a spin of nearly unit length back to it; finite for the zeros at open ends."""
    return np.float32(1.5) - np.float32(0.5) * (c * c + s * s)


@njit(inline="always", error_model="numpy")
def reflect_across_line(c, s, rx, ry):
    """Spin with its component along the unit vector (rx, ry) reversed. Wolff 1989, Phys. Rev. Lett. 62, 361."""
    twice = TWO * (c * rx + s * ry)
    return c - twice * rx, s - twice * ry


@njit(inline="always", error_model="numpy")
def wolff_bond_closed(beta, coupling, projection_i, projection_j, exponential):
    """Probability exp(min(0, -2 beta J (s_i.r)(s_j.r))) that a cluster does not grow along a bond. Wolff 1989."""
    return exponential(max(TWO * beta * coupling * projection_i * projection_j, ZERO))


@njit(inline="always", error_model="numpy")
def bond_cosine_sine(ci, si, cj, sj, cos_phase, sin_phase):
    """cos and sin of theta_i - theta_j - A_ij."""
    cosine = ci * cj + si * sj
    sine = si * cj - ci * sj
    return cosine * cos_phase + sine * sin_phase, sine * cos_phase - cosine * sin_phase


@njit(inline="always", error_model="numpy")
def branch_crossing(ca, sa, cb, sb):
    """+1 where theta_b - theta_a > pi, -1 where it is < -pi, else 0, for angles in (-pi, pi].

    Angles cancel around a plaquette, so its vorticity is minus the sum of these: no arctangent is needed.
    """
    # On sign masks (0 or -1), without comparisons: a crossing needs s of different signs, and the sign of
    # sin(theta_b - theta_a) equal to that of s_a; s_a < 0 makes it +1. Numba widens integers at every
    # operation; the casts keep them at 32 bits, which doubles the vector width.
    a = np.int32(np.float32(sa).view(np.int32) >> np.int32(31))
    b = np.int32(np.float32(sb).view(np.int32) >> np.int32(31))
    sine = np.int32(np.float32(ca * sb - sa * cb).view(np.int32) >> np.int32(31))
    crossed = np.int32(np.int32(a ^ b) & np.int32(~np.int32(sine ^ a)))
    return np.int32(crossed & np.int32(np.int32(-1) - np.int32(a + a)))


@njit(inline="always", error_model="numpy")
def von_mises_parameters(kappa):
    """r and r - 1 of the wrapped-Cauchy envelope of exp(kappa cos x). Best & Fisher 1979, Appl. Statist. 28, 152.

    Their r is s + sqrt(1 + s^2) with s = 1 / (2 kappa), which keeps its digits from kappa = 0+ to infinity.
    """
    s = 0.5 / kappa
    r_minus_1 = s + s * s / (1.0 + math.sqrt(1.0 + s * s))
    return 1.0 + r_minus_1, r_minus_1


@njit(inline="always", error_model="numpy")
def von_mises_proposal(r, r_minus_1, z):
    """Cosine f of the envelope's angle and 1 - f, for z = cos(pi u); 1 - f keeps its digits near the pole f = 1."""
    return (1.0 + r * z) / (r + z), r_minus_1 * (1.0 - z) / (r + z)


@njit(inline="always", error_model="numpy")
def von_mises_accept(kappa, r_minus_1, one_minus_f, u):
    """Whether the envelope's proposal f is kept: Best & Fisher 1979, steps 2 and 3.

    r - f is taken as the sum of r - 1 and 1 - f: their difference has no digits left beyond kappa ~ 1e15.
    """
    y = kappa * (r_minus_1 + one_minus_f)
    return y * (2.0 - y) > u or math.log(y / u) + 1.0 >= y
