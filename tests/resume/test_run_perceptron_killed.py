"""kill -9 of whole perceptron runs at random times: what they leave behind ends with the same numbers."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import xarray as xr
from entroscape_command import environment, write_spec

from mcmc.store.lock import folder_holder
from mcmc.store.verify import verify
from runs import load
from runs.experiments import Control

SPECS = {
    "enumeration": 'experiment = "perceptron-enumeration"\nseed = 3\n'
    "[grid]\nn = [19, 21]\nalpha = [0.5, 0.7]\ninstances = 150\n",
    "equilibrium": 'experiment = "perceptron-equilibrium"\nseed = 3\n'
    "[sampler]\nthermalization = 100\nsweeps = 3000\nthin = 3\n"
    "[grid]\nn = [21, 31]\nalpha = [0.5]\ninstances = 3\nbeta = [0.0, 0.5, 1.0, 1.5]\n",
}
KILLS = 4


def start(folder):
    with (folder / "said").open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "runs.cli", "run", "demo.toml", "--workers", "1"],
            cwd=folder, env=environment(), stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


@pytest.mark.validate
@pytest.mark.parametrize("kind", SPECS)
def test_runs_killed_at_random_times_end_with_the_same_numbers(kind, tmp_path, seed):
    (tmp_path / "whole").mkdir()
    run = load.from_text(SPECS[kind], "spec.toml")
    whole = {point.name: tmp_path / "whole" / f"{point.name}.h5" for point in run.experiment.points(run.spec)}
    for point in run.experiment.points(run.spec):
        assert run.experiment.run_point(run.spec, point, whole[point.name], Control(SPECS[kind]))
    write_spec(tmp_path, SPECS[kind])
    draw, unfinished = random.Random(seed), 0
    for _ in range(KILLS):
        running = start(tmp_path)
        # Most of a run is the start of Python: wait until a point is under way.
        deadline = time.monotonic() + 60
        while running.poll() is None and not list(tmp_path.glob("demo/points/*.h5")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.6))
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            unfinished += 1
        running.wait()
        while folder_holder(tmp_path / "demo"):
            time.sleep(0.01)
    assert start(tmp_path).wait(timeout=200) == 0, (tmp_path / "said").read_text()
    # Control: kills came while there was still work to do.
    assert unfinished > 0
    for name, path in whole.items():
        found = tmp_path / "demo" / "points" / f"{name}.h5"
        with xr.open_dataset(found, engine="h5netcdf") as a, xr.open_dataset(path, engine="h5netcdf") as b:
            xr.testing.assert_equal(a.load(), b.load())
        assert [finding for finding in verify(found) if not finding.ok] == []
