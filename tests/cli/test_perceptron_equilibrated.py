"""Which temperatures an equilibrium run trusts: all of chains that mix, none of chains that drift; its panels."""

import numpy as np
import pytest
import xarray as xr
from perceptron_runs import EQUILIBRIUM
from xy_runs import changed, run_points

from mcmc.errors import ConvergenceWarning
from runs.experiments import perceptron_equilibrium_figures
from runs.experiments import perceptron_equilibrium_results as results_module
from runs.figures import new_figure, style

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


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("trusted", "sizes", "panels"), [(1.0, 2, 4), (0.0, 2, 2), (1.0, 1, 2)], ids=["all", "none", "one-size"]
)
def test_panels_without_anything_to_show_are_left_out(trusted, sizes, panels, results, tmp_path, monkeypatch):
    made = []

    def noted(*args, **kwargs):
        made.append(new_figure(*args, **kwargs)[0])
        return made[-1], np.array(made[-1].axes).reshape(kwargs["nrows"], kwargs["ncols"])

    monkeypatch.setattr(perceptron_equilibrium_figures, "new_figure", noted)
    there = results.isel(n=slice(sizes)).assign(equilibrated=xr.full_like(results["equilibrated"], trusted))
    with style():
        drawn = perceptron_equilibrium_figures.draw(there.isel(n=slice(sizes)), tmp_path)
    assert len(made[0].axes) == panels
    assert ("(c), (d)" in drawn[0].caption) == (panels == 4)
    said = {text.get_text() for text in made[0].legends[0].get_texts()}
    assert "replica theory" in said
    assert ("not in equilibrium" in said) == (trusted == 0.0)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    few = changed(EQUILIBRIUM, sampler={"sweeps": 400}, grid={"alpha": [0.5], "beta": [0.0, 0.5]})
    spec, experiment, files = run_points(few, tmp_path_factory.mktemp("run"))
    return experiment.assemble(spec, files)
