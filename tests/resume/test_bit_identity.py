"""Same seed, same bits: for any number of threads, chunking, number of other chains, and wherever a run was stopped."""

import numpy as np
import pytest

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel
from mcmc.landscapes.xy.model import RENORMALISE_EVERY
from mcmc.samplers import (
    MALA,
    Annealing,
    HeatBath,
    Langevin,
    Metropolis,
    OverRelaxation,
    Quench,
    Tempering,
    Wolff,
    schedule,
)
from mcmc.samplers.adaptation import BLOCK

SEED = 77
CHAINS = 16

GRAPHS = {
    "chain": {"graph": graphs.chain(9)},
    "ring": {"graph": graphs.ring(8)},
    "square": {"graph": graphs.square((6, 8))},
    "odd square": {"graph": graphs.square((3, 5)), "coupling": 0.8},
    "gauge glass": {"graph": graphs.square(4), "phase": "uniform", "seed": 1},
    "triangular": {"graph": graphs.triangular(4), "field": 0.2},
    "cubic": {"graph": graphs.cubic((4, 3, 2))},
    "random regular": {"graph": graphs.random_regular(12, 3, seed=2), "coupling": "gaussian", "seed": 3},
    "complete": {"graph": graphs.complete(7)},
}
UPDATES = {
    "metropolis": {},
    "metropolis, mirrored": {"over_relaxation": 2},
    "over_relaxation": {},
    "heat_bath": {"over_relaxation": 1},
    "wolff": {"width": 3},
    "align": {},
}


def model_of(name, threads=1):
    return XYModel(**GRAPHS[name], threads=threads)


CASES = [
    (name, update)
    for name in GRAPHS
    for update in UPDATES
    if update.partition(",")[0] in model_of(name).updates
]  # fmt: skip


def betas(chains):
    """A temperature for each chain id, so that a chain keeps its own when others are left out."""
    return 0.5 + 0.1 * np.asarray(chains)


def run(model, update, chunks, chains=tuple(range(CHAINS)), between=lambda state: state):
    """Final state and everything reported, after calls of the given lengths."""
    state = model.init(list(chains), SEED)
    flipped, drift = 0, 0.0
    for n in chunks:
        info = model.sweep(state, betas(chains), n, update.partition(",")[0], **UPDATES[update])
        flipped, drift = flipped + info.flipped, np.maximum(drift, info.energy_drift)
        state = between(state)
    return state, {**model.observables(state), "flipped": flipped, "drift": drift}


def copied(state):
    """The state as it comes back from a file: other arrays, same numbers."""
    if isinstance(state, tuple):
        return type(state)(*(copied(field) for field in state))
    return np.frombuffer(bytearray(state.tobytes()), state.dtype).reshape(state.shape)


def leaves(state):
    if isinstance(state, tuple):
        return [leaf for field in state for leaf in leaves(field)]
    return [np.asarray(state)]


def assert_same_bits(a, b):
    (state_a, seen_a), (state_b, seen_b) = a, b
    for x, y in zip(leaves(state_a), leaves(state_b), strict=True):
        assert x.dtype == y.dtype
        assert x.tobytes() == y.tobytes()
    assert seen_a.keys() == seen_b.keys()
    for name, values in seen_a.items():
        assert np.asarray(values).tobytes() == np.asarray(seen_b[name]).tobytes(), name


@pytest.mark.parametrize(("name", "update"), CASES)
def test_one_call_of_1000_sweeps_and_ten_of_100(name, update):
    model = model_of(name)
    assert_same_bits(run(model, update, [1000]), run(model, update, [100] * 10))


@pytest.mark.parametrize(("name", "update"), CASES)
def test_chain_3_alone_and_among_16(name, update):
    model = model_of(name)
    many, seen = run(model, update, [200])
    one, alone = run(model, update, [200], chains=[3])
    assert one.spins[..., 0].tobytes() == np.ascontiguousarray(many.spins[..., 3]).tobytes()
    assert one.energy[0] == many.energy[3]
    for key, values in alone.items():
        assert values[0] == seen[key][3], key


@pytest.mark.parametrize(("name", "update"), CASES)
def test_order_and_choice_of_chains_do_not_matter(name, update):
    model = model_of(name)
    many, _ = run(model, update, [50])
    some, _ = run(model, update, [50], chains=[11, 3, 900, 4, 0])
    np.testing.assert_array_equal(some.spins[..., [0, 1, 3, 4]], many.spins[..., [11, 3, 4, 0]])


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize(("name", "update"), CASES)
def test_threads(name, update, threads):
    sweeps = [2 * RENORMALISE_EVERY + 3]
    assert_same_bits(run(model_of(name), update, sweeps), run(model_of(name, threads), update, sweeps))


