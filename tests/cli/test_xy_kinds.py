"""What the XY experiments say of disorder, Langevin bias, vortices, undetermined transitions and quenches."""

import warnings

import numpy as np
import pytest
import xarray as xr
from xy_runs import QUENCH, SMALL, changed, faults, run_points, stop_after

from mcmc.errors import ConvergenceWarning
from mcmc.landscapes.xy import model, theory
from runs.experiments import Control, find, xy_spec
from runs.figures import style
from runs.spec import validate

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


def test_disorder_has_its_own_error(tmp_path):
    glass = changed(SMALL, landscape={"phase": "uniform"}, grid={"instances": 4, "size": [4]})
    spec, experiment, files = run_points(glass, tmp_path)
    results = experiment.assemble(spec, files)
    values = []
    for name, path in files.items():
        with pytest.warns(ConvergenceWarning, match="one realisation of the disorder"):
            values.append(experiment.assemble(spec, {name: path})["energy_per_site"].values)
    np.testing.assert_allclose(results["energy_per_site"], np.mean(values, axis=0), rtol=1e-12)
    np.testing.assert_allclose(results["energy_per_site_error"], np.std(values, axis=0, ddof=1) / 2.0, rtol=1e-9)
    assert (results["instances"] == 4).all()
    assert "vortex_density" not in results
    assert "current_squared" in results


def test_the_range_of_couplings_is_that_of_the_model():
    assert (xy_spec.SMALLEST_SCALE, xy_spec.LARGEST_SCALE) == (model.SMALLEST_SCALE, model.LARGEST_SCALE)


def test_langevin_steps_are_stable_up_to_what_is_refused():
    for eta, kind in ((0.2499, "langevin"), (5.0, "mala")):
        validate(find("xy").Spec, changed(SMALL, sampler={"kind": kind, "step_size": eta}), "test.toml")
    assert "unstable" in faults(changed(SMALL, sampler={"kind": "langevin", "step_size": 0.25}))[0]
    # A bound on the curvature of every configuration, met by the ground state of an even square.
    spec = validate(
        find("xy").Spec, changed(SMALL, sampler={"kind": "langevin"}, landscape={"field": 0.5}), "test.toml"
    )
    assert spec.sampler.step_size == 0.01
    xy = spec.landscape.model(4, 0)
    around = np.zeros((1, 16))
    hessian = np.stack([(xy.gradient(around + 1e-5 * e)[0] - xy.gradient(around)[0]) / 1e-5 for e in np.eye(16)])
    assert np.linalg.eigvalsh(0.5 * (hessian + hessian.T)).max() == pytest.approx(spec.landscape.steepest, rel=1e-6)


def test_langevin_says_that_it_is_biased_and_gives_no_transition(tmp_path):
    data = changed(SMALL, sampler={"update": "langevin"}, grid={"temperature": {"start": 0.8, "stop": 1.1, "num": 7}})
    spec, experiment, files = run_points(data, tmp_path)
    with pytest.warns(ConvergenceWarning, match=r"Langevin steps of eta = 0.01 .* of order eta.* use mala"):
        results = experiment.assemble(spec, files)
    assert "t_bkt" not in results
    assert "crossing_temperature" not in results
    exact = validate(experiment.Spec, changed(data, sampler={"update": "mala"}), "test.toml")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        experiment.assemble(exact, files)
    assert not any("Langevin" in str(item.message) for item in caught)


@pytest.mark.parametrize(
    ("table", "there"),
    [
        ({"coupling": 2.0}, True),
        ({"coupling": {"kind": "plus-minus", "mean": 1.0, "scale": 0.4}}, True),
        ({"coupling": {"kind": "plus-minus", "mean": 0.3, "scale": 0.4}}, False),
        ({"coupling": {"kind": "gaussian", "mean": 9.0, "scale": 0.1}}, False),
        ({"coupling": "plus-minus"}, False),
        ({"coupling": -1.0}, False),
        ({"phase": 0.3}, False),
    ],
)
@pytest.mark.parametrize("kind", ["xy", "xy-quench"])
def test_vortices_are_told_where_they_do_not_depend_on_the_gauge(kind, table, there, tmp_path):
    data = changed(SMALL if kind == "xy" else QUENCH, landscape={"lattice": "square", **table}, grid={"size": [4]})
    if kind == "xy":
        data["grid"]["temperature"] = [0.8, 1.0]
        data["sampler"]["sweeps"] = 40
    else:
        data["quench"]["tolerance"] = 1e-5
    spec, experiment, files = run_points(data, tmp_path)
    assert ("vortex_density" in experiment.assemble(spec, files)) == there


