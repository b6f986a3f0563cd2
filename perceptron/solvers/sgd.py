"""Perceptron stochastic gradient descent with the binary read-out: w = sign x, the gradient of the loss at w moves x.

x <- x + eta sum_(mu in B) f(Delta^mu(w)) xi^mu over mini-batches B; the forces f are in `perceptron.solvers.gradient`.
With the perceptron loss, batches of one pattern and eta = 2 it is the clipped perceptron. The sign cares about x only
up to a factor, so eta is in units of the first |x_i| = 1, and steps grow weaker as x grows.

Defaults: tune("sgd", {"loss": ["perceptron", "cross_entropy"], "batch": [1, 10], "eta": [1, 2]}, 1001, alpha, 12, 100,
max_epochs=2000) at alpha = 0.35, 0.4, 0.45. Loss, batch and eta hardly matter: every setting solves 12 of 12 at 0.35, 8
to 12 at 0.4, at most 2 at 0.45. Nor do widths of 0.05, 0.2, 0.5, the hinge, eta = 0.3 and batches of 100, tried on four
instances: nothing is solved at 0.5 by any. The perceptron loss skips right patterns and is the quickest. Solved with
the defaults, alpha = 0.3, 0.35, 0.4, 0.45: 20, 20, 20, 0 of 20 at n = 1001; 0.3, 0.35, 0.4: 8, 7, 0 of 8 at n = 3001;
0.3, 0.35: 2, 0 of 2 at n = 10001.
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
