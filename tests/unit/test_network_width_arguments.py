"""What widths of networks refuse, each with one sentence."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import Quadratic
from mcmc.landscapes.network import Data, mlp
from mcmc.local_entropy import extreme_eigenvalues, integration, learning_coefficient, sharpness, surroundings

BOWL, ORIGIN = Quadratic([1.0, 2.0], np.zeros(2)), np.zeros(2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"radius": 0.0}, "radius"),
        ({"radius": 1.0, "sigma": -1.0}, "sigma"),
        ({"radius": 1.0, "region": "sphere"}, "region"),
        ({"radius": 1.0, "unit": "filter"}, "unit"),
        ({"radius": 1.0, "draws": 1}, "draws"),
        ({"radius": 1.0, "starts": 0}, "starts"),
        ({"radius": 1.0, "steps": 1.5}, "steps"),
    ],
)
def test_sharpness_refuses(given, said):
    with pytest.raises(ArgumentError, match=f"^{said}: got"):
        sharpness(BOWL, ORIGIN, **given)


@pytest.mark.parametrize(
    ("points", "given", "said"),
    [
        (np.zeros((2, 3)), {}, "points"),
        (np.zeros((0, 2)), {}, "points"),
        ([[0.0, np.nan]], {}, "points"),
        (["a", "b"], {}, "points"),
        (ORIGIN, {"scale": [-1.0]}, "scale"),
        (ORIGIN, {"beta": 0.0}, "beta"),
        (ORIGIN, {"probes": 1}, "probes"),
        (ORIGIN, {"exact_below": -1}, "exact_below"),
        (ORIGIN, {"integrate": True, "options": {"swepes": 3}}, "swepes"),
    ],
)
def test_surroundings_refuse(points, given, said):
    with pytest.raises(ArgumentError, match=f"^{said}"):
        surroundings(BOWL, points, given.pop("scale", [1.0]), beta=given.pop("beta", 1.0), **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"directions": -1}, "directions"),
        ({"directions": 2, "sampler": "langevin"}, "directions"),
        ({"directions": 2, "wells": [[1.0, 1.0]]}, "wells"),
        ({"directions": 2, "chains": 1}, "chains"),
        ({"directions": 2, "ladder": [2.0]}, "ladder"),
    ],
)
def test_integration_refuses(given, said):
    with pytest.raises(ArgumentError, match=f"^{said}: got"):
        integration(BOWL, ORIGIN, scale=[1.0], beta=1.0, **given)


def test_learning_coefficient_refuses():
    with pytest.raises(ArgumentError, match=r"^batch_size: got 3 with sampler 'mala'"):
        learning_coefficient(BOWL, ORIGIN, beta=1.0, localisation=1.0, batch_size=3)
    with pytest.raises(ArgumentError, match=r"^localisation: got 0"):
        learning_coefficient(BOWL, ORIGIN, beta=1.0, localisation=0.0, sampler="crank_nicolson")
    model = mlp(Data(np.ones((5, 2)), np.ones((5, 1))), ())
    with pytest.raises(ArgumentError, match="batch_size"):
        learning_coefficient(
            model, np.zeros(3), beta=1.0, localisation=1.0, sampler="sgld", step_size=0.1, batch_size=9
        )


def test_extremes_refuse():
    with pytest.raises(ArgumentError, match=r"^tolerance: got"):
        extreme_eigenvalues(BOWL, ORIGIN, tolerance=0.0)
    with pytest.raises(ArgumentError, match=r"^most_steps: got"):
        extreme_eigenvalues(BOWL, ORIGIN, most_steps=0)


def test_one_point_is_one_run():
    found = surroundings(BOWL, ORIGIN, [0.5, 1.0], beta=2.0)
    assert found.laplace.shape == (1, 2)
    assert np.isnan(found.integration).all()
    assert found.to_xarray().sizes == {"run": 1, "scale": 2}
    np.testing.assert_allclose(found.laplace[0], [np.log(1.5 * 2) / 4, np.log(2 * 3) / 4])


def test_chains_are_the_same_bits_for_the_same_seed():
    one, other, third = (
        integration(BOWL, ORIGIN, scale=[3.0], beta=1.0, seed=s, directions=1, sweeps=64).value for s in (1, 1, 2)
    )
    assert one == other
    assert one != third
