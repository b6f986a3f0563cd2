"""Optimisers against torch.optim: the same mini-batches, gradients by torch's autograd, the same weights."""

import numpy as np
import pytest

from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import SGD, AdaGrad, Adam, RMSprop

torch = pytest.importorskip("torch")
STEPS, SEED, STEP = 50, 11, 0.03
CHAINS = [2, 7]

CASES = {
    "sgd": (SGD, torch.optim.SGD, {}),
    "sgd weight decay": (SGD, torch.optim.SGD, {"weight_decay": 0.2}),
    "sgd momentum": (SGD, torch.optim.SGD, {"momentum": 0.9}),
    "sgd dampening": (SGD, torch.optim.SGD, {"momentum": 0.9, "dampening": 0.4, "weight_decay": 0.2}),
    "sgd nesterov": (SGD, torch.optim.SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.2}),
    "adam": (Adam, torch.optim.Adam, {}),
    "adam all": (Adam, torch.optim.Adam, {"betas": (0.7, 0.95), "eps": 1e-4, "weight_decay": 0.2}),
    "adamw": (Adam, torch.optim.AdamW, {"betas": (0.7, 0.95), "weight_decay": 0.2}),
    "rmsprop": (RMSprop, torch.optim.RMSprop, {}),
    "rmsprop momentum": (RMSprop, torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-4, "momentum": 0.7}),
    "rmsprop centered": (RMSprop, torch.optim.RMSprop, {"alpha": 0.9, "centered": True, "weight_decay": 0.2}),
    "rmsprop all": (
        RMSprop, torch.optim.RMSprop, {"alpha": 0.8, "momentum": 0.7, "centered": True, "weight_decay": 0.2}
    ),
    "adagrad": (AdaGrad, torch.optim.Adagrad, {}),
    "adagrad all": (AdaGrad, torch.optim.Adagrad, {"rate_decay": 0.1, "eps": 1e-4, "weight_decay": 0.2}),
}  # fmt: skip


def network():
    rng = np.random.default_rng(2)
    return mlp(Data(rng.normal(size=(20, 4)), rng.integers(0, 3, 20)), (5,))


def torch_module(x):
    """The same network with weights x; torch has each matrix as (out, in)."""
    module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    parts = np.split(x, np.cumsum([4 * 5, 5, 5 * 3]))
    with torch.no_grad():
        for layer, weight, bias in ((module[0], *parts[:2]), (module[2], *parts[2:])):
            layer.weight.copy_(torch.from_numpy(weight.reshape(layer.in_features, layer.out_features).T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    return module


def flat(module):
    layers = (module[0], module[2])
    parts = [p.detach().numpy() for layer in layers for p in (layer.weight.T, layer.bias)]
    return np.concatenate([part.ravel() for part in parts])


def torch_weights(data, optimizer, x, batches):
    module = torch_module(x)
    optimizer = optimizer(module.parameters(), lr=STEP)
    inputs, targets = torch.from_numpy(data.inputs), torch.from_numpy(data.targets)
    for batch in batches:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs[batch]), targets[batch]).backward()
        optimizer.step()
    return flat(module)


@pytest.mark.parametrize("name", CASES)
def test_optimizers_are_those_of_torch(name):
    ours, theirs, given = CASES[name]
    landscape = network()
    theirs_given = {"lr_decay" if key == "rate_decay" else key: value for key, value in given.items()}
    extra = {"decoupled": True} if theirs is torch.optim.AdamW else {}
    sampler = ours(landscape, step_size=STEP, batch_size=6, **given, **extra)
    state = sampler.init(CHAINS, SEED)
    start, chain = state.x.copy(), state.chain.copy()
    state, _ = sampler.step(state, STEPS)
    batches = np.stack([sampler.batches.indices(step, chain, SEED) for step in range(STEPS)])

    def path(lane, order):
        return torch_weights(
            landscape.data, lambda weights, lr: theirs(weights, lr=lr, **theirs_given), start[lane], order
        )

    expected = np.stack([path(lane, batches[:, lane]) for lane in range(2)])
    assert np.abs(expected - start).max() > 0.01
    assert np.abs(sampler.weights(state) - expected).max() < 1e-10
    # The batches of another chain lead elsewhere.
    assert np.abs(state.x[0] - path(0, batches[:, 1])).max() > 1e-4
