"""Proper vertex colourings: sites of one colour share no bond, so a kernel may update them in parallel."""

import heapq

import numpy as np
from numba import njit

from mcmc.errors import LandscapeError
from mcmc.landscapes.graphs import Graph, adjacency


def colouring(graph: Graph) -> np.ndarray:
    """Colour of each site, (sites,) int64, numbered from 0; sites joined by a bond differ.

    Chains and lattices of even sides have 2 colours (checkerboard), square and cubic ones with an odd side 3,
    triangular ones 4 (even sides: 2 * (x % 2) + y % 2) or 3 (sides divisible by 3); other graphs are coloured
    greedily, with 2 colours if they are bipartite. Raises LandscapeError for the complete graph.
    """
    if graph.complete:
        raise LandscapeError("complete graph: no two sites can be updated in parallel, so it has no colouring")
    if graph.name == "triangular":
        x, y = graph.coordinates.T
        if not any(side % 2 for side in graph.size):
            return 2 * (x % 2) + y % 2
        if not any(side % 3 for side in graph.size):
            return (x - y) % 3
    elif graph.size:
        return _product_colours(graph)
    table = adjacency(graph)
    return _saturation_colours(table.pointers, table.neighbors)


def _product_colours(graph: Graph) -> np.ndarray:
    """Sum over the axes of a colouring of each ring, modulo the colours that one of them needs.

    Sabidussi 1957 (Canad. J. Math. 9, 515): a Cartesian product needs no more colours than its factors.
    """
    odd = graph.periodic and any(side % 2 for side in graph.size)
    ring_colours = graph.coordinates % 2
    if odd:
        last = graph.coordinates == np.array(graph.size) - 1
        ring_colours[last & (np.array(graph.size) % 2 == 1)] = 2
    return ring_colours.sum(axis=1) % (3 if odd else 2)


@njit(cache=True)
def _saturation_colours(pointers, neighbors):
    """DSATUR (Brelaz 1979, Comm. ACM 22, 251): next the site that sees most colours. Exact if bipartite."""
    sites = pointers.size - 1
    colours = np.full(sites, -1, np.int64)
    saturation = np.zeros(sites, np.int64)
    taken_by = np.full(sites + 1, -1, np.int64)
    heap = [(np.int64(0), pointers[s] - pointers[s + 1], np.int64(s)) for s in range(sites)]
    heapq.heapify(heap)
    while heap:
        # Saturation only grows, so an entry of a coloured site is a stale one.
        site = heapq.heappop(heap)[2]
        if colours[site] >= 0:
            continue
        around = neighbors[pointers[site] : pointers[site + 1]]
        for other in around:
            if colours[other] >= 0:
                taken_by[colours[other]] = site
        colour = 0
        while taken_by[colour] == site:
            colour += 1
        for other in around:
            if colours[other] < 0:
                fresh = True
                for k in range(pointers[other], pointers[other + 1]):
                    fresh &= colours[neighbors[k]] != colour
                if fresh:
                    saturation[other] += 1
                    heapq.heappush(heap, (-saturation[other], pointers[other] - pointers[other + 1], other))
        colours[site] = colour
    return colours
