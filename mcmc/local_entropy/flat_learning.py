"""Weights that make all distances equally likely, by the Wang-Landau rule with steps that fall as 1 / t.

W_b(k) is lowered by f = c levels / t at the k of every attempt, t the attempts so far, and by no more than a bound at
first: the weights then converge (Belardinelli & Pereyra 2007, Phys. Rev. E 75, 046701). The first weights come from
pilots, so that no stage of larger steps is needed. Chains of one temperature lower the same weights.
"""

import numpy as np

from mcmc.local_entropy.flat_chains import FlatChains

STEEPNESS = 2.0
"""c: above 1 an error of the first weights dies out faster than the logarithm of t grows."""
LARGEST_LOWERING = 1.0
"""What a chain that stays where it is takes off its weight in a leg, at first: more would dig holes."""


def learn(chains: FlatChains, legs: int, sweeps: int) -> np.ndarray:
    """Learn the weights of `chains` in `legs` legs of `sweeps` sweeps; returns which k each rung met, (rungs, levels).

    Where a rung met nothing, its weight is that of the next hotter one, joined at k = 0: no larger than it should be,
    since colder configurations are fewer.
    """
    rungs, levels = chains.betas.size, chains.farthest + 1
    largest = LARGEST_LOWERING / (chains.landscape.sites * sweeps)
    met = np.zeros((rungs, levels), bool)
    each = chains.chains * chains.landscape.sites * sweeps
    for leg in range(legs):
        # A visit lowers the average over chains by step / chains.
        step = min(STEEPNESS * chains.chains * levels / ((leg + 1.0) * each), largest)
        met |= chains.leg(sweeps, np.full(rungs, step))[:, :, :levels].sum(axis=0) > 0
    weight = chains.log_weight[:, :levels]
    weight -= weight[:, :1]
    for rung in range(rungs - 2, -1, -1):
        missing = ~met[rung]
        weight[rung, missing] = weight[rung + 1, missing]
    return met
