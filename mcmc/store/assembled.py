"""An xarray.Dataset as one plain HDF5 file with dimension scales: the assembled results of a run."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from mcmc.errors import StoreError
from mcmc.store.dimensions import attach, make_scale, set_attributes, storable, write_values
from mcmc.store.provenance import Provenance, write_provenance
from mcmc.store.replacing import replacing
from mcmc.store.schema import (
    KIND_RESULTS,
    PROVENANCE,
    RESERVED_ATTRIBUTES,
    STATUSES,
    UNREADABLE,
    check_schema,
    unreadable,
)

if TYPE_CHECKING:
    import xarray


def write_dataset(
    path: os.PathLike | str,
    dataset: "xarray.Dataset",
    provenance: Provenance,
    status: str = "done",
    timings: Mapping[str, float] | None = None,
) -> None:
    """Write or replace an assembled file, durably and at once.

    Dimensions without coordinate count from 0; `timings` are seconds.
    Raises StoreError when `path` is taken by anything else than assembled results, when a type or name cannot be
    stored, and when the disk refuses; the older file then stays as it was.
    """
    path = Path(path)
    if status not in STATUSES:
        raise StoreError(f"status: got {status!r}; one of {', '.join(STATUSES)} is needed")
    if path.exists():
        _check_replaceable(path)
    names = [str(name) for name in (*dataset.variables, *dataset.sizes)]
    if refused := [name for name in names if "/" in name or name == PROVENANCE]:
        raise StoreError(f"{path}: {refused[0]!r} cannot name a variable; take one without a slash, not {PROVENANCE}")
    arrays = {str(name): storable(str(name), variable.values) for name, variable in dataset.variables.items()}
    kept = "the older results are kept" if path.exists() else "nothing was written"
    with replacing(path, kept) as file:
        set_attributes(
            file, {str(name): value for name, value in dataset.attrs.items() if name not in RESERVED_ATTRIBUTES}
        )
        write_provenance(file, KIND_RESULTS, provenance, status, timings)
        for dim, length in dataset.sizes.items():
            name = str(dim)
            values = arrays[name] if name in arrays else np.arange(length)
            make_scale(file, name, values, dataset[name].attrs if name in arrays else {})
        auxiliary = [str(name) for name in dataset.coords if name not in dataset.sizes]
        for name in (*auxiliary, *(str(name) for name in dataset.data_vars)):
            dims = [str(dim) for dim in dataset[name].dims]
            set_attributes(write_values(file, name, arrays[name]), dataset[name].attrs)
            along = [extra for extra in auxiliary if set(dataset[extra].dims) <= set(dims)]
            attach(file, name, dims, along if name not in auxiliary else ())


def _check_replaceable(path: Path) -> None:
    try:
        with h5py.File(path, "r", locking=False) as file:
            check_schema(file, path, (KIND_RESULTS,))
    except UNREADABLE as error:
        raise unreadable(path, error) from None
