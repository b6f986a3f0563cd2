"""Inner loops and coupled replicas on quadratics, where all is linear: exact laws at finite L and finite step.

Inner loop around x: v = (y, mu) follows v <- T v + B x + G xi, so that after L steps mu is normal with mean R x and
covariance C. Outer steps are then linear too. Answers for L = infinity must be refused.
"""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from small_systems import mean_z_score

from mcmc.landscapes.analytic import Quadratic
from mcmc.samplers import ElasticSGD, EntropySGD, LoopConventions, Parle, ReplicatedSGD

A = np.array([[2.0, 0.5], [0.5, 1.0]])
BETA, SCALE, INNER, LOOP, KEPT = 5.0, 0.8, 0.2, 6, 0.75
ONE = np.eye(2)
INNER_LOOP = {"scale": SCALE, "steps": LOOP, "inner_step_size": INNER, "averaging": KEPT, "outer": "average"}


def around(loops=LOOP):
    """R and C: mu is normal around R x with covariance C."""
    stay = ONE - INNER * (A + ONE / SCALE)
    turn = np.block([[stay, 0 * ONE], [(1 - KEPT) * stay, KEPT * ONE]])
    push = np.vstack([ONE, (1 - KEPT) * ONE])
    mean, covariance = np.vstack([ONE, ONE]), np.zeros((4, 4))
    for _ in range(loops):
        mean = turn @ mean + push * (INNER / SCALE)
        covariance = turn @ covariance @ turn.T + 2 * INNER / BETA * push @ push.T
    return mean[2:], covariance[2:, 2:]


def gibbs():
    """The same for L = infinity: mean and covariance of exp(-beta f(y) - beta |x - y|^2 / (2 t))."""
    precision = A + ONE / SCALE
    return np.linalg.inv(precision) / SCALE, np.linalg.inv(precision) / BETA


def worst(values, mean, covariance):
    """Largest |z| of the moments of values (chains, ..., 2)."""
    away = values - mean
    moments = np.concatenate([away, away[..., :1] ** 2, away[..., 1:] ** 2, away[..., :1] * away[..., 1:]], axis=-1)
    wanted = (0, 0, covariance[0, 0], covariance[1, 1], covariance[0, 1])
    return max(abs(mean_z_score(moments[..., i], value)) for i, value in enumerate(wanted))


def test_the_inner_loop_has_the_bias_of_its_length(seed):
    sampler = EntropySGD(Quadratic(A), BETA, step_size=1.0, **INNER_LOOP)
    state = sampler.init(20_000, seed)
    x = np.array([1.5, -0.7])
    state.x[:] = x
    state, _ = sampler.step(state, LOOP)
    exact, spread = around()
    assert worst(state.average, exact @ x, spread) < 4.9
    # With step 1 the new x is mu, to the bit.
    assert np.array_equal(state.average, state.x)
    naive, infinite = gibbs()
    assert worst(state.average, naive @ x, infinite) > 4.9
    assert worst(state.average, naive @ x, spread) > 4.9
    assert worst(state.average, exact @ x, infinite) > 4.9
    assert worst(state.average, around(LOOP - 1)[0] @ x, spread) > 4.9


def stationary(step_size, inner, coupling=0.0):
    """Covariance of x <- x - eta (x - mu) - eta k x along a mode that the coupling acts on with strength k."""
    exact, spread = inner
    turn = (1 - step_size - step_size * coupling) * ONE + step_size * exact
    return solve_discrete_lyapunov(turn, step_size**2 * spread)


def settled(sampler, seed, chains, burn_in, every, draws=6):
    """Replicas (chains, draws, replicas, 2) and centres (chains, draws, 2) after multiples of `every` sweeps."""
    state, _ = sampler.step(sampler.init(chains, seed), burn_in * every)
    replicas, centres = [], []
    for _ in range(draws):
        state, _ = sampler.step(state, 2 * every)
        replicas.append(state.x.reshape(chains, -1, 2).copy())
        centres.append(sampler.weights(state).copy())
    return np.stack(replicas, axis=1), np.stack(centres, axis=1)


