"""Losses of torch modules: equal to the built-in network, to autograd chain by chain, and no chain in another's way."""

import pickle

import numpy as np
import pytest

from mcmc.landscape import SmoothLandscape
from mcmc.landscapes.network import Data, NetworkLoss, mlp

torch = pytest.importorskip("torch")
ROUNDING = 1e-11


def samples(labelled=True, count=300, features=7):
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(count, features))
    return Data(inputs, rng.integers(0, 4, count) if labelled else rng.normal(size=(count, 3)), *(
        (inputs[:9], rng.integers(0, 4, 9)) if labelled else (inputs[:9], rng.normal(size=(9, 3)))
    ))  # fmt: skip


def pair(loss, **options):
    """The built-in network, the same in torch, and weights of 3 chains for the former."""
    data = samples(loss == "cross_entropy")
    module = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.Tanh(), torch.nn.Linear(5, data.outputs))
    built_in = mlp(data, (5,), loss=loss, weight_decay=0.1)
    return built_in, NetworkLoss(module, loss, data, weight_decay=0.1, **options), built_in.initial_x(3, seed=1)


def as_torch(model, x):
    """Weights (..., dim) of the built-in network with its matrices (in, out) turned to torch's (out, in)."""
    parts = []
    for begin, bias, end, a, b in model._spans:
        parts += [np.swapaxes(x[..., begin:bias].reshape(*x.shape[:-1], a, b), -1, -2), x[..., bias:end]]
    return np.concatenate([part.reshape(*x.shape[:-1], -1) for part in parts], axis=-1)


def user_loss(x, inputs, targets):
    """Squared error of a linear network without biases, 7 to 3."""
    outputs = torch.matmul(inputs, x.reshape(-1, 3, 7).transpose(1, 2))
    return 0.5 * ((outputs - targets) ** 2).sum(-1).mean(-1)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_equal_to_the_built_in_network(loss):
    built_in, network, x = pair(loss)
    assert isinstance(network, SmoothLandscape)
    assert network.dim == built_in.dim
    own = np.random.default_rng(1).integers(0, 300, (3, 20))
    y, v = as_torch(built_in, x), np.random.default_rng(2).normal(size=x.shape)
    for batch in (None, own, own[0]):
        energy, gradient = built_in.energy_and_gradient(x, batch)
        found = network.energy_and_gradient(y, batch)
        assert np.allclose(found[0], energy, atol=ROUNDING)
        assert np.allclose(network.energy(y, batch), energy, atol=ROUNDING)
        assert np.allclose(found[1], as_torch(built_in, gradient), atol=ROUNDING)
        assert not np.allclose(found[1], gradient, atol=ROUNDING)
        product = as_torch(built_in, built_in.hessian_vector(x, v, batch))
        assert np.allclose(network.hessian_vector(y, as_torch(built_in, v), batch), product, atol=ROUNDING)
    each = as_torch(built_in, built_in.per_sample_gradients(x[1]))
    assert np.allclose(network.per_sample_gradients(y[1]), each, atol=ROUNDING)
    assert np.allclose(network.per_sample_gradients(y[1], own[0]), each[own[0]], atol=ROUNDING)
    assert np.allclose(network.test_error(y), built_in.test_error(x), atol=ROUNDING)
    assert np.allclose(network.training_error(y), built_in.training_error(x), atol=ROUNDING)
    assert np.allclose(network.outputs(y, network.data.inputs), built_in.outputs(x, network.data.inputs))


def test_one_point_serves_many_directions():
    _, network, _ = pair("squared")
    x, v = network.initial_x(1, 3), np.random.default_rng(2).normal(size=(4, network.dim))
    assert np.allclose(network.hessian_vector(x, v), network.hessian_vector(np.repeat(x, 4, axis=0), v), atol=ROUNDING)


