"""SGD on linear regression against its exact stationary covariance; the continuous-time answer is refused by the data.

Epochs have no such formula: their own law, by enumeration of all orders, is held to as well.
"""

from itertools import permutations

import numpy as np
import pytest
from small_systems import mean_z_score

from mcmc.gradient_noise import lyapunov, regression_covariance
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import SAGA, SGD, SVRG

LIMIT = 4.9
CHAINS = 4000
STEP = 0.1


class Regression:
    """Samples, their network without hidden layers, and its minimum; the last weight is the bias."""

    def __init__(self, samples, features, scale=1.0):
        rng = np.random.default_rng(4)
        inputs = scale * rng.normal(size=(samples, features))
        targets = inputs.sum(axis=1, keepdims=True) + 0.7 * rng.normal(size=(samples, 1))
        self.network = mlp(Data(inputs, targets), (), activation="identity")
        self.design, self.targets = np.column_stack([inputs, np.ones(samples)]), targets[:, 0]
        self.minimum = np.linalg.lstsq(self.design, self.targets, rcond=None)[0]
        self.residuals = self.design @ self.minimum - self.targets
        self.hessian = self.design.T @ self.design / samples
        self.diffusion = (self.design.T * self.residuals**2) @ self.design / samples

    def covariance(self, batch_size, replacement):
        return regression_covariance(
            self.design, self.targets, step_size=STEP, batch_size=batch_size, replacement=replacement
        )


def moments(sampler, minimum, seed, settle, every=4, draws=25):
    """Mean over draws of e e' (chains, dim, dim) and of e, e = x - minimum."""
    state, _ = sampler.step(sampler.init(CHAINS, seed), settle)
    second, first = 0.0, 0.0
    for _ in range(draws):
        state, _ = sampler.step(state, every)
        away = state.x - minimum
        second, first = second + away[:, :, None] * away[:, None, :] / draws, first + away / draws
    return second, first


def scores(seen, expected):
    """z of each number, those of symmetric matrices once."""
    places = [i for i in np.ndindex(expected.shape) if list(i) == sorted(i)]
    return np.array([mean_z_score(seen[(slice(None), *i)], expected[i]) for i in places])


SHARES = {True: 1 / 3, False: 9 / 33}


@pytest.mark.parametrize("replacement", SHARES)
def test_stationary_covariance(seed, replacement):
    problem = Regression(12, 2)
    sampler = SGD(problem.network, step_size=STEP, batch_size=3, replacement=replacement)
    exact = problem.covariance(3, replacement)
    second, first = moments(sampler, problem.minimum, seed, settle=150)
    assert np.abs(scores(second, exact)).max() < LIMIT
    assert np.abs(scores(first, np.zeros(3))).max() < LIMIT
    # Batches drawn in the other way; noise that is the same everywhere; a differential equation in place of steps.
    law = lyapunov(problem.hessian, problem.diffusion, STEP, SHARES[replacement])
    assert (np.diag(law.continuous) < 0.97 * np.diag(exact)).all()
    for wrong in (problem.covariance(3, not replacement), law.discrete, law.continuous):
        assert np.abs(scores(second, wrong)).max() > LIMIT


def test_the_continuous_answer_is_right_to_lowest_order():
    """Its relative error halves with the step size, and at a step size of 0.1 is several percent."""
    problem = Regression(40, 2)
    errors = []
    for step in (0.1, 0.05, 0.025, 0.0125):
        exact = regression_covariance(problem.design, problem.targets, step_size=step, batch_size=4)
        continuous = lyapunov(problem.hessian, problem.diffusion, step, 1 / 4).continuous
        errors.append(1 - np.trace(continuous) / np.trace(exact))
    assert 0.03 < errors[0] < 0.2
    assert np.allclose(np.array(errors[:-1]) / errors[1:], 2, rtol=0.1)


def epoch_moments(problem, batch_size):
    """First and second moments of e at rest, after each of the batches of an epoch, by enumeration of all orders."""
    n, dim = problem.design.shape
    maps = []
    for order in permutations(range(n)):
        for part in range(0, n, batch_size):
            x, r = (
                problem.design[list(order[part : part + batch_size])],
                problem.residuals[list(order[part:][:batch_size])],
            )
            maps.append((np.eye(dim) - STEP * x.T @ x / batch_size, -STEP * x.T @ r / batch_size))
    count = n // batch_size
    kicks, shifts = (np.array(values) for values in zip(*maps, strict=True))
    kicks, shifts = kicks.reshape(-1, count, dim, dim), shifts.reshape(-1, count, dim)
    whole, shift, seen = np.broadcast_to(np.eye(dim), kicks[:, 0].shape), np.zeros_like(shifts[:, 0]), []
    for k in range(count):
        whole = kicks[:, k] @ whole
        shift = np.einsum("pij,pj->pi", kicks[:, k], shift) + shifts[:, k]
        seen.append((whole, shift))
    # An epoch's order is independent of where it starts: e -> whole e + shift at its end.
    mean = np.linalg.solve(np.eye(dim) - whole.mean(axis=0), shift.mean(axis=0))
    cross = np.einsum("pij,j,pk->ik", whole, mean, shift) / len(whole)
    added = np.einsum("pi,pk->ik", shift, shift) / len(whole) + cross + cross.T
    carried = np.einsum("pij,pkl->ikjl", whole, whole).reshape(dim**2, dim**2) / len(whole)
    second = np.linalg.solve(np.eye(dim**2) - carried, added.reshape(-1)).reshape(dim, dim)
    found = []
    for moved, by in seen:
        cross = np.einsum("pij,j,pk->ik", moved, mean, by) / len(moved)
        kept = np.einsum("pij,jl,pkl->ik", moved, second, moved, optimize=True) / len(moved)
        found.append((moved.mean(axis=0) @ mean + by.mean(axis=0),
                      kept + cross + cross.T + np.einsum("pi,pk->ik", by, by) / len(by)))  # fmt: skip
    return found


def test_epochs_have_another_law_than_independent_batches(seed):
    problem = Regression(6, 1)
    sampler = SGD(problem.network, step_size=STEP, batch_size=2)
    independent = problem.covariance(2, False)
    expected = epoch_moments(problem, 2)
    for place in range(3):
        first, second = expected[place]
        seen = moments(sampler, problem.minimum, seed + place, settle=150 + place + 1, every=3)
        assert np.abs(scores(seen[0], second)).max() < LIMIT
        assert np.abs(scores(seen[1], first)).max() < LIMIT
        assert np.abs(scores(seen[0], independent)).max() > LIMIT
    # Batches of an epoch make up for each other: at its end next to nothing of their noise is left.
    assert np.trace(expected[2][1]) < 0.2 * np.trace(independent)


@pytest.mark.parametrize("replacement", [True, False, "epoch"])
def test_reduced_variance_dies_where_that_of_sgd_stays(seed, replacement):
    problem = Regression(12, 2)
    given = {"step_size": STEP, "batch_size": 3, "replacement": replacement}
    chains = 20
    for sampler in (
        SVRG(problem.network, **given),
        SVRG(problem.network, **given, period=3),
        SAGA(problem.network, **given),
    ):
        state, info = sampler.step(sampler.init(chains, seed), 3000)
        assert np.abs(state.x - problem.minimum).max() < 1e-10
        assert info.gradient_norm.max() < 1e-10
    state, info = SGD(problem.network, **given).step(SGD(problem.network, **given).init(chains, seed), 3000)
    assert np.abs(state.x - problem.minimum).max() > 1e-2
    assert info.gradient_norm.min() > 1e-3
