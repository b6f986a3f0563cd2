"""The commands on one finished run: what they print, what they write, what they leave alone."""

import base64
import re
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from entroscape_command import POINTS, write_spec

from runs import cli, show


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with demo.toml and its finished run demo/."""
    folder = tmp_path_factory.mktemp("finished")
    write_spec(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["run", "demo.toml"]) == 0
    return folder


@pytest.fixture
def here(finished, tmp_path, monkeypatch):
    """A copy of it that a test may spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_what_the_design_says(here):
    demo = here / "demo"
    for name in POINTS:
        assert (demo / "points" / f"{name}.h5").is_file()
        assert "done" in (demo / "log" / f"{name}.log").read_text()
    assert 'experiment = "ar1:AR1"' in (demo / "spec.toml").read_text()
    assert "chains = 4" in (demo / "spec.toml").read_text()
    assert (demo / "figures" / "variance.png").read_bytes().startswith(b"\x89PNG")
    assert (demo / "figures" / "variance.pdf").read_bytes().startswith(b"%PDF")


def test_results_open_in_xarray_with_errors_and_dimensions(here):
    with xr.open_dataset(here / "demo" / "results.h5", engine="h5netcdf") as results:
        assert results["variance"].dims == ("rho",)
        expected = 1.0 / (1.0 - results["rho"] ** 2)
        assert (abs(results["variance"] - expected) < 4.9 * results["variance_error"]).all()
        assert results.attrs["points"] == "3 of 3"


def test_running_again_does_nothing(here, capsys):
    before = files(here)
    assert cli.main(["run", "demo.toml"]) == 0
    assert "all 3 points done; nothing to do" in capsys.readouterr().err
    assert {path: time for path, time in files(here).items() if path.name != ".entroscape.lock"} == {
        path: time for path, time in before.items() if path.name != ".entroscape.lock"
    }


@pytest.mark.parametrize("name", ["demo", "./demo", "demo/spec.toml"])
def test_running_the_folder_means_its_own_spec(here, capsys, name):
    (here / "demo.toml").unlink()
    assert cli.main(["run", name]) == 0
    assert "demo: all 3 points done; nothing to do" in capsys.readouterr().err


def test_lost_results_are_made_again_from_the_points(here):
    (here / "demo" / "results.h5").unlink()
    (here / "demo" / "report.html").unlink()
    assert cli.main(["run", "demo.toml"]) == 0
    assert (here / "demo" / "results.h5").is_file()
    assert (here / "demo" / "report.html").is_file()


def test_status_counts_the_points(here, capsys):
    assert cli.main(["status", "demo"]) == 0
    said = capsys.readouterr().out
    assert "rho-0.5  done     400  400" in said
    assert "3 points: 3 done; 100.0 % of the work" in said
    (here / "demo" / "points" / "rho-0.5.h5").unlink()
    assert cli.main(["status", "demo"]) == 0
    said = capsys.readouterr().out
    assert "3 points: 2 done, 1 missing" in said
    assert "not running; go on with: entroscape run ./demo" in said


def test_show_tells_means_and_diagnostics(here, capsys):
    assert cli.main(["show", "demo/points/rho-0.5.h5"]) == 0
    said = capsys.readouterr().out
    assert "chain 4, draw 400" in said
    assert "status: done" in said
    row = next(line for line in said.splitlines() if line.startswith("x "))
    tau, r_hat = row.split()[4:6]
    # tau_int = 1/2 + rho / (1 - rho) = 1.5; its relative error here is about 0.15.
    assert 0.9 < float(tau) < 2.3
    assert 0.99 < float(r_hat) < 1.05
    assert cli.main(["show", "demo/results.h5"]) == 0
    assert re.search(r"^variance +rho=3 +\S+ \.\. \S+ +\S+ \.\. \S+ +1$", capsys.readouterr().out, re.MULTILINE)


def test_show_warns_of_short_chains(here, capsys):
    assert cli.main(["run", "demo.toml", "-o", "short", "--set", "grid.rho=0.99", "--set", "chain.draws=100"]) == 2
    assert "grid.rho = 0.99: needs a list" in capsys.readouterr().err
    assert cli.main(["run", "demo.toml", "-o", "short", "--set", "grid.rho=[0.99]", "--set", "chain.draws=100"]) == 0
    assert cli.main(["show", "short/points/rho-0.99.h5"]) == 0
    assert re.search(r"warning: .*x.*50", capsys.readouterr().out)


