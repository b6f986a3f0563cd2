"""Memory of a run, reckoned before it starts, against what the machine has."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mcmc.errors import MemoryLimitError
from mcmc.memory import machine_memory, show_bytes

PROCESS_BYTES = 350 * 2**20
"""One worker before it holds any state: measured 190 MiB, and 350 MiB while it compiles its kernels."""


class MemoryPlan(NamedTuple):
    """How many workers a run uses, and what they need together at the worst moment."""

    workers: int
    peak: int
    limit: int
    analysis: int = 0
    """Bytes of this process when the points are done and their results are assembled; 0 when unknown."""

    def line(self, elsewhere: bool = False) -> str:
        """One line for the terminal and the log; `elsewhere`: the workers are those of a cluster."""
        workers = f"{self.workers} worker" if self.workers == 1 else f"{self.workers} workers"
        after = f", then {show_bytes(self.analysis)} for the analysis" if self.analysis else ""
        if elsewhere:
            return f"memory: about {show_bytes(self.peak)} for the largest point on its worker{after} here"
        return f"memory: about {show_bytes(self.peak)} with {workers}{after}, of {show_bytes(self.limit)}"


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan(
    needs: Mapping[str, int], workers: int | None, limit: int | None = None, analysis: int = 0, elsewhere: bool = False
) -> MemoryPlan:
    """Workers and peak memory for points that need `needs` bytes each, and an `analysis` after them here.

    Without a wish for `workers`: as many as cores, points and memory allow. Workers `elsewhere` have a memory of
    their own, which nobody here knows: the peak is that of one of them. Raises MemoryLimitError when the wished
    number, a single point, or the analysis would need more than the machine has.
    """
    if analysis:
        analysis += PROCESS_BYTES
        here = machine_memory() if limit is None else limit
        if analysis > here:
            raise MemoryLimitError(
                f"the analysis of the largest point needs about {show_bytes(analysis)} of memory and the machine has "
                f"{show_bytes(here)}; store fewer draws (thin, chains) or use a larger machine"
            )
    if elsewhere:
        count = min(workers or cores(), len(needs))
        return MemoryPlan(count, max(needs.values()) + PROCESS_BYTES, sys.maxsize, analysis)
    limit = machine_memory() if limit is None else limit
    largest = max(needs, key=lambda name: needs[name])
    if needs[largest] + PROCESS_BYTES > limit:
        raise MemoryLimitError(
            f"point {largest} alone needs about {show_bytes(needs[largest] + PROCESS_BYTES)} of memory and "
            f"the machine has {show_bytes(limit)}; make the point smaller (size, chains) or use a larger machine"
        )
    sizes = sorted(needs.values(), reverse=True)
    wanted = min(workers or cores(), len(sizes))
    affordable = max(n for n in range(1, wanted + 1) if _peak(sizes, n) <= limit)
    if workers is not None and affordable < wanted:
        raise MemoryLimitError(
            f"{wanted} workers would need about {show_bytes(_peak(sizes, wanted))} of memory and the machine has "
            f"{show_bytes(limit)}; use --workers {affordable}"
        )
    return MemoryPlan(affordable, _peak(sizes, affordable), limit, analysis)


def _peak(sizes: Sequence[int], workers: int) -> int:
    return sum(sizes[:workers]) + workers * PROCESS_BYTES
