"""Chains for the tilted law in many dimensions: Langevin proposals by Crank and Nicolson in coordinates of G_t.

In the coordinates z of `bent_gaussian` the law is that of standard normals times exp(-Phi), Phi = beta R. A step

    z' = [(2 - delta) z - 2 delta grad Phi(z) + sqrt(8 delta) xi] / (2 + delta)

leaves the normals as they are at any delta, independent ones at delta = 2, so what it is refused for, and what bounds
delta, is Phi alone and not the number of coordinates; MALA's steps shrink with that. Neighbouring scales exchange their
z, for which the energies that BAR needs suffice. Cotter, Roberts, Stuart & White
2013, Stat. Sci. 28, 424 (arXiv:1202.0709), "pCNL".
"""

from typing import NamedTuple

import numpy as np

from mcmc.local_entropy.bent_gaussian import BentGaussian
from mcmc.random import Stream, split_seed, uniforms
from mcmc.samplers.adaptation import BLOCK, rescale
from mcmc.samplers.gaussian_noise import fill_noise

TARGET = 0.7
STEPS_PER_DRAW = 4
"""Steps between two draws of what needs energies at the neighbours' points."""
LONGEST, SHORTEST = 2.0, 1e-6


class Series(NamedTuple):
    """What was measured at each draw."""

    slope: np.ndarray
    """(chains, draws, rungs): d(u - u_G) / d ln t, mean over the steps of a draw."""
    rest: np.ndarray
    """(chains, draws, rungs): beta R."""
    up: np.ndarray
    """(chains, draws, rungs - 1): beta R at the next rung's point less that at its own, draws of the lower rung."""
    down: np.ndarray
    """(chains, draws, rungs - 1): the same for draws of the upper rung."""
    energy: np.ndarray
    """(chains, draws, rungs): f."""


