"""XY spins pulled to a configuration: their law against quadrature over all angles, and what is refused."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import i0e, i1e

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape, ReferableLandscape
from mcmc.landscapes.graphs import complete, from_edges, square
from mcmc.landscapes.xy import XYModel

BONDS = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
COUPLING = np.array([1.0, -0.7, 1.3, 0.8])
PHASE = np.array([0.0, 0.4, -1.1, 0.3])
REFERENCE = np.array([0.3, -2.0, 1.4, 7.0])
BOUND = 4.9


def ring():
    return XYModel(from_edges(BONDS), coupling=COUPLING, phase=PHASE)


def exact(beta, gamma, points=32):
    """<E>, <A> and the mean distance after the best rotation: the trapezoidal rule in the angles themselves."""
    axis = 2 * np.pi * np.arange(points) / points
    theta = np.meshgrid(*[axis] * 4, indexing="ij", sparse=True)
    energy = -sum(
        j * np.cos(theta[a] - theta[b] - phase) for (a, b), j, phase in zip(BONDS, COUPLING, PHASE, strict=True)
    )
    parts = [np.exp(1j * (angle - r)) for angle, r in zip(theta, REFERENCE, strict=True)]
    total = sum(parts)
    weight = np.exp(-beta * energy + gamma * total.real)
    weight /= weight.sum()
    return [float((weight * x).sum()) for x in (energy, total.real, 0.5 * (1 - np.abs(total) / 4))]


def series(landscape, beta, gamma, chains, seed, update):
    """Time averages of E, A and the rotated distance of each chain, (3, chains)."""
    state = landscape.init(chains, seed)
    landscape.sweep_at(state, beta, gamma, 60, update)
    seen = np.zeros((3, chains))
    for _ in range(20):
        landscape.sweep_at(state, beta, gamma, 2, update)
        seen += np.stack([landscape.cost(state), landscape.agreement(state), landscape.rotated_distance(state)]) / 20
    return seen


def z_scores(seen, expected):
    return (seen.mean(axis=1) - expected) / (seen.std(axis=1, ddof=1) / np.sqrt(seen.shape[1]))


@pytest.mark.parametrize("update", ["metropolis", "heat_bath"])
def test_a_ring_in_the_pull_has_the_averages_of_quadrature_chain_by_chain(seed, update):
    landscape = ring().with_reference(REFERENCE)
    pairs = [(0.8, 0.6), (0.8, -0.4), (0.4, 0.3), (0.0, 0.9), (0.0, -0.9), (1.5, 0.0), (0.0, 0.0)]
    each = 1500
    beta, gamma = np.repeat(np.array(pairs), each, axis=0).T
    seen = series(landscape, beta, gamma, beta.size, seed, update).reshape(3, len(pairs), each)
    for i, (b, g) in enumerate(pairs):
        assert np.abs(z_scores(seen[:, i], exact(b, g))).max() < BOUND, (b, g)
    assert np.abs(z_scores(seen[:, 0], exact(0.8, 0.8))).max() > BOUND
    assert np.abs(z_scores(seen[:, 5], exact(1.7, 0.0))).max() > BOUND


def test_beta_zero_is_independent_spins_in_a_field(seed):
    landscape = XYModel(square((3, 3))).with_reference(np.linspace(0, 5, 9))
    gamma = np.full(2000, 1.7)
    seen = series(landscape, np.zeros(2000), gamma, 2000, seed, "heat_bath")[1]
    z = (seen.mean() - 9 * i1e(1.7) / i0e(1.7)) / (seen.std(ddof=1) / np.sqrt(2000))
    assert abs(z) < BOUND


def test_energy_and_angles_are_those_of_the_model_at_the_angles_themselves():
    model = ring()
    landscape = model.with_reference(REFERENCE)
    state = landscape.init(6, 4)
    landscape.sweep_at(state, np.full(6, 0.7), np.linspace(-1, 1, 6), 30)
    angles = landscape.angles(state)
    assert np.abs(model.energy(angles) - landscape.cost(state)).max() < 1e-5
    assert np.abs(np.cos(angles - REFERENCE).sum(axis=1) - landscape.agreement(state)).max() < 1e-5
    start = landscape.at_reference([3, 8], 1)
    assert np.array_equal(landscape.agreement(start), [4.0, 4.0])
    assert np.abs(landscape.cost(start) - model.energy(REFERENCE[None])).max() < 1e-6
    assert np.abs(np.exp(1j * landscape.angles(start)) - np.exp(1j * REFERENCE)).max() < 1e-6


def test_a_turn_of_all_angles_is_seen_by_the_distance_but_not_by_the_rotated_one():
    landscape = XYModel(square((4, 4))).with_reference(np.zeros(16))
    turned = landscape._gauged.state_from_angles(np.full((1, 16), 1.0))
    assert np.allclose(landscape.rotated_distance(turned), 0.0, atol=1e-7)
    assert np.allclose(landscape.agreement(turned), 16 * np.cos(1.0), rtol=1e-6)


def test_chains_of_different_pulls_move_as_alone():
    landscape = XYModel(square((4, 4))).with_reference(np.linspace(0, 3, 16))
    beta, gamma = np.array([0.5, 0.5, 0.0, 1.2]), np.array([0.3, -0.1, 0.4, 0.3])
    together = landscape.init(4, 9)
    landscape.sweep_at(together, beta, gamma, 7)
    assert int(together.sweep) == 7
    for c in range(4):
        alone = landscape.init([c], 9)
        landscape.sweep_at(alone, beta[c], gamma[c], 7)
        assert np.array_equal(alone.spins[..., 0], together.spins[..., c])


def test_the_volume_is_the_mean_of_the_pull_over_angles():
    landscape = ring().with_reference(REFERENCE)
    assert isinstance(ring(), ReferableLandscape)
    assert isinstance(landscape, CoupledLandscape)
    assert landscape.levels is None
    for gamma in (-0.8, 0.0, 2.5):
        mean = quad(lambda x, g=gamma: np.exp(g * np.cos(x)), 0, 2 * np.pi)[0] / (2 * np.pi)
        assert landscape.log_volume(np.array(gamma)) == pytest.approx(4 * np.log(mean), abs=1e-12)
    assert np.isfinite(landscape.log_volume(np.array([1e4]))).all()


@pytest.mark.parametrize(
    ("reference", "said"),
    [(np.zeros(3), "shape"), ([0, 1, np.nan, 2], "nan among"), ("north", "angles in radians")],
)
def test_wrong_references_are_refused(reference, said):
    with pytest.raises(ArgumentError, match=f"reference.*{said}"):
        ring().with_reference(reference)


def test_other_faults_are_named():
    with pytest.raises(LandscapeError, match=r"field: the model has h = 0\.5"):
        XYModel(square((3, 3)), field=0.5).with_reference(np.zeros(9))
    with pytest.raises(LandscapeError, match="takes no phases"):
        XYModel(complete(5)).with_reference(np.zeros(5))
    landscape = ring().with_reference(REFERENCE)
    state = landscape.init(2, 0)
    with pytest.raises(ArgumentError, match="beta: got infinity"):
        landscape.sweep_at(state, np.full(2, np.inf), np.zeros(2), 1)
    with pytest.raises(ArgumentError, match="gamma: got 1 at beta = 1e-09"):
        landscape.sweep_at(state, np.full(2, 1e-9), np.ones(2), 1)
    with pytest.raises(ArgumentError, match="gamma: got"):
        landscape.sweep_at(state, np.ones(2), np.ones(3), 1)
    with pytest.raises(LandscapeError, match="update: got 'wolff'"):
        landscape.sweep_at(state, np.ones(2), np.ones(2), 1, "wolff")
