"""Local entropies of networks by chains around a bent Gaussian, against closed forms and quadrature."""

import numpy as np
import pytest

from mcmc.landscapes.analytic import DoubleWell
from mcmc.landscapes.network import Data, NetworkLoss, digits, mlp
from mcmc.local_entropy import integration, laplace, quadrature, surroundings
from mcmc.samplers.sgd import SGD


def linear_network():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(60, 12)) * np.linspace(0.3, 2.0, 12)
    return mlp(Data(inputs, inputs @ rng.normal(size=(12, 1)) / 3 + 0.3 * rng.normal(size=(60, 1))), ())


def quadratic_curve(model, x, scales, beta):
    """u(x, t) of a quadratic."""
    unit = np.eye(x.size)
    matrix = model.gradient(x + unit) - model.gradient(x[None])
    slope, height = model.gradient(x[None])[0], model.energy(x[None])[0]
    bent = [unit + t * matrix for t in scales]
    return np.array(
        [
            height - 0.5 * t * slope @ np.linalg.solve(b, slope) + np.linalg.slogdet(b)[1] / (2 * beta)
            for t, b in zip(scales, bent, strict=True)
        ]
    )


class Kept:
    """A landscape of some of the coordinates of another, the others at 0."""

    def __init__(self, landscape, kept):
        self.landscape, self.kept = landscape, list(kept)
        self.dim, self.data_size = len(self.kept), landscape.data_size

    def whole(self, x):
        return np.concatenate([x, np.zeros((len(x), 1))], axis=1)[
            :, [self.kept.index(i) if i in self.kept else -1 for i in range(self.landscape.dim)]
        ]

    def energy(self, x, batch=None):
        return self.landscape.energy(self.whole(x), batch)

    def gradient(self, x, batch=None):
        return self.landscape.gradient(self.whole(x), batch)[:, self.kept]


def tanh_pair():
    """The two weights of a 1-1-1 tanh network without biases."""
    inputs = np.linspace(-2, 2, 40)[:, None]
    return Kept(mlp(Data(inputs, 0.8 * np.tanh(1.5 * inputs)), (1,)), [0, 2])


def within(found, known):
    return np.abs((found.value - known) / found.error).max()


def test_linear_network_with_curvatures_known_in_part(seed):
    model = linear_network()
    x = model.initial_x(1, 2)[0]
    scales = np.array([0.03, 0.3, 1.0])
    known = quadratic_curve(model, x, scales, 60.0)
    # 5 of 13 directions: what the Gaussian does not know is left to the chains.
    found = integration(model, x, scale=scales, beta=60.0, seed=seed, directions=5)
    assert within(found, known) < 4.9
    assert within(found.companions["bar"], known) < 4.9
    assert found.error.max() < 0.01
    assert within(found, known + 0.1) > 4.9
    assert np.abs(found.more["gaussian"][1] - known).max() > 4.9 * found.error.max()


def test_scales_too_far_apart_for_bar_are_named(seed):
    """Integration goes on without it."""
    model = linear_network()
    x = model.initial_x(1, 2)[0]
    found = integration(model, x, scale=[30.0], beta=60.0, seed=seed, directions=1)
    assert any("overlap by" in text for text in found.warnings)


def test_several_points_in_one_call(seed):
    model = linear_network()
    x, scales = model.initial_x(2, 2), np.array([1.0, 0.3])
    options = {"directions": 6, "sweeps": 200, "burn_in": 100}
    found = surroundings(model, x, scales, beta=60.0, seed=seed, integrate=True, options=options)
    known = np.array([quadratic_curve(model, point, scales, 60.0) for point in x]) - found.energy[:, None]
    assert (np.abs(found.integration - known) < 4.9 * found.integration_error).all()
    np.testing.assert_allclose(found.laplace, known, rtol=1e-7)
    table = found.to_xarray()
    assert set(table.dims) == {"run", "scale"}
    assert {"integration_error", "trace_error", "negative_share_error"} <= set(table.data_vars)


def test_a_gaussian_that_knows_all_leaves_nothing(seed):
    model = linear_network()
    x = model.initial_x(1, 2)[0]
    found = integration(model, x, scale=[0.3, 3.0], beta=60.0, seed=seed, directions=13)
    np.testing.assert_allclose(found.value, quadratic_curve(model, x, [0.3, 3.0], 60.0), rtol=1e-7)


