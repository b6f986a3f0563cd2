"""A compiled loop on disk is not used once the physics compiled into it was edited."""

import shutil
import subprocess
import sys
from pathlib import Path

import mcmc

STAMP = "from mcmc.landscapes.xy import cpu; print(cpu.run_sweeps._cache._cache_file._source_stamp.hex())"


def stamp(folder):
    command = [sys.executable, "-c", STAMP]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env={}).stdout.strip()


def test_an_edit_of_the_scalar_physics_makes_the_cached_loops_stale(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(mcmc.__file__).parent, tmp_path / "mcmc", ignore=ignore)
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    for edited in ("landscapes/xy/physics.py", "random.py"):
        with (tmp_path / "mcmc" / edited).open("a") as file:
            file.write("\n# another formula\n")
        after = stamp(tmp_path)
        assert after != before
        before = after
