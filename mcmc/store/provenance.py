"""Where a file comes from: code, machine, run file, seed and times, written into every file."""

import functools
import hashlib
import json
import os
import platform
import socket
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import h5py
import numpy as np

from mcmc.errors import StoreError
from mcmc.random import LAYOUT_VERSION, split_seed
from mcmc.store.schema import (
    ENCODING,
    HISTORY,
    PROVENANCE,
    SCHEMA_NAME,
    SCHEMA_VERSION,
    SPEC,
    STATUSES,
    change_text,
    plain,
    set_text,
    text_dtype,
)

DISTRIBUTION = "entroscape"
LIBRARIES = ("numpy", "numba", "scipy", "h5py", "xarray")
UNKNOWN = "unknown"
TIMINGS_WIDTH = 1024
RECORD_WIDTH = 2048
TIME_WIDTH = 32
STATUS_WIDTH = 8


@dataclass(frozen=True)
class Provenance:
    """What a file records about its origin; `collect` fills it in."""

    spec_text: str
    """The whole run file, or "" when the file was written from Python alone."""
    seed: int
    device: str = "cpu"
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package name to version, with python and the HDF5 library."""
    git_commit: str = UNKNOWN
    """Of the source tree, with -dirty when it had changes; 'unknown' for an installed package."""
    rng_layout: int = LAYOUT_VERSION
    host: str = UNKNOWN
    start_time: str = ""
    """ISO 8601, UTC."""

    @classmethod
    def collect(cls, spec_text: str, seed: int, device: str = "cpu") -> "Provenance":
        """Provenance of a run that starts now. Raises ArgumentError for a seed outside [0, 2^64)."""
        split_seed(seed)
        return cls(
            spec_text=spec_text,
            seed=int(seed),
            device=device,
            versions=package_versions(),
            git_commit=source_commit(),
            host=socket.gethostname(),
            start_time=now(),
        )

    @property
    def spec_sha256(self) -> str:
        """Hexadecimal SHA-256 of the run file's text."""
        return spec_hash(self.spec_text)

    def restarted(self) -> "Provenance":
        """The same provenance with the present time as start."""
        return replace(self, start_time=now())


def spec_hash(text: str) -> str:
    """Hexadecimal SHA-256 of a run file's text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def now() -> str:
    """The present time, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def source_root() -> Path | None:
    """The source tree the code runs from, None when it is an installed package."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


@functools.cache
def source_commit() -> str:
    """Git commit of the source tree, with -dirty for tracked changes; 'unknown' outside a checkout."""
    root = source_root()
    if root is None or not (root / ".git").exists():
        return UNKNOWN
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, env=environment, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return found.stdout.strip() or UNKNOWN


@functools.cache
def package_versions() -> dict[str, str]:
    """Versions of the package, of Python, of the libraries numbers depend on, and of HDF5."""
    versions = {DISTRIBUTION: _own_version(), "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = UNKNOWN
    versions["hdf5"] = h5py.version.hdf5_version
    return versions


def _own_version() -> str:
    root = source_root()
    if root is not None:
        return tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def write_provenance(
    file: h5py.File,
    kind: str,
    provenance: Provenance,
    status: str = "running",
    timings: Mapping[str, float] | None = None,
) -> None:
    """Root attributes and the `provenance` group of a new file; `timings` in seconds."""
    attributes = file.attrs
    set_text(attributes, "schema", SCHEMA_NAME)
    attributes.create("schema_version", SCHEMA_VERSION, dtype=np.int64)
    set_text(attributes, "kind", kind)
    set_text(attributes, "status", status, STATUS_WIDTH)
    set_text(attributes, "start_time", provenance.start_time, TIME_WIDTH)
    set_text(attributes, "end_time", "" if status == "running" else now(), TIME_WIDTH)
    attributes.create("seed", provenance.seed, dtype=np.uint64)
    attributes.create("rng_layout", provenance.rng_layout, dtype=np.int64)
    set_text(attributes, "device", provenance.device)
    set_text(attributes, "git_commit", provenance.git_commit)
    set_text(attributes, "versions", json.dumps(dict(provenance.versions)))
    set_text(attributes, "spec_sha256", provenance.spec_sha256)
    set_text(attributes, "timings", json.dumps(dict(timings or {})), TIMINGS_WIDTH)
    group = file.create_group(PROVENANCE)
    _write_spec(group, provenance.spec_text)
    history = group.create_dataset(HISTORY, shape=(0,), maxshape=(None,), chunks=(4,), dtype=text_dtype(RECORD_WIDTH))
    history.make_scale(HISTORY)
    set_text(history.attrs, ENCODING, "utf-8")


def begin_session(file: h5py.File, provenance: Provenance, draws: int) -> None:
    """Mark the file as running and add a line to its history; an earlier run file is kept as spec_0, spec_1, ..."""
    change_text(file.attrs, "status", "running")
    change_text(file.attrs, "end_time", "")
    group = file[PROVENANCE]
    if plain(file.attrs["spec_sha256"]) != provenance.spec_sha256:
        # Moved, not deleted: space freed in the published part could be taken by the chunk index.
        group.move(SPEC, f"{SPEC}_{len(group) - 2}")
        _write_spec(group, provenance.spec_text)
        change_text(file.attrs, "spec_sha256", provenance.spec_sha256)
    record = {
        "start": now(),
        "status": "running",
        "first_draw": draws,
        "host": provenance.host,
        "device": provenance.device,
        "git_commit": provenance.git_commit,
        "spec_sha256": provenance.spec_sha256,
        "versions": dict(provenance.versions),
    }
    history = group[HISTORY]
    history.resize((history.shape[0] + 1,))
    history[-1] = _record(record)


def end_session(file: h5py.File, status: str, draws: int, timings: Mapping[str, float]) -> None:
    """Close the last line of the history and add its timings, in seconds, to the totals of the file."""
    if status not in STATUSES:
        raise StoreError(f"status: got {status!r}; one of {', '.join(STATUSES)} is needed")
    ended = now()
    spent = {name: float(seconds) for name, seconds in timings.items()}
    total = json.loads(plain(file.attrs["timings"]) or "{}")
    for name, seconds in spent.items():
        total[name] = round(total.get(name, 0.0) + seconds, 6)
    text = json.dumps(total)
    if len(text.encode()) > TIMINGS_WIDTH:
        raise StoreError(f"timings: {len(text)} characters; at most {TIMINGS_WIDTH} fit, give fewer or shorter names")
    change_text(file.attrs, "timings", text)
    change_text(file.attrs, "end_time", ended)
    change_text(file.attrs, "status", status)
    history = file[PROVENANCE][HISTORY]
    if history.shape[0]:
        record = json.loads(plain(history[-1]))
        record |= {"status": status, "end": ended, "last_draw": draws, "timings": spent}
        history[-1] = _record(record)


def _write_spec(group: h5py.Group, text: str) -> None:
    encoded = text.encode()
    dataset = group.create_dataset(SPEC, data=np.bytes_(encoded), dtype=text_dtype(len(encoded)))
    set_text(dataset.attrs, ENCODING, "utf-8")


def _record(record: dict) -> bytes:
    encoded = json.dumps(record).encode()
    # Versions can be read from the file's attributes; the rest of the line is what must survive.
    for name in ("versions", "timings"):
        if len(encoded) > RECORD_WIDTH:
            encoded = json.dumps({key: value for key, value in record.items() if key != name}).encode()
    return encoded