def test_torch_module(seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(50, 40))
    data = Data(inputs, inputs @ rng.normal(size=(40, 1)) / 6)
    model = NetworkLoss(torch.nn.Linear(40, 1), "squared", data, weight_decay=0.01)
    x = model.initial_x(1, 2)[0]
    known = quadratic_curve(model, x, [1.0], 50.0)
    found = integration(model, x, scale=[1.0], beta=50.0, seed=seed, directions=8, chains=2, sweeps=64, burn_in=40)
    assert within(found, known) < 4.9
    # From 32 weights on networks take these chains by themselves; 64 directions are all there are.
    alone = integration(model, x, scale=[1.0], beta=50.0, seed=seed)
    assert alone.companions.keys() == {"bar"}
    np.testing.assert_allclose(alone.value, known, rtol=1e-7)


def test_many_wells_each_of_one_dimension(seed):
    """40 coordinates of (y^2 - 1)^2 / 4, beta 8, each by the trapezoidal rule; far from quadratic."""
    x, scales, beta, y = np.full(40, 0.9), np.array([0.05, 0.2, 0.5]), 8.0, np.linspace(-4, 4, 20001)
    exponents = beta * ((y**2 - 1) ** 2 / 4 + (y - 0.9) ** 2 / (2 * scales[:, None]))
    sums = np.trapezoid(np.exp(-exponents), y, axis=1) * np.sqrt(beta / (2 * np.pi * scales))
    known = -40 / beta * np.log(sums)
    found = integration(DoubleWell(40), x, scale=scales, beta=beta, seed=seed, directions=40)
    assert within(found, known) < 4.9
    assert within(found.companions["bar"], known) < 4.9
    second = laplace(DoubleWell(40), x, scales, beta=beta)
    assert abs(second.value[2] - known[2]) > 4.9 * found.error[2]
    assert second.warnings
    assert not found.warnings


@pytest.mark.parametrize("directions", [0, 2])
def test_tanh_network_of_two_weights_against_quadrature(seed, directions):
    pair, x, scales = tanh_pair(), np.array([1.2, 0.9]), np.array([0.5, 4.0])
    known = quadrature(pair, x, scales, beta=40.0).value
    sweeps = 1200 if directions == 0 else 2000
    found = integration(pair, x, scale=scales, beta=40.0, seed=seed, directions=directions, sweeps=sweeps)
    assert within(found, known) < 4.9
    assert within(found.companions["bar"], known) < 4.9
    assert within(found, known + 0.1) > 4.9


def test_chains_that_leave_the_minimum_are_named(seed):
    found = integration(DoubleWell(4), np.ones(4), scale=[0.1, 30.0], beta=6.0, seed=seed, directions=4)
    assert any("left for other minima" in text for text in found.warnings)


@pytest.mark.validate
def test_error_bars_are_those_of_repeats():
    model = linear_network()
    x, scales = model.initial_x(1, 2)[0], np.array([0.3, 3.0])
    known = quadratic_curve(model, x, scales, 60.0)
    runs = [integration(model, x, scale=scales, beta=60.0, seed=k, directions=4) for k in range(100)]
    z = np.array([(run.value - known) / run.error for run in runs])
    assert (np.abs(z.std(axis=0, ddof=1) - 1.0) < 0.3).all()
    assert (np.abs(z.mean(axis=0)) < 0.49).all()


@pytest.mark.validate
def test_digits_network_in_three_ways(seed):
    """d = 2410, beta = n: Laplace at small t, BAR at every t, and where the expansion fails by more than the error."""
    model = mlp(digits(), (32,))
    sampler = SGD(model, step_size=0.1, batch_size=32)
    state, _ = sampler.step(sampler.init(1, 1), 2700)
    x, beta, scales = state.x[0], float(model.data_size), np.array([0.01, 1.0, 10.0])
    found = integration(model, x, scale=scales, beta=beta, seed=seed)
    bar, second = found.companions["bar"], laplace(model, x, scales, beta=beta)
    rise = found.value - state.energy[0]
    assert (found.error < 0.02 * rise).all()
    assert (np.abs(bar.value - found.value) < 4.9 * np.hypot(bar.error, found.error)).all()
    assert abs(second.value[0] - found.value[0]) < 4.9 * np.hypot(second.error[0], found.error[0])
    assert second.value[2] - state.energy[0] < 0.9 * rise[2]
