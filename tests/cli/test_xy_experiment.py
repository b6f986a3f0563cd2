"""The XY experiments: their run files, points, files, results and figures, on systems of a few spins."""

import numpy as np
import pytest
import xarray as xr
from xy_runs import SMALL, changed, faults, point_names, run_points, stop_after

from mcmc.errors import ConvergenceWarning
from runs import cli, load
from runs.experiments import Control, find
from runs.experiments.xy_series import geometry
from runs.figures import style

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


def test_bundled_run_files_are_valid_and_say_what_they_are_for():
    assert {"xy-bkt", "xy-bkt-quick", "xy-3d", "xy-gauge-glass", "xy-quench"} <= set(load.bundled())
    for name, path in load.bundled().items():
        assert load.load(name).experiment.points(load.load(name).spec)
        assert load.headline(path)


def test_xy_bkt_is_the_published_run():
    table = load.load("xy-bkt").table
    assert table["landscape"]["lattice"] == "square"
    assert table["sampler"] == {
        "kind": "tempering",
        "update": "metropolis",
        "over_relaxation": 4,
        "thermalization": 2000,
        "chains": 8,
        "thin": 5,
        "sweeps": 20000,
        "swap_every": 1,
    }
    assert table["grid"]["size"] == [8, 16, 32, 64]
    np.testing.assert_allclose(table["grid"]["temperature"], np.linspace(0.4, 1.6, 25))


