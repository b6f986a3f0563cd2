"""The experiment on trajectories of SGD: minima, theory, what turns, controls, faults, and resumption."""

import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, run_points, stop_after

from runs.experiments import Control
from runs.experiments.network_trajectories_minima import expected, minima

LARGEST_Z = 4.9
SMALL = {
    "experiment": "network-trajectories",
    "seed": 5,
    "data": {"name": "digits", "side": 4, "train": 60, "test": 100, "label_noise": 0.1},
    "network": {"hidden": [3], "weight_decay": 0.02},
    "trajectories": {"step_size": 0.4, "burn_in": 100, "epochs": 800, "seeds": 2},
    "measured": {"planes": 2, "surrogates": 39},
    "grid": {"noise": ["with", "isotropic", "epoch"], "batch": [15, 30]},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    spec, experiment, files = run_points(SMALL, tmp_path_factory.mktemp("trajectories"))
    return spec, experiment, files, experiment.assemble(spec, files)


def test_runs_begin_at_minima_and_are_seen_in_planes_of_theory(run):
    spec, _, files, _ = run
    landscape = spec.landscape()
    for minimum in minima(spec):
        assert np.linalg.norm(landscape.gradient(minimum.weights[None])) < 1e-6
        assert np.linalg.eigvalsh(minimum.hessian)[0] > 0
        found = {noise: expected(spec, minimum, 15, noise) for noise in ("with", "epoch", "isotropic")}
        np.testing.assert_allclose(found["with"].basis @ found["with"].basis.T, np.eye(4), atol=1e-10)
        assert all(np.array_equal(found["with"].basis, one.basis) for one in found.values())
        assert (found["isotropic"].rates == 0).all()
        # What orders of all samples leave of the noise is less.
        assert np.abs(found["epoch"].rates).max() < 0.2 * found["with"].rates.min()
    assert minima(spec)[0] is minima(spec)[0]
    with xr.open_dataset(files["noise-with_batch-15"], engine="h5netcdf") as data:
        assert data["position"].dims[:2] == ("chain", "draw")
        assert data["position"].shape == (2, 800, 4)


def test_sgd_turns_as_theory_says_and_isotropic_noise_does_not(run):
    _, experiment, _, results = run
    assert results["turning"].dims == ("noise", "batch")
    assert results["power"].dims == ("noise", "seed", "frequency")
    assert results.attrs["spectra_batch"] == 15
    turning, error = results["turning"], results["turning_error"]
    cold = results["cold_turning"].sel(noise="with"), results["cold_turning_error"].sel(noise="with")
    # Theory is that of the limit; along a line in 1 / b it is reached to a tenth.
    assert abs(cold[0] - 1) < 0.1 + LARGEST_Z * cold[1]
    assert (turning.sel(noise="with") > LARGEST_Z * error.sel(noise="with")).all()
    assert (abs(turning.sel(noise="isotropic")) < LARGEST_Z * error.sel(noise="isotropic")).all()
    assert (results["p_value"].sel(noise="with") < 1e-3).all()
    assert (results["p_value"].sel(noise="isotropic") > 1e-6).all()
    near = results["variance"] / results["expected_variance"]
    assert (near.sel(batch=30, noise="isotropic") > 0.3).all()
    assert (near.sel(batch=30, noise="isotropic") < 3.0).all()
    swept = results["swept"].sel(noise="with", batch=30).isel(moment=-1)
    assert (swept > 0.3 * results["moment"][-1]).all()
    assert any("of what Hessian and D at the minimum say" in line for line in experiment.summary(results))


def test_verdicts_tell_what_is_wrong(run):
    _, experiment, _, results = run
    states = {v.name: v.state for v in experiment.verdicts(results)}
    assert len(states) == 7
    # Controls: isotropic noise that turns, SGD that does not, and half of the circulation.
    other = results.copy(deep=True)
    for name in ("turning", "turning_error", "p_value"):
        other[name].loc[{"noise": "isotropic"}] = results[name].sel(noise="with")
        other[name].loc[{"noise": "with"}] = results[name].sel(noise="isotropic")
    other["cold_turning"] = results["cold_turning"] * 0.5
    other["cold_turning_error"] = results["cold_turning_error"] * 0.25
    assert {v.state for v in experiment.verdicts(other)} == {"differs"}


def test_figures_are_drawn(run, tmp_path):
    _, experiment, _, results = run
    drawings = experiment.figures(results, tmp_path)
    assert [drawing.png.stem for drawing in drawings] == ["spectra", "circulation"]
    assert all(drawing.png.stat().st_size > 10000 for drawing in drawings)


def test_a_stopped_run_goes_on_to_the_same_bits(run, tmp_path):
    spec, experiment, files, _ = run
    point = experiment.points(spec)[0]
    path = tmp_path / f"{point.name}.h5"
    assert not experiment.run_point(spec, point, path, Control("", "cpu", stop=stop_after(3)))
    assert experiment.run_point(spec, point, path, Control("", "cpu"))
    with (
        xr.open_dataset(path, engine="h5netcdf") as again,
        xr.open_dataset(files[point.name], engine="h5netcdf") as all_,
    ):
        for name in ("position", "energy"):
            assert np.array_equal(again[name], all_[name])


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"network": {"weight_decay": 0.0}}, "some is needed, else no minimum holds the weights"),
        ({"network": {"hidden": [400]}}, "whole Hessians are taken of 1500 at most"),
        ({"grid": {"batch": [6, 40]}}, "batch = 40: at most half of the 60 training samples"),
        ({"grid": {"noise": ["with", "with"]}}, "has a kind of noise more than once"),
        ({"grid": {"noise": ["wth"]}}, "did you mean 'with'?"),
        ({"trajectories": {"epochs": 10}}, "trajectories.epochs = 10: needs a number >= 400"),
        ({"measured": {"planes": 9}}, "measured.planes = 9"),
    ],
)
def test_run_files_that_cannot_be_run_are_refused_in_one_line(tables, said):
    (found,) = faults(changed(SMALL, **tables))
    assert said in found
