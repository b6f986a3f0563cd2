"""Replicated stochastic gradient descent: y replicas of SGD with the binary read-out, drawn to their centre.

The replicas start together, take mini-batches of their own, and are attracted to the mean <c> = tanh(gamma sum_b w^b)
of the centre that is traced out; gamma grows by `gamma_step` every epoch (scoping), so that in the end the replicas
are drawn to their majority. The step is in `perceptron.solvers.gradient`.
Baldassi, Borgs, Chayes, Ingrosso, Lucibello, Saglietti & Zecchina 2016, PNAS 113, E7655 (arXiv:1605.06444).
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
