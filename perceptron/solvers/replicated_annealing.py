"""Replicated annealing: y replicas of the weights, cooled while their attraction grows, end in wide flat regions.

The law is exp(-beta sum_a E(w^a)) prod_i 2 cosh(gamma sum_a w_i^a), a centre configuration summed out, or the coupling
gamma sum_(a<b) w^a.w^b of pairs; beta and gamma rise together. The replicas and the sign of their sum, the centre, are
judged. Baldassi et al. 2016, PNAS 113, E7655 (arXiv:1605.06444), which finds the number of sweeps polynomial in n where
that of a single replica is exponential.
"""

from typing import TYPE_CHECKING

from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

BETA = {"hinge": (0.3, 2.0), "errors": (2.0, 4.0)}
"""Ramp of the inverse temperature for each energy."""


def run(
    patterns: "Patterns",
    *,
    seed: int,
    margin: float = 0.0,
    energy: str = "auto",
    replicas: int = 7,
    coupling: str = "centre",
    beta_start: float | None = None,
    beta_end: float | None = None,
    gamma_start: float = 0.5,
    gamma_end: float = 2.0,
    ramp: str = "linear",
    sweeps: int = 1000,
    doublings: int = 4,
    update: str = "metropolis",
) -> Solution:
    """Replicated annealing from random weights; work in sweeps of the replicas, all runs together.

    A sweep is an attempt at every weight of every replica, `replicas` n flips attempted. The first run takes `sweeps`
    sweeps, and each further one, `doublings` at most, twice as many as the one before. `energy` is "hinge" or "errors",
    "auto" hinge where the patterns have it; beta goes from `beta_start` to `beta_end` (None: the energy's own, BETA)
    and gamma from `gamma_start` to `gamma_end` along a `ramp`, "linear" or "geometric". `coupling` is "centre" or
    "pairs", `update` one of the landscape's. History: `work`, `attempts` (flips, in all replicas), `run_sweeps` (length
    of the run), `beta`, `gamma`, `energy` (all replicas), `overlap` (mean over pairs), `errors` (the fewest),
    `centre_errors`. Raises ArgumentError.

    Defaults: single runs (`doublings=0`) of 500 sweeps at n = 1001, alpha = 0.65, hinge, `replicas` in 3, 5, 7, 11,
    `beta_end` in 1.2..3, `gamma_end` in 1.5..3, then `beta_start` in 0.1..1, `gamma_start` in 0.3..1.2: these solve 16
    of 16 instances in 281 sweeps (median); 5 replicas 15, 3 replicas 1, `gamma_start` 1.2 none. Errors with 3 replicas
    at n = 801, alpha = 0.3, 400 sweeps, `beta_start` in 1..3, `beta_end` in 4..10, `gamma_start` 0.5 or 1, `gamma_end`
    in 2..4: these solve 18 of 24, the most.
    """
    from perceptron.arguments import checked_count, one_of
    from perceptron.coupled import Replicated
    from perceptron.landscape import BinaryPerceptron
    from perceptron.solvers.cooling import Cooling, checked_ramp, energy_for

    chosen = energy_for(patterns, energy)
    start, end = BETA[chosen]
    beta = checked_ramp(
        "beta", start if beta_start is None else beta_start, end if beta_end is None else beta_end, ramp
    )
    gamma = checked_ramp("gamma", gamma_start, gamma_end, ramp)
    model = BinaryPerceptron(patterns, chosen, margin)
    together = Replicated(
        model, checked_count("replicas", replicas, 2, 1000), coupling=one_of("coupling", coupling, ("centre", "pairs"))
    )
    return Cooling(together, margin, beta, gamma, update).search(seed, sweeps, doublings, "replicated_annealing")
