"""Alignment with the Hessian and stationary laws, against closed forms and dense algebra."""

import numpy as np
import pytest
from scipy import linalg

from mcmc.errors import ArgumentError
from mcmc.gradient_noise import alignment, gradient_noise, lyapunov
from mcmc.landscapes.network import Data, mlp, teacher_student

LARGEST_Z = 4.9


class Wells:
    """f = mean_k (x - a_k)' A (x - a_k) / 2: D = A Cov(a) A everywhere, H = A."""

    def __init__(self, matrix, centres):
        self.matrix, self.centres = matrix, centres
        self.dim, self.data_size = matrix.shape[0], len(centres)

    def energy(self, x, batch=None):
        away = x[:, None] - (self.centres if batch is None else self.centres[batch])
        return 0.5 * np.einsum("cki,ij,ckj->c", away, self.matrix, away) / away.shape[1]

    def gradient(self, x, batch=None):
        away = x[:, None] - (self.centres if batch is None else self.centres[batch])
        return away.mean(axis=1) @ self.matrix

    def hessian_vector(self, x, v):
        return v @ self.matrix


def wells(covariance_root, matrix):
    """Samples of covariance root root' exactly, each with its mirror image."""
    dim = len(matrix)
    centres = np.sqrt(dim) * np.concatenate([covariance_root.T, -covariance_root.T])
    return Wells(np.asarray(matrix, float), centres)


def test_noise_and_curvature_of_one_shape():
    """Cov(a) = A^-1 gives D = A: everything is aligned."""
    matrix = np.diag([4.0, 2.0, 1.0, 0.5, 0.25, 0.1])
    f = wells(np.diag(np.diag(matrix) ** -0.5), matrix)
    noise = gradient_noise(f, np.ones(6))
    assert np.allclose(noise.matrix(), matrix)
    found = alignment(noise, f, top=2)
    assert found.exact
    assert found.cosine.value == pytest.approx(1)
    assert found.cosine.error == 0
    assert found.overlap == pytest.approx(1)
    assert found.noise_in_top == pytest.approx(6 / np.trace(matrix))
    assert found.anisotropy.value == pytest.approx(6 * (matrix**2).sum() / np.trace(matrix) ** 2)
    assert np.allclose(found.hessian_eigenvalues, [4, 2])
    assert found.in_top_if_isotropic == pytest.approx(1 / 3)


def test_isotropic_noise():
    matrix = np.diag([4.0, 2.0, 1.0, 0.5])
    f = wells(np.linalg.inv(matrix), matrix)
    found = alignment(gradient_noise(f, np.zeros(4)), matrix, top=1)
    assert found.anisotropy.value == pytest.approx(1)
    assert found.noise_in_top == pytest.approx(found.in_top_if_isotropic)
    assert found.cosine.value == pytest.approx(np.trace(matrix) / np.sqrt((matrix**2).sum() * 4))


def test_noise_across_the_curvature():
    """The stiff direction is quiet, the noise is in the soft one."""
    matrix = np.diag([1.0, 1e-3])
    f = wells(np.diag([0.0, 1e3]), matrix)
    found = alignment(gradient_noise(f, np.zeros(2)), f, top=1)
    assert found.overlap == pytest.approx(0, abs=1e-12)
    assert found.noise_in_top == pytest.approx(0, abs=1e-12)
    assert found.cosine.value == pytest.approx(1e-3 / np.sqrt(1 + 1e-6))


def network():
    return mlp(teacher_student(8, 60, teacher=(4,), classes=3, seed=4), (6, 5))


def test_probes_agree_with_the_matrix(seed):
    f = network()
    noise = gradient_noise(f, f.initial_x([0], seed))
    exact = alignment(noise, f, top=4)
    h, d = f.hessian_vector(noise.point[None], np.eye(f.dim)), noise.matrix()
    assert exact.trace_product.value == pytest.approx(np.trace(h @ d))
    assert exact.hessian_norm.value == pytest.approx(np.linalg.norm(h))
    assert exact.cosine.value == pytest.approx(np.trace(h @ d) / np.linalg.norm(h) / np.linalg.norm(d))
    rough = alignment(noise, f, top=4, probes=400, seed=seed, exact_below=0)
    assert not rough.exact
    for name in ("cosine", "trace_product", "hessian_trace", "hessian_norm"):
        value, error = getattr(rough, name)
        assert error > 0
        assert abs(value - getattr(exact, name).value) < LARGEST_Z * error
    ratio = f.dim * rough.trace_product.value / (rough.hessian_trace.value * noise.trace)
    assert np.isnan(rough.anisotropy.value) or rough.anisotropy.value == pytest.approx(ratio, rel=0.1)
    assert np.allclose(rough.hessian_eigenvalues, exact.hessian_eigenvalues, rtol=1e-6)
    assert rough.overlap == pytest.approx(exact.overlap, abs=1e-6)
    assert rough.noise_in_top == pytest.approx(exact.noise_in_top, rel=1e-6)
    again = alignment(noise, lambda v: f.hessian_vector(noise.point[None], v), top=4, probes=400, seed=seed)
    assert again.cosine == exact.cosine


