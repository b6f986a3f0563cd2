"""Sweeps in kernels against the CPU's: spins to float32 rounding, energies, splits into calls, other chains."""

import numpy as np
import pytest

from mcmc.device import to_host
from mcmc.errors import LandscapeError
from mcmc.landscape import SpinState
from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, xy_model

GRAPHS = {
    "square": (graphs.square((4, 8)), {}),
    "square with a field": (graphs.square((4, 6)), {"field": 0.3, "coupling": 0.7}),
    "side of 2": (graphs.square((3, 2)), {}),
    "odd square": (graphs.square(5), {}),
    "triangular": (graphs.triangular(6), {}),
    "cubic": (graphs.cubic((2, 3, 4)), {}),
    "ring": (graphs.ring(12), {}),
    "open chain": (graphs.chain(10), {}),
    "gauge glass": (graphs.square(4), {"phase": "uniform"}),
    "spin glass in a field": (graphs.cubic((2, 2, 4)), {"coupling": "gaussian", "field": 0.2}),
    "random regular": (graphs.random_regular(14, 3, seed=1), {"field": 0.1}),
}
ROUNDING = 2e-6
"""Of one spin after a sweep: a field of 6 neighbours, a rotation and a reflection in float32, each good to 1e-7."""


@pytest.fixture(params=GRAPHS, ids=str)
def pair(request, device):
    """The same model on the CPU and on the device."""
    graph, options = GRAPHS[request.param]
    return XYModel(graph, **options), xy_model(graph, **options, device=device)


def differing(a, b):
    return np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max()


@pytest.mark.parametrize("update", ["metropolis", "over_relaxation", "align"])
def test_one_sweep(pair, update):
    cpu, gpu = pair
    here, there = cpu.init(3, 5), gpu.init(3, 5)
    assert differing(here.spins, to_host(there.spins)) == 0.0
    beta, width = np.array([0.5, 1.1, 4.0]), np.array([1.0, 0.8, 0.3])
    ours = cpu.sweep(here, beta, 1, update, width=width)
    theirs = gpu.sweep(there, beta, 1, update, width=width)
    assert differing(here.spins, to_host(there.spins)) < ROUNDING
    assert differing(ours.acceptance, theirs.acceptance) == 0.0
    assert differing(here.energy, there.energy) < ROUNDING * cpu.graph.bonds
    assert int(there.sweep) == 1


def test_over_relaxation_after_metropolis(pair):
    cpu, gpu = pair
    here, there = cpu.init(2, 1), gpu.init(2, 1)
    cpu.sweep(here, 1.0, 1, over_relaxation=1)
    gpu.sweep(there, 1.0, 1, over_relaxation=1)
    assert differing(here.spins, to_host(there.spins)) < 2 * ROUNDING


def test_a_wrong_chain_would_be_seen(device):
    cpu, gpu = XYModel(graphs.square(4)), xy_model(graphs.square(4), device=device)
    here, there = cpu.init(2, 1), gpu.init(2, 1)
    cpu.sweep(here, 1.0, 1)
    gpu.sweep(there._replace(chain=there.chain[::-1].copy()), 1.0, 1)
    assert differing(here.spins, to_host(there.spins)) > 100 * ROUNDING


def test_carried_energy_over_renormalisations(device):
    model = xy_model(graphs.square((2, 4)), field=0.1, device=device)
    state = model.init(2, 3)
    for sweeps in (7, 26):
        info = model.sweep(state, 0.8, sweeps, over_relaxation=1)
        assert differing(state.energy, model.energy(state)) < 33 * 2 * ROUNDING * model.graph.bonds
    norm = np.hypot(*to_host(state.spins)[:, model.slot].astype(np.float64))
    assert differing(norm, 1.0) < 1e-6
    assert (info.energy_drift > 0).all()
    assert (info.energy_drift < 33 * 2 * ROUNDING * model.graph.bonds).all()


def test_energy_of_the_cpu(pair):
    cpu, gpu = pair
    state = gpu.init(3, 2)
    assert differing(gpu.energy(state), cpu.energy(state._replace(spins=to_host(state.spins)))) < 1e-9
    assert differing(gpu.angles(state), cpu.angles(cpu.init(3, 2))) == 0.0


def copied(state):
    return SpinState(*(field.copy() for field in state))


def test_calls_and_other_chains_change_no_bit(device):
    model = xy_model(graphs.square((3, 2)), device=device)
    beta = np.array([0.5, 1.0, 2.0])
    state = model.init(3, 9)
    pieces, alone = copied(state), model.init([2], 9)
    whole = model.sweep(state, beta, 18)
    parts = [model.sweep(pieces, beta, n) for n in (5, 11, 2)]
    one = model.sweep(alone, beta[2], 18)
    for name in ("spins", "energy"):
        assert (to_host(getattr(state, name)) == to_host(getattr(pieces, name))).all(), name
        assert (to_host(getattr(state, name))[..., 2:] == to_host(getattr(alone, name))).all(), name
    assert (whole.flipped == sum(part.flipped for part in parts)).all()
    assert (whole.flipped[2:] == one.flipped).all()
    together, single = model.observables(state), model.observables(alone)
    assert all((together[name][2:] == single[name]).all() for name in together)


def test_more_chains_than_threads(device):
    """Only the simulator has so few threads; the chains are then taken in turns."""
    model = xy_model(graphs.ring(4), device=device)
    state, alone = model.init(40, 4), model.init([39], 4)
    info = model.sweep(state, 1.0, 2)
    assert (info.flipped[39:] == model.sweep(alone, 1.0, 2).flipped).all()
    assert (to_host(state.spins)[..., 39:] == to_host(alone.spins)).all()
    assert (state.energy[39:] == alone.energy).all()
    assert (model.observables(state)["magnetization_x"][39:] == model.observables(alone)["magnetization_x"]).all()


@pytest.mark.parametrize("update", ["heat_bath", "wolff", "metropolys"])
def test_updates_that_are_not_there(device, update):
    model = xy_model(graphs.square(4), device=device)
    with pytest.raises(LandscapeError, match=update):
        model.sweep(model.init(1, 0), 1.0, 1, update)


def test_the_complete_graph_is_refused(device):
    with pytest.raises(LandscapeError, match=r"complete.*use the device cpu"):
        xy_model(graphs.complete(8), device=device)
