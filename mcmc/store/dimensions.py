"""Variables with dimension scales: what lets xarray, h5netcdf, h5web and HDFView show real dimension names."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from mcmc.errors import StoreError
from mcmc.store.schema import DIMENSION_ATTRIBUTES, ENCODING, plain, set_text, text_dtype

NUMBER_KINDS = "iuf"


def storable(name: str, values: Any) -> np.ndarray:
    """Values as an array HDF5 holds without pickling: numbers, booleans as int8, text as fixed-length bytes.

    Raises StoreError for anything else.
    """
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return array.astype(np.int8)
    if array.dtype.kind == "O" and array.size and all(isinstance(item, str) for item in array.flat):
        array = array.astype(np.str_)
    if array.dtype.kind == "T":
        array = array.astype(np.str_)
    if array.dtype.kind == "U":
        encoded = [item.encode() for item in array.flat]
        width = max((len(item) for item in encoded), default=0)
        # xarray takes an array of single bytes for characters, and joins them along the last dimension.
        return np.array(encoded, dtype=f"S{max(width, 2)}").reshape(array.shape)
    if array.dtype.kind in NUMBER_KINDS or array.dtype.kind == "S":
        return array
    raise StoreError(f"{name}: type {array.dtype} cannot be stored; integers, floats, booleans and text can")


def write_values(file: h5py.File, name: str, values: np.ndarray) -> h5py.Dataset:
    """A whole dataset of `storable` values, text as UTF-8."""
    if values.dtype.kind == "S":
        dtype = text_dtype(values.dtype.itemsize)
        dataset = file.create_dataset(name, data=values.astype(dtype), dtype=dtype)
        set_text(dataset.attrs, ENCODING, "utf-8")
        return dataset
    return file.create_dataset(name, data=values)


def set_attributes(node: Any, attributes: Mapping[str, Any]) -> None:
    """Plain attributes; text of fixed length, None left out. Raises StoreError for what cannot be stored."""
    for name, value in attributes.items():
        if value is None or name in DIMENSION_ATTRIBUTES:
            continue
        if isinstance(value, str):
            set_text(node.attrs, name, value)
        else:
            array = storable(f"attribute {name}", value)
            dtype = text_dtype(array.dtype.itemsize) if array.dtype.kind == "S" else array.dtype
            node.attrs.create(name, array, dtype=dtype)


def make_scale(file: h5py.File, name: str, values: Any, attributes: Mapping[str, Any] | None = None) -> None:
    """A coordinate that is the dimension scale of the dimension of the same name."""
    scale = write_values(file, name, storable(name, values))
    scale.make_scale(name)
    set_attributes(scale, attributes or {})


def attach(file: h5py.File, variable: str, dims: Sequence[str], auxiliary: Sequence[str] = ()) -> None:
    """Tie the axes of a variable to their scales; `auxiliary` names further coordinates along these axes."""
    dataset = file[variable]
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(file[dim])
    if auxiliary:
        set_text(dataset.attrs, "coordinates", " ".join(auxiliary))


def dimensions_of(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Names of the dimensions of a variable or of a scale.

    Read from the attributes themselves, since HDF5's functions for scales bring the process down on damaged files.
    """
    if plain(dataset.attrs.get("CLASS", "")) == "DIMENSION_SCALE":
        return (_last(dataset),)
    scales = dataset.attrs.get("DIMENSION_LIST", ())
    names = tuple(_last(dataset.file[scale[0]]) for scale in scales)
    if len(names) != dataset.ndim:
        raise ValueError(f"{dataset.name} has {len(names)} of {dataset.ndim} dimension scales")
    return names


def _last(dataset: h5py.Dataset) -> str:
    if dataset.name is None:
        raise ValueError("a dimension scale has no name")
    return dataset.name.rsplit("/", 1)[-1]


def datasets_of(file: h5py.File) -> dict[str, h5py.Dataset]:
    """The root datasets: variables, coordinates and scales."""
    found = {name: node for name, node in file.items() if isinstance(node, h5py.Dataset)}
    if broken := [name for name in found if not isinstance(name, str)]:
        raise ValueError(f"{broken[0]!r} is no name of a variable")
    return found


def auxiliary_of(file: h5py.File) -> set[str]:
    """Names of the coordinates that are no dimensions."""
    texts = [plain(node.attrs.get("coordinates", "")) for node in datasets_of(file).values()]
    return {name for text in texts for name in text.split()}


def fill_value(dtype: np.dtype) -> Any:
    """What unwritten rows hold: NaN, or the smallest integer."""
    return np.nan if dtype.kind == "f" else (np.iinfo(dtype).min if dtype.kind == "i" else 0)


def rows_per_chunk(row_bytes: int, target: int = 256 * 1024) -> int:
    """Draws per chunk, a power of two from 1 to 4096, for about `target` bytes in the widest variable."""
    return 1 << min(12, max(0, int(math.log2(max(1, target // max(1, row_bytes))))))
