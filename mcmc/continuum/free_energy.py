"""What a density loses on its way: F(rho) = beta^-1 KL(rho || rho_ss) and the Fisher information that it falls by.

    dF/dt = -I,    I(rho) = int rho grad psi . D grad psi,    psi = beta^-1 log(rho / rho_ss),

for every drift: the part of it that carries a current at rest does no work on F (Jordan, Kinderlehrer & Otto 1998,
SIAM J. Math. Anal. 29, 1; arXiv:1710.11029, theorem 5). Both take log rho_ss: far out it is a number where rho_ss
itself underflows.
"""

import numpy as np

from mcmc.continuum.densities import StationaryDensity
from mcmc.continuum.generator import Pairs

TINY = 1e-300
"""Densities below lose digits, then vanish."""
END = 1e-290
"""Share of its peak below which a density that is 0 beside it has underflowed, not ended."""
STEEPEST = 600.0
"""Largest difference of logarithms whose exponential is taken."""
UNKNOWN = -700.0
"""log rho_ss under that of the peak, of a null vector, from which on it has underflowed."""


def free_energy(density: np.ndarray, rest: StationaryDensity) -> float:
    """beta^-1 KL(density || rest), `density` (size,) of mass 1; 0 at rest, never negative beyond rounding."""
    from scipy.special import rel_entr

    stationary, logs = rest.density.ravel(), rest.log_density.ravel()
    far = (stationary < TINY) & (density > 0)
    terms = rel_entr(density, np.maximum(stationary, TINY))
    terms[far] = density[far] * (np.log(density[far]) - logs[far])
    # rho log(rho / pi) - rho + pi has no negative term: small differences keep their digits.
    terms += stationary - density
    return float(terms.sum() * rest.grid.volume / rest.beta)


def fisher_information(pairs: list[Pairs], density: np.ndarray, rest: StationaryDensity) -> float:
    """I of `density` (size,) relative to `rest`: the rate at which F falls, to discretisation order.

    Exactly that rate on the grid where detailed balance holds. Infinite where the density is 0 beside cells where it
    is not, and has not underflowed.
    """
    logs = rest.log_density.ravel()
    with np.errstate(divide="ignore"):
        excess = np.log(density) - logs
    peak, total = float(density.max()), 0.0
    for p in pairs:
        here, there = density[p.first], density[p.second]
        used = np.where(np.minimum(here, there) > 0, True, np.maximum(here, there) > END * peak)
        # What detailed balance lacks, 0 where it holds: log of backward rho_ss there over forward rho_ss here.
        lack = logs[p.second] - logs[p.first] - p.log_ratio
        lack = np.exp(np.clip(lack[used], -STEEPEST, STEEPEST))
        # Exchange at rest, the mean of both directions, times rho / rho_ss: no quotient that overflows.
        out = p.forward[used] * here[used] * (1 + lack) / 2
        back = p.backward[used] * there[used] * (1 + 1 / lack) / 2
        fall = excess[p.first][used] - excess[p.second][used]
        total += float(np.where(out == back, 0.0, (out - back) * fall).sum())
    return total * rest.grid.volume / rest.beta


def underflow_text(seen: np.ndarray, rest: StationaryDensity, share: float) -> str | None:
    """What to say where more than `share` of a density of `seen` (times, size) lies where rho_ss has underflowed."""
    if rest.method != "null-vector":
        return None
    logs = rest.log_density.ravel()
    lost = float(seen[:, logs - logs.max() < UNKNOWN].sum(axis=1).max() * rest.grid.volume)
    if lost <= share:
        return None
    return (
        f"free energy: {lost:.2g} of the density lies where the density at rest, a null vector, underflows; F and the "
        f"Fisher information are too low there; lower beta below {rest.beta:g}, take a smaller box, or give a potential"
    )
