"""Couplings J_ij and phases A_ij of the XY model, given or drawn at random.

Edwards & Anderson 1975 (J. Phys. F 5, 965) for random couplings; Ebner & Stroud 1985 (Phys. Rev. B 31, 165)
for the gauge glass. A drawn value depends only on the seed and the index of its bond.
"""

from collections.abc import Mapping

import numpy as np

from mcmc.errors import LandscapeError
from mcmc.landscapes.graphs import Graph, nearest
from mcmc.random import Stream, normals, uniforms

COUPLING_KINDS = ("plus-minus", "gaussian")
PHASE_KINDS = ("uniform",)


def couplings(graph: Graph, coupling=1.0, seed: int = 0) -> float | np.ndarray:
    """J: a float where it is the same on every bond, else (E,) float64 in the order of `graph.edges`.

    `coupling` is a number, an array (E,), a kind or a mapping {kind, mean, scale}: "plus-minus" is mean +-
    scale with equal probability, "gaussian" normal with that mean and deviation; by default mean 0, scale 1.
    Raises LandscapeError for values that are not finite, other shapes, unknown names.
    """
    if not isinstance(coupling, (str, Mapping)):
        return _values("coupling", coupling, graph, COUPLING_KINDS)
    kind, options = _kind("coupling", coupling, COUPLING_KINDS, {"mean": 0.0, "scale": 1.0})
    bonds = np.arange(graph.bonds, dtype=np.uint32)
    if kind == "gaussian":
        drawn = normals(seed, Stream.COUPLING, bonds, 0, 0)[:, 0]
    else:
        drawn = np.where(uniforms(seed, Stream.COUPLING, bonds, 0, 0)[:, 0] < 0.5, 1.0, -1.0)
    return options["mean"] + options["scale"] * drawn


def phases(graph: Graph, phase=None, seed: int = 0) -> np.ndarray | None:
    """A in radians, (E,) float64 in the order and orientation of `graph.edges`; None when there are none.

    `phase` is None, a number, an array (E,), "uniform" or {kind: "uniform"}: uniform in (-pi, pi), the gauge
    glass. Raises LandscapeError like `couplings`.
    """
    if phase is None:
        return None
    if not isinstance(phase, (str, Mapping)):
        values = _values("phase", phase, graph, PHASE_KINDS)
        return np.full(graph.bonds, values) if isinstance(values, float) else values
    _kind("phase", phase, PHASE_KINDS, {})
    bonds = np.arange(graph.bonds, dtype=np.uint32)
    return np.pi * (2.0 * uniforms(seed, Stream.PHASE, bonds, 0, 0)[:, 0] - 1.0)


def _values(place: str, given, graph: Graph, kinds: tuple[str, ...]) -> float | np.ndarray:
    allowed = f"a number, {graph.bonds} numbers (one a bond) or one of {', '.join(kinds)}"
    try:
        values = np.asarray(given)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "iuf":
        raise LandscapeError(f"{place}: got {str(given)[:40]!r}; {allowed} is needed")
    if values.shape not in ((), (graph.bonds,)):
        raise LandscapeError(f"{place}: got shape {values.shape}; {allowed} is needed")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        where = f"bond {np.flatnonzero(~np.isfinite(values))[0]} is " if values.ndim else ""
        raise LandscapeError(f"{place}: {where}{values[~np.isfinite(values)].flat[0]}; finite numbers are needed")
    return values if values.ndim else float(values)


def _kind(place: str, given, kinds: tuple[str, ...], defaults: dict[str, float]) -> tuple[str, dict[str, float]]:
    options = {"kind": given} if isinstance(given, str) else dict(given)
    kind = options.pop("kind", None)
    if kind not in kinds:
        raise LandscapeError(f"{place}: kind {kind!r} is unknown{nearest(kind, kinds)}; one of {', '.join(kinds)}")
    for name, value in options.items():
        if name not in defaults:
            known = ", ".join(("kind", *defaults))
            raise LandscapeError(f"{place}: key {name!r} is unknown{nearest(name, defaults)}; one of {known}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
            raise LandscapeError(f"{place}: {name} is {value!r}; a finite number is needed")
    return kind, {**defaults, **options}