def series_of(names, thin):
    """Two chains that turn slowly in the first variables and forget at once in the last."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(len(names), 2, 400))
    slow = np.cumsum(noise[:-1], axis=2)
    values = dict(zip(names, [*slow, noise[-1]], strict=True))
    return xr.Dataset({name: (("chain", "draw"), v) for name, v in values.items()}, attrs={"thin": thin})


def shown(data):
    return "\n".join(show._series(data))


def test_show_counts_in_sweeps():
    one, five = (shown(series_of(["slow", "fast"], thin)) for thin in (1, 5))
    assert "tau_int (sweeps)" in five
    needed = [int(re.search(r"run at least (\d+) sweeps", said).group(1)) for said in (one, five)]
    assert needed[1] == 5 * needed[0]
    times = [float(re.search(r"^fast .*", said, re.MULTILINE).group().split()[4]) for said in (one, five)]
    assert times[1] == pytest.approx(5 * times[0], rel=0.01)


def test_show_leaves_out_warnings_of_what_is_zero_by_symmetry():
    assert "warning" not in shown(series_of(["magnetization_x", "magnetization_y", "energy"], 1))
    said = shown(series_of(["magnetization_x", "other", "energy"], 1))
    assert "warning: other: " in said
    assert "warning: magnetization_x" not in said
    # Nothing else is fine: then it is a warning like any other.
    assert "warning: magnetization_x" in shown(series_of(["energy", "magnetization_x", "x"], 1).drop_vars("x"))


def test_verify_is_content_with_a_whole_run(here, capsys):
    assert cli.main(["verify", "demo"]) == 0
    assert capsys.readouterr().out == "demo: whole\n"
    assert cli.main(["verify", "demo/points/rho-0.h5"]) == 0
    assert cli.main(["verify", "demo/points/rho-0.checkpoint"]) == 0


def test_verify_notices_a_damaged_checkpoint(here, capsys):
    path = here / "demo" / "points" / "rho-0.checkpoint"
    with h5py.File(path, "r+") as file:
        names = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        name = next(name for name in names if name.endswith("x"))
        file[name][0] += 1.0
    assert cli.main(["verify", str(path)]) == 1
    assert "rho-0.checkpoint: " in capsys.readouterr().out


def test_verify_names_what_is_wrong(here, capsys):
    points = here / "demo" / "points"
    (points / "rho-0.h5").unlink()
    damaged = (points / "rho-0.5.h5").read_bytes()
    (points / "rho-0.5.h5").write_bytes(damaged[: len(damaged) // 2])
    (here / "demo" / "results.h5").unlink()
    assert cli.main(["verify", "demo"]) == 1
    said = capsys.readouterr().out
    assert "rho-0.h5: missing" in said
    assert "rho-0.5.h5: is truncated" in said
    assert "results.h5: missing" in said


def test_verify_notices_a_file_of_another_spec(here, capsys):
    assert cli.main(["run", "demo.toml", "-o", "other", "--set", "chain.chains=2"]) == 0
    shutil.copy(here / "other" / "points" / "rho-0.h5", here / "demo" / "points" / "rho-0.h5")
    capsys.readouterr()
    assert cli.main(["verify", "demo"]) == 1
    assert "rho-0.h5: made with another spec: chain.chains: 2 -> 4" in capsys.readouterr().out
    assert cli.main(["verify", "demo/points/rho-0.h5"]) == 1


def test_a_damaged_point_stops_a_run_before_it_starts(here, capsys):
    path = here / "demo" / "points" / "rho-0.5.h5"
    path.write_bytes(path.read_bytes()[:1000])
    assert cli.main(["run", "demo.toml"]) == 2
    said = capsys.readouterr().err
    assert "rho-0.5.h5: is truncated" in said
    assert "Traceback" not in said


def test_the_report_stands_on_its_own(here):
    text = (here / "demo" / "report.html").read_text(encoding="utf-8")
    images = re.findall(r'<img alt="[^"]*" src="data:image/png;base64,([^"]+)"', text)
    assert base64.b64decode(images[0]).startswith(b"\x89PNG")
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "http" not in text
    assert "theory &lt;1/(1 - rho^2)&gt;" in text
    assert "variance over all points" in text
    assert "git commit" in text
    assert "entroscape 0." in text
    assert "[grid]" in text
    assert re.search(r"<td>0\.5</td><td>1\.\d+\(\d+\)</td>", text)


def test_a_report_needs_nothing_but_the_results_file(here):
    alone = here / "alone"
    alone.mkdir()
    shutil.copy(here / "demo" / "results.h5", alone)
    assert cli.main(["report", "alone"]) == 0
    assert (alone / "figures" / "variance.pdf").is_file()
    assert "variance over all points" in (alone / "report.html").read_text()


def test_another_binning_changes_the_errors_and_not_the_means(here):
    path = here / "demo" / "results.h5"
    with xr.open_dataset(path, engine="h5netcdf") as results:
        before = results.load()
    assert cli.main(["report", "demo", "--bins", "5"]) == 0
    with xr.open_dataset(path, engine="h5netcdf") as results:
        assert results.attrs["bins"] == 5
        assert abs(results["variance"] - before["variance"]).max() < 1e-12
        assert (results["variance_error"] != before["variance_error"]).all()

    assert cli.main(["report", "demo", "--bins", "auto"]) == 0
    with xr.open_dataset(path, engine="h5netcdf") as results:
        assert results.attrs["bins"] == "automatic"
        assert results["variance_error"].equals(before["variance_error"])


def test_bins_beyond_the_draws_are_refused_and_the_results_kept(here, capsys):
    path = here / "demo" / "results.h5"
    before = path.read_bytes()
    assert cli.main(["report", "demo", "--bins", "401"]) == 2
    said = capsys.readouterr().err
    assert said == "entroscape: --bins 401: the chains have 400 draws; needs at most 400 bins per chain\n"
    assert path.read_bytes() == before


def test_a_report_without_any_point_says_so(here, capsys):
    shutil.rmtree(here / "demo" / "points")
    (here / "demo" / "results.h5").unlink()
    assert cli.main(["report", "demo"]) == 2
    assert "no point is done yet" in capsys.readouterr().err


def test_list_tells_every_key(here, capsys):
    assert cli.main(["list", "ar1:AR1"]) == 0
    said = capsys.readouterr().out
    assert "ar1:AR1: Autoregressive chains of order one." in said
    assert re.search(r"chain\.draws +integer >= 1 +\[needed\] +draws of each chain, a total", said)


def test_overrides_reach_the_run(here):
    options = ["--set", "grid.rho=[0.0]", "--set", "chain.draws=20", "--set", "chain.chunk = 10", "--workers", "1"]
    assert cli.main(["run", "demo.toml", "-o", "small", *options]) == 0
    with xr.open_dataset("small/points/rho-0.h5", engine="h5netcdf") as data:
        assert data.sizes["draw"] == 20
