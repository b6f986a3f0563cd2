"""`entroscape bench`: time per update and per independent sample, beside plain references, in one run."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from mcmc.errors import ArgumentError
from runs.benchmarks.timing import Row


def groups() -> list[tuple[str, Callable[[], Iterator[Row]]]]:
    """Titles and row generators; a later landscape appends its own."""
    from runs.benchmarks import (
        continuum,
        local_entropy,
        networks,
        perceptron_enumeration,
        perceptron_messages,
        perceptron_solving,
        perceptron_speed,
        system,
        xy_independent,
        xy_speed,
    )

    return [
        ("Start", system.start_rows),
        ("Metropolis", xy_speed.metropolis_rows),
        ("Over-relaxation", xy_speed.over_relaxation_rows),
        ("Heat bath", xy_speed.heat_bath_rows),
        ("Wolff", xy_speed.wolff_rows),
        ("Observables", xy_speed.observables_rows),
        ("What measuring adds", xy_speed.measuring_rows),
        ("What tempering adds", xy_speed.tempering_rows),
        ("Two cores", xy_speed.thread_rows),
        ("Files", system.writing_rows),
        ("Other codes", system.peer_rows),
        ("Binary perceptron: Metropolis", perceptron_speed.metropolis_rows),
        ("Binary perceptron: accepted flips", perceptron_speed.accepted_rows),
        ("Binary perceptron: rejection-free", perceptron_speed.rejection_free_rows),
        ("Binary perceptron: two cores", perceptron_speed.thread_rows),
        ("Binary perceptron: enumeration", perceptron_enumeration.enumeration_rows),
        ("Binary perceptron: message passing", perceptron_messages.message_rows),
        ("Binary perceptron: solving", perceptron_solving.solving_rows),
        ("Local entropy: spins", local_entropy.spin_rows),
        ("Local entropy: cost against N", local_entropy.cost_rows),
        ("Local entropy: smooth landscapes", local_entropy.smooth_rows),
        ("Networks: what samplers add", networks.sampler_rows),
        ("Networks: gradients through torch", networks.torch_rows),
        ("Networks: gradients of single samples", networks.noise_rows),
        ("Networks: memory", networks.memory_rows),
        ("Networks: coupled replicas", networks.parle_rows),
        ("Continuum: stationary densities", continuum.stationary_rows),
        ("Continuum: Hamilton-Jacobi, viscous", continuum.viscous_rows),
        ("Continuum: Hamilton-Jacobi, non-viscous", continuum.non_viscous_rows),
        ("Time per independent sample, L = 64, T = 0.9, one chain", xy_independent.independent_sample_rows),
    ]


def main(json_path: Path | None = None) -> int:
    """Run every group, print its table as it is done, write all rows as JSON if asked; returns the exit code 0.

    One-core rows are CPU time of the calling thread, medians of repeats made in turn with their reference.
    """
    from rich.console import Console

    if json_path is not None:
        _check_writable(json_path)
    # Wide enough for the longest row where nobody is looking at a terminal.
    console = Console(width=None if os.isatty(1) else 160)
    console.print(f"{machine()}; one-core rows are CPU time, medians; ratio = reference / ours unless it says % added")
    rows: list[tuple[str, Row]] = []
    for title, generate in groups():
        found = list(generate())
        rows += [(title, row) for row in found]
        if found:
            console.print(_table(title, found))
    missed = [row.name for _, row in rows if row.met is False]
    console.print(f"{sum(row.met is True for _, row in rows)} targets met, {len(missed)} missed" + _listed(missed))
    if json_path is not None:
        records = [{"group": title, **asdict(row)} for title, row in rows]
        json_path.write_text(json.dumps({"machine": machine(), "rows": records}, indent=1) + "\n")
        console.print(f"written: {json_path}")
    return 0


def _check_writable(path: Path) -> None:
    """Raises ArgumentError now rather than when everything has been timed."""
    new = not path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        said = error.strerror or error
        raise ArgumentError(f"--json {path}: cannot be written: {said}; name a file in a folder of yours") from error
    if new:
        path.unlink()


def machine() -> str:
    """Processor, cores and versions that the figures belong to."""
    import numba

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, Numba {numba.__version__}"


def _listed(names: list[str]) -> str:
    return ": " + "; ".join(names) if names else ""


def _table(title: str, rows: list[Row]):
    from rich.table import Table

    table = Table(title=title, title_justify="left", expand=False)
    for heading, justify in (("", "left"), ("measured", "right"), ("reference", "left"), ("ratio", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("target")
    for row in rows:
        beside = "" if row.reference_value is None else f" {row.reference_value:.3g}"
        verdict = "" if row.met is None else ("  met" if row.met else "  MISSED")
        table.add_row(
            row.name,
            f"{row.value:.3g} {row.unit}",
            row.reference + beside,
            "" if row.ratio is None else f"{row.ratio:.3g}",
            row.target + verdict,
        )
    return table
