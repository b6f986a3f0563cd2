"""Graphs and colourings: bonds, orientation, plaquettes, random graphs, refusals."""

import pickle

import numpy as np
import pytest
from scipy.sparse import coo_array

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes import graphs
from mcmc.landscapes.colouring import colouring
from mcmc.landscapes.graphs import Graph, adjacency, from_edges, lattice, random_regular

LATTICES = [
    ("chain", 5), ("ring", 2), ("ring", 7), ("square", 2), ("square", (3, 4)), ("square", (4, 6)), ("triangular", 2),
    ("triangular", 3), ("triangular", (4, 6)), ("triangular", (5, 7)), ("cubic", 2), ("cubic", (2, 3, 4)),
]  # fmt: skip


def cartesian(graph: Graph) -> np.ndarray:
    """Positions with the lattice vectors a1, a2 (, a3), which are the first offsets."""
    return graph.coordinates @ graph.vectors[: len(graph.size)]


def periods(graph: Graph) -> np.ndarray:
    return np.array(graph.size)[:, None] * graph.vectors[: len(graph.size)]


@pytest.mark.parametrize(("name", "size"), LATTICES)
def test_bonds_join_the_sites_one_displacement_apart(name, size):
    graph = lattice(name, size)
    start, end = graph.edges.T
    missing = cartesian(graph)[start] + graph.displacement - cartesian(graph)[end]
    turns = missing @ np.linalg.inv(periods(graph))
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    if not graph.periodic:
        assert not turns.any()
    np.testing.assert_allclose(np.linalg.norm(graph.displacement, axis=1), 1.0, rtol=1e-15)
    assert graph.displacement.shape == (graph.bonds, len(graph.directions))


@pytest.mark.parametrize(("name", "size"), LATTICES)
def test_every_site_has_its_bonds_once(name, size):
    graph = lattice(name, size)
    degrees = np.bincount(graph.edges.ravel(), minlength=graph.sites)
    assert degrees.max() == graph.coordination
    if graph.periodic:
        assert (degrees == 2 * len(graph.offsets)).all()
        assert len(np.unique(np.column_stack([graph.edges, graph.direction]), axis=0)) == graph.bonds
    assert len(graph.edges) == graph.bonds
    assert graph.edges.dtype == np.int64
    assert graph.direction.dtype == np.int8
    assert (graph.edges[:, 0] != graph.edges[:, 1]).all()


def test_boundaries_are_periodic_and_not_helical():
    graph = graphs.square((3, 4))
    right = {(i, j) for (i, j), k in zip(graph.edges.tolist(), graph.direction, strict=True) if k == 0}
    up = {(i, j) for (i, j), k in zip(graph.edges.tolist(), graph.direction, strict=True) if k == 1}
    assert right == {(4 * x + y, 4 * ((x + 1) % 3) + y) for x in range(3) for y in range(4)}
    assert up == {(4 * x + y, 4 * x + (y + 1) % 4) for x in range(3) for y in range(4)}


def test_bond_number_is_direction_then_site():
    graph = graphs.cubic((2, 3, 4))
    np.testing.assert_array_equal(graph.edges[:, 0], np.tile(np.arange(24), 3))
    np.testing.assert_array_equal(graph.direction, np.repeat([0, 1, 2], 24))


def test_size_two_keeps_its_parallel_bonds():
    assert graphs.ring(2).edges.tolist() == [[0, 1], [1, 0]]
    assert graphs.square(2).bonds == 8
    assert graphs.triangular(2).bonds == 12


def test_chain_is_open_and_ring_closed():
    assert graphs.chain(4).edges.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert graphs.ring(4).edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]]


