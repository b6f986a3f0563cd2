"""How a run says how far it is: bars on a terminal, one line per interval anywhere else."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from runs.status import DONE, FAILED, RUNNING, STOPPED, WAITING, Record, count, show_time, time_left

INTERVAL_SECONDS = 30.0


def progress(costs: Mapping[str, float], workers: int) -> "Lines | Bars":
    """Bars when standard error is a terminal, else lines; a context manager with `update(records)`."""
    return Bars(costs, workers) if sys.stderr.isatty() else Lines(costs, workers)


class Lines:
    """One line per interval, and one for each point that ends."""

    def __init__(self, costs: Mapping[str, float], workers: int, interval: float = INTERVAL_SECONDS):
        self._costs, self._workers, self._interval = costs, workers, interval
        self._said = time.monotonic()
        self._ended: set[str] | None = None

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()

    def update(self, records: Mapping[str, Record]) -> None:
        """Say what is new."""
        if self._ended is None:
            self._ended = {name for name, record in records.items() if record.state == DONE}
        for record in records.values():
            if record.state in (DONE, FAILED) and record.name not in self._ended:
                self._ended.add(record.name)
                self._say(f"{record.name}: {record.state} {record.message}".rstrip())
        if time.monotonic() - self._said >= self._interval:
            self._say(summary(records, self._costs, self._workers))

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Bars:
    """One bar for the run, and one for each point that is running."""

    def __init__(self, costs: Mapping[str, float], workers: int):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>5.1f} %"))
        self._costs, self._workers = costs, workers
        self._console = Console(stderr=True)
        self._progress = Progress(*columns, TextColumn("{task.fields[left]}"), console=self._console)
        self._run = self._progress.add_task("run", total=1.0, left="")
        self._points: dict[str, Any] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, records: Mapping[str, Record]) -> None:
        """Redraw."""
        left = time_left(records, self._costs, self._workers)
        self._progress.update(
            self._run, completed=fraction(records, self._costs), left=f"about {show_time(left)} left" if left else ""
        )
        for name, record in records.items():
            if record.state == RUNNING and name not in self._points:
                self._points[name] = self._progress.add_task(f"  {name}", total=1.0, left="")
            elif record.state != RUNNING and name in self._points:
                self._progress.remove_task(self._points.pop(name))
                if record.state == FAILED:
                    self._console.print(f"{name}: failed: {record.message}", style="red", highlight=False, markup=False)
            if name in self._points:
                left = record.seconds_left()
                self._progress.update(
                    self._points[name], completed=record.fraction, left=show_time(left) if left else ""
                )


def fraction(records: Mapping[str, Record], costs: Mapping[str, float]) -> float:
    """Share of the run's work that is done, 0 to 1."""
    whole = sum(costs[name] for name in records)
    done = sum(costs[name] * (1.0 if record.state == DONE else record.fraction) for name, record in records.items())
    return done / whole if whole else 1.0


def summary(records: Mapping[str, Record], costs: Mapping[str, float], workers: int) -> str:
    """Counts of the points by state, the share of work done, the time left."""
    states = [record.state for record in records.values()]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in (DONE, RUNNING, WAITING, STOPPED, FAILED) if state in states
    )
    left = time_left(records, costs, workers)
    tail = f", about {show_time(left)} left" if left is not None else ""
    return f"{count(len(states), 'point')}: {counts or 'starting'}; {100 * fraction(records, costs):.1f} %{tail}"
