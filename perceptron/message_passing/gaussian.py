"""Gaussian belief propagation, one message per edge: the stability without weight i is normal.

a_(mu i) = sum_(j != i) xi_j m_(j mu), v_(mu i) = sum_(j != i) xi_j^2 (1 - m_(j mu)^2),
f_(mu i) = (1/2) [ln Z((a + xi_i - T)/sqrt v) - ln Z((a - xi_i - T)/sqrt v)], m_(i mu) = tanh(H_i - f_(mu i)).
Braunstein & Zecchina 2006, Phys. Rev. Lett. 96, 030201; relative error 1/N in the entropy of a pattern.
"""

import numpy as np

from perceptron.message_passing.bethe import Bethe, gaussian_bethe
from perceptron.message_passing.gaussian_kernels import gaussian_sweep


class GaussianUpdate:
    """Messages f (p, n) in single or double precision, and how a sweep changes them."""

    def __init__(self, entries: np.ndarray, messages: np.ndarray, threshold: float, miss: float, damping: float):
        self.real = entries.dtype.kind == "f"
        self.entries = entries.astype(messages.dtype, copy=False) if self.real else entries
        self.largest = np.abs(entries).max(axis=1).astype(np.float64) if self.real else np.ones(len(entries))
        self.messages, self.threshold, self.miss, self.damping = messages, threshold, miss, damping
        self.bounds = np.abs(messages).max(axis=1).astype(np.float64)
        self.total = messages.sum(axis=0, dtype=np.float64)
        self.change = np.zeros_like(self.total)

    def sweep(self, field: np.ndarray) -> None:
        """New messages from the whole fields (n,); sets `total` (n,) and `change` (n,)."""
        gaussian_sweep(
            self.entries, self.largest, self.messages, self.bounds, field, self.total, self.change,
            self.threshold, self.miss, self.damping, self.real,
        )  # fmt: skip

    def bethe(self, field: np.ndarray) -> Bethe:
        """Sums of the Bethe free entropy."""
        sums = gaussian_bethe(self.entries, self.messages, self.bounds, field, self.threshold, self.miss)
        return Bethe(*sums)

    def export(self) -> np.ndarray:
        """Messages (p, n) to restart from."""
        return self.messages.copy()
