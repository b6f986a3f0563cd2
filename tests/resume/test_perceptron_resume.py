"""Same seed, same bits on the perceptron: any chunking, threads, other chains; stopped, killed and resumed."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from perceptron_configurations import landscapes
from test_bit_identity import assert_same_bits, copied

from mcmc.samplers import (
    Annealing,
    CouplingTempering,
    HeatBath,
    Metropolis,
    Quench,
    RejectionFree,
    ReplicatedAnnealing,
    Tempering,
    coupling_schedule,
    geometric_ramp,
    linear_ramp,
    sample,
    schedule,
)
from perceptron import BinaryPerceptron, Replicated, WithReference, random_patterns
from perceptron.entropy_driven import EntropyDriven

SEED = 77
CHAINS = 7
REFERENCE = np.where(np.arange(301) % 2, 1, -1)


def wide(threads=1):
    """Landscapes of more weights than are drawn for at once, and of more than one word of patterns."""
    instance = random_patterns(301, 0.4, seed=1)
    model = BinaryPerceptron(instance, threads=threads)
    return {
        "wide": model,
        "wide, random order": BinaryPerceptron(instance, "hinge", visit="random", threads=threads),
        "wide, reference": WithReference(model, REFERENCE, 0.2),
        "wide, centre": Replicated(model, 3, 0.3),
        "wide, pairs": Replicated(model, 3, coupling="pairs", control="gamma", beta=1.0),
        "wide, gaussian": BinaryPerceptron(random_patterns(301, 0.2, seed=2, kind="gaussian"), threads=threads),
    }


def model_of(name, threads=1):
    model = {**landscapes(), **wide(threads)}[name]
    model.threads = threads
    return model


MODELS = list({**landscapes(), **wide()})
CASES = [(name, update) for name in MODELS for update in ("metropolis", "heat_bath", "rejection_free")]


def run(model, update, chunks, chains=tuple(range(CHAINS)), between=lambda state: state):
    """Final state and flips of calls of the given lengths; a chain's beta goes with its id."""
    state = model.init(list(chains), SEED)
    flipped = 0
    for n in chunks:
        flipped = flipped + model.sweep(state, 0.2 + 0.1 * np.asarray(chains), n, update).flipped
        state = between(state)
    return state, {**model.observables(state), "flipped": flipped}


def contiguous(result):
    state, seen = result
    return state._replace(spins=np.ascontiguousarray(state.spins)), seen


@pytest.mark.parametrize(("name", "update"), CASES)
def test_chunks_copies_and_threads_change_nothing(name, update):
    whole = contiguous(run(model_of(name), update, [12]))
    assert_same_bits(whole, contiguous(run(model_of(name), update, [5, 0, 1, 6], between=copied)))
    assert_same_bits(whole, contiguous(run(model_of(name, 3), update, [12])))


@pytest.mark.parametrize(("name", "update"), CASES)
def test_a_chain_is_the_same_alone_and_in_any_order(name, update):
    many, seen = run(model_of(name), update, [8])
    some, alone = run(model_of(name), update, [8], chains=[5, 900, 2])
    for here, there in ((0, 5), (2, 2)):
        assert np.array_equal(some.spins[:, here], many.spins[:, there])
        assert np.array_equal(some.planes[here], many.planes[there])
        for key, values in alone.items():
            assert values[here] == seen[key][there], key


def test_other_seeds_and_sweeps_have_other_bits():
    """Control: what is compared above does depend on what it should depend on."""
    model = model_of("wide")
    base = run(model, "metropolis", [20])[0].spins
    assert not np.array_equal(base, run(model, "metropolis", [21])[0].spins)
    other = model.init(CHAINS, SEED + 1)
    model.sweep(other, 0.2 + 0.1 * np.arange(CHAINS), 20)
    assert not np.array_equal(base, other.spins)


@pytest.mark.parametrize("update", ["metropolis", "heat_bath", "rejection_free"])
def test_a_schedule_is_its_sweeps_one_by_one(update):
    for model, gamma in ((model_of("wide"), None), (model_of("wide, centre"), linear_ramp(0.0, 1.0, 9))):
        beta, whole, single = linear_ramp(0.3, 1.5, 9), model.init(3, SEED), model.init(3, SEED)
        model.sweep_schedule(whole, beta, gamma, update)
        for s in range(9):
            model.sweep_schedule(single, beta[s : s + 1], None if gamma is None else gamma[s : s + 1], update)
        assert_same_bits((whole, {}), (single, {}))


