"""What integration over the scale takes, refuses and says; the shape of what it gives."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.local_entropy import convolution, integration, laplace, moreau, quadrature
from mcmc.local_entropy.result import LocalEntropy
from mcmc.local_entropy.smooth_integration import integrate_scale

SHORT = {"sweeps": 200, "burn_in": 100, "chains": 4}


@pytest.fixture(scope="module")
def found():
    return integrate_scale(DoubleWell(2), [0.0, 0.5], [2.0, 1e-4, 0.5], beta=1.0, seed=3, **SHORT)


def test_the_result_has_every_part(found):
    assert isinstance(found, LocalEntropy)
    assert found.method == "integration"
    assert set(found.companions) == {"bar", "mbar", "tempering"}
    dataset = found.to_xarray()
    assert dataset["value"].dims == ("scale",)
    assert dataset["gradient"].dims == ("scale", "site")
    assert dataset["hessian"].shape == (3, 2, 2)
    assert dataset["curvature_trace"].shape == (3,)
    assert (found.error > 0).all()
    np.testing.assert_array_equal(found.scale, [2.0, 1e-4, 0.5])
    np.testing.assert_array_equal(found.gamma, 1.0 / found.scale)
    assert found.ladder is not None
    assert set(1.0 / found.scale) <= set(found.ladder.gamma)


def test_small_scales_need_no_ladder_down_to_them(found):
    """u = f + t (-|grad f|^2 / 2 + Lap f / (2 beta)) + O(t^2)."""
    point = np.array([[0.0, 0.5]])
    bend = (3 * point**2 - 1).sum()
    first = DoubleWell(2).energy(point)[0] + 1e-4 * (-(DoubleWell(2).gradient(point) ** 2).sum() / 2 + bend / 2)
    assert abs(found.value[1] - first) < 1e-6
    assert found.ladder.gamma.size < 40


def test_the_same_seed_gives_the_same_bits(found):
    again = integrate_scale(DoubleWell(2), [0.0, 0.5], [2.0, 1e-4, 0.5], beta=1.0, seed=3, **SHORT)
    np.testing.assert_array_equal(again.value, found.value)
    np.testing.assert_array_equal(again.error, found.error)
    np.testing.assert_array_equal(again.more["hessian"][1], found.more["hessian"][1])


def test_an_error_to_reach_is_reached_or_missed_aloud():
    reached = integrate_scale(DoubleWell(), 0.0, 0.5, beta=1.0, seed=1, error=0.002)
    assert reached.error[0] <= 0.002
    missed = integrate_scale(DoubleWell(), 0.0, 0.5, beta=1.0, seed=1, error=1e-6, max_sweeps=200, chains=2)
    assert any("times what was asked for" in text for text in missed.warnings)


def test_too_few_sweeps_are_said():
    few = integrate_scale(Quadratic(np.linspace(0.01, 4.0, 10)), np.zeros(10), 20.0, beta=1.0, seed=1, sweeps=64)
    assert any("independent draws" in text for text in few.warnings)


def test_a_ladder_without_overlap_names_what_to_add():
    with pytest.raises(ArgumentError, match=r"t = .* and t = .* have no draw in common; add scales between, t = "):
        integrate_scale(DoubleWell(200), np.zeros(200), 2.0, beta=1.0, seed=1, ladder=[1.9], tempering=False, **SHORT)


def test_one_loop_calls_every_estimator():
    for estimator in (integration, quadrature, laplace, convolution, moreau):
        found = estimator(Quadratic([1.0, 2.0]), np.ones(2), scale=[0.1, 0.5], beta=1.0, seed=2)
        assert np.isfinite(found.value).all()


def test_scales_take_a_finite_beta_where_none_is_given():
    assert integration(Quadratic([1.0]), 0.5, scale=0.1, **SHORT).beta == 1.0


def test_the_draws_of_a_scale_do_not_depend_on_the_others():
    alone = convolution(DoubleWell(), 0.3, 0.5, seed=1).value[0]
    assert convolution(DoubleWell(), 0.3, [0.1, 0.5], seed=1).value[1] == alone


def test_a_wall_leaves_out_the_branch():
    class Box:
        dim, data_size = 1, None

        def energy(self, x, batch=None):
            return np.where(np.abs(x[:, 0]) < 1.0, 0.5 * x[:, 0] ** 2, np.inf)

        def gradient(self, x, batch=None):
            return x.copy()

    inside = integrate_scale(Box(), 0.0, 0.5, beta=1.0, seed=1, **SHORT)
    assert "tempering" not in inside.companions


def test_steps_that_diverge_are_refused(monkeypatch):
    monkeypatch.setattr("mcmc.local_entropy.smooth_integration.STEP_SHARE", 20.0)
    with pytest.raises(ArgumentError, match=r"sampler: unadjusted steps of .* diverge at t = .*; take sampler 'mala'"):
        integrate_scale(Quadratic([1.0]), 0.0, 0.5, beta=1.0, seed=1, sampler="langevin", sweeps=4000)


def test_mini_batches_look_at_some_of_the_data():
    class Means:
        """f(x) = sum_k (x - d_k)^2 / 2 over ten data."""

        dim, data_size = 1, 10
        data = np.linspace(-1.0, 1.0, 10)

        def energy(self, x, batch=None):
            return 0.5 * ((x - self.data) ** 2).sum(axis=1)

        def gradient(self, x, batch=None):
            rows = np.broadcast_to(np.arange(10), (len(x), 10)) if batch is None else batch
            return 10.0 * (x - self.data[rows]).mean(axis=1, keepdims=True)

    found = integrate_scale(Means(), 0.3, 0.1, beta=1.0, seed=1, sampler="sgld", batch_size=5, **SHORT)
    assert found.method == "integration (sgld)"
    exact = Quadratic([10.0]).local_entropy(np.array([[0.3]]), 0.1, 1.0)[0] + 0.5 * (Means.data**2).sum()
    assert abs(found.value[0] - exact) < 0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": [0.0, 0.0]}, r"reference: got shape \(2,\)"),
        ({"reference": np.nan}, "reference: got nan"),
        ({"scale": -1.0}, "scale: got -1"),
        ({"scale": []}, "scale: got"),
        ({"scale": [0.5, 2.0, 0.5]}, "scale: got 0.5 more than once"),
        ({"wells": 3.0}, "wells: got 3.0"),
        ({"wells": [[0.0, 1.0]]}, r"reference: got shape \(2,\)"),
        ({"beta": np.inf}, "beta: got inf"),
        ({"landscape": 3}, "landscape: got int"),
        ({"chains": 1}, "chains: got 1"),
        ({"sweeps": 10}, "sweeps: got 10"),
        ({"sweeps": 100, "error": 0.1}, "sweeps, error: got both"),
        ({"error": -0.1}, "error: got -0.1"),
        ({"sampler": "gibbs"}, "sampler: got 'gibbs'"),
        ({"sampler": "sgld"}, "batch_size: got none"),
        ({"sampler": "sgld", "batch_size": 5}, "batch_size: got 5"),
        ({"batch_size": 5}, "batch_size: got 5"),
        ({"ladder": [7.0]}, "ladder: got 7"),
        ({"seed": -1}, "seed: got -1"),
    ],
)
def test_bad_input_is_refused(change, said):
    arguments = {"landscape": DoubleWell(), "reference": 0.0, "scale": 0.5, "beta": 1.0, "seed": 1} | change
    landscape, reference, scale = (arguments.pop(name) for name in ("landscape", "reference", "scale"))
    with pytest.raises(ArgumentError, match=said):
        integrate_scale(landscape, reference, scale, **arguments)
