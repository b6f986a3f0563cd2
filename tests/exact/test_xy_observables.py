"""The fused observable pass, the pass over bonds, and plain NumPy: one set of numbers."""

import numpy as np
import plain_xy
import pytest
from plain_xy import EPSILON

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel

LATTICES = [
    ("ring", 6), ("ring", 7), ("ring", 2),
    ("square", (4, 6)), ("square", (6, 4)), ("square", (5, 4)), ("square", (4, 5)), ("square", (3, 3)),
    ("square", (2, 2)), ("square", (2, 8)), ("square", (8, 2)), ("square", (16, 16)), ("square", (3, 1030)),
    ("triangular", (4, 6)), ("triangular", (6, 4)), ("triangular", (3, 6)), ("triangular", (5, 5)),
    ("cubic", (2, 4, 6)), ("cubic", (4, 3, 2)), ("cubic", (3, 5, 4)), ("cubic", (3, 3, 5)),
]  # fmt: skip
"""Even, odd, shortest and long sides: rows with and without halos, in one piece and in several, and tables."""

CHAINS = 3


def configuration(name, size, seed=0):
    shape = (size,) if isinstance(size, int) else size
    return plain_xy.clock_angles(np.random.default_rng(seed), (CHAINS, *shape))


def state_of(model, theta):
    return model.state_from_angles(theta.reshape(CHAINS, -1))


def over_bonds(model, state):
    """The same observables from the pass over bonds."""
    slow = XYModel(model.graph, model.coupling, model.field, model.phase)
    slow.__dict__["_fast_pass"] = False
    return slow.observables(state)


def assert_close(found, expected, sites, bonds, coupling):
    """A bond's cosine is known to 4 roundings of its spins; a float32 sum of up to 64 of them adds up to 64 each."""
    each = 72 * EPSILON * bonds
    for name, value in expected.items():
        bound = {
            "vortices": 0,
            "magnetization_x": each,
            "magnetization_y": each,
            "nearest_neighbour_correlation": 72 * EPSILON,
            "structure_factor_kmin": 4 * each,
        }.get(name, abs(coupling) * each)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize(("name", "size"), LATTICES)
@pytest.mark.parametrize(("coupling", "field"), [(1.0, 0.0), (-0.6, 0.3)])
def test_both_passes_are_the_plain_sums(name, size, coupling, field):
    theta = configuration(name, size)
    model = XYModel(graphs.lattice(name, size), coupling, field)
    state = state_of(model, theta)
    plain = [plain_xy.observables(name, t, coupling, field) for t in theta]
    expected = {key: np.array([p[key] for p in plain]) for key in plain[0]}
    fast, slow = model.observables(state), over_bonds(model, state)
    assert set(fast) == set(slow) == set(expected) == set(model.observable_attributes())
    for found in (fast, slow):
        assert_close(found, expected, model.sites, model.graph.bonds, coupling)
    assert all(v.shape == (CHAINS,) and v.dtype == np.float64 for v in fast.values())
    np.testing.assert_allclose(fast["energy"], model.energy(state), atol=72 * EPSILON * model.graph.bonds)


def test_lattices_here_take_the_fast_pass_and_tables():
    fast = {XYModel(graphs.lattice(name, size))._fast_pass for name, size in LATTICES}
    sliced = {XYModel(graphs.lattice(name, size)).layout.sliced for name, size in LATTICES}
    assert fast == sliced == {True, False}


def test_boundaries_are_periodic_and_not_helical():
    """A helical lattice continues each line in the next one: other neighbours at the seam, another energy."""
    theta = configuration("square", (4, 6))
    model = XYModel(graphs.square((4, 6)))
    found = model.observables(state_of(model, theta))["energy"]
    flat = theta.reshape(CHAINS, -1)
    helical = -sum(np.cos(flat - np.roll(flat, -step, axis=1)).sum(axis=1) for step in (1, 6))
    periodic = [plain_xy.observables("square", t)["energy"] for t in theta]
    np.testing.assert_allclose(found, periodic, atol=1e-4)
    assert np.all(np.abs(found - helical) > 1e-2)


