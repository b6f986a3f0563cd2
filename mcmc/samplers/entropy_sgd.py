"""Entropy-SGD: steps down the local entropy, its gradient from L Langevin steps around the weights.

Around x, from y = mu = x, L times: y <- y - eta' [g_b(y) + (y - x)/t] + sqrt(2 eta'/beta) xi, mu <- a mu + (1 - a) y;
then x <- x - eta (x - mu)/t, where grad u(x, t) = (x - <y>)/t. A sweep is one gradient, at y. Chaudhari, Choromanska,
Soatto, LeCun et al. 2017, arXiv:1611.01838, algorithm 1 (its gamma is 1/t, its noise eps gives beta = 2 / eps^2, its
alpha is 1 - a). Its constants, and those of its program, are in `mcmc.samplers.entropy_presets`.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.samplers.inner_loop import AS_WRITTEN, InnerLoopOptimizer, LoopConventions
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.scoping import Scoping


class EntropySGDState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64: weights after the last outer step."""
    energy: np.ndarray
    """(chains,) float64: energy of all data at x; NaN as soon as y is no number."""
    beta: np.ndarray
    """(chains,) float64: of the inner Gibbs law."""
    step_size: np.ndarray
    """(chains,) float64: eta, of the outer step."""
    sweep: np.ndarray
    """() int64: gradients of each chain so far; its remainder by L is the place in the inner loop."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    y: np.ndarray
    """(chains, dim) float64: where the inner loop is."""
    average: np.ndarray
    """(chains, dim) float64: mu, the running mean of y."""
    inner_buffer: np.ndarray
    """(chains, dim) float64: momentum of the inner loop; (chains, 0) without."""
    outer_buffer: np.ndarray
    """(chains, dim) float64: momentum of the outer steps; (chains, 0) without."""


class EntropySGDInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |g_b| before the last inner step; NaN when there was none."""


class EntropySGD(InnerLoopOptimizer):
    """Entropy-SGD at `beta`, of the energy exp(-beta f) as it is: a mean over n samples wants beta with n inside.

    `scale` t, a number or a Scoping of the outer step; `steps` L; `averaging` a. `momentum`, with `nesterov`, acts in
    the inner loop, `outer_momentum` on outer steps. `outer` "average" leaves out 1/t: x <- x - eta (x - mu).
    `conventions` are those of published programs. Raises ArgumentError for arguments out of range.
    """

    info = EntropySGDInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any,
        *,
        step_size: Any,
        scale: float | Scoping,
        steps: int = 20,
        inner_step_size: float,
        averaging: float = 0.75,
        momentum: float = 0.0,
        nesterov: bool = False,
        outer_momentum: float = 0.0,
        outer: Literal["gradient", "average"] = "gradient",
        conventions: LoopConventions = AS_WRITTEN,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
    ):
        super().__init__(
            landscape, beta, replicas=1, step_size=step_size, scale=scale, coupling=0.0, steps=steps,
            inner_step_size=inner_step_size, averaging=averaging, momentum=momentum, nesterov=nesterov,
            outer_momentum=outer_momentum, outer=outer, conventions=conventions, batch_size=batch_size,
            replacement=replacement, rates=rates, samples=samples, same_start=True,
        )  # fmt: skip

    def init(self, chains, seed) -> EntropySGDState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        return EntropySGDState(**self._loops(chains, seed))

    def weights(self, state: EntropySGDState) -> np.ndarray:
        """x, (chains, dim) float64: the state's own array."""
        return state.x
