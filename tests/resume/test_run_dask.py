"""The same points on a dask cluster of two processes: same numbers, killed workers and stops included."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from ar1 import expected
from entroscape_command import POINTS, QUICK, environment, series, start, wait_until, write_spec

from mcmc.errors import ArgumentError, DeviceError
from runs import cli
from runs.cluster import check_cluster
from runs.status import read_record
from runs.survey import status

pytest.importorskip("distributed")


def test_a_killed_worker_s_point_is_retried_and_a_stopped_run_resumes(tmp_path, monkeypatch):
    write_spec(tmp_path, QUICK)
    trouble = ("--set", "trouble.pause=0.4", "--set", "trouble.deaths={rho-0=1}")
    running = start("run", "demo.toml", "--dask", "local", "--workers", "2", *trouble, cwd=tmp_path)
    wait_until(lambda: read_record(tmp_path / "demo" / "log", "rho-0").attempt == 2)
    wait_until(lambda: read_record(tmp_path / "demo" / "log", "rho-0").done > 50)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 3, said
    assert "resume with: entroscape run ./demo" in said

    # Another way of running goes on where the first one stopped.
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "./demo"]) == 0
    for name in POINTS:
        np.testing.assert_array_equal(series(tmp_path / "demo", name), expected(float(name.removeprefix("rho-"))))


def test_a_scheduler_that_goes_away_stops_the_run_and_it_resumes(tmp_path, monkeypatch):
    write_spec(tmp_path, QUICK)
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    work = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1"]
    quiet = {"env": environment(), "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen([*dask, "--no-dashboard", "--scheduler-file", str(file)], **quiet)
    worker = subprocess.Popen([*work, "--no-nanny", "--no-dashboard"], **quiet)
    try:
        wait_until(file.exists)
        address = json.loads(file.read_text())["address"]
        running = start("run", "demo.toml", "--dask", address, "--set", "trouble.pause=0.4", cwd=tmp_path)
        wait_until(lambda: any(read_record(tmp_path / "demo" / "log", name).done > 50 for name in POINTS))
        scheduler.kill()
        _, said = running.communicate(timeout=60)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert running.returncode == 3, said
    assert "Traceback" not in said
    assert "stopped by the loss of the dask scheduler: 0 of 3 points done" in said
    assert "resume with: entroscape run ./demo" in said
    assert "3 points: 1 stopped, 2 missing" in "\n".join(status(tmp_path / "demo"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "./demo"]) == 0
    for name in POINTS:
        np.testing.assert_array_equal(series(tmp_path / "demo", name), expected(float(name.removeprefix("rho-"))))


def test_the_client_of_a_cluster_elsewhere_needs_no_gpu(tmp_path, monkeypatch, capsys):
    from runs import execute

    def absent(_):
        raise DeviceError("no GPU here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(execute, "require_device", absent)
    write_spec(tmp_path, QUICK)
    for address, said in (("local", "no GPU here"), ("tcp://127.0.0.1:1:2", "no scheduler answers there")):
        assert cli.main(["run", "demo.toml", "--device", "cuda", "--dask", address]) == 2
        assert said in capsys.readouterr().err


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ArgumentError, match=r"pip install 'entroscape\[cluster\]'"):
        check_cluster("local")
