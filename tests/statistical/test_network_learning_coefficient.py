"""Local learning coefficients of networks against the laws at finite n, by each sampler."""

import numpy as np
import pytest

from mcmc.landscapes.network import Data, mlp
from mcmc.local_entropy import learning_coefficient

LOCALISATION = 20.0


def linear_network():
    """At its minimum, with the eigenvalues of its Hessian."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 9))
    model = mlp(Data(inputs, inputs @ rng.normal(size=(9, 1)) + 0.3 * rng.normal(size=(200, 1))), ())
    zero = np.zeros((1, 10))
    matrix = model.hessian_vector(zero, np.eye(10))
    return model, -np.linalg.solve(matrix, model.gradient(zero)[0]), np.linalg.eigvalsh(matrix)


def law(curvature, s, g=LOCALISATION):
    return 0.5 * (s * curvature / (s * curvature + g)).sum()


class Product:
    """w1, w2 of a 1-1-1 network with identity activation and no biases, for targets 0: K = m w1^2 w2^2 / 2."""

    dim = 2

    def __init__(self):
        inputs = np.linspace(-1.5, 1.5, 30)[:, None]
        self.network = mlp(Data(inputs, np.zeros((30, 1))), (1,), activation="identity")
        self.data_size, self.moment = 30, float((inputs**2).mean())

    def whole(self, x):
        zero = np.zeros(len(x))
        return np.stack([x[:, 0], zero, x[:, 1], zero], axis=1)

    def energy(self, x, batch=None):
        return self.network.energy(self.whole(x), batch)

    def gradient(self, x, batch=None):
        return self.network.gradient(self.whole(x), batch)[:, [0, 2]]


def product_law(moment, s, g):
    """s <K>, the integral over w2 in closed form: at fixed w1 it is a Gaussian of precision s m w1^2 + g."""
    w = np.linspace(0.0, 12.0 / np.sqrt(g), 400001)
    steep = s * moment * w**2
    weight = np.exp(-0.5 * g * w**2) / np.sqrt(steep + g)
    return np.trapezoid(weight * 0.5 * steep / (steep + g), w) / np.trapezoid(weight, w)


@pytest.mark.parametrize(
    "options",
    [
        {"chains": 32, "sweeps": 1500},
        {"sampler": "crank_nicolson", "chains": 32, "sweeps": 1000, "directions": 4},
        {"sampler": "sgld", "step_size": 4e-4, "batch_size": 50, "chains": 32, "sweeps": 3000},
    ],
    ids=["mala", "crank_nicolson", "sgld"],
)
def test_linear_network_at_finite_n(seed, options):
    model, x, curvature = linear_network()
    found = learning_coefficient(model, x, beta=1.0, localisation=LOCALISATION, seed=seed, **options)
    exact = law(curvature, 200.0)
    assert abs(found.z_score(exact)) < 4.9
    assert abs(found.z_score(5.9)) > 4.9
    assert found.inverse_temperature == 200.0


def test_weak_localisation_gives_half_the_dimension(seed):
    model, x, curvature = linear_network()
    found = learning_coefficient(
        model, x, beta=100.0, localisation=1.0, sampler="crank_nicolson", chains=32, sweeps=500, seed=seed
    )
    assert law(curvature, 20000.0, 1.0) == pytest.approx(5.0, abs=1e-3)
    assert abs(found.z_score(5.0)) < 4.9
    assert found.error < 0.02


@pytest.mark.parametrize("sampler", ["mala", "crank_nicolson"])
def test_product_of_two_weights_is_singular(seed, sampler):
    """Far below d / 2 = 1, and not yet 1 / 2."""
    model, g = Product(), 1.0
    found = learning_coefficient(
        model, np.zeros(2), beta=20.0, localisation=g, sampler=sampler, chains=32, sweeps=6000, burn_in=1000, seed=seed
    )
    exact = product_law(model.moment, 600.0, g)
    assert 0.3 < exact < 0.5
    assert abs(found.z_score(exact)) < 4.9
    assert abs(found.z_score(0.5)) > 4.9
