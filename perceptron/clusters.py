"""The graph of solutions: which are connected by flips of one weight, or of at most two, through solutions alone.

A cluster is a connected component of the graph whose edges join solutions at Hamming distance 1, or at distance 1 and
2. An isolated solution has no edge. Isolated solutions of the binary perceptron: Huang & Kabashima 2014,
arXiv:1408.1784.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.memory import require_memory
from perceptron.enumeration import Enumeration
from perceptron.enumeration_blocks import packed_weights
from perceptron.kernels.solution_graph import count_pairs, join_neighbours
from perceptron.pattern_entries import checked_array

MOST_PAIRS = 2 * 10**11
"""Pairs that are counted in some minutes."""

BYTES_EACH = 70
"""Memory for each solution while clusters are sought, besides the solutions themselves."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Connected components of the graph of solutions."""

    sizes: np.ndarray
    """(clusters,) int64: solutions in each cluster, descending; equal ones by their least packed solution."""
    labels: np.ndarray
    """(solutions,) int64: place in `sizes` of each solution's cluster, in the order the solutions were given."""
    distance: int
    """Largest Hamming distance that an edge joins."""

    @property
    def count(self) -> int:
        """Number of clusters."""
        return self.sizes.size

    @property
    def isolated_fraction(self) -> float:
        """Fraction of solutions that are clusters of their own; nan without solutions."""
        return float((self.sizes == 1).sum() / self.labels.size) if self.labels.size else float("nan")


def solution_clusters(solutions: Any, distance: int = 1) -> Clusters:
    """Clusters of solutions joined by flips of a single weight (`distance` 1) or of one or two weights (2).

    `solutions` is an Enumeration, weights (count, n) of +-1 with n <= 64, or packed configurations (count,) uint64.
    Time grows as count n, for distance 2 as count n^2. Raises ArgumentError for another distance, other arrays or
    a solution given twice, MemoryLimitError, before it starts, for more solutions than the machine has memory for, and
    as `Enumeration.packed_solutions`.
    """
    if isinstance(distance, bool) or distance not in (1, 2):
        raise ArgumentError(f"distance: got {distance!r}; 1 (single flips) or 2 (at most two flips) is needed")
    packed = _packed(solutions)
    require_memory(BYTES_EACH * packed.size, f"finding clusters of {packed.size} solutions", "take fewer solutions")
    order = np.argsort(packed, kind="stable")
    ascending = packed[order]
    if (ascending[1:] == ascending[:-1]).any():
        raise ArgumentError("solutions: some are given twice; pass each once (numpy.unique)")
    if ascending.size >= 2**31 - 1:
        raise ArgumentError(f"solutions: got {ascending.size}; fewer than 2^31 are needed")
    parent = np.arange(ascending.size, dtype=np.int32)
    varying = np.bitwise_or.reduce(ascending) ^ np.bitwise_and.reduce(ascending) if ascending.size else np.uint64(0)
    bits = np.flatnonzero((varying >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).astype(np.uint64)
    join_neighbours(ascending, bits, int(distance), parent)
    roots, cluster, sizes = np.unique(parent, return_inverse=True, return_counts=True)
    # Roots ascend: a stable sort leaves clusters of one size by their least solution.
    descending = np.argsort(-sizes, kind="stable")
    place = np.empty(roots.size, np.int64)
    place[descending] = np.arange(roots.size)
    labels = np.empty(packed.size, np.int64)
    labels[order] = place[cluster]
    return Clusters(sizes[descending].astype(np.int64), labels, int(distance))


def pair_distances(solutions: Any, n: int | None = None) -> np.ndarray:
    """Pairs of solutions, not ordered, by the number of weights that differ: (n + 1,) int64.

    `solutions` as for `solution_clusters`; packed ones need `n`. Raises ArgumentError for another n than the
    solutions have, and for more than MOST_PAIRS.
    """
    packed = _packed(solutions)
    if isinstance(solutions, Enumeration):
        n = solutions.patterns.n
    elif not (isinstance(solutions, np.ndarray) and solutions.ndim == 1):
        n = np.shape(solutions)[1]
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= 64:
        raise ArgumentError(f"n: got {n!r}; the number of weights, 1 to 64, of packed solutions is needed")
    if n < 64 and packed.size and (largest := int(packed.max())) >> int(n):
        raise ArgumentError(f"solutions: got {largest}, which is not below 2^{n}; give the n they were packed with")
    pairs = packed.size * (packed.size - 1) // 2
    if pairs > MOST_PAIRS:
        raise ArgumentError(f"solutions: got {packed.size}, which make {pairs:.2g} pairs; take a random subset")
    counts = np.zeros((4, 65), np.int64)
    # Read-only like the list of an Enumeration, so that the loop is compiled once.
    packed = packed.view()
    packed.setflags(write=False)
    count_pairs(packed, counts)
    return counts.sum(axis=0)[: n + 1]


def _packed(solutions: Any) -> np.ndarray:
    if isinstance(solutions, Enumeration):
        return solutions.packed_solutions
    values = checked_array("solutions", solutions)
    if values.ndim == 1 and values.dtype == np.uint64:
        return values
    if values.ndim != 2 or not 1 <= values.shape[1] <= 64 or values.dtype.kind not in "iuf":
        raise ArgumentError(
            f"solutions: got shape {values.shape} of {values.dtype}; an Enumeration, weights (count, n) with n up to "
            "64, or packed ones (count,) uint64 are needed"
        )
    if not (np.abs(values) == 1).all():
        raise ArgumentError(f"solutions: got {values[np.abs(values) != 1][0]}; +1 and -1 only are allowed")
    return packed_weights(values)
