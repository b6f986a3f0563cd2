"""The null vector of an operator on a grid, by inverse iteration on shift - L, whose inverse is positive.

Each solution is one implicit step of length 1 / shift, and the next differs from rest by shift / gap of what the one
before did: two or three are enough unless wells are so far apart in energy that nothing crosses between them.
"""

from typing import Any

import numpy as np

from mcmc.continuum.grid import Grid
from mcmc.continuum.sparse_solver import Factored

MOST_SOLUTIONS = 30
SETTLED = 1e-13
SHIFT = 1e-11
"""Of the median rate at which mass leaves a cell: small beside any gap that a grid tells from 0."""


def null_vector(grid: Grid, generator: Any, reach: int) -> tuple[np.ndarray, str | None]:
    """The density at rest, (size,) >= 0 of sum 1, and what to warn of, None where nothing."""
    from scipy.sparse import eye_array

    shift = SHIFT * float(np.median(-generator.diagonal()))
    factors = Factored(grid, (shift * eye_array(grid.size, format="csc") - generator).tocsc(), reach)
    now = np.full(grid.size, 1 / grid.size)
    change = np.inf
    for _ in range(MOST_SOLUTIONS):
        after = np.maximum(factors.solve(now), 0.0)
        after /= after.sum()
        before, change = change, float(np.abs(after - now).sum())
        now = after
        if change < SETTLED or (change < 1e-10 and change > before / 2):
            return now, None
    return now, (
        f"null vector: still changes by {change:.2g} of its mass a solution after {MOST_SOLUTIONS}; wells exchange so "
        "little mass that the operator does not tell their shares, lower beta or take a potential"
    )
