"""Energies and gradients of a smooth landscape, of the shapes that compiled steps take for granted.

Compiled loops index without looking: a gradient of another shape would be read beyond its end.
"""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError


def gradient_at(landscape: Any, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
    """Gradients at x (chains, dim) on `batch`, or on all data, as the landscape gives them.

    Raises ArgumentError unless they are an array (chains, dim) of float64 or float32.
    """
    return _checked_gradient(
        landscape, landscape.gradient(x) if batch is None else landscape.gradient(x, batch), x.shape
    )


def energy_at(landscape: Any, x: np.ndarray) -> np.ndarray:
    """Energies of all data at x (chains, dim), (chains,) float64. Raises ArgumentError for any other shape."""
    return _checked_energy(landscape, landscape.energy(x), len(x))


def energy_and_gradient(landscape: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies (chains,) and gradients (chains, dim), float64; in one call where the landscape has such a one.

    Raises ArgumentError for any other shape.
    """
    both = getattr(landscape, "energy_and_gradient", None)
    energy, gradient = (landscape.energy(x), landscape.gradient(x)) if both is None else both(x)
    found = _checked_gradient(landscape, gradient, x.shape)
    return _checked_energy(landscape, energy, len(x)), np.ascontiguousarray(found, dtype=np.float64)


def start_at(landscape: Any, chain: np.ndarray, seed: int) -> np.ndarray:
    """The landscape's own starting points, (chains, dim) float64. Raises ArgumentError for any other shape."""
    found = landscape.initial_x(chain, seed)
    if np.shape(found) != (chain.size, landscape.dim):
        raise ArgumentError(_said(landscape, "initial_x", found, f"{(chain.size, landscape.dim)}, (chains, dim),"))
    return np.array(found, dtype=np.float64, order="C")


def _checked_gradient(landscape, found, shape):
    if isinstance(found, np.ndarray) and found.shape == shape and found.dtype.char in "df" and found.dtype.isnative:
        return found
    raise ArgumentError(_said(landscape, "gradient", found, f"{shape}, (chains, dim),"))


def _checked_energy(landscape, found, chains):
    values = np.asarray(found, dtype=np.float64) if getattr(found, "shape", None) == (chains,) else None
    if values is None:
        raise ArgumentError(_said(landscape, "energy", found, f"({chains},), (chains,),"))
    return values


def _said(landscape, name, found, shape):
    got = type(found).__name__
    if isinstance(found, np.ndarray):
        got = f"shape {found.shape} of {found.dtype}"
    elif hasattr(found, "shape"):
        got = f"{got} of shape {tuple(found.shape)}"
    needed = f"a NumPy array of float64 of shape {shape} is needed"
    return f"landscape: {name} of {type(landscape).__name__} gives {got}; {needed}"
