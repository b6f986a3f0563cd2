"""kill -9 at every step between the last draw and the end of `sample`: the file ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mcmc.errors import StoreError
from mcmc.store.reader import open_run_file, read_attributes
from mcmc.store.verify import verify

# Two chunks of four draws and a rest: `wide` makes a chunk of so few.
DRAWS = {"whole chunks": 8, "chunk and a rest": 10}
STEPS = (
    "before the last draw",
    "after the last draw",
    "after the last flush",
    "after the statistics",
    "after the commit",
    "before the checkpoint",
    "after the checkpoint",
    "before finish",
    "before the status",
    "after finish",
)

KILLED = """
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.xy.model import XYModel
from mcmc.samplers import Metropolis, Tempering, file_record, sample
from mcmc.samplers.file_record import FileRecord
from mcmc.store.writer import SeriesWriter

def observe(sampler, state):
    wide = np.sin(np.arange(1024.0)) * sampler.energy(state)[..., None]
    return {"energy": sampler.energy(state), "wide": wide}

def build():
    return Tempering(Metropolis(XYModel(lattice("square", 4)), over_relaxation=1), [0.7, 0.9, 1.2])

def run(path, draws, **more):
    arguments = dict(chains=3, seed=17, burn_in=10, thin=2, observe=observe, checkpoint_every=1e9)
    return sample(build(), 2 * draws, path=path, **{**arguments, **more})

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def arrange(step, draws):
    "Die at a named step, or at the call of this number to the operating system that follows the last draw."
    left = [step]
    last = []

    def at(owner, name, when, *, only=lambda: bool(last)):
        real = getattr(owner, name)
        def hooked(*arguments, **named):
            if when == "before" and only():
                die()
            found = real(*arguments, **named)
            if when == "after" and only():
                die()
            return found
        setattr(owner, name, hooked)

    def counted(name):
        real = getattr(os, name)
        def hooked(*arguments, **named):
            if last:
                if left[0] == 0:
                    die()
                left[0] -= 1
            return real(*arguments, **named)
        setattr(os, name, hooked)

    real_add, added = FileRecord.add, [0]
    def add(self, values):
        added[0] += 1
        if added[0] == draws:
            if step == "before the last draw":
                die()
            if isinstance(step, int):
                last.append(True)
        real_add(self, values)
        if added[0] == draws:
            last.append(True)
            if step == "after the last draw":
                die()
    FileRecord.add = add

    if isinstance(step, int):
        for name in ("pwrite", "ftruncate", "fsync", "replace", "unlink", "close"):
            counted(name)
    elif step in NAMED:
        at(*NAMED[step])

NAMED = {
    "after the last flush": (FileRecord, "_flush", "after"),
    "after the statistics": (SeriesWriter, "put", "after"),
    "after the commit": (SeriesWriter, "commit", "after"),
    "before the checkpoint": (file_record, "save_checkpoint", "before"),
    "after the checkpoint": (file_record, "save_checkpoint", "after"),
    "before finish": (FileRecord, "finish", "before"),
    "before the status": (SeriesWriter, "_end", "before"),
    "after finish": (FileRecord, "finish", "after"),
}

def main():
    folder, steps, every, all_draws = Path(sys.argv[1]), *map(json.loads, sys.argv[2:])
    for draws in all_draws:
        # Compiled before the first fork.
        run(folder / f"whole-{draws}.h5", draws)
        for number, step in enumerate(steps or range(0, 10**6, every)):
            path = folder / f"{number}-{draws}.h5"
            child = os.fork()
            if child == 0:
                arrange(step, draws)
                run(path, draws)
                os._exit(0)
            _, how = os.waitpid(child, 0)
            if how == 0 and not steps:
                # There are fewer calls than that.
                break
            assert os.WIFSIGNALED(how) and os.WTERMSIG(how) == signal.SIGKILL, (step, how)
            if not steps:
                run(path, draws)
        print(number)

if __name__ == "__main__":
    main()
