"""Entropy-SGD, Elastic-SGD, replicated SGD and Parle: each other's special cases, and what was published, to rounding.

Bit for bit where the arithmetic is the same; else rounding grown by fewer than 300 steps of smooth maps.
"""

import numpy as np
import published_optimizers as published
import pytest

from mcmc.landscapes.analytic import DoubleWell
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import SGD, ElasticSGD, EntropySGD, Parle, ProximalPoint, ReplicatedSGD
from mcmc.samplers.entropy_presets import (
    ENTROPY_SGD_CODE,
    ENTROPY_SGD_LUA,
    ENTROPY_SGD_PAPER,
    PARLE_CODE,
    PARLE_PAPER,
)
from mcmc.samplers.gaussian_noise import fill_noise
from mcmc.samplers.minibatches import Minibatches
from mcmc.samplers.stochastic import STREAM

CLOSE = {"rtol": 0, "atol": 1e-11}
BATCH, SEED = 4, 11
CHAINS = [3, 8]


def network():
    rng = np.random.default_rng(1)
    return mlp(Data(rng.normal(size=(12, 3)), rng.integers(0, 2, 12)), (3,), weight_decay=0.1)


def arrived(sampler, sweeps, state=None):
    state, _ = sampler.step(sampler.init(CHAINS, SEED) if state is None else state, sweeps)
    return state


