"""Whether differences between optimisers outlive another step size, next to the one that was chosen.

A step size is chosen from a few by cross-validation, whose own errors leave neighbours open. Widths and test errors
depend on it as on a temperature, step size / (2 batch): a difference between optimisers that a neighbour undoes is one
between step sizes.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray

NAMES = {
    "matched_entropy": "width at equal loss",
    "matched_test_error": "test error at equal loss",
    "final_test_error": "test error at the end",
}
"""What is measured beside the chosen step size."""


def surviving(results: "xarray.Dataset") -> dict[str, tuple]:
    """`survives_<name>` (optimizer, ...): 1 where all step sizes of an optimiser lie on one side of all of the first's.

    0 where their ranges meet; NaN where either has no neighbour with a value.
    """
    found: dict[str, tuple] = {}
    for name, said in NAMES.items():
        if f"near_{name}" in results:
            each = results[f"near_{name}"].transpose("optimizer", "near", ...)
            text = f"{said}: 1 where it differs from the first method at neighbouring step sizes of both alike"
            dims = ("optimizer", *each.dims[2:])
            found[f"survives_{name}"] = (dims, apart(each.values), {"long_name": text, "units": "1"})
    return found


def apart(values: np.ndarray) -> np.ndarray:
    """(optimisers, step sizes, ...) to (optimisers, ...): see `surviving`."""
    low = np.where(np.isfinite(values), values, np.inf).min(axis=1)
    high = np.where(np.isfinite(values), values, -np.inf).max(axis=1)
    known = np.isfinite(values).sum(axis=1) >= 2
    away = (high < low[:1]) | (low > high[:1])
    return np.where(known & known[:1] & (np.arange(len(values)) > 0).reshape(-1, *[1] * (away.ndim - 1)), away, np.nan)
