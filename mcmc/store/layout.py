"""Layout of a new series file: dimensions, coordinates and empty variables, checked before anything is written."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np

from mcmc.errors import ArgumentError
from mcmc.store.dimensions import (
    NUMBER_KINDS,
    attach,
    fill_value,
    make_scale,
    rows_per_chunk,
    set_attributes,
    storable,
    write_values,
)
from mcmc.store.schema import DRAW, PROVENANCE

Variables = Mapping[str, tuple[Sequence[str], Any, Mapping[str, Any]]]
Dimensions = Mapping[str, int | None]


class Coordinate(NamedTuple):
    """Values along dimensions, with their attributes."""

    dims: tuple[str, ...]
    values: np.ndarray
    attributes: Mapping[str, Any]


class Layout(NamedTuple):
    """What `lay_out` writes: lengths, coordinates by name, variables, draws per chunk."""

    dims: Dimensions
    coordinates: Mapping[str, Coordinate]
    variables: Variables
    chunk_draws: int


def checked_layout(
    dims: Dimensions, coords: Mapping[str, Any], variables: Variables, chunk_draws: int | None
) -> Layout:
    """A layout that fits together. Raises ArgumentError, naming what does not."""
    lengths = {name: length for name, length in dims.items() if length is not None}
    if set(dims) - set(lengths) != {DRAW}:
        raise ArgumentError(f"dims: got {dict(dims)}; exactly 'draw' must have the length None")
    if short := [name for name, length in lengths.items() if length < 1]:
        raise ArgumentError(f"dims: got {lengths[short[0]]} for {short[0]}; at least 1 is needed")
    _check_variables(dims, variables)
    coordinates = _checked_coordinates(lengths, coords)
    if shared := sorted(set(coordinates) & set(variables)):
        raise ArgumentError(f"{shared[0]}: names a variable and a coordinate; give one of them another name")
    if chunk_draws is None:
        chunk_draws = rows_per_chunk(max(_row_bytes(dims, entry) for entry in variables.values() if DRAW in entry[0]))
    elif chunk_draws < 1:
        raise ArgumentError(f"chunk_draws: got {chunk_draws}; at least 1 is needed")
    return Layout(dims, coordinates, variables, int(chunk_draws))


def lay_out(file: h5py.File, layout: Layout) -> None:
    """Write scales, coordinates, empty series and constants into a new file."""
    for dim, length in layout.dims.items():
        if length is None:
            rows = file.create_dataset(dim, shape=(0,), maxshape=(None,), chunks=(layout.chunk_draws,), dtype=np.int64)
            rows.make_scale(dim)
        else:
            make_scale(file, dim, layout.coordinates[dim].values, layout.coordinates[dim].attributes)
    auxiliary = {name: entry for name, entry in layout.coordinates.items() if name not in layout.dims}
    for name, entry in auxiliary.items():
        set_attributes(write_values(file, name, entry.values), entry.attributes)
        attach(file, name, entry.dims)
    for name, (own_dims, dtype, attributes) in layout.variables.items():
        _empty_variable(file, name, [layout.dims[dim] for dim in own_dims], np.dtype(dtype), layout.chunk_draws)
        set_attributes(file[name], attributes)
        along = [extra for extra, entry in auxiliary.items() if set(entry.dims) <= set(own_dims)]
        attach(file, name, own_dims, along)


def _empty_variable(file: h5py.File, name: str, lengths: list[int | None], kind: np.dtype, chunk: int) -> None:
    if None not in lengths:
        shape = tuple(length for length in lengths if length is not None)
        file.create_dataset(name, data=np.full(shape, fill_value(kind), kind))
        return
    # No compression: a chunk that is written again must keep its place, and noise hardly shrinks.
    file.create_dataset(
        name,
        shape=tuple(0 if length is None else length for length in lengths),
        maxshape=tuple(lengths),
        chunks=tuple(chunk if length is None else length for length in lengths),
        dtype=kind,
        fillvalue=fill_value(kind),
    )


def _row_bytes(dims: Dimensions, entry: tuple[Sequence[str], Any, Mapping[str, Any]]) -> int:
    own_dims, dtype, _ = entry
    return math.prod(dims[dim] or 1 for dim in own_dims) * np.dtype(dtype).itemsize


def _checked_coordinates(lengths: Mapping[str, int], coords: Mapping[str, Any]) -> dict[str, Coordinate]:
    found = {}
    for name, given in coords.items():
        own_dims, values, attributes = given if isinstance(given, tuple) else ((name,), given, {})
        array = storable(name, values)
        shape = tuple(lengths.get(dim, -1) for dim in own_dims)
        if array.shape != shape:
            raise ArgumentError(
                f"coords {name}: got shape {array.shape} along {tuple(own_dims)}; the lengths are {dict(lengths)}"
            )
        found[name] = Coordinate(tuple(own_dims), array, attributes)
    for name, length in lengths.items():
        found.setdefault(name, Coordinate((name,), np.arange(length), {}))
    return found


def _check_variables(dims: Dimensions, variables: Variables) -> None:
    if not any(DRAW in own_dims for own_dims, _, _ in variables.values()):
        raise ArgumentError("variables: at least one with the dimension 'draw' is needed")
    for name, (own_dims, dtype, _) in variables.items():
        if not set(own_dims) <= set(dims) or len(set(own_dims)) < len(own_dims):
            raise ArgumentError(f"{name}: got dimensions {tuple(own_dims)}; distinct ones of {tuple(dims)} are needed")
        if name in dims or "/" in name or name == PROVENANCE:
            raise ArgumentError(f"{name}: names a dimension, a group or has a slash; give the variable another name")
        if np.dtype(dtype).kind not in NUMBER_KINDS:
            raise ArgumentError(f"{name}: got type {np.dtype(dtype)}; integers and floats can be stored")
