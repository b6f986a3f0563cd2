"""kill -9 in the midst of a run on networks: what was measured is kept, the rest comes out the same to the last bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import xarray as xr
from xy_runs import run_points

from mcmc.store.verify import verify
from runs.experiments import find
from runs.spec import validate

DATA = {
    "experiment": "network-phase-diagram",
    "seed": 5,
    "data": {"name": "teacher-student", "features": 3, "train": 24, "test": 40},
    "network": {"hidden": [2]},
    "training": {"time": 4.0},
    "measured": {"scale": [0.1], "sweeps": 64, "integrated": 1},
    "grid": {"step_size": [0.1], "batch": [2, 8], "seeds": 6},
}

KILLED = """
import json, os, signal, sys
from pathlib import Path
from runs.experiments import Control, find, perceptron_draws
from runs.spec import validate

perceptron_draws.COMMIT_SECONDS = 0.0
data = json.loads(sys.argv[2])
experiment = find(data["experiment"])
spec = validate(experiment.Spec, data, "spec.toml")

def kill(done, total):
    if done == 4:
        os.kill(os.getpid(), signal.SIGKILL)

for point in experiment.points(spec):
    child = os.fork()
    if child == 0:
        control = Control("", progress=kill)
        experiment.run_point(spec, point, Path(sys.argv[1]) / f"{point.name}.h5", control)
        os._exit(0)
    _, how = os.waitpid(child, 0)
    assert os.WIFSIGNALED(how) and os.WTERMSIG(how) == signal.SIGKILL, how
"""


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


def test_networks_go_on_after_a_kill(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(DATA)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    experiment = find(DATA["experiment"])
    names = [point.name for point in experiment.points(validate(experiment.Spec, DATA, "spec.toml"))]
    before = {name: opened(tmp_path / f"{name}.h5") for name in names}
    assert all(one.attrs["n_committed"] == 4 for one in before.values())
    _, _, resumed = run_points(DATA, tmp_path)
    (tmp_path / "whole").mkdir()
    _, _, whole = run_points(DATA, tmp_path / "whole")
    for name in names:
        after, once = opened(resumed[name]), opened(whole[name])
        assert set(after.data_vars) == set(once.data_vars)
        for column in set(after.data_vars) - {"seconds"}:
            assert after[column].values.tobytes() == once[column].values.tobytes(), column
        # What was measured before the kill was not measured again: durations are kept too.
        np.testing.assert_array_equal(after["seconds"].values[:4], before[name]["seconds"].values[:4])
        assert [finding for finding in verify(resumed[name]) if not finding.ok] == []
