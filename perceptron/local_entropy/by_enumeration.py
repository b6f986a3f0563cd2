"""Local entropy without any error: all 2^n configurations counted by energy and distance from a reference.

S(d) = (1/n) ln sum_E n(E, d) exp(-beta E) with n(E, d) the number of configurations of energy E at d n flips; n(0, d)
alone at beta = inf.
"""

import math
from typing import Any

import numpy as np

from mcmc.local_entropy.lattice import lattice_flips
from mcmc.local_entropy.result import DISTANCE, LocalEntropy
from perceptron.enumeration import enumerate_configurations
from perceptron.local_entropy.arguments import question


def enumeration(
    model_or_patterns: Any,
    reference: Any,
    distance: Any = None,
    *,
    beta: float = math.inf,
    margin: float = 0.0,
    threads: int = 1,
) -> LocalEntropy:
    """Exact local entropy around `reference` (n,) of +-1 at each `distance`, or at all k / n when None.

    Takes Patterns, which count errors at `margin` (units of sqrt(n)), a BinaryPerceptron of either energy or a
    SymmetricPerceptron. Values are nats per weight, -inf where there is no configuration; errors 0. `gamma` is
    (1/2) dS/dd from ln n(k+1) - ln n(k-1), one-sided where one of them is empty, NaN where both are. `more` has
    `configurations`, sum_E n(E, k) exp(-beta E).
    Raises ArgumentError for bad arguments, an instance that would take days, and a reference that is no solution when
    beta is infinite; MemoryLimitError where the tables do not fit.
    """
    asked = question(model_or_patterns, reference, beta, margin)
    n = asked.model.patterns.n
    flips = np.arange(n + 1) if distance is None else lattice_flips(distance, n)
    found = enumerate_configurations(asked.model, histogram=False, solutions=False, threads=threads)
    counts = found.by_distance(asked.reference, threads=threads)
    assert counts is not None, "only a stop makes it None"
    log_count = log_weighted_counts(counts, asked.beta)
    return LocalEntropy(
        kind=DISTANCE,
        scale=flips / n,
        value=log_count[flips] / n,
        error=np.zeros(flips.size),
        method="enumeration",
        reference=asked.reference,
        beta=asked.beta,
        gamma=_slopes(log_count)[flips] / 2.0,
        effective_samples=np.full(flips.size, math.inf),
        more={"configurations": ((DISTANCE,), np.exp(log_count[flips]), "configurations, weighted by exp(-beta E)")},
    )


def log_weighted_counts(counts: np.ndarray, beta: float) -> np.ndarray:
    """ln sum_E counts[E, k] exp(-beta E), (n + 1,), from counts (levels, n + 1); -inf where nothing is."""
    levels = counts[:1] if math.isinf(beta) else counts
    energy = np.arange(levels.shape[0])[:, None]
    thermal = 0.0 if math.isinf(beta) else beta * energy
    with np.errstate(divide="ignore"):
        logs = np.log(levels.astype(np.float64)) - thermal
    top = logs.max(axis=0)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return shift + np.log(np.exp(logs - shift).sum(axis=0))


def _slopes(log_count: np.ndarray) -> np.ndarray:
    """d ln n / dk at each k where the count is not 0: central, or one-sided beside an empty k; NaN elsewhere."""
    padded = np.concatenate([[-math.inf], log_count, [-math.inf]])
    with np.errstate(invalid="ignore"):
        steps = np.diff(padded)
    known = np.isfinite(steps)
    sums = np.where(known, steps, 0.0)
    number = known[:-1].astype(np.int64) + known[1:]
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, (sums[:-1] + sums[1:]) / number, math.nan)
