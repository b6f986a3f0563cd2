"""Host side of the solvers that go through the patterns epoch by epoch: arrays, chunks of epochs, history.

An epoch shows every pattern once, so P presentations. The compiled loops run for a fraction of a second and return, so
that an interrupt from the keyboard is heard; what they do depends on the seed and the epoch alone, not on the chunks.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.random import Stream, split_seed, uniforms
from perceptron.arguments import checked_count, checked_number
from perceptron.packing import pack_signs, unpack_signs
from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

Advance = Callable[..., int]

CHUNK = 2e8
"""Patterns times weights of one call of a compiled loop: below a second."""

INTEGER_BOUND = 32765
"""Largest hidden integer: an odd number that a step of 2 cannot take beyond 16 bits."""


class Epochs:
    """One search: the patterns as the loops read them, and the way from epochs to a Solution."""

    def __init__(self, patterns: "Patterns", *, margin: float, seed: int, max_epochs: Any):
        self.patterns, self.margin, self.seed = patterns, margin, seed
        self.max_epochs = checked_count("max_epochs", max_epochs, 0)
        self.packed = patterns.kind == "binary"
        self.entries = patterns.patterns
        self.rows = patterns.rows if self.packed else patterns.patterns
        self.least = patterns.least_stability(margin)
        self.order = np.empty(patterns.p, np.int64)
        self.key = split_seed(seed)

    def start(self, replicas: int = 1) -> np.ndarray:
        """Random weights to start from, (replicas, n) int8 of +-1."""
        sites, chains = np.arange(self.patterns.n), np.arange(replicas)[:, None]
        drawn = uniforms(self.seed, Stream.INITIAL, sites, 0, chains)[..., 0]
        return np.where(drawn < 0.5, 1, -1).astype(np.int8)

    def read(self, weights: np.ndarray) -> np.ndarray:
        """Weights (..., n) in the form the loops read: packed uint64 words, or float64."""
        return pack_signs(weights) if self.packed else weights.astype(np.float64)

    def weights(self, read: np.ndarray) -> np.ndarray:
        """Inverse of `read`, int8."""
        return unpack_signs(read, self.patterns.n) if self.packed else read.astype(np.int8)

    def hidden(self, start: np.ndarray, bound: Any) -> tuple[np.ndarray, Any]:
        """Hidden variables that begin at the weights `start`, and their bound, given in units of sqrt(n).

        Integers of 16 bits and an odd bound of at least 1 for binary patterns, real numbers for Gaussian ones.
        """
        largest = checked_number("bound", bound, 0.0, above=True) * math.sqrt(self.patterns.n)
        if not self.packed:
            return start.astype(np.float64), max(1.0, largest)
        odd = 2 * math.floor((min(largest, INTEGER_BOUND) - 1) / 2) + 1
        return start.astype(np.int16), np.int16(max(1, odd))

    def search(
        self, method: str, start: np.ndarray, advance: Advance, series: tuple[str, ...], replicas: int = 1
    ) -> Solution:
        """Call `advance(first, epochs, best, fewest, *series)`, which returns the epochs it did, until solved.

        `start` (n,) are judged before any work; `best` and `fewest` (1,) are kept up to date by `advance`, which stops
        once fewest[0] is 0. Each of the series, (epochs,) int64, goes into the history. Work counts a presentation to
        each of the replicas.
        """
        best, fewest = self.read(start), np.array([self.patterns.errors(start, self.margin)], np.int64)
        kept: dict[str, list[np.ndarray]] = {name: [np.zeros(0, np.int64)] for name in series}
        shown = self.patterns.p * replicas
        chunk = max(1, int(CHUNK / (shown * self.patterns.n)))
        done = 0
        while done < self.max_epochs and fewest[0] > 0:
            epochs = min(chunk, self.max_epochs - done)
            arrays = [np.zeros(epochs, np.int64) for _ in series]
            advanced = advance(done, epochs, best, fewest, *arrays)
            for name, values in zip(series, arrays, strict=True):
                kept[name].append(values[:advanced])
            done += advanced
        history = {"work": np.arange(1, done + 1, dtype=np.int64) * shown}
        history |= {name: np.concatenate(values) for name, values in kept.items()}
        return Solution(self.weights(best), int(fewest[0]), done * shown, "presentations", 0.0, history, method)
