"""Schedules of annealing as data, and the solvers that follow them: what they take, refuse, count and find."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.graphs import square
from mcmc.landscapes.xy import XYModel
from mcmc.samplers import (
    CouplingTempering,
    Metropolis,
    ReplicatedAnnealing,
    coupling_schedule,
    geometric_ramp,
    linear_ramp,
    sample,
)
from perceptron import BinaryPerceptron, Replicated, WithReference, planted_patterns, random_patterns, solve
from perceptron.solvers.cooling import LEAST_LOOKS, LOOKS

MODEL = BinaryPerceptron(random_patterns(31, 0.5, seed=1))
NEAR = WithReference(MODEL, np.ones(31), control="gamma", beta=1.0)
PAIRS = Replicated(MODEL, 3, coupling="pairs")


def test_ramps_are_even_stairs_from_end_to_end():
    np.testing.assert_allclose(linear_ramp(0.5, 2.0, 4), [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(geometric_ramp(0.25, 2.0, 4), [0.25, 0.5, 1.0, 2.0])
    assert linear_ramp(3.0, 1.0, 1) == [3.0]
    stairs = linear_ramp(1.0, 0.0, 1000, steps=8)
    values, lengths = np.unique(stairs, return_counts=True)
    np.testing.assert_allclose(values, np.arange(8) / 7)
    assert (lengths == 125).all()
    assert (np.diff(stairs) <= 0).all()
    # The same stairs for a run twice as long: what a landscape computes for each serves both.
    assert np.array_equal(
        np.unique(linear_ramp(0.3, 2.0, 500, steps=128)), np.unique(linear_ramp(0.3, 2.0, 1000, steps=128))
    )


def test_schedules_pair_up():
    both = coupling_schedule([0.5, 1.0, np.inf], 0.3)
    assert both.beta.tolist() == [0.5, 1.0, np.inf]
    assert both.gamma.tolist() == [0.3, 0.3, 0.3]


def test_the_schedule_is_followed_and_its_end_held():
    ramps = coupling_schedule(linear_ramp(0.5, 1.5, 3), linear_ramp(0.0, 0.4, 3))
    data = sample(ReplicatedAnnealing(PAIRS, ramps), 5, chains=2, seed=1)
    assert data.beta[0].values.tolist() == [0.5, 1.0, 1.5, 1.5, 1.5]
    np.testing.assert_allclose(data.gamma[1].values, [0.0, 0.2, 0.4, 0.4, 0.4])
    assert (data.acceptance > 0).all()


def test_its_sweeps_are_those_of_plain_metropolis():
    """At constant beta and the landscape's own gamma nothing differs from the sampler without a schedule."""
    model = Replicated(MODEL, 3, 0.2)
    plain = Metropolis(model, 0.8)
    state, _ = plain.step(plain.init(2, 5), 10)
    annealed = ReplicatedAnnealing(model, coupling_schedule(0.8, 0.2))
    other, info = annealed.step(annealed.init(2, 5), 10)
    assert np.array_equal(state.spins.spins, other.spins.spins)
    assert (info.beta, info.gamma) == (0.8, 0.2)
    np.testing.assert_allclose(info.acceptance, plain.statistics(state)["acceptance"])


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: linear_ramp(0, 1, 0), ArgumentError, "sweeps: got 0"),
        (lambda: linear_ramp(0, 1, 5, steps=0), ArgumentError, "steps: got 0"),
        (lambda: linear_ramp(0, np.inf, 5), ArgumentError, "last: got inf"),
        (lambda: geometric_ramp(0, 1, 5), ArgumentError, "above 0"),
        (lambda: coupling_schedule([], 1.0), ArgumentError, "one value a sweep"),
        (lambda: coupling_schedule([1.0, 2.0], [1.0, 2.0, 3.0]), ArgumentError, "got 2 and 3 sweeps"),
        (lambda: coupling_schedule(-1.0, 1.0), ArgumentError, "beta: got -1.0"),
        (lambda: coupling_schedule(np.nan, 1.0), ArgumentError, "beta: got nan"),
        (lambda: coupling_schedule(1.0, np.inf), ArgumentError, "gamma: got inf"),
        (lambda: ReplicatedAnnealing(NEAR, coupling_schedule(1, 1)), LandscapeError, 'control "beta"'),
        (lambda: ReplicatedAnnealing(XYModel(square(4)), coupling_schedule(1, 1)), ArgumentError, "sweep_schedule"),
        (lambda: ReplicatedAnnealing(PAIRS, coupling_schedule(1, 1), update="wolff"), LandscapeError, "wolff"),
        (lambda: CouplingTempering(Metropolis(NEAR), [0.5]), ArgumentError, "couplings: got"),
        (lambda: CouplingTempering(Metropolis(NEAR), [0.5, 0.5]), ArgumentError, "distinct"),
        (lambda: CouplingTempering(Metropolis(NEAR), [-0.5, 0.5]), ArgumentError, "from 0 up"),
        (lambda: CouplingTempering(Metropolis(NEAR), [0.5, np.inf]), ArgumentError, "finite"),
        (lambda: CouplingTempering(Metropolis(NEAR), [0, 1], swap_every=0), ArgumentError, "swap_every: got 0"),
        (lambda: CouplingTempering(Metropolis(PAIRS), [0, 1]), ArgumentError, 'control "gamma"'),
        (lambda: CouplingTempering(CouplingTempering(Metropolis(NEAR), [0, 1]), [0, 1]), ArgumentError, "gamma|dims"),
        (lambda: solve(MODEL.patterns, "annealing", energy="squared"), ArgumentError, "energy: got 'squared'"),
        (lambda: solve(MODEL.patterns, "annealing", beta_end=-1), ArgumentError, "beta_end: got -1"),
        (lambda: solve(MODEL.patterns, "annealing", ramp="steep"), ArgumentError, "ramp: got 'steep'"),
        (lambda: solve(MODEL.patterns, "annealing", ramp="geometric", beta_start=0), ArgumentError, "beta_start: got"),
        (lambda: solve(MODEL.patterns, "annealing", sweeps=0), ArgumentError, "sweeps: got 0"),
        (lambda: solve(MODEL.patterns, "annealing", doublings=-1), ArgumentError, "doublings: got -1"),
        (lambda: solve(MODEL.patterns, "annealing", update="wolff"), ArgumentError, "update: got 'wolff'"),
        (lambda: solve(MODEL.patterns, "replicated_annealing", replicas=1), ArgumentError, "replicas: got 1"),
        (lambda: solve(MODEL.patterns, "replicated_annealing", coupling="all"), ArgumentError, "coupling: got 'all'"),
        (lambda: solve(MODEL.patterns, "replicated_annealing", gamma_end=-1), ArgumentError, "gamma_end: got -1"),
    ],
)  # fmt: skip
def test_faults_are_named_in_one_line(build, error, says):
    with pytest.raises(error, match=says) as caught:
        build()
    assert "\n" not in str(caught.value)


