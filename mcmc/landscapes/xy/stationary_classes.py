"""Stationary points of the XY energy that are known: all of the ring and of the complete graph, classes elsewhere.

Ring of N sites: the gradient vanishes where the sines of all differences theta_(i+1) - theta_i are equal, so that each
difference is a or pi - a, n of them the latter. They add to a multiple of 2 pi: a = pi (2 k - n) / (N - 2 n), and
|a| < pi / 2 counts each point once. The energy is -J (N - 2 n) cos a. The Hessian is a ring of springs of stiffness
+-J cos a; on differences that add to 0 the n negative springs give n negative eigenvalues when the sum of inverse
stiffnesses, of the sign of N - 2 n, is positive, and n - 1 when it is negative. N = 2 n with N divisible by 4 leaves a
free: one-parameter families of energy 0, that all meet in the two points of no stiffness at all, a = +-pi / 2.

Complete graph: the gradient is (J |M| / N) sin(theta_i - psi), M = |M| exp(i psi) the total spin: either all angles are
psi or psi + pi, k < N / 2 of them the latter (energy J / 2 - J (N - 2 k)^2 / (2 N), index k), or M = 0, a family of
dimension N - 3 beyond the turn, index 2, singular where for even N all spins are on one line.

Any graph without field and phases: angles 0 and pi, the configurations of the Ising model. Tori: sums of stationary
points of the rings along the axes, the energies and the Hessians of which add. Nerattini, Kastner, Mehta & Casetti
2013, arXiv:1211.4800.
"""

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.xy.stationary_points import KINDS, distinct, indices, kinds

if TYPE_CHECKING:
    from mcmc.landscapes.xy.model import XYModel

SAME_ENERGY = 1e-7
"""Energies closer than this, in J, are taken for one."""

ISOLATED, FAMILY, SINGULAR = range(len(KINDS))
Row = tuple[float, int, int, int, int]
"""Energy, index, zero modes, count and kind."""

MOST_POINTS = 2**21
MOST_SPINS = 18
CHUNK = 4096


@dataclass(frozen=True)
class Classes:
    """Stationary points by energy, index and zero modes, by rising energy; one row for each class."""

    energy: np.ndarray
    """(classes,) float64: total energy, J = 1."""
    index: np.ndarray
    """(classes,) int64: negative eigenvalues of the Hessian."""
    zero_modes: np.ndarray
    """(classes,) int64: eigenvalues 0 beyond the turn of all angles."""
    count: np.ndarray
    """(classes,) int64: points modulo the turn; of families their number."""
    kind: np.ndarray
    """(classes,) int64: isolated, on a family or singular, a place in `stationary_points.KINDS`."""


