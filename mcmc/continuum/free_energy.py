"""What a density loses on its way: F(rho) = beta^-1 KL(rho || rho_ss) and the Fisher information that it falls by.

    dF/dt = -I,    I(rho) = int rho grad psi . D grad psi,    psi = beta^-1 log(rho / rho_ss),

for every drift: the part of it that carries a current at rest does no work on F (Jordan, Kinderlehrer & Otto 1998,
SIAM J. Math. Anal. 29, 1; arXiv:1710.11029, theorem 5).
"""

import numpy as np

from mcmc.continuum.generator import Pairs

TINY = 1e-300


def free_energy(density: np.ndarray, stationary: np.ndarray, volume: float, beta: float) -> float:
    """beta^-1 KL(density || stationary), both (size,) of mass 1; 0 at rest, never negative beyond rounding."""
    from scipy.special import rel_entr

    # rho log(rho / pi) - rho + pi has no negative term: small differences keep their digits.
    terms = rel_entr(density, np.maximum(stationary, TINY)) - density + stationary
    return float(terms.sum() * volume / beta)


def fisher_information(
    pairs: list[Pairs], density: np.ndarray, stationary: np.ndarray, volume: float, beta: float
) -> float:
    """I of `density` relative to `stationary`, both (size,): the rate at which F falls, to discretisation order.

    Exactly that rate on the grid where detailed balance holds. Infinite where the density is 0 beside cells where it
    is not.
    """
    ratio = density / np.maximum(stationary, TINY)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(ratio)
        total = 0.0
        for p in pairs:
            # The rate of exchange at rest: weight times the density between both cells.
            held = (p.forward * stationary[p.first] + p.backward * stationary[p.second]) / 2
            loss = (ratio[p.second] - ratio[p.first]) * (logs[p.second] - logs[p.first])
            total += float(np.where(ratio[p.second] == ratio[p.first], 0.0, held * loss).sum())
    return total * volume / beta
