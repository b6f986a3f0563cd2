"""Whole searches on the binary perceptron, one core: seconds until every pattern is right."""

from collections.abc import Iterator

from perceptron import random_patterns, solve
from runs.benchmarks.timing import Row, cpu_seconds


def solving_rows() -> Iterator[Row]:
    """Message passing at N = 10001, alpha = 0.7, replicated annealing at N = 1001, alpha = 0.4; one instance each."""
    cases = (
        ("reinforced_bp", 10001, 0.7, 180.0),
        ("focusing_bp", 10001, 0.7, 180.0),
        ("replicated_annealing", 1001, 0.4, None),
    )
    for method, n, alpha, most in cases:
        instance = random_patterns(n, alpha, seed=1)
        # A small instance first: compilation is not what is measured.
        solve(random_patterns(101, 0.3, seed=1), method, seed=1)
        found = []
        seconds = cpu_seconds(lambda i=instance, m=method, kept=found: kept.append(solve(i, m, seed=1)))
        solution = found[0]
        target = "solved" if most is None else f"solved, <= {most:g} s"
        met = solution.solved and (most is None or seconds <= most)
        outcome = "solved" if solution.solved else f"{solution.errors} errors left"
        yield Row(
            f"{method}, N = {n}, alpha = {alpha}: {outcome} in {solution.work} {solution.work_unit}", seconds, "s",
            target=target, met=met,
        )  # fmt: skip
