"""Mean and variance of how far batches' gradients lie from the mean one, against every batch that can be drawn."""

import itertools

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.gradient_noise import gradient_noise
from mcmc.landscapes.network import mlp, teacher_student


def noise_and_gradients(samples):
    f = mlp(teacher_student(4, samples, teacher=(3,), classes=2, seed=3), (3,))
    noise = gradient_noise(f, f.initial_x([0], 1))
    single = noise.gradients.rows(slice(None))
    return noise, single - single.mean(axis=0)


def away(centred, batches):
    return np.array([centred[list(batch)].mean(axis=0) for batch in batches])


def holds(found, lengths):
    """Moments of all equally likely lengths; rounding of fourth powers over cancelling sums."""
    np.testing.assert_allclose(found.mean, lengths.mean(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.variance, lengths.var(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(("samples", "batch"), [(2, 1), (3, 2), (4, 3), (6, 1), (6, 2), (6, 4), (6, 5), (6, 6)])
def test_moments_are_those_of_all_batches(samples, batch):
    noise, centred = noise_and_gradients(samples)
    subsets = away(centred, itertools.combinations(range(samples), batch))
    every = away(centred, itertools.product(range(samples), repeat=batch))
    holds(noise.scatter(batch, "epoch"), (subsets**2).sum(axis=1))
    holds(noise.scatter(batch, False), (subsets**2).sum(axis=1))
    holds(noise.scatter(batch, True), (every**2).sum(axis=1))
    for way in (True, False, "epoch"):
        assert noise.scatter(batch, way).mean == pytest.approx(noise.noise_share(batch, way) * noise.trace, abs=1e-15)


def test_sums_over_steps_are_those_of_all_sequences_of_batches():
    """Two batches of one order are never the same samples: an epoch of all of them has no scatter left."""
    noise, centred = noise_and_gradients(6)
    subsets = away(centred, itertools.combinations(range(6), 2))
    holds(noise.scatter(2, False, 2), ((subsets[:, None] + subsets) ** 2).sum(axis=2))
    every = away(centred, itertools.product(range(6), repeat=2))
    holds(noise.scatter(2, True, 2), ((every[:, None] + every) ** 2).sum(axis=2))
    order = away(centred, itertools.combinations(range(6), 4)) * 2
    holds(noise.scatter(2, "epoch", 2), (order**2).sum(axis=1))
    assert noise.scatter(2, "epoch", 3) == pytest.approx((0.0, 0.0), abs=1e-15)
    assert noise.scatter(2, False, 2).variance > 1.1 * noise.scatter(2, "epoch", 2).variance


@pytest.mark.parametrize(("way", "steps"), [("epoch", 4), (True, 0)])
def test_steps_that_an_epoch_does_not_have_are_refused(way, steps):
    noise, _ = noise_and_gradients(6)
    with pytest.raises(ArgumentError, match="1 to the 3 of an epoch"):
        noise.scatter(2, way, steps)
