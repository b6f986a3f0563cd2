"""Files of `sample` on networks: they refuse to go on with another problem than the one they were written for."""

import importlib
import importlib.util

import numpy as np
import pytest

from mcmc.errors import StoreError
from mcmc.landscape import IdentifiedLandscape
from mcmc.landscapes.network import Data, NetworkLoss, mlp
from mcmc.landscapes.network.multilayer import MLP
from mcmc.samplers import SGLD, sample

MODULE = importlib.import_module("torch").nn.Module if importlib.util.find_spec("torch") else object

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


def test_finished_draws_of_other_energies_are_refused_without_an_identity(tmp_path, monkeypatch):
    monkeypatch.setattr(MLP, "identity", lambda self: {})
    path = tmp_path / "run.h5"
    draws = run(mlp(data(), (4,)), 4, path)["energy"].values
    with pytest.raises(StoreError, match=r"its energy is .* here and was .*, so the landscape is another one"):
        run(mlp(data(2), (4,)), 4, path)
    assert np.array_equal(run(mlp(data(), (4,)), 4, path)["energy"], draws)
    # Whole draws are of use whatever became of the checkpoint beside them.
    path.with_suffix(".checkpoint").write_bytes(b"damaged")
    assert np.array_equal(run(mlp(data(), (4,)), 4, path)["energy"], draws)


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


class Scaled(MODULE):
    """A network with a constant that it does not write of itself."""

    def __init__(self, factor, slope=0.25):
        import torch

        super().__init__()
        self.first, self.last, self.factor = torch.nn.Linear(6, 4), torch.nn.Linear(4, 3), factor
        self.between = torch.nn.PReLU(4, init=slope)

    def forward(self, inputs):
        return self.last(self.between(self.factor * self.first(inputs)))


def smoothed(share, **weight):
    import torch

    return torch.nn.CrossEntropyLoss(label_smoothing=share, reduction="none", **weight)


def cross(outputs, targets):
    import torch

    return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")


def class_weights(last):
    import torch

    return {"weight": torch.tensor([1.0, 1.0, last], dtype=torch.float64)}


UNWRITTEN = {} if MODULE is object else {
    "a constant of the forward pass": (Scaled(1.0), cross, Scaled(1.001), cross),
    "a start of the module's own": (Scaled(1.0), cross, Scaled(1.0, 0.3), cross),
    "label smoothing": (Scaled(1.0), smoothed(0.0), Scaled(1.0), smoothed(1e-4)),
    "weight of one class": (
        Scaled(1.0), smoothed(0.0, **class_weights(1.0)), Scaled(1.0), smoothed(0.0, **class_weights(1.01)),
    ),
    "function without a name": (
        Scaled(1.0), lambda out, y: cross(out, y), Scaled(1.0), lambda out, y: 1.001 * cross(out, y),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNWRITTEN)
def test_what_a_module_or_a_loss_does_not_write_of_itself(name, tmp_path):
    first, loss, second, other = UNWRITTEN[name]
    refused(NetworkLoss(first, loss, data()), NetworkLoss(second, other, data()), "with measured_", tmp_path / "run.h5")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_starting_weights_are_part_of_it(dtype, tmp_path):
    pytest.importorskip("torch")

    def starting(value):
        dim = NetworkLoss(Scaled(1.0), cross, data()).dim
        return NetworkLoss(
            Scaled(1.0), cross, data(), dtype=dtype, initialise=lambda chains, seed: np.full((len(chains), dim), value)
        )

    refused(starting(0.0), starting(0.1), "with measured_start 0.0, this call has", tmp_path / "run.h5")


def test_measured_numbers_may_differ_by_rounding_and_no_more(tmp_path, monkeypatch):
    """As on another machine: the tolerance is far above rounding, and far below the differences above."""
    pytest.importorskip("torch")
    network, path = NetworkLoss(Scaled(1.0), cross, data()), tmp_path / "run.h5"
    run(network, 4, path)
    said = network.identity()
    for share, taken in ((1e-9, True), (-1e-9, True), (1e-7, False)):
        changed = {k: v * (1 + share) if k.startswith("measured_l") else v for k, v in said.items()}
        monkeypatch.setattr(NetworkLoss, "identity", lambda self, changed=changed: changed)
        if taken:
            run(network, 4, path)
            continue
        with pytest.raises(StoreError, match="measured_loss_0"):
            run(network, 4, path)


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
