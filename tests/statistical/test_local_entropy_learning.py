"""Local learning coefficients against the exact laws at finite inverse temperature."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import Quadratic
from mcmc.local_entropy import learning_coefficient

CURVATURES = np.array([0.5, 1.0, 2.0, 3.0])
S, G = 50.0, 5.0
WIDTHS = S * CURVATURES + G
EXACT = 0.5 * (S * CURVATURES / WIDTHS).sum()


class Power:
    """w^(2k) in one dimension."""

    dim, data_size = 1, None

    def __init__(self, k):
        self.k = k

    def energy(self, x, batch=None):
        return (x ** (2 * self.k)).sum(axis=1)

    def gradient(self, x, batch=None):
        return 2 * self.k * x ** (2 * self.k - 1)


class Cross:
    """w1^2 w2^2 between walls at +-1."""

    dim, data_size = 2, None

    def energy(self, x, batch=None):
        return np.where((np.abs(x) <= 1).all(axis=1), (x[:, 0] * x[:, 1]) ** 2, np.inf)

    def gradient(self, x, batch=None):
        return 2 * x * x[:, ::-1] ** 2


def cross_coefficient(s):
    """s <K> of Cross by quadrature, the integral over w2 in closed form."""
    from scipy.integrate import quad
    from scipy.special import erf

    def slice_of(w):
        return np.sqrt(np.pi / s) / w * erf(np.sqrt(s) * w)

    weighted = quad(lambda w: 0.5 * slice_of(w) - np.exp(-s * w * w), 0, 1, limit=500)[0]
    return weighted / quad(slice_of, 0, 1, limit=500)[0]


def test_quadratic_with_localisation(seed):
    found = learning_coefficient(Quadratic(CURVATURES, np.ones(4)), np.ones(4), beta=S, localisation=G, seed=seed)
    assert abs(found.z_score(EXACT)) < 4.9
    assert abs(found.z_score(2.0)) > 4.9
    assert found.error < 0.02
    assert found.converged


def test_data_size_multiplies_beta(seed):
    arguments = {"localisation": G, "seed": seed, "sweeps": 200}
    landscape = Quadratic(CURVATURES, np.ones(4))
    once = learning_coefficient(landscape, np.ones(4), beta=S, **arguments)
    landscape.data_size = 100
    assert learning_coefficient(landscape, np.ones(4), beta=S / 100, **arguments).value == pytest.approx(once.value)
    given = learning_coefficient(landscape, np.ones(4), beta=S / 10, data_size=10, **arguments)
    assert given.inverse_temperature == once.inverse_temperature


def test_langevin_steps_have_their_biased_law(seed):
    eps = 1.2 / WIDTHS.max()
    found = learning_coefficient(
        Quadratic(CURVATURES),
        np.zeros(4),
        beta=S,
        localisation=G,
        sampler="sgld",
        step_size=eps,
        seed=seed,
        sweeps=4000,
    )
    for step, value, error in zip(found.steps, found.step_values, found.step_errors, strict=True):
        biased = 0.5 * (S * CURVATURES / (WIDTHS * (1 - step * WIDTHS / 4))).sum()
        assert abs(value - biased) / error < 4.9
        assert abs(value - EXACT) / error > 4.9
    assert abs(found.z_score(EXACT)) < 4.9
    assert any("halving it changes the value" in w for w in found.warnings)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_powers(k, seed):
    found = learning_coefficient(Power(k), [0.0], beta=1e3, localisation=0.0, seed=seed)
    assert abs(found.z_score(0.5 / k)) < 4.9
    assert abs(found.z_score(0.5 / (k + 1))) > 4.9


def test_crossing_lines_between_walls(seed):
    found = learning_coefficient(Cross(), [0.0, 0.0], beta=100.0, localisation=0.0, seed=seed)
    assert abs(found.z_score(cross_coefficient(100.0))) < 4.9
    assert abs(found.z_score(0.5)) > 4.9


@pytest.mark.validate
def test_crossing_lines_deep_in_the_asymptotics(seed):
    # The limit 1/2 is approached as 1 / ln s: not reached at any s that can be sampled.
    assert abs(cross_coefficient(1e4) - 0.4105) < 1e-4
    found = learning_coefficient(Cross(), [0.0, 0.0], beta=1e4, localisation=0.0, sweeps=20_000, seed=seed)
    assert abs(found.z_score(cross_coefficient(1e4))) < 4.9
    assert abs(found.z_score(0.5)) > 4.9


def test_errors_are_calibrated(seed):
    landscape = Quadratic(CURVATURES)
    scores = [
        learning_coefficient(
            landscape, np.zeros(4), beta=S, localisation=G, chains=24, sweeps=100, seed=seed + 1000 * k
        ).z_score(EXACT)
        for k in range(100)
    ]
    # Student's t with 23 degrees of freedom has standard deviation 1.05; of 100 it is known to 8 %.
    assert abs(np.std(scores) - 1.05) < 4.9 * 0.08
    assert abs(np.mean(scores)) < 4.9 * 0.105


def test_few_chains_use_the_autocorrelation_time(seed):
    found = learning_coefficient(
        Quadratic(CURVATURES), np.zeros(4), beta=S, localisation=G, chains=4, sweeps=8000, seed=seed
    )
    assert abs(found.z_score(EXACT)) < 4.9
    assert 0.01 < found.error < 0.1


def test_what_is_warned_of():
    slope = learning_coefficient(Power(1), [0.5], beta=100.0, localisation=1.0, sweeps=200)
    assert any("reference: no minimum" in w for w in slope.warnings)
    stuck = learning_coefficient(
        Quadratic([1.0, 1e5]), np.zeros(2), beta=S, localisation=0.0, chains=16, sweeps=64, burn_in=200
    )
    assert any("R-hat" in w for w in stuck.warnings)


def test_results_as_a_dataset():
    found = learning_coefficient(Power(1), [0.0], beta=10.0, localisation=1.0, chains=4, sweeps=64)
    data = found.to_xarray()
    assert data.sizes == {"chain": 4, "run": 1, "coordinate": 1}
    assert float(data.value) == found.value
    assert data.attrs["inverse_temperature"] == 10.0
    assert all("long_name" in v.attrs for v in data.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beta": 0}, "beta"),
        ({"localisation": -1.0}, "localisation"),
        ({"sampler": "hmc"}, "sampler: got 'hmc'; one of mala, sgld"),
        ({"sampler": "sgld"}, "step_size: got none"),
        ({"sampler": "sgld", "step_size": 1e3}, "step_size: got 1000; unadjusted steps of this size diverge"),
        ({"step_size": 0.0}, "step_size"),
        ({"chains": 1}, "chains"),
        ({"sweeps": 3}, "sweeps"),
        ({"burn_in": -1}, "burn_in"),
        ({"data_size": 0}, "data_size"),
        ({"reference": [0.0, 0.0]}, "reference"),
        ({"seed": -1}, "seed"),
        ({"landscape": Cross(), "reference": [2.0, 0.0]}, "reference: its energy is infinite"),
    ],
)
def test_bad_input(change, words):
    arguments = {"landscape": Power(2), "reference": [0.0], "beta": 10.0, "localisation": 1.0, "sweeps": 200} | change
    with pytest.raises(ArgumentError, match=words):
        learning_coefficient(**arguments)
