"""Replicated stochastic gradient descent: y replicas of SGD with the binary read-out, drawn to their centre.

The replicas start together, take mini-batches of their own, and are attracted to the mean <c> = tanh(gamma sum_b w^b)
of the centre that is traced out; gamma grows by `gamma_step` every epoch (scoping), so that in the end the replicas
are drawn to their majority. The step is in `perceptron.solvers.gradient`.
Baldassi, Borgs, Chayes, Ingrosso, Lucibello, Saglietti & Zecchina 2016, PNAS 113, E7655 (arXiv:1605.06444).

Defaults: tune("replicated_sgd", {"loss": ["perceptron", "cross_entropy"], "batch": [5, 10, 20], "coupling": [.05, .1,
.2, .3], "gamma": [.1, .5], "gamma_step": [.003, .02]}, 1001, .65, 4, 100), then six instances at alpha = 0.7 with
couplings 0.15, 0.2, 0.3 and gamma 0, 0.1, 0.3, and at 0.65 with 3, 5, 7, 11 replicas. What counts is coupling / batch,
best near 0.02: half of that anneals too slowly for the epochs given, twice as much with a quick gamma freezes the
replicas too early. Cross-entropy is as good up to 0.65 and worse at 0.7 (3 of 6 at most, against 5). Three replicas
solve 2 of 6, five and seven 6, eleven 4. Solved with the defaults, alpha = 0.5, 0.6, 0.65, 0.7: 20, 20, 20, 16 of 20 at
n = 1001; 0.5, 0.6, 0.65: 8, 8, 8 of 8 at n = 3001; 0.5, 0.6: 2, 2 of 2 at n = 10001, where SGD alone solves 2, 0 of 2
at 0.3, 0.35.
"""

from typing import TYPE_CHECKING

from perceptron.solvers.gradient import descend
from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns


def run(
    patterns: "Patterns",
    *,
    seed: int,
    margin: float = 0.0,
    replicas: int = 7,
    coupling: float = 0.2,
    gamma: float = 0.1,
    gamma_step: float = 0.003,
    loss: str = "perceptron",
    width: float = 0.1,
    eta: float = 1.0,
    batch: int = 10,
    same_start: bool = True,
    max_epochs: int = 1000,
) -> Solution:
    """Search from random weights; work in presentations, those to all replicas counted.

    `replicas` is y; `coupling` is lambda, in units of the first |x_i| = 1; gamma is `gamma + gamma_step * epoch`;
    `loss`, `width`, `eta` and `batch` as in `sgd`; without `same_start` each replica starts from weights of its own.
    The search ends when a replica or the centre gets every pattern right. Raises ArgumentError for values out of range.
    """
    return descend(
        "replicated_sgd", patterns, seed=seed, margin=margin, loss=loss, width=width, eta=eta, batch=batch,
        max_epochs=max_epochs, replicas=replicas, coupling=coupling, gamma=gamma, gamma_step=gamma_step,
        same_start=same_start,
    )  # fmt: skip
