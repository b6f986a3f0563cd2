"""A run from start to end: claim the folder, see what is left to do, do it, assemble the results, draw the figures.

Running the same again resumes; when everything is there, nothing is done.
"""

import contextlib
import re
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcmc.errors import ArgumentError, EntroscapeError, StoreError
from runs.folder import RunFolder, shown
from runs.load import Run
from runs.memory import MemoryPlan, plan
from runs.point import Job, Outcome
from runs.progress import progress
from runs.status import DONE, FAILED, RUNNING, WAITING, count, read_record, write_record
from runs.survey import survey

COMPLETE, SOME_FAILED, STOPPED_EARLY = 0, 1, 3
"""Exit codes of a run; 2 is bad input."""

UPDATE_SECONDS = 1.0


def run(
    run: Run,
    out: Path,
    *,
    workers: int | None = None,
    dask: str | None = None,
    stop_after: str | None = None,
) -> int:
    """Carry out a run in the folder `out`; returns the exit code: 0 complete, 1 some points failed, 3 stopped.

    Raises an EntroscapeError, before anything is written, for a folder, memory, device or option that will not do.
    """
    if workers is not None and workers < 1:
        raise ArgumentError(f"--workers {workers}: needs an integer >= 1")
    seconds = None if stop_after is None else parse_duration(stop_after)
    folder = RunFolder(out)
    folder.check(run)
    if dask in (None, "local"):
        require_device(run)
        run.spec.require()
    if dask is not None:
        from runs.cluster import check_cluster

        check_cluster(dask)
    # Before the folder is made: a run that is too large leaves nothing behind.
    memory = _plan(run, [point.name for point in run.experiment.points(run.spec)], workers, dask)
    folder.create()
    with StopRequest(seconds) as stop, folder.claim() as lock:
        if folder.check(run):
            folder.adopt(run)
        before = survey(folder, run)
        left = [name for name, record in before.items() if record.state != DONE]
        if not left and _up_to_date(folder, run):
            say(f"{folder.root}: all {len(before)} points done; nothing to do")
            return COMPLETE
        if left:
            memory = _plan(run, left, workers, dask)
            say(f"{folder.root}: {count(len(before), 'point')}, {len(before) - len(left)} done, {len(left)} to do")
            if dask is not None:
                say(f"dask: {dask}")
            say(memory.line(elsewhere=dask not in (None, "local")))
            outcomes = _carry_out(run, folder, left, memory.workers, dask, stop, lock)
            ended = [outcomes[name] for name in before if name in outcomes]
            failed = {outcome.name: outcome.message for outcome in ended if outcome.state == FAILED}
        else:
            failed = {}
        return _finish(run, folder, stop, failed)


def say(text: str) -> None:
    """A line about the run itself; results go to standard output."""
    print(text, file=sys.stderr, flush=True)


def require_device(run: Run) -> None:
    """Raises DeviceError with the install command when the run's processor is not there."""
    if run.spec.device == "cuda":
        from mcmc.device import require

        require("cuda")


def _plan(run: Run, names: list[str], workers: int | None, dask: str | None) -> MemoryPlan:
    points = {point.name: point for point in run.experiment.points(run.spec)}
    needs = {name: int(run.experiment.memory(run.spec, points[name])) for name in names}
    elsewhere = dask not in (None, "local")
    if run.spec.device == "cuda" and workers is None and not elsewhere:
        # One device: more processes only share it.
        workers = 1
    return plan(needs, workers, analysis=int(run.experiment.analysis_memory(run.spec)), elsewhere=elsewhere)


def _carry_out(
    run: Run,
    folder: RunFolder,
    left: list[str],
    workers: int,
    dask: str | None,
    stop: "StopRequest",
    lock: int,
) -> dict[str, Outcome]:
    points = {point.name: point for point in run.experiment.points(run.spec)}
    costs = {name: run.experiment.cost(run.spec, point) for name, point in points.items()}
    names = sorted(left, key=lambda name: -costs[name])
    extra = (str(Path.cwd()),) if ":" in run.spec.experiment else ()
    job = Job(run.text, str(folder.root.resolve()), extra)
    records = survey(folder, run)
    for name in names:
        records[name] = replace(records[name], state=WAITING, message="", began_with=0, started=0.0, attempt=0)
        write_record(folder.log, records[name])
    shown_at = 0.0
    with progress(costs, workers) as display:
        display.update(records)

        def tick() -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= UPDATE_SECONDS:
                shown_at = time.monotonic()
                records.update((name, read_record(folder.log, name)) for name in names)
                display.update(records)

        if dask is not None:
            from runs.cluster import LOST, run_cluster

            outcomes = run_cluster(job, names, dask, workers, stop=stop, tick=tick)
            if any(outcome.message == LOST for outcome in outcomes.values()):
                stop.reason = stop.reason or LOST
        else:
            from runs.pool import run_pool

            outcomes = run_pool(job, names, workers, stop=stop, tick=tick, keep_open=[lock])
        for outcome in outcomes.values():
            # A killed process could not say so itself.
            record = read_record(folder.log, outcome.name)
            if record.state == RUNNING:
                write_record(folder.log, replace(record, state=outcome.state, message=outcome.message))
        shown_at = 0.0
        tick()
    return outcomes


