"""Random regular graphs by pairing free bond ends one at a time.

Steger & Wormald 1999, "Generating random regular graphs quickly", Combin. Probab. Comput. 8, 377:
asymptotically uniform over simple graphs for degrees below sites^(1/3) (Kim & Vu 2003, STOC).
"""

import numpy as np
from numba import njit

from mcmc.errors import LandscapeError
from mcmc.random import Stream, philox4x32, split_seed, stream_word

ATTEMPTS = 10_000


@njit(cache=True)
def _neighbors(table, degree, i, j):
    found = False
    for k in range(degree[i]):
        found |= table[i, k] == j
    return found


@njit(cache=True)
def _any_pair_left(table, degree, ends, free):
    for a in range(free):
        for b in range(a):
            if ends[a] != ends[b] and not _neighbors(table, degree, ends[a], ends[b]):
                return True
    return False


@njit(cache=True)
def _pair(sites, target, attempt, c3, k0, k1, edges):
    """One attempt; True when every end found a partner."""
    ends = np.empty(sites * target, np.int64)
    for e in range(ends.size):
        ends[e] = e // target
    table = np.empty((sites, target), np.int64)
    degree = np.zeros(sites, np.int64)
    free, made, failures, draw = ends.size, 0, 0, 0
    while free > 0:
        r0, r1, _, _ = philox4x32(np.uint32(draw), np.uint32(draw >> 32), attempt, c3, k0, k1)
        draw += 1
        a = np.int64((np.uint64(r0) * np.uint64(free)) >> np.uint64(32))
        b = np.int64((np.uint64(r1) * np.uint64(free - 1)) >> np.uint64(32))
        if b >= a:
            b += 1
        i, j = ends[a], ends[b]
        if i == j or _neighbors(table, degree, i, j):
            failures += 1
            # The search over all pairs is quadratic: only once chance has failed as often as there are pairs.
            if failures > free * free:
                if not _any_pair_left(table, degree, ends, free):
                    return False
                failures = 0
            continue
        failures = 0
        table[i, degree[i]] = j
        table[j, degree[j]] = i
        degree[i] += 1
        degree[j] += 1
        edges[made, 0] = min(i, j)
        edges[made, 1] = max(i, j)
        made += 1
        high, low = max(a, b), min(a, b)
        ends[high] = ends[free - 1]
        ends[low] = ends[free - 2]
        free -= 2
    return True


def random_regular_edges(sites: int, degree: int, seed: int) -> np.ndarray:
    """Sorted edge list, (sites * degree / 2, 2) int64, of a simple random regular graph.

    Needs 1 <= degree < sites and an even product. A dense graph is drawn as the complement of a sparse one,
    where pairing succeeds more often and which keeps the law uniform.
    """
    if 2 * degree > sites - 1:
        absent = np.ones((sites, sites), dtype=bool)
        if degree < sites - 1:
            i, j = random_regular_edges(sites, sites - 1 - degree, seed).T
            absent[i, j] = False
        return np.argwhere(np.triu(absent, 1)).astype(np.int64)
    k0, k1 = split_seed(seed)
    edges = np.empty((sites * degree // 2, 2), dtype=np.int64)
    for attempt in range(ATTEMPTS):
        if _pair(sites, degree, np.uint32(attempt), stream_word(Stream.GRAPH, 0), k0, k1, edges):
            return edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    raise LandscapeError(
        f"random_regular: no graph of degree {degree} on {sites} sites in {ATTEMPTS} tries; take another seed"
    )
