"""Wrong input to the XY model: one line that names the place, the value, and what is allowed."""

import re

import numpy as np
import pytest

from mcmc.errors import ArgumentError, EntroscapeError, LandscapeError
from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel
from mcmc.samplers import HeatBath, Metropolis, Wolff

SQUARE = graphs.square(4)


def model():
    return XYModel(SQUARE)


def swept(**arguments):
    plain = model()
    plain.sweep(plain.init(2, 0), **({"beta": 1.0, "sweeps": 1} | arguments))


def late():
    """A chain at the end of its counter."""
    plain = model()
    state = plain.init(1, 0)
    state.sweep[...] = 2**32 - 3
    return plain, state


CONSTRUCTION = [
    (lambda: XYModel(SQUARE, float("nan")), "coupling: nan; finite"),
    (lambda: XYModel(SQUARE, np.inf), "coupling: inf; finite"),
    (lambda: XYModel(SQUARE, [1.0] * 31 + [np.nan]), "coupling: bond 31 is nan"),
    (lambda: XYModel(SQUARE, [1.0, 2.0]), r"coupling: got shape \(2,\); a number, 32 numbers"),
    (lambda: XYModel(SQUARE, "gausian"), r"coupling: kind 'gausian' is unknown \(did you mean 'gaussian'\?\)"),
    (lambda: XYModel(SQUARE, {"kind": "gaussian", "sigma": 1.0}), "coupling: key 'sigma' is unknown"),
    (lambda: XYModel(SQUARE, {"kind": "gaussian", "scale": np.nan}), "coupling: scale is nan"),
    (lambda: XYModel(SQUARE, None), "coupling: got 'None'"),
    (lambda: XYModel(SQUARE, 1e30), r"coupling, field: the largest has modulus 1e\+30; from 1e-12 to 1e\+06"),
    (lambda: XYModel(SQUARE, 1e-30), "coupling, field: the largest has modulus 1e-30"),
    (lambda: XYModel(SQUARE, field=1e12), "coupling, field: the largest has modulus"),
    (lambda: XYModel(SQUARE, phase=[0.0] * 31 + [np.inf]), "phase: bond 31 is inf"),
    (lambda: XYModel(SQUARE, phase="unifrom"), r"phase: kind 'unifrom' is unknown \(did you mean 'uniform'\?\)"),
    (lambda: XYModel(SQUARE, field=np.nan), "field: got nan; one finite number"),
    (lambda: XYModel(SQUARE, field=[0.1] * 16), "field: got"),
    (lambda: XYModel(SQUARE, field=True), "field: got True"),
    (lambda: XYModel(SQUARE, threads=0), "threads: got 0; an integer of at least 1"),
    (lambda: XYModel(SQUARE, threads=1.5), "threads: got 1.5"),
    (lambda: XYModel(SQUARE, "gaussian", seed=-1), "seed: got -1"),
    (lambda: XYModel(graphs.square(1)), "square: size 1; at least 2 sites"),
    (lambda: XYModel(graphs.chain(1)), "chain: size 1; at least 2 sites"),
    (lambda: XYModel(graphs.ring(1)), "ring: size 1"),
    (lambda: XYModel(graphs.cubic((4, 4, 1))), "cubic: size"),
    (lambda: XYModel(graphs.complete(1)), "complete: size 1"),
    (lambda: XYModel(graphs.complete(5), "gaussian"), "the complete graph of 5 sites takes one number J"),
    (lambda: XYModel(graphs.complete(5), phase="uniform"), "the complete graph of 5 sites takes one number J"),
    (lambda: XYModel(graphs.from_edges([[0, 0]])), "edges: bond 0 joins site 0 to itself"),
]