"""

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The script as a module too: what it ran is resumed here."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "killed_sample.py").write_text(KILLED)
    sys.path.insert(0, str(folder))
    import killed_sample

    yield killed_sample
    sys.path.remove(str(folder))
    del sys.modules["killed_sample"]


def start(program, folder, steps, every=1):
    """Kill at each of the steps; without them at every so manyth call to the system, and resume."""
    said = [json.dumps(argument) for argument in (steps, every, list(DRAWS.values()))]
    command = [sys.executable, program.__file__, str(folder), *said]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def killed(program, tmp_path_factory):
    """A folder of files, each left behind by a process that was killed at one of the steps."""
    folder = tmp_path_factory.mktemp("killed")
    start(program, folder, STEPS)
    return folder


def assert_same(path, whole):
    found, wanted = open_run_file(path), open_run_file(whole)
    assert set(found.variables) == set(wanted.variables)
    assert {"swap_rate", "acceptance", "energy"} <= set(found.data_vars)
    for name in wanted.variables:
        assert found[name].dims == wanted[name].dims
        assert found[name].values.tobytes() == wanted[name].values.tobytes(), name
    assert np.isfinite(found["swap_rate"].values[..., :-1]).all()
    attributes = read_attributes(path)
    assert attributes["status"] == "done"
    assert attributes["n_committed"] == wanted.sizes["draw"]
    assert [finding for finding in verify(path) if not finding.ok] == []


@pytest.mark.parametrize("draws", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_after_the_last_draw_the_same_call_ends_it(killed, program, step, draws):
    path, whole = killed / f"{STEPS.index(step)}-{draws}.h5", killed / f"whole-{draws}.h5"
    left = read_attributes(path)
    assert left["status"] == ("done" if step == "after finish" else "running")
    if step in STEPS[5:]:
        assert left["n_committed"] == draws
    if (step, draws) == ("after the last flush", 8):
        # Negative control: a file with every draw and no statistics is among them.
        assert left["n_committed"] == draws
        assert np.isnan(open_run_file(path)["swap_rate"]).all()
    program.run(path, draws)
    assert_same(path, whole)
    # An end that came by such a road is one to go on from.
    program.run(path, 14)
    program.run(killed / "longer.h5", 14)
    assert_same(path, killed / "longer.h5")


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.validate)])
def test_killed_at_any_call_to_the_system_after_the_last_draw(program, tmp_path, every):
    counts = [int(number) for number in start(program, tmp_path, [], every).split()]
    assert min(counts) * every > 60
    for draws, number in zip(DRAWS.values(), counts, strict=True):
        for call in range(number):
            assert_same(tmp_path / f"{call}-{draws}.h5", tmp_path / f"whole-{draws}.h5")


def test_fewer_sweeps_than_an_unfinished_file_has(program, tmp_path, monkeypatch):
    """What was drawn beyond them is kept, as in a file that is done."""
    # `stop` is asked after every sweep.
    monkeypatch.setattr(sys.modules["mcmc.samplers.sample"], "PIECE_SECONDS", 0.0)
    path, asked = tmp_path / "run.h5", iter([False] * 15)
    program.run(path, 10, stop=lambda: next(asked, True))
    before = open_run_file(path)
    assert before.attrs["status"] == "stopped"
    assert before.sizes["draw"] == 2
    fewer = program.run(path, 1)
    assert fewer.sizes["draw"] == 1
    assert fewer["energy"].values.tobytes() == before["energy"].values[:, :1].tobytes()
    program.run(path, 10)
    program.run(tmp_path / "whole.h5", 10)
    assert_same(path, tmp_path / "whole.h5")


def overwrite(path):
    path.write_bytes(b"\xff" * path.stat().st_size)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def change(path):
    with h5py.File(path, "r+") as file:
        file["state"].visititems(lambda _, node: node.write_direct(node[()] + 1) if is_energy(node) else None)


def is_energy(node):
    return isinstance(node, h5py.Dataset) and node.name.endswith("energy")


@pytest.mark.parametrize("damage", [overwrite, cut, empty, change])
def test_a_damaged_checkpoint_is_named_and_deleting_it_mends_the_run(program, tmp_path, damage):
    path, whole = tmp_path / "run.h5", tmp_path / "whole.h5"
    program.run(path, 8)
    checkpoint = path.with_suffix(".checkpoint")
    damage(checkpoint)
    content = path.read_bytes()
    with pytest.raises(StoreError, match="delete it to start this point again, its draws are kept until then") as said:
        program.run(path, 14)
    assert str(said.value).startswith(f"{checkpoint}: this checkpoint is damaged (")
    assert "\n" not in str(said.value)
    assert path.read_bytes() == content
    assert program.run(path, 8).sizes["draw"] == 8
    checkpoint.unlink()
    program.run(path, 14)
    program.run(whole, 14)
    assert_same(path, whole)
