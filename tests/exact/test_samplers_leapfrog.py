"""Leapfrog of HMC: reversible and volume-keeping to rounding, of second order, and one step of it is MALA."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.network import Data, mlp
from mcmc.landscapes.xy.model import XYModel
from mcmc.samplers import HMC, leapfrog
from mcmc.samplers.integrators import log_acceptance
from mcmc.samplers.leapfrog import kinetic_energy

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])


def landscapes():
    rng = np.random.default_rng(1)
    return {
        "quadratic": Quadratic(MATRIX, [1.0, -1.0, 0.5]),
        "double well": DoubleWell(4),
        "xy": XYModel(lattice("square", 3)),
        "network": mlp(Data(rng.normal(size=(12, 2)), rng.integers(0, 2, 12)), (3,), weight_decay=0.1),
    }


def follow(landscape, x, v, size, steps):
    """End of a trajectory, (x, v), energies."""
    x, v = x.copy(), v.copy()
    energy, _ = leapfrog.leapfrog(landscape, x, v, landscape.gradient(x), np.full(len(x), size), steps)
    return x, v, energy


def starts(landscape, chains=5):
    rng = np.random.default_rng(7)
    return rng.normal(size=(chains, landscape.dim)), rng.normal(size=(chains, landscape.dim))


@pytest.mark.parametrize("name", landscapes())
def test_velocity_reversed_it_comes_back(name):
    landscape = landscapes()[name]
    x, v = starts(landscape)
    there, speed, energy = follow(landscape, x, v, 0.1, 25)
    back, returned, _ = follow(landscape, there, -speed, 0.1, 25)
    assert np.abs(there - x).max() > 0.1
    assert np.allclose(back, x, rtol=0, atol=1e-12)
    assert np.allclose(-returned, v, rtol=0, atol=1e-12)
    assert np.allclose(energy, landscape.energy(there), rtol=1e-13, atol=1e-14)
    # Without the reversal it goes on elsewhere.
    assert np.abs(follow(landscape, there, speed, 0.1, 25)[0] - x).max() > 0.1


def test_the_map_of_a_quadratic_keeps_volumes_to_rounding():
    landscape = Quadratic(MATRIX)
    basis = np.eye(6)
    x, v, _ = follow(landscape, basis[:, :3], basis[:, 3:], 0.4, 9)
    jacobian = np.concatenate([x, v], axis=1)
    assert abs(np.linalg.det(jacobian) - 1.0) < 1e-13
    # Symplectic too: J' W J = W.
    form = np.block([[np.zeros((3, 3)), np.eye(3)], [-np.eye(3), np.zeros((3, 3))]])
    assert np.allclose(jacobian @ form @ jacobian.T, form, atol=1e-13)


@pytest.mark.parametrize("name", ["double well", "network"])
def test_other_maps_keep_volumes(name):
    landscape = landscapes()[name]
    dim, h = landscape.dim, 1e-5
    x, v = starts(landscape, 1)
    point = np.concatenate([x, v], axis=1)
    moved = np.concatenate([point + h * np.eye(2 * dim), point - h * np.eye(2 * dim)])
    ends = np.concatenate(follow(landscape, moved[:, :dim], moved[:, dim:], 0.15, 6)[:2], axis=1)
    jacobian = (ends[: 2 * dim] - ends[2 * dim :]) / (2 * h)
    assert abs(np.linalg.det(jacobian) - 1.0) < 1e-6


def test_energy_error_falls_with_the_square_of_the_step():
    landscape = DoubleWell(3)
    x, v = starts(landscape)

    def drift(steps):
        _, speed, energy = follow(landscape, x, v, 1.0 / steps, steps)
        return np.abs(energy + 0.5 * (speed**2).sum(1) - landscape.energy(x) - 0.5 * (v**2).sum(1)).max()

    assert drift(200) / drift(400) == pytest.approx(4.0, rel=0.02)


def test_one_step_is_mala():
    landscape, eta, beta = DoubleWell(3), 0.08, 2.0
    x, v = starts(landscape)
    v /= np.sqrt(beta)
    gradient, size = landscape.gradient(x), np.sqrt(2 * eta)
    end, speed, energy = follow(landscape, x, v, size, 1)
    assert np.allclose(end, x - eta * gradient + size * v, rtol=1e-14, atol=1e-15)
    kinetic, after = np.empty(len(x)), np.empty(len(x))
    kinetic_energy(v, kinetic)
    kinetic_energy(speed, after)
    ratio = -beta * (energy - landscape.energy(x) + after - kinetic)
    rest = zip(x, landscape.energy(x), gradient, end, energy, landscape.gradient(end), strict=True)
    assert np.allclose(ratio, [log_acceptance(*one, eta, beta) for one in rest], rtol=1e-10, atol=1e-12)


class Counting(DoubleWell):
    calls = 0

    def energy_and_gradient(self, x):
        Counting.calls += 1
        return self.energy(x), self.gradient(x)


def test_energies_come_with_gradients_where_they_can(seed):
    ours, plain = HMC(Counting(2), steps=3), HMC(DoubleWell(2), steps=3)
    a, b = ours.init(2, seed), plain.init(2, seed)
    started = Counting.calls
    a, b = ours.step(a, 6)[0], plain.step(b, 6)[0]
    assert Counting.calls == started + 6
    assert all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


def test_a_trajectory_beyond_floating_point_is_refused(seed):
    sampler = HMC(DoubleWell(2), step_size=1e3)
    state = sampler.init(3, seed)
    before = state.x.copy()
    state, info = sampler.step(state, 3)
    assert np.array_equal(state.x, before)
    assert not info.acceptance.any()


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"steps": 0}, "steps: got 0"),
        ({"steps": 2.0}, "steps: got 2.0"),
        ({"target": 0.0}, "target: got 0.0"),
        ({"target": 1.0}, "target: got 1.0"),
        ({"jitter": 1.0}, "jitter: got 1.0"),
        ({"jitter": -0.1}, "jitter: got -0.1"),
        ({"beta": np.inf}, "beta: got inf"),
        ({"step_size": 0.0}, "step_size: got 0.0"),
    ],
)
def test_faults_are_named(keywords, says):
    with pytest.raises(ArgumentError, match=says):
        HMC(DoubleWell(1), **keywords)