CALLS = [
    (lambda: swept(beta=-0.5), "beta: got -0.5; inverse temperatures are numbers >= 0"),
    (lambda: swept(beta=np.nan), "beta: got nan"),
    (lambda: swept(beta=[1.0, -1.0]), "beta: got -1.0"),
    (lambda: swept(beta=[1.0, 1.0, 1.0]), r"beta: got shape \(3,\); one number, or one per chain \(2\)"),
    (lambda: swept(sweeps=-1), "sweeps: got -1; 0 or more"),
    (lambda: swept(sweeps=2.5), "sweeps: got 2.5; 0 or more whole"),
    (lambda: swept(over_relaxation=-2), "over_relaxation: got -2; 0 or more"),
    (lambda: swept(width=np.nan), "width: got nan; numbers above 0"),
    (lambda: swept(update="metropols"), r"update 'metropols': unknown \(did you mean 'metropolis'\?\); one of"),
    (lambda: swept(update="heatbath"), r"update 'heatbath': unknown \(did you mean 'heat_bath'\?\)"),
    (lambda: swept(update="wolf"), r"update 'wolf': unknown \(did you mean 'wolff'\?\)"),
    (lambda: swept(update="zzz"), "update 'zzz': unknown; one of metropolis"),
    (lambda: swept(update="wolff", over_relaxation=2), "over_relaxation: Wolff clusters take none"),
    (lambda: model().init(0, 0), "chains: got 0; at least 1"),
    (lambda: model().init([1, 1], 0), "chains: got"),
    (lambda: model().init([-1], 0), "chains: got"),
    (lambda: model().init(1, -1), "seed: got -1"),
    (lambda: model().init(1, 2**64), "seed: got 18446744073709551616"),
    (lambda: model().init(1, 1.5), "seed: got 1.5"),
    (lambda: model().state_from_angles(np.zeros((2, 15))), r"angles: got shape \(2, 15\); \(chains, 16\)"),
    (lambda: model().energy(np.zeros(16)), r"angles: got shape \(16,\)"),
    (lambda: model().gradient(np.zeros((1, 4, 4))), r"angles: got shape \(1, 4, 4\)"),
    (lambda: model().state_from_angles(np.full((1, 16), np.nan)), "angles: nan"),
    (lambda: model().state_from_angles(np.full((1, 16), np.inf)), "angles: inf"),
    (lambda: Metropolis(model(), -1.0).init(1, 0), "beta: got -1.0"),
    (lambda: HeatBath("square"), "landscape: got str; a SpinLandscape"),
]

REFUSALS = [
    ({"phase": "uniform"}, "phases A_ij"),
    ({"phase": 0.1}, "phases A_ij"),
    ({"field": 0.5}, "a field h = 0.5"),
    ({"coupling": -1.0}, "an antiferromagnetic coupling, J = -1"),
    ({"coupling": "plus-minus"}, "an antiferromagnetic coupling, J = -1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), CONSTRUCTION + CALLS)
def test_one_line_says_what_is_wrong(call, expected):
    with pytest.raises(EntroscapeError) as caught:
        call()
    message = str(caught.value)
    assert re.search(expected, message), message
    assert "\n" not in message
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(("arguments", "reason"), REFUSALS)
def test_wolff_is_refused_with_the_reason_and_the_way_out(arguments, reason):
    plain = XYModel(SQUARE, **arguments)
    assert "wolff" not in plain.updates
    for call in (lambda: plain.sweep(plain.init(1, 0), 1.0, 1, "wolff"), lambda: Wolff(plain)):
        with pytest.raises(LandscapeError) as caught:
            call()
        assert reason in str(caught.value)
        assert "use heat_bath or metropolis" in str(caught.value)


def test_wolff_on_a_large_complete_graph_is_refused_before_its_bonds_are_built():
    plain = XYModel(graphs.complete(100_000))
    with pytest.raises(LandscapeError, match="100000 sites is too large"):
        plain.sweep(plain.init(1, 0), 1.0, 1, "wolff")


@pytest.mark.parametrize("arguments", [{}, {"coupling": 0.0}, {"coupling": {"kind": "plus-minus", "mean": 1.0}}])
def test_wolff_takes_couplings_that_are_not_negative(arguments):
    plain = XYModel(SQUARE, **arguments)
    state = plain.init(2, 0)
    assert plain.sweep(state, 1.0, 5, "wolff").flipped.min() >= 5


def test_the_sweep_counter_does_not_overflow():
    plain, state = late()
    plain.sweep(state, 1.0, 2)
    before = [array.tobytes() for array in state]
    with pytest.raises(ArgumentError, match=r"sweeps: 4294967295 done and 1 asked; a chain has at most 2\*\*32 - 1"):
        plain.sweep(state, 1.0, 1)
    assert [array.tobytes() for array in state] == before


def test_a_refused_call_leaves_the_state_alone():
    plain = model()
    state = plain.init(3, 0)
    before = [array.tobytes() for array in state]
    for arguments in ({"beta": -1.0}, {"update": "wolf"}, {"sweeps": -2}, {"update": "wolff", "over_relaxation": 1}):
        with pytest.raises(EntroscapeError):
            plain.sweep(state, **({"beta": 1.0, "sweeps": 1} | arguments))
    assert [array.tobytes() for array in state] == before


def test_extreme_but_allowed_values():
    """Temperatures from infinite to zero, no sweeps, no couplings: finite energies."""
    for beta in (0.0, 1e-300, 1e300, np.inf):
        for update in model().updates:
            plain = model()
            state = plain.init(2, 1)
            plain.sweep(state, beta, 20, update)
            assert np.isfinite(state.energy).all(), (beta, update)
    free = XYModel(SQUARE, 0.0)
    state = free.init(2, 1)
    free.sweep(state, 1.0, 20, "metropolis", over_relaxation=1)
    np.testing.assert_array_equal(state.energy, 0.0)
    untouched = model().init(2, 1)
    model().sweep(untouched, 1.0, 0)
    np.testing.assert_array_equal(untouched.spins, model().init(2, 1).spins)
