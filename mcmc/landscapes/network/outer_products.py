"""Outer products of many pairs of short vectors, into rows of a larger array: compiled, for arrays of NumPy."""

from typing import Any

import numpy as np

from mcmc.compiled import kernel_tied_to


def fill_outer_products(out: Any, begin: int, left: Any, right: Any) -> None:
    """out[n, begin + i b + j] = left[n, i] right[n, j] for left (n, a) and right (n, b), arrays of any one module."""
    if type(out) is np.ndarray:
        _fill(out, begin, left, right)
        return
    (count, a), b = left.shape, right.shape[1]
    np.multiply(left[:, :, None], right[:, None, :], out=out[:, begin : begin + a * b].reshape(count, a, b))


@kernel_tied_to()
def _fill(out, begin, left, right):
    for n in range(left.shape[0]):
        along, count = right[n], right.shape[1]
        for i in range(left.shape[1]):
            row, factor = out[n, begin + i * count : begin + (i + 1) * count], left[n, i]
            for j in range(row.size):
                row[j] = factor * along[j]
