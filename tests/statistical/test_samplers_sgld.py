"""SGLD against its exact stationary covariance, with all data and with mini-batches drawn in both independent ways."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from small_systems import mean_z_score

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import Quadratic
from mcmc.samplers import SGLD

MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])
SAMPLES, BATCH, BETA, STEP = 12, 3, 20.0, 0.3


class SampledQuadratic:
    """Mean over samples m_k of (x - m_k)' A (x - m_k) / 2."""

    dim, data_size = 2, SAMPLES

    def __init__(self):
        points = np.random.default_rng(4).normal(size=(SAMPLES, 2))
        self.points = points - points.mean(axis=0)

    def energy(self, x, batch=None):
        away = x[:, None] - self.points
        return 0.5 * np.einsum("cki,ij,ckj->c", away, MATRIX, away) / SAMPLES

    def gradient(self, x, batch=None):
        middle = 0.0 if batch is None else self.points[batch].mean(axis=1)
        return np.einsum("ci,ij->cj", x - middle, MATRIX)

    def covariance(self, share):
        """S = M S M + eta^2 C + 2 eta / beta, C = share A Cov(m) A."""
        spread = share * MATRIX @ (self.points.T @ self.points / SAMPLES) @ MATRIX
        return solve_discrete_lyapunov(np.eye(2) - STEP * MATRIX, STEP**2 * spread + 2 * STEP / BETA * np.eye(2))


def worst(sampler, seed, covariance, chains=10_000):
    state, _ = sampler.step(sampler.init(chains, seed), 60)
    moments = 0.0
    for _ in range(8):
        state, _ = sampler.step(state, 5)
        moments = moments + state.x[:, :, None] * state.x[:, None, :] / 8
    return max(abs(mean_z_score(moments[:, i, j], covariance[i, j])) for i, j in ((0, 0), (0, 1), (1, 1)))


def test_full_gradients_have_the_biased_covariance(seed):
    landscape = Quadratic(MATRIX, np.zeros(2))
    sampler = SGLD(landscape, BETA, step_size=STEP)
    assert worst(sampler, seed, landscape.langevin_covariance(BETA, STEP)) < 4.9
    assert worst(sampler, seed, landscape.covariance(BETA)) > 4.9


SHARES = {True: 1 / BATCH, False: (SAMPLES - BATCH) / (BATCH * (SAMPLES - 1))}


@pytest.mark.parametrize("replacement", SHARES)
def test_mini_batches_add_their_own_noise(seed, replacement):
    landscape = SampledQuadratic()
    sampler = SGLD(landscape, BETA, step_size=STEP, batch_size=BATCH, replacement=replacement)
    assert sampler.batches.noise_share == pytest.approx(SHARES[replacement], rel=1e-14)
    assert worst(sampler, seed, landscape.covariance(SHARES[replacement])) < 4.9
    assert worst(sampler, seed, landscape.covariance(SHARES[not replacement])) > 4.9
    assert worst(sampler, seed, landscape.covariance(0.0)) > 4.9


def test_preconditioned_steps_are_those_of_the_paper(seed):
    landscape, offset, decay = Quadratic(MATRIX, np.zeros(2)), 0.05, 0.9
    sampler = SGLD(landscape, BETA, step_size=STEP, precondition=offset, decay=decay)
    state = sampler.init(50, seed)
    x, square = state.x.copy(), np.zeros_like(state.x)
    for sweep in range(30):
        gradient, noise = x @ MATRIX, sampler.noise(state, sweep)[:, :2].astype(np.float64)
        square = decay * square + (1 - decay) * gradient**2
        share = 1 / (offset + np.sqrt(square))
        x = x - STEP * share * gradient + np.sqrt(2 * STEP / BETA * share) * noise
        state, _ = sampler.step(state, 1)
        # From the same point in each step: errors of single precision would grow with the steps.
        assert np.allclose(state.x, x, rtol=1e-6, atol=1e-6)
        x, square = state.x.copy(), state.mean_square.copy()


@pytest.mark.parametrize("value", [0.0, 1e-40, -1.0, np.inf])
def test_lambda_must_be_above_what_single_precision_can_tell_from_zero(value):
    with pytest.raises(ArgumentError, match="precondition: got"):
        SGLD(Quadratic(MATRIX), BETA, step_size=STEP, precondition=value)