@pytest.mark.parametrize(("name", "update"), CASES)
def test_stop_at_any_sweep(name, update):
    sweeps = RENORMALISE_EVERY + 3
    whole = run(model_of(name), update, [sweeps])
    for stop in range(sweeps + 1):
        stopped = run(model_of(name), update, [stop, sweeps - stop], between=copied)
        assert_same_bits(whole, stopped)


@pytest.mark.parametrize("update", ["metropolis, mirrored", "heat_bath", "wolff"])
def test_rows_longer_than_one_piece(update):
    """Vectorised loops of other lengths, remainders included: 1030 sites a side are rows of 512 and 3 positions."""
    model = XYModel(graphs.square((2, 1030)))
    whole = run(model, update, [20])
    assert_same_bits(whole, run(model, update, [3, 17]))
    assert_same_bits(whole, run(XYModel(graphs.square((2, 1030)), threads=2), update, [20]))
    alone = run(model, update, [20], chains=[3])
    assert alone[0].spins[..., 0].tobytes() == np.ascontiguousarray(whole[0].spins[..., 3]).tobytes()
    for key, values in alone[1].items():
        assert values[0] == whole[1][key][3], key


def test_other_seeds_chains_and_sweeps_have_other_bits():
    """Control: what is compared above does depend on what it should depend on."""
    model = model_of("square")
    base = run(model, "metropolis", [20])[0].spins
    assert not np.array_equal(base, run(model, "metropolis", [21])[0].spins)
    assert np.abs(np.diff(base, axis=-1)).max(axis=(0, 1)).min() > 0.1
    other = model.init(CHAINS, SEED + 1)
    model.sweep(other, betas(range(CHAINS)), 20, "metropolis")
    assert not np.array_equal(base, other.spins)


# Samplers: tuning, swaps, schedules and counters are part of the state.

LADDER = [0.5, 0.8, 1.1, 1.7]


def samplers():
    square, glass, odd = (model_of(name) for name in ("square", "gauge glass", "odd square"))
    return {
        "metropolis": Metropolis(square, 1.1, over_relaxation=1),
        "metropolis, odd": Metropolis(odd, 1.1),
        "heat bath": HeatBath(glass, 1.3),
        "over-relaxation": OverRelaxation(glass),
        "wolff": Wolff(square, 1.1),
        "tempering": Tempering(Metropolis(square, over_relaxation=1), LADDER),
        "tempering, rare swaps": Tempering(Metropolis(glass), LADDER, swap_every=7),
        "tempering, heat bath": Tempering(HeatBath(glass), LADDER),
        "tempering, wolff": Tempering(Wolff(square), LADDER),
        "tempering, mala": Tempering(MALA(odd), LADDER),
        "annealing": Annealing(Metropolis(glass), schedule([2.0, 1.0, 0.5, 0.0], 13)),
        "quench": Quench(glass),
        "langevin": Langevin(glass, 1.5, step_size=0.05),
        "mala": MALA(square, 1.1),
    }


SAMPLERS = list(samplers())
BURN_IN, SWEEPS = 2 * BLOCK + 5, 30


def advance(sampler, state, begin, end):
    """From absolute sweep `begin` to `end`: thermalisation up to BURN_IN, then steps."""
    if begin < BURN_IN:
        state, _ = sampler.thermalize(state, min(end, BURN_IN) - begin)
    if end > BURN_IN:
        state, _ = sampler.step(state, end - max(begin, BURN_IN))
    return state


def sampled(sampler, stops, chains=tuple(range(CHAINS)), between=lambda state: state):
    state = sampler.init(list(chains), SEED)
    for begin, end in zip([0, *stops], [*stops, BURN_IN + SWEEPS], strict=True):
        state = between(advance(sampler, state, begin, end))
    return state, {**sampler.observables(state), **sampler.statistics(state), "energy": sampler.energy(state)}


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_stopped_at_any_sweep(name):
    whole = sampled(samplers()[name], [])
    for stop in range(0, BURN_IN + SWEEPS + 1, 3):
        # A new sampler each time: nothing of a chain may hide in the object.
        assert_same_bits(whole, sampled(samplers()[name], [stop], between=copied))


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_sweep_by_sweep(name):
    every = range(1, BURN_IN + SWEEPS)
    assert_same_bits(sampled(samplers()[name], []), sampled(samplers()[name], every))


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_chain_3_alone_and_among_16(name):
    _, many = sampled(samplers()[name], [])
    _, alone = sampled(samplers()[name], [], chains=[3])
    for key, values in alone.items():
        np.testing.assert_array_equal(values[0], many[key][3], err_msg=key)


@pytest.mark.parametrize("name", ["metropolis", "tempering"])
def test_sampler_on_threads(name):
    threaded = samplers()[name]
    inner = getattr(threaded, "sampler", threaded)
    inner.landscape = model_of("square", threads=2)
    assert_same_bits(sampled(samplers()[name], []), sampled(threaded, []))
