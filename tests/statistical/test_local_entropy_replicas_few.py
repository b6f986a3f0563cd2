"""Coupled replicas where solutions are few, and what is said of a run that has not converged."""

import itertools
import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.local_entropy import replicated
from mcmc.local_entropy.replica_checks import FEWEST_TRIPS, Measured, said
from mcmc.local_entropy.replica_estimates import at_agreement, by_bennett, by_integration
from mcmc.local_entropy.replica_tempering import Recorded
from perceptron import BinaryPerceptron, random_patterns

LIMIT = 4.9
N, P = 11, 9


def few_solutions(count):
    """The first instance with `count` solutions, and they, (count, N) int64."""
    weights = np.array(list(itertools.product((-1, 1), repeat=N)), dtype=np.int8)
    for number in range(200):
        model = BinaryPerceptron(random_patterns(N, p=P, seed=number))
        found = weights[model.energy(model.state_from(weights)) == 0]
        if len(found) == count:
            return model, found.astype(np.int64)
    raise AssertionError("no such instance")


def pair_entropy(solutions, distance):
    """[ln Z - gamma <A>] / (2 N) over all pairs of solutions at a mean distance: the minimum over gamma."""
    from scipy.optimize import minimize_scalar

    away = (solutions @ solutions.T).ravel() - N * (1 - 2 * distance)
    return minimize_scalar(lambda gamma: math.log(np.exp(gamma * away).sum())).fun / (2 * N)


def test_three_solutions_are_found_and_counted(seed):
    model, solutions = few_solutions(3)
    curve = replicated(model, 2, gamma=[0.0, 0.3, 0.6], seed=seed, sweeps=4000, chains=4, internal=False)
    exact = np.array([pair_entropy(solutions, distance) for distance in curve.scale])
    assert (np.abs(curve.z_scores(exact)) < LIMIT).all()
    # Negative control: one nat more a replica.
    assert (np.abs(curve.z_scores(exact + 1.0 / N)) > LIMIT).all()


def test_distances_are_reached_with_few_solutions(seed):
    model, solutions = few_solutions(3)
    distance = 0.1
    curve = replicated(model, 2, distance, seed=seed, sweeps=4000, chains=4, internal=False)
    assert np.abs(curve.z_scores(pair_entropy(solutions, distance))[0]) < LIMIT


def test_without_any_solution_the_share_and_what_is_needed_are_said():
    model, _ = few_solutions(0)
    with pytest.raises(ArgumentError, match=r"a share of 0 of the energies of 2 replicas is 0.* one is needed"):
        replicated(model, 2, gamma=[0.0, 0.3], sweeps=100)


def gaussian_line(seed, chains=4, draws=2000, trips=FEWEST_TRIPS):
    """A record of three rungs at beta = 0, 0.1, 0.2 of normal energies with d<E>/dbeta = -Var E, ln Z = beta^2 / 2."""
    beta = np.array([0.0, 0.1, 0.2])
    energy, agreement = np.random.default_rng(seed).normal(size=(2, chains, draws, beta.size))
    energy = energy - beta
    return beta, np.zeros(3), Recorded(energy, agreement, np.ones(2), trips)


def measured(beta, gamma, found):
    first = beta.size - 1
    bennett, overlap = by_bennett(beta, gamma, first, found, 0.0)
    integrated = by_integration(beta, gamma, first, found, 0.0)
    at, other = (
        at_agreement(z, gamma[first:], found.agreement[:, :, first:], np.zeros(1), 2.0) for z in (bennett, integrated)
    )
    return Measured(beta, gamma, first, found, overlap, np.full(1, 0.5), at, other)


def test_good_lines_are_not_warned_of(seed):
    run = measured(*gaussian_line(seed))
    assert said(run) == ()
    assert abs(run.at.value[0] - 0.02) < LIMIT * run.at.error[0]


def test_chains_that_differ_are_said_and_widen_the_error(seed):
    beta, gamma, found = gaussian_line(seed)
    apart = found.energy + 0.5 * np.array([1.0, -1.0, 1.0, -1.0])[:, None, None]
    run = measured(beta, gamma, found._replace(energy=apart))
    assert any("chains differ" in text for text in said(run))
    # Means that are 0.5 off over a range 0.2 of beta: at least the spread of four such values.
    assert run.at.error[0] > 0.8 * 0.1 / math.sqrt(3)


def test_halves_that_differ_are_said(seed):
    beta, gamma, found = gaussian_line(seed)
    drift = found.energy.copy()
    drift[:, 1000:] += 0.5
    assert any(
        "halves" in text or "chains of" in text for text in said(measured(beta, gamma, found._replace(energy=drift)))
    )


def test_few_round_trips_and_few_samples_are_said(seed):
    beta, gamma, found = gaussian_line(seed, trips=FEWEST_TRIPS - 1)
    assert any(f"{FEWEST_TRIPS - 1} round trips" in text for text in said(measured(beta, gamma, found)))
    slow = found._replace(energy=np.repeat(found.energy[:, ::200], 200, axis=1))
    assert any("samples:" in text for text in said(measured(beta, gamma, slow)))


def solved_line(seed, share):
    """Rungs at beta = 0, 1/2 and infinity, with this share of energies 0 at 1/2."""
    random = np.random.default_rng(seed)
    drawn = random.random((4, 2000))
    energy = np.stack([drawn, (drawn >= share).astype(float), np.zeros_like(drawn)], axis=2)
    found = Recorded(energy, random.normal(size=energy.shape), np.ones(2), FEWEST_TRIPS)
    return np.array([0.0, 0.5, math.inf]), np.zeros(3), found


def test_the_share_of_solutions_that_values_rest_on_is_said(seed):
    assert not any("solutions:" in text for text in said(measured(*solved_line(seed, 0.5))))
    few = measured(*solved_line(seed, 0.003))
    assert any("solutions: at beta = 0.5" in text and "known to" in text for text in said(few))
    none = measured(*solved_line(seed, 0.0))
    assert any("no draw has E = 0" in text for text in said(none))
    assert np.isnan(none.at.value).all()
    assert np.isnan(none.at.error).all()


def test_one_step_of_integration_has_an_error(seed):
    """One spin in a field: the mean energy is -tanh(beta), ln Z is ln cosh(beta) above that of beta = 0."""
    beta = np.array([0.0, 2.0])
    up = np.random.default_rng(seed).random((4, 2000, 2)) < 1 / (1 + np.exp(-2 * beta))
    found = Recorded(np.where(up, -1.0, 1.0), np.zeros(up.shape), np.ones(1), FEWEST_TRIPS)
    line = by_integration(beta, np.zeros(2), 1, found, 0.0)
    exact = math.log(math.cosh(2.0))
    statistical = LIMIT * 2.0 / math.sqrt(8000)
    assert abs(line.value[0] - exact) < line.integration_error[0] + statistical
    assert line.integration_error[0] > 0.1
