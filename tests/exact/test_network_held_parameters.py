"""Parameters with requires_grad False stay where they are; NumPy arrays and tensors share their memory."""

import pickle

import numpy as np
import pytest

from mcmc.landscapes.network import Data, NetworkLoss

torch = pytest.importorskip("torch")
DATA = Data(np.random.default_rng(0).normal(size=(30, 6)), np.arange(30) % 3)


def module():
    return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()


def test_the_last_layer_alone():
    net = module()
    net[0].requires_grad_(False)
    network, whole = NetworkLoss(net, "cross_entropy", DATA), NetworkLoss(module(), "cross_entropy", DATA)
    assert (network.dim, whole.dim) == (15, 43)
    first = torch.nn.utils.parameters_to_vector(net[0].parameters()).detach().numpy()
    x, along = network.initial_x(2, seed=1), np.random.default_rng(1).normal(size=(2, 15))
    full = np.concatenate([np.broadcast_to(first, (2, 28)), x], axis=1)
    turned = np.concatenate([np.zeros((2, 28)), along], axis=1)
    batch = np.arange(10).reshape(2, 5)
    for part in (None, batch):
        assert np.allclose(network.energy(x, part), whole.energy(full, part), rtol=1e-12)
        assert np.allclose(network.gradient(x, part), whole.gradient(full, part)[:, 28:], rtol=1e-10, atol=1e-13)
        product = whole.hessian_vector(full, turned, part)[:, 28:]
        assert np.allclose(network.hessian_vector(x, along, part), product, rtol=1e-10, atol=1e-13)
    each = whole.per_sample_gradients(full[0])[:, 28:]
    assert np.allclose(network.per_sample_gradients(x[0]), each, rtol=1e-10, atol=1e-13)
    assert np.allclose(network.outputs(x, DATA.inputs), whole.outputs(full, DATA.inputs), rtol=1e-12)
    assert np.array_equal(pickle.loads(pickle.dumps(network)).gradient(x), network.gradient(x))
    # Control: it matters where they are held.
    assert not np.allclose(whole.energy(np.concatenate([np.zeros((2, 28)), x], axis=1)), network.energy(x))


def test_arrays_are_not_copied():
    network = NetworkLoss(module(), "cross_entropy", DATA)
    x = network.initial_x(2, seed=1)
    assert network._point(x).data_ptr() == x.ctypes.data
    assert network._inputs.data_ptr() == DATA.inputs.ctypes.data
    gradients = torch.ones(2, network.dim, dtype=torch.float64)
    assert np.shares_memory(network._array(gradients, x), gradients.numpy())
    single = NetworkLoss(module(), "cross_entropy", DATA, dtype="float32")
    assert single._point(x).data_ptr() != x.ctypes.data
