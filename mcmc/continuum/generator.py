"""The Fokker-Planck operator on a grid, as rates of a Markov chain on its cells: Scharfetter-Gummel on lines.

    rho_t = -div(b rho) + beta^-1 d_i d_j (D_ij rho),    D = sum_k w_k e_k e_k',    u = D^-1 b,    P = beta e_k . u
    flux along e_k:  F = beta^-1 [B(-P) w_k(x) rho(x) - B(P) w_k(x + e_k) rho(x + e_k)],   B(P) = P / (exp(P) - 1)

P is the cell Peclet number of the pair. The flux is exact where P and F are constant between two cells (Scharfetter &
Gummel 1969, IEEE Trans. Electron Devices 16, 64; Chang & Cooper 1970, J. Comput. Phys. 6, 1 is the same with other
names): rates are positive for every P, what leaves one cell enters another, and where e_k . u is minus a difference of
potentials, exp(-beta f) rests to rounding. Central differences instead, B(P) = 1 - P / 2, are negative from P = 2 on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmc.continuum.grid import Grid
from mcmc.continuum.grid_fields import Drift, Potential
from mcmc.continuum.monotone_stencil import directions
from mcmc.errors import ArgumentError


@dataclass(frozen=True)
class Pairs:
    """All pairs of cells x, x + e of one offset e; arrays (pairs,)."""

    offset: tuple[int, ...]
    first: np.ndarray
    second: np.ndarray
    peclet: np.ndarray
    """P, signed: positive where drift leads from first to second."""
    forward: np.ndarray
    """Rate from first to second."""
    backward: np.ndarray
    weight: np.ndarray
    """Mean of w_k of both cells, in units of D / width^2."""
    log_ratio: np.ndarray
    """log(forward / backward), from P and w_k themselves: finite where a rate underflows."""

    def flux(self, density: np.ndarray) -> np.ndarray:
        """Net rate at which `density` (size,) goes from first to second."""
        return self.forward * density[self.first] - self.backward * density[self.second]


def bernoulli(peclet: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """B(P) and B(-P) = B(P) + P for P of either sign, each to rounding."""
    size = np.abs(peclet)
    near = size < 1e-3
    kept = np.where(near, 1.0, np.minimum(size, 700.0))
    small = np.where(near, 1 - size / 2 + size**2 / 12 - size**4 / 720, kept / np.expm1(kept))
    large = small + size
    return np.where(peclet >= 0, small, large), np.where(peclet >= 0, large, small)


def build_pairs(
    grid: Grid, matrices: np.ndarray, potential: Potential | None, drift: Drift | None, beta: float, reversible: bool
) -> list[Pairs]:
    """Pairs of cells with rates, for D `matrices` (size, dim, dim); `reversible`: as `FokkerPlanck` explains."""
    found = []
    for offset, weights in directions(matrices, grid.width).items():
        if any(2 * abs(step) >= count for step, count in zip(offset, grid.shape, strict=True)):
            raise ArgumentError(f"cells: got {grid.shape}, and D needs pairs of cells {offset} apart; take more cells")
        first, second = grid.pairs(offset)
        used = (weights[first] > 0) | (weights[second] > 0)
        first, second = first[used], second[used]
        out, into = weights[first], weights[second]
        mean = (out + into) / 2
        if reversible:
            out = into = mean
        peclet = beta * _force(grid, offset, first, second, matrices, potential, drift, reversible)
        down, up = bernoulli(peclet)
        with np.errstate(divide="ignore"):
            ratio = peclet + np.log(out) - np.log(into)
        found.append(Pairs(offset, first, second, peclet, out * up / beta, into * down / beta, mean, ratio))
    return found


def _force(
    grid: Grid,
    offset: tuple[int, ...],
    first: np.ndarray,
    second: np.ndarray,
    matrices: np.ndarray,
    potential: Potential | None,
    drift: Drift | None,
    reversible: bool,
) -> np.ndarray:
    """e . u between the cells of each pair, (pairs,)."""
    step = np.array(offset) * grid.width
    middle = grid.wrapped(grid.points[first] + step / 2)
    between = (matrices[first] + matrices[second]) / 2
    lever = np.linalg.solve(between, np.broadcast_to(step, (len(first), grid.dim))[..., None])[..., 0]
    force = np.zeros(len(first))
    if drift is not None:
        force += (lever * drift.between(first, second, middle)).sum(axis=1)
    if potential is None:
        return force
    if reversible:
        return force - (potential.values[second] - potential.values[first])
    if isotropic(matrices):
        return force - (potential.values[second] - potential.values[first]) / between[:, 0, 0]
    return force - (lever * potential.gradient(first, second, middle)).sum(axis=1)


def isotropic(matrices: np.ndarray) -> bool:
    """Whether D is a number times the unit matrix in every cell, which may differ from cell to cell."""
    return bool((matrices == matrices[:, :1, :1] * np.eye(matrices.shape[1])).all())


def assembled(grid: Grid, pairs: list[Pairs]) -> Any:
    """L of rho_t = L rho as a sparse matrix (size, size): columns sum to 0, only the diagonal is negative."""
    from scipy.sparse import coo_array, csc_array

    rows = np.concatenate([np.concatenate([p.second, p.first]) for p in pairs])
    columns = np.concatenate([np.concatenate([p.first, p.second]) for p in pairs])
    rates = np.concatenate([np.concatenate([p.forward, p.backward]) for p in pairs])
    leaving = np.bincount(columns, weights=rates, minlength=grid.size)
    here = np.arange(grid.size)
    entries = np.concatenate([rates, -leaving])
    places = (np.concatenate([rows, here]), np.concatenate([columns, here]))
    return csc_array(coo_array((entries, places), shape=(grid.size, grid.size)))


def log_balance(grid: Grid, pairs: list[Pairs], guess: np.ndarray | None) -> np.ndarray | None:
    """log of the density that rests in detailed balance, up to a constant, (size,); None where there is none.

    `guess` is tried first; then ratios of rates are added up along lines of the grid. Either must hold for every pair
    of cells (Kolmogorov's criterion).
    """
    if guess is not None and _balances(pairs, guess):
        return guess
    summed = _summed_ratios(grid, pairs)
    return summed if summed is not None and _balances(pairs, summed) else None


def _balances(pairs: list[Pairs], logs: np.ndarray) -> bool:
    allowed = 1e-13 * (1 + np.abs(logs).max()) * np.sqrt(len(logs))
    with np.errstate(invalid="ignore"):
        return all(bool((np.abs(logs[p.second] - logs[p.first] - p.log_ratio) <= allowed).all()) for p in pairs)


def _summed_ratios(grid: Grid, pairs: list[Pairs]) -> np.ndarray | None:
    """Ratios added along the first dimension in the first line, then along the second; None where a pair is missing."""
    steps = {p.offset: p for p in pairs}
    total = np.zeros(1)
    for axis in range(grid.dim):
        unit = tuple(int(axis == k) for k in range(grid.dim))
        if unit not in steps:
            return None
        ratio = np.full(grid.size, np.nan)
        ratio[steps[unit].first] = steps[unit].log_ratio
        table = ratio.reshape(grid.shape)
        line = table[:-1, 0] if axis == 0 and grid.dim == 2 else table[..., :-1]
        with np.errstate(invalid="ignore"):
            growth = np.concatenate([np.zeros((*line.shape[:-1], 1)), np.cumsum(line, axis=-1)], axis=-1)
        total = growth if axis == 0 else total[:, None] + growth
    flat = total.ravel()
    return flat if np.isfinite(flat).all() else None
