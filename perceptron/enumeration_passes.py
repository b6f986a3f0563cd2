"""Passes over all configurations: in segments, on threads, with a checkpoint after which a killed pass goes on.

Segments are counted in their order and their counts are whole numbers: the result does not depend on threads or on
where a pass was interrupted.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import StoreError
from perceptron.enumeration_blocks import make_rows
from perceptron.enumeration_watch import Watch
from perceptron.kernels.enumerate_blocks import count_energies, find_solutions
from perceptron.kernels.enumerate_rows import Rows
from perceptron.pattern_costs import PatternCosts

SEGMENT = 2**26
"""Configurations of a segment: milliseconds, so that stopping is prompt."""

SHORT_SEGMENT = 2**20
SHORT_SEGMENTS = 32
"""Where there would be less than so many segments, short ones keep all threads busy to the end."""

CHECKPOINT_SECONDS = 30.0

BEYOND = 8
"""Levels above the highest energy that the loop, which takes eight at a time, may touch; they stay 0."""


class Counted(NamedTuple):
    """A pass as far as it went: what a checkpoint holds."""

    done: int
    """Segments counted, from the first on."""
    counts: np.ndarray
    """(energies, distances) int64; (0, 0) where only solutions were counted."""
    lowest: np.ndarray
    """(segments,) int64: configurations of energy 0."""
    highest: np.ndarray
    """(segments,) int64: configurations of the highest energy."""

    @property
    def complete(self) -> bool:
        """Whether every segment is done."""
        return self.done == self.lowest.size


class Plan(NamedTuple):
    """How a pass divides the configurations."""

    rows: Rows
    blocks: int
    """Blocks to visit: half of them where the other half follows by flipping all weights."""
    segments: int
    mirror: str | None

    def bounds(self, segment: int) -> tuple[int, int]:
        """First block of a segment, and the first after it."""
        length = self.blocks // self.segments
        return segment * length, (segment + 1) * length


def plan_pass(costs: PatternCosts, reference: int | None = None, mirrored: bool = True) -> Plan:
    """Rows and segments for one pass; with a packed `reference` distances from it are counted."""
    rows = make_rows(costs, reference)
    mirror = costs.mirror if mirrored and rows.high else None
    blocks = 2**rows.high // (1 if mirror is None else 2)
    visited = blocks << rows.low
    segments = min(blocks, max(1, visited // SEGMENT, min(SHORT_SEGMENTS, visited // SHORT_SEGMENT)))
    return Plan(rows, blocks, segments, mirror)


class PassFile:
    """The checkpoint of a pass at `path`; without a path nothing is kept. `identity` says what is being counted."""

    def __init__(self, path: os.PathLike | str | None, identity: dict[str, Any]):
        self.path = None if path is None else Path(path)
        self.identity = identity
        self.saved = time.monotonic()

    def load(self, fresh: Counted) -> tuple[Counted, np.ndarray | None]:
        """What the file holds, and the list of solutions if it got that far; `fresh` where there is no file.

        Raises StoreError for a damaged file, one of another enumeration, and a folder that cannot be written.
        """
        if self.path is None:
            return fresh, None
        from mcmc.store.checkpoint import load_checkpoint, read_meta
        from mcmc.store.lock import check_writable

        if not os.path.lexists(self.path):
            check_writable(self.path.parent, "nothing was written")
            return fresh, None
        meta = _undamaged(self.path, read_meta, self.path)
        other = [name for name, value in self.identity.items() if meta.get(name) != value]
        if other:
            raise StoreError(
                f"{self.path}: belongs to another enumeration ({', '.join(other)} differ); choose another path, or "
                "delete it"
            )
        listed = None if meta["listed"] is None else np.empty(meta["listed"], np.uint64)
        state: Any = (fresh, listed)
        return _undamaged(self.path, load_checkpoint, self.path, state)[0]

    def save(self, counted: Counted, listed: np.ndarray | None = None) -> None:
        """Replace the checkpoint."""
        self.saved = time.monotonic()
        if self.path is not None:
            from mcmc.store.checkpoint import save_checkpoint

            meta = {**self.identity, "listed": None if listed is None else listed.size}
            save_checkpoint(self.path, (counted, listed), meta)

    def save_now_and_then(self, counted: Counted) -> None:
        """Replace the checkpoint if it is old."""
        if time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
            self.save(counted)


def _undamaged(path: Path, read: Callable, *arguments: Any) -> Any:
    """What `read` returns; its words on the draws of a run say nothing here."""
    try:
        return read(*arguments)
    except StoreError as error:
        if "damaged" not in (said := str(error)):
            raise
        raise StoreError(said.partition("; delete it")[0] + "; delete it to count from the beginning") from error


def count_configurations(
    plan: Plan, energies: int, distances: int, threads: int, file: PassFile, watch: Watch, counted: Counted
) -> Counted:
    """Count energies (and distances) of the segments that `counted` lacks, until all are done or it is stopped."""

    def task(segment: int) -> np.ndarray:
        counts = np.zeros((energies + BEYOND, distances), np.int64)
        count_energies(plan.rows, *plan.bounds(segment), counts)
        return counts[:energies]

    def add(counted: Counted, found: np.ndarray) -> Counted:
        counted.counts[:] += found
        counted.lowest[counted.done], counted.highest[counted.done] = found[0].sum(), found[-1].sum()
        return counted._replace(done=counted.done + 1)

    return _pass(task, add, counted, threads, file, watch)


def count_solutions(plan: Plan, threads: int, file: PassFile, watch: Watch, counted: Counted) -> Counted:
    """The same, of solutions alone: several times faster."""

    def task(segment: int) -> int:
        return find_solutions(plan.rows, *plan.bounds(segment), np.empty(0, np.uint64))

    def add(counted: Counted, found: int) -> Counted:
        counted.lowest[counted.done] = found
        return counted._replace(done=counted.done + 1)

    return _pass(task, add, counted, threads, file, watch)


def fresh_count(plan: Plan, energies: int, distances: int) -> Counted:
    """Nothing counted yet."""
    nothing = np.zeros(plan.segments, np.int64)
    return Counted(0, np.zeros((energies, distances), np.int64), nothing, nothing.copy())


def all_counts(counted: Counted, mirror: str | None) -> np.ndarray:
    """Counts of all configurations from those visited, (energies, distances)."""
    counts = counted.counts
    if mirror is None:
        return counts.copy()
    return counts + (counts[:, ::-1] if mirror == "same" else counts[::-1, ::-1])


def solutions_by_segment(counted: Counted, mirror: str | None) -> np.ndarray:
    """Solutions in each segment of all configurations, in their order."""
    if mirror is None:
        return counted.lowest
    # Flipping all weights turns the order round.
    return np.concatenate([counted.lowest, (counted.lowest if mirror == "same" else counted.highest)[::-1]])


def list_solutions(plan: Plan, by_segment: np.ndarray, threads: int) -> np.ndarray:
    """Packed solutions in ascending order, (count,) uint64; rows of `plan` are those of the costs cut at 1."""
    ends = np.cumsum(by_segment)
    out = np.empty(int(ends[-1]), np.uint64)
    length = (1 << plan.rows.high) // by_segment.size

    def task(segment: int) -> None:
        end = ends[segment]
        find_solutions(plan.rows, segment * length, (segment + 1) * length, out[end - by_segment[segment] : end])

    for _ in _in_order(task, np.flatnonzero(by_segment).tolist(), threads):
        pass
    return out


def _pass(task: Callable, add: Callable, counted: Counted, threads: int, file: PassFile, watch: Watch) -> Counted:
    total = counted.lowest.size
    watch.report(counted.done, total)
    results = _in_order(task, range(counted.done, total), threads)
    while not counted.complete and not watch.stopped():
        counted = add(counted, next(results))
        file.save_now_and_then(counted)
        watch.report(counted.done, total)
    results.close()
    return counted


def _in_order(task: Callable[[int], Any], numbers: Any, threads: int) -> Generator[Any, None, None]:
    """Results of the tasks in their order, a few ahead on other threads."""
    if threads == 1:
        yield from map(task, numbers)
        return
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="enumerate") as pool:
        try:
            for number in numbers:
                waiting.append(pool.submit(task, number))
                if len(waiting) > 4 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