def test_errors_of_probes_are_honest(seed):
    """Scores over many seeds have a spread of 1: errors too large or too small by a third would be told."""
    f = network()
    noise = gradient_noise(f, f.initial_x([0], seed))
    exact = alignment(noise, f)
    h = f.hessian_vector(noise.point[None], np.eye(f.dim))
    scores = {"cosine": [], "hessian_norm": [], "trace_product": [], "hessian_trace": []}
    for k in range(120):
        rough = alignment(noise, h, top=2, probes=128, seed=1000 * seed + k, exact_below=0)
        for name, found in scores.items():
            value, error = getattr(rough, name)
            found.append((value - getattr(exact, name).value) / error)
    for found in scores.values():
        z = np.array(found)
        assert abs(z.mean()) < LARGEST_Z * 1.15 / np.sqrt(120)
        assert 0.75 < z.std() < 1.3


def random_symmetric(seed, dim, lowest):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(dim, dim))
    return root @ root.T / dim + lowest * np.eye(dim)


def test_the_equations_hold(seed):
    h, d = random_symmetric(seed, 7, 0.1), random_symmetric(seed + 1, 7, 0.0)
    eta, share = 0.3, 0.05
    law = lyapunov(h, d, eta, share)
    m = np.eye(7) - eta * h
    s, c, q = law.discrete, law.continuous, law.circulation
    assert np.allclose(s, linalg.solve_discrete_lyapunov(m, eta**2 * share * d))
    assert np.allclose(c, linalg.solve_continuous_lyapunov(h, eta * share * d))
    beta = 1 / law.temperature
    assert np.isclose(law.temperature, eta * share / 2)
    assert np.allclose(q, beta * h @ c - d)
    assert np.allclose(q, -q.T)
    assert np.abs(q).max() > 0.01 * np.abs(d).max()
    away = np.random.default_rng(seed).normal(size=(2, 7))
    assert np.allclose(law.within(away), away @ s @ away.T)
    assert np.allclose(law.within(away, discrete=False), away @ c @ away.T)


def test_langevin_is_a_case():
    """D = I with eta c = 2 eta / beta gives 1 / (beta l (1 - eta l / 2)), the law of the Langevin step."""
    values, eta, beta = np.array([0.5, 1.0, 3.0]), 0.2, 4.0
    law = lyapunov(np.diag(values), np.eye(3), eta, 2 / (eta * beta))
    assert np.allclose(np.diag(law.discrete), 1 / (beta * values * (1 - eta * values / 2)))
    assert np.allclose(np.diag(law.continuous), 1 / (beta * values))
    assert np.allclose(law.circulation, 0)


def test_flat_directions_are_named():
    h = np.diag([2.0, 0.0, 1.0, -0.5])
    with pytest.raises(ArgumentError, match=r"2 directions are flat or run downhill \(1 negative, lowest -0.5\)"):
        lyapunov(h, np.eye(4), 0.1)
    law = lyapunov(h, np.eye(4), 0.1, flat="omit")
    assert np.allclose(np.abs(law.flat_directions), np.eye(4)[[3, 1]])
    assert np.allclose(law.flat_eigenvalues, [-0.5, 0])
    small = lyapunov(np.diag([2.0, 1.0]), np.eye(2), 0.1)
    assert np.allclose(law.discrete[np.ix_([0, 2], [0, 2])], small.discrete)
    assert not law.discrete[[1, 3]].any()


@pytest.mark.parametrize(("arguments", "named"), [
    ((np.eye(2), np.eye(3), 0.1), "diffusion"), ((np.eye(2), np.eye(2), 2.1), "diverge"),
    ((np.array([[0.0, 1], [0, 0]]), np.eye(2), 0.1), "across the diagonal"), ((np.eye(2), np.eye(2), 0.0), "step_size"),
    ((np.zeros((2, 2)), np.eye(2), 0.1), "flat"), (("a", np.eye(2), 0.1), "hessian"),
    ((np.eye(2), np.eye(2), 0.1, -1), "noise_share"),
])  # fmt: skip
def test_laws_that_are_refused(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        lyapunov(*arguments)


def test_where_nothing_is_curved():
    noise = gradient_noise(wells(np.eye(4), np.eye(4)), np.zeros(4))
    found = alignment(noise, np.zeros((4, 4)), top=1)
    assert np.isnan(found.cosine.value)
    assert np.isnan(found.anisotropy.value)
    assert found.trace_product.value == 0


def test_alignments_that_are_refused():
    f = mlp(Data(np.random.default_rng(1).normal(size=(5, 2)), np.array([0, 1, 0, 1, 1])), (2,))
    noise = gradient_noise(f, f.initial_x([0], 1))
    for hessian, more in ((np.eye(3), {}), (f, {"top": 7}), (f, {"probes": 2}), (None, {})):
        with pytest.raises(ArgumentError):
            alignment(noise, hessian, **({"top": 2} | more))
