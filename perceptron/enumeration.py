"""Exact enumeration: the energy of all 2^N configurations of a binary perceptron.

E(w) = sum over patterns of what they cost (`errors`, `hinge`, `symmetric`), the number of configurations at each
energy, and from it Z(beta) = sum_w exp(-beta E(w)), mean energy and entropy without any error; the list of solutions,
the configurations of energy 0; and counts by distance from a reference. Where flipping all weights turns E into
P - E (odd N, `errors`, no margin) or leaves it (`symmetric`), half of the configurations are visited.

A packed configuration is a whole number below 2^N: bit i is set where w_i = +1.
"""

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, MemoryLimitError
from mcmc.memory import require_memory, show_bytes
from perceptron.enumeration_blocks import packed_weights, row_bytes
from perceptron.enumeration_passes import (
    Counted,
    PassFile,
    Plan,
    all_counts,
    count_configurations,
    count_solutions,
    fresh_count,
    list_solutions,
    plan_pass,
    solutions_by_segment,
)
from perceptron.enumeration_watch import watching
from perceptron.packing import unpack_signs
from perceptron.pattern_costs import PatternCosts, pattern_costs
from perceptron.patterns import Patterns, checked_weights

MOST_WEIGHTS = 48
"""Some hours on one core with few patterns; beyond, days."""

MOST_HOURS = 120.0
"""On the threads there are; what takes longer is refused."""

LEAST_BETA = -1e300
"""Below it Z leaves the range of floats, and so do ratios of its terms."""

LIMIT = 2**26
"""Solutions listed unless a call says otherwise: 512 MiB packed."""


