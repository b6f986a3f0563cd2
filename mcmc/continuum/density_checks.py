"""What a grid may hide, told by number: cells too wide for beta, and densities that lean on walls."""

import warnings
from collections.abc import Iterable

import numpy as np

from mcmc.continuum.generator import Pairs
from mcmc.continuum.grid import Grid
from mcmc.errors import ArgumentError, ConvergenceWarning

PRESENT = 1e-6
"""A density above this share of its peak touches a wall."""
WEIGHTY = 1e-2
"""Cells with this share of the highest density count: a steep drift further out carries little."""
COARSE = 2.0
"""Peclet number from which on a central difference would turn negative and the density changes tenfold in a cell."""
BLIND = 10.0
"""Peclet number at which neighbouring cells differ by exp(10): wells narrower than a cell."""


def peclet_number(pairs: list[Pairs], density: np.ndarray) -> float:
    """Largest |P| of the pairs of cells either of which holds `WEIGHTY` of the highest density (size,)."""
    held = density >= WEIGHTY * density.max()
    sizes = (np.abs(p.peclet)[held[p.first] | held[p.second]] for p in pairs)
    return float(max((size.max() for size in sizes if size.size), default=0.0))


def boundary_ratio(grid: Grid, density: np.ndarray) -> float:
    """Highest density in a cell at a wall, as a share of the highest of all; `density` of shape (..., *grid.shape)."""
    touches = grid.boundary_cells()
    if not touches.any():
        return 0.0
    flat = density.reshape(-1, grid.size)
    return float((flat[:, touches.ravel()].max(axis=1) / flat.max(axis=1)).max())


def resolution_text(grid: Grid, peclet: float, beta: float) -> str | None:
    """What to say of a grid of this Peclet number, None where nothing; ArgumentError where it sees nothing."""
    if peclet <= COARSE:
        return None
    finer = _resolving(grid, peclet)
    text = f"cell Peclet number {peclet:.3g} on {grid.shape} cells at beta = {beta:g}, at most {COARSE:g} resolves"
    if peclet > BLIND:
        raise ArgumentError(f"grid: {text} the density: it is narrower than cells; about {finer} cells are needed")
    return f"{text} the density: neighbouring cells differ by exp({peclet:.2g}); take about {finer} cells"


def smearing_text(grid: Grid, peclet: float, beta: float) -> str | None:
    """What to say of a grid on which a density meets this Peclet number on its way, None where nothing."""
    if peclet <= COARSE:
        return None
    # The flux of Scharfetter and Gummel is the central one with D times (P / 2) coth(P / 2).
    wide = peclet / 2 / np.tanh(peclet / 2)
    return (
        f"cell Peclet number {peclet:.3g} of the drift that the density meets on its way, on {grid.shape} cells at "
        f"beta = {beta:g}, more than {COARSE:g}: it spreads there as if D were {wide:.3g} times as large; take about "
        f"{_resolving(grid, peclet)} cells"
    )


def _resolving(grid: Grid, peclet: float) -> list[int]:
    return [int(np.ceil(count * peclet / COARSE)) for count in grid.shape]


def boundary_text(ratio: float, what: str = "the density") -> str | None:
    """What to say of a density that touches walls, None where it does not."""
    if ratio <= PRESENT:
        return None
    return (
        f"{what} touches the walls: {ratio:.2g} of its peak there, more than {PRESENT:g}; results are those of a box "
        "with walls, take a larger one where none are meant"
    )


def warn(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Give each text as a ConvergenceWarning and return those there were."""
    told = tuple(text for text in texts if text)
    for text in told:
        warnings.warn(text, ConvergenceWarning, stacklevel=3)
    return told
