"""Results of "local-entropy-agreement": scores over (source, n, alpha, temperature, estimator, place, instance)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.local_entropy_agreement import ESTIMATORS, SYSTEMATIC, AgreementSpec
from runs.grid import Point
from runs.verdict import Verdict, largest_score

if TYPE_CHECKING:
    import xarray

LARGEST_Z = 4.9
"""A false alarm once in a million for each score."""

ROUNDING = 1e-9

VALUES = ("exact", "value", "error")


def assemble(spec: AgreementSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Values, errors and scores of every instance, and whether the estimator warned."""
    import xarray

    from mcmc.store.reader import open_run_file

    grid, count = spec.grid, spec.grid.instances
    axes: dict[str, list] = {"source": grid.source, "n": grid.n, "alpha": grid.alpha, "temperature": grid.temperature}
    outer = tuple(len(values) for values in axes.values())
    shape = (*outer, len(ESTIMATORS), len(grid.flips), count)
    arrays = {name: np.full(shape, np.nan) for name in VALUES}
    warned, solved = np.full((*outer, len(ESTIMATORS), count), np.nan), np.full((*outer, count), np.nan)
    for cell, point in zip(np.ndindex(outer), plan, strict=True):
        if point.name not in files:
            continue
        series = open_run_file(files[point.name])
        draws = series.sizes["draw"]
        for name in VALUES:
            arrays[name][cell][..., :draws] = np.moveaxis(series[name].values, 0, -1)
        warned[cell][:, :draws] = series["warned"].values.T
        solved[cell][:draws] = series["solved"].values
    inner = (*axes, "estimator", "place", "instance")
    said = {"exact": "exact local entropy per weight", "value": "estimated", "error": "its standard error"}
    variables = {name: (inner, arrays[name], {"long_name": said[name], "units": "nats"}) for name in VALUES}
    variables["score"] = (inner, scores(arrays, warned), {"long_name": "(value - exact) / error", "units": "1"})
    variables["deviation"] = (inner, _difference(arrays), {"long_name": "value - exact", "units": "nats"})
    variables["warned"] = (
        (*axes, "estimator", "instance"),
        warned,
        {"long_name": "the estimator warned", "units": "1"},
    )
    variables["solved"] = ((*axes, "instance"), solved, {"long_name": "there was a reference", "units": "1"})
    couplings = np.full(len(grid.flips), np.nan)
    couplings[: len(spec.effort.couplings)] = spec.effort.couplings
    coords: dict[str, Any] = {
        **axes,
        "estimator": list(ESTIMATORS),
        "instance": np.arange(count),
        "flips": ("place", grid.flips, {"long_name": "flipped weights, of estimators around a reference"}),
        "coupling": ("place", couplings, {"long_name": "coupling of two replicas, of replicated"}),
    }
    return xarray.Dataset(variables, coords, {"experiment": "local-entropy-agreement"})


def scores(arrays: Mapping[str, np.ndarray], warned: np.ndarray) -> np.ndarray:
    """z of every value that has one: finite, by an estimator with a standard error that did not warn.

    An exact answer, error 0, scores 0 where it is right to rounding and infinity where it is not, and so do an answer
    without an error bar and one that there is no configuration. Where there is none an estimator must say so, by -inf
    or by no value at all; where there is one, no value is a miss and has no score.
    """
    difference, error = _difference(arrays), arrays["error"]
    none = np.isneginf(arrays["exact"])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = difference / error
    right = np.abs(difference) < ROUNDING
    bare = ~(error > 0) & np.isfinite(difference)
    found = np.where(bare, np.where(right, 0.0, np.inf), found)
    found = np.where(none, np.where(np.isfinite(arrays["value"]), np.inf, np.nan), found)
    found = np.where(np.isfinite(arrays["exact"]) & np.isneginf(arrays["value"]), np.inf, found)
    found[..., [ESTIMATORS.index(name) for name in SYSTEMATIC], :, :] = np.nan
    return np.where(warned[..., :, None, :] == 0, found, np.nan)


def _difference(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        found = arrays["value"] - arrays["exact"]
    return np.where(np.isfinite(found), found, np.nan)


def _kept(here: "xarray.Dataset") -> np.ndarray:
    """Where an estimator did not warn, of the shape of its values."""
    return np.broadcast_to((here.warned == 0).values[..., None, :], here.value.shape)


def summary(results: "xarray.Dataset") -> list[str]:
    """All scores, then by estimator: how many, the largest, their root mean square, and how many results warned."""
    all_scores = results.score.values
    known = all_scores[~np.isnan(all_scores)]
    beyond = int((np.abs(known) >= LARGEST_Z).sum())
    if not known.size:
        return ["no estimator has been compared yet"]
    lines = [
        f"{known.size} values against enumeration: largest |z| = {np.abs(known).max():.2f}, {beyond} beyond {LARGEST_Z}"
    ]
    for estimator in results.estimator.values:
        here = results.sel(estimator=estimator)
        flagged, tried = int((here.warned == 1).sum()), int((~np.isnan(here.exact)).any("place").sum())
        said = f"{estimator}: {flagged} results with a warning, left out" if flagged else f"{estimator}: no warning"
        if estimator in SYSTEMATIC:
            rms = float(np.sqrt(np.nanmean(here.deviation.values**2)))
            lines.append(f"{estimator}: an approximation, off by {rms:.4f} nats per weight (root mean square)")
            continue
        missed = int((np.isfinite(here.exact.values) & np.isnan(here.value.values) & _kept(here)).sum())
        own = here.score.values[np.isfinite(here.score.values) & (here.score.values != 0)]
        if own.size:
            lines.append(
                f"{said}; {own.size} scores from {tried} curves, largest |z| = {np.abs(own).max():.2f}, "
                f"root mean square {np.sqrt((own**2).mean()):.2f}"
                + (f"; {missed} distances never visited that have configurations" if missed else "")
            )
    return lines


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """All scores of each estimator that claims to be exact within its error."""
    return [
        verdict
        for estimator in results.estimator.values
        for verdict in largest_score(
            f"local entropy by {estimator}", results.score.sel(estimator=estimator).values, "exact: enumeration"
        )
    ]
