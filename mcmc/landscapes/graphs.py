"""Graphs that carry spins: periodic lattices, chains, random regular and complete graphs, edge lists.

Sites of a lattice are numbered in C order of their coordinates: site = x * Ly + y for size (Lx, Ly). A bond
is stored once, oriented forward from i to j. No edge list is built before it is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from inspect import signature
from math import prod
from typing import NamedTuple

import numpy as np

from mcmc.errors import LandscapeError
from mcmc.landscapes.pairing import random_regular_edges

AXES = ("x", "y", "z")


class Adjacency(NamedTuple):
    """Neighbours in compressed rows: those of site i are at pointers[i]:pointers[i + 1]."""

    pointers: np.ndarray
    """(sites + 1,) int64."""
    neighbors: np.ndarray
    """(2 E,) int64."""
    edge: np.ndarray
    """(2 E,) int64: index of the bond in `Graph.edges`."""
    sign: np.ndarray
    """(2 E,) int8: +1 where the bond leaves this site (it is the `i` of i -> j), -1 where it arrives."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Sites and oriented bonds; build one with the functions of this module, not directly."""

    name: str
    sites: int
    size: tuple[int, ...] = ()
    """Sites per side of a lattice; () for other graphs."""
    periodic: bool = False
    complete: bool = False
    """Every pair of sites is a bond (mean field)."""
    directions: tuple[str, ...] = ()
    """Names of the Cartesian directions, the columns of `displacement`; () where space has no meaning."""
    offsets: tuple[tuple[int, ...], ...] = ()
    """Forward bonds of a lattice as integer steps; bond k * sites + s leaves site s along offsets[k]."""
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    """(len(offsets), D) float64: the same steps as Cartesian unit vectors."""
    listed: np.ndarray | None = field(default=None, repr=False)
    """Edge list of a graph that is no lattice and not complete."""
    positions: np.ndarray | None = field(default=None, repr=False)
    """(sites, D) float64 Cartesian positions given with an edge list."""

    @cached_property
    def edges(self) -> np.ndarray:
        """(E, 2) int64: each bond once as (i, j); a periodic side of 2 keeps both of its parallel bonds."""
        if self.listed is not None:
            return self.listed
        if self.complete:
            return np.stack(np.triu_indices(self.sites, 1), axis=1).astype(np.int64)
        start = np.arange(self.sites, dtype=np.int64)
        if not self.periodic:
            return np.stack([start[:-1], start[1:]], axis=1)
        return np.concatenate([np.stack([start, self.shifted(step)], axis=1) for step in self.offsets])

    @cached_property
    def direction(self) -> np.ndarray:
        """(E,) int8: index of each bond in `offsets`, -1 on graphs without any."""
        if not self.offsets:
            return np.full(self.bonds, -1, dtype=np.int8)
        each = self.bonds // len(self.offsets)
        return np.repeat(np.arange(len(self.offsets), dtype=np.int8), each)

    @cached_property
    def displacement(self) -> np.ndarray:
        """(E, D) float64: Cartesian vector of each bond, unit length on lattices; D = len(directions)."""
        if self.offsets:
            return self.vectors[self.direction]
        if self.positions is None:
            return np.zeros((self.bonds, 0))
        return self.positions[self.edges[:, 1]] - self.positions[self.edges[:, 0]]

    @cached_property
    def plaquettes(self) -> np.ndarray:
        """(P, 4) int64 squares or (P, 3) triangles, anticlockwise; (0, 4) where vortices are not defined."""
        if self.name not in ("square", "triangular"):
            return np.zeros((0, 4), dtype=np.int64)
        corner, right, up, across = (self.shifted(step) for step in ((0, 0), (1, 0), (0, 1), (1, 1)))
        if self.name == "square":
            return np.stack([corner, right, across, up], axis=1)
        return np.concatenate([np.stack([corner, right, up], axis=1), np.stack([right, across, up], axis=1)])

    @property
    def bonds(self) -> int:
        """Number of bonds E."""
        if self.complete:
            return self.sites * (self.sites - 1) // 2
        if self.listed is not None:
            return len(self.listed)
        return self.sites * len(self.offsets) if self.periodic else self.sites - 1

    @cached_property
    def coordination(self) -> int:
        """Largest number of bonds at one site."""
        if self.complete:
            return self.sites - 1
        if self.periodic:
            return 2 * len(self.offsets)
        return int(np.bincount(self.edges.ravel(), minlength=self.sites).max())

    @cached_property
    def coordinates(self) -> np.ndarray:
        """(sites, len(size)) int64 lattice coordinates of each site; (sites, 0) on other graphs."""
        if not self.size:
            return np.zeros((self.sites, 0), dtype=np.int64)
        return np.stack(np.unravel_index(np.arange(self.sites), self.size), axis=1).astype(np.int64)

    def shifted(self, step: Sequence[int]) -> np.ndarray:
        """(sites,) int64: where each site gets to by a step in lattice coordinates, wrapped around."""
        sites = np.arange(self.sites, dtype=np.int64).reshape(self.size)
        return np.roll(sites, [-s for s in step], axis=tuple(range(len(step)))).reshape(-1)


