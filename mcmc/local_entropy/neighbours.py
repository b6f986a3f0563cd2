"""What is known without sampling: ln n(k) of the reference and of the configurations one flip from it.

n(k) = sum of exp(-beta E) over the configurations with k flips. n(0) is the reference; n(1) takes one energy change a
spin, and at beta = infinity says whether a solution is isolated, which sampling alone never proves.
"""

import math

import numpy as np

from mcmc.landscape import CoupledLandscape, SpinLandscape


def log_nearest_counts(landscape: CoupledLandscape, beta: float) -> np.ndarray:
    """ln n(0) and ln n(1), (2,) float64; ln n(0) alone, (1,), where a flip is not known to be a change of sign.

    -inf where at beta = infinity no such configuration has E = 0. n(1) needs spins +-1 and `delta_energy`.
    """
    state = landscape.at_reference(1, 0)
    start = landscape.cost(state)[0]
    spins = np.asarray(landscape.reference)
    flips_signs = landscape.levels is not None and bool((np.abs(spins) == 1).all())
    # A landscape whose `energy` is the coupling's tells nothing of E.
    if not flips_signs or not isinstance(landscape, SpinLandscape) or landscape.energy(state)[0] != start:
        return _log_boltzmann(start, beta)[None]
    changes = [landscape.delta_energy(state, i, -spins[i : i + 1])[0] for i in range(landscape.sites)]
    return np.array([_log_boltzmann(start, beta), _log_sum(_log_boltzmann(start + np.array(changes), beta))])


def rounding(log_count: np.ndarray, beta: float) -> np.ndarray:
    """What is not certain of such a logarithm: nothing where configurations are counted, else some last digits."""
    known = np.isfinite(log_count) & (np.arange(log_count.size) > 0)
    if math.isinf(beta):
        return np.zeros(log_count.size)
    return np.where(known, 8.0 * np.finfo(np.float64).eps * np.maximum(1.0, np.abs(log_count)), 0.0)


def _log_boltzmann(energies: np.ndarray, beta: float) -> np.ndarray:
    """-beta E, and at beta = infinity 0 where E = 0, else -inf."""
    if math.isinf(beta):
        return np.where(energies == 0, 0.0, -math.inf)
    return np.asarray(-beta * energies + 0.0)


def _log_sum(logs: np.ndarray) -> float:
    """ln sum exp(logs), exact for a whole number of ones; -inf where there is none."""
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum())) if np.isfinite(top) else -math.inf
