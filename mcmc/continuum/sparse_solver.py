"""Sparse LU of generators on grids, ordered by nested dissection: n log n numbers to store, n^1.5 operations in 2-D.

A line of cells as thick as pairs reach parts the grid in halves that do not know of each other, and so on; lines come
last in the elimination (George 1973, SIAM J. Numer. Anal. 10, 345). Matrices shift - L, whose columns sum to shift > 0
and whose entries off the diagonal are negative, need no pivoting: their factors stay positive, and so do solutions.
"""

from typing import Any

import numpy as np

from mcmc.continuum.grid import Grid
from mcmc.memory import require_memory

LEAF = 6
"""Cells a side from which on halves gain nothing."""
BYTES = 90
"""Measured on square grids: bytes of the factors for each cell, pair reach and bit of the number of cells."""


class Factored:
    """LU factors of a sparse matrix over the cells of a grid; `solve` as often as wanted."""

    def __init__(self, grid: Grid, matrix: Any, reach: int):
        from scipy.sparse.linalg import splu

        needed = BYTES * reach * grid.size * np.log2(grid.size) * matrix.dtype.itemsize / 8
        require_memory(needed, f"a direct solution on {grid.shape} cells", "take fewer cells")
        self._type = matrix.dtype
        self._order = nested_dissection(grid, reach)
        ordered = matrix[self._order][:, self._order].tocsc()
        self._lu = splu(ordered, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})

    def solve(self, values: np.ndarray) -> np.ndarray:
        """x of matrix x = values (size,)."""
        found = self._lu.solve(np.asarray(values, dtype=self._type)[self._order])
        back = np.empty_like(found)
        back[self._order] = found
        return back


def nested_dissection(grid: Grid, reach: int = 1) -> np.ndarray:
    """Order of elimination, (size,) int: cells of both halves before the `reach` lines between them."""
    index = np.arange(grid.size).reshape(grid.shape)
    parts: list[np.ndarray] = []
    last: list[np.ndarray] = []
    for axis, periodic in enumerate(grid.periodic):
        # Cut open where the grid closes on itself.
        if periodic and index.shape[axis] > reach:
            last.append(np.take(index, range(reach), axis).ravel())
            index = np.take(index, range(reach, index.shape[axis]), axis)
    _dissect(index, reach, parts)
    return np.concatenate([*parts, *reversed(last)])


def _dissect(block: np.ndarray, reach: int, parts: list[np.ndarray]) -> None:
    axis = int(np.argmax(block.shape))
    count = block.shape[axis]
    if count <= max(LEAF, 3 * reach):
        parts.append(block.ravel())
        return
    middle = (count - reach) // 2
    low, line, high = np.split(block, [middle, middle + reach], axis)
    _dissect(low, reach, parts)
    _dissect(high, reach, parts)
    parts.append(line.ravel())
