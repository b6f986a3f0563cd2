"""What a user waits for besides the sweeps: the command line, compilation, files; and another code, where installed."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from runs.benchmarks.timing import Row

READY = textwrap.dedent(
    """
    from mcmc.landscapes.graphs import square
    from mcmc.landscapes.xy import XYModel
    from mcmc.samplers import Metropolis, Tempering
    model = XYModel(square(8))
    sampler = Tempering(Metropolis(model, over_relaxation=1), [0.9, 1.0])
    state, _ = sampler.step(sampler.init(2, seed=1), 2)
    sampler.observables(state)
    """
)


def _elapsed(command: list[str], **environment: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    return time.perf_counter() - start


def start_rows() -> Iterator[Row]:
    """`entroscape --help`, and a first tempering sweep with a cold and a warm cache of compiled kernels."""
    bare = sorted(_elapsed([sys.executable, "-c", "pass"]) for _ in range(5))[2]
    helped = sorted(_elapsed([sys.executable, "-m", "runs.cli", "--help"]) for _ in range(5))[2]
    yield Row("entroscape --help", helped, "s", "python -c pass", bare, None, "<= 0.3 s", helped <= 0.3)
    with tempfile.TemporaryDirectory() as cache:
        cold = _elapsed([sys.executable, "-c", READY], NUMBA_CACHE_DIR=cache)
        warm = sorted(_elapsed([sys.executable, "-c", READY], NUMBA_CACHE_DIR=cache) for _ in range(3))[1]
    yield Row("kernels ready, cold cache", cold, "s", "", None, None, "<= 30 s", cold <= 30)
    yield Row("kernels ready, warm cache", warm, "s", "", None, None, "<= 3 s", warm <= 3)


def writing_rows() -> Iterator[Row]:
    """CPU time inside the file record's calls, beside the rest of the same run: a run like `xy-bkt`, a quarter as long.

    The difference of two whole runs would drown in the machine's noise.
    """
    import numpy as np

    from mcmc.landscapes.graphs import square
    from mcmc.landscapes.xy import XYModel
    from mcmc.samplers import Metropolis, Tempering, sample
    from mcmc.samplers.file_record import FileRecord

    sampler = Tempering(Metropolis(XYModel(square(32)), over_relaxation=4), np.linspace(0.4, 1.6, 25))
    writing = 0.0

    def timed(method):
        def call(*arguments):
            nonlocal writing
            start = time.process_time()
            try:
                return method(*arguments)
            finally:
                writing += time.process_time() - start

        return call

    calls = {name: timed(getattr(FileRecord, name)) for name in ("open", "add", "save", "finish")}
    with tempfile.TemporaryDirectory() as folder, mock.patch.multiple(FileRecord, **calls):
        start = time.process_time()
        sample(sampler, 5000, chains=8, seed=1, burn_in=100, thin=5, path=Path(folder) / "run.h5")
        total = time.process_time() - start
    added = 100 * writing / (total - writing)
    yield Row(
        "writing HDF5 and checkpoints, L = 32, 200 replicas", added, "% added", "the rest of the same run",
        None, total / (total - writing), "<= 2 %", added <= 2,
    )  # fmt: skip


SPINMC_SPEC = """
[grid]
dimensions = [{side}, {side}, 1]
sublattices = 1
spin_magnitudes = [1.0]
periodic_boundary = [true, true, false]
[simulation]
initial_state = "random"
boltzmann_constant = 1
model = "xy"
equilibration_steps = {steps}
measurement_steps = 1
algorithm = "metropolis"
num_threads = 1
temperatures = [0.9]
[output]
savefile = "result.txt"
energy = true
[[exchange]]
from_sublattice = 0
to_sublattice = 0
offsets = [[0, -1, 0], [0, 1, 0], [-1, 0, 0], [1, 0, 0]]
strength = 1.0
"""


def peer_rows() -> Iterator[Row]:
    """spinmc (Rust, PyPI) on the same machine, where it is installed: the difference of a long and a short run."""
    program = Path(sys.executable).with_name("spinmc")
    if importlib.util.find_spec("spinmc") is None or not program.exists():
        return
    from mcmc.landscapes.graphs import square
    from mcmc.landscapes.xy import XYModel
    from runs.benchmarks.timing import median_seconds
    from runs.benchmarks.xy_speed import BETA, NANO, WIDTH, thermal_state

    for side, steps in ((64, 4000), (256, 250)):
        with tempfile.TemporaryDirectory() as folder:

            def peer(count, side=side, folder=folder):
                path = Path(folder) / "spec.toml"
                path.write_text(SPINMC_SPEC.format(side=side, steps=count))
                start = time.perf_counter()
                subprocess.run([program, "run", "-i", path], cwd=folder, check=True, capture_output=True)
                return time.perf_counter() - start

            try:
                seconds = sorted(peer(2 * steps) - peer(steps) for _ in range(3))[1]
            except subprocess.CalledProcessError as error:
                reason = (error.stderr or error.stdout or b"").decode(errors="replace").strip().splitlines()
                yield Row(f"spinmc, L = {side}: did not run: {reason[-1] if reason else error}", float("nan"), "")
                return
        reference = seconds / (steps * side**2) * NANO
        model = XYModel(square(side))
        chains = max(1, 65536 // side**2)
        state = thermal_state(model, chains, 50)
        value = median_seconds(lambda m=model, s=state: m.sweep(s, BETA, 50, width=WIDTH))
        value = value / (50 * side**2 * chains) * NANO
        yield Row(
            f"Metropolis, L = {side}, {chains} chain{'s' * (chains > 1)}", value, "ns/update",
            "spinmc, one thread", reference, reference / value,
        )  # fmt: skip
