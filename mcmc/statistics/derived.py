"""Physical numbers as functions of means: for `jackknife` and `MultiHistogram.evaluate`.

k_B = 1; energies, magnetisations and helicity sums are totals, so each function divides by `sites` itself.
All arguments broadcast, all results are float64.
"""

import numpy as np
from numpy.typing import ArrayLike

from mcmc.errors import ArgumentError


def specific_heat(beta: ArrayLike, e: ArrayLike, e2: ArrayLike, sites: int) -> np.ndarray:
    """Specific heat per site, beta^2 (<E^2> - <E>^2) / sites.

    It does not depend on the zero of E: means of (E - E_0) and (E - E_0)^2 keep more digits. Source: Landau &
    Binder, "A Guide to Monte Carlo Simulations in Statistical Physics", section 2.1.
    """
    b, mean, square = _floats(beta, e, e2)
    return b**2 * (square - mean**2) / _sites(sites)


def susceptibility(beta: ArrayLike, m2: ArrayLike, sites: int, m: ArrayLike = 0.0) -> np.ndarray:
    """Susceptibility per site, beta (<M^2> - <|M|>^2) / sites, from the total magnetisation M.

    Leave out m for the symmetric phase, where <M> = 0; give <|M|> for the connected susceptibility of a
    finite system. Source: Landau & Binder, section 2.1.
    """
    b, square, mean = _floats(beta, m2, m)
    return b * (square - mean**2) / _sites(sites)


def binder_cumulant(m2: ArrayLike, m4: ArrayLike, components: int = 1) -> np.ndarray:
    """Binder cumulant 1 - n/(n+2) <M^4> / <M^2>^2 for an order parameter of n components.

    0 for Gaussian M (disordered), 2/(n+2) for |M| constant (ordered): 2/3 Ising, 1/2 XY. Source: Binder 1981,
    Z. Phys. B 43, 119, there for n = 1: 1 - <M^4> / (3 <M^2>^2).
    """
    if isinstance(components, bool) or not isinstance(components, (int, np.integer)) or components < 1:
        raise ArgumentError(f"components: got {components!r}; an integer of at least 1 is needed")
    square, fourth = _floats(m2, m4)
    return 1.0 - components / (components + 2) * fourth / square**2


def helicity_modulus(
    beta: ArrayLike, cosine: ArrayLike, sine_squared: ArrayLike, sites: int, sine: ArrayLike = 0.0
) -> np.ndarray:
    """Helicity modulus per site along one direction, [<C> - beta (<S^2> - <S>^2)] / sites.

    C = sum J cos(dtheta), S = sum J sin(dtheta) over the bonds of that direction, totals. <S> = 0 by symmetry
    without random phases: give it for a gauge glass only. Source: Fisher, Barber & Jasnow 1973, Phys. Rev. A
    8, 1111; in this form Teitel & Jayaprakash 1983, Phys. Rev. B 27, 598.
    """
    b, c, square, mean = _floats(beta, cosine, sine_squared, sine)
    return (c - b * (square - mean**2)) / _sites(sites)


def second_moment_correlation_length(m2: ArrayLike, sk: ArrayLike, kmin: ArrayLike) -> np.ndarray:
    """Second-moment correlation length in lattice spacings, sqrt(<M^2>/S(kmin) - 1) / (2 sin(kmin/2)).

    S(kmin) = <|sum_j s_j exp(i kmin x_j)|^2> normalised as <M^2>, and kmin = 2 pi / L. 0 where noise brings
    S(kmin) above <M^2>. Source: Cooper, Freedman & Preston 1982, Nucl. Phys. B 210, 210.
    """
    square, wave, k = _floats(m2, sk, kmin)
    if not ((k > 0) & (k < 2 * np.pi)).all():
        raise ArgumentError(f"kmin: got {kmin!r}; a wave number between 0 and 2 pi is needed, 2 pi / L for side L")
    return np.sqrt(np.maximum(square / wave - 1.0, 0.0)) / (2.0 * np.sin(k / 2.0))


def _floats(*values: ArrayLike) -> list[np.ndarray]:
    return [np.asarray(v, dtype=np.float64) for v in values]


def _sites(sites: int) -> int:
    if isinstance(sites, bool) or not isinstance(sites, (int, np.integer)) or sites < 1:
        raise ArgumentError(f"sites: got {sites!r}; an integer of at least 1 is needed")
    return int(sites)
