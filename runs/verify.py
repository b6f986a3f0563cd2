"""`entroscape verify`: is a file, or a whole run, complete, readable, of one spec, with nothing lost?"""

import tomllib
from pathlib import Path

from mcmc.errors import StoreError
from runs import load
from runs.folder import RunFolder, compare, shown, with_defaults
from runs.load import Run
from runs.status import DONE, RUNNING, WAITING
from runs.survey import is_live, look


def verify(path: Path) -> list[str]:
    """What is wrong, one line each; empty when all is well. Raises StoreError for what cannot be opened at all."""
    if path.is_dir():
        return _folder(RunFolder(path))
    from mcmc.store.verify import verify as check_file

    opens = check_file(path)[0]
    if not opens.ok:
        raise StoreError(opens.message)
    root = next((folder for folder in (path.parent, path.parent.parent) if (folder / "spec.toml").is_file()), None)
    return _file(path, load.load(shown(root)) if root else None)


def _folder(folder: RunFolder) -> list[str]:
    run = load.load(shown(folder.root))
    live = is_live(folder)
    wrong = []
    for point in run.experiment.points(run.spec):
        path = folder.point(point.name)
        if not path.exists():
            wrong.append(f"{path}: missing")
            continue
        found = _file(path, run)
        wrong += found
        record = None if found else look(folder, run, point, live)
        if record and record.state != DONE and not (live and record.state in (RUNNING, WAITING)):
            wrong.append(f"{path}: {record.state}: {record.done} of {record.total} draws")
    if folder.results.exists():
        return wrong + _file(folder.results, run)
    return [*wrong, f"{folder.results}: missing; entroscape run {shown(folder.root)} makes it"]


def _file(path: Path, run: Run | None) -> list[str]:
    from mcmc.store.verify import verify as check_file

    findings = check_file(path)
    wrong = [f"{path}: {item.message}" for item in findings if not item.ok and (run is None or item.check != "spec")]
    # A checkpoint carries no run file.
    if run is not None and any(item.check == "spec" for item in findings):
        wrong += _other_spec(path, run)
    return wrong


def _other_spec(path: Path, run: Run) -> list[str]:
    """A finished point of an extended run keeps its former spec: what may grow is not a difference."""
    from mcmc.store.reader import read_spec

    before = with_defaults(tomllib.loads(read_spec(path)))
    _, refused = compare(before, run.table, run.experiment.may_grow(run.spec))
    return [f"{path}: made with another spec: {'; '.join(refused)}"] if refused else []
