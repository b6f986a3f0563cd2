"""Where each spin lives in memory, so that the kernels' innermost loops are long and contiguous.

Spins are stored as [component, slot, chain]. Sites of one colour that are neighbours in memory form a *row*; a row is
updated in one flat loop over (position, chain).
- Lattices with an even last side (`sliced`): a row holds every second site along the last axis, between two halo
  slots. All neighbours of a row are then slices of other rows, shifted by at most one slot.
- Any other graph: a row holds up to MAX_ROW sites of one colour and one degree, its neighbours come from a table.
Row lengths never depend on the number of chains: the random numbers are numbered by slot.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mcmc.landscapes.colouring import colouring
from mcmc.landscapes.graphs import Graph, adjacency

MAX_ROW = 512


class Rows(NamedTuple):
    """Tables that the compiled loops read; rows are sorted by colour, links are counted over all rows."""

    start: np.ndarray
    """(rows,) int64: slot of a row's first site."""
    length: np.ndarray
    """(rows,) int64."""
    halo_of_first: np.ndarray
    """(rows,) int64: slot that mirrors the row's first site, -1 for none."""
    halo_of_last: np.ndarray
    """(rows,) int64: slot that mirrors the row's last site, -1 for none."""
    link_pointer: np.ndarray
    """(rows + 1,) int64: links of row r are link_pointer[r]:link_pointer[r + 1]."""
    link_base: np.ndarray
    """(links,) int64: sliced: slot of the neighbour of position 0; else where the link's slots begin in `table`."""
    weight_base: np.ndarray
    """(links,) int64: where the link's weights begin in `weight_cos` and `weight_sin`."""
    table: np.ndarray
    """int64 neighbour slots of unsliced graphs; empty on sliced ones."""
    weight_cos: np.ndarray
    """float32 J cos A of every (link, position); empty where one coupling serves all."""
    weight_sin: np.ndarray
    """float32 J sin A, A oriented away from the row's site."""


class Layout(NamedTuple):
    """Memory layout of a graph."""

    rows: Rows
    colour_pointer: np.ndarray
    """(colours + 1,) int64: rows of colour k are colour_pointer[k]:colour_pointer[k + 1]."""
    slot: np.ndarray
    """(sites,) int64: slot of each site."""
    slots: int
    sliced: bool
    weighted: bool
    forward_base: np.ndarray
    """(rows, offsets) int64: slot of position 0's neighbour along each forward offset; (rows, 0) if not sliced."""
    corner_base: np.ndarray
    """(rows,) int64: slot of position 0's neighbour across the plaquette, along (1, 1); -1 where there is none."""
    coordinate: np.ndarray
    """(rows,) int64: coordinate of the row along the first axis (its own index on unsliced graphs)."""
    halo: np.ndarray
    """(halos, 2) int64: (halo slot, slot that it mirrors)."""


def layout(graph: Graph, coupling, phase) -> Layout:
    """Layout of `graph` with couplings (a number or (E,)) and phases (None or (E,)).

    Raises LandscapeError for a graph that has no parallel colouring.
    """
    colours = colouring(graph)
    weighted = np.ndim(coupling) > 0 or phase is not None
    if graph.size and graph.size[-1] % 2 == 0 and _rows_have_one_colour(graph, colours):
        return _sliced(graph, colours, coupling, phase, weighted)
    return _tabled(graph, colours, coupling, phase)


def edge_weights(graph: Graph, coupling, phase) -> tuple[np.ndarray, np.ndarray]:
    """J cos A and J sin A of every bond, two (E,) float64 arrays."""
    strength = np.broadcast_to(np.asarray(coupling, dtype=np.float64), (graph.bonds,))
    angle = np.zeros(graph.bonds) if phase is None else np.broadcast_to(phase, (graph.bonds,))
    return strength * np.cos(angle), strength * np.sin(angle)


