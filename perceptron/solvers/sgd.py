"""Perceptron stochastic gradient descent with the binary read-out: w = sign x, the gradient of the loss at w moves x.

x <- x + eta sum_(mu in B) f(Delta^mu(w)) xi^mu over mini-batches B; the forces f are in `perceptron.solvers.gradient`.
With the perceptron loss, batches of one pattern and eta = 2 it is the clipped perceptron. The sign cares about x only
up to a factor, so eta is in units of the first |x_i| = 1, and steps grow weaker as x grows.
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
    loss: str = "perceptron",
    width: float = 0.1,
    eta: float = 1.0,
    batch: int = 10,
    max_epochs: int = 2000,
) -> Solution:
    """Search from random weights; work in presentations.

    `loss` is "cross_entropy", "hinge" or "perceptron"; `width` is that of the loss in units of sqrt(n); `batch`
    patterns make a step of size `eta`. Raises ArgumentError for values out of range.
    """
    return descend(
        "sgd", patterns, seed=seed, margin=margin, loss=loss, width=width, eta=eta, batch=batch, max_epochs=max_epochs
    )
