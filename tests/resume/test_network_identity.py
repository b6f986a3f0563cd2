"""Files of `sample` on networks: they refuse to go on with another problem than the one they were written for."""

import numpy as np
import pytest

from mcmc.errors import StoreError
from mcmc.landscape import IdentifiedLandscape
from mcmc.landscapes.network import Data, NetworkLoss, mlp
from mcmc.landscapes.network.multilayer import MLP
from mcmc.samplers import SGLD, sample

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


def data(seed=1, turned=False, dtype=float, tested=None):
    rng = np.random.default_rng(seed)
    inputs, targets = rng.normal(size=(40, 6)).astype(dtype), np.arange(40) % 3
    targets[7] = (targets[7] + turned) % 3
    held = (None, None) if tested is None else (np.full((2, 6), tested), np.array([0, 1]))
    return Data(inputs, targets, *held)


def run(landscape, sweeps, path=None):
    return sample(SGLD(landscape, 40.0, step_size=1e-4, batch_size=10), sweeps, chains=2, path=path)


def refused(mine, other, says, path):
    run(mine, 4, path)
    kept = path.read_bytes()
    for sweeps in (4, 8):
        with pytest.raises(StoreError, match=says):
            run(other, sweeps, path)
    assert path.read_bytes() == kept
    assert np.array_equal(run(mine, 8, path)["energy"], run(mine, 8)["energy"])


BUILT_IN = {
    "inputs": (lambda: mlp(data(2), (4,)), "inputs_sha256"),
    "label": (lambda: mlp(data(turned=True), (4,)), "targets_sha256"),
    "test samples": (lambda: mlp(data(tested=1.0), (4,)), "test_inputs_sha256"),
    "activation": (lambda: mlp(data(), (4,), activation="relu"), "with activation tanh, this call has relu"),
    "weight decay": (lambda: mlp(data(), (4,), weight_decay=0.5), "with weight_decay 0.0, this call has 0.5"),
    "dtype": (lambda: mlp(data(dtype=np.float32), (4,)), "dtype"),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_network(name, tmp_path):
    make, says = BUILT_IN[name]
    refused(mlp(data(), (4,)), make(), says, tmp_path / "run.h5")


def test_sizes_and_loss_are_part_of_it():
    assert mlp(data(), (4,)).identity() != mlp(data(), (3,)).identity()
    assert mlp(data(), (4,)).identity() == mlp(data(), (4,)).identity()
    values = Data(data().inputs, np.eye(3)[data().targets])
    assert mlp(values, (4,)).identity()["loss"] == "squared"
    assert isinstance(mlp(values, (4,)), IdentifiedLandscape)


def test_without_an_identity_two_problems_share_a_file(tmp_path, monkeypatch):
    """Control: it is the identity that refuses above, here other test samples, which no energy shows."""
    monkeypatch.setattr(MLP, "identity", lambda self: {})
    run(mlp(data(), (4,)), 4, tmp_path / "run.h5")
    assert run(mlp(data(tested=1.0), (4,)), 8, tmp_path / "run.h5").sizes["draw"] == 8


def absolute(outputs, targets):
    import torch

    return (outputs - torch.nn.functional.one_hot(targets, 3)).abs().sum(-1)


def quadratic(outputs, targets):
    import torch

    return ((outputs - torch.nn.functional.one_hot(targets, 3)) ** 2).sum(-1)


def module(function="Tanh", held=1.0, order=(4, 3)):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(6, order[0]), getattr(torch.nn, function)(), torch.nn.Linear(*order))
    net.register_buffer("scale", torch.tensor(held))
    return net


def network(net, loss=absolute, of=None, **options):
    return NetworkLoss(net, loss, of or data(), buffers="frozen", **options)


TORCH = {
    "module": (lambda: network(module("ReLU")), "with model"),
    "buffer": (lambda: network(module(held=2.0)), "held_sha256"),
    "loss": (lambda: network(module(), quadratic), "with loss absolute, this call has quadratic"),
    "dtype": (lambda: network(module(), dtype="float32"), "with dtype float64"),
    "inputs": (lambda: network(module(), of=data(2)), "inputs_sha256"),
    "label": (lambda: network(module(), of=data(turned=True)), "targets_sha256"),
}


@pytest.mark.parametrize("name", TORCH)
def test_torch_modules(name, tmp_path):
    make, says = TORCH[name]
    refused(network(module()), make(), says, tmp_path / "run.h5")


def test_parameters_held_fixed_are_part_of_it():
    torch = pytest.importorskip("torch")

    def with_first_layer(value):
        net = module()
        net[0].requires_grad_(False)
        torch.nn.init.constant_(net[0].weight, value)
        torch.nn.init.zeros_(net[0].bias)
        return network(net)

    assert with_first_layer(1.0).identity() == with_first_layer(1.0).identity()
    assert with_first_layer(1.0).identity() != with_first_layer(2.0).identity()
    assert "0.weight" not in with_first_layer(1.0).identity()["parameters"]


def test_another_kind_of_network_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    refused(mlp(data(), (4,)), NetworkLoss(net, "cross_entropy", data()), "NetworkLoss", tmp_path / "run.h5")
