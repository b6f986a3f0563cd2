"""Rejection-free single-spin updates: the n-fold way, which jumps from one accepted flip to the next.

The same Markov chain as Metropolis at randomly chosen sites: the number of refused attempts before a flip is drawn
from its geometric law, the flip itself from the accepted ones, so that a sweep is still `sites` attempts and nothing is
tuned. Worth its price where few attempts are accepted, in the cold. Each attempt satisfies detailed balance with
exp(-beta E). Bortz, Kalos & Lebowitz 1975, J. Comput. Phys. 17, 10.
"""

from mcmc.landscape import SweepInfo
from mcmc.samplers.sweeping import SpinSampler, SweepState

RejectionFreeState = SweepState
RejectionFreeInfo = SweepInfo


class RejectionFree(SpinSampler):
    """Sweeps of `sites` attempts each, of which only the accepted ones cost time; acceptance counts all."""

    update = "rejection_free"
