"""Exact results and known limits of the XY model with J = 1 and no field: what samplers must reproduce.

H = -sum_<ij> cos(theta_i - theta_j), k_B = 1; `beta` = 1 / T. Functions take numbers or arrays and return
float64 of the broadcast shape unless they say otherwise. See also `transfer` and `quadrature`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import comb, i0e, i1e, ive

from mcmc.errors import ArgumentError

T_BKT = 0.8929
"""Kosterlitz-Thouless temperature, square lattice: 0.8929 (Hasenbusch 2005, J. Phys. A 38, 5869), 0.89289(5)
(Komura & Okabe 2012, arXiv:1210.6116), 0.8935(1) (Hsieh, Kao & Sandvik 2013): known to about 0.001."""

CUBIC_BETA_C = 0.4541652
"""Critical beta, simple cubic lattice: 0.4541652(11), Campostrini et al. 2006, PRB 74, 144506."""

COMPLETE_T_C = 0.5
"""Critical temperature of the complete graph with couplings 1 / N."""


def bond_cosine(beta):
    """<cos(theta_i - theta_j)> of one free bond, I1(beta) / I0(beta)."""
    return i1e(beta) / i0e(beta)


def chain_energy_per_bond(beta):
    """Mean energy per bond of the open chain, any length. Stanley 1969, Phys. Rev. 179, 570."""
    return -bond_cosine(beta)


def chain_specific_heat_per_bond(beta):
    """Specific heat per bond of the open chain, beta^2 (1 - r / beta - r^2) with r = I1 / I0; beta > 0."""
    r = bond_cosine(beta)
    return np.square(beta) * (1.0 - r / beta - r * r)


class Ring(NamedTuple):
    """Exact periodic chain, each field float64 of the shape of beta."""

    log_z: np.ndarray
    """log of the mean of exp(-beta H) over all angles."""
    energy_per_site: np.ndarray
    specific_heat_per_site: np.ndarray
    helicity: np.ndarray
    """Helicity modulus per site."""


def ring(sites: int, beta) -> Ring:
    """Exact ring of N sites from Z = sum_n I_n(beta)^N; beta > 0.

    A twist Phi around the ring multiplies term n by exp(i n Phi), so the helicity modulus is N <n^2> / beta.
    Source: the transfer matrix is diagonal in Fourier modes; Mattis 1984, Phys. Lett. A 104, 357.
    """
    beta = _positive(beta)[..., None]
    mode, bessel = _modes(beta)
    weight = (bessel / bessel[..., :1]) ** sites * np.where(mode == 0, 1.0, 2.0)
    z = weight.sum(axis=-1)
    first = (ive(mode - 1, beta) + ive(mode + 1, beta)) / (2.0 * bessel)
    second = (ive(mode - 2, beta) + 2.0 * bessel + ive(mode + 2, beta)) / (4.0 * bessel) - first**2

    def mean(values):
        return (weight * values).sum(axis=-1) / z

    beta = beta[..., 0]
    variance = sites * mean(second) + sites**2 * (mean(first**2) - mean(first) ** 2)
    log_z = np.log(z) + sites * (np.log(bessel[..., 0]) + beta)
    return Ring(log_z, -mean(first), beta**2 * variance / sites, sites * mean(mode**2) / beta)


def ring_correlation(sites: int, beta) -> np.ndarray:
    """<cos(theta_0 - theta_r)> of the ring, r = 0 .. N - 1, beta.shape + (N,); N times the sum is <|M|^2>."""
    beta = _positive(beta)[..., None]
    mode, _ = _modes(beta)
    # Modes -n and n - 1 give the same sum, read from the other side: all of both signs are kept.
    mode = np.concatenate([-mode[:0:-1], mode])
    here, up = (ive(np.abs(m), beta) / i0e(beta) for m in (mode, mode + 1))
    distance = np.arange(sites)[:, None]
    terms = here[..., None, :] ** (sites - distance) * up[..., None, :] ** distance
    return terms.sum(axis=-1) / (here**sites).sum(axis=-1)[..., None]


class StationaryPoints(NamedTuple):
    """Classes of stationary points of a ring, rotations removed, arrays of one length."""

    energy: np.ndarray
    """float64, total, -(N - 2 n) cos a."""
    downhill: np.ndarray
    """int64: index of the points, the number of directions downhill; 0 for minima."""
    points: np.ndarray
    """int64: how many there are in the class."""


def ring_stationary_points(sites: int) -> StationaryPoints:
    """Isolated stationary points of the ring: every difference is a, or pi - a on n of the bonds.

    a = pi (2 k - n) / (N - 2 n), |a| < pi / 2; if N divides by 4 there are one-parameter families besides.
    There are 2 ceil(N / 4) - 1 minima; for odd N, N C(N - 1, (N - 1) / 2) points in all. Mehta & Kastner
    2011, Ann. Phys. 326, 1425.
    """
    rows = []
    for n in range(sites + 1):
        excess = sites - 2 * n
        # |a| < pi / 2 in integers, so that no rounding decides which points are there.
        for k in range(-2 * sites, 2 * sites + 1):
            if excess and 2 * abs(2 * k - n) < abs(excess):
                energy = -excess * np.cos(np.pi * (2 * k - n) / excess)
                rows.append((energy, n if excess > 0 else n - 1, comb(sites, n, exact=True)))
    energy, downhill, points = zip(*rows, strict=True)
    return StationaryPoints(np.array(energy), np.array(downhill, np.int64), np.array(points, np.int64))


class CompleteGraph(NamedTuple):
    """Exact finite complete graph with couplings 1 / N, each field a float."""

    energy_per_site: float
    """Of H = -(1 / N) sum over pairs; add 1 / 2 - 1 / (2 N) for the convention (1 - |M|^2 / N^2) / 2."""
    specific_heat_per_site: float
    magnetization_squared: float
    """<|M|^2> / N^2."""


def complete_graph(sites: int, beta: float) -> CompleteGraph:
    """Exact thermodynamics of N spins on the complete graph, H = -(|M|^2 - N) / (2 N); beta > 0.

    A Gaussian field decouples the spins, Z ~ (N / beta) int z exp(-N z^2 / (2 beta)) I0(z)^N dz, an integral
    of one positive peak. Antoni & Ruffo 1995, Phys. Rev. E 52, 2361.
    """
    beta = float(_positive(beta))
    low, high = 0.0, beta + np.sqrt(beta**2 + 200.0 * beta / sites)
    node, node_weight = np.polynomial.legendre.leggauss(400)
    # Each pass zooms in on the peak: its width falls as 1 / sqrt(N).
    for _ in range(6):
        z = low + (high - low) * (node + 1.0) / 2.0
        log_weight = np.log(z) - sites * z**2 / (2.0 * beta) + sites * (np.log(i0e(z)) + z)
        log_weight -= log_weight.max()
        seen = np.flatnonzero(log_weight > -80.0)
        low = 0.0 if seen[0] == 0 else z[seen[0] - 1]
        high = z[min(seen[-1] + 1, z.size - 1)]
    weight = node_weight * np.exp(log_weight)
    weight /= weight.sum()
    square = weight @ z**2
    variance = weight @ (z**2 - square) ** 2
    first = sites * square / (2.0 * beta**2) - 1.0 / beta
    second = 1.0 / beta**2 + sites**2 * variance / (4.0 * beta**4) - sites * square / beta**3
    return CompleteGraph(
        float(0.5 / sites - first / sites), float(beta**2 * second / sites), float(2.0 * first / sites)
    )


def mean_field_magnetization(beta: float) -> float:
    """|m| of the infinite complete graph: the root of m = I1(beta m) / I0(beta m), 0 for beta <= 2."""
    if not beta > 2.0:
        return 0.0
    from scipy.optimize import brentq

    # m^2 > 1 - 2 / beta (from the bound of Amos 1974, Math. Comp. 28, 239), so half of that root lies below.
    low = 0.5 * np.sqrt(1.0 - 2.0 / beta)
    return float(brentq(lambda m: bond_cosine(beta * m) - m, low, 1.0, xtol=1e-15, rtol=1e-14))


def spin_wave_energy_per_site(temperature, bonds_per_site: float = 2.0, sites: float = np.inf):
    """Low-temperature energy per site, -bonds + (T / 2) (1 - 1 / N): T / 2 for each mode but the rotation."""
    return -bonds_per_site + 0.5 * np.asarray(temperature) * (1.0 - 1.0 / sites)


def spin_wave_helicity(temperature):
    """Low-temperature helicity modulus, square lattice, 1 - T / 4. Ohta & Jasnow 1979, PRB 20, 139."""
    return 1.0 - 0.25 * np.asarray(temperature)


def universal_jump(temperature):
    """The line 2 T / pi that the helicity modulus meets at T_BKT. Nelson & Kosterlitz 1977, PRL 39, 1201."""
    return 2.0 / np.pi * np.asarray(temperature)


def weber_minnhagen(size, constant, temperature=T_BKT):
    """Helicity modulus of an L x L lattice at the transition, (2 T / pi) (1 + 1 / (2 ln L + C)).

    Weber & Minnhagen 1988, Phys. Rev. B 37, 5986. Meaningful where 2 ln L + C > 0.
    """
    return universal_jump(temperature) * (1.0 + 1.0 / (2.0 * np.log(size) + constant))


def _positive(beta) -> np.ndarray:
    beta = np.asarray(beta, dtype=np.float64)
    if not (np.isfinite(beta) & (beta > 0)).all():
        raise ArgumentError(f"beta: got {beta.tolist()}; finite numbers above 0 are needed")
    return beta


def _modes(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fourier modes n >= 0 that matter and exp(-beta) I_n(beta) > 0; I_n falls like exp(-n^2 / (2 beta))."""
    largest = float(beta.max())
    mode = np.arange(int(16 + 9.0 * np.sqrt(largest)))
    return mode, np.maximum(ive(mode, beta), np.finfo(float).tiny)
