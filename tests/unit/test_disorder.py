"""Random couplings and phases: their laws, their independence of the graph's size, refusals."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.graphs import chain, complete, square
from mcmc.landscapes.xy.disorder import couplings, phases

GRAPH = square(4)
LARGE = square(100)
BOUND = 4.9


def z_scores(values: np.ndarray, moments: dict[int, float]) -> np.ndarray:
    """Deviation of the sample moments from the exact ones in standard errors of independent values."""
    powers = {k: values**k for k in moments}
    return np.array([(p.mean() - moments[k]) * np.sqrt(len(p)) / (p.std() + 1e-300) for k, p in powers.items()])


def test_gaussian_couplings_have_the_normal_moments(seed):
    drawn = couplings(LARGE, "gaussian", seed)
    exact = {1: 0.0, 2: 1.0, 3: 0.0, 4: 3.0}
    assert drawn.shape == (20_000,)
    assert np.abs(z_scores(drawn, exact)).max() < BOUND
    # Controls: a width 5 % off and a mean 5 % of the width off are seen.
    assert np.abs(z_scores(1.05 * drawn, exact)).max() > BOUND
    assert np.abs(z_scores(drawn + 0.05, exact)).max() > BOUND


def test_plus_minus_couplings_are_fair_signs(seed):
    drawn = couplings(LARGE, "plus-minus", seed)
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert np.abs(z_scores(drawn, {1: 0.0})).max() < BOUND
    assert np.abs(z_scores(drawn, {1: 0.05})).max() > BOUND


def test_uniform_phases_fill_the_circle(seed):
    drawn = phases(LARGE, "uniform", seed)
    exact = {1: 0.0, 2: np.pi**2 / 3.0, 3: 0.0, 4: np.pi**4 / 5.0}
    assert np.abs(drawn).max() < np.pi
    assert np.abs(z_scores(drawn, exact)).max() < BOUND
    assert np.abs(z_scores(0.97 * drawn, exact)).max() > BOUND


def test_neighbouring_bonds_and_streams_are_independent(seed):
    gaussian, phase = couplings(LARGE, "gaussian", seed), phases(LARGE, "uniform", seed)
    for products in (gaussian[:-1] * gaussian[1:], gaussian * phase, phase[:-1] * phase[1:]):
        assert np.abs(z_scores(products, {1: 0.0})).max() < BOUND


def test_a_bond_draws_the_same_on_every_graph(seed):
    np.testing.assert_array_equal(couplings(chain(10), "gaussian", seed), couplings(LARGE, "gaussian", seed)[:9])
    np.testing.assert_array_equal(phases(complete(5), "uniform", seed), phases(LARGE, "uniform", seed)[:10])
    assert (couplings(GRAPH, "gaussian", seed) != couplings(GRAPH, "gaussian", seed + 1)).all()


def test_mean_and_scale():
    plain, wide = (
        couplings(GRAPH, "plus-minus", 5),
        couplings(GRAPH, {"kind": "plus-minus", "mean": 1, "scale": 0.5}, 5),
    )
    np.testing.assert_array_equal(wide, 1.0 + 0.5 * plain)


def test_given_values_pass_through():
    assert couplings(GRAPH) == 1.0
    assert isinstance(couplings(GRAPH, np.int64(2)), float)
    given = np.arange(32)
    drawn = couplings(GRAPH, given)
    assert drawn.dtype == np.float64
    np.testing.assert_array_equal(drawn, given)
    assert phases(GRAPH) is None
    np.testing.assert_array_equal(phases(GRAPH, 0.5), np.full(32, 0.5))
    np.testing.assert_array_equal(phases(GRAPH, list(given)), given)


def test_given_arrays_are_copied():
    given = np.ones(32)
    couplings(GRAPH, given)[0] = 7.0
    phases(GRAPH, given)[0] = 7.0
    assert given[0] == 1.0


@pytest.mark.parametrize(("build", "expected"), [
    (lambda: couplings(GRAPH, float("nan")), "coupling: nan"),
    (lambda: couplings(GRAPH, np.where(np.arange(32) == 3, np.inf, 1.0)), "bond 3 is inf"),
    (lambda: couplings(GRAPH, [1.0, 2.0]), "got shape (2,); a number, 32 numbers"),
    (lambda: couplings(GRAPH, np.ones((32, 1))), "got shape (32, 1)"),
    (lambda: couplings(GRAPH, [[1.0], [1.0, 2.0]]), "coupling: got"),
    (lambda: couplings(GRAPH, None), "coupling: got 'None'"),
    (lambda: couplings(GRAPH, True), "coupling: got 'True'"),
    (lambda: couplings(GRAPH, 1j), "coupling: got '1j'"),
    (lambda: couplings(GRAPH, "gausian"), "did you mean 'gaussian'"),
    (lambda: couplings(GRAPH, {"mean": 1.0}), "kind None is unknown"),
    (lambda: couplings(GRAPH, {"kind": "gaussian", "men": 1.0}), "did you mean 'mean'"),
    (lambda: couplings(GRAPH, {"kind": "gaussian", "mean": "1"}), "mean is '1'"),
    (lambda: couplings(GRAPH, {"kind": "gaussian", "scale": float("inf")}), "scale is inf"),
    (lambda: phases(GRAPH, "unifrom"), "did you mean 'uniform'"),
    (lambda: phases(GRAPH, np.full(32, np.nan)), "bond 0 is nan"),
    (lambda: phases(GRAPH, {"kind": "uniform", "mean": 1.0}), "key 'mean' is unknown"),
])  # fmt: skip
def test_bad_disorder_is_refused_in_one_line(build, expected):
    with pytest.raises(LandscapeError) as caught:
        build()
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_seed_is_refused():
    with pytest.raises(ArgumentError, match="seed"):
        phases(GRAPH, "uniform", -1)