@pytest.mark.parametrize(("name", "size"), [("square", (3, 5)), ("triangular", (3, 5)), ("triangular", 4)])
def test_plaquettes_tile_the_torus_anticlockwise(name, size):
    graph = lattice(name, size)
    period = periods(graph)
    corners = cartesian(graph)[graph.plaquettes]
    steps = np.roll(corners, -1, axis=1) - corners
    steps -= np.round(steps @ np.linalg.inv(period)) @ period
    np.testing.assert_allclose(np.linalg.norm(steps, axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(steps.sum(axis=1), 0.0, atol=1e-12)
    following = np.roll(steps, -1, axis=1)
    turns = steps[..., 0] * following[..., 1] - steps[..., 1] * following[..., 0]
    assert (turns > 0.8).all()
    polygon = {4: 1.0, 3: np.sqrt(3.0) / 4.0}[graph.plaquettes.shape[1]]
    assert polygon * len(graph.plaquettes) == pytest.approx(np.linalg.det(period))


@pytest.mark.parametrize(
    ("name", "size"), [("square", 2), ("square", (3, 4)), ("triangular", 2), ("triangular", (2, 5))]
)
def test_every_bond_borders_two_plaquettes(name, size):
    graph = lattice(name, size)
    sides = np.stack([graph.plaquettes, np.roll(graph.plaquettes, -1, axis=1)], axis=-1).reshape(-1, 2)
    pairs, uses = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    bonds, copies = np.unique(np.sort(graph.edges, axis=1), axis=0, return_counts=True)
    np.testing.assert_array_equal(pairs, bonds)
    np.testing.assert_array_equal(uses, 2 * copies)


@pytest.mark.parametrize("name", ["chain", "ring", "cubic"])
def test_no_plaquettes_where_vortices_are_not_points(name):
    assert lattice(name, 3).plaquettes.shape == (0, 4)


def test_complete_graph_counts_bonds_without_building_them():
    large = graphs.complete(100_000)
    assert large.bonds == 4_999_950_000
    assert "edges" not in vars(large)
    small = graphs.complete(5)
    assert sorted(map(tuple, small.edges.tolist())) == [(i, j) for i in range(5) for j in range(i + 1, 5)]
    assert small.displacement.shape == (10, 0)


@pytest.mark.parametrize("graph", [graphs.square(2), graphs.triangular((3, 4)), graphs.chain(4), random_regular(12, 3)])
def test_adjacency_lists_each_bond_from_both_ends(graph):
    table = adjacency(graph)
    assert table.pointers[-1] == 2 * graph.bonds
    for site in range(graph.sites):
        row = slice(table.pointers[site], table.pointers[site + 1])
        for other, edge, sign in zip(table.neighbors[row], table.edge[row], table.sign[row], strict=True):
            assert tuple(graph.edges[edge]) == ((site, other) if sign > 0 else (other, site))
    np.testing.assert_array_equal(np.sort(table.edge), np.repeat(np.arange(graph.bonds), 2))


@pytest.mark.parametrize(
    ("sites", "degree"), [(10, 3), (11, 4), (20, 10), (21, 10), (20, 17), (20, 19), (6, 2), (2000, 6), (4, 1)]
)
def test_random_regular_is_simple_and_regular(sites, degree, seed):
    edges = random_regular(sites, degree, seed).edges
    assert (np.bincount(edges.ravel(), minlength=sites) == degree).all()
    assert (edges[:, 0] < edges[:, 1]).all()
    assert len(np.unique(edges, axis=0)) == len(edges) == sites * degree // 2


GOLDEN = [[0, 3], [0, 5], [0, 6], [1, 2], [1, 5], [1, 6], [2, 4], [2, 7], [3, 4], [3, 5], [4, 7], [6, 7]]


def test_random_regular_is_the_same_on_every_platform():
    assert random_regular(8, 3, 2026).edges.tolist() == GOLDEN
    assert random_regular(8, 3, 2027).edges.tolist() != GOLDEN


def triangles(edges: np.ndarray, sites: int) -> float:
    i, j = edges.T
    matrix = coo_array((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(sites, sites)).tocsr()
    return (matrix @ matrix).multiply(matrix).sum() / 6.0


def test_random_regular_has_the_triangles_of_the_uniform_law(seed):
    """Triangles are asymptotically Poisson with mean (d - 1)^3 / 6 (Bollobas 1980, Europ. J. Combin. 1, 311)."""
    samples = 300
    for degree in (3, 4):
        mean = (degree - 1) ** 3 / 6.0
        counts = [triangles(random_regular(600, degree, seed + k).edges, 600) for k in range(samples)]
        z = (np.mean(counts) - mean) / np.sqrt(mean / samples)
        assert abs(z) < 4.9
        # Control: the error bar tells this mean from that of a random graph with the same number of bonds.
        other = degree**3 / 6.0
        assert abs(np.mean(counts) - other) / np.sqrt(other / samples) > 4.9


def test_random_regular_reaches_every_graph(seed):
    seen = {random_regular(6, 3, seed + k).edges.tobytes() for k in range(1500)}
    # 70 labelled cubic graphs on 6 sites; each missing one has odds of about 70 exp(-1500 / 70) = 3e-8.
    assert len(seen) == 70


def test_edge_list_keeps_orientation_and_positions():
    graph = from_edges([[2, 0], [0, 1]], positions=[[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]])
    assert graph.sites == 3
    assert graph.directions == ("x", "y")
    assert graph.displacement.tolist() == [[-1.0, 0.0], [3.0, 4.0]]
    assert from_edges([[0, 1]], sites=5).sites == 5
    assert from_edges([[0, 1]]).displacement.shape == (1, 0)


def test_graphs_survive_pickling():
    graph = pickle.loads(pickle.dumps(graphs.triangular((2, 3))))
    np.testing.assert_array_equal(graph.edges, graphs.triangular((2, 3)).edges)


@pytest.mark.parametrize(("build", "expected"), [
    (lambda: graphs.square(1), "size 1; at least 2"),
    (lambda: graphs.square((4, 1)), "at least 2"),
    (lambda: graphs.square((3, 4, 5)), "an integer or 2 of them"),
    (lambda: graphs.cubic(2.5), "got 2.5; an integer"),
    (lambda: graphs.ring(True), "got True; an integer"),
    (lambda: graphs.ring("8"), "got '8'; an integer"),
    (lambda: graphs.complete((2, 3)), "an integer is needed"),
    (lambda: lattice("squar", 4), "did you mean 'square'"),
    (lambda: lattice("random_regular", 4), "degree is missing"),
    (lambda: lattice("random_regular", 4, degre=3), "did you mean 'degree'"),
    (lambda: lattice("square", 4, degree=3), "it takes none"),
    (lambda: random_regular(5, 3), "even"),
    (lambda: random_regular(4, 4), "degree < sites"),
    (lambda: random_regular(4, 0), "degree < sites"),
    (lambda: from_edges([]), "at least one bond"),
    (lambda: from_edges([[0, 1, 2]]), "shape (1, 3)"),
    (lambda: from_edges([[0.0, 1.0]]), "dtype float64"),
    (lambda: from_edges([[False, True]]), "dtype bool"),
    (lambda: from_edges([[0, 1], [2, 2]]), "bond 1 joins site 2 to itself"),
    (lambda: from_edges([[0, 1], [1, 2], [1, 0]]), "bond 2 repeats (0, 1)"),
    (lambda: from_edges([[0, -1]]), "site -1"),
    (lambda: from_edges([[0, 3]], sites=3), "site 3"),
    (lambda: from_edges([[0, 1]], positions=[0.0, 1.0]), "shape (2,)"),
    (lambda: from_edges([[0, 1]], positions=[[0.0], [np.nan]]), "nan"),
])  # fmt: skip
def test_bad_graphs_are_refused_in_one_line(build, expected):
    with pytest.raises(LandscapeError) as caught:
        build()
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_seed_is_refused():
    with pytest.raises(ArgumentError, match="seed"):
        random_regular(8, 3, -1)


COLOURED = [
    (graphs.chain(2), 2), (graphs.chain(5), 2), (graphs.ring(2), 2), (graphs.ring(7), 3), (graphs.ring(8), 2),
    (graphs.square(2), 2), (graphs.square((4, 6)), 2), (graphs.square(3), 3), (graphs.square((3, 4)), 3),
    (graphs.square((2, 5)), 3), (graphs.cubic(2), 2), (graphs.cubic((4, 2, 6)), 2), (graphs.cubic((2, 3, 4)), 3),
    (graphs.triangular(2), 4), (graphs.triangular((4, 6)), 4), (graphs.triangular(3), 3),
    (graphs.triangular((9, 3)), 3), (graphs.triangular(5), None), (graphs.triangular((2, 5)), None),
    (graphs.triangular((5, 7)), None), (random_regular(500, 3), None), (random_regular(300, 12), None),
    (random_regular(12, 11), 12), (from_edges([[0, i] for i in range(1, 50)]), 2), (from_edges([[0, 1]], sites=4), 2),
    (from_edges(graphs.square(6).edges), 2), (from_edges(graphs.ring(9).edges), 3),
    (from_edges(graphs.complete(6).edges), 6),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "colours"), COLOURED, ids=[f"{g.name}-{g.size or g.sites}" for g, _ in COLOURED])
def test_colouring_is_proper(graph, colours):
    colour = colouring(graph)
    assert colour.dtype == np.int64
    assert colour.shape == (graph.sites,)
    assert (colour[graph.edges[:, 0]] != colour[graph.edges[:, 1]]).all()
    used = len(np.unique(colour))
    assert colour.max() == used - 1
    assert used <= graph.coordination + 1
    if colours is not None:
        assert used == colours


def test_checkerboard_halves_the_lattice():
    assert np.bincount(colouring(graphs.square((4, 6)))).tolist() == [12, 12]
    x, y = graphs.triangular((4, 6)).coordinates.T
    np.testing.assert_array_equal(colouring(graphs.triangular((4, 6))), 2 * (x % 2) + y % 2)


def test_complete_graph_has_no_parallel_colouring():
    with pytest.raises(LandscapeError, match=r"complete graph.*parallel"):
        colouring(graphs.complete(8))


def test_displacements_of_a_lattice_are_isotropic():
    """sum over bonds of e_a e_b = (z / 4) N delta_ab in two dimensions, so that the helicity is that of the plane."""
    for graph, factor in ((graphs.square(4), 1.0), (graphs.triangular(4), 1.5), (graphs.cubic(3), 1.0)):
        tensor = graph.displacement.T @ graph.displacement / graph.sites
        np.testing.assert_allclose(tensor, factor * np.eye(len(graph.directions)), atol=1e-13)
