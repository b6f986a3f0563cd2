"""What flipping one weight does to the energy of one configuration, and the flip itself.

For binary patterns only those at the boundary count. With y the patterns whose stability goes down, the change is
popcount(mask_0 and y) + sign * popcount(mask_1 and y) - offset, where
- errors: mask_0 = just right or just wrong, offset = number just wrong (mask_1 unused);
- hinge, the flips needed: mask_0 = wrong or just right, mask_1 = wrong, sign +1, offset = number wrong;
- symmetric, |Delta| <= K: mask_0 = about -K, mask_1 = about +K, sign -1, offset = just below -K minus just at +K.

Gaussian patterns carry their stabilities in double precision, exact since entries are multiples of 2^-20.
"""

from typing import NamedTuple

import numpy as np

from mcmc.compiled import piece
from perceptron.kernels.lanes import boundary, counters_equal, wrong_side

ERRORS, HINGE, SYMMETRIC = 0, 1, 2
ALL_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
NONE = np.uint64(0)


class Couplings(NamedTuple):
    """The patterns as the loops read them."""

    columns: np.ndarray
    """(n * words,) uint64: bit mu of word row i set where xi_i^mu = +1; words a multiple of 8."""
    valid: np.ndarray
    """(words,) uint64: bits of real patterns."""
    rows: np.ndarray
    """((p + 2) * site_words,) uint64: bit i of word row mu set where xi_i^mu = +1; then an empty row and a full one."""
    entries: np.ndarray
    """(n, p) float64 of Gaussian patterns; (1, 1) for binary ones."""
    n: int
    p: int
    words: int
    """Words of a column."""
    site_words: int
    """Words of a row; a multiple of 8."""
    bits: int
    """Planes of a counter."""
    kind: int
    """ERRORS, HINGE or SYMMETRIC."""
    gaussian: int
    """1 for Gaussian patterns."""
    upper: int
    """Counter of a pattern exactly at +K (symmetric, binary)."""
    least: float
    """Smallest right stability (Gaussian)."""
    most: float
    """Largest right stability (Gaussian)."""


@piece
def set_masks(planes, plane, valid, words, bits, kind, upper, masks, mask):
    """Fill the two masks, from `mask` on, of the configuration whose planes begin at `plane`; returns the offset."""
    if kind == ERRORS:
        offset = boundary(planes, plane, valid, words, bits, masks, mask)
    elif kind == HINGE:
        offset = wrong_side(planes, plane, valid, words, bits, masks, mask + words)
        boundary(planes, plane, valid, words, bits, masks, mask)
        for w in range(words):
            masks[mask + w] |= masks[mask + words + w]
    else:
        # The first mask serves as scratch before it gets its own.
        inside = counters_equal(planes, plane, valid, 0, upper, words, bits, masks, mask + words)
        counters_equal(planes, plane, valid, 0, upper + 1, words, bits, masks, mask)
        for w in range(words):
            masks[mask + words + w] |= masks[mask + w]
        offset = boundary(planes, plane, valid, words, bits, masks, mask) - inside
    return offset


@piece
def change_gaussian(entries, site, p, spin, kind, least, most, stability, first):
    """Energy change, int64, if weight `site`, now `spin`, were flipped; its p stabilities begin at `first`."""
    row, before = entries[site], stability[first : first + p]
    twice = np.float64(2 * spin)
    change = np.int64(0)
    if kind == SYMMETRIC:
        for mu in range(np.uint64(p)):
            old, new = before[mu], before[mu] - twice * row[mu]
            change += np.int64(new < least) + np.int64(new > most) - np.int64(old < least) - np.int64(old > most)
    else:
        for mu in range(np.uint64(p)):
            change += np.int64(before[mu] - twice * row[mu] < least) - np.int64(before[mu] < least)
    return change


@piece
def flip_gaussian(entries, site, p, spin, stability, first):
    """Bring the p stabilities from `first` on up to date after weight `site` was flipped away from `spin`."""
    row, values = entries[site], stability[first : first + p]
    twice = np.float64(2 * spin)
    for mu in range(np.uint64(p)):
        values[mu] -= twice * row[mu]
