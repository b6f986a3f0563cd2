"""Enumeration against every configuration written out, first moments over instances, and itself divided otherwise."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, MemoryLimitError
from perceptron import enumerate_configurations, enumeration_blocks, enumeration_passes, planted_patterns
from perceptron.patterns import from_arrays, random_patterns

INSTANCES = {
    "odd": random_patterns(11, p=6, seed=2),
    "more patterns than fit eight": random_patterns(9, p=19, seed=2),
    "one weight": random_patterns(1, p=3, seed=3),
    "three weights": random_patterns(3, p=2, seed=4),
    "even, 0 is an error": random_patterns(12, p=5, seed=5, tie="error"),
    "even, 0 is correct": random_patterns(10, p=7, seed=6, tie="correct"),
    "gaussian": random_patterns(11, p=9, seed=7, kind="gaussian"),
    "gaussian, even": random_patterns(12, p=4, seed=8, kind="gaussian"),
    "gaussian with stabilities of 0": from_arrays(
        np.array([[1, 1, 0.5, 0.5], [1, 1, 1, 1]]), kind="gaussian", tie="error"
    ),
    "all patterns the same": from_arrays(np.ones((9, 7), np.int8)),
}
ENERGIES = {
    "errors": {},
    "errors at a margin": {"margin": 0.6},
    "errors at a negative margin": {"margin": -0.4},
    "hinge": {"energy": "hinge"},
    "hinge at a margin": {"energy": "hinge", "margin": 0.7},
    "symmetric": {"energy": "symmetric", "kappa": 0.8},
    "symmetric on the edge": {"energy": "symmetric", "kappa": 1.0},
}
BETAS = np.array([0.0, 0.3, 1.0, 4.0, 30.0])


def configurations(n):
    """All weights (2^n, n) of +-1: bit i of the row number is set where w_i = +1."""
    return 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1


def right(delta, instance, margin):
    if margin:
        return delta >= margin * math.sqrt(instance.n)
    return delta > 0 if instance.tie == "error" else delta >= 0


def all_energies(instance, energy="errors", margin=0.0, kappa=None):
    """Energy of every configuration, (2^n,), by the words of the definitions."""
    delta = configurations(instance.n) @ instance.patterns.T.astype(float)
    if energy == "symmetric":
        return (np.abs(delta) > kappa * math.sqrt(instance.n)).sum(axis=1)
    if energy == "errors":
        return (~right(delta, instance, margin)).sum(axis=1)
    flips = np.zeros(delta.shape, int)
    while not (done := right(delta + 2 * flips, instance, margin)).all():
        flips += ~done
    return flips.sum(axis=1)


CASES = [
    (instance, energy)
    for instance in INSTANCES
    for energy, said in ENERGIES.items()
    if not (INSTANCES[instance].kind == "gaussian" and "hinge" in energy)
    and not (INSTANCES[instance].n == 1 and said.get("margin", 0) > 0)
]


@pytest.mark.parametrize(("name", "energy"), CASES)
def test_every_configuration_is_counted_at_its_energy(name, energy):
    instance, said = INSTANCES[name], ENERGIES[energy]
    expected = all_energies(instance, **said)
    found = enumerate_configurations(instance, **said, threads=1)
    assert found.complete
    histogram = found.energy_histogram
    assert histogram.dtype == np.int64
    assert (histogram == np.bincount(expected, minlength=found.energies.size)).all()
    assert (found.packed_solutions == np.flatnonzero(expected == 0)).all()
    assert (found.solutions == configurations(instance.n)[expected == 0]).all()
    assert found.solutions.dtype == np.int8
    assert found.solution_count == (expected == 0).sum()
    only = enumerate_configurations(instance, **said, threads=1, histogram=False)
    assert (only.packed_solutions == found.packed_solutions).all()
    reference = configurations(instance.n)[2**instance.n // 3]
    distances = np.count_nonzero(configurations(instance.n) != reference, axis=1)
    joint = np.zeros((found.energies.size, instance.n + 1), int)
    np.add.at(joint, (expected, distances), 1)
    assert (found.by_distance(reference) == joint).all()


@pytest.mark.parametrize(("name", "energy"), [("odd", "hinge"), ("gaussian", "errors"), ("odd", "errors at a margin")])
def test_thermodynamics_of_all_configurations(name, energy):
    instance = INSTANCES[name]
    energies = all_energies(instance, **ENERGIES[energy])
    found = enumerate_configurations(instance, **ENERGIES[energy], threads=1)
    weights = np.exp(-BETAS[:, None] * energies)
    z = weights.sum(axis=1)
    mean = (weights * energies).sum(axis=1) / z
    # Sums of 2^11 terms of double precision.
    close = {"rel": 1e-11, "abs": 1e-11}
    assert found.log_z(BETAS) == pytest.approx(np.log(z), **close)
    assert found.mean_energy(BETAS) == pytest.approx(mean, **close)
    assert found.entropy(BETAS) == pytest.approx(np.log(z) + BETAS * mean, **close)
    assert isinstance(found.log_z(1.0), float)
    assert found.log_z(1.0) == found.log_z(BETAS)[2]
    lowest = energies.min()
    assert found.ground_energy == lowest
    assert found.mean_energy(math.inf) == lowest
    assert found.entropy(math.inf) == pytest.approx(math.log((energies == lowest).sum()), **close)
    solutions = (energies == 0).sum()
    assert found.log_z(math.inf) == (pytest.approx(math.log(solutions), **close) if solutions else -math.inf)
    # At negative beta the highest energies weigh most.
    assert found.log_z(-0.5) == pytest.approx(np.log(np.exp(0.5 * energies).sum()), **close)


@pytest.mark.parametrize(("kind", "energy"), [
    ("binary", {}), ("binary", {"energy": "symmetric", "kappa": 0.7}), ("gaussian", {}), ("binary", {"energy": "hinge"})
])  # fmt: skip
def test_blocks_segments_threads_and_the_mirror_change_nothing(monkeypatch, kind, energy):
    instance = random_patterns(17, p=11, seed=9, kind=kind)
    reference = configurations(17)[91919]
    whole = enumerate_configurations(instance, **energy, threads=1)
    by_distance = whole.by_distance(reference)
    assert (by_distance.sum(axis=1) == whole.energy_histogram).all()
    assert (by_distance.sum(axis=0) == [math.comb(17, d) for d in range(18)]).all()
    for low, threads in ((1, 2), (6, 3), (7, 1), (11 if kind == "gaussian" else 14, 2)):
        monkeypatch.setattr(enumeration_blocks, "low_weights", lambda costs, low=low: low)
        monkeypatch.setattr(enumeration_passes, "SEGMENT", 2 ** max(low, 10))
        other = enumerate_configurations(instance, **energy, threads=threads)
        assert (other.energy_histogram == whole.energy_histogram).all()
        assert (other.packed_solutions == whole.packed_solutions).all()
        assert (other.by_distance(reference) == by_distance).all()
    # Every configuration visited: no use of the mirror.
    monkeypatch.setattr("perceptron.pattern_costs.PatternCosts.mirror", None)
    plain = enumerate_configurations(instance, **energy, threads=1)
    assert (plain.energy_histogram == whole.energy_histogram).all()
    assert (plain.packed_solutions == whole.packed_solutions).all()
    assert (plain.by_distance(reference) == by_distance).all()


def test_a_large_instance_holds_together():
    instance = random_patterns(29, p=16, seed=1)
    found = enumerate_configurations(instance)
    histogram, solutions = found.energy_histogram, found.solutions
    assert histogram.sum() == 2**29
    assert (histogram == histogram[::-1]).all()
    assert found.packed_solutions.size == histogram[0] > 0
    assert (np.diff(found.packed_solutions.astype(np.int64)) > 0).all()
    assert (instance.errors(solutions) == 0).all()
    by_distance = found.by_distance(solutions[0])
    assert (by_distance.sum(axis=1) == histogram).all()
    assert (by_distance.sum(axis=0) == [math.comb(29, d) for d in range(30)]).all()
    assert (by_distance[0] == np.bincount((solutions != solutions[0]).sum(axis=1), minlength=30)).all()


def test_flipping_all_weights():
    """E(-w) = P - E(w) for errors with n odd; the hinge, a margin and a tie rule break it."""
    instance = random_patterns(13, p=9, seed=10)
    histogram = enumerate_configurations(instance).energy_histogram
    assert (histogram == histogram[::-1]).all()
    for broken in (
        enumerate_configurations(instance, margin=0.5),
        enumerate_configurations(instance, energy="hinge"),
        enumerate_configurations(random_patterns(14, p=9, seed=10, tie="error")),
    ):
        assert (broken.energy_histogram != broken.energy_histogram[::-1]).any()


def z_scores(instances, margin=0.0):
    """Scores of mean solution count and mean Z(beta) over random instances against 2^N ((1 + e^-beta) / 2)^P."""
    n, p, beta = instances[0].n, instances[0].p, np.array([0.4, 1.5, math.inf])
    z = np.exp([enumerate_configurations(i, margin=margin, threads=1).log_z(beta) for i in instances])
    expected = 2.0**n * ((1 + np.exp(-beta)) / 2) ** p
    return (z.mean(axis=0) - expected) / (z.std(axis=0, ddof=1) / math.sqrt(len(instances)))


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_first_moments_over_instances(seed, kind):
    instances = [random_patterns(15, p=5, seed=seed + k, kind=kind) for k in range(300)]
    assert np.abs(z_scores(instances)).max() < 4.9
    # Negative control: a margin of two steps.
    assert np.abs(z_scores(instances, margin=0.8)).min() > 4.9


@pytest.mark.parametrize(("n", "kind", "tie"), [(15, "binary", None), (14, "binary", "error"), (15, "gaussian", None)])
def test_a_teacher_is_among_the_solutions(seed, n, kind, tie):
    planted = planted_patterns(n, p=12, seed=seed, kind=kind, tie=tie)
    found = enumerate_configurations(planted)
    wrong = int((planted.stabilities(planted.teacher) < planted.least_stability()).sum())
    # A pattern on which an even teacher's sum is 0 is an error where the rule says so.
    assert wrong == 0 or tie == "error"
    assert (found.solutions == planted.teacher).all(axis=1).any() == (wrong == 0)
    by_distance = found.by_distance(planted.teacher)
    assert by_distance[wrong, 0] == 1
    assert by_distance[:, 0].sum() == 1
    # Negative control: without a teacher these weights are no solution of other patterns.
    strange = random_patterns(n, p=40, seed=seed, kind=kind, tie=tie)
    assert not (enumerate_configurations(strange).solutions == planted.teacher).all(axis=1).any()


def test_landscapes_say_their_energy():
    from perceptron import BinaryPerceptron, SymmetricPerceptron

    instance = INSTANCES["odd"]
    for landscape, said in (
        (BinaryPerceptron(instance, "hinge", 0.7), {"energy": "hinge", "margin": 0.7}),
        (SymmetricPerceptron(instance, 0.8), {"energy": "symmetric", "kappa": 0.8}),
    ):
        found = enumerate_configurations(landscape)
        assert (found.energy_histogram == enumerate_configurations(instance, **said).energy_histogram).all()
        state = landscape.state_from(configurations(instance.n)[:500].astype(np.int8))
        assert (landscape.energy(state) == all_energies(instance, **said)[:500]).all()
        with pytest.raises(ArgumentError, match="a landscape says its own energy"):
            enumerate_configurations(landscape, margin=0.2)


def test_pairs_of_solutions_by_distance():
    found = enumerate_configurations(INSTANCES["odd"])
    solutions = found.solutions
    differ = (solutions[:, None] != solutions[None]).sum(axis=2)[np.triu_indices(len(solutions), 1)]
    assert (found.pair_distances() == np.bincount(differ, minlength=12)).all()


def test_more_solutions_than_the_limit_are_counted_and_not_listed():
    instance = INSTANCES["odd"]
    count = enumerate_configurations(instance).solution_count
    assert enumerate_configurations(instance, limit=count).packed_solutions.size == count
    few = enumerate_configurations(instance, limit=count - 1)
    assert few.solution_count == count
    with pytest.raises(MemoryLimitError, match=f"there are {count}, more than the limit of {count - 1}; raise `limit`"):
        _ = few.solutions
    with pytest.raises(ArgumentError, match="were not listed; enumerate with solutions=True"):
        _ = enumerate_configurations(instance, solutions=False).packed_solutions
    with pytest.raises(ArgumentError, match="enumerate with histogram=True"):
        enumerate_configurations(instance, histogram=False).log_z(1.0)


@pytest.mark.parametrize(("said", "message"), [
    ({"energy": "error"}, "energy: got 'error'; 'errors', 'hinge', 'symmetric' are known"),
    ({"energy": "symmetric"}, "kappa: got None; energy='symmetric' needs a finite number above 0"),
    ({"energy": "symmetric", "kappa": -1}, "kappa: got -1; "),
    ({"kappa": 0.5}, "kappa: got 0.5 with energy='errors'"),
    ({"energy": "symmetric", "kappa": 1, "margin": 0.1}, "margin: got 0.1; "),
    ({"margin": math.nan}, "margin: got nan; "),
    ({"margin": 5.0}, "margin: got 5.0; no weights reach a stability of 17"),
    ({"threads": 0}, "threads: got 0; "),
    ({"limit": -1}, "limit: got -1; "),
    ({"stop": 3}, "stop: got 3; "),
    ({"progress": "yes"}, "progress: got 'yes'; "),
])  # fmt: skip
def test_bad_arguments(said, message):
    with pytest.raises(ArgumentError) as found:
        enumerate_configurations(INSTANCES["odd"], **said)
    assert str(found.value).startswith(message)
    assert "\n" not in str(found.value)


def test_bad_instances_and_references():
    with pytest.raises(ArgumentError, match="'hinge' counts flips of"):
        enumerate_configurations(INSTANCES["gaussian"], energy="hinge")
    with pytest.raises(ArgumentError, match="patterns: got list; an instance made by random_patterns"):
        enumerate_configurations([[1, -1]])
    with pytest.raises(ArgumentError, match=r"all 2\^49 configurations would take about .* hours here"):
        enumerate_configurations(random_patterns(49, p=20, seed=1))
    with pytest.raises(ArgumentError, match=r"all 2\^48 configurations would take about [0-9.e+]* hours here"):
        enumerate_configurations(random_patterns(48, p=1000, kind="gaussian"), threads=1)
    with pytest.raises(ArgumentError, match=r"all 2\^3001 configurations would take about 1e8[0-9]* hours here"):
        enumerate_configurations(random_patterns(3001, p=5), threads=1)
    with pytest.raises(MemoryLimitError, match=r"enumerating 3 patterns of 45 weights needs about 256 TiB of memory"):
        enumerate_configurations(random_patterns(45, p=3, seed=1), limit=2**50)
    found = enumerate_configurations(INSTANCES["odd"])
    with pytest.raises(ArgumentError, match=r"reference: got shape \(2, 11\)"):
        found.by_distance(np.ones((2, 11)))
    with pytest.raises(ArgumentError, match="reference: got 0"):
        found.by_distance(np.zeros(11, int))
    for beta in (math.nan, -math.inf, -1e308, "cold"):
        with pytest.raises(ArgumentError, match="beta: got"):
            found.log_z(beta)


def test_numbers_cannot_be_changed_and_are_shown_in_one_line():
    found = enumerate_configurations(INSTANCES["odd"])
    for array in (found.energy_histogram, found.packed_solutions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    assert repr(found).endswith(f" patterns, energy='errors', {found.solution_count} solutions)")
    stopped = enumerate_configurations(INSTANCES["odd"], stop=lambda: True)
    assert "stopped after 0 %" in repr(stopped)
    with pytest.raises(ArgumentError, match="same call again, with a `path` it could go on from there"):
        _ = stopped.solution_count


def test_at_a_huge_inverse_temperature_only_ground_states_count():
    found = enumerate_configurations(INSTANCES["odd"])
    assert found.ground_energy == 0
    with np.errstate(all="raise", under="ignore"):
        assert found.log_z(1e308) == pytest.approx(math.log(found.solution_count))
        assert found.entropy(1e308) == pytest.approx(found.entropy(math.inf))
