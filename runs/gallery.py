"""`entroscape gallery`: the quick version of every bundled spec, each in its own folder, and one page of it all."""

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcmc.errors import ArgumentError, EntroscapeError, StoreError
from runs import load
from runs.execute import COMPLETE, SOME_FAILED, STOPPED_EARLY, say
from runs.execute import run as carry_out
from runs.folder import RunFolder, shown
from runs.load import Run
from runs.status import DONE, FAILED
from runs.survey import survey

QUICK = Path(__file__).parent / "quick_specs.toml"

COMPLETED, AT_FAULT, LEFT_OUT, MISSING = "done", "failed", "left out", "not complete"
"""What became of a run: complete; at fault; needs something that is not installed; never begun or stopped."""


@dataclass(frozen=True)
class Entry:
    """One run of the gallery."""

    name: str
    folder: RunFolder
    run: Run
    state: str
    message: str = ""
    """What went wrong or is missing."""


def gallery(out: Path, *, workers: int | None = None, only: Sequence[str] = ()) -> int:
    """Carry out or resume the quick runs named in `only`, or all, then write the page.

    Returns the exit code: 0 complete, 1 some run asked for failed (it is named), 3 stopped early. A run that needs data
    which are not installed is left out and named. Raises ArgumentError or SpecError, before anything runs, for a name
    that is not bundled, StoreError for a folder that is something else.
    """
    if workers is not None and workers < 1:
        raise ArgumentError(f"--workers {workers}: needs an integer >= 1")
    names = chosen(only)
    runs = {name: quick(name) for name in quick_specs()}
    _claim(out)
    found: dict[str, Entry] = {}
    stopped = False
    for place, name in enumerate(names, start=1):
        say(f"-- {name} ({place} of {len(names)})")
        found[name] = _run(name, runs[name], RunFolder(out / name), workers)
        if stopped := found[name].state == MISSING:
            break
    # What an earlier command made stays on the page.
    for name, run in runs.items():
        folder = RunFolder(out / name)
        if name not in found and folder.results.is_file():
            found[name] = _entry(name, run, folder)
    entries = [found[name] if name in found else _entry(name, runs[name], RunFolder(out / name)) for name in runs]
    shown_entries = [entry for entry in entries if entry.name in found or entry.name in names]
    wrong = [name for name in _publish(out, shown_entries) if name in names]
    if stopped:
        say(f"resume with: entroscape gallery -o {shown(out)}{''.join(f' --only {name}' for name in only)}")
        return STOPPED_EARLY
    return SOME_FAILED if wrong else COMPLETE


def quick_specs() -> dict[str, dict[str, Any]]:
    """Overrides of each bundled spec by dotted key, in the order of the page."""
    return tomllib.loads(QUICK.read_text(encoding="utf-8"))


def chosen(only: Sequence[str]) -> list[str]:
    """The names asked for, in the order of the page; all when none is. Raises SpecError for one that is not bundled."""
    known = list(quick_specs())
    for name in only:
        if name not in known:
            load.find(name)
            raise ArgumentError(f"--only {name}: is not a bundled spec; choose among {', '.join(known)}")
    return [name for name in known if name in only] if only else known


def quick(name: str) -> Run:
    """The quick version of a bundled spec. Raises SpecError with every fault."""
    path = load.bundled()[name]
    data = load.read_toml(path)
    for key, value in quick_specs()[name].items():
        table = data
        *outer, last = key.split(".")
        for part in outer:
            table = table.setdefault(part, {})
        table[last] = value
    return load.resolve(data, f"{path.name}, quick version", name)


def _claim(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise StoreError(f"{out}: is a file; choose a folder with -o")
    if (out / "spec.toml").exists():
        raise StoreError(f"{out}: is the folder of a run; choose another with -o")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{out}: cannot be made: {error.strerror or error}; choose another with -o") from error


def _run(name: str, run: Run, folder: RunFolder, workers: int | None) -> Entry:
    try:
        run.spec.require()
    except EntroscapeError as error:
        say(f"{name}: left out: {error}")
        return Entry(name, folder, run, LEFT_OUT, str(error))
    try:
        code = carry_out(run, folder.root, workers=workers)
    except EntroscapeError as error:
        say(f"{name}: {error}")
        return Entry(name, folder, run, AT_FAULT, str(error))
    if code == COMPLETE:
        return Entry(name, folder, run, COMPLETED)
    if code == STOPPED_EARLY:
        return Entry(name, folder, run, MISSING, "stopped early")
    return _entry(name, run, folder)


def _entry(name: str, run: Run, folder: RunFolder) -> Entry:
    """What lies in the folder of a run that is not carried out now."""
    if not folder.spec.is_file():
        return Entry(name, folder, run, MISSING, "not run yet")
    records = survey(folder, run)
    undone = {point: record for point, record in records.items() if record.state != DONE}
    if not undone and folder.results.is_file():
        return Entry(name, folder, run, COMPLETED)
    failed = [f"{point}: {record.message}" for point, record in undone.items() if record.state == FAILED]
    if failed or not undone:
        told = "; ".join(failed) or f"its analysis failed, traceback in {folder.log / 'analysis.log'}"
        return Entry(name, folder, run, AT_FAULT, f"{len(undone)} of {len(records)} points are missing: {told}")
    return Entry(name, folder, run, MISSING, f"{len(undone)} of {len(records)} points are not done")


def _publish(out: Path, entries: Sequence[Entry]) -> list[str]:
    """Write the page unless it is there and shows just this; names of runs that failed."""
    from runs.gallery_page import Section, gallery_page, section

    page, record = out / "gallery.html", out / ".gallery.json"
    state = {entry.name: [entry.state, entry.message, _digest(entry.folder.results)] for entry in entries}
    wrong = [entry.name for entry in entries if entry.state == AT_FAULT]
    kept = _read(record)
    if page.is_file() and kept.get("entries") == state:
        say(f"{page}: shows all this already; nothing to do")
        return [*wrong, *kept.get("wrong", [])]
    sections: list[Section] = [section(entry, quick_specs()[entry.name]) for entry in entries]
    unreadable = [one.entry.name for one in sections if one.fault]
    _write(page, gallery_page(sections))
    _write(record, json.dumps({"entries": state, "wrong": unreadable}))
    for one in sections:
        print(f"{one.entry.name}: {one.told}", flush=True)
    print(f"gallery: {page}", flush=True)
    return [*wrong, *unreadable]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