def _finish(run: Run, folder: RunFolder, stop: "StopRequest", failed: Mapping[str, str]) -> int:
    records = survey(folder, run)
    done = sum(record.state == DONE for record in records.values())
    for name, message in failed.items():
        say(f"{name}: failed: {message}")
    undone = [name for name, record in records.items() if record.state != DONE]
    if stop.reason and undone:
        say(f"stopped by {stop.reason}: {done} of {len(records)} points done, the others are checkpointed")
        _say_outdated(folder, run)
        say(f"resume with: entroscape run {shown(folder.root)}")
        return SOME_FAILED if failed else STOPPED_EARLY
    if done and not _analyse(run, folder):
        return SOME_FAILED
    if not undone:
        return COMPLETE
    if done:
        say(f"{folder.results}: without {', '.join(undone)}")
    else:
        _say_outdated(folder, run)
    if failed:
        say(f"{len(failed)} of {len(records)} points failed: {', '.join(failed)}; logs in {folder.log}")
    if others := [name for name in undone if name not in failed]:
        say(f"{len(others)} of {len(records)} points are not done: {', '.join(others)}; logs in {folder.log}")
    say(f"try them again with: entroscape run {shown(folder.root)}")
    return SOME_FAILED


def _analyse(run: Run, folder: RunFolder) -> bool:
    """Results, figures and page; False when that failed, which is told in one line, its traceback logged."""
    from runs.report import write_report
    from runs.results import assemble

    try:
        for line in write_report(folder, run, assemble(folder, run)):
            print(line, flush=True)
        return True
    except EntroscapeError as error:
        say(f"the points are kept, their results are not written: {error}")
    except BrokenPipeError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        path = folder.log / "analysis.log"
        with contextlib.suppress(OSError):
            path.write_text(traceback.format_exc(), encoding="utf-8")
        say(
            f"the points are kept, the analysis failed: {said} (traceback in {path}); "
            "after mending, run the same command again"
        )
    _say_outdated(folder, run)
    return False


def _say_outdated(folder: RunFolder, run: Run) -> None:
    if folder.results.exists() and not _holds_all(folder, run):
        say(f"{folder.results}: older than this run, not of all its points; do not take it for its results")


def _up_to_date(folder: RunFolder, run: Run) -> bool:
    from runs.report import is_current

    return is_current(folder) and _holds_all(folder, run)


def _holds_all(folder: RunFolder, run: Run) -> bool:
    """Whether results.h5 is whole and of this very run file."""
    from mcmc.store.reader import read_attributes, read_spec

    points = len(run.experiment.points(run.spec))
    try:
        whole = read_attributes(folder.results).get("points") == f"{points} of {points}"
        return whole and read_spec(folder.results) == run.text
    except StoreError:
        return False


class StopRequest:
    """Becomes true at a deadline, at Ctrl-C, or at SIGTERM; a second Ctrl-C ends the run on the spot."""

    def __init__(self, seconds: float | None = None):
        self.reason = ""
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether to stop; cheap."""
        if not self.reason and self._deadline is not None and time.monotonic() >= self._deadline:
            self.reason = "--stop-after"
        return bool(self.reason)

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _heard(self, number: int, _: object) -> None:
        if self.reason and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.reason = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        print(f"{self.reason}: finishing the chunks in hand", file=sys.stderr, flush=True)


def parse_duration(text: str) -> float:
    """Seconds of `55m`, `90s`, `1h30m`, `2d`. Raises ArgumentError."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    if not re.fullmatch(r"(\d+(\.\d+)?[dhms])+", text):
        raise ArgumentError(f"--stop-after {text}: needs a time such as 90s, 55m or 1h30m")
    return sum(float(number) * units[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([dhms])", text))
