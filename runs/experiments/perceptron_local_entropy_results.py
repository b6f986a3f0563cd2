"""results.h5 of local entropies: S(d) by source and estimator, isolation, and the theory they are held against."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcmc.statistics.proportion import proportion, wilson_interval
from runs.experiments.perceptron_local_entropy import (
    ESTIMATORS,
    FLIPS,
    LocalEntropySpec,
    PerceptronLocalEntropy,
    flips_of,
)
from runs.experiments.perceptron_local_entropy_landmarks import exact_variables, theory_variables
from runs.experiments.perceptron_local_entropy_sources import (
    NOT_IN_EQUILIBRIUM,
    SOLVED,
    UNSOLVED,
    WITHOUT_SOLUTIONS,
)
from runs.experiments.perceptron_spec import pattern_count
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

ENTROPY, NATS = "local entropy S(d)", "nats per weight"
CURVE = ("estimator", "distance")

QUANTITIES = {
    "instances": Quantity("instances"),
    "references": Quantity("references: instances where the source gave a solution"),
    "unsolved": Quantity("instances where the search found no solution"),
    "without_solutions": Quantity("instances that have no solution"),
    "refused": Quantity("instances where the chains were not in equilibrium"),
    "r_hat": Quantity("largest R-hat of the tempered chains of any instance"),
    "asked": Quantity("references around which an estimator was asked", dims=("estimator",)),
    "curves": Quantity("references whose S(d) an estimator knows", dims=CURVE),
    "entropy": Quantity(f"mean {ENTROPY} over references that have a solution at d", NATS, CURVE),
    "spread": Quantity(f"standard deviation of {ENTROPY} between references", NATS, CURVE),
    "own_error": Quantity(f"mean standard error of one {ENTROPY} by its estimator", NATS, CURVE),
    "empty": Quantity("fraction of references without any solution at d", dims=CURVE),
    "count": Quantity("mean number of solutions at d, enumerated", dims=("distance",)),
    "count_ratio": Quantity(
        "mean number of solutions at d over that around uniformly drawn solutions of the same instances",
        dims=("distance",),
    ),
    "bethe_difference": Quantity(
        "S(d) by bethe minus that by enumeration or integration around the same references, mean", NATS, ("distance",)
    ),
    "neighbours": Quantity("mean number of solutions at exactly so many flips", dims=("flips",)),
    "isolated": Quantity("fraction of references without a solution within so many flips", dims=("flips",)),
    "isolated_low": Quantity("lower end of its 95 % Wilson interval", dims=("flips",)),
    "isolated_high": Quantity("upper end of its 95 % Wilson interval", dims=("flips",)),
}
NEEDED = ("status", "r_hat", "neighbours", "entropy", "error", "seconds")


def assemble(spec: LocalEntropySpec, points: Sequence[Point], files: Mapping[str, Path]) -> "xarray.Dataset":
    """Results over (source, n, alpha), theory over (alpha, theory_distance)."""
    from mcmc.store.reader import open_run_file

    sources, sizes, alphas = spec.grid.source, spec.grid.n, spec.grid.alpha
    inner = {"estimator": len(ESTIMATORS), "distance": len(spec.grid.distance), "flips": len(FLIPS)}
    grid = ResultGrid({"source": len(sources), "n": len(sizes), "alpha": len(alphas)}, inner, QUANTITIES)
    experiment = PerceptronLocalEntropy()
    found: dict[tuple[int, int, int], xarray.Dataset] = {}
    for point in points:
        where = point.parameters
        cell = sources.index(where["source"]), sizes.index(where["n"]), alphas.index(where["alpha"])
        if point.name in files:
            with open_run_file(files[point.name], NEEDED) as file:
                found[cell] = file.isel(draw=slice(0, experiment.draws(spec, point))).load()
            _put(grid, cell, found[cell], where["n"])
    if "enumerated" in sources:
        _put_ratios(grid, found, sources.index("enumerated"), sizes)
    results = grid.dataset(_coords(spec), _attributes(spec))
    return results.assign({**_lattice(spec), **theory_variables(spec), **exact_variables(spec)})


def _put(grid: ResultGrid, cell: tuple[int, ...], data: "xarray.Dataset", n: int) -> None:
    status = data["status"].values
    solved = status == SOLVED
    grid.put("instances", cell, status.size)
    for name, value in (
        ("references", SOLVED), ("unsolved", UNSOLVED), ("without_solutions", WITHOUT_SOLUTIONS),
        ("refused", NOT_IN_EQUILIBRIUM),
    ):  # fmt: skip
        grid.put(name, cell, (status == value).sum())
    if np.isfinite(data["r_hat"].values).any():
        grid.put("r_hat", cell, np.nanmax(data["r_hat"].values))
    grid.put("asked", cell, np.isfinite(data["seconds"].values).sum(axis=0))
    if solved.any():
        _put_curves(grid, cell, data["entropy"].values[solved], data["error"].values[solved], n)
        _put_isolation(grid, cell, data["neighbours"].values[solved])


def _put_curves(grid: ResultGrid, cell: tuple[int, ...], entropy: np.ndarray, error: np.ndarray, n: int) -> None:
    """Means over references with a solution at d; the estimators' own errors added where the spread lacks them."""
    shape = entropy.shape[1:]
    table = {name: np.full(shape, np.nan) for name in ("curves", "mean", "error", "spread", "own", "empty")}
    for place in np.ndindex(shape):
        values, errors = entropy[:, *place], error[:, *place]
        known = ~np.isnan(values)
        finite = np.isfinite(values)
        table["curves"][place] = known.sum()
        if known.any():
            table["empty"][place] = np.isneginf(values).sum() / known.sum()
        if finite.any():
            mean, between = mean_and_error(values[finite])
            own = errors[finite]
            table["mean"][place], table["own"][place] = mean, own.mean()
            table["spread"][place] = values[finite].std(ddof=1) if finite.sum() > 1 else np.nan
            table["error"][place] = _whole_error(float(between), own, ESTIMATORS[place[0]])
    grid.put("curves", cell, table["curves"])
    grid.put("entropy", cell, table["mean"], table["error"])
    for name, stem in (("spread", "spread"), ("own_error", "own"), ("empty", "empty")):
        grid.put(name, cell, table[stem])
    counts = np.exp(n * entropy[:, ESTIMATORS.index("enumeration")])
    if np.isfinite(counts).any():
        grid.put("count", cell, *mean_and_error(counts))
    _put_difference(grid, cell, entropy, error)


