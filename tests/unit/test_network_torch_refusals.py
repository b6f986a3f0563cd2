"""What a torch module, its data and its batches must be: one clear sentence for each fault."""

import sys

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.network import Data, NetworkLoss, digits

DATA = Data(np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1]))


def test_torch_or_scikit_learn_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(LandscapeError, match=r"torch is not installed; pip install 'entroscape\[networks\]'"):
        NetworkLoss(None, "cross_entropy", DATA)
    with pytest.raises(LandscapeError, match="scikit-learn is not installed; pip install"):
        digits()


def linear(*more):
    torch = pytest.importorskip("torch")
    return torch.nn.Sequential(torch.nn.Linear(2, 2), *(getattr(torch.nn, kind)(*args) for kind, *args in more))


@pytest.mark.parametrize(("more", "named"), [
    ([("Dropout", 0.5)], "drops units at random with p = 0.5"),
    ([("BatchNorm1d", 2)], "buffers that all chains would share"),
    ([("BatchNorm1d", 2, 1e-5, 0.1, True, False)], "normalises by the batch"),
    ([("Linear", 2, 1)], "outputs"),
    ([("Linear", 3, 2)], "cannot be called"),
])  # fmt: skip
def test_modules_that_do_not_fit(more, named):
    with pytest.raises(ArgumentError, match=named):
        NetworkLoss(linear(*more), "cross_entropy", DATA)


def test_what_is_made_explicit_is_taken():
    NetworkLoss(linear(("Dropout", 0.0)), "cross_entropy", DATA)
    NetworkLoss(linear(("Dropout", 0.5)).eval(), "cross_entropy", DATA)
    NetworkLoss(linear(("BatchNorm1d", 2)), "cross_entropy", DATA, buffers="frozen")


@pytest.mark.parametrize(("arguments", "named"), [
    ({"loss": "hinge"}, "loss"),
    ({"loss": "squared"}, "class labels"),
    ({"data": np.zeros((4, 2))}, "data"),
    ({"model": "net"}, "model"),
    ({"weight_decay": -1.0}, "weight_decay"),
    ({"dtype": "float16"}, "dtype"),
    ({"buffers": "shared"}, "buffers"),
])  # fmt: skip
def test_wrong_arguments_are_named(arguments, named):
    chosen = {"model": linear(), "loss": "cross_entropy", "data": DATA} | arguments
    with pytest.raises(ArgumentError, match=named):
        NetworkLoss(**chosen)


@pytest.mark.parametrize("batch", [[0, 4], [-1, 0], [0.0, 1.0], [[0], [1], [2]], []])
def test_wrong_batches(batch):
    network = NetworkLoss(linear(), "cross_entropy", DATA)
    x = network.initial_x(2, seed=1)
    for call in (network.energy, network.gradient):
        with pytest.raises(ArgumentError, match="batch"):
            call(x, np.array(batch))


def test_wrong_points_and_missing_test_samples():
    network = NetworkLoss(linear(), "cross_entropy", DATA)
    x = network.initial_x(2, seed=1)
    with pytest.raises(ArgumentError, match="x: got shape"):
        network.energy(x[:, 1:])
    with pytest.raises(ArgumentError, match="one point"):
        network.per_sample_gradients(x)
    with pytest.raises(ArgumentError, match="no test samples"):
        network.test_error(x)
    with pytest.raises(ArgumentError, match="finite"):
        Data(np.array([[np.nan, 1.0]]), np.array([0]))
