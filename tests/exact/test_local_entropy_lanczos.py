"""Lanczos spectra against dense eigenvalues."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.local_entropy.lanczos import from_eigenvalues, functions_of, lanczos, signs, spectral_density


def symmetric(dim, seed):
    square = np.random.default_rng(seed).normal(size=(dim, dim))
    return (square + square.T) / np.sqrt(2 * dim)


def test_all_steps_give_the_measure_of_the_start():
    matrix = symmetric(30, 1)
    start = np.random.default_rng(2).normal(size=(4, 30))
    values, weights = lanczos(lambda v: v @ matrix, start, 30).measure()
    eigenvalues, vectors = np.linalg.eigh(matrix)
    np.testing.assert_allclose(values, np.tile(eigenvalues, (4, 1)), atol=1e-10)
    np.testing.assert_allclose(weights, (start @ vectors) ** 2, atol=1e-8)


def test_few_steps_are_exact_for_low_powers():
    matrix, steps = symmetric(40, 3), 6
    start = signs(3, 40, 5)
    values, weights = lanczos(lambda v: v @ matrix, start, steps).measure()
    for power in range(2 * steps):
        exact = np.einsum("pi,ij,pj->p", start, np.linalg.matrix_power(matrix, power), start)
        np.testing.assert_allclose((weights * values**power).sum(axis=1), exact, rtol=1e-9, atol=1e-9)
    beyond = np.einsum("pi,ij,pj->p", start, np.linalg.matrix_power(matrix, 2 * steps), start)
    assert (np.abs((weights * values ** (2 * steps)).sum(axis=1) - beyond) > 1e-6).all()


def test_a_start_that_runs_out_of_directions():
    matrix = np.diag(np.repeat([-1.0, 2.0, 5.0], 7))
    spectrum = spectral_density(lambda v: v @ matrix, 21, probes=4, steps=20)
    assert spectrum.extremes() == pytest.approx((-1.0, 5.0), abs=1e-12)
    assert spectrum.trace(np.square).value == pytest.approx(7 * 30.0, rel=1e-12)
    # Values without weight must not reach a function that does not exist there.
    assert spectrum.trace(lambda v: np.log(v + 1.5)).value == pytest.approx(7 * np.log([0.5, 3.5, 6.5]).sum())


def test_functions_of_the_matrix():
    matrix = symmetric(25, 4)
    start = np.random.default_rng(6).normal(size=(3, 25))
    values, vectors = np.linalg.eigh(matrix)
    for found, g in zip(functions_of(lambda v: v @ matrix, start, 25, [np.exp, np.cos]), (np.exp, np.cos), strict=True):
        np.testing.assert_allclose(found, start @ (vectors * g(values)) @ vectors.T, atol=1e-9)


def test_trace_within_its_error(seed):
    matrix = symmetric(80, 7)
    exact = np.linalg.eigvalsh(matrix)
    scores = []
    for repeat in range(100):
        found = spectral_density(lambda v: v @ matrix, 80, probes=16, steps=20, seed=seed + repeat).trace(np.exp)
        scores.append((found.value - np.exp(exact).sum()) / found.error)
    # Student's t with 15 degrees of freedom has standard deviation 1.07; of 100 it is known to 8 %.
    assert abs(np.std(scores) - 1.07) < 4.9 * 0.09
    assert abs(np.mean(scores)) < 4.9 * 0.11
    assert abs(np.mean(scores) - 1.0) > 4.9 * 0.11


def test_truncation_is_part_of_the_error():
    values = np.geomspace(1e-6, 1.0, 200)
    found = spectral_density(lambda v: v * values, 200, probes=8, steps=24).trace(lambda v: np.log(v + 1e-3))
    # The trace over signs of a diagonal matrix has no spread at all: what is wrong is truncation.
    assert abs(found.value - np.log(values + 1e-3).sum()) < 4.9 * found.error
    assert found.truncation > 0.9 * found.error


def test_density_is_that_of_the_eigenvalues():
    matrix, width = symmetric(120, 8), 0.2
    grid = np.linspace(-3.5, 3.5, 141)
    exact, none = from_eigenvalues(np.linalg.eigvalsh(matrix)).density(grid, width)
    found, error = spectral_density(lambda v: v @ matrix, 120, probes=32, steps=60).density(grid, width)
    assert (none == 0).all()
    assert exact.sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=1e-3)
    assert (np.abs(found - exact) <= 4.9 * error + 1e-9).all()


def test_probes_do_not_depend_on_how_many_there_are():
    many = signs(5, 300, 3)
    assert set(np.unique(many)) == {-1.0, 1.0}
    assert np.array_equal(many[:2], signs(2, 300, 3))
    assert not np.array_equal(many, signs(5, 300, 4))


def test_refusals():
    with pytest.raises(ArgumentError, match="probes: got 1"):
        spectral_density(lambda v: v, 4, probes=1)
    with pytest.raises(ArgumentError, match="lanczos: got 0 steps"):
        lanczos(lambda v: v, np.ones((1, 4)), 0)
    with pytest.raises(LandscapeError, match="matvec"):
        lanczos(lambda v: v[:, :2], np.ones((1, 4)), 2)
