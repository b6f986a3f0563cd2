"""Reinforced belief propagation as a solver; see `perceptron.message_passing.reinforced`."""

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
    update: str = "gaussian",
) -> Solution:
    """Sweeps of belief propagation with rho = min(step t, largest); work in sweeps over all messages.

    `update` is "gaussian" (a message per edge), "tap" (memory n + p) or "exact". History: `work`, `errors`,
    `overlap`, `rho`. Raises ArgumentError, MemoryLimitError.
    """
    from perceptron.message_passing.reinforced import reinforced_bp

    found = reinforced_bp(
        patterns, seed=seed, margin=margin, step=step, largest=largest, max_sweeps=max_sweeps, method=update,
        damping=damping,
    )  # fmt: skip
    return Solution(found.weights, found.errors, found.sweeps, "sweeps", 0.0, found.history, "reinforced_bp")
