"""kill -9 in the midst of searches: what was found before is kept, and a resumed point ends with the same searches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
from solver_runs import ANNEALING, CAPACITY, same_searches
from xy_runs import changed, run_points

from mcmc.store.verify import verify
from runs.experiments import find
from runs.spec import validate

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
    if done == 5:
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


@pytest.mark.parametrize("base", [CAPACITY, ANNEALING], ids=["capacity", "annealing"])
def test_searches_go_on_after_a_kill(base, tmp_path):
    data = changed(base, grid={"n": [31], "alpha": [0.7], "instances": 8})
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(data)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    experiment = find(data["experiment"])
    names = [point.name for point in experiment.points(validate(experiment.Spec, data, "spec.toml"))]
    before = {name: opened(tmp_path / f"{name}.h5") for name in names}
    assert all(one.attrs["n_committed"] == 5 for one in before.values())
    _, _, resumed = run_points(data, tmp_path)
    (tmp_path / "whole").mkdir()
    _, _, whole = run_points(data, tmp_path / "whole")
    for name in names:
        after = opened(resumed[name])
        assert same_searches(after, opened(whole[name]))
        # What was found before the kill was not searched for again: times are kept too.
        kept = before[name]["seconds"].values[:5]
        assert (after["seconds"].values[:5] == kept).all()
        assert [finding for finding in verify(resumed[name]) if not finding.ok] == []
