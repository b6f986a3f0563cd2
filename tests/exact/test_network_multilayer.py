"""The built-in network: every derivative against finite differences, chain by chain and in mini-batches."""

import pickle

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.landscapes.network import Data, mlp

STEP = 1e-5
ROUNDING = 1e-6
"""Of central differences at that step, for energies and slopes of order 1."""


def network(loss, activation, samples=300):
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(samples, 7))
    targets = rng.integers(0, 4, samples) if loss == "cross_entropy" else rng.normal(size=(samples, 3))
    model = mlp(Data(inputs, targets), (5, 6), activation=activation, loss=loss, weight_decay=0.1)
    return model, model.initial_x(3, seed=1) + 0.1 * rng.normal(size=(3, model.dim)), rng


CASES = [(loss, act) for loss in ("cross_entropy", "squared") for act in ("tanh", "relu", "softplus", "identity")]


def batches(model, rng):
    own = rng.integers(0, model.data_size, (3, 20))
    return None, own, own[0]


@pytest.mark.parametrize(("loss", "activation"), CASES)
def test_gradient_against_differences(loss, activation):
    model, x, rng = network(loss, activation)
    assert isinstance(model, SmoothLandscape)
    for batch in batches(model, rng):
        energy, gradient = model.energy_and_gradient(x, batch)
        along = rng.normal(size=x.shape)
        slope = (model.energy(x + STEP * along, batch) - model.energy(x - STEP * along, batch)) / (2 * STEP)
        assert np.allclose(model.energy(x, batch), energy, rtol=1e-12)
        assert np.allclose((gradient * along).sum(axis=1), slope, atol=ROUNDING)
        assert not np.allclose((1.01 * gradient * along).sum(axis=1), slope, atol=ROUNDING)


@pytest.mark.parametrize(("loss", "activation"), [case for case in CASES if case[1] != "relu"])
def test_hessian_product_against_differences(loss, activation):
    model, x, rng = network(loss, activation)
    for batch in batches(model, rng):
        along = rng.normal(size=x.shape)
        turned = (model.gradient(x + STEP * along, batch) - model.gradient(x - STEP * along, batch)) / (2 * STEP)
        assert np.allclose(model.hessian_vector(x, along, batch), turned, atol=ROUNDING)
    many = model.hessian_vector(x[:1], along)
    assert np.allclose(many[1], model.hessian_vector(x[:1], along[1:2])[0], rtol=1e-12)


@pytest.mark.parametrize(("loss", "activation"), CASES)
def test_gradients_of_samples_average_to_the_gradient(loss, activation):
    model, x, _ = network(loss, activation)
    each = model.per_sample_gradients(x[1])
    assert each.shape == (300, model.dim)
    assert np.allclose(each.mean(axis=0) + 0.1 * x[1], model.gradient(x)[1], atol=1e-12)
    alone = model.gradient(x[1:2], np.array([17]))[0] - 0.1 * x[1]
    assert np.allclose(each[17], alone, atol=1e-12)


def test_a_chain_does_not_depend_on_its_neighbours():
    model, x, rng = network("cross_entropy", "tanh", samples=700)
    batch = rng.integers(0, model.data_size, (3, 20))
    for own in (None, batch):
        energy, gradient = model.energy_and_gradient(x, own)
        for chain in range(3):
            pick = slice(chain, chain + 1)
            alone = model.energy_and_gradient(x[pick], own if own is None else own[pick])
            assert alone[0][0] == energy[chain]
            assert np.array_equal(alone[1][0], gradient[chain])


def test_results_are_not_overwritten_by_later_calls():
    model, x, _ = network("cross_entropy", "tanh")
    outputs = model.outputs(x, model.data.inputs)
    levels, slopes = model.layer_factors(x[0])
    kept = [array.copy() for array in (outputs, *levels, *slopes)]
    model.energy_and_gradient(2.0 * x)
    model.outputs(3.0 * x, model.data.inputs)
    assert all(np.array_equal(a, b) for a, b in zip((outputs, *levels, *slopes), kept, strict=True))
    assert np.array_equal(pickle.loads(pickle.dumps(model)).gradient(x), model.gradient(x))


@pytest.mark.parametrize(("arguments", "named"), [
    ({"hidden": (0,)}, "hidden"),
    ({"hidden": "32"}, "hidden"),
    ({"loss": "squared"}, "loss"),
    ({"loss": "hinge"}, "loss"),
    ({"activation": "gelu"}, "activation"),
    ({"weight_decay": -1.0}, "weight_decay"),
    ({"weight_decay": float("nan")}, "weight_decay"),
])  # fmt: skip
def test_wrong_arguments_are_named(arguments, named):
    data = Data(np.zeros((4, 2)), np.array([0, 1, 0, 1]))
    with pytest.raises(ArgumentError, match=named):
        mlp(data, **arguments)


@pytest.mark.parametrize(("arrays", "named"), [
    ((np.zeros((4, 2)), np.zeros(3, int)), "targets"),
    ((np.full((4, 2), np.nan), np.zeros(4, int)), "inputs"),
    ((np.zeros(4), np.zeros(4, int)), "inputs"),
    ((np.zeros((4, 2)), np.array([0, 1, -1, 0])), "label -1"),
    ((np.zeros((4, 2)), np.zeros(4)), "targets"),
    ((np.zeros((4, 2)), np.zeros(4, int), np.zeros((2, 2))), "test_targets"),
    ((np.zeros((4, 2)), np.zeros(4, int), np.zeros((2, 3)), np.zeros(2, int)), "test_inputs"),
])  # fmt: skip
def test_wrong_data_are_named(arrays, named):
    with pytest.raises(ArgumentError, match=named):
        Data(*arrays)
