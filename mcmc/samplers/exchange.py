"""Compiled exchange of temperatures between the replicas of a tempering chain."""

import numpy as np
from numba import njit

from mcmc.random import Stream, philox4x32, stream_word, uniform64

SWAP_STREAM = int(Stream.SWAP)
COLD, HOT = 1, -1


@njit(cache=True)
def log_exchange_ratio(beta_a, beta_b, energy_a, energy_b):
    """Log of pi(swapped) / pi(as is) for a at beta_a and b at beta_b: (beta_a - beta_b)(E_a - E_b)."""
    return (beta_a - beta_b) * (energy_a - energy_b)


@njit(cache=True, nogil=True)
def exchange(beta, energy, parity, sweep, chain, k0, k1, lane, source, attempted, swapped):
    """Offer the pairs (p, p + 1), p = parity, parity + 2, ..., of every chain their neighbour's temperature.

    `beta` (temperatures,) from cold to hot; `energy` (lanes,); `lane` (chains, temperatures) is the lane at
    each temperature and is updated; `source` (lanes,) gets the lane from which each takes its temperature;
    `attempted` and `swapped` (chains, temperatures - 1) count. Returns whether anything moved.
    """
    moved = False
    word = stream_word(SWAP_STREAM, 0)
    for i in range(source.size):
        source[i] = i
    for c in range(lane.shape[0]):
        for p in range(parity, lane.shape[1] - 1, 2):
            a, b = lane[c, p], lane[c, p + 1]
            ratio = log_exchange_ratio(beta[p], beta[p + 1], energy[a], energy[b])
            w0, w1, _, _ = philox4x32(np.uint32(p), np.uint32(sweep), chain[c], word, k0, k1)
            attempted[c, p] += 1
            if np.log(uniform64(w0, w1)) < ratio:
                lane[c, p], lane[c, p + 1] = b, a
                source[a], source[b] = b, a
                swapped[c, p] += 1
                moved = True
    return moved


@njit(cache=True, nogil=True)
def count_round_trips(lane, heading, round_trips):
    """Mark the replicas at the ends; back at the cold end after the hot one is a round trip.

    `heading` (lanes,) int8 is the end last visited, COLD or HOT, 0 for none yet; `round_trips` (chains,)
    counts.
    """
    hottest = lane.shape[1] - 1
    for c in range(lane.shape[0]):
        cold = lane[c, 0]
        if heading[cold] == HOT:
            round_trips[c] += 1
        heading[cold] = COLD
        # A replica that has never been cold has no trip under way.
        if heading[lane[c, hottest]] == COLD:
            heading[lane[c, hottest]] = HOT
