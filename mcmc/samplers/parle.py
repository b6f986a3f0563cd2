"""Parle: replicas that each go down the local entropy as Entropy-SGD does, pulled to their centre after inner loops.

Around each x^a, L times: y <- y - eta' [g_b(y) + (y - x^a)/t] (with noise sqrt(2 eta'/beta) at finite beta), z <- a z +
(1 - a) y; then x^a <- x^a - eta (x^a - z) - eta k (x^a - x), x the mean of the x^a before the step. A sweep is one
gradient of every replica. Chaudhari, Baldassi, Zecchina, Soatto, Talwalkar & Oberman 2017, arXiv:1707.00424 (its gamma
is t, its rho is 1/k). One replica, or coupling 0, is Entropy-SGD with the same `outer`, momentum and beta, whose
defaults differ. L = 1, t = infinity, averaging 0, no momentum and eta = 1 is Elastic-SGD about centre="mean" with eta'
as its step size and k/eta' as its coupling. The paper's constants, and those of its program, are in
`mcmc.samplers.entropy_presets`.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.samplers.inner_loop import AS_WRITTEN, InnerLoopOptimizer, LoopConventions
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.scoping import Scoping


class ParleState(NamedTuple):
    """State of the chains: a lane is replica a of chain c, number c * replicas + a."""

    x: np.ndarray
    """(lanes, dim) float64: weights after the last outer step."""
    energy: np.ndarray
    """(lanes,) float64: energy of all data at x; NaN as soon as y is no number."""
    beta: np.ndarray
    """(lanes,) float64: of the inner Gibbs law."""
    step_size: np.ndarray
    """(lanes,) float64: eta, of the outer step."""
    sweep: np.ndarray
    """() int64: gradients of each lane so far; its remainder by L is the place in the inner loop."""
    chain: np.ndarray
    """(lanes,) uint32: identity of each lane in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    y: np.ndarray
    """(lanes, dim) float64: where the inner loop is."""
    average: np.ndarray
    """(lanes, dim) float64: mu, the running mean of y."""
    inner_buffer: np.ndarray
    """(lanes, dim) float64: momentum of the inner loop; (lanes, 0) without."""
    outer_buffer: np.ndarray
    """(lanes, dim) float64: momentum of the outer steps; (lanes, 0) without."""


class ParleInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains, replicas) float64: |g_b| before the last inner step; NaN when there was none."""


class Parle(InnerLoopOptimizer):
    """Parle with `replicas` n; `coupling` k and `scale` t are numbers or Scopings of the outer step.

    `momentum`, with `nesterov`, acts in the inner loop, `outer_momentum` on outer steps; `outer` "gradient" divides
    x^a - z by t. `samples` (replicas, count) restricts each replica to samples of its own. `conventions` are those of
    published programs. Raises ArgumentError for arguments out of range.
    """

    dims = ("replica",)
    info = ParleInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any = np.inf,
        *,
        step_size: Any,
        replicas: int = 3,
        scale: float | Scoping,
        coupling: float | Scoping,
        steps: int = 25,
        inner_step_size: float,
        averaging: float = 0.75,
        momentum: float = 0.9,
        nesterov: bool = False,
        outer_momentum: float = 0.0,
        outer: Literal["gradient", "average"] = "average",
        conventions: LoopConventions = AS_WRITTEN,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        same_start: bool = True,
    ):
        super().__init__(
            landscape, beta, replicas=replicas, step_size=step_size, scale=scale, coupling=coupling, steps=steps,
            inner_step_size=inner_step_size, averaging=averaging, momentum=momentum, nesterov=nesterov,
            outer_momentum=outer_momentum, outer=outer, conventions=conventions, batch_size=batch_size,
            replacement=replacement, rates=rates, samples=samples, same_start=same_start,
        )  # fmt: skip

    def init(self, chains, seed) -> ParleState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        return ParleState(**self._loops(chains, seed))
