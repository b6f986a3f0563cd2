"""How a run ends when not all went well: in words, with the right exit code, and never with stale results unsaid."""

import tomllib

import numpy as np
import pytest
from ar1 import AR1
from entroscape_command import QUICK, SPEC, write_spec

from runs import cli, pool


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """The command in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    write_spec(tmp_path, QUICK)

    def run(*arguments):
        code = cli.main(list(arguments))
        return code, *capsys.readouterr()

    return run


def test_points_that_nobody_stopped_and_that_are_not_done_are_named(command, monkeypatch):
    real = pool.run_pool
    monkeypatch.setattr(pool, "run_pool", lambda job, names, *a, **k: real(job, sorted(names)[1:], *a, **k))
    code, out, said = command("run", "demo.toml")
    assert code == 1
    assert "1 of 3 points are not done: rho-0; logs in demo/log" in said
    assert "demo/results.h5: without rho-0\n" in said
    assert "1 of 3 points are missing: rho-0" in out


def test_an_analysis_that_fails_is_one_line_and_the_old_results_are_not_taken_for_new(command, monkeypatch, tmp_path):
    assert command("run", "demo.toml", "--set", "chain.draws=200")[0] == 0
    before = (tmp_path / "demo" / "results.h5").read_bytes()

    def singular(*_):
        raise np.linalg.LinAlgError("Singular\nmatrix")

    with monkeypatch.context() as patch:
        patch.setattr(AR1, "assemble", singular)
        for _ in range(2):
            code, _, said = command("run", "demo.toml")
            assert code == 1
            line = next(line for line in said.splitlines() if "the points are kept" in line)
            assert "the analysis failed: LinAlgError: Singular matrix (traceback in demo/log/analysis.log)" in line
            assert "after mending, run the same command again" in line
            assert "demo/results.h5: older than this run" in said
            assert "Traceback" not in said
    assert (tmp_path / "demo" / "results.h5").read_bytes() == before
    assert "in singular" in (tmp_path / "demo" / "log" / "analysis.log").read_text()
    code, _, said = command("run", "demo.toml")
    assert code == 0
    assert "older than" not in said


def test_figures_that_failed_are_drawn_by_the_next_run(command, monkeypatch):
    assert command("run", "demo.toml", "--set", "chain.draws=200")[0] == 0

    def broken(*_):
        raise ZeroDivisionError("no axis")

    with monkeypatch.context() as patch:
        patch.setattr(AR1, "figures", broken)
        assert command("run", "demo.toml")[0] == 1
        assert command("run", "demo.toml")[0] == 1
    code, out, said = command("run", "demo.toml")
    assert code == 0
    assert "report: demo/report.html" in out
    assert "nothing to do" not in said


@pytest.mark.parametrize("lost", ["figures/variance.pdf", ".report.json", "report.html"])
def test_lost_figures_are_drawn_again(command, tmp_path, lost):
    write_spec(tmp_path, SPEC)
    options = ("--set", "grid.rho=[0.0]")
    assert command("run", "demo.toml", *options)[0] == 0
    (tmp_path / "demo" / lost).unlink()
    assert command("run", "demo.toml", *options)[0] == 0
    assert (tmp_path / "demo" / lost).is_file()
    assert "nothing to do" in command("run", "demo.toml", *options)[2]


def test_damaged_results_are_named_in_one_line(command, tmp_path):
    assert command("run", "demo.toml")[0] == 0
    results = tmp_path / "demo" / "results.h5"
    results.write_bytes(results.read_bytes()[:1000])
    code, _, said = command("run", "demo.toml")
    assert code == 1
    assert "the points are kept, their results are not written: demo/results.h5: is truncated" in said
    results.unlink()
    assert command("run", "demo.toml")[0] == 0


def test_a_folder_of_a_version_with_fewer_keys_goes_on(command, tmp_path):
    assert command("run", "demo.toml", "--set", "chain.draws=200")[0] == 0
    spec = tmp_path / "demo" / "spec.toml"
    now = spec.read_text()
    spec.write_text(now.replace("chunk = 50\n", ""))
    assert "chunk" not in spec.read_text()
    assert command("verify", "demo")[0] == 0
    assert command("run", "demo.toml", "--set", "chain.draws=200")[0] == 0
    assert tomllib.loads(spec.read_text()) == tomllib.loads(now)

    # A value other than the default is another spec, with the key or without it.
    spec.write_text(now.replace("chunk = 50\n", ""))
    code, _, said = command("run", "demo.toml", "--set", "chain.chunk=40")
    assert code == 2
    assert "chain.chunk: 50 -> 40" in said


def test_a_failed_point_of_an_extension_is_named_as_missing_from_the_results(command, monkeypatch):
    assert command("run", "demo.toml")[0] == 0
    real = pool.run_pool
    monkeypatch.setattr(pool, "run_pool", lambda job, names, *a, **k: real(job, names[:-1], *a, **k))
    code, _, said = command("run", "demo.toml", "--set", "grid.rho=[0.0, 0.1, 0.2, 0.5, 0.9]")
    assert code == 1
    assert "demo/results.h5: without rho-0.2" in said
