"""kill -9 of a writing process at random times: every committed row is there, and the resumed file is the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mcmc.store.checkpoint import load_checkpoint
from mcmc.store.reader import open_run_file
from mcmc.store.replacing import remove_temporary_files
from mcmc.store.verify import verify

DRAWS, CHAINS, TEMPERATURES = 3000, 3, 5

# Draws are a function of their number, as with counter-based random numbers; the state is the draw reached.
WRITER = """
import sys
from pathlib import Path
from typing import NamedTuple
import numpy as np
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint
from mcmc.store.provenance import Provenance
from mcmc.store.writer import SeriesWriter

class State(NamedTuple):
    draw: np.ndarray
    spins: np.ndarray

path, draws, chains, temperatures = Path(sys.argv[1]), *map(int, sys.argv[2:])
checkpoint, provenance = path.with_suffix(".checkpoint"), Provenance.collect("seed = 1", 1)
state = State(np.zeros((), np.int64), np.zeros(2000))
if path.exists():
    writer = SeriesWriter.open(path, provenance)
    if checkpoint.exists():
        state, _ = load_checkpoint(checkpoint, state)
    writer.rewind(int(state.draw))
else:
    dims = {"chain": chains, "draw": None, "temperature": temperatures}
    variables = {
        "energy": (("chain", "draw", "temperature"), "f8", {}), "count": (("chain", "draw"), "i4", {})
    }
    writer = SeriesWriter.create(path, dims=dims, variables=variables, provenance=provenance, chunk_draws=8)
with writer:
    print("ready", flush=True)
    while writer.n_appended < draws:
        first = writer.n_appended
        draw = np.arange(first, min(draws, first + 1 + first % 13))
        energy = np.sin(draw[:, None, None] + np.arange(chains)[:, None] + 0.1 * np.arange(temperatures))
        count = (draw[:, None] * np.arange(1, chains + 1)).astype(np.int32)
        writer.append({"energy": energy, "count": count})
        if first % 5 == 0:
            writer.commit(sync=False)
        print(writer.n_committed, flush=True)
        if first % 3 == 0:
            writer.commit(sync=False)
            state.draw[...], state.spins[:] = writer.n_committed, writer.n_committed
            save_checkpoint(checkpoint, state, {"draws": writer.n_committed})
    writer.finish()
"""


def start(path):
    command = [sys.executable, "-c", WRITER, str(path), str(DRAWS), str(CHAINS), str(TEMPERATURES)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def kill(process, delay):
    """Let the writer work for `delay` seconds, then kill it; the draws it said were committed, -1 when it was done."""
    assert process.stdout.readline() == b"ready\n"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[0].splitlines(keepends=True)
    whole = [int(line) for line in said if line.endswith(b"\n")]
    return -1 if process.returncode == 0 else max(whole, default=0)


def assert_intact(path, at_least):
    found = open_run_file(path)
    draws = found.sizes["draw"]
    assert draws >= at_least
    draw = np.arange(draws)
    energy = np.sin(draw[:, None, None] + np.arange(CHAINS)[:, None] + 0.1 * np.arange(TEMPERATURES))
    np.testing.assert_array_equal(found["energy"], np.moveaxis(energy, 0, 1))
    np.testing.assert_array_equal(found["count"], draw * np.arange(1, CHAINS + 1)[:, None])
    assert [finding for finding in verify(path) if not finding.ok] == []


@pytest.mark.parametrize("kills", [10, pytest.param(120, marks=pytest.mark.validate)])
def test_killed_writer_loses_no_committed_row(tmp_path, seed, kills):
    rng = np.random.default_rng(seed)
    path, done, run = tmp_path / "0.h5", 0, 0
    while done < kills:
        committed = kill(start(path), rng.exponential(0.15))
        done += committed >= 0
        assert_intact(path, committed)
        checkpoint = path.with_suffix(".checkpoint")
        if checkpoint.exists():
            assert_checkpoint(checkpoint, open_run_file(path).sizes["draw"])
        if committed < 0:
            run += 1
            path = tmp_path / f"{run}.h5"
    if path.exists():
        with start(path) as process:
            process.communicate()
        assert process.returncode == 0
        assert_intact(path, DRAWS)
    left = remove_temporary_files(tmp_path)
    assert left <= kills
    assert {entry.suffix for entry in tmp_path.iterdir()} <= {".h5", ".checkpoint"}


def assert_checkpoint(path, draws):
    state, meta = load_checkpoint(path, {"draw": np.zeros((), np.int64), "spins": np.zeros(2000)})
    assert state["draw"] == meta["draws"] <= draws
    assert (state["spins"] == state["draw"]).all()
