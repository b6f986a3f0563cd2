"""What a torch module and its loss must do, tried before a run: one clear sentence for each fault."""

import functools

import numpy as np
import pytest

from mcmc.errors import ArgumentError, DeviceError, EntroscapeError, LandscapeError
from mcmc.landscapes.network import Data, NetworkLoss
from mcmc.landscapes.network.optional import optional_module

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional
INPUTS = np.random.default_rng(0).normal(size=(40, 6))
DATA = Data(INPUTS, np.arange(40) % 3)
VALUES = Data(INPUTS, np.random.default_rng(1).normal(size=(40, 3)))


def made(forward):
    """A linear layer whose outputs go through `forward(module, outputs)`."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, h):
            return forward(self, self.layer(h))

    return Net()


def raises(error):
    def forward(module, h):
        raise error

    return made(forward)


def attention():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.own, self.last = nn.MultiheadAttention(3, 1, dropout=0.3, batch_first=True), nn.Linear(6, 3)

        def forward(self, h):
            rows = h.reshape(-1, 2, 3)
            return self.last(self.own(rows, rows, rows)[0].reshape(-1, 6))

    return Net()


def held(module):
    return module.requires_grad_(False)


@pytest.mark.parametrize(("module", "says"), [
    (made(lambda m, h: functional.dropout(h, 0.5, m.training)), "random numbers in training mode"),
    (made(lambda m, h: functional.dropout(h, 0.5)), "random numbers, in evaluation mode too"),
    (made(lambda m, h: h + 0.1 * torch.randn_like(h) if m.training else h), "random numbers in training mode"),
    (attention(), "own has dropout 0.3"),
    (nn.Sequential(nn.Linear(6, 3), nn.RReLU()), "LeakyReLU"),
    (nn.Sequential(nn.Linear(6, 3), nn.RReLU()).eval(), "LeakyReLU"),
    (nn.Sequential(nn.Linear(6, 3), nn.FeatureAlphaDropout(0.2)), "p = 0.2"),
    (made(lambda m, h: h - h.mean(0)), "change with the other samples"),
    (made(lambda m, h: h.sum(0)), "gives outputs"),
    (made(lambda m, h: h.sum()), "gives outputs"),
    (made(lambda m, h: (h, h)), "gives tuple"),
    (made(lambda m, h: h if h.sum() > 0 else -h), "torch.where"),
    (made(lambda m, h: h * h.sum().item()), "torch.where"),
    (raises(KeyError("layer")), "KeyError"),
    (raises(AssertionError()), "cannot be called.*AssertionError"),
    (nn.Sequential(nn.LazyLinear(3)), "no shape yet"),
    (nn.Linear(6, 3, device="meta"), "meta"),
    (nn.Linear(6, 3, dtype=torch.complex64), "complex"),
    (nn.Linear, "the class Linear"),
    (held(nn.Linear(6, 3)), "no parameters with requires_grad"),
])  # fmt: skip
def test_modules_that_do_not_fit(module, says):
    with pytest.raises(ArgumentError, match=f"^model: .*{says}") as caught:
        NetworkLoss(module, "cross_entropy", DATA)
    if "random" in says or "LeakyReLU" in says or "where" in says:
        assert "Unflatten" not in str(caught.value)


@pytest.mark.parametrize("module", [
    made(lambda m, h: functional.dropout(h, 0.5, m.training)).eval(), attention().eval(),
    nn.Sequential(nn.Linear(6, 3), nn.LayerNorm(3)), nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3)),
])  # fmt: skip
def test_modules_without_noise_are_taken(module):
    state = torch.get_rng_state()
    NetworkLoss(module, "cross_entropy", DATA, buffers="frozen")
    assert torch.equal(torch.get_rng_state(), state)


def squared(reduction):
    return functools.partial(functional.mse_loss, reduction=reduction)


@pytest.mark.parametrize(("loss", "data", "says"), [
    (squared("sum"), VALUES, "a mean over samples is needed"),
    (nn.CrossEntropyLoss(reduction="sum"), DATA, "a mean over samples is needed"),
    (lambda out, y: ((out - y) ** 2).mean() + out.var(dim=0).mean(), VALUES, "mean over samples"),
    (lambda out, y: ((out - y) ** 2).mean().sqrt(), VALUES, "mean over samples"),
    (squared("mean"), DATA, "cannot be called on outputs"),
    (lambda out, y: functional.mse_loss(out[:, 0], y[:, None].double()), DATA, "cannot be called on outputs"),
    (squared("none"), VALUES, "of the samples' losses"),
    (nn.CrossEntropyLoss, DATA, r"got the class CrossEntropyLoss; give one of it, CrossEntropyLoss\(\)"),
    (lambda out, y: out.sum() if out.sum() > 1e9 else ((out - y) ** 2).mean(), VALUES, "torch.where"),
    (lambda out, y: (out.argmax(1) != y).double(), DATA, "no gradient"),
    (lambda out, y: 1.0, VALUES, "gives float"),
    (lambda out: out.sum(), VALUES, "cannot be called"),
    (["squared"], VALUES, "got"),
])  # fmt: skip
def test_losses_that_do_not_fit(loss, data, says):
    with pytest.raises(ArgumentError, match=f"^loss: .*{says}"):
        NetworkLoss(nn.Linear(6, 3), loss, data)


@pytest.mark.parametrize(("loss", "data"), [
    (nn.CrossEntropyLoss(), DATA), (nn.CrossEntropyLoss(reduction="none"), DATA), (nn.MSELoss(), VALUES),
    (lambda out, y: (out - y).abs().sum(-1), VALUES), (nn.CrossEntropyLoss(), Data(INPUTS[:1], [2])),
])  # fmt: skip
def test_means_over_samples_are_taken(loss, data):
    for module in (nn.Linear(6, 3), made(lambda m, h: h)):
        network = NetworkLoss(module, loss, data)
        assert np.isfinite(network.gradient(network.initial_x(2, seed=1))).all()


def batched(change):
    def loss(x, inputs, targets):
        outputs = torch.matmul(inputs, x[:, :18].reshape(-1, 3, 6).transpose(1, 2))
        return change(((outputs - targets) ** 2).sum(-1))

    return loss


@pytest.mark.parametrize(("change", "says"), [
    (lambda each: each.sum(-1), "mean over samples"),
    (lambda each: each, r"gives \(2, 5\) for 2 chains"),
    (lambda each: each.mean(), r"gives \(\) for 2 chains"),
    (lambda each: each.mean(-1) - each.mean(), "changes with the other chains"),
    (lambda each: each.mean(-1).detach(), "no gradient"),
    (lambda each: each.mean(-1), None),
    (lambda each: each.mean(-1).tolist(), "gives list"),
    (lambda each: each.nothing, "cannot be called"),
])  # fmt: skip
def test_batched_losses(change, says):
    def make():
        return NetworkLoss(nn.Linear(6, 3), "squared", VALUES, batched_loss=batched(change))

    if says is None:
        make()
        return
    with pytest.raises(ArgumentError, match=f"^batched_loss: .*({says})"):
        make()


class Recurrent(nn.Module):
    def __init__(self, kind=nn.GRU):
        super().__init__()
        self.own, self.last = kind(3, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.last(self.own(inputs.reshape(-1, 2, 3))[0][:, -1])


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_recurrent_layers_are_said_to_need_a_loss_of_all_chains(kind):
    with pytest.raises(
        ArgumentError, match=r"^model: has an operation .*recurrent layers.*give batched_loss"
    ) as caught:
        NetworkLoss(Recurrent(kind), "cross_entropy", DATA)
    assert "Unflatten" not in str(caught.value)


def test_recurrent_layers_with_a_loss_of_all_chains():
    calls = [0]

    def loss(x, inputs, targets):
        calls[0] += 1
        return batched(lambda each: each.mean(-1))(x, inputs, targets)

    network = NetworkLoss(
        Recurrent(), "squared", Data(INPUTS, VALUES.targets, INPUTS, VALUES.targets), batched_loss=loss
    )
    x = network.initial_x(2, seed=1)
    assert network.gradient(x).shape == (2, network.dim)
    assert calls[0]
    for call in (lambda: network.outputs(x, INPUTS), lambda: network.test_error(x), lambda: network.training_error(x)):
        with pytest.raises(
            ArgumentError, match=r"^outputs: Recurrent cannot be called .*batched_loss gives losses alone"
        ):
            call()


CLASS_WEIGHTS = torch.tensor([1.0, 2.0, 3.0])


def test_class_weights():
    for dtype, weight in (("float64", CLASS_WEIGHTS.double()), ("float32", CLASS_WEIGHTS)):
        loss = nn.CrossEntropyLoss(weight=weight, reduction="none")
        assert NetworkLoss(nn.Linear(6, 3), loss, DATA, dtype=dtype).dim == 21
    with pytest.raises(ArgumentError, match=r"with class weights .*use reduction='none'"):
        NetworkLoss(nn.Linear(6, 3), nn.CrossEntropyLoss(weight=CLASS_WEIGHTS.double()), DATA)
    with pytest.raises(
        ArgumentError, match=r"^loss: .*float32, and the data float64; use loss.double\(\), .*dtype='fl"
    ):
        NetworkLoss(nn.Linear(6, 3), nn.CrossEntropyLoss(weight=CLASS_WEIGHTS), DATA)
    constant = made(lambda m, h: h + torch.matmul(h, CLASS_WEIGHTS)[:, None])
    with pytest.raises(ArgumentError, match=r"^model: .*float32, and the data float64; register them as buffers"):
        NetworkLoss(constant, "cross_entropy", DATA)


@pytest.mark.parametrize(("arguments", "says"), [
    ({"device": "gpu"}, "device: got 'gpu'"), ({"device": "meta"}, "device: got 'meta'"), ({"device": 1.5}, "device"),
    ({"batched_loss": 3}, "batched_loss: got int"), ({"initialise": "zeros"}, "initialise: got str"),
    ({"initialise": dict}, "initialise: got the class dict"), ({"data": (INPUTS, DATA.targets)}, "data: got tuple"),
    ({"data": torch.utils.data.TensorDataset(torch.zeros(2))}, r"data: got TensorDataset.*from_torch\(dataset\)"),
])  # fmt: skip
def test_wrong_arguments(arguments, says):
    chosen = {"model": nn.Linear(6, 3), "loss": "cross_entropy", "data": DATA} | arguments
    with pytest.raises(ArgumentError, match=says):
        NetworkLoss(**chosen)


def test_devices_that_are_not_here():
    absent = [name for name in ("cuda", "mps", "xpu") if not getattr(torch, name).is_available()]
    for name in absent:
        with pytest.raises((DeviceError, ArgumentError), match=f"device: got '{name}'"):
            NetworkLoss(nn.Linear(6, 3), "cross_entropy", DATA, device=name)


def test_wrong_points_inputs_and_tensors():
    network = NetworkLoss(nn.Linear(6, 3), "cross_entropy", DATA)
    x = network.initial_x(2, seed=1)
    calls = [network.energy, network.gradient, lambda y: network.hessian_vector(y, y), network.training_error]
    for call in (*calls, lambda y: network.outputs(y, INPUTS)):
        with pytest.raises(ArgumentError, match=r"[xv]: got a torch tensor; give a NumPy array"):
            call(torch.from_numpy(x))
        for wrong in (x.tolist(), x[0], x[:, 1:], np.concatenate([x, x], axis=1), x[:0]):
            with pytest.raises(EntroscapeError, match=r"[xv]: got"):
                call(wrong)
    for wrong in (x[0].tolist(), x, x[0, 1:], torch.from_numpy(x[0])):
        with pytest.raises(ArgumentError, match="x: got"):
            network.per_sample_gradients(wrong)
    for wrong in (INPUTS[:, 1:], INPUTS[0], "abc"):
        with pytest.raises(ArgumentError, match="inputs: got"):
            network.outputs(x, wrong)


@pytest.mark.parametrize("dtype", [np.longdouble, ">f8", np.int8, np.uint64, np.float16, ">f4"])
def test_points_of_any_number_type(dtype):
    network = NetworkLoss(nn.Linear(6, 3), "cross_entropy", DATA, weight_decay=0.1)
    x = np.arange(2.0 * network.dim).reshape(2, -1)
    other = x.astype(dtype)
    for call in (network.energy, network.gradient, lambda y: network.hessian_vector(y, y), network.training_error):
        assert np.array_equal(call(other), call(x))
        assert call(other).dtype == np.float64
    assert np.array_equal(network.per_sample_gradients(other[0]), network.per_sample_gradients(x[0]))
    assert np.array_equal(
        network.outputs(x, INPUTS.astype(dtype)), network.outputs(x, INPUTS.astype(dtype).astype(float))
    )


def test_each_package_has_its_extra(monkeypatch):
    import sys

    for name, extra in (("cupy", "cuda"), ("torch", "networks")):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(LandscapeError, match=rf"{name} is not installed; pip install 'entroscape\[{extra}\]'"):
            optional_module(name, "this")
