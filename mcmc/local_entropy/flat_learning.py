"""Weights that make all distances equally likely, by the Wang-Landau rule with steps that fall as 1 / t.

W_b(k) is lowered by f at the k of every attempt. f is halved whenever all k have been seen since the last time, but
stays at levels / t, t the attempts so far: the weights then converge (Belardinelli & Pereyra 2007, Phys. Rev. E 75,
046701). Chains of one temperature lower the same weights.
"""

import numpy as np

from mcmc.local_entropy.flat_chains import FlatChains

LARGEST_LOWERING = 1.0
"""What a chain that stays where it is takes off its weight in a leg, at first: more would dig holes."""


def learn(chains: FlatChains, legs: int, sweeps: int) -> np.ndarray:
    """Learn the weights of `chains` in `legs` legs of `sweeps` sweeps; returns which k each rung met, (rungs, levels).

    Where a rung met nothing, its weight is that of the next hotter one, joined at k = 0: no larger than it should be,
    since colder configurations are fewer.
    """
    rungs, levels = chains.betas.size, chains.farthest + 1
    largest = LARGEST_LOWERING / (chains.landscape.sites * sweeps)
    step = np.full(rungs, largest)
    met, since = np.zeros((rungs, levels), bool), np.zeros((rungs, levels), bool)
    each = chains.chains * chains.landscape.sites * sweeps
    for leg in range(legs):
        seen = chains.leg(sweeps, step)[:, :, :levels].sum(axis=0) > 0
        met |= seen
        since |= seen
        whole = (since | ~met).all(axis=1)
        step[whole] *= 0.5
        since[whole] = False
        # A visit lowers the average over chains by step / chains.
        step = np.minimum(np.maximum(step, chains.chains * levels / ((leg + 1.0) * each)), largest)
    weight = chains.log_weight[:, :levels]
    weight -= weight[:, :1]
    for rung in range(rungs - 2, -1, -1):
        missing = ~met[rung]
        weight[rung, missing] = weight[rung + 1, missing]
    return met