def test_entropy_sgd_settles_in_its_linear_recursion(seed):
    sampler = EntropySGD(Quadratic(A), BETA, step_size=0.8, **INNER_LOOP)
    _, x = settled(sampler, seed, 8000, 40, LOOP)
    assert worst(x, 0.0, stationary(0.8, around())) < 4.9
    assert worst(x, 0.0, stationary(0.8, gibbs())) > 4.9
    assert worst(x, 0.0, stationary(0.8, around(LOOP // 2))) > 4.9


def test_parle_settles_in_its_linear_recursion(seed):
    sampler = Parle(Quadratic(A), BETA, step_size=0.8, replicas=3, coupling=0.5, momentum=0.0, **INNER_LOOP)
    x, centre = settled(sampler, seed, 6000, 30, LOOP)
    together, apart = stationary(0.8, around()), stationary(0.8, around(), 0.5)
    assert worst(centre, 0.0, together / 3) < 4.9
    assert worst(x - centre[:, :, None], 0.0, apart * 2 / 3) < 4.9
    assert worst(x - centre[:, :, None], 0.0, together * 2 / 3) > 4.9
    assert worst(centre, 0.0, stationary(0.8, gibbs()) / 3) > 4.9
    assert worst(centre, 0.0, together) > 4.9


class NoisyQuadratic:
    """h |x|^2 / 2 with gradients h x -+ h a, of covariance `noise` in each coordinate.

    Batches are drawn with replacement from two samples and as long as x: the i-th of a batch decides the sign in
    coordinate i, so that coordinates are independent.
    """

    data_size = 2

    def __init__(self, curvature, noise, dim=2):
        self.curvature, self.away, self.dim = curvature, np.sqrt(noise) / curvature, dim

    def energy(self, x, batch=None):
        return 0.5 * self.curvature * ((x**2).sum(axis=1) + self.dim * self.away**2)

    def gradient(self, x, batch=None):
        return self.curvature * x - self.curvature * self.away * (2.0 * batch - 1.0)


def elastic_covariance(curvature, noise, eta, coupling, replicas, moving):
    """Covariance of (x^1, ..., x^n, c) in one coordinate."""
    n = replicas
    turn = np.zeros((n + 1, n + 1))
    turn[:n, :n] = (1 - eta * curvature - eta * coupling) * np.eye(n)
    turn[:n, :n] += 0 if moving else eta * coupling / n
    if moving:
        turn[:n, n] = eta * coupling
        turn[n, :n], turn[n, n] = eta * coupling, 1 - n * eta * coupling
    noisy = np.diag([eta**2 * noise] * n + [0.0])
    if not moving:
        found = solve_discrete_lyapunov(turn[:n, :n], noisy[:n, :n])
        return found, found.mean()
    found = solve_discrete_lyapunov(turn, noisy)
    return found[:n, :n], found[n, n]


@pytest.mark.parametrize("kind", ["moving", "mean", "replicated"])
def test_elastic_sgd_settles_in_its_linear_recursion(seed, kind):
    f = NoisyQuadratic(1.5, 0.4)
    given = {"step_size": 0.2, "coupling": 0.6, "replicas": 3, "batch_size": 2, "replacement": True}
    sampler = ReplicatedSGD(f, **given) if kind == "replicated" else ElasticSGD(f, centre=kind, **given)
    x, centre = settled(sampler, seed, 8000, 80, 1, draws=8)
    replicas, middle = elastic_covariance(1.5, 0.4, 0.2, 0.6, 3, kind == "moving")
    other = elastic_covariance(1.5, 0.4, 0.2, 0.6, 3, kind != "moving")[1]
    assert worst(centre, 0.0, middle * ONE) < 4.9
    assert worst(x[:, :, 1], 0.0, replicas[0, 0] * ONE) < 4.9
    assert abs(mean_z_score(x[:, :, 0] * x[:, :, 2], replicas[0, 2])) < 4.9
    assert worst(centre, 0.0, other * ONE) > 4.9
    assert abs(mean_z_score(x[:, :, 0] * x[:, :, 2], 0.0)) > 4.9


def homogenised(eps, replicas, curvature):
    """Var(x) = eps / (n beta h (1 + eps + t h)) of the coupled equations in continuous time, arXiv:1704.04932."""
    return eps / (replicas * BETA * curvature * (1 + eps + SCALE * curvature))


def coupled_equations(seconds, eps=0.5, chains=8000):
    """Entropy-SGD whose y lives on: both equations with one time step."""
    return EntropySGD(
        Quadratic([2.0, 0.7]), BETA, step_size=seconds, scale=SCALE, steps=1, inner_step_size=seconds / eps,
        averaging=0.0, conventions=LoopConventions(keep_inner=True),
    )  # fmt: skip


@pytest.mark.validate
def test_entropy_sgd_in_small_steps_is_homogenised(seed):
    limit = np.diag([homogenised(0.5, 1, h) for h in (2.0, 0.7)])
    seconds = 0.002
    _, x = settled(coupled_equations(seconds), seed, 4000, 12, int(1 / seconds), draws=10)
    assert worst(x, 0.0, limit) < 4.9
    assert worst(x, 0.0, limit / 0.5) > 4.9
    _, x = settled(coupled_equations(0.2), seed, 4000, 12, 5, draws=10)
    assert worst(x, 0.0, limit) > 4.9


@pytest.mark.validate
def test_elastic_sgd_in_small_steps_is_homogenised(seed):
    """c moves as fast as n replicas together: eps = n. Noise of a batch is 2 / (beta eta) for temperature 1 / beta."""
    eta, n = 0.003, 3
    f = NoisyQuadratic(1.5, 2 / (BETA * eta))
    sampler = ElasticSGD(f, step_size=eta, coupling=1 / SCALE, replicas=n, batch_size=2, replacement=True)
    _, centre = settled(sampler, seed, 4000, 12, int(1 / eta), draws=10)
    assert worst(centre, 0.0, homogenised(n, n, 1.5) * ONE) < 4.9
    assert worst(centre, 0.0, homogenised(1.0, n, 1.5) * ONE) > 4.9
