"""Reinforced max-sum as a solver; see `perceptron.message_passing.max_sum`."""

from typing import TYPE_CHECKING

from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns


def run(
    patterns: "Patterns",
    *,
    seed: int,
    margin: float = 0.0,
    rate: float = 0.01,
    max_sweeps: int = 600,
    damping: float = 0.0,
) -> Solution:
    """Sweeps of max-sum with rho = 1 - (1 - rate)^t; work in sweeps over all messages.

    History: `work`, `errors`, `overlap`, `rho`. Raises ArgumentError, MemoryLimitError.
    """
    from perceptron.message_passing.max_sum import max_sum

    found = max_sum(patterns, seed=seed, margin=margin, rate=rate, max_sweeps=max_sweeps, damping=damping)
    return Solution(found.weights, found.errors, found.sweeps, "sweeps", 0.0, found.history, "max_sum")
