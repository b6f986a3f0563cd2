"""Names and version of the file layout, and the checks every opened file passes.

Root datasets are the variables, with HDF5 dimension scales; root attributes are the schema, the provenance and, in a
series, `n_committed`: rows of `draw` beyond it are not part of the file. Group `provenance` holds the full run file
(`spec`) and one JSON line per session that wrote the file (`history`).
"""

import errno
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mcmc.errors import ArgumentError, StoreError

SCHEMA_NAME = "entroscape"
SCHEMA_VERSION = 1

KIND_SERIES = "series"
KIND_RESULTS = "results"
KIND_CHECKPOINT = "checkpoint"

STATUSES = ("running", "done", "failed", "stopped")

CHAIN = "chain"
DRAW = "draw"
COMMITTED = "n_committed"
PROVENANCE = "provenance"
SPEC = "spec"
HISTORY = "history"
STATE = "state"
META = "meta"

# What a file says of itself; attributes that a dataset took over from another file must not overwrite it.
RESERVED_ATTRIBUTES = frozenset(
    {"schema", "schema_version", "kind", "status", "start_time", "end_time", "seed", "rng_layout"}
    | {"device", "git_commit", "versions", "spec_sha256", "timings", COMMITTED}
)

# HDF5 keeps an attribute in one header message of less than 64 KiB.
LONGEST_ATTRIBUTE = 65_000

# What h5py raises for content it cannot make sense of, besides OSError.
UNREADABLE = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, OverflowError)

# By this attribute xarray turns fixed-length bytes into text.
ENCODING = "_Encoding"

# HDF5's own bookkeeping of dimension scales; not attributes a person wrote.
DIMENSION_ATTRIBUTES = frozenset(
    {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS", "_Netcdf4Dimid", "coordinates", ENCODING}
)


def text_dtype(width: int) -> np.dtype:
    """Fixed-length UTF-8: it can be overwritten in place, and never comes back as a NumPy object array."""
    return h5py.string_dtype("utf-8", max(int(width), 1))


def set_text(attributes: Any, name: str, value: str, width: int = 0) -> None:
    """Create a text attribute with room for `width` bytes. Raises ArgumentError beyond what HDF5 takes, 64 KiB."""
    encoded = value.encode()
    if len(encoded) > LONGEST_ATTRIBUTE:
        raise ArgumentError(f"attribute {name}: has {len(encoded)} bytes; at most {LONGEST_ATTRIBUTE} can be stored")
    attributes.create(name, np.bytes_(encoded), dtype=text_dtype(max(width, len(encoded))))


def change_text(attributes: Any, name: str, value: str) -> None:
    """Overwrite a text attribute in place; what exceeds its room is cut at a whole character."""
    width = attributes.get_id(name).dtype.itemsize
    encoded = value.encode()[:width].decode(errors="ignore").encode()
    attributes.modify(name, np.array(encoded, dtype=text_dtype(width)))


def plain(value: Any) -> Any:
    """An attribute value as text, a number or an array, without bytes."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        return [plain(item) for item in value.tolist()]
    return value


def attributes_of(node: Any) -> dict[str, Any]:
    """What people wrote as attributes of a file or dataset, as plain values."""
    return {name: plain(value) for name, value in node.attrs.items() if name not in DIMENSION_ATTRIBUTES}


def unreadable(path: os.PathLike | str, error: BaseException) -> StoreError:
    """One line for a file that the operating system or HDF5 will not open."""
    number = getattr(error, "errno", None)
    said = str(error)
    if number == errno.ENOENT or isinstance(error, FileNotFoundError):
        return StoreError(f"{path}: there is no such file; check the path")
    if isinstance(error, IsADirectoryError) or Path(path).is_dir():
        return StoreError(f"{path}: is a folder, not a file; name an .h5 file inside it")
    if isinstance(error, PermissionError) or number in (errno.EACCES, errno.EPERM):
        return StoreError(f"{path}: may not be read by this user; change its permissions (chmod u+r)")
    try:
        size = os.path.getsize(path)
    except OSError:
        size = -1
    if size == 0:
        return StoreError(f"{path}: is empty (0 bytes); delete it to compute it again")
    if "truncated file" in said:
        return StoreError(
            f"{path}: is truncated ({size} bytes are there, HDF5 expects more); "
            "restore it from a copy, or delete it to compute it again"
        )
    if "signature not found" in said:
        return StoreError(f"{path}: is not an HDF5 file; it was left untouched, choose another path")
    reason = " ".join(said.split()) or type(error).__name__
    return StoreError(f"{path}: is damaged ({reason}); restore it from a copy, or delete it to compute it again")


def unwritable(path: os.PathLike | str, error: OSError, kept: str) -> StoreError:
    """One line for a failed write; `kept` says what is still on disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "the disk is full" if error.errno == errno.ENOSPC else "the disk quota is used up"
        return StoreError(f"{path}: {reason}; {kept}; free some space and run the same command again to resume")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(f"{path}: is read-only or in a read-only folder; {kept}; make it writable (chmod u+w)")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StoreError(f"{path}: its folder does not exist; {kept}; create the folder first")
    return StoreError(f"{path}: cannot be written ({error.strerror or error}); {kept}; mend that and run again")


def check_schema(file: h5py.File, path: os.PathLike | str, kinds: tuple[str, ...]) -> str:
    """The kind of an opened file. Raises StoreError for a foreign file, a newer schema, or another kind."""
    attributes = file.attrs
    if plain(attributes.get("schema", "")) != SCHEMA_NAME or "schema_version" not in attributes:
        raise StoreError(
            f"{path}: is an HDF5 file, but not one of {SCHEMA_NAME}; it was left untouched, choose another path"
        )
    version = int(attributes["schema_version"])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: has schema version {version}, this {SCHEMA_NAME} knows up to {SCHEMA_VERSION}; "
            f"update {SCHEMA_NAME} to use it"
        )
    kind = str(plain(attributes.get("kind", "")))
    if kind not in kinds:
        raise StoreError(f"{path}: holds '{kind}', not {' or '.join(kinds)}; name another file")
    return kind
