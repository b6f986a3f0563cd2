"""Results over a grid of cells: arrays that are NaN until filled, each with its label and its error beside it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import xarray


class Quantity(NamedTuple):
    """What a variable of the results is called, and along which dims it has values inside a cell."""

    long_name: str
    units: str = "1"
    dims: tuple[str, ...] = ()


class ResultGrid:
    """Arrays (*outer, *dims of the quantity) by name, of the lengths given for each dim."""

    def __init__(self, outer: Mapping[str, int], inner: Mapping[str, int], quantities: Mapping[str, Quantity]):
        self.lengths = {**outer, **inner}
        self.outer, self.quantities = tuple(outer), quantities
        self.arrays: dict[str, np.ndarray] = {}

    def put(self, name: str, cell: tuple[int, ...], value: Any, error: Any = None) -> None:
        """Set a quantity in one cell, and its error where one is given."""
        for stem, values in ((name, value), (f"{name}_error", error)):
            if values is not None:
                shape = tuple(self.lengths[dim] for dim in self._dims(name))
                self.arrays.setdefault(stem, np.full(shape, np.nan))[cell] = values

    def variables(self) -> dict[str, tuple]:
        """For xarray.Dataset: in the order of the quantities, each followed by its error."""
        found: dict[str, tuple] = {}
        for name, said in self.quantities.items():
            for stem, text in ((name, said.long_name), (f"{name}_error", f"one standard error of: {said.long_name}")):
                if stem in self.arrays:
                    found[stem] = self._dims(name), self.arrays[stem], {"long_name": text, "units": said.units}
        return found

    def dataset(self, coords: Mapping[str, Any], attributes: Mapping[str, Any]) -> "xarray.Dataset":
        """All of it."""
        import xarray

        return xarray.Dataset(self.variables(), dict(coords), dict(attributes))

    def _dims(self, name: str) -> tuple[str, ...]:
        return (*self.outer, *self.quantities[name].dims)


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis and its standard error from the spread; error NaN with fewer than two values."""
    count = len(values)
    if count == 0:
        nothing = np.full(values.shape[1:], np.nan)
        return nothing, nothing.copy()
    error = values.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(values.shape[1:], np.nan)
    return values.mean(axis=0), error
