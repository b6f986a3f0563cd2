"""A point whose draws are searches on instances: one after the other, kept within a second, resumable."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import StoreError
from runs.experiments import Control

COMMIT_SECONDS = 1.0
CHUNK_DRAWS = 32


class Column(NamedTuple):
    """A variable of a file of draws."""

    dtype: Any
    long_name: str
    units: str = "1"
    dims: tuple[str, ...] = ()
    """Dims besides `draw`."""


class DrawFile(NamedTuple):
    """What the file of a point holds."""

    path: Path
    columns: Mapping[str, Column]
    lengths: Mapping[str, int]
    """Of the dims besides `draw`."""
    attributes: Mapping[str, Any]
    made_with: str
    """Options of the search, as text: a file made with others is not gone on with."""


Measure = Callable[[int], "Mapping[str, Any] | None"]


def run_draws(file: DrawFile, total: int, measure: Measure, seed: int, control: Control) -> bool:
    """Append draws until there are `total`; `measure` gives the values of one by its number, None when stopped.

    True when finished. A draw that was interrupted is made again. Raises StoreError for a file that was made with
    other options.
    """
    from mcmc.store.provenance import Provenance
    from mcmc.store.writer import SeriesWriter

    provenance = Provenance.collect(control.spec_text, seed, control.device)
    if file.path.exists():
        _check_options(file)
        writer = SeriesWriter.open(file.path, provenance)
    else:
        writer = _create(file, provenance)
    started = saved = time.monotonic()
    with writer:
        while writer.n_appended < total:
            control.progress(writer.n_appended, total)
            found = None if control.stop() else measure(writer.n_appended)
            if found is None:
                writer.finish("stopped", {"searching": time.monotonic() - started})
                return False
            writer.append({name: np.asarray(found[name])[None] for name in file.columns})
            if time.monotonic() - saved > COMMIT_SECONDS:
                writer.commit()
                saved = time.monotonic()
        control.progress(writer.n_appended, total)
        writer.finish(timings={"searching": time.monotonic() - started})
    return True


def _create(file: DrawFile, provenance: Any) -> Any:
    from mcmc.store.writer import SeriesWriter

    return SeriesWriter.create(
        file.path,
        dims={"draw": None, **file.lengths},
        variables={
            name: (("draw", *column.dims), column.dtype, {"long_name": column.long_name, "units": column.units})
            for name, column in file.columns.items()
        },
        provenance=provenance,
        chunk_draws=CHUNK_DRAWS,
        attributes={**file.attributes, "made_with": file.made_with},
    )


def _check_options(file: DrawFile) -> None:
    from mcmc.store.reader import read_attributes

    before = read_attributes(file.path).get("made_with")
    if before != file.made_with:
        raise StoreError(
            f"{file.path}: was made with the options {before}, this version has {file.made_with}; write the former "
            "ones into the run file, or choose another folder with -o"
        )
