"""Networks whose widths and stationary laws are known: those without hidden layers are quadratics."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mcmc.landscapes.network import Data, mlp
from mcmc.local_entropy import extreme_eigenvalues, integration, learning_coefficient, quadrature
from runs.exact_cases.case import Case, from_chains

FEATURES, SAMPLES = 12, 60
BETA = float(SAMPLES)


def width_cases(seed: int) -> Iterator[Case]:
    """u(x, t) of a linear network, by chains that know 5 of 13 curvatures, and of two weights of a tanh network."""
    model, matrix = _regression(FEATURES, SAMPLES)
    x = model.initial_x(1, 2)[0]
    scale = np.array([0.3, 1.0])
    found = integration(model, x, scale=scale, beta=BETA, seed=seed, directions=5)
    exact = [_quadratic(model, matrix, x, t) for t in scale]
    for name, curve in {"integration": found, "bar": found.companions["bar"]}.items():
        for t, value, error, known in zip(scale, curve.value, curve.error, exact, strict=True):
            yield Case(f"linear network, d = 13, {name}, t = {t:g}", float(value), float(error), float(known))
    pair = _TanhPair()
    start = np.array([1.2, 0.9])
    found = integration(pair, start, scale=[4.0], beta=40.0, seed=seed, directions=2, sweeps=2000)
    known = quadrature(pair, start, 4.0, beta=40.0).value[0]
    yield Case("tanh network, d = 2, integration, t = 4", float(found.value[0]), float(found.error[0]), float(known))
    ends = extreme_eigenvalues(model, x, tolerance=1e-6)
    eigenvalues = np.linalg.eigvalsh(matrix)
    yield Case("linear network, highest eigenvalue", ends.highest, ends.highest_error + 1e-12, float(eigenvalues[-1]))


def learning_cases(seed: int) -> Iterator[Case]:
    """A linear network at finite n: (1/2) sum s h / (s h + g), by each sampler."""
    model, matrix = _regression(9, 200)
    zero = np.zeros((1, model.dim))
    minimum = -np.linalg.solve(matrix, model.gradient(zero)[0])
    curvature, pull = np.linalg.eigvalsh(matrix), 20.0
    exact = 0.5 * (200 * curvature / (200 * curvature + pull)).sum()
    samplers: dict[str, dict[str, Any]] = {
        "mala": {"sweeps": 1000},
        "crank_nicolson": {"sweeps": 600, "directions": 7},
        "sgld": {"sweeps": 2000, "step_size": 4e-4, "batch_size": 50},
    }
    for sampler, options in samplers.items():
        found = learning_coefficient(
            model, minimum, beta=1.0, localisation=pull, sampler=sampler, chains=32, seed=seed, **options
        )
        yield Case(f"linear network, n = 200, {sampler}", found.value, found.error, float(exact))


def noise_cases(seed: int) -> Iterator[Case]:
    """Variances of SGD and SGLD on linear regression, with and without replacement, by the exact fixed point."""
    from mcmc.samplers.sgd import SGD
    from mcmc.samplers.sgld import SGLD

    model, matrix = _regression(2, 20, 1.0)
    zero = np.zeros((1, model.dim))
    minimum = -np.linalg.solve(matrix, model.gradient(zero)[0])
    eta, batch = 0.1, 4
    for name, replacement in (("with", True), ("without", False)):
        noise = _batch_factor(batch, 20, replacement)
        sampler: Any = SGD(model, step_size=eta, batch_size=batch, replacement=replacement)
        exact = _fixed_point(model, matrix, minimum, eta, noise, 0.0)
        yield _variance(f"SGD {name} replacement, total variance", sampler, minimum, exact, seed)
    sampler = SGLD(model, 50.0, step_size=eta, batch_size=batch, replacement=True)
    exact = _fixed_point(model, matrix, minimum, eta, _batch_factor(batch, 20, True), 2 * eta / 50.0)
    yield _variance("SGLD with replacement, total variance", sampler, minimum, exact, seed)


def _variance(name: str, sampler: Any, minimum: np.ndarray, exact: np.ndarray, seed: int) -> Case:
    """Trace of the covariance around the minimum, from independent chains."""
    state, _ = sampler.step(sampler.init(256, seed), 600)
    total, draws = np.zeros(256), 150
    for _ in range(draws):
        state, _ = sampler.step(state, 4)
        total += ((state.x - minimum) ** 2).sum(axis=1)
    return from_chains(name, total / draws, float(np.trace(exact)))


def _batch_factor(batch: int, size: int, replacement: bool) -> float:
    return 1 / batch if replacement else (size - batch) / (batch * (size - 1))


def _fixed_point(model, matrix, minimum, eta: float, factor: float, thermal: float) -> np.ndarray:
    """S = M S M + eta^2 c (K S + G) + thermal, M = I - eta H: linear regression with noise of batches, exactly."""
    inputs = np.concatenate([model.data.inputs, np.ones((model.data.size, 1))], axis=1)
    residual = inputs @ minimum - model.data.targets[:, 0]
    dim = minimum.size
    apart = np.einsum("ni,nj->nij", inputs, inputs) - matrix
    step = np.eye(dim) - eta * matrix
    spread = np.einsum("nij,nkl->ikjl", apart, apart).reshape(dim * dim, dim * dim) / len(inputs)
    noise = np.einsum("n,ni,nj->ij", residual**2, inputs, inputs) / len(inputs)
    operator = np.eye(dim * dim) - np.kron(step, step) - eta**2 * factor * spread
    source = eta**2 * factor * noise + thermal * np.eye(dim)
    return np.linalg.solve(operator, source.reshape(-1)).reshape(dim, dim)


def _regression(features: int, samples: int, least: float = 0.3):
    """A network without hidden layers on random data, and its Hessian."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(samples, features)) * np.linspace(least, 1.5, features)
    targets = inputs @ rng.normal(size=(features, 1)) / 3 + 0.3 * rng.normal(size=(samples, 1))
    model = mlp(Data(inputs, targets), ())
    extended = np.concatenate([inputs, np.ones((samples, 1))], axis=1)
    return model, extended.T @ extended / samples


def _quadratic(model, matrix, x, t: float) -> float:
    """u(x, t) in closed form."""
    bent, slope = np.eye(x.size) + t * matrix, model.gradient(x[None])[0]
    height = model.energy(x[None])[0] - 0.5 * t * slope @ np.linalg.solve(bent, slope)
    return float(height + np.linalg.slogdet(bent)[1] / (2 * BETA))


class _TanhPair:
    """The two weights of a 1-1-1 tanh network without biases, for quadrature."""

    dim = 2

    def __init__(self):
        inputs = np.linspace(-2, 2, 40)[:, None]
        self.network = mlp(Data(inputs, 0.8 * np.tanh(1.5 * inputs)), (1,))
        self.data_size: int | None = 40

    def energy(self, x, batch=None):
        return self.network.energy(self._whole(x), batch)

    def gradient(self, x, batch=None):
        return self.network.gradient(self._whole(x), batch)[:, [0, 2]]

    @staticmethod
    def _whole(x):
        zero = np.zeros(len(x))
        return np.stack([x[:, 0], zero, x[:, 1], zero], axis=1)
