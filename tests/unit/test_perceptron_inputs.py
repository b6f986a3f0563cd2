"""Instances and landscapes of the perceptron: what they take, what they refuse and how they say it."""

import logging

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError, MemoryLimitError, StoreError
from perceptron import (
    BinaryPerceptron,
    Patterns,
    Replicated,
    SymmetricPerceptron,
    WithReference,
    from_arrays,
    planted_patterns,
    random_patterns,
    theory,
)
from perceptron.packing import pack_signs, unpack_signs


def test_instances_have_the_sizes_asked_for():
    instance = random_patterns(n=1001, alpha=0.5, seed=1)
    assert instance.patterns.shape == (501, 1001) == (instance.p, instance.n)
    assert instance.patterns.dtype == np.int8
    assert set(np.unique(instance.patterns)) == {-1, 1}
    assert instance.alpha == 501 / 1001


def test_rounding_is_said_once_for_each_size(caplog):
    random_patterns(1003, 0.5)
    assert "501.5 rounded to p = 502" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING
    caplog.clear()
    random_patterns(1003, 0.5, seed=1)
    random_patterns(1000, 0.5, tie="error")
    random_patterns(1003, p=500)
    assert not caplog.text
    random_patterns(1005, 0.5)
    assert "502.5 rounded to p = 503" in caplog.text


def test_instances_are_shown_in_one_line():
    assert repr(random_patterns(1001, p=501, seed=1)) == "Patterns(1001 weights, 501 binary patterns, seed 1)"
    assert "\n" not in repr(planted_patterns(40, p=20, tie="error", kind="gaussian", label_noise=0.1))


def test_instances_cannot_be_changed():
    values = np.array([[1, -1, 1], [1, 1, -1]], np.int8)
    mine, planted = from_arrays(values), planted_patterns(11, p=3)
    values[:] = 1
    assert (mine.patterns[0] == [1, -1, 1]).all()
    for array in (mine.patterns, mine.rows, mine.columns, planted.patterns, planted.teacher):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_patterns_beyond_the_memory_are_refused_before_any_is_drawn(kind):
    for make in (random_patterns, planted_patterns):
        with pytest.raises(MemoryLimitError, match=f"8388608 {kind} patterns of 8388609 weights needs about .* TiB"):
            make(2**23 + 1, p=2**23, kind=kind)


def test_margins_beyond_every_stability_are_as_good_as_any_such():
    for kind in ("binary", "gaussian"):
        instance = random_patterns(11, p=5, kind=kind)
        assert instance.errors(np.ones(11), -1e300) == 0 == instance.errors(np.ones(11), -1e3)
        assert instance.errors(np.ones(11), 1e300) == 5


@pytest.mark.parametrize("count", [0, 1, 5, 64, 65, 200])
@pytest.mark.parametrize(("kind", "n", "tie"), [("binary", 31, None), ("binary", 130, "error"), ("gaussian", 31, None)])
def test_errors_are_counted_alike_for_few_weights_and_many(kind, n, tie, count):
    instance = random_patterns(n, p=40, seed=3, kind=kind, tie=tie)
    weights = np.where(np.random.default_rng(1).random((count, n)) < 0.5, -1, 1)
    for margin in (-0.4, 0.0, 0.3):
        plain = [sum(float(xi @ w) < instance.least_stability(margin) for xi in instance.patterns) for w in weights]
        assert instance.errors(weights, margin).tolist() == plain
        assert instance.errors(weights[None], margin).shape == (1, count)
        if count:
            assert instance.errors(weights[0], margin) == plain[0]


def test_whole_numbers_tie_only_with_an_even_sum():
    assert from_arrays([[2, 1.0, 1], [1, 0.5, 0.5]], kind="gaussian", tie="error").errors([1, -1, -1]) == 2
    assert from_arrays([[2, 1.0, 1], [1, 0.5, 0.5]], kind="gaussian", tie="correct").errors([1, -1, -1]) == 0
    assert from_arrays([[1, -1.0, 1]], kind="gaussian").tie is None


