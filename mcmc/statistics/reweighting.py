"""Multi-histogram reweighting between temperatures: every sample at every temperature serves every
temperature.

The densities of states are combined by MBAR (pymbar, imported when first used), the binless form of the
multi-histogram method. Its own error formula holds for samples that are independent within and between
temperatures; Monte Carlo series are neither, least of all under parallel tempering. Errors here are a
jackknife over blocks of draws, each block left out at all temperatures at once, to first order in the block
(infinitesimal jackknife).

Ferrenberg & Swendsen 1989, Phys. Rev. Lett. 63, 1195; Shirts & Chodera 2008, J. Chem. Phys. 129, 124105
(arXiv:0801.1426); Geyer 1994, Univ. of Minnesota TR 568 (as logistic regression of the temperature on the
sample, whence the influence of a sample).
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, ConvergenceWarning
from mcmc.statistics.autocorrelation import AutocorrelationTime, integrated_time
from mcmc.statistics.binning import bin_length
from mcmc.statistics.derived import specific_heat
from mcmc.statistics.jackknife import Estimate, Replicates
from mcmc.statistics.series import as_series, positive_integer

MOST_BLOCKS = 64
"""Blocks left out in turn; with 64 an error bar is known to 9 %."""
FEWEST_EFFECTIVE = 100
"""Below this many effective samples a reweighted mean rests on a few lucky draws."""
WEAKEST_OVERLAP = 0.03
"""Least overlap of neighbours, 0 to 1/2, to be trusted (Klimovich, Shirts & Mobley 2015)."""


class MultiHistogram:
    """Observables between and near simulated temperatures, from their energy series."""

    def __init__(
        self,
        energies: Any,
        betas: Sequence[float] | np.ndarray,
        *,
        blocks: int | None = None,
        max_samples: int = 200_000,
    ):
        """Combine the temperatures.

        `energies`: total energies, one array (chains, draws, temperatures), or a sequence with one array
        (chains, draws) for each temperature. `betas`: their inverse temperatures, distinct, any order. Series
        are thinned to one draw in tau_int of the energy, and further until `max_samples` remain: time and
        memory grow as samples x temperatures. `blocks` of draws for each chain give the errors; by default at
        most 64 in all, at least as long as the binning error needs. Warns (ConvergenceWarning) when
        neighbouring temperatures hardly overlap; raises ArgumentError when they do not, and for malformed
        input.
        """
        self.betas = _inverse_temperatures(betas, "betas")
        if np.unique(self.betas).size != self.betas.size:
            raise ArgumentError("betas: a value occurs twice; pool the series of one temperature as further chains")
        series = self._split(energies, "energies")
        positive_integer(max_samples, "max_samples", 2 * len(series))
        times = [integrated_time(s, warn=False, name="energies") for s in series]
        self._shapes = [s.shape for s in series]
        self._strides = _strides([float(t.tau_int) for t in times], [s.size for s in series], max_samples)
        chains = series[0].shape[0]
        self._blocks_given = blocks is not None
        self._blocks_per_chain = _blocks_per_chain(times) if blocks is None else positive_integer(blocks, "blocks")
        self.blocks = chains * self._blocks_per_chain
        if self.blocks < 2:
            raise ArgumentError(f"blocks: got {self.blocks} in all chains together; at least 2 are needed for errors")
        self._block = np.concatenate([self._block_of(k) for k in range(len(series))])
        self._counts = np.array([self._thin(s, k).size for k, s in enumerate(series)])
        total = np.concatenate([self._thin(s, k) for k, s in enumerate(series)])
        self._origin = float(total.mean())
        self._energy = total - self._origin
        self._solve()

    def log_z(self, betas: Any, reference: float | None = None) -> Estimate:
        """log Z(beta) - log Z(reference), (points,) float64.

        The reference is any inverse temperature; by default the first of those simulated.
        """
        targets = _inverse_temperatures(betas, "betas")
        start = _inverse_temperatures(self.betas[0] if reference is None else reference, "reference")
        values, influences = [], []
        for beta in np.append(targets, start):
            log_sum, weights = self._weights(beta)
            self._warn_if_far(beta, weights, stacklevel=3)
            values.append(log_sum - beta * self._origin)
            influences.append(self._by_block(weights) - self._parameters @ (self._share.T @ weights))
        value, influence = np.array(values), np.array(influences).T
        found = self._replicates(value[:-1] - value[-1], influence[:, :-1] - influence[:, -1:])
        return found.estimate(correct_bias=False)

    def energy(self, betas: Any) -> Estimate:
        """Mean total energy, (points,) float64."""
        return self._evaluate(lambda beta, e: e + self._origin, {"e": self._energy}, betas, self.blocks)

    def specific_heat(self, betas: Any, sites: int) -> Estimate:
        """Specific heat per site, beta^2 (<E^2> - <E>^2) / sites, (points,) float64."""
        # Deviations, since the squares of totals would lose the digits that their difference needs.
        columns = {"e": self._energy, "e2": self._energy**2}
        return self._evaluate(lambda beta, e, e2: specific_heat(beta, e, e2, sites), columns, betas, self.blocks)

    def expectation(self, observable: Any, betas: Any) -> Estimate:
        """Mean of an observable, (points,) float64; its series have the shape of the energies."""
        columns, blocks = self._observables({"observable": observable})
        return self._evaluate(lambda beta, observable: observable, columns, betas, blocks)

    def evaluate(self, function: Callable[..., Any], observables: Mapping[str, Any], betas: Any) -> Estimate:
        """Estimate of function(beta, name=<observable>, ...), (points,) float64, such as a Binder cumulant.

        `observables` maps names to series of the shape of the energies; function works elementwise on arrays.
        Blocks are joined where an observable is slower than the energy. A ConvergenceWarning names a beta
        that fewer than 100 effective samples reach. Raises ArgumentError for malformed betas or observables.
        """
        columns, blocks = self._observables(observables)
        return self._evaluate(function, columns, betas, blocks)

    def _evaluate(
        self, function: Callable[..., Any], columns: dict[str, np.ndarray], betas: Any, blocks: int
    ) -> Estimate:
        targets = _inverse_temperatures(betas, "betas")
        means = np.empty((len(columns), targets.size))
        influence = np.empty((len(columns), self.blocks, targets.size))
        for j, beta in enumerate(targets):
            _, weights = self._weights(beta)
            self._warn_if_far(beta, weights, stacklevel=4)
            for i, column in enumerate(columns.values()):
                means[i, j] = weights @ column
                pull = weights * (column - means[i, j])
                influence[i, :, j] = self._by_block(pull) - self._parameters @ (self._share.T @ pull)
        joined = influence.reshape(len(columns), blocks, self.blocks // blocks, targets.size).sum(axis=2)
        parts = [self._replicates(m, x) for m, x in zip(means, joined, strict=True)]
        full = function(targets, **dict(zip(columns, means, strict=True)))
        left_out = function(targets, **{name: p.left_out for name, p in zip(columns, parts, strict=True)})
        shape = (blocks, *np.shape(full))
        return Replicates(np.asarray(full, np.float64), np.broadcast_to(left_out, shape)).estimate()

    def effective_samples(self, betas: Any) -> np.ndarray:
        """Kish's effective number of samples behind each target, 1 / sum w^2, (points,) float64."""
        targets = _inverse_temperatures(betas, "betas")
        return np.array([1.0 / np.sum(self._weights(beta)[1] ** 2) for beta in targets])

    def _split(self, values: Any, name: str) -> list[np.ndarray]:
        """One array (chains, draws) for each temperature."""
        if isinstance(values, (list, tuple)):
            series = [as_series(v, f"{name}[{k}]", minimum_draws=4) for k, v in enumerate(values)]
        else:
            array = as_series(values, name, minimum_draws=4)
            series = [array[..., k] for k in range(array.shape[-1])] if array.ndim == 3 else [array]
        if len(series) != self.betas.size or any(s.ndim != 2 for s in series):
            raise ArgumentError(
                f"{name}: got {len(series)} series of shape {series[0].shape if series else ()}; one of "
                f"shape (chains, draws) for each of {self.betas.size} betas is needed"
            )
        if any(s.shape[0] != series[0].shape[0] for s in series):
            raise ArgumentError(f"{name}: the number of chains differs between temperatures; it must not")
        return series

    def _observables(self, observables: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], int]:
        """Kept samples of each observable, and how many blocks are long enough for all."""
        if not observables:
            raise ArgumentError("observables: got none; at least one is needed")
        columns, enough = {}, self._blocks_per_chain
        for name, values in observables.items():
            series = self._split(values, name)
            for k, s in enumerate(series):
                if s.shape != self._shapes[k]:
                    raise ArgumentError(
                        f"{name}: got shape {s.shape} at temperature {k}; the energies have {self._shapes[k]}"
                    )
            columns[name] = np.concatenate([self._thin(s, k) for k, s in enumerate(series)])
            if not self._blocks_given:
                enough = min(enough, _blocks_per_chain([integrated_time(s, warn=False) for s in series]))
        return columns, self.blocks // self._blocks_per_chain * enough

    def _thin(self, series: np.ndarray, k: int) -> np.ndarray:
        return series[:, :: self._strides[k]].astype(np.float64).reshape(-1)

    def _block_of(self, k: int) -> np.ndarray:
        """Block of each kept sample of temperature k: one part of one chain is the same block at all k."""
        chains, draws = self._shapes[k]
        blocks = self._blocks_per_chain
        part = np.arange(0, draws, self._strides[k]) * blocks // draws
        return (np.arange(chains)[:, None] * blocks + part).reshape(-1)

    def _solve(self) -> None:
        f = _free_energies(self._energy, self._counts, self.betas)
        log_weight = f + np.log(self._counts) - self.betas * self._energy[:, None]
        top = log_weight.max(axis=1)
        share = np.exp(log_weight - top[:, None])
        norm = share.sum(axis=1)
        self._log_mixture = top + np.log(norm)
        self._share = share / norm[:, None]
        """(samples, temperatures): probability that a sample came from each temperature, given its energy."""
        self._check_overlap()
        # Score of the logistic regression, and the change of its parameters when samples weigh 1 + eps more.
        score = -self._by_block(self._share)
        state = np.repeat(np.arange(self.betas.size), self._counts)
        np.add.at(score, (self._block, state), 1.0)
        curvature = np.diag(self._share.sum(axis=0)) - self._share.T @ self._share
        self._parameters = score @ np.linalg.pinv(curvature, rcond=1e-12, hermitian=True)

    def _check_overlap(self) -> None:
        if self.betas.size == 1:
            return
        order = np.argsort(self.betas)
        overlaps = []
        for a, b in pairwise(order):
            both = self._share[:, a] + self._share[:, b]
            common = np.divide(self._share[:, a] * self._share[:, b], both, out=np.zeros_like(both), where=both > 0)
            overlaps.append(common.sum() / self._counts[[a, b]].min())
        weakest = int(np.argmin(overlaps))
        low, high = self.betas[order[weakest : weakest + 2]]
        advice = f"beta = {low:.6g} and {high:.6g} overlap by {overlaps[weakest]:.2g}, simulate some between"
        solved = np.allclose(self._share.sum(axis=0), self._counts, rtol=1e-4)
        # Less than one sample in common: the weight of one side against the other is then left to rounding.
        if not solved or overlaps[weakest] * self._counts.min() < 1:
            raise ArgumentError(f"betas: the temperatures cannot be joined; {advice}")
        if overlaps[weakest] < WEAKEST_OVERLAP:
            warnings.warn(f"reweighting: {advice}", ConvergenceWarning, stacklevel=4)

    def _weights(self, beta: float) -> tuple[float, np.ndarray]:
        """log of sum_n exp(-beta E_n) / mixture(E_n), and the terms divided by their sum, (samples,)."""
        logs = -beta * self._energy - self._log_mixture
        top = logs.max()
        terms = np.exp(logs - top)
        total = terms.sum()
        return float(top + np.log(total)), terms / total

    def _warn_if_far(self, beta: float, weights: np.ndarray, stacklevel: int) -> None:
        effective = 1.0 / np.sum(weights**2)
        if effective < FEWEST_EFFECTIVE:
            warnings.warn(
                f"reweighting: beta = {beta:.6g} is reached by {effective:.3g} effective samples, fewer than "
                f"{FEWEST_EFFECTIVE}; simulated are {self.betas.min():.6g} to {self.betas.max():.6g}",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )

    def _by_block(self, terms: np.ndarray) -> np.ndarray:
        """Sums of (samples, ...) over the samples of each block, (blocks, ...)."""
        if terms.ndim == 1:
            return np.bincount(self._block, terms, minlength=self.blocks)
        return np.stack([np.bincount(self._block, t, minlength=self.blocks) for t in terms.T], axis=1)

    @staticmethod
    def _replicates(full: np.ndarray, influence: np.ndarray) -> Replicates:
        """What leaving out each block would give, to first order; exact for a plain mean."""
        count = len(influence)
        return Replicates(full, full - count / (count - 1) * influence)