def adjacency(graph: Graph) -> Adjacency:
    """Neighbour tables of a graph; a parallel bond appears as often as it stands in `edges`."""
    start, end = graph.edges.T
    owner = np.concatenate([start, end])
    order = np.argsort(owner, kind="stable")
    pointers = np.zeros(graph.sites + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=graph.sites), out=pointers[1:])
    sign = np.where(order < graph.bonds, 1, -1).astype(np.int8)
    return Adjacency(pointers, np.concatenate([end, start])[order], order % max(graph.bonds, 1), sign)


def chain(size: int | Sequence[int]) -> Graph:
    """Open chain of `size` sites, bonds i -> i + 1."""
    return _lattice("chain", size, ((1,),), [[1.0]], periodic=False)


def ring(size: int | Sequence[int]) -> Graph:
    """Periodic chain; a ring of 2 has two parallel bonds."""
    return _lattice("ring", size, ((1,),), [[1.0]])


def square(size: int | Sequence[int]) -> Graph:
    """Periodic square lattice, size L or (Lx, Ly), two forward bonds a site."""
    return _lattice("square", size, ((1, 0), (0, 1)), np.eye(2))


def triangular(size: int | Sequence[int]) -> Graph:
    """Periodic triangular lattice on a rhombus, size L or (Lx, Ly), three forward bonds a site.

    Lattice vectors a1 = (1, 0) and a2 = (1/2, sqrt(3)/2); bonds along a1, a2 and a1 - a2.
    """
    height = np.sqrt(3.0) / 2.0
    vectors = [[1.0, 0.0], [0.5, height], [0.5, -height]]
    return _lattice("triangular", size, ((1, 0), (0, 1), (1, -1)), vectors)


def cubic(size: int | Sequence[int]) -> Graph:
    """Periodic simple cubic lattice, size L or (Lx, Ly, Lz), three forward bonds a site."""
    return _lattice("cubic", size, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), np.eye(3))


def complete(size: int) -> Graph:
    """Every pair of `size` sites is a bond; `edges` are built only when asked for, N (N - 1) / 2 of them."""
    (sites,) = _sides("complete", size, 1, "sites of a graph")
    return Graph("complete", sites, complete=True)


def random_regular(size: int, degree: int, seed: int = 0) -> Graph:
    """Random simple graph (no self-loops, no parallel bonds) with `degree` bonds at each of `size` sites.

    Steger & Wormald 1999 (Combin. Probab. Comput. 8, 377): asymptotically uniform. The same seed gives the
    same graph on every platform. It may be disconnected. Raises LandscapeError where no such graph exists.
    """
    (sites,) = _sides("random_regular", size, 1, "sites of a graph")
    degree = _integer("random_regular: degree", degree)
    if not 1 <= degree < sites or sites * degree % 2:
        raise LandscapeError(
            f"random_regular: degree {degree}, {sites} sites; 0 < degree < sites, even sites * degree needed"
        )
    return Graph("random_regular", sites, listed=random_regular_edges(sites, degree, seed))


