"""Flat directions of networks by symmetry: null directions of the Hessian and of D, in the number predicted."""

import itertools

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.gradient_noise import gradient_noise
from mcmc.landscapes.network import Data, mlp
from mcmc.landscapes.network.symmetry import (
    TwoLayers,
    factorisation_dimension,
    factorisation_tangents,
    flat_dimension,
    linear_minimum,
    permuted,
    transformed,
    two_layers,
    with_copied_unit,
)
from mcmc.landscapes.newton import newton

INPUTS, OUTPUTS = 5, 3


def hessian(network, x):
    return network.hessian_vector(x[None], np.eye(network.dim))


def linear(hidden, seed, noise=0.5):
    rng = np.random.Generator(np.random.Philox(seed))
    inputs = rng.normal(size=(150, INPUTS)) + 1.0
    targets = inputs @ rng.normal(size=(INPUTS, OUTPUTS)) + 0.7 + noise * rng.normal(size=(150, OUTPUTS))
    network = mlp(Data(inputs, targets), (hidden,), activation="identity", loss="squared")
    turn = np.linalg.qr(rng.normal(size=(hidden, hidden)))[0] * np.linspace(0.7, 1.5, hidden)
    return network, transformed(network, linear_minimum(network), turn, rng.normal(size=hidden))


def zeros(values, limit):
    return int((np.abs(values) < limit * np.abs(values).max()).sum())


@pytest.mark.parametrize("hidden", [1, 2, 3, 4])
def test_zero_eigenvalues_of_the_hessian_and_of_d_are_those_of_the_factorisation(hidden, seed):
    network, x = linear(hidden, seed)
    matrix, noise = hessian(network, x), gradient_noise(network, x)
    rank = min(hidden, OUTPUTS)
    predicted = hidden**2 + hidden if hidden <= OUTPUTS else flat_dimension(network.sizes, rank, rank)
    assert np.linalg.norm(network.gradient(x[None])) < 1e-11
    assert zeros(np.linalg.eigvalsh(matrix), 1e-9) == predicted
    assert network.dim - noise.rank(1e-11 * noise.eigenvalues[0]).count == predicted
    # A minimum: no direction leads down.
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * np.abs(matrix).max()
    tangents = factorisation_tangents(network, x)
    assert len(tangents) == factorisation_dimension(hidden, rank, rank) <= predicted
    assert np.abs(matrix @ tangents.T).max() < 1e-12 * np.abs(matrix).max()
    assert np.abs(noise.times(tangents)).max() < 1e-12 * noise.eigenvalues[0]
    # And another direction is null for neither.
    other = np.random.Generator(np.random.Philox(1)).normal(size=network.dim)
    assert np.linalg.norm(matrix @ other) > 1e-3 * np.linalg.norm(other)
    assert noise.form(other / np.linalg.norm(other)) > 1e-3


def test_eigenvectors_of_d_and_of_the_hessian_are_orthogonal_to_the_tangents(seed):
    network, x = linear(2, seed)
    tangents, noise = factorisation_tangents(network, x), gradient_noise(network, x)
    vectors = noise.eigenvectors(noise.rank(1e-11 * noise.eigenvalues[0]).count)
    assert len(vectors) + len(tangents) == network.dim
    assert np.abs(vectors @ tangents.T).max() < 1e-7
    values, stiff = np.linalg.eigh(hessian(network, x))
    assert np.abs(stiff[:, np.abs(values) > 1e-9].T @ tangents.T).max() < 1e-7


def test_without_residuals_the_hessian_has_the_zeros_of_the_map_of_lower_rank(seed):
    rng = np.random.Generator(np.random.Philox(seed))
    inputs = rng.normal(size=(100, INPUTS))
    rule = rng.normal(size=(INPUTS, 1)) @ rng.normal(size=(1, OUTPUTS))
    network = mlp(Data(inputs, inputs @ rule), (3,), activation="identity", loss="squared")
    x = linear_minimum(network)
    weights = two_layers(network, x)
    ranks = [np.linalg.matrix_rank(part, tol=1e-9) for part in (weights.first, weights.second)]
    assert ranks == [1, 3]
    assert zeros(np.linalg.eigvalsh(hessian(network, x)), 1e-9) == flat_dimension(network.sizes, *ranks)
    assert len(factorisation_tangents(network, x)) == factorisation_dimension(3, *ranks)


def test_off_a_minimum_the_tangents_are_null_for_d_and_not_for_the_hessian(seed):
    network, x = linear(2, seed)
    away = x + 0.3
    tangents, noise = factorisation_tangents(network, away), gradient_noise(network, away)
    assert np.abs(noise.times(tangents)).max() < 1e-12 * noise.eigenvalues[0]
    assert np.abs(hessian(network, away) @ tangents.T).max() > 1e-3


def test_reduced_rank_regression_is_the_lowest_loss(seed):
    network, x = linear(2, seed)
    lowest = network.energy(x[None])[0]
    starts = network.initial_x(range(12), seed)
    found = newton(network.gradient, lambda points: np.stack([hessian(network, p) for p in points]), starts, 1e-10)
    reached = network.energy(found.x[found.gradient_norm < 1e-9])
    assert reached.size
    assert (reached > lowest - 1e-12).all()
    assert network.energy((x + 1e-3)[None])[0] > lowest