def test_convolutions_against_autograd_chain_by_chain():
    data = samples(features=36)
    module = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 6, 6)), torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 4),
    )  # fmt: skip
    network = NetworkLoss(module, "cross_entropy", data, buffers="frozen")
    x = network.initial_x(3, seed=4)
    batch = np.random.default_rng(1).integers(0, 300, (3, 20))
    energy, gradient = network.energy_and_gradient(x, batch)
    alone = module.double().eval()
    for chain in range(3):
        torch.nn.utils.vector_to_parameters(torch.from_numpy(x[chain]), alone.parameters())
        alone.zero_grad()
        outputs = alone(torch.from_numpy(data.inputs[batch[chain]]))
        loss = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(data.targets[batch[chain]]))
        loss.backward()
        slope = torch.cat([parameter.grad.reshape(-1) for parameter in alone.parameters()]).numpy()
        assert np.isclose(energy[chain], loss.item(), atol=ROUNDING)
        assert np.allclose(gradient[chain], slope, atol=ROUNDING)
    assert module[2].running_mean.abs().max() == 0


def test_chains_do_not_influence_each_other():
    _, network, _ = pair("cross_entropy")
    x = network.initial_x(3, seed=1)
    batch = np.random.default_rng(1).integers(0, 300, (3, 20))
    energy, gradient = network.energy_and_gradient(x, batch)
    other = x.copy()
    other[1] = 1e6
    energies, gradients = network.energy_and_gradient(other, batch)
    assert np.array_equal(energies[[0, 2]], energy[[0, 2]])
    assert np.array_equal(gradients[[0, 2]], gradient[[0, 2]])
    assert not np.array_equal(gradients[1], gradient[1])
    for chain in range(3):
        alone = network.energy_and_gradient(x[chain : chain + 1], batch[chain : chain + 1])
        assert np.allclose(alone[1][0], gradient[chain], atol=ROUNDING)


def test_a_loss_and_a_batched_loss_of_the_users_own():
    data = samples(labelled=False)
    module = torch.nn.Linear(7, 3, bias=False)
    plain = NetworkLoss(module, "squared", data, weight_decay=0.2)
    own = NetworkLoss(module, lambda out, target: 0.5 * ((out - target) ** 2).sum(-1).mean(), data, weight_decay=0.2)
    bypass = NetworkLoss(module, "squared", data, weight_decay=0.2, batched_loss=user_loss)
    x, v = plain.initial_x(3, 1), plain.initial_x(3, 2)
    batch = np.random.default_rng(1).integers(0, 300, (3, 20))
    for network in (own, bypass):
        for part in (None, batch, batch[0]):
            assert np.allclose(network.energy(x, part), plain.energy(x, part), atol=ROUNDING)
            assert np.allclose(network.gradient(x, part), plain.gradient(x, part), atol=ROUNDING)
            assert np.allclose(network.hessian_vector(x, v, part), plain.hessian_vector(x, v, part), atol=ROUNDING)
        assert np.allclose(network.per_sample_gradients(x[0]), plain.per_sample_gradients(x[0]), atol=ROUNDING)


def test_starting_weights_have_torchs_law_and_depend_on_seed_and_chain_alone():
    module = torch.nn.Sequential(torch.nn.Linear(7, 400), torch.nn.LayerNorm(400), torch.nn.Linear(400, 4))
    network = NetworkLoss(module, "cross_entropy", samples())
    x = network.initial_x([4, 2], seed=9)
    assert np.array_equal(x[1], network.initial_x([2], seed=9)[0])
    assert not np.array_equal(x[1], network.initial_x([2], seed=10)[0])
    first = x[:, :3200]
    assert abs(first).max() <= 1 / np.sqrt(7)
    # The variance of the square of a uniform number in +-1 is 4 / 45.
    assert abs((7 * first**2).mean() - 1 / 3) < 4.9 * np.sqrt(4 / 45 / first.size)
    assert (x[:, 3200:3600] == 1).all()
    assert (x[:, 3600:4000] == 0).all()
    assert abs(x[:, 4000:]).max() <= 1 / 20


def test_pickled_and_in_single_precision():
    built_in, network, x = pair("cross_entropy")
    y = as_torch(built_in, x)
    assert np.array_equal(pickle.loads(pickle.dumps(network)).gradient(y), network.gradient(y))
    single = pair("cross_entropy", dtype="float32")[1]
    assert single.gradient(y).dtype == single.energy(y).dtype == np.float64
    assert np.allclose(single.gradient(y), network.gradient(y), atol=1e-5)


@pytest.mark.validate
def test_compiled_losses_are_the_same():
    _, network, _ = pair("cross_entropy")
    compiled = pair("cross_entropy", compile=True)[1]
    x = network.initial_x(3, seed=1)
    assert np.allclose(compiled.gradient(x), network.gradient(x), atol=ROUNDING)
