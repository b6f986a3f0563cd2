"""Whole searches on the binary perceptron, one core: seconds until every pattern is right."""

import time
from collections.abc import Iterator

from perceptron import random_patterns, solve
from runs.benchmarks.timing import Row


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
        start = time.thread_time()
        solution = solve(instance, method, seed=1)
        seconds = time.thread_time() - start
        target = "solved" if most is None else f"solved, <= {most:g} s"
        met = solution.solved and (most is None or seconds <= most)
        outcome = "solved" if solution.solved else f"{solution.errors} errors left"
        yield Row(
            f"{method}, N = {n}, alpha = {alpha}: {outcome} in {solution.work} {solution.work_unit}", seconds, "s",
            target=target, met=met,
        )  # fmt: skip
