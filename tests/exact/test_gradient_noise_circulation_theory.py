"""Circulation of SGD around a quadratic minimum: against explicit steps, the continuous limit, and samples."""

import numpy as np
import pytest
from scipy import linalg

from mcmc.errors import ArgumentError
from mcmc.gradient_noise import circulation, gradient_noise, linear_circulation, lyapunov, regression_covariance
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import SGD, sample
from mcmc.samplers.minibatches import Minibatches

LARGEST_Z = 4.9
SAMPLES, BATCH, ETA = 12, 3, 0.3


def matrices(seed, dim=5):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(2, dim, dim))
    return roots[0] @ roots[0].T / dim + 0.2 * np.eye(dim), roots[1] @ roots[1].T / dim


def noise_between_steps(replacement):
    """c_ab: covariance of the means of batches a and b of one epoch, in units of D, by its definition."""
    steps = SAMPLES // BATCH
    if replacement is True:
        return np.eye(steps) / BATCH
    share = (SAMPLES - BATCH) / (BATCH * (SAMPLES - 1))
    between = 0.0 if replacement is False else -1 / (SAMPLES - 1)
    return between * np.ones((steps, steps)) + (share - between) * np.eye(steps)


@pytest.mark.parametrize("replacement", [True, False, "epoch"])
def test_the_law_of_explicit_steps(seed, replacement):
    h, d = matrices(seed)
    found = linear_circulation(h, d, ETA, Minibatches(SAMPLES, BATCH, replacement=replacement))
    steps, m = SAMPLES // BATCH, np.eye(5) - ETA * h
    between = noise_between_steps(replacement)
    powers = [np.linalg.matrix_power(m, steps - 1 - a) for a in range(steps)]
    noise = ETA**2 * sum(between[a, b] * powers[a] @ d @ powers[b].T for a in range(steps) for b in range(steps))
    whole = np.linalg.matrix_power(m, steps)
    covariance = linalg.solve_discrete_lyapunov(whole, noise)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.circulation, covariance @ whole.T - whole @ covariance, rtol=1e-8, atol=1e-12)
    assert np.abs(found.circulation).max() > 1e-4 * np.abs(covariance).max()


def test_the_covariance_of_batches_of_one_order_cancels():
    assert np.isclose(noise_between_steps("epoch").sum(), 0, atol=1e-12)


def test_small_steps_give_the_current_of_the_diffusion(seed):
    h, d = matrices(seed)
    for eta in (1e-2, 1e-3):
        found = linear_circulation(h, d, eta, Minibatches(SAMPLES, BATCH, replacement=True), steps=1)
        law = lyapunov(h, d, eta, 1 / BATCH)
        limit = 2 * law.temperature * law.circulation
        assert np.abs(found.circulation / eta - limit).max() < 10 * eta * np.abs(limit).max()


def test_nothing_turns_where_noise_and_curvature_commute(seed):
    h, _ = matrices(seed)
    for d in (np.eye(5), h, h @ h):
        found = linear_circulation(h, d, ETA, Minibatches(SAMPLES, BATCH, replacement=True))
        assert np.abs(found.circulation).max() < 1e-12
        assert np.abs(found.covariance).max() > 1e-3


def test_planes_take_a_circulation_apart(seed):
    found = linear_circulation(*matrices(seed, 7), ETA, Minibatches(SAMPLES, BATCH, replacement=True))
    rates, rows = found.planes(3)
    np.testing.assert_allclose(rows @ rows.T, np.eye(6), atol=1e-10)
    inside = rows @ found.circulation @ rows.T
    expected = linalg.block_diag(*[rate * np.array([[0, 1], [-1, 0]]) for rate in rates])
    np.testing.assert_allclose(inside, expected, atol=1e-10 * rates[0])
    assert (np.diff(rates) <= 0).all()
    assert rates[-1] > 0
    # Seven directions hold three planes and one direction that does not turn.
    assert np.isclose(2 * (rates**2).sum(), (found.circulation**2).sum())


def regression(seed, replacement, deviation=0.2):
    """Two weights and a bias; small residuals leave the noise of the gradients nearly the same everywhere."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(24, 2)) * [1.0, 0.6]
    y = (x @ [0.5, -1.0] + deviation * rng.normal(size=24) * (1 + 3 * (x[:, 0] > 0)))[:, None]
    f = mlp(Data(x, y), (), loss="squared")
    return f, SGD(f, step_size=0.15, batch_size=4, replacement=replacement)


@pytest.mark.parametrize("replacement", [True, "epoch"])
def test_sgd_turns_as_fast_as_it_should(seed, replacement):
    f, sgd = regression(seed, replacement)
    h = f.hessian_vector(np.zeros((1, 3)), np.eye(3))
    weights = -np.linalg.solve(h, f.gradient(np.zeros((1, 3)))[0])
    theory = linear_circulation(h, gradient_noise(f, weights).matrix(), 0.15, sgd.batches)
    epoch = sgd.batches.per_epoch
    run = sample(
        sgd, 6000 * epoch, chains=16, seed=seed, burn_in=100 * epoch, thin=epoch,
        observe=lambda sampler, state: {"x": sampler.weights(state)},
    )  # fmt: skip
    rates, rows = theory.planes(1)
    found = circulation(run["x"].values @ rows.T, surrogates=99, seed=seed)
    measured, error = found.value[0, 1] / rates[0], found.error[0, 1] / rates[0]
    if replacement is True:
        # Exact: noise is larger where the weights are off the minimum, which the theory leaves out.
        inputs = np.column_stack([f.data.inputs, np.ones(24)])
        exact = regression_covariance(inputs, f.data.targets, step_size=0.15, batch_size=4)
        whole = np.linalg.matrix_power(np.eye(3) - 0.15 * h, epoch)
        known = rows[0] @ (exact @ whole - whole @ exact) @ rows[1] / rates[0]
        assert abs(measured - known) < LARGEST_Z * error
        assert abs(-measured - known) > LARGEST_Z * error
        # What is left out is of the order of the step.
        assert abs(known - 1) < 0.15
    else:
        # It cancels within an epoch all but the powers of M: what is left is of the order of what is left out.
        assert 0.3 < measured < 3
    # Control: detailed balance.
    assert measured > LARGEST_Z * error


@pytest.mark.parametrize(("change", "named"), [
    ({"batches": Minibatches(12, None)}, "without them nothing moves"),
    ({"batches": Minibatches(12, 3), "steps": 2}, "the 4 steps of an epoch"),
    ({"steps": 0}, "steps"), ({"step_size": 30.0}, "diverge"), ({"hessian": -np.eye(5)}, "run downhill"),
])  # fmt: skip
def test_what_is_refused(change, named):
    h, d = matrices(1)
    arguments = {"hessian": h, "diffusion": d, "step_size": ETA, "batches": Minibatches(12, 3, replacement=True)}
    arguments |= change
    with pytest.raises(ArgumentError, match=named):
        linear_circulation(**arguments)


def test_too_many_planes_are_refused():
    found = linear_circulation(*matrices(1), ETA, Minibatches(12, 3, replacement=True))
    with pytest.raises(ArgumentError, match="half as many planes"):
        found.planes(3)
