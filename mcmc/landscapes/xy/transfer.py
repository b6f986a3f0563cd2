"""Exact small square tori of the XY model: a transfer matrix over rows, block by block of conserved charge.

Fourier modes n_i of a row's angles are currents; their sum q passes unchanged from row to row, and a twist Phi
along the columns multiplies block q by exp(i q Phi). Derivatives are Taylor coefficients carried through the
products, so that nothing is differenced. Jose, Kadanoff, Kirkpatrick & Nelson 1977, Phys. Rev. B 16, 1217 (dual form).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ive

from mcmc.errors import ArgumentError

LARGEST_BLOCK = 1500


class Torus(NamedTuple):
    """Exact thermodynamics of a periodic square lattice."""

    energy_per_site: float
    specific_heat_per_site: float
    helicity: tuple[float, float]
    """Helicity modulus per site in direction x and y."""


def torus(size: tuple[int, int], beta: float, tolerance: float = 1e-6) -> Torus:
    """Exact Lx x Ly periodic square lattice, J = 1, no field; cost is exponential in Lx, linear in Ly.

    Currents n with I_n(beta) < tolerance I_0(beta) are dropped; they come at least in pairs, so that the error
    is of the order of tolerance^2. Raises ArgumentError where a block of the matrix is beyond 1500 states.
    """
    if not (np.isfinite(beta) and beta > 0):
        raise ArgumentError(f"beta: got {beta}; a finite number above 0 is needed")
    if min(size) < 2:
        raise ArgumentError(f"size: got {size}; at least 2 sites per side are needed")
    width, length = size
    cutoff = int(np.flatnonzero(ive(np.arange(1000), beta) < tolerance * ive(0, beta))[0])
    # Counts the currents of all sites but the last, of which its own cutoff leaves more than half.
    if (2 * cutoff + 1) ** (width - 1) > 2 * LARGEST_BLOCK:
        raise ArgumentError(
            f"torus: rows of {width} sites at beta {beta} need more than {LARGEST_BLOCK} states a block"
        )
    in_beta, in_twist = _row_weights(width, beta, cutoff)
    column = _column_weights(beta, cutoff)
    untwisted = np.stack([column[0], 0.0 * column[0], 0.0 * column[0]])
    z, twisted, charge_square = np.zeros(3), 0.0, 0.0
    for charge in range(width * cutoff + 1):
        copies = 2.0 if charge else 1.0
        states = _states(width, charge, cutoff)
        trace = copies * _trace(states, in_beta, column, length)
        twisted += copies * _trace(states, in_twist, untwisted, length)[2]
        z += trace
        charge_square += charge**2 * trace[0]
        if charge**2 * trace[0] < 1e-17 * z[0] and charge:
            break
    sites = width * length
    mean = z[1] / z[0]
    variance = 2.0 * z[2] / z[0] - mean**2
    across = 2.0 * twisted / z[0] / (beta * sites)
    along = length / width * charge_square / z[0] / beta
    return Torus(float(-2.0 - mean / sites), float(beta**2 * variance / sites), (float(across), float(along)))


def _states(width: int, charge: int, cutoff: int) -> np.ndarray:
    """(states, width) int64: all currents of one row, each within the cutoff, of the given sum."""
    axis = np.arange(-cutoff, cutoff + 1)
    free = np.stack(np.meshgrid(*[axis] * (width - 1), indexing="ij"), axis=-1).reshape(-1, width - 1)
    last = charge - free.sum(axis=1)
    return np.column_stack([free, last])[np.abs(last) <= cutoff]


def _row_weights(width: int, beta: float, cutoff: int) -> tuple[np.ndarray, np.ndarray]:
    """Fourier coefficients of exp(beta sum (cos(difference + i twist) - 1)) around a row.

    Taylor terms to second order, once in beta and once in the twist of each bond, both (3, M, .., M) float64 with
    width - 1 axes: angles relative to the last site, by the trapezoidal rule on M points. An imaginary twist keeps
    the coefficients real and turns the sign of the second derivative.
    """
    points = 4 * cutoff + 4
    angle = 2.0 * np.pi * np.arange(points) / points
    angles = [*np.meshgrid(*[angle] * (width - 1), indexing="ij"), np.zeros((points,) * (width - 1))]
    cosine = np.sum([np.cos(angles[i] - angles[i - 1]) for i in range(width)], axis=0)
    sine = np.sum([np.sin(angles[i] - angles[i - 1]) for i in range(width)], axis=0)
    energy, one = cosine - width, np.ones_like(cosine)
    weight = np.exp(beta * energy)
    in_beta = weight * np.stack([one, energy, energy**2 / 2.0])
    in_twist = weight * np.stack([one, -1j * beta * sine, (beta * cosine - beta**2 * sine**2) / 2.0])
    axes = tuple(range(1, width))
    return np.fft.ifftn(in_beta, axes=axes).real, np.fft.ifftn(in_twist, axes=axes).real


def _column_weights(beta: float, cutoff: int) -> np.ndarray:
    """exp(-beta) I_n(beta) and its first two Taylor terms in beta, shape (3, cutoff + 1)."""
    n = np.arange(cutoff + 1)
    here = ive(n, beta)
    near, far = ive(n - 1, beta) + ive(n + 1, beta), ive(n - 2, beta) + ive(n + 2, beta)
    return np.stack([here, near / 2.0 - here, ((far + 2.0 * here) / 4.0 - near + here) / 2.0])


def _product(a, b, multiply) -> np.ndarray:
    """Product of two Taylor series, orders on the first axis, kept to second order."""
    return np.stack([sum(multiply(a[k], b[order - k]) for k in range(order + 1)) for order in range(3)])


def _trace(states: np.ndarray, row: np.ndarray, column: np.ndarray, length: int) -> np.ndarray:
    """Taylor terms, (3,), of the trace of the transfer matrix of one charge to the power `length`."""
    diagonal = column[:, np.abs(states[:, 0])]
    for site in range(1, states.shape[1]):
        diagonal = _product(diagonal, column[:, np.abs(states[:, site])], np.multiply)
    hop = np.moveaxis(states[:, None, :-1] - states[None, :, :-1], -1, 0)
    matrix = _product(row[(slice(None), *hop)], diagonal, np.multiply)
    power = matrix
    for _ in range(length - 2):
        power = _product(power, matrix, np.matmul)
    return _product(power, matrix, lambda a, b: np.sum(a.T * b))
