"""Proximal point against the exact map of a quadratic, its own linear recursion, and wherever it is stopped."""

import numpy as np
import pytest
from small_systems import mean_z_score

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import ProximalPoint, step_rates

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])
CENTER = np.array([1.0, -1.0, 0.5])
QUADRATIC = Quadratic(MATRIX, CENTER)


@pytest.mark.parametrize("scale", [0.3, 5.0])
def test_many_inner_steps_are_the_exact_map(seed, scale):
    sampler = ProximalPoint(QUADRATIC, step_size=0.15, scale=scale, steps=400)
    state = sampler.init(4, seed)
    before = state.x.copy()
    state, _ = sampler.step(state, 400)
    exact = CENTER + np.linalg.solve(np.eye(3) + scale * MATRIX, (before - CENTER).T).T
    assert np.allclose(state.x, exact, rtol=1e-12, atol=1e-13)
    # A step of descent on the Moreau envelope, of length `scale`.
    assert np.allclose(
        state.x, before - scale * QUADRATIC.local_entropy_gradient(before, scale), rtol=1e-12, atol=1e-13
    )
    assert np.array_equal(state.x, state.y)


def test_few_inner_steps_follow_their_recursion(seed):
    scale, rate, steps = 0.8, 0.2, 5
    sampler = ProximalPoint(QUADRATIC, step_size=rate, scale=scale, steps=steps)
    state = sampler.init(3, seed)
    x = state.x.copy()
    push = np.linalg.matrix_power(np.eye(3) - rate * (MATRIX + np.eye(3) / scale), steps)
    for _ in range(4):
        target = CENTER + np.linalg.solve(np.eye(3) + scale * MATRIX, (x - CENTER).T).T
        x = target + (x - target) @ push
        state, _ = sampler.step(state, steps)
        assert np.allclose(state.x, x, rtol=1e-12, atol=1e-13)
        assert not np.allclose(state.x, target, rtol=1e-3)


def test_each_chain_has_its_own_scale(seed):
    scales = np.array([0.2, 1.0, 4.0])
    sampler = ProximalPoint(QUADRATIC, step_size=[0.1, 0.2, 0.3], scale=scales, steps=600)
    state = sampler.init(3, seed)
    before = state.x.copy()
    state, _ = sampler.step(state, 600)
    for x, start, t in zip(state.x, before, scales, strict=True):
        assert np.allclose(x - CENTER, np.linalg.solve(np.eye(3) + t * MATRIX, start - CENTER), rtol=1e-10, atol=1e-12)


def test_critical_points_stay_and_minima_attract(seed):
    landscape = DoubleWell(2)
    sampler = ProximalPoint(landscape, step_size=0.1, scale=0.5, steps=10)
    state = sampler.init(3, seed)
    fixed = np.array([[1.0, -1.0], [0.0, 1.0], [0.0, 0.0]])
    state.x[:] = state.y[:] = fixed
    state, info = sampler.step(state, 100)
    assert np.array_equal(state.x, fixed)
    assert not info.gradient_norm.any()
    state, _ = sampler.step(sampler.init(20, seed), 2000)
    assert np.allclose(np.abs(state.x), 1.0, atol=1e-10)


def test_x_moves_at_the_ends_of_inner_loops_alone(seed):
    sampler = ProximalPoint(QUADRATIC, step_size=0.1, scale=1.0, steps=4)
    state = sampler.init(2, seed)
    moved = []
    for _ in range(9):
        before = state.x.copy()
        state, _ = sampler.step(state, 1)
        moved.append(not np.array_equal(before, state.x))
        assert np.array_equal(sampler.weights(state), state.x)
        assert np.array_equal(state.energy, QUADRATIC.energy(state.x))
    assert moved == [False, False, False, True] * 2 + [False]


def test_a_stop_inside_the_inner_loop_leaves_the_bits(seed):
    rng = np.random.default_rng(2)
    network = mlp(Data(rng.normal(size=(30, 4)), rng.integers(0, 3, 30)), (5,))
    sampler = ProximalPoint(network, step_size=0.1, scale=2.0, steps=7, batch_size=8, rates=step_rates([20]))
    whole, _ = sampler.step(sampler.init(3, seed), 40)
    state = sampler.init(3, seed)
    for piece in (3, 1, 9, 10, 17):
        # Nothing but the arrays of the state is carried over.
        state = type(state)(*(array.copy() for array in state))
        fresh = ProximalPoint(network, step_size=0.1, scale=2.0, steps=7, batch_size=8, rates=step_rates([20]))
        state, _ = fresh.step(state, piece)
    assert all(np.array_equal(a, b) for a, b in zip(whole, state, strict=True))


class Shifted:
    """Mean over samples of |x - m_k|^2 / 2."""

    dim, data_size = 2, 10

    def __init__(self):
        self.points = np.random.default_rng(4).normal(size=(10, 2))

    def energy(self, x, batch=None):
        return 0.5 * ((x[:, None] - self.points) ** 2).sum(axis=2).mean(axis=1)

    def gradient(self, x, batch=None):
        return x - (self.points.mean(axis=0) if batch is None else self.points[batch].mean(axis=1))


def test_mini_batches_leave_the_map_right_on_average(seed):
    landscape = Shifted()
    scale, rate, steps, start = 0.7, 0.25, 6, np.array([2.0, -1.0])
    sampler = ProximalPoint(landscape, step_size=rate, scale=scale, steps=steps, batch_size=3, replacement=False)
    state = sampler.init(8000, seed)
    state.x[:] = state.y[:] = start
    state, _ = sampler.step(state, steps)
    keep = 1 - rate * (1 + 1 / scale)
    target = (scale * landscape.points.mean(axis=0) + start) / (1 + scale)
    mean = target + keep**steps * (start - target)
    noise = rate**2 * sampler.batches.noise_share * landscape.points.var(axis=0)
    variance = noise * (1 - keep ** (2 * steps)) / (1 - keep**2)
    for i in range(2):
        assert abs(mean_z_score(state.x[:, i], mean[i])) < 4.9
        assert abs(mean_z_score((state.x[:, i] - mean[i]) ** 2, variance[i])) < 4.9
        assert abs(mean_z_score((state.x[:, i] - mean[i]) ** 2, 1.2 * variance[i])) > 4.9


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"scale": 0.0}, "scale: got 0.0"),
        ({"scale": [[1.0]]}, "scale: got"),
        ({"scale": "far"}, "scale: got 'far'"),
        ({"steps": 0}, "steps: got 0"),
        ({"steps": 2.5}, "steps: got 2.5"),
        ({"step_size": -1.0}, "step_size: got -1.0"),
        ({"batch_size": 3}, "batch_size: got 3"),
    ],
)
def test_faults_are_named(keywords, says):
    with pytest.raises(ArgumentError, match=says):
        ProximalPoint(QUADRATIC, **{"step_size": 0.1, "scale": 1.0, **keywords})


def test_scales_must_be_as_many_as_chains():
    with pytest.raises(ArgumentError, match="scale: got 2"):
        ProximalPoint(QUADRATIC, step_size=0.1, scale=[1.0, 2.0]).init(3, 0)
