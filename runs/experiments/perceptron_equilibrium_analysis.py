"""What one instance says: mean energy, entropy by integration and by Bennett's ratios, overlaps, and how sure it is."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.bennett import bennett_ratios
from mcmc.statistics.binning import bin_length
from mcmc.statistics.convergence import r_hat
from mcmc.statistics.jackknife import Estimate, replicates
from mcmc.statistics.thermodynamic_integration import integration_error, log_z_differences

R_HAT_DRAWS = 1000
"""Draws of each chain whose ranks are compared: R-hat - 1 is then known to 1e-3, and ranking more takes seconds."""


class InstanceSeries(NamedTuple):
    """The series of one file, betas ascending."""

    energy: np.ndarray
    """(chains, draws, betas) float64, totals."""
    overlap: np.ndarray
    """(pairs, draws, betas) float64: each pair of chains once."""
    magnetizations: dict[str, np.ndarray]
    """(chains, draws, betas) float64: magnetization, and overlap with the teacher of planted patterns."""
    statistics: dict[str, np.ndarray]
    """What the sampler counted, mean over chains: (betas,), or ()."""


class InstanceEstimates(NamedTuple):
    """Of one instance; arrays are (betas,), per weight where the name says so."""

    estimates: dict[str, Estimate]
    diagnostics: dict[str, np.ndarray]
    density: np.ndarray
    """(betas, overlap bins) float64: P(q)."""


def read_series(path: Path, draws: int) -> InstanceSeries:
    """The first `draws` draws of a point's file. Raises StoreError for a file that cannot be read."""
    from mcmc.store.reader import open_run_file

    with open_run_file(path) as file:
        data = file.isel(draw=slice(0, draws)).load()
    # Temperatures ascend in the file, so betas descend.
    data = data.isel(temperature=slice(None, None, -1))
    series, statistics = {}, {}
    for name, variable in data.data_vars.items():
        if "draw" in variable.dims:
            series[str(name)] = np.asarray(variable.transpose("chain", "draw", "temperature").values, np.float64)
        elif "chain" in variable.dims:
            statistics[str(name)] = variable.mean("chain").values
    energy, overlap = series.pop("energy"), series.pop("overlap")
    return InstanceSeries(energy, overlap[::2], series, statistics)


