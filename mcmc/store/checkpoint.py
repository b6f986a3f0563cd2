"""The state of a chain on disk: a small HDF5 file that is replaced at once, never rewritten.

A state is a NamedTuple, tuple or dict of arrays and numbers, nested as one likes. It is loaded against a template of
the same structure, so that a checkpoint of another model, size or version is refused and not misread.
"""

import json
import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from mcmc.errors import ArgumentError, StoreError
from mcmc.random import LAYOUT_VERSION
from mcmc.store.provenance import Provenance, now, package_versions, write_provenance
from mcmc.store.replacing import replacing
from mcmc.store.schema import (
    KIND_CHECKPOINT,
    META,
    SCHEMA_NAME,
    SCHEMA_VERSION,
    STATE,
    UNREADABLE,
    check_schema,
    plain,
    set_text,
    text_dtype,
    unreadable,
)

State = TypeVar("State")
CHECKSUM = "crc32"


def save_checkpoint(
    path: os.PathLike | str, state: Any, meta: Mapping[str, Any] | None = None, provenance: Provenance | None = None
) -> None:
    """Replace the checkpoint at `path` durably; `meta` is anything JSON holds (say "draws", the draws before it).

    Raises StoreError when the disk refuses (the older checkpoint stays as it was), ArgumentError for a state that
    holds something else than arrays, numbers and None, or a meta that JSON cannot hold.
    """
    path = Path(path)
    try:
        text = json.dumps(dict(meta or {})).encode()
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"meta: {error}; numbers, text, lists and mappings are needed") from None
    kept = "the older checkpoint is kept" if path.exists() else "nothing was written"
    with replacing(path, kept) as file:
        if provenance is None:
            _write_origin(file)
        else:
            write_provenance(file, KIND_CHECKPOINT, provenance, status="done")
        file.create_dataset(META, data=np.bytes_(text), dtype=text_dtype(len(text)))
        _save(file, STATE, state)


def load_checkpoint(path: os.PathLike | str, template: State) -> tuple[State, dict[str, Any]]:
    """The stored state, in the structure, types and (NumPy or CuPy) arrays of `template`, and its meta.

    Raises StoreError for a missing, damaged, foreign or newer file, and for a state that does not fit the template,
    naming the first field that differs.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            check_schema(file, path, (KIND_CHECKPOINT,))
            _check_layout_version(file, path)
            return _load(file[STATE], template, "state", path), json.loads(plain(file[META][()]))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def read_meta(path: os.PathLike | str) -> dict[str, Any]:
    """The meta of a checkpoint, without its state. Raises StoreError as `load_checkpoint`."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            check_schema(file, path, (KIND_CHECKPOINT,))
            return json.loads(plain(file[META][()]))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def check_checkpoint(path: os.PathLike | str) -> dict[str, Any]:
    """Read every array of a checkpoint against its checksum and return the meta. Raises StoreError."""
    meta = read_meta(path)
    leaves: list[h5py.Dataset] = []
    try:
        with h5py.File(path, "r", locking=False) as file:
            file.visititems(lambda name, node: leaves.append(node) if CHECKSUM in node.attrs else None)
            for leaf in leaves:
                _intact(leaf, str(leaf.name), Path(path))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    return meta


def _write_origin(file: h5py.File) -> None:
    set_text(file.attrs, "schema", SCHEMA_NAME)
    file.attrs.create("schema_version", SCHEMA_VERSION, dtype=np.int64)
    set_text(file.attrs, "kind", KIND_CHECKPOINT)
    file.attrs.create("rng_layout", LAYOUT_VERSION, dtype=np.int64)
    set_text(file.attrs, "versions", json.dumps(package_versions()))
    set_text(file.attrs, "start_time", now())


def _check_layout_version(file: h5py.File, path: Path) -> None:
    stored = int(file.attrs["rng_layout"])
    if stored != LAYOUT_VERSION:
        raise StoreError(
            f"{path}: was written with random-number layout {stored}, this version has {LAYOUT_VERSION}; "
            "resume with the version that wrote it, or delete it to start this point again"
        )


def _fields(value: Any) -> dict[str, Any] | None:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, tuple):
        return {str(index): item for index, item in enumerate(value)}
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    return None


def _save(group: h5py.Group, name: str, value: Any) -> None:
    fields = _fields(value)
    if fields is not None:
        inner = group.create_group(name)
        for key, item in fields.items():
            _save(inner, key, item)
    elif value is None:
        group.create_dataset(name, data=h5py.Empty(np.float64))
    else:
        array = np.asarray(value.get() if _on_device(value) else value)
        if array.dtype.kind not in "biuf":
            raise ArgumentError(f"{group.name}/{name}: type {array.dtype} is no part of a state; arrays of numbers are")
        dataset = group.create_dataset(name, data=array)
        dataset.attrs.create(CHECKSUM, _checksum(array), dtype=np.uint32)


def _load(node: Any, template: Any, where: str, path: Path) -> Any:
    fields = _fields(template)
    if fields is None:
        return _load_leaf(node, template, where, path)
    stored = set(node) if isinstance(node, h5py.Group) else set()
    if stored != set(fields):
        raise _misfit(path, where, f"holds {sorted(stored)}", f"{sorted(fields)}")
    values = {key: _load(node[key], item, f"{where}.{key}", path) for key, item in fields.items()}
    if isinstance(template, dict):
        return {key: values[str(key)] for key in template}
    if hasattr(template, "_fields"):
        return type(template)(**values)
    return tuple(values.values())


def _load_leaf(node: Any, template: Any, where: str, path: Path) -> Any:
    if not isinstance(node, h5py.Dataset):
        raise _misfit(path, where, "is a group", "an array")
    if template is None or node.shape is None:
        if template is None and node.shape is None:
            return None
        raise _misfit(path, where, "is empty" if node.shape is None else "is an array", repr(template)[:60])
    wanted = template if hasattr(template, "dtype") else np.asarray(template)
    if node.dtype != wanted.dtype or node.shape != wanted.shape:
        raise _misfit(path, where, f"is {node.dtype} {node.shape}", f"{wanted.dtype} {wanted.shape}")
    array = _intact(node, where, path)
    if _on_device(template):
        return sys.modules[type(template).__module__.split(".")[0]].asarray(array)
    return array if hasattr(template, "dtype") else array.item()


def _intact(node: h5py.Dataset, where: str, path: Path) -> np.ndarray:
    array = np.asarray(node[()])
    if _checksum(array) != int(node.attrs[CHECKSUM]):
        raise _damaged(path, f"{where} fails its checksum")
    return array


def _unreadable(path: os.PathLike | str, error: Exception) -> StoreError:
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)) or Path(path).is_dir():
        return unreadable(path, error)
    said = " ".join(str(error).split()) or type(error).__name__
    kinds = {"signature not found": "is not an HDF5 file", "truncated file": "is truncated"}
    return _damaged(path, next((kind for part, kind in kinds.items() if part in said), said))


def _damaged(path: os.PathLike | str, reason: str) -> StoreError:
    return StoreError(
        f"{path}: this checkpoint is damaged ({reason}); delete it to start this point again, "
        "its draws are kept until then"
    )


def _misfit(path: Path, where: str, found: str, needed: str) -> StoreError:
    return StoreError(
        f"{path}: does not fit this run ({where} {found}, {needed} is needed); "
        "resume with the settings that wrote it, or delete it to start this point again"
    )


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _on_device(value: Any) -> bool:
    return hasattr(value, "__cuda_array_interface__")
