"""Is a file whole? Every check that can be made on it without computing anything again."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from mcmc.errors import StoreError
from mcmc.store.checkpoint import check_checkpoint, read_meta
from mcmc.store.dimensions import datasets_of, dimensions_of
from mcmc.store.lock import file_holder
from mcmc.store.provenance import spec_hash
from mcmc.store.reader import read_consistently, read_contents, values
from mcmc.store.schema import (
    COMMITTED,
    DRAW,
    KIND_CHECKPOINT,
    KIND_RESULTS,
    KIND_SERIES,
    PROVENANCE,
    SPEC,
    check_schema,
    plain,
)

SPEC_FILE = "spec.toml"
CHECKPOINT_SUFFIX = ".checkpoint"


class Finding(NamedTuple):
    """One check: its name, whether it passed, and what was found."""

    check: str
    ok: bool
    message: str


def verify(path: os.PathLike | str) -> list[Finding]:
    """Findings on a series, results or checkpoint file, passed checks included; never raises for a bad file."""
    path = Path(path)
    try:
        kind = read_consistently(
            path, lambda file: check_schema(file, path, (KIND_SERIES, KIND_RESULTS, KIND_CHECKPOINT))
        )
    except StoreError as error:
        return [Finding("opens", False, str(error))]
    found = [Finding("opens", True, f"{kind}, written by this program")]
    if kind == KIND_CHECKPOINT:
        return [*found, _checkpoint(path)]
    checks: list[Callable[[h5py.File], list[Finding]]] = [lambda file: _spec(file, path)]
    if kind == KIND_SERIES:
        checks = [lambda file: _status(file, path), _sizes, _chunks, *checks]
    for check in checks:
        try:
            found += read_consistently(path, check)
        except StoreError as error:
            found.append(Finding("reads", False, str(error)))
    try:
        found += _values(path)
    except StoreError as error:
        found.append(Finding("reads", False, str(error)))
    companion = path.with_suffix(CHECKPOINT_SUFFIX)
    if kind == KIND_SERIES and companion.exists():
        found.append(_companion(path, companion))
    return found


def _status(file: h5py.File, path: Path) -> list[Finding]:
    status, committed = plain(file.attrs["status"]), int(file.attrs[COMMITTED])
    message = f"{status}, {committed} draws"
    if status == "running":
        holder = file_holder(path)
        message += f", written by {holder}" if holder else ", interrupted: run the same command again to resume"
    return [Finding("status", status != "failed", message)]


def _sizes(file: h5py.File) -> list[Finding]:
    committed, found = int(file.attrs[COMMITTED]), []
    closed = plain(file.attrs["status"]) in ("done", "stopped")
    for name, node, axis in _series(file):
        size = node.shape[axis]
        if size < committed or (closed and size > committed):
            found.append(Finding("sizes", False, f"{name} has {size} draws, {committed} are committed"))
    return found or [Finding("sizes", True, f"all variables have the {committed} committed draws")]


def _chunks(file: h5py.File) -> list[Finding]:
    committed, found = int(file.attrs[COMMITTED]), []
    for name, node, axis in _series(file):
        needed = -(-committed // node.chunks[axis])
        there = node.id.get_num_chunks()
        if there < needed:
            found.append(Finding("chunks", False, f"{name} has {there} of {needed} chunks: draws are lost"))
    return found or [Finding("chunks", True, "every committed chunk is there")]


def _values(path: Path) -> list[Finding]:
    contents = read_contents(path)
    found, read = [], 0
    for name, dims in contents.dims.items():
        bad, first = 0, None
        for where in contents.blocks(name):
            block = read_consistently(path, partial(values, name=name, where=where))
            read += block.nbytes
            if contents.kind == KIND_SERIES and name.startswith("energy") and block.dtype.kind == "f":
                wrong = ~np.isfinite(block)
                bad += int(wrong.sum())
                if wrong.any() and first is None and DRAW in dims:
                    axis = dims.index(DRAW)
                    first = where[axis].start + int(np.argwhere(wrong)[:, axis].min())
        if bad:
            found.append(
                Finding("finite", False, f"{name} has {bad} values that are not finite, first at draw {first}")
            )
    return [
        Finding("reads", True, f"all {read} bytes can be read"),
        *(found or [Finding("finite", True, "all energies are finite")]),
    ]


def _spec(file: h5py.File, path: Path) -> list[Finding]:
    stated = str(plain(file.attrs["spec_sha256"]))
    found = []
    if spec_hash(str(plain(file[PROVENANCE][SPEC][()]))) != stated:
        found.append(Finding("spec", False, "the stored run file does not have the stated hash"))
    folder = path.absolute().parent
    for candidate in (folder / SPEC_FILE, folder.parent / SPEC_FILE):
        if candidate.is_file():
            same = spec_hash(candidate.read_text(encoding="utf-8")) == stated
            message = f"{'same as' if same else 'another than'} {candidate}"
            found.append(Finding("spec", same, message))
            break
    return found or [Finding("spec", True, f"sha256 {stated[:12]}, no {SPEC_FILE} beside the file to compare")]


def _companion(path: Path, companion: Path) -> Finding:
    finding = _checkpoint(companion)
    if not finding.ok:
        return finding
    draws = read_meta(companion).get("draws")
    if draws is None:
        return finding
    committed = read_contents(path).committed or 0
    if draws > committed:
        return Finding("checkpoint", False, f"taken after {draws} draws, but only {committed} are committed")
    return Finding("checkpoint", True, f"{finding.message}; taken after {draws} draws")


def _checkpoint(path: Path) -> Finding:
    try:
        check_checkpoint(path)
    except StoreError as error:
        return Finding("checkpoint", False, str(error))
    return Finding("checkpoint", True, "readable, every array has its checksum")


def _series(file: h5py.File) -> list[tuple[str, h5py.Dataset, int]]:
    nodes = [(name, node, dimensions_of(node)) for name, node in datasets_of(file).items()]
    return [(name, node, dims.index(DRAW)) for name, node, dims in nodes if DRAW in dims]
