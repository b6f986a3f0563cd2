"""A chain of the built-in network has the bits that it has alone, and long batches are worked on in parts."""

import tracemalloc

import numpy as np
import pytest

from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import SAGA, SGD, SVRG

RNG = np.random.default_rng(1)
INPUTS = RNG.normal(size=(700, 20))
SIZES = [(), (7,), (32,), (16, 9)]


def network(hidden, classes, features=20, dtype=np.float64, **options):
    targets = np.arange(700) % classes if classes else RNG.normal(size=(700, 9))
    return mlp(Data(INPUTS[:, :features].astype(dtype), targets), hidden, **options)


@pytest.mark.parametrize("hidden", SIZES)
@pytest.mark.parametrize("classes", [0, 2, 8, 10, 23])
def test_energy_and_gradient_of_a_chain_are_its_own(hidden, classes):
    """From 8 numbers on NumPy adds what lies in one row in another order than what lies in many."""
    for options in ({}, {"dtype": np.float32}, {"activation": "relu", "weight_decay": 0.01}):
        model = network(hidden, classes, **options)
        x = model.initial_x(3, seed=1)
        for batch in (*(np.random.default_rng(b).integers(0, 700, (3, b)) for b in (1, 2, 9, 300)), None):
            energy, found = model.energy(x, batch), model.energy_and_gradient(x, batch)
            for c in range(3):
                own = None if batch is None else batch[c : c + 1]
                alone = model.energy_and_gradient(x[c : c + 1], own)
                assert np.array_equal(alone[0], found[0][c : c + 1])
                assert np.array_equal(alone[1], found[1][c : c + 1])
                assert np.array_equal(model.energy(x[c : c + 1], own), energy[c : c + 1])


@pytest.mark.parametrize("cls", [SGD, SVRG, SAGA])
def test_steps_on_single_samples_do_not_depend_on_other_chains(cls):
    def ended(chains, **other):
        sampler = cls(network((32,), 10), **{"step_size": 0.05, "batch_size": 1, **other})
        return sampler.step(sampler.init(chains, 3), 12)[0].x

    assert np.array_equal(ended([0, 1, 2])[1], ended([1])[0])
    assert not np.array_equal(ended([1], step_size=0.0500001), ended([1]))


def every_network():
    yield network((32,), 10)
    torch = pytest.importorskip("torch")
    from mcmc.landscapes.network import NetworkLoss

    nn, data = torch.nn, Data(INPUTS, np.arange(700) % 10)
    yield NetworkLoss(nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 10)), "cross_entropy", data)


def test_a_long_batch_is_its_parts():
    """Of all samples in their order the parts are those of whole gradients: the same bits."""
    for model in every_network():
        x = model.initial_x(2, seed=1)
        along = np.random.default_rng(2).normal(size=x.shape)
        for name, more in (("energy", ()), ("gradient", ()), ("hessian_vector", (along,))):
            call = getattr(model, name)
            whole, listed = call(x, *more), call(x, *more, np.arange(700))
            assert np.array_equal(whole, listed), name
            mixed = np.stack([np.random.default_rng(k).permutation(700) for k in (1, 2)])
            assert np.allclose(call(x, *more, mixed), whole, rtol=1e-11, atol=1e-13), name
            assert not np.allclose(call(x, *more, mixed[:, :-200]), whole, rtol=1e-3), name


def test_memory_does_not_grow_with_the_batch():
    """Of 700 samples a chain against 256: a batch in one piece would take 2.7 times the memory."""

    def peak(count):
        model = network((4,), 3)
        x, batch = model.initial_x(20, seed=1), np.tile(np.arange(count), (20, 1))
        tracemalloc.start()
        model.gradient(x, batch)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(700) < 1.3 * peak(256)
