"""Headline numbers of local entropies: S at a few distances with theory, isolation, what was left out, agreement."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.perceptron_local_entropy_labels import label
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

FEWEST_REFERENCES = 30

TOLD_DISTANCE = 0.05
"""S is told at the distance nearest to it."""


def summary(results: "xarray.Dataset") -> list[str]:
    """Lines by alpha at the largest size, then isolation, agreement of estimators, and what is missing."""
    lines = []
    for j in range(results.sizes["alpha"]):
        lines += _entropies(results.isel(alpha=j))
    for j in range(results.sizes["alpha"]):
        lines += _isolation(results.isel(alpha=j))
    return [*lines, *_ratios(results), *_agreement(results), *_teachers(results), *_missing(results)]


def shown_estimator(cells: "xarray.Dataset") -> str | None:
    """The estimator that is drawn and told for cells of one size: exact counts, else Bethe, else integration."""
    if "entropy" not in cells:
        return None
    known = ("enumeration", "bethe", "integration")
    return next((name for name in known if np.isfinite(cells["entropy"].sel(estimator=name).values).any()), None)


def _entropies(row: "xarray.Dataset") -> list[str]:
    known = [i for i in range(row.sizes["n"]) if shown_estimator(row.isel(n=i))]
    if not known:
        return []
    cells = row.isel(n=known[-1])
    name = shown_estimator(cells)
    measured = cells["measured_distance"].values
    k = int(np.nanargmin(np.abs(measured - TOLD_DISTANCE)))
    at = cells.sel(estimator=name).isel(distance=k)
    told = [
        f"{with_error(value, error)} {label(source)}"
        for source, value, error in zip(at["source"].values, at["entropy"].values, at["entropy_error"].values,
                                        strict=True)
        if np.isfinite(value)
    ]  # fmt: skip
    theory = cells.sel(theory_distance=float(at["distance"]), method="nearest")
    curves = [("bound", "all configurations"), ("densest", "densest groups at most"), ("teacher", "around a teacher"),
              ("typical", "around a typical solution")]  # fmt: skip
    beside = [
        f"{text} {float(theory[f'theory_{name}']):.4f}" for name, text in curves
        if np.isfinite(theory[f"theory_{name}"])
    ]  # fmt: skip
    beside += _nothing_within(row)
    where = f"alpha = {float(row['alpha']):g}, N = {int(cells['n'])}, d = {measured[k]:.3g}"
    return [f"{where}: S = {', '.join(told)}; theory: {', '.join(beside)}"] if told else []


def _nothing_within(row: "xarray.Dataset") -> list[str]:
    """Up to which distance theory has no solution around a typical one, where its curve shows it."""
    d, values = row["theory_distance"].values, row["theory_typical"].values
    d, values = d[np.isfinite(values)], values[np.isfinite(values)]
    crossing = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
    if not crossing.size:
        return []
    i = int(crossing[0])
    place = d[i] - values[i] * (d[i + 1] - d[i]) / (values[i + 1] - values[i])
    return [f"which has none within d = {place:.2g}"]


def _isolation(row: "xarray.Dataset") -> list[str]:
    lines = []
    for i in range(row.sizes["n"]):
        cells = row.isel(n=i, flips=0)
        told = [
            f"{round(share * count)} of {count:g} {label(source)}"
            for source, share, count in zip(cells["source"].values, cells["isolated"].values,
                                            cells["references"].values, strict=True)
            if np.isfinite(share)
        ] if "isolated" in cells else []  # fmt: skip
        if told:
            where = f"alpha = {float(row['alpha']):g}, N = {int(cells['n'])}"
            lines.append(f"{where}, no solution at one flip: {', '.join(told)}")
    return lines


def _ratios(results: "xarray.Dataset") -> list[str]:
    """How much denser algorithmic surroundings are than those of uniformly drawn solutions, one flip away or so."""
    if "count_ratio" not in results:
        return []
    lines = []
    for j in range(results.sizes["alpha"]):
        for i in reversed(range(results.sizes["n"])):
            cells = results.isel(n=i, alpha=j)
            known = np.flatnonzero(np.isfinite(cells["count_ratio"].values).any(axis=0))
            if not known.size:
                continue
            at = cells.isel(distance=int(known[0]))
            told = [
                f"{with_error(value, error)} {label(source)}"
                for source, value, error in zip(at["source"].values, at["count_ratio"].values,
                                                at["count_ratio_error"].values, strict=True)
                if np.isfinite(value) and source not in ("enumerated", "planted")
            ]  # fmt: skip
            where = (
                f"alpha = {float(cells['alpha']):g}, N = {int(cells['n'])}, d = {float(at['measured_distance']):.3g}"
            )
            if told:
                lines.append(f"{where}: solutions there over those around uniformly drawn ones: {', '.join(told)}")
            break
    return lines


def _agreement(results: "xarray.Dataset") -> list[str]:
    """Largest mean difference of belief propagation from the independent estimators, by size."""
    if "bethe_difference" not in results:
        return []
    lines = _reached(results)
    for i in range(results.sizes["n"]):
        cells = results.isel(n=i)
        difference = cells["bethe_difference"].values
        if np.isfinite(difference).any():
            exact = int(cells["n"]) <= int(results.attrs["exact_up_to"])
            typical = float(np.sqrt(np.nanmean(difference**2)))
            lines.append(
                f"N = {int(cells['n'])}: bethe differs from {'enumeration' if exact else 'integration'} by "
                f"{typical:.2g} nats per weight (root mean square over sources, alphas and distances)"
            )
    return lines


def _reached(results: "xarray.Dataset") -> list[str]:
    """How many of the points asked for integration gave, by source, at the largest size where it was asked."""
    asked = results["asked"].sel(estimator="integration").transpose("n", "source", "alpha").fillna(0)
    sizes = np.flatnonzero(asked.values.sum(axis=(1, 2)) > 0)
    if not sizes.size or "curves" not in results:
        return []
    cells, asked = results.isel(n=int(sizes[-1])), asked.isel(n=int(sizes[-1]))
    places = int(np.isfinite(cells["measured_distance"].values).sum())
    told = [
        f"{int(np.nansum(cells['curves'].sel(estimator='integration', source=source).values))} of "
        f"{int(asked.sel(source=source).sum()) * places} around {label(source)}"
        for source in cells["source"].values
        if int(asked.sel(source=source).sum())
    ]
    return [f"N = {int(cells['n'])}: points that integration reached with enough samples: {', '.join(told)}"]


def _teachers(results: "xarray.Dataset") -> list[str]:
    """Neighbours of planted teachers against their exact mean."""
    if "planted" not in results["source"].values or "neighbours" not in results:
        return []
    cells = results.sel(source="planted")
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (cells["neighbours"] - cells["teacher_neighbours"]) / cells["neighbours_error"]
    # Few heavy-tailed counts have no normal mean.
    z = z.where(cells["references"] >= FEWEST_REFERENCES)
    z = np.abs(z.values[np.isfinite(z.values)])
    return [f"planted: solutions at 1 and 2 flips agree with the exact mean, largest |z| = {z.max():.1f} of {z.size}"
            ] if z.size else []  # fmt: skip


def _missing(results: "xarray.Dataset") -> list[str]:
    """Instances without a reference, by source and reason; sizes that a source does not reach."""
    lines = []
    reasons = {
        "unsolved": "not solved",
        "without_solutions": "without any solution",
        "refused": "refused, the chains not being in equilibrium",
    }
    for i, source in enumerate(results["source"].values):
        for name, said in reasons.items():
            if name not in results:
                continue
            lost = results[name].isel(source=i)
            told = [
                f"{int(lost[j, k])} of {int(results['instances'][i, j, k])} at N = {int(lost['n'][j])}, "
                f"alpha = {float(lost['alpha'][k]):g}"
                for j, k in zip(*np.nonzero(np.nan_to_num(lost.values) > 0), strict=True)
            ]
            if told:
                lines.append(f"left out, {label(source)} {said}: {'; '.join(told)}")
        if source in ("enumerated", "sampled"):
            largest = int(results.attrs["exact_up_to" if source == "enumerated" else "largest_sampled"])
            if int(results["n"].max()) > largest:
                lines.append(f"left out, {label(source)}: sizes above N = {largest}, which it does not reach")
    return lines
