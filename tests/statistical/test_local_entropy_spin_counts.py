"""Integration over the coupling, and MBAR, against counts of all configurations of small landscapes."""

import math
from functools import cache

import numpy as np
import pytest
from perceptron_configurations import configurations, costs

from mcmc.local_entropy import integration
from perceptron import BinaryPerceptron, SymmetricPerceptron, random_patterns

LIMIT = 4.9

MODELS = {
    "errors": lambda: BinaryPerceptron(random_patterns(13, p=5, seed=3)),
    "errors, 15": lambda: BinaryPerceptron(random_patterns(15, p=8, seed=2)),
    "hinge": lambda: BinaryPerceptron(random_patterns(13, p=6, seed=4), "hinge"),
    "margin": lambda: BinaryPerceptron(random_patterns(13, p=4, seed=5), margin=0.3),
    "symmetric": lambda: SymmetricPerceptron(random_patterns(13, p=5, seed=6), 1.1),
    "gaussian": lambda: BinaryPerceptron(random_patterns(13, p=5, seed=7, kind="gaussian")),
}


@cache
def enumerated(name):
    model = MODELS[name]()
    rows = configurations(model)
    return model, rows, costs(model, rows)


def solution(name, isolated=False):
    """A solution with most, or fewest, solutions one flip away, and how many those are."""
    model, rows, energy = enumerated(name)
    index = np.flatnonzero(energy == 0)
    around = (energy[index[:, None] ^ (1 << np.arange(model.sites))] == 0).sum(axis=1)
    chosen = index[np.argmin(around) if isolated else np.argmax(around)]
    return rows[chosen], around.min()


def exact(name, reference, beta):
    """S at every number of flips, (sites + 1,), -inf where there is nothing."""
    model, rows, energy = enumerated(name)
    flips = (rows != reference).sum(axis=1)
    weight = (energy == 0).astype(float) if math.isinf(beta) else np.exp(-beta * energy)
    with np.errstate(divide="ignore"):
        return np.log(np.bincount(flips, weight)) / model.sites


def well_populated(name, reference, beta):
    """Numbers of flips with some configurations, k = 0 among them, and S there."""
    truth = exact(name, reference, beta)
    flips = np.flatnonzero(truth > -1.0 if math.isfinite(beta) else truth > np.log(2.5) / (truth.size - 1))
    flips = np.union1d([0], flips)[:8]
    return flips / (truth.size - 1), truth[flips]


def worst(found, truth):
    return max(np.abs(found.z_scores(truth)).max(), np.abs(found.companions["mbar"].z_scores(truth)).max())


@pytest.mark.parametrize("beta", [math.inf, 1.2])
@pytest.mark.parametrize("name", MODELS)
def test_curves_agree_with_all_configurations_counted(name, beta, seed):
    reference, _ = solution(name)
    distance, truth = well_populated(name, reference, beta)
    found = integration(MODELS[name](), reference, distance, beta=beta, seed=seed, sweeps=1000)
    assert worst(found, truth) < LIMIT
    assert (found.error[1:] < 0.02).all()
    assert found.value[0] == 0
    # A curve of another temperature is told apart.
    other = exact(name, reference, 0.8)[np.rint(distance * truth.size).astype(int).clip(0, 5)]
    assert worst(found, other) > LIMIT


def test_solutions_around_an_isolated_one_need_hotter_replicas(seed):
    reference, neighbours = solution("errors, 15", isolated=True)
    assert neighbours == 0
    distance, truth = well_populated("errors, 15", reference, math.inf)
    model = MODELS["errors, 15"]()
    assert worst(integration(model, reference, distance, seed=seed, sweeps=2000), truth) < LIMIT
    stuck = integration(model, reference, distance, seed=seed, betas=None, sweeps=500)
    assert np.isnan(stuck.value[1:]).all()
    assert any("never visited" in text for text in stuck.warnings)
    # No solution one flip away is known from all energy changes, and not by having met none.
    hole = integration(model, reference, [1 / 15, *distance[1:]], seed=seed, sweeps=500)
    assert np.isneginf(hole.value[0])
    assert hole.error[0] == 0
    assert any("connected to the reference" in text for text in stuck.warnings)


def test_a_reference_that_is_no_solution_has_a_curve_at_finite_beta(seed):
    model, rows, energy = enumerated("errors")
    reference = rows[np.argmax(energy)]
    distance, truth = well_populated("errors", reference, 0.7)
    found = integration(model, reference, distance, beta=0.7, seed=seed, sweeps=1000)
    np.testing.assert_allclose(found.value[0], -0.7 * energy.max() / model.sites)
    assert worst(found, truth) < LIMIT


def test_without_constraint_it_is_the_binary_entropy(seed):
    model = BinaryPerceptron(random_patterns(15, p=1, seed=1))
    flips = np.arange(16)
    found = integration(model, np.ones(15, np.int8), flips / 15, beta=1e-9, seed=seed, sweeps=1000)
    assert worst(found, np.array([math.log(math.comb(15, k)) for k in flips]) / 15) < LIMIT


def test_the_curve_stays_below_the_binary_entropy_and_its_slope_is_twice_the_coupling(seed):
    reference, _ = solution("errors")
    found = integration(MODELS["errors"](), reference, np.arange(14) / 13, beta=0.5, seed=seed, sweeps=1000)
    d = found.scale[1:-1]
    bound = -d * np.log(d) - (1 - d) * np.log(1 - d)
    assert (found.value[1:-1] < bound + LIMIT * found.error[1:-1]).all()
    smooth = np.isfinite(found.gamma)
    assert np.corrcoef(found.gamma[smooth][1:-1], np.gradient(found.value, found.scale)[smooth][1:-1])[0, 1] > 0.8


def test_the_same_seed_gives_the_same_bits(seed):
    reference, _ = solution("errors")
    runs = [integration(MODELS["errors"](), reference, [1 / 13, 3 / 13], seed=s, sweeps=200) for s in (seed, seed, 1)]
    np.testing.assert_array_equal(runs[0].value, runs[1].value)
    assert (runs[0].value != runs[2].value).any()


@pytest.mark.validate
@pytest.mark.parametrize(("name", "beta"), [("errors", math.inf), ("hinge", 1.2)])
def test_error_bars_are_calibrated_over_200_repeats(name, beta):
    reference, _ = solution(name)
    distance, truth = well_populated(name, reference, beta)
    # The first two, k = 0 and 1, are exact.
    z, companion = [], []
    for repeat in range(200):
        found = integration(MODELS[name](), reference, distance[2:7], beta=beta, seed=repeat, sweeps=1000)
        z.append(found.z_scores(truth[2:7]))
        companion.append(found.companions["mbar"].z_scores(truth[2:7]))
    for scores in (np.array(z), np.array(companion)):
        assert (np.abs(scores.mean(axis=0)) < LIMIT / math.sqrt(200)).all()
        # One standard error of a standard deviation from 200 is 5 %; error bars are known to 9 %.
        assert (np.abs(scores.std(axis=0) - 1.0) < 0.25).all()