def test_transformed_weights_compute_the_same(seed):
    network, x = linear(3, seed)
    rng = np.random.Generator(np.random.Philox(3))
    matrix = np.linalg.qr(rng.normal(size=(3, 3)))[0] * [0.5, 1.0, 2.0] + 0.1
    other = transformed(network, x, matrix, rng.normal(size=3))
    inputs = network.data.inputs
    assert network.outputs(other[None], inputs) == pytest.approx(network.outputs(x[None], inputs), rel=1e-9, abs=1e-9)
    assert np.linalg.norm(other - x) > 0.1
    wrong = two_layers(network, other)._replace(second=two_layers(network, x).second).joined()
    assert abs(network.energy(wrong[None]) - network.energy(x[None])) > 1e-3


def curved(hidden, seed, outputs=1):
    rng = np.random.Generator(np.random.Philox(seed))
    inputs = rng.normal(size=(300, 3))
    teacher = mlp(Data(inputs, np.zeros((300, outputs))), (hidden,), loss="squared")
    first = 1.5 * np.linalg.qr(rng.normal(size=(3, hidden)))[0]
    second = np.linspace(1.0, 1.4, hidden)[:, None] * rng.choice([-1.0, 1.0], size=(hidden, outputs))
    weights = TwoLayers(first, np.linspace(-0.4, 0.4, hidden), second, np.zeros(outputs)).joined()
    targets = teacher.outputs(weights[None], inputs)[0] + 0.2 * rng.normal(size=(300, outputs))
    network = mlp(Data(inputs, targets), (hidden,), loss="squared")
    found = newton(
        network.gradient, lambda rows: np.stack([hessian(network, row) for row in rows]), weights[None], 1e-12
    )
    assert found.gradient_norm < 1e-10
    return network, found.x[0]


def test_permutations_of_hidden_units_are_other_points_of_the_same_energy_and_spectra(seed):
    network, x = curved(3, seed)
    energy, values = network.energy(x[None])[0], np.linalg.eigvalsh(hessian(network, x))
    noise = gradient_noise(network, x).eigenvalues
    for order in list(itertools.permutations(range(3)))[1:]:
        other = permuted(network, x, order)
        assert np.linalg.norm(other - x) > 0.1
        assert network.energy(other[None])[0] == pytest.approx(energy, rel=1e-12)
        assert np.linalg.eigvalsh(hessian(network, other)) == pytest.approx(values, abs=1e-11)
        assert gradient_noise(network, other).eigenvalues == pytest.approx(noise, abs=1e-11)
        # Isolated copies: the way between them is not flat.
        assert abs(network.energy((0.5 * (x + other))[None])[0] - energy) > 1e-3
    # One layer's units alone exchanged is no symmetry.
    w = two_layers(network, x)
    assert abs(network.energy(w._replace(first=w.first[:, [1, 0, 2]]).joined()[None])[0] - energy) > 1e-3


def test_a_copied_unit_makes_one_flat_direction_towards_its_permutation(seed):
    small, x = curved(2, seed)
    network = mlp(small.data, (3,), loss="squared")
    point = with_copied_unit(small, x, unit=1, share=0.3)
    swapped = permuted(network, point, [0, 2, 1])
    way = swapped - point
    along = point + np.linspace(-1.0, 2.0, 7)[:, None] * way
    assert np.ptp(network.energy(along)) < 1e-14
    assert network.energy(point[None])[0] == pytest.approx(small.energy(x[None])[0], rel=1e-13)
    way /= np.linalg.norm(way)
    matrix, noise = hessian(network, point), gradient_noise(network, point)
    assert np.abs(matrix @ way).max() < 1e-10
    assert zeros(np.linalg.eigvalsh(matrix), 1e-9) == 1
    assert noise.form(way) < 1e-25
    # Gradients by what enters the copy are those of the unit times a number.
    assert network.dim - noise.rank(1e-11 * noise.eigenvalues[0]).count == 1 + 3 + 1
    assert zeros(np.linalg.eigvalsh(hessian(small, x)), 1e-9) == 0


def test_with_two_outputs_a_copy_shared_unevenly_is_no_stationary_line(seed):
    small, x = curved(2, seed, outputs=2)
    network = mlp(small.data, (3,), loss="squared")
    point = with_copied_unit(small, x, unit=0, share=0.5)
    turned = two_layers(network, point)
    second = turned.second.copy()
    second[0] += [0.5, -0.2]
    second[2] -= [0.5, -0.2]
    other = turned._replace(second=second).joined()
    assert network.energy(other[None])[0] == pytest.approx(network.energy(point[None])[0], rel=1e-12)
    assert np.linalg.norm(network.gradient(point[None])) < 1e-9
    assert np.linalg.norm(network.gradient(other[None])) > 1e-4


def test_what_does_not_fit_is_refused(seed):
    network, x = linear(2, seed)
    bent = mlp(network.data, (2,), loss="squared")
    deep = mlp(network.data, (2, 2), loss="squared")
    for call, said in (
        (lambda: factorisation_tangents(bent, x), "got activation 'tanh'; 'identity' is needed"),
        (lambda: two_layers(deep, np.zeros(deep.dim)), "one with one hidden layer is needed"),
        (lambda: two_layers(network, x[1:]), "x: got shape"),
        (lambda: transformed(network, x, np.zeros((2, 2))), "an invertible one of 2 rows"),
        (lambda: permuted(network, x, [0, 0]), "each once, are needed"),
        (lambda: with_copied_unit(network, x, 2), "unit: got 2"),
        (lambda: linear_minimum(mlp(network.data, (2,), activation="identity", weight_decay=0.1)), "weight decay"),
        (lambda: linear_minimum(bent), "'identity' is needed"),
    ):
        with pytest.raises(ArgumentError, match=said):
            call()
