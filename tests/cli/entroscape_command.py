"""The command as a user runs it, in a process of its own, on the small AR(1) experiment."""

import os
import subprocess
import sys
import time
from pathlib import Path

import h5py

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

SPEC = """# Three AR(1) chains.
experiment = "ar1:AR1"
seed = 3

[chain]
draws = 400

[grid]
rho = [0.0, 0.5, 0.9]
"""

QUICK = (
    SPEC
    + """
[trouble]
figures = false
"""
)
"""Without figures: drawing costs more than everything else."""

POINTS = ("rho-0", "rho-0.5", "rho-0.9")


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}


def entroscape(*arguments, cwd, timeout=120):
    """Run the command to its end in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "runs.cli", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def start(*arguments, cwd):
    """The same, left running."""
    return subprocess.Popen(
        [sys.executable, "-m", "runs.cli", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write_spec(folder, text=SPEC, name="demo.toml"):
    path = Path(folder) / name
    path.write_text(text)
    return path


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def series(folder, name):
    """The committed samples of a point."""
    with h5py.File(Path(folder) / "points" / f"{name}.h5", "r") as file:
        return file["x"][:, : file.attrs["n_committed"]]
