"""Heat bath: every spin is drawn anew from its law given its neighbours.

No rejection in the law and nothing to tune; each single-site update satisfies detailed balance with
exp(-beta E). Creutz 1980, Phys. Rev. D 21, 2308; for vectors Miyatake et al. 1986, J. Phys. C 19, 2539.
"""

from mcmc.landscape import SweepInfo
from mcmc.samplers.sweeping import SpinSampler, SweepState

HeatBathState = SweepState
HeatBathInfo = SweepInfo


class HeatBath(SpinSampler):
    """Heat-bath sweeps, each followed by `over_relaxation` energy-preserving ones."""

    update = "heat_bath"
