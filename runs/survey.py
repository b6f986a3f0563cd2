"""What lies in a run's folder: which points are done, running, stopped, failed, missing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mcmc.errors import StoreError
from runs.folder import RunFolder, shown
from runs.grid import Point
from runs.load import Run, load
from runs.progress import fraction
from runs.status import (
    DONE,
    FAILED,
    MISSING,
    RUNNING,
    STOPPED,
    WAITING,
    Record,
    count,
    read_record,
    show_time,
    time_left,
)
from runs.tables import align

STATES = (DONE, RUNNING, WAITING, STOPPED, FAILED, MISSING)


def survey(folder: RunFolder, run: Run, *, live: bool = False) -> dict[str, Record]:
    """The state of every point, by name. `live`: a run is at work here, whose open files are left alone.

    The data file decides whether a point is done; the record beside the log tells what a live run is doing.
    Raises StoreError naming a data file that cannot be read.
    """
    return {point.name: look(folder, run, point, live) for point in run.experiment.points(run.spec)}


def look(folder: RunFolder, run: Run, point: Point, live: bool) -> Record:
    """The state of one point, as `survey` tells it."""
    record = read_record(folder.log, point.name)
    total = run.experiment.draws(run.spec, point)
    path = folder.point(point.name)
    if live and record.state in (RUNNING, WAITING):
        return record
    if not path.exists():
        return replace(record, state=FAILED if record.state == FAILED else MISSING, done=0, total=total)
    done, status = committed(path)
    if status == DONE and done >= total:
        return replace(record, state=DONE, done=done, total=total, message="")
    return replace(record, state=FAILED if FAILED in (status, record.state) else STOPPED, done=done, total=total)


def committed(path: Path) -> tuple[int, str]:
    """Committed draws of a data file, and the status its writer left. Raises StoreError."""
    from mcmc.store.reader import read_attributes

    attributes = read_attributes(path)
    if "n_committed" not in attributes:
        raise StoreError(f"{path}: is not the data file of a point; remove it, or choose another folder with -o")
    return int(attributes["n_committed"]), str(attributes.get("status"))


def is_live(folder: RunFolder) -> bool:
    """Whether a run is at work in the folder."""
    from mcmc.store.lock import folder_holder

    return folder_holder(folder.root) is not None


def status(root: Path) -> list[str]:
    """Lines for the terminal: every point, then the counts and the time left. Raises SpecError or StoreError."""
    if root.is_file():
        raise StoreError(f"{root}: is a file; give the folder of a run, as entroscape run names it")
    run = load(shown(root))
    folder = RunFolder(root)
    live = is_live(folder)
    records = survey(folder, run, live=live)
    points = {point.name: point for point in run.experiment.points(run.spec)}
    costs = {name: run.experiment.cost(run.spec, point) for name, point in points.items()}
    rows = [["point", "state", "draws", "of", "left", "note"]]
    for name, record in records.items():
        left = show_time(record.seconds_left()) if record.state == RUNNING else ""
        rows.append([name, record.state, str(record.done), str(record.total), left, record.message])
    states = [record.state for record in records.values()]
    counts = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    lines = [
        *align(rows),
        "",
        f"{count(len(states), 'point')}: {counts}; {100 * fraction(records, costs):.1f} % of the work",
    ]
    running = max(states.count(RUNNING), 1)
    if live:
        lines.append(f"running; about {show_time(time_left(records, costs, running))} left")
    elif states.count(DONE) < len(states):
        lines.append(f"not running; go on with: entroscape run {shown(root)}")
    return lines


def done_files(folder: RunFolder, records: Mapping[str, Record]) -> dict[str, Path]:
    """The data files of the points that are done, by name."""
    return {name: folder.point(name) for name, record in records.items() if record.state == DONE}
