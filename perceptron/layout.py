"""How an instance and configurations on it are laid out for the compiled loops."""

from typing import NamedTuple

import numpy as np

from mcmc.errors import LandscapeError
from perceptron.kernels.change import ERRORS, HINGE, SYMMETRIC, Couplings
from perceptron.kernels.lanes import LANES
from perceptron.packing import WORD, pack_signs, words_for
from perceptron.patterns import Patterns


class PerceptronState(NamedTuple):
    """Configurations of weights; the arrays are updated in place."""

    spins: np.ndarray
    """(sites, chains) int8 of +-1: the weights, replica after replica."""
    energy: np.ndarray
    """(chains,) float64: total energy, carried along by the moves."""
    sweep: np.ndarray
    """() int64: sweeps done so far; the random numbers of the next sweep depend on it."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    cost: np.ndarray
    """(chains,) int64: energy of the patterns, summed over replicas."""
    agreement: np.ndarray
    """(chains,) int64: sum over weights and coupled pairs of w_a w_b; 0 without coupling."""
    planes: np.ndarray
    """(chains, replicas, words * bits) uint64: bit-sliced stabilities; no word for Gaussian patterns."""
    stability: np.ndarray
    """(chains, replicas, p) float64 for Gaussian patterns; no entry for binary ones."""


class Layout:
    """One instance with an energy, ready for the loops.

    `least` and `most` bound the right stabilities (most is None for one-sided energies). Raises LandscapeError for
    bounds that no configuration reaches, or a hinge energy of Gaussian patterns.
    """

    def __init__(self, patterns: Patterns, kind: int, least: float, most: float | None = None):
        gaussian = patterns.kind == "gaussian"
        if gaussian and kind == HINGE:
            raise LandscapeError("energy: 'hinge' counts flips and is for binary patterns; use 'errors'")
        if not gaussian and least > patterns.n:
            raise LandscapeError(
                f"margin: stabilities of at least {least} are asked of n = {patterns.n} weights; lower the margin"
            )
        self.patterns, self.kind, self.least, self.most = patterns, kind, least, most
        n, p = patterns.n, patterns.p
        words = 0 if gaussian else -(-words_for(p) // LANES) * LANES
        # Agreeing weights that make a pattern just right: the counter's top bit is set from there on.
        self.just_right = 0 if gaussian else (n + int(least)) // 2
        reach = max(self.just_right, n - self.just_right + 1, 1)
        bits = 0 if gaussian else 1 + int(reach - 1).bit_length()
        columns = np.zeros((n, words) if words else (1, 1), np.uint64)
        if not gaussian:
            columns[:, : words_for(p)] = patterns.columns
        valid = np.zeros(max(words, 1), np.uint64)
        if not gaussian:
            valid[:] = pack_signs(np.where(np.arange(words * WORD) < p, 1, -1))
        entries = np.ascontiguousarray(patterns.patterns.T) if gaussian else np.zeros((1, 1))
        site_words = -(-words_for(n) // LANES) * LANES
        rows = np.zeros((p + 2, site_words) if not gaussian else (1, 1), np.uint64)
        if not gaussian:
            rows[:p, : words_for(n)] = patterns.rows
            rows[p + 1] = ~np.uint64(0)
        upper = 0 if gaussian or most is None else (1 << (bits - 1)) + int(most - least) // 2
        self.couplings = Couplings(
            columns.reshape(-1), valid, rows.reshape(-1), entries, n, p, words, site_words, bits, kind, int(gaussian),
            upper, float(least), np.inf if most is None else float(most),
        )  # fmt: skip

    @property
    def largest_change(self) -> int:
        """Largest energy change of one flip."""
        return self.patterns.p

    def costs(self, stabilities: np.ndarray) -> np.ndarray:
        """Energy of stabilities (..., p): (...,) int64."""
        wrong = stabilities < self.least
        if self.kind == HINGE:
            return np.where(wrong, (self.least - stabilities) // 2, 0).sum(axis=-1).astype(np.int64)
        if self.kind == SYMMETRIC:
            wrong = wrong | (stabilities > self.most)
        return wrong.sum(axis=-1, dtype=np.int64)

    def planes(self, stabilities: np.ndarray) -> np.ndarray:
        """Counters of binary stabilities (..., p), bit-sliced: (..., words * bits) uint64."""
        words, bits = self.couplings.words, self.couplings.bits
        if not words:
            return np.zeros((*stabilities.shape[:-1], 0), np.uint64)
        counter = (stabilities + self.patterns.n) // 2 + ((1 << (bits - 1)) - self.just_right)
        planes = np.zeros((*stabilities.shape[:-1], words // LANES, bits, LANES), np.uint64)
        for bit in range(bits):
            packed = pack_signs(np.where((counter >> bit) & 1, 1, -1))
            flat = np.zeros((*stabilities.shape[:-1], words), np.uint64)
            flat[..., : packed.shape[-1]] = packed
            planes[..., bit, :] = flat.reshape(*flat.shape[:-1], -1, LANES)
        return planes.reshape(*stabilities.shape[:-1], words * bits)

    def stored(self, stabilities: np.ndarray) -> np.ndarray:
        """What a state carries for Gaussian patterns: the stabilities, or nothing for binary ones."""
        return stabilities.copy() if self.patterns.kind == "gaussian" else np.zeros((*stabilities.shape[:-1], 0))

    def stabilities(self, state: PerceptronState) -> np.ndarray:
        """Stabilities carried by a state, (chains, replicas, p): int64, or float64 for Gaussian patterns."""
        if self.patterns.kind == "gaussian":
            return state.stability.copy()
        words, bits = self.couplings.words, self.couplings.bits
        planes = state.planes.reshape(*state.planes.shape[:2], words // LANES, bits, LANES)
        octets = np.ascontiguousarray(np.moveaxis(planes, 3, 2)).astype("<u8", copy=False).view(np.uint8)
        flat = octets.reshape(*state.planes.shape[:2], bits, words * 8)
        plane = np.unpackbits(flat, axis=-1, bitorder="little")[..., : self.patterns.p].astype(np.int64)
        counter = (plane << np.arange(bits)[:, None]).sum(axis=2)
        return 2 * (counter - (1 << (bits - 1)) + self.just_right) - self.patterns.n


__all__ = ["ERRORS", "HINGE", "SYMMETRIC", "Layout", "PerceptronState"]
