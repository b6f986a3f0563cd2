"""Theory of "perceptron-density-map": entropy of the densest groups over (alpha, d), where it falls, alpha_U bracketed.

A distance d from a reference in the middle of a group stands for the mutual distance 2 d (1 - d) of its solutions: the
overlap of two of them is (1 - 2d)^2. The map ends at the distance of typical solutions, beyond which groups held
farther apart than typical ones have no meaning as surroundings.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError
from runs.experiments.perceptron_theory import storage_capacity

if TYPE_CHECKING:
    import xarray

    from runs.experiments.perceptron_density_map import DensityMapSpec

FARTHEST = 0.36
FLAT = 1e-9
"""Slopes above -FLAT count as not falling."""

BRACKET_DISTANCES = 16
REFINED = 1e-3
BRACKET_FROM, BRACKET_TO = 0.004, 0.15
"""Mutual distances at which a bracket looks for a falling entropy; farther, it falls nowhere before typical ones."""


def typical_distance(alpha: float, margin: float = 0.0) -> float:
    """Distance d whose groups have the overlap of two typical solutions, 1 - 2d = sqrt q; NaN without such a state."""
    from perceptron import theory

    try:
        return 0.5 * (1.0 - math.sqrt(float(theory.replica_symmetric(alpha, kappa=margin).overlap)))
    except (ArgumentError, ValueError):
        return math.nan


def dense_group(alpha: float, distance: float, margin: float = 0.0) -> tuple[float, float]:
    """Entropy (nats per weight) of groups around a centre at `distance`, and its slope in it; NaN without a solution.

    Raises nothing: places that theory does not reach are masked.
    """
    from perceptron import theory

    try:
        found = theory.large_deviations(alpha, 2.0 * distance * (1.0 - distance), margin)
    except ArgumentError:
        return math.nan, math.nan
    return float(found.entropy), float(found.slope) * (2.0 - 4.0 * distance)


def falls(alpha: float, margin: float = 0.0) -> bool:
    """Whether the entropy of groups falls anywhere before the distance of typical solutions.

    Its slope is looked at on a grid, and at its least between the neighbours of the least there.
    """
    from scipy.optimize import minimize_scalar

    def slope(log_mutual: float) -> float:
        return dense_group(alpha, 0.5 * (1.0 - math.sqrt(1.0 - 2.0 * math.exp(log_mutual))), margin)[1]

    places = np.linspace(math.log(BRACKET_FROM), math.log(BRACKET_TO), BRACKET_DISTANCES)
    slopes = np.empty(places.size)
    for i, place in enumerate(places):
        slopes[i] = slope(place)
        if slopes[i] < -FLAT:
            return True
    if np.isnan(slopes).all():
        return False
    k = int(np.nanargmin(slopes))
    ends = places[max(k - 1, 0)], places[min(k + 1, places.size - 1)]
    return bool(minimize_scalar(slope, bounds=ends, method="bounded", options={"xatol": REFINED}).fun < -FLAT)


def bracket(margin: float, low: float, high: float, width: float) -> tuple[float, float]:
    """Largest alpha seen where the entropy never falls, least where it does, at most `width` apart; NaN if not between.

    Looked for between `low` and `high` by halving, see `falls`.
    """
    if not (low < high) or falls(low, margin) or not falls(high, margin):
        return math.nan, math.nan
    while high - low > width:
        middle = 0.5 * (low + high)
        if falls(middle, margin):
            high = middle
        else:
            low = middle
    return low, high


def map_variables(spec: "DensityMapSpec") -> dict[str, tuple]:
    """The map over (map_alpha, map_distance), NaN where masked, with slope, the typical distance and alpha_U."""
    from perceptron import theory

    margin, capacity = spec.patterns.margin, storage_capacity(spec.patterns)
    alphas = np.linspace(spec.map.alpha_from, capacity, spec.map.alphas)
    places = np.geomspace(spec.map.nearest, FARTHEST, spec.map.distances)
    typical = np.array([typical_distance(float(alpha), margin) for alpha in alphas])
    values = np.full((alphas.size, places.size, 2), math.nan)
    lost = 0
    for i, alpha in enumerate(alphas):
        for j, d in enumerate(places):
            if not d > typical[i]:
                values[i, j] = dense_group(float(alpha), float(d), margin)
                lost += int(np.isnan(values[i, j, 0]))
    low, high = bracket(margin, float(alphas[0]), float(alphas[-1]), spec.map.width)
    try:
        threshold: Any = theory.monotonicity_threshold(margin)
    except ArgumentError:
        threshold = None
    nats, of_map = "nats per weight", ("map_alpha", "map_distance")
    return {
        "map_alpha": ("map_alpha", alphas, {"long_name": "alpha of the map", "units": "patterns per weight"}),
        "map_distance": ("map_distance", places, {"long_name": "distance of the map", "units": "1"}),
        "map_entropy": (of_map, values[..., 0], {
            "long_name": "entropy of groups of y -> infinity solutions around a centre at d, theory", "units": nats}),
        "map_slope": (of_map, values[..., 1], {"long_name": "its derivative in d", "units": nats}),
        "map_typical": ("map_alpha", typical, {"long_name": "d of typical solutions, where the map ends",
                                               "units": "1"}),
        "map_lost": ((), lost, {"long_name": "places of the map where theory has no solution", "units": "1"}),
        "capacity": ((), capacity, {"long_name": "alpha_c, replica-symmetric", "units": "1"}),
        "alpha_u_low": ((), low, {"long_name": "largest alpha found with an entropy that never falls", "units": "1"}),
        "alpha_u_high": ((), high, {"long_name": "least alpha found with one that falls", "units": "1"}),
        "alpha_u": ((), math.nan if threshold is None else float(threshold), {
            "long_name": "alpha_U, where the slope first vanishes", "units": "1"}),
    }  # fmt: skip


def residual_variables(spec: "DensityMapSpec", results: "xarray.Dataset") -> dict[str, tuple]:
    """Measured entropies minus theory at their own P / n and k / n, with the errors of the measured; NaN beyond it."""
    margin = spec.patterns.margin
    patterns, measured = results["patterns"].values, results["measured_distance"].values
    theory = np.full((len(spec.grid.n), len(spec.grid.alpha), len(spec.grid.distance)), math.nan)
    for i, j, k in np.ndindex(theory.shape):
        alpha, d = float(patterns[i, j]) / spec.grid.n[i], float(measured[i, k])
        if d <= typical_distance(alpha, margin):
            theory[i, j, k] = dense_group(alpha, d, margin)[0]
    said = {"long_name": "entropy of groups at the measured alpha and d, theory", "units": "nats per weight"}
    found: dict[str, tuple] = {"group_entropy": (("n", "alpha", "distance"), theory, said)}
    if "entropy" in results:
        entropy = results["entropy"].transpose("source", "n", "alpha", "estimator", "distance").values
        label = "measured local entropy minus that of the densest groups"
        dims = ("source", "n", "alpha", "estimator", "distance")
        found["residual"] = (dims, entropy - theory[None, :, :, None, :], {
            "long_name": label, "units": "nats per weight"})  # fmt: skip
        if "entropy_error" in results:
            errors = results["entropy_error"].transpose(*dims).values
            said = {"long_name": f"one standard error of: {label}", "units": "nats per weight"}
            found["residual_error"] = (dims, errors, said)
    return found
