"""kill -9 of whole runs of the XY model at random times: what they leave behind ends with the same bits."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from entroscape_command import environment, write_spec

from mcmc.errors import StoreError
from mcmc.store.lock import folder_holder
from mcmc.store.reader import open_run_file, read_attributes
from mcmc.store.verify import verify
from runs import load
from runs.experiments import Control
from runs.experiments.xy import XYPhaseDiagram

DRAWS = 9000
SPEC = f"""experiment = "short_checkpoints:XY"
seed = 3

[landscape]
lattice = "square"

[sampler]
kind = "tempering"
over_relaxation = 1
thermalization = 100
sweeps = {DRAWS}
thin = 1
chains = 2

[grid]
size = [4, 6]
temperature = [0.7, 0.9, 1.1]
"""
POINTS = ("size-6", "size-4")
"""In the order in which one worker takes them."""

KILLS = 10
"""Of each of two runs, which go on at the same time: most of a round is the start of Python."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Files by point name, each of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("undisturbed")
    text = SPEC.replace("short_checkpoints:XY", "xy")
    run = load.from_text(text, "spec.toml")
    files = {}
    for point in run.experiment.points(run.spec):
        files[point.name] = folder / f"{point.name}.h5"
        assert XYPhaseDiagram().run_point(run.spec, point, files[point.name], Control(text))
    return files


def committed(folder, name):
    """Draws in the file of a point, and its status."""
    try:
        found = read_attributes(folder / "points" / f"{name}.h5")
    except StoreError:
        return 0, "missing"
    return int(found["n_committed"]), found["status"]


def goals(draw):
    """Draws of both points together after which to kill: anywhere, and shortly before the end of each point."""
    anywhere = [draw.randrange(2 * DRAWS) for _ in range(KILLS - 4)]
    return sorted([*anywhere, *(end - draw.randrange(1500) for end in (DRAWS, DRAWS, 2 * DRAWS, 2 * DRAWS))])


def start(folder, said):
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-m", "runs.cli", "run", "demo.toml", "--workers", "1"],
        cwd=folder,
        env=environment() | {"PYTHONPATH": os.pathsep.join([environment()["PYTHONPATH"], here])},
        stdout=said,
        stderr=said,
        start_new_session=True,
    )


def drawn(folder):
    return sum(committed(folder / "demo", name)[0] for name in POINTS)


def killed_again_and_again(folder, seed):
    """Start or resume, kill with all its workers, KILLS times, then let it end; the points at every kill."""
    draw, left = random.Random(seed), []
    for goal in goals(draw):
        # At least some draws further than the last time.
        goal = max(goal, drawn(folder) + draw.randrange(1, 100))
        with (folder / "said").open("w+") as said:
            running, deadline = start(folder, said), time.monotonic() + 100
            while running.poll() is None and drawn(folder) < goal:
                assert time.monotonic() < deadline, (folder / "said").read_text()
                time.sleep(0.003)
            time.sleep(draw.uniform(0.0, 0.03))
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
            assert running.wait() in (0, -signal.SIGKILL), (folder / "said").read_text()
        while folder_holder(folder / "demo"):
            time.sleep(0.003)
        left.append([committed(folder / "demo", name) for name in POINTS])
    with (folder / "said").open("w+") as said:
        assert start(folder, said).wait(timeout=100) == 0, (folder / "said").read_text()
    return left


def assert_same(path, whole):
    found, wanted = open_run_file(path), open_run_file(whole)
    assert found.attrs["status"] == "done"
    assert set(found.variables) == set(wanted.variables)
    assert {"energy", "acceptance", "swap_rate"} <= set(found.data_vars)
    for name in wanted.variables:
        assert found[name].values.tobytes() == wanted[name].values.tobytes(), name
    assert [finding for finding in verify(path) if not finding.ok] == []


def test_runs_killed_at_random_times_end_with_the_same_bits(tmp_path, undisturbed, seed):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        write_spec(folder, SPEC)
    with ThreadPoolExecutor(len(folders)) as pool:
        left = list(pool.map(killed_again_and_again, folders, (seed, seed + 1)))
    for folder in folders:
        for name in POINTS:
            assert_same(folder / "demo" / "points" / f"{name}.h5", undisturbed[name])
    # Negative control: many kills came while draws were being made, and so in both points.
    kills = [points for folder in left for points in folder]
    assert sum(any(status == "running" for _, status in points) for points in kills) >= KILLS // 2
    for at in range(len(POINTS)):
        assert any(0 < points[at][0] < DRAWS and points[at][1] == "running" for points in kills)