def _rows_have_one_colour(graph: Graph, colours: np.ndarray) -> bool:
    pairs = colours.reshape(*graph.size[:-1], graph.size[-1] // 2, 2)
    return bool((pairs == pairs[..., :1, :]).all())


class HalfRows(NamedTuple):
    """A lattice cut into half rows: position j of half row (line, o) is the site with last coordinate 2 j + o."""

    site: np.ndarray
    """(half rows, half) int64: sites of each half row; half row 2 line + o."""
    first_slot: np.ndarray
    """(half rows,) int64: slot of position 0; the halo slots stand before it and after the last."""

    @property
    def half(self) -> int:
        """Sites of a half row."""
        return self.site.shape[1]

    @property
    def slots(self) -> int:
        """Slots of the whole lattice, halos included."""
        return len(self.site) * (self.half + 2)


def _half_rows(graph: Graph) -> HalfRows:
    half = graph.size[-1] // 2
    lines = graph.sites // graph.size[-1]
    site = np.arange(graph.sites).reshape(lines, half, 2).transpose(0, 2, 1).reshape(2 * lines, half)
    return HalfRows(site, np.arange(2 * lines) * (half + 2) + 1)


def _neighbour_slots(graph: Graph, halves: HalfRows, step) -> np.ndarray:
    """Slot of position 0's neighbour along a lattice step, for every half row; position j's is j further on."""
    line, o = np.divmod(np.arange(len(halves.site)), 2)
    other_sides = graph.size[:-1]
    if other_sides:
        coordinates = np.unravel_index(line, other_sides)
        moved = [(x + d) % side for x, d, side in zip(coordinates, step[:-1], other_sides, strict=True)]
        line = np.ravel_multi_index(moved, other_sides)
    o_new = (o + step[-1]) % 2
    return halves.first_slot[2 * line + o_new] + (o + step[-1] - o_new) // 2


def _sliced(graph, colours, coupling, phase, weighted) -> Layout:
    """Half rows, cut into segments of at most MAX_ROW sites, sorted by colour."""
    halves = _half_rows(graph)
    half = halves.half
    steps = np.array(graph.offsets)
    links = np.stack([_neighbour_slots(graph, halves, s * step) for step in steps for s in (1, -1)], axis=1)

    begins = np.arange(0, half, MAX_ROW)
    owner = np.repeat(np.arange(len(halves.site)), len(begins))
    begin = np.tile(begins, len(halves.site))
    order = np.argsort(colours[halves.site[owner, 0]], kind="stable")
    owner, begin = owner[order], begin[order]
    length = np.minimum(half - begin, MAX_ROW)
    first_slot = halves.first_slot[owner]

    link_base = links[owner] + begin[:, None]
    count = links.shape[1]
    weight_cos = weight_sin = np.zeros(0, dtype=np.float32)
    if weighted:
        sites_of_rows = [halves.site[r, a : a + n] for r, a, n in zip(owner, begin, length, strict=True)]
        weight_cos, weight_sin = _sliced_weights(graph, sites_of_rows, steps, coupling, phase)
    rows = Rows(
        start=first_slot + begin,
        length=length,
        halo_of_first=np.where((begin == 0) & graph.periodic, first_slot + half, -1),
        halo_of_last=np.where((begin + length == half) & graph.periodic, first_slot - 1, -1),
        link_pointer=np.arange(len(order) + 1, dtype=np.int64) * count,
        link_base=np.ascontiguousarray(link_base.reshape(-1)),
        weight_base=np.concatenate([[0], np.cumsum(np.repeat(length, count))[:-1]]).astype(np.int64),
        table=np.zeros(0, dtype=np.int64),
        weight_cos=weight_cos,
        weight_sin=weight_sin,
    )
    slot = np.empty(graph.sites, dtype=np.int64)
    slot[halves.site] = halves.first_slot[:, None] + np.arange(half)
    corner = np.full(len(order), -1)
    if len(graph.size) == 2:
        corner = _neighbour_slots(graph, halves, (1, 1))[owner] + begin
    return Layout(
        rows,
        _pointers(colours[halves.site[owner, 0]]),
        slot,
        halves.slots,
        sliced=True,
        weighted=weighted,
        forward_base=np.ascontiguousarray(link_base[:, ::2]),
        corner_base=corner,
        coordinate=graph.coordinates[halves.site[owner, 0], 0] if len(graph.size) > 1 else np.zeros_like(owner),
        halo=_halo(halves) if graph.periodic else np.zeros((0, 2), dtype=np.int64),
    )


def _halo(halves: HalfRows) -> np.ndarray:
    first, last = halves.first_slot, halves.first_slot + halves.half - 1
    return np.concatenate([np.stack([first - 1, last], axis=1), np.stack([last + 1, first], axis=1)])


def _sliced_weights(graph, sites_of_rows, steps, coupling, phase):
    """Weights of each row's links in the order (+step, -step) of every forward offset."""
    cosine, sine = edge_weights(graph, coupling, phase)
    cos_parts, sin_parts = [], []
    arrivals = [graph.shifted(-step) for step in steps]
    # A bond that is missing at the end of an open chain meets a halo of zeros: its weight may be anything.
    last = graph.bonds - 1
    for sites in sites_of_rows:
        for k in range(len(steps)):
            forward = np.minimum(k * graph.sites + sites, last)
            backward = np.minimum(k * graph.sites + arrivals[k][sites], last)
            cos_parts += [cosine[forward], cosine[backward]]
            sin_parts += [sine[forward], -sine[backward]]
    return np.concatenate(cos_parts).astype(np.float32), np.concatenate(sin_parts).astype(np.float32)


def _tabled(graph, colours, coupling, phase) -> Layout:
    """Rows of equal colour and degree with a neighbour table; always weighted."""
    pointers, neighbors, edge, sign = adjacency(graph)
    degree = np.diff(pointers)
    order = np.lexsort((-degree, colours))
    slot = np.empty(graph.sites, dtype=np.int64)
    slot[order] = np.arange(graph.sites)
    key = colours[order] * (degree.max(initial=0) + 1) + degree[order]
    cuts = np.flatnonzero(np.diff(key)) + 1
    bounds = np.concatenate([[0], cuts, [graph.sites]])
    starts = np.concatenate([np.arange(a, b, MAX_ROW) for a, b in pairwise(bounds)])
    lengths = np.diff(np.concatenate([starts, [graph.sites]]))
    cosine, sine = edge_weights(graph, coupling, phase)
    table, weight_cos, weight_sin, counts = [], [], [], []
    for a, n in zip(starts, lengths, strict=True):
        sites = order[a : a + n]
        links = int(degree[sites[0]])
        counts.append(links)
        at = pointers[sites] + np.arange(links)[:, None]
        table.append(slot[neighbors[at]].reshape(-1))
        weight_cos.append(cosine[edge[at]].reshape(-1))
        weight_sin.append((sine[edge[at]] * sign[at]).reshape(-1))
    sizes = np.repeat(lengths, counts)
    link_base = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
    none = np.full(len(starts), -1, dtype=np.int64)
    rows = Rows(
        starts.astype(np.int64),
        lengths.astype(np.int64),
        none,
        none,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        link_base,
        link_base,
        np.concatenate(table).astype(np.int64),
        np.concatenate(weight_cos).astype(np.float32),
        np.concatenate(weight_sin).astype(np.float32),
    )
    return Layout(
        rows,
        _pointers(colours[order[starts]]),
        slot,
        graph.sites,
        False,
        True,
        np.zeros((len(starts), 0), dtype=np.int64),
        none,
        np.arange(len(starts), dtype=np.int64),
        np.zeros((0, 2), dtype=np.int64),
    )


def _pointers(row_colour: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(row_colour))]).astype(np.int64)
