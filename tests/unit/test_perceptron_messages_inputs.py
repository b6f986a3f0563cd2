"""What message passing refuses, warns of, and promises: one clear sentence each."""

import math
import warnings

import numpy as np
import pytest

from mcmc import memory
from mcmc.errors import ArgumentError, ConvergenceWarning, MemoryLimitError
from perceptron import belief_propagation, planted_patterns, random_patterns, solve
from perceptron.entropy_driven import EntropyDriven
from perceptron.message_passing import (
    FreeScoping,
    PseudoReinforcement,
    Scoping,
    StandardReinforcement,
    focusing_bp,
    local_entropy_bp,
    max_sum,
    reinforced_bp,
)

BINARY = random_patterns(31, p=9, seed=1)
REAL = random_patterns(31, p=9, seed=1, kind="gaussian")


@pytest.mark.parametrize(("options", "said"), [
    ({"beta": -1.0}, "beta: got -1.0"),
    ({"beta": math.nan}, "beta: got nan"),
    ({"field": np.zeros(30)}, r"field: got shape \(30,\)"),
    ({"field": math.inf}, "finite numbers"),
    ({"field": "up"}, "field: got 'up'"),
    ({"margin": math.nan}, "margin: got nan"),
    ({"margin": 10.0}, "margin: got 10.0; no weights reach it"),
    ({"method": "bp"}, "method: got 'bp'; known are gaussian, exact, tap"),
    ({"damping": 1.0}, "damping: got 1.0"),
    ({"damping": True}, "damping: got True"),
    ({"tolerance": 0.0}, "tolerance: got 0.0"),
    ({"max_sweeps": 0}, "max_sweeps: got 0"),
    ({"max_sweeps": 2.5}, "max_sweeps: got 2.5"),
    ({"precision": "half"}, "precision: got 'half'"),
    ({"method": "exact", "precision": "single"}, "precision: got 'single'"),
    ({"messages": np.zeros((9, 30))}, r"messages: got shape \(9, 30\)"),
    ({"messages": np.full((9, 31), np.nan)}, "finite fields"),
    ({"messages": np.zeros((9, 31)), "method": "tap"}, "messages: those of method 'tap'"),
    ({"seed": -1}, "seed: got -1"),
    ({"messages": [[1.0], [1.0, 2.0]]}, "messages: got rows of different lengths"),
    ({"method": ["tap"]}, r"method: got \['tap'\]"),
    ({"precision": np.ones(2)}, "precision: got array"),
    ({"beta": np.ones(2)}, "beta: got array"),
    ({"beta": 10**400}, "beta: got 1000"),
])  # fmt: skip
def test_belief_propagation_refuses(options, said):
    with pytest.raises(ArgumentError, match=said):
        belief_propagation(BINARY, **options)


def test_instances_that_do_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="patterns: got ndarray; make them with random_patterns"):
        belief_propagation(BINARY.patterns)
    with pytest.raises(ArgumentError, match="entries \\+-1; use method='gaussian'"):
        belief_propagation(REAL, method="exact")
    with pytest.raises(ArgumentError, match="entries \\+-1 are needed"):
        max_sum(REAL)


def test_memory_is_reckoned_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 2048)
    monkeypatch.setattr(memory, "SMALL", 0)
    with pytest.raises(MemoryLimitError, match=r"a set of 9 x 31 messages needs about .* use method='tap'"):
        belief_propagation(BINARY)
    assert belief_propagation(BINARY, method="tap").converged


