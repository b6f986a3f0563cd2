"""Diffusion matrices as sums over pairs of cells, all weights positive: what keeps densities positive off the diagonal.

Selling's formula writes any positive definite D in two dimensions as sum_k w_k e_k e_k' with w_k >= 0 and three whole
offsets e_k, so that d_i d_j (D_ij rho) = sum_k (e_k . grad)^2 (w_k rho): diffusion along lines, each of which a
Markov chain on the cells follows exactly (Selling 1874; Bonnans, Ottenwaelter & Zidani 2004, M2AN 38, 723; Fehrenbach
& Mirebeau 2014, J. Math. Imaging Vis. 49, 123). A diagonal D needs the two axes only; |D_xy| up to the smaller of
D_xx hy / hx and D_yy hx / hy needs diagonal neighbours; more elongated ones reach further, and what reaches further
than `FURTHEST` cells is refused. Where D turns from place to place, weights have kinks on the lines where offsets
change: means of smooth functions stay of second order, the density itself is of first order on those lines.
"""

import numpy as np

from mcmc.errors import ArgumentError

FURTHEST = 5
"""Cells that an offset may span: beyond, the stencil is wider than what the grid should resolve."""
MOST_TURNS = 200
NEGLIGIBLE = 1e-14
"""Weights below this share of the trace are rounding."""


def directions(matrices: np.ndarray, width: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """Weights w (cells,) >= 0 by offset, for D (cells, dim, dim) on cells of sides `width` (dim,).

    sum_k w_k e_k e_k' = D_ij / (width_i width_j), with each e_k whole and its first entry other than 0 positive.
    Raises ArgumentError where offsets would reach further than `FURTHEST` cells.
    """
    scaled = matrices / np.outer(width, width)
    if len(width) == 1:
        return {(1,): scaled[:, 0, 0].copy()}
    base = _obtuse(scaled)
    trace = scaled[:, 0, 0] + scaled[:, 1, 1]
    found: dict[tuple[int, ...], np.ndarray] = {}
    for k in range(3):
        one, other = base[:, (k + 1) % 3], base[:, (k + 2) % 3]
        weights = -np.einsum("ci,cij,cj->c", one, scaled, other)
        weights = np.where(weights > NEGLIGIBLE * trace, weights, 0.0)
        offsets = np.stack([-base[:, k, 1], base[:, k, 0]], axis=1)
        backwards = (offsets[:, 0] < 0) | ((offsets[:, 0] == 0) & (offsets[:, 1] < 0))
        offsets = np.where(backwards[:, None], -offsets, offsets)
        used = np.flatnonzero(weights > 0)
        # One whole number a pair: they sort a hundred times faster than rows.
        span = 2 * int(np.abs(offsets).max()) + 1
        codes = offsets[used, 0] * span + offsets[used, 1]
        for code in np.unique(codes):
            here = used[codes == code]
            key = (int(offsets[here[0], 0]), int(offsets[here[0], 1]))
            found.setdefault(key, np.zeros(len(scaled)))[here] += weights[here]
    _require_near(found, matrices)
    return found


def _obtuse(scaled: np.ndarray) -> np.ndarray:
    """Superbases (cells, 3, 2), whole vectors of sum 0 no two of which make a positive product under D: Selling."""
    base = np.broadcast_to(np.array([[1, 0], [0, 1], [-1, -1]]), (len(scaled), 3, 2)).copy()
    size = NEGLIGIBLE * (scaled[:, 0, 0] + scaled[:, 1, 1])
    for _ in range(MOST_TURNS):
        turned = False
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            sharp = np.einsum("ci,cij,cj->c", base[:, i], scaled, base[:, j]) > size
            if sharp.any():
                turned = True
                one, other = base[sharp, i], base[sharp, j]
                base[sharp, i], base[sharp, k] = -one, one - other
        if not turned:
            return base
    raise ArgumentError("diffusion: D is too elongated for a grid; add a multiple of the unit matrix to it")


def _require_near(found: dict[tuple[int, ...], np.ndarray], matrices: np.ndarray) -> None:
    for offset, weights in found.items():
        if max(abs(step) for step in offset) > FURTHEST:
            worst = matrices[int(np.argmax(weights))]
            raise ArgumentError(
                f"diffusion: got {worst.tolist()}, which stays positive only by pairs of cells {offset} apart and at "
                f"most {FURTHEST} are taken; make cells longer along the stronger noise, or turn the coordinates"
            )