def analyse(
    series: InstanceSeries, betas: np.ndarray, n: int, zero_energy: float | None, edges: np.ndarray, bins: int | None
) -> InstanceEstimates:
    """Estimates of one instance of n weights; `bins` for each chain, by default as its slowest number allows.

    `zero_energy` is the mean energy at beta = 0 where it is known exactly; `edges` those of the bins of P(q).
    """
    chains, draws = series.energy.shape[:2]
    slow = {"energy": series.energy, "overlap": series.overlap}
    times = {name: integrated_time(values, warn=False) for name, values in slow.items()}
    tau = np.max([time.tau_int for time in times.values()], axis=0)
    length = max(draws // bins, 1) if bins is not None else bin_length(tau.max(), draws, chains)
    # A lone pair has half the bins of two chains: at least two remain.
    length = min(length, draws // 2)
    estimates, integration = _thermodynamics(series.energy, betas, n, zero_energy, length)
    estimates |= _moments("overlap", series.overlap, length)
    for name, values in series.magnetizations.items():
        estimates[name] = replicates(lambda m: m, values, length=length, vectorized=True).estimate()
    stride = -(-draws // R_HAT_DRAWS)
    half = draws // 2
    diagnostics = {
        "tau_int_energy": times["energy"].tau_int,
        "tau_int": tau,
        "r_hat": np.max([np.atleast_1d(r_hat(values[:, ::stride])) for values in slow.values()], axis=0),
        "drift": (series.energy[:, -half:].mean(axis=(0, 1)) - series.energy[:, :half].mean(axis=(0, 1))) / n,
        # Of the draws themselves: the energy at beta = 0 may be the exact one, which has no error.
        "sampled_energy_error": estimates.pop("sampled_energy_per_weight").error,
        "bins": np.full(betas.size, float(chains * (draws // length))),
        "integration_error": integration / n,
        **series.statistics,
    }
    return InstanceEstimates(estimates, diagnostics, overlap_density(series.overlap, n, edges))


def _thermodynamics(
    energy: np.ndarray, betas: np.ndarray, n: int, zero_energy: float | None, length: int
) -> tuple[dict[str, Estimate], np.ndarray]:
    """Energy, specific heat, free entropy and entropy per weight, and the error that integration makes in ln Z."""
    shift = energy.mean(axis=(0, 1))
    deviation = energy - shift
    ratios = bennett_ratios(betas, energy)
    # As many betas as the other series; the last pull belongs to no pair.
    pull = np.concatenate([ratios.pull, np.zeros_like(energy[:, :, :1])], axis=2)

    def known(mean: np.ndarray) -> np.ndarray:
        return mean if zero_energy is None else np.concatenate(
            [np.full_like(mean[..., :1], zero_energy), mean[..., 1:]], axis=-1
        )  # fmt: skip

    def function(d: np.ndarray, d2: np.ndarray, p: np.ndarray) -> np.ndarray:
        mean, variance = known(shift + d), d2 - d**2
        log_z = n * math.log(2.0) + log_z_differences(betas, mean, variance)
        steps = np.cumsum(ratios.left_out(p[..., :-1]), axis=-1)
        bennett = n * math.log(2.0) + np.concatenate([np.zeros_like(p[..., :1]), steps], axis=-1)
        rows = (mean, betas**2 * variance, log_z, log_z + betas * mean, bennett, log_z - bennett, shift + d)
        return np.stack(rows, axis=-2) / n

    names = ("energy_per_weight", "specific_heat_per_weight", "free_entropy_per_weight", "entropy_per_weight",
             "free_entropy_bennett", "integration_minus_bennett", "sampled_energy_per_weight")  # fmt: skip
    whole = replicates(function, [deviation, deviation**2, pull], length=length, vectorized=True).estimate()
    variance = deviation.var(axis=(0, 1))
    integration = integration_error(betas, known(shift), variance)
    return {name: Estimate(whole.value[i], whole.error[i]) for i, name in enumerate(names)}, integration


def _moments(name: str, series: np.ndarray, length: int) -> dict[str, Estimate]:
    """Mean and standard deviation over the draws."""

    def function(m: np.ndarray, m2: np.ndarray) -> np.ndarray:
        return np.stack([m, np.sqrt(np.maximum(m2 - m**2, 0.0))], axis=-2)

    whole = replicates(function, [series, series**2], length=length, vectorized=True).estimate()
    return {name: Estimate(whole.value[0], whole.error[0]), f"{name}_width": Estimate(whole.value[1], whole.error[1])}


def overlap_density(overlap: np.ndarray, n: int, edges: np.ndarray) -> np.ndarray:
    """P(q) from overlaps (pairs, draws, betas), averaged over the bins between `edges`: (betas, edges - 1) float64.

    Overlaps of n weights are 2/n apart; each is spread evenly over 4/n, so that bins of any width show no comb. That
    evens out odd and even distances too, which differ at finite n: a pattern that is right at both ends of distance
    2k - 1 is so with the same chance at 2k (see `perceptron.theory.second_moments`). Integrates to 1.
    """
    levels = np.rint(0.5 * n * (1.0 + overlap)).astype(np.int64)
    borders = (2.0 * np.arange(n + 2) - 1.0) / n - 1.0
    density = np.empty((overlap.shape[-1], edges.size - 1))
    for k in range(overlap.shape[-1]):
        counts = np.bincount(levels[..., k].ravel(), minlength=n + 1)
        below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
        at = 0.5 * (np.interp(edges - 1.0 / n, borders, below) + np.interp(edges + 1.0 / n, borders, below))
        # What the ends of the axis cut off belongs to the outermost bins.
        at[0], at[-1] = 0.0, 1.0
        density[k] = np.diff(at) / np.diff(edges)
    return density


def merged(parts: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    """One diagnostic of several instances, (instances, ...)."""
    return np.array([part[name] for part in parts])
