"""`entroscape list`: kinds of experiments, the keys of their run files, the bundled run files."""

from collections.abc import Iterator

from runs import experiments, load, tables
from runs.spec import keys


def listing(kind: str | None = None) -> list[str]:
    """Lines for the terminal. Raises SpecError for an unknown kind."""
    lines = [line for name in ([kind] if kind else experiments.KINDS) for line in _experiment(name)]
    specs = load.bundled()
    if kind is None and specs:
        lines.append("Bundled run files (entroscape run NAME)")
        lines += [f"  {line}" for line in tables.align([[name, load.headline(path)] for name, path in specs.items()])]
    return lines


def _experiment(kind: str) -> Iterator[str]:
    experiment = experiments.find(kind, "list")
    about = (type(experiment).__doc__ or "").strip().splitlines()
    yield f"{kind}: {about[0] if about else ''}".rstrip(": ")
    rows = [[key.path, key.allowed, f"[{key.default}]", key.description] for key in keys(experiment.Spec)]
    yield from (f"  {line}" for line in tables.align([["key", "takes", "default", "meaning"], *rows]))
    yield ""
