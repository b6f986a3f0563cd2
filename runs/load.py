"""From what the user names to a validated run: find the file, read it, apply --set, resolve every default."""

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from mcmc.errors import SpecError
from runs import experiments
from runs.experiments import Experiment
from runs.spec import RunSpec, nearest, show_value, validate

SPECS = Path(__file__).parent / "specs"


@dataclass(frozen=True)
class Run:
    """A validated run file."""

    name: str
    """Name of the file without .toml: the default folder of its output."""
    spec: RunSpec
    experiment: Experiment
    text: str
    """The resolved run file as TOML: every default written out, every range a list."""

    @property
    def table(self) -> dict[str, Any]:
        """The resolved run file as nested tables."""
        return tomllib.loads(self.text)


def load(source: str, overrides: Sequence[str] = (), device: str | None = None) -> Run:
    """The run of a file, of a bundled spec's name, or of a run folder. Raises SpecError with every fault."""
    path = find(source)
    data = read_toml(path)
    for override in overrides:
        apply_override(data, override, path.name)
    if device is not None:
        data["device"] = device
    return resolve(data, path.name, output_folder(source).resolve().name)


def output_folder(source: str) -> Path:
    """Where a run goes unless told otherwise: a folder, here, named like its file; a run's own folder goes on."""
    path = find(source)
    if path.name != "spec.toml":
        return Path(path.stem)
    return path.parent if (path.parent / "points").is_dir() else Path(path.parent.resolve().name)


def resolve(data: Mapping[str, Any], source: str, name: str) -> Run:
    """The run of a table already read. Raises SpecError with every fault."""
    kind = data.get("experiment")
    if not isinstance(kind, str):
        known = ", ".join(experiments.KINDS)
        said = "missing" if kind is None else f"= {show_value(kind)}"
        raise SpecError(source, [f"experiment: {said}; needs the kind of experiment: {known}"])
    if ":" in kind and str(Path.cwd()) not in sys.path:
        # As with `python -m`, the user's own module may lie where the command is given.
        sys.path.append(str(Path.cwd()))
    experiment = experiments.find(kind, source)
    spec = validate(experiment.Spec, data, source)
    text = tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
    return Run(name, spec, experiment, text)


def from_text(text: str, source: str) -> Run:
    """The run of a resolved text that a folder or a file carries."""
    try:
        return resolve(tomllib.loads(text), source, Path(source).stem)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(source, [f"not valid TOML: {error}"]) from error


def bundled() -> dict[str, Path]:
    """The specs that come with the package, by name."""
    return {path.stem: path for path in sorted(SPECS.glob("*.toml"), key=lambda path: path.stem)}


def headline(path: Path) -> str:
    """The first comment of a run file: what it is for."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            return line.lstrip("# ").rstrip()
    return ""


def find(source: str) -> Path:
    """The file that `source` means. Raises SpecError with the nearest name when there is none."""
    known = bundled()
    if source in known:
        return known[source]
    path = Path(source)
    if path.is_dir() and (path / "spec.toml").is_file():
        return path / "spec.toml"
    if path.is_file():
        return path
    if path.is_dir():
        raise SpecError(source, ["is a folder without a spec.toml; give a run file, or a folder that a run has made"])
    if path.suffix == ".toml" or len(path.parts) > 1:
        near = nearest(path.stem, list(known))
        hint = f"; did you mean the bundled spec '{near}'?" if near else ""
        raise SpecError(source, [f"no such file{hint}"])
    near = nearest(source, list(known))
    hint = f"did you mean '{near}'? " if near else ""
    raise SpecError(source, [f"no such file and no bundled spec of that name; {hint}bundled: {', '.join(known)}"])


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SpecError for a file that cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(str(path), [f"cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise SpecError(str(path), ["is not a text file; a run file is TOML in UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SpecError(str(path), [f"not valid TOML: {error}"]) from error


def apply_override(data: dict[str, Any], override: str, source: str) -> None:
    """Put one `key=value` into `data`; the value is TOML, a bare word counts as text. Raises SpecError."""
    key, equals, raw = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in parts):
        raise SpecError(source, [f"--set {override}: needs key=value, as in --set grid.size=[8,16]"])
    table = data
    for depth, part in enumerate(parts[:-1]):
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SpecError(source, [f"--set {override}: {'.'.join(parts[: depth + 1])} is a value, not a table"])
        table = inner
    table[parts[-1]] = _value(raw.strip(), override, source)


def _value(raw: str, override: str, source: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {raw}")
        if list(parsed) == ["value"]:
            return parsed["value"]
    except tomllib.TOMLDecodeError:
        if re.fullmatch(r"[A-Za-z_][\w:.-]*", raw):
            return raw
    raise SpecError(source, [f"--set {override}: the value is not TOML; a list is [8,16], a text is 'text'"])
