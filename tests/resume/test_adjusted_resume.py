"""MALA and HMC, and samplers on torch modules: any stop and resume gives the same bits, also while they tune."""

import sys
from itertools import count

import numpy as np
import pytest

from mcmc.landscapes.network import Data, NetworkLoss, mlp
from mcmc.samplers import HMC, MALA, SAGA, SGLD, Parle, sample

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

RNG = np.random.default_rng(1)
DATA = Data(RNG.normal(size=(30, 16)), RNG.integers(0, 3, 30))
SAMPLERS = {
    "hmc": lambda f: HMC(f, 40.0, step_size=0.02, steps=3),
    "mala": lambda f: MALA(f, 40.0, step_size=1e-3),
    "sgld": lambda f: SGLD(f, 40.0, step_size=1e-3, batch_size=8),
    "saga": lambda f: SAGA(f, step_size=0.05, batch_size=8),
    "parle": lambda f: Parle(f, step_size=0.1, scale=1.0, coupling=0.1, inner_step_size=0.1, steps=7, batch_size=8),
}
# Blocks of 20 sweeps tune within the burn-in.
GIVEN = {"chains": [0, 7], "seed": 5, "burn_in": 45, "thin": 2}


def stacked(nn):
    return nn.Sequential(nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 3))


def convolution(nn):
    image = nn.Unflatten(1, (1, 4, 4))
    return nn.Sequential(image, nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3))


def network(kind):
    if kind == "mlp":
        return mlp(DATA, (5,))
    nn = pytest.importorskip("torch").nn
    module, dtype = (stacked(nn), "float64") if kind == "linear layers" else (convolution(nn), "float32")
    return NetworkLoss(module, "cross_entropy", DATA, buffers="frozen", dtype=dtype)


def numbers(sampler, state):
    energy = sampler.energy(state)
    norm = np.linalg.norm(state.x, axis=1).reshape(energy.shape)
    return {"energy": energy.copy(), "norm": norm, "step": state.step_size.reshape(energy.shape).copy()}


def after(asks):
    counter = count()
    return lambda: next(counter) >= asks


@pytest.mark.parametrize(("name", "kind"), [
    ("hmc", "mlp"), ("mala", "mlp"), ("hmc", "linear layers"), ("mala", "linear layers"), ("saga", "linear layers"),
    ("hmc", "convolution"), ("sgld", "convolution"), ("parle", "convolution"),
])  # fmt: skip
def test_stopped_and_resumed_the_bits_are_the_same(name, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["mcmc.samplers.sample"], "PIECE_SECONDS", 0.0)

    def run(sweeps=20, **more):
        return sample(SAMPLERS[name](network(kind)), sweeps, observe=numbers, **{**GIVEN, **more})

    whole = run()
    for asks in (33, 54):
        path = tmp_path / f"{asks}.h5"
        assert run(path=path, stop=after(asks)).attrs["status"] == "stopped"
        resumed = run(path=path)
        for variable in whole.variables:
            assert np.array_equal(whole[variable], resumed[variable], equal_nan=True), variable
    assert not np.array_equal(whole["energy"], run(seed=6)["energy"])
