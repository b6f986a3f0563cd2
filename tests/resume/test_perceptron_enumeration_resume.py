"""A count of all configurations that was killed or stopped goes on from its checkpoint to the same numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mcmc.errors import ArgumentError, StoreError
from mcmc.store.checkpoint import check_checkpoint
from perceptron import enumerate_configurations, enumeration_passes, random_patterns

KILLED = """
import json, os, signal, sys
import numpy as np
from perceptron import enumerate_configurations, enumeration_passes, enumeration_watch, random_patterns

enumeration_passes.SEGMENT = 2**11
enumeration_passes.CHECKPOINT_SECONDS = 0.0
enumeration_watch.CALL_SECONDS = 0.0
instance = random_patterns(17, p=7, seed=4)

def run(what, at, path):
    def kill(done, total):
        if done == at:
            os.kill(os.getpid(), signal.SIGKILL)

    said = {"path": path, "progress": kill, "threads": 2}
    if what == "distances":
        enumerate_configurations(instance).by_distance(np.ones(17, int), **said)
    else:
        enumerate_configurations(instance, histogram=what == "energies", **said)

for what, at in json.loads(sys.argv[2]):
    child = os.fork()
    if child == 0:
        run(what, at, f"{sys.argv[1]}/{what}-{at}.checkpoint")
        os._exit(0)
    _, how = os.waitpid(child, 0)
    assert os.WIFSIGNALED(how) and os.WTERMSIG(how) == signal.SIGKILL, (what, at, how)
"""

CASES = [("energies", 0), ("energies", 19), ("solutions", 7), ("distances", 30)]

INSTANCE = random_patterns(17, p=7, seed=4)


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch):
    """As in the processes that are killed."""
    monkeypatch.setattr(enumeration_passes, "SEGMENT", 2**11)


def run(what, **said):
    """(counts, solutions) of one kind of pass."""
    if what == "distances":
        return enumerate_configurations(INSTANCE).by_distance(np.ones(17, int), **said), None
    found = enumerate_configurations(INSTANCE, histogram=what == "energies", **said)
    return found.energy_histogram if what == "energies" else None, found.packed_solutions


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder of checkpoints, each left behind by a process that was killed after so many segments."""
    folder = tmp_path_factory.mktemp("killed")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, str(folder), json.dumps(CASES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("what", "at"), CASES)
def test_killed_it_goes_on_to_the_same_numbers(killed, what, at):
    path = killed / f"{what}-{at}.checkpoint"
    assert path.exists() == (at > 0)
    begun = []
    resumed = run(what, path=path, progress=lambda done, total: begun.append(done))
    assert begun[0] == at
    for found, whole in zip(resumed, run(what), strict=True):
        assert (found is None and whole is None) or (found == whole).all()
    check_checkpoint(path)
    # All is done: the file is read and nothing is counted.
    content, begun[:] = path.read_bytes(), []
    again = run(what, path=path, progress=lambda done, total: begun.append(done))
    assert begun == []
    assert path.read_bytes() == content
    assert all((a is None and b is None) or (a == b).all() for a, b in zip(again, resumed, strict=True))


def test_stopped_it_has_no_numbers_and_goes_on(tmp_path):
    path, whole = tmp_path / "count", enumerate_configurations(INSTANCE)
    steps, calls = iter([5, 9, 0, 1000]), 0
    while True:
        asked = iter([False] * next(steps))
        found = enumerate_configurations(INSTANCE, path=path, stop=lambda asked=asked: next(asked, True), threads=1)
        calls += 1
        if found.complete:
            break
        with pytest.raises(
            ArgumentError, match=r"stopped after .* %.*; make the same call again, it goes on from .*count"
        ):
            _ = found.energy_histogram
        with pytest.raises(ArgumentError, match="it was stopped"):
            _ = found.solution_count
    assert calls == 4
    assert (found.energy_histogram == whole.energy_histogram).all()
    assert (found.packed_solutions == whole.packed_solutions).all()
    assert whole.by_distance(np.ones(17, int), path=tmp_path / "apart", stop=lambda: True) is None


def test_solutions_are_listed_from_a_count_without_them(tmp_path):
    path = tmp_path / "count"
    enumerate_configurations(INSTANCE, path=path, solutions=False)
    begun = []
    found = enumerate_configurations(INSTANCE, path=path, progress=lambda done, total: begun.append(done))
    assert begun == []
    assert (found.packed_solutions == enumerate_configurations(INSTANCE).packed_solutions).all()


def test_a_file_of_another_count_is_refused(tmp_path):
    path = tmp_path / "count"
    enumerate_configurations(INSTANCE, path=path)
    content = path.read_bytes()
    others = (
        ({"energy": "hinge"}, "energy, patterns_and_energy differ"),
        ({"margin": 0.6}, "patterns_and_energy differ"),
        ({"histogram": False}, "counted differ"),
    )
    for said, message in others:
        with pytest.raises(StoreError, match=rf"count: belongs to another enumeration \({message}"):
            enumerate_configurations(INSTANCE, path=path, **said)
    with pytest.raises(StoreError, match="patterns_and_energy differ"):
        enumerate_configurations(random_patterns(17, p=7, seed=5), path=path)
    with pytest.raises(StoreError, match="belongs to another enumeration"):
        enumerate_configurations(INSTANCE).by_distance(np.ones(17, int), path=path)
    assert path.read_bytes() == content
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match=r"damaged \(.*\); delete it to count from the beginning$"):
        enumerate_configurations(INSTANCE, path=path)


def test_a_folder_that_is_not_there_is_told_before_counting(tmp_path):
    with pytest.raises(StoreError, match="missing"):
        enumerate_configurations(INSTANCE, path=tmp_path / "missing" / "count", progress=lambda done, total: 1 / 0)
