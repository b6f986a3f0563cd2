"""What every solver promises: names, options, honest counts, the same weights for the same seed; and the sweeps."""

import warnings

import numpy as np
import pytest

from mcmc.errors import ArgumentError, ConvergenceWarning
from perceptron import belief_propagation, from_arrays, random_patterns, solve
from perceptron.solvers import METHODS, Solution, methods, options
from perceptron.solvers.tuning import tune

PRESENTED = ("sbpi", "cpr", "sgd", "replicated_sgd")
INSTANCE = random_patterns(101, 0.3, seed=1)


def test_the_ten_methods_have_options_with_defaults():
    assert set(methods()) == {
        "reinforced_bp", "focusing_bp", "max_sum", "sbpi", "cpr", "annealing", "replicated_annealing", "entropy_driven",
        "replicated_sgd", "sgd",
    }  # fmt: skip
    for method in METHODS:
        known = options(method)
        assert known
        assert "seed" not in known
        assert "margin" not in known
        assert not any(repr(default) == "<class 'inspect._empty'>" for default in known.values())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_solves_and_repeats_itself(method):
    found = solve(INSTANCE, method, seed=3)
    assert isinstance(found, Solution)
    assert found.method == method
    assert found.weights.dtype == np.int8
    assert found.weights.shape == (101,)
    assert set(np.unique(found.weights)) <= {-1, 1}
    plain = (INSTANCE.patterns.astype(int) @ found.weights < 0).sum()
    assert found.errors == plain == 0
    assert found.solved
    assert found.work > 0
    assert found.work_unit in ("sweeps", "presentations", "flips")
    assert found.seconds >= 0
    assert {"work", "errors"} <= set(found.history)
    assert len({len(series) for series in found.history.values()}) == 1
    assert (np.diff(found.history["work"]) >= 0).all()
    again = solve(INSTANCE, method, seed=3)
    assert np.array_equal(again.weights, found.weights)
    assert again.work == found.work


@pytest.mark.parametrize("method", PRESENTED)
def test_another_seed_is_another_search(method):
    first, second = (solve(INSTANCE, method, seed=seed) for seed in (3, 4))
    assert not np.array_equal(first.weights, second.weights)


