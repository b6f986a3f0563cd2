"""Elastic-SGD: replicas that follow gradients of their own and are pulled to a centre, which they pull in turn.

x^a <- x^a - eta g_b(x^a) - eta k (x^a - c), c <- c + eta k sum_a (x^a - c), right sides before the step; eta k is the
paper's alpha, k its rho. With `centre` "mean" c is the mean of the x^a instead. With momentum m (EAMSGD): v <- m v -
eta g_b(x^a + m v), x^a <- x^a + v - eta k (x^a - c). A sweep is one gradient of every replica. Zhang, Choromanska &
LeCun 2015, arXiv:1412.6651, sections 3 (synchronous) and 3.2.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.coupled_optimizer import CoupledOptimizer
from mcmc.samplers.coupled_updates import add_with_velocity, coupled_gradient, move_centre
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import number_within, whole_number
from mcmc.samplers.scoping import Scoping, checked_scoping
from mcmc.samplers.update_rules import add_steps


class ElasticSGDState(NamedTuple):
    """State of the chains: a lane is replica a of chain c, number c * replicas + a."""

    x: np.ndarray
    """(lanes, dim) float64."""
    energy: np.ndarray
    """(lanes,) float64: energy of all data at x."""
    beta: np.ndarray
    """(lanes,) float64: infinity, no noise is added."""
    step_size: np.ndarray
    """(lanes,) float64: eta."""
    sweep: np.ndarray
    """() int64: gradients of each lane so far."""
    chain: np.ndarray
    """(lanes,) uint32: identity of each lane in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    centre: np.ndarray
    """(chains, dim) float64: the moving centre; that of "mean" is as of the beginning of the last step."""
    velocity: np.ndarray
    """(lanes, dim) float64; (lanes, 0) without momentum."""


class ElasticSGDInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains, replicas) float64: |g_b| before the last step; NaN when there was none."""


class ElasticSGD(CoupledOptimizer):
    """Elastic-SGD with `replicas` n; `coupling` k is a number or a Scoping of the sweep.

    The pull acts in every `period`-th sweep, from the first on. A moving centre starts at the mean; where the loss is
    flat it is stable for eta k (n + 1) below 2. `samples` (replicas, count) restricts each replica to samples of its
    own. Raises ArgumentError for arguments out of range.
    """

    dims = ("replica",)
    info = ElasticSGDInfo

    def __init__(
        self,
        landscape: SmoothLandscape,
        *,
        step_size: Any,
        replicas: int = 3,
        coupling: float | Scoping,
        centre: Literal["moving", "mean"] = "moving",
        momentum: float = 0.0,
        period: int = 1,
        batch_size: int | None = None,
        replacement: bool | Literal["epoch"] = "epoch",
        rates: LearningRates | None = None,
        samples: Any = None,
        same_start: bool = True,
    ):
        super().__init__(
            landscape, replicas=replicas, step_size=step_size, batch_size=batch_size, replacement=replacement,
            rates=rates, samples=samples, same_start=same_start,
        )  # fmt: skip
        if centre not in ("moving", "mean"):
            raise ArgumentError(f"centre: got {centre!r}; 'moving' or 'mean' is needed")
        self.centre, self.period = centre, whole_number("period", period)
        self.coupling = checked_scoping("coupling", coupling, zero=True, infinite=False)
        self.momentum = number_within("momentum", momentum, 0.0, 1.0)

    def init(self, chains, seed) -> ElasticSGDState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        fields = self._fresh(chains, seed)
        lanes, dim = fields["x"].shape
        width = dim if self.momentum else 0
        return ElasticSGDState(**fields, centre=self._means(fields["x"]), velocity=np.zeros((lanes, width)))

    def weights(self, state: ElasticSGDState) -> np.ndarray:
        """The centre, (chains, dim) float64: the state's own array when it moves."""
        return state.centre if self.centre == "moving" else self._means(state.x)

    def _direction(self, state, sweep):
        if not self.momentum:
            return self.gradient(state, state.x, sweep)
        return self.gradient(state, state.x + self.momentum * state.velocity, sweep)

    def _move(self, state, direction, rate, sweep):
        coupling = self._coupling(sweep)
        if self.centre == "mean":
            state.centre[:] = self._means(state.x)
        centre = state.centre
        if self.centre == "moving" and coupling:
            centre = centre.copy()
            move_centre(state.centre, state.x, rate, coupling)
        if self.momentum:
            add_with_velocity(state.x, state.velocity, direction, centre, rate, coupling, self.momentum)
            return
        whole = np.empty_like(state.x)
        coupled_gradient(whole, direction, state.x, centre, coupling)
        add_steps(state.x, whole, rate)

    def _coupling(self, sweep):
        return 0.0 if sweep % self.period else self.coupling.value(sweep)

    def _strengths(self, sweep, shape):
        return {"coupling": np.full(shape, self._coupling(sweep))}
