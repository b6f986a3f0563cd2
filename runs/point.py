"""One point of a run, as a worker process does it: logged, recorded, stopped on demand, its failure put in words."""

import contextlib
import logging
import os
import platform
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mcmc.errors import EntroscapeError
from runs import load
from runs.experiments import Control
from runs.folder import RunFolder
from runs.grid import Point
from runs.status import DONE, FAILED, RUNNING, STOPPED, Record, read_record, write_record

RECORD_SECONDS = 0.5
LOG_SECONDS = 60.0


class Job(NamedTuple):
    """What every worker of a run is told, wherever it runs."""

    text: str
    """The resolved run file."""
    folder: str
    search_path: tuple[str, ...] = ()
    """Entries of sys.path that a `module:Class` experiment may need."""


class Outcome(NamedTuple):
    """How a point ended in this process: done, stopped or failed, with the reason in one line."""

    name: str
    state: str
    message: str = ""


def execute_point(job: Job, name: str, stop: Callable[[], bool]) -> Outcome:
    """Run or resume one point; never raises, except what ends the process itself."""
    sys.path.extend(entry for entry in job.search_path if entry not in sys.path)
    folder = RunFolder(Path(job.folder))
    try:
        with _log(folder.log / f"{name}.log") as log:
            outcome = _attempt(job, folder, name, stop, log)
            log.info("%s%s", outcome.state, f": {outcome.message}" if outcome.message else "")
            return outcome
    except OSError as error:
        return Outcome(name, FAILED, f"{folder.log}: the log cannot be written: {error.strerror or error}")


def _attempt(job: Job, folder: RunFolder, name: str, stop: Callable[[], bool], log: logging.Logger) -> Outcome:
    before = read_record(folder.log, name)
    record = replace(
        before,
        state=RUNNING,
        message="",
        attempt=before.attempt + 1,
        host=platform.node(),
        pid=os.getpid(),
    )
    try:
        run = load.from_text(job.text, "spec.toml")
        point = next(point for point in run.experiment.points(run.spec) if point.name == name)
        tracker = _Tracker(folder, record, run.experiment.draws(run.spec, point), log)
        log.info("attempt %d on %s, process %d: %s", record.attempt, record.host, record.pid, dict(point.parameters))
        finished = _run(run, point, folder, Control(job.text, run.spec.device, stop, tracker.progress))
        record = replace(tracker.record, state=DONE if finished else STOPPED)
    except EntroscapeError as error:
        record = replace(record, state=FAILED, message=str(error))
    except MemoryError:
        record = replace(record, state=FAILED, message="out of memory; use fewer --workers")
    except Exception as error:
        log.error("%s", traceback.format_exc())
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        record = replace(record, state=FAILED, message=f"{said} (traceback in {folder.log / name}.log)")
    write_record(folder.log, record)
    return Outcome(name, record.state, record.message)


def _run(run: load.Run, point: Point, folder: RunFolder, control: Control) -> bool:
    if control.stop():
        return False
    folder.points.mkdir(exist_ok=True)
    return run.experiment.run_point(run.spec, point, folder.point(point.name), control)


class _Tracker:
    """Turns calls of `progress` into records twice a second and log lines once a minute."""

    def __init__(self, folder: RunFolder, record: Record, total: int, log: logging.Logger):
        self.record = replace(record, total=total, began_with=record.done, started=time.time())
        self._folder, self._log = folder, log
        self._written = self._logged = 0.0
        self._heard = False
        write_record(folder.log, self.record)

    def progress(self, done: int, total: int) -> None:
        # The first call tells where the point resumed, which a record of a killed process may not know.
        began = self.record.began_with if self._heard else done
        self._heard = True
        self.record = replace(self.record, done=done, total=total, began_with=began)
        now = time.monotonic()
        if now - self._written >= RECORD_SECONDS or done >= total:
            self._written = now
            write_record(self._folder.log, self.record)
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            self._log.info("%d of %d draws", done, total)


@contextlib.contextmanager
def _log(path: Path) -> Iterator[logging.Logger]:
    """The point's own log file: what the engine says and every warning, appended across attempts."""
    path.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    # Two points may share a process on a cluster whose workers have several threads.
    mine = threading.get_ident()
    handler.addFilter(lambda record: record.thread == mine)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("entroscape")
    log.setLevel(logging.INFO)
    sources = (log, logging.getLogger("py.warnings"))
    for source in sources:
        source.addHandler(handler)
        source.propagate = False
    logging.captureWarnings(True)
    # A log that cannot grow (full disk) must not fill the terminal with tracebacks of its own.
    logging.raiseExceptions = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield log
    finally:
        for source in sources:
            source.removeHandler(handler)
        handler.close()
