"""Results of "well-widths" over (case, estimator, scale), their scores, and what is said of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.result_grid import Quantity, ResultGrid
from runs.experiments.well_widths import ESTIMATORS, WellWidthsSpec
from runs.experiments.well_widths_cases import Case, case
from runs.grid import Point
from runs.verdict import Verdict, largest_score

if TYPE_CHECKING:
    import xarray

LARGEST_Z = 4.9
"""Of all scores together: a false alarm once in a million for each."""

ROUNDING = 1e-9
"""Difference, relative to 1 + |u|, below which a value without sampling error is exact."""

INNER = ("scale",)
QUANTITIES = {
    "u": Quantity("smoothed free energy u(x, t), mean over repeats", "energy", INNER),
    "exact": Quantity("exact u(x, t); for moreau its zero-temperature limit", "energy", INNER),
    "score": Quantity("(mean over repeats - exact) / standard error", "1", INNER),
    "deviation": Quantity("mean over repeats - exact", "energy", INNER),
    "spread_of_scores": Quantity("root mean square score of single repeats", "1", INNER),
    "warned": Quantity("fraction of repeats with a warning", "1", INNER),
    "judged": Quantity("1 where the estimator claims to be exact within its error", "1", INNER),
}


def assemble(spec: WellWidthsSpec, plan: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Everything over (case, estimator, scale)."""
    from mcmc.store.reader import open_run_file

    scales = np.asarray(spec.grid.scale)
    outer = {"case": len(plan), "estimator": len(ESTIMATORS)}
    grid = ResultGrid(outer, {"scale": scales.size}, QUANTITIES)
    for i, point in enumerate(plan):
        if point.name not in files:
            continue
        series, found = open_run_file(files[point.name]), case(point.parameters["case"])
        for j, estimator in enumerate(ESTIMATORS):
            columns = [series[name].values[:, j].astype(np.float64) for name in ("value", "error", "warned")]
            for name, values in _cell(found, estimator, scales, *columns).items():
                grid.put(name, (i, j), *values)
    coords = {
        "case": [point.parameters["case"] for point in plan],
        "estimator": list(ESTIMATORS),
        "scale": ("scale", scales, {"long_name": "scale t of the smoothing", "units": "1"}),
    }
    return grid.dataset(coords, {"experiment": "well-widths"})


def _cell(
    found: Case, estimator: str, scales: np.ndarray, value: np.ndarray, error: np.ndarray, warned: np.ndarray
) -> dict[str, tuple[Any, ...]]:
    """Quantities of one case and estimator from (repeats, scales)."""
    if np.isnan(value).all():
        return {}
    exact = _exact(found, estimator, scales)
    repeats = len(value)
    mean = value.mean(axis=0)
    each = np.sqrt((error**2).sum(axis=0)) / repeats
    # An answer without random numbers is the same in all repeats, and so is its error.
    same = (value == value[0]).all(axis=0)
    each = np.where(same, error[0], each)
    off = mean - exact
    fine = np.abs(off) <= ROUNDING * (1.0 + np.abs(exact))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = off / np.where(each > 0, each, np.nan)
        single = (value - exact) / np.where(error > 0, error, np.nan)
    # Right to rounding is right; a wrong value without an error bar, or none at all, is infinitely wrong.
    score = np.where(fine & ~(np.abs(score) < LARGEST_Z), 0.0, np.where(np.isnan(score), np.inf, score))
    judged = _judged(found, estimator, warned) & np.isfinite(exact)
    return {
        "u": (mean, each),
        "exact": (exact,),
        "score": (score,),
        "deviation": (off, each),
        "spread_of_scores": (np.where(same, np.nan, np.sqrt((single**2).mean(axis=0))),),
        "warned": (warned.mean(axis=0),),
        "judged": (judged.astype(np.float64),),
    }


def _exact(found: Case, estimator: str, scales: np.ndarray) -> np.ndarray:
    known = found.envelope if estimator == "moreau" else found.exact
    return np.full(scales.size, np.nan) if known is None else np.array([known(float(t)) for t in scales])


def _judged(found: Case, estimator: str, warned: np.ndarray) -> np.ndarray:
    """Where an estimator must be right: Laplace for quadratics, sampling where it did not warn of too large scales."""
    if estimator == "laplace":
        return np.full(warned.shape[1], found.quadratic)
    if estimator == "convolution":
        return (warned == 0).all(axis=0)
    return np.ones(warned.shape[1], bool)


def summary(results: "xarray.Dataset") -> list[str]:
    """Scores judged, the largest, their mean square, and the spread of single repeats by estimator."""
    judged = results.judged.values == 1
    scores = results.score.values[judged]
    if not scores.size:
        return ["no estimator has been tried yet"]
    sampled = scores[(scores != 0) & np.isfinite(scores)]
    above = int((np.abs(scores) >= LARGEST_Z).sum())
    lines = [
        f"{scores.size} answers against exact ones: largest |z| = {np.abs(scores).max():.2f}, {above} beyond "
        f"{LARGEST_Z}; mean z^2 = {np.mean(sampled**2):.2f}"
    ]
    for estimator in results.estimator.values:
        here = results.sel(estimator=estimator)
        spread = here.spread_of_scores.values[here.judged.values == 1]
        spread = spread[np.isfinite(spread)]
        if spread.size:
            root = float(np.sqrt((spread**2).mean()))
            lines.append(f"{estimator}: root mean square z of single repeats {root:.2f} (1 when error bars are right)")
    return lines


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """All scores of each estimator, where it claims to be exact within its error."""
    scores = results.score.where(results.judged == 1)
    return [
        verdict
        for estimator in results.estimator.values
        for verdict in largest_score(
            f"u(x, t) by {estimator}", scores.sel(estimator=estimator).values, "exact: closed forms and quadrature"
        )
    ]
