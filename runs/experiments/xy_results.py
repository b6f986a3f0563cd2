"""results.h5 of an XY run: the estimates of all points on one grid, disorder averages, the transition."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ConvergenceWarning
from mcmc.statistics.disorder import disorder_average
from runs.experiments import xy_critical, xy_quantities, xy_transition
from runs.experiments.xy_analysis import PointEstimates, Ratio, analyse
from runs.experiments.xy_quantities import LABELS, Label
from runs.experiments.xy_resampled import joined
from runs.experiments.xy_series import geometry, read_series
from runs.experiments.xy_spec import XYSpec
from runs.grid import Point

if TYPE_CHECKING:
    import xarray

DIMS = ("size", "temperature")

DIAGNOSTICS = {
    "tau_int_energy": Label("integrated autocorrelation time of the energy, 1/2 + sum rho", "sweeps"),
    "tau_int": Label("largest integrated autocorrelation time of energy, |M|^2 and helicity modulus", "sweeps"),
    "r_hat": Label("largest rank-normalised split R-hat of energy, |M|^2 and helicity modulus"),
    "acceptance": Label("accepted fraction of the updates; Wolff: mean cluster size over N"),
    "swap_rate": Label("accepted fraction of the swaps with the next hotter temperature"),
    "clusters": Label("Wolff clusters a sweep"),
    "step_size": Label("step size"),
    "energy_drift": Label("largest |carried - recomputed energy|", "J"),
    "bins": Label("jackknife bins of all chains together"),
    "instances": Label("realisations of the disorder"),
}
KEEP_WORST = {"r_hat": np.max, "tau_int": np.max, "energy_drift": np.max, "bins": np.min}
"""How the instances of a disorder average share a diagnostic, where it is not their mean."""


class _Grid:
    """Arrays (size, temperature) by name, NaN where nothing was measured."""

    def __init__(self, spec: XYSpec):
        self.sizes, self.temperatures = spec.grid.size, np.array(spec.grid.temperature)
        self.arrays: dict[str, np.ndarray] = {}

    def put(self, name: str, size: int, temperature: np.ndarray, values: np.ndarray) -> None:
        array = self.arrays.setdefault(name, np.full((len(self.sizes), len(self.temperatures)), np.nan))
        array[self.sizes.index(size), self.columns(temperature)] = values

    def columns(self, temperature: np.ndarray) -> np.ndarray:
        return np.abs(self.temperatures[None, :] - np.asarray(temperature)[:, None]).argmin(axis=1)


def assemble(spec: XYSpec, points: Sequence[Point], files: Mapping[str, Path], bins: int | None) -> "xarray.Dataset":
    """Results over (size, temperature) from the files of the finished points."""
    import xarray

    grid = _Grid(spec)
    ratios = transition_ratios(spec)
    curves: dict[str, dict[int, Any]] = {name: {} for name in ratios}
    if spec.sampler.moves == "langevin":
        warnings.warn(
            f"unadjusted Langevin steps of eta = {spec.sampler.step_size:g} sample a distribution whose averages are "
            "off by an amount of order eta, which no error bar contains; use mala, which is exact",
            ConvergenceWarning,
            stacklevel=2,
        )
    for size in spec.grid.size:
        here = [point for point in points if point.parameters["size"] == size and point.name in files]
        found = [(point, _one(spec, point, files[point.name], bins, ratios)) for point in here]
        if not found:
            continue
        _warn(size, [estimates for _, estimates in found], spec.landscape.disordered)
        if spec.landscape.disordered:
            _put_disorder(grid, size, found)
        else:
            _put_pure(grid, size, [estimates for _, estimates in found])
            for name in ratios:
                curves[name][size] = _whole_curve([estimates for _, estimates in found], name)
    variables: dict[str, Any] = {}
    for name in sorted(grid.arrays, key=_order):
        variables[name] = DIMS, grid.arrays[name], _attributes(name)
    coords = {
        "size": ("size", np.array(grid.sizes, np.int64), {"long_name": "L", "units": "sites per side"}),
        "temperature": ("temperature", grid.temperatures, {"long_name": "temperature", "units": "J/k_B"}),
    }
    results = xarray.Dataset(variables, coords, model_attributes(spec))
    return add_transition(results, spec, curves)


def model_attributes(spec: XYSpec) -> dict[str, Any]:
    """The model in attributes of the results, so that figures need nothing else."""
    landscape = spec.landscape
    coupling = landscape.coupling
    return {
        "lattice": landscape.lattice,
        "coupling": float(coupling) if isinstance(coupling, (int, float)) else getattr(coupling, "kind", coupling),
        "field": landscape.field,
        "phase": "none" if landscape.phase is None else str(landscape.phase),
        "sampler": spec.sampler.kind,
    }


def transition_ratios(spec: XYSpec) -> dict[str, Ratio]:
    """The ratios whose curves locate the transition of this model; none where it is not a known one."""
    # The bias of Langevin steps is larger than the finite-size effects that the transition is read from.
    if not spec.landscape.ferromagnetic or spec.sampler.moves == "langevin":
        return {}
    if spec.landscape.lattice in ("square", "triangular"):
        return {"helicity_ratio": xy_quantities.helicity_ratio}
    return dict(xy_critical.RATIOS) if spec.landscape.lattice == "cubic" else {}


def add_transition(results: "xarray.Dataset", spec: XYSpec, curves: Mapping[str, Mapping[int, Any]]):
    """The results with T_BKT or T_c, and the crossings of the sizes."""
    if curves.get("helicity_ratio"):
        return _add_bkt(results, xy_transition.transition(curves["helicity_ratio"]))
    if len(next(iter(curves.values()), {})) > 1:
        return _add_critical(results, xy_critical.critical(curves))
    return results


class _Scalar(NamedTuple):
    value: float
    long_name: str
    units: str = "1"


def _add_bkt(results: "xarray.Dataset", found: xy_transition.Transition) -> "xarray.Dataset":
    crossing = np.full((2, results.sizes["size"]), np.nan)
    for size, estimate in found.crossing.items():
        crossing[:, list(results["size"].values).index(size)] = estimate.value, estimate.error
    long_name = "T*(L), where the helicity modulus per area is 2 T/pi"
    results = _with_sizes(results, "crossing_temperature", crossing, long_name)
    if len(found.crossing) < xy_transition.FEWEST_SIZES:
        return results
    temperature, constant, _, constant_error, chi2 = _numbers(found.estimate)
    first, c, first_error, c_error, leading_chi2 = _numbers(found.leading)
    line = found.from_crossings
    value, error = (np.nan, np.nan) if line is None else (float(line.value), float(line.error))
    freedom = len(found.crossing) - 2
    scalars = {
        "t_bkt": _Scalar(temperature, "T_BKT, joint fit of the next-order form", "J/k_B"),
        "t_bkt_error": _Scalar(found.error, "error of T_BKT, statistical and systematic", "J/k_B"),
        "t_bkt_statistical": _Scalar(found.statistical, "statistical part of the error of T_BKT", "J/k_B"),
        "t_bkt_systematic": _Scalar(found.systematic, "systematic part of the error of T_BKT", "J/k_B"),
        "t_bkt_constant": _Scalar(constant, "C of the next-order form"),
        "t_bkt_constant_error": _Scalar(constant_error, "error of C"),
        "t_bkt_chi2": _Scalar(chi2, "chi2 of the next-order form"),
        "t_bkt_degrees_of_freedom": _Scalar(freedom, "degrees of freedom of both fits"),
        "t_bkt_without_smallest": _Scalar(found.without_smallest, "T_BKT without the smallest size", "J/k_B"),
        "t_bkt_leading": _Scalar(first, "T_BKT, joint fit of the leading (Weber-Minnhagen) form", "J/k_B"),
        "t_bkt_leading_error": _Scalar(first_error, "its statistical error", "J/k_B"),
        "t_bkt_leading_constant": _Scalar(c, "C of the leading form"),
        "t_bkt_leading_constant_error": _Scalar(c_error, "its error"),
        "t_bkt_leading_chi2": _Scalar(leading_chi2, "chi2 of the leading form"),
        "t_bkt_from_crossings": _Scalar(value, "T_BKT, T*(L) extrapolated in 1/(ln L + C/2)^2", "J/k_B"),
        "t_bkt_from_crossings_error": _Scalar(error, "its statistical error", "J/k_B"),
        "t_bkt_from_crossings_slope": _Scalar(found.amplitude, "slope of T*(L) in 1/(ln L + C/2)^2", "J/k_B"),
    }
    return _with_scalars(results, scalars)


def _numbers(fit: xy_transition.JointFit | None) -> list[float]:
    """T_BKT, C, their errors, chi2; NaN without a fit."""
    if fit is None:
        return [np.nan] * 5
    return [*fit.parameters.full, *fit.parameters.error(), fit.chi2]


def _add_critical(results: "xarray.Dataset", found: xy_critical.Critical) -> "xarray.Dataset":
    sizes = list(results["size"].values)
    for name, of_pair in found.crossings.items():
        crossing = np.full((2, len(sizes)), np.nan)
        for size, estimate in of_pair.items():
            crossing[:, sizes.index(size)] = estimate.value, estimate.error
        said = f"crossing of the {name.replace('_', ' ')} with that of the next larger size"
        results = _with_sizes(results, f"crossing_{name}", crossing, said)
    if not np.isfinite(found.value):
        return results
    scalars = {
        "t_c": _Scalar(found.value, "T_c, mean of the crossings of the two largest sizes", "J/k_B"),
        "t_c_error": _Scalar(found.error, "error of T_c, statistical and systematic", "J/k_B"),
        "t_c_statistical": _Scalar(found.statistical, "statistical part of the error of T_c", "J/k_B"),
        "t_c_systematic": _Scalar(found.systematic, "systematic part of the error of T_c", "J/k_B"),
        "beta_c": _Scalar(1.0 / found.value, "beta_c = 1/T_c", "k_B/J"),
        "beta_c_error": _Scalar(found.error / found.value**2, "its error", "k_B/J"),
    }
    return _with_scalars(results, scalars)


def _with_sizes(results: "xarray.Dataset", name: str, rows: np.ndarray, long_name: str) -> "xarray.Dataset":
    return results.assign(
        {
            name: ("size", rows[0], {"long_name": long_name, "units": "J/k_B"}),
            f"{name}_error": ("size", rows[1], {"long_name": f"error of {long_name}", "units": "J/k_B"}),
        }
    )


def _with_scalars(results: "xarray.Dataset", scalars: Mapping[str, _Scalar]) -> "xarray.Dataset":
    return results.assign(
        {name: ((), float(s.value), {"long_name": s.long_name, "units": s.units}) for name, s in scalars.items()}
    )


def _one(spec: XYSpec, point: Point, path: Path, bins: int | None, ratios: dict[str, Ratio]) -> PointEstimates:
    series = read_series(path, point.parameters, spec.sampler.draws, spec.sampler.thin)
    place = geometry(spec.landscape, point.parameters["size"])
    return analyse(series, place, glass=spec.landscape.phase is not None, bins=bins, ratios=ratios)


def _put_pure(grid: _Grid, size: int, found: Sequence[PointEstimates]) -> None:
    for one in found:
        for name, estimate in one.estimates.items():
            grid.put(name, size, one.temperature, estimate.value)
            grid.put(f"{name}_error", size, one.temperature, estimate.error)
        for name, values in one.diagnostics.items():
            if name in DIAGNOSTICS:
                grid.put(name, size, one.temperature, values)


def _put_disorder(grid: _Grid, size: int, found: Sequence[tuple[Point, PointEstimates]]) -> None:
    """Averages over the instances at hand at each temperature; with one alone, its sampling error."""
    alone = False
    for temperature in grid.temperatures:
        picked = [(one, k) for _, one in found for k in np.flatnonzero(np.isclose(one.temperature, temperature))]
        if not picked:
            continue
        at = np.array([temperature])
        grid.put("instances", size, at, np.array([len(picked)]))
        for name in picked[0][0].estimates:
            values = np.array([one.estimates[name].value[k] for one, k in picked])
            errors = np.array([one.estimates[name].error[k] for one, k in picked])
            if len(picked) > 1:
                average = disorder_average(values, errors)
                value, error = average.value, average.error
            else:
                alone, value, error = True, values[0], errors[0]
            grid.put(name, size, at, value)
            grid.put(f"{name}_error", size, at, error)
        for name in picked[0][0].diagnostics:
            if name in DIAGNOSTICS:
                share = KEEP_WORST.get(name, np.mean)
                grid.put(name, size, at, share([one.diagnostics[name][k] for one, k in picked]))
    if alone:
        warnings.warn(
            f"{one_realisation(size)}; raise grid.instances",
            ConvergenceWarning,
            stacklevel=2,
        )


def one_realisation(size: int) -> str:
    """What to say of a size whose disorder was drawn once."""
    return (
        f"size {size}: one realisation of the disorder, so the errors are those of sampling it and say nothing about "
        "others"
    )


def _whole_curve(found: Sequence[PointEstimates], name: str) -> tuple[np.ndarray, Any]:
    ordered = sorted(found, key=lambda one: float(one.temperature[0]))
    temperature = np.concatenate([one.temperature for one in ordered])
    return temperature, joined([one.curves[name] for one in ordered])


def _warn(size: int, found: Sequence[PointEstimates], disordered: bool) -> None:
    doubtful = [one for one in found if one.warnings]
    for one in doubtful[:1] if disordered else doubtful:
        for text in one.warnings:
            share = f"{len(doubtful)} of {len(found)} points, the first: " if disordered else ""
            warnings.warn(f"size {size}: {share}{text}", ConvergenceWarning, stacklevel=3)


def _order(name: str) -> tuple[int, str]:
    """Physical numbers first, in the order of their table, each followed by its error."""
    names = [*LABELS, *DIAGNOSTICS]
    stem = name.removesuffix("_error")
    return (names.index(stem) if stem in names else len(names), name)


def _attributes(name: str) -> dict[str, str]:
    label = {**DIAGNOSTICS, **LABELS}.get(name)
    if label is not None:
        return {"long_name": label.long_name, "units": label.units}
    stem = {**DIAGNOSTICS, **LABELS}[name.removesuffix("_error")]
    return {"long_name": f"one standard error of: {stem.long_name}", "units": stem.units}
