"""The smooth perceptron: gradients against differences, batches, limits, and the Gibbs law against quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from small_systems import mean_z_score

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers import MALA, Langevin
from perceptron.patterns import from_arrays, random_patterns
from perceptron.smooth import LOSSES, PRIORS, SmoothPerceptron

PLANE = from_arrays([[1.0, 0.25], [-0.5, 1.5], [2.0, -0.75]], kind="gaussian")


def plain_energy(landscape, x):
    """The definition, in NumPy, of one chain."""
    n, s = landscape.dim, landscape.strength
    v = x * np.sqrt(n) / np.linalg.norm(x) if landscape.prior == "spherical" else x
    d = landscape.patterns.patterns @ v / np.sqrt(n) - landscape.margin
    hinge = 2 * landscape.lam * np.maximum(0, -d)
    loss = np.logaddexp(0, -2 * landscape.lam * d) if landscape.loss == "cross_entropy" else hinge
    prior = {
        "gaussian": s * x @ x / 2,
        "double_well": s * ((x**2 - 1) ** 2).sum() / 4,
        "spherical": s * (np.linalg.norm(x) - np.sqrt(n)) ** 2 / 2,
        "none": 0.0,
    }
    return loss.sum() + prior[landscape.prior]


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_energy_and_gradient_are_those_of_the_definition(kind, loss, prior):
    landscape = SmoothPerceptron(random_patterns(7, p=9, seed=3, kind=kind), loss, 1.3, 0.2, prior, 0.7)
    assert isinstance(landscape, SmoothLandscape)
    x = 1.5 * np.random.default_rng(1).normal(size=(4, 7))
    expected = [plain_energy(landscape, point) for point in x]
    np.testing.assert_allclose(landscape.energy(x), expected, rtol=1e-13)
    step = 1e-6
    for i in range(7):
        shift = np.zeros(7)
        shift[i] = step
        slope = (landscape.energy(x + shift) - landscape.energy(x - shift)) / (2 * step)
        # Rounding of the energies over the step, and its third derivative.
        np.testing.assert_allclose(landscape.gradient(x)[:, i], slope, atol=1e-8)


@pytest.mark.parametrize("prior", PRIORS)
def test_batches_are_unbiased_and_a_chain_does_not_feel_its_neighbours(prior):
    landscape = SmoothPerceptron(random_patterns(9, p=6, seed=1), lam=2.0, prior=prior)
    x = np.random.default_rng(2).normal(size=(3, 9))
    one_by_one = [(landscape.energy(x, np.array([mu])), landscape.gradient(x, np.array([mu]))) for mu in range(6)]
    np.testing.assert_allclose(np.mean([e for e, _ in one_by_one], axis=0), landscape.energy(x), rtol=1e-13)
    np.testing.assert_allclose(np.mean([g for _, g in one_by_one], axis=0), landscape.gradient(x), atol=1e-13)
    own = np.array([[0, 1], [2, 3], [4, 5]])
    for c in range(3):
        assert landscape.energy(x, own)[c] == landscape.energy(x[c : c + 1], own[c])[0]
        assert np.array_equal(landscape.gradient(x)[c], landscape.gradient(x[c : c + 1])[0])
    assert landscape.data_size == 6


def test_sharp_cross_entropy_is_the_hinge_and_large_arguments_are_finite():
    inst = random_patterns(11, p=8, seed=5)
    x = np.random.default_rng(3).normal(size=(2, 11))
    sharp, hinge = (SmoothPerceptron(inst, loss, 1e5, prior="none") for loss in LOSSES)
    np.testing.assert_allclose(sharp.energy(x), hinge.energy(x), rtol=1e-6)
    far = 1e4 * x
    for loss in LOSSES:
        landscape = SmoothPerceptron(inst, loss, 10.0)
        assert np.isfinite(landscape.energy(far)).all()
        assert np.isfinite(landscape.gradient(far)).all()


def test_the_sphere_sees_directions_only():
    landscape = SmoothPerceptron(random_patterns(9, p=6, seed=1), prior="spherical", strength=2.0)
    x = landscape.initial_x(np.arange(3), seed=1)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 3.0, rtol=1e-14)
    # Doubling the length adds the confinement alone, s (2 sqrt(n) - sqrt(n))^2 / 2 = 9.
    np.testing.assert_allclose(landscape.energy(2 * x) - landscape.energy(x), 9.0, rtol=1e-12)
    assert landscape.energy(np.zeros((1, 9)))[0] == pytest.approx(9.0 + 6 * np.log(2))
    assert (landscape.gradient(np.zeros((1, 9))) == 0).all()


def test_the_origin_has_no_direction_and_no_nan():
    landscape = SmoothPerceptron(PLANE, prior="spherical")
    assert np.array_equal(landscape.weights(np.zeros((1, 2))), np.zeros((1, 2)))
    assert all(np.isfinite(value).all() for value in landscape.observables(np.zeros((1, 2))).values())


def test_read_out_counts_errors_of_signs():
    inst = random_patterns(9, p=6, seed=1)
    landscape = SmoothPerceptron(inst)
    x = np.random.default_rng(4).normal(size=(5, 9))
    signs = np.where(x >= 0, 1, -1)
    assert np.array_equal(landscape.read_out(x), signs)
    assert np.array_equal(landscape.errors(x), (signs @ inst.patterns.T.astype(int) < 0).sum(axis=1))
    seen = landscape.observables(x)
    assert set(seen) == set(landscape.observable_attributes())
    assert np.array_equal(seen["real_errors"], (x @ inst.patterns.T < 0).sum(axis=1))


def plane_moments(landscape, beta, reach=8.0, points=801):
    """Means of x_0, x_0 x_1, |x| and the energy under exp(-beta E) in two dimensions, by quadrature."""
    grid = np.linspace(-reach, reach, points)
    x = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    energy = landscape.energy(x)
    weight = np.exp(-beta * (energy - energy.min()))
    # The trapezoidal rule: the weight is nothing at the edge, and smooth inside for cross-entropy.
    values = np.stack([x[:, 0], x[:, 0] * x[:, 1], np.linalg.norm(x, axis=1), energy])
    return (values * weight).sum(axis=1) / weight.sum()


@pytest.mark.parametrize(
    ("loss", "prior"), [("cross_entropy", "gaussian"), ("hinge", "gaussian"), ("cross_entropy", "spherical")]
)
def test_mala_samples_the_gibbs_law(seed, loss, prior):
    landscape = SmoothPerceptron(PLANE, loss, 1.5, 0.1, prior, 2.0)
    beta = 0.8
    sampler = MALA(landscape, beta, step_size=0.3)
    state, _ = sampler.thermalize(sampler.init(4000, seed), 200)
    series = []
    for _ in range(10):
        state, _ = sampler.step(state, 10)
        x = state.x
        series.append([x[:, 0], x[:, 0] * x[:, 1], np.linalg.norm(x, axis=1), sampler.energy(state).copy()])
    measured = np.moveaxis(np.array(series), 0, 2)
    expected, wrong = plane_moments(landscape, beta), plane_moments(landscape, 1.15 * beta)
    assert max(abs(mean_z_score(m, e)) for m, e in zip(measured, expected, strict=True)) < 4.9
    assert max(abs(mean_z_score(m, e)) for m, e in zip(measured, wrong, strict=True)) > 4.9


def test_the_length_on_the_sphere_is_independent_of_the_loss(seed):
    """Its law is r^(n-1) exp(-beta s (r - sqrt n)^2 / 2) whatever the patterns are."""
    landscape = SmoothPerceptron(random_patterns(5, p=4, seed=2), lam=3.0, prior="spherical", strength=1.5)
    beta = 1.2
    sampler = MALA(landscape, beta, step_size=0.2)
    state, _ = sampler.thermalize(sampler.init(3000, seed), 200)
    lengths = []
    for _ in range(10):
        state, _ = sampler.step(state, 15)
        lengths.append(np.linalg.norm(state.x, axis=1))

    def moment(power, dimension):
        return quad(lambda r: r ** (power + dimension - 1) * np.exp(-beta * 0.75 * (r - np.sqrt(5)) ** 2), 0, 12)[0]

    measured = np.array(lengths).T
    assert abs(mean_z_score(measured, moment(1, 5) / moment(0, 5))) < 4.9
    # Without the factor of the surface it would be that of a line.
    assert abs(mean_z_score(measured, moment(1, 1) / moment(0, 1))) > 4.9


def stationary_moments(drift, beta, eta, reach=6.0, points=601):
    """<x> and <x^2> of y = x + eta drift(x) + sqrt(2 eta / beta) xi, by iterating its transition density on a grid."""
    grid = np.linspace(-reach, reach, points)
    away = grid[None, :] - (grid + eta * drift(grid))[:, None]
    step = np.exp(-beta * away**2 / (4 * eta))
    step /= step.sum(axis=1, keepdims=True)
    law = np.full(points, 1 / points)
    for _ in range(400):
        law = law @ step
    return law @ grid, law @ grid**2


def test_unadjusted_langevin_has_the_law_of_its_steps(seed):
    """One weight, three patterns: the stationary law of the discretised step, bias and all."""
    xi = np.array([1.0, -0.5, 2.0])
    landscape = SmoothPerceptron(from_arrays(xi[:, None], kind="gaussian"), lam=1.2, prior="gaussian", strength=0.8)
    beta, eta = 1.5, 0.25
    sampler = Langevin(landscape, beta, step_size=eta)
    state, _ = sampler.step(sampler.init(20_000, seed), 60)
    series = []
    for _ in range(10):
        state, _ = sampler.step(state, 10)
        series.append([state.x[:, 0], state.x[:, 0] ** 2])
    first, second = np.moveaxis(np.array(series), 0, 2)

    def drift(x):
        return (2.4 * expit(-2.4 * np.outer(x, xi)) * xi).sum(axis=1) - 0.8 * x

    mean, square = stationary_moments(drift, beta, eta)
    assert abs(mean_z_score(first, mean)) < 4.9
    assert abs(mean_z_score(second, square)) < 4.9
    # The unbiased law, which small steps would have, is another.
    assert abs(mean_z_score(second, stationary_moments(drift, beta, eta / 50)[1])) > 4.9


def test_bad_input_is_named():
    inst = random_patterns(9, p=6)
    landscape = SmoothPerceptron(inst)
    for call, name in [
        (lambda: SmoothPerceptron(inst.patterns), "patterns"),
        (lambda: SmoothPerceptron(inst, "square"), "loss"),
        (lambda: SmoothPerceptron(inst, prior="flat"), "prior"),
        (lambda: SmoothPerceptron(inst, lam=-1), "lam"),
        (lambda: SmoothPerceptron(inst, strength=0), "strength"),
        (lambda: SmoothPerceptron(inst, margin=np.nan), "margin"),
        (lambda: landscape.energy(np.zeros(9)), "x"),
        (lambda: landscape.energy(np.zeros((1, 9)), np.array([6])), "batch"),
        (lambda: landscape.energy(np.zeros((1, 9)), np.array([0.5])), "batch"),
        (lambda: landscape.gradient(np.zeros((1, 9)), np.zeros((2, 3), int)), "batch"),
    ]:
        with pytest.raises(ArgumentError, match=f"^{name}: got"):
            call()