def ring_classes(sites: int) -> Classes:
    """All stationary points of the ring, J = 1. Raises ArgumentError for fewer than 3 sites."""
    _whole("sites", sites, 3)
    rows = [
        (-(sites - 2 * n) * math.cos(a), n if 2 * n < sites else n - 1, 0, math.comb(sites, n), ISOLATED)
        for n, a in _ring_turns(sites)
    ]
    if sites % 4 == 0:
        rows.append((0.0, sites // 2 - 1, 1, math.comb(sites, sites // 2), FAMILY))
        rows.append((0.0, 0, sites - 1, 2, SINGULAR))
    return _gathered(rows)


def ring_points(sites: int) -> np.ndarray:
    """Angles of every isolated stationary point of the ring, the first 0: (points, sites) float64.

    Raises ArgumentError for fewer than 3 sites or more than 2 million points.
    """
    turns = _ring_turns(_whole("sites", sites, 3))
    count = sum(math.comb(sites, n) for n, _ in turns)
    if count > MOST_POINTS:
        raise ArgumentError(f"sites: got {sites}, of {count} stationary points; {MOST_POINTS} are listed at most")
    points = np.zeros((count, sites))
    row = 0
    for n, a in turns:
        for reversed_bonds in itertools.combinations(range(sites), n):
            steps = np.full(sites, a)
            steps[list(reversed_bonds)] = math.pi - a
            points[row, 1:] = np.cumsum(steps)[:-1]
            row += 1
    return points


def complete_classes(sites: int) -> Classes:
    """All stationary points of the complete graph, bonds 1 / N. Raises ArgumentError for fewer than 3 sites."""
    _whole("sites", sites, 3)
    rows: list[Row] = [
        (0.5 - (sites - 2 * k) ** 2 / (2 * sites), k, 0, math.comb(sites, k), ISOLATED) for k in range((sites + 1) // 2)
    ]
    # Three spins cancel at 120 degrees only, in either sense.
    rows.append((0.5, 2, sites - 3, 1, FAMILY) if sites > 3 else (0.5, 2, 0, 2, ISOLATED))
    if sites % 2 == 0:
        rows.append((0.5, 1, sites - 2, math.comb(sites, sites // 2) // 2, SINGULAR))
    return _gathered(rows)


def ising_points(sites: int) -> np.ndarray:
    """All configurations of angles 0 and pi with the first 0, (2^(sites - 1), sites) float64.

    Raises ArgumentError for more than 18 sites.
    """
    if _whole("sites", sites, 2) > MOST_SPINS:
        raise ArgumentError(f"sites: got {sites}; 2^(sites - 1) configurations are listed up to {MOST_SPINS} sites")
    numbers = np.arange(2 ** (sites - 1))
    return math.pi * np.concatenate([np.zeros((numbers.size, 1)), (numbers[:, None] >> np.arange(sites - 1)) & 1], 1)


def torus_points(model: "XYModel") -> np.ndarray:
    """Sums of isolated stationary points of the rings along the axes of a periodic lattice, (points, sites) float64.

    For one coupling and bonds along the axes. Raises LandscapeError for another graph, ArgumentError for too many.
    """
    graph = model.graph
    if graph.name not in ("ring", "square", "cubic") or not graph.periodic:
        raise LandscapeError(f"torus_points: the graph is {graph.name}; a periodic ring, square or cubic one is needed")
    along = [ring_points(side) for side in graph.size]
    count = math.prod(map(len, along))
    if count > MOST_POINTS:
        raise ArgumentError(f"graph: its rings have {count} sums; {MOST_POINTS} are listed at most")
    place = graph.coordinates.astype(np.int64)
    total = np.zeros((1, graph.sites))
    for axis, points in enumerate(along):
        total = (total[:, None, :] + points[None, :, place[:, axis]]).reshape(-1, graph.sites)
    return total


def ising_orbits(model: "XYModel") -> tuple[np.ndarray, np.ndarray]:
    """One of each set of `ising_points` that symmetries of a periodic lattice make equal, and the sizes of the sets.

    Shifts, reflections and exchanges of equal axes, (orbits, sites) and (orbits,); of other graphs every point.
    Couplings are taken to be equal. Raises ArgumentError for more than 18 sites.
    """
    points = ising_points(model.sites)
    if not (model.graph.periodic and model.graph.name in ("ring", "square", "cubic")):
        return points, np.ones(len(points), np.int64)
    down = (points > 1.0).astype(np.int64)
    powers, every = 2 ** np.arange(model.sites), 2**model.sites - 1
    least = np.full(len(points), every)
    for order in lattice_symmetries(model):
        number = down[:, order] @ powers
        least = np.minimum(least, np.minimum(number, every - number))
    _, first, count = np.unique(least, return_index=True, return_counts=True)
    return points[first], count


def classes_of(model: "XYModel", points: Any, counts: Any = None) -> Classes:
    """Classes of listed stationary points (points, sites) and what they are, see `stationary_points.kinds`.

    Each point stands for as many as `counts` (points,) says; without it equal ones are counted once. Raises
    ArgumentError for a point that is not stationary.
    """
    rows = np.asarray(points, dtype=np.float64)
    if counts is None:
        rows = rows[distinct(rows)]
    weights = np.ones(len(rows), np.int64) if counts is None else np.asarray(counts)
    found: list[Row] = []
    for first in range(0, len(rows), CHUNK):
        part = rows[first : first + CHUNK]
        energy, spectra, kind = model.energy(part), indices(model, part), kinds(model, part)
        columns = energy, spectra.index, spectra.zero_modes, weights[first : first + CHUNK], kind
        found += [(float(e), int(i), int(z), int(n), int(k)) for e, i, z, n, k in zip(*columns, strict=True)]
    return _gathered(found)


def with_images(model: "XYModel", points: np.ndarray) -> np.ndarray:
    """Different ones of points (points, sites) and of their images, modulo the turn: (images, sites), the first 0.

    Images by `lattice_symmetries` and by the mirror theta -> -theta; stationary points if the couplings are equal.
    """
    every = np.asarray(points)[:, lattice_symmetries(model)].reshape(-1, model.sites)
    every = np.concatenate([every, -every])
    every = every - every[:, :1]
    return every[distinct(every)]


def known_classes(model: "XYModel") -> tuple[Classes, bool]:
    """What is known of a ring, complete graph or square lattice with J = 1, and whether that is every stationary point.

    Of the square lattice the Ising configurations and the sums of ring points are. Raises LandscapeError for another
    graph.
    """
    graph = model.graph
    if graph.complete:
        return complete_classes(graph.sites), True
    if graph.name == "ring":
        return ring_classes(graph.sites), True
    points, counts = ising_orbits(model)
    sums = torus_points(model)
    sums = sums[np.abs(np.sin(sums - sums[:, :1])).max(axis=1) > 1e-9]
    return classes_of(model, np.concatenate([points, sums]), np.append(counts, np.ones(len(sums), np.int64))), False


def lattice_symmetries(model: "XYModel") -> np.ndarray:
    """Orders of the sites of a periodic ring, square or cubic lattice, (symmetries, sites) int64.

    Shifts, reflections and exchanges of equal axes.
    """
    size = model.graph.size
    sites = np.arange(math.prod(size)).reshape(size)
    found = []
    for axes in itertools.permutations(range(len(size))):
        if tuple(size[axis] for axis in axes) != size:
            continue
        for mirrored in itertools.product((False, True), repeat=len(size)):
            turned = np.flip(sites.transpose(axes), tuple(axis for axis, flip in enumerate(mirrored) if flip))
            for shift in itertools.product(*map(range, size)):
                found.append(np.roll(turned, shift, range(len(size))).reshape(-1))
    return np.array(found)


def _ring_turns(sites: int) -> list[tuple[int, float]]:
    """n and a of every isolated point of the ring, up to the order of its bonds."""
    return [
        (n, math.pi * (2 * k - n) / (sites - 2 * n))
        for n in range(sites + 1)
        for k in range(-sites, 2 * sites)
        if 2 * abs(2 * k - n) < abs(sites - 2 * n)
    ]


def _gathered(rows: list[Row]) -> Classes:
    """Rows of equal energy, index, zero modes and kind added up."""
    sums: dict[tuple[int, int, int, int], list[float]] = {}
    for energy, index, zero_modes, count, kind in rows:
        held = sums.setdefault((round(energy / SAME_ENERGY), index, zero_modes, kind), [energy + 0.0, 0])
        held[1] += count
    keys = sorted(sums)
    return Classes(
        np.array([sums[key][0] for key in keys]),
        np.array([key[1] for key in keys], dtype=np.int64),
        np.array([key[2] for key in keys], dtype=np.int64),
        np.array([sums[key][1] for key in keys], dtype=np.int64),
        np.array([key[3] for key in keys], dtype=np.int64),
    )


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from {least} is needed")
    return int(value)
