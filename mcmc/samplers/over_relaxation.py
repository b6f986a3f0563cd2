"""Over-relaxation: every spin is mirrored in its local field, which leaves the total energy as it is.

Deterministic and its own inverse: it leaves exp(-beta E) invariant for every beta, and samples one energy
shell. Alone it is a microcanonical dynamics and not ergodic; between Metropolis or heat-bath sweeps (their
`over_relaxation`) it decorrelates long waves. Creutz 1987, Phys. Rev. D 36, 515; Brown & Woch 1987, Phys.
Rev. Lett. 58, 2394.
"""

from mcmc.landscape import SweepInfo
from mcmc.samplers.sweeping import SpinSampler, SweepState

OverRelaxationState = SweepState
OverRelaxationInfo = SweepInfo


class OverRelaxation(SpinSampler):
    """Microcanonical sweeps; `beta` only labels the chains.

    `stationary` is false: no temperature is sampled, so no autocorrelation time is asked of the series.
    """

    update = "over_relaxation"
    stationary = False