class WhitenedChains:
    """`chains` independent chains at each of `scales` (rungs,), lane = chain * rungs + rung, from draws of G_t."""

    def __init__(self, gaussian: BentGaussian, scales: np.ndarray, chains: int, seed: int, first: float):
        self.gaussian, self.scales, self.chains, self.seed = gaussian, scales, chains, seed
        self.rungs = scales.size
        lanes = chains * self.rungs
        self.lane_scales = np.tile(scales, chains)
        self.identity = np.arange(lanes, dtype=np.uint32)
        self.step_size = np.minimum(LONGEST, LONGEST * first / self.lane_scales)
        """(lanes,): delta."""
        self.accepted = np.zeros(lanes, np.int64)
        self.sweep, self.measured = 0, 0
        self._noise = np.empty((lanes, -(-gaussian.dim // 4) * 4), np.float32)
        self.z = self._normals().astype(np.float64)
        self.at = gaussian.seen(self.lane_scales, self.z)

    @property
    def points(self) -> np.ndarray:
        """y, (chains, rungs, dim)."""
        return (self.gaussian.reference + self.at.away).reshape(self.chains, self.rungs, -1)

    def acceptance(self) -> np.ndarray:
        """Accepted share of the measured proposals at each rung, (rungs,)."""
        return self.accepted.reshape(self.chains, self.rungs).mean(axis=0) / max(self.measured, 1)

    def thermalize(self, steps: int) -> None:
        """Advance, tuning delta at the ends of blocks."""
        for _ in range(steps):
            self._step()
            if self.sweep % STEPS_PER_DRAW == 0:
                self._exchange(*self._works())
            if self.sweep % BLOCK == 0:
                block = self.sweep // BLOCK
                rescale(self.step_size, self.accepted, BLOCK, TARGET, block, SHORTEST, LONGEST)
        self.accepted[:] = 0

    def sample(self, draws: int) -> Series:
        """Advance by `draws` times STEPS_PER_DRAW steps; what was measured."""
        shape = self.chains, draws, self.rungs
        slope, rest, energy = np.zeros(shape), np.empty(shape), np.empty(shape)
        up, down = np.empty((2, self.chains, draws, self.rungs - 1))
        for draw in range(draws):
            for _ in range(STEPS_PER_DRAW):
                self._step()
                slope[:, draw] += self._by_chain(self.at.slope) / STEPS_PER_DRAW
            self.measured += STEPS_PER_DRAW
            rest[:, draw] = self._by_chain(self.at.rest)
            energy[:, draw] = self._by_chain(self.at.energy)
            up[:, draw], down[:, draw] = self._works()
            self._exchange(up[:, draw], down[:, draw])
        return Series(slope, rest, up, down, energy)

    def energies(self, sweeps: int) -> np.ndarray:
        """f after each of `sweeps` steps of chains at one scale, (chains, sweeps)."""
        found = np.empty((self.chains * self.rungs, sweeps))
        for sweep in range(sweeps):
            self._step()
            found[:, sweep] = self.at.energy
        self.measured += sweeps
        return found

    def _by_chain(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(self.chains, self.rungs)

    def _works(self) -> tuple[np.ndarray, np.ndarray]:
        """Changes of beta R from each rung to the next, at fixed z, for draws of the lower and of the upper one."""
        if self.rungs == 1:
            return np.empty((self.chains, 0)), np.empty((self.chains, 0))
        z = self.z.reshape(self.chains, self.rungs, -1)
        rest = self._by_chain(self.at.rest)
        shape, dim = (self.chains, self.rungs - 1), z.shape[2]
        above = self.gaussian.rest(np.tile(self.scales[1:], self.chains), z[:, :-1].reshape(-1, dim)).reshape(shape)
        below = self.gaussian.rest(np.tile(self.scales[:-1], self.chains), z[:, 1:].reshape(-1, dim)).reshape(shape)
        return above - rest[:, :-1], rest[:, 1:] - below

    def _exchange(self, up: np.ndarray, down: np.ndarray) -> None:
        """Offer neighbours each other's z, even and odd pairs in turn: the law of all together stays."""
        if self.rungs == 1:
            return
        lower = np.arange(self.sweep // STEPS_PER_DRAW % 2, self.rungs - 1, 2)
        lane = np.arange(self.chains)[:, None] * self.rungs + lower
        drawn = uniforms(self.seed, Stream.CRANK_NICOLSON_ACCEPT, 1, self.sweep, lane)[..., 0]
        below = lane[np.log(drawn) < down[:, lower] - up[:, lower]]
        if not below.size:
            return
        lanes = np.concatenate([below, below + 1])
        self.z[lanes] = self.z[np.concatenate([below + 1, below])]
        for there, new in zip(self.at, self.gaussian.seen(self.lane_scales[lanes], self.z[lanes]), strict=True):
            there[lanes] = new

    def _normals(self) -> np.ndarray:
        fill_noise(self._noise, self.sweep, self.identity, int(Stream.CRANK_NICOLSON_NOISE), *split_seed(self.seed))
        return self._noise[:, : self.gaussian.dim]

    def _step(self) -> None:
        self.sweep += 1
        delta = self.step_size
        keep, pull = (2.0 - delta) / (2.0 + delta), 2.0 * delta / (2.0 + delta)
        width = np.sqrt(1.0 - keep**2)
        old, force = self.z, self.at.force
        new = keep[:, None] * old - pull[:, None] * force
        new += width[:, None] * self._normals()
        with np.errstate(all="ignore"):
            at = self.gaussian.seen(self.lane_scales, new)
            ratio = self.at.rest - at.rest
            ratio += _drift(old, new, keep, pull, width, force) - _drift(new, old, keep, pull, width, at.force)
        drawn = uniforms(self.seed, Stream.CRANK_NICOLSON_ACCEPT, 0, self.sweep, self.identity)[:, 0]
        # A ratio that is not a number means a proposal beyond the reach of floating point: refused.
        taken = np.log(drawn) < ratio
        self.accepted += taken
        for there, proposed in zip((old, *self.at), (new, *at), strict=True):
            there[taken] = proposed[taken]


def _drift(origin: np.ndarray, target: np.ndarray, keep, pull, width, force: np.ndarray) -> np.ndarray:
    """What the force adds to |target - keep origin|^2 / (2 width^2), minus ln of the proposal's density, (lanes,)."""
    apart = np.einsum("ci,ci->c", force, target) - keep * np.einsum("ci,ci->c", force, origin)
    return pull * (apart + 0.5 * pull * np.einsum("ci,ci->c", force, force)) / width**2
