"""Errors of measured temperatures late in training, when few samples carry the noise."""

import numpy as np
import pytest
from xy_runs import changed

from mcmc.gradient_noise import gradient_noise
from runs.experiments import find
from runs.experiments.network_noise_draw import Training, _scatter, _sums
from runs.experiments.network_spec import REPLACEMENT
from runs.spec import validate

TRAINED = {
    "experiment": "network-noise",
    "seed": 3,
    "data": {"name": "teacher-student", "features": 6, "train": 60, "teacher": [4], "classes": 3},
    "network": {"hidden": [6]},
    "measured": {"top": 3, "probes": 8, "batches": 16, "sums": 8},
    "grid": {"step_size": [0.5], "batch": [30], "replacement": ["epoch", "without", "with"], "epochs": [300],
             "seeds": 2},
}  # fmt: skip
REPEATS = 300


@pytest.fixture(scope="module")
def late():
    spec = validate(find("network-noise").Spec, changed(TRAINED), "test.toml")
    points, landscape = find("network-noise").points(spec), spec.landscape()
    noise = gradient_noise(landscape, Training(spec, points[0], landscape).weights(0, 300, lambda: False))
    lengths = ((noise.gradients.rows(slice(None)) - noise.gradients.mean()) ** 2).sum(axis=1)
    assert lengths.max() > 5.0 * lengths.mean()
    return spec, {point.parameters["replacement"]: point for point in points}, landscape, noise


@pytest.mark.parametrize("measure", [_scatter, _sums])
@pytest.mark.parametrize("way", ["epoch", "without", "with"])
def test_errors_are_those_of_measurements_made_again(late, way, measure):
    """Scores of many measurements have variance 1, as far as their fourth moment lets it be known.

    With the error of batches drawn in another way they have not.
    """
    spec, points, landscape, noise = late
    name = "share" if measure is _scatter else "epoch_share"
    found = [measure(spec, points[way], landscape, noise, seed) for seed in range(REPEATS)]
    value, error = (np.array([one[key] for one in found]) for key in (name, f"{name}_own"))
    if (way, measure) == ("epoch", _sums):
        assert np.abs(value).max() < 1e-20
        assert (error == 0.0).all()
        return
    z = (value - noise.noise_share(30, REPLACEMENT[way])) / error
    spread = np.sqrt((((z - z.mean()) / z.std()) ** 4).mean() - 1.0) / np.sqrt(4.0 * REPEATS)
    assert abs(z.mean()) < 4.9 / np.sqrt(REPEATS)
    assert abs(z.std() - 1.0) < 4.9 * spread
    steps = 1 if measure is _scatter else 2
    right, other = (noise.scatter(30, kind, steps).variance for kind in (REPLACEMENT[way], way != "with"))
    assert abs(z.std() - np.sqrt(right / other)) > 4.9 * spread
