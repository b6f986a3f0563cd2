"""Entries of patterns: how they are drawn, and what is asked of a user's own.

Gaussian entries are multiples of 2^-20, so that every stability is exact in double precision in any order of summation.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.memory import require_memory
from mcmc.random import Stream, normals, split_seed, words
from perceptron.packing import unpack_signs

Kind = Literal["binary", "gaussian"]
Tie = Literal["error", "correct"]

GRID = 2.0**-20
"""Gaussian entries are multiples of this."""

LARGEST_ENTRY = 2.0**8
"""Gaussian entries are below this."""

COARSE = 2.0**-10
"""A pattern whose largest entry is below this would lose its third digit to the rounding."""

BLOCK = 2**20
"""Entries that are worked on at a time: what temporary arrays grow with."""

TEMPORARY = {"binary": 8, "gaussian": 128}
"""Bytes of temporary arrays for each entry of a block."""


def draw_entries(n: int, p: int, seed: int, kind: Kind, other_bytes: int = 0) -> np.ndarray:
    """Independent entries (p, n), int8 of +-1 or float64; each depends on (seed, pattern, site) alone.

    Raises ArgumentError for a bad seed, MemoryLimitError when entries, temporary arrays and `other_bytes` are more
    than the machine has.
    """
    split_seed(seed)
    dtype: np.dtype = np.dtype(np.float64 if kind == "gaussian" else np.int8)
    needed = n * p * dtype.itemsize + TEMPORARY[kind] * min(n * p, max(BLOCK, n)) + other_bytes
    require_memory(needed, f"an instance with {p} {kind} patterns of {n} weights", "take fewer patterns or weights")
    out: np.ndarray = np.empty((p, n), dtype)
    draw = _normal_rows if kind == "gaussian" else _sign_rows
    for first, last in row_blocks(p, n):
        out[first:last] = draw(n, np.arange(first, last)[:, None], seed)
    return out


def row_blocks(rows: int, length: int) -> Iterator[tuple[int, int]]:
    """Bounds of blocks of whole rows with about BLOCK entries."""
    step = max(1, BLOCK // max(1, length))
    for first in range(0, rows, step):
        yield first, min(first + step, rows)


def checked_array(name: str, values: Any) -> np.ndarray:
    """`values` as an array. Raises ArgumentError where lists of different lengths make none."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"{name}: got rows of different lengths; an array of numbers is needed") from error


def checked_entries(values: np.ndarray, kind: Kind, tie: Tie | None) -> np.ndarray:
    """A new array of entries (p, n): int8 of +-1, or float64 rounded to multiples of 2^-20.

    Raises ArgumentError for other values, Gaussian entries too large or too small for the grid, and whole numbers
    that can add up to a stability of exactly 0 without a tie rule.
    """
    right = np.isfinite(values) if kind == "gaussian" else np.abs(values.astype(np.float64)) == 1
    if not right.all():
        mu, i = np.argwhere(~right)[0]
        needed = "finite numbers" if kind == "gaussian" else "+1 and -1 (or kind='gaussian' for real entries)"
        raise ArgumentError(f"patterns[{mu}, {i}]: got {values[mu, i]}; {needed} are needed")
    if kind == "binary":
        return values.astype(np.int8)
    real = values.astype(np.float64)
    _check_scale(real)
    entries = np.rint(real / GRID) * GRID
    if tie is None:
        _refuse_silent_ties(entries)
    return entries


def _check_scale(real: np.ndarray) -> None:
    largest = np.abs(real).max(axis=1)
    if largest.max() >= LARGEST_ENTRY:
        raise ArgumentError(
            f"patterns: got entries up to {largest.max():.4g}; scale them below 256, so that sums stay exact"
        )
    small = np.flatnonzero((largest > 0) & (largest < COARSE))
    if small.size:
        raise ArgumentError(
            f"patterns[{small[0]}]: got entries up to {largest[small[0]]:.4g}, small against 2^-20, to multiples of "
            "which they are rounded; scale them up, to a variance of 1"
        )


def _refuse_silent_ties(entries: np.ndarray) -> None:
    # An odd sum never gives 0, nor does an entry larger than all others together.
    size = np.abs(entries)
    total, whole = size.sum(axis=1), (size == np.rint(size)).all(axis=1)
    ties = np.flatnonzero(whole & (total % 2 == 0) & (2 * size.max(axis=1) <= total))
    if ties.size:
        raise ArgumentError(
            f"patterns[{ties[0]}]: got whole numbers with an even sum, whose stability can be exactly 0; say what 0 "
            "counts as: tie='error' or tie='correct'"
        )


def _sign_rows(n: int, pattern: np.ndarray, seed: int) -> np.ndarray:
    calls = -(-n // 128)
    drawn = words(seed, Stream.PATTERNS, np.arange(calls)[None, :], 0, pattern)
    return unpack_signs(drawn.reshape(len(pattern), 4 * calls).astype("<u4", copy=False).view("<u8"), n)


def _normal_rows(n: int, pattern: np.ndarray, seed: int) -> np.ndarray:
    pairs = -(-n // 2)
    drawn = normals(seed, Stream.PATTERNS, np.arange(pairs)[None, :], 0, pattern, draw=1)
    return np.rint(drawn.reshape(len(pattern), 2 * pairs)[:, :n] / GRID) * GRID