def test_more_patterns_begin_with_the_same_ones():
    few, many = random_patterns(101, p=30, seed=5), random_patterns(101, p=70, seed=5)
    assert np.array_equal(few.patterns, many.patterns[:30])
    assert not np.array_equal(few.patterns, random_patterns(101, p=30, seed=6).patterns)


def test_entries_are_fair_and_independent():
    entries = random_patterns(2001, 1.0, seed=3).patterns.astype(np.float64)
    assert abs(entries.mean()) < 4.9 / 2001
    products = entries[:, 1:] * entries[:, :-1]
    assert abs(products.mean()) < 4.9 / np.sqrt(products.size)
    normal = random_patterns(801, 1.0, seed=3, kind="gaussian").patterns
    assert abs(normal.mean()) < 4.9 / 801
    assert abs(normal.var() - 1) < 4.9 * np.sqrt(2) / 801
    assert np.array_equal(normal * 2**20, np.rint(normal * 2**20))


def test_label_noise_has_its_rate():
    instance = planted_patterns(301, 40.0, seed=2, label_noise=0.2)
    rate = instance.errors(instance.teacher) / instance.p
    assert abs(rate - 0.2) < 4.9 * np.sqrt(0.16 / instance.p)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_packing_goes_both_ways(count):
    signs = np.where(np.arange(3 * count).reshape(3, count) % 5 < 2, 1, -1).astype(np.int8)
    packed = pack_signs(signs)
    assert packed.shape == (3, -(-count // 64))
    assert np.array_equal(unpack_signs(packed, count), signs)
    assert (packed[0, 0] & np.uint64(1)) == (signs[0, 0] > 0)


@pytest.mark.parametrize("make", [
    lambda: random_patterns(101, 0.7, seed=2**63 + 5),
    lambda: planted_patterns(20, 1.0, seed=3, tie="correct", label_noise=0.1),
    lambda: random_patterns(21, 1.0, kind="gaussian"),
    lambda: from_arrays([[1, -1, 1], [1, 1, 1]], [-1, 1]),
])  # fmt: skip
def test_files_give_back_the_instance(make, tmp_path):
    instance = make()
    instance.save(tmp_path / "patterns.h5")
    read = Patterns.load(tmp_path / "patterns.h5")
    for name in ("patterns", "teacher"):
        assert np.array_equal(getattr(read, name), getattr(instance, name))
    for name in ("kind", "tie", "seed", "label_noise", "n", "p"):
        assert getattr(read, name) == getattr(instance, name)
    with pytest.raises(StoreError, match="exists already"):
        instance.save(tmp_path / "patterns.h5")


def test_files_of_another_kind_are_refused(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        Patterns.load(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no patterns")
    with pytest.raises(StoreError, match=r"text\.h5"):
        Patterns.load(tmp_path / "text.h5")


def test_labels_are_absorbed():
    patterns, labels = np.array([[1, -1, 1], [1, 1, -1]]), np.array([-1, 1])
    instance = from_arrays(patterns, labels)
    weights = np.array([1, 1, 1])
    assert np.array_equal(instance.stabilities(weights), labels * (patterns @ weights))
    assert instance.errors(weights) == 1


@pytest.mark.parametrize(("n", "tie", "margin", "least"), [
    (5, None, 0.0, 1), (5, None, 0.5, 3), (5, None, -0.5, -1), (6, "error", 0.0, 2), (6, "correct", 0.0, 0),
    (6, "error", 0.5, 2), (9, None, 1.0, 3),
])  # fmt: skip
def test_least_stability_has_the_right_parity(n, tie, margin, least):
    assert random_patterns(n, 1.0, tie=tie).least_stability(margin) == least


REFUSED = {
    "even": (lambda: random_patterns(10, 0.5), "even number 10.*tie='error' or tie='correct'"),
    "tie for odd": (lambda: random_patterns(11, 0.5, tie="error"), "odd n = 11"),
    "tie": (lambda: random_patterns(10, 0.5, tie="maybe"), "'maybe'; 'error' or 'correct'"),
    "no pattern": (lambda: random_patterns(11, p=0), "p: got 0"),
    "too few": (lambda: random_patterns(11, 0.01), "0.11 patterns"),
    "both": (lambda: random_patterns(11, 0.5, p=5), "alpha=0.5, p=5; give one"),
    "neither": (lambda: random_patterns(11), "give one"),
    "alpha": (lambda: random_patterns(11, float("nan")), "alpha: got nan"),
    "n": (lambda: random_patterns(0, 0.5), "n: got 0"),
    "n real": (lambda: random_patterns(11.0, 0.5), "n: got 11.0"),
    "kind": (lambda: random_patterns(11, 0.5, kind="ternary"), "'ternary'; 'binary'"),
    "seed": (lambda: random_patterns(11, 0.5, seed=-1), "seed: got -1"),
    "noise": (lambda: planted_patterns(11, 0.5, label_noise=0.7), "label_noise: got 0.7"),
    "NaN": (lambda: from_arrays([[1, np.nan, 1]]), r"patterns\[0, 1\]: got nan"),
    "zero": (lambda: from_arrays([[1, -1, 1], [1, 1, 0]]), r"patterns\[1, 2\]: got 0"),
    "infinite": (lambda: from_arrays([[1, np.inf, 1]], kind="gaussian"), "finite numbers"),
    "large": (lambda: from_arrays([[1, 900.0, 1]], kind="gaussian"), "below 256"),
    "shape": (lambda: from_arrays([1, -1, 1]), r"shape \(3,\)"),
    "text": (lambda: from_arrays([["a", "b"]]), "numbers of shape"),
    "labels": (lambda: from_arrays([[1, -1, 1]], [1, 1]), r"labels: got shape \(2,\)"),
    "labels of text": (lambda: from_arrays([[1, -1, 1]], ["a"]), "labels: got values of type <U1"),
    "ragged": (lambda: from_arrays([[1], [1, -1]]), "patterns: got rows of different lengths"),
    "small": (
        lambda: from_arrays([[1, 0.5, 1], [1e-7, 1e-8, 0]], kind="gaussian"),
        r"patterns\[1\]: got .* 1e-07, small",
    ),
    "silent ties": (lambda: from_arrays([[0.5, 1], [1, -1.0]], kind="gaussian"), r"patterns\[1\]: got whole numbers"),
    "noise of text": (lambda: planted_patterns(11, p=5, label_noise="a"), "label_noise: got 'a'"),
    "weights of text": (lambda: random_patterns(3, p=2).errors(["a"] * 3), "weights: got values of type <U1"),
    "ragged weights": (lambda: random_patterns(3, p=2).errors([[1], [1, -1]]), "weights: got rows of different"),
    "margin beyond floats": (lambda: random_patterns(11, p=5).least_stability(10**400), "margin: got 1000"),
    "saved to a number": (lambda: random_patterns(3, p=2).save(5), "path: got 5"),
    "loaded from a number": (lambda: Patterns.load(5), "path: got 5"),
    "kind in a list": (lambda: random_patterns(11, 0.5, kind=["binary"]), r"kind: got \['binary'\]"),
    "ties in an array": (lambda: random_patterns(10, 0.5, tie=np.ones(2)), "tie: got array"),
    "tie of the theory": (lambda: theory.right_probability(4, tie="maybe"), "tie: got 'maybe'; one of error, correct"),
    "patterns of the theory": (lambda: theory.expected_pairs(5, 10**30), "p: got 1000"),
    "label": (lambda: from_arrays([[1, -1, 1]], [0]), "labels: got 0"),
    "weights": (lambda: random_patterns(11, 0.5).errors(np.ones(10)), "the n = 11 weights"),
    "weight": (lambda: random_patterns(3, 1.0).errors(np.array([1, 2, 1])), "got 2"),
    "margin": (lambda: random_patterns(11, 0.5).least_stability(float("nan")), "margin: got nan"),
    "patterns": (lambda: BinaryPerceptron(np.ones((3, 3))), "patterns: got ndarray"),
    "energy": (lambda: BinaryPerceptron(random_patterns(3, 1.0), "error"), "'error'; 'errors' or 'hinge'"),
    "visit": (lambda: BinaryPerceptron(random_patterns(3, 1.0), visit="all"), "visit: got 'all'"),
    "threads": (lambda: BinaryPerceptron(random_patterns(3, 1.0), threads=0), "threads: got 0"),
    "kappa": (lambda: SymmetricPerceptron(random_patterns(3, 1.0), 0.0), "kappa: got 0.0"),
    "y": (lambda: Replicated(BinaryPerceptron(random_patterns(3, 1.0)), 1), "y: got 1"),
    "coupling": (lambda: Replicated(BinaryPerceptron(random_patterns(3, 1.0)), 3, coupling="star"), "'star'"),
    "gamma": (lambda: Replicated(BinaryPerceptron(random_patterns(3, 1.0)), 3, np.inf), "gamma: got inf"),
    "reference": (lambda: WithReference(BinaryPerceptron(random_patterns(3, 1.0)), [1, 1]), "reference: got shape"),
    "model": (lambda: WithReference(random_patterns(3, 1.0), [1, 1, 1]), "model: got Patterns"),
    "control": (lambda: WithReference(BinaryPerceptron(random_patterns(3, 1.0)), [1, 1, 1], control="T"), "'T'"),
    "packed": (lambda: random_patterns(3, 1.0, kind="gaussian").rows, "no packed form"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_named(name):
    make, said = REFUSED[name]
    with pytest.raises(ArgumentError, match=said):
        make()


UNSERVED = {
    "hinge": (lambda: BinaryPerceptron(random_patterns(3, 1.0, kind="gaussian"), "hinge"), "use 'errors'"),
    "margin": (lambda: BinaryPerceptron(random_patterns(9, 1.0), margin=3.5), "lower the margin"),
    "kappa": (lambda: SymmetricPerceptron(random_patterns(9, 1.0), 0.1), "kappa >= 0.333"),
    "centre": (lambda: Replicated(BinaryPerceptron(random_patterns(3, 1.0)), 3, control="gamma"), "use 'pairs'"),
}


@pytest.mark.parametrize("name", UNSERVED)
def test_landscapes_that_cannot_be_are_refused(name):
    make, said = UNSERVED[name]
    with pytest.raises(LandscapeError, match=said):
        make()


def test_sweeps_refuse_what_weights_cannot_do():
    model = BinaryPerceptron(random_patterns(9, 1.0))
    state = model.init(2, 1)
    with pytest.raises(LandscapeError, match="'wolff': not available, BinaryPerceptron has metropolis"):
        model.sweep(state, 1.0, 1, "wolff")
    with pytest.raises(LandscapeError, match="over_relaxation"):
        model.sweep(state, 1.0, 1, over_relaxation=1)
    with pytest.raises(ArgumentError, match="beta"):
        model.sweep(state, -1.0, 1)
    with pytest.raises(ArgumentError, match="gammas are needed"):
        model.sweep_schedule(state, np.ones(3), np.array([0.0, np.nan, 1.0]))
    with pytest.raises(ArgumentError, match=r"shape \(2, 8\)|n = 9"):
        model.state_from(np.ones((2, 8)))


def test_solutions_stay_solutions_at_zero_temperature():
    """A reference that is a solution is left along solutions only, nearer to it the stronger the coupling."""
    instance = planted_patterns(51, 0.4, seed=1)
    model = WithReference(BinaryPerceptron(instance), instance.teacher, control="gamma")
    state = model.init(20, 3)
    for update in model.updates:
        model.sweep(state, np.repeat([0.0, 2.0], 10), 50, update)
        assert not state.cost.any()
        assert not instance.errors(model.weights(state)).any()
    overlap = model.observables(state)["overlap"]
    assert overlap[10:].min() > overlap[:10].max()


@pytest.mark.parametrize("energy", ["errors", "hinge"])
def test_energy_carried_is_the_energy_after_many_moves(energy):
    """100,000 attempts in 3 chains, and the change of each single flip against its definition."""
    model = BinaryPerceptron(random_patterns(101, 0.8, seed=2), energy)
    state = model.init(3, 1)
    for update in model.updates:
        model.sweep(state, np.array([0.1, 0.8, 3.0]), 120, update)
        assert np.array_equal(state.energy, model.energy(state))
    before, changes = state.energy.copy(), model.delta_energy(state, 7, -state.spins[7])
    flipped = model.weights(state)
    flipped[:, 7] *= -1
    assert np.array_equal(model.state_from(flipped).energy, before + changes)
