"""Covariance of batches' gradients, and of the weights of SGD at rest, against D and Lyapunov's equation."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.gradient_noise import gradient_noise, lyapunov, measured_covariance
from mcmc.landscapes.network import mlp, teacher_student
from mcmc.samplers.minibatches import Minibatches
from mcmc.samplers.sgd import SGD

LARGEST_Z = 4.9
KINDS = [True, False, "epoch"]


def covariance_scores(seen, expected):
    """Scores of the covariance of independent vectors (n, k) with known mean 0, each element."""
    products = seen[:, :, None] * seen[:, None, :]
    return (products.mean(axis=0) - expected) / (products.std(axis=0) / np.sqrt(len(seen)))


@pytest.mark.parametrize("replacement", KINDS)
def test_gradients_of_batches_scatter_as_d_says(replacement, seed):
    """40 samples, batches of 10: with and without replacement differ by 30/39."""
    f = mlp(teacher_student(6, 40, teacher=(4,), classes=3, seed=3), (5,))
    x = f.initial_x([0], seed)
    noise = gradient_noise(f, x)
    batches = Minibatches(40, 10, replacement=replacement)
    directions = noise.eigenvectors(5)
    seen = []
    for step in range(4):
        chosen = batches.indices(step, np.arange(5000, dtype=np.uint32), seed)
        away = f.gradient(np.repeat(x, 5000, axis=0), chosen) - f.gradient(x)
        # Batches of one epoch depend on each other, chains do not: such steps are looked at one by one.
        seen.append(away @ directions.T)
    parts = seen if replacement == "epoch" else [np.concatenate(seen)]
    share = noise.noise_share(10, replacement)
    other = noise.noise_share(10, replacement is not True)
    expected = np.diag(noise.eigenvalues[:5])
    for part in parts:
        assert np.abs(covariance_scores(part, share * expected)).max() < LARGEST_Z
        assert np.abs(covariance_scores(part, other * expected)).max() > LARGEST_Z


class Wells:
    """f = mean_k (x - a_k)' A (x - a_k) / 2: D = A Cov(a) A everywhere, so that Lyapunov's equation is exact."""

    def __init__(self, matrix, centres):
        self.matrix, self.centres = matrix, centres
        self.dim, self.data_size = len(matrix), len(centres)

    def initial_x(self, chain, seed):
        return np.repeat(self.centres.mean(axis=0)[None], len(chain), axis=0)

    def energy(self, x, batch=None):
        away = x[:, None] - (self.centres if batch is None else self.centres[batch])
        return 0.5 * np.einsum("cki,ij,ckj->c", away, self.matrix, away) / away.shape[1]

    def gradient(self, x, batch=None):
        centre = self.centres.mean(axis=0) if batch is None else self.centres[batch].mean(axis=1)
        return (x - centre) @ self.matrix


def wells(seed):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return Wells(turn @ np.diag([1.5, 1.0, 0.3]) @ turn.T, rng.normal(size=(12, 3)) * [2, 1, 0.5])


def run(f, seed, replacement, steps=1500, chains=40):
    """Weights (chains, steps, dim) of SGD at rest, batches of 4, step size 0.4."""
    sampler = SGD(f, step_size=0.4, batch_size=4, replacement=replacement)
    state = sampler.init(chains, seed)
    state, _ = sampler.step(state, 100)
    seen = np.empty((steps, chains, 3))
    for draw in range(steps):
        state, _ = sampler.step(state, 1)
        seen[draw] = state.x
    return seen.transpose(1, 0, 2)


def largest(scores):
    return np.abs(scores[np.triu_indices(len(scores))]).max()


@pytest.mark.parametrize("replacement", [True, False])
def test_sgd_rests_as_the_discrete_equation_says(replacement, seed):
    """The continuous one misses by eta l / 2, up to 30 %; the share of the other way of drawing by a factor 8/11."""
    f = wells(seed)
    noise = gradient_noise(f, np.zeros(3))
    laws = [lyapunov(f.matrix, noise.matrix(), 0.4, noise.noise_share(4, r)) for r in (replacement, not replacement)]
    draws = run(f, seed, replacement)
    found = measured_covariance(draws, law=laws[0])
    assert largest(found.z_scores()) < LARGEST_Z
    assert largest(found.z_scores(discrete=False)) > LARGEST_Z
    assert largest(measured_covariance(draws, law=laws[1]).z_scores()) > LARGEST_Z
    directions = np.linalg.eigh(f.matrix)[1].T[::-1][:2]
    within = measured_covariance(draws, law=laws[0], subspace=directions)
    assert within.value.shape == (2, 2)
    assert largest(within.z_scores()) < LARGEST_Z
    assert np.allclose(within.value, directions @ found.value @ directions.T, rtol=1e-3, atol=1e-4)


def test_epochs_are_quieter_than_independent_batches(seed):
    """Batches of an epoch sum to the whole gradient: soft directions feel less noise than the law says."""
    f = wells(seed)
    noise = gradient_noise(f, np.zeros(3))
    law = lyapunov(f.matrix, noise.matrix(), 0.4, noise.noise_share(4, "epoch"))
    soft = np.linalg.eigh(f.matrix)[1][:, :1].T
    found = measured_covariance(run(f, seed, "epoch"), law=law, subspace=soft)
    assert found.z_scores()[0, 0] < -LARGEST_Z


def test_errors_of_the_covariance_are_honest(seed):
    """Scores of 100 autoregressive runs of known law, slow and fast coordinates, spread by 1."""
    rng = np.random.default_rng(seed)
    keep, mix = np.array([0.9, 0.5]), np.array([[1.0, 0.0], [0.6, 0.8]])
    d = mix @ mix.T
    exact = d / (1 - np.outer(keep, keep))
    root = np.linalg.cholesky(exact)
    scores = []
    for _ in range(100):
        x = np.empty((4, 2000, 2))
        x[:, 0] = rng.normal(size=(4, 2)) @ root.T
        kicks = rng.normal(size=(4, 2000, 2)) @ mix.T
        for draw in range(1, 2000):
            x[:, draw] = keep * x[:, draw - 1] + kicks[:, draw]
        found = measured_covariance(x)
        scores.append(((found.value - exact) / found.error)[np.triu_indices(2)])
    z = np.array(scores)
    assert (np.abs(z.mean(axis=0)) < LARGEST_Z * 1.1 / 10).all()
    assert ((z.std(axis=0) > 0.7) & (z.std(axis=0) < 1.35)).all()


@pytest.mark.parametrize("arguments", [
    {"trajectory": np.zeros(5)}, {"trajectory": np.full((9, 2), np.nan)}, {"subspace": np.ones((1, 3))},
    {"law": lyapunov(np.eye(3), np.eye(3), 0.1)}, {"trajectory": [["a"] * 2] * 9},
])  # fmt: skip
def test_runs_that_are_refused(arguments):
    with pytest.raises(ArgumentError):
        measured_covariance(**({"trajectory": np.random.default_rng(1).normal(size=(9, 2))} | arguments))


def test_scores_need_a_law():
    with pytest.raises(ArgumentError, match="law"):
        measured_covariance(np.random.default_rng(1).normal(size=(50, 2))).z_scores()
