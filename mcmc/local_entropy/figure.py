"""One picture of local entropies: curves with error bars, what bounds them, and theory over them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.local_entropy.result import DISTANCE, LocalEntropy

LABELS = {
    "distance": ("normalised Hamming distance $d$ from the reference", "local entropy $S(d)$ (nats per weight)"),
    "scale": ("scale $t$ of the smoothing", "smoothed free energy $u(x, t)$ (energy)"),
}
BOUND = "all configurations"


def plot(
    curves: Any,
    *,
    theory: Mapping[str, tuple[Any, Any]] | None = None,
    bounds: bool = True,
    ax: Any = None,
    companions: bool = False,
) -> Any:
    """Draw one LocalEntropy, several, or a mapping label -> LocalEntropy; returns the matplotlib axes.

    Bars are one standard error; open symbols are points of a curve that has warnings. Without labels of their own
    curves are named by method. `theory` maps a label to (x, y), drawn as lines; `bounds` adds the binary entropy
    -d ln d - (1 - d) ln(1 - d) to curves over distances; `companions` draws those too. Values that are not finite are
    left out. `ax` is the axes to draw in, a new figure when None.
    Raises ArgumentError for anything else than local entropies, or curves over distances and scales together.
    """
    named = _named(curves, companions)
    kind = named[0][1].kind
    if any(curve.kind != kind for _, curve in named):
        raise ArgumentError("curves: some are over distances and some over scales; draw them in two figures")
    lines = [_line(label, values) for label, values in (theory or {}).items()]
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1]
    if bounds and kind == DISTANCE:
        _draw_bound(ax, max(float(np.max(curve.scale)) for _, curve in named))
    for label, x, y in lines:
        ax.plot(x, y, lw=1.3, label=label, zorder=2)
    for label, curve in named:
        _draw_curve(ax, label, curve)
    ax.set_xlabel(LABELS[kind][0])
    ax.set_ylabel(LABELS[kind][1])
    if kind != DISTANCE and min(float(np.min(curve.scale)) for _, curve in named) > 0:
        ax.set_xscale("log")
    ax.legend(frameon=False, fontsize="small")
    return ax


def binary_entropy(distance: Any) -> np.ndarray:
    """-d ln d - (1 - d) ln(1 - d), 0 at both ends, in nats."""
    d = np.asarray(distance, dtype=np.float64)
    inside = np.clip(d, 1e-300, 1.0 - 1e-16)
    return np.where((d <= 0) | (d >= 1), 0.0, -inside * np.log(inside) - (1.0 - inside) * np.log1p(-inside))


def _draw_bound(ax: Any, farthest: float) -> None:
    # To the end of the axis beyond the last point, which is where an eye looks for the bound.
    d = np.linspace(0.0, min(1.0, 1.05 * farthest), 300)
    ax.plot(d, binary_entropy(d), color="0.55", lw=1.0, ls="--", label=BOUND, zorder=1)


def _draw_curve(ax: Any, label: str, curve: LocalEntropy) -> None:
    order = np.argsort(curve.scale)
    x, y, error = curve.scale[order], curve.value[order], curve.error[order]
    shown = np.isfinite(y)
    error = np.where(np.isfinite(error), error, 0.0)
    fill = {} if curve.converged else {"mfc": "none"}
    name = label if curve.converged else f"{label}, with warnings"
    style = "-" if math.isclose(float(np.max(error[shown], initial=0.0)), 0.0) else "none"
    ax.errorbar(
        x[shown], y[shown], error[shown], fmt="o", ms=3.5, lw=0.9, ls=style, capsize=2, label=name, zorder=3, **fill
    )


def _named(curves: Any, companions: bool) -> list[tuple[str, LocalEntropy]]:
    if isinstance(curves, LocalEntropy):
        pairs: list[tuple[Any, Any]] = [(curves.method, curves)]
    elif isinstance(curves, Mapping):
        pairs = list(curves.items())
    elif isinstance(curves, Iterable) and not isinstance(curves, (str, bytes)):
        pairs = [(getattr(curve, "method", ""), curve) for curve in curves]
    else:
        pairs = [("", curves)]
    for _, curve in pairs:
        if not isinstance(curve, LocalEntropy):
            raise ArgumentError(f"curves: got {type(curve).__name__}; a LocalEntropy, or several, are needed")
    if not pairs:
        raise ArgumentError("curves: got none; a LocalEntropy, or several, are needed")
    named = []
    for label, curve in pairs:
        named.append((str(label), curve))
        if companions:
            named += [(f"{label}, {name}", other) for name, other in curve.companions.items()]
    return named


def _line(label: str, values: Any) -> tuple[str, np.ndarray, np.ndarray]:
    try:
        x, y = (np.asarray(part, dtype=np.float64) for part in values)
    except (TypeError, ValueError):
        raise ArgumentError(f"theory: {label!r} is no pair (x, y) of arrays of numbers") from None
    if x.ndim != 1 or x.shape != y.shape:
        raise ArgumentError(f"theory: {label!r} has shapes {x.shape} and {y.shape}; two arrays as long are needed")
    return label, x, y
