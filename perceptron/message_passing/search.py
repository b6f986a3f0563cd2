"""Search for a solution by messages: sweep, let a variant form the whole fields, decide by their signs."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import numpy as np

from perceptron.patterns import Patterns

FROZEN = 0.1
"""Where sum_i (1 - m_i^2) is less, all weights are decided for good: the search has failed."""


class Sweeps(Protocol):
    """What a search needs of an update."""

    total: np.ndarray
    """(n,) sum of the fields that the patterns send to each weight."""

    def sweep(self, field: np.ndarray) -> None:
        """New messages from the whole fields (n,)."""


class Search(NamedTuple):
    """Where a search by messages ended."""

    weights: np.ndarray
    """(n,) int8 of +-1: the best decided weights, sign H_i."""
    errors: int
    """Patterns that these weights get wrong."""
    sweeps: int
    """Sweeps until they were found, or until the search gave up."""
    history: dict[str, np.ndarray]
    """By sweep: `work` (sweeps so far), `errors` of sign H_i, `overlap` q = mean of tanh(H_i)^2, and the protocol's
    own numbers (`rho`, or `gamma` and `y`)."""
    field: np.ndarray
    """(n,) whole fields H_i at the end."""


def decide(field: np.ndarray) -> np.ndarray:
    """Weights sign H_i as int8; +1 at exactly 0."""
    return np.where(field < 0.0, -1, 1).astype(np.int8)


def search(
    update: Sweeps,
    patterns: Patterns,
    margin: float,
    start: np.ndarray,
    stages: Iterable[dict[str, float]],
    next_field: Callable[[np.ndarray, np.ndarray, dict[str, float]], np.ndarray],
    frozen: float = FROZEN,
) -> Search:
    """Sweep through the stages until sign H_i gets every pattern right.

    `next_field(patterns' fields, whole fields before, stage)` is the variant: it returns the whole fields (n,).
    """
    whole = start
    best, fewest, at = decide(whole), patterns.p + 1, 0
    rows: list[tuple[float, ...]] = []
    names: tuple[str, ...] = ()
    for sweep, stage in enumerate(stages, 1):
        update.sweep(whole)
        whole = next_field(update.total, whole, stage)
        weights = decide(whole)
        errors = int(patterns.errors(weights, margin))
        names = tuple(stage)
        rows.append((sweep, errors, float(np.mean(np.tanh(whole) ** 2)), *stage.values()))
        if errors < fewest:
            best, fewest, at = weights, errors, sweep
        if errors == 0 or float(np.sum(1.0 - np.tanh(whole) ** 2)) < frozen:
            break
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 3 + len(names)).T
    history = dict(zip(("work", "errors", "overlap", *names), columns, strict=True))
    for name in ("work", "errors"):
        history[name] = history[name].astype(np.int64)
    return Search(best, fewest, at if fewest == 0 else len(rows), history, whole)