class Enumeration:
    """What `enumerate_configurations` found; energies are totals, entropies in nats for the whole configuration."""

    def __init__(
        self, costs: PatternCosts, counts: np.ndarray | None, by_segment: np.ndarray, listed: np.ndarray | None,
        progress: float, threads: int, why_not_listed: str, kept_at: str = "",
    ):  # fmt: skip
        self._costs, self._counts, self._listed, self._by_segment = costs, counts, listed, by_segment
        self._progress, self._threads, self._why_not_listed, self._kept_at = progress, threads, why_not_listed, kept_at
        for array in (counts, by_segment, listed):
            if array is not None:
                array.setflags(write=False)
        self.patterns: Patterns = costs.patterns
        self.energy, self.margin, self.kappa = costs.energy, costs.margin, costs.kappa

    def __repr__(self) -> str:
        size = f"{self.patterns.n} weights, {self.patterns.p} patterns, energy={self.energy!r}"
        if not self.complete:
            return f"Enumeration({size}, stopped after {100 * self._progress:.3g} % of the configurations)"
        return f"Enumeration({size}, {self.solution_count} solutions)"

    @property
    def complete(self) -> bool:
        """Whether all configurations were visited; False after a stop; with a path the same call goes on."""
        return self._progress == 1.0

    @property
    def configurations(self) -> int:
        """2^N."""
        return 2**self.patterns.n

    @property
    def energies(self) -> np.ndarray:
        """Energies 0, 1, ... up to the highest that any configuration could have, (levels,) int64."""
        return np.arange(self._costs.highest_energy + 1)

    @property
    def energy_histogram(self) -> np.ndarray:
        """Number of configurations at each of `energies`, (levels,) int64, read-only.

        Raises ArgumentError after a stop, or when only solutions were counted.
        """
        self._check_complete()
        if self._counts is None:
            raise ArgumentError("histogram: only solutions were counted; enumerate with histogram=True")
        return self._counts

    @property
    def solution_count(self) -> int:
        """Number of configurations of energy 0. Raises ArgumentError after a stop."""
        self._check_complete()
        return int(self._by_segment.sum())

    @property
    def ground_energy(self) -> int:
        """The lowest energy of any configuration."""
        return int(np.flatnonzero(self.energy_histogram)[0])

    @property
    def packed_solutions(self) -> np.ndarray:
        """All solutions, packed, in ascending order: (count,) uint64, read-only.

        Raises ArgumentError when they were not asked for, MemoryLimitError when there are more than the limit.
        """
        self._check_complete()
        if self._listed is None:
            if self._why_not_listed:
                raise MemoryLimitError(self._why_not_listed)
            raise ArgumentError("solutions: they were not listed; enumerate with solutions=True")
        return self._listed

    @property
    def solutions(self) -> np.ndarray:
        """All solutions, (count, n) int8 of +-1, unpacked at each call. Raises as `packed_solutions`, and
        MemoryLimitError when unpacking takes more memory than the machine has."""
        packed, n = self.packed_solutions, self.patterns.n
        require_memory(packed.size * (n + 8), f"{packed.size} solutions of {n} weights", "use packed_solutions")
        out = np.empty((packed.size, n), np.int8)
        for first in range(0, packed.size, 2**16):
            piece = packed[first : first + 2**16, None]
            out[first : first + 2**16] = unpack_signs(piece, n)
        return out

    def log_z(self, beta: Any) -> Any:
        """ln Z(beta), a float, or an array for an array; at beta = inf the log of the number of solutions."""
        beta = _inverse_temperature(beta)
        energy, log_count = self._occupied()
        return _like(beta, _log_sum(log_count - _times(beta[..., None], energy)))

    def mean_energy(self, beta: Any) -> Any:
        """Mean energy at inverse temperature beta; at beta = inf the ground energy."""
        return _like(beta, self._thermal(_inverse_temperature(beta))[0])

    def entropy(self, beta: Any) -> Any:
        """ln Z + beta <E>; at beta = inf the log of the number of ground configurations."""
        beta = _inverse_temperature(beta)
        return _like(beta, self._thermal(beta)[1])

    def by_distance(
        self, reference: Any, *, threads: int | None = None, path: os.PathLike | str | None = None,
        progress: bool | Callable[[int, int], None] = False, stop: Any = None,
    ) -> np.ndarray | None:  # fmt: skip
        """Number of configurations at each energy and each number of weights that differ from `reference`, (n,) +-1.

        Returns (levels, n + 1) int64 from another pass over all configurations, or None when stopped. Arguments and
        errors as for `enumerate_configurations`; without `threads`, as many as there.
        """
        costs, n = self._costs, self.patterns.n
        signs = checked_weights(reference, n, "reference")
        if signs.shape != (n,):
            raise ArgumentError(f"reference: got shape {signs.shape}; one configuration of {n} weights is needed")
        packed = int(packed_weights(signs))
        threads = self._threads if threads is None else _threads(threads)
        levels = _levels(costs)
        _check_size(costs, levels * (n + 1), threads, 0)
        plan = plan_pass(costs, packed)
        file = PassFile(path, {**_identity(costs, "distances"), "reference": packed})
        counted, _ = file.load(fresh_count(plan, levels, n + 1))
        if not counted.complete:
            with watching(progress, stop) as watch:
                counted = count_configurations(plan, levels, n + 1, threads, file, watch, counted)
            file.save(counted)
        return _trimmed(costs, counted, plan) if counted.complete else None

    def pair_distances(self) -> np.ndarray:
        """Pairs of solutions by the number of weights that differ, (n + 1,) int64; pairs are not ordered.

        The overlap of such a pair is 1 - 2 d / n. Raises as `packed_solutions`, and ArgumentError for more pairs
        than can be counted in minutes.
        """
        from perceptron.clusters import pair_distances

        return pair_distances(self.packed_solutions, self.patterns.n)

    def _check_complete(self) -> None:
        if not self.complete:
            again = f"it goes on from {self._kept_at}" if self._kept_at else "with a `path` it could go on from there"
            raise ArgumentError(
                f"enumeration: it was stopped after {100 * self._progress:.3g} % of the configurations; make the same "
                f"call again, {again}"
            )

    def _occupied(self) -> tuple[np.ndarray, np.ndarray]:
        histogram = self.energy_histogram
        energy = np.flatnonzero(histogram)
        return energy.astype(np.float64), np.log(histogram[energy].astype(np.float64))

    def _thermal(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean energy and entropy; energies are counted from the ground energy, which infinite beta leaves alone."""
        energy, log_count = self._occupied()
        excess = energy - energy[0]
        log_weight = log_count - _times(beta[..., None], excess)
        log_sum = _log_sum(log_weight)
        mean = (np.exp(log_weight - log_sum[..., None]) * excess).sum(axis=-1)
        return energy[0] + mean, log_sum + _times(beta, mean)


def enumerate_configurations(
    patterns: Any, *, energy: str = "errors", margin: float = 0.0, kappa: float | None = None,
    histogram: bool = True, solutions: bool = True, limit: int = LIMIT, threads: int | None = None,
    path: os.PathLike | str | None = None, progress: bool | Callable[[int, int], None] = False, stop: Any = None,
) -> Enumeration:  # fmt: skip
    """Count all configurations of an instance by energy, and list those of energy 0.

    `patterns` is an instance, with `energy` "errors" (patterns with Delta below the least right stability at
    `margin`), "hinge" (the flips they need) or "symmetric" (patterns with |Delta| > `kappa` sqrt(n)); or a landscape
    on an instance, which says its own energy. Up to n = 48, and as many patterns as some days allow; Gaussian ones have
    no hinge and take several times longer. `histogram=False` counts solutions alone, faster. Solutions are listed
    unless there are more than `limit` or `solutions` is False. `threads` is a number, or None for all cores; it changes
    no result.

    With `path` a checkpoint is kept there, and the same call goes on from it, or reads the result when all is done.
    `progress` is True for a bar, or a function (done, total) of segments; `stop`, a function or an event, is asked
    between segments: once true, the call saves and returns an Enumeration that is not `complete`.

    Raises ArgumentError for bad arguments and what would take more than some days, MemoryLimitError, before it starts,
    when tables and `limit` solutions take more memory than the machine has, StoreError for a file of another
    enumeration.
    """
    costs = pattern_costs(patterns, energy, margin, kappa)
    threads, limit = _threads(threads), _limit(limit)
    _check_time(costs, threads, histogram)
    levels = _levels(costs) if histogram else 0
    _check_size(costs, levels, threads, limit if solutions else 0)
    plan = plan_pass(costs if histogram else costs.solved, mirrored=bool(histogram))
    file = PassFile(path, _identity(costs, "energies" if histogram else "solutions"))
    counted, listed = file.load(fresh_count(plan, levels, int(bool(histogram))))
    if not counted.complete:
        with watching(progress, stop) as watch:
            if histogram:
                counted = count_configurations(plan, levels, 1, threads, file, watch, counted)
            else:
                counted = count_solutions(plan, threads, file, watch, counted)
        file.save(counted)
    by_segment = solutions_by_segment(counted, plan.mirror)
    why = _why_not_listed(by_segment, limit) if solutions else ""
    if counted.complete and solutions and not why and listed is None:
        listing = plan if histogram is False else plan_pass(costs.solved, mirrored=False)
        listed = list_solutions(listing, by_segment, threads)
        file.save(counted, listed)
    counts = _trimmed(costs, counted, plan)[:, 0] if histogram else None
    kept = listed if solutions and not why else None
    visited, kept_at = counted.done / counted.lowest.size, "" if path is None else str(path)
    return Enumeration(costs, counts, by_segment, kept, visited, threads, why, kept_at)


def _why_not_listed(by_segment: np.ndarray, limit: int) -> str:
    found = int(by_segment.sum())
    if found <= limit:
        return ""
    return (
        f"solutions: there are {found}, more than the limit of {limit}; raise `limit` ({show_bytes(8 * found)} packed)"
    )


def _levels(costs: PatternCosts) -> int:
    """Energies a pass counts: of Gaussian patterns with two terms each, twice as many as can occur."""
    return max(costs.highest_energy, costs.entries.shape[0] if costs.entries.size else 0) + 1


def _trimmed(costs: PatternCosts, counted: Counted, plan: Plan) -> np.ndarray:
    return all_counts(counted, plan.mirror)[: costs.highest_energy + 1]


def _identity(costs: PatternCosts, counted: str) -> dict[str, Any]:
    return {
        "counted": counted, "n": costs.patterns.n, "p": costs.patterns.p, "energy": costs.energy,
        "patterns_and_energy": costs.fingerprint(),
    }  # fmt: skip


def _check_time(costs: PatternCosts, threads: int, histogram: bool) -> None:
    n, p = costs.patterns.n, costs.patterns.p
    # Measured on one core with 512-bit vectors, to within a factor of two or so.
    per_pattern = 0.02 if costs.patterns.kind == "gaussian" else 0.015 if costs.energy == "hinge" else 0.004
    nanoseconds = per_pattern * p if histogram else 0.02
    # As a logarithm: 2^n may be beyond the floats.
    log10_hours = n * math.log10(2.0) + math.log10(nanoseconds * 1e-9 / threads / 3600)
    if n <= MOST_WEIGHTS and log10_hours <= math.log10(MOST_HOURS):
        return
    hours = f"{10**log10_hours:.2g}" if log10_hours < 6 else f"1e{log10_hours:.0f}"
    raise ArgumentError(
        f"n: got {n} weights and {p} patterns; all 2^{n} configurations would take about {hours} hours here, "
        f"{MOST_HOURS:g} hours and {MOST_WEIGHTS} weights are the most; sample them instead, or take a smaller instance"
    )


def _check_size(costs: PatternCosts, counts: int, threads: int, limit: int) -> None:
    listed = 8 * min(limit, 2**costs.patterns.n)
    needed = 2 * row_bytes(costs) + 8 * counts * (2 + 5 * threads) + listed
    advice = "lower `limit`, or solutions=False" if 2 * listed > needed else "take fewer patterns or a smaller margin"
    require_memory(needed, f"enumerating {costs.patterns.p} patterns of {costs.patterns.n} weights", advice)


def _threads(threads: Any) -> int:
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ArgumentError(f"threads: got {threads!r}; a whole number from 1, or None for all cores, is needed")
    return int(threads)


def _limit(limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 0:
        raise ArgumentError(f"limit: got {limit!r}; a whole number of solutions from 0 is needed")
    return int(limit)


def _inverse_temperature(beta: Any) -> np.ndarray:
    try:
        values = np.asarray(beta, np.float64)
    except (TypeError, ValueError):
        values = np.asarray(math.nan)
    if not (values >= LEAST_BETA).all():
        raise ArgumentError(
            f"beta: got {beta!r}; numbers from {LEAST_BETA:g}, or inf for the lowest energy, are needed"
        )
    return values


def _times(beta: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """beta * energy, and 0 where the energy is 0 and beta infinite; infinite where it is beyond the floats."""
    zero = energy == 0
    with np.errstate(over="ignore"):
        return np.where(zero, 0.0, beta * np.where(zero, 1.0, energy))


def _log_sum(values: np.ndarray) -> np.ndarray:
    """ln sum exp over the last axis; -inf where every value is."""
    top = values.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]


def _like(beta: Any, values: np.ndarray) -> Any:
    return float(values) if np.ndim(beta) == 0 else values
