"""Curvature and sharpness of networks against dense Hessians, closed forms, and what cannot change."""

import numpy as np
import pytest

from mcmc.landscapes.analytic import Quadratic
from mcmc.landscapes.network import Data, NetworkLoss, digits, mlp
from mcmc.local_entropy import extreme_eigenvalues, hessian_spectrum, laplace, sharpness, surroundings
from mcmc.local_entropy.bent_gaussian import BentGaussian
from mcmc.samplers.sgd import SGD


def trained(model, sweeps=300, step_size=0.1):
    """Weights after some descent."""
    sampler = SGD(model, step_size=step_size)
    state, _ = sampler.step(sampler.init(1, 3), sweeps)
    return state.x[0].copy()


def small_network(activation="tanh"):
    rng = np.random.default_rng(4)
    return mlp(Data(rng.normal(size=(90, 6)), rng.integers(0, 3, 90)), (8,), activation=activation, weight_decay=1e-3)


def linear_network():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(60, 12)) * np.linspace(0.3, 2.0, 12)
    return mlp(Data(inputs, inputs @ rng.normal(size=(12, 1)) + 0.3 * rng.normal(size=(60, 1))), ())


def dense_by_differences(model, x, h=1e-5):
    parts = np.array_split(h * np.eye(x.size), -(-x.size // 64))
    matrix = np.concatenate([model.gradient(x + part) - model.gradient(x - part) for part in parts]) / (2 * h)
    return 0.5 * (matrix + matrix.T)


def closed_form(matrix, gradient, height, t, beta):
    """u(x, t) of a quadratic with this value, gradient and matrix at x."""
    bent = np.eye(gradient.size) + t * matrix
    return height - 0.5 * t * gradient @ np.linalg.solve(bent, gradient) + np.linalg.slogdet(bent)[1] / (2 * beta)


@pytest.fixture(scope="module")
def network():
    model = small_network()
    x = trained(model)
    return model, x, np.linalg.eigvalsh(dense_by_differences(model, x))


def test_spectrum_is_that_of_the_dense_hessian(network):
    model, x, known = network
    found = hessian_spectrum(model, x)
    np.testing.assert_allclose(found.values[0], known, atol=1e-8 * np.abs(known).max() + 1e-9)
    assert known[0] < 0 < known[-1]
    assert found.share(-np.inf, 0.0).value == pytest.approx((known < 0).mean())
    assert found.trace(lambda v: v).value == pytest.approx(known.sum(), rel=1e-7)


def test_probes_see_the_dense_spectrum_within_their_errors(network):
    model, x, known = network
    found = hessian_spectrum(model, x, exact_below=0, probes=64, steps=model.dim)
    trace = found.trace(lambda v: v)
    assert abs(trace.value - known.sum()) < 4.9 * trace.error
    negative = found.share(-np.inf, -0.002)
    assert abs(negative.value - (known < -0.002).mean()) < 4.9 * negative.error
    grid, width = np.linspace(-0.1, 0.6, 30), 0.05
    exact = np.exp(-0.5 * ((grid[:, None] - known) / width) ** 2).mean(axis=1) / (np.sqrt(2 * np.pi) * width)
    density, error = found.density(grid, width)
    assert np.abs((density - exact) / error).max() < 4.9
    assert abs(trace.value - 1.5 * known.sum()) > 4.9 * trace.error


def test_ends_lie_within_their_bounds(network):
    model, x, known = network
    found = extreme_eigenvalues(model, x, tolerance=1e-6)
    assert found.converged
    assert abs(found.highest - known[-1]) < found.highest_error + 1e-8
    assert abs(found.lowest - known[0]) < found.lowest_error + 1e-8
    np.testing.assert_allclose(
        model.hessian_vector(x[None], found.lowest_vector[None])[0], found.lowest * found.lowest_vector, atol=1e-4
    )


def test_few_steps_do_not_claim_to_have_converged(network):
    model, x, _ = network
    assert not extreme_eigenvalues(model, x, tolerance=1e-8, most_steps=4).converged


@pytest.mark.validate
def test_digits_network_has_the_spectrum_of_its_dense_hessian():
    model = mlp(digits(), (32,))
    x = trained(model, 2000)
    known = np.linalg.eigvalsh(dense_by_differences(model, x))
    found = surroundings(model, x, [0.1], beta=1438.0)
    assert found.highest_eigenvalue[0] == pytest.approx(known[-1], rel=1e-6)
    assert found.lowest_eigenvalue[0] == pytest.approx(known[0], rel=1e-4)
    assert found.flat_share[0] == pytest.approx((np.abs(known) < 1e-4).mean(), abs=2e-3)
    probed = surroundings(model, x, [0.1], beta=1438.0, exact_below=0)
    assert abs(probed.trace[0] - known.sum()) < 4.9 * probed.trace_error[0]
    assert np.isnan(probed.flat_share[0])


def test_laplace_of_a_linear_network_is_exact():
    model = linear_network()
    x = model.initial_x(1, 1)[0]
    matrix = dense_by_differences(model, x)
    scales = np.array([0.1, 1.0, 10.0])
    known = [closed_form(matrix, model.gradient(x[None])[0], model.energy(x[None])[0], t, 60.0) for t in scales]
    found = laplace(model, x, scales, beta=60.0)
    np.testing.assert_allclose(found.value, known, rtol=1e-7)
    around = surroundings(model, np.stack([x, x + 0.1]), scales, beta=60.0)
    np.testing.assert_allclose(around.laplace[0] + around.energy[0], known, rtol=1e-7)
    np.testing.assert_allclose(around.trace, np.trace(matrix), rtol=1e-7)


def test_torch_has_the_same_curvature_and_laplace():
    torch = pytest.importorskip("torch")
    model = linear_network()
    twin = NetworkLoss(torch.nn.Linear(12, 1), "squared", model.data)
    x = model.initial_x(1, 1)[0]
    np.testing.assert_allclose(hessian_spectrum(twin, x).values, hessian_spectrum(model, x).values, atol=1e-10)
    np.testing.assert_allclose(
        laplace(twin, x, [0.3, 3.0], beta=60.0).value, laplace(model, x, [0.3, 3.0], beta=60.0).value, rtol=1e-9
    )
    assert extreme_eigenvalues(twin, x).highest == pytest.approx(extreme_eigenvalues(model, x).highest)


def test_gaussian_coordinates_have_the_derivatives_they_claim(network):
    """Force and slope against differences of beta R, at 3 scales."""
    model, x, _ = network
    gaussian = BentGaussian(model, x, 50.0, 10, 0)
    scales, rng = np.array([0.2, 1.0, 5.0]), np.random.default_rng(0)
    z, along, h = rng.normal(size=(3, x.size)), rng.normal(size=(3, x.size)), 1e-5
    seen = gaussian.seen(scales, z)
    by_z = (gaussian.rest(scales, z + h * along) - gaussian.rest(scales, z - h * along)) / (2 * h)
    np.testing.assert_allclose(np.einsum("ci,ci->c", seen.force, along), by_z, rtol=1e-5)
    by_scale = (gaussian.rest(scales * np.exp(h), z) - gaussian.rest(scales * np.exp(-h), z)) / (2 * h)
    np.testing.assert_allclose(50.0 * seen.slope, by_scale, rtol=1e-5)


def worst_on_sphere(matrix, gradient, radius):
    """max g.d + d'H d / 2 over |d| <= radius, H positive definite, by the secular equation."""
    from scipy.optimize import brentq

    values, vectors = np.linalg.eigh(matrix)
    along = vectors.T @ gradient

    def excess(mu):
        return np.linalg.norm(along / (mu - values)) - radius

    mu = brentq(excess, values[-1] + 1e-9, values[-1] + np.linalg.norm(gradient) / radius + 1e-6, xtol=1e-14)
    d = vectors @ (along / (mu - values))
    return gradient @ d + 0.5 * d @ matrix @ d


def test_sharpness_of_a_linear_network_is_that_of_its_quadratic(seed):
    model = linear_network()
    x = model.initial_x(1, 1)[0]
    matrix, slope = dense_by_differences(model, x), model.gradient(x[None])[0]
    found = sharpness(model, x, radius=0.7, sigma=0.2, draws=2000, seed=seed)
    assert found.worst == pytest.approx(worst_on_sphere(matrix, slope, 0.7), rel=1e-6)
    assert found.residual < 1e-3
    assert not found.warnings
    exact = 0.5 * 0.2**2 * np.trace(matrix)
    assert abs(found.average - exact) < 4.9 * found.average_error
    assert abs(found.average - 1.3 * exact) > 4.9 * found.average_error


def test_sharpness_in_a_box_of_a_separable_quadratic():
    curvature, centre = np.array([0.5, 1.0, 3.0]), np.array([0.1, -0.4, 0.0])
    x = np.array([0.3, -0.2, 1.0])
    found = sharpness(Quadratic(curvature, centre), x, radius=0.1, region="box", unit="keskar")
    reach = 0.1 * (np.abs(x) + 1)
    known = (0.5 * curvature * ((np.abs(x - centre) + reach) ** 2 - (x - centre) ** 2)).sum()
    assert found.worst == pytest.approx(known, rel=1e-9)
    assert found.keskar == pytest.approx(100 * known / (1 + found.energy))


def test_sharpness_at_a_minimum_is_the_highest_eigenvalue():
    found = sharpness(Quadratic([0.5, 1.0, 4.0], np.zeros(3)), np.zeros(3), radius=0.3)
    assert found.worst == pytest.approx(0.5 * 0.09 * 4.0, rel=1e-6)


def test_one_step_stops_early_and_says_so():
    model = linear_network()
    found = sharpness(model, model.initial_x(1, 1)[0], radius=50.0, starts=1, steps=1)
    assert "take more steps" in found.warnings[0]


def test_rescaled_layers_change_what_is_not_measured_by_weights(seed):
    """Dinh et al. 2017: relu layers times a and 1 / a are the same function."""
    model = small_network("relu")
    x = trained(model, 100)
    scaled = x.copy()
    first = (6 + 1) * 8
    scaled[:first] *= 4.0
    scaled[first : first + 8 * 3] /= 4.0
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(5, 6))
    np.testing.assert_allclose(model.outputs(scaled[None], inputs), model.outputs(x[None], inputs), rtol=1e-10)
    plain = mlp(model.data, (8,), activation="relu")
    one, other = (sharpness(plain, y, radius=0.05, unit="weights", seed=seed) for y in (x, scaled))
    assert one.average == pytest.approx(other.average, rel=1e-8)
    assert one.worst == pytest.approx(other.worst, rel=1e-4)
    one, other = (sharpness(plain, y, radius=0.05, seed=seed) for y in (x, scaled))
    assert other.average > 1.5 * one.average
