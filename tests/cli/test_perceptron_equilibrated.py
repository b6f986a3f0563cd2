"""Which temperatures an equilibrium run trusts: all of chains that mix, none of chains that drift."""

import numpy as np
import pytest
from perceptron_runs import EQUILIBRIUM
from xy_runs import changed, run_points

from mcmc.errors import ConvergenceWarning
from runs.experiments import perceptron_equilibrium_results as results_module

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


@pytest.mark.parametrize("instances", [1, 2])
def test_chains_that_mix_are_in_equilibrium_and_chains_that_drift_are_not(instances, tmp_path, monkeypatch):
    """At beta = 0 the energy is known and set to its exact value, but chains are judged by what they drew."""
    grid = {"n": [11, 21], "alpha": [0.3], "beta": [0.0, 0.5, 1.0], "instances": instances}
    spec, experiment, files = run_points(changed(EQUILIBRIUM, sampler={"sweeps": 4000}, grid=grid), tmp_path)
    results = experiment.assemble(spec, files)
    assert (results["equilibrated"] == 1.0).all()
    # The drift at beta = 0 is no rounding: it and its error are those of the draws.
    assert (results["drift_error"] > 1e-4).all()
    read = results_module.read_series

    def drifting(path, draws):
        series = read(path, draws)
        ramp = np.linspace(-0.5, 0.5, series.energy.shape[1])[None, :, None]
        return series._replace(energy=series.energy + ramp * series.energy.std(axis=(0, 1)))

    monkeypatch.setattr(results_module, "read_series", drifting)
    with pytest.warns(ConvergenceWarning, match="not in equilibrium: n = 11: alpha = 0.3 from beta = 0"):
        results = experiment.assemble(spec, files)
    assert (results["equilibrated"] == 0.0).all()
