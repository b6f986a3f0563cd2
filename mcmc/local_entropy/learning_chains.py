"""Chains that stay near a minimum: the localised law of the learning coefficient; MALA and Langevin runs in it."""

from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.bent_gaussian import BentGaussian
from mcmc.local_entropy.crank_nicolson import WhitenedChains
from mcmc.local_entropy.smooth_arguments import energies
from mcmc.random import Stream, normals
from mcmc.samplers.langevin import Langevin
from mcmc.samplers.mala import MALA

TARGET = 0.7
FACTORS = (1.0, 1.0, 1 / 4, 1.0, 1.0, 1 / 16, 1.0, 1 / 64)
"""Step sizes in turn, of the tuned one: each leaves the law invariant. One size alone fails at singular minima, where
the loss grows faster than a quadratic: its steps overshoot from the tails, which it then hardly ever visits."""
HALVINGS = 60
CHECK = 64
"""Steps between looks at whether unadjusted steps diverge."""


class Series(NamedTuple):
    """What a run measured."""

    loss: np.ndarray
    """(chains, draws) float64: s (K - K*)."""
    step_size: np.ndarray
    """(chains,) float64: eps."""
    acceptance: np.ndarray
    """(chains,) float64; NaN without acceptance."""


class Localised:
    """s (K(w) - K(w*)) + g |w - w*|^2 / 2, a SmoothLandscape to be sampled at beta = 1."""

    def __init__(self, landscape: SmoothLandscape, reference: np.ndarray, s: float, g: float):
        self.data_size: int | None = None
        self.landscape, self.reference, self.s, self.g = landscape, reference, s, g
        self.dim = reference.size
        self.lowest = float(energies(landscape, reference[None])[0])

    def loss(self, x: np.ndarray) -> np.ndarray:
        """s (K - K*), (chains,)."""
        return self.s * (np.asarray(self.landscape.energy(x), dtype=np.float64) - self.lowest)

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Minus the log weight, (chains,)."""
        return self.loss(x) + 0.5 * self.g * ((x - self.reference) ** 2).sum(axis=1)

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Its gradient, (chains, dim)."""
        return self.s * np.asarray(self.landscape.gradient(x), dtype=np.float64) + self.g * (x - self.reference)

    def initial_x(self, chain: np.ndarray, seed: int) -> np.ndarray:
        """Starts (chains, dim): every second at w*, the others where the weight has fallen to about exp(-dim)."""
        chain = np.asarray(chain)
        pairs = normals(seed, Stream.INITIAL, np.arange((self.dim + 1) // 2), 0, chain[:, None])
        step = pairs.reshape(chain.size, -1)[:, : self.dim]
        step /= np.sqrt(max(self.g, 1e-3))
        for _ in range(HALVINGS):
            far = ~(self.energy(self.reference + step) <= self.dim)
            if not far.any():
                break
            step[far] *= 0.5
        step[chain % 2 == 0] = 0.0
        return self.reference + step

    def first_step(self) -> float:
        """A step eps to tune from: the square of how far a start is from w*, per coordinate."""
        away = self.initial_x(np.array([1]), 0)[0] - self.reference
        return max(float(away @ away) / self.dim ** (4 / 3), 1e-12)


def run_mala(target: Localised, eps: float, chains: int, before: int, sweeps: int, seed: int) -> Series:
    """Tune for `before` steps, then measure at each of `sweeps`; the proposal's eta is eps / 2."""
    sampler = MALA(target, 1.0, step_size=eps / 2, target=TARGET)
    with np.errstate(all="ignore"):
        state, _ = sampler.thermalize(sampler.init(chains, seed), before)
        loss, tuned = np.empty((chains, sweeps)), state.step_size.copy()
        for k in range(sweeps):
            np.multiply(tuned, FACTORS[k % len(FACTORS)], out=state.step_size)
            state, _ = sampler.step(state, 1)
            # The energy of the localised law holds the loss: no second call of the landscape.
            loss[:, k] = state.energy - 0.5 * target.g * ((state.x - target.reference) ** 2).sum(axis=1)
    return Series(loss, 2 * tuned, sampler.statistics(state)["acceptance"])


def run_crank_nicolson(target: Localised, directions: int, chains: int, before: int, sweeps: int, seed: int) -> Series:
    """Tune for `before` steps, then measure at each of `sweeps`: the law is that of a scale t = s / g at beta = s."""
    gaussian = BentGaussian(target.landscape, target.reference, target.s, directions, seed)
    run = WhitenedChains(gaussian, np.array([target.s / target.g]), chains, seed, target.s / target.g)
    run.thermalize(before)
    energy = run.energies(sweeps)
    return Series(target.s * (energy - target.lowest), run.step_size.copy(), run.accepted / sweeps)


def run_langevin(target: Localised, eps: float, chain: np.ndarray, before: int, sweeps: int, seed: int) -> Series:
    """`before` steps, then measure at each of `sweeps`. Raises ArgumentError when a chain leaves all bounds."""
    sampler = Langevin(target, 1.0, step_size=eps / 2)
    with np.errstate(all="ignore"):
        state = sampler.init(chain, seed)
        for done in range(0, before, CHECK):
            state, _ = sampler.step(state, min(CHECK, before - done))
            _require_finite(state.energy, eps)
        loss = np.empty((chain.size, sweeps))
        for k in range(sweeps):
            state, _ = sampler.step(state, 1)
            loss[:, k] = state.energy - 0.5 * target.g * ((state.x - target.reference) ** 2).sum(axis=1)
    _require_finite(loss, eps)
    return Series(loss, np.full(chain.size, eps), np.full(chain.size, np.nan))


def _require_finite(numbers: np.ndarray, eps: float) -> None:
    if not np.isfinite(numbers).all():
        raise ArgumentError(
            f"step_size: got {eps:g}; unadjusted steps of this size diverge, take a smaller one or mala"
        )
