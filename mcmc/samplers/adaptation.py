"""Tuning during thermalisation: blocks of sweeps at fixed absolute times, and the rule at their ends.

A block ends whenever the absolute sweep number is a multiple of its length, whoever asked for how many
sweeps: the tuned numbers, and with them every later bit, do not depend on how calls were chunked.
"""

from collections.abc import Iterator

import numpy as np
from numba import njit

BLOCK = 20
"""Sweeps a block."""

FORGET = 0.6
"""Gain of the k-th block ~ k^-FORGET: above 1/2 the noise dies out, below 1 any start is reached."""


def blocks(sweep: int, n: int) -> Iterator[tuple[int, bool]]:
    """Split n sweeps from absolute sweep `sweep` on: (length, whether the piece ends a block)."""
    end = sweep + n
    while sweep < end:
        boundary = (sweep // BLOCK + 1) * BLOCK
        piece = min(boundary, end) - sweep
        sweep += piece
        yield piece, sweep == boundary


@njit(cache=True, nogil=True)
def rescale(scale, accepted, attempted, target, block, lowest, highest):
    """Move each proposal scale, (chains,), towards the target acceptance, in place; clears `accepted`.

    Robbins & Monro 1951 on log scale: + gain (acceptance - target), `block` the number of the block, from 1.
    """
    gain = block**-FORGET / (target * (1.0 - target))
    for c in range(scale.size):
        moved = scale[c] * np.exp(gain * (accepted[c] / attempted - target))
        scale[c] = min(max(moved, lowest), highest)
        accepted[c] = 0
