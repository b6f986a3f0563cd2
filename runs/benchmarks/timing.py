"""Timing: pairs of a measured and a reference call in turn, so that a drift of the machine's speed cancels."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

REPEATS = 5


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    value: float
    unit: str
    reference: str = ""
    reference_value: float | None = None
    """In the same unit; None where the row is compared with nothing."""
    ratio: float | None = None
    """Reference / value for times, value / reference for overheads: its meaning stands in `reference`."""
    target: str = ""
    met: bool | None = None
    """Whether the target was met in this run; None without one."""


def cpu_seconds(call: Callable[[], object]) -> float:
    """CPU time of this thread in one call: what another process does meanwhile is not counted."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def wall_seconds(call: Callable[[], object]) -> float:
    """Elapsed time of one call, where several threads or processes work."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_seconds(call, clock=cpu_seconds, repeats: int = REPEATS) -> float:
    """Median time of `repeats` calls after one that is not counted."""
    call()
    return float(np.median([clock(call) for _ in range(repeats)]))


def paired_seconds(call, reference, clock=cpu_seconds, repeats: int = REPEATS) -> tuple[float, float, float]:
    """Median times of two calls made in turn, and the median of the ratio reference / call pair by pair."""
    call()
    reference()
    pairs = np.array([(clock(call), clock(reference)) for _ in range(repeats)])
    return float(np.median(pairs[:, 0])), float(np.median(pairs[:, 1])), float(np.median(pairs[:, 1] / pairs[:, 0]))
