"""Every test of the kernels again, in a process whose GPU is Numba's simulator."""

import os
import subprocess
import sys
from pathlib import Path

from mcmc.device import SIMULATOR_VARIABLE

HERE = Path(__file__).parent
FILES = sorted(str(path) for path in HERE.glob("test_cuda_on_*.py"))


def test_kernels_in_the_simulator():
    environment = os.environ | {SIMULATOR_VARIABLE: "1"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "--durations=5", *FILES],
        capture_output=True,
        text=True,
        cwd=HERE.parents[1],
        env=environment,
        timeout=600,
        check=False,
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout
