"""Reinforced belief propagation: every weight remembers its own field, more and more, until all are decided.

H_i^(t+1) = sum_mu f_(mu i) + rho_t H_i^t, rho_t = step t: the fixed points at fixed rho are those of the focusing
equations with gamma -> inf, y = 1/(1 - rho). Braunstein & Zecchina 2006, Phys. Rev. Lett. 96, 030201;
arXiv:1605.06444.
"""

from perceptron.arguments import checked_count, checked_number
from perceptron.message_passing.search import Search, search
from perceptron.message_passing.update import make_update, random_fields
from perceptron.patterns import Patterns


def reinforced_bp(
    patterns: Patterns,
    *,
    seed: int = 0,
    margin: float = 0.0,
    step: float = 0.002,
    largest: float = 1.0,
    max_sweeps: int = 1000,
    method: str = "tap",
    damping: float = 0.3,
    start: float = 0.01,
) -> Search:
    """Sweep with rho = min(step t, largest) from random fields of size `start` until sign H_i gets all right.

    The search ends when rho has reached 1, or after `max_sweeps`. `method` and `damping` as for
    `belief_propagation`. Raises ArgumentError, MemoryLimitError.
    """
    checked_number("step", step, 0.0, 0.5, "an increase of rho per sweep from 0 to 0.5 is needed")
    checked_number("start", start, 0.0, 1e6)
    checked_number("largest", largest, 0.0, 1.0, "a reinforcement from 0 to 1 is needed")
    precision = None if method == "exact" else "single"
    update = make_update(patterns, method, margin=margin, damping=damping, precision=precision)
    sweeps = checked_count("max_sweeps", max_sweeps)
    rhos = (min(step * t, largest) for t in range(sweeps))
    stages = ({"rho": rho} for rho in rhos if rho < 1.0)
    return search(
        update, patterns, margin, random_fields(patterns.n, seed, start), stages,
        lambda fields, before, stage: fields + stage["rho"] * before,
    )  # fmt: skip