@pytest.mark.parametrize(("call", "said"), [
    (lambda: local_entropy_bp(BINARY, np.zeros(31), [0.1]), "reference: got 0"),
    (lambda: local_entropy_bp(BINARY, np.ones(30), [0.1]), "reference: got shape"),
    (lambda: local_entropy_bp(BINARY, np.ones(31), []), "gammas: got shape"),
    (lambda: local_entropy_bp(BINARY, np.ones(31), [math.inf]), "finite couplings"),
    (lambda: reinforced_bp(BINARY, step=0.6), "step: got 0.6"),
    (lambda: reinforced_bp(BINARY, largest=1.1), "largest: got 1.1"),
    (lambda: reinforced_bp(BINARY, max_sweeps=0), "max_sweeps: got 0"),
    (lambda: focusing_bp(BINARY, sweeps_per_step=0), "sweeps_per_step: got 0"),
    (lambda: focusing_bp(BINARY, method="ms"), "method: got 'ms'"),
    (lambda: max_sum(BINARY, rate=0.7), "rate: got 0.7"),
    (lambda: max_sum(BINARY, damping=-0.1), "damping: got -0.1"),
    (lambda: max_sum(BINARY, margin=7.0), "margin: got 7.0; no weights reach it"),
    (lambda: StandardReinforcement(0.0), "step: got 0.0"),
    (lambda: PseudoReinforcement(0.1, 0.6), "x: got 0.6"),
    (lambda: Scoping([], 7), "gammas: got none"),
    (lambda: Scoping([-1.0], 7), "gammas: got -1.0"),
    (lambda: Scoping([1.0], 0.5), "y: got 0.5"),
    (lambda: FreeScoping([]), "pairs: got none"),
    (lambda: FreeScoping([(1.0, math.nan)]), "pairs: got nan"),
    (lambda: FreeScoping([1.0, 2.0]), r"pairs: got 1.0; a pair \(gamma, y\)"),
    (lambda: FreeScoping([(1.0, 2.0, 3.0)]), r"pairs: got \(1.0, 2.0, 3.0\); a pair"),
    (lambda: FreeScoping(5), "pairs: got 5; a list"),
    (lambda: FreeScoping([("a", 2)]), "pairs: got 'a'; couplings"),
    (lambda: Scoping(3.0, 7), "gammas: got 3.0; a list"),
    (lambda: Scoping("ab", 7), "gammas: got 'ab'; a list"),
    (lambda: Scoping([1.0], "a"), "y: got 'a'; at least 1 replica"),
    (lambda: PseudoReinforcement("a"), "step: got 'a'"),
    (lambda: local_entropy_bp(BINARY, np.ones(31), ["a"]), r"gammas: got \['a'\]; one or more finite couplings"),
    (lambda: local_entropy_bp(BINARY, np.ones(31), [math.nan]), "gammas: got nan; one or more finite couplings"),
    (lambda: local_entropy_bp(BINARY, np.ones((2, 31)), [0.1]), r"reference: got shape \(2, 31\); one configuration"),
    (lambda: local_entropy_bp(BINARY, np.ones(31), [0.1], field=1.0), "field: no option of belief propagation; known"),
    (lambda: local_entropy_bp(BINARY.patterns, np.ones(31), [0.1]), "patterns: got ndarray; make them"),
    (lambda: max_sum(BINARY.patterns), "patterns: got ndarray; make them"),
    (lambda: focusing_bp(BINARY, start=math.nan), "start: got nan"),
    (lambda: focusing_bp(BINARY, protocol="pseudo"), "protocol: got 'pseudo'; one with steps"),
    (lambda: reinforced_bp(BINARY, start="a"), "start: got 'a'"),
    (lambda: EntropyDriven(BINARY, 1.0, margin="a"), "margin: got 'a'; a finite number"),
    (lambda: EntropyDriven(BINARY, 1.0, beta="a"), "beta: got 'a'; an inverse temperature"),
    (lambda: EntropyDriven(BINARY, 1.0, max_sweeps=0), "max_sweeps: got 0"),
    (lambda: EntropyDriven(BINARY, 1.0, sweeps=5), "sweeps: no option of .* known are beta"),
    (lambda: EntropyDriven(BINARY, "a"), "gamma: got 'a'; a number above 0"),
    (lambda: EntropyDriven(BINARY, 1.0).state_from(np.ones((2, 2, 31))), r"weights: got shape \(2, 2, 31\)"),
    (lambda: solve(BINARY, "focusing_bp", protocol=3), "protocol: got 3; one with steps"),
    (lambda: solve(BINARY, "focusing_bp", protocol="scoping", step=0), "step: got 0; an increase"),
    (lambda: solve(BINARY, "focusing_bp", protocol="slow"), "protocol: got 'slow'; 'standard', 'pseudo', 'scoping'"),
    (lambda: solve(BINARY, "reinforced_bp", stp=0.1), "did you mean step"),
])  # fmt: skip
def test_variants_refuse(call, said):
    with pytest.raises(ArgumentError, match=said):
        call()


def test_what_has_not_converged_is_said():
    with pytest.warns(ConvergenceWarning, match=r"residual .* above 1e-06 after 2 sweeps; allow more"):
        found = belief_propagation(BINARY, max_sweeps=2)
    assert not found.converged
    assert found.sweeps == 2
    assert found.residual > 1e-6
    with pytest.warns(ConvergenceWarning, match=r"not converged at gamma = 0.1, 0.2"):
        curve = local_entropy_bp(BINARY, np.ones(31, int), [0.1, 0.2], max_sweeps=1)
    assert not curve.converged.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert belief_propagation(BINARY).converged


def test_an_entropy_below_zero_is_said():
    """Twice as many patterns as weights: no weights are right, and the entropy says so."""
    with pytest.warns(ConvergenceWarning):
        found = belief_propagation(random_patterns(101, p=202, seed=3), max_sweeps=200)
    assert found.entropy < 0.0 or not found.converged


@pytest.mark.parametrize("method", ["reinforced_bp", "focusing_bp", "max_sum"])
def test_same_seed_same_search(method):
    """Bit by bit; another seed starts elsewhere."""
    instance = random_patterns(201, p=100, seed=2)
    first, again, other = (solve(instance, method, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.weights, again.weights)
    for name, series in first.history.items():
        np.testing.assert_array_equal(series, again.history[name])
    assert not np.array_equal(first.history["overlap"][:20], other.history["overlap"][:20])


def test_a_search_that_fails_returns_its_best():
    """Five patterns per weight: fewest errors of any sweep, and it stops when all weights are decided."""
    instance = random_patterns(51, p=255, seed=4)
    found = solve(instance, "reinforced_bp", 1)
    assert not found.solved
    assert found.errors == found.history["errors"].min() == instance.errors(found.weights)
    assert found.work == len(found.history["errors"])
    assert set(found.history) == {"work", "errors", "overlap", "rho"}
    assert set(solve(instance, "focusing_bp", 1).history) == {"work", "errors", "overlap", "gamma", "y"}


def test_results_do_not_share_memory_with_what_was_given():
    instance = planted_patterns(41, p=20, seed=1)
    found = belief_propagation(instance)
    kept = found.messages.copy()
    belief_propagation(instance, 1.0, messages=found.messages)
    np.testing.assert_array_equal(found.messages, kept)
    field = np.ones(41)
    belief_propagation(instance, field=field)
    assert (field == 1.0).all()