def _whole_error(between: float, own: np.ndarray, estimator: str) -> float:
    """Of a mean: what belief propagation is wrong by may have one sign for all references; noise is in the spread."""
    if estimator == "bethe":
        return float(np.hypot(np.nan_to_num(between), own.mean()))
    return between if np.isfinite(between) else float(own[0])


def _put_difference(grid: ResultGrid, cell: tuple[int, ...], entropy: np.ndarray, error: np.ndarray) -> None:
    """Its error is from the spread, or that of the other estimator alone where there is one reference."""
    by = {name: entropy[:, i] for i, name in enumerate(ESTIMATORS)}
    other = np.where(np.isnan(by["enumeration"]), by["integration"], by["enumeration"])
    with np.errstate(invalid="ignore"):
        difference = by["bethe"] - other
    own = error[:, ESTIMATORS.index("integration")]
    mean = np.full(difference.shape[1:], np.nan)
    bars = mean.copy()
    for i in range(mean.size):
        known = np.isfinite(difference[:, i])
        if known.any():
            mean[i], between = mean_and_error(difference[known, i])
            bars[i] = between if known.sum() > 1 else own[known, i][0]
    grid.put("bethe_difference", cell, mean, bars)


def _put_isolation(grid: ResultGrid, cell: tuple[int, ...], neighbours: np.ndarray) -> None:
    grid.put("neighbours", cell, *mean_and_error(neighbours))
    alone = (np.cumsum(neighbours, axis=1) == 0).sum(axis=0)
    share, interval = proportion(alone, len(neighbours)), wilson_interval(alone, len(neighbours))
    grid.put("isolated", cell, share.value, share.error)
    grid.put("isolated_low", cell, interval.low)
    grid.put("isolated_high", cell, interval.high)


def _put_ratios(
    grid: ResultGrid, found: "Mapping[tuple[int, int, int], xarray.Dataset]", typical: int, sizes: Sequence[int]
) -> None:
    """Ratios of mean counts on the instances where both gave a reference; teachers belong to other instances."""
    place = ESTIMATORS.index("enumeration")
    for cell, data in found.items():
        reference = found.get((typical, *cell[1:]))
        if reference is None:
            continue
        draws = min(data.sizes["draw"], reference.sizes["draw"])
        both = (data["status"].values[:draws] == SOLVED) & (reference["status"].values[:draws] == SOLVED)
        if both.sum() > 1:
            n = sizes[cell[1]]
            a, b = (np.exp(n * one["entropy"].values[:draws][both, place]) for one in (data, reference))
            grid.put("count_ratio", cell, *ratio_of_means(a, b))


def ratio_of_means(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mean(a) / mean(b) of paired rows (pairs, ...) and its standard error to first order; NaN where b is all 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = a.mean(axis=0) / b.mean(axis=0)
        error = (a - ratio * b).std(axis=0, ddof=1) / np.sqrt(len(a)) / b.mean(axis=0)
    lost = ~np.isfinite(ratio)
    return np.where(lost, np.nan, ratio), np.where(lost, np.nan, error)


def _lattice(spec: LocalEntropySpec) -> dict[str, tuple]:
    """Patterns of each (n, alpha), and the distance k / n that each nominal one stands for; NaN where left out."""
    flips = np.array([flips_of(spec.grid.distance, n) for n in spec.grid.n])
    measured = np.where(flips > 0, flips / np.array(spec.grid.n)[:, None], np.nan)
    patterns = [[pattern_count(n, alpha) for alpha in spec.grid.alpha] for n in spec.grid.n]
    return {
        "patterns": (("n", "alpha"), np.array(patterns), {"long_name": "patterns P", "units": "1"}),
        "measured_distance": (
            ("n", "distance"), measured, {"long_name": "distance measured, a multiple of 1/n", "units": "1"},
        ),
    }  # fmt: skip


def _coords(spec: LocalEntropySpec) -> dict[str, tuple]:
    return {
        "source": ("source", np.array(spec.grid.source, np.str_), {"long_name": "where references come from"}),
        "n": ("n", np.array(spec.grid.n, np.int64), {"long_name": "N", "units": "weights"}),
        "alpha": ("alpha", np.array(spec.grid.alpha), {"long_name": "alpha", "units": "patterns per weight"}),
        "estimator": ("estimator", np.array(ESTIMATORS, np.str_), {"long_name": "estimator"}),
        "distance": ("distance", np.array(spec.grid.distance), {"long_name": "distance asked for", "units": "1"}),
        "flips": ("flips", np.array(FLIPS), {"long_name": "flips from the reference", "units": "weights"}),
    }


def _attributes(spec: LocalEntropySpec) -> dict[str, object]:
    return {
        "patterns_kind": spec.patterns.kind,
        "planted": 0,
        "margin": spec.patterns.margin,
        "exact_up_to": spec.local_entropy.exact_up_to,
        "largest_sampled": spec.sampling.largest_n,
        # Instances are independent: their errors need no bins, whatever number was asked for.
        "bins": "none",
    }
