"""What the README shows is true: its example runs, its commands exist, CI runs its test command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from entroscape_command import environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ALL_BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
BLOCKS = dict(ALL_BLOCKS[::-1])


def test_python_example_runs_and_reads_its_file_again(tmp_path):
    example = BLOCKS["python"]
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", example],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        energy = float(re.search(r"^0\.9\s+(\S+)", done.stdout, flags=re.MULTILINE).group(1))
        # Published at L = 16: -1.44304(38); the example's own error is about 0.0007.
        assert abs(energy + 1.443) < 4.9 * 0.001
    assert (tmp_path / "xy16.h5").exists()


def test_perceptron_example_agrees_with_theory(tmp_path):
    example = next(code for name, code in ALL_BLOCKS if name == "python" and "random_patterns" in code)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    (energy, energy_theory), (entropy, entropy_theory) = re.findall(r"^(\S+) theory (\S+)", done.stdout, re.MULTILINE)
    # One instance: energies spread by about 0.003 between instances, entropies by about 0.01.
    assert abs(float(energy) - float(energy_theory)) < 4.9 * 0.003
    assert abs(float(entropy) - float(entropy_theory)) < 4.9 * 0.01
    assert done.stdout.splitlines()[-1].startswith("0 errors after")


def test_network_example_finds_what_it_says(tmp_path):
    example = next(code for name, code in ALL_BLOCKS if name == "python" and "gradient_noise" in code)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    rows = re.findall(r"u - f \[\[(\S+)\]\] \[\[(\S+)\]\]", done.stdout)
    assert [line.split()[0] for line in done.stdout.splitlines()[::2]] == ["SGD", "Parle"]
    assert all(float(value) > 10 * float(error) > 0 for value, error in rows)
    assert len(rows) == 2


def test_continuum_example_meets_the_exact_values_it_prints(tmp_path):
    example = next(code for name, code in ALL_BLOCKS if name == "python" and "cole_hopf" in code)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    pairs = re.findall(r"^(\S+) exact ([\d.]+)", done.stdout, re.MULTILINE)
    assert len(pairs) == 3
    # Grids are of second order in cells of 0.01, 0.02 and 0.1.
    assert all(
        abs(float(value) / float(exact) - 1) < bound
        for (value, exact), bound in zip(pairs, (1e-3, 1e-3, 1e-2), strict=True)
    )


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^\| `entroscape (\w+)", README, flags=re.MULTILINE))))
def test_command_exists(command):
    from runs.cli import app

    assert command in {name for names in app for name in ([names] if isinstance(names, str) else names)}


def test_bundled_specs_are_those_named():
    kinds = "xy|perceptron|network|local-entropy|stationary|information|hj|limit|free-energy|well"
    named = set(re.findall(rf"`((?:{kinds})-[\w-]+|homogenization)`", README))
    assert named == {path.stem for path in (ROOT / "runs" / "specs").glob("*.toml")}


def test_ci_runs_the_test_command_of_the_readme():
    command = re.search(r"\.venv/bin/(python -m pytest)\n", README).group(1)
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_figure_is_there():
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).stat().st_size > 10_000
