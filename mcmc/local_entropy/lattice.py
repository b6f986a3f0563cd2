"""Distances on the lattice k / N of flipped spins, and what a reference and the energies must be."""

import math
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape, ReferableLandscape

FINE = 100
"""Above so many spins a distance stands for the nearest point of the lattice; below it has to be one."""

ROUNDING = 1e-9


def lattice_flips(distance: Any, sites: int) -> np.ndarray:
    """Flipped spins k = d N of each distance, (points,) int64.

    For more than 100 spins the nearest k; for fewer d must be a multiple of 1 / N. Raises ArgumentError for distances
    outside [0, 1], not finite, not on the lattice or repeated on it, and for none at all.
    """
    try:
        values = np.atleast_1d(np.asarray(distance, dtype=np.float64))
    except (TypeError, ValueError):
        raise ArgumentError(f"distance: got {distance!r}; one or more numbers from 0 to 1 are needed") from None
    if values.ndim != 1 or not values.size:
        raise ArgumentError(f"distance: got shape {values.shape}; one or more numbers from 0 to 1 are needed")
    outside = values[~((values >= 0) & (values <= 1))]
    if outside.size:
        raise ArgumentError(f"distance: got {outside[0]}; a fraction of flipped spins, from 0 to 1, is needed")
    flips = np.rint(values * sites).astype(np.int64)
    off = np.abs(values * sites - flips) > ROUNDING * sites
    if sites <= FINE and off.any():
        bad = float(values[off][0])
        below = math.floor(bad * sites)
        raise ArgumentError(
            f"distance: got {bad:.6g}; with {sites} spins distances are whole multiples of 1/{sites}, the nearest are "
            f"{below}/{sites} = {below / sites:.6g} and {below + 1}/{sites} = {(below + 1) / sites:.6g}"
        )
    if np.unique(flips).size != flips.size:
        raise ArgumentError(
            f"distance: got {distance!r}; two of them are the same multiple of 1/{sites}, leave one out"
        )
    return flips


def coupled(model: Any, reference: Any) -> CoupledLandscape:
    """`model` pulled to `reference`. Raises ArgumentError for a model without such a form, or a wrong reference."""
    if not isinstance(model, ReferableLandscape):
        raise ArgumentError(
            f"model: got {type(model).__name__}; a spin landscape with a method with_reference is needed (a smooth one "
            "takes `scale` and not `distance`)"
        )
    return model.with_reference(reference)


def require_solution(landscape: CoupledLandscape, beta: float) -> float:
    """E of the reference. Raises ArgumentError when only solutions are asked for, beta = inf, and it is none."""
    energy = float(landscape.cost(landscape.at_reference(1, 0))[0])
    if math.isinf(beta) and energy != 0:
        raise ArgumentError(
            f"reference: its energy is {energy:g}, and beta = inf asks for solutions, energy 0; take a solution as "
            "reference, or a finite beta"
        )
    return energy


def require_floor(energies: np.ndarray) -> None:
    """Raise LandscapeError where a configuration sampled at beta = infinity has another energy than 0."""
    if (energies != 0).any():
        raise LandscapeError(
            "beta: infinity counts configurations of energy 0, and this landscape has lower ones; take beta finite"
        )


def at_distances(flips: np.ndarray, sites: int) -> str:
    """As in "distance 0.1, 0.2, ..." for a warning: the first six of `flips` (points,)."""
    shown = ", ".join(f"{k / sites:.4g}" for k in flips[:6])
    return f"distance {shown}" + (" and others" if flips.size > 6 else "")


def require_beta(beta: Any, *, infinite: bool = True) -> float:
    """Inverse temperature as a float. Raises ArgumentError unless it is a number above 0 (infinity where allowed)."""
    number = isinstance(beta, (int, float, np.number)) and not isinstance(beta, bool)
    if not number or not beta > 0 or (math.isinf(beta) and not infinite):
        more = ", infinity for solutions only" if infinite else " and finite"
        raise ArgumentError(f"beta: got {beta!r}; an inverse temperature above 0{more} is needed")
    return float(beta)
