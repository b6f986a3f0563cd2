"""Rank correlations of local entropy and test error, with errors that count networks and test samples."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import xarray

RESAMPLES = 400
"""Of the test samples: they give the error that is due to them to 4 %."""

NO_SPREAD = 1e-9
"""Largest spread that is rounding."""

MEASURES = {
    "network": "local entropy",
    "fixed": "local entropy at one t",
    "trace": "minus the trace of the Hessian",
    "length": "minus the length of the weights",
}
"""What networks are ranked by; the last is no width, but what a width relative to the length knows of it."""


class Groups(NamedTuple):
    """Values to correlate, (..., groups, members, repeats): ranks are taken within a group of one repeat."""

    x: np.ndarray
    y: np.ndarray


def rank_correlation(groups: Groups) -> np.ndarray:
    """Pearson's correlation of ranks within each (group, repeat), centred there and pooled; NaN where nothing varies.

    With one group it is Spearman's rho of each repeat, averaged with the weights of its spread. Shape (...).
    """
    known = np.isfinite(groups.x) & np.isfinite(groups.y)
    a, b = (_centred_ranks(np.where(known, v, 0.0), known) for v in groups)
    ab, aa, bb = ((v * w).sum(axis=(-3, -2, -1)) for v, w in ((a, b), (a, a), (b, b)))
    norm = np.sqrt(aa * bb)
    return np.divide(ab, norm, out=np.full(np.shape(norm), math.nan), where=norm > 0)


def _centred_ranks(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Ranks along the members, equal values sharing theirs, less their mean; 0 for members that are not known."""
    above = np.sign(values[..., :, None, :] - values[..., None, :, :])
    return 0.5 * np.where(known[..., :, None, :] & known[..., None, :, :], above, 0.0).sum(axis=-2)


def with_error(groups: Groups, axis: int = 2, resampled: np.ndarray | None = None) -> tuple[float, float]:
    """Rank correlation of (groups, members, repeats) and its standard error.

    Places on `axis`, independent ones, are left out one at a time (jackknife). `resampled` are the values y on test
    samples drawn anew, (resamples, groups, members, repeats): the variance they make is added. What a network makes of
    single samples is in both: the error is rather too large than too small. NaN where leaving out changes nothing, as
    where the correlation is 1 or -1: the spread then says nothing of the error.
    """
    value, count = float(rank_correlation(groups)), groups.x.shape[axis]
    left = [float(rank_correlation(Groups(*(np.delete(v, i, axis=axis) for v in groups)))) for i in range(count)]
    variance = (count - 1) * float(np.var(left))
    # A NaN is not above.
    if count < 3 or not variance > NO_SPREAD**2:
        return value, math.nan
    if resampled is not None:
        variance += float(np.var(rank_correlation(Groups(groups.x, resampled)), ddof=1))
    return value, math.sqrt(variance)


def resampled_errors(missed: np.ndarray, seed: int) -> np.ndarray:
    """Test errors on test samples drawn anew, the same for all networks, (RESAMPLES, networks...).

    `missed` is (networks..., test samples): 1 where a network is wrong, 0 where right, NaN without one.
    """
    from mcmc.random import Stream, uniforms

    count, number = missed.shape[-1], np.arange(RESAMPLES)[:, None]
    drawn = uniforms(seed, Stream.BOOTSTRAP, np.arange(-(-count // 2)), number, 0).reshape(RESAMPLES, -1)[:, :count]
    places = (drawn * count).astype(np.int64) + number * count
    times = np.bincount(places.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count)
    return np.moveaxis(missed @ times.T, -1, 0) / count


def correlations(results: "xarray.Dataset", missed: np.ndarray, seed: int) -> dict[str, tuple]:
    """Rank correlations of local entropy and test error: of solutions by alpha, of networks by what is held fixed.

    `missed` is (wrong, recipe, network, test samples), see `resampled_errors`.
    """
    found: dict[str, tuple] = {}
    if "solution_entropy" in results:
        found |= _solution_correlations(results)
    if "network_entropy" in results:
        found |= _network_correlations(results, resampled_errors(missed, seed))
    return found


def _solution_correlations(results: "xarray.Dataset") -> dict[str, tuple]:
    """Between solvers on the same instance, and within a solver over instances."""
    learnt = results.isel(source=slice(0, -1))
    y = learnt["solution_test_error"].transpose("alpha", "source", "instance").values
    x = learnt["solution_entropy"].transpose("distance", "alpha", "source", "instance").values
    places = range(len(y))
    between = [[with_error(Groups(one[a : a + 1], y[a : a + 1])) for a in places] for one in x]
    within = [[with_error(Groups(one[a][..., None], y[a][..., None]), 1) for a in places] for one in x]
    said = "rank correlation of S(d) and test error"
    dims = ("distance", "alpha")
    return {
        **_estimate("solution_correlation", np.array(between), dims, f"{said} between solvers on the same instance"),
        **_estimate("solution_correlation_within", np.array(within), dims, f"{said} within a solver, over instances"),
    }


def _network_correlations(results: "xarray.Dataset", resampled: np.ndarray) -> dict[str, tuple]:
    """Between recipes from one start, and between all networks of one number; by each measure of width."""
    axes = ("wrong", "recipe", "network")
    y = results["network_test_error"].transpose(*axes).values
    found: dict[str, tuple] = {}
    for name, x in _measured(results, axes).items():
        dims = ("displacement",) if name == "network" else ()
        starts = [[with_error(Groups(one[i : i + 1], y[i : i + 1]), resampled=resampled[:, i : i + 1])
                   for i in range(len(y))] for one in x]  # fmt: skip
        whole = [with_error(Groups(_pooled(one), _pooled(y)), resampled=_pooled(resampled)) for one in x]
        said = f"rank correlation of {MEASURES[name]} and test error"
        by_start, over_all = np.array(starts), np.array(whole)
        if not dims:
            by_start, over_all = by_start[0], over_all[0]
        found |= _estimate(f"{name}_correlation", by_start, (*dims, "wrong"), f"{said} between recipes, same start")
        found |= _estimate(f"{name}_correlation_all", over_all, dims, f"{said} between all starts and recipes")
    return found


def _measured(results: "xarray.Dataset", axes: tuple[str, ...]) -> Mapping[str, np.ndarray]:
    """The MEASURES of every network, (displacements or 1, *axes)."""
    return {
        "network": results["network_entropy"].transpose("displacement", *axes).values,
        "fixed": results["network_fixed_entropy"].transpose(*axes).values[None],
        "trace": -results["network_hessian_trace"].transpose(*axes).values[None],
        "length": -results["network_length"].transpose(*axes).values[None],
    }


def _pooled(values: np.ndarray) -> np.ndarray:
    """One group of everything that shares a number."""
    return values.reshape(*values.shape[:-3], 1, -1, values.shape[-1])


def _estimate(name: str, pairs: np.ndarray, dims: tuple[str, ...], said: str) -> dict[str, tuple]:
    return {
        name: (dims, pairs[..., 0], {"long_name": said, "units": "1"}),
        f"{name}_error": (dims, pairs[..., 1], {"long_name": f"one standard error of: {said}", "units": "1"}),
    }
