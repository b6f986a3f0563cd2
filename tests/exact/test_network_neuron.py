"""The tanh neuron against plain loops and finite differences; chains and batches."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.network import Data
from mcmc.landscapes.network.neuron import TanhNeuron

RNG = np.random.default_rng(3)
DATA = Data(RNG.normal(size=(7, 2)), RNG.normal(size=(7, 1)))


def test_energies_and_gradients_are_those_of_the_definition():
    f, x = TanhNeuron(DATA, weight_decay=0.3), RNG.normal(size=(3, 2))
    for batch in (None, np.array([1, 5]), np.array([[0, 1], [6, 6], [2, 3]])):
        value, slope = f.energy(x, batch), f.gradient(x, batch)
        for c in range(3):
            chosen = range(7) if batch is None else batch if batch.ndim == 1 else batch[c]
            losses = [0.5 * (np.tanh(x[c] @ DATA.inputs[i]) - DATA.targets[i, 0]) ** 2 for i in chosen]
            assert value[c] == pytest.approx(np.mean(losses) + 0.15 * x[c] @ x[c], abs=1e-14)
            alone = None if batch is None else np.asarray(chosen)
            for i in range(2):
                step = 1e-5 * np.eye(2)[i]
                ends = f.energy(x[c] + step * np.array([[1.0], [-1.0]]), alone)
                assert slope[c, i] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-9)
    np.testing.assert_array_equal(f.gradient(x)[1:2], f.gradient(x[1:2]))


def test_other_data_are_refused():
    with pytest.raises(ArgumentError, match="one output"):
        TanhNeuron(Data(np.ones((3, 2)), np.array([0, 1, 1])))
    with pytest.raises(ArgumentError, match="weight_decay: got -1"):
        TanhNeuron(DATA, weight_decay=-1.0)
