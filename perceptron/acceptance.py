"""Acceptance by whole numbers: a flip happens when a random whole number of 62 bits is below an entry of a table.

The entry for energy change d and local field t is 2^62 times the acceptance of x = -beta d + (change of the log
weight by the coupling at t): Metropolis min(1, e^x), heat bath 1 / (1 + e^-x). Its 32 high bits decide alone unless
they equal the random word drawn, and only then 30 more bits are drawn: acceptances as small as e^-40 are right, at
the price of one word. Tables are made on the host, so that every device makes the same decisions; they end where
every entry is 0, or certain.
"""

import math
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import numpy as np

METROPOLIS, HEAT_BATH = "metropolis", "heat_bath"

CERTAIN = 2**62
RANGE = 44.0
"""e^-44 2^62 is below one half: beyond, an acceptance is 0 or 1 in 62 bits."""

MOST_ENTRIES = 2**22
"""Entries beyond which rows that may not be needed any more are forgotten."""


class Acceptances(NamedTuple):
    """A table as it was when its rows were looked up: what one call of a loop works with."""

    rule: str
    table: np.ndarray
    """(rows, levels * fields) int64, 2^62 times each acceptance."""
    lowest: int
    """Energy change of level 0, which stands for all lower ones; the last level stands for all higher ones."""
    fields: int


class AcceptanceTable:
    """Rows for pairs (beta, gamma), made when first asked for; threads may share one.

    `local(gamma)` is the change of the log weight for each local field, (fields,) float64; `largest` the largest
    energy change possible. Where Metropolis would refuse nothing at all (beta = 0 without coupling) it accepts half:
    a sweep that flips every weight for certain would go back and forth between two configurations.
    """

    def __init__(self, rule: str, local: Callable[[float], np.ndarray], largest: int):
        self.rule = rule
        self.local = local
        self.largest = int(largest)
        self.fields = local(0.0).size
        self._lock = Lock()
        self._forget()

    def look_up(self, beta: np.ndarray, gamma: np.ndarray) -> tuple[np.ndarray, Acceptances]:
        """Row of each pair, int32, of the broadcast shape of beta and gamma, and the table that they are rows of."""
        beta, gamma = np.broadcast_arrays(beta, gamma)
        pairs = list(zip(beta.ravel().tolist(), gamma.ravel().tolist(), strict=True))
        with self._lock:
            try:
                found = [self._known[pair] for pair in pairs]
            except KeyError:
                self._learn(list(dict.fromkeys(pairs)))
                found = [self._known[pair] for pair in pairs]
            seen = Acceptances(self.rule, self._table, self._lowest, self.fields)
        return np.array(found, np.int32).reshape(beta.shape), seen

    def _forget(self):
        self._known: dict[tuple[float, float], int] = {}
        self._lowest, self._highest = -1, 1
        self._store = np.empty((8, 3 * self.fields), np.int64)
        self._table = self._store[:0]

    def _learn(self, pairs):
        if self._table.size > MOST_ENTRIES:
            self._forget()
        new = [pair for pair in pairs if pair not in self._known]
        needed = max(self._reach(beta, gamma) for beta, gamma in new)
        if needed > self._highest:
            new = [*self._known, *new]
            self._forget()
            # Some flips that lower the energy are refused, by the coupling or by the heat bath; without them none is.
            self._highest = needed
            self._lowest = -1 if self.rule == METROPOLIS and self.fields == 1 else -needed
            self._store = np.empty((8, (self._highest - self._lowest + 1) * self.fields), np.int64)
        begun, count = len(self._known), len(self._known) + len(new)
        if count > len(self._store):
            # Twice as much, so that rows learnt one by one are not copied each time; loops at work keep the old one.
            grown = np.empty((2 * count, self._store.shape[1]), np.int64)
            grown[:begun] = self._store[:begun]
            self._store = grown
        for row, pair in enumerate(new, begun):
            self._store[row] = self._row(*pair)
            self._known[pair] = row
        self._table = self._store[:count]

    def _reach(self, beta, gamma):
        """Energy change beyond which an acceptance is 0 or 1."""
        extra = np.abs(self.local(gamma)).max()
        return 1 if beta == 0 else max(math.ceil(min((RANGE + extra) / beta, self.largest)), 1)

    def _row(self, beta, gamma):
        change = np.arange(self._lowest, self._highest + 1, dtype=np.float64)[:, None]
        # At beta = infinity an unchanged energy weighs nothing, not 0 * infinity.
        energy = np.where(change == 0, 0.0, -beta * np.where(change == 0, 1.0, change))
        exponent = np.clip(energy + self.local(gamma), -700.0, 700.0)
        if self.rule == METROPOLIS:
            chance = np.exp(np.minimum(exponent, 0.0))
            chance = np.full_like(chance, 0.5) if (chance == 1.0).all() else chance
        else:
            chance = 1.0 / (1.0 + np.exp(-exponent))
        return np.rint(chance * float(CERTAIN)).astype(np.int64).ravel()
