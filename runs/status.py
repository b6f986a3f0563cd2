"""How far each point is: small records beside the logs that anyone may read while the run goes on.

The data file of a point is open for writing while it runs; a record is replaced whole, so reading it disturbs nothing.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

WAITING, RUNNING, DONE, STOPPED, FAILED, MISSING = "waiting", "running", "done", "stopped", "failed", "missing"


@dataclass(frozen=True)
class Record:
    """One point of a run."""

    name: str
    state: str = MISSING
    done: int = 0
    """Draws on disk."""
    total: int = 0
    began_with: int = 0
    """Draws that were there when the present attempt started: the rate counts from here."""
    started: float = 0.0
    """Seconds since the epoch; 0 when the point was never started."""
    updated: float = 0.0
    attempt: int = 0
    """Processes that have begun this point in the present run."""
    message: str = ""
    host: str = ""
    pid: int = 0

    @property
    def fraction(self) -> float:
        """Share of the draws that are done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def seconds_left(self) -> float | None:
        """Time to the end at the rate of this attempt; None while there is no rate."""
        made, spent = self.done - self.began_with, self.updated - self.started
        return (self.total - self.done) * spent / made if made > 0 and spent > 0 else None


def write_record(folder: Path, record: Record) -> None:
    """Replace the record of a point. Failing to say how far it is never stops a point."""
    path = folder / f"{record.name}.json"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(replace(record, updated=time.time()))), encoding="utf-8")
        os.replace(temporary, path)


def read_record(folder: Path, name: str) -> Record:
    """The record of a point; state "missing" when there is none that can be read."""
    try:
        data = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        known = {item.name for item in fields(Record)}
        return Record(**{key: value for key, value in data.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return Record(name)


def time_left(records: Mapping[str, Record], costs: Mapping[str, float], workers: int) -> float | None:
    """Seconds to the end of the run, from the rates of the points that are running; None while none is known."""
    running = {name: record.seconds_left() for name, record in records.items() if record.state == RUNNING}
    known = {name: left for name, left in running.items() if left is not None}
    rates = [
        costs[name] * (record.done - record.began_with) / max(record.total, 1) / (record.updated - record.started)
        for name, record in records.items()
        if record.done > record.began_with and record.updated > record.started
    ]
    if not rates:
        return None
    undone = sum(costs[name] * (1.0 - record.fraction) for name, record in records.items() if record.state != DONE)
    shared = undone / (sum(rates) / len(rates)) / max(min(workers, len(records)), 1)
    return max([shared, *known.values()])


def count(number: int, thing: str) -> str:
    """`1 point`, `2 points`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def show_time(seconds: float | None) -> str:
    """A duration as people say it: `35 s`, `12 min`, `3 h 20 min`."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
