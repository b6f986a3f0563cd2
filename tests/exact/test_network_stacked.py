"""Stacked matrices for all chains: the same as vmap to rounding for every layer taken, and other modules left alone."""

import pickle

import numpy as np
import pytest

from mcmc.landscapes.network import Data, NetworkLoss

torch = pytest.importorskip("torch")
from mcmc.landscapes.network.stacked_layers import ELEMENTWISE, cross_entropy_slope  # noqa: E402

nn = torch.nn
ROUNDING = 1e-12


def samples(labelled=True):
    rng = np.random.default_rng(5)
    return Data(rng.normal(size=(300, 7)), rng.integers(0, 4, 300) if labelled else rng.normal(size=(300, 4)))


def compare(module, loss, **options):
    """Stacked against vmap: energies, gradients and outputs, for all data, a shared batch and one for each chain."""
    labelled = not callable(loss) and loss == "cross_entropy"
    stacked, plain = (NetworkLoss(module, loss, samples(labelled), **options) for _ in range(2))
    assert stacked._stack is not None
    plain._stack = None
    x = stacked.initial_x(3, seed=1)
    own = np.random.default_rng(1).integers(0, 300, (3, 20))
    tolerance = 1e-5 if options.get("dtype") == "float32" else ROUNDING
    for batch in (None, own[0], own):
        energy, gradient = stacked.energy_and_gradient(x, batch)
        wanted = plain.energy_and_gradient(x, batch)
        assert np.allclose(energy, wanted[0], rtol=tolerance, atol=tolerance)
        assert np.allclose(gradient, wanted[1], rtol=tolerance, atol=tolerance)
        assert np.allclose(stacked.energy(x, batch), wanted[0], rtol=tolerance, atol=tolerance)
        assert abs(wanted[1]).max() > 0.01
    given = stacked.data.inputs
    assert np.allclose(stacked.outputs(x, given), plain.outputs(x, given), rtol=tolerance, atol=tolerance)
    return stacked, x, own


@pytest.mark.parametrize("loss", [
    "cross_entropy", "squared", lambda out, target: (out - target).abs().sum(-1),
    lambda out, target: ((out - target) ** 4).mean(),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_losses(loss, dtype):
    module = nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(7, 6), nn.ReLU(inplace=True)), nn.Linear(6, 5, bias=False), nn.Tanh(),
        nn.Dropout(0.0), nn.Linear(5, 4), nn.Identity(),
    )  # fmt: skip
    stacked, x, own = compare(module, loss, dtype=dtype, weight_decay=0.1)
    if callable(loss):
        return
    again = pickle.loads(pickle.dumps(stacked))
    assert again._stack is not None
    assert np.array_equal(again.gradient(x, own), stacked.gradient(x, own))


@pytest.mark.parametrize("kind", [kind for kind in ELEMENTWISE if hasattr(nn, kind)])
def test_elementwise_functions(kind):
    def function():
        return nn.Dropout(0.0) if kind == "Dropout" else getattr(nn, kind)()

    compare(nn.Sequential(function(), nn.Linear(7, 6), function(), nn.Linear(6, 4)), "squared")


@pytest.mark.parametrize("module", [nn.Linear(7, 4), nn.Sequential(nn.Linear(7, 4, bias=False), nn.Softplus())])
def test_one_layer(module):
    compare(module, "cross_entropy")


def hooked():
    module = nn.Sequential(nn.Linear(7, 4), nn.Tanh())
    module[1].register_forward_hook(lambda module, inputs, outputs: 2.0 * outputs)
    return module


def tied():
    shared = nn.Linear(7, 7)
    return nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(7, 4))


def tied_weights():
    module = nn.Sequential(nn.Linear(4, 7), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 7), nn.Linear(7, 4))
    module[3].weight = module[1].weight
    return module[1:]


def own_forward():
    class Doubled(nn.Linear):
        def forward(self, h):
            return 2.0 * super().forward(h)

    return nn.Sequential(Doubled(7, 4))


@pytest.mark.parametrize("make", [
    hooked, tied, tied_weights, own_forward,
    lambda: nn.Sequential(nn.Linear(7, 4), nn.Softmax(dim=-1)),
    lambda: nn.Sequential(nn.Unflatten(1, (1, 7)), nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(10, 4)),
    lambda: nn.Sequential(nn.Linear(7, 5), nn.LayerNorm(5), nn.Linear(5, 4)),
    lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(7, 4))),
])  # fmt: skip
def test_other_modules_go_through_vmap(make):
    module = make()
    network = NetworkLoss(module, "squared", samples(False))
    assert network._stack is None
    assert np.isfinite(network.gradient(np.full((2, network.dim), 0.3))).all()


def test_slope_of_the_cross_entropy():
    rng = np.random.default_rng(3)
    outputs = torch.from_numpy(rng.normal(size=(3, 4, 9))).requires_grad_()
    targets = torch.from_numpy(rng.integers(0, 4, (3, 9)))
    wanted = nn.functional.cross_entropy(outputs, targets, reduction="none").mean(1)
    (slope,) = torch.autograd.grad(wanted.sum(), outputs)
    found = cross_entropy_slope(outputs.detach(), targets)
    assert torch.allclose(found[0], wanted, atol=ROUNDING)
    assert torch.allclose(found[1], slope, atol=ROUNDING)
    far = cross_entropy_slope(torch.tensor([[[1e6], [0.0]]], dtype=torch.float64), torch.tensor([[1]]))
    assert far[0].item() == 1e6
    assert far[1].flatten().tolist() == [1.0, -1.0]