def test_a_point_is_a_size_and_further_axes_only_where_they_exist():
    assert point_names(SMALL) == ["size-4", "size-6"]
    alone = changed(SMALL, sampler={"kind": "metropolis"}, grid={"temperature": [0.9, 1.1]})
    assert point_names(alone) == [
        "size-4_temperature-0.9",
        "size-4_temperature-1.1",
        "size-6_temperature-0.9",
        "size-6_temperature-1.1",
    ]
    glass = changed(SMALL, landscape={"phase": "uniform"}, grid={"instances": 2, "size": [4]})
    assert point_names(glass) == ["size-4_instance-0", "size-4_instance-1"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"sampler": {"kind": "wolff"}, "landscape": {"field": 0.5}}, "sampler: wolff needs couplings J >= 0"),
        ({"sampler": {"kind": "wolff", "over_relaxation": 2}}, "sampler.over_relaxation = 2: wolff takes no"),
        ({"sampler": {"kind": "metropolis", "swap_every": 2}}, "sampler.swap_every = 2: belongs to kind = tempering"),
        ({"sampler": {"step_size": 0.1}}, "sampler.step_size = 0.1: belongs to langevin and mala"),
        ({"sampler": {"sweeps": 30}}, "sampler.sweeps = 30: gives 6 draws with thin = 5; at least 40 sweeps"),
        ({"sampler": {"kind": "mala"}, "device": "cuda"}, "sampler: mala does not run on cuda"),
        ({"grid": {"temperature": [1.0]}}, "grid: temperature has one value; tempering needs two or more"),
        ({"grid": {"instances": 3}}, "grid: instances = 3, but nothing in the landscape is random"),
        ({"landscape": {"lattice": "random_regular"}}, "lattice = random_regular needs the bonds of each site"),
        ({"landscape": {"degree": 3}}, "landscape.degree = 3: belongs to lattice = random_regular"),
        ({"landscape": {"lattice": "random_regular", "degree": 5}}, "grid: size 4 with degree 5: no such random"),
        ({"landscape": {"lattice": "complete", "phase": 0.3}}, "landscape.phase = 0.3: the complete graph takes one"),
        ({"landscape": {"coupling": 1e7}}, "landscape.coupling = 10000000.0: |J| must not exceed 1e+06"),
        ({"landscape": {"coupling": {"kind": "gaussian", "scale": 2e5}}}, "landscape.coupling: |J| must not exceed"),
        ({"landscape": {"field": -1e7}}, "landscape.field = -10000000.0: |h| must not exceed 1e+06"),
        ({"landscape": {"coupling": 1e-13}}, "the larger of |J| and |h| is 1e-13, below 1e-12"),
        (
            {"sampler": {"kind": "langevin", "step_size": 0.3}},
            "sampler: step_size = 0.3 is unstable for langevin: times 8, twice the couplings at a site plus the field, "
            "it must stay below 2; use less than 0.25, or mala",
        ),
        ({"landscape": {"coupling": "gausian"}}, "landscape.coupling = \"gausian\": needs one of 'plus-minus' or"),
    ],
)
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_one_command_gives_results_figures_and_a_page(tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    path = tmp_path / "small.toml"
    path.write_text(
        'experiment = "xy"\n[sampler]\nthermalization = 100\nsweeps = 400\n'
        "[grid]\nsize = [4, 8]\ntemperature = {start = 0.8, stop = 1.1, num = 7}\n"
    )
    assert cli.main(["run", str(path), "-o", str(out), "--workers", "1"]) == 0
    assert "T_BKT = " in capsys.readouterr().out
    with xr.open_dataset(out / "results.h5", engine="h5netcdf") as results:
        for name in (
            "energy_per_site", "specific_heat", "magnetization", "susceptibility", "helicity_modulus",
            "vortex_density", "binder_cumulant", "correlation_length",
        ):  # fmt: skip
            assert results[name].dims == ("size", "temperature")
            assert np.isfinite(results[name]).all()
            assert (results[f"{name}_error"] > 0).all()
        for name in ("acceptance", "tau_int_energy", "r_hat", "swap_rate", "bins"):
            assert results[name].dims == ("size", "temperature")
        automatic = results["bins"].values.copy()
    for name in ("transition", "thermodynamics", "convergence"):
        for suffix in ("png", "pdf"):
            assert (out / "figures" / f"{name}.{suffix}").stat().st_size > 5000
    monkeypatch.setattr("runs.report.draw", lambda *_: [])
    assert cli.main(["report", str(out), "--bins", "5"]) == 0
    with xr.open_dataset(out / "results.h5", engine="h5netcdf") as results:
        assert (results["bins"] == 20).all()
        assert (automatic != 20).all()


def test_stopping_anywhere_and_going_on_changes_nothing(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    _, _, whole = run_points(SMALL, tmp_path / "whole")
    stopped = Control("", "cpu", stop=stop_after(7))
    for _ in range(50):
        spec, experiment, parts = run_points(SMALL, tmp_path / "parts", stopped)
        if all(
            experiment.run_point(spec, point, parts[point.name], Control("", "cpu", stop=stop_after(7)))
            for point in experiment.points(spec)
        ):
            break
    for name, path in whole.items():
        with xr.open_dataset(path, engine="h5netcdf") as a, xr.open_dataset(parts[name], engine="h5netcdf") as b:
            xr.testing.assert_equal(a.load(), b.load())


def test_more_sweeps_extend_what_is_there(tmp_path):
    _, _, files = run_points(SMALL, tmp_path)
    with xr.open_dataset(files["size-4"], engine="h5netcdf") as file:
        before = file["energy"].values
    run_points(changed(SMALL, sampler={"sweeps": 300}), tmp_path)
    with xr.open_dataset(files["size-4"], engine="h5netcdf") as file:
        assert file.sizes["draw"] == 60
        np.testing.assert_array_equal(file["energy"].values[:, :40], before)


def test_temperatures_may_be_added_where_each_is_a_point(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("runs.report.draw", lambda *_: [])
    path = tmp_path / "small.toml"
    path.write_text(
        'experiment = "xy"\n[sampler]\nkind = "metropolis"\nthermalization = 5\nsweeps = 40\n'
        "[grid]\nsize = 4\ntemperature = [0.8, 1.1]\n"
    )
    alone = ["run", str(path), "-o", str(tmp_path / "alone"), "--workers", "1"]
    assert cli.main(alone) == 0
    assert cli.main([*alone, "--set", "grid.temperature=[0.8, 0.9, 1.1]"]) == 0
    assert len(list((tmp_path / "alone" / "points").glob("*.h5"))) == 3
    assert cli.main(["verify", str(tmp_path / "alone")]) == 0
    tempered = ["run", str(path), "-o", str(tmp_path / "all"), "--workers", "1", "--set", 'sampler.kind="tempering"']
    assert cli.main(tempered) == 0
    capsys.readouterr()
    assert cli.main([*tempered, "--set", "grid.temperature=[0.8, 0.9, 1.1]"]) != 0
    assert "(tempering exchanges all temperatures" in capsys.readouterr().err


def test_points_that_are_missing_are_holes_in_the_results(tmp_path):
    spec, experiment, files = run_points(SMALL, tmp_path)
    results = experiment.assemble(spec, {"size-6": files["size-6"]})
    assert np.isnan(results["energy_per_site"].sel(size=4)).all()
    assert np.isfinite(results["energy_per_site"].sel(size=6)).all()
    assert "bins" not in results.attrs
    # 40 draws make no 15 bins of one length: 20 of two.
    assert experiment.assemble(spec, {"size-6": files["size-6"]}, 15).attrs["bins"] == 20
    assert "t_bkt" not in results


def test_short_chains_are_warned_of(tmp_path):
    slow = changed(
        SMALL,
        sampler={"kind": "langevin", "step_size": 1e-4, "sweeps": 100},
        grid={"size": [4], "temperature": [0.5]},
    )
    spec, experiment, files = run_points(slow, tmp_path)
    with pytest.warns(ConvergenceWarning, match=r"size 4: chains of 100 sweeps are shorter than 50 tau_int at T = 0.5"):
        experiment.assemble(spec, files)


@pytest.mark.parametrize("lattice", ["chain", "ring", "triangular", "cubic", "random_regular", "complete"])
@pytest.mark.usefixtures("unrendered")
def test_every_lattice_gives_what_it_has(lattice, tmp_path):
    more = {"degree": 3} if lattice == "random_regular" else {}
    data = changed(SMALL, landscape={"lattice": lattice, **more}, grid={"size": [4], "temperature": [0.8, 1.2]})
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    assert ("vortex_density" in results) == (lattice == "triangular")
    assert ("correlation_length" in results) == (lattice in ("ring", "triangular", "cubic"))
    assert ("helicity_modulus" in results) == (lattice in ("ring", "triangular", "cubic"))
    place = geometry(spec.landscape, 4)
    built = spec.landscape.model(4, 1)
    assert (place.sites, place.bonds, place.directions) == (built.sites, built.graph.bonds, built.graph.directions)
    assert place.plaquettes == len(built.graph.plaquettes)
    with style():
        assert experiment.figures(results, tmp_path / "figures")
    assert experiment.summary(results)


@pytest.mark.parametrize("lattice", ["cubic", "square"])
@pytest.mark.usefixtures("unrendered")
def test_figures_need_nothing_but_the_results(lattice, tmp_path):
    data = changed(
        SMALL,
        landscape={"lattice": lattice, **({"phase": "uniform"} if lattice == "square" else {})},
        sampler={"over_relaxation": 2, "sweeps": 600, "chains": 4},
        grid={"size": [3, 4], "temperature": {"start": 2.0, "stop": 2.5, "num": 6}},
    )
    if lattice == "square":
        data["grid"]["instances"] = 2
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    path = tmp_path / "alone.nc"
    results.to_netcdf(path, engine="h5netcdf")
    for file in files.values():
        file.unlink()
    with xr.open_dataset(path, engine="h5netcdf") as alone, style():
        drawn = experiment.figures(alone.load(), tmp_path / "figures")
    assert all(drawing.png.exists() and drawing.caption for drawing in drawn)
    if lattice == "cubic":
        assert "t_c" in results
        assert drawn[0].png.stem == "transition"


def test_memory_grows_with_what_is_run():
    experiment = find("xy")
    spec = load.load("xy-bkt").spec
    needs = [experiment.memory(spec, point) for point in experiment.points(spec)]
    assert needs == sorted(needs)
    lanes, sites = 8 * 25, 64 * 64
    assert needs[-1] > 8 * sites * lanes
    assert needs[-1] < 1e9
