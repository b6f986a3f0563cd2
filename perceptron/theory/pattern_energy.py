"""What one pattern adds to the free entropy: ln Z, its slope and mean energy, for each energy with a limit N -> inf.

A pattern sees a normal field of mean a and variance r; x = (kappa - a) / sqrt(r). With V the energy of one pattern,
Z(x) = int Du exp(-beta V(u sqrt(r) against x sqrt(r))).
- "errors": V = [u < x], Z = e + (1 - e) H(x), e = exp(-beta). Krauth & Mezard 1989, J. Physique 50, 3057.
- "scaled_hinge": V = (x - u) sqrt(r) where u < x, the lacking stability kappa - Delta / sqrt(N). The energy `hinge`
  of the landscapes counts flips, (|Delta| + 1) / 2 for each error, which is sqrt(N) / 2 times this at large N; its
  beta is 2 / sqrt(N) times the beta here. Griniasty & Gutfreund 1991, J. Phys. A 24, 715.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, log_ndtr

from mcmc.errors import ArgumentError
from perceptron.theory.quadrature import error_probability, gh, log_g, log_h

ENERGIES = ("errors", "scaled_hinge")

_ASYMPTOTIC = 100.0

_MILLS_0 = math.sqrt(0.5 * math.pi)
"""H(0) / G(0)."""


class Pattern(NamedTuple):
    """Functions of x, arrays of its shape."""

    log_z: np.ndarray
    slope: np.ndarray
    """-d ln Z / dx >= 0."""
    energy: np.ndarray
    """-d ln Z / d beta >= 0."""


def pattern(x: np.ndarray, variance: float, beta: float, energy: str = "errors") -> Pattern:
    """ln Z, slope and mean energy at x for 0 <= beta <= inf; `variance` is 1 - q, used by the scaled hinge alone."""
    if energy == "errors" or beta == math.inf:
        return Pattern(log_h(x, beta), gh(x, beta), error_probability(x, beta))
    return _scaled_hinge(np.asarray(x, dtype=np.float64), math.sqrt(variance), beta)


def turns(kappa: float, overlap: float, variance: float, beta: float, energy: str) -> tuple[list[float], float]:
    """Points z where the functions of x = (kappa - sqrt(overlap) z) / sqrt(variance) turn, and over what width."""
    width = math.sqrt(variance / overlap)
    points = [kappa / math.sqrt(overlap)]
    if 0.0 < beta < math.inf:
        bend = math.sqrt(2.0 * beta + 1.0) if energy == "errors" else beta * math.sqrt(variance)
        points.append((kappa - bend * math.sqrt(variance)) / math.sqrt(overlap))
        width /= max(1.0, 0.5 * bend) if energy == "errors" else 1.0
    return points, width


def checked_energy(energy: str) -> str:
    """The name if a limit of large N is known for it. Raises ArgumentError."""
    if energy == "hinge":
        raise ArgumentError(
            "energy: got 'hinge', which counts flips and grows as sqrt(N) per pattern: no limit exists at fixed beta; "
            "take energy='scaled_hinge' at beta sqrt(N) / 2 and multiply its energy by sqrt(N) / 2"
        )
    if energy not in ENERGIES:
        raise ArgumentError(f"energy: got {energy!r}; known are {', '.join(map(repr, ENERGIES))}")
    return energy


def _scaled_hinge(x: np.ndarray, scale: float, beta: float) -> Pattern:
    steep = beta * scale
    above = steep - x
    log_wrong = _log_wrong(x, steep)
    log_z = np.logaddexp(log_ndtr(-x), log_wrong)
    wrong, density = np.exp(log_wrong - log_z), np.exp(log_g(x) - log_z)
    # Both terms are positive for above < 0; for above > 0 they cancel, and are summed as one series.
    lack = np.where(above < 0.0, density - above * wrong, density * _one_less_mills(np.maximum(above, 0.0)))
    return Pattern(log_z, steep * wrong, scale * lack)


def _log_wrong(x: np.ndarray, steep: float) -> np.ndarray:
    """ln int_(u < x) Du exp(-steep (x - u)) = ln[exp(steep^2 / 2 - steep x) H(steep - x)]."""
    above = steep - x
    # G(x) H / G at steep - x: the same number without the squares of steep, which cancel.
    steeper = log_g(x) + np.log(_MILLS_0 * erfcx(np.maximum(above, 0.0) / math.sqrt(2.0)))
    return np.where(above > 0.0, steeper, 0.5 * steep * steep - steep * x + log_ndtr(-above))


def _one_less_mills(t: np.ndarray) -> np.ndarray:
    """1 - t H(t) / G(t) for t >= 0: int_0^inf s exp(-s t - s^2 / 2) ds."""
    far = np.maximum(t, _ASYMPTOTIC) ** -2.0
    series = far * (1.0 - far * (3.0 - far * (15.0 - 105.0 * far)))
    near = np.minimum(t, _ASYMPTOTIC)
    return np.where(t > _ASYMPTOTIC, series, 1.0 - near * _MILLS_0 * erfcx(near / math.sqrt(2.0)))