def batches_of(lanes):
    """gradient(place, x) on the batches that lanes have in a step, and normal(place)."""
    f, lanes = network(), np.asarray(lanes, np.uint32)
    drawn = Minibatches(12, BATCH)

    def gradient(place, x):
        return f.gradient(x, drawn.indices(place, lanes, SEED))

    def normal(place):
        out = np.empty((lanes.size, -(-f.dim // 4) * 4), np.float32)
        fill_noise(out, place, lanes, STREAM, np.uint32(SEED), np.uint32(0))
        return out[:, : f.dim].astype(float)

    return gradient, normal


def starts(replicas=1):
    return np.repeat(network().initial_x(CHAINS, SEED), replicas, axis=0)


def by_chain(rule, x, gradient, replicas):
    """An oracle of one chain's replicas for each chain."""
    found = []
    for c in range(len(CHAINS)):
        rows = slice(c * replicas, (c + 1) * replicas)

        def of_chain(place, here, rows=rows):
            everywhere = np.repeat(here[:1], len(x), axis=0)
            everywhere[rows] = here
            return gradient(place, everywhere)[rows]

        found.append(rule(x[rows], of_chain))
    return found


def lanes_of(replicas):
    return (np.array(CHAINS)[:, None] * replicas + np.arange(replicas)).ravel()


LOOP = {"step_size": 0.7, "scale": 2.0, "steps": 6, "inner_step_size": 0.05, "batch_size": BATCH, "outer": "average"}


@pytest.mark.parametrize("beta", [40.0, np.inf])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_parle_of_one_replica_or_without_coupling_is_entropy_sgd(beta, momentum):
    """Of the arguments only: both classes are one inner loop, which the published programs below are held against."""
    given = {**LOOP, "momentum": momentum, "outer_momentum": momentum / 2, "nesterov": momentum > 0}
    alone = arrived(EntropySGD(network(), beta, **given), 50)
    one = arrived(Parle(network(), beta, replicas=1, coupling=0.8, **given), 50)
    assert np.array_equal(one.x, alone.x)
    three = Parle(network(), beta, replicas=3, coupling=0.0, **given)
    lanes = EntropySGD(network(), beta, **given)
    apart = lanes.init(lanes_of(3), SEED)
    apart.x[:] = starts(3)
    assert np.array_equal(arrived(three, 50).x, arrived(lanes, 50, apart).x)
    coupled = arrived(Parle(network(), beta, replicas=3, coupling=0.8, **given), 50)
    assert not np.allclose(coupled.x, arrived(three, 50).x, **CLOSE)


NO_LOOP = {"scale": np.inf, "steps": 1, "averaging": 0.0, "momentum": 0.0, "step_size": 1.0}


def test_parle_without_inner_loop_is_elastic_sgd_about_the_mean():
    parle = Parle(network(), coupling=0.2, inner_step_size=0.05, batch_size=BATCH, **NO_LOOP)
    elastic = ElasticSGD(network(), step_size=0.05, coupling=0.2 / 0.05, centre="mean", batch_size=BATCH)
    replicated = ReplicatedSGD(network(), step_size=0.05, coupling=0.2 / 0.05, batch_size=BATCH)
    a, b, c = (arrived(sampler, 200) for sampler in (parle, elastic, replicated))
    assert np.allclose(a.x, b.x, **CLOSE)
    assert np.array_equal(b.x, c.x)
    assert np.array_equal(elastic.weights(b), replicated.weights(c))
    assert np.allclose(elastic.weights(b), b.x.reshape(2, 3, -1).mean(axis=1), **CLOSE)
    moving = ElasticSGD(network(), step_size=0.05, coupling=0.2 / 0.05, batch_size=BATCH)
    assert not np.allclose(arrived(moving, 200).x, b.x, **CLOSE)


def test_with_both_off_all_are_sgd():
    plain = arrived(SGD(network(), step_size=0.05, batch_size=BATCH), 200).x
    one = {"replicas": 1, "batch_size": BATCH}
    for sampler in (
        Parle(network(), coupling=0.2, inner_step_size=0.05, **one, **NO_LOOP),
        EntropySGD(network(), np.inf, inner_step_size=0.05, batch_size=BATCH, outer="average", **NO_LOOP),
        ElasticSGD(network(), step_size=0.05, coupling=0.0, **one),
        ReplicatedSGD(network(), step_size=0.05, coupling=4.0, **one),
    ):
        assert np.array_equal(arrived(sampler, 200).x, plain)
    heavy = {"step_size": 0.02, "momentum": 0.9, "nesterov": True}
    expected = arrived(SGD(network(), batch_size=BATCH, **heavy), 200).x
    assert np.array_equal(arrived(ReplicatedSGD(network(), coupling=4.0, **one, **heavy), 200).x, expected)


def test_cold_entropy_sgd_that_keeps_the_last_y_is_a_proximal_point():
    given = {"scale": 2.0, "steps": 6, "batch_size": BATCH}
    proximal = arrived(ProximalPoint(network(), step_size=0.05, **given), 60)
    cold = {"inner_step_size": 0.05, "averaging": 0.0, **given}
    for outer, step_size in (("average", 1.0), ("gradient", 2.0)):
        entropy = EntropySGD(network(), np.inf, step_size=step_size, outer=outer, **cold)
        assert np.array_equal(arrived(entropy, 60).x, proximal.x)
    averaged = EntropySGD(network(), np.inf, step_size=1.0, outer="average", **cold | {"averaging": 0.5})
    assert not np.allclose(arrived(averaged, 60).x, proximal.x, **CLOSE)


def test_entropy_sgd_with_the_constants_of_the_paper():
    gradient, normal = batches_of(CHAINS)
    numbers = {"gamma": 0.3, "scoping": 0.02, "noise": 0.05}
    sampler = EntropySGD(network(), **ENTROPY_SGD_PAPER.arguments(step_size=0.8, **numbers), batch_size=BATCH)
    wanted = published.entropy_sgd_algorithm(starts(), gradient, normal, 10, 20, 0.8, 0.1, 0.05, 0.75, 0.3, 0.02)
    assert np.allclose(arrived(sampler, 200).x, wanted, **CLOSE)
    code = EntropySGD(network(), **ENTROPY_SGD_CODE.arguments(step_size=0.8, gamma=0.3, noise=0.05), batch_size=BATCH)
    assert not np.allclose(arrived(code, 200).x, wanted, **CLOSE)


def test_entropy_sgd_with_the_constants_of_its_programs():
    gradient, normal = batches_of(CHAINS)

    # The programs take the noise off, with the gradient.
    def subtracted(place):
        return -normal(place)

    first = network().gradient(starts())
    sampler = EntropySGD(network(), **ENTROPY_SGD_CODE.arguments(gamma=0.3, noise=0.05), batch_size=BATCH)
    state = sampler.init(CHAINS, SEED)
    state.outer_buffer[:] = first
    wanted = published.entropy_sgd_python(starts(), first, gradient, subtracted, 10, 20, 0.1, 0.05, 0.3, 1e-3)
    assert np.allclose(arrived(sampler, 200, state).x, wanted, **CLOSE)
    lua = EntropySGD(network(), **ENTROPY_SGD_LUA.arguments(noise=0.05, scoping=0.02), batch_size=BATCH)
    wanted = published.entropy_sgd_lua(starts(), gradient, subtracted, 10, 20, 1.0, 0.05, 0.03, 0.02)
    assert np.allclose(arrived(lua, 200).x, wanted, **CLOSE)


@pytest.mark.parametrize("rho", [0.01, 0.2])
def test_parle_with_the_constants_of_its_program(rho):
    gradient, _ = batches_of(lanes_of(3))
    numbers = {"gamma": 0.2, "rho": rho, "steps": 5, "step_size": 0.05}
    sampler = Parle(network(), **PARLE_CODE.arguments(batches=7, **numbers), batch_size=BATCH)
    state = arrived(sampler, 3 * 7 * 5)
    found = by_chain(
        lambda p, g: published.parle_mpi(p, g, 3, 7, 5, 0.05, 0.2, rho), starts(3), gradient, 3
    )  # fmt: skip
    for c, (replicas, centre) in enumerate(found):
        assert np.allclose(state.x[3 * c : 3 * c + 3], replicas, **CLOSE)
        assert np.allclose(sampler.weights(state)[c], centre, **CLOSE)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_parle_with_the_constants_of_the_paper(momentum):
    gradient, _ = batches_of(lanes_of(3))
    # 0.9 is the preset's own.
    given = {} if momentum else {"momentum": 0.0, "outer_momentum": 0.0, "nesterov": False}
    sampler = PARLE_PAPER.optimizer_on(network(), batches=3, step_size=0.05, batch_size=BATCH, **given)
    state = arrived(sampler, 30 * 25)
    fall = (1 - 1 / 6) ** np.arange(30)
    gammas, rhos = np.maximum(100 * fall, 1), np.maximum(fall, 0.1)
    assert (gammas[-1], rhos[-1]) == (1, 0.1)
    found = by_chain(
        lambda x, g: published.parle_equations(x, g, 30, 25, 0.05, 0.75, gammas, rhos, momentum),
        starts(3), gradient, 3,
    )  # fmt: skip
    assert np.allclose(state.x, np.concatenate(found), **CLOSE)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_elastic_sgd_is_that_of_its_paper(momentum):
    gradient, _ = batches_of(lanes_of(3))
    sampler = ElasticSGD(network(), step_size=0.05, coupling=2.0, momentum=momentum, batch_size=BATCH)
    state = arrived(sampler, 200)
    if momentum:
        found = by_chain(
            lambda x, g: published.elastic_sgd_momentum(x, g, 200, 0.05, 2.0, momentum), starts(3), gradient, 3
        )
    else:
        found = by_chain(lambda x, g: published.elastic_sgd(x, g, 200, 0.05, 2.0), starts(3), gradient, 3)
    for c, (replicas, centre) in enumerate(found):
        assert np.allclose(state.x[3 * c : 3 * c + 3], replicas, **CLOSE)
        assert np.allclose(sampler.weights(state)[c], centre, **CLOSE)


@pytest.mark.parametrize("period", [1, 4])
def test_elastic_sgd_is_pulled_in_every_period_th_sweep(period):
    gradient, _ = batches_of(lanes_of(3))
    sampler = ElasticSGD(network(), step_size=0.05, coupling=2.0, period=period, batch_size=BATCH)
    state = arrived(sampler, 50)
    for c, (replicas, centre) in enumerate(
        by_chain(lambda x, g: published.elastic_sgd(x, g, 50, 0.05, 2.0, period), starts(3), gradient, 3)
    ):
        assert np.allclose(state.x[3 * c : 3 * c + 3], replicas, **CLOSE)
        assert np.allclose(sampler.weights(state)[c], centre, **CLOSE)
    said = [sampler.statistics(sampler.step(sampler.init(1, 0), k)[0])["coupling"][0, 0] for k in range(5)]
    assert said == [2.0 if k % period == 0 else 0.0 for k in range(5)]


def test_without_data_every_gradient_is_whole():
    sampler = Parle(DoubleWell(2), step_size=0.5, scale=1.0, coupling=0.5, steps=5, inner_step_size=0.1)
    state = arrived(sampler, 1000)
    assert np.allclose(np.abs(state.x), 1.0, **CLOSE)
    assert sampler.statistics(state)["sample_gradients"][0, 0] == 3000
