"""The same points on a dask cluster of two processes: same numbers, killed workers and stops included."""

import signal
import sys

import numpy as np
import pytest
from ar1 import expected
from entroscape_command import POINTS, QUICK, series, start, wait_until, write_spec

from mcmc.errors import ArgumentError
from runs import cli
from runs.cluster import check_cluster
from runs.status import read_record

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


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ArgumentError, match=r"pip install 'entroscape\[cluster\]'"):
        check_cluster("local")
