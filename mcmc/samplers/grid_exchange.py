"""Compiled exchange of inverse temperature and coupling between the replicas of a grid of both."""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import Stream, philox4x32, stream_word, uniform64

SWAP_STREAM = int(Stream.GRID_SWAP)
ALONG_BETA, ALONG_GAMMA = 0, 1
FIRST, LAST = 1, -1


@piece
def log_grid_ratio(beta_a, beta_b, gamma_a, gamma_b, cost_a, cost_b, agreement_a, agreement_b):
    """Log of pi(swapped) / pi(as is) for a at (beta_a, gamma_a) and b at (beta_b, gamma_b); infinity times 0 is 0."""
    ratio = -(gamma_a - gamma_b) * (agreement_a - agreement_b)
    if beta_a != beta_b and cost_a != cost_b:
        ratio += (beta_a - beta_b) * (cost_a - cost_b)
    return ratio


@kernel_tied_to()
def exchange_on_grid(
    beta, gamma, cost, agreement, axis, parity, sweep, chain, k0, k1, lane, heading, attempted, swapped, round_trips
):
    """Offer every second pair of neighbours along one axis, from `parity` on, each other's place, in every chain.

    `beta` (betas,), `gamma` (gammas,); `cost` and `agreement` (lanes,) float64; `lane` (chains, betas, gammas) is the
    lane at each place and is updated; `attempted` and `swapped` (2, chains, betas, gammas) int64 count at the first of
    each pair; `heading` (2, lanes) int8 is the end of each axis last visited, FIRST, LAST or 0; `round_trips`
    (2, chains) int64 counts journeys first - last - first.
    """
    rows, columns = lane.shape[1], lane.shape[2]
    down, right = (1, 0) if axis == ALONG_BETA else (0, 1)
    word = stream_word(SWAP_STREAM, axis)
    for c in range(lane.shape[0]):
        for i in range(rows - down):
            for j in range(columns - right):
                if ((i if axis == ALONG_BETA else j) & 1) != parity:
                    continue
                a, b = lane[c, i, j], lane[c, i + down, j + right]
                ratio = log_grid_ratio(
                    beta[i], beta[i + down], gamma[j], gamma[j + right], cost[a], cost[b], agreement[a], agreement[b]
                )
                w0, w1, _, _ = philox4x32(np.uint32(i * columns + j), np.uint32(sweep), chain[c], word, k0, k1)
                attempted[axis, c, i, j] += 1
                if np.log(uniform64(w0, w1)) < ratio:
                    lane[c, i, j], lane[c, i + down, j + right] = b, a
                    swapped[axis, c, i, j] += 1
        for k in range(columns if axis == ALONG_BETA else rows):
            first = lane[c, 0, k] if axis == ALONG_BETA else lane[c, k, 0]
            last = lane[c, rows - 1, k] if axis == ALONG_BETA else lane[c, k, columns - 1]
            if heading[axis, first] == LAST:
                round_trips[axis, c] += 1
            heading[axis, first] = FIRST
            # A replica that was never at the first end has no trip under way.
            if heading[axis, last] == FIRST:
                heading[axis, last] = LAST
