"""The inner loops of Entropy-SGD and Parle: L steps of Langevin's equation around each replica, then a step of its own.

Inner, y from x on and mu from x on: y <- y - eta' [g_b(y) + (y - x)/t] + sqrt(2 eta'/beta) xi, mu <- a mu + (1 - a) y:
samples of exp(-beta f(y) - beta |x - y|^2 / (2 t)) and their running mean, an estimate of <y> with a bias that finite
L and eta' leave. Outer, after L sweeps: x <- x - eta (x - mu)/t, a step down the local entropy grad u = (x - <y>)/t, or
x <- x - eta (x - mu); replicas are pulled to their centre besides. With momentum the inner loop samples no Gibbs law.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.coupled_optimizer import CoupledOptimizer
from mcmc.samplers.coupled_updates import (
    add_pulled_with_momentum,
    add_to_average,
    outer_step,
    outer_step_with_momentum,
)
from mcmc.samplers.learning_rates import LearningRates
from mcmc.samplers.number_checks import flag, number_within, positive_number, share, whole_number
from mcmc.samplers.scoping import SMALLEST, Scoping, checked_scoping
from mcmc.samplers.update_rules import add_pulled, add_pulled_and_noise


class LoopConventions(NamedTuple):
    """How published programs differ from the equations above; the defaults are those."""

    whole_momentum: bool = True
    """The pull to x goes through the buffer of the inner momentum, and not past it."""
    keep_momentum: bool = False
    """The inner buffer lives on from one inner loop to the next, and does not start from 0."""
    keep_average: bool = False
    """mu lives on from one inner loop to the next, and does not start from x."""
    keep_inner: bool = False
    """y goes on from where it was, and not from x: with L = 1 and averaging 0 the coupled equations of
    arXiv:1704.04932."""
    look_ahead: float | None = None
    """Factor on the buffer in Nesterov's direction g + factor b; None: the momentum."""
    start_from_inner: bool = False
    """The outer step goes from the last y, and not from x."""
    couple_to_averages: bool = False
    """Replicas are pulled to the mean of the mu, and not to that of the x."""
    inner_rates: bool = False
    """`rates` multiplies the inner step size too."""


AS_WRITTEN = LoopConventions()


class InnerLoopOptimizer(CoupledOptimizer):
    """Replicas with inner loops of `steps` sweeps; see `EntropySGD` and `Parle`, which are this with their names.

    `scale` t and `coupling` are numbers or Scopings of the outer step; `averaging` a is what mu keeps. `outer` is
    "gradient", (x - mu)/t, or "average", x - mu; only the latter takes t = infinity, no pull. `rates` multiplies the
    outer step size. Raises ArgumentError for arguments out of range.
    """

    def __init__(
        self,
        landscape: SmoothLandscape,
        beta: Any,
        *,
        replicas: int,
        step_size: Any,
        scale: float | Scoping,
        coupling: float | Scoping,
        steps: int,
        inner_step_size: float,
        averaging: float,
        momentum: float,
        nesterov: bool,
        outer_momentum: float,
        outer: Literal["gradient", "average"],
        conventions: LoopConventions,
        batch_size: int | None,
        replacement: bool | Literal["epoch"],
        rates: LearningRates | None,
        samples: Any,
        same_start: bool,
    ):
        super().__init__(
            landscape, beta, replicas=replicas, step_size=step_size, batch_size=batch_size, replacement=replacement,
            rates=rates, samples=samples, same_start=same_start,
        )  # fmt: skip
        if outer not in ("gradient", "average"):
            raise ArgumentError(f"outer: got {outer!r}; 'gradient' or 'average' is needed")
        if not isinstance(conventions, LoopConventions):
            raise ArgumentError(f"conventions: got {type(conventions).__name__}; LoopConventions are needed")
        if conventions.look_ahead is not None:
            number_within("conventions: look_ahead", conventions.look_ahead, 0.0)
        self.outer, self.conventions = outer, conventions
        self.scale = checked_scoping("scale", scale, zero=False, infinite=outer == "average")
        self.coupling = checked_scoping("coupling", coupling, zero=True, infinite=False)
        self.steps = whole_number("steps", steps)
        self.inner_step_size = positive_number("inner_step_size", inner_step_size)
        self.averaging = share("averaging", averaging)
        self.momentum = number_within("momentum", momentum, 0.0, 1.0)
        self.outer_momentum = number_within("outer_momentum", outer_momentum, 0.0, 1.0)
        self.nesterov = flag("nesterov", nesterov)
        if self.nesterov and not self.momentum and not self.outer_momentum:
            raise ArgumentError("nesterov: got momentum 0; Nesterov's needs momentum above 0")

    def _loops(self, chains, seed) -> dict[str, np.ndarray]:
        """All fields of the state, by name, at the start."""
        fields = self._fresh(chains, seed)
        lanes, dim = fields["x"].shape
        buffers = {
            "inner_buffer": np.zeros((lanes, dim if self.momentum else 0)),
            "outer_buffer": np.zeros((lanes, dim if self.outer_momentum else 0)),
        }
        return {**fields, "y": fields["x"].copy(), "average": fields["x"].copy(), **buffers}

    def _direction(self, state, sweep):
        if sweep % self.steps == 0:
            # In the first loop there is nothing to live on.
            if not self.conventions.keep_inner or sweep == 0:
                np.copyto(state.y, state.x)
            if not self.conventions.keep_average or sweep == 0:
                np.copyto(state.average, state.x)
            if not self.conventions.keep_momentum:
                state.inner_buffer[:] = 0.0
        return self.gradient(state, state.y, sweep)

    def _move(self, state, direction, rate, sweep):
        outer, place = divmod(sweep, self.steps)
        pull = 1.0 / max(self.scale.value(outer), SMALLEST)
        self._inner_step(state, direction, pull, sweep)
        add_to_average(state.average, state.y, self.averaging)
        if place == self.steps - 1:
            self._outer_step(state, rate, pull if self.outer == "gradient" else 1.0, self.coupling.value(outer))

    def _inner_step(self, state, direction, pull, sweep):
        size = self.inner_step_size
        if self.conventions.inner_rates and self.rates is not None:
            size *= self.rates.factor(sweep)
        lanes = len(state.x)
        rate, pulls = np.full(lanes, size), np.full(lanes, pull)
        cold = bool(np.isinf(state.beta).all())
        if not self.momentum and cold:
            add_pulled(state.y, direction, state.x, rate, pulls)
            return
        noise = np.empty((lanes, 0), np.float32) if cold else self.noise(state, sweep)
        spread = np.sqrt(2.0 * size / state.beta)
        if not self.momentum:
            add_pulled_and_noise(state.y, direction, state.x, rate, pulls, spread, noise)
            return
        now, ahead = self._ahead(self.momentum)
        add_pulled_with_momentum(
            state.y, direction, state.x, state.inner_buffer, rate, pulls, self.momentum, now, ahead,
            self.conventions.whole_momentum, spread, noise,
        )  # fmt: skip

    def _outer_step(self, state, rate, strength, coupling):
        centre = self._means(state.average if self.conventions.couple_to_averages else state.x)
        momentum = self.outer_momentum
        if not momentum and not self.conventions.start_from_inner:
            outer_step(state.x, state.average, centre, rate, strength, coupling)
            return
        now, ahead = self._ahead(momentum)
        start = state.y if self.conventions.start_from_inner else state.x
        buffer = state.outer_buffer if momentum else np.zeros_like(state.x)
        outer_step_with_momentum(
            state.x, start, state.average, centre, buffer, rate, strength, coupling, momentum, now, ahead
        )  # fmt: skip

    def _ahead(self, momentum):
        """Factors on slope and buffer of a step."""
        if not self.nesterov or not momentum:
            return 0.0, 1.0
        return 1.0, momentum if self.conventions.look_ahead is None else float(self.conventions.look_ahead)

    def _strengths(self, sweep, shape):
        outer = sweep // self.steps
        found = {"scale": np.full(shape, self.scale.value(outer))}
        return found | ({"coupling": np.full(shape, self.coupling.value(outer))} if self.dims else {})