def _inverse_temperatures(betas: Any, name: str) -> np.ndarray:
    values = np.atleast_1d(np.asarray(betas, dtype=np.float64))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ArgumentError(f"{name}: got {betas!r}; a list of finite inverse temperatures is needed")
    return values


def _blocks_per_chain(times: list[AutocorrelationTime]) -> int:
    """Blocks of each chain: at most 64 in all, each long enough for the slowest of the series."""
    longest = max(bin_length(t.tau_int, t.draws, t.chains) / t.draws for t in times)
    most = min(max(1, MOST_BLOCKS // times[0].chains), max(1, int(1 / longest)))
    # A power of two, so that blocks can be joined evenly for a slower observable.
    return 1 << (most.bit_length() - 1)


def _strides(tau: list[float], sizes: list[int], max_samples: int) -> list[int]:
    """Draws per kept draw of each temperature.

    One in tau_int: one in 2 tau_int would be nearly independent, but leaves a third more variance.
    """
    strides = [max(1, int(t)) for t in tau]
    kept = sum(size / stride for size, stride in zip(sizes, strides, strict=True))
    factor = max(1, int(np.ceil(kept / max_samples)))
    return [stride * factor for stride in strides]


def _free_energies(energy: np.ndarray, counts: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """-log Z up to a constant, (temperatures,), by MBAR from samples ordered by temperature."""
    if betas.size == 1:
        return np.zeros(1)
    order = np.argsort(betas)
    means = np.array([part.mean() for part in np.split(energy, np.cumsum(counts)[:-1])])
    steps = np.diff(betas[order]) * (means[order][1:] + means[order][:-1]) / 2
    # Mean energies integrated over beta start Newton's method where it converges; zeros may not.
    guess = np.empty(betas.size)
    guess[order] = np.concatenate([[0.0], np.cumsum(steps)])
    solver = ({"method": "adaptive", "options": {"maxiter": 200, "tol": 1e-10}},)
    # A seed keeps pymbar from reseeding NumPy's global generator, which it does when it gets none.
    with _quiet_pymbar() as mbar:
        solved = mbar(
            betas[:, None] * energy,
            counts,
            initial_f_k=guess,
            solver_protocol=solver,
            maximum_iterations=200,
            rseed=0,
        )
    return np.asarray(solved.f_k, dtype=np.float64)


@contextmanager
def _quiet_pymbar() -> Iterator[Any]:
    """pymbar's MBAR class; its notices about JAX and about its solver, which is checked here, go nowhere."""
    logger = logging.getLogger("pymbar")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        from pymbar import MBAR

        yield MBAR
    finally:
        logger.setLevel(level)
