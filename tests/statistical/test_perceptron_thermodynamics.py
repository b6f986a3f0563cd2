"""The equilibrium experiment against sums over all configurations: energy, entropy, overlaps, and their errors."""

import itertools

import numpy as np
import pytest

from runs.experiments import Control, find
from runs.experiments.perceptron_equilibrium import exact_energy_at_zero
from runs.experiments.perceptron_equilibrium_analysis import analyse, overlap_density, read_series
from runs.experiments.perceptron_equilibrium_results import OVERLAP_EDGES
from runs.experiments.perceptron_spec import instance_of, pattern_count
from runs.spec import validate

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

BETAS = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
CASES = {
    "errors": {"n": [9, 11], "alpha": [0.5, 0.9]},
    "margin": {"n": [9], "alpha": [0.5]},
    "hinge": {"n": [9], "alpha": [0.9]},
    "gaussian": {"n": [9], "alpha": [0.9]},
    "even": {"n": [10], "alpha": [0.8]},
    "planted": {"n": [11], "alpha": [0.9]},
}
TABLES = {
    "margin": {"patterns": {"margin": 0.4}},
    "hinge": {"sampler": {"energy": "hinge"}},
    "gaussian": {"patterns": {"kind": "gaussian", "margin": 0.2}},
    "even": {"patterns": {"tie": "correct"}},
    "planted": {"patterns": {"planted": True}},
}


def run_file(case, seed):
    sampler = {"thermalization": 200, "sweeps": 3000, "thin": 2, "chains": 4}
    tables = TABLES.get(case, {})
    return {
        "experiment": "perceptron-equilibrium",
        "seed": seed,
        "patterns": tables.get("patterns", {}),
        "sampler": {**sampler, **tables.get("sampler", {})},
        "grid": {**CASES[case], "beta": BETAS.tolist(), "instances": 2 if case == "errors" else 1},
    }


def brute_force(spec, instance, betas=BETAS):
    """Energy, entropy, mean overlap and its standard deviation per weight at each beta, by summing over everything."""
    n = instance.n
    weights = np.array(list(itertools.product((1, -1), repeat=n)))
    stability = weights @ instance.patterns.T.astype(np.float64)
    least = instance.least_stability(spec.patterns.margin)
    cost = np.where(stability < least, (least - stability) / 2 if spec.sampler.energy == "hinge" else 1.0, 0.0)
    energy = cost.sum(axis=1)
    overlap = weights @ weights.T / n
    found = []
    for beta in betas:
        weight = np.exp(-beta * energy)
        law, log_z = weight / weight.sum(), np.log(weight.sum())
        mean, first, second = law @ energy, law @ overlap @ law, law @ overlap**2 @ law
        found.append([mean / n, (log_z + beta * mean) / n, log_z / n, first, np.sqrt(second - first**2)])
    return dict(zip(NAMES, np.array(found).T, strict=True))


NAMES = ("energy_per_weight", "entropy_per_weight", "free_entropy_bennett", "overlap", "overlap_width")


def measured(case, seed, folder):
    """(spec, instance, estimates) of every point."""
    experiment = find("perceptron-equilibrium")
    spec = validate(experiment.Spec, run_file(case, seed), "test.toml")
    for point in experiment.points(spec):
        path = folder / f"{point.name}.h5"
        assert experiment.run_point(spec, point, path, Control("", "cpu"))
        n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
        zero = exact_energy_at_zero(spec.patterns, spec.sampler.energy, n, p)
        found = analyse(read_series(path, spec.sampler.draws), BETAS, n, zero, OVERLAP_EDGES, None)
        yield spec, instance_of(spec.patterns, spec.seed, point), found


@pytest.mark.parametrize("case", CASES)
def test_everything_agrees_with_sums_over_all_configurations(case, seed, tmp_path):
    shifted = []
    for spec, instance, found in measured(case, seed, tmp_path):
        exact, wrong = brute_force(spec, instance), brute_force(spec, instance, 1.05 * BETAS)
        for name in NAMES:
            value, error = found.estimates[name].value, found.estimates[name].error
            steps = found.diagnostics["integration_error"] if name == "entropy_per_weight" else 0.0
            # Statistics and quadrature are independent sources; a value that is exact has no error.
            total = np.hypot(error, steps) + 1e-12
            assert (np.abs(value - exact[name]) < 4.9 * total).all(), name
            shifted.append(np.abs(value - wrong[name]) / total)
    # Control: temperatures five per cent off do not pass.
    assert np.max(shifted) > 4.9


def test_the_density_of_overlaps_is_even_and_whole():
    rng = np.random.default_rng(1)
    for n in (9, 51, 501):
        overlap = 2.0 * rng.binomial(n, 0.6, (3, 20000, 2)) / n - 1.0
        density = overlap_density(overlap, n, OVERLAP_EDGES)
        width = np.diff(OVERLAP_EDGES)
        centres = 0.5 * (OVERLAP_EDGES[1:] + OVERLAP_EDGES[:-1])
        np.testing.assert_allclose(density @ width, 1.0, rtol=1e-12)
        # A tenth of a bin: spreading moves no mean, binning hardly.
        np.testing.assert_allclose(density @ (width * centres), overlap.mean(axis=(0, 1)), atol=2e-3)
    # No comb: neighbouring bins of a smooth law differ little, though they hold unequal numbers of levels.
    smooth = density[:, (centres > 0.05) & (centres < 0.35)]
    assert (np.abs(np.diff(np.log(smooth), axis=1)) < 1.5).all()
