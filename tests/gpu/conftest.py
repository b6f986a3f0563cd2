"""The `device` fixture: every test that takes it runs on each CUDA device that is there, the simulator included.

The simulator replaces the GPU of a whole process and must be asked for before the process starts, so
test_cuda_simulator.py runs the files test_cuda_on_*.py again in a process of that kind.
"""

from importlib.util import find_spec

import pytest

from mcmc import device as devices

THERE = [name for name in devices.present() if name != "cpu"]
TABLE = pytest.StashKey[list]()

if find_spec("numba_cuda") is None:
    collect_ignore_glob = ["test_cuda_*.py"]
elif not THERE:
    collect_ignore_glob = ["test_cuda_on_*.py"]


@pytest.fixture(params=THERE)
def device(request):
    """Name of a CUDA device that is there."""
    return request.param


@pytest.fixture
def kernel_table(request):
    """Rows (kernel, resources) shown at the end of the run."""
    return request.config.stash.setdefault(TABLE, [])


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(TABLE, [])
    if rows:
        terminalreporter.section("CUDA kernels compiled for sm_90")
    for name, used in rows:
        terminalreporter.write_line(
            f"{name:<16}{used.registers:>4} registers, {used.spilled} bytes spilled, {used.stack} bytes of stack, "
            f"{used.shared} bytes of shared memory"
        )
