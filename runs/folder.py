"""The folder of a run: its files, and which spec may continue what lies in it."""

import contextlib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcmc.errors import SpecError, StoreError
from runs.load import Run, resolve
from runs.spec import show_value


@dataclass(frozen=True)
class RunFolder:
    """Paths inside the folder of a run."""

    root: Path

    @property
    def spec(self) -> Path:
        """The resolved run file."""
        return self.root / "spec.toml"

    @property
    def points(self) -> Path:
        """Raw series, one file per point."""
        return self.root / "points"

    @property
    def log(self) -> Path:
        """Log and record of each point."""
        return self.root / "log"

    @property
    def results(self) -> Path:
        """The assembled results."""
        return self.root / "results.h5"

    @property
    def figures(self) -> Path:
        """PNG and PDF."""
        return self.root / "figures"

    @property
    def report(self) -> Path:
        """The self-contained page."""
        return self.root / "report.html"

    @property
    def drawn(self) -> Path:
        """Which results the page shows, and the figures drawn with it."""
        return self.root / ".report.json"

    @property
    def stop_flag(self) -> Path:
        """While this file is there, workers of a cluster stop."""
        return self.log / "stop"

    def point(self, name: str) -> Path:
        """The data file of a point."""
        return self.points / f"{name}.h5"

    def create(self) -> None:
        """Make the folder and its parts. Raises StoreError when that cannot be."""
        from mcmc.store.lock import check_writable

        there = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        check_writable(there, "nothing was written")
        try:
            for folder in (self.root, self.points, self.log):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = error.strerror or error
            raise StoreError(f"{self.root}: cannot be made: {said}; choose another folder with -o") from error

    @contextlib.contextmanager
    def claim(self) -> Iterator[int]:
        """Exclusive use of the folder; gives the lock's file descriptor. Raises StoreError naming who has it."""
        from mcmc.store.lock import FolderLock
        from mcmc.store.replacing import remove_temporary_files

        with FolderLock(self.root) as lock:
            for folder in (self.root, self.points):
                remove_temporary_files(folder)
            yield lock.fileno()

    def check(self, run: Run) -> bool:
        """True when the folder's spec must be replaced by `run`'s: it is new, or extends what is there.

        Raises StoreError when the folder belongs to another spec, or is not a run's folder at all.
        """
        if not self.spec.exists():
            if self.root.exists() and (not self.root.is_dir() or _foreign(self.root)):
                raise StoreError(f"{self.root}: exists and is not a run's folder; choose another with -o")
            return True
        try:
            before = tomllib.loads(self.spec.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.spec}: cannot be read: {error}; choose another folder with -o") from error
        changed, refused = compare(
            with_defaults(before), run.table, run.experiment.may_grow(run.spec), run.experiment.fixed(run.spec)
        )
        if refused:
            raise StoreError(
                f"{self.root}: made with another spec: {'; '.join(refused)}; choose another folder with -o, "
                f"or go on with its own spec: entroscape run {shown(self.root)}"
            )
        # Of the same meaning, but from a version without some of the keys: they are written out.
        return bool(changed) or before != run.table

    def adopt(self, run: Run) -> None:
        """Write the resolved run file, replacing the former one whole. Raises StoreError."""
        temporary = self.root / ".spec.toml.tmp"
        try:
            temporary.write_text(run.text, encoding="utf-8")
            os.replace(temporary, self.spec)
        except OSError as error:
            raise StoreError(f"{self.spec}: cannot be written: {error.strerror or error}") from error


def with_defaults(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored run file with the defaults of keys that its version did not have; as it is where it no longer fits."""
    try:
        return resolve(table, "spec.toml", "").table
    except SpecError:
        return table


def compare(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    extendable: Sequence[str],
    reasons: Mapping[str, str] | None = None,
) -> tuple[list[str], list[str]]:
    """Keys that differ between two resolved run files, and the differences that may not be: `key: old -> new`.

    An extendable key may grow: a number rises, a list keeps all its values and gains others. `reasons` say why a
    key may not change.
    """
    old, new = flat(before), flat(after)
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    refused = []
    for key in differing:
        if key in extendable and _grows(old.get(key), new.get(key)):
            continue
        note = " (may only grow)" if key in extendable else ""
        if reasons and key in reasons:
            note = f" ({reasons[key]})"
        refused.append(f"{key}: {show_value(old.get(key))} -> {show_value(new.get(key))}{note}")
    return differing, refused


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def shown(path: Path) -> str:
    """A folder as one would type it, never to be taken for the name of a bundled spec."""
    text = str(path)
    return text if os.sep in text else f"./{text}"


def _grows(old: Any, new: Any) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return all(item in new for item in old)
    numbers = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in (old, new))
    return numbers and new > old


def _foreign(folder: Path) -> bool:
    own = {"points", "log", "figures", "results.h5", "report.html"}
    return any(item.name not in own and not item.name.startswith(".") for item in folder.iterdir())
