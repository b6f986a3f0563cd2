"""The Laplace approximation: exact on quadratics, calibrated over probes, and honest about what it leaves out."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.mixture import GaussianMixture
from mcmc.local_entropy import laplace, quadrature
from mcmc.local_entropy.hessian_determinant import hessian_spectrum

BETA = 2.0
SCALES = np.array([0.01, 1.0, 30.0])


def quadratic(dim, seed):
    generator = np.random.default_rng(seed)
    square = generator.normal(size=(dim, dim))
    matrix = square @ square.T / dim + 0.05 * np.eye(dim)
    return Quadratic((matrix + matrix.T) / 2, generator.normal(size=dim), 1.5), generator.normal(size=dim)


def exact(landscape, x, scales, beta=BETA):
    away, result = x - landscape.center, []
    for t in scales:
        widened = np.eye(x.size) + t * landscape.matrix
        moreau = 0.5 * away @ landscape.matrix @ np.linalg.solve(widened, away)
        result.append(landscape.offset + moreau + np.linalg.slogdet(widened)[1] / (2 * beta))
    return np.array(result)


@pytest.mark.parametrize("at", ["reference", "minimum", "proximal"])
def test_quadratic_is_exact(at):
    landscape, x = quadratic(4, 1)
    found = laplace(landscape, x, SCALES, beta=BETA, at=at)
    # Gradients are differenced: relative rounding eps^(3/4) in each element of the Hessian, times t.
    assert (np.abs(found.value - exact(landscape, x, SCALES)) < 1e-10).all()
    assert (found.error < 1e-9).all()
    assert found.converged


@pytest.mark.parametrize("at", ["reference", "minimum", "proximal"])
def test_lanczos_within_its_error(at, seed):
    landscape, x = quadratic(60, 2)
    found = laplace(landscape, x, SCALES, beta=BETA, at=at, exact_below=10, seed=seed)
    assert (np.abs(found.z_scores(exact(landscape, x, SCALES))) < 4.9).all()
    assert (np.abs(found.z_scores(exact(landscape, x, SCALES, 0.5 * BETA))) > 4.9).all()
    assert found.converged


def test_errors_are_calibrated(seed):
    landscape, x = quadratic(40, 3)
    right = exact(landscape, x, SCALES)
    scores = np.array([
        laplace(landscape, x, SCALES, beta=BETA, exact_below=0, probes=16, steps=20, seed=seed + k,
                hessian_vector=lambda _, v: v @ landscape.matrix).z_scores(right)
        for k in range(100)
    ])  # fmt: skip
    # Student's t with 15 degrees of freedom has standard deviation 1.07; of 100 it is known to 8 %.
    assert (np.abs(scores.std(axis=0) - 1.07) < 4.9 * 0.09).all()
    assert (np.abs(scores.mean(axis=0)) < 4.9 * 0.11).all()


def test_products_of_the_landscape_are_used():
    landscape, x = quadratic(5, 4)
    asked = []

    class WithProducts(Quadratic):
        def hessian_vector(self, x, v):
            asked.append(x.shape)
            return v @ self.matrix

        def gradient(self, x, batch=None):
            assert len(x) == 1
            return super().gradient(x)

    own = WithProducts(landscape.matrix, landscape.center, landscape.offset)
    np.testing.assert_allclose(laplace(own, x, SCALES).value, laplace(landscape, x, SCALES).value, rtol=1e-9)
    assert (5, 5) in asked
    doubled = laplace(own, x, SCALES, hessian_vector=lambda x, v: 2 * (v @ landscape.matrix))
    np.testing.assert_allclose(doubled.more["trace"][1], 2 * np.trace(landscape.matrix), rtol=1e-12)


def test_a_hessian_too_negative_has_no_value():
    for below in (0, 256):
        found = laplace(DoubleWell(2), [0.0, 0.0], [0.05, 2.0], beta=50.0, exact_below=below)
        assert np.isfinite(found.value).tolist() == [True, False]
        assert np.isnan(found.error[1])
        named = [w for w in found.warnings if "scale 2: the Hessian has an eigenvalue -1," in w]
        assert len(named) == 1
        np.testing.assert_allclose(found.more["lowest_eigenvalue"][1], -1.0, atol=1e-6)


def test_what_is_left_out_is_in_the_error(seed):
    scales, x = np.array([0.02, 0.1, 0.3]), [0.9, 1.3]
    right = quadrature(DoubleWell(2), x, scales, beta=8.0)
    found = laplace(DoubleWell(2), x, scales, beta=8.0, at="proximal", seed=seed)
    # The error is the size of the leading correction, not a standard error: nothing is far above it.
    assert (np.abs(found.value - right.value) < 2 * found.error).all()
    assert (found.error < 0.05).all()
    far = laplace(DoubleWell(2), [0.3, 0.3], 0.9, beta=1.0, seed=seed)
    assert "departs from its expansion" in far.warnings[0]
    assert far.error[0] > 0.1


def test_same_seed_same_bits():
    landscape, x = quadratic(30, 5)
    first, again, other = (laplace(landscape, x, 1.0, exact_below=0, steps=10, seed=s).value[0] for s in (3, 3, 4))
    assert first == again
    assert first != other


def test_spectrum_of_the_hessian():
    landscape, x = quadratic(30, 6)
    dense, sampled = (hessian_spectrum(landscape, x, exact_below=n, steps=30) for n in (100, 0))
    np.testing.assert_allclose(dense.values[0], np.linalg.eigvalsh(landscape.matrix), atol=1e-8)
    assert sampled.extremes() == pytest.approx(dense.extremes(), abs=1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": "x"}, "at: got 'x'; one of reference, minimum, proximal"),
        ({"beta": -1}, "beta"),
        ({"probes": 1}, "probes"),
        ({"steps": 0}, "steps"),
        ({"exact_below": -1}, "exact_below"),
        ({"hessian_vector": 3}, "hessian_vector"),
        ({"reference": np.zeros(3)}, "reference"),
        ({"scale": -1.0}, "scale"),
        ({"seed": 1.5, "exact_below": 0}, "seed"),
    ],
)
def test_bad_input(change, words):
    arguments = {"landscape": DoubleWell(2), "reference": [1.0, 1.0], "scale": 0.1} | change
    with pytest.raises(ArgumentError, match=words):
        laplace(**arguments)


def test_products_of_a_wrong_shape():
    with pytest.raises(LandscapeError, match="hessian_vector: got shape"):
        laplace(DoubleWell(2), [1.0, 1.0], 0.1, hessian_vector=lambda x, v: v[:1])


@pytest.mark.parametrize("at", ["reference", "minimum", "proximal"])
def test_another_minimum_is_warned_of_and_in_the_error(at):
    pair = GaussianMixture([0.5, 0.5], [[0.0], [6.0]], [[[1.0]], [[1.0]]])
    exact = pair.local_entropy(np.zeros((1, 1)), 20.0)[0]
    found = laplace(pair, [0.0], 20.0, at=at)
    assert any("other minima" in text for text in found.warnings)
    assert abs(found.value[0] - exact) < 2.0 * found.error[0]
    alone = laplace(Quadratic([1.0, 5.0]), [1.0, 0.3], [0.1, 20.0], at=at)
    assert not alone.warnings
