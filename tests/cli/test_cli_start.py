"""The command answers at once: nothing heavy is imported before it is needed."""

import resource
import subprocess
import sys

from entroscape_command import ROOT, entroscape, environment

HEAVY = {"numpy", "numba", "h5py", "xarray", "matplotlib", "pydantic", "scipy", "pandas", "dask"}


def test_help_takes_less_than_300_ms(tmp_path):
    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert entroscape("--help", cwd=tmp_path).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # Processor time: what the command costs, whatever else the machine does.
    assert min(seconds() for _ in range(3)) < 0.3


def test_the_command_line_imports_nothing_heavy(tmp_path):
    code = "import sys, runs.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_help_names_every_command(tmp_path):
    text = entroscape("--help", cwd=ROOT).stdout
    for command in ("run", "status", "report", "show", "verify", "list", "validate", "bench"):
        assert f" {command} " in text


def test_version_is_the_package_version(tmp_path):
    done = entroscape("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip()
