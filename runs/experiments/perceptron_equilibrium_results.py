"""results.h5 of equilibrium: averages over instances on one grid, beside replica theory at each P / n."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ConvergenceWarning
from mcmc.statistics.autocorrelation import TRUSTED_LENGTH
from mcmc.statistics.convergence import AGREEMENT
from runs.experiments.finite_size import extrapolate
from runs.experiments.perceptron_equilibrium import EquilibriumSpec, exact_energy_at_zero
from runs.experiments.perceptron_equilibrium_analysis import InstanceEstimates, analyse, merged, read_series
from runs.experiments.perceptron_spec import pattern_count
from runs.experiments.perceptron_theory import replicas
from runs.experiments.result_grid import Quantity, ResultGrid, mean_and_error
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

MIXED = 1.1
"""R-hat of an instance above which its chains are in different places: far beyond 1.01, where they may still be told
apart."""

DRIFT_ERRORS = 4.0
"""Errors by which the second half of the chains may differ from the first in an average over instances; more where
few bins make the error itself unsure."""

SMALLEST_ERROR = 1e-12
"""Below it a spread between instances is rounding."""

OVERLAP_EDGES = np.linspace(-1.0, 1.0, 101)

BETA, CURVE = ("beta",), ("beta", "q")

QUANTITIES = {
    "energy_per_weight": Quantity("mean energy / n", dims=BETA),
    "replica_energy": Quantity("replica theory: energy / n, n to infinity", dims=BETA),
    "entropy_per_weight": Quantity("entropy / n, energy integrated from beta = 0", "nats", BETA),
    "replica_entropy": Quantity("replica theory: entropy / n, n to infinity", "nats", BETA),
    "free_entropy_per_weight": Quantity("ln Z / n, energy integrated from beta = 0", "nats", BETA),
    "free_entropy_bennett": Quantity("ln Z / n, by Bennett's ratios of neighbouring temperatures", "nats", BETA),
    "integration_minus_bennett": Quantity("ln Z / n by integration minus by Bennett's ratios", "nats", BETA),
    "integration_error": Quantity("estimated error of ln Z / n from the width of the steps in beta", "nats", BETA),
    "specific_heat_per_weight": Quantity("specific heat / n", dims=BETA),
    "overlap": Quantity("mean overlap of two configurations of an instance", dims=BETA),
    "overlap_width": Quantity("standard deviation of the overlap in an instance", dims=BETA),
    "replica_overlap": Quantity("replica theory: overlap of two configurations, n to infinity", dims=BETA),
    "teacher_overlap": Quantity("mean overlap with the teacher", dims=BETA),
    "magnetization": Quantity("mean weight", dims=BETA),
    "equilibrated": Quantity("1 where every instance is in equilibrium, here and at all smaller betas", dims=BETA),
    "converged": Quantity(
        f"fraction of instances with R-hat up to {AGREEMENT} and chains of {TRUSTED_LENGTH} tau_int", dims=BETA
    ),
    "r_hat": Quantity("rank-normalised split R-hat of energy and overlap, largest of all instances", dims=BETA),
    "drift": Quantity("energy / n in the second half of the chains minus that in the first", dims=BETA),
    "tau_int_energy": Quantity("integrated autocorrelation time of the energy, 1/2 + sum rho, mean", "sweeps", BETA),
    "tau_int": Quantity(
        "integrated autocorrelation time of energy and overlap, longest of any instance", "sweeps", BETA
    ),
    "acceptance": Quantity("fraction of the updates that turn a weight over", dims=BETA),
    "swap_rate": Quantity("accepted fraction of the swaps with the next smaller beta", dims=BETA),
    "bins": Quantity("jackknife bins of all chains of an instance, fewest", dims=BETA),
    "patterns": Quantity("patterns P"),
    "instances": Quantity("instances"),
    "round_trips": Quantity("journeys cold - hot - cold of all replicas of a chain, fewest of any instance"),
    "overlap_density": Quantity("P(q), density of the overlap", dims=CURVE),
    "energy_of_each": Quantity("mean energy / n of each instance", dims=("instance", "beta")),
    "entropy_of_each": Quantity("entropy / n of each instance", "nats", ("instance", "beta")),
}

AVERAGED = ("energy_per_weight", "entropy_per_weight", "free_entropy_per_weight", "free_entropy_bennett",
            "integration_minus_bennett", "specific_heat_per_weight", "overlap", "overlap_width", "teacher_overlap",
            "magnetization")  # fmt: skip


def assemble(
    spec: EquilibriumSpec, points: Sequence[Point], files: Mapping[str, Path], bins: int | None
) -> "xarray.Dataset":
    """Results over (n, alpha, beta), with P(q) over q and energies and entropies of each instance."""
    centres = 0.5 * (OVERLAP_EDGES[1:] + OVERLAP_EDGES[:-1])
    outer = {"n": len(spec.grid.n), "alpha": len(spec.grid.alpha)}
    inner = {"beta": len(spec.grid.beta), "q": centres.size, "instance": spec.grid.instances}
    grid = ResultGrid(outer, inner, QUANTITIES)
    for i, n in enumerate(spec.grid.n):
        for j, alpha in enumerate(spec.grid.alpha):
            p = pattern_count(n, alpha)
            grid.put("patterns", (i, j), p)
            _put_theory(grid, (i, j), spec, p / n)
            here = [pt for pt in points if (pt.parameters["n"], pt.parameters["alpha"]) == (n, alpha)]
            here = [point for point in here if point.name in files]
            if here:
                found = [_one(spec, point, files[point.name], bins) for point in here]
                numbers = [point.parameters["instance"] for point in here]
                _put_averages(grid, (i, j), spec, found, numbers)
    _warn(grid, spec)
    results = grid.dataset(_coordinates(spec, centres), _model(spec))
    if bins is not None and "bins" in results:
        results.attrs["bins"] = int(np.nanmin(results["bins"].values)) // spec.sampler.chains
    return _with_limits(results)


def _one(spec: EquilibriumSpec, point: Point, path: Path, bins: int | None) -> InstanceEstimates:
    n = point.parameters["n"]
    p = pattern_count(n, point.parameters["alpha"])
    zero = exact_energy_at_zero(spec.patterns, spec.sampler.energy, n, p)
    series = read_series(path, spec.sampler.draws)
    return analyse(series, np.array(spec.grid.beta), n, zero, OVERLAP_EDGES, bins)


def _model(spec: EquilibriumSpec) -> dict[str, Any]:
    """The model in attributes of the results, so that figures need nothing else."""
    return {
        "patterns_kind": spec.patterns.kind,
        "planted": int(spec.patterns.planted),
        "label_noise": spec.patterns.label_noise,
        "margin": spec.patterns.margin,
        "energy": spec.sampler.energy,
    }


def _coordinates(spec: EquilibriumSpec, centres: np.ndarray) -> dict[str, Any]:
    return {
        "n": ("n", np.array(spec.grid.n, np.int64), {"long_name": "n", "units": "weights"}),
        "alpha": ("alpha", np.array(spec.grid.alpha), {"long_name": "alpha", "units": "patterns per weight"}),
        "beta": ("beta", np.array(spec.grid.beta), {"long_name": "inverse temperature"}),
        "q": ("q", centres, {"long_name": "overlap q"}),
        "instance": ("instance", np.arange(spec.grid.instances), {"long_name": "instance"}),
    }


def _put_theory(grid: ResultGrid, cell: tuple[int, int], spec: EquilibriumSpec, alpha: float) -> None:
    found = np.array([replicas(spec.patterns, alpha, beta, spec.sampler.energy) for beta in spec.grid.beta])
    for i, name in enumerate(("replica_energy", "replica_entropy", "replica_overlap")):
        grid.put(name, cell, found[:, i])


def _put_averages(
    grid: ResultGrid, cell: tuple[int, int], spec: EquilibriumSpec, found: list[InstanceEstimates], numbers: list[int]
) -> None:
    thin, draws = spec.sampler.thin, spec.sampler.draws
    parts = [one.diagnostics for one in found]
    grid.put("instances", cell, len(found))
    for name in AVERAGED:
        if name in found[0].estimates:
            mean, error = mean_and_error(np.array([one.estimates[name].value for one in found]))
            grid.put(name, cell, mean, found[0].estimates[name].error if len(found) == 1 else error)
    density, density_error = mean_and_error(np.array([one.density for one in found]))
    grid.put("overlap_density", cell, density, density_error if len(found) > 1 else None)
    for name, kind in (("energy_of_each", "energy_per_weight"), ("entropy_of_each", "entropy_per_weight")):
        rows = np.full((spec.grid.instances, len(spec.grid.beta)), np.nan)
        rows[numbers] = [one.estimates[kind].value for one in found]
        grid.put(name, cell, rows)
    worst, tau = merged(parts, "r_hat").max(axis=0), merged(parts, "tau_int")
    drift, drift_error = _drift(found)
    grid.put("r_hat", cell, worst)
    grid.put("tau_int", cell, tau.max(axis=0) * thin)
    grid.put("tau_int_energy", cell, *(value * thin for value in mean_and_error(merged(parts, "tau_int_energy"))))
    grid.put("drift", cell, drift, drift_error)
    grid.put("bins", cell, merged(parts, "bins").min(axis=0))
    for name in ("integration_error", "acceptance", "swap_rate"):
        grid.put(name, cell, merged(parts, name).mean(axis=0))
    grid.put("round_trips", cell, merged(parts, "round_trips").min())
    sure = (merged(parts, "r_hat") <= AGREEMENT) & (tau * TRUSTED_LENGTH <= draws)
    grid.put("converged", cell, sure.mean(axis=0))
    steady = np.abs(drift) <= _most_drift(found) * drift_error
    grid.put("equilibrated", cell, np.logical_and.accumulate((worst <= MIXED) & steady))


def _drift(found: list[InstanceEstimates]) -> tuple[np.ndarray, np.ndarray]:
    """Second half of the chains minus first, mean over instances, (betas,), and its error.

    The error is that of the spread between instances or that of the sampling, whichever is larger: a few instances
    may lie close together by chance.
    """
    drift, spread = mean_and_error(merged([one.diagnostics for one in found], "drift"))
    # Each half has half the draws, so the difference has twice the error of the mean.
    own = 2.0 * merged([one.diagnostics for one in found], "sampled_energy_error")
    sampling = np.sqrt((own**2).sum(axis=0)) / len(found)
    return drift, np.fmax(spread, sampling)


def _most_drift(found: list[InstanceEstimates]) -> np.ndarray:
    """Errors by which chains may drift, (betas,): as improbable, with the bins there are, as DRIFT_ERRORS with many.

    The larger of two errors is at least that of the sampling, so its degrees of freedom are those of the bins.
    """
    from scipy.stats import norm, t

    freedom = (merged([one.diagnostics for one in found], "bins") - 1.0).sum(axis=0)
    return t.isf(norm.sf(DRIFT_ERRORS), np.maximum(freedom, 1.0))


def _warn(grid: ResultGrid, spec: EquilibriumSpec) -> None:
    if "instances" not in grid.arrays:
        return
    said = []
    for i, n in enumerate(spec.grid.n):
        cold = []
        for j, alpha in enumerate(spec.grid.alpha):
            trusted = grid.arrays["equilibrated"][i, j]
            if (trusted == 0.0).any():
                cold.append(f"alpha = {alpha:g} from beta = {spec.grid.beta[int(np.argmin(trusted))]:g}")
        if cold:
            said.append(f"n = {n}: {', '.join(cold)}")
    if said:
        warnings.warn(
            f"not in equilibrium: {'; '.join(said)} (R-hat of an instance above {MIXED}, or the second half of the "
            f"chains differs from the first by {DRIFT_ERRORS:g} errors or more); run more sweeps, or take these "
            "numbers as what the chains reach and no more",
            ConvergenceWarning,
            stacklevel=3,
        )
    if np.nanmin(grid.arrays["instances"]) < 2:
        warnings.warn(
            "one instance at some (n, alpha): its errors are those of sampling and say nothing about other instances; "
            "raise grid.instances",
            ConvergenceWarning,
            stacklevel=3,
        )


def _with_limits(results: "xarray.Dataset") -> "xarray.Dataset":
    """Measured minus theory, extrapolated by a line in 1/n through the sizes in equilibrium."""
    if "energy_per_weight" not in results or not np.isfinite(results["replica_energy"]).any():
        return results
    found: dict[str, Any] = {}
    for name, units in (("energy", "1"), ("entropy", "nats")):
        excess = (results[f"{name}_per_weight"] - results[f"replica_{name}"]).where(results["equilibrated"] == 1.0)
        error = results[f"{name}_per_weight_error"].values
        rows = np.full((5, results.sizes["alpha"], results.sizes["beta"]), np.nan)
        for j, k in np.ndindex(rows.shape[1:]):
            # At beta = 0 there is nothing to extrapolate: instances have the same energy and entropy, but for rounding.
            if (error[:, j, k] < SMALLEST_ERROR).any():
                continue
            line = extrapolate(results["n"].values, excess.values[:, j, k], error[:, j, k])
            if line is not None:
                rows[:, j, k] = line.limit, line.limit_error, line.slope, line.chi2, line.freedom
        said = f"{name} / n minus replica theory at n to infinity, by a line in 1/n"
        stems = ("limit", "limit_error", "slope", "chi2", "freedom")
        texts = (said, f"one standard error of: {said}", *(f"{stem} of that line" for stem in stems[2:4]),
                 "degrees of freedom of that line")  # fmt: skip
        for row, stem, text in zip(rows, stems, texts, strict=True):
            kind = "1" if stem in ("chi2", "freedom") else units
            found[f"{name}_excess_{stem}"] = ("alpha", "beta"), row, {"long_name": text, "units": kind}
    return results.assign(found)
