"""Sweeps over the options of a solver: how the defaults were found, and how to find better ones elsewhere.

`print(tune("sbpi", {"chance": [0.2, 0.3, 0.4]}, n=1001, alpha=0.65, instances=16))` solves the same 16 instances with
each setting and prints a table. The docstring of each solver says which sweep its defaults come from.
"""

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.random import split_seed
from mcmc.statistics.intervals import Interval
from mcmc.statistics.proportion import wilson_interval
from perceptron.arguments import checked_count, listed
from perceptron.patterns import Kind, random_patterns
from perceptron.solvers import check_options, solve
from perceptron.solvers.solution import Solution


class Setting(NamedTuple):
    """What one setting of the options achieved."""

    options: dict[str, Any]
    """The options that were varied."""
    solved: int
    """Instances solved."""
    success: Interval
    """Wilson interval of the probability of success, 95 %."""
    median_work: float
    """Median over instances, unsolved ones as infinity."""
    work_per_solution: float
    """All work, in vain too, over the instances solved: what a solution costs with restarts."""
    errors: float
    """Errors left, mean over instances."""
    seconds: float
    """Time of a search, mean over instances; with several threads they share the processor."""


class Tuning(NamedTuple):
    """A sweep; `str` of it is a table."""

    method: str
    n: int
    """Weights."""
    alpha: float
    """Patterns per weight."""
    instances: int
    """Instances, the same for every setting."""
    unit: str
    """Unit of work."""
    settings: tuple[Setting, ...]
    """In the order of the grid."""

    @property
    def best(self) -> Setting:
        """The setting with the most instances solved; among equals, the least work for a solution."""
        return min(self.settings, key=lambda s: (-s.solved, s.work_per_solution, s.errors))

    def __str__(self) -> str:
        names = list(self.settings[0].options)
        head = [*names, "solved", "95 % interval", f"median {self.unit}", "per solution", "errors", "seconds"]
        lines = [head]
        for s in self.settings:
            varied = [f"{s.options[name]:g}" if _is_number(s.options[name]) else f"{s.options[name]}" for name in names]
            interval = f"{s.success.low:.3f}..{s.success.high:.3f}"
            work = [f"{s.median_work:.3g}", f"{s.work_per_solution:.3g}"]
            lines.append(
                [*varied, f"{s.solved}/{self.instances}", interval, *work, f"{s.errors:.2f}", f"{s.seconds:.3g}"]
            )
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        table = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([f"{self.method}, n = {self.n}, alpha = {self.alpha:g}", *table])


def tune(
    method: str,
    grid: Mapping[str, Sequence[Any]],
    n: int,
    alpha: float,
    instances: int = 16,
    seed: int = 0,
    *,
    margin: float = 0.0,
    kind: Kind = "binary",
    threads: int = 1,
    **fixed: Any,
) -> Tuning:
    """Solve the same random instances with every combination of the options in `grid`; `fixed` options stay.

    Instances have the seeds seed, seed + 1, ...; the solver starts from the same seed as its instance. Raises
    ArgumentError for an unknown method or option, an empty grid, or values out of range.
    """
    needed = "a list with at least one value for each option is needed"
    if not isinstance(grid, Mapping):
        raise ArgumentError(f"grid: got {grid!r}; {needed}, as {{'option': [value, ...]}}")
    for values in grid.values():
        if not listed(values) or not len(values):
            raise ArgumentError(f"grid: got {dict(grid)!r}; {needed}")
    if clash := set(grid) & set(fixed):
        raise ArgumentError(f"{min(clash)}: got a list in grid and a fixed value; leave one out")
    check_options(method, {**grid, **fixed})
    count = checked_count("instances", instances, 1)
    split_seed(seed)
    problems = [random_patterns(n, alpha, seed=seed + k, kind=kind) for k in range(count)]
    settings, unit = [], ""
    with ThreadPoolExecutor(checked_count("threads", threads, 1, 256)) as pool:
        for values in itertools.product(*grid.values()):
            chosen = dict(zip(grid, values, strict=True))

            def search(k: int, chosen: dict[str, Any] = chosen) -> Solution:
                return solve(problems[k], method, seed + k, margin=margin, **fixed, **chosen)

            found = list(pool.map(search, range(count)))
            unit = found[0].work_unit
            settings.append(_judged(chosen, found))
    return Tuning(method, n, alpha, count, unit, tuple(settings))


def _judged(chosen: dict[str, Any], found: list[Solution]) -> Setting:
    solved = sum(one.solved for one in found)
    total = float(sum(one.work for one in found))
    return Setting(
        chosen,
        solved,
        wilson_interval(solved, len(found)),
        float(np.median([one.work if one.solved else np.inf for one in found])),
        total / solved if solved else np.inf,
        float(np.mean([one.errors for one in found])),
        float(np.mean([one.seconds for one in found])),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
