"""`entroscape validate`: what this machine measures where the exact answer is known, as a table of z-scores."""

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runs.exact_cases.case import LARGEST_Z, Case

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_SEED = 2026


def groups() -> list[tuple[str, Callable[[int], Iterator[Case]]]]:
    """Titles and generators of rows, called with a seed; a later landscape appends its own."""
    from runs.exact_cases import continuum, local_entropy, networks, perceptron, random_numbers, xy

    return [
        ("Random numbers", random_numbers.cases),
        ("XY model: ring and chain", xy.ring_cases),
        ("XY model: 3 x 3 torus", xy.torus_cases),
        ("XY model: complete graph", xy.complete_cases),
        ("XY model: gauge glass", xy.disorder_cases),
        ("XY model: Langevin", xy.langevin_cases),
        ("Binary perceptron: single flips", perceptron.flip_cases),
        ("Binary perceptron: coupled", perceptron.coupled_cases),
        ("Binary perceptron: first moments", perceptron.first_moment_cases),
        ("Binary perceptron: noisy teacher", perceptron.nishimori_cases),
        ("Binary perceptron: belief propagation", perceptron.message_cases),
        ("Local entropy: spins", local_entropy.spin_cases),
        ("Local entropy: smooth landscapes", local_entropy.smooth_cases),
        ("Local learning coefficient", local_entropy.learning_cases),
        ("Networks: local entropy", networks.width_cases),
        ("Networks: local learning coefficient", networks.learning_cases),
        ("Networks: noise of mini-batches", networks.noise_cases),
        ("Continuum: equations on grids", continuum.equation_cases),
        ("Continuum: two time scales", continuum.two_scale_cases),
    ]


def main(seed: int = DEFAULT_SEED) -> int:
    """Run every group and print its table as soon as it is done; 0 when every |z| < 4.9, else 1."""
    from rich.console import Console

    console = Console(width=None if os.isatty(1) else 120)
    start, found = time.perf_counter(), []
    for title, generate in groups():
        with console.status(title):
            cases = list(generate(seed))
        console.print(_table(title, cases))
        found += cases
    failed = [case.name for case in found if not case.passed]
    seconds = time.perf_counter() - start
    console.print(f"{len(found) - len(failed)} of {len(found)} within {LARGEST_Z} standard errors, {seconds:.0f} s")
    for name in failed:
        console.print(f"failed: {name}", style="bold red")
    return 1 if failed else 0


def _table(title: str, cases: list[Case]) -> "Table":
    from rich.table import Table

    from runs.tables import with_error

    table = Table(title=title, title_justify="left", expand=True)
    table.add_column("case", ratio=1)
    for heading in ("measured", "exact", "z", "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for case in cases:
        verdict = "[green]ok[/]" if case.passed else "[bold red]FAILED[/]"
        table.add_row(case.name, with_error(case.measured, case.error), f"{case.exact:.8g}", f"{case.z:+.2f}", verdict)
    return table
