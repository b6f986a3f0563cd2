"""Circulation of a trajectory: does it go round more often one way than the other, as no equilibrium does?

J_ij = <x_i o dx_j - x_j o dx_i> / dt, products at midpoints (Stratonovich), is twice the mean rate at which the plane
of i and j is swept. With midpoints it is x_i(k) x_j(k+1) - x_j(k) x_i(k+1) averaged and divided by the interval,
the antisymmetric part of the lagged covariance: zero in detailed balance at every interval, for linear drift F
and covariance S equal to F S - S F' = 2 Q / beta as the interval goes to zero (arXiv:1710.11029, with Q there).
Ghanta, Neu & Teitsworth 2017, Phys. Rev. E 95, 032128; Gnesotto, Mura, Gladrow & Broedersz 2018, Rep. Prog. Phys. 81,
066601.

The run is cut into blocks, long against its memory. Statistic: the root of the sum, over all planes, of the squares of
mean / (root mean square of the blocks' J, over the root of their number). Null by time reversal: a stationary
run in detailed balance read backwards has the same law, and reading a block backwards changes the sign of its J and
nothing else, so that random signs of blocks give the law of the statistic whatever the stationary law is, Gaussian
or not. Null by an Ornstein-Uhlenbeck process: the same statistic of surrogates from the nearest process that has
detailed balance, right for linear drift and good with few blocks.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.ornstein_uhlenbeck import fitted
from mcmc.gradient_noise.trajectory_coordinates import coordinates, whole_sweeps
from mcmc.memory import require_memory
from mcmc.random import Stream, split_seed, uniforms
from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.binning import bin_length, bin_series
from mcmc.statistics.jackknife import Estimate
from mcmc.statistics.series import positive_integer

if TYPE_CHECKING:
    import xarray

NULLS = ("reversal", "ornstein-uhlenbeck")
FEWEST_BLOCKS = 8
SIGNS = 2**20
"""Random signs made at once."""


@dataclass(frozen=True)
class Circulation:
    """Circulation of k coordinates with its error, and what detailed balance would have given."""

    value: np.ndarray
    """(k, k) float64, antisymmetric: J, squared weights per unit of time."""
    error: np.ndarray
    """(k, k) float64: one standard error, from blocks; 0 on the diagonal."""
    statistic: float
    """Root of the sum of squares of J over all planes, each in units of what blocks of random sign give."""
    null: np.ndarray
    """(surrogates,) float64: the statistic under detailed balance."""
    norm: float
    """Frobenius norm of J."""
    largest: float
    """Largest singular value of J: the rate of the plane that is swept fastest."""
    basis: np.ndarray
    """(k, dim) float64: directions of the coordinates in the space of weights."""
    share: float
    """Share of the weights' variance in these coordinates."""
    interval: float
    """Time between two draws."""
    blocks: int
    """Blocks of all chains."""
    block_rates: np.ndarray
    """(blocks, planes) float64: J of each block in the planes i < j, row by row."""
    method: str
    """Null: "reversal" or "ornstein-uhlenbeck"."""

    @property
    def p_value(self) -> float:
        """Probability under detailed balance of a statistic as large: (1 + as large ones) / (1 + surrogates)."""
        return float((1 + np.count_nonzero(self.null >= self.statistic * (1 - 1e-12))) / (1 + self.null.size))

    def along(self, reference: Any) -> Estimate:
        """sum_ij J_ij R_ij / sum_ij R_ij^2 for an antisymmetric R (k, k): 1 where J is R, 0 in detailed balance.

        R must not come from the same run: a plane chosen for its J has one. Raises ArgumentError for another R.
        """
        expected = np.asarray(reference, dtype=np.float64)
        if expected.shape != self.value.shape or not np.isfinite(expected).all() or not expected.any():
            raise ArgumentError(
                f"reference: got shape {expected.shape}; finite numbers {self.value.shape}, not all 0, are needed"
            )
        if np.abs(expected + expected.T).max() > 1e-8 * np.abs(expected).max():
            raise ArgumentError("reference: is not antisymmetric, as a circulation is")
        above = expected[np.triu_indices(len(expected), 1)]
        shares = self.block_rates @ above / (above @ above)
        return Estimate(shares.mean(), shares.std(ddof=1) / np.sqrt(self.blocks))

    def z_scores(self, exact: Any = 0.0) -> np.ndarray:
        """(J - exact) in standard errors, (k, k); 0 on the diagonal."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.error > 0, (self.value - np.asarray(exact)) / self.error, 0.0)

    def to_xarray(self) -> "xarray.Dataset":
        """Dims (coordinate, other), (surrogate) and (coordinate, weight)."""
        import xarray

        square, rate = ("coordinate", "other"), "weight^2 / time"
        variables: dict[str, Any] = {
            "circulation": (square, self.value, {"long_name": "<x_i dx_j - x_j dx_i> / dt", "units": rate}),
            "error": (square, self.error, {"long_name": "one standard error of the circulation", "units": rate}),
            "null": ("surrogate", self.null, {"long_name": "statistic under detailed balance", "units": "1"}),
            "basis": (("coordinate", "weight"), self.basis, {"long_name": "direction among the weights", "units": "1"}),
        }
        attributes = {
            name: getattr(self, name)
            for name in ("statistic", "p_value", "norm", "largest", "share", "interval", "blocks", "method")
        }
        return xarray.Dataset(variables, attrs=attributes)


def circulation(
    x: Any,
    *,
    interval: float = 1.0,
    components: int | None = None,
    null: str = "reversal",
    surrogates: int = 999,
    length: int | None = None,
    seed: int = 0,
) -> Circulation:
    """Circulation of a trajectory x, (draws, dim) or (chains, draws, dim), stationary from its first draw on.

    Chains must share one law: those of a network that settled in different wells are looked at one at a time.
    `interval` is the time between two draws: `thin` in sweeps, or times the step size for the time of gradient flow.
    `components` principal components are looked at; None takes the weights themselves, or the first 12 components of
    more. `null` is "reversal" (random signs of blocks) or "ornstein-uhlenbeck"; `length` is the draws in a block, None
    for one found from the autocorrelation time of the slowest coordinate. Draws within one epoch of batches without
    replacement are neither stationary nor independent: take one draw an epoch. Warns with ConvergenceWarning when
    chains are shorter than 50 tau_int. Raises ArgumentError for arguments out of range, or fewer than 8 blocks.
    """
    found = coordinates(x, components)
    _check(found, interval, null)
    surrogates = positive_integer(surrogates, "surrogates")
    split_seed(seed)
    chains, draws, size = found.values.shape
    if length is None:
        slowest = integrated_time(found.values, thin=whole_sweeps(interval), name="x")
        length = bin_length(slowest.tau_int, draws - 1, chains)
    blocks = _block_rates(found.values, length)
    if len(blocks) < FEWEST_BLOCKS:
        raise ArgumentError(
            f"length: blocks of {length} draws are {len(blocks)} in all; {FEWEST_BLOCKS} are needed, run longer"
        )
    if null == "reversal":
        law = _random_signs(blocks, surrogates, seed)
    else:
        paths = fitted(found.values).reversible().surrogates(surrogates, chains, draws, seed)
        law = np.array([_statistic(_block_rates(path, length)) for path in paths])
    value = _matrix(blocks.mean(axis=0), size) / interval
    error = abs(_matrix(blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks)), size)) / interval
    singular = np.linalg.svd(value, compute_uv=False)
    return Circulation(
        value, error, _statistic(blocks), law, float(np.sqrt((value**2).sum())), float(singular[0]), found.basis,
        found.share, float(interval), len(blocks), blocks / interval, null,
    )  # fmt: skip


def _check(found, interval, null):
    number = isinstance(interval, (int, float, np.number)) and not isinstance(interval, bool)
    if not number or not 0 < interval < np.inf:
        raise ArgumentError(f"interval: got {interval!r}; a finite time above 0 is needed")
    if null not in NULLS:
        raise ArgumentError(f"null: got {null!r}; {' or '.join(map(repr, NULLS))} is needed")
    chains, draws, size = found.values.shape
    if size < 2:
        raise ArgumentError("x: moves along one direction, in which nothing can go round; give two weights or more")
    need = 8.0 * chains * draws * size * size
    require_memory(need, f"circulation in {size * (size - 1) // 2} planes", "ask for fewer components")


def _block_rates(values: np.ndarray, length: int) -> np.ndarray:
    """Mean of x_i x'_j - x_j x'_i in each block, (blocks of all chains, planes)."""
    i, j = np.triu_indices(values.shape[2], 1)
    before, after = values[:, :-1], values[:, 1:]
    swept = before[..., i] * after[..., j] - before[..., j] * after[..., i]
    return bin_series(swept, length=length, name="x").reshape(-1, i.size)


def _statistic(blocks: np.ndarray) -> float:
    size = np.maximum((blocks**2).sum(axis=0), np.finfo(float).tiny)
    return float(np.sqrt((blocks.sum(axis=0) ** 2 / size).sum()))


def _random_signs(blocks: np.ndarray, surrogates: int, seed: int) -> np.ndarray:
    """The statistic of blocks of random sign; the squares in its denominators do not feel signs."""
    size = np.maximum((blocks**2).sum(axis=0), np.finfo(float).tiny)
    law, each = np.empty(surrogates), max(1, SIGNS // len(blocks))
    for begin in range(0, surrogates, each):
        number = np.arange(begin, min(begin + each, surrogates))
        drawn = uniforms(seed, Stream.TIME_REVERSAL, np.arange(len(blocks)), 0, number[:, None])[..., 0]
        law[number] = np.sqrt(((np.where(drawn < 0.5, -1.0, 1.0) @ blocks) ** 2 / size).sum(axis=1))
    return law


def _matrix(planes: np.ndarray, size: int) -> np.ndarray:
    """Antisymmetric (size, size) from its upper triangle."""
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size, 1)] = planes
    return matrix - matrix.T
