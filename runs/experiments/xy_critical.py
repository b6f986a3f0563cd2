"""Critical temperature of the cubic lattice from where the curves of two sizes cross.

At a continuous transition the Binder cumulant, the correlation length over L and the helicity modulus times L over T
do not depend on L up to corrections that fall as L^-w; curves of sizes L and L' therefore cross at T_c up to terms
L^-(w + 1/nu), in three dimensions about L^-2.3 (Binder 1981, Z. Phys. B 43, 119; Campostrini et al. 2006, PRB 74,
144506: nu = 0.672, w = 0.785).

The estimate is the mean of the three crossings of the two largest sizes, weighted by their errors. Its own error is
statistical (jackknife through all of it) and systematic: the largest distance of one of the three from their mean, or
of the mean from that of the next smaller pair.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mcmc.statistics.derived import binder_cumulant
from mcmc.statistics.jackknife import Estimate
from runs.experiments import xy_quantities as physics
from runs.experiments.xy_curves import first_root, fit_curve, follow_root
from runs.experiments.xy_resampled import Resampled, joined
from runs.experiments.xy_series import Geometry

WINDOW = 0.06
"""Half width of a curve, in units of the temperature of the crossing."""

Curves = Mapping[int, tuple[np.ndarray, Resampled]]
"""By size: temperatures, ascending, and (temperatures, 2) values and slopes."""


def _binder(beta: np.ndarray, mean: physics.Means, geometry: Geometry) -> np.ndarray:
    return binder_cumulant(mean["m2"], mean["m4"], components=2)


def _length(beta: np.ndarray, mean: physics.Means, geometry: Geometry) -> np.ndarray:
    return physics.correlation_length(mean, geometry) / geometry.size


def _stiffness(beta: np.ndarray, mean: physics.Means, geometry: Geometry) -> np.ndarray:
    return beta * physics.helicity(beta, mean, geometry) * geometry.size


RATIOS = {"binder_cumulant": _binder, "correlation_length_ratio": _length, "helicity_times_size": _stiffness}


class Critical(NamedTuple):
    """Crossings, and what they say together."""

    crossings: dict[str, dict[int, Estimate]]
    """By ratio and by the smaller size of the pair."""
    value: float
    """T_c; NaN when no pair of sizes crosses in all three."""
    statistical: float
    systematic: float

    @property
    def error(self) -> float:
        """Both parts of the error together."""
        return float(np.hypot(self.statistical, self.systematic))


def critical(curves: Mapping[str, Curves]) -> Critical:
    """T_c from the curves of each ratio in `RATIOS`."""
    found: dict[str, dict[int, Resampled]] = {name: {} for name in curves}
    sizes = sorted(next(iter(curves.values())))
    for name, of_size in curves.items():
        for small, large in pairwise(sizes):
            root = pair_crossing(of_size[small], of_size[large])
            if root is not None:
                found[name][small] = root
    estimates = {name: {size: root.estimate() for size, root in roots.items()} for name, roots in found.items()}
    complete = [size for size in sizes[:-1] if all(size in roots for roots in found.values())]
    if not complete:
        return Critical(estimates, np.nan, np.nan, np.nan)
    together, distances = _together([roots[complete[-1]] for roots in found.values()])
    value = float(together.full)
    if len(complete) > 1:
        before, _ = _together([roots[complete[-2]] for roots in found.values()])
        distances.append(abs(float(before.full) - value))
    return Critical(estimates, value, float(together.error()), max(distances))


def _together(roots: list[Resampled]) -> tuple[Resampled, list[float]]:
    """The weighted mean of the crossings of one pair, and how far each is from it."""
    weights = np.array([1.0 / float(root.error()) ** 2 for root in roots])
    weights /= weights.sum()
    # All ratios of a pair come from the same bins, so their rows belong together.
    left_out = np.tensordot(weights, [root.left_out for root in roots], axes=1)
    mean = Resampled(np.asarray(weights @ [float(root.full) for root in roots]), left_out, roots[0].run)
    return mean, [abs(float(root.full) - float(mean.full)) for root in roots]


def pair_crossing(small: tuple[np.ndarray, Resampled], large: tuple[np.ndarray, Resampled]) -> Resampled | None:
    """Temperature at which the curves of two sizes cross; None when they do not."""
    common, here, there = np.intersect1d(small[0], large[0], return_indices=True)
    if common.size < 2:
        return None
    difference = small[1].full[here, 0] - large[1].full[there, 0]
    change = np.flatnonzero(difference[:-1] * difference[1:] <= 0)
    if not change.size:
        return None
    # Far from T_c both curves are flat and noise makes them cross: the crossing meant is the steepest.
    steepness = abs(np.diff(difference))[change] / np.diff(common)[change]
    k = int(change[np.argmax(steepness)])
    rough = 0.5 * (common[k] + common[k + 1])
    fits = [fit_curve(*side, (1.0 - WINDOW) * rough, (1.0 + WINDOW) * rough) for side in (small, large)]
    if fits[0] is None or fits[1] is None:
        return None
    first, second = fits[0], fits[1]
    split = first.coefficients.full.size
    width = max(split, second.coefficients.full.size)

    def subtract(rows: np.ndarray) -> np.ndarray:
        result = np.zeros((len(rows), width))
        result[:, :split] = rows[:, :split]
        result[:, : rows.shape[1] - split] -= rows[:, split:]
        return result

    apart = joined([first.coefficients, second.coefficients]).apply(subtract)
    low, high = max(first.low, second.low) - first.centre, min(first.high, second.high) - first.centre
    near = max(low, common[k] - first.centre), min(high, common[k + 1] - first.centre)
    start = first_root(apart.full, *near)
    if np.isnan(start):
        return None
    with np.errstate(all="ignore"):
        root = apart.apply(lambda rows: first.centre + follow_root(rows, start))
    return root if np.isfinite(root.rows).all() and root.error() > 0.0 else None
