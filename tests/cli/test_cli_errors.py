"""Bad input: one line that names place, value and what to do; exit code 2; nothing written."""

import os

import h5py
import numpy as np
import pytest
from entroscape_command import SPEC, write_spec

from runs import cli, load
from runs.experiments import KINDS


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_spec(tmp_path)
    return tmp_path


@pytest.fixture
def refused(here, capsys):
    def check(*arguments):
        before = sorted(path for path in here.rglob("*"))
        code = cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert code == 2
        assert said.out == ""
        assert "Traceback" not in said.err
        assert said.err.startswith("entroscape: ")
        assert sorted(path for path in here.rglob("*")) == before
        return said.err.rstrip("\n")

    return check


@pytest.fixture
def refused_in_one_line(refused):
    def check(*arguments):
        line = refused(*arguments)
        assert "\n" not in line
        return line

    return check


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rum", "x"], 'Unknown command "rum". Did you mean "run"?'),
        (["run"], "SPEC requires an argument"),
        (["run", "demo.toml", "--worker", "2"], "Unknown option: --worker. Did you mean --workers?"),
        (["run", "demo.toml", "--workers", "two"], 'Invalid value for --workers: unable to convert "two" into int'),
        (["run", "demo.toml", "--workers", "0"], "--workers 0: needs an integer >= 1"),
        (["run", "demo.toml", "--device", "gpu"], 'Invalid value "gpu" for --device. Choose from: "cpu", "cuda"'),
        (["run", "demo.toml", "--stop-after", "soon"], "--stop-after soon: needs a time such as 90s, 55m or 1h30m"),
        (["run", "demo.toml", "--set", "chain.draws"], "--set chain.draws: needs key=value"),
        (["run", "demo.toml", "--set", "chain.draws=[1,"], "--set chain.draws=[1,: the value is not TOML"),
        (["run", "demo.toml", "--set", "seed.x=1"], "--set seed.x=1: seed is a value, not a table"),
        (["run", "demo.toml", "--set", "chain.draw=1"], "chain.draw: unknown key; did you mean draws?"),
        (["run", "demo.toml", "--set", "chain.draws=0"], "chain.draws = 0: needs a number >= 1"),
        (["run", "demo.toml", "--set", "grid.rho=[-1.0]"], "grid.rho[0] = -1.0: needs a number >= 0"),
        (["run", "demo.toml", "--set", "grid.rho=[nan]"], "grid.rho[0] = NaN: needs a finite number"),
        (["run", "demo.toml", "--set", "experiment=ising"], 'experiment = "ising": no such experiment; known: '),
        (["run", "demo.toml", "--set", "experiment=xyy"], "did you mean 'xy'?"),
        (["run", "demo.toml", "--set", "experiment=ar1:AR2"], 'experiment = "ar1:AR2": cannot be imported'),
        (["run", "demo.toml", "--set", "experiment=ar1:Spec"], "is not a subclass of runs.experiments.Experiment"),
        (["run", "demo.toml", "--set", "chain.chains=1000000000000"], "alone needs about"),
        (["run", "demo.toml", "--dask", "tcp://127.0.0.1:1:2"], "no scheduler answers there"),
        (["run", "missing.toml"], "missing.toml: no such file"),
        (["run", "."], "is a folder without a spec.toml"),
        (["status", "nowhere"], "nowhere: no such file"),
        (["status", "demo.toml"], "demo.toml: is a file; give the folder of a run"),
        (["report", "demo.toml", "--bins", "many"], 'Invalid value for --bins: unable to convert "many"'),
        (["bench", "--json", "nowhere/bench.json"], "--json nowhere/bench.json: cannot be written: No such file"),
        (["bench", "--json", "."], "--json .: cannot be written: Is a directory"),
        (["report", "nowhere"], "nowhere: no such folder"),
        (["report", "demo.toml", "--bins", "1"], "--bins 1: needs an integer >= 2"),
        (["show", "nowhere.h5"], "nowhere.h5: there is no such file"),
        (["show", "demo.toml"], "demo.toml: is not an HDF5 file"),
        (["verify", "nowhere.h5"], "nowhere.h5: there is no such file"),
        (["list", "xyz"], 'experiment = "xyz": no such experiment'),
    ],
)
def test_bad_input_is_refused_in_one_line(refused_in_one_line, arguments, said):
    assert said in refused_in_one_line(*arguments)


