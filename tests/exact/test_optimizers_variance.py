"""SVRG and SAGA: the mean over all batches is the gradient, written out step by step in plain NumPy besides."""

from itertools import combinations, product

import numpy as np
import pytest

from mcmc.landscapes.network import Data, NetworkLoss, mlp
from mcmc.samplers import SAGA, SVRG

SAMPLES, BATCH, STEP, SEED = 6, 2, 0.2, 3


def network(hidden=(3,)):
    """Without hidden layers convex, the curvature at least the weight decay."""
    rng = np.random.default_rng(1)
    return mlp(Data(rng.normal(size=(SAMPLES, 3)), rng.integers(0, 2, SAMPLES)), hidden, weight_decay=0.1)


ROUTES = {
    "svrg": lambda f, **given: SVRG(f, step_size=STEP, batch_size=BATCH, period=5, **given),
    "saga": lambda f, **given: SAGA(f, step_size=STEP, batch_size=BATCH, **given),
}
BATCHES = {False: list(combinations(range(SAMPLES), BATCH)), True: list(product(range(SAMPLES), repeat=BATCH))}


def directions(sampler, state, batches, sweep):
    """What a step would go against, for each batch, from the one chain of a state."""
    batches = np.array(batches, np.int64)
    every = state._replace(
        **{
            name: np.repeat(value, len(batches), axis=0)
            for name, value in state._asdict().items()
            if value.ndim and len(value) == 1
        }
    )
    sampler.batches.indices = lambda step, chain, seed: batches
    return sampler._direction(every, sweep)


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("name", ROUTES)
def test_the_mean_over_all_batches_is_the_gradient(name, replacement):
    landscape = network()
    sampler = ROUTES[name](landscape, replacement=replacement)
    state, _ = sampler.step(sampler.init(1, SEED), 8)
    gradient = landscape.gradient(state.x)[0]
    batches = BATCHES[replacement]
    found = directions(sampler, state, batches, 8)
    assert np.abs(found.mean(axis=0) - gradient).max() < 1e-14
    # Not each of them, nor without the mean that corrects, nor the mean over fewer batches.
    assert np.abs(found - gradient).max() > 1e-3
    assert np.abs(found[1:].mean(axis=0) - gradient).max() > 1e-5
    field = "snapshot_gradient" if name == "svrg" else "table_mean"
    blind = directions(sampler, state._replace(**{field: np.zeros_like(state.x)}), batches, 8)
    assert np.abs(blind.mean(axis=0) - gradient).max() > 1e-3


@pytest.mark.parametrize("name", ROUTES)
def test_variance_dies_at_a_minimum(name):
    landscape = network(())
    sampler = ROUTES[name](landscape, replacement=False)
    state, _ = sampler.step(sampler.init(1, SEED), 2000)
    assert np.abs(landscape.gradient(state.x)).max() < 1e-12
    assert np.abs(directions(sampler, state, BATCHES[False], 2001)).max() < 1e-12
    batches = np.array(BATCHES[False])
    assert np.abs(landscape.gradient(np.repeat(state.x, len(batches), axis=0), batches)).max() > 1e-3


def plain_svrg(landscape, x, batches, period):
    for k, batch in enumerate(batches):
        if k % period == 0:
            snapshot, whole = x.copy(), landscape.gradient(x[None])[0]
        fresh, old = (landscape.gradient(w[None], batch)[0] for w in (x, snapshot))
        x = x - STEP * (fresh - old + whole)
    return x


def plain_saga(landscape, x, batches):
    """By per-sample gradients, in which weight decay is not: it is added to each."""

    def each(w, chosen):
        return landscape.per_sample_gradients(w, np.array(chosen)) + landscape.weight_decay * w

    table = each(x, range(SAMPLES))
    for batch in batches:
        fresh = each(x, batch)
        move = (fresh - table[batch]).mean(axis=0) + table.mean(axis=0)
        table[batch] = fresh
        x = x - STEP * move
    return x


@pytest.mark.parametrize("replacement", [True, False, "epoch"])
@pytest.mark.parametrize("name", ROUTES)
def test_steps_are_those_of_the_papers(name, replacement):
    landscape = network()
    sampler = ROUTES[name](landscape, replacement=replacement)
    start = sampler.init([4, 9], SEED)
    x = start.x.copy()
    batches = [sampler.batches.indices(k, start.chain, SEED).copy() for k in range(40)]
    state, _ = sampler.step(start, 40)
    for lane in range(2):
        mine = [batch[lane] for batch in batches]
        plain = plain_svrg(landscape, x[lane], mine, 5) if name == "svrg" else plain_saga(landscape, x[lane], mine)
        assert np.abs(plain - x[lane]).max() > 0.1
        assert np.abs(plain - state.x[lane]).max() < 1e-12


@pytest.mark.parametrize("name", ROUTES)
def test_steps_are_the_same_on_a_torch_module(name):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    landscape = NetworkLoss(module, "cross_entropy", network().data, weight_decay=0.1)
    sampler = ROUTES[name](landscape, replacement=True)
    start = sampler.init([4, 9], SEED)
    x = start.x.copy()
    batches = [sampler.batches.indices(k, start.chain, SEED).copy() for k in range(12)]
    state, _ = sampler.step(start, 12)
    for lane in range(2):
        mine = [batch[lane] for batch in batches]
        plain = plain_svrg(landscape, x[lane], mine, 5) if name == "svrg" else plain_saga(landscape, x[lane], mine)
        assert np.abs(plain - state.x[lane]).max() < 1e-12


@pytest.mark.parametrize("name", ROUTES)
def test_chains_with_samples_of_their_own_settle_where_those_have_their_minimum(name):
    landscape, samples = network(()), np.array([[5, 0, 3], [1, 2, 4]])
    sampler = ROUTES[name](landscape, samples=samples)
    state, _ = sampler.step(sampler.init(2, SEED), 2000)
    for lane in range(2):
        assert np.abs(landscape.gradient(state.x[lane][None], samples[lane])).max() < 1e-12
        assert np.abs(landscape.gradient(state.x[lane][None], samples[1 - lane])).max() > 1e-3


def test_table_mean_is_the_mean_of_the_table():
    sampler = ROUTES["saga"](network(), replacement=True)
    state, _ = sampler.step(sampler.init(3, SEED), 500)
    assert np.abs(state.table_mean - state.table.mean(axis=1)).max() < 1e-14


@pytest.mark.parametrize("name", ROUTES)
def test_gradients_taken_are_counted(name, monkeypatch):
    landscape, taken = network(), []
    gradient = landscape.gradient

    def counted(x, batch=None):
        taken.append(len(x) * (SAMPLES if batch is None else batch.shape[1]))
        return gradient(x, batch)

    monkeypatch.setattr(landscape, "gradient", counted)
    sampler = ROUTES[name](landscape)
    state = sampler.init(1, SEED)
    for sweep in range(12):
        assert sampler.sample_gradients(sweep) == sum(taken)
        state, _ = sampler.step(state, 1)
    assert sampler.statistics(state)["sample_gradients"][0] == sum(taken)