def samplers():
    small = landscapes()
    instance = random_patterns(9, 0.8, seed=3)
    ramps = coupling_schedule(linear_ramp(0.2, 2.0, 40), geometric_ramp(0.05, 1.0, 40))
    return {
        "metropolis": Metropolis(small["hinge"], 0.9),
        "heat bath": HeatBath(small["symmetric"], 1.1),
        "rejection-free": RejectionFree(small["errors"], 2.0),
        "tempering": Tempering(Metropolis(small["errors"]), [0.4, 0.7, 1.5]),
        "tempering, rejection-free": Tempering(RejectionFree(small["reference"]), [0.4, 0.7, 1.5], swap_every=3),
        "tempering in gamma": CouplingTempering(HeatBath(small["pairs, gamma"]), [0.0, 0.1, 0.4]),
        "tempering in gamma, reference": CouplingTempering(RejectionFree(small["reference, gamma"]), [0.0, 0.3]),
        "annealing": Annealing(RejectionFree(small["gaussian"]), schedule([2.0, 1.0, 0.5, 0.0], 13)),
        "annealing, centre": Annealing(Metropolis(small["centre"]), schedule([2.0, 1.0], 20)),
        "replicated annealing": ReplicatedAnnealing(small["centre"], ramps),
        "replicated annealing, rejection-free": ReplicatedAnnealing(small["pairs"], ramps, update="rejection_free"),
        "quench": Quench(small["hinge"]),
        "entropy-driven": EntropyDriven(instance, 0.4, 3.0, tolerance=1e-4),
        "entropy-driven, climbing": EntropyDriven(random_patterns(31, 0.4, seed=6), 0.4, tolerance=1e-4),
    }


SAMPLERS = list(samplers())
BURN_IN, SWEEPS = 25, 20


def sampled(name, stops, chains=(1, 3, 6), between=lambda state: state):
    """State and everything measured after calls that end at the given absolute sweeps."""
    sampler = samplers()[name]
    state = sampler.init(list(chains), SEED)
    for begin, end in zip([0, *stops], [*stops, BURN_IN + SWEEPS], strict=True):
        if begin < BURN_IN:
            state, _ = sampler.thermalize(state, min(end, BURN_IN) - begin)
        if end > BURN_IN:
            state, _ = sampler.step(state, end - max(begin, BURN_IN))
        state = between(state)
    return state, {**sampler.observables(state), **sampler.statistics(state), "energy": sampler.energy(state)}


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_stopped_anywhere(name):
    whole = sampled(name, [], between=copied)
    for stops in ([1], [BURN_IN - 1], [BURN_IN], [BURN_IN + 7], range(2, BURN_IN + SWEEPS, 5)):
        # A new sampler each time: nothing of a chain may hide in the object.
        assert_same_bits(whole, sampled(name, list(stops), between=copied))


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_chain_3_alone_and_among_others(name):
    _, many = sampled(name, [])
    _, alone = sampled(name, [], chains=[3])
    for key, values in alone.items():
        np.testing.assert_array_equal(values[0], many[key][1], err_msg=key)


@pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")
@pytest.mark.parametrize("name", SAMPLERS)
def test_files_stopped_and_resumed_hold_the_same_draws(name, tmp_path):
    def call(path, stop=None):
        arguments = {"chains": 3, "seed": SEED, "burn_in": BURN_IN, "thin": 2, "stop": stop}
        return sample(samplers()[name], 2 * SWEEPS, path=path, **arguments)

    whole = call(tmp_path / "whole.h5")
    draw = random.Random(SEED)
    for _ in range(4):
        left = [draw.randrange(1, 4)]

        def soon(left=left):
            left[0] -= 1
            return left[0] < 0

        call(tmp_path / "parts.h5", soon)
    parts = call(tmp_path / "parts.h5")
    assert parts.sizes["draw"] == SWEEPS
    assert whole.drop_attrs().identical(parts.drop_attrs())


KILLED = """
import sys
sys.path[:0] = json_paths
from test_perceptron_resume import LONG, long_sampler
from mcmc.samplers import sample
sample(long_sampler(sys.argv[1]), LONG, path=sys.argv[2], checkpoint_every=0.05, **{"chains": 2, "seed": 5, "thin": 50})
"""
LONG = 20_000


def long_sampler(name):
    model = BinaryPerceptron(random_patterns(301, 0.4, seed=1))
    if name == "replicated":
        ramps = coupling_schedule(linear_ramp(0.3, 2.0, LONG), linear_ramp(0.0, 2.0, LONG))
        return ReplicatedAnnealing(Replicated(model, 3), ramps)
    return CouplingTempering(Metropolis(WithReference(model, REFERENCE, control="gamma", beta=1.0)), [0.0, 0.1, 0.2])


@pytest.mark.validate
@pytest.mark.parametrize("name", ["replicated", "tempering in gamma"])
def test_killed_and_resumed_files_hold_the_same_draws(name, tmp_path, seed):
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), str(here.parents[1])]
    program = KILLED.replace("json_paths", json.dumps(paths))
    whole = sample(long_sampler(name), LONG, chains=2, seed=5, thin=50)
    draw, killed = random.Random(seed), 0
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", program, name, str(tmp_path / "run.h5")])
        if attempt < 5:
            deadline = time.monotonic() + 60
            while process.poll() is None and not (tmp_path / "run.h5").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(draw.uniform(0.1, 0.8))
            process.send_signal(signal.SIGKILL)
        killed += process.wait(timeout=200) != 0
    assert killed >= 1
    assert process.returncode == 0
    found = sample(long_sampler(name), LONG, path=tmp_path / "run.h5", chains=2, seed=5, thin=50)
    for variable, values in whole.data_vars.items():
        np.testing.assert_array_equal(found[variable].values, values.values, err_msg=str(variable))
