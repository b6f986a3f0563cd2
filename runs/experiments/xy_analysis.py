"""What one point of an XY run says: estimates with jackknife errors, diagnostics, and slopes for the transition."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mcmc.statistics.autocorrelation import TRUSTED_LENGTH, integrated_time
from mcmc.statistics.binning import bin_length
from mcmc.statistics.convergence import AGREEMENT, r_hat
from mcmc.statistics.jackknife import Estimate, replicates
from runs.experiments import xy_quantities as physics
from runs.experiments.xy_resampled import Resampled, one_run
from runs.experiments.xy_series import Geometry, PointSeries

Ratio = Callable[[np.ndarray, physics.Means, Geometry], np.ndarray]
"""A dimensionless number of (beta, means, geometry) whose curves against temperature meet at a transition."""

R_HAT_DRAWS = 1000
"""Draws of each chain whose ranks are compared: R-hat - 1 is then known to 1e-3, and ranking more takes seconds."""

TANGENT_STEP = 1e-4
"""Step of the numerical derivative along the tangent, relative to beta: its error is the square of this."""


class PointEstimates(NamedTuple):
    """Of one file; arrays are (temperatures,)."""

    temperature: np.ndarray
    estimates: dict[str, Estimate]
    diagnostics: dict[str, np.ndarray]
    curves: dict[str, Resampled]
    """Values and slopes d/dT, (temperatures, 2), by the name of the ratio."""
    warnings: list[str]


def analyse(
    series: PointSeries,
    geometry: Geometry,
    *,
    glass: bool = False,
    bins: int | None = None,
    ratios: dict[str, Ratio] | None = None,
) -> PointEstimates:
    """Estimates of one point; `bins` for each chain, by default as many as its slowest number allows.

    All temperatures of a point have the same bins: under tempering they are correlated, and a bin is left out at
    all of them at once.
    """
    beta = 1.0 / series.temperature
    shift = series.values["energy"].mean(axis=(0, 1))
    moments = physics.moments(series.values, shift, geometry)
    slow = _slow_series(moments, beta, geometry)
    times = {name: integrated_time(values, warn=False) for name, values in slow.items()}
    chains, draws = moments["e"].shape[:2]
    tau = np.max([time.tau_int for time in times.values()], axis=0)
    length = max(draws // bins, 1) if bins is not None else bin_length(tau.max(), draws, chains)
    names: list[str] = []

    def function(**mean: np.ndarray) -> np.ndarray:
        found = physics.quantities(beta, mean, shift, geometry, glass)
        names[:] = list(found)
        return np.stack(list(found.values()), axis=-2)

    whole = replicates(function, moments, length=length, vectorized=True).estimate()
    estimates = {name: Estimate(whole.value[i], whole.error[i]) for i, name in enumerate(names)}
    energy = times["energy"]
    estimates["tau_int_energy"] = Estimate(energy.tau_int * series.thin, energy.error * series.thin)
    stride = -(-draws // R_HAT_DRAWS)
    worst = np.max([np.atleast_1d(r_hat(values[:, ::stride])) for values in slow.values()], axis=0)
    count = float(chains * (draws // length))
    diagnostics = {
        "r_hat": worst,
        "tau_int": tau * series.thin,
        "bins": np.full(beta.shape, count),
        **series.statistics,
    }
    curves = {name: _curve(ratio, moments, beta, geometry, length) for name, ratio in (ratios or {}).items()}
    return PointEstimates(series.temperature, estimates, diagnostics, curves, _doubts(series, tau, draws, worst))


def _slow_series(moments: dict[str, np.ndarray], beta: np.ndarray, geometry: Geometry) -> dict[str, np.ndarray]:
    """The series whose slowness decides: energy, |M|^2, and what the helicity modulus averages."""
    slow = {"energy": moments["e"], "magnetization": moments["m2"]}
    if geometry.directions:
        slow["helicity"] = sum(moments[f"c{a}"] - beta * moments[f"t{a}"] for a in geometry.directions)
    return slow


def _curve(ratio: Ratio, moments: dict[str, np.ndarray], beta: np.ndarray, geometry: Geometry, length: int):
    """Values and slopes of a ratio, from d<O>/dbeta = -(<O E> - <O><E>) of every mean it uses."""
    used = _means_used(ratio, moments, beta, geometry)
    series = {name: moments[name] for name in used} | {f"{name}*e": moments[name] * moments["e"] for name in used}
    series["e"] = moments["e"]

    def function(**mean: np.ndarray) -> np.ndarray:
        step = TANGENT_STEP * beta
        tangent = {name: mean[name] * mean["e"] - mean[f"{name}*e"] for name in used}
        ahead, behind = (
            ratio(beta + s, {name: mean[name] + s * tangent[name] for name in used}, geometry) for s in (step, -step)
        )
        slope = -(beta**2) * (ahead - behind) / (2.0 * step)
        return np.stack([ratio(beta, mean, geometry), slope], axis=-1)

    return one_run(replicates(function, series, length=length, vectorized=True))


def _means_used(ratio: Ratio, moments: dict[str, np.ndarray], beta: np.ndarray, geometry: Geometry) -> list[str]:
    class Watched(dict):
        asked: Sequence[str] = ()

        def __getitem__(self, name):
            self.asked = [*self.asked, name]
            return super().__getitem__(name)

    means = Watched({name: values.mean(axis=(0, 1)) for name, values in moments.items()})
    ratio(beta, means, geometry)
    return list(dict.fromkeys(means.asked))


def _doubts(series: PointSeries, tau: np.ndarray, draws: int, worst: np.ndarray) -> list[str]:
    """What a reader must know before believing the errors, one line per kind, without the name of the point."""
    doubts = []
    short = tau * TRUSTED_LENGTH > draws
    if short.any():
        k = int(np.argmax(tau))
        needed = math.ceil(TRUSTED_LENGTH * tau[k]) * series.thin
        doubts.append(
            f"chains of {draws * series.thin} sweeps are shorter than {TRUSTED_LENGTH} tau_int"
            f"{_where(series.temperature, short)}: tau_int = {tau[k] * series.thin:.3g} sweeps, so run at least "
            f"{needed} sweeps"
        )
    apart = worst > AGREEMENT
    if apart.any():
        doubts.append(
            f"chains do not agree{_where(series.temperature, apart)}: R-hat up to {worst.max():.3f}, above "
            f"{AGREEMENT}; run longer"
        )
    return doubts


def _where(temperature: np.ndarray, chosen: np.ndarray) -> str:
    there = temperature[chosen]
    if there.size == 1:
        return f" at T = {there[0]:g}"
    return f" at {there.size} temperatures between {there.min():g} and {there.max():g}"
