"""Minima of the XY energy: their Hessian, the closed form of small oscillations, and the free turn of all angles."""

import numpy as np
import pytest
from scipy.integrate import quad

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.graphs import chain, cubic, random_regular, square, triangular
from mcmc.landscapes.xy import XYModel
from mcmc.landscapes.xy.minima import (
    hessian,
    oscillation_width,
    relax,
    spectrum,
    spin_wave,
    spin_wave_eigenvalues,
    vortex_pair,
)
from mcmc.local_entropy import laplace, quadrature

SCALES = np.array([0.1, 1.0, 7.0])


def glass(seed=3):
    return XYModel(random_regular(24, 3, seed=1), coupling="gaussian", phase="uniform", field=0.3, seed=seed)


def test_the_hessian_is_the_derivative_of_the_gradient():
    model = glass()
    rng = np.random.Generator(np.random.Philox(5))
    x, v = rng.uniform(-3, 3, (3, 24)), rng.normal(size=(3, 24))
    step = 1e-5
    slope = (model.gradient(x + step * v) - model.gradient(x - step * v)) / (2 * step)
    product = model.hessian_vector(x, v)
    assert np.abs(product - slope).max() < 1e-8
    assert np.abs(product - np.stack([hessian(model, a) @ b for a, b in zip(x, v, strict=True)])).max() < 1e-12
    assert np.abs(model.hessian_vector(x + 0.1, v) - slope).max() > 1e-3


@pytest.mark.parametrize("coupling", [1.0, 2.5])
@pytest.mark.parametrize("side", [4, 7])
def test_small_oscillations_of_the_ground_state_have_the_closed_form_of_spin_waves(side, coupling):
    model = XYModel(square((side, side)), coupling=coupling)
    k = 2 * np.pi * np.arange(side) / side
    waves = 4 - 2 * np.cos(k)[:, None] - 2 * np.cos(k)[None, :]
    exact = np.array([np.log1p(t * coupling * waves).sum() for t in SCALES]) / (2 * 1.5)
    found = oscillation_width(spectrum(model, spin_wave(model)), SCALES, 1.5)
    assert found == pytest.approx(exact, rel=1e-12)
    assert oscillation_width(spin_wave_eigenvalues(model), SCALES, 1.5) == pytest.approx(exact, rel=1e-12)
    curve = laplace(model, spin_wave(model), SCALES, beta=1.5)
    assert curve.value - model.energy(spin_wave(model)[None])[0] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("graph", "winding"),
    [(square((8, 6)), (1, -1)), (cubic((4, 4, 5)), (0, 0, 1)), (triangular((6, 6)), 1), (square((9, 9)), 2)],
)
def test_windings_are_stationary_with_the_closed_form_of_their_spectrum(graph, winding):
    model = XYModel(graph)
    x = spin_wave(model, winding)
    assert np.linalg.norm(model.gradient(x[None])) < 1e-12
    assert np.abs(spectrum(model, x) - spin_wave_eigenvalues(model, winding)).max() < 1e-12


def test_descents_end_in_minima_to_the_norm_asked_for():
    model = XYModel(square((8, 8)))
    starts = model.initial_x(range(6), 2)
    found = relax(model, starts)
    assert found.gradient_norm.max() < 1e-9
    assert (found.energy < model.energy(starts)).all()
    for angles in found.angles:
        assert spectrum(model, angles)[0] > -1e-10
    disordered = relax(glass(), np.zeros(24))
    assert disordered.gradient_norm[0] < 1e-9
    assert spectrum(glass(), disordered.angles[0])[0] > 0


def test_a_pair_of_vortices_far_apart_on_the_diagonal_is_a_minimum_and_a_close_one_is_none():
    model = XYModel(square((24, 24)))
    planted = vortex_pair(model, (8, 8))
    kept = relax(model, planted)
    for angles in (planted[None], kept.angles):
        assert model.observables(angles)["vortices"] == 2
    eigenvalues = spectrum(model, kept.angles[0])
    assert kept.gradient_norm[0] < 1e-9
    assert abs(eigenvalues[0]) < 1e-10
    assert eigenvalues[1] > 0.01
    close = relax(model, vortex_pair(model, 1))
    assert close.energy[0] == pytest.approx(-2 * 24 * 24, abs=1e-8)


