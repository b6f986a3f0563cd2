"""Sweeps of perceptrons on the device flip what the CPU's flip: all that a state holds, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from numba import cuda
from perceptron_configurations import landscapes

from mcmc.device import resolve, to_host
from mcmc.errors import ArgumentError, LandscapeError
from mcmc.random import Stream, split_seed, words
from mcmc.samplers import (
    Annealing,
    CouplingTempering,
    HeatBath,
    Metropolis,
    RejectionFree,
    ReplicatedAnnealing,
    Tempering,
    coupling_schedule,
    schedule,
)
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint
from perceptron import BinaryPerceptron, Replicated, WithReference, device_model, planted_patterns, random_patterns
from perceptron.kernels import cuda as kernels

LANDSCAPES = landscapes()
PLANS = [("systematic", "metropolis"), ("systematic", "heat_bath"), ("random", "heat_bath"), ("random", "metropolis")]


@pytest.fixture
def processor(device):
    """The device; the simulator with few threads, of which each is a Python thread."""
    there = resolve(device)
    return replace(there, threads=4) if there.simulated else there


def assert_same(model, state, twin, other):
    """The state of a model on the CPU and that of its twin hold the same values."""
    host = twin.on_host(other)
    for name in ("spins", "energy", "sweep", "chain", "seed", "cost", "agreement", "stability"):
        assert np.array_equal(getattr(state, name), getattr(host, name)), name
    # Planes have bits beyond the last pattern, where whatever is there counts for nothing.
    assert np.array_equal(model.layout.stabilities(state), twin.layout.stabilities(host))


def run_both(model, twin, seed, chains, controls, lengths, update):
    """Sweeps on both processors; returns the two states, after a check that what happened is the same."""
    ours, theirs = model.init(chains, seed), twin.init(chains, seed)
    assert_same(model, ours, twin, theirs)
    for length in lengths:
        here = model.sweep(ours, controls, length, update)
        there = twin.sweep(theirs, controls, length, update)
        assert np.array_equal(here.flipped, there.flipped)
        assert np.array_equal(here.acceptance, there.acceptance)
    return ours, theirs


@pytest.mark.parametrize("first_plan", [0, 2])
@pytest.mark.parametrize("name", LANDSCAPES)
def test_bits_of_the_cpu(name, first_plan, processor, seed, monkeypatch):
    model = LANDSCAPES[name]
    # Half of all plans for each landscape, in turn.
    visit, update = PLANS[first_plan + list(LANDSCAPES).index(name) % 2]
    monkeypatch.setattr(model, "visit", visit)
    twin = device_model(model, processor)
    assert twin.identity() == model.identity()
    ours, theirs = run_both(model, twin, seed, [3, 8], np.array([0.4, 1.3]), (1, 1), update)
    assert_same(model, ours, twin, theirs)
    assert np.array_equal(twin.energy(theirs), theirs.energy)
    here, there = model.observables(ours), twin.observables(theirs)
    assert here.keys() == there.keys()
    assert all(np.array_equal(here[key], there[key]) for key in here)


@pytest.mark.parametrize("visit", ["systematic", "random"])
def test_many_blocks_of_weights_and_of_patterns(visit, processor, seed):
    """More weights than are drawn together, more patterns than stand together, a last word that is half full."""
    n, p = (1001, 700) if processor.name == "cuda" else (271, 526)
    model = BinaryPerceptron(random_patterns(n, p=p, seed=seed), visit=visit)
    twin = device_model(model, processor)
    ours, theirs = run_both(model, twin, seed, 1, np.array([4.0]), (1,), "metropolis")
    assert_same(model, ours, twin, theirs)


def test_another_chain_would_be_seen(processor, seed):
    model = LANDSCAPES["errors"]
    twin = device_model(model, processor)
    ours, theirs = model.init([3, 8], seed), twin.init([3, 8], seed)
    model.sweep(ours, 0.4, 2)
    twin.sweep(theirs._replace(chain=theirs.chain[::-1].copy()), 0.4, 2)
    assert not np.array_equal(ours.spins, to_host(theirs.spins))


@pytest.mark.parametrize("name", ["errors", "gaussian, symmetric", "centre, hinge"])
def test_stabilities_that_do_not_fit_into_shared_memory(name, processor, seed, monkeypatch):
    model = LANDSCAPES[name]
    twin = device_model(model, processor)
    assert twin._shared_memory()[0]
    monkeypatch.setattr(kernels, "SHARED_BYTES", 0)
    assert not twin._shared_memory()[0]
    ours, theirs = run_both(model, twin, seed, 2, np.array([0.4, 1.3]), (1, 1), "metropolis")
    assert_same(model, ours, twin, theirs)


@cuda.jit
def fill_verdicts(entry, word, sweep, chain, fourth, k0, k1, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = kernels.refused(entry, word, i, sweep, chain, fourth, k0, k1)


def test_words_equal_to_the_high_half_are_decided_by_the_low_one(processor, seed):
    entry = np.int64((5 << 30) + (1 << 29))
    key, fourth, count = split_seed(seed), np.uint32(2 << 24), 24
    low = words(seed, Stream.METROPOLIS, np.arange(count), 1, 2, 1 << 23)[:, 0] >> 2
    for word, expected in ((4, np.zeros(count)), (5, low >= 1 << 29), (6, np.ones(count))):
        verdicts = processor.put(np.full(count, 7, np.int8))
        arguments = entry, np.uint32(word), np.uint32(1), np.uint32(2), fourth, *key, processor.view(verdicts)
        processor.launch(fill_verdicts, -(-count // processor.threads), *arguments)
        assert np.array_equal(to_host(verdicts), expected)


SAMPLERS = {
    "metropolis": (LANDSCAPES["hinge"], lambda model: Metropolis(model, 0.8)),
    "heat bath": (LANDSCAPES["symmetric"], lambda model: HeatBath(model, 0.8)),
    "tempering": (LANDSCAPES["errors"], lambda model: Tempering(Metropolis(model), [0.5, 1.0, 3.0])),
    "coupling": (LANDSCAPES["reference, gamma"], lambda model: CouplingTempering(HeatBath(model), [0.0, 0.4, 0.9])),
    "annealing": (LANDSCAPES["gaussian"], lambda model: Annealing(Metropolis(model), schedule([2.0, 0.5, 0.0], 1))),
    "replicated": (
        LANDSCAPES["centre"],
        lambda model: ReplicatedAnnealing(model, coupling_schedule([0.3, 0.8, 1.5], [0.0, 0.2, 0.6])),
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_run_unchanged(name, processor, seed):
    model, make = SAMPLERS[name]
    results = []
    for landscape in (model, device_model(model, processor)):
        sampler = make(landscape)
        state = sampler.init(2, seed)
        state, _ = sampler.thermalize(state, 1)
        state, _ = sampler.step(state, 2)
        assert np.array_equal(sampler.energy(state), sampler.recompute_energy(state))
        results.append(sampler.observables(state) | {"energies": sampler.energy(state).copy()})
    ours, theirs = results
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_a_state_read_back_goes_on_with_the_same_bits(processor, seed, tmp_path):
    """In a file the weights stand in another order; the CPU goes on from the same file."""
    model = BinaryPerceptron(planted_patterns(13, 0.9, seed=2, label_noise=0.1))
    twin = device_model(model, processor)
    state = twin.init(2, seed)
    twin.sweep(state, 0.7, 1)
    save_checkpoint(tmp_path / "state", state)
    again, _ = load_checkpoint(tmp_path / "state", twin.init(2, seed))
    there, _ = load_checkpoint(tmp_path / "state", model.init(2, seed))
    for landscape, one in ((twin, state), (twin, again), (model, there)):
        landscape.sweep(one, 0.7, 2)
    assert_same(model, there, twin, state)
    assert_same(model, there, twin, again)
    assert np.array_equal(twin.observables(again)["teacher_overlap"], model.observables(there)["teacher_overlap"])


def test_weights_given_and_read(processor):
    model = LANDSCAPES["pairs"]
    twin = device_model(model, processor)
    weights = np.where(np.arange(18).reshape(2, 3, 3) % 4, 1, -1)
    state = twin.state_from(weights, seed=3)
    assert np.array_equal(twin.weights(state), weights)
    assert np.array_equal(twin.centre(state), model.centre(model.state_from(weights)))
    ours = model.delta_energy(model.state_from(weights), 4, np.array([1, -1]))
    assert np.array_equal(twin.delta_energy(state, 4, np.array([1, -1])), ours)


def test_some_chains_go_on_alone(processor, seed):
    """As a quench has it, of which some chains have settled."""
    model = LANDSCAPES["gaussian"]
    twin = device_model(model, processor)
    states = model.init(3, seed), twin.init(3, seed)
    for landscape, state in zip((model, twin), states, strict=True):
        part = landscape.chosen(state, np.array([0, 2]))
        landscape.sweep(part, 0.5, 1)
        assert landscape.energy(state).tolist() == state.energy.tolist()
        landscape.put_back(state, part, np.array([0, 2]))
    assert_same(model, states[0], twin, states[1])


def test_rejection_free_stays_on_the_cpu(processor):
    twin = device_model(LANDSCAPES["errors"], processor)
    assert "rejection_free" not in twin.updates
    for attempt in (lambda: RejectionFree(twin), lambda: twin.sweep(twin.init(1, 0), 1.0, 1, "rejection_free")):
        with pytest.raises(LandscapeError, match=r"rejection_free.*metropolis, heat_bath; use the device cpu"):
            attempt()
    with pytest.raises(LandscapeError, match="metropolys"):
        twin.sweep(twin.init(1, 0), 1.0, 1, "metropolys")


def test_what_has_no_twin(processor, monkeypatch):
    model = LANDSCAPES["errors"]
    assert device_model(model, "cpu") is model
    with pytest.raises(ArgumentError, match="model: got int"):
        device_model(3, processor)
    twin = device_model(model, processor)
    with pytest.raises(ArgumentError, match="CudaBinaryPerceptron"):
        device_model(twin, processor)
    # Couplings are made first, and wrap models of the CPU.
    with pytest.raises(ArgumentError, match="CudaBinaryPerceptron"):
        WithReference(twin, np.ones(9))
    monkeypatch.setattr("perceptron.cuda_model.MOST", 20)
    with pytest.raises(LandscapeError, match=r"3 replicas of n = 9 .* use the device cpu"):
        device_model(Replicated(model, 3), processor)