@pytest.mark.usefixtures("unrendered")
def test_a_phase_that_is_not_random_is_not_called_disorder(tmp_path):
    data = changed(SMALL, landscape={"phase": 0.3}, grid={"size": [4], "temperature": [0.8, 1.0]})
    spec, experiment, files = run_points(data, tmp_path)
    with style():
        drawn = experiment.figures(experiment.assemble(spec, files), tmp_path / "figures")
    assert [one.png.stem for one in drawn] == ["thermodynamics", "convergence"]
    assert not any(word in drawn[0].caption for word in ("disorder", "[", "glass", "realisation"))


def test_quenches_of_random_landscapes_say_that_they_are_of_one_realisation(tmp_path):
    spec, experiment, files = run_points(changed(QUENCH, landscape={"coupling": "gaussian"}), tmp_path)
    with pytest.warns(ConvergenceWarning, match="size 8: one realisation of the disorder"):
        experiment.assemble(spec, files)
    pure = validate(experiment.Spec, QUENCH, "test.toml")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        experiment.assemble(pure, files)


@pytest.mark.usefixtures("unrendered")
def test_a_transition_that_is_not_determined_is_nan_and_said(tmp_path, monkeypatch):
    data = changed(SMALL, grid={"temperature": {"start": 0.8, "stop": 1.1, "num": 7}}, sampler={"sweeps": 400})
    spec, experiment, files = run_points(data, tmp_path)
    monkeypatch.setattr("runs.experiments.xy_transition.joint_fit", lambda *_: None)
    with pytest.warns(ConvergenceWarning, match="T_BKT: no estimate, the data of sizes 4, 6 do not determine"):
        results = experiment.assemble(spec, files)
    assert np.isnan([results["t_bkt"], results["t_bkt_error"], results["t_bkt_from_crossings"]]).all()
    assert np.isfinite(results["crossing_temperature"]).all()
    assert experiment.summary(results)[0].startswith("T_BKT: no estimate")
    with style():
        assert experiment.figures(results, tmp_path / "figures")[0].png.stem == "thermodynamics"


@pytest.mark.usefixtures("unrendered")
def test_quenched_rings_end_in_their_exact_minima(tmp_path):
    spec, experiment, files = run_points(QUENCH, tmp_path)
    results = experiment.assemble(spec, files)
    for i, size in enumerate(spec.grid.size):
        points = theory.ring_stationary_points(size)
        minima = np.unique(np.round(points.energy[points.downhill == 0], 9))
        energy = results["reference_energy"].values[i] * size + results["excess_energy_of_each"].values[i] * size
        distance = np.abs(energy[:, None] - minima[None, :]).min(axis=1)
        # Settling stops where a block of sweeps gains less than the tolerance; float32 spins add their rounding.
        assert distance.max() < 1e-4
        assert results["reached_reference"].values[i] > 0.3
    with style():
        assert experiment.figures(results, tmp_path / "figures")


def test_quenches_resume_and_extend(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    _, _, whole = run_points(QUENCH, tmp_path / "whole")
    fewer = changed(QUENCH, quench={"quenches": 20})
    run_points(fewer, tmp_path / "parts", Control("", "cpu", stop=stop_after(3)))
    run_points(fewer, tmp_path / "parts")
    _, _, parts = run_points(QUENCH, tmp_path / "parts")
    for name, path in whole.items():
        with xr.open_dataset(path, engine="h5netcdf") as a, xr.open_dataset(parts[name], engine="h5netcdf") as b:
            xr.testing.assert_equal(a.load(), b.load())


def test_quenches_have_no_bins_and_say_so(tmp_path):
    spec, experiment, files = run_points(changed(QUENCH, quench={"quenches": 16}), tmp_path)
    plain, binned = (experiment.assemble(spec, files, bins) for bins in (None, 5))
    assert plain.attrs["bins"] == "none"
    xr.testing.assert_identical(plain, binned)