@pytest.mark.parametrize("separation", [2, (3, 0), (0, 4), (-2, 3), (5, -6)])
def test_planted_pairs_stand_where_asked_whatever_the_seam(separation):
    model = XYModel(square((12, 14)))
    angles = vortex_pair(model, separation)
    turns = np.exp(1j * angles[model.graph.plaquettes])
    vorticity = np.rint(np.angle(np.roll(turns, -1, axis=1) / turns).sum(axis=1) / (2 * np.pi)).reshape(12, 14)
    (there,), (back,) = np.argwhere(vorticity == 1), np.argwhere(vorticity == -1)
    steps = np.array(separation if np.ndim(separation) else (separation, 0))
    apart = (np.array(back) - np.array(there)) % (12, 14)
    assert np.array_equal(apart, steps % (12, 14)) or np.array_equal(apart, -steps % (12, 14))


def bond_free_energy(turn, scale, beta):
    """u of two spins by one integral: the coordinate along the turn of both integrates to 1."""
    difference, spread = turn / np.sqrt(2), np.sqrt(scale / beta)

    def weight(s):
        return np.exp(beta * np.cos(np.sqrt(2) * s) - 0.5 * ((s - difference) / spread) ** 2)

    reach = (difference - 12 * spread, difference + 12 * spread)
    return -np.log(quad(weight, *reach, limit=400, epsabs=0, epsrel=1e-12)[0] / np.sqrt(2 * np.pi) / spread) / beta


@pytest.mark.parametrize("turn", [0.0, 1.0, np.pi])
def test_the_turn_of_all_angles_adds_exactly_nothing(turn):
    pair = XYModel(chain(2))
    scales = np.array([0.2, 1.0])
    exact = np.array([bond_free_energy(turn, t, 2.0) for t in scales])
    for start in (0.0, 0.9, 40.0):
        found = quadrature(pair, np.array([start + turn, start]), scales, beta=2.0)
        assert np.abs(found.value - exact).max() < 1e-8
    model = XYModel(square((5, 5)))
    assert np.count_nonzero(spectrum(model, spin_wave(model)) < 1e-12) == 1
    eigenvalues = spectrum(model, spin_wave(model))
    assert oscillation_width(eigenvalues, SCALES) == pytest.approx(
        oscillation_width(eigenvalues[1:], SCALES), abs=1e-12
    )


def test_faults_are_named():
    model = XYModel(square((6, 6)))
    with pytest.raises(ArgumentError, match="angles: got shape"):
        relax(model, np.zeros(5))
    with pytest.raises(ArgumentError, match="nan among them"):
        relax(model, np.full(36, np.nan))
    with pytest.raises(ArgumentError, match="angles: got 2 configurations"):
        spectrum(model, np.zeros((2, 36)))
    with pytest.raises(ArgumentError, match="tolerance: got 0"):
        relax(model, np.zeros(36), tolerance=0)
    with pytest.raises(LandscapeError, match="a periodic lattice is needed"):
        spin_wave(XYModel(chain(5)))
    with pytest.raises(LandscapeError, match="one coupling J"):
        spin_wave_eigenvalues(XYModel(square((6, 6)), coupling="plus-minus"))
    with pytest.raises(ArgumentError, match=r"winding: got 0\.5"):
        spin_wave(model, 0.5)
    with pytest.raises(LandscapeError, match="on the square lattice"):
        vortex_pair(XYModel(triangular((6, 6))), 2)
    for separation in (0, 6, (1, 9), 1.5, "far"):
        with pytest.raises(ArgumentError, match="separation: got"):
            vortex_pair(model, separation)
    with pytest.raises(ArgumentError, match="the point is no minimum"):
        oscillation_width(np.array([-2.0, 1.0]), 1.0)
