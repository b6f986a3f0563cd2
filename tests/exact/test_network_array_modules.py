"""The built-in network on arrays that are none of NumPy's: the same numbers, and no array of NumPy's mixed in."""

import pickle

import numpy as np
import pytest
import standin_arrays
from standin_arrays import Array, asarray

from mcmc.errors import ArgumentError
from mcmc.landscapes.network import Data, mlp
from mcmc.landscapes.network.array_modules import array_module


def network(loss, activation):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 300) if loss == "cross_entropy" else rng.normal(size=(300, 4))
    data = Data(rng.normal(size=(300, 7)), targets, rng.normal(size=(9, 7)), targets[:9])
    return mlp(data, (5,), activation=activation, weight_decay=0.1), rng


def same(found, wanted):
    assert type(found) is Array
    assert np.array_equal(found._values, wanted)


@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus", "identity"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_the_same_bits_as_numpy(loss, activation):
    model, rng = network(loss, activation)
    x, v = model.initial_x(3, seed=1), rng.normal(size=(3, model.dim))
    other, along = asarray(x), asarray(v)
    for batch in (None, rng.integers(0, 300, 20), rng.integers(0, 300, (3, 20))):
        for part in (batch, None if batch is None else asarray(batch)):
            for found, wanted in zip(
                model.energy_and_gradient(other, part), model.energy_and_gradient(x, batch), strict=True
            ):
                same(found, wanted)
            same(model.energy(other, part), model.energy(x, batch))
            same(model.hessian_vector(other, along, part), model.hessian_vector(x, v, batch))
    same(model.per_sample_gradients(other[0]), model.per_sample_gradients(x[0]))
    same(model.outputs(other, model.data.inputs), model.outputs(x, model.data.inputs))
    same(model.test_error(other), model.test_error(x))
    same(model.training_error(other), model.training_error(x))
    assert np.array_equal(pickle.loads(pickle.dumps(model)).gradient(x), model.gradient(x))


def test_data_are_moved_once(monkeypatch):
    model, _ = network("cross_entropy", "tanh")
    x, moved = asarray(model.initial_x(2, seed=1)), []
    monkeypatch.setattr(standin_arrays, "asarray", lambda values: moved.append(np.shape(values)) or asarray(values))
    model.gradient(x)
    assert moved == [(300, 7), (300,), (9, 7), (9,)]
    model.gradient(x)
    model.test_error(x)
    assert len(moved) == 4


def test_indices_on_the_device_are_checked_there():
    model, _ = network("cross_entropy", "tanh")
    x = asarray(model.initial_x(2, seed=1))
    with pytest.raises(ArgumentError, match="those of 300 samples"):
        model.gradient(x, asarray(np.array([0, 300])))


def test_the_stand_in_takes_no_array_of_numpys():
    """Control: what is tested above would fail if data stayed where they are."""
    assert array_module(asarray(np.ones(2))) is standin_arrays
    assert array_module(np.ones(2)) is np
    for mixed in (lambda a: a + np.ones(2), lambda a: np.ones(2) + a, lambda a: np.matmul(a, np.ones(2)), np.asarray):
        with pytest.raises(TypeError):
            mixed(asarray(np.ones(2)))