def everything_right(instance, found, margin=0.0):
    assert found.solved
    assert found.weights.dtype == np.int8
    assert int(instance.errors(found.weights, margin)) == 0


@pytest.mark.parametrize("method", ["annealing", "replicated_annealing"])
def test_every_kind_of_instance_is_solved(method):
    for instance, margin in (
        (random_patterns(201, 0.3, seed=1), 0.0),
        (random_patterns(200, 0.3, seed=1, tie="error"), 0.0),
        (random_patterns(201, 0.2, seed=2), 0.3),
        (random_patterns(101, 0.2, seed=3, kind="gaussian"), 0.0),
        (planted_patterns(101, 0.4, seed=4), 0.0),
    ):
        everything_right(instance, solve(instance, method, 3, margin=margin), margin)


@pytest.mark.parametrize("update", ["metropolis", "heat_bath", "rejection_free"])
@pytest.mark.parametrize("coupling", ["centre", "pairs"])
def test_couplings_and_updates_of_replicas(coupling, update):
    instance = random_patterns(101, 0.3, seed=5)
    more = {"gamma_start": 0.05, "gamma_end": 0.5} if coupling == "pairs" else {}
    everything_right(instance, solve(instance, "replicated_annealing", coupling=coupling, update=update, **more))


@pytest.mark.parametrize("method", ["annealing", "replicated_annealing"])
def test_the_same_seed_finds_the_same_and_all_work_is_counted(method):
    instance = random_patterns(101, 1.2, seed=6)
    one, other = (solve(instance, method, 9, sweeps=30, doublings=2) for _ in range(2))
    assert np.array_equal(one.weights, other.weights)
    assert not one.solved
    # More patterns than the capacity: nothing is found, and the runs take 30 + 60 + 120 sweeps.
    assert (one.work, one.work_unit) == (210, "sweeps")
    replicas = 7 if method == "replicated_annealing" else 1
    history = one.history
    assert history["attempts"][-1] == 210 * 101 * replicas
    assert history["run_sweeps"].tolist() == sorted(history["run_sweeps"])
    assert set(history["run_sweeps"]) == {30, 60, 120}
    assert {len(values) for values in history.values()} == {len(history["work"])}
    assert LEAST_LOOKS <= len(history["work"]) / 3 <= LOOKS + 2
    assert one.errors == history["errors"].min()
    assert one.errors == int(instance.errors(one.weights))
    if replicas > 1:
        assert (history["centre_errors"] >= history["errors"]).all()
        assert (np.abs(history["overlap"]) <= 1).all()
    assert not np.array_equal(one.weights, solve(instance, method, 10, sweeps=30, doublings=2).weights)


def test_a_start_that_is_a_solution_takes_no_work():
    instance = random_patterns(101, p=1, seed=1)
    found = [solve(instance, "annealing", seed) for seed in range(12)]
    assert all(one.solved for one in found)
    assert any(one.work == 0 for one in found)


def test_replicas_solve_what_one_replica_cannot():
    """n = 1001, alpha = 0.4: errors freeze a single replica far from solutions; coupled ones solve with either."""
    for seed in (1, 2):
        instance = random_patterns(1001, 0.4, seed=seed)
        together = solve(instance, "replicated_annealing", seed)
        everything_right(instance, together)
        alone = solve(instance, "annealing", seed, energy="errors", sweeps=int(together.work) * 7, doublings=0)
        assert alone.errors > 3
    everything_right(instance, solve(instance, "replicated_annealing", 3, energy="errors"))


@pytest.mark.validate
def test_replicas_reach_high_alpha():
    """Wilson's lower limit at 2 sigma of 12 of 12 is 0.75: the success probability at alpha = 0.65 is above that."""
    for seed in range(12):
        instance = random_patterns(1001, 0.65, seed=seed)
        everything_right(instance, solve(instance, "replicated_annealing", seed))
