"""Samplers on smooth landscapes refuse energies and gradients of a wrong shape, which compiled steps would misread."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.samplers import (
    HMC,
    MALA,
    SAGA,
    SGD,
    SGHMC,
    SGLD,
    SVRG,
    AdaGrad,
    Adam,
    ElasticSGD,
    EntropySGD,
    Langevin,
    Parle,
    ProximalPoint,
    ReplicatedSGD,
    RMSprop,
)

INNER = {"scale": 1.0, "inner_step_size": 0.1, "steps": 3}
SAMPLERS = {
    MALA: {}, HMC: {"steps": 2}, Langevin: {}, SGD: {}, Adam: {}, RMSprop: {}, AdaGrad: {}, SGLD: {}, SGHMC: {},
    SVRG: {"batch_size": 2}, SAGA: {"batch_size": 2}, ProximalPoint: {"scale": 1.0}, EntropySGD: {"beta": 5.0, **INNER},
    ElasticSGD: {"coupling": 0.1}, ReplicatedSGD: {"coupling": 0.1}, Parle: {"coupling": 0.1, **INNER},
}  # fmt: skip


class Bowl:
    """|x|^2 / 2 as a mean over six samples that are all alike."""

    dim, data_size = 3, 6

    def __init__(self, gradient=np.copy, energy=lambda x: 0.5 * (x * x).sum(axis=1)):
        self._gradient, self._energy = gradient, energy

    def energy(self, x, batch=None):
        return self._energy(x)

    def gradient(self, x, batch=None):
        return self._gradient(x)


def ended(cls, landscape):
    sampler = cls(landscape, step_size=0.1, **SAMPLERS[cls])
    return sampler.step(sampler.init(4, seed=1), 7)[0].x


WRONG = {
    "one row for all": (lambda x: x[:1].copy(), r"shape \(1, 3\)"),
    "too short": (lambda x: x[:, :2].copy(), r"shape \(\d+, 2\)"),
    "flat": (lambda x: x[:, 0].copy(), r"shape \(\d+,\)"),
    "list": (np.ndarray.tolist, "list"),
    "whole numbers": (lambda x: x.astype(int), "of int64"),
    "foreign bytes": (lambda x: x.astype(">f8"), "of >f8"),
}


@pytest.mark.parametrize("cls", SAMPLERS)
def test_gradients_of_a_wrong_shape_or_type(cls):
    for wrong, says in WRONG.values():
        with pytest.raises(ArgumentError, match=rf"^landscape: gradient of Bowl gives .*{says}.*; .*\(\d+, 3\)"):
            ended(cls, Bowl(wrong))


@pytest.mark.parametrize("cls", SAMPLERS)
def test_energies_of_a_wrong_shape(cls):
    for wrong in (lambda x: x.sum(), lambda x: 0.0, lambda x: (x * x).sum(axis=1)[:1], lambda x: x):
        with pytest.raises(ArgumentError, match=r"^landscape: energy of Bowl gives"):
            ended(cls, Bowl(energy=wrong))


@pytest.mark.parametrize("cls", SAMPLERS)
def test_a_right_landscape_is_sampled(cls):
    plain = ended(cls, Bowl())
    assert np.isfinite(plain).all()
    assert np.array_equal(ended(cls, Bowl(lambda x: x)), plain)


@pytest.mark.parametrize("cls", [MALA, SGD])
def test_right_gradients_in_any_memory_are_taken(cls):
    plain = ended(cls, Bowl())
    assert np.array_equal(ended(cls, Bowl(np.asfortranarray)), plain)
    assert np.allclose(ended(cls, Bowl(lambda x: x.astype(np.float32))), plain, atol=1e-4)


def test_starting_points_of_a_wrong_shape():
    landscape = Bowl()
    landscape.initial_x = lambda chain, seed: np.zeros((1, 3))
    with pytest.raises(ArgumentError, match=r"initial_x of Bowl gives shape \(1, 3\) of float64; .* \(4, 3\)"):
        SGD(landscape, step_size=0.1).init(4, seed=1)
