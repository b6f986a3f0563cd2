"""Langevin chains at all scales of a ladder at once, neighbours exchanging their configurations.

A lane is one chain at one scale, lane = chain * rungs + rung, rungs by ascending t. The law at t is that at t' times
 exp(-beta (1/t - 1/t') B), B = |x - y|^2 / 2: tempering in gamma = 1 / t, with B for the energy. Configurations move
and scales stay, so that step sizes and series belong to a scale. Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604.
"""

from typing import Any

import numpy as np
from numba import njit

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_moments import Moments
from mcmc.local_entropy.tilted import TiltedLandscape
from mcmc.random import split_seed
from mcmc.samplers.exchange import exchange
from mcmc.samplers.langevin import Langevin
from mcmc.samplers.mala import MALA

STEPS_PER_DRAW = 4
"""Langevin steps between two exchanges, and two draws: a draw costs about as much as a step."""

PULL, VIRIAL, SCORE = 0, 1, 2


@njit(cache=True, nogil=True, error_model="numpy")
def measure(y, gradient, reference, gamma, slope, out):
    """out[c] = B = |y - x|^2 / 2, A = (y - x).grad f(y), and s.(grad f(y) + gamma (y - x)) with s (dim,) = `slope`.

    `gradient` is that of the tilted landscape.
    """
    for c in range(y.shape[0]):
        square, work, score = 0.0, 0.0, 0.0
        for i in range(y.shape[1]):
            away = y[c, i] - reference[i]
            square += away * away
            work += away * gradient[c, i]
            score += slope[i] * gradient[c, i]
        out[c, 0] = 0.5 * square
        out[c, 1] = work - gamma[c] * square
        out[c, 2] = score


@njit(cache=True, nogil=True, error_model="numpy")
def half_squares(y, reference, out):
    """out[c] = |y - x|^2 / 2."""
    for c in range(y.shape[0]):
        total = 0.0
        for i in range(y.shape[1]):
            total += (y[c, i] - reference[i]) * (y[c, i] - reference[i])
        out[c] = 0.5 * total


class LadderChains:
    """`chains` independent ladders over `scales` (rungs,), ascending, in the landscape tilted to `reference`.

    `start` (chains, rungs, dim) and `step_size` (chains, rungs) are where they begin; `sweep` is the clock of the
    random numbers. `adjusted` takes MALA, otherwise Langevin steps of fixed size.
    """

    def __init__(
        self,
        landscape: SmoothLandscape,
        reference: np.ndarray,
        scales: np.ndarray,
        beta: float,
        seed: int,
        *,
        start: np.ndarray,
        step_size: np.ndarray,
        sweep: int = 0,
        adjusted: bool = True,
    ):
        self.beta, self.scales, self.gamma = beta, scales, 1.0 / scales
        self.chains, self.rungs, self.dim = start.shape
        self.adjusted = adjusted
        self.reference = reference
        lanes = self.chains * self.rungs
        self.tilted = TiltedLandscape(landscape, reference, np.tile(scales, self.chains))
        self.slope = np.array(landscape.gradient(reference[None])[0], dtype=np.float64)
        kind: Any = MALA if adjusted else Langevin
        self.sampler = kind(self.tilted, beta, step_size=np.ascontiguousarray(step_size).reshape(lanes))
        self.state = self.sampler.init(lanes, seed)
        self.state.x[:] = start.reshape(lanes, self.dim)
        self.state.sweep[()] = sweep
        self._refresh()
        self._lane = np.arange(lanes).reshape(self.chains, self.rungs)
        self._half = np.empty(lanes)
        self.attempted = np.zeros((self.chains, self.rungs - 1), np.int64)
        self.swapped = np.zeros_like(self.attempted)

    @property
    def x(self) -> np.ndarray:
        """Configurations, (chains, rungs, dim): a view."""
        return self.state.x.reshape(self.chains, self.rungs, self.dim)

    @property
    def step_size(self) -> np.ndarray:
        """Step sizes, (chains, rungs): a view."""
        return self.state.step_size.reshape(self.chains, self.rungs)

    def acceptance(self) -> np.ndarray:
        """Accepted fraction of the measured proposals at each rung, (rungs,) float64; 1 without adjustment."""
        if not self.adjusted:
            return np.ones(self.rungs)
        return self.sampler.statistics(self.state)["acceptance"].reshape(self.chains, self.rungs).mean(axis=0)

    def thermalize(self, draws: int) -> None:
        """Advance by `draws` times STEPS_PER_DRAW steps, tuning step sizes."""
        for _ in range(draws):
            self.state, _ = self.sampler.thermalize(self.state, STEPS_PER_DRAW)
            self._exchange()

    def sample(self, draws: int, moments: Moments | None = None) -> np.ndarray:
        """Series of B, A and the score along the slope, (chains, draws, rungs, 3) float64; `moments` take part."""
        series = np.empty((self.chains, draws, self.rungs, 3))
        lanes = np.empty((self.chains * self.rungs, 3))
        for draw in range(draws):
            self.state, _ = self.sampler.step(self.state, STEPS_PER_DRAW)
            self._exchange()
            gradient = self._gradient()
            measure(self.state.x, gradient, self.reference, self.tilted.gamma, self.slope, lanes)
            series[:, draw] = lanes.reshape(self.chains, self.rungs, 3)
            if moments is not None:
                moments.add(self.x, gradient.reshape(self.x.shape))
        return series

    def _gradient(self) -> np.ndarray:
        return self.state.gradient if self.adjusted else self.tilted.gradient(self.state.x)

    def _refresh(self) -> None:
        self.state.energy[:] = self.tilted.energy(self.state.x)
        if self.adjusted:
            self.state.gradient[:] = self.tilted.gradient(self.state.x)

    def _exchange(self) -> None:
        """Offer neighbours each other's configuration, even and odd pairs in turn."""
        if self.rungs < 2:
            return
        state, lane, source = self.state, self._lane.copy(), np.empty(self.chains * self.rungs, np.int64)
        half_squares(state.x, self.reference, self._half)
        time = int(state.sweep)
        parity = time // STEPS_PER_DRAW % 2
        identity = np.arange(self.chains, dtype=np.uint32)
        moved = exchange(
            self.beta * self.gamma, self._half, parity, time, identity, *split_seed(int(state.seed)),
            lane, source, self.attempted, self.swapped,
        )  # fmt: skip
        if not moved:
            return
        lanes = np.flatnonzero(source != np.arange(source.size))
        origin = source[lanes]
        change = self.tilted.gamma[lanes] - self.tilted.gamma[origin]
        points = state.x[origin]
        energy = state.energy[origin] + change * self._half[origin]
        if self.adjusted:
            state.gradient[lanes] = state.gradient[origin] + change[:, None] * (points - self.reference)
        state.x[lanes], state.energy[lanes] = points, energy
