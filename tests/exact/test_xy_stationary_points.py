"""Stationary points of XY landscapes: rings and complete graphs exactly, searches against them, families named."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.graphs import complete, from_edges, random_regular, ring, square
from mcmc.landscapes.xy import XYModel
from mcmc.landscapes.xy.minima import spectrum
from mcmc.landscapes.xy.stationary_classes import (
    classes_of,
    complete_classes,
    ising_orbits,
    ising_points,
    known_classes,
    ring_classes,
    ring_points,
    torus_points,
    with_images,
)
from mcmc.landscapes.xy.stationary_points import (
    KINDS,
    METHODS,
    distinct,
    indices,
    is_stationary,
    kinds,
    stationary_points,
)

ISOLATED, FAMILY, SINGULAR = range(len(KINDS))


def isolated(classes):
    keep = classes.kind == ISOLATED
    return [
        (round(float(e), 6), int(i), int(n))
        for e, i, n in zip(classes.energy[keep], classes.index[keep], classes.count[keep], strict=True)
    ]


def search(model, starts, method, seed):
    found = stationary_points(model, model.initial_x(range(starts), seed), method=method)
    return found.x[is_stationary(model, found)]


def test_the_ring_of_five_has_thirty_points():
    found = ring_classes(5)
    by_index = [int(found.count[found.index == i].sum()) for i in range(5)]
    assert by_index == [3, 10, 10, 5, 2]
    assert (found.kind == ISOLATED).all()


@pytest.mark.parametrize("sites", [3, 5, 7, 9, 11, 13])
def test_odd_rings_have_as_many_points_as_published_and_no_euler_characteristic(sites):
    found = ring_classes(sites)
    assert found.count.sum() == sites * math.comb(sites - 1, (sites - 1) // 2)
    assert found.count[found.index == 0].sum() == 2 * math.ceil(sites / 4) - 1
    # Morse theory on the torus of the sites - 1 differences.
    assert ((-1) ** found.index * found.count).sum() == 0
    assert all(found.count[found.index == i].sum() >= 1 for i in range(sites))


@pytest.mark.parametrize("sites", [3, 4, 5, 6, 7, 8, 9])
def test_listed_points_of_the_ring_are_stationary_with_the_index_of_the_formula(sites):
    model = XYModel(ring(sites))
    points = ring_points(sites)
    assert np.abs(model.gradient(points)).max() < 1e-12
    assert len(distinct(points)) == len(points)
    assert isolated(classes_of(model, points)) == isolated(ring_classes(sites))


def test_a_wrong_index_would_be_noticed():
    exact = ring_classes(7)
    # n negative springs, without the constraint that differences add up.
    naive = [(e, i + (e > 0), n) for e, i, n in isolated(exact)]
    assert naive != isolated(classes_of(XYModel(ring(7)), ring_points(7)))
    turned = classes_of(XYModel(ring(7), coupling=-1.0), ring_points(7))
    assert [row[1] for row in isolated(turned)] != [row[1] for row in isolated(exact)]


def test_searches_find_the_points_of_the_ring_of_seven_and_nothing_else(seed):
    model, listed, found = XYModel(ring(7)), ring_points(7), {}
    for method in METHODS:
        found[method] = search(model, 2000, method, seed)
        assert len(found[method]) == 2000
        both = np.concatenate([listed, found[method]])
        assert len(distinct(both)) == len(listed) == 140
        assert len(distinct(found[method])) > 110
    # A point that does not belong there would be seen.
    assert len(distinct(np.concatenate([listed, found[method], found[method][:1] + np.eye(7)[:1] * 1e-3]))) == 141
    together = np.concatenate(list(found.values()))
    assert [row[:2] for row in isolated(classes_of(model, together))] == [row[:2] for row in isolated(ring_classes(7))]


@pytest.mark.parametrize("sites", [4, 8])
def test_families_of_the_ring_are_named(sites, seed):
    model = XYModel(ring(sites))
    found = search(model, 400, "newton", seed)
    kind, spectra, energy = kinds(model, found), indices(model, found), model.energy(found)
    assert {ISOLATED, FAMILY, SINGULAR} == set(kind.tolist())
    for name, index, zero_modes in ((FAMILY, sites // 2 - 1, 1), (SINGULAR, 0, sites - 1)):
        there = kind == name
        assert np.abs(energy[there]).max() < 1e-9
        assert set(spectra.index[there].tolist()) == {index}
        assert set(spectra.zero_modes[there].tolist()) == {zero_modes}
    assert (spectra.zero_modes[kind == ISOLATED] == 0).all()
    found = np.concatenate([found, search(model, 400, "eigenvector", seed)])
    assert [row[:2] for row in isolated(classes_of(model, found))] == [row[:2] for row in isolated(ring_classes(sites))]
    # Differences a and pi - a, as many of each, at any a.
    a = 0.7
    steps = np.array([a, math.pi - a] * (sites // 2))
    assert kinds(model, np.append(0.0, np.cumsum(steps)[:-1])[None]) == [FAMILY]


@pytest.mark.parametrize("sites", [3, 5, 6, 9, 12])
def test_the_complete_graph_has_the_index_of_its_minority(sites):
    model, exact = XYModel(complete(sites)), complete_classes(sites)
    points = ising_points(sites)
    balanced = np.abs(np.cos(points).sum(axis=1)) < 0.5
    named = [row for row in isolated(exact) if sites > 3 or row[1] != 2]
    assert isolated(classes_of(model, points[~balanced])) == named
    if balanced.any():
        listed = classes_of(model, points[balanced])
        of_line = exact.kind == SINGULAR
        for name in ("energy", "index", "zero_modes", "count", "kind"):
            assert getattr(listed, name) == pytest.approx(getattr(exact, name)[of_line])
    if sites > 3:
        rest = np.arange(sites - 3) * math.pi if sites % 2 else np.array([0.4, 0.4 + math.pi])
        spins = [np.arange(3) * 2 * math.pi / 3, rest] if sites % 2 else [np.arange(sites - 2) * math.pi, rest]
        cancelled = np.concatenate(spins)[None]
        found = indices(model, cancelled)
        family = exact.kind == FAMILY
        assert (found.index, found.zero_modes) == (exact.index[family], exact.zero_modes[family])
        assert model.energy(cancelled) == pytest.approx(exact.energy[family])


@pytest.mark.parametrize("sites", [3, 7, 8])
def test_searches_on_the_complete_graph_find_its_classes(sites, seed):
    model, exact = XYModel(complete(sites)), complete_classes(sites)
    found = classes_of(model, np.concatenate([search(model, 1200, method, seed) for method in METHODS]))
    assert [row[:2] for row in isolated(found)] == [row[:2] for row in isolated(exact)]
    others = found.kind != ISOLATED
    known = {(round(float(e), 6), int(i)) for e, i in zip(exact.energy, exact.index, strict=True)}
    seen = {(round(float(e), 6), int(i)) for e, i in zip(found.energy[others], found.index[others], strict=True)}
    assert seen <= known
    assert (FAMILY in found.kind) == (sites > 3)


def test_sums_of_ring_points_are_stationary_on_a_torus_and_their_hessians_add():
    model, line = XYModel(square((3, 5))), [XYModel(ring(3)), XYModel(ring(5))]
    points, along = torus_points(model), [ring_points(3), ring_points(5)]
    assert len(points) == 6 * 30
    assert np.abs(model.gradient(points)).max() < 1e-12
    for i, j in ((0, 4), (2, 11), (5, 29)):
        point = points[i * 30 + j]
        parts = [spectrum(line[0], along[0][i]), spectrum(line[1], along[1][j])]
        assert spectrum(model, point) == pytest.approx(np.sort(np.add.outer(*parts).ravel()), abs=1e-12)
        energies = line[0].energy(along[0][[i]]) * 5 + line[1].energy(along[1][[j]]) * 3
        assert model.energy(point[None]) == pytest.approx(energies)


def test_configurations_of_the_ising_model_are_counted_by_their_orbits():
    model = XYModel(square((3, 3)))
    points, counts = ising_orbits(model)
    assert counts.sum() == 2**8
    assert isolated(classes_of(model, points, counts)) == isolated(classes_of(model, ising_points(9)))
    known, complete_list = known_classes(model)
    assert not complete_list
    assert known.count[np.isclose(known.energy, -18)] == [1]
    # One spin turned over: four bonds of two ends each.
    assert known.count[np.isclose(known.energy, -10)] == [9]


def test_a_search_on_the_square_lattice_finds_the_known_classes(seed):
    model = XYModel(square((3, 3)))
    found = np.concatenate([search(model, 1200, method, seed) for method in METHODS])
    images = with_images(model, found[kinds(model, found) == ISOLATED])
    assert np.abs(model.gradient(images)).max() < 1e-9
    new, known = isolated(classes_of(model, images)), isolated(known_classes(model)[0])
    places = {row[:2]: row[2] for row in new}
    assert all(places[row[:2]] >= row[2] for row in known)


def test_eigenvector_following_reaches_the_index_asked_for(seed):
    model = XYModel(ring(9))
    for wanted in (0, 3, 8):
        found = stationary_points(model, model.initial_x(range(100), seed), method="eigenvector", index=wanted)
        share = (indices(model, found.x).index == wanted).mean()
        assert share > 0.9
    newton = stationary_points(model, model.initial_x(range(100), seed))
    assert (indices(model, newton.x).index == 8).mean() < 0.5


def test_fields_phases_and_random_couplings_are_served(seed):
    model = XYModel(random_regular(10, 3, seed=1), coupling="gaussian", phase="uniform", field=0.3, seed=seed)
    found = search(model, 200, "eigenvector", seed)
    assert len(found) > 180
    spectra = indices(model, found)
    for row in (0, 7, 99):
        assert spectra.eigenvalues[row] == pytest.approx(spectrum(model, found[row]), abs=1e-12)
        assert spectra.index[row] == (spectrum(model, found[row]) < 0).sum()
    assert (spectra.zero_modes == 0).all()


def test_a_single_degenerate_point_is_no_family():
    # Two spins held against each other's wish: at h = 2 |J| the antisymmetric mode is quartic.
    model = XYModel(from_edges([(0, 1)]), coupling=-1.0, field=2.0)
    at = np.zeros((1, 2))
    assert indices(model, at).zero_modes == [1]
    assert kinds(model, at) == [SINGULAR]
    assert kinds(XYModel(from_edges([(0, 1)]), coupling=-1.0, field=2.1), at) == [ISOLATED]


def test_points_that_are_not_stationary_are_refused():
    model = XYModel(ring(5))
    points = ring_points(5)
    points[3, 2] += 1e-4
    with pytest.raises(ArgumentError, match="row 3 has a gradient of norm"):
        indices(model, points)
    with pytest.raises(ArgumentError, match="it is no stationary point"):
        kinds(model, points)
    with pytest.raises(ArgumentError, match="it is no stationary point"):
        classes_of(model, points)
    # No field, no force: a minimum of |g| that is not 0 does not exist on the ring, on four by four it does.
    lattice = XYModel(square((4, 4)))
    found = stationary_points(lattice, lattice.initial_x(range(200), 1))
    stuck = ~is_stationary(lattice, found)
    assert stuck.any()
    with pytest.raises(ArgumentError, match="it is no stationary point"):
        indices(lattice, found.x[stuck])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "descent"}, "method: got 'descent'; one of newton, eigenvector"),
        ({"method": "eigenvector", "index": 5}, "index: got 5; from 0 to 4 is needed"),
        ({"method": "eigenvector", "index": [1, 2]}, "one for each of 3 starts"),
        ({"tolerance": 0.0}, "tolerance: got 0.0; a number above 0"),
    ],
)
def test_arguments_out_of_range_are_refused(options, said):
    with pytest.raises(ArgumentError, match=said):
        stationary_points(XYModel(ring(5)), np.zeros((3, 5)), **options)


def test_systems_too_large_to_list_are_refused():
    with pytest.raises(ArgumentError, match="sites: got 2; a whole number from 3"):
        ring_classes(2)
    with pytest.raises(ArgumentError, match="listed at most"):
        ring_points(41)
    with pytest.raises(ArgumentError, match="up to 18 sites"):
        ising_points(19)
    with pytest.raises(LandscapeError, match="128 are taken at most"):
        stationary_points(XYModel(ring(129)), np.zeros((1, 129)))
    with pytest.raises(LandscapeError, match="the graph is complete"):
        torus_points(XYModel(complete(5)))