@pytest.mark.parametrize("method", PRESENTED)
def test_what_cannot_be_solved_is_said_to_be_unsolved(method):
    """Contradicting patterns: one of each pair is wrong, whatever the weights are."""
    xi = random_patterns(31, p=10, seed=2).patterns
    doomed = from_arrays(np.concatenate([xi, -xi]))
    found = solve(doomed, method, seed=1, max_epochs=7)
    assert found.errors == 10
    assert not found.solved
    assert found.work == 7 * 20 * (7 if method == "replicated_sgd" else 1)
    assert found.history["work"].tolist() == [found.work // 7 * k for k in range(1, 8)]
    nothing = solve(doomed, method, seed=1, max_epochs=0)
    assert nothing.work == len(nothing.history["errors"]) == 0
    assert nothing.errors == 10


@pytest.mark.parametrize("method", PRESENTED)
@pytest.mark.parametrize("margin", [-0.5, 0.0, 0.3])
@pytest.mark.parametrize(("n", "tie"), [(101, None), (100, "error"), (100, "correct")])
def test_margins_and_ties_are_kept(method, margin, n, tie):
    instance = random_patterns(n, 0.3, seed=5, tie=tie)
    found = solve(instance, method, seed=1, margin=margin)
    stability = instance.patterns.astype(int) @ found.weights
    right = stability > 0 if tie == "error" and margin == 0 else stability >= margin * np.sqrt(n)
    assert right.all()
    assert found.solved


@pytest.mark.parametrize("method", PRESENTED)
@pytest.mark.parametrize(("n", "p"), [(1, 1), (3, 1), (64, 5)])
def test_the_smallest_instances(method, n, p):
    instance = random_patterns(n, p=p, seed=1, tie="error" if n % 2 == 0 else None)
    found = solve(instance, method, seed=2, max_epochs=50)
    assert found.solved
    assert len(found.weights) == n


def test_gaussian_patterns_are_solved():
    instance = random_patterns(101, 0.3, seed=2, kind="gaussian")
    for method in PRESENTED:
        found = solve(instance, method, seed=1)
        assert found.solved
        assert (instance.patterns @ found.weights >= 0).all()


def test_unknown_names_come_with_the_nearest():
    for call, words in [
        (lambda: solve(INSTANCE, "focussing_bp"), ["method: got 'focussing_bp'", "focusing_bp", "sbpi"]),
        (lambda: solve(INSTANCE, "SBPI"), ["did you mean sbpi"]),
        (lambda: solve(INSTANCE, "xyz"), ["method: got 'xyz'", "known are"]),
        (
            lambda: solve(INSTANCE, "sbpi", chanse=0.3),
            ["chanse: no option of sbpi", "mean chance", "max_epochs"],
        ),
        (lambda: options("sbpy"), ["did you mean sbpi"]),
        (lambda: tune("sgd", {"etha": [1]}, 101, 0.3, 1), ["etha", "did you mean eta"]),
    ]:
        with pytest.raises(ArgumentError) as caught:
            call()
        assert all(word in str(caught.value) for word in words)


BAD = [
    ("sbpi", {"theta": -1}), ("sbpi", {"theta": np.nan}), ("sbpi", {"chance": 1.5}), ("sbpi", {"bound": 0}),
    ("sbpi", {"max_epochs": 1.5}), ("sbpi", {"max_epochs": -1}), ("cpr", {"rate": -0.1}), ("cpr", {"bound": "large"}),
    ("sgd", {"loss": "square"}), ("sgd", {"eta": 0}), ("sgd", {"batch": 0}), ("sgd", {"batch": True}),
    ("sgd", {"loss": "hinge", "width": 0}), ("replicated_sgd", {"replicas": 0}),
    ("replicated_sgd", {"coupling": -1}), ("replicated_sgd", {"gamma": np.inf}), ("replicated_sgd", {"gamma_step": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "given"), BAD)
def test_values_out_of_range_are_named(method, given):
    name = next(reversed(given))
    with pytest.raises(ArgumentError, match=f"^{name}: got"):
        solve(INSTANCE, method, **given)


def test_other_bad_input_is_named():
    for call, name in [
        (lambda: solve(INSTANCE.patterns, "sbpi"), "patterns"),
        (lambda: solve(INSTANCE, "sbpi", seed=-1), "seed"),
        (lambda: solve(INSTANCE, "sbpi", margin=np.nan), "margin"),
        (lambda: solve(INSTANCE, ["sbpi"]), "method"),
        (lambda: solve(INSTANCE, "annealing", energy=np.ones(2)), "energy"),
        (lambda: solve(INSTANCE, "annealing", ramp=["linear"]), "ramp"),
        (lambda: options(["sbpi"]), "method"),
        (lambda: tune("sbpi", {"chance": []}, 101, 0.3), "grid"),
        (lambda: tune("sbpi", {"chance": 0.3}, 101, 0.3), "grid"),
        (lambda: tune("sbpi", {"chance": "high"}, 101, 0.3), "grid"),
        (lambda: tune("sbpi", ["chance"], 101, 0.3), "grid"),
        (lambda: tune("sbpi", {"chance": [0.3]}, 101, 0.3, chance=0.2), "chance"),
        (lambda: tune("sbpi", {"chance": [0.3]}, 101, 0.3, seed="a"), "seed"),
        (lambda: tune("sbpi", {"chance": [0.3]}, 101, 0.3, 0), "instances"),
    ]:
        with pytest.raises(ArgumentError, match=f"^{name}: got"):
            call()


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
@pytest.mark.parametrize("method", METHODS)
def test_a_margin_out_of_reach_is_named_by_every_method(method, kind):
    with pytest.raises(ArgumentError, match=r"^margin: got 90\.0; no weights reach it on some pattern"):
        solve(random_patterns(31, p=9, seed=1, kind=kind), method, margin=90.0)


def test_entropy_driven_search_keeps_the_warnings_of_its_runs():
    """Twice as many patterns as weights: belief propagation alone warns, the search says it by its errors."""
    instance = random_patterns(51, p=102, seed=3)
    with pytest.warns(ConvergenceWarning):
        belief_propagation(instance, max_sweeps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not solve(instance, "entropy_driven", starts=2, max_sweeps=20).solved


def test_a_sweep_counts_and_chooses():
    sweep = tune("sbpi", {"chance": [0.0, 0.3]}, 101, 0.5, instances=6, seed=1, max_epochs=60, threads=2)
    assert [s.options for s in sweep.settings] == [{"chance": 0.0}, {"chance": 0.3}]
    by_hand = [solve(random_patterns(101, 0.5, seed=1 + k), "sbpi", 1 + k, chance=0.3, max_epochs=60) for k in range(6)]
    good = sweep.settings[1]
    assert good.solved == sum(one.solved for one in by_hand)
    assert good.work_per_solution == sum(one.work for one in by_hand) / good.solved
    assert good.median_work == np.median([one.work if one.solved else np.inf for one in by_hand])
    assert 0 <= good.success.low <= good.solved / 6 <= good.success.high <= 1
    assert sweep.best is good
    lines = str(sweep).splitlines()
    assert len(lines) == 4
    assert "chance" in lines[1]
    assert f"{good.solved}/6" in lines[3]
