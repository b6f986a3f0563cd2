"""Draws on their way to a file: checked, then kept until a chunk is full."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError


class RowKind(NamedTuple):
    """What one draw of a variable looks like."""

    axis: int
    """Position of `draw` among the dimensions in the file."""
    shape: tuple[int, ...]
    """Lengths of the other dimensions, in file order."""
    dtype: np.dtype


class RowBuffer:
    """Up to `capacity` draws of every variable; arrays come in with draws first and leave in file order."""

    def __init__(self, kinds: Mapping[str, RowKind], capacity: int):
        self.kinds = dict(kinds)
        self.capacity = capacity
        self.filled = 0
        self._arrays: dict[str, np.ndarray] = {}

    def checked(self, values: Mapping[str, Any]) -> tuple[int, dict[str, np.ndarray]]:
        """The number of draws in `values` and its arrays. Raises ArgumentError, naming what does not fit."""
        if values.keys() != self.kinds.keys():
            missing, unknown = sorted(self.kinds.keys() - values.keys()), sorted(values.keys() - self.kinds.keys())
            raise ArgumentError(f"append: every series variable is needed; missing {missing}, unknown {unknown}")
        arrays = {name: cast(name, value, self.kinds[name].dtype) for name, value in values.items()}
        for name, array in arrays.items():
            if array.ndim == 0 or array.shape[1:] != self.kinds[name].shape:
                rest = "".join(f", {length}" for length in self.kinds[name].shape)
                raise ArgumentError(f"{name}: got shape {array.shape}; (draws{rest}) is needed")
        counts = {name: len(array) for name, array in arrays.items()}
        if len(set(counts.values())) > 1:
            raise ArgumentError(f"append: got {counts} draws; as many of each variable are needed")
        return min(counts.values()), arrays

    def add(self, arrays: Mapping[str, np.ndarray], first: int, last: int) -> None:
        """Copy draws [first, last) of checked arrays behind those already here."""
        for name, array in arrays.items():
            if name not in self._arrays:
                kind = self.kinds[name]
                self._arrays[name] = np.empty((self.capacity, *kind.shape), kind.dtype)
            self._arrays[name][self.filled : self.filled + last - first] = array[first:last]
        self.filled += last - first

    def rows(self, name: str) -> np.ndarray:
        """The draws of one variable, contiguous, axes in file order."""
        return np.ascontiguousarray(np.moveaxis(self._arrays[name][: self.filled], 0, self.kinds[name].axis))

    def clear(self) -> None:
        """Forget every draw."""
        self.filled = 0


def cast(name: str, values: Any, dtype: np.dtype) -> np.ndarray:
    """Values as an array that `dtype` can take. Raises ArgumentError when a number would change its kind."""
    array = np.asarray(values)
    if array.dtype != dtype and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ArgumentError(f"{name}: got type {array.dtype}; {dtype} is needed")
    return array
