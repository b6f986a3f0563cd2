"""Simulated annealing of the weights: single flips by Metropolis while the temperature falls.

Kirkpatrick, Gelatt & Vecchi 1983, Science 220, 671; on the binary perceptron Horner 1992, Z. Phys. B 86, 291. With the
number of errors as energy it freezes in isolated minima, and the sweeps it needs grow exponentially with n
(arXiv:1605.06444); the hinge energy is smoother and reaches further.
"""

from typing import TYPE_CHECKING

from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

BETA = {"hinge": (0.5, 6.0), "errors": (2.0, 8.0)}
"""Ramp of the inverse temperature for each energy."""


def run(
    patterns: "Patterns",
    *,
    seed: int,
    margin: float = 0.0,
    energy: str = "auto",
    beta_start: float | None = None,
    beta_end: float | None = None,
    ramp: str = "linear",
    sweeps: int = 1000,
    doublings: int = 4,
    update: str = "metropolis",
) -> Solution:
    """Annealing from random weights; work in sweeps of n attempted flips, all runs together.

    The first run takes `sweeps` sweeps, and each further one, `doublings` at most, twice as many as the one before.
    `energy` is "hinge" or "errors", "auto" hinge where the patterns have it; beta goes from `beta_start` to `beta_end`
    (None: the energy's own, BETA) along a `ramp`, "linear" or "geometric". `update` is one of the landscape's. History:
    `work`, `attempts` (flips), `run_sweeps` (length of the run), `beta`, `energy`, `errors`. Raises ArgumentError.

    Defaults: single runs (`doublings=0`), `beta_start` in 0.3..1 and `beta_end` in 2..9 at n = 1001, alpha = 0.3,
    hinge, 500 sweeps: 0.5 to 6 takes the fewest sweeps for a solution, 361 with 26 of 32 instances solved; an end of 2
    solves at most 9. Errors: `beta_start` in 1..3 and `beta_end` in 4..12 at n = 401, 2000 sweeps: 2 to 8 solves 21 of
    32, 3 to 8 28; at n = 601, 8000 sweeps, they solve 15 and 14 of 24. Ends below 5 solve a quarter.
    """
    from perceptron.landscape import BinaryPerceptron
    from perceptron.solvers.cooling import Cooling, checked_ramp, energy_for

    chosen = energy_for(patterns, energy)
    start, end = BETA[chosen]
    beta = checked_ramp(
        "beta", start if beta_start is None else beta_start, end if beta_end is None else beta_end, ramp
    )
    landscape = BinaryPerceptron(patterns, chosen, margin)
    return Cooling(landscape, margin, beta, None, update).search(seed, sweeps, doublings, "annealing")
