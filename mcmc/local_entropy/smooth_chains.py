"""Langevin chains at all scales of a ladder at once, neighbours exchanging their configurations.

A lane is one chain at one scale, rungs by ascending t. The law at t is that at t' times exp(-beta (1/t - 1/t') B), B =
|x - y|^2 / 2: tempering in gamma = 1 / t, with B for the energy. At the largest t the ladder goes on to weaker f:
tempering in beta at that t, which joins minima that no scale joins. Configurations move and scales stay, so that step
sizes and series belong to a scale. Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_moments import Moments
from mcmc.local_entropy.tilted import TiltedLandscape
from mcmc.random import split_seed
from mcmc.samplers.exchange import exchange
from mcmc.samplers.langevin import Langevin
from mcmc.samplers.mala import MALA

TARGET = 0.8
"""Acceptance aimed at: above the best of Gaussians, so that steps are not too long for tails steeper than theirs."""

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


class Draws(NamedTuple):
    """What is measured at each draw."""

    ladder: np.ndarray
    """(chains, draws, scales, 3) float64: B, A and the score along the slope, see `measure`, at each scale."""
    branch: np.ndarray
    """(chains, draws, 1 + strengths) float64: f at the largest scale, at strength 1 and along the branch."""


class LadderChains:
    """`chains` independent ladders over `scales` (K,), ascending, in the landscape tilted to `reference`.

    From the largest scale a branch of `strengths` (L,), descending below 1, goes on: f is made weaker there, down to a
    free Gaussian at 0 that has no barriers. Lanes: lane = chain * (K + L) + rung, the branch after the scales. `start`
    (chains, K + L, dim) and `step_size` (chains, K + L) are where they begin; `sweep` is the clock of the random
    numbers. `adjusted` takes MALA, otherwise Langevin steps of fixed size.
    """

    def __init__(
        self,
        landscape: SmoothLandscape,
        reference: np.ndarray,
        scales: np.ndarray,
        strengths: np.ndarray,
        beta: float,
        seed: int,
        *,
        start: np.ndarray,
        step_size: np.ndarray,
        sweep: int = 0,
        adjusted: bool = True,
    ):
        self.landscape, self.reference, self.beta = landscape, reference, beta
        self.scales, self.strengths, self.adjusted = scales, strengths, adjusted
        self.chains, self.rungs, self.dim = start.shape
        lanes = self.chains * self.rungs
        every = np.concatenate([scales, np.full(strengths.size, scales[-1])])
        strength = np.concatenate([np.ones(scales.size), strengths])
        self.tilted = TiltedLandscape(landscape, reference, np.tile(every, self.chains), np.tile(strength, self.chains))
        self.slope = np.array(landscape.gradient(reference[None])[0], dtype=np.float64)
        kind: Any = MALA if adjusted else Langevin
        tuning = {"target": TARGET} if adjusted else {}
        self.sampler = kind(self.tilted, beta, step_size=np.ascontiguousarray(step_size).reshape(lanes), **tuning)
        self.state = self.sampler.init(lanes, seed)
        self.state.x[:] = start.reshape(lanes, self.dim)
        self.state.sweep[()] = sweep
        self.refresh()
        self.bottom = 0
        """Rung that a round trip starts from."""
        self.round_trips = np.zeros(self.chains, np.int64)
        """(chains,): configurations that came back to `bottom` from the other end of ladder and branch, measured."""
        self._from_top = np.zeros(lanes, np.bool_)
        self._lane = np.arange(lanes).reshape(self.chains, self.rungs)
        self._branch = self._lane[:, scales.size - 1 :]
        self._half, self._height = np.empty(lanes), np.zeros(lanes)

    @property
    def x(self) -> np.ndarray:
        """Configurations, (chains, K + L, dim): a view."""
        return self.state.x.reshape(self.chains, self.rungs, self.dim)

    def refresh(self) -> None:
        """Energies and gradients anew, after configurations were put in place."""
        self.state.energy[:] = self.tilted.energy(self.state.x)
        if self.adjusted:
            self.state.gradient[:] = self.tilted.gradient(self.state.x)

    @property
    def step_size(self) -> np.ndarray:
        """Step sizes, (chains, K + L): a view."""
        return self.state.step_size.reshape(self.chains, self.rungs)

    def acceptance(self) -> np.ndarray:
        """Accepted fraction of the measured proposals at each scale, (K,) float64; 1 without adjustment."""
        if not self.adjusted:
            return np.ones(self.scales.size)
        found = self.sampler.statistics(self.state)["acceptance"].reshape(self.chains, self.rungs).mean(axis=0)
        return found[: self.scales.size]

    def thermalize(self, draws: int) -> None:
        """Advance by `draws` times STEPS_PER_DRAW steps, tuning step sizes."""
        for _ in range(draws):
            self.state, _ = self.sampler.thermalize(self.state, STEPS_PER_DRAW)
            self._exchange()

    def sample(self, draws: int, moments: Moments | None = None) -> Draws:
        """Advance by `draws` times STEPS_PER_DRAW steps; what was measured. `moments` take part."""
        count = self.scales.size
        ladder = np.empty((self.chains, draws, count, 3))
        branch = np.zeros((self.chains, draws, 1 + self.strengths.size))
        lanes = np.empty((self.chains * self.rungs, 3))
        for draw in range(draws):
            self.state, _ = self.sampler.step(self.state, STEPS_PER_DRAW)
            self._exchange()
            self._count_trips()
            gradient = self.state.gradient if self.adjusted else self.tilted.gradient(self.state.x)
            measure(self.state.x, gradient, self.reference, self.tilted.gamma, self.slope, lanes)
            ladder[:, draw] = lanes.reshape(self.chains, self.rungs, 3)[:, :count]
            branch[:, draw] = self._height[self._branch]
            if moments is not None:
                moments.add(self.x, gradient.reshape(self.x.shape))
        return Draws(ladder, branch)

    def _count_trips(self) -> None:
        self._from_top[self._lane[:, -1]] = True
        home = self._lane[:, self.bottom]
        if self.bottom < self.rungs - 1:
            self.round_trips += self._from_top[home]
            self._from_top[home] = False

    def _exchange(self) -> None:
        """Offer neighbours each other's configuration, even and odd pairs in turn, along the ladder and the branch."""
        state, time = self.state, int(self.state.sweep)
        half_squares(state.x, self.reference, self._half)
        if not np.isfinite(self._half).all():
            lane = int(np.argmin(np.isfinite(self._half))) % self.rungs
            raise ArgumentError(
                f"sampler: unadjusted steps of {state.step_size[lane]:.3g} diverge at t = "
                f"{1 / self.tilted.gamma[lane]:.6g} after {time} sweeps; take sampler 'mala'"
            )
        if self.scales.size > 1:
            self._swap(self.beta / self.scales, self._half, self._lane[:, : self.scales.size], time)
        if self.strengths.size:
            lanes = self._branch.ravel()
            self._height[lanes] = self.landscape.energy(state.x[lanes])
            # Another time, since the first pairs of both have the same place in the random numbers.
            self._swap(self.beta * np.append(1.0, self.strengths), self._height, self._branch, time + 1)

    def _swap(self, beta: np.ndarray, energy: np.ndarray, lane: np.ndarray, time: int) -> None:
        """Exchange along rungs at `beta` of the `energy` (lanes,), in lanes (chains, rungs)."""
        source, count = np.empty(energy.size, np.int64), np.zeros((2, self.chains, beta.size), np.int64)
        identity, parity = np.arange(self.chains, dtype=np.uint32), time // STEPS_PER_DRAW % 2
        key = split_seed(int(self.state.seed))
        if not exchange(beta, energy, parity, time, identity, *key, lane.copy(), source, count[0], count[1]):
            return
        lanes = np.flatnonzero(source != np.arange(source.size))
        origin = source[lanes]
        state, tilted = self.state, self.tilted
        points = state.x[origin]
        energies = state.energy[origin]
        if energy is self._half:
            change = tilted.gamma[lanes] - tilted.gamma[origin]
            energies += change * energy[origin]
            if self.adjusted:
                state.gradient[lanes] = state.gradient[origin] + change[:, None] * (points - self.reference)
        else:
            change = tilted.strength[lanes] - tilted.strength[origin]
            energies += change * energy[origin]
            if self.adjusted:
                state.gradient[lanes] = state.gradient[origin] + change[:, None] * self.landscape.gradient(points)
            energy[lanes] = energy[origin]
        state.x[lanes], state.energy[lanes] = points, energies
        self._from_top[lanes] = self._from_top[origin]
