"""Losses of torch modules on arrays of another package, which come and go through DLPack: a stand-in for CuPy."""

import sys
import types

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.network import Data, NetworkLoss

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
DATA = Data(RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40), RNG.normal(size=(9, 6)), RNG.integers(0, 3, 9))
PACKAGE = "foreign_arrays"


class Foreign:
    """An array that NumPy cannot see into, with the little arithmetic that a landscape asks for."""

    def __init__(self, values):
        self._values = values

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)
    ndim = property(lambda self: self._values.ndim)

    def __array__(self, *given, **named):
        raise TypeError("no implicit conversion to a NumPy array")

    def __dlpack__(self, **given):
        return self._values.__dlpack__(**given)

    def __dlpack_device__(self):
        return self._values.__dlpack_device__()

    def __len__(self):
        return len(self._values)

    def __getitem__(self, place):
        return Foreign(self._values[place])

    def __mul__(self, other):
        return Foreign(self._values * getattr(other, "_values", other))

    def __add__(self, other):
        return Foreign(self._values + getattr(other, "_values", other))

    __rmul__, __radd__ = __mul__, __add__

    def sum(self, axis):
        return Foreign(self._values.sum(axis=axis))

    def astype(self, dtype):
        return Foreign(self._values.astype(dtype))


Foreign.__module__ = PACKAGE


@pytest.fixture(autouse=True)
def package(monkeypatch):
    found = types.ModuleType(PACKAGE)
    found.from_dlpack = lambda tensor: Foreign(np.from_dlpack(tensor))
    monkeypatch.setitem(sys.modules, PACKAGE, found)


def modules():
    nn = torch.nn
    yield nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    yield nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.Linear(5, 3))


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("batch", [None, [0, 3, 3], [[1, 2], [5, 0]]])
def test_the_same_numbers_in_arrays_of_the_kind_given(weight_decay, batch):
    for module in modules():
        network = NetworkLoss(module, "cross_entropy", DATA, weight_decay=weight_decay)
        x = network.initial_x(2, seed=1)
        calls = (network.energy, network.gradient, lambda y, b, net=network: net.hessian_vector(y, y, b))
        for call in calls:
            found, wanted = call(Foreign(x.copy()), batch), call(x, batch)
            assert isinstance(found, Foreign)
            assert np.array_equal(found._values, wanted)
            assert np.allclose(call(Foreign(np.asfortranarray(x)), batch)._values, wanted, rtol=1e-12)
            assert np.array_equal(call(Foreign(x.astype(np.float16)), batch)._values, call(x.astype(np.float16), batch))
        for call in (network.test_error, lambda y, net=network: net.outputs(y, DATA.inputs)):
            assert np.array_equal(call(Foreign(x))._values, call(x))


def test_points_that_do_not_fit():
    network = NetworkLoss(next(modules()), "cross_entropy", DATA)
    x = network.initial_x(2, seed=1)
    for wrong in (x[:, 1:], x[0], x + 1j):
        with pytest.raises(ArgumentError, match="x: got shape"):
            network.gradient(Foreign(wrong))
