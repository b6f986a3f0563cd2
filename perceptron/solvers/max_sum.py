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
    step: float = 0.005,
    largest: float = 1.0,
    max_sweeps: int = 1000,
    damping: float = 0.5,
) -> Solution:
    """Sweeps of max-sum with rho = min(step t, largest); work in sweeps over all messages.

    History: `work`, `errors`, `overlap`, `rho`. Raises ArgumentError, MemoryLimitError.
    """
    from perceptron.message_passing.max_sum import max_sum

    found = max_sum(
        patterns, seed=seed, margin=margin, step=step, largest=largest, max_sweeps=max_sweeps, damping=damping
    )
    return Solution(found.weights, found.errors, found.sweeps, "sweeps", 0.0, found.history, "max_sum")