@pytest.mark.parametrize("phase", [None, "uniform"])
@pytest.mark.parametrize(("name", "size"), [("square", (4, 6)), ("triangular", (3, 3)), ("cubic", (2, 3, 4))])
def test_helicity_is_the_response_to_a_twist(name, size, phase):
    """With A_ij raised by phi e_ij, -dE/dphi is the sine sum and d2E/dphi2 the cosine sum."""
    graph = graphs.lattice(name, size)
    model = XYModel(graph, "gaussian", phase=phase, seed=3)
    theta = configuration(name, size).reshape(CHAINS, -1)
    found = model.observables(theta)
    base = np.zeros(graph.bonds) if phase is None else model.phase
    step = 1e-3
    for d, axis in enumerate(graph.directions):
        twisted = [
            XYModel(graph, model.coupling, phase=base + k * step * graph.displacement[:, d]).energy(theta)
            for k in (-1, 0, 1)
        ]
        slope = (twisted[2] - twisted[0]) / (2.0 * step)
        curvature = (twisted[2] - 2.0 * twisted[1] + twisted[0]) / step**2
        # Differences err by step^2 / 6 of the next derivative and by rounding of the energy over step^2.
        bound = np.abs(model.coupling).sum() * (step**2 + 1e-15 / step**2)
        spins = 8 * EPSILON * np.abs(model.coupling).sum()
        np.testing.assert_allclose(found[f"helicity_sine_{axis}"], -slope, atol=bound + spins)
        np.testing.assert_allclose(found[f"helicity_cosine_{axis}"], curvature, atol=bound + spins)


@pytest.mark.parametrize("graph", [
    graphs.chain(7), graphs.random_regular(12, 3, seed=4), graphs.complete(9),
    graphs.from_edges([[0, 1], [1, 2], [2, 0], [3, 1]]),
], ids=lambda g: g.name)  # fmt: skip
def test_graphs_without_a_lattice(graph):
    coupling, field = 0.8, -0.2
    model = XYModel(graph, coupling, field)
    theta = plain_xy.clock_angles(np.random.default_rng(1), (CHAINS, graph.sites))
    found = model.observables(model.state_from_angles(theta))
    first, second = graph.edges.T
    cosines = np.cos(theta[:, first] - theta[:, second]).sum(axis=1)
    strength = coupling / graph.sites if graph.complete else coupling
    bound = 72 * EPSILON * graph.bonds
    assert set(found) == set(model.observable_attributes())
    np.testing.assert_allclose(found["energy"], -strength * cosines - field * np.cos(theta).sum(axis=1), atol=bound)
    np.testing.assert_allclose(found["magnetization_x"], np.cos(theta).sum(axis=1), atol=bound)
    np.testing.assert_allclose(found["magnetization_y"], np.sin(theta).sum(axis=1), atol=bound)
    np.testing.assert_allclose(found["nearest_neighbour_correlation"], cosines / graph.bonds, atol=72 * EPSILON)


def test_complete_graph_without_coupling_still_has_a_correlation():
    model = XYModel(graphs.complete(5), 0.0, field=0.3)
    theta = plain_xy.clock_angles(np.random.default_rng(1), (CHAINS, 5))
    first, second = model.graph.edges.T
    expected = np.cos(theta[:, first] - theta[:, second]).mean(axis=1)
    found = model.observables(theta)["nearest_neighbour_correlation"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("name", "size"), [("square", (4, 4)), ("square", (3, 3)), ("cubic", (3, 3, 2))])
def test_angles_and_states_are_observed_alike(name, size):
    model = XYModel(graphs.lattice(name, size))
    theta = configuration(name, size).reshape(CHAINS, -1)
    by_angle, by_state = model.observables(theta), model.observables(model.state_from_angles(theta))
    for key, value in by_state.items():
        np.testing.assert_array_equal(by_angle[key], value)


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_a_global_rotation_changes_nothing_but_the_direction(size):
    theta = configuration("square", size)
    model = XYModel(graphs.square(size))
    here = model.observables(state_of(model, theta))
    for turn in (0.5, np.pi, -2.9):
        there = model.observables(state_of(model, theta + turn))
        rotated = (here["magnetization_x"] + 1j * here["magnetization_y"]) * np.exp(1j * turn)
        np.testing.assert_allclose(there["magnetization_x"], rotated.real, atol=1e-4)
        np.testing.assert_allclose(there["magnetization_y"], rotated.imag, atol=1e-4)
        np.testing.assert_array_equal(there["vortices"], here["vortices"])
        for key in set(here) - {"magnetization_x", "magnetization_y", "vortices"}:
            np.testing.assert_allclose(there[key], here[key], atol=2e-4)
