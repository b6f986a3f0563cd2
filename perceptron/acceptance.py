"""Acceptance by whole numbers: a flip happens when a random whole number of 62 bits is below an entry of a table.

The entry for energy change d and local field t is 2^62 times the acceptance of x = -beta d + (change of the log
weight by the coupling at t): Metropolis min(1, e^x), heat bath 1 / (1 + e^-x). Its 32 high bits decide alone unless
they equal the random word drawn, and only then 30 more bits are drawn: acceptances as small as e^-40 are right, at
the price of one word. Tables are made on the host, so that every device makes the same decisions; they end where
every entry is 0, or certain.
"""

import math
from collections.abc import Callable

import numpy as np

METROPOLIS, HEAT_BATH = "metropolis", "heat_bath"

CERTAIN = 2**62
RANGE = 44.0
"""e^-44 2^62 is below one half: beyond, an acceptance is 0 or 1 in 62 bits."""

MOST_ENTRIES = 2**22
"""Entries beyond which rows that may not be needed any more are forgotten."""


class AcceptanceTable:
    """Rows for pairs (beta, gamma), made when first asked for.

    `local(gamma)` is the change of the log weight for each local field, (fields,) float64; `largest` the largest
    energy change possible. `table` is (rows, levels * fields) int64 and level 0 means energy change `lowest`.
    """

    def __init__(self, rule: str, local: Callable[[float], np.ndarray], largest: int):
        self.rule = rule
        self.local = local
        self.largest = int(largest)
        self.fields = local(0.0).size
        self._forget()

    def rows(self, beta: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        """Row of each pair, int32, of the broadcast shape of beta and gamma."""
        beta, gamma = np.broadcast_arrays(beta, gamma)
        pairs = list(zip(beta.ravel().tolist(), gamma.ravel().tolist(), strict=True))
        try:
            found = [self._known[pair] for pair in pairs]
        except KeyError:
            self._learn(dict.fromkeys(pairs))
            found = [self._known[pair] for pair in pairs]
        return np.array(found, np.int32).reshape(beta.shape)

    def _forget(self):
        self._known: dict[tuple[float, float], int] = {}
        self.lowest, self.highest = -1, 1
        self.table = np.empty((0, 3 * self.fields), np.int64)

    def _learn(self, pairs):
        if self.table.size > MOST_ENTRIES:
            self._forget()
        wanted = [*self._known, *(pair for pair in pairs if pair not in self._known)]
        needed = max((self._reach(beta, gamma) for beta, gamma in pairs), default=1)
        new = wanted[len(self._known) :]
        if needed > self.highest:
            # Some flips that gain energy are refused, by the coupling or by the heat bath; without them none is.
            self.highest = needed
            self.lowest = -1 if self.rule == METROPOLIS and self.fields == 1 else -needed
            new, self.table = wanted, np.empty((0, 0), np.int64)
        made = np.stack([self._row(beta, gamma) for beta, gamma in new])
        self.table = made if not self.table.size else np.concatenate([self.table, made])
        self._known = {pair: row for row, pair in enumerate(wanted)}

    def _reach(self, beta, gamma):
        """Energy change beyond which an acceptance is 0 or 1."""
        extra = np.abs(self.local(gamma)).max()
        return 1 if beta == 0 else max(min(math.ceil((RANGE + extra) / beta), self.largest), 1)

    def _row(self, beta, gamma):
        change = np.arange(self.lowest, self.highest + 1, dtype=np.float64)[:, None]
        # At beta = infinity an unchanged energy weighs nothing, not 0 * infinity.
        energy = np.where(change == 0, 0.0, -beta * np.where(change == 0, 1.0, change))
        exponent = np.clip(energy + self.local(gamma), -700.0, 700.0)
        if self.rule == METROPOLIS:
            chance = np.exp(np.minimum(exponent, 0.0))
        else:
            chance = 1.0 / (1.0 + np.exp(-exponent))
        return np.rint(chance * float(CERTAIN)).astype(np.int64).ravel()