def test_several_faults_are_told_together_one_line_each(refused):
    lines = refused("run", "demo.toml", "--set", "chain.draws=0", "--set", "grid.rho=[]", "--set", "sed=1").splitlines()
    assert lines == [
        "entroscape: demo.toml: 3 faults",
        "  chain.draws = 0: needs a number >= 1",
        "  grid.rho = []: needs at least 1 entries",
        "  sed: unknown key; did you mean seed? known here: experiment, seed, device, chain, grid, trouble",
    ]


def test_a_file_that_is_not_toml_names_the_line(here, refused_in_one_line):
    write_spec(here, "experiment = \n", "bad.toml")
    assert "bad.toml: not valid TOML: Invalid value (at line 1" in refused_in_one_line("run", "bad.toml")
    (here / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "binary.toml: is not a text file" in refused_in_one_line("run", "binary.toml")


def test_a_spec_without_an_experiment_names_the_known_ones(here, refused_in_one_line):
    write_spec(here, "seed = 1\n", "bad.toml")
    said = refused_in_one_line("run", "bad.toml")
    assert f"experiment: missing; needs the kind of experiment: {', '.join(sorted(KINDS))}" in said


def test_a_name_close_to_a_bundled_spec_is_suggested(here, refused_in_one_line, monkeypatch, tmp_path_factory):
    specs = tmp_path_factory.mktemp("specs")
    write_spec(specs, SPEC, "xy-bkt.toml")
    monkeypatch.setattr(load, "SPECS", specs)
    assert "did you mean 'xy-bkt'? bundled: xy-bkt" in refused_in_one_line("run", "xy-btk")


def test_a_folder_that_is_not_a_run_is_left_alone(here, refused_in_one_line):
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.tex").write_text("precious")
    line = refused_in_one_line("run", "demo.toml", "-o", "thesis")
    assert "thesis: exists and is not a run's folder; choose another with -o" in line


def test_a_read_only_folder_is_refused(here, refused_in_one_line):
    (here / "locked").mkdir(mode=0o555)
    assert "read-only" in refused_in_one_line("run", "demo.toml", "-o", "locked")
    assert "read-only" in refused_in_one_line("run", "demo.toml", "-o", "locked/inside")


def test_a_spec_that_cannot_be_read_is_refused(here, refused_in_one_line):
    if os.geteuid() == 0:
        pytest.skip("an administrator may read anything")
    (here / "demo.toml").chmod(0)
    assert "demo.toml: cannot be read: Permission denied" in refused_in_one_line("run", "demo.toml")


@pytest.mark.parametrize("command", ["show", "verify"])
def test_foreign_truncated_empty_and_newer_files_are_named(here, refused_in_one_line, command):
    with h5py.File("foreign.h5", "w") as file:
        file["x"] = np.arange(10000)
    assert "not one of entroscape" in refused_in_one_line(command, "foreign.h5")
    with h5py.File("newer.h5", "w") as file:
        file.attrs["schema"], file.attrs["schema_version"] = "entroscape", 999
    assert "has schema version 999" in refused_in_one_line(command, "newer.h5")
    (here / "truncated.h5").write_bytes((here / "foreign.h5").read_bytes()[:5000])
    assert "truncated.h5: is truncated" in refused_in_one_line(command, "truncated.h5")
    (here / "empty.h5").write_bytes(b"")
    assert "empty.h5: is empty" in refused_in_one_line(command, "empty.h5")


def test_bench_and_validate_hand_over(monkeypatch):
    import sys
    import types

    import runs

    for name in ("bench", "validate"):
        module = types.ModuleType(f"runs.{name}")
        module.main = lambda json_path=None: 7 if json_path is None else int(json_path.stem)
        monkeypatch.setitem(sys.modules, f"runs.{name}", module)
        monkeypatch.setattr(runs, name, module, raising=False)
    assert cli.main(["validate"]) == 7
    assert cli.main(["bench"]) == 7
    assert cli.main(["bench", "--json", "9.json"]) == 9
