"""results.h5: assembled from the points' series, and read back for figures and reports."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mcmc.errors import ArgumentError, StoreError
from runs.folder import RunFolder
from runs.load import Run
from runs.survey import done_files, survey

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing


def assemble(folder: RunFolder, run: Run, bins: int | None = None) -> "xarray.Dataset":
    """Write results.h5 from the points that are done, and return it. Raises StoreError when none is.

    `bins` is a number for each chain; ArgumentError when the chains have fewer draws. Attributes say what the
    results rest on: `points` ("3 of 4"), `bins`, `computing_seconds` summed over the points, and `warnings`, a JSON
    list of what the analysis warned about.
    """
    from mcmc.store.assembled import write_dataset
    from mcmc.store.provenance import Provenance

    files = done_files(folder, records := survey(folder, run))
    if not files:
        raise StoreError(f"{folder.root}: no point is done yet, so there are no results; entroscape status tells more")
    if not run.experiment.uses_bins:
        bins = None
    draws = min(run.experiment.draws(run.spec, p) for p in run.experiment.points(run.spec) if p.name in files)
    if bins is not None and bins > draws:
        raise ArgumentError(f"--bins {bins}: the chains have {draws} draws; needs at most {draws} bins per chain")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = run.experiment.assemble(run.spec, files, bins)
    said = list(dict.fromkeys(str(item.message) for item in caught if issubclass(item.category, UserWarning)))
    if len(files) < len(records):
        missing = [name for name in records if name not in files]
        said.insert(0, f"{len(missing)} of {len(records)} points are missing: {', '.join(missing)}")
    results.attrs["points"] = f"{len(files)} of {len(records)}"
    # An experiment that could not make so many says how many there are.
    results.attrs.setdefault("bins", "automatic" if bins is None else bins)
    results.attrs["warnings"] = json.dumps(said)
    results.attrs["computing_seconds"] = round(sum(_seconds(path) for path in files.values()), 3)
    write_dataset(folder.results, results, Provenance.collect(run.text, run.spec.seed, run.spec.device))
    return read_results(folder.results)


def read_results(path: Path) -> "xarray.Dataset":
    """A results file in memory, its run file as attribute `spec`. Raises StoreError for a file that is not one."""
    from mcmc.store.reader import open_run_file, read_spec

    results = open_run_file(path)
    if results.attrs.get("kind") != "results":
        raise StoreError(f"{path}: holds a point's series, not results; name the folder of its run")
    return results.assign_attrs(spec=read_spec(path))


def _seconds(path: Path) -> float:
    from mcmc.store.reader import read_attributes

    return float(sum(json.loads(read_attributes(path).get("timings", "{}")).values()))


def warnings_of(results: "xarray.Dataset") -> list[str]:
    """What the analysis warned about when the results were assembled."""
    return [str(item) for item in json.loads(results.attrs.get("warnings", "[]"))]


def draw(run: Run, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
    """The figures of a results file, drawn from it alone, in the publication style."""
    from runs.figures import style

    with style():
        return run.experiment.figures(results, out)
