"""The house rules that a machine can hold: who imports whom, names and sizes of files, nothing compiled at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for package in ("mcmc", "perceptron", "runs") for path in (ROOT / package).rglob("*.py"))
LONGEST = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "misc"}

RANKS = [
    {"mcmc.errors"},
    {"mcmc.random", "mcmc.device", "mcmc.landscape", "mcmc.memory"},
    {"mcmc.compiled"},
    {"mcmc.landscapes", "mcmc.statistics", "mcmc.store"},
    {"mcmc.samplers"},
    {"mcmc.local_entropy", "mcmc.gradient_noise", "mcmc.continuum"},
    {"perceptron"},
    {"runs"},
]
"""From the ground up. A part imports itself and lower ranks, with one exception: samplers import no landscape."""

FORBIDDEN = {("mcmc.samplers", "mcmc.landscapes")}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(name):
    """The part of the house that a module belongs to, None for modules from elsewhere."""
    own = [p for rank in RANKS for p in rank if name == p or name.startswith(p + ".")]
    if own:
        return own[0]
    if name == "mcmc":
        return None
    assert name.partition(".")[0] not in ("mcmc", "perceptron", "runs"), f"{name} belongs to no part of the house"
    return None


def rank(name):
    return next(level for level, parts in enumerate(RANKS) if name in parts)


def imported(source, name):
    """Full names of the modules that a source imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            # `from mcmc import random` names a module, `from mcmc.random import words` a thing in it.
            found |= {f"{node.module}.{alias.name}" if node.module == "mcmc" else node.module for alias in node.names}
    return found


def wrong_imports(source, name):
    here = part(name)
    wrong = []
    for target in sorted(imported(source, name)):
        there = part(target)
        if here is None or there is None or here == there:
            continue
        if rank(there) >= rank(here) or (here, there) in FORBIDDEN:
            wrong.append(f"{name} imports {target}")
    return wrong


def test_imports_run_one_way():
    assert len(FILES) > 40
    wrong = [line for path in FILES for line in wrong_imports(path.read_text(), module_name(path))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("name", "source"), [
    ("mcmc.samplers.wolff", "from mcmc.landscapes.xy import XYModel"),
    ("mcmc.samplers.wolff", "def f():\n    import mcmc.landscapes.graphs"),
    ("mcmc.random", "from mcmc import landscape"),
    ("mcmc.store.writer", "from mcmc.statistics.binning import bin_series"),
    ("mcmc.landscapes.xy.model", "from mcmc.samplers import Wolff"),
    ("mcmc.landscapes.xy.model", "from runs.spec import Spec"),
    ("perceptron.landscape", "import runs.execute"),
])  # fmt: skip
def test_wrong_imports_are_told(name, source):
    assert wrong_imports(source, name)


def test_names_say_what_is_inside():
    vague = [str(path.relative_to(ROOT)) for path in FILES if VAGUE & {path.stem, *path.relative_to(ROOT).parts}]
    assert not vague


def test_files_have_one_subject():
    tests = sorted((ROOT / "tests").rglob("*.py"))
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES + tests}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST}


def test_test_files_have_names_of_their_own():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))


WATCH = """
import importlib, sys
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    if "control" in globals().get("mode", ""):
        import numba
        numba.njit("f8(f8)")(lambda x: x + 1.0)
print(len(recorder.buffer))
"""


def compilations(*names, mode=""):
    code = f"mode = {mode!r}\n" + WATCH
    run = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, cwd=ROOT, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout.split()[-1])


def test_nothing_is_compiled_at_import():
    """Not even from the cache: functions get ready when they are first called. CUDA modules need their package."""
    names = [module_name(path) for path in FILES if path.stem not in ("cuda", "__main__")]
    assert compilations(*names) == 0
    assert compilations("mcmc.errors", mode="control") > 0


def test_the_command_line_loads_without_the_engine():
    """`--help` answers at once: no compiler, no plotting, no file format is imported for it."""
    code = "import sys, runs.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    heavy = {"numba", "numpy", "scipy", "matplotlib", "xarray", "h5py", "pydantic", "pymbar", "dask"}
    assert not heavy & set(run.stdout.split())