def from_edges(edges, sites: int | None = None, positions=None, name: str = "edges") -> Graph:
    """Graph of a user's edge list, integers of shape (E, 2), oriented as given.

    `sites` defaults to the largest index + 1. `positions` (sites, D <= 3) give each bond its displacement
    r_j - r_i, without wrapping. Raises LandscapeError for self-loops, repeated bonds, indices out of range or
    other dtypes.
    """
    listed = np.asarray(edges)
    if listed.ndim != 2 or listed.shape[1] != 2 or not len(listed):
        raise LandscapeError(f"edges: got shape {listed.shape}; at least one bond, shape (E, 2), is needed")
    if not np.issubdtype(listed.dtype, np.integer):
        raise LandscapeError(f"edges: got dtype {listed.dtype}; integer site indices are needed")
    sites = int(listed.max()) + 1 if sites is None else _integer("from_edges: sites", sites)
    outside = listed[(listed < 0) | (listed >= sites)]
    if outside.size:
        raise LandscapeError(f"edges: site {outside[0]} is out of range; allowed are 0 to {sites - 1}")
    listed = listed.astype(np.int64)
    loops = np.flatnonzero(listed[:, 0] == listed[:, 1])
    if loops.size:
        raise LandscapeError(f"edges: bond {loops[0]} joins site {listed[loops[0], 0]} to itself; remove it")
    low, high = listed.min(axis=1), listed.max(axis=1)
    unique, first = np.unique(low * sites + high, return_index=True)
    if len(unique) < len(listed):
        again = np.delete(np.arange(len(listed)), first)[0]
        pair = f"({low[again]}, {high[again]})"
        raise LandscapeError(f"edges: bond {again} repeats {pair}; give each pair once, its couplings added up")
    if positions is None:
        return Graph(name, sites, listed=listed)
    place = np.array(positions, dtype=np.float64)
    if place.ndim != 2 or place.shape[0] != sites or not 1 <= place.shape[1] <= 3:
        raise LandscapeError(f"positions: got shape {place.shape}; ({sites}, 1 to 3) is needed")
    if not np.isfinite(place).all():
        raise LandscapeError(f"positions: {place[~np.isfinite(place)][0]} among them; finite numbers are needed")
    return Graph(name, sites, directions=AXES[: place.shape[1]], listed=listed, positions=place)


BUILDERS: dict[str, Callable[..., Graph]] = {
    "chain": chain,
    "ring": ring,
    "square": square,
    "triangular": triangular,
    "cubic": cubic,
    "random_regular": random_regular,
    "complete": complete,
}


def lattice(name: str, size: int | Sequence[int], **options) -> Graph:
    """Graph by name, a key of `BUILDERS`; `options` are its builder's (degree, seed of random_regular).

    Raises LandscapeError for an unknown name or option, naming the nearest known one.
    """
    if name not in BUILDERS:
        raise LandscapeError(f"lattice: {name!r} is unknown{nearest(name, BUILDERS)}; allowed: {', '.join(BUILDERS)}")
    parameters = list(signature(BUILDERS[name]).parameters.values())[1:]
    known = [p.name for p in parameters]
    for option in options:
        if option not in known:
            allowed = f"allowed: {', '.join(known)}" if known else "it takes none"
            raise LandscapeError(f"lattice {name}: option {option!r} is unknown{nearest(option, known)}; {allowed}")
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in options]
    if missing:
        raise LandscapeError(f"lattice {name}: {', '.join(missing)} is missing; give it as {missing[0]}=...")
    return BUILDERS[name](size, **options)


def nearest(word, known) -> str:
    """'' or a hint naming the known word most like this one, for error messages."""
    close = get_close_matches(str(word), list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _lattice(name, size, offsets, vectors, periodic=True) -> Graph:
    sides = _sides(name, size, len(offsets[0]), "sites per periodic side" if periodic else "sites of a chain")
    return Graph(
        name,
        prod(sides),
        size=sides,
        periodic=periodic,
        directions=AXES[: len(sides)],
        offsets=offsets,
        vectors=np.array(vectors, dtype=np.float64),
    )


def _sides(name: str, size, dimensions: int, what: str) -> tuple[int, ...]:
    given = list(size) if isinstance(size, (Sequence, np.ndarray)) and not isinstance(size, str) else None
    if given is not None and len(given) != dimensions:
        wanted = "an integer" if dimensions == 1 else f"an integer or {dimensions} of them"
        raise LandscapeError(f"{name}: size {size!r}; {wanted} is needed")
    sides = tuple(_integer(f"{name}: size", side) for side in (given or [size] * dimensions))
    if min(sides) < 2:
        raise LandscapeError(f"{name}: size {size!r}; at least 2 {what} are needed")
    return sides


def _integer(place: str, value) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise LandscapeError(f"{place}: got {value!r}; an integer is needed")
    return int(value)
