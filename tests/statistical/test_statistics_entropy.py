"""Entropies from nearest neighbours against closed forms, with honest errors; what is refused."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.statistics.nearest_neighbours import differential_entropy

LARGEST_Z = 4.9


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_normal_entropies_and_their_errors(dim, seed):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(dim, dim)) + 2.0 * np.eye(dim)
    exact = 0.5 * dim * np.log(2 * np.pi * np.e) + np.log(abs(np.linalg.det(mix)))
    scores = []
    for _ in range(100):
        found = differential_entropy(rng.normal(size=(3000, dim)) @ mix)
        scores.append((found.value - exact) / found.error)
    # In three dimensions the bias of 3000 draws is a third of an error bar.
    assert abs(np.mean(scores)) < LARGEST_Z * 0.1 + (0.6 if dim == 3 else 0.0)
    assert 0.65 < np.std(scores) < 1.35


def test_the_score_tells_a_wrong_width(seed):
    draws = np.random.default_rng(seed).normal(size=(3000, 2))
    found = differential_entropy(1.1 * draws)
    exact = np.log(2 * np.pi * np.e)
    assert abs(found.value - exact) > LARGEST_Z * found.error
    assert abs(found.value - exact - 2 * np.log(1.1)) < LARGEST_Z * found.error


@pytest.mark.parametrize(
    ("draws", "said"),
    [
        (np.ones(5), r"draws: got shape \(5,\)"),
        (np.full((5, 2), np.nan), "finite numbers"),
        (np.zeros((9, 2)), "coincide"),
        (np.ones((9, 7)), "got 7 dimensions"),
        (np.random.default_rng(1).normal(size=(4, 1)), "more than neighbours = 4 are needed"),
    ],
)
def test_other_draws_are_refused(draws, said):
    with pytest.raises(ArgumentError, match=said):
        differential_entropy(draws)
