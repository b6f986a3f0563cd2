"""SGHMC against its exact stationary covariance at finite steps, of positions and velocities, and with mini-batches."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from small_systems import mean_z_score

from mcmc.landscapes.analytic import Quadratic
from mcmc.samplers import SGHMC, SGLD

MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])
SAMPLES, BATCH, BETA, STEP, FRICTION = 12, 3, 20.0, 0.3, 0.4
LARGEST_Z = 4.9


class LinearRegression:
    """Mean over samples of (y_k - a_k . x)^2 / 2: the covariance of sample gradients depends on x."""

    dim, data_size = 2, SAMPLES

    def __init__(self):
        rng = np.random.default_rng(4)
        self.inputs, self.targets = rng.normal(size=(SAMPLES, 2)), rng.normal(size=SAMPLES)
        self.matrix = self.inputs.T @ self.inputs / SAMPLES
        self.best = np.linalg.solve(self.matrix, self.inputs.T @ self.targets / SAMPLES)

    def energy(self, x, batch=None):
        return 0.5 * ((x @ self.inputs.T - self.targets) ** 2).mean(axis=1)

    def gradient(self, x, batch=None):
        chosen = np.arange(SAMPLES)[None] if batch is None else batch
        inputs = self.inputs[chosen]
        residual = np.einsum("cki,ci->ck", inputs, x) - self.targets[chosen]
        return np.einsum("ck,cki->ci", residual, inputs) / chosen.shape[1]

    def noise(self, share, second):
        """Mean covariance of a batch's gradient where (x - best) has second moments `second`."""
        rest = self.targets - self.inputs @ self.best
        spread = np.einsum("ki,ij,kj->k", self.inputs, second, self.inputs) + rest**2
        each = np.einsum("k,ki,kj->ij", spread, self.inputs, self.inputs) / SAMPLES
        return share * (each - self.matrix @ second @ self.matrix)


def joint_covariance(matrix, noise):
    """Of (x, v): v' = (1 - a) v - eta A x + noise, x' = x + v'; both get the same noise."""
    one = np.eye(len(matrix))
    push = np.block([[one - STEP * matrix, (1 - FRICTION) * one], [-STEP * matrix, (1 - FRICTION) * one]])
    return solve_discrete_lyapunov(push, np.block([[noise, noise], [noise, noise]]))


def thermal(beta=BETA):
    return 2 * FRICTION * STEP / beta * np.eye(2)


def self_consistent(landscape, share):
    """Joint covariance with the noise of batches, which depends on the covariance of x itself."""
    covariance = joint_covariance(landscape.matrix, thermal())
    for _ in range(200):
        batches = STEP**2 * landscape.noise(share, covariance[:2, :2])
        covariance = joint_covariance(landscape.matrix, thermal() + batches)
    return covariance


def worst(sampler, seed, center, covariance, chains=8000):
    state, _ = sampler.step(sampler.init(chains, seed), 150)
    moments = 0.0
    for _ in range(8):
        state, _ = sampler.step(state, 6)
        z = np.concatenate([state.x - center, state.velocity], axis=1)
        moments = moments + z[:, :, None] * z[:, None, :] / 8
    return max(abs(mean_z_score(moments[:, i, j], covariance[i, j])) for i in range(4) for j in range(i + 1))


def test_full_gradients_have_the_biased_covariance(seed):
    landscape = Quadratic(MATRIX, np.zeros(2))
    sampler = SGHMC(landscape, BETA, step_size=STEP, friction=FRICTION)
    biased = joint_covariance(MATRIX, thermal())
    closed = np.linalg.inv(MATRIX @ (np.eye(2) - STEP * MATRIX / (2 * (2 - FRICTION)))) / BETA
    assert np.allclose(biased[:2, :2], closed, rtol=1e-12)
    assert worst(sampler, seed, 0.0, biased) < LARGEST_Z
    unbiased = biased.copy()
    unbiased[:2, :2] = landscape.covariance(BETA)
    assert worst(sampler, seed, 0.0, unbiased) > LARGEST_Z


SHARES = {True: 1 / BATCH, False: (SAMPLES - BATCH) / (BATCH * (SAMPLES - 1))}


@pytest.mark.parametrize("replacement", SHARES)
def test_mini_batches_of_a_regression_heat_by_their_noise(seed, replacement):
    landscape = LinearRegression()
    sampler = SGHMC(
        landscape, BETA, step_size=STEP, friction=FRICTION, batch_size=BATCH, replacement=replacement
    )  # fmt: skip
    assert worst(sampler, seed, landscape.best, self_consistent(landscape, SHARES[replacement])) < LARGEST_Z
    assert worst(sampler, seed, landscape.best, self_consistent(landscape, SHARES[not replacement])) > LARGEST_Z
    assert worst(sampler, seed, landscape.best, joint_covariance(landscape.matrix, thermal())) > LARGEST_Z


def test_friction_one_is_sgld(seed):
    landscape = LinearRegression()
    keywords = {"step_size": 0.1, "batch_size": BATCH}
    ours, theirs = SGHMC(landscape, BETA, friction=1.0, **keywords), SGLD(landscape, BETA, **keywords)
    a, _ = ours.step(ours.init(5, seed), 40)
    b, _ = theirs.step(theirs.init(5, seed), 40)
    assert np.allclose(a.x, b.x, rtol=1e-12, atol=1e-14)
    other = SGHMC(landscape, BETA, friction=0.9, **keywords)
    assert not np.allclose(other.step(other.init(5, seed), 40)[0].x, b.x, rtol=1e-3)
